/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#define MIGRATIONS_MAX 3 /* after which a database that is still behind is nobody's fault but ours */
#define CROWD_NS (250 * HG_NS_PER_MS)

static void entry_done(struct hg_entry *e)
{
    if (e->have_status)
        hg_status_done(&e->status);
    hg_entry_way_done(&e->way);
    hg_findings_done(&e->file_findings);
    if (e->have_target)
        hg_target_done(&e->target);
    hg_freep(&e->said);
    hg_closep(&e->listening);
}

static int open_target(struct hg_entry *e, struct hg_err *err)
{
    const struct hg_entrypoint_options *o = e->o;
    e->have_target = true;
    if (hg_target_open(o->common, o->argc, o->argv, false, &e->target, err) < 0)
        return -1;
    return hg_entry_settings(e, err);
}

static int listen_for_probes(struct hg_entry *e, struct hg_err *err)
{
    if (!e->liveness)
        return 0;
    if (hg_entry_listen(e->liveness, &e->listening, err) < 0)
        return -1;
    return hg_entry_answer_probes(e->listening, err);
}

static int waited_enough(const struct hg_entry *e, const char *why, struct hg_err *err)
{
    bool others = e->policy == HG_POLICY_APPLY;
    if (hg_now_ns() < (others ? e->lock_deadline_ns : e->deadline_ns))
        return 0;
    (void)hg_fail(err, others ? HG_E_LOCK : HG_E_TIMEOUT, "waited %lld s: %s",
                  (long long)((hg_now_ns() - e->began_ns) / HG_NS_PER_S), why);
    return hg_hint(err, others ? "headgate status; a longer --lock-wait"
                               : "headgate status; was the pre-deploy job run? a longer --timeout");
}

/* Replicas start in the same moment: most of them should find the lock taken by looking, not by
 * connecting twice more each. */
static void let_others_first(struct hg_entry *e)
{
    hg_entry_back_off(0, hg_now_ns() + CROWD_NS);
    e->deadline_ns += CROWD_NS;
}

static int follow_policy(struct hg_entry *e, struct hg_err *err)
{
    unsigned started = 0;
    bool looked_twice = false;
    int64_t patience = e->deadline_ns - e->began_ns;
    for (unsigned attempt = 0;;) {
        HG_AUTO(hg_freep) char *why = NULL;
        if (hg_entry_reach(e, err) < 0)
            return -1;
        enum hg_next next = hg_entry_judge(e, &why, err);
        if (next == HG_NEXT_START)
            return 0;
        if (next == HG_NEXT_REFUSE)
            return -1;
        if (e->policy == HG_POLICY_APPLY) /* from here the database is waited for anew */
            e->deadline_ns = hg_now_ns() + patience;
        if (next == HG_NEXT_WAIT) {
            if (waited_enough(e, why, err) < 0)
                return -1;
            hg_entry_say_waiting(e, why);
            hg_entry_back_off(attempt++, e->policy == HG_POLICY_APPLY ? e->lock_deadline_ns : e->deadline_ns);
        } else if (!looked_twice) {
            looked_twice = true;
            let_others_first(e);
        } else if (++started - e->lost_starts > MIGRATIONS_MAX) {
            return hg_fail(err, HG_E_REFUSED, "headgate apply finds nothing to do, and yet %s is %s",
                           e->target.t->name, hg_state_name(e->status.state));
        } else if (hg_entry_migrate(e, err) < 0) {
            return -1;
        }
    }
}

static void say_start(const struct hg_entry *e)
{
    HG_AUTO(hg_freep) char *rows = hg_entry_rows(e);
    hg_entry_say(e, "%s is %s at %s; starting %s", e->target.t->name, hg_state_name(e->status.state), rows,
                 e->o->app[0]);
}

/* Policy `none` works where everything else is broken: at most the environment from before resolving is
 * taken from what `headgate` left. */
static int look_at_nothing(struct hg_entry *e, struct hg_err *err)
{
    if (getenv("HEADGATE_STATE_FD")) {
        struct hg_err ignored = { 0 };
        e->have_target = true;
        (void)hg_target_open(e->o->common, e->o->argc, e->o->argv, true, &e->target, &ignored);
    }
    return listen_for_probes(e, err) < 0 ? -1 : hg_entry_become(e, err);
}

static int run(struct hg_entry *e, struct hg_err *err)
{
    hg_entry_catch();
    if (hg_entry_settings(e, err) < 0 || hg_entry_find(e, err) < 0)
        return -1;
    if (e->policy == HG_POLICY_NONE && e->o->policy)
        return look_at_nothing(e, err);
    if (open_target(e, err) < 0 || hg_entry_find_init(e, err) < 0 || listen_for_probes(e, err) < 0)
        return -1;
    if (e->policy != HG_POLICY_NONE) {
        if (follow_policy(e, err) < 0)
            return -1;
        say_start(e);
    }
    return hg_entry_become(e, err);
}

int hg_entrypoint_run(const struct hg_entrypoint_options *o, struct hg_err *err)
{
    struct hg_entry e = { .o = o, .listening = -1 };
    int rc = run(&e, err);
    entry_done(&e);
    return rc;
}

/* ---- health ----------------------------------------------------------------------------------- */

static int health(struct hg_entry *e, struct hg_err *err)
{
    bool nothing = hg_streq(e->o->policy, "none"); /* the start did not look either, and may know why */
    if (!nothing && open_target(e, err) < 0)
        return -1;
    if (hg_entry_still_starting())
        return hg_fail(err, HG_E_REFUSED, "the application has not been started");
    if (nothing || e->policy == HG_POLICY_NONE)
        return 0;
    char *why = NULL;
    e->policy = HG_POLICY_VERIFY;
    if (hg_entry_look(e, hg_now_ns() + e->o->common->timeout_ns, err) < 0)
        return -1;
    enum hg_next next = hg_entry_judge(e, &why, err);
    /* A newer image's migration under way is no reason to take the application that runs out of service. */
    if (next == HG_NEXT_START || (next == HG_NEXT_WAIT && e->status.state == HG_STATE_AHEAD)) {
        free(why);
        return 0;
    }
    if (why)
        (void)hg_fail(err, HG_E_REFUSED, "%s", why);
    free(why);
    return -1;
}

int hg_entrypoint_health(const struct hg_entrypoint_options *o, struct hg_err *err)
{
    struct hg_common common = *o->common;   /* its time is for the target's sources too */
    struct hg_entrypoint_options quiet = *o; /* the start has said it; probes come every few seconds */
    quiet.say = quiet.warn = NULL;
    quiet.common = &common;
    if (!common.timeout_ns)
        common.timeout_ns = HG_ENTRY_HEALTH_NS;
    struct hg_entry e = { .o = &quiet, .listening = -1 };
    int rc = health(&e, err);
    entry_done(&e);
    return rc;
}
