/* SPDX-License-Identifier: Apache-2.0 */
/* One statement, one deadline. */
#include "internal.h"

#include <errno.h>
#include <poll.h>

enum { TRACE_SQL_MAX = 120 };

const char *hg_pg_get(const PGresult *res, int row, int column)
{
    return PQgetisnull(res, row, column) ? NULL : PQgetvalue(res, row, column);
}

char *hg_pg_quote_ident(const char *name)
{
    struct hg_buf b = HG_BUF_INIT;
    hg_buf_addc(&b, '"');
    for (const char *p = name; *p; p++) {
        if (*p == '"')
            hg_buf_addc(&b, '"');
        hg_buf_addc(&b, *p);
    }
    hg_buf_addc(&b, '"');
    return hg_buf_take(&b);
}

static void trim_copy(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
        len--;
    (void)snprintf(out, size, "%.*s", (int)len, text);
}

int hg_pg_fail(struct hg_err *err, const PGconn *conn, const PGresult *res, const char *doing)
{
    const char *primary = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    const char *detail = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL) : NULL;
    const char *hint = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_HINT) : NULL;
    char text[512];
    trim_copy(text, sizeof text, primary ? primary : PQerrorMessage(conn));
    hg_fail(err, HG_E_DATABASE, "%s: %s", doing, *text ? text : "the connection was lost");
    if (state)
        (void)snprintf(err->sqlstate, sizeof err->sqlstate, "%s", state);
    if (detail)
        hg_detail(err, "%s", detail);
    if (hint)
        hg_hint(err, "%s", hint);
    else if (hg_streq(state, "57014"))
        hg_hint(err, "the statement_timeout that the role, the database or the address sets is too short, or somebody "
                     "canceled the query");
    else if (PQstatus(conn) == CONNECTION_BAD)
        hg_hint(err, "the connection to the database was lost: try again, and see the server's log");
    return -1;
}

/* Waits until the socket is ready for `events` or the deadline has passed: 0 ready, 1 late. */
static int wait_socket(PGconn *conn, short events, int64_t deadline_ns)
{
    for (;;) {
        struct pollfd p = { .fd = PQsocket(conn), .events = events };
        int n = poll(&p, 1, hg_ms_left(deadline_ns));
        if (n > 0 || (n < 0 && errno != EINTR))
            return 0; /* an error of the socket shows in the next libpq call */
        if (n == 0 && deadline_ns && hg_ms_left(deadline_ns) == 0)
            return 1;
    }
}

int hg_pg_receive(PGconn *conn, int64_t deadline_ns)
{
    int flush;
    while ((flush = PQflush(conn)) == 1) {
        if (wait_socket(conn, POLLIN | POLLOUT, deadline_ns))
            return 1;
        if (!PQconsumeInput(conn))
            return 0;
    }
    while (flush == 0 && PQisBusy(conn)) {
        if (wait_socket(conn, POLLIN, deadline_ns))
            return 1;
        if (!PQconsumeInput(conn))
            return 0;
    }
    return 0;
}

int hg_pg_say_late(struct hg_err *err)
{
    hg_fail(err, HG_E_TIMEOUT, "the database did not answer the query in time");
    hg_err_unanswered(err);
    return hg_hint(err, "something may hold a lock in the way or the server is overloaded; wait "
                        "longer with --timeout SECONDS");
}

bool hg_pg_silent(const PGconn *conn)
{
    return PQstatus(conn) == CONNECTION_OK &&
           (PQtransactionStatus(conn) == PQTRANS_ACTIVE || PQpipelineStatus(conn) != PQ_PIPELINE_OFF);
}

int hg_pg_say_silent(struct hg_err *err)
{
    hg_fail(err, HG_E_TIMEOUT, "the database has stopped answering");
    hg_err_unanswered(err);
    return hg_hint(err, "it fell silent, to a request to cancel too: is the server, or what is between it and here, "
                        "stopped or overloaded?");
}

static int too_late(PGconn *conn, struct hg_err *err)
{
    hg_pg_cancel(conn);
    /* A cancelled query answers at once; one that does not leaves a connection nobody can use. */
    int64_t grace = hg_now_ns() + 2 * HG_NS_PER_S;
    while (hg_pg_receive(conn, grace) == 0) {
        PGresult *res = PQgetResult(conn);
        if (!res)
            break;
        PQclear(res);
    }
    return hg_pg_silent(conn) ? hg_pg_say_silent(err) : hg_pg_say_late(err);
}

/* The first line is enough to know a statement by (a comment says what it is for); values are
 * parameters, and not told. */
void hg_pg_trace(const char *sql, int64_t began, const char *status)
{
    if (!hg_trace_enabled())
        return;
    char ms[32];
    (void)snprintf(ms, sizeof ms, "%.1f", (double)(hg_now_ns() - began) / (double)HG_NS_PER_MS);
    HG_AUTO(hg_freep) char *start = hg_xstrndup(sql, strcspn(sql, "\n"));
    HG_AUTO(hg_freep) char *shown = hg_printable(start, TRACE_SQL_MAX);
    hg_trace("sql", "statement", shown, "ms", ms, "status", status, NULL);
}

int hg_pg_query(PGconn *conn, const char *sql, size_t nparams, const char *const *params,
                int64_t deadline_ns, PGresult **ret, struct hg_err *err)
{
    int64_t began = hg_now_ns();
    if (hg_pg_silent(conn))
        return hg_pg_say_silent(err);
    int sent = nparams ? PQsendQueryParams(conn, sql, (int)nparams, NULL, params, NULL, NULL, 0)
                       : PQsendQuery(conn, sql);
    if (!sent)
        return hg_pg_fail(err, conn, NULL, "asking the database");
    HG_AUTO(hg_pg_clearp) PGresult *last = NULL;
    bool failed = false;
    for (;;) {
        if (hg_pg_receive(conn, deadline_ns)) {
            hg_pg_trace(sql, began, "timeout");
            return too_late(conn, err);
        }
        PGresult *res = PQgetResult(conn);
        if (!res)
            break;
        if (failed) { /* the first error is the one that counts */
            PQclear(res);
            continue;
        }
        PQclear(last);
        last = res;
        ExecStatusType status = PQresultStatus(res);
        failed = status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY;
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
            return hg_fail(err, HG_E_BUG, "COPY is not for hg_pg_query");
    }
    hg_pg_trace(sql, began, failed ? "error" : "ok");
    if (failed || !last)
        return hg_pg_fail(err, conn, last, "asking the database");
    *ret = HG_TAKE(last);
    return 0;
}

char *hg_pg_text_array(const struct hg_strv *items)
{
    struct hg_buf b = HG_BUF_INIT;
    hg_buf_addc(&b, '{');
    for (size_t i = 0; items && i < items->count; i++) {
        hg_buf_adds(&b, i ? ",\"" : "\"");
        for (const char *c = items->items[i]; *c; c++) {
            if (*c == '"' || *c == '\\')
                hg_buf_addc(&b, '\\');
            hg_buf_addc(&b, *c);
        }
        hg_buf_addc(&b, '"');
    }
    hg_buf_addc(&b, '}');
    return hg_buf_take(&b);
}
