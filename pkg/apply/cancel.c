/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "gen/apply_embed.h"

#define WAIT_NS  (5 * HG_NS_PER_S)
#define WAIT_MS  200
#define PREFIX   "headgate migrator of "

struct migrators {
    int pids[HG_APPLY_SESSIONS_MAX];
    size_t count;
    size_t alive;           /* left alone, because their headgate lives */
    struct hg_strv shown;   /* one line each */
};

static bool has_pid(const PGresult *res, const char *pid)
{
    for (int row = 0; row < PQntuples(res); row++)
        if (hg_streq(hg_pg_get(res, row, 0), pid))
            return true;
    return false;
}

/* A migrator's session names the session that held the apply lock for it; where that one no longer
 * does, nobody watches. */
static int find(struct hg_run *r, bool all, struct migrators *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *runners = NULL;
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (hg_run_holders(r->watch, r->key, HG_LOCK_CLASS_APPLY, &runners, err) < 0 ||
        hg_run_holders(r->watch, r->key, HG_LOCK_CLASS_MIGRATOR, &res, err) < 0)
        return -1;
    ret->count = ret->alive = 0;
    for (int row = 0; row < PQntuples(res) && ret->count < HG_APPLY_SESSIONS_MAX; row++) {
        const char *pid = hg_pg_get(res, row, 0), *name = hg_pg_get(res, row, 1);
        const char *query = hg_pg_get(res, row, 8), *since = hg_pg_get(res, row, 4);
        bool watched = name && hg_starts_with(name, PREFIX) && has_pid(runners, name + strlen(PREFIX));
        if (watched && !all) {
            ret->alive++;
            continue;
        }
        int64_t number = 0;
        if (!pid || hg_parse_int(pid, 1, INT32_MAX, &number) < 0)
            continue;
        ret->pids[ret->count++] = (int)number;
        HG_AUTO(hg_freep) char *text = hg_printable(query ? query : "", 80);
        hg_strv_addf(&ret->shown, "pid %s, since %s: %s", pid, since ? since : "?", text);
    }
    return 0;
}

static int end_them(struct hg_run *r, const char *sql, bool all, struct migrators *m,
                    struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    HG_AUTO(hg_freep) char *pids = NULL;
    (void)hg_int4_array(m->pids, m->count, &pids);
    char class_text[16], key_text[16];
    (void)snprintf(class_text, sizeof class_text, "%d", HG_LOCK_CLASS_MIGRATOR);
    (void)snprintf(key_text, sizeof key_text, "%d", (int)r->key);
    const char *params[] = { pids, class_text, key_text };
    if (hg_pg_query(r->watch, sql, HG_COUNT(params), params, hg_now_ns() + HG_APPLY_QUERY_NS, &res,
                    err) < 0)
        return hg_wrap(err, "ending the migrator's session");
    int64_t deadline = hg_now_ns() + WAIT_NS;
    do {
        (void)poll(NULL, 0, WAIT_MS);
        hg_strv_done(&m->shown);
        m->shown = (struct hg_strv)HG_STRV_INIT;
        if (find(r, all, m, err) < 0)
            return -1;
    } while (m->count && hg_now_ns() < deadline);
    return 0;
}

static void say(struct hg_run *r, const struct hg_strv *ended, const struct migrators *left,
                struct hg_buf *ret, json_t **ret_json)
{
    HG_AUTO(hg_freep) char *rows = hg_strv_join(&r->status.rows, ", ");
    for (size_t i = 0; i < ended->count; i++)
        hg_buf_addf(ret, "ended %s\n", ended->items[i]);
    if (!ended->count)
        hg_buf_addf(ret, "%s: no migrator's session whose headgate is gone\n", r->target.t->name);
    if (left->alive)
        hg_buf_addf(ret, "%zu session%s belong%s to a headgate that is at work; --yes ends those too\n",
                    left->alive, left->alive == 1 ? "" : "s", left->alive == 1 ? "s" : "");
    for (size_t i = 0; i < left->shown.count; i++)
        hg_buf_addf(ret, "still there: %s\n", left->shown.items[i]);
    hg_buf_addf(ret, "%s: %s is at %s (%s)\nnext: headgate status -t %s\n", r->target.t->name,
                r->identity.database, r->status.rows.count ? rows : "no revision",
                hg_state_name(r->status.state), r->target.t->name);
    *ret_json = json_pack("{s:s, s:s, s:o, s:o, s:i, s:o, s:s}", "schema", "headgate.cancel/1", "target",
                          r->target.t->name, "ended", hg_json_list(ended), "left",
                          hg_json_list(&left->shown), "watched", (int)left->alive, "rows",
                          hg_json_list(&r->status.rows), "state", hg_state_name(r->status.state));
    if (!left->count)
        return;
    struct hg_err why = { 0 };
    (void)hg_fail(&why, HG_E_REFUSED, "%zu session%s could not be ended", left->count,
                  left->count == 1 ? "" : "s");
    HG_AUTO(hg_freep) char *error = hg_cli_error_json(&why);
    json_object_set_new(*ret_json, "error", json_loads(error, 0, NULL));
}

static int cancel(struct hg_run *r, bool all, struct hg_buf *ret, json_t **ret_json,
                  struct hg_err *err)
{
    struct migrators m = { 0 };
    HG_AUTO(hg_strv_done) struct hg_strv ended = HG_STRV_INIT;
    int rc = hg_run_open(r, err);
    if (rc == 0) {
        hg_target_announce(&r->target, r->o->common);
        rc = hg_run_status(r, err);
    }
    if (rc == 0)
        rc = find(r, all, &m, err);
    if (rc == 0)
        hg_strv_addv(&ended, &m.shown);
    if (rc == 0 && m.count)
        rc = end_them(r, hg_sql_apply_cancel, all, &m, err);
    if (rc == 0 && m.count)
        rc = end_them(r, hg_sql_apply_terminate, all, &m, err);
    if (rc == 0)
        rc = hg_run_status(r, err);
    if (rc == 0)
        say(r, &ended, &m, ret, ret_json);
    int code = m.count ? HG_EXIT_NO : HG_EXIT_YES;
    hg_strv_done(&m.shown);
    return rc < 0 ? -1 : code;
}

static void no_events(void *context, const json_t *event)
{
    (void)context;
    (void)event;
}

int hg_apply_cancel(const struct hg_cancel_options *o, struct hg_buf *ret, json_t **ret_json,
                    struct hg_err *err)
{
    struct hg_apply_options options = { .common = o->common, .argc = o->argc, .argv = o->argv,
                                        .sink = no_events };
    struct hg_run r = { .o = &options };
    int rc = cancel(&r, o->all, ret, ret_json, err);
    hg_run_done(&r);
    return rc;
}
