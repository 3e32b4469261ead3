/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people: one screen when it is small. */
#include "internal.h"

#include "term/term.h"

#define LINE_MAX_ 4000

/* ---- shared with markdown.c --------------------------------------------------------------------- */

/* Lines as they can be shown anywhere: no control bytes, tabs as spaces. */
static void add_lines(struct hg_buf *b, const char *text, size_t len, const char *indent)
{
    while (len) {
        const char *end = memchr(text, '\n', len);
        size_t line = end ? (size_t)(end - text) : len;
        HG_AUTO(hg_buf_done) struct hg_buf spaced = HG_BUF_INIT;
        for (size_t i = 0; i < line; i++) {
            if (text[i] == '\t')
                hg_buf_adds(&spaced, "    ");
            else if (text[i] != '\r' || i + 1 < line)
                hg_buf_addc(&spaced, text[i]);
        }
        hg_buf_trim_end(&spaced, " ");
        HG_AUTO(hg_freep) char *shown = hg_printable(hg_buf_str(&spaced), LINE_MAX_);
        hg_buf_addf(b, "%s%s\n", *shown ? indent : "", shown);
        text += line + (end != NULL);
        len -= line + (end != NULL);
    }
}

void hg_plan_add_sql(struct hg_buf *b, const char *sql, const char *indent)
{
    size_t len = strlen(sql);
    const char *last = strrchr(sql, '\n');
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    hg_buf_add(&text, sql, len);
    if (len && sql[len - 1] != ';') /* a comment at the end would swallow it */
        hg_buf_adds(&text, strstr(last ? last : sql, "--") ? "\n;" : ";");
    add_lines(b, hg_buf_str(&text), text.len, indent);
}

char *hg_plan_source(const json_t *plan)
{
    const json_t *observed = json_object_get(plan, "observed");
    const char *taken = hg_jstr(observed, "taken_at");
    return *taken ? hg_xasprintf("a snapshot of %s", taken) : hg_xstrdup("the database itself");
}

const char *hg_plan_verdict(const json_t *plan)
{
    const char *verdict = hg_jstr(json_object_get(plan, "observed"), "verdict");
    return *verdict ? verdict : "could not be told";
}

static char *dup_member(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return hg_xstrdup(text);
}

static void take_findings(const json_t *list, struct hg_findings *ret)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        const json_t *place = json_object_get(item, "location");
        const char *rule = hg_jstr(item, "rule");
        if (!hg_rule_find(rule)) /* of a newer headgate */
            continue;
        struct hg_finding *f = hg_finding_add(ret, rule, "%s", hg_jstr(item, "message"));
        (void)hg_severity_parse(hg_jstr(item, "severity"), &f->severity);
        f->help = dup_member(item, "help");
        f->path = dup_member(place, "path");
        f->line = (int)json_integer_value(json_object_get(place, "line"));
        f->column = (int)json_integer_value(json_object_get(place, "column"));
        f->revision = dup_member(place, "revision");
        f->object = dup_member(place, "object");
        f->waived = dup_member(item, "waived");
    }
}

void hg_plan_findings(const json_t *plan, struct hg_findings *ret)
{
    take_findings(json_object_get(plan, "findings"), ret);
    take_findings(json_object_get(json_object_get(plan, "observed"), "findings"), ret);
}

/* ---- text --------------------------------------------------------------------------------------- */

static void add_head(const json_t *plan, bool color, struct hg_buf *b)
{
    size_t count = json_array_size(json_object_get(plan, "revisions"));
    const json_t *database = json_object_get(plan, "database");
    HG_AUTO(hg_freep) char *from = hg_plan_joined(json_object_get(plan, "from"), "nothing");
    HG_AUTO(hg_freep) char *to = hg_plan_joined(json_object_get(plan, "to"), "nothing");
    HG_AUTO(hg_freep) char *source = hg_plan_source(plan);
    hg_term_add(b, color, HG_BOLD, "plan");
    if (count)
        hg_buf_addf(b, "  for %s: %zu revision%s, from %s to %s\n", hg_jstr(plan, "target"), count,
                    count == 1 ? "" : "s", from, to);
    else
        hg_buf_addf(b, "  for %s: nothing to do, it stands at %s\n", hg_jstr(plan, "target"), from);
    hg_buf_addf(b, "  database  %s%s%s, by %s\n", hg_jstr(database, "name"),
                *hg_jstr(database, "system_identifier") ? " on system " : "",
                hg_jstr(database, "system_identifier"), source);
    hg_buf_addf(b, "  gate      %s\n  digest    %s\n", hg_plan_verdict(plan),
                hg_jstr(plan, "digest"));
}

void hg_plan_touched(const json_t *r, struct hg_strv *ret)
{
    const json_t *objects = json_object_get(r, "objects"), *object, *other;
    size_t i, k;
    json_array_foreach(objects, i, object) {
        const char *kind = hg_jstr(object, "kind"), *name = hg_jstr(object, "name");
        HG_AUTO(hg_strv_done) struct hg_strv changes = HG_STRV_INIT;
        json_array_foreach(objects, k, other)
            if (hg_streq(hg_jstr(other, "kind"), kind) && hg_streq(hg_jstr(other, "name"), name))
                hg_strv_add(&changes, hg_jstr(other, "change"));
        HG_AUTO(hg_freep) char *done = hg_strv_join(&changes, ", ");
        HG_AUTO(hg_freep) char *line = hg_xasprintf("%s %s (%s)", kind, name, done);
        HG_AUTO(hg_freep) char *shown = hg_printable(line, 300);
        if (!hg_streq(kind, "index") && !hg_strv_has(ret, shown)) /* its table is there */
            hg_strv_add(ret, shown);
    }
}

static void add_objects(const json_t *r, struct hg_buf *b)
{
    HG_AUTO(hg_strv_done) struct hg_strv touched = HG_STRV_INIT;
    hg_plan_touched(r, &touched);
    HG_AUTO(hg_freep) char *list = hg_strv_join(&touched, ", ");
    if (touched.count)
        hg_buf_addf(b, "   touches %s\n", list);
}

static void add_revision(const json_t *r, size_t number, bool color, struct hg_buf *b)
{
    HG_AUTO(hg_freep) char *message = hg_printable(hg_jstr(r, "message"), 200);
    HG_AUTO(hg_freep) char *path = hg_printable(hg_jstr(r, "path"), 500);
    const json_t *sql = json_object_get(r, "sql");
    size_t i;
    json_t *item;
    hg_buf_addf(b, "\n%zu  ", number);
    hg_term_add(b, color, HG_YELLOW, hg_jstr(r, "revision"));
    hg_buf_addf(b, "  %s\n   %s\n", message, path);
    json_array_foreach(json_object_get(r, "operations"), i, item)
        hg_buf_addf(b, "   - %s\n", json_string_value(item));
    add_objects(r, b);
    if (!json_is_array(sql)) {
        hg_buf_addf(b, "   SQL not shown: %s\n", hg_jstr(r, "no_sql"));
        return;
    }
    if (!json_array_size(sql))
        hg_buf_adds(b, "   no SQL: it does nothing\n");
    json_array_foreach(sql, i, item) {
        hg_buf_addc(b, '\n');
        hg_plan_add_sql(b, json_string_value(item), "     ");
    }
}

void hg_plan_text(const json_t *plan, bool color, struct hg_buf *ret)
{
    size_t i;
    json_t *r;
    add_head(plan, color, ret);
    json_array_foreach(json_object_get(plan, "revisions"), i, r)
        add_revision(r, i + 1, color, ret);
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    hg_plan_findings(plan, &findings);
    if (findings.count)
        hg_buf_addc(ret, '\n');
    hg_findings_text(&findings, color, ret);
}
