/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applied files against the ledger: it kept the digest of what ran, so a file edited after it was
 * applied is found even where git has nothing to compare with.
 */
#include "internal.h"
#include "ledger/ledger.h"

/* The digest with all line ends as LF, or as CRLF. */
static bool digest_with(const char *text, size_t len, const char *end, const char *digest)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n')
            continue;
        if (text[i] == '\n' || text[i] == '\r')
            hg_buf_adds(&b, end);
        else
            hg_buf_addc(&b, text[i]);
    }
    char sum[HG_SHA256_SIZE];
    return hg_streq(hg_sha256(hg_buf_str(&b), b.len, sum), digest);
}

/* Which revisions of the graph are in the database now. Caller frees. */
static bool *applied_now(const struct hg_judge *j)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist rows = HG_REVLIST_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv unknown = HG_STRV_INIT;
    bool overlap = false;
    hg_graph_resolve_rows(j->in->graph, &j->in->status->judged, &rows, &unknown, &overlap);
    return hg_graph_applied(j->in->graph, &rows);
}

/* What ran once need not be in any more: people go back with Alembic itself, and then the file may
 * change or go. A revision without a file is in when the ledger has it below one that is in. */
static void mark_present(const struct hg_judge *j, const struct hg_ledger_entries *entries,
                         bool *present)
{
    HG_AUTO(hg_freep) bool *in = applied_now(j);
    HG_AUTO(hg_strv_done) struct hg_strv below = HG_STRV_INIT;
    for (size_t i = 0; i < entries->count; i++) {
        const struct hg_revision *r = hg_graph_get(j->in->graph, entries->items[i].revision);
        present[i] = r && in[r->index];
        if (present[i] || hg_strv_has(&j->in->status->rows, entries->items[i].revision)) {
            hg_strv_addv(&below, &entries->items[i].down);
            hg_strv_addv(&below, &entries->items[i].depends_on);
        }
    }
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < entries->count; i++) {
            const struct hg_ledger_entry *e = &entries->items[i];
            if (present[i] || hg_graph_get(j->in->graph, e->revision) ||
                !hg_strv_has(&below, e->revision))
                continue;
            present[i] = again = true;
            hg_strv_addv(&below, &e->down);
            hg_strv_addv(&below, &e->depends_on);
        }
    }
}

static void check_one(struct hg_judge *j, const struct hg_ledger_entry *e)
{
    const struct hg_revision *now = hg_graph_get(j->in->graph, e->revision);
    if (!e->digest || hg_streq(e->direction, "down") || hg_judge_reported(j, e->revision))
        return;
    const char *when = e->finished_at ? e->finished_at : "an unknown time";
    const char *who = e->by ? e->by : "somebody unknown";
    if (!now) {
        struct hg_finding *f = hg_finding_add(
            &j->out->findings, "HG202", "revision %s was applied here (%s, by %s) and its file is gone",
            e->revision, when, who);
        f->revision = hg_xstrdup(e->revision);
        f->path = hg_xstrdup(e->path);
        if (e->commit)
            f->help = hg_xasprintf("Bring it back: `git checkout %.12s -- %s`.", e->commit,
                                   e->path ? e->path : "FILE");
        return;
    }
    if (hg_streq(now->digest, e->digest))
        return;
    size_t len;
    const char *text = hg_graph_text(j->in->graph, now, &len);
    bool ends = digest_with(text, len, "\n", e->digest) || digest_with(text, len, "\r\n", e->digest);
    if (ends && hg_findings_have(&j->out->findings, "HG203"))
        return;
    struct hg_finding *f =
        ends ? hg_finding_add(&j->out->findings, "HG203",
                              "only the line endings of %s changed since it was applied",
                              hg_path_base(now->path))
             : hg_finding_add(&j->out->findings, "HG201",
                              "the file of revision %s is not the one that was applied (%s, by %s)",
                              e->revision, when, who);
    f->path = hg_xstrdup(now->path);
    f->revision = hg_xstrdup(now->id);
    if (!ends && e->commit)
        f->help = hg_xasprintf("See what changed: `git diff %.12s -- %s`; take it back and put the "
                               "change into a new revision.", e->commit, now->path);
}

/* Rows that moved since headgate last looked. */
static void check_rows(struct hg_judge *j, const struct hg_ledger_summary *s)
{
    if (!s->present || !s->last_rows_known || s->open_run ||
        hg_findings_have(&j->out->findings, "HG215"))
        return;
    HG_AUTO(hg_strv_done) struct hg_strv now = HG_STRV_INIT, then = HG_STRV_INIT;
    hg_strv_addv(&now, &j->in->status->rows);
    hg_strv_addv(&then, &s->last_rows);
    hg_strv_sort(&now);
    hg_strv_sort(&then);
    HG_AUTO(hg_freep) char *is = hg_strv_join(&now, ", ");
    HG_AUTO(hg_freep) char *was = hg_strv_join(&then, ", ");
    if (!hg_streq(is, was))
        hg_finding_add(&j->out->findings, "HG215",
                       "the version table holds %s; headgate left it at %s", *is ? is : "nothing",
                       *was ? was : "nothing");
}

static int check(struct hg_judge *j, PGconn *conn, struct hg_err *err)
{
    const struct hg_status *s = j->in->status;
    HG_AUTO(hg_freep) char *table = hg_xasprintf("%s.%s", s->vt_schema, s->vt_name);
    HG_AUTO(hg_ledger_summary_done) struct hg_ledger_summary summary = { 0 };
    if (hg_ledger_summary(conn, table, j->in->deadline_ns, &summary, err) != 0)
        return -1;
    check_rows(j, &summary);
    for (size_t i = 0; !j->in->release && i < s->pending.count; i++) {
        const struct hg_revision *r = s->pending.items[i];
        if (!hg_strv_has(&summary.held, r->id))
            continue;
        struct hg_finding *f = hg_finding_add(&j->out->findings, "HG223",
                                              "revision %s was rolled back and is held", r->id);
        f->path = hg_xstrdup(r->path);
        f->revision = hg_xstrdup(r->id);
    }
    HG_AUTO(hg_ledger_entries_done) struct hg_ledger_entries entries = { 0 };
    if (!j->in->graph || hg_ledger_applied(conn, table, j->in->deadline_ns, &entries, err) != 0)
        return j->in->graph ? -1 : 0;
    HG_AUTO(hg_freep) bool *present = hg_xcalloc(entries.count + 1, sizeof *present);
    mark_present(j, &entries, present);
    for (size_t i = 0; i < entries.count; i++)
        if (present[i])
            check_one(j, &entries.items[i]);
    return 0;
}

void hg_judge_ledger(struct hg_judge *j)
{
    const struct hg_status *s = j->in->status;
    if (!s || j->in->recorded || !s->ledger_exists || !s->ledger_readable || !s->vt_name || !s->vt_schema)
        return;
    struct hg_err err = { 0 };
    HG_AUTO(hg_pg_closep) PGconn *own = NULL;
    PGconn *conn = j->in->conn;
    if (!conn) {
        struct hg_pg_spec spec = { .conninfo = j->in->target->conninfo,
                                   .application_name = "headgate gate",
                                   .source = j->in->target->url_source,
                                   .shown = j->in->target->shown,
                                   .source_ns = j->in->target->source_ns,
                                   .source_written = j->in->target->source_written };
        if (hg_pg_connect_start(&spec, &own, &err) != 0 ||
            hg_pg_connect_finish(own, &spec, j->in->deadline_ns, &err) != 0) {
            hg_judge_unknown(j, "the ledger could not be read: %s", err.message);
            return;
        }
        conn = own;
    }
    if (check(j, conn, &err) != 0)
        hg_judge_unknown(j, "the ledger could not be read: %s", err.message);
}
