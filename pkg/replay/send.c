/* SPDX-License-Identifier: Apache-2.0 */
/* One text to the server and everything it answers, while the caller is asked whether to go on. */
#include "internal.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define GRACE_NS   (10 * HG_NS_PER_S) /* for a canceled statement to end */
#define LINE_SHOWN 120

/* How an answer is watched for: */
#define WATCH_NS   HG_NS_PER_MS        /* no longer than this, */
#define AWAY_NS    (HG_NS_PER_MS / 10) /* nor when another had the CPU for so long meanwhile; */
#define AFTER_LATE 8u                  /* so many are slept for then: the first time, */
#define AFTER_AWAY 64u
#define LATE_MAX   8                   /* doubled so often at most; */
#define TRUSTED    64                  /* once less for so many in time */

/* The caller asks a database too when it is asked, so that is best done while the server is at work for
 * us: without need nothing is held up for it. */
static void look_around(struct hg_replaying *r, bool at_work)
{
    const struct hg_replay *p = r->p;
    int64_t now = hg_now_ns();
    if (!p->tick || now < r->next_tick_ns + (at_work ? 0 : p->tick_ns / 4))
        return;
    r->next_tick_ns = now + p->tick_ns;
    if (p->tick(p->context) || r->stopping)
        return;
    r->stopping = true;
    r->out->stopped = true;
    r->give_up_ns = hg_now_ns() + GRACE_NS;
    if (PQtransactionStatus(p->conn) == PQTRANS_ACTIVE)
        hg_pg_cancel(p->conn);
}

/* Until the socket is ready for `events`; false: it never will be. */
static bool wait_socket(struct hg_replaying *r, short events)
{
    for (;;) {
        look_around(r, true);
        if (r->stopping && hg_now_ns() > r->give_up_ns)
            return false;
        int64_t until = r->stopping ? r->give_up_ns : r->p->tick ? r->next_tick_ns : 0;
        struct pollfd fd = { .fd = PQsocket(r->p->conn), .events = events };
        int n = poll(&fd, 1, until ? hg_ms_left(until) : -1);
        if (n > 0 || (n < 0 && errno != EINTR))
            return true; /* an error of the socket shows in the next libpq call */
        if (n < 0)
            r->next_tick_ns = 0; /* a signal: the caller wants to know at once */
    }
}

/* Looks for the answer without going to sleep: to be woken takes as long as a small statement (architecture.md
 * has what it gains). It is no use where the server is far away or at work for longer, and does harm where
 * somebody else needs this CPU: then answers are slept for, for longer each time. false: as PQconsumeInput. */
static bool watch(struct hg_replaying *r)
{
    PGconn *conn = r->p->conn;
    if (r->unwatched) {
        r->unwatched--;
        return true;
    }
    int64_t now = hg_now_ns(), last = now, until = now + WATCH_NS;
    for (; now < until && now < last + AWAY_NS; last = now, now = hg_now_ns()) {
        (void)sched_yield();
        if (!PQconsumeInput(conn))
            return false;
        if (PQisBusy(conn))
            continue;
        if (++r->in_time == TRUSTED) {
            r->in_time = 0;
            r->late -= r->late > 0;
        }
        return true;
    }
    r->in_time = 0;
    r->unwatched = (now < last + AWAY_NS ? AFTER_LATE : AFTER_AWAY) << r->late;
    r->late += r->late < LATE_MAX;
    return true;
}

/* Until a result is complete. */
static bool receive(struct hg_replaying *r)
{
    PGconn *conn = r->p->conn;
    int flush;
    while ((flush = PQflush(conn)) == 1) {
        if (!wait_socket(r, POLLIN | POLLOUT))
            return false;
        if (!PQconsumeInput(conn))
            return true;
    }
    if (flush == 0 && PQisBusy(conn) && !watch(r))
        return true;
    while (flush == 0 && PQisBusy(conn)) {
        if (!wait_socket(r, POLLIN))
            return false;
        if (!PQconsumeInput(conn))
            return true;
    }
    return true;
}

/* The line of the text in which this character (1-based) stands. Heap. */
static char *line_at(const char *sql, long position)
{
    const char *at = sql;
    for (long i = 1; i < position && *at;) {
        at++;
        if (((unsigned char)*at & 0xc0) != 0x80)
            i++;
    }
    while (at > sql && at[-1] != '\n')
        at--;
    HG_AUTO(hg_freep) char *line = hg_xstrndup(at, strcspn(at, "\n"));
    return hg_printable(line + strspn(line, " \t"), LINE_SHOWN);
}

static int server_error(struct hg_replaying *r, const char *sql, const PGresult *res, struct hg_err *err)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *position = PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION);
    const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
    int64_t at = 0;
    r->out->position = position && hg_parse_int(position, 1, INT32_MAX, &at) == 0 ? (long)at : 0;
    if (!state) /* libpq's own words: the connection is gone */
        return hg_pg_fail(err, r->p->conn, res, "the database");
    HG_AUTO(hg_freep) char *line = at ? line_at(sql, (long)at) : NULL;
    (void)hg_fail(err, HG_E_MIGRATOR, "%.400s%s%s%s", primary ? primary : "?", line ? " (at: " : "",
                  line ? line : "", line ? ")" : "");
    (void)snprintf(err->sqlstate, sizeof err->sqlstate, "%s", state);
    if (detail)
        (void)hg_detail(err, "%s", detail);
    return -1;
}

/* The data that COPY TO sends, read away until its end. */
static bool drain_copy(struct hg_replaying *r)
{
    hg_pg_cancel(r->p->conn);
    for (;;) {
        char *data = NULL;
        int n = PQgetCopyData(r->p->conn, &data, 1);
        PQfreemem(data);
        if (n < 0)
            return true;
        if (n == 0 && (!wait_socket(r, POLLIN) || !PQconsumeInput(r->p->conn)))
            return false;
    }
}

/* COPY between client and server has no place in a chunk: a bundle has no data, and nobody reads any.
 * psycopg and psycopg2 refuse it in execute() too. */
static int refuse_copy(struct hg_replaying *r, ExecStatusType status, struct hg_err *err)
{
    if (status == PGRES_COPY_IN)
        (void)PQputCopyEnd(r->p->conn, "COPY FROM STDIN is not possible in a bundle");
    else
        (void)drain_copy(r);
    (void)hg_fail(err, HG_E_MIGRATOR, "COPY %s is not possible in a migration's statement",
                  status == PGRES_COPY_IN ? "FROM STDIN" : "TO STDOUT");
    return -1;
}

/* ROLLBACK TO SAVEPOINT says no more than ROLLBACK when it is done, so the text is looked at. */
static bool rolls_back(const char *sql)
{
    static const char *const WORDS[] = { "rollback", "abort" };
    for (size_t i = 0; i < HG_COUNT(WORDS); i++)
        for (const char *at = sql; (at = strcasestr(at, WORDS[i])); ) {
            at += strlen(WORDS[i]);
            const char *next = at + strspn(at, " \t\r\n");
            if (strncasecmp(next, "work", 4) == 0)
                next += 4;
            else if (strncasecmp(next, "transaction", 11) == 0)
                next += 11;
            next += strspn(next, " \t\r\n");
            if (strncasecmp(next, "to", 2) != 0 || !isspace((unsigned char)next[2]))
                return true;
        }
    return false;
}

static enum hg_replay_ended ended_by(const char *tag, const char *sql)
{
    return hg_streq(tag, "COMMIT")                                   ? HG_REPLAY_COMMITTED
           : hg_streq(tag, "PREPARE TRANSACTION")                    ? HG_REPLAY_PREPARED
           : hg_streq(tag, "ROLLBACK") && rolls_back(sql)            ? HG_REPLAY_ROLLED_BACK
                                                                     : HG_REPLAY_STAYED;
}

static void take_done(const char *sql, PGresult *res, struct hg_replay_said *said)
{
    enum hg_replay_ended ended = ended_by(PQcmdStatus(res), sql);
    if (!said->ended)
        said->ended = ended;
    said->committed = said->committed || ended == HG_REPLAY_COMMITTED;
    said->more = !ended;
    said->rows = *PQcmdTuples(res) ? strtoll(PQcmdTuples(res), NULL, 10) : -1;
}

static int take(struct hg_replaying *r, const char *sql, PGresult *res, struct hg_replay_said *said,
                struct hg_err *err)
{
    ExecStatusType status = PQresultStatus(res);
    switch (status) {
    case PGRES_COMMAND_OK:
        take_done(sql, res, said);
        return 0;
    case PGRES_TUPLES_OK:
        said->more = true;
        return 0;
    case PGRES_SINGLE_TUPLE:
    case PGRES_EMPTY_QUERY:
        return 0;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        return refuse_copy(r, status, err);
    default:
        return server_error(r, sql, res, err);
    }
}

static int told_to_stop(const struct hg_replaying *r, struct hg_err *err)
{
    return r->stopping ? hg_fail(err, HG_E_MIGRATOR, "it was told to stop") : 0;
}

int hg_replay_sit(struct hg_replaying *r, struct hg_err *err)
{
    /* A signal ends the pause, and the caller wants to know of it at once. */
    if (poll(NULL, 0, hg_ms_left(hg_now_ns() + r->p->tick_ns)) < 0)
        r->next_tick_ns = 0;
    look_around(r, true);
    return told_to_stop(r, err);
}

static int lost(struct hg_replaying *r, struct hg_err *err)
{
    r->out->lost = true;
    return hg_fail(err, HG_E_MIGRATOR, "the database did not answer the request to cancel");
}

/* Where a migration changed client_encoding, psycopg2 goes on sending what it did; the others write the rest in
 * that encoding, for which nothing here is made. `headgate bundle` leaves such a revision to Python where it
 * sees it. */
static int check_encoding(const struct hg_replaying *r, const char *sql, struct hg_err *err)
{
    const char *encoding = PQparameterStatus(r->p->conn, "client_encoding");
    if (!encoding || hg_streq(encoding, "UTF8") || hg_streq(r->p->bundle->driver, "psycopg2"))
        return 0;
    for (const char *at = sql; *at; at++)
        if (*at & 0x80)
            return hg_fail(err, HG_E_MIGRATOR, "client_encoding has become %s, and the bundle is written in UTF8",
                           encoding);
    return 0;
}

/* After a LISTEN of a migration libpq keeps them all. */
static void forget_notifications(PGconn *conn)
{
    PGnotify *n;
    while ((n = PQnotifies(conn)))
        PQfreemem(n);
}

void hg_replay_tell(struct hg_replaying *r)
{
    for (size_t i = 0; r->p->on_event && i < r->news_count; i++)
        r->p->on_event(r->p->context, r->news[i].event, r->news[i].revision);
    r->news_count = 0;
}

int hg_replay_send(struct hg_replaying *r, const char *sql, struct hg_replay_said *ret,
                   struct hg_err *err)
{
    PGconn *conn = r->p->conn;
    struct hg_replay_said said = { .rows = -1 };
    struct hg_err later = { 0 };
    int rc = 0;
    look_around(r, false);
    if (told_to_stop(r, err) < 0 || check_encoding(r, sql, err) < 0)
        return -1;
    if (!PQsendQuery(conn, sql)) {
        r->out->lost = true;
        return hg_pg_fail(err, conn, NULL, "the database");
    }
    (void)PQsetSingleRowMode(conn); /* rows are thrown away, so they need not be kept */
    hg_replay_tell(r);
    for (;;) {
        if (!receive(r))
            return lost(r, err);
        HG_AUTO(hg_pg_clearp) PGresult *res = PQgetResult(conn);
        if (!res)
            break;
        if (take(r, sql, res, &said, rc < 0 ? &later : err) < 0) /* the first error is the one */
            rc = -1;
    }
    forget_notifications(conn);
    r->out->lost = PQstatus(conn) != CONNECTION_OK;
    *ret = said;
    return rc;
}
