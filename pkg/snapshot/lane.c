/* SPDX-License-Identifier: Apache-2.0 */
/* Statements in the background: while the server works on the next one, their reader makes JSON of the
 * last, and a second session of a large database works beside the first. */
#include "internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct hg_lane {
    struct hg_lane_options o;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    PGconn *own;
    struct hg_err err;
    bool failed, began;
};

static int64_t deadline(const struct hg_lane *l)
{
    return hg_now_ns() + l->o.timeout_ns;
}

static const char SAVEPOINT[] = "savepoint one", BACK[] = "rollback to savepoint one";

static int send_one(struct hg_pg_pipeline *p, const struct hg_ask *ask, struct hg_err *err)
{
    size_t nparams = 0;
    while (nparams < HG_COUNT(ask->params) && ask->params[nparams])
        nparams++;
    if (ask->guarded && hg_pg_pipeline_send(p, SAVEPOINT, 0, NULL, err) < 0)
        return -1;
    if (hg_pg_pipeline_send(p, ask->sql, nparams, ask->params, err) < 0)
        return -1;
    return ask->guarded ? hg_pg_pipeline_send(p, BACK, 0, NULL, err) : 0;
}

static int just(const struct hg_lane *l, struct hg_pg_pipeline *p, const char *sql, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    return hg_pg_pipeline_next(p, sql, deadline(l), &res, err);
}

static int take_one(const struct hg_lane *l, struct hg_pg_pipeline *p, struct hg_ask *ask, struct hg_err *err)
{
    struct hg_err refused = { 0 };
    if (ask->guarded && just(l, p, SAVEPOINT, err) < 0)
        return -1;
    if (hg_pg_pipeline_next(p, ask->sql, deadline(l), &ask->res, &refused) < 0) {
        if (!ask->guarded || p->lost || !*refused.sqlstate) {
            *err = refused;
            return -1;
        }
        ask->refused = refused;
    }
    /* Locks that the server took to answer end here, so that nobody waits for the rest. */
    return ask->guarded ? just(l, p, BACK, err) : 0;
}

/* The connection of its own, in the transaction of the exported snapshot. */
static int begin(struct hg_lane *l, struct hg_err *err)
{
    if (hg_pg_connect(l->o.spec, l->o.timeout_ns, &l->own, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *import = hg_xasprintf("set transaction snapshot '%s'", l->o.snapshot);
    return hg_snapshot_begin_in(l->own, import, l->o.timeout_ns, err);
}

static void told(struct hg_lane *l, struct hg_ask *done)
{
    (void)pthread_mutex_lock(&l->lock);
    l->began = true;
    done->done = true;
    (void)pthread_cond_signal(&l->moved);
    (void)pthread_mutex_unlock(&l->lock);
}

/* All go at once, and each is told of when its answer is there. */
static int ask_all(struct hg_lane *l, PGconn *conn, struct hg_err *err)
{
    struct hg_pg_pipeline p;
    int rc = hg_pg_pipeline_begin(conn, &p, err);
    if (rc < 0)
        return -1;
    for (size_t i = 0; rc == 0 && i < l->o.count; i++)
        rc = l->o.asks[i].sql ? send_one(&p, &l->o.asks[i], err) : 0;
    for (size_t i = 0; rc == 0 && i < l->o.count; i++) {
        rc = l->o.asks[i].sql ? take_one(l, &p, &l->o.asks[i], err) : 0;
        if (rc == 0)
            told(l, &l->o.asks[i]);
    }
    hg_pg_pipeline_end(&p);
    return rc;
}

static void *work(void *lane)
{
    struct hg_lane *l = lane;
    struct hg_err err = { 0 };
    int rc = l->o.conn ? 0 : begin(l, &err);
    if (rc == 0)
        rc = ask_all(l, l->o.conn ? l->o.conn : l->own, &err);
    if (rc < 0) {
        (void)pthread_mutex_lock(&l->lock);
        l->failed = true;
        l->err = err;
        (void)pthread_cond_signal(&l->moved);
        (void)pthread_mutex_unlock(&l->lock);
    }
    hg_pg_closep(&l->own);
    return NULL;
}

int hg_lane_start(const struct hg_lane_options *o, struct hg_lane **ret, struct hg_err *err)
{
    struct hg_lane *l = hg_xcalloc(1, sizeof *l);
    l->o = *o;
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->moved, NULL);
    int failed = pthread_create(&l->thread, NULL, work, l);
    if (failed) {
        free(l);
        return hg_fail(err, HG_E_BUG, "cannot start a thread: %s", strerror(failed));
    }
    *ret = l;
    return 0;
}

int hg_lane_wait(struct hg_lane *l, const struct hg_ask *ask, struct hg_err *err)
{
    (void)pthread_mutex_lock(&l->lock);
    while (!ask->done && !l->failed)
        (void)pthread_cond_wait(&l->moved, &l->lock);
    bool done = ask->done;
    if (!done)
        *err = l->err;
    (void)pthread_mutex_unlock(&l->lock);
    return done ? 0 : -1;
}

bool hg_lane_never_began(struct hg_lane *l)
{
    (void)pthread_mutex_lock(&l->lock);
    bool never = l->failed && !l->began;
    (void)pthread_mutex_unlock(&l->lock);
    return never;
}

void hg_lane_finish(struct hg_lane *l)
{
    if (!l)
        return;
    (void)pthread_join(l->thread, NULL);
    (void)pthread_mutex_destroy(&l->lock);
    (void)pthread_cond_destroy(&l->moved);
    free(l);
}
