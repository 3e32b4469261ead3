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

/* The same words again are no news, except that time passes: those are left out of the key. */
static bool is_news(struct hg_run *r, const PGresult *res)
{
    HG_AUTO(hg_buf_done) struct hg_buf key = HG_BUF_INIT;
    static const int COLUMNS[] = { 0, 1, 2, 3, 4, 6, 11, 12 };
    for (size_t i = 0; i < HG_COUNT(COLUMNS); i++) {
        const char *text = hg_pg_get(res, 0, COLUMNS[i]);
        hg_buf_addf(&key, "%s|", text ? text : "");
    }
    if (hg_streq(r->last_progress, hg_buf_str(&key)))
        return false;
    hg_freep(&r->last_progress);
    r->last_progress = hg_buf_take(&key);
    return true;
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
    json_object_set_new(event, "phase", hg_event_text(hg_pg_get(res, 0, 11)));
    json_object_set_new(event, "done", number(hg_pg_get(res, 0, 12)));
    json_object_set_new(event, "total", number(hg_pg_get(res, 0, 13)));
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
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    HG_AUTO(hg_freep) char *pids = NULL;
    struct hg_err err = { 0 };
    (void)hg_int4_array(r->driven.sessions, r->driven.session_count, &pids);
    const char *params[] = { pids };
    if (hg_run_connect(r, "cancel", &conn, &err) < 0 ||
        hg_pg_query(conn, terminate ? hg_sql_apply_terminate : hg_sql_apply_cancel, 1, params,
                    hg_now_ns() + WATCH_QUERY_NS, &res, &err) < 0)
        hg_log(HG_LOG_INFO, "could not cancel the migrator's session: %s", err.message);
}
