/* SPDX-License-Identifier: Apache-2.0 */
/* Steps, transactions and version rows. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_NS (10 * HG_NS_PER_S)

static void tell(struct hg_replaying *r, enum hg_replay_event event, const struct hg_revision *revision)
{
    if (r->news_count == HG_COUNT(r->news))
        hg_replay_tell(r);
    r->news[r->news_count++] = (struct hg_replay_news){ event, revision };
}

static bool idle(const struct hg_replaying *r)
{
    return PQtransactionStatus(r->p->conn) == PQTRANS_IDLE;
}

/* ---- transactions ----------------------------------------------------------------------------- */

/* Does the driver see by the server's word that its transaction is over? The others go by what they
 * themselves have sent. */
static bool driver_asks_server(const struct hg_bundle *b)
{
    return hg_streq(b->driver, "psycopg") || hg_streq(b->driver, "pg8000");
}

/* MigrationContext.begin_transaction */
bool hg_replay_one_by_one(const struct hg_bundle *b)
{
    return b->transaction_per_migration || !b->transactional_ddl;
}

static bool one_by_one(const struct hg_replay *p)
{
    return p->one_by_one || hg_replay_one_by_one(p->bundle);
}

static int begin(struct hg_replaying *r, struct hg_err *err)
{
    struct hg_replay_said said;
    if (r->in_block)
        return 0;
    bool wanted = idle(r) && (!r->begun || driver_asks_server(r->p->bundle));
    r->begun = true;
    return wanted ? hg_replay_send(r, "BEGIN", &said, err) : 0;
}

/* With `go_on` the next transaction begins on the same way: a wait less for each revision. Where the
 * COMMIT fails the server leaves the BEGIN out, and one that turned into a ROLLBACK is told by its tag. */
static int commit(struct hg_replaying *r, bool go_on, struct hg_err *err)
{
    struct hg_replay_said said = { 0 };
    r->begun = false;
    if (idle(r))
        return 0;
    int rc = hg_replay_send(r, go_on ? "COMMIT;BEGIN" : "COMMIT", &said, err);
    if (said.committed)
        tell(r, HG_REPLAY_COMMIT, NULL);
    if (rc < 0)
        return -1;
    if (!said.committed)
        return hg_fail(err, HG_E_MIGRATOR, "the transaction was rolled back at its end");
    r->begun = go_on;
    return 0;
}

static void roll_back(struct hg_replaying *r)
{
    PGTransactionStatusType status = PQtransactionStatus(r->p->conn);
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err ignored = { 0 };
    if (!r->out->lost && (status == PQTRANS_INTRANS || status == PQTRANS_INERROR))
        (void)hg_pg_query(r->p->conn, "ROLLBACK", 0, NULL, hg_now_ns() + 10 * HG_NS_PER_S, &res, &ignored);
}

/* ---- one step ----------------------------------------------------------------------------------- */

/* After a COMMIT inside the text, or where the statement stood alone, something is in for good; a ROLLBACK
 * inside it undoes what was open, back to steps that had ended. What stood alone and failed may have come
 * half the way: a procedure that commits, an index that is built concurrently. */
static void notice_ends(struct hg_replaying *r, const struct hg_replay_said *said, bool alone, bool went)
{
    PGTransactionStatusType status = PQtransactionStatus(r->p->conn);
    bool in = said->committed || (went && said->more && idle(r));
    if (said->ended == HG_REPLAY_ROLLED_BACK)
        tell(r, HG_REPLAY_ROLLBACK, NULL);
    if (said->ended == HG_REPLAY_PREPARED)
        tell(r, HG_REPLAY_PREPARE, NULL);
    if (in)
        tell(r, HG_REPLAY_COMMIT, NULL);
    if (alone && !went && status != PQTRANS_INTRANS && status != PQTRANS_INERROR)
        tell(r, HG_REPLAY_ALONE, NULL);
}

/* A transaction may still be open, by a BEGIN of the migration's own. */
static int end_block(struct hg_replaying *r, struct hg_err *err)
{
    if (driver_asks_server(r->p->bundle))
        return commit(r, false, err);
    if (!idle(r) && hg_streq(r->p->bundle->driver, "asyncpg"))
        return hg_fail(err, HG_E_MIGRATOR, "its BEGIN is still open behind the autocommit block, where asyncpg "
                       "cannot begin a transaction");
    return 0;
}

static int run_chunk(struct hg_replaying *r, const struct hg_bundle_chunk *c, struct hg_err *err)
{
    struct hg_replay_said said = { 0 };
    switch (c->kind) {
    case HG_CHUNK_COMMIT:
        r->in_block = true;
        tell(r, HG_REPLAY_BLOCK, NULL);
        return commit(r, false, err);
    case HG_CHUNK_BEGIN:
        r->in_block = false;
        r->begun = false;
        return end_block(r, err);
    case HG_CHUNK_SQL:
        break;
    }
    if (begin(r, err) < 0)
        return -1;
    bool alone = idle(r);
    int rc = hg_replay_send(r, c->sql, &said, err);
    notice_ends(r, &said, alone, rc == 0);
    return rc;
}

static int run_chunks(struct hg_replaying *r, const struct hg_bundle_script *s, struct hg_err *err)
{
    r->out->chunks = s->count;
    for (size_t i = 0; i < s->count; i++) {
        r->out->chunk = i + 1;
        if (run_chunk(r, &s->chunks[i], err) < 0)
            return -1;
    }
    r->out->chunk = 0;
    return 0;
}

/* ---- version rows ------------------------------------------------------------------------------- */

char *hg_replay_table(const struct hg_bundle *b)
{
    HG_AUTO(hg_freep) char *name = hg_pg_quote_ident(b->version_table);
    HG_AUTO(hg_freep) char *schema =
        b->version_table_schema ? hg_pg_quote_ident(b->version_table_schema) : NULL;
    return hg_xasprintf("%s%s%s", schema ? schema : "", schema ? "." : "", name);
}

/* A string constant, whatever a chunk made of standard_conforming_strings. */
static char *literal(const char *text)
{
    struct hg_buf b = HG_BUF_INIT;
    hg_buf_adds(&b, strchr(text, '\\') ? "E'" : "'");
    for (const char *p = text; *p; p++) {
        if (*p == '\'' || *p == '\\')
            hg_buf_addc(&b, *p);
        hg_buf_addc(&b, *p);
    }
    hg_buf_addc(&b, '\'');
    return hg_buf_take(&b);
}

/* HeadMaintainer._insert_version, _delete_version, _update_version, with their one-row check. */
static int version_op(struct hg_replaying *r, const struct hg_version_op *op, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *table = hg_replay_table(r->p->bundle);
    HG_AUTO(hg_freep) char *from = op->from ? literal(op->from) : NULL;
    HG_AUTO(hg_freep) char *to = op->to ? literal(op->to) : NULL;
    HG_AUTO(hg_freep) char *sql =
        !from ? hg_xasprintf("INSERT INTO %s (version_num) VALUES (%s)", table, to)
        : !to ? hg_xasprintf("DELETE FROM %s WHERE version_num = %s", table, from)
              : hg_xasprintf("UPDATE %s SET version_num=%s WHERE version_num = %s", table, to, from);
    struct hg_replay_said said = { 0 };
    if (hg_replay_send(r, sql, &said, err) < 0)
        return -1;
    if (from && said.rows != 1)
        return hg_fail(err, HG_E_MIGRATOR, "expected to match one row when %s '%s'%s%s%s in '%s'; %lld "
                       "found", to ? "updating" : "deleting", op->from, to ? " to '" : "",
                       to ? op->to : "", to ? "'" : "", r->p->bundle->version_table, said.rows);
    return 0;
}

/* Alembic reads it in the first transaction, so that this has begun for what the first revision says of it
 * (SET TRANSACTION), and its view of the data too where that is one view (repeatable read). */
static int read_table(struct hg_replaying *r, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *table = hg_replay_table(r->p->bundle);
    HG_AUTO(hg_freep) char *sql = hg_xasprintf("SELECT version_num FROM %s", table);
    struct hg_replay_said said;
    return begin(r, err) < 0 ? -1 : hg_replay_send(r, sql, &said, err);
}

/* As Alembic makes it (DefaultImpl.version_table_impl), where it is not there. */
static int create_table(struct hg_replaying *r, struct hg_err *err)
{
    const struct hg_bundle *b = r->p->bundle;
    HG_AUTO(hg_freep) char *table = hg_replay_table(b);
    HG_AUTO(hg_freep) char *key_name = hg_xasprintf("%s_pkc", b->version_table);
    HG_AUTO(hg_freep) char *key = hg_pg_quote_ident(key_name);
    HG_AUTO(hg_freep) char *sql =
        hg_xasprintf("CREATE TABLE %s (\n\tversion_num VARCHAR(32) NOT NULL%s%s%s\n)", table,
                     b->version_table_pk ? ", \n\tCONSTRAINT " : "", b->version_table_pk ? key : "",
                     b->version_table_pk ? " PRIMARY KEY (version_num)" : "");
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    const char *params[] = { table };
    struct hg_replay_said said;
    if (begin(r, err) < 0)
        return -1;
    if (hg_pg_query(r->p->conn, "select pg_catalog.to_regclass($1) is not null", 1, params,
                    hg_now_ns() + LOOK_NS, &res, err) < 0)
        return -1;
    return hg_streq(hg_pg_get(res, 0, 0), "t") ? 0 : hg_replay_send(r, sql, &said, err);
}

/* ---- the run ------------------------------------------------------------------------------------ */

/* The statements on the version table of all steps, known before the first statement; ends[i] is where
 * those of step i end. */
struct rows { struct hg_version_ops ops; size_t *ends; };

static void rows_done(struct rows *v)
{
    hg_version_ops_done(&v->ops);
    free(v->ends);
}

static int work_out(const struct hg_replay *p, struct rows *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) bool *now = hg_graph_row_flags(p->graph, p->rows);
    ret->ends = hg_xcalloc(p->steps->count + 1, sizeof *ret->ends);
    for (size_t i = 0; i < p->steps->count; i++) {
        if (hg_graph_version_ops(p->graph, now, p->steps->items[i], p->down, &ret->ops, err) < 0)
            return -1;
        ret->ends[i] = ret->ops.count;
    }
    return 0;
}

int hg_replay_rows_follow(const struct hg_replay *p, struct hg_err *err)
{
    HG_AUTO(rows_done) struct rows v = { 0 };
    return work_out(p, &v, err);
}

static const struct hg_bundle_script *script_of(const struct hg_replaying *r, size_t i)
{
    const struct hg_bundle_revision *found = hg_bundle_of(r->p->bundle, r->p->steps->items[i]);
    return r->p->down ? &found->downgrade : &found->upgrade;
}

/* Is there a step i, and is a statement in a transaction the first thing that it sends? */
static bool begins(const struct hg_replaying *r, size_t i)
{
    if (r->in_block || i >= r->p->steps->count)
        return false;
    const struct hg_bundle_script *script = script_of(r, i);
    return script->count && script->chunks[0].kind == HG_CHUNK_SQL;
}

static bool point_behind(const struct hg_replaying *r, size_t i)
{
    const struct hg_replay *p = r->p;
    return p->may_begin && i + 1 < p->steps->count && (!p->point_due || p->point_due(p->context));
}

/* Nothing is open here, so it may take as long as it likes. */
static int wait_at_point(struct hg_replaying *r, const struct hg_revision *next, struct hg_err *err)
{
    r->out->revision = NULL;
    tell(r, HG_REPLAY_POINT, next);
    hg_replay_tell(r);
    while (!r->p->may_begin(r->p->context))
        if (hg_replay_sit(r, err) < 0)
            return -1;
    return 0;
}

static int run_step(struct hg_replaying *r, const struct rows *v, size_t i, struct hg_err *err)
{
    const struct hg_revision *step = r->p->steps->items[i];
    const struct hg_bundle_script *script = script_of(r, i);
    r->out->revision = step;
    tell(r, HG_REPLAY_BEGIN, step);
    if (run_chunks(r, script, err) < 0)
        return -1;
    for (size_t k = i ? v->ends[i - 1] : 0; k < v->ends[i]; k++)
        if (begin(r, err) < 0 || version_op(r, &v->ops.items[k], err) < 0)
            return -1;
    tell(r, HG_REPLAY_END, step);
    if (idle(r) && r->begun) /* the version row stood alone: it is in */
        tell(r, HG_REPLAY_COMMIT, NULL);
    if (!one_by_one(r->p))
        return 0;
    bool point = point_behind(r, i);
    if (commit(r, !point && begins(r, i + 1), err) < 0)
        return -1;
    return point ? wait_at_point(r, r->p->steps->items[i + 1], err) : 0;
}

static int run_all(struct hg_replaying *r, const struct rows *v, struct hg_err *err)
{
    const struct hg_replay *p = r->p;
    if (p->rows->count == 0 && create_table(r, err) < 0)
        return hg_wrap(err, "making the version table");
    if (p->rows->count && read_table(r, err) < 0)
        return hg_wrap(err, "reading the version table");
    for (size_t i = 0; i < p->steps->count; i++)
        if (run_step(r, v, i, err) < 0)
            return -1;
    r->out->revision = NULL;
    return commit(r, false, err);
}

int hg_replay_run(const struct hg_replay *p, struct hg_replay_outcome *ret, struct hg_err *err)
{
    HG_AUTO(rows_done) struct rows v = { 0 };
    struct hg_replaying r = { .p = p, .out = ret };
    *ret = (struct hg_replay_outcome){ 0 };
    if (hg_bundle_can_run(p->bundle, p->steps, p->down, err) < 0 || work_out(p, &v, err) < 0)
        return -1;
    (void)PQsetnonblocking(p->conn, 1);
    int rc = run_all(&r, &v, err);
    hg_replay_tell(&r);
    if (rc < 0)
        roll_back(&r);
    (void)PQsetnonblocking(p->conn, 0);
    return rc;
}
