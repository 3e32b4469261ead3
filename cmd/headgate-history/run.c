/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include "status/status.h"
#include "term/term.h"

#define LEDGER_NS (10 * HG_NS_PER_S)

static bool wants_json(const struct history_options *o)
{
    return hg_streq(o->common.format, "json");
}

/* What one answer is made of. */
struct answer {
    struct hg_target target;
    struct hg_status status;
    PGconn *conn;                   /* on which it was read; NULL: it was not */
    struct hg_graph *graph;
    struct hg_revlist rows;
    struct history shown;
};

static void answer_done(struct answer *a)
{
    hg_revlist_done(&a->shown.list);
    hg_revlist_done(&a->rows);
    free(a->shown.marks);
    hg_ledger_entries_done(&a->shown.ledger);
    hg_findings_done(&a->shown.findings);
    hg_status_done(&a->status);
    hg_pg_closep(&a->conn);
    hg_graph_free(a->graph);
    hg_target_done(&a->target);
}

/* The rows of the database: connecting overlaps with reading the files. */
static int load(const struct history_options *o, const struct hg_alembic_options *options,
                struct answer *a, struct hg_err *err)
{
    struct hg_alembic_config config;
    struct hg_status_read *read = NULL;
    int64_t deadline = o->common.timeout_ns ? hg_now_ns() + o->common.timeout_ns : 0;
    if (hg_alembic_config_load(options, &config, err) < 0)
        return -1;
    int failed = 0;
    struct hg_err unreachable = { 0 };
    if (!o->offline &&
        hg_status_start(&a->target, "headgate-history", deadline, &read, &unreachable) < 0)
        read = NULL;
    if (read)
        hg_status_name(read, &config);
    failed = hg_alembic_load(&config, options, &a->graph, &a->shown.findings, err);
    if (failed || !hg_graph_ok(a->graph)) /* without a history its rows say nothing */
        hg_status_drop(read);
    else if (read && (failed = hg_status_finish_on(read, a->graph, &a->shown.findings, &a->status, &a->conn, err)) != 0)
        hg_err_unanswered(err);
    hg_alembic_config_done(&config);
    if (!failed && hg_graph_ok(a->graph) && unreachable.kind != HG_E_NONE) {
        *err = unreachable;
        failed = -1;
    }
    if (!failed && !o->offline)
        hg_findings_move(&a->shown.findings, &a->status.findings);
    return failed;
}

static bool has_row(const struct hg_revlist *rows, const struct hg_revision *r)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->items[i] == r)
            return true;
    return false;
}

/* Rows are the tips of what ran, so what comes after one of them is not in. Of the rest only those who know
 * what is below the unknown rows can tell. */
static void mark_beside_unknown(struct answer *a)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist all = HG_REVLIST_INIT;
    enum history_mark *marks = a->shown.marks;
    hg_graph_history(a->graph, &all);
    for (size_t i = all.count; i-- > 0;) { /* parents first */
        const struct hg_revision *r = all.items[i];
        if (marks[r->index] == HISTORY_APPLIED)
            continue;
        marks[r->index] = HISTORY_UNTOLD;
        for (size_t k = 0; k < r->down.count; k++) {
            const struct hg_revision *parent = hg_graph_get(a->graph, r->down.items[k]);
            if (parent && (has_row(&a->rows, parent) || marks[parent->index] == HISTORY_PENDING))
                marks[r->index] = HISTORY_PENDING;
        }
    }
}

static void mark_applied(const struct history_options *o, struct answer *a)
{
    const struct hg_status *s = &a->status;
    if (o->offline || !hg_graph_ok(a->graph))
        return;
    size_t count = hg_graph_count(a->graph);
    hg_graph_resolve_rows(a->graph, &s->judged, &a->rows, NULL, NULL);
    HG_AUTO(hg_freep) bool *applied = hg_graph_applied(a->graph, &a->rows);
    bool told = s->unknown.count && s->pending_known;
    a->shown.marks = hg_xcalloc(count + 1, sizeof *a->shown.marks);
    for (size_t i = 0; i < count; i++)
        a->shown.marks[i] = told || applied[i] ? HISTORY_APPLIED : HISTORY_PENDING;
    for (size_t i = 0; told && i < s->pending.count; i++)
        a->shown.marks[s->pending.items[i]->index] = HISTORY_PENDING;
    if (s->unknown.count && !told)
        mark_beside_unknown(a);
}

/* Who moved what when, where there is a ledger; that it cannot be read is no reason to draw nothing. */
static void read_ledger(const struct history_options *o, struct answer *a)
{
    const struct hg_status *s = &a->status;
    if (o->offline || !s->ledger_exists || !s->ledger_readable || !s->vt_schema || !s->vt_name)
        return;
    HG_AUTO(hg_freep) char *table = hg_xasprintf("%s.%s", s->vt_schema, s->vt_name);
    int64_t wait = o->common.timeout_ns ? o->common.timeout_ns : LEDGER_NS;
    struct hg_err err = { 0 };
    a->shown.have_ledger = hg_ledger_applied(a->conn, table, hg_now_ns() + wait, &a->shown.ledger, &err) == 0;
    if (!a->shown.have_ledger)
        hg_log(HG_LOG_WARNING, "the ledger could not be read: %s", err.message);
}

static int select_revisions(const struct history_options *o, struct answer *a, struct hg_err *err)
{
    if (o->range && hg_graph_ok(a->graph))
        return hg_graph_range(a->graph, o->range, o->offline ? NULL : &a->rows, &a->shown.list, err);
    hg_graph_history(a->graph, &a->shown.list);
    return 0;
}

static int print(const struct history_options *o, struct answer *a, const struct hg_err *err)
{
    a->shown.graph = a->graph;
    hg_findings_move(&a->shown.findings, &a->target.findings);
    hg_findings_address(&a->shown.findings, a->target.t ? a->target.t->name : NULL);
    if (wants_json(o)) {
        history_print_json(&a->shown, err);
        if (err)
            hg_cli_error_printed();
    } else if (a->graph && (!err || !o->range || !hg_graph_ok(a->graph))) {
        if (a->shown.marks) /* whose marks these are */
            hg_target_announce(&a->target, &o->common);
        history_print_text(&a->shown, hg_cli_color(&o->common, STDOUT_FILENO), hg_term_utf8());
        HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
        hg_findings_text(&a->shown.findings, hg_cli_color(&o->common, STDERR_FILENO), &text);
        HG_AUTO(hg_freep) char *masked = hg_log_filtered(hg_buf_str(&text));
        (void)fflush(stdout);
        fputs(masked, stderr);
    }
    return err ? -1 : 0;
}

static int answer(const struct history_options *o, const struct hg_alembic_options *options,
                  const struct hg_err *opened, struct answer *a, struct hg_err *err)
{
    struct history_options files_only = *o;
    files_only.offline = o->offline || opened->kind != HG_E_NONE;
    int failed = load(&files_only, options, a, err);
    if (!failed) {
        mark_applied(&files_only, a);
        read_ledger(&files_only, a);
        failed = opened->kind == HG_E_NONE ? select_revisions(o, a, err) : 0;
    }
    if (!failed && opened->kind != HG_E_NONE) {
        *err = *opened;
        failed = -1;
    }
    if (failed && a->graph && a->shown.list.count == 0 && !o->range)
        hg_graph_history(a->graph, &a->shown.list);
    return failed;
}

int history_run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    struct history_options *o = options;
    HG_AUTO(answer_done) struct answer a = { 0 };
    struct hg_err opened = { 0 };
    (void)args;
    if (hg_target_open(&o->common, o->argc, o->argv, o->offline, &a.target, &opened) == 0)
        hg_err_clear(&opened);
    char **env = hg_target_plain_envp(&a.target);
    struct hg_alembic_options alembic = hg_target_alembic_options(&o->common, &a.target.config, env);
    alembic.python_timeout_ns = o->common.timeout_ns;
    alembic.graph_only = true;
    int failed = answer(o, &alembic, &opened, &a, err);
    hg_vars_free_envp(env);
    if (!failed && !hg_graph_ok(a.graph)) {
        hg_fail(err, HG_E_REFUSED, "Alembic would refuse this history");
        failed = hg_hint(err, "correct what the findings say");
    }
    return print(o, &a, failed ? err : NULL);
}
