/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "gen/apply_embed.h"

/* The migrator's sessions may take a moment to end after their process did, and a server that was
 * killed takes a moment to come back; until then what the version table says may still change. */
#define SETTLE_NS     (30 * HG_NS_PER_S)
#define SETTLE_MS     200 /* between two looks, at most: most are gone with the first */
#define VERIFY_NS     (10 * HG_NS_PER_S)

bool hg_strv_same_set(const struct hg_strv *a, const struct hg_strv *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (!hg_strv_has(b, a->items[i]))
            return false;
    for (size_t i = 0; i < b->count; i++)
        if (!hg_strv_has(a, b->items[i]))
            return false;
    return true;
}

/* What migrations leave: invalid indexes, and constraints ("table name") that were never validated. */
static int leftovers(PGconn *conn, struct hg_strv *ret_invalid, struct hg_strv *ret_unvalidated, struct hg_err *err)
{
    struct hg_pg_ask asks[] = { { .sql = hg_sql_apply_invalid_indexes }, { .sql = hg_sql_apply_unvalidated } };
    int rc = hg_pg_ask_each(conn, asks, HG_COUNT(asks), hg_now_ns() + VERIFY_NS, err);
    if (rc == 0)
        rc = hg_pg_answered(&asks[0], err);
    for (int row = 0; rc == 0 && row < PQntuples(asks[0].res); row++)
        hg_strv_add(ret_invalid, hg_pg_get(asks[0].res, row, 0));
    for (int row = 0; rc == 0 && row < PQntuples(asks[1].res); row++)
        hg_strv_addf(ret_unvalidated, "%s %s", hg_pg_get(asks[1].res, row, 0), hg_pg_get(asks[1].res, row, 1));
    if (rc == 0 && !asks[1].res)
        hg_log(HG_LOG_INFO, "%s", asks[1].err.message);
    hg_pg_asks_done(asks, HG_COUNT(asks));
    return rc;
}

/* 1: some session still holds the migrator lock; 0: none; -1. */
static int migrator_left(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (hg_run_holders(r->watch, r->key, HG_LOCK_CLASS_MIGRATOR, &res, err) < 0)
        return -1;
    return PQntuples(res) > 0;
}

/* A new session; as migrator_left. */
static int connect(struct hg_run *r, struct hg_err *err)
{
    struct hg_lock_name migrator = hg_lock_name(r->key, HG_LOCK_CLASS_MIGRATOR);
    const char *params[] = { migrator.class, migrator.key };
    struct hg_pg_ask ask = { .sql = hg_sql_apply_holders, .nparams = HG_COUNT(params), .params = params };
    int rc = hg_run_connect(r, "verify", &ask, 1, &r->watch, err);
    if (rc == 0)
        rc = hg_pg_answered(&ask, err);
    int left = rc < 0 ? -1 : PQntuples(ask.res) > 0;
    hg_pg_asks_done(&ask, 1);
    return left;
}

static int connect_and_wait(struct hg_run *r, struct hg_err *err)
{
    int64_t deadline = hg_now_ns() + SETTLE_NS;
    int wait_ms = 2;
    for (;;) {
        hg_pg_closep(&r->watch);
        int left = connect(r, err);
        while (left > 0 && hg_now_ns() < deadline) {
            (void)poll(NULL, 0, wait_ms);
            wait_ms = wait_ms * 2 < SETTLE_MS ? wait_ms * 2 : SETTLE_MS;
            left = migrator_left(r, err);
        }
        if (left == 0)
            return 0;
        if (left > 0) {
            (void)hg_finding_add(&r->findings, "HG606", "a session of the migrator is still at work "
                                 "in %s; what is said here may change", r->identity.database);
            return 0;
        }
        if (hg_now_ns() >= deadline)
            return -1;
        (void)poll(NULL, 0, SETTLE_MS);
    }
}

void hg_run_find_applied(struct hg_run *r)
{
    HG_AUTO(hg_freep) bool *in = hg_graph_applied_rows(r->graph, &r->after);
    for (size_t i = 0; i < r->steps.count; i++)
        if (in[r->steps.items[i]->index] != r->o->down)
            hg_strv_add(&r->applied, r->steps.items[i]->id);
}

static void report_invalid(struct hg_run *r, const struct hg_strv *invalid)
{
    for (size_t i = 0; i < invalid->count; i++) {
        if (hg_strv_has(&r->invalid_before, invalid->items[i]))
            continue;
        struct hg_finding *f = hg_finding_add(&r->findings, "HG607", "index %s was left invalid: "
                                              "nothing reads it, every write pays for it",
                                              invalid->items[i]);
        f->object = hg_xstrdup(invalid->items[i]);
        f->help = hg_xasprintf("DROP INDEX CONCURRENTLY %s; then run the migration again",
                               invalid->items[i]);
    }
}

void hg_run_leftovers_before(struct hg_run *r)
{
    struct hg_err ignored = { 0 };
    if (r->invalid_before.count || r->unvalidated_before.count)
        return; /* of the first try */
    if (leftovers(r->watch, &r->invalid_before, &r->unvalidated_before, &ignored) < 0)
        hg_log(HG_LOG_INFO, "%s", ignored.message);
}

/* A revision that says so leaves the second half to a later one. */
static bool on_purpose(const struct hg_run *r)
{
    for (size_t i = 0; i < r->steps.count; i++) {
        size_t len = 0;
        const char *text = hg_graph_text(r->graph, r->steps.items[i], &len);
        HG_AUTO(hg_freep) char *ended = text ? hg_xstrndup(text, len) : NULL;
        if (ended && (strcasestr(ended, "not valid") || strcasestr(ended, "not_valid")))
            return true;
    }
    return false;
}

static void report_unvalidated(struct hg_run *r, const struct hg_strv *now)
{
    for (size_t i = 0; i < now->count; i++) {
        const char *name = strchr(now->items[i], ' ');
        if (hg_strv_has(&r->unvalidated_before, now->items[i]) || !name)
            continue;
        HG_AUTO(hg_freep) char *table = hg_xstrndup(now->items[i], (size_t)(name - now->items[i]));
        struct hg_finding *f = hg_finding_add(&r->findings, "HG609", "constraint%s on %s was left NOT VALID: old "
                                              "rows were not looked at", name, table);
        f->object = hg_xasprintf("%s.%s", table, name + 1);
        f->help = hg_xasprintf("ALTER TABLE %s VALIDATE CONSTRAINT%s; checks them without stopping anybody",
                               table, name);
        f->severity = on_purpose(r) ? HG_SEV_NOTE : f->severity;
    }
}

int hg_run_stand(struct hg_run *r, struct hg_err *err)
{
    hg_run_forget(r);
    if (connect_and_wait(r, err) < 0 || hg_run_status(r, err) < 0)
        return -1;
    if (!r->status.vt_readable && r->status.vt_exists)
        return hg_fail(err, HG_E_DATABASE, "the version table %s cannot be read", r->version_table);
    hg_strv_addv(&r->after, &r->status.rows);
    r->to_known = true;
    hg_run_find_applied(r);
    return 0;
}

int hg_run_verify(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv unvalidated = HG_STRV_INIT;
    if (hg_run_stand(r, err) < 0)
        return -1;
    if (leftovers(r->watch, &r->invalid_after, &unvalidated, err) < 0)
        return -1;
    report_invalid(r, &r->invalid_after);
    report_unvalidated(r, &unvalidated);
    hg_run_find_changed(r);
    return 0;
}

void hg_run_tell_verified(struct hg_run *r)
{
    hg_run_found_changed(r);
    json_t *event = hg_event("verify");
    json_object_set_new(event, "rows", hg_json_list(&r->after));
    json_object_set_new(event, "expected", hg_json_list(&r->to));
    json_object_set_new(event, "state", json_string(hg_state_name(r->status.state)));
    json_object_set_new(event, "invalid_indexes", hg_json_list(&r->invalid_after));
    json_object_set(event, "changed", r->changed ? r->changed : json_null());
    hg_emit(r, event);
}
