/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle is tried before it is written: in a private PostgreSQL one database goes through the history by
 * Alembic, another from the bundle, and after each revision they must hold the same. Where they do not, or
 * where only Alembic can make the step, the second becomes a copy of the first and the way goes on. Where
 * Alembic itself cannot go back, the way goes on below: from a copy that was kept on the way up.
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
#define KEPT        "kept_%zu"
#define KEEP_EVERY  25  /* steps, besides below each downgrade that is known to fail */
#define KEPT_MAX    100 /* some 8 MB each */

struct rehearsal {
    struct hg_bundle *b;
    struct hg_graph *graph;
    struct hg_findings *findings;
    struct bundle_online online;
    char *alembic_url, *bundle_url;
    PGconn *admin;
    struct hg_strv rows;        /* of both version tables */
    struct hg_revlist steps;
    struct hg_strv **kept;      /* before each step: the rows of the database that was kept, or NULL */
    size_t kept_count;
    int64_t deadline;
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

/* Has Alembic written down what it did? Not where a revision commits and env.py does not do so after it. */
static int recorded(const struct rehearsal *r, bool *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_closep) PGconn *conn = NULL;
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (connect_to(r->alembic_url, &conn, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *table = hg_replay_table(r->b);
    HG_AUTO(hg_freep) char *sql = hg_xasprintf("select version_num from %s", table);
    struct hg_err elsewhere = { 0 };
    *ret = true;
    if (hg_pg_query(conn, sql, 0, NULL, hg_now_ns() + QUERY_NS, &res, &elsewhere) < 0)
        return 0; /* env.py sets a search_path of its own, say: the comparisons will tell */
    *ret = (size_t)PQntuples(res) == r->rows.count;
    for (int i = 0; *ret && i < PQntuples(res); i++)
        *ret = hg_strv_has(&r->rows, PQgetvalue(res, i, 0));
    return 0;
}

static void say_failed(const struct hg_revision *rev, const struct hg_bundle_script *s, bool down,
                       const char *why)
{
    if (!hg_streq(s->code, "irreversible") && !hg_streq(s->code, "fails"))
        hg_log(HG_LOG_NOTE, "not verified: %s of %s%s, which fails by Alembic on an empty database: %s",
               down ? "downgrade" : "upgrade", rev->id, down ? "" : " and what comes after it", why);
}

/* 1: Alembic itself comes to an end here. */
static int step(struct rehearsal *r, const struct hg_revision *rev, bool down, struct hg_err *err)
{
    const struct hg_revision *items[] = { rev };
    const struct hg_revlist one = { items, 1, 1 };
    struct hg_bundle_revision *of = &r->b->revisions[rev->index];
    struct hg_bundle_script *s = down ? &of->downgrade : &of->upgrade;
    HG_AUTO(hg_freep) char *why = NULL;
    HG_AUTO(hg_freep) char *how = NULL;
    int rc = bundle_online_step(&r->online, down, rev->id, &why, err);
    if (rc > 0)
        say_failed(rev, s, down, why);
    if (rc != 0)
        return rc;
    if (s->class != HG_BUNDLE_NEEDS_PYTHON) {
        if (from_bundle(r, &one, down, &how, err) < 0)
            return -1;
        s->verified = !how;
        if (how)
            differs(r, rev, down, how);
    }
    advance(r, &one, down);
    bool known = true;
    if (!s->verified && recorded(r, &known, err) < 0)
        return -1;
    if (!known)
        hg_log(HG_LOG_NOTE, "not verified: what comes after %s of %s, which Alembic has run and not written down: it "
               "commits, and env.py does not commit after it", down ? "downgrade" : "upgrade", rev->id);
    return !known ? 1 : s->verified ? 0 : copy(r, err);
}

/* ---- the way ----------------------------------------------------------------------------------------- */

static bool no_way_back(const struct rehearsal *r, size_t i)
{
    const char *code = r->b->revisions[r->steps.items[i]->index].downgrade.code;
    return hg_streq(code, "irreversible") || hg_streq(code, "fails");
}

static int keep(struct rehearsal *r, size_t i, struct hg_err *err)
{
    bool below = i > 0 && no_way_back(r, i) && !no_way_back(r, i - 1);
    if (!(below || (i > 0 && i % KEEP_EVERY == 0)) || r->kept_count == KEPT_MAX)
        return 0;
    HG_AUTO(hg_freep) char *sql = hg_xasprintf("create database " KEPT " template " BY_ALEMBIC, i);
    if (admin(r, sql, err) < 0)
        return -1;
    r->kept[i] = hg_xcalloc(1, sizeof *r->kept[i]);
    hg_strv_addv(r->kept[i], &r->rows);
    r->kept_count++;
    return 0;
}

static int take_kept(struct rehearsal *r, size_t i, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *sql = hg_xasprintf("alter database " KEPT " rename to " BY_ALEMBIC, i);
    if (admin(r, "drop database " BY_ALEMBIC " with (force)", err) < 0 || admin(r, sql, err) < 0)
        return -1;
    hg_strv_done(&r->rows);
    r->rows = *r->kept[i];
    hg_freep(&r->kept[i]);
    return copy(r, err);
}

static int one_step(struct rehearsal *r, size_t i, bool down, struct hg_err *err)
{
    const struct hg_revision *rev = r->steps.items[i];
    if (hg_now_ns() > r->deadline)
        return hg_fail(err, HG_E_UNKNOWN, "it took longer than %d minutes",
                       (int)(REHEARSE_NS / HG_NS_PER_S / 60));
    int rc = down ? 0 : keep(r, i, err);
    if (rc == 0)
        rc = step(r, rev, down, err);
    return rc < 0 ? hg_wrap(err, "%s of %s", down ? "downgrade" : "upgrade", rev->id) : rc;
}

static int all_steps(struct rehearsal *r, struct hg_err *err)
{
    const struct hg_revlist none = HG_REVLIST_INIT;
    int rc = hg_graph_upgrade(r->graph, &none, "heads", &r->steps, err);
    size_t done = 0;
    r->kept = hg_xcalloc(r->steps.count + 1, sizeof *r->kept);
    while (rc == 0 && done < r->steps.count) {
        rc = one_step(r, done, false, err);
        done += rc == 0;
    }
    for (size_t i = done; rc >= 0 && i-- > 0;) {
        if (rc > 0 && !r->kept[i + 1])
            continue;
        rc = rc > 0 ? take_kept(r, i + 1, err) : 0;
        if (rc == 0)
            rc = one_step(r, i, true, err);
    }
    return rc < 0 ? -1 : 0;
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
    for (size_t i = 0; r->kept && i <= r->steps.count; i++) {
        if (r->kept[i])
            hg_strv_done(r->kept[i]);
        hg_freep(&r->kept[i]);
    }
    hg_freep(&r->kept);
    hg_revlist_done(&r->steps);
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
        .steps = HG_REVLIST_INIT,
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
