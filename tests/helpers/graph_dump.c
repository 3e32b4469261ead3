/* SPDX-License-Identifier: Apache-2.0 */
/*
 * graph_dump - answers questions about many revision directories in one run, for the comparison with
 * the real Alembic. Reads lines on stdin, fields separated by tabs:
 *
 *     load DIR               (the folder of an alembic.ini)
 *     heads | bases | real | history | docs
 *     current ROWS | find IDENT | range RANGE ROWS
 *     upgrade ROWS TARGET | downgrade ROWS TARGET
 *
 * ROWS are separated by blanks. Each question gets one line: a JSON array, or `refused REASON`.
 * upgrade and downgrade answer {"steps": […], "rows": […], "changes": […]}: for each step the ids that
 * leave the version table, and those that come into it, sorted; null where Alembic would fail.
 */
#include "alembic/alembic.h"
#include "finding/finding.h"

struct state {
    struct hg_graph *graph;
    struct hg_findings findings;
    struct hg_buf out;
};

static void json_text(struct hg_buf *b, const char *s)
{
    hg_buf_addc(b, '"');
    hg_json_escape(b, s, strlen(s));
    hg_buf_addc(b, '"');
}

static void ids(struct hg_buf *b, const struct hg_revlist *l, bool docs)
{
    hg_buf_addc(b, '[');
    for (size_t i = 0; i < l->count; i++) {
        if (i > 0)
            hg_buf_adds(b, ", ");
        json_text(b, docs ? l->items[i]->doc : l->items[i]->id);
    }
    hg_buf_addc(b, ']');
}

static void refused(struct state *s, const struct hg_err *err)
{
    hg_buf_addf(&s->out, "refused %s\n", err->message);
}

static void load(struct state *s, const char *dir)
{
    struct hg_alembic_options o = { .dir = dir };
    struct hg_alembic_config c;
    struct hg_err err = { 0 };
    hg_graph_free(s->graph);
    s->graph = NULL;
    hg_findings_done(&s->findings);
    s->findings = (struct hg_findings)HG_FINDINGS_INIT;
    if (hg_alembic_config_load(&o, &c, &err) < 0) {
        refused(s, &err);
        return;
    }
    if (hg_alembic_load(&c, &o, &s->graph, &s->findings, &err) < 0) {
        refused(s, &err);
    } else if (!hg_graph_ok(s->graph)) {
        hg_buf_adds(&s->out, "refused");
        for (size_t i = 0; i < s->findings.count; i++)
            hg_buf_addf(&s->out, " %s", s->findings.items[i].rule->id);
        hg_buf_addc(&s->out, '\n');
    } else {
        hg_buf_adds(&s->out, "[]\n");
    }
    hg_alembic_config_done(&c);
}

/* Rows as alembic_version holds them; false when one is unknown (then answered). */
static bool rows_of(struct state *s, const char *text, struct hg_revlist *ret)
{
    HG_AUTO(hg_strv_done) struct hg_strv rows = HG_STRV_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv unknown = HG_STRV_INIT;
    bool overlap;
    for (const char *p = text; *p; p += *p == ' ') {
        size_t n = strcspn(p, " ");
        hg_strv_addn(&rows, p, n);
        p += n;
    }
    hg_graph_resolve_rows(s->graph, &rows, ret, &unknown, &overlap);
    if (unknown.count > 0)
        hg_buf_addf(&s->out, "refused unknown %s\n", unknown.items[0]);
    return unknown.count == 0;
}

static void sorted(struct hg_buf *b, struct hg_strv *list)
{
    hg_strv_sort(list);
    hg_buf_addc(b, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            hg_buf_adds(b, ", ");
        json_text(b, list->items[i]);
    }
    hg_buf_addc(b, ']');
}

static void changes(struct state *s, const struct hg_revlist *rows, const struct hg_revlist *steps, bool down)
{
    HG_AUTO(hg_freep) bool *now = hg_graph_row_flags(s->graph, rows);
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    struct hg_err err = { 0 };
    for (size_t i = 0; i < steps->count; i++) {
        HG_AUTO(hg_version_ops_done) struct hg_version_ops ops = { 0 };
        HG_AUTO(hg_strv_done) struct hg_strv from = HG_STRV_INIT;
        HG_AUTO(hg_strv_done) struct hg_strv to = HG_STRV_INIT;
        if (hg_graph_version_ops(s->graph, now, steps->items[i], down, &ops, &err) < 0) {
            hg_buf_adds(&s->out, "null");
            return;
        }
        for (size_t k = 0; k < ops.count; k++) {
            if (ops.items[k].from)
                hg_strv_add(&from, ops.items[k].from);
            if (ops.items[k].to)
                hg_strv_add(&to, ops.items[k].to);
        }
        hg_buf_adds(&b, i ? ", [" : "[");
        sorted(&b, &from);
        hg_buf_adds(&b, ", ");
        sorted(&b, &to);
        hg_buf_addc(&b, ']');
    }
    hg_buf_addf(&s->out, "[%s]", hg_buf_str(&b));
}

static void move(struct state *s, const struct hg_revlist *rows, const char *target, bool down)
{
    struct hg_revlist steps = HG_REVLIST_INIT;
    struct hg_err err = { 0 };
    int failed = down ? hg_graph_downgrade(s->graph, rows, target, &steps, &err)
                      : hg_graph_upgrade(s->graph, rows, target, &steps, &err);
    if (failed) {
        refused(s, &err);
        return;
    }
    HG_AUTO(hg_strv_done) struct hg_strv after = HG_STRV_INIT;
    hg_graph_rows_after(s->graph, rows, &steps, down, &after);
    hg_buf_adds(&s->out, "{\"steps\": ");
    ids(&s->out, &steps, false);
    hg_buf_adds(&s->out, ", \"rows\": [");
    for (size_t i = 0; i < after.count; i++) {
        if (i > 0)
            hg_buf_adds(&s->out, ", ");
        json_text(&s->out, after.items[i]);
    }
    hg_buf_adds(&s->out, "], \"changes\": ");
    changes(s, rows, &steps, down);
    hg_buf_adds(&s->out, "}\n");
    hg_revlist_done(&steps);
}

static void ask(struct state *s, const char *what, const char *a, const char *b)
{
    struct hg_revlist list = HG_REVLIST_INIT, rows = HG_REVLIST_INIT;
    struct hg_err err = { 0 };
    int failed = 0;
    bool answered = false;
    if (strcmp(what, "heads") == 0)
        hg_graph_heads(s->graph, &list);
    else if (strcmp(what, "real") == 0)
        hg_graph_real_heads(s->graph, &list);
    else if (strcmp(what, "bases") == 0)
        hg_graph_bases(s->graph, &list);
    else if (strcmp(what, "history") == 0 || strcmp(what, "docs") == 0)
        hg_graph_history(s->graph, &list);
    else if (strcmp(what, "find") == 0)
        failed = hg_graph_find(s->graph, a, &list, &err);
    else if (!rows_of(s, strcmp(what, "range") == 0 ? b : a, &rows))
        answered = true;
    else if (strcmp(what, "current") == 0)
        hg_graph_current(s->graph, &rows, &list);
    else if (strcmp(what, "range") == 0)
        failed = hg_graph_range(s->graph, a, &rows, &list, &err);
    else {
        move(s, &rows, b, strcmp(what, "downgrade") == 0);
        answered = true;
    }
    if (failed) {
        refused(s, &err);
    } else if (!answered) {
        ids(&s->out, &list, strcmp(what, "docs") == 0);
        hg_buf_addc(&s->out, '\n');
    }
    hg_revlist_done(&list);
    hg_revlist_done(&rows);
}

int main(void)
{
    struct state s = { 0 };
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        if (line[n - 1] == '\n')
            line[n - 1] = '\0';
        char *a = strchr(line, '\t'), *b = NULL;
        if (a)
            *a++ = '\0';
        if (a && (b = strchr(a, '\t')))
            *b++ = '\0';
        if (strcmp(line, "load") == 0)
            load(&s, a ? a : ".");
        else if (!s.graph)
            hg_buf_adds(&s.out, "refused no graph\n");
        else
            ask(&s, line, a ? a : "", b ? b : "");
        fputs(hg_buf_str(&s.out), stdout);
        hg_buf_clear(&s.out);
    }
    free(line);
    hg_graph_free(s.graph);
    hg_findings_done(&s.findings);
    hg_buf_done(&s.out);
    return fflush(stdout) == 0 ? 0 : 1;
}
