/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SARIF 2.1.0 as GitHub code scanning takes it: compact, only the rules that occur, a fingerprint
 * for each result (the upload API makes none), and a run of its own category.
 */
#include "internal.h"

static json_t *text_object(const char *text)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "text", hg_json_text(text));
    return o;
}

static json_t *rules_used(const struct hg_findings *list)
{
    json_t *rules = json_array();
    size_t count;
    const struct hg_rule *table = hg_rules(&count);
    for (size_t i = 0; i < count; i++) {
        if (!hg_findings_have(list, table[i].id))
            continue;
        json_t *level = json_object();
        (void)json_object_set_new(level, "level",
                                  json_string(table[i].severity == HG_SEV_OFF
                                                  ? "none"
                                                  : hg_severity_name(table[i].severity)));
        json_t *rule = json_object();
        (void)json_object_set_new(rule, "id", json_string(table[i].id));
        (void)json_object_set_new(rule, "shortDescription", text_object(table[i].title));
        (void)json_object_set_new(rule, "help", text_object(table[i].help));
        (void)json_object_set_new(rule, "defaultConfiguration", level);
        (void)json_array_append_new(rules, rule);
    }
    return rules;
}

/* A path as the URI reference that SARIF wants. */
static json_t *uri(const char *path)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    while (hg_starts_with(path, "./"))
        path += 2;
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~/", c);
        if (plain)
            hg_buf_addc(&b, *path);
        else
            hg_buf_addf(&b, "%%%02X", c);
    }
    return json_string(hg_buf_str(&b));
}

static json_t *location(const struct hg_finding *f)
{
    json_t *artifact = json_object();
    (void)json_object_set_new(artifact, "uri", uri(f->path));
    json_t *physical = json_object();
    (void)json_object_set_new(physical, "artifactLocation", artifact);
    json_t *region = json_object();
    (void)json_object_set_new(region, "startLine", json_integer(f->line > 0 ? f->line : 1));
    if (f->line > 0 && f->column > 0)
        (void)json_object_set_new(region, "startColumn", json_integer(f->column));
    (void)json_object_set_new(physical, "region", region);
    json_t *o = json_object();
    (void)json_object_set_new(o, "physicalLocation", physical);
    return o;
}

static json_t *result(const struct hg_finding *f, const char *fingerprint)
{
    HG_AUTO(hg_freep) char *text = hg_xasprintf("%s %s", f->message, hg_finding_help(f));
    json_t *o = json_object();
    (void)json_object_set_new(o, "ruleId", json_string(f->rule->id));
    (void)json_object_set_new(o, "level", json_string(hg_severity_name(f->severity)));
    (void)json_object_set_new(o, "message", text_object(text));
    json_t *locations = json_array();
    if (f->path)
        (void)json_array_append_new(locations, location(f));
    (void)json_object_set_new(o, "locations", locations);
    json_t *prints = json_object();
    (void)json_object_set_new(prints, "primaryLocationLineHash", json_string(fingerprint));
    (void)json_object_set_new(o, "partialFingerprints", prints);
    if (f->waived) {
        json_t *why = json_object();
        (void)json_object_set_new(why, "kind", json_string("external"));
        (void)json_object_set_new(why, "justification", hg_json_text(f->waived));
        json_t *list = json_array();
        (void)json_array_append_new(list, why);
        (void)json_object_set_new(o, "suppressions", list);
    }
    return o;
}

static json_t *tool(const struct hg_findings *list)
{
    json_t *driver = json_object();
    (void)json_object_set_new(driver, "name", json_string("headgate"));
    (void)json_object_set_new(driver, "version", json_string(hg_version));
    (void)json_object_set_new(driver, "rules", rules_used(list));
    json_t *o = json_object();
    (void)json_object_set_new(o, "driver", driver);
    return o;
}

void hg_report_sarif(const struct hg_findings *list, const char *title, struct hg_buf *ret)
{
    HG_AUTO(hg_freep) struct hg_fingerprint *prints = hg_findings_fingerprints(list);
    json_t *results = json_array();
    for (size_t i = 0; i < list->count; i++)
        (void)json_array_append_new(results, result(&list->items[i], prints[i].text));
    HG_AUTO(hg_freep) char *category = hg_xasprintf("%s/", title);
    json_t *automation = json_object();
    (void)json_object_set_new(automation, "id", hg_json_text(category));
    json_t *run = json_object();
    (void)json_object_set_new(run, "tool", tool(list));
    (void)json_object_set_new(run, "automationDetails", automation);
    (void)json_object_set_new(run, "results", results);
    json_t *runs = json_array();
    (void)json_array_append_new(runs, run);
    json_t *document = json_object();
    (void)json_object_set_new(document, "version", json_string("2.1.0"));
    (void)json_object_set_new(document, "$schema",
                              json_string("https://json.schemastore.org/sarif-2.1.0.json"));
    (void)json_object_set_new(document, "runs", runs);
    HG_AUTO(hg_freep) char *text = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    hg_buf_adds(ret, text);
    hg_buf_addc(ret, '\n');
}
