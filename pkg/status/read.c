/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading on a thread: connecting is mostly waiting, and libpq resolves names without a time limit,
 * so the thread does both while the caller reads alembic.ini and the revision files. Only the thread
 * touches the connection until it says that it is done. A caller that cannot wait for it leaves the
 * read to the thread, which then releases it.
 */
#include "internal.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

/* The statement gets this long, where the caller gives no deadline. */
#define STATEMENT_NS (10 * HG_NS_PER_S)
#define CONNECT_NS   (10 * HG_NS_PER_S)
/* A thread that is past its own deadline is waiting for a name server, or for its request to cancel. */
#define GRACE_NS     (HG_NS_PER_S)

struct hg_status_read {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t told, finished;
    bool named;    /* schema and table are known */
    bool connected;
    bool dropped;  /* nobody waits any more */
    bool done;
    const struct hg_target *target;
    char *conninfo, *application, *source, *shown, *schema, *table; /* the thread's own copies */
    int64_t connect_deadline, deadline, source_ns;
    bool source_written;
    PGconn *conn;
    struct hg_facts facts;
    struct hg_status status;
    int rc;
    struct hg_err err;
};

void hg_status_version_table(const struct hg_target *t, const struct hg_alembic_config *alembic,
                             const char **ret_schema, const char **ret_table)
{
    const struct hg_target_config *c = t ? t->t : NULL;
    *ret_schema = c && c->version_table_schema ? c->version_table_schema
                  : alembic                    ? alembic->version_table_schema
                                               : NULL;
    *ret_table = c && c->version_table                ? c->version_table
                 : alembic && alembic->version_table ? alembic->version_table
                                                     : "alembic_version";
}

static struct hg_pg_spec spec_of(const struct hg_status_read *r)
{
    return (struct hg_pg_spec){ .conninfo = r->conninfo, .application_name = r->application,
                                .source = r->source, .shown = r->shown,
                                .source_ns = r->source_ns,
                                .source_written = r->source_written };
}

static void release(struct hg_status_read *r)
{
    hg_pg_closep(&r->conn);
    hg_facts_done(&r->facts);
    hg_status_done(&r->status);
    if (r->conninfo)
        explicit_bzero(r->conninfo, strlen(r->conninfo));
    free(r->conninfo);
    free(r->application);
    free(r->source);
    free(r->shown);
    free(r->schema);
    free(r->table);
    (void)pthread_cond_destroy(&r->told);
    (void)pthread_cond_destroy(&r->finished);
    (void)pthread_mutex_destroy(&r->mutex);
    free(r);
}

/* Under the mutex: waits until *flag, or `dropped`, or hg_now_ns() is `until`. */
static bool wait_for(struct hg_status_read *r, pthread_cond_t *cond, const bool *flag, int64_t until)
{
    struct timespec ts = { .tv_sec = until / HG_NS_PER_S, .tv_nsec = until % HG_NS_PER_S };
    for (int rc = 0; !*flag && !r->dropped && rc == 0; )
        rc = pthread_cond_timedwait(cond, &r->mutex, &ts);
    return *flag;
}

static int wait_named(struct hg_status_read *r)
{
    (void)pthread_mutex_lock(&r->mutex);
    bool named = wait_for(r, &r->told, &r->named, r->deadline);
    (void)pthread_mutex_unlock(&r->mutex);
    return named ? 0 : hg_fail(&r->err, HG_E_TIMEOUT, "time ran out while alembic.ini was read");
}

static void say_connected(struct hg_status_read *r)
{
    (void)pthread_mutex_lock(&r->mutex);
    r->connected = true;
    (void)pthread_mutex_unlock(&r->mutex);
}

static void *work(void *context)
{
    struct hg_status_read *r = context;
    struct hg_pg_spec spec = spec_of(r);
    int rc = hg_pg_connect_start(&spec, &r->conn, &r->err);
    if (rc == 0)
        rc = hg_pg_connect_finish(r->conn, &spec, r->connect_deadline, &r->err);
    if (rc == 0)
        say_connected(r);
    if (rc == 0)
        rc = wait_named(r);
    if (rc == 0)
        rc = hg_facts_read(r->conn, &spec, r->schema, r->table, r->deadline, &r->facts, &r->status,
                           &r->err);
    (void)pthread_mutex_lock(&r->mutex);
    r->rc = rc;
    r->done = true;
    bool dropped = r->dropped;
    (void)pthread_cond_signal(&r->finished);
    (void)pthread_mutex_unlock(&r->mutex);
    if (dropped)
        release(r);
    return NULL;
}

/* By the clock of hg_now_ns: the wall clock may be set while we wait. */
static void init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}

int hg_status_start(const struct hg_target *t, const char *application_name, int64_t deadline_ns,
                    struct hg_status_read **ret, struct hg_err *err)
{
    struct hg_status_read *r = hg_xcalloc(1, sizeof *r);
    int64_t connect = t->t && t->t->connect_timeout_ns ? t->t->connect_timeout_ns : CONNECT_NS;
    r->connect_deadline = deadline_ns ? deadline_ns : hg_now_ns() + connect;
    r->deadline = deadline_ns ? deadline_ns : r->connect_deadline + STATEMENT_NS;
    r->target = t;
    r->conninfo = hg_xstrdup(t->conninfo ? t->conninfo : "");
    r->application = hg_xstrdup(application_name);
    r->source = hg_xstrdup(t->url_source);
    r->shown = hg_xstrdup(t->shown);
    r->source_ns = t->source_ns;
    r->source_written = t->source_written;
    (void)pthread_mutex_init(&r->mutex, NULL);
    init_cond(&r->told);
    init_cond(&r->finished);
    int rc = pthread_create(&r->thread, NULL, work, r);
    if (rc != 0) {
        release(r);
        errno = rc;
        return hg_fail_errno(err, HG_E_DATABASE, "cannot start a thread to connect with");
    }
    *ret = r;
    return 0;
}

void hg_status_name(struct hg_status_read *r, const struct hg_alembic_config *alembic)
{
    const char *schema, *table;
    hg_status_version_table(r->target, alembic, &schema, &table);
    (void)pthread_mutex_lock(&r->mutex);
    r->schema = hg_xstrdup(schema);
    r->table = hg_xstrdup(table);
    r->named = true;
    (void)pthread_cond_signal(&r->told);
    (void)pthread_mutex_unlock(&r->mutex);
}

/* The thread's end, if it comes within `ns`; otherwise the read is the thread's, and NULL. */
static struct hg_status_read *join(struct hg_status_read *r, int64_t ns, bool *ret_connected)
{
    pthread_t thread = r->thread;
    (void)pthread_mutex_lock(&r->mutex);
    bool done = ns ? wait_for(r, &r->finished, &r->done, hg_now_ns() + ns) : r->done;
    r->dropped = !done;
    *ret_connected = r->connected;
    (void)pthread_cond_signal(&r->told);
    (void)pthread_mutex_unlock(&r->mutex);
    if (!done)
        hg_thread_left_behind();
    (void)(done ? pthread_join(thread, NULL) : pthread_detach(thread));
    return done ? r : NULL;
}

void hg_status_drop(struct hg_status_read *read)
{
    bool connected;
    struct hg_status_read *r = read ? join(read, 0, &connected) : NULL;
    if (r)
        release(r);
}

static struct hg_status_read *wait_answer(struct hg_status_read *read, struct hg_err *err)
{
    const char *host = read->target->host;
    int64_t left = read->deadline + GRACE_NS - hg_now_ns();
    bool connected;
    struct hg_status_read *r = join(read, left < GRACE_NS ? GRACE_NS : left, &connected);
    if (!r && connected) {
        hg_fail(err, HG_E_TIMEOUT, "the database did not answer the query in time");
        hg_hint(err, "it took the connection and fell silent: is the server, or what is between it and "
                     "here, stopped or overloaded? Wait longer with --timeout SECONDS");
    } else if (!r) {
        hg_fail(err, HG_E_DATABASE, "the database's host name%s%s could not be resolved in time",
                host ? " " : "", host ? host : "");
        hg_hint(err, "the name server does not answer: check this machine's network, VPN and "
                     "/etc/resolv.conf");
    }
    return r;
}

int hg_status_finish(struct hg_status_read *read, const struct hg_graph *graph,
                     struct hg_findings *graph_findings, struct hg_status *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_closep) PGconn *conn = NULL;
    return hg_status_finish_on(read, graph, graph_findings, ret, &conn, err);
}

int hg_status_finish_on(struct hg_status_read *read, const struct hg_graph *graph,
                        struct hg_findings *graph_findings, struct hg_status *ret, PGconn **ret_conn,
                        struct hg_err *err)
{
    const struct hg_target *t = read->target;
    struct hg_status_read *r = wait_answer(read, err);
    if (!r || r->rc < 0) {
        hg_status_unknown(t, graph, graph_findings, ret);
        if (r) {
            *err = r->err;
            release(r);
        }
        return -1;
    }
    *ret = r->status;
    r->status = (struct hg_status){ 0 };
    if (graph_findings)
        hg_findings_move(&ret->findings, graph_findings);
    int rc = hg_status_judge(t, graph, r->schema, r->table, &r->facts, r->conn, r->deadline, ret, err);
    hg_findings_address(&ret->findings, t->t ? t->t->name : NULL);
    if (rc == 0)
        *ret_conn = HG_TAKE(r->conn);
    release(r);
    return rc;
}

int hg_status_on(PGconn *conn, const struct hg_target *t, const struct hg_alembic_config *alembic,
                 const struct hg_graph *graph, int64_t deadline_ns, struct hg_status *ret,
                 struct hg_err *err)
{
    HG_AUTO(hg_facts_done) struct hg_facts facts = { 0 };
    const char *schema, *table;
    hg_status_version_table(t, alembic, &schema, &table);
    struct hg_pg_spec spec = { .conninfo = t->conninfo, .application_name = "headgate-status",
                               .source = t->url_source, .shown = t->shown,
                               .source_ns = t->source_ns, .source_written = t->source_written };
    struct hg_status s = { 0 };
    if (hg_facts_read(conn, &spec, schema, table, deadline_ns, &facts, &s, err) < 0) {
        hg_status_done(&s);
        hg_status_unknown(t, graph, NULL, ret);
        return -1;
    }
    *ret = s;
    int rc = hg_status_judge(t, graph, schema, table, &facts, conn, deadline_ns, ret, err);
    hg_findings_address(&ret->findings, t->t ? t->t->name : NULL);
    return rc;
}
