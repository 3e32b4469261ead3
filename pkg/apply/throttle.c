/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between two revisions that are committed one by one the migrator waits for our word. Here what has
 * arrived is written down, and replicas, a query or a file may hold the next revision back.
 */
#include "internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/apply_embed.h"

#define ASK_EVERY_NS (1 * HG_NS_PER_S)
#define SAY_EVERY_NS (10 * HG_NS_PER_S)
#define RECORD_EVERY_NS (500 * HG_NS_PER_MS)

static bool any(const struct hg_target_config *t)
{
    return t->throttle_lag_ns || t->throttle_query || t->throttle_file;
}

void hg_run_check_throttle(struct hg_run *r)
{
    bool apart = r->driven.transaction_per_migration;
    if (!r->driven.began || apart || r->steps.count < 2 || !any(r->target.t))
        return;
    (void)hg_finding_add(&r->findings, "HG622", "`throttle` held nothing back: all revisions %s one "
                         "transaction, so there is no point between them",
                         r->have_bundle ? "of the bundle run in" : "run, by env.py, in");
}

bool hg_run_point_due(const struct hg_run *r)
{
    return r->o->one_by_one || any(r->target.t) ||
           hg_now_ns() - r->throttle.recorded_ns > RECORD_EVERY_NS;
}

static void fail(struct hg_run *r, const char *why)
{
    hg_freep(&r->throttle.failed);
    r->throttle.failed = hg_xstrdup(why);
}

int hg_run_throttled(struct hg_run *r)
{
    if (!r->throttle.failed || r->throttle.ended)
        return 0;
    r->throttle.ended = true;
    hg_run_end_sessions(r, false);
    return SIGINT;
}

/* What the migrator says is committed, by the version table's word. */
static int record(struct hg_run *r, struct hg_err *err)
{
    hg_run_forget(r);
    if (hg_run_status(r, err) < 0)
        return -1;
    hg_strv_addv(&r->after, &r->status.rows);
    hg_run_find_applied(r);
    for (size_t i = 0; i < r->driven.steps_committed; i++) {
        const char *revision = r->driven.times[i].revision;
        if (!hg_strv_has(&r->applied, revision))
            return hg_fail(err, HG_E_MIGRATOR, "Alembic reported revision %s as done, but the version table "
                           "%s says otherwise", revision, r->version_table);
    }
    size_t last = r->driven.steps_committed;
    if (!last || !r->ledger.conn)
        return 0;
    r->ledger.conn = r->watch;
    return hg_ledger_step_done(&r->ledger, &r->driven.times[last - 1], hg_now_ns() + HG_APPLY_QUERY_NS, err);
}

static int ask_lag(struct hg_run *r, int64_t deadline_ns, char **ret_why, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_throttle *t = &r->throttle;
    int64_t now = hg_now_ns();
    double allowed = (double)r->target.t->throttle_lag_ns / (double)HG_NS_PER_S;
    HG_AUTO(hg_freep) char *seconds = hg_xasprintf("%.3f", (double)(now - t->noted_ns) / (double)HG_NS_PER_S);
    const char *params[] = { *t->noted ? t->noted : NULL, seconds };
    if (hg_pg_query(r->watch, hg_sql_apply_lag, HG_COUNT(params), params, deadline_ns, &res, err) < 0)
        return hg_wrap(err, "throttle.replica_lag");
    const char *lag = hg_pg_get(res, 0, 3);
    if (lag && strtod(lag, NULL) > allowed)
        *ret_why = hg_xasprintf("replica %s (%s) lags %s s, %.1f s are allowed", hg_pg_get(res, 0, 1),
                                hg_pg_get(res, 0, 2), lag, allowed);
    if (!hg_streq(hg_pg_get(res, 0, 4), "t")) { /* all came there: from here anew */
        (void)snprintf(t->noted, sizeof t->noted, "%s", hg_pg_get(res, 0, 0));
        t->noted_ns = now;
    }
    return 0;
}

void hg_run_note_lag(struct hg_run *r)
{
    HG_AUTO(hg_freep) char *why = NULL;
    struct hg_err ignored = { 0 };
    if (r->target.t->throttle_lag_ns)
        (void)ask_lag(r, hg_now_ns() + HG_APPLY_QUERY_NS, &why, &ignored);
}

static int ask_query(struct hg_run *r, int64_t deadline_ns, char **ret_why, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    const char *sql = r->target.t->throttle_query;
    if (hg_pg_query(r->watch, sql, 0, NULL, deadline_ns, &res, err) < 0)
        return hg_wrap(err, "throttle.query");
    if (PQntuples(res) != 1 || PQnfields(res) != 1 || PQftype(res, 0) != 16 /* boolean */)
        return hg_fail(err, HG_E_CONFIG, "throttle.query must return one row with one boolean: %.200s", sql);
    if (!hg_streq(hg_pg_get(res, 0, 0), "t"))
        *ret_why = hg_xasprintf("throttle.query does not return true: %.200s", sql);
    return 0;
}

/* Why the next revision may not begin yet, or NULL. */
static int held_back(struct hg_run *r, char **ret_why, struct hg_err *err)
{
    const struct hg_target_config *t = r->target.t;
    int64_t deadline = hg_now_ns() + HG_APPLY_QUERY_NS;
    if (t->throttle_file) {
        HG_AUTO(hg_freep) char *path = hg_path_join(r->target.config.dir, t->throttle_file);
        if (access(path, F_OK) == 0) {
            *ret_why = hg_xasprintf("file %s exists", path);
            return 0;
        }
    }
    if (t->throttle_lag_ns && ask_lag(r, deadline, ret_why, err) < 0)
        return -1;
    if (!*ret_why && t->throttle_query)
        return ask_query(r, deadline, ret_why, err);
    return 0;
}

static void say(struct hg_run *r, const char *why, int64_t waited_ns)
{
    struct hg_throttle *t = &r->throttle;
    if (hg_now_ns() < t->said_ns)
        return;
    t->said_ns = hg_now_ns() + SAY_EVERY_NS;
    json_t *event = hg_note("throttle");
    json_object_set_new(event, "why", hg_event_text(why));
    json_object_set_new(event, "waited", json_real((double)waited_ns / (double)HG_NS_PER_S));
    json_object_set_new(event, "limit",
                        json_real((double)r->target.t->throttle_limit_ns / (double)HG_NS_PER_S));
    json_object_set_new(event, "applied", hg_json_list(&r->applied));
    hg_emit(r, event);
}

void hg_throttle_again(struct hg_throttle *t, int words, int given)
{
    struct hg_throttle again = { .words = words, .given = given, .recorded_ns = t->recorded_ns,
                                 .noted_ns = t->noted_ns };
    (void)snprintf(again.noted, sizeof again.noted, "%s", t->noted);
    *t = again;
}

static int give_word(struct hg_run *r, struct hg_err *err)
{
    struct hg_throttle *t = &r->throttle;
    int number = t->words + r->driven.paces;
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    char class_text[16], now_text[16], before_text[16];
    (void)snprintf(class_text, sizeof class_text, "%d", HG_LOCK_CLASS_PACE);
    (void)snprintf(now_text, sizeof now_text, "%d", number);
    (void)snprintf(before_text, sizeof before_text, "%d", t->given);
    const char *params[] = { class_text, now_text, before_text };
    if (hg_pg_query(r->lock, hg_sql_apply_word, HG_COUNT(params), params, hg_now_ns() + HG_APPLY_QUERY_NS,
                    &res, err) < 0)
        return -1;
    if (!hg_streq(hg_pg_get(res, 0, 0), "true"))
        return hg_fail(err, HG_E_MIGRATOR, "the word for revision %d could not be given", number);
    hg_throttle_again(t, t->words, number);
    r->driven.paces = 0;
    return 0;
}

void hg_run_pace(struct hg_run *r)
{
    struct hg_throttle *t = &r->throttle;
    int64_t now = hg_now_ns();
    if (!r->driven.paces || !r->lock || t->failed || now < t->next_ns)
        return;
    t->next_ns = now + ASK_EVERY_NS;
    t->since_ns = t->since_ns ? t->since_ns : now;
    HG_AUTO(hg_freep) char *why = NULL;
    struct hg_err err = { 0 };
    if (!t->recorded && record(r, &err) < 0) {
        fail(r, err.message);
        return;
    }
    t->recorded = true;
    t->recorded_ns = now;
    if (held_back(r, &why, &err) < 0) {
        fail(r, err.message);
        return;
    }
    if (!why) {
        if (give_word(r, &err) < 0)
            fail(r, err.message);
        return;
    }
    say(r, why, now - t->since_ns);
    if (now - t->since_ns < r->target.t->throttle_limit_ns)
        return;
    HG_AUTO(hg_freep) char *text = hg_xasprintf("%s (waited %.0f s, the limit)", why,
                                                (double)(now - t->since_ns) / (double)HG_NS_PER_S);
    fail(r, text);
}
