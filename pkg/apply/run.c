/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

/* ---- how it ended --------------------------------------------------------------------------- */

static bool succeeded(const struct hg_run *r, const struct hg_migrated *m)
{
    bool plain = hg_streq(r->target.t->driver, "plain");
    return m->ok && !r->lock_lost && r->to_known && (plain || r->driven.ok) &&
           hg_strv_same_set(&r->after, &r->to);
}

static int conclude(struct hg_run *r, const struct hg_migrated *m, struct hg_err *err)
{
    struct hg_err verify_err = { 0 }, record_err = { 0 };
    bool verified = hg_run_verify(r, &verify_err) == 0;
    bool ok = verified && succeeded(r, m);
    r->outcome = ok ? "applied" : r->signal ? "interrupted" : "failed";
    hg_run_check_throttle(r);
    if (ok) {
        hg_run_say_lost(r);
    } else {
        hg_run_describe_failure(r, m, err);
        hg_run_say_where(r, &verify_err, err);
    }
    bool recorded = hg_run_outcome(r, err, &record_err) == 0;
    if (verified)
        hg_run_tell_verified(r);
    if (!recorded) {
        /* The database is where it is; the next run explains the open intent. */
        (void)hg_finding_add(&r->findings, "HG507", "the outcome could not be recorded: %s",
                             record_err.message);
        if (ok && r->target.t->ledger == HG_LEDGER_REQUIRED) {
            *err = record_err;
            err->kind = HG_E_MIGRATOR;
            return -1;
        }
    }
    if (ok && r->o->down && hg_run_hold(r, err) < 0) {
        err->exit_code = HG_EXIT_FAILED;
        return -1;
    }
    if (ok && hg_run_as_planned(r, err) < 0)
        return -1;
    return ok ? HG_EXIT_YES : -1;
}

/* ---- the steps of DESIGN 7 ------------------------------------------------------------------ */

/* env.py keeps its versions in another table than the one judged, or holds a transaction around all
 * revisions that are to be committed one by one; the driver saw it before Alembic looked at anything:
 * then nothing was started. */
static bool stopped_before(const struct hg_run *r)
{
    const struct hg_driven *d = &r->driven;
    return d->finished && !d->touched && r->tries == 1 &&
           (hg_streq(d->stopped, "version-table") || hg_streq(d->stopped, "transaction"));
}

static void describe_stopped_before(struct hg_run *r, struct hg_err *err)
{
    (void)hg_fail(err, HG_E_REFUSED, "nothing was run: %s", r->driven.message);
    (void)hg_hint(err, "%s", hg_run_stop_hint(r->driven.stopped));
    if (hg_streq(r->driven.stopped, "version-table"))
        hg_finding_add(&r->findings, "HG222", "%s", r->driven.message)->severity = HG_SEV_ERROR;
}

static int migrate(struct hg_run *r, struct hg_err *err)
{
    struct hg_migrated m = { 0 };
    hg_run_leftovers_before(r);
    hg_run_objects_before(r);
    if (hg_run_intent(r, err) < 0)
        return -1;
    if (hg_signals_seen()) {
        (void)hg_fail(err, HG_E_SIGNAL, "ended before anything was started");
        err->exit_code = HG_EXIT_SIGNAL + hg_signals_seen();
        return -1; /* the intent stays open: the next run finds that nothing happened */
    }
    if (hg_streq(r->target.t->driver, "plain") && !r->have_bundle)
        (void)hg_finding_add(&r->findings, "HG508", "`driver: plain`: nothing checks which database "
                             "Alembic works in");
    r->started_ns = hg_now_ns();
    int rc = hg_run_tries(r, &m, err);
    bool refused = rc == 0 && stopped_before(r);
    if (refused)
        describe_stopped_before(r, err);
    r->started = !refused && (rc == 0 || r->driven.session_count > 0 || r->tries > 1);
    if (!r->started) {
        struct hg_err record_err = { 0 };
        r->outcome = "failed";
        r->to_known = true;
        hg_strv_addv(&r->after, &r->status.rows);
        (void)hg_run_outcome(r, err, &record_err);
        return -1;
    }
    return conclude(r, &m, err);
}

/* What a person is asked about: rows that move, steps that run. */
static void list_work(const struct hg_run *r, struct hg_strv *ret)
{
    for (size_t i = 0; hg_run_moves(r) && i < r->status.moved_from.count; i++)
        hg_strv_addf(ret, "%s moves to %s", r->status.moved_from.items[i], r->status.moved_to.items[i]);
    for (size_t i = 0; i < r->steps.count; i++)
        hg_strv_add(ret, r->steps.items[i]->id);
}

static bool same_work(const struct hg_run *r, const struct hg_strv *confirmed)
{
    HG_AUTO(hg_strv_done) struct hg_strv work = HG_STRV_INIT;
    list_work(r, &work);
    bool same = work.count == 0 || work.count == confirmed->count;
    for (size_t i = 0; same && i < work.count; i++)
        same = hg_streq(work.items[i], confirmed->items[i]);
    return same;
}

/* Asked before the lock is taken, so that nobody waits behind a question; what was confirmed must
 * still hold after. */
static int confirm(struct hg_run *r, struct hg_strv *ret_work, struct hg_err *err)
{
    struct hg_err plan_err = { 0 };
    if (hg_run_plan(r, &plan_err) < 0)
        return 0; /* the judgement under the lock says it better */
    if (r->o->down)
        hg_run_show_down(r);
    if (r->o->dry_run || r->o->adopt)
        return 0;
    list_work(r, ret_work);
    if (!ret_work->count && !r->o->baseline)
        return 0;
    return hg_run_confirm(r, err);
}

static void emit_start(struct hg_run *r)
{
    json_t *event = hg_event("start");
    HG_AUTO(hg_freep) char *line = hg_target_line(&r->target);
    json_object_set_new(event, "target", hg_event_text(r->target.t->name));
    json_object_set_new(event, "line", hg_event_text(line));
    json_object_set_new(event, "direction", json_string(r->o->down ? "down" : "up"));
    json_object_set_new(event, "database", hg_event_text(r->identity.database));
    json_object_set_new(event, "system_identifier", hg_event_text(r->identity.system_identifier));
    json_object_set_new(event, "version_table", hg_event_text(r->version_table));
    json_object_set_new(event, "plan", hg_event_text(
        json_string_value(json_object_get(r->planned, "digest"))));
    hg_emit(r, event);
}

/* The lock, what is there, what would run, and what is in its way; where that is to be waited for, the
 * lock is given back. */
static int lock_when_calm(struct hg_run *r, int *ret_planned, struct hg_err *plan_err, struct hg_err *err)
{
    r->calm_left_ns = r->o->calm_wait_ns;
    for (;;) {
        if (hg_run_wait_for_calm(r, err) < 0 || hg_run_lock(r, err) < 0 || hg_run_status(r, err) < 0)
            return -1;
        *ret_planned = hg_run_plan(r, plan_err);
        hg_run_preflight(r);
        if (!hg_run_wants_calm(r) || !hg_run_crowded(r))
            return 0;
        hg_pg_closep(&r->lock);
    }
}

static int under_lock(struct hg_run *r, const struct hg_strv *confirmed, struct hg_err *err)
{
    struct hg_err plan_err = { 0 };
    int planned = 0;
    if (lock_when_calm(r, &planned, &plan_err, err) < 0 || hg_run_judge(r, err) < 0)
        return -1;
    if (planned < 0 && !r->o->adopt) {
        *err = plan_err;
        return -1;
    }
    if (hg_run_asks(r) && !r->o->dry_run && !r->o->adopt && !same_work(r, confirmed))
        return hg_fail(err, HG_E_REFUSED, "the pending revisions changed while you were asked, or "
                       "while headgate waited for the lock; nothing was done");
    if (r->o->down && hg_run_judge_down(r, err) < 0)
        return -1;
    if (r->o->dry_run) {
        r->outcome = "nothing-to-do";
        return HG_EXIT_YES;
    }
    if (hg_run_settle_past(r, err) < 0)
        return -1;
    if (r->o->adopt)
        return hg_run_adopt(r, err) < 0 ? -1 : HG_EXIT_YES;
    if (r->o->baseline) {
        r->outcome = "applied";
        hg_strv_addv(&r->after, &r->status.rows);
        r->to_known = true;
        return hg_run_baseline(r, err) < 0 ? -1 : HG_EXIT_YES;
    }
    if (r->o->unattended && hg_run_failed_before(r, err) < 0)
        return -1;
    bool moves = hg_run_moves(r);
    if (moves && (hg_run_squash(r, err) < 0 || hg_run_plan(r, err) < 0))
        return -1;
    if (r->steps.count)
        return hg_run_tell_start(r, err) < 0 ? -1 : migrate(r, err);
    r->outcome = moves ? "applied" : "nothing-to-do";
    return HG_EXIT_YES;
}

/* Before anything is asked: a file that is no plan, or was edited, is refused without a connection. */
static int read_plan(struct hg_run *r, struct hg_err *err)
{
    if (!r->o->plan)
        return 0;
    if (r->o->revision)
        return hg_fail(err, HG_E_USAGE, "--plan says what to run, so no revision can be given (%s)",
                       r->o->revision);
    if (r->o->baseline)
        return hg_fail(err, HG_E_USAGE, "--baseline runs nothing, so there is nothing to plan");
    return hg_plan_read(r->o->plan, &r->planned, err);
}

static int go(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv confirmed = HG_STRV_INIT;
    if (read_plan(r, err) < 0 || hg_run_read_bundle(r, err) < 0)
        return -1;
    if (hg_run_open(r, err) < 0 || hg_run_status(r, err) < 0)
        return -1;
    hg_strv_addv(&r->from, &r->status.rows);
    emit_start(r);
    if (hg_run_take_stored(r, err) < 0)
        return -1;
    if (confirm(r, &confirmed, err) < 0)
        return -1;
    return under_lock(r, &confirmed, err);
}

static const char *outcome_of(const struct hg_run *r, const struct hg_err *err)
{
    if (r->started)
        return r->outcome ? r->outcome : "failed";
    switch (err->kind) {
    case HG_E_LOCK:
        return "locked";
    case HG_E_SIGNAL:
        return "interrupted";
    case HG_E_REFUSED:
    case HG_E_INTEGRITY:
    case HG_E_USAGE:
    case HG_E_CONFIG:
        return "refused";
    default:
        return "failed";
    }
}

static json_t *error_json(const struct hg_err *err)
{
    HG_AUTO(hg_freep) char *text = hg_cli_error_json(err);
    json_t *object = json_loads(text, 0, NULL);
    return object ? object : json_null();
}

static void emit_result(struct hg_run *r, int rc, const struct hg_err *err)
{
    const char *name = r->target.t ? r->target.t->name : r->o->common->target;
    bool stands = r->to_known || (!r->started && r->have_status &&
                                 r->status.state != HG_STATE_UNKNOWN);
    json_t *event = hg_event("result");
    json_object_set_new(event, "schema", json_string("headgate.apply/1"));
    json_object_set_new(event, "outcome", json_string(rc < 0 ? outcome_of(r, err) : r->outcome));
    json_object_set_new(event, "direction", json_string(r->o->down ? "down" : "up"));
    json_object_set_new(event, "target", hg_event_text(name));
    json_object_set_new(event, "database", hg_event_text(r->identity.database));
    json_object_set_new(event, "from",
                        hg_json_list(r->from_before.count ? &r->from_before : &r->from));
    json_object_set_new(event, "to", !stands ? json_null()
                        : hg_json_list(r->to_known ? &r->after : &r->status.rows));
    json_object_set_new(event, "applied", hg_json_list(&r->applied));
    json_object_set_new(event, "moved_from", hg_json_list(&r->moved_from));
    json_object_set_new(event, "moved_to", hg_json_list(&r->moved_to));
    json_object_set_new(event, "seconds",
                        json_real((double)(r->ended_ns - r->began_ns) / (double)HG_NS_PER_S));
    json_object_set_new(event, "tries", json_integer((json_int_t)r->tries));
    json_object_set_new(event, "state",
                        r->have_status && (stands || !r->started)
                            ? json_string(hg_state_name(r->status.state)) : json_null());
    json_object_set_new(event, "baseline", json_boolean(r->o->baseline));
    json_object_set_new(event, "adopt", json_boolean(r->o->adopt));
    json_object_set_new(event, "dry_run", json_boolean(r->o->dry_run));
    hg_findings_address(&r->findings, name);
    json_object_set_new(event, "findings", hg_findings_json(&r->findings));
    json_object_set_new(event, "error", rc < 0 ? error_json(err) : json_null());
    hg_emit(r, event);
}

int hg_apply_run(const struct hg_apply_options *o, struct hg_err *err)
{
    struct hg_run r = { .o = o, .began_ns = hg_now_ns() };
    hg_keep_freed();
    hg_signals_catch();
    int rc = go(&r, err);
    if (rc < 0 && !r.started_ns)
        (void)hg_signals_check(err); /* what else went wrong did so while it was to end */
    if (rc < 0 && r.started)
        err->exit_code = HG_EXIT_FAILED;
    hg_run_leave_stored(&r);
    r.ended_ns = hg_now_ns();
    rc = hg_run_tell_end(&r, rc, rc < 0 ? outcome_of(&r, err) : r.outcome, err);
    emit_result(&r, rc, err);
    hg_run_done(&r);
    hg_signals_release();
    return rc;
}
