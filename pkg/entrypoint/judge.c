/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy says about each state. */
#include "internal.h"

#define SHOWN_MAX ((size_t)200) /* bytes of a text that is not ours */

char *hg_entry_rows(const struct hg_entry *e)
{
    HG_AUTO(hg_freep) char *rows = hg_strv_join(&e->status.rows, ", ");
    return hg_printable(rows && *rows ? rows : "no revision", SHOWN_MAX);
}

static const struct hg_finding *error_of(const struct hg_status *s, const char *rule)
{
    for (size_t i = 0; i < s->findings.count; i++) {
        const struct hg_finding *f = &s->findings.items[i];
        if (f->severity == HG_SEV_ERROR && (!rule || hg_streq(f->rule->id, rule)))
            return f;
    }
    return NULL;
}

/* Several heads stop apply, unless headgate.yaml lowers the rule; so they stop the other policies too. */
static const struct hg_finding *several_heads(const struct hg_entry *e)
{
    const struct hg_config *c = &e->target.config;
    for (size_t i = 0; i < c->rule_count; i++)
        if (hg_streq(c->rules[i].rule, "HG101") && c->rules[i].severity != HG_SEV_ERROR)
            return NULL;
    return error_of(&e->status, "HG101");
}

static enum hg_next refuse_by(const struct hg_entry *e, const struct hg_finding *f, struct hg_err *err)
{
    (void)hg_fail(err, HG_E_REFUSED, "%s is %s, so the application is not started: %s", e->target.t->name,
                  hg_state_name(e->status.state), f ? f->message : "see headgate status");
    bool older = f && (hg_streq(f->rule->id, "HG212") || hg_streq(f->rule->id, "HG213"));
    if (older && e->way.bundle_path)
        (void)hg_hint(err, "headgate bundle show %s: is it of this project, and the newest?", e->way.bundle_path);
    else if (f)
        (void)hg_hint(err, "`headgate explain %s` says what to do", f->rule->id);
    return HG_NEXT_REFUSE;
}

/* ---- ahead ------------------------------------------------------------------------------------ */

/* Is every revision that no file here has one that headgate applied, by the ledger's word, and are all
 * of this image's heads below them? */
static bool proven(const struct hg_status *s)
{
    if (!s->pending_known || s->pending.count || !s->lost_count)
        return false;
    for (size_t i = 0; i < s->lost_count; i++)
        if (!hg_streq(s->lost[i].found, "ledger") || !hg_streq(s->lost[i].direction, "up"))
            return false;
    return true;
}

/* What somebody wrote into a table goes into a log: one line, no sequence that a terminal obeys. */
static char *shown(const char *text)
{
    return hg_printable(text ? text : "?", SHOWN_MAX);
}

/* "r4 add sources, applied by tess at 2026-11-23T04:12:07Z from commit 41f6d28c9e20" */
static void add_lost(const struct hg_lost *l, struct hg_buf *ret)
{
    HG_AUTO(hg_freep) char *revision = shown(l->revision);
    HG_AUTO(hg_freep) char *message = shown(l->message ? l->message : "");
    HG_AUTO(hg_freep) char *by = shown(l->by);
    HG_AUTO(hg_freep) char *date = shown(l->date);
    HG_AUTO(hg_freep) char *commit = shown(l->commit);
    HG_AUTO(hg_freep) char *branch = shown(l->branch);
    hg_buf_addf(ret, "%s%s%s", revision, *message ? " " : "", message);
    if (!l->found)
        hg_buf_adds(ret, ", of which neither the ledger nor git knows anything");
    else if (strcmp(l->found, "ledger") == 0)
        hg_buf_addf(ret, ", %s by %s at %s from commit %.12s",
                    hg_streq(l->direction, "up") ? "applied" : "recorded", by, date, commit);
    else
        hg_buf_addf(ret, ", not in the ledger; in git on branch %s, commit %.12s of %s", branch, commit, date);
}

static void list_lost(const struct hg_status *s, struct hg_buf *ret)
{
    for (size_t i = 0; i < s->lost_count; i++) {
        hg_buf_adds(ret, i ? "\n" : "");
        add_lost(&s->lost[i], ret);
    }
}

/* "a migration WHAT under way, by … since …"; heap. */
static char *under_way(const struct hg_status *s, const char *what)
{
    HG_AUTO(hg_freep) char *by = shown(s->run_by);
    HG_AUTO(hg_freep) char *since = shown(s->run_since);
    return hg_xasprintf("a migration %s under way, by %s since %s", what, by, since);
}

static enum hg_next judge_ahead(struct hg_entry *e, char **ret_why, struct hg_err *err)
{
    const struct hg_status *s = &e->status;
    HG_AUTO(hg_buf_done) struct hg_buf list = HG_BUF_INIT;
    bool known = proven(s);
    list_lost(s, &list);
    if (e->ahead == HG_AHEAD_ALLOW || (known && e->ahead == HG_AHEAD_PROVEN)) {
        hg_entry_warn(e, "%s is ahead of this image, which is started all the same (%s):\n%s",
                      e->target.t->name,
                      known ? "all of it was applied by headgate on top of this image's heads"
                            : "ahead: allow", hg_buf_str(&list));
        return HG_NEXT_START;
    }
    if (s->running && e->ahead == HG_AHEAD_PROVEN) {
        *ret_why = under_way(s, "to something newer than this image is");
        return HG_NEXT_WAIT;
    }
    (void)hg_fail(err, HG_E_REFUSED, "%s is ahead of this image, so the application is not started%s",
                  e->target.t->name,
                  known ? " (ahead: refuse)" : ": it is not proven that headgate applied what is unknown here");
    (void)hg_detail(err, "%s", hg_buf_str(&list));
    (void)hg_hint(err, "deploy an image that has these revisions, or start this one with --ahead=allow");
    return HG_NEXT_REFUSE;
}

/* ---- something is pending ---------------------------------------------------------------------- */

static const char *held(const struct hg_status *s)
{
    for (size_t i = 0; i < s->pending.count; i++)
        if (hg_strv_has(&s->held, s->pending.items[i]->id))
            return s->pending.items[i]->id;
    return NULL;
}

/* With `upgrade_to: LABEL@head` other branches may stay where they are. */
static bool goal_reached(const struct hg_entry *e)
{
    const char *goal = e->target.t->upgrade_to;
    if (!goal || hg_streq(goal, "head") || hg_streq(goal, "heads"))
        return false;
    HG_AUTO(hg_revlist_done) struct hg_revlist known = HG_REVLIST_INIT;
    HG_AUTO(hg_revlist_done) struct hg_revlist todo = HG_REVLIST_INIT;
    struct hg_err ignored = { 0 };
    hg_graph_resolve_rows(e->way.graph, &e->status.judged, &known, NULL, NULL);
    return hg_graph_upgrade(e->way.graph, &known, goal, &todo, &ignored) == 0 && todo.count == 0;
}

static enum hg_next refuse_pending(const struct hg_entry *e, struct hg_err *err)
{
    const struct hg_status *s = &e->status;
    const char *down = held(s);
    HG_AUTO(hg_freep) char *rows = hg_entry_rows(e);
    if (down) {
        (void)hg_fail(err, HG_E_REFUSED, "%s was taken back by a rollback and is held, so this image, which "
                      "needs it, is not started", down);
        (void)hg_hint(err, "deploy the image from before it; when it may go again: headgate apply -t %s "
                      "--release", e->target.t->name);
        return HG_NEXT_REFUSE;
    }
    (void)hg_fail(err, HG_E_REFUSED, "%s is %s: at %s, with %zu revision%s pending; by policy `verify` the "
                  "application is not started", e->target.t->name, hg_state_name(s->state),
                  rows, s->pending.count, s->pending.count == 1 ? "" : "s");
    HG_AUTO(hg_freep) char *running = s->running ? under_way(s, "is") : NULL;
    if (running)
        (void)hg_detail(err, "%s", running);
    (void)hg_hint(err, "headgate apply -t %s, before the containers start; or policy `wait` or `apply`",
                  e->target.t->name);
    return HG_NEXT_REFUSE;
}

static enum hg_next judge_pending(struct hg_entry *e, char **ret_why, struct hg_err *err)
{
    const struct hg_status *s = &e->status;
    if (goal_reached(e))
        return HG_NEXT_START;
    if (s->state == HG_STATE_EMPTY && s->has_user_tables && !s->running)
        return refuse_by(e, error_of(s, "HG214"), err);
    if (held(s) || e->policy == HG_POLICY_VERIFY)
        return refuse_pending(e, err);
    if (s->running) {
        *ret_why = under_way(s, "is");
        return HG_NEXT_WAIT;
    }
    if (e->policy == HG_POLICY_WAIT) {
        *ret_why = hg_xasprintf("%s is %s, %zu revision%s pending; somebody else has to apply them",
                                e->target.t->name, hg_state_name(s->state), s->pending.count,
                                s->pending.count == 1 ? "" : "s");
        return HG_NEXT_WAIT;
    }
    return HG_NEXT_MIGRATE;
}

static enum hg_next judge(struct hg_entry *e, char **ret_why, struct hg_err *err)
{
    const struct hg_finding *heads = several_heads(e);
    if (heads)
        return refuse_by(e, heads, err);
    switch (e->status.state) {
    case HG_STATE_UP_TO_DATE:
        return HG_NEXT_START;
    case HG_STATE_AHEAD:
        return judge_ahead(e, ret_why, err);
    case HG_STATE_BEHIND:
    case HG_STATE_EMPTY:
        return judge_pending(e, ret_why, err);
    default:
        return refuse_by(e, error_of(&e->status, NULL), err);
    }
}

enum hg_next hg_entry_judge(struct hg_entry *e, char **ret_why, struct hg_err *err)
{
    static const char *const NEXT[] = { "start", "migrate", "wait", "refuse" };
    enum hg_next next = judge(e, ret_why, err);
    hg_trace("entrypoint", "state", hg_state_name(e->status.state), "next", NEXT[next], NULL);
    return next;
}
