/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A migration that meets locks gives way and is tried again: its requests stay short, so nobody queues
 * behind them for long. Only where nothing of it can be in: the driver saw no commit since the version
 * row was written last, and the version table, read on a fresh connection, agrees.
 */
#include "internal.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_MIN_NS   (100 * HG_NS_PER_MS)
#define PAUSE_FIRST_NS (1 * HG_NS_PER_S)
#define PAUSE_MAX_NS   (30 * HG_NS_PER_S)
#define PAUSE_PART     20               /* the first pause is at most this part of the budget */
#define PAUSE_SHIFT    5                /* it doubles so often */
#define SLICE_MS       50
#define TRIPS_MAX      3                /* what held its locks too long so often will do so again */

int64_t hg_run_lock_budget(const struct hg_run *r)
{
    return r->o->lock_budget_ns < 0 ? r->target.t->lock_budget_ns : r->o->lock_budget_ns;
}

bool hg_run_met_lock(const struct hg_run *r)
{
    return hg_streq(r->driven.sqlstate, "55P03") || hg_streq(r->driven.sqlstate, "40P01");
}

void hg_run_forget(struct hg_run *r)
{
    struct hg_strv *lists[] = { &r->after, &r->applied };
    for (size_t i = 0; i < HG_COUNT(lists); i++) {
        hg_strv_done(lists[i]);
        *lists[i] = (struct hg_strv)HG_STRV_INIT;
    }
    r->to_known = false;
}

static int run_migrator(struct hg_run *r, struct hg_migrated *ret, struct hg_err *err)
{
    if (r->have_bundle)
        return hg_run_migrate_from_bundle(r, ret, err);
    switch (r->target.t->run) {
    case HG_RUN_CONTAINER:
        return hg_run_migrate_in_container(r, ret, err);
    case HG_RUN_COMMAND:
        return hg_run_migrate_behind_command(r, ret, err);
    case HG_RUN_HOST:
        break;
    }
    return hg_run_migrate(r, ret, err);
}

static int run_once(struct hg_run *r, struct hg_migrated *ret, struct hg_err *err)
{
    r->tries++;
    int rc = run_migrator(r, ret, err);
    hg_run_output_end(r);
    return rc;
}

static bool may_again(const struct hg_run *r, const struct hg_migrated *m)
{
    const struct hg_driven *d = &r->driven;
    const struct hg_target_config *t = r->target.t;
    if (hg_streq(t->driver, "plain") || m->ok || !d->finished || d->stopped || d->half)
        return false;
    if (r->signal || r->timed_out || r->lock_lost || r->throttle.failed)
        return false;
    if (r->breaker.tripped_ns)
        return !hg_streq(t->on_breaker, "stop") && r->breaker.trips < TRIPS_MAX;
    return hg_run_met_lock(r);
}

/* The rows are those from before, or those after some of the steps, each committed with its row. */
static bool stands_between(struct hg_run *r)
{
    struct hg_err unread = { 0 };
    if (hg_run_stand(r, &unread) < 0) {
        hg_log(HG_LOG_INFO, "not tried again: %s", unread.message);
        return false;
    }
    if (!r->applied.count)
        return hg_strv_same_set(&r->after, &r->from);
    return r->applied.count < r->steps.count && r->status.state == HG_STATE_BEHIND;
}

/* Half of it and half by chance, so that migrations that met each other do not meet again. */
static int64_t pause_of(const struct hg_run *r, unsigned number)
{
    int64_t first = hg_run_lock_budget(r) / PAUSE_PART, now = hg_now_ns();
    first = first < PAUSE_MIN_NS ? PAUSE_MIN_NS : first > PAUSE_FIRST_NS ? PAUSE_FIRST_NS : first;
    int64_t full = first << (number < PAUSE_SHIFT ? number : PAUSE_SHIFT);
    full = full > PAUSE_MAX_NS ? PAUSE_MAX_NS : full;
    uint64_t noise = hg_hash64(&now, sizeof now, (uint64_t)getpid());
    return full / 2 + (int64_t)(noise % (uint64_t)full);
}

static void report(struct hg_run *r, int64_t pause_ns, int64_t left_ns)
{
    const struct hg_driven *d = &r->driven;
    json_t *event = hg_note("retry");
    const char *why = r->breaker.tripped_ns ? "breaker" : hg_streq(d->sqlstate, "40P01") ? "deadlock" : "lock";
    json_object_set_new(event, "try", json_integer((json_int_t)r->tries + 1));
    json_object_set_new(event, "why", json_string(why));
    json_object_set_new(event, "sqlstate", hg_event_text(*d->sqlstate ? d->sqlstate : NULL));
    json_object_set_new(event, "message", hg_event_text(d->message));
    json_object_set_new(event, "detail", hg_event_text(d->detail));
    json_object_set(event, "in_the_way", r->breaker.in_way ? r->breaker.in_way : json_null());
    json_object_set_new(event, "pause", json_real((double)pause_ns / (double)HG_NS_PER_S));
    json_object_set_new(event, "left", json_real((double)left_ns / (double)HG_NS_PER_S));
    json_object_set_new(event, "applied", hg_json_list(&r->applied));
    json_object_set_new(event, "rows", hg_json_list(&r->after));
    hg_emit(r, event);
    hg_trace("retry", "why", why, "sqlstate", d->sqlstate, NULL);
}

/* Under the same lock. False: something happened that ends the run. */
static bool sit_out(struct hg_run *r, int64_t pause_ns)
{
    int64_t until = hg_now_ns() + pause_ns, max = hg_run_max_runtime(r);
    for (;;) {
        if (hg_signals_seen()) {
            r->signal = hg_signals_seen();
            return false;
        }
        r->lock_lost = !hg_run_lock_held(r);
        r->timed_out = max && hg_now_ns() - r->started_ns > max;
        if (r->lock_lost || r->timed_out)
            return false;
        if (hg_now_ns() >= until)
            return true;
        if (r->o->tick)
            r->o->tick(r->o->context);
        int left = hg_ms_left(until);
        (void)poll(NULL, 0, left < SLICE_MS ? left : SLICE_MS);
    }
}

static void begin_again(struct hg_run *r)
{
    hg_driven_again(&r->driven, &r->applied);
    hg_breaker_again(&r->breaker);
    hg_buf_clear(&r->report);
    r->next_watch_ns = 0;
    hg_throttle_again(&r->throttle, r->throttle.words + (int)r->steps.count, r->throttle.given);
}

int hg_run_tries(struct hg_run *r, struct hg_migrated *ret, struct hg_err *err)
{
    int64_t end = 0;
    size_t in = 0;
    hg_run_note_lag(r);
    for (unsigned pauses = 0;; pauses++) {
        if (run_once(r, ret, err) < 0)
            return -1;
        if (!may_again(r, ret) || !stands_between(r))
            return 0;
        if (!end || r->applied.count > in) { /* it gets somewhere */
            end = hg_now_ns() + hg_run_lock_budget(r);
            in = r->applied.count;
            pauses = 0;
        }
        int64_t left = end - hg_now_ns(), pause = pause_of(r, pauses);
        if (left <= 0)
            return 0;
        pause = pause < left ? pause : left; /* the last try is at the budget's end */
        report(r, pause, left);
        if (!sit_out(r, pause))
            return 0;
        begin_again(r);
    }
}
