/* SPDX-License-Identifier: Apache-2.0 */
/* Statements that do not wait for each other's answers. */
#include "internal.h"

#define CANCELS  5
#define GRACE_NS (2 * HG_NS_PER_S) /* for an answer to a request to cancel */

int hg_pg_pipeline_begin(PGconn *conn, struct hg_pg_pipeline *ret, struct hg_err *err)
{
    *ret = (struct hg_pg_pipeline){ .conn = conn, .asked_ns = hg_now_ns() };
    if (hg_pg_silent(conn))
        return hg_pg_say_silent(err);
    /* Not blocking: the server may wait for us to read before it reads on. */
    if (PQsetnonblocking(conn, 1) == 0 && PQenterPipelineMode(conn))
        return 0;
    (void)PQsetnonblocking(conn, 0);
    return hg_pg_fail(err, conn, NULL, "asking the database");
}

int hg_pg_pipeline_send(struct hg_pg_pipeline *p, const char *sql, size_t nparams, const char *const *params,
                        struct hg_err *err)
{
    if (!PQsendQueryParams(p->conn, sql, (int)nparams, NULL, params, NULL, NULL, 0) || !PQpipelineSync(p->conn))
        return hg_pg_fail(err, p->conn, NULL, "asking the database");
    p->sent++;
    return 0;
}

static int failed(struct hg_pg_pipeline *p, const PGresult *res, struct hg_err *err)
{
    p->lost = PQstatus(p->conn) != CONNECTION_OK;
    return hg_pg_fail(err, p->conn, res, "asking the database");
}

int hg_pg_pipeline_next(struct hg_pg_pipeline *p, const char *sql, int64_t deadline_ns, PGresult **ret,
                        struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *last = NULL;
    bool bad = false;
    if (p->answered == p->sent)
        HG_BUG("every statement of the pipeline is answered");
    for (;;) {
        if (hg_pg_receive(p->conn, deadline_ns)) {
            hg_pg_trace(sql, p->asked_ns, "timeout");
            return hg_pg_say_late(err);
        }
        PGresult *res = PQgetResult(p->conn);
        ExecStatusType status = res ? PQresultStatus(res) : PGRES_COMMAND_OK;
        if (!res && PQstatus(p->conn) != CONNECTION_OK)
            return failed(p, NULL, err);
        if (!res) /* the end of a statement's answer; its Sync follows */
            continue;
        if (status == PGRES_PIPELINE_SYNC) {
            PQclear(res);
            break;
        }
        if (bad) {
            PQclear(res);
            continue;
        }
        hg_pg_clearp(&last);
        last = res;
        bad = status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY;
    }
    p->answered++;
    hg_pg_trace(sql, p->asked_ns, bad ? "error" : "ok");
    p->asked_ns = hg_now_ns();
    if (bad || !last)
        return failed(p, last, err);
    *ret = HG_TAKE(last);
    return 0;
}

void hg_pg_pipeline_end(struct hg_pg_pipeline *p)
{
    /* Each request ends one statement, and the next may take as long; who does not answer one answers none. */
    bool late = true, asked = false;
    for (int cancels = 0; !p->lost && p->answered < p->sent && cancels < CANCELS && !(late && asked);) {
        HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
        struct hg_err err = { 0 };
        asked = late;
        if (asked) {
            hg_pg_cancel(p->conn);
            cancels++;
        }
        (void)hg_pg_pipeline_next(p, "left unread", hg_now_ns() + GRACE_NS, &res, &err);
        late = err.kind == HG_E_TIMEOUT;
    }
    (void)PQexitPipelineMode(p->conn); /* where it cannot, the next statement says so */
    (void)PQsetnonblocking(p->conn, 0);
}

int hg_pg_ask_each(PGconn *conn, struct hg_pg_ask *asks, size_t count, int64_t deadline_ns, struct hg_err *err)
{
    struct hg_pg_pipeline p;
    int rc = hg_pg_pipeline_begin(conn, &p, err);
    if (rc < 0)
        return -1;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = hg_pg_pipeline_send(&p, asks[i].sql, asks[i].nparams, asks[i].params, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        asks[i].err = (struct hg_err){ 0 };
        if (hg_pg_pipeline_next(&p, asks[i].sql, deadline_ns, &asks[i].res, &asks[i].err) < 0 &&
            (p.lost || asks[i].err.kind == HG_E_TIMEOUT)) {
            *err = asks[i].err;
            rc = -1;
        }
    }
    hg_pg_pipeline_end(&p);
    return rc;
}

int hg_pg_answered(const struct hg_pg_ask *ask, struct hg_err *err)
{
    if (ask->res)
        return 0;
    *err = ask->err;
    return -1;
}

int hg_pg_ask_all(PGconn *conn, struct hg_pg_ask *asks, size_t count, int64_t deadline_ns, struct hg_err *err)
{
    if (hg_pg_ask_each(conn, asks, count, deadline_ns, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (hg_pg_answered(&asks[i], err) < 0)
            return -1;
    return 0;
}

void hg_pg_asks_done(struct hg_pg_ask *asks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hg_pg_clearp(&asks[i].res);
}
