/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/apply_embed.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 1000
#define BEAT_NS      (10 * HG_NS_PER_S)
#define HINT_EVERY_NS (5 * HG_NS_PER_S)
#define NAME_AFTER_NS (300 * HG_NS_PER_MS)

/* Until the migrator runs a signal only has to be remembered: the waits below look at it. */
static volatile sig_atomic_t seen, times;

static void remember(int number)
{
    seen = number;
    times++;
}

static const int NUMBERS[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static void on_signals(void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler }, was;
    for (size_t i = 0; i < HG_COUNT(NUMBERS); i++) {
        /* What nohup or a shell's background told us to ignore stays ignored. */
        if (sigaction(NUMBERS[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
            (void)sigaction(NUMBERS[i], &action, NULL);
    }
}

void hg_signals_catch(void)
{
    seen = 0;
    on_signals(remember);
}

void hg_signals_release(void)
{
    on_signals(SIG_DFL);
}

int hg_signals_seen(void)
{
    return (int)seen;
}

unsigned hg_signals_count(void)
{
    return (unsigned)times;
}

/* A signal that comes between a look at `seen` and the wait would be lost: so they come in ppoll only. */
int hg_signals_wait_input(int fd, struct hg_err *err)
{
    struct pollfd input = { .fd = fd, .events = POLLIN };
    sigset_t ours, before;
    int rc = -1;
    (void)sigemptyset(&ours);
    for (size_t i = 0; i < HG_COUNT(NUMBERS); i++)
        (void)sigaddset(&ours, NUMBERS[i]);
    (void)pthread_sigmask(SIG_BLOCK, &ours, &before);
    while (!seen && rc < 0) {
        rc = ppoll(&input, 1, NULL, &before);
        if (rc < 0 && errno != EINTR)
            break;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return hg_signals_check(err);
}

int hg_int4_array(const int *pids, size_t count, char **ret_literal)
{
    struct hg_buf b = HG_BUF_INIT;
    hg_buf_addc(&b, '{');
    for (size_t i = 0; i < count; i++)
        hg_buf_addf(&b, i ? ",%d" : "%d", pids[i]);
    hg_buf_addc(&b, '}');
    *ret_literal = hg_buf_take(&b);
    return 0;
}

struct hg_lock_name hg_lock_name(int32_t key, int lock_class)
{
    struct hg_lock_name name;
    (void)snprintf(name.class, sizeof name.class, "%d", lock_class);
    (void)snprintf(name.key, sizeof name.key, "%d", (int)key);
    return name;
}

static int ask(PGconn *conn, int32_t key, const char *sql, int lock_class, PGresult **ret,
               struct hg_err *err)
{
    struct hg_lock_name name = hg_lock_name(key, lock_class);
    const char *params[] = { name.class, name.key };
    return hg_pg_query(conn, sql, 2, params, hg_now_ns() + HG_APPLY_QUERY_NS, ret, err);
}

int hg_run_holders(PGconn *conn, int32_t key, int lock_class, PGresult **ret, struct hg_err *err)
{
    return ask(conn, key, hg_sql_apply_holders, lock_class, ret, err);
}

static int try_once(struct hg_run *r, const char *sql, int lock_class, bool *ret_got,
                    struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (ask(r->lock, r->key, sql, lock_class, &res, err) < 0)
        return hg_wrap(err, "taking the migration lock");
    *ret_got = hg_streq(hg_pg_get(res, 0, 0), "true");
    return 0;
}

/* What it is doing, by the ledger, where there is one that may be read. */
static void add_run(struct hg_run *r, json_t *holder)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err none = { 0 };
    const char *params[] = { r->version_table };
    bool open = r->summary.present &&
                hg_pg_query(r->lock, hg_sql_apply_open_run, 1, params, hg_now_ns() + HG_APPLY_QUERY_NS, &res,
                            &none) == 0 && PQntuples(res) == 1;
    static const char *const KEYS[] = { "commit", "by", "run_since", "to" };
    for (int i = 0; i < (int)HG_COUNT(KEYS); i++)
        json_object_set_new(holder, KEYS[i], open ? hg_event_text(hg_pg_get(res, 0, i)) : json_null());
}

/* {pid, application, user, host, since} of the first holder, and {commit, by, run_since, to} of its run;
 * null when it has just gone. */
static json_t *holder(struct hg_run *r, int lock_class)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err ignored = { 0 };
    if (hg_run_holders(r->lock, r->key, lock_class, &res, &ignored) < 0 || PQntuples(res) == 0)
        return json_null();
    const char *pid = hg_pg_get(res, 0, 0);
    json_t *h = json_pack("{s:I, s:o, s:o, s:o, s:o}", "pid", (json_int_t)(pid ? strtoll(pid, NULL, 10) : 0),
                          "application", hg_event_text(hg_pg_get(res, 0, 1)), "user",
                          hg_event_text(hg_pg_get(res, 0, 2)), "host",
                          hg_event_text(hg_pg_get(res, 0, 3)), "since",
                          hg_event_text(hg_pg_get(res, 0, 4)));
    add_run(r, h);
    return h;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "?";
}

char *hg_holder_run(const json_t *holder)
{
    struct hg_buf b = HG_BUF_INIT;
    const char *commit = hg_jstr(holder, "commit"), *to = hg_jstr(holder, "to");
    if (!*hg_jstr(holder, "run_since"))
        return hg_buf_take(&b);
    hg_buf_addf(&b, "it goes to %s", *to ? to : "base");
    if (*commit)
        hg_buf_addf(&b, ", from commit %.12s", commit);
    hg_buf_addf(&b, ", begun by %s at %s", hg_jstr(holder, "by"), hg_jstr(holder, "run_since"));
    return hg_buf_take(&b);
}

static int refuse_apply(struct hg_run *r, int64_t waited_ns, struct hg_err *err)
{
    json_t *h = holder(r, HG_LOCK_CLASS_APPLY);
    if (json_is_object(h))
        (void)hg_fail(err, HG_E_LOCK, "another headgate holds the migration lock of %s: %s (pid %lld, "
                      "user %s, from %s, since %s)", r->identity.database, text_of(h, "application"),
                      (long long)json_integer_value(json_object_get(h, "pid")), text_of(h, "user"),
                      text_of(h, "host"), text_of(h, "since"));
    else
        (void)hg_fail(err, HG_E_LOCK, "another headgate held the migration lock of %s a moment ago",
                      r->identity.database);
    HG_AUTO(hg_freep) char *run = hg_holder_run(h);
    json_decref(h);
    HG_AUTO(hg_freep) char *waited =
        waited_ns ? hg_xasprintf("%swaited %lld s", *run ? "\n" : "", (long long)(waited_ns / HG_NS_PER_S))
                  : hg_xstrdup("");
    if (*run || *waited)
        (void)hg_detail(err, "%s%s", run, waited);
    return hg_hint(err, "headgate status -t %s", r->target.t->name);
}

static int refuse_migrator(struct hg_run *r, struct hg_err *err)
{
    json_t *h = holder(r, HG_LOCK_CLASS_MIGRATOR);
    HG_AUTO(hg_freep) char *who = json_is_object(h)
        ? hg_xasprintf("%s (pid %lld, since %s)", text_of(h, "application"),
                       (long long)json_integer_value(json_object_get(h, "pid")), text_of(h, "since"))
        : hg_xstrdup("a session that has just ended");
    json_decref(h);
    (void)hg_finding_add(&r->findings, "HG606", "a migrator's session is still in %s although its "
                         "headgate is gone: %s", r->identity.database, who);
    (void)hg_fail(err, HG_E_LOCK, "a migrator's session outlived its headgate: %s", who);
    return hg_hint(err, "headgate cancel -t %s", r->target.t->name);
}

/* Up to a second, longer each time, with jitter so that thirty waiters do not ask in step. */
static void pause_a_while(unsigned attempt)
{
    unsigned base = PAUSE_MIN_MS << (attempt < 4 ? attempt : 4);
    unsigned cap = base > PAUSE_MAX_MS ? PAUSE_MAX_MS : base;
    uint64_t noise = hg_hash64(&(int64_t){ hg_now_ns() }, sizeof(int64_t), (uint64_t)getpid());
    (void)poll(NULL, 0, (int)(cap / 2 + noise % cap));
}

int hg_signals_check(struct hg_err *err)
{
    int number = hg_signals_seen();
    if (!number)
        return 0;
    (void)hg_fail(err, HG_E_SIGNAL, "ended by signal %d (%s) before anything was started", number,
                  strsignal(number));
    err->exit_code = HG_EXIT_SIGNAL + number;
    return -1;
}

static void report_waiting(struct hg_run *r, int lock_class, int64_t since_ns)
{
    json_t *event = hg_event("lock-wait");
    json_object_set_new(event, "lock",
                        json_string(lock_class == HG_LOCK_CLASS_APPLY ? "apply" : "migrator"));
    json_object_set_new(event, "holder", holder(r, lock_class));
    json_object_set_new(event, "waited",
                        json_real((double)(hg_now_ns() - since_ns) / (double)HG_NS_PER_S));
    hg_emit(r, event);
}

/* Polls until it is got or the deadline passes. Returns 1 when it was got, 0 when not. */
static int wait_for(struct hg_run *r, const char *sql, int lock_class, int64_t deadline_ns,
                    struct hg_err *err)
{
    int64_t since = hg_now_ns(), next_report = since;
    for (unsigned attempt = 0;; attempt++) {
        bool got = false;
        if (hg_signals_check(err) < 0 || try_once(r, sql, lock_class, &got, err) < 0)
            return -1;
        if (got)
            return 1;
        if (r->o->no_wait || hg_now_ns() >= deadline_ns)
            return 0;
        if (hg_now_ns() >= next_report) {
            report_waiting(r, lock_class, since);
            next_report = hg_now_ns() + HINT_EVERY_NS;
        }
        pause_a_while(attempt);
    }
}

static int64_t lock_wait(const struct hg_run *r)
{
    return r->o->lock_wait_ns < 0 ? r->target.t->lock_wait_ns : r->o->lock_wait_ns;
}

static int open_session(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(hg_identity_done) struct hg_identity i = { 0 };
    struct hg_pg_ask asks[HG_IDENTITY_ASKS + 1] = { 0 };
    size_t count = hg_identity_asks(&r->identity, asks);
    asks[count++] = (struct hg_pg_ask){ .sql = hg_sql_apply_settle };
    int rc = hg_run_connect(r, r->o->down ? "rollback" : "apply", asks, count, &r->lock, err);
    if (rc == 0)
        rc = hg_identity_take(r->lock, &r->identity, asks, &i, err);
    if (rc == 0)
        rc = hg_pg_answered(&asks[count - 1], err);
    hg_pg_asks_done(asks, count);
    if (rc < 0)
        return -1;
    if (!hg_streq(i.oid, r->identity.oid) ||
        !hg_streq(i.system_identifier, r->identity.system_identifier))
        return hg_fail(err, HG_E_REFUSED, "two connections to one address reached two databases (%s, "
                       "oid %s and %s, oid %s)", r->identity.database, r->identity.oid, i.database,
                       i.oid);
    r->lock_pid = i.pid;
    return 0;
}

int hg_run_lock(struct hg_run *r, struct hg_err *err)
{
    if (open_session(r, err) < 0)
        return -1;
    int64_t since = hg_now_ns(), deadline = since + lock_wait(r);
    int got = wait_for(r, hg_sql_apply_try_lock, HG_LOCK_CLASS_APPLY, deadline, err);
    if (got <= 0)
        return got < 0 ? -1 : refuse_apply(r, hg_now_ns() - since, err);
    hg_trace("lock", "class", "apply", "database", r->identity.database, NULL);
    /* A migrator whose headgate died ends by itself soon; until then nothing may start beside it. */
    got = wait_for(r, hg_sql_apply_try_migrator, HG_LOCK_CLASS_MIGRATOR, deadline, err);
    if (got <= 0)
        return got < 0 ? -1 : refuse_migrator(r, err);
    r->next_beat_ns = hg_now_ns() + BEAT_NS;
    return 0;
}

/* The server puts something else into an application_name in the place of other characters. */
static bool plain(const char *text)
{
    while (*text > ' ' && *text < 0x7f)
        text++;
    return !*text;
}

/* What `status` of others tells is under way. Short revisions are not worth a way to the server. No answer is
 * what it is to a heartbeat. */
void hg_run_name_step(struct hg_run *r)
{
    const char *revision = hg_run_under_way(&r->driven);
    if (!revision || hg_streq(revision, r->named) ||
        hg_wall_ns() - r->driven.times[r->driven.time_count - 1].started_ns < NAME_AFTER_NS)
        return;
    hg_freep(&r->named);
    r->named = hg_xstrdup(revision);
    HG_AUTO(hg_freep) char *name = hg_xasprintf("headgate %s %s@%s:%d", r->o->down ? "rollback" : "apply",
                                                plain(revision) ? revision : "", r->host ? r->host : "?",
                                                (int)getpid());
    if (strlen(name) > 63) /* NAMEDATALEN - 1: the server would cut it with a notice */
        name[63] = '\0';
    const char *params[] = { name };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err ignored = { 0 };
    (void)hg_pg_query(r->lock, hg_sql_apply_name, 1, params, hg_now_ns() + BEAT_NS, &res, &ignored);
}

bool hg_run_lock_held(struct hg_run *r)
{
    struct pollfd p = { .fd = PQsocket(r->lock), .events = POLLIN };
    if (PQstatus(r->lock) != CONNECTION_OK || p.fd < 0)
        return false;
    /* The server says nothing on an idle session but its end. */
    if (poll(&p, 1, 0) > 0 && (!PQconsumeInput(r->lock) || PQstatus(r->lock) != CONNECTION_OK))
        return false;
    if (hg_now_ns() < r->next_beat_ns)
        return true;
    r->next_beat_ns = hg_now_ns() + BEAT_NS;
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err err = { 0 };
    return hg_pg_query(r->lock, "select 1", 0, NULL, hg_now_ns() + BEAT_NS, &res, &err) == 0;
}
