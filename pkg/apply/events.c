/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <string.h>

json_t *hg_event_text(const char *text)
{
    if (!text)
        return json_null();
    json_t *value = json_string(text);
    if (value)
        return value;
    HG_AUTO(hg_freep) char *printable = hg_printable(text, HG_APPLY_LINE_MAX);
    value = json_string(printable);
    return value ? value : json_string("");
}

json_t *hg_json_list(const struct hg_strv *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->count; i++)
        json_array_append_new(list, hg_event_text(v->items[i]));
    return list;
}

json_t *hg_event(const char *name)
{
    char at[HG_TIME_SIZE];
    return json_pack("{s:s, s:s}", "event", name, "at", hg_time_format(hg_wall_ns(), at));
}

json_t *hg_note(const char *note)
{
    json_t *event = hg_event("progress");
    json_object_set_new(event, "note", json_string(note));
    return event;
}

void hg_emit(struct hg_run *r, json_t *event)
{
    r->o->sink(r->o->context, event);
    json_decref(event);
}
