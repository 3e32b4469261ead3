/* SPDX-License-Identifier: Apache-2.0 */
/* Where the database stands; and waiting for one that does not answer yet. */
#include "internal.h"

#define ATTEMPT_NS (10 * HG_NS_PER_S) /* one connection, where the target does not say */
#define LEAST_NS HG_NS_PER_S          /* and never less, or the last look would find a database that does not answer */
#define LOST_NS    (2 * HG_NS_PER_S)  /* git is asked about unknown revisions for this long */

int hg_entry_look(struct hg_entry *e, int64_t deadline_ns, struct hg_err *err)
{
    const struct hg_target *t = &e->target;
    struct hg_status_read *read = NULL;
    int64_t own = t->t->connect_timeout_ns ? t->t->connect_timeout_ns : ATTEMPT_NS;
    int64_t now = hg_now_ns(), attempt = now + own;
    int64_t until = attempt < deadline_ns ? attempt : deadline_ns;
    if (e->have_status)
        hg_status_done(&e->status);
    e->status = (struct hg_status){ 0 };
    e->have_status = true;
    if (hg_status_start(t, "headgate-entrypoint", until > now + LEAST_NS ? until : now + LEAST_NS, &read, err) < 0)
        return -1;
    if (hg_entry_way_load(e, read, err) < 0) {
        hg_status_drop(read);
        return -1;
    }
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    hg_findings_move(&findings, &e->file_findings); /* told once: they do not change */
    int rc = hg_status_finish(read, e->way.graph, &findings, &e->status, err);
    if (rc == 0 && e->status.unknown.count)
        hg_status_find_lost(&e->status, e->way.graph, &e->way.alembic, LOST_NS);
    return rc;
}

/* A server that is starting, stopping, or has no connection to spare just now. */
static bool passes(const char *sqlstate)
{
    static const char *const STATES[] = { "57P01", "57P02", "57P03", "53300", "53400" };
    for (size_t i = 0; i < HG_COUNT(STATES); i++)
        if (strcmp(sqlstate, STATES[i]) == 0)
            return true;
    return hg_starts_with(sqlstate, "08");
}

/* What a look that failed means. What the server itself said is in the SQLSTATE; without one PQping
 * tells what is there: it does not log in, and tells an answer from silence. */
static bool may_come(const struct hg_entry *e, bool *ret_answers, struct hg_err *err)
{
    *ret_answers = false;
    if (err->kind != HG_E_DATABASE && err->kind != HG_E_TIMEOUT)
        return false;
    if (*err->sqlstate)
        return passes(err->sqlstate);
    /* Silence is known, and a name server's would not end by PQping's time limit. And whoever has no time
     * left to try again need not ask. */
    if (err->kind == HG_E_TIMEOUT || hg_now_ns() >= e->deadline_ns)
        return true;
    HG_AUTO(hg_freep) char *conninfo =
        hg_xasprintf("%s connect_timeout=3", e->target.conninfo ? e->target.conninfo : "");
    PGPing ping = PQping(conninfo);
    explicit_bzero(conninfo, strlen(conninfo));
    hg_trace("ping", "answer", ping == PQPING_OK ? "ok" : ping == PQPING_REJECT ? "reject"
             : ping == PQPING_NO_RESPONSE ? "no-response" : "no-attempt", NULL);
    *ret_answers = ping == PQPING_OK;
    if (ping == PQPING_NO_ATTEMPT)
        err->exit_code = HG_EXIT_USAGE;
    return ping != PQPING_NO_ATTEMPT;
}

static int gave_up(const struct hg_entry *e, struct hg_err *err)
{
    struct hg_err last = *err;
    (void)hg_fail(err, HG_E_TIMEOUT, "the database did not come within %lld s: %.800s",
                  (long long)((hg_now_ns() - e->began_ns) / HG_NS_PER_S), last.message);
    if (*last.hint)
        (void)hg_hint(err, "%s", last.hint);
    return -1;
}

int hg_entry_reach(struct hg_entry *e, struct hg_err *err)
{
    unsigned answered = 0;
    for (unsigned attempt = 0;; attempt++) {
        bool answers = false;
        hg_err_clear(err);
        if (hg_entry_look(e, e->deadline_ns, err) == 0) {
            if (attempt == 0) /* what is waited for besides goes on being said once */
                return 0;
            hg_entry_say(e, "the database answers after %lld s",
                         (long long)((hg_now_ns() - e->began_ns) / HG_NS_PER_S));
            hg_freep(&e->said);
            return 0;
        }
        /* It came between our try and the ping: once more. Twice is no accident. */
        if (!may_come(e, &answers, err) || (answers && ++answered > 1))
            return -1;
        if (hg_now_ns() >= e->deadline_ns)
            return gave_up(e, err);
        hg_entry_say_waiting(e, err->message);
        hg_entry_back_off(attempt, e->deadline_ns);
    }
}
