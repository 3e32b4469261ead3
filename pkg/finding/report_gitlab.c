/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GitLab's Code Quality report: a JSON array, "[]" when there is nothing. Every item needs a path
 * and a line; a finding without a file gets the repository itself, ".", and line 1.
 */
#include "internal.h"

static const char *severity_name(enum hg_severity severity)
{
    return severity == HG_SEV_ERROR ? "critical" : severity == HG_SEV_WARNING ? "minor" : "info";
}

static const char *relative(const char *path)
{
    while (hg_starts_with(path, "./"))
        path += 2;
    return path;
}

static json_t *item(const struct hg_finding *f, const char *fingerprint)
{
    HG_AUTO(hg_freep) char *text = hg_xasprintf("%s: %s", f->rule->title, f->message);
    json_t *lines = json_object();
    (void)json_object_set_new(lines, "begin", json_integer(f->line > 0 ? f->line : 1));
    json_t *place = json_object();
    (void)json_object_set_new(place, "path", hg_json_text(f->path ? relative(f->path) : "."));
    (void)json_object_set_new(place, "lines", lines);
    json_t *o = json_object();
    (void)json_object_set_new(o, "description", hg_json_text(text));
    (void)json_object_set_new(o, "check_name", json_string(f->rule->id));
    (void)json_object_set_new(o, "fingerprint", json_string(fingerprint));
    (void)json_object_set_new(o, "severity", json_string(severity_name(f->severity)));
    (void)json_object_set_new(o, "location", place);
    return o;
}

void hg_report_gitlab(const struct hg_findings *list, const char *title, struct hg_buf *ret)
{
    (void)title;
    HG_AUTO(hg_freep) struct hg_fingerprint *prints = hg_findings_fingerprints(list);
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        if (!list->items[i].waived)
            (void)json_array_append_new(array, item(&list->items[i], prints[i].text));
    HG_AUTO(hg_freep) char *text = json_dumps(array, JSON_INDENT(2));
    json_decref(array);
    hg_buf_adds(ret, text);
    hg_buf_addc(ret, '\n');
}
