/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle is tried before it is written: in a private PostgreSQL one database goes through the history by
 * Alembic, another from the bundle, and after each revision they must hold the same. Where they do not, or
 * where only Alembic can make the step, the second becomes a copy of the first and the way goes on.
 */
#include "rehearse.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/replay.h"

#define CONNECT_NS  (30 * HG_NS_PER_S)
#define QUERY_NS    (60 * HG_NS_PER_S)
#define REHEARSE_NS (15 * 60 * HG_NS_PER_S)
#define BY_ALEMBIC  "by_alembic"
#define BY_BUNDLE   "by_bundle"

struct rehearsal {
    struct hg_bundle *b;
    struct hg_graph *graph;
    struct hg_findings *findings;
    struct bundle_online online;
    char *alembic_url, *bundle_url;
    PGconn *admin;
    struct hg_strv rows;        /* of both version tables */
    int64_t deadline;
    bool stopped;               /* Alembic itself came to an end: the rest is not verified */
};

/* ---- the databases ------------------------------------------------------------------------------- */

static int admin(struct rehearsal *r, const char *sql, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    return hg_pg_query(r->admin, sql, 0, NULL, hg_now_ns() + QUERY_NS, &res, err);
}

static int connect_to(const char *url, PGconn **ret, struct hg_err *err)
{
    struct hg_pg_spec spec = { .conninfo = url, .application_name = "headgate-bundle",
                               .source = "the private PostgreSQL" };
    return hg_pg_connect(&spec, CONNECT_NS, ret, err);
}

/* The bundle's database becomes what Alembic's is. */
static int copy(struct rehearsal *r, struct hg_err *err)
{
    return admin(r, "drop database if exists " BY_BUNDLE " with (force)", err) < 0 ||
                   admin(r, "create database " BY_BUNDLE " template " BY_ALEMBIC, err) < 0 ? -1 : 0;
}

/* ---- a step ---------------------------------------------------------------------------------------- */

static void differs(struct rehearsal *r, const struct hg_revision *rev, bool down, const char *how)
{
    struct hg_bundle_revision *of = &r->b->revisions[rev->index];
    struct hg_bundle_script *s = down ? &of->downgrade : &of->upgrade;
    struct hg_finding *f = hg_finding_add(r->findings, "HG258", "revision %s, %s: not what Alembic does: %s",
                                          rev->id, down ? "downgrade" : "upgrade", how);
    f->revision = hg_xstrdup(rev->id);
    f->path = hg_xstrdup(rev->path);
    hg_freep(&s->code);
    hg_freep(&s->reason);
    s->class = HG_BUNDLE_NEEDS_PYTHON;
    s->code = hg_xstrdup("differs");
    s->reason = hg_xasprintf("from the bundle it did something else than by Alembic: %s", how);
    s->count = 0;
}

static void rows_list(const struct rehearsal *r, struct hg_revlist *ret)
{
    hg_graph_resolve_rows(r->graph, &r->rows, ret, NULL, NULL);
}

/* *ret_how: heap, why it is not the same; NULL: it is. */
static int from_bundle(struct rehearsal *r, const struct hg_revlist *one, bool down, char **ret_how,
                       struct hg_err *err)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist rows = HG_REVLIST_INIT;
    HG_AUTO(hg_pg_closep) PGconn *a = NULL;
    HG_AUTO(hg_pg_closep) PGconn *b = NULL;
    struct hg_replay_outcome outcome = { 0 };
    struct hg_err failed = { 0 };
    rows_list(r, &rows);
    if (connect_to(r->alembic_url, &a, err) < 0 || connect_to(r->bundle_url, &b, err) < 0)
        return -1;
    struct hg_replay p = { .conn = b, .bundle = r->b, .graph = r->graph, .rows = &rows, .steps = one,
                           .down = down };
    if (hg_replay_run(&p, &outcome, &failed) < 0) {
        *ret_how = hg_xstrdup(failed.message);
        return 0;
    }
    return bundle_compare(a, b, ret_how, err);
}

static void advance(struct rehearsal *r, const struct hg_revlist *one, bool down)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist rows = HG_REVLIST_INIT;
    rows_list(r, &rows);
    hg_strv_done(&r->rows);
    r->rows = (struct hg_strv)HG_STRV_INIT;
    hg_graph_rows_after(r->graph, &rows, one, down, &r->rows);
}

static int step(struct rehearsal *r, const struct hg_revision *rev, bool down, struct hg_err *err)
{
    const struct hg_revision *items[] = { rev };
    const struct hg_revlist one = { items, 1, 1 };
    struct hg_bundle_revision *of = &r->b->revisions[rev->index];
    struct hg_bundle_script *s = down ? &of->downgrade : &of->upgrade;
    HG_AUTO(hg_freep) char *why = NULL;
    HG_AUTO(hg_freep) char *how = NULL;
    int rc = bundle_online_step(&r->online, down, rev->id, &why, err);
    if (rc != 0) {
        r->stopped = rc > 0;
        if (rc > 0 && !hg_streq(s->code, "irreversible"))
            hg_log(HG_LOG_NOTE, "not verified from %s of %s on, which fails by Alembic on an empty database: %s",
                   down ? "downgrade" : "upgrade", rev->id, why);
        return rc < 0 ? -1 : 0;
    }
    if (s->class != HG_BUNDLE_NEEDS_PYTHON) {
        if (from_bundle(r, &one, down, &how, err) < 0)
            return -1;
        s->verified = !how;
        if (how)
            differs(r, rev, down, how);
    }
    advance(r, &one, down);
    return s->verified ? 0 : copy(r, err);
}

static int all_steps(struct rehearsal *r, struct hg_err *err)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist steps = HG_REVLIST_INIT;
    const struct hg_revlist none = HG_REVLIST_INIT;
    if (hg_graph_upgrade(r->graph, &none, "heads", &steps, err) < 0)
        return -1;
    for (size_t i = 0; i < 2 * steps.count && !r->stopped; i++) {
        bool down = i >= steps.count;
        if (hg_now_ns() > r->deadline)
            return hg_fail(err, HG_E_UNKNOWN, "it took longer than %d minutes",
                           (int)(REHEARSE_NS / HG_NS_PER_S / 60));
        const struct hg_revision *rev = steps.items[down ? 2 * steps.count - 1 - i : i];
        if (step(r, rev, down, err) < 0)
            return hg_wrap(err, "%s of %s", down ? "downgrade" : "upgrade", rev->id);
    }
    return 0;
}

/* ---- around them ------------------------------------------------------------------------------------ */

static char *with_database(const char *url, const char *database)
{
    const char *slash = strrchr(url, '/'), *query = strchr(url, '?');
    return hg_xasprintf("%.*s/%s%s", (int)(slash - url), url, database, query ? query : "");
}

static void rehearsal_done(struct rehearsal *r)
{
    bundle_online_done(&r->online);
    hg_pg_closep(&r->admin);
    hg_graph_free(r->graph);
    hg_strv_done(&r->rows);
    hg_freep(&r->alembic_url);
    hg_freep(&r->bundle_url);
}

static int in_cluster(const struct hg_render *how, const char *url, struct hg_bundle *b,
                      struct hg_findings *findings, struct hg_err *err)
{
    HG_AUTO(hg_findings_done) struct hg_findings ignored = HG_FINDINGS_INIT;
    HG_AUTO(hg_online_done) struct hg_online online = { 0 };
    HG_AUTO(rehearsal_done) struct rehearsal r = {
        .b = b, .findings = findings, .online = BUNDLE_ONLINE_INIT, .rows = HG_STRV_INIT,
        .alembic_url = with_database(url, BY_ALEMBIC), .bundle_url = with_database(url, BY_BUNDLE),
        .deadline = hg_now_ns() + REHEARSE_NS,
    };
    if (hg_bundle_graph(b, &r.graph, &ignored, err) < 0 || connect_to(url, &r.admin, err) < 0 ||
        admin(&r, "create database " BY_ALEMBIC, err) < 0 ||
        admin(&r, "create database " BY_BUNDLE, err) < 0 ||
        hg_render_online(how, r.alembic_url, &online, err) < 0 ||
        bundle_online_start(&online, &r.online, err) < 0)
        return -1;
    return all_steps(&r, err);
}

struct place {
    char dir[32];
    struct hg_pg_cluster_options options;
};

static void remove_all(void *context)
{
    struct place *p = context;
    struct hg_err left = { 0 };
    if (hg_pg_cluster_destroy(&p->options, &left) < 0)
        hg_log(HG_LOG_WARNING, "the private PostgreSQL of %s is left over: %s", p->dir, left.message);
    HG_AUTO(hg_freep) char *lock = hg_path_join(p->dir, "postgres.lock");
    (void)unlink(lock);
    (void)rmdir(p->dir);
}

int bundle_rehearse(const struct hg_render *how, struct hg_bundle *b, struct hg_findings *findings,
                    struct hg_err *err)
{
    HG_AUTO(hg_pg_cluster_done) struct hg_pg_cluster c = { 0 };
    HG_AUTO(hg_guard_stop) struct hg_guard guard = HG_GUARD_INIT;
    struct place p = { .dir = "/tmp/headgate-bundle-XXXXXX" };
    if (!mkdtemp(p.dir))
        return hg_fail_errno(err, HG_E_CONFIG, "making a folder in /tmp");
    p.options = (struct hg_pg_cluster_options){ .state_dir = p.dir, .bindir = getenv("HEADGATE_PG_BINDIR"),
                                                .database = "rehearsal", .ephemeral = true };
    hg_guard_start(remove_all, &p, &guard);
    int rc = hg_pg_cluster_start(&p.options, &c, err);
    if (rc == 0)
        rc = in_cluster(how, c.url, b, findings, err);
    remove_all(&p);
    return rc;
}
