/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

/* U+FFFD, for each byte that no valid sequence begins with. */
static const char REPLACEMENT[] = "\xef\xbf\xbd";

static size_t sequence_length(const char *s)
{
    size_t left = strlen(s);
    for (size_t len = 1; len <= 4 && len <= left; len++)
        if (hg_utf8_valid(s, len))
            return len;
    return 0;
}

json_t *hg_json_text(const char *s)
{
    if (!s)
        return json_null();
    json_t *text = json_string(s);
    if (text)
        return text;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    while (*s) {
        size_t len = sequence_length(s);
        if (len)
            hg_buf_add(&b, s, len);
        else
            hg_buf_adds(&b, REPLACEMENT);
        s += len ? len : 1;
    }
    return json_string(hg_buf_str(&b));
}

const char *hg_jget(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

const char *hg_jstr(const json_t *object, const char *key)
{
    const char *text = hg_jget(object, key);
    return text ? text : "";
}

json_t *hg_json_no(int exit_code, const char *message)
{
    enum hg_err_kind kind = exit_code == HG_EXIT_NO ? HG_E_REFUSED : HG_E_UNKNOWN;
    return json_pack("{s:s, s:o, s:n, s:n, s:i}", "kind", hg_err_kind_name(kind), "message", hg_json_text(message),
                     "detail", "hint", "exit_code", exit_code);
}

json_t *hg_json_texts(const struct hg_strv *list)
{
    json_t *a = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(a, hg_json_text(list->items[i]));
    return a;
}

static json_t *number_or_null(int n)
{
    return n > 0 ? json_integer(n) : json_null();
}

static json_t *finding_json(const struct hg_finding *f, const char *fingerprint)
{
    json_t *place = json_object();
    (void)json_object_set_new(place, "path", hg_json_text(f->path));
    (void)json_object_set_new(place, "line", number_or_null(f->line));
    (void)json_object_set_new(place, "column", number_or_null(f->column));
    (void)json_object_set_new(place, "revision", hg_json_text(f->revision));
    (void)json_object_set_new(place, "object", hg_json_text(f->object));
    json_t *o = json_object();
    (void)json_object_set_new(o, "rule", json_string(f->rule->id));
    (void)json_object_set_new(o, "severity", json_string(hg_severity_name(f->severity)));
    (void)json_object_set_new(o, "title", json_string(f->rule->title));
    (void)json_object_set_new(o, "message", hg_json_text(f->message));
    (void)json_object_set_new(o, "help", hg_json_text(hg_finding_help(f)));
    (void)json_object_set_new(o, "location", place);
    (void)json_object_set_new(o, "fingerprint", json_string(fingerprint));
    (void)json_object_set_new(o, "waived", hg_json_text(f->waived));
    return o;
}

json_t *hg_findings_json(const struct hg_findings *list)
{
    HG_AUTO(hg_freep) struct hg_fingerprint *prints = hg_findings_fingerprints(list);
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        (void)json_array_append_new(array, finding_json(&list->items[i], prints[i].text));
    return array;
}
