/* SPDX-License-Identifier: Apache-2.0 */
/* Status for people: one screen, the answer near its top, the next command at its end. */
#include "internal.h"

#include "term/term.h"

#define SECONDS_A_DAY 86400
/* A larger file is shown without its age. */
#define DATED_FILE_MAX ((size_t)1 << 20)

/* A list longer than this shows its beginning and its end. */
#define SHOWN_MAX 40

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void state_line(const struct hg_status *s, bool color, struct hg_buf *b)
{
    static const enum hg_style STYLES[] = {
        [HG_STATE_UNKNOWN] = HG_RED, [HG_STATE_UP_TO_DATE] = HG_GREEN, [HG_STATE_BEHIND] = HG_YELLOW,
        [HG_STATE_EMPTY] = HG_YELLOW, [HG_STATE_AHEAD] = HG_RED,       [HG_STATE_DIVERGED] = HG_RED,
    };
    size_t n = s->pending.count;
    hg_buf_adds(b, "state    ");
    hg_term_add(b, color, STYLES[s->state], hg_state_name(s->state));
    switch (s->state) {
    case HG_STATE_UP_TO_DATE:
        hg_buf_adds(b, ": nothing is pending\n");
        return;
    case HG_STATE_BEHIND:
        hg_buf_addf(b, ": %zu revision%s pending\n", n, plural(n));
        return;
    case HG_STATE_EMPTY:
        if (s->bare)
            hg_buf_adds(b, ": no version row, and no revision files here\n");
        else
            hg_buf_addf(b, ": no version row, all %zu revision%s pending\n", n, plural(n));
        return;
    case HG_STATE_AHEAD:
        hg_buf_adds(b, s->bare ? ": there are no revision files here\n"
                               : ": the database has revisions that these files do not have\n");
        return;
    case HG_STATE_DIVERGED:
        hg_buf_adds(b, s->unknown.count ? ": database and files went different ways\n"
                                        : ": version rows overlap\n");
        return;
    case HG_STATE_UNKNOWN:
    default:
        hg_buf_adds(b, ": could not tell\n");
    }
}

static void names(const char *label, const struct hg_strv *v, struct hg_buf *b)
{
    hg_buf_adds(b, label);
    for (size_t i = 0; i < v->count && i < SHOWN_MAX; i++) {
        HG_AUTO(hg_freep) char *name = hg_printable(v->items[i], 100);
        hg_buf_addf(b, "%s%s", i ? ", " : "", name);
    }
    if (v->count > SHOWN_MAX)
        hg_buf_addf(b, " and %zu more", v->count - SHOWN_MAX);
    hg_buf_addc(b, '\n');
}

static void rows_line(const struct hg_status *s, struct hg_buf *b)
{
    if (!s->connected || !s->vt_name)
        return;
    if (!s->vt_exists) {
        hg_buf_addf(b, "rows     none: there is no table %s.%s\n", s->vt_schema, s->vt_name);
        return;
    }
    if (s->rows.count == 0)
        hg_buf_addf(b, "rows     none in %s.%s\n", s->vt_schema, s->vt_name);
    else
        names("rows     ", &s->rows, b);
    if (s->unknown.count && !s->bare)
        names("unknown  ", &s->unknown, b);
}

/* When the revision was made, by the "Create Date" that Alembic writes into its docstring: the file's own
 * time is only that of the checkout. The zone is not written, so days are as exact as it gets. */
static char *age(const struct hg_revision *r, int64_t now)
{
    static const char MARK[] = "\nCreate Date: ";
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_err ignored;
    if (!r->file || hg_file_read(r->file, DATED_FILE_MAX, &text, &ignored) < 0)
        return hg_xstrdup("");
    const char *at = strstr(hg_buf_str(&text), MARK);
    struct tm tm = { 0 };
    if (!at || !strptime(at + strlen(MARK), "%Y-%m-%d", &tm))
        return hg_xstrdup("");
    int64_t days = (now - (int64_t)timegm(&tm)) / SECONDS_A_DAY;
    if (days <= 0)
        return hg_xstrdup("today");
    return hg_xasprintf("%lld day%s", (long long)days, plural((size_t)days));
}

static void pending_table(const struct hg_status *s, struct hg_buf *b)
{
    if (s->pending.count == 0)
        return;
    struct hg_table table;
    hg_table_init(&table, 4);
    int64_t now = hg_wall_ns() / HG_NS_PER_S;
    for (size_t i = 0; i < s->pending.count && i < SHOWN_MAX; i++) {
        const struct hg_revision *r = s->pending.items[i];
        HG_AUTO(hg_freep) char *made = age(r, now);
        HG_AUTO(hg_freep) char *doc = hg_printable(r->doc, 72);
        HG_AUTO(hg_freep) char *path = hg_printable(r->path, 200);
        hg_table_cell(&table, r->id);
        hg_table_cell(&table, doc);
        hg_table_cell(&table, made);
        hg_table_cell(&table, path);
    }
    hg_buf_adds(b, "pending  in the order they will run:\n");
    hg_table_print(&table, "  ", b);
    hg_table_done(&table);
    if (s->pending.count > SHOWN_MAX)
        hg_buf_addf(b, "  … and %zu more\n", s->pending.count - SHOWN_MAX);
}

/* "3 min ago (2026-11-22 23:41:05 UTC) ", of a time as the ledger writes it. */
static char *ago(const char *time)
{
    int64_t then = 0;
    if (hg_time_parse(time, &then) < 0)
        return hg_xstrdup("");
    char text[HG_AGE_SIZE];
    int64_t seconds = (hg_wall_ns() - then) / HG_NS_PER_S;
    hg_age_format(seconds, text);
    return hg_xasprintf("%s%s (%.10s %.8s UTC) ", seconds < 1 ? "just now" : text,
                        seconds < 1 ? "" : " ago", time, time + strlen("2026-11-22T"));
}

/* What headgate did last: a run that did not do its work is no revision's. */
static void last_line(const struct hg_status *s, struct hg_buf *b)
{
    const char *by = s->last_by ? s->last_by : "?", *outcome = s->last_outcome ? s->last_outcome : "recorded";
    HG_AUTO(hg_freep) char *when = ago(s->last_finished_at);
    if (hg_streq(outcome, "failed") || hg_streq(outcome, "interrupted"))
        hg_buf_addf(b, "last     a run, %s %sby %s%s%s\n", outcome, when, by,
                    s->last_revision ? "; the last revision that was done: " : "",
                    s->last_revision ? s->last_revision : "");
    else if (s->last_revision)
        hg_buf_addf(b, "last     %s, %s %sby %s\n", s->last_revision,
                    hg_streq(outcome, "applied") && hg_streq(s->last_direction, "down") ? "rolled back" : outcome, when,
                    by);
    else if (s->ledger_exists && !s->ledger_readable)
        hg_buf_addf(b, "last     unknown: role %s may not read the ledger\n", s->db_user ? s->db_user : "?");
}

static void history_lines(const struct hg_status *s, struct hg_buf *b)
{
    if (s->running) {
        hg_buf_addf(b, "running  %s, by %s%s%s, since %s, backend %lld",
                    s->run_revision ? s->run_revision : "a migration", s->run_by ? s->run_by : "?",
                    s->run_host ? " on " : "", s->run_host ? s->run_host : "",
                    s->run_since ? s->run_since : "?", (long long)s->run_pid);
        if (s->run_blocked_by.count) {
            HG_AUTO(hg_freep) char *pids = hg_strv_join(&s->run_blocked_by, ", ");
            hg_buf_addf(b, ", blocked by backend %s", pids);
        }
        hg_buf_addc(b, '\n');
    } else if (s->open_intent) {
        hg_buf_addf(b, "ledger   a run by %s since %s has no outcome: it was interrupted, and the next "
                       "apply records how it ended\n",
                    s->open_by ? s->open_by : "?", s->open_since ? s->open_since : "?");
    }
    last_line(s, b);
    if (s->held.count)
        names("held     ", &s->held, b);
}

/* The file of an unknown revision that git has: where from. */
static void lost_line(const struct hg_status *s, struct hg_buf *b)
{
    const struct hg_lost *l = s->lost_count ? &s->lost[0] : NULL;
    HG_AUTO(hg_freep) char *back = l ? hg_status_bring_back(l) : NULL;
    HG_AUTO(hg_freep) char *revision = hg_printable(s->unknown.count ? s->unknown.items[0] : "", 60);
    HG_AUTO(hg_freep) char *branch = hg_printable(l && l->branch ? l->branch : "", 120);
    if (back && l->deleted)
        hg_buf_addf(b, "next     %s\n", back);
    else if (back)
        hg_buf_addf(b, "next     git merge %s, or the file alone: %s\n", branch, back);
    else if (s->state == HG_STATE_DIVERGED)
        hg_buf_adds(b, "next     headgate history, then merge the branch that has the unknown revision\n");
    else
        hg_buf_addf(b, "next     git pull, or look for it: git log --all --oneline -- '*%s*'\n", revision);
}

/* Several heads where one is wanted: applying would be refused. */
static bool heads_in_the_way(const struct hg_status *s)
{
    for (size_t i = 0; i < s->findings.count; i++)
        if (hg_streq(s->findings.items[i].rule->id, "HG101") && s->findings.items[i].severity == HG_SEV_ERROR)
            return s->pending.count > 0;
    return false;
}

static void next_line(const struct hg_target *t, const struct hg_status *s, const char *bundle,
                      struct hg_buf *b)
{
    const char *with = bundle ? " --bundle " : "", *file = bundle ? bundle : "";
    const char *name = t->t ? t->t->name : "local";
    if (s->running)
        hg_buf_addf(b, "next     headgate status -t %s%s%s --watch\n", name, with, file);
    else if (heads_in_the_way(s))
        hg_buf_adds(b, "next     headgate explain HG101\n");
    else if (s->held.count)
        hg_buf_addf(b, "next     headgate apply -t %s%s%s --release\n", name, with, file);
    else if (s->state == HG_STATE_BEHIND)
        hg_buf_addf(b, "next     headgate apply -t %s%s%s\n", name, with, file);
    else if (s->state == HG_STATE_EMPTY && !s->bare && s->has_user_tables)
        hg_buf_adds(b, "next     headgate explain HG214\n");
    else if (s->state == HG_STATE_EMPTY && !s->bare)
        hg_buf_addf(b, "next     headgate apply -t %s%s%s\n", name, with, file);
    else if ((s->state == HG_STATE_AHEAD || s->state == HG_STATE_DIVERGED) && s->unknown.count && bundle)
        hg_buf_addf(b, "next     headgate bundle show %s: is it of this project, and the newest?\n", bundle);
    else if ((s->state == HG_STATE_AHEAD && !s->bare) || (s->state == HG_STATE_DIVERGED && s->unknown.count))
        lost_line(s, b);
}

static void server_line(const struct hg_status *s, struct hg_buf *b)
{
    if (!s->connected)
        return;
    int v = s->server_version;
    hg_buf_addf(b, "server   PostgreSQL %d.%d, role %s%s%s\n", v / 10000, v % 10000, s->db_user,
                s->in_recovery ? ", standby" : s->read_only ? ", read-only" : "",
                s->pool_mode ? ", through a pooler" : "");
}

void hg_status_text(const struct hg_target *t, const struct hg_status *s, const char *bundle, bool color,
                    struct hg_buf *ret)
{
    HG_AUTO(hg_freep) char *line = hg_target_line(t);
    hg_buf_addf(ret, "%s\n", line);
    state_line(s, color, ret);
    if (s->heads.count)
        names(s->heads.count == 1 ? "head     " : "heads    ", &s->heads, ret);
    rows_line(s, ret);
    server_line(s, ret);
    history_lines(s, ret);
    pending_table(s, ret);
    if (s->findings.count)
        hg_findings_text(&s->findings, color, ret);
    next_line(t, s, bundle, ret);
}
