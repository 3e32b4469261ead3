/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The migrator without Python: the steps of a bundle, made here on a session of their own. What the
 * driver does around Alembic is done around them: the session is identified, settled and holds the
 * migrator lock before the first statement, and what happens is told by the same reports.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "gen/apply_embed.h"
#include "replay/replay.h"

static int64_t soon(void)
{
    return hg_now_ns() + HG_APPLY_QUERY_NS;
}

int hg_run_read_bundle(struct hg_run *r, struct hg_err *err)
{
    if (!r->o->bundle)
        return 0;
    if (r->o->files_from_ledger)
        return hg_fail(err, HG_E_USAGE, "--files-from-ledger wants Python, and a bundle is run without");
    if (hg_bundle_open(r->o->bundle, &r->bundle, err) < 0)
        return -1;
    r->have_bundle = true;
    return 0;
}

int hg_run_load_bundle(struct hg_run *r, struct hg_err *err)
{
    if (!r->have_alembic &&
        hg_target_bundle_trusted(&r->target, r->o->bundle, &r->bundle, &r->findings, err) < 0)
        return -1;
    if (!r->have_alembic)
        hg_replay_config(&r->bundle, r->o->common->dir, &r->alembic);
    r->have_alembic = true;
    if (hg_bundle_graph(&r->bundle, &r->graph, &r->findings, err) < 0)
        return -1;
    hg_graph_digests(r->graph);
    return 0;
}

void hg_run_judge_bundle(const struct hg_run *r, struct hg_findings *ret)
{
    if (r->have_bundle && !r->o->baseline && !r->o->adopt)
        hg_replay_findings(&r->bundle, &r->steps, r->o->down, ret);
}

int hg_run_bundle_fits(const struct hg_run *r, struct hg_err *err)
{
    if (!r->have_bundle || r->o->baseline || r->o->adopt)
        return 0;
    if (hg_bundle_can_run(&r->bundle, &r->steps, r->o->down, err) < 0)
        return *err->hint ? -1 : hg_hint(err, "headgate explain HG260; with the project's Python: headgate %s",
                                         r->o->down ? "rollback" : "apply");
    HG_AUTO(hg_revlist_done) struct hg_revlist rows = HG_REVLIST_INIT;
    hg_graph_resolve_rows(r->graph, &r->status.rows, &rows, NULL, NULL);
    const struct hg_replay p = { .graph = r->graph, .rows = &rows, .steps = &r->steps, .down = r->o->down };
    if (hg_replay_rows_follow(&p, err) == 0)
        return 0;
    return hg_hint(err, "nothing was begun; headgate history shows how the revisions hang together: a merge (or "
                   "another depends_on) may bring the branches together in another order");
}

/* ---- the session ------------------------------------------------------------------------------- */

static bool differ(const char *a, const char *b)
{
    return a && b && !hg_streq(a, b);
}

static int same_database(const struct hg_run *r, PGconn *conn, const struct hg_pg_ask *asks, struct hg_err *err)
{
    HG_AUTO(hg_identity_done) struct hg_identity i = { 0 };
    const struct hg_identity *was = &r->identity;
    if (hg_identity_take(conn, was, asks, &i, err) < 0)
        return -1;
    if (differ(i.system_identifier, was->system_identifier) || differ(i.database, was->database) ||
        differ(i.oid, was->oid))
        return hg_fail(err, HG_E_REFUSED, "the address led to database %s (oid %s, system %s), but %s "
                       "(oid %s, system %s) was judged", i.database, i.oid,
                       i.system_identifier ? i.system_identifier : "unknown", was->database, was->oid,
                       was->system_identifier ? was->system_identifier : "unknown");
    return 0;
}

/* What is set, and asked. */
struct settings {
    json_t *object;
    const char *params[HG_SETTINGS_MAX][2];
    size_t count;
};

static void settings_done(struct settings *s)
{
    json_decref(s->object);
}

static void settings_of(const struct hg_run *r, struct settings *ret)
{
    const char *name;
    json_t *value;
    *ret = (struct settings){ .object = hg_driver_settings(r) };
    json_object_foreach(ret->object, name, value)
    {
        if (ret->count == HG_SETTINGS_MAX)
            HG_BUG("more settings than there is room for");
        ret->params[ret->count][0] = name;
        ret->params[ret->count++][1] = json_string_value(value);
    }
}

/* What was set is read on another way to the server, which a pooler may send elsewhere. */
static int all_kept(const struct settings *s, const struct hg_pg_ask *set, const struct hg_pg_ask *read,
                    struct hg_err *err)
{
    for (size_t i = 0; i < s->count; i++) {
        if (hg_pg_answered(&set[i], err) < 0 || hg_pg_answered(&read[i], err) < 0)
            return hg_wrap(err, "setting what the session needs");
        const char *told = hg_pg_get(set[i].res, 0, 0), *is = hg_pg_get(read[i].res, 0, 0);
        if (hg_streq(told, is))
            continue;
        (void)hg_fail(err, HG_E_REFUSED, "%s was set to %s but reads %s: a pooler between headgate and the database "
                      "does not keep a session", s->params[i][0], told, is);
        return hg_hint(err, "set direct_url for this target");
    }
    return 0;
}

static int settle(struct hg_run *r, PGconn *conn, const struct settings *s, const struct hg_pg_ask *set,
                  struct hg_err *err)
{
    char limit[32];
    (void)snprintf(limit, sizeof limit, "%lld", (long long)(hg_run_lock_timeout(r) / HG_NS_PER_MS));
    const char *params[] = { limit };
    struct hg_pg_ask asks[HG_SETTINGS_MAX + 2], *wishes = &asks[s->count], *limited = wishes + 1;
    for (size_t i = 0; i < s->count; i++)
        asks[i] = (struct hg_pg_ask){ .sql = "select pg_catalog.current_setting($1)", .nparams = 1,
                                      .params = s->params[i] };
    *wishes = (struct hg_pg_ask){ .sql = hg_sql_apply_wishes };
    *limited = (struct hg_pg_ask){ .sql = hg_sql_apply_limit, .nparams = 1, .params = params };
    size_t count = s->count + (r->target.t->lock_timeout_ns ? 1 : 2);
    int rc = hg_pg_ask_each(conn, asks, count, soon(), err);
    if (rc == 0)
        rc = all_kept(s, set, asks, err);
    if (rc == 0 && !wishes->res) /* not every server has them */
        hg_log(HG_LOG_INFO, "%s", wishes->err.message);
    if (rc == 0 && count > s->count + 1)
        rc = hg_pg_answered(limited, err);
    hg_pg_asks_done(asks, count);
    return rc;
}

/* Before its first statement, reported as the driver does. */
static int stop(struct hg_run *r, const char *why, const char *message)
{
    json_t *report = json_pack("{s:s, s:b, s:s, s:s, s:b}", "event", "result", "ok", 0, "stopped", why, "message",
                               message, "touched", 0);
    hg_driver_report(r, report);
    json_decref(report);
    return 1;
}

/* Shared by all sessions of a migrator; our own lock is looked at after it: had it been lost before,
 * another runner could have found the migrator lock free and started. As `prepare`. */
static int lock(struct hg_run *r, PGconn *conn, struct hg_err *err)
{
    char pid[16];
    (void)snprintf(pid, sizeof pid, "%d", r->lock_pid);
    struct hg_lock_name migrator = hg_lock_name(r->key, HG_LOCK_CLASS_MIGRATOR);
    struct hg_lock_name apply = hg_lock_name(r->key, HG_LOCK_CLASS_APPLY);
    const char *share[] = { migrator.class, migrator.key }, *look[] = { apply.class, apply.key };
    struct hg_pg_ask asks[] = { { .sql = hg_sql_apply_share_migrator, .nparams = 2, .params = share },
                                { .sql = hg_sql_apply_holders, .nparams = 2, .params = look } };
    int rc = hg_pg_ask_all(conn, asks, HG_COUNT(asks), soon(), err);
    bool got = rc == 0 && hg_streq(hg_pg_get(asks[0].res, 0, 0), "true"), ours = false;
    for (int row = 0; rc == 0 && row < PQntuples(asks[1].res); row++)
        ours = ours || hg_streq(hg_pg_get(asks[1].res, row, 0), pid);
    hg_pg_asks_done(asks, HG_COUNT(asks));
    if (rc < 0)
        return hg_wrap(err, "taking the migrator lock");
    if (!got)
        return stop(r, "lock", "another headgate is about to start a migration of this database");
    return ours ? 0 : stop(r, "lock", "the session that held the apply lock is gone");
}

/* 0: fit; 1: stopped, as the version table is another one than the judged, or the lock is lost; -1. */
static int fits(struct hg_run *r, PGconn *conn, struct hg_err *err)
{
    const struct hg_status *s = &r->status;
    bool elsewhere = false;
    int locked = lock(r, conn, err);
    if (locked != 0)
        return locked;
    const char *judged = !s->vt_exists ? NULL : s->vt_schema ? s->vt_schema : "public";
    if (hg_replay_settled(conn, &r->bundle, judged, soon(), &elsewhere, err) == 0)
        return 0;
    return elsewhere ? stop(r, "version-table", err->message) : -1;
}

/* A session in the judged database, with its settings; then as `fits`. */
static int prepare(struct hg_run *r, PGconn **ret, struct hg_err *err)
{
    HG_AUTO(settings_done) struct settings s;
    struct hg_pg_ask asks[HG_FIRST_ASKS];
    size_t identity = hg_identity_asks(&r->identity, asks), count = identity;
    settings_of(r, &s);
    for (size_t i = 0; i < s.count; i++)
        asks[count++] = (struct hg_pg_ask){ .sql = "select pg_catalog.set_config($1, $2, false)", .nparams = 2,
                                            .params = s.params[i] };
    int rc = hg_run_connect_migrator(r, asks, count, ret, err);
    if (rc == 0)
        rc = same_database(r, *ret, asks, err);
    if (rc == 0)
        rc = settle(r, *ret, &s, asks + identity, err);
    hg_pg_asks_done(asks, count);
    return rc < 0 ? -1 : fits(r, *ret, err);
}

/* ---- the run ----------------------------------------------------------------------------------- */

static void report_event(void *run, enum hg_replay_event event, const struct hg_revision *revision)
{
    struct hg_run *r = run;
    json_t *report = NULL;
    switch (event) {
    case HG_REPLAY_BEGIN:
    case HG_REPLAY_END:
        report = json_pack("{s:s, s:s, s:s}", "event", "step", "revision", revision->id, "phase",
                           event == HG_REPLAY_BEGIN ? "begin" : "end");
        break;
    case HG_REPLAY_COMMIT:
        report = json_pack("{s:s}", "event", "commit");
        break;
    case HG_REPLAY_ROLLBACK:
    case HG_REPLAY_PREPARE:
        report = json_pack("{s:s, s:b}", "event", "undone", "stays", event == HG_REPLAY_PREPARE);
        break;
    case HG_REPLAY_ALONE:
        report = json_pack("{s:s}", "event", "alone");
        break;
    case HG_REPLAY_BLOCK:
        report = json_pack("{s:s, s:s}", "event", "isolation", "level", "AUTOCOMMIT");
        break;
    case HG_REPLAY_POINT:
        report = json_pack("{s:s, s:i}", "event", "pace", "number", (int)r->driven.steps_committed);
        break;
    }
    hg_driver_report(r, report);
    json_decref(report);
}

static bool tick(void *run)
{
    return hg_run_tick(run) == 0;
}

static bool point_due(void *run)
{
    return hg_run_point_due(run);
}

/* The point was reported as the driver does, so the word is given as to the driver. */
static bool may_begin(void *run)
{
    const struct hg_run *r = run;
    return !r->driven.paces;
}

static void report_result(struct hg_run *r, const struct hg_replay_outcome *o, const struct hg_err *err)
{
    HG_AUTO(hg_freep) char *where = NULL;
    if (o->revision && o->chunk)
        where = hg_xasprintf("revision %s, statement %zu of %zu", o->revision->id, o->chunk, o->chunks);
    else if (o->revision)
        where = hg_xasprintf("revision %s, version table", o->revision->id);
    else
        where = hg_xstrdup("transaction");
    bool ok = err->kind == HG_E_NONE;
    json_t *report = json_pack("{s:s, s:b}", "event", "result", "ok", ok);
    if (!ok) {
        json_object_set_new(report, "exception", hg_event_text(where));
        json_object_set_new(report, "message", hg_event_text(err->message));
        json_object_set_new(report, "sqlstate", hg_event_text(err->sqlstate));
    }
    hg_driver_report(r, report);
    json_decref(report);
}

static void replay(struct hg_run *r, PGconn *conn, struct hg_migrated *ret)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist rows = HG_REVLIST_INIT;
    HG_AUTO(hg_revlist_done) struct hg_revlist left = HG_REVLIST_INIT;
    hg_graph_resolve_rows(r->graph, &r->status.rows, &rows, NULL, NULL);
    for (size_t i = 0; i < r->steps.count; i++) {
        if (hg_strv_has(&r->applied, r->steps.items[i]->id)) /* by an earlier try */
            continue;
        left.items = hg_grow(left.items, left.count, &left.cap, sizeof *left.items);
        left.items[left.count++] = r->steps.items[i];
    }
    struct hg_replay p = { .conn = conn, .bundle = &r->bundle, .graph = r->graph, .rows = &rows,
                           .steps = &left, .down = r->o->down, .one_by_one = r->o->one_by_one,
                           .on_event = report_event, .tick = tick, .tick_ns = HG_APPLY_TICK_NS,
                           .point_due = point_due, .may_begin = may_begin, .context = r };
    struct hg_replay_outcome outcome = { 0 };
    struct hg_err failed = { 0 };
    int rc = hg_replay_run(&p, &outcome, &failed);
    report_result(r, &outcome, &failed);
    if (outcome.lost) /* it may still be at work, and nobody would hear of it */
        hg_run_end_sessions(r, true);
    *ret = (struct hg_migrated){ .ok = rc == 0, .code = rc == 0 ? 0 : 1, .timed_out = r->timed_out };
}

int hg_run_migrate_from_bundle(struct hg_run *r, struct hg_migrated *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_closep) PGconn *conn = NULL;
    int fit = prepare(r, &conn, err);
    if (fit != 0)
        return fit < 0 ? -1 : 0;
    json_t *began = json_pack("{s:s}", "event", "start");
    json_t *session = json_pack("{s:s, s:i}", "event", "session", "pid", PQbackendPID(conn));
    json_t *mode = json_pack("{s:s, s:b}", "event", "configure", "transaction_per_migration",
                             r->o->one_by_one || hg_replay_one_by_one(&r->bundle));
    json_t *const reports[] = { began, session, mode };
    for (size_t i = 0; i < HG_COUNT(reports); i++) {
        hg_driver_report(r, reports[i]);
        json_decref(reports[i]);
    }
    replay(r, conn, ret);
    return 0;
}
