/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as a comment under a pull request. */
#include "internal.h"

#define FIELD_MAX 4000

/* Text from files inside Markdown: nothing in it is markup. */
static void add_escaped(struct hg_buf *b, const char *text)
{
    HG_AUTO(hg_freep) char *line = hg_printable(text, FIELD_MAX);
    for (const char *p = line; *p; p++) {
        if (*p == '<')
            hg_buf_adds(b, "&lt;");
        else if (*p == '&')
            hg_buf_adds(b, "&amp;");
        else {
            if (strchr("\\`*_[]|#@", *p))
                hg_buf_addc(b, '\\');
            hg_buf_addc(b, *p);
        }
    }
}

/* A fence longer than any run of backticks inside. */
static void add_fence(struct hg_buf *b, const char *text)
{
    size_t longest = 2, run = 0;
    for (const char *p = text; *p; p++) {
        run = *p == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    for (size_t i = 0; i <= longest; i++)
        hg_buf_addc(b, '`');
}

static void add_sql(struct hg_buf *b, const json_t *sql)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    size_t i;
    json_t *item;
    json_array_foreach(sql, i, item) {
        if (i)
            hg_buf_addc(&text, '\n');
        hg_plan_add_sql(&text, json_string_value(item), "");
    }
    add_fence(b, hg_buf_str(&text));
    hg_buf_addf(b, "sql\n%s", hg_buf_str(&text));
    add_fence(b, hg_buf_str(&text));
    hg_buf_addc(b, '\n');
}

static void add_objects(const json_t *r, struct hg_buf *b)
{
    HG_AUTO(hg_strv_done) struct hg_strv touched = HG_STRV_INIT;
    hg_plan_touched(r, &touched);
    HG_AUTO(hg_freep) char *list = hg_strv_join(&touched, ", ");
    if (!touched.count)
        return;
    hg_buf_adds(b, "Touches ");
    add_escaped(b, list);
    hg_buf_adds(b, "\n\n");
}

static void add_revision(const json_t *r, size_t number, struct hg_buf *b)
{
    const json_t *sql = json_object_get(r, "sql");
    size_t i;
    json_t *item;
    hg_buf_addf(b, "\n**%zu. ", number);
    add_escaped(b, hg_jstr(r, "revision"));
    hg_buf_adds(b, "** ");
    add_escaped(b, hg_jstr(r, "message"));
    hg_buf_adds(b, " (");
    add_escaped(b, hg_jstr(r, "path"));
    hg_buf_adds(b, ")\n\n");
    json_array_foreach(json_object_get(r, "operations"), i, item) {
        hg_buf_adds(b, "- ");
        add_escaped(b, json_string_value(item));
        hg_buf_addc(b, '\n');
    }
    if (i)
        hg_buf_addc(b, '\n');
    add_objects(r, b);
    if (!json_is_array(sql)) {
        hg_buf_adds(b, "SQL not shown: ");
        add_escaped(b, hg_jstr(r, "no_sql"));
        hg_buf_adds(b, "\n");
    } else if (!json_array_size(sql)) {
        hg_buf_adds(b, "No SQL: it does nothing\n");
    } else {
        hg_buf_addf(b, "<details><summary>SQL (%zu statement%s)</summary>\n\n", json_array_size(sql),
                    json_array_size(sql) == 1 ? "" : "s");
        add_sql(b, sql);
        hg_buf_adds(b, "\n</details>\n");
    }
}

void hg_plan_markdown(const json_t *plan, struct hg_buf *ret)
{
    const json_t *revisions = json_object_get(plan, "revisions");
    size_t i, count = json_array_size(revisions);
    json_t *r;
    HG_AUTO(hg_freep) char *from = hg_plan_joined(json_object_get(plan, "from"), "nothing");
    HG_AUTO(hg_freep) char *to = hg_plan_joined(json_object_get(plan, "to"), "nothing");
    HG_AUTO(hg_freep) char *source = hg_plan_source(plan);
    hg_buf_adds(ret, "### Migration plan for ");
    add_escaped(ret, hg_jstr(plan, "target"));
    if (count)
        hg_buf_addf(ret, "\n\n**%zu revision%s**, from %s to %s", count, count == 1 ? "" : "s", from, to);
    else
        hg_buf_addf(ret, "\n\n**Nothing to do**: it stands at %s", from);
    hg_buf_adds(ret, " in database ");
    add_escaped(ret, hg_jstr(json_object_get(plan, "database"), "name"));
    hg_buf_addf(ret, ", by %s. The gate: **%s**.\n", source, hg_plan_verdict(plan));
    json_array_foreach(revisions, i, r)
        add_revision(r, i + 1, ret);
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    hg_plan_findings(plan, &findings);
    struct hg_err bad = { 0 };
    if (findings.count) {
        hg_buf_addc(ret, '\n');
        if (hg_findings_report(&findings, "markdown", "Findings", ret, &bad) < 0)
            HG_BUG("findings have a Markdown form");
    }
    hg_buf_addf(ret, "\nPlan digest `%s`\n", hg_jstr(plan, "digest"));
}
