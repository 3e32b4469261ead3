/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gate/gate.h"
#include "plan/plan.h"

#define JUDGE_NS  (60 * HG_NS_PER_S)
#define ANSWER_MAX 256

static const char *upgrade_to(const struct hg_run *r)
{
    return r->target.t->upgrade_to ? r->target.t->upgrade_to : "head";
}

static const char *wanted(const struct hg_run *r)
{
    if (r->planned)
        return hg_plan_goal(r->planned);
    return r->o->revision ? r->o->revision : upgrade_to(r);
}

int hg_run_plan(struct hg_run *r, struct hg_err *err)
{
    const char *goal = wanted(r);
    hg_revlist_done(&r->steps);
    r->steps = (struct hg_revlist)HG_REVLIST_INIT;
    hg_strv_done(&r->to);
    r->to = (struct hg_strv)HG_STRV_INIT;
    if (hg_run_moves_first(r, err) < 0)
        return -1;
    if (hg_plan_steps(r->graph, &r->status.judged, goal, r->o->down, &r->steps, &r->to, &r->goal, err) < 0) {
        if (r->have_bundle && strstr(err->hint, "headgate history")) /* that reads the files */
            (void)hg_hint(err, "headgate bundle show %s", r->o->bundle);
        return hg_wrap(err, "%s to %s", r->o->down ? "rollback" : "apply", goal);
    }
    hg_strv_done(&r->from);
    r->from = (struct hg_strv)HG_STRV_INIT;
    hg_strv_addv(&r->from, &r->status.rows);
    return 0;
}

/* The files of the revisions are those that were reviewed; is what they take in from elsewhere, too? */
static void check_sql(const struct hg_run *r, const char *remedy, struct hg_findings *ret)
{
    struct hg_plan_input in = { .target = &r->target,
                                .alembic = r->have_bundle ? NULL : &r->alembic,
                                .bundle = r->have_bundle ? &r->bundle : NULL,
                                .graph = r->graph,
                                .status = &r->status,
                                .x = &r->o->common->x,
                                .no_python = r->o->common->no_python };
    hg_plan_compare_sql(r->planned, &in, &r->steps, remedy, ret);
}

/* HG230 where the plan is about something else than what would run now, HG231 where one is wanted. */
static void check_plan(const struct hg_run *r, struct hg_findings *ret)
{
    const struct hg_target_config *t = r->target.t;
    if (!r->planned) {
        if (t->protected_ && t->require_plan && !r->o->down && !r->o->baseline && r->steps.count)
            (void)hg_finding_add(ret, "HG231", "target %s has `require_plan: true`, and there is no "
                                 "--plan", t->name);
        return;
    }
    HG_AUTO(hg_freep) char *env = r->have_bundle ? hg_xstrdup(r->bundle.env_digest)
                                                 : hg_plan_env_digest(&r->alembic);
    HG_AUTO(hg_freep) char *remedy = hg_xasprintf("headgate plan -t %s -o %s", t->name, r->o->plan);
    struct hg_plan_now now = { .target = t->name,
                               .database = r->identity.database,
                               .system_identifier = r->identity.system_identifier,
                               .oid = r->identity.oid,
                               .version_table = r->version_table,
                               .from = &r->status.rows,
                               .to = &r->to,
                               .upgrade_to = upgrade_to(r),
                               .goal = r->goal ? r->goal : "",
                               .steps = &r->steps,
                               .env_digest = env };
    hg_plan_compare(r->planned, &now, remedy, ret);
    if (!hg_findings_have(ret, "HG230"))
        check_sql(r, remedy, ret);
}

static bool matters_downwards(const char *rule)
{
    static const char *const RULES[] = { "HG212", "HG213", "HG214", "HG218", "HG220" };
    if (hg_starts_with(rule, "HG5") || hg_starts_with(rule, "HG6") || hg_starts_with(rule, "HG1"))
        return !hg_streq(rule, "HG101"); /* several heads are no reason to stay up */
    for (size_t i = 0; i < HG_COUNT(RULES); i++)
        if (hg_streq(rule, RULES[i]))
            return true;
    return false;
}

/* What the gate says about pending revisions is no reason against going back; nor against writing
 * down what is already there. A stamped row is not there: to go back from it would write it down first, and undo
 * what was never done. */
static bool shut_anyway(const struct hg_run *r, const struct hg_gate *g)
{
    bool forward = !r->o->down && !r->o->baseline && !r->o->adopt;
    for (size_t i = 0; i < g->findings.count; i++) {
        const struct hg_finding *f = &g->findings.items[i];
        bool stamped = (r->o->adopt || r->o->down) && hg_streq(f->rule->id, "HG226");
        bool matters = forward || stamped || matters_downwards(f->rule->id);
        if (matters && hg_finding_decides(f, g->fail_on))
            return true;
    }
    return forward && !r->o->release;
}

static void report_gate(struct hg_run *r, const struct hg_gate *g, const char *verdict)
{
    json_t *event = hg_event("gate");
    json_t *steps = json_array();
    for (size_t i = 0; !r->o->baseline && i < r->steps.count; i++) /* a baseline runs none */
        json_array_append_new(steps, json_pack("{s:s, s:o}", "revision", r->steps.items[i]->id,
                                               "message", hg_event_text(r->steps.items[i]->doc)));
    json_object_set_new(event, "verdict", hg_event_text(verdict));
    json_object_set_new(event, "state", json_string(hg_state_name(r->status.state)));
    json_object_set_new(event, "base", hg_event_text(g->base));
    json_object_set_new(event, "from", hg_json_list(&r->status.rows));
    json_object_set_new(event, "goal", hg_event_text(r->goal));
    json_object_set_new(event, "direction", json_string(r->o->down ? "down" : "up"));
    json_object_set_new(event, "steps", steps);
    json_object_set_new(event, "findings", hg_findings_json(&g->findings));
    hg_emit(r, event);
}

/* --release: what a rollback holds may go now; it is released before anything runs. */
static void let_go(const struct hg_run *r, struct hg_gate *g)
{
    for (size_t i = 0; r->o->release && i < g->findings.count; i++)
        if (hg_streq(g->findings.items[i].rule->id, "HG223") && !g->findings.items[i].waived)
            g->findings.items[i].waived = hg_xstrdup("--release");
}

static int refuse(struct hg_run *r, const struct hg_gate *g, struct hg_err *err)
{
    const struct hg_finding *first = NULL;
    for (size_t i = 0; i < g->findings.count && !first; i++)
        if (hg_finding_decides(&g->findings.items[i], g->fail_on))
            first = &g->findings.items[i];
    (void)hg_fail(err, HG_E_REFUSED, "the gate of %s is shut%s%s", r->target.t->name,
                  first ? ": " : "", first ? first->message : "");
    bool ahead = first && (hg_streq(first->rule->id, "HG212") || hg_streq(first->rule->id, "HG213"));
    if (r->o->down && ahead && r->summary.present && !r->have_bundle)
        (void)hg_hint(err, "use the code that has it; or, from the files that the ledger kept: add "
                      "--files-from-ledger");
    else if (ahead && r->have_bundle)
        (void)hg_hint(err, "headgate bundle show %s: is it of this project, and the newest?", r->o->bundle);
    else if (first)
        (void)hg_hint(err, "`headgate explain %s` says what to do", first->rule->id);
    return -1;
}

/* A row that is short for a revision, or a label: Alembic reads it, but leaves it where it is when it
 * writes the next one, and refuses the table from then on. */
static int literal_rows(struct hg_run *r, struct hg_err *err)
{
    for (size_t i = 0; r->steps.count && i < r->status.judged.count; i++) {
        const char *row = r->status.judged.items[i];
        if (hg_graph_get(r->graph, row))
            continue;
        if (!hg_findings_have(&r->findings, "HG218"))
            (void)hg_finding_add(&r->findings, "HG218", "the version table holds \"%s\", which is no "
                                 "whole revision id: Alembic could not replace that row", row);
        (void)hg_fail(err, HG_E_REFUSED, "the version table %s holds \"%s\", which is no whole "
                      "revision id: Alembic could not replace that row", r->version_table, row);
        return hg_hint(err, "write the whole id into the table (headgate status names the revision)");
    }
    return 0;
}

/* Where a migration cannot work at all, whatever the rules' severities say. */
static int impossible(struct hg_run *r, struct hg_err *err)
{
    const struct hg_identity *i = &r->identity;
    if (i->in_recovery)
        return hg_fail(err, HG_E_REFUSED, "%s is a standby: nothing can be changed in it",
                       r->identity.database);
    if (i->read_only)
        return hg_fail(err, HG_E_REFUSED, "%s is read-only for role %s", i->database, i->role);
    if (i->pooled && !hg_streq(r->target.t->pooler, "session")) {
        (void)hg_fail(err, HG_E_REFUSED, "the connection to %s goes through a pooler, which keeps no "
                      "session for the locks", i->database);
        return hg_hint(err, "set direct_url for target %s, or `pooler: session`", r->target.t->name);
    }
    return hg_run_bundle_fits(r, err) < 0 ? -1 : literal_rows(r, err);
}

/* The way out of HG603 by name, where one of the target's variables has it. */
static void suggest_direct(struct hg_run *r)
{
    const char *direct = hg_run_direct_variable(&r->target);
    for (size_t i = 0; direct && i < r->status.findings.count; i++) {
        struct hg_finding *f = &r->status.findings.items[i];
        if (!hg_streq(f->rule->id, "HG603") || f->help)
            continue;
        f->help = hg_xasprintf("Set `direct_url: \"${%s}\"` for target %s: that variable names the same database "
                               "past the pooler. Or `pooler: session`, if the pooler keeps one server session "
                               "for each client.", direct, r->target.t->name);
    }
}

/* Rows that somebody moved are about to be recorded: did their revisions happen? */
static bool compares_schema(const struct hg_run *r)
{
    bool runs = !r->o->adopt && (r->steps.count || hg_run_moves(r));
    return !r->o->baseline && ((runs && !r->o->down) || hg_run_moved_outside(r));
}

int hg_run_judge(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(hg_findings_done) struct hg_findings more = HG_FINDINGS_INIT;
    hg_findings_move(&more, &r->preflight);
    suggest_direct(r);
    check_plan(r, &more);
    hg_run_judge_bundle(r, &more);
    struct hg_gate_input in = { .target = &r->target,
                                .alembic = r->have_bundle ? NULL : &r->alembic,
                                .graph = r->graph,
                                .built = r->have_bundle,
                                .built_dirty = r->bundle.dirty,
                                .built_commit = r->bundle.commit,
                                .status = &r->status,
                                .conn = r->watch,
                                .under_lock = true,
                                .dir = r->o->common->dir,
                                .common = r->o->common,
                                .overrides = r->o->overrides,
                                .more = &more,
                                .from_empty = r->o->from_empty,
                                .no_pending = r->o->down || r->o->baseline || r->o->adopt,
                                .no_catalog = !compares_schema(r),
                                .deadline_ns = hg_now_ns() + JUDGE_NS };
    HG_AUTO(hg_gate_done) struct hg_gate g = HG_GATE_INIT;
    if (hg_gate_judge(&in, &g, err) < 0)
        return -1;
    let_go(r, &g);
    json_decref(r->earlier);
    r->earlier = HG_TAKE(g.earlier);
    bool shut = g.verdict == HG_VERDICT_SHUT && shut_anyway(r, &g);
    bool untold = !shut && g.verdict != HG_VERDICT_OPEN && g.why;
    report_gate(r, &g, shut ? "shut" : untold ? NULL : "open");
    int rc = 0;
    if (untold)
        rc = hg_fail(err, HG_E_UNKNOWN, "could not tell whether the gate of %s is open: %s",
                     r->target.t->name, g.why);
    else if (shut)
        rc = refuse(r, &g, err);
    hg_findings_done(&r->findings); /* the gate's list holds those of files, target and status */
    r->findings = (struct hg_findings)HG_FINDINGS_INIT;
    hg_findings_move(&r->findings, &g.findings);
    if (rc == 0 && (r->steps.count || r->o->baseline || r->o->adopt || hg_run_moves(r)))
        rc = impossible(r, err);
    return rc;
}

static int read_answer(const char *question, char answer[ANSWER_MAX], struct hg_err *err)
{
    (void)fputs(question, stderr);
    (void)fflush(stderr);
    if (hg_signals_wait_input(STDIN_FILENO, err) < 0 || !fgets(answer, ANSWER_MAX, stdin)) {
        (void)fputc('\n', stderr);
        return hg_signals_check(err) < 0 ? -1 : hg_fail(err, HG_E_REFUSED, "no answer");
    }
    answer[strcspn(answer, "\r\n")] = '\0';
    return 0;
}

bool hg_run_asks(const struct hg_run *r)
{
    bool terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    bool matters = r->target.t->protected_ || (r->o->overrides && r->o->overrides->count) ||
                   (r->stored_count && terminal);
    return matters && !r->o->common->yes;
}

int hg_run_confirm(struct hg_run *r, struct hg_err *err)
{
    const char *name = r->target.t->name;
    if (!hg_run_asks(r))
        return 0;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        (void)hg_fail(err, HG_E_REFUSED, "%s is %s, and there is no terminal to confirm on", name,
                      r->target.t->protected_ ? "protected" : "to be passed with an override");
        return hg_hint(err, getenv("HEADGATE_MAKE_PROGRAM") ? "say so beforehand: make … YES=1"
                                                            : "add --yes to say so beforehand");
    }
    char answer[ANSWER_MAX] = "";
    HG_AUTO(hg_freep) char *moves =
        hg_run_moves(r) ? hg_xasprintf("Move the version row %s to %s, then apply",
                                       r->status.moved_from.items[0], r->status.moved_to.items[0])
                        : hg_xstrdup(r->o->down ? "Roll back" : "Apply");
    HG_AUTO(hg_freep) char *question = hg_xasprintf(
        "%s %zu revision%s %s %s (database %s). Type the target's name to go on: ", moves, r->steps.count,
        r->steps.count == 1 ? "" : "s", r->o->down ? "on" : "to", name, r->identity.database);
    if (read_answer(question, answer, err) < 0)
        return -1;
    if (!hg_streq(answer, name))
        return hg_fail(err, HG_E_REFUSED, "that is not the target's name (%s); nothing was done", name);
    return 0;
}
