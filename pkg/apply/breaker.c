/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for whom. Sessions of others that wait for the migration are the price it makes them pay;
 * when they have paid longer than the target allows, the migration is canceled.
 */
#include "internal.h"

#include <signal.h>
#include <stdlib.h>

#include "gen/apply_embed.h"

#define LOOK_NS     (1 * HG_NS_PER_S)        /* one look; it must not stand in anybody's way either */
#define EVERY_MIN   (200 * HG_NS_PER_MS)
#define EVERY_MAX   (1 * HG_NS_PER_S)
#define LOOKS       4                        /* in the shortest time that matters */

enum { SIDE, PID, USER, APPLICATION, HOST, STATE, IN_TRANSACTION, RELATION, LOCK_TYPE, MODE, WAITED, QUERY };

static json_t *seconds(const char *text)
{
    return text ? json_real(strtod(text, NULL)) : json_null();
}

static json_t *session(const PGresult *res, int row)
{
    const char *pid = hg_pg_get(res, row, PID);
    json_t *s = json_pack("{s:I, s:b}", "pid", (json_int_t)(pid ? strtoll(pid, NULL, 10) : 0), "behind",
                          hg_streq(hg_pg_get(res, row, SIDE), "behind"));
    static const struct { const char *key; int column; } TEXTS[] = {
        { "user", USER },         { "application", APPLICATION }, { "host", HOST }, { "state", STATE },
        { "relation", RELATION }, { "lock", LOCK_TYPE },          { "mode", MODE }, { "query", QUERY },
    };
    for (size_t i = 0; i < HG_COUNT(TEXTS); i++)
        json_object_set_new(s, TEXTS[i].key, hg_event_text(hg_pg_get(res, row, TEXTS[i].column)));
    json_object_set_new(s, "in_transaction", seconds(hg_pg_get(res, row, IN_TRANSACTION)));
    json_object_set_new(s, "waited", seconds(hg_pg_get(res, row, WAITED)));
    return s;
}

char *hg_breaker_words(const json_t *s)
{
    struct hg_buf b = HG_BUF_INIT;
    const json_t *in_transaction = json_object_get(s, "in_transaction");
    const char *application = hg_jstr(s, "application"), *what = hg_jstr(s, "relation");
    bool behind = json_is_true(json_object_get(s, "behind"));
    HG_AUTO(hg_freep) char *shown = hg_printable(*application ? application : "unnamed", 63);
    bool own = hg_starts_with(application, "headgate migrator of ");
    hg_buf_addf(&b, "%spid %lld (%s, %s, from %s", own ? "another session of the migration itself, " : "",
                (long long)json_integer_value(json_object_get(s, "pid")), shown, hg_jstr(s, "user"),
                hg_jstr(s, "host"));
    if (!behind)
        hg_buf_addf(&b, ", %s", hg_jstr(s, "state"));
    if (!behind && json_is_real(in_transaction))
        hg_buf_addf(&b, ", its transaction is %.1f s old", json_real_value(in_transaction));
    hg_buf_adds(&b, ")");
    if (behind && json_is_real(json_object_get(s, "waited")))
        hg_buf_addf(&b, " waited %.1f s", json_real_value(json_object_get(s, "waited")));
    HG_AUTO(hg_freep) char *name = hg_printable(what, 200);
    if (*what)
        hg_buf_addf(&b, " %s %s", behind ? "for" : "has", name);
    else if (*hg_jstr(s, "lock"))
        hg_buf_addf(&b, " %s a row or lock (%s)", behind ? "for" : "has", hg_jstr(s, "lock"));
    return hg_buf_take(&b);
}

static int64_t look_every(const struct hg_run *r)
{
    int64_t shortest = hg_run_lock_timeout(r), breaker = r->target.t->breaker_ns;
    if (breaker > 0 && breaker < shortest)
        shortest = breaker;
    int64_t every = shortest / LOOKS;
    return every < EVERY_MIN ? EVERY_MIN : every > EVERY_MAX ? EVERY_MAX : every;
}

/* Splits what was seen: *ret_waiting are those behind us, who is ahead is remembered. Both new. */
static double split(struct hg_breaker *b, const PGresult *res, json_t **ret_waiting)
{
    double longest = 0;
    bool ahead = false;
    *ret_waiting = json_array();
    for (int row = 0; row < PQntuples(res); row++) {
        json_t *s = session(res, row);
        if (json_is_true(json_object_get(s, "behind"))) {
            double waited = json_number_value(json_object_get(s, "waited"));
            longest = waited > longest ? waited : longest;
            json_array_append_new(*ret_waiting, s);
        } else if (!ahead) {
            json_decref(b->in_way);
            b->in_way = s;
            ahead = true;
        } else {
            json_decref(s);
        }
    }
    return longest;
}

static void report(struct hg_run *r, double waited)
{
    struct hg_breaker *b = &r->breaker;
    json_t *event = hg_note("breaker");
    json_object_set_new(event, "seconds", json_real(waited));
    json_object_set(event, "waiting", b->waiting);
    hg_emit(r, event);
    HG_AUTO(hg_freep) char *who = hg_breaker_words(json_array_get(b->waiting, 0));
    if (!hg_findings_have(&r->findings, "HG620"))
        (void)hg_finding_add(&r->findings, "HG620", "the migration was canceled after it had kept %zu "
                             "session%s waiting for %.1f s: %s", json_array_size(b->waiting),
                             json_array_size(b->waiting) == 1 ? "" : "s", waited, who);
}

/* First by cancel and by SIGINT, which also ends a Python that computes while it holds locks; where
 * others go on waiting as long again, the sessions go. */
static int trip(struct hg_run *r, json_t *waiting, double waited)
{
    struct hg_breaker *b = &r->breaker;
    bool first = !b->tripped_ns;
    if (first) {
        b->trips++;
        json_decref(b->waiting);
        b->waiting = json_incref(waiting);
        report(r, waited);
        hg_trace("breaker", "database", r->identity.database, NULL);
    }
    b->tripped_ns = hg_now_ns();
    hg_run_end_sessions(r, !first);
    return first ? SIGINT : SIGTERM;
}

int hg_run_breaker(struct hg_run *r)
{
    struct hg_breaker *b = &r->breaker;
    int64_t now = hg_now_ns(), allowed = r->target.t->breaker_ns;
    if (now < b->next_ns || !r->driven.session_count || PQstatus(r->watch) != CONNECTION_OK)
        return 0;
    b->next_ns = now + look_every(r);
    HG_AUTO(hg_freep) char *pids = NULL;
    char own[16];
    (void)snprintf(own, sizeof own, "%d", r->lock_pid);
    (void)hg_int4_array(r->driven.sessions, r->driven.session_count, &pids);
    const char *params[] = { pids, own };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err ignored = { 0 };
    if (hg_pg_query(r->watch, hg_sql_apply_waiters, HG_COUNT(params), params, now + LOOK_NS, &res,
                    &ignored) < 0)
        return 0;
    json_t *waiting = NULL;
    int64_t longest = (int64_t)(split(b, res, &waiting) * (double)HG_NS_PER_S);
    int send = 0;
    if (!json_array_size(waiting))
        b->since_ns = 0;
    else if (!b->since_ns || b->since_ns > now - longest)
        b->since_ns = now - longest;
    int64_t from = b->tripped_ns > b->since_ns ? b->tripped_ns : b->since_ns;
    if (b->since_ns && allowed > 0 && now - from > allowed)
        send = trip(r, waiting, (double)(now - b->since_ns) / (double)HG_NS_PER_S);
    json_decref(waiting);
    return send;
}

void hg_breaker_again(struct hg_breaker *b)
{
    json_decref(b->in_way);
    b->in_way = NULL;
    b->next_ns = b->since_ns = b->tripped_ns = 0;
}

void hg_breaker_done(struct hg_breaker *b)
{
    hg_breaker_again(b);
    json_decref(b->waiting);
    b->waiting = NULL;
}
