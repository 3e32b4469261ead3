/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "gen/apply_embed.h"

#define WATCH_EVERY_NS (2 * HG_NS_PER_S)
#define WATCH_LIVE_NS  (1 * HG_NS_PER_S) /* somebody looks at it */
#define WATCH_QUERY_NS (1 * HG_NS_PER_S)

static json_t *number(const char *text)
{
    return text ? json_integer((json_int_t)strtoll(text, NULL, 10)) : json_null();
}

static json_t *blocker(const PGresult *res)
{
    if (!hg_pg_get(res, 0, 6))
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "pid", number(hg_pg_get(res, 0, 6)), "user",
                     hg_event_text(hg_pg_get(res, 0, 7)), "application",
                     hg_event_text(hg_pg_get(res, 0, 8)), "state", hg_event_text(hg_pg_get(res, 0, 9)),
                     "seconds", number(hg_pg_get(res, 0, 10)));
}

/* Of what no server tells the phase: what the statement says of itself. NULL: nothing. */
static const char *phase_of(const char *query)
{
    static const struct { const char *words, *not_words, *phase; } PHASES[] = {
        { "VALIDATE CONSTRAINT", NULL, "validating: every row is read" },
        { "FOREIGN KEY", "NOT VALID", "adding a foreign key: every row is looked up" },
        { "ADD CONSTRAINT", "NOT VALID", "adding a constraint: every row is checked" },
        { "SET NOT NULL", NULL, "every row is checked" },
        { "REFRESH MATERIALIZED VIEW", NULL, "filling the view" },
    };
    for (size_t i = 0; query && i < HG_COUNT(PHASES); i++)
        if (strcasestr(query, PHASES[i].words) &&
            (!PHASES[i].not_words || !strcasestr(query, PHASES[i].not_words)))
            return PHASES[i].phase;
    return NULL;
}

/* News are other words, or more done. Without any the time alone is told, ever more seldom. */
static bool is_news(struct hg_run *r, const PGresult *res)
{
    HG_AUTO(hg_buf_done) struct hg_buf key = HG_BUF_INIT;
    static const int COLUMNS[] = { 0, 1, 2, 3, 4, 6, 11, 12 };
    for (size_t i = 0; i < HG_COUNT(COLUMNS); i++) {
        const char *text = hg_pg_get(res, 0, COLUMNS[i]);
        hg_buf_addf(&key, "%s|", text ? text : "");
    }
    return hg_apply_pace(&r->pace, hg_buf_str(&key), hg_now_ns());
}

/* A total of 0 is not known. */
static void add_progress(const PGresult *res, json_t *event)
{
    const char *phase = hg_pg_get(res, 0, 11), *state = hg_pg_get(res, 0, 1);
    const char *done = hg_pg_get(res, 0, 12), *total = hg_pg_get(res, 0, 13);
    long long all = total ? strtoll(total, NULL, 10) : 0, some = done ? strtoll(done, NULL, 10) : 0;
    if (!phase && hg_streq(state, "active"))
        phase = phase_of(hg_pg_get(res, 0, 4));
    json_object_set_new(event, "phase", hg_event_text(phase));
    json_object_set_new(event, "done", number(done));
    json_object_set_new(event, "total", all > 0 ? json_integer(all) : json_null());
    json_object_set_new(event, "unit", hg_event_text(hg_pg_get(res, 0, 14)));
    json_object_set_new(event, "percent", all <= 0 ? json_null() : json_real(
        some >= all ? 100.0 : (double)(some * 1000 / all) / 10));
}

/* The revision that runs, for how long, and what it took before. */
static void add_step(const struct hg_run *r, json_t *event)
{
    const struct hg_driven *d = &r->driven;
    const struct hg_ledger_times *now = d->time_count ? &d->times[d->time_count - 1] : NULL;
    json_object_set_new(event, "revision", hg_event_text(now ? now->revision : NULL));
    json_object_set_new(event, "position", json_integer((json_int_t)d->time_count));
    json_object_set_new(event, "count", json_integer((json_int_t)r->steps.count));
    json_object_set_new(event, "elapsed_seconds",
                        !now ? json_null()
                             : json_real((double)((hg_wall_ns() - now->started_ns) / HG_NS_PER_MS) / 1000));
    hg_run_add_expected(r, now ? now->revision : NULL, event);
}

static void report(struct hg_run *r, const PGresult *res)
{
    json_t *event = hg_event("progress");
    json_object_set_new(event, "pid", number(hg_pg_get(res, 0, 0)));
    json_object_set_new(event, "state", hg_event_text(hg_pg_get(res, 0, 1)));
    json_object_set_new(event, "wait_event_type", hg_event_text(hg_pg_get(res, 0, 2)));
    json_object_set_new(event, "wait_event", hg_event_text(hg_pg_get(res, 0, 3)));
    json_object_set_new(event, "query", hg_event_text(hg_pg_get(res, 0, 4)));
    json_object_set_new(event, "seconds", number(hg_pg_get(res, 0, 5)));
    json_object_set_new(event, "blocked_by", blocker(res));
    add_progress(res, event);
    add_step(r, event);
    hg_emit(r, event);
}

void hg_run_watch(struct hg_run *r)
{
    if (hg_now_ns() < r->next_watch_ns || !r->driven.session_count ||
        PQstatus(r->watch) != CONNECTION_OK)
        return;
    r->next_watch_ns = hg_now_ns() + (r->o->tick ? WATCH_LIVE_NS : WATCH_EVERY_NS);
    HG_AUTO(hg_freep) char *pids = NULL;
    (void)hg_int4_array(r->driven.sessions, r->driven.session_count, &pids);
    const char *params[] = { pids };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err ignored = { 0 };
    if (hg_pg_query(r->watch, hg_sql_apply_watch, 1, params, hg_now_ns() + WATCH_QUERY_NS, &res,
                    &ignored) < 0 || PQntuples(res) == 0)
        return;
    if (is_news(r, res))
        report(r, res);
}

void hg_run_end_sessions(struct hg_run *r, bool terminate)
{
    if (!r->driven.session_count)
        return;
    HG_AUTO(hg_pg_closep) PGconn *conn = NULL;
    HG_AUTO(hg_freep) char *pids = NULL;
    struct hg_err err = { 0 };
    (void)hg_int4_array(r->driven.sessions, r->driven.session_count, &pids);
    struct hg_lock_name migrator = hg_lock_name(r->key, HG_LOCK_CLASS_MIGRATOR);
    const char *params[] = { pids, migrator.class, migrator.key };
    struct hg_pg_ask ask = { .sql = terminate ? hg_sql_apply_terminate : hg_sql_apply_cancel,
                             .nparams = HG_COUNT(params), .params = params };
    if (hg_run_connect(r, "cancel", &ask, 1, &conn, &err) < 0 || hg_pg_answered(&ask, &err) < 0)
        hg_log(HG_LOG_INFO, "could not cancel the migrator's session: %s", err.message);
    hg_pg_asks_done(&ask, 1);
}
