/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

void hg_judge_unknown(struct hg_judge *j, const char *fmt, ...)
{
    if (j->out->why)
        return;
    va_list ap;
    va_start(ap, fmt);
    j->out->why = hg_xvasprintf(fmt, ap);
    va_end(ap);
}

int64_t hg_judge_until(const struct hg_judge *j)
{
    int64_t until = j->in->wait_ns ? hg_now_ns() + j->in->wait_ns : j->in->deadline_ns;
    return j->in->deadline_ns && j->in->deadline_ns < until ? j->in->deadline_ns : until;
}

void hg_judge_incomparable(struct hg_judge *j, const char *why, const char *hint)
{
    struct hg_findings *findings = &j->out->findings;
    if (hg_findings_have(findings, "HG216"))
        return;
    struct hg_finding *f = hg_finding_add(findings, "HG216", "%s", why);
    if (hint && *hint)
        f->help = hg_xstrdup(hint);
    if (!j->in->status || j->protected_)
        hg_judge_unknown(j, "%s", why);
    else
        f->severity = HG_SEV_NOTE;
}

bool hg_judge_has(const struct hg_judge *j, const char *rule, const char *revision)
{
    for (size_t i = 0; i < j->out->findings.count; i++)
        if (hg_streq(j->out->findings.items[i].rule->id, rule) &&
            hg_streq(j->out->findings.items[i].revision, revision))
            return true;
    return false;
}

bool hg_judge_reported(const struct hg_judge *j, const char *revision)
{
    return hg_judge_has(j, "HG201", revision) || hg_judge_has(j, "HG202", revision) ||
           hg_judge_has(j, "HG204", revision);
}

/* Without any repository there is nothing to compare: fine where only files were shipped, never a
 * pass for a check that is about git alone. */
static void no_repository(struct hg_judge *j)
{
    struct hg_finding *f = hg_finding_add(&j->out->findings, "HG216",
                                          "this is no git repository, so nothing can be compared "
                                          "with a base branch");
    f->help = hg_xstrdup("Run the gate in a checkout with its history.");
    if (!j->in->status)
        hg_judge_unknown(j, "this is no git repository, and the offline gate compares with git");
    else if (!j->protected_)
        f->severity = HG_SEV_NOTE;
}

static void open_repository(struct hg_judge *j)
{
    const struct hg_gate_input *in = j->in;
    const char *dir = in->alembic ? in->alembic->dir : in->dir ? in->dir : ".";
    const char *wanted = in->base ? in->base : in->target->t->gate_base;
    j->envp = hg_target_plain_envp(in->target);
    hg_repo_open(dir, wanted, j->envp, in->deadline_ns, &j->repo);
    switch (j->repo.kind) {
    case HG_REPO_NONE:
        no_repository(j);
        break;
    case HG_REPO_UNUSABLE:
        hg_judge_incomparable(j, j->repo.why, j->repo.hint);
        break;
    case HG_REPO_READY:
        j->out->base = hg_xasprintf("%s (%.8s)", j->repo.base_name, j->repo.merge_base);
        break;
    }
}

/* Errors decide; what could not be told comes next. A history that Alembic refuses is shut whatever
 * the database says, and a state that shuts has left an error that no policy can lower. */
static enum hg_verdict decide(const struct hg_judge *j)
{
    bool refused = j->in->graph && !hg_graph_ok(j->in->graph);
    for (size_t i = 0; !refused && i < j->out->findings.count; i++)
        refused = hg_finding_decides(&j->out->findings.items[i], j->out->fail_on);
    if (refused)
        return HG_VERDICT_SHUT;
    return j->out->why ? HG_VERDICT_UNKNOWN : HG_VERDICT_OPEN;
}

static void judge_done(struct hg_judge *j)
{
    hg_repo_done(&j->repo);
    hg_vars_free_envp(j->envp);
    hg_revlist_done(&j->changed);
}

int hg_gate_judge(const struct hg_gate_input *in, struct hg_gate *ret, struct hg_err *err)
{
    HG_AUTO(hg_gate_done) struct hg_gate out = HG_GATE_INIT;
    HG_AUTO(judge_done) struct hg_judge j = { .in = in, .out = &out };
    const struct hg_target_config *t = in->target->t;
    out.fail_on = in->fail_on != HG_SEV_OFF ? in->fail_on
                  : t->fail_on != HG_SEV_OFF ? t->fail_on
                                             : HG_SEV_ERROR;
    j.protected_ = in->status && t->protected_;
    if (in->graph_findings)
        hg_findings_copy(&out.findings, in->graph_findings);
    if (in->status) {
        hg_findings_copy(&out.findings, &in->status->findings);
        hg_findings_copy(&out.findings, &in->target->findings);
    }
    if (in->more)
        hg_findings_copy(&out.findings, in->more);
    if (!in->graph && in->alembic)
        hg_judge_unknown(&j, "the revision files could not be read");
    open_repository(&j);
    hg_judge_files(&j);
    hg_judge_built(&j);
    hg_judge_config(&j);
    hg_judge_ledger(&j);
    hg_judge_state(&j);
    hg_judge_review(&j);
    hg_judge_container(&j);
    if (hg_judge_required(&j, err) != 0 || hg_judge_policy(&j, err) != 0)
        return -1;
    hg_findings_address(&out.findings, in->status ? t->name : NULL);
    for (size_t i = 0; i < out.findings.count; i++)
        out.waived += out.findings.items[i].waived != NULL;
    out.verdict = decide(&j);
    hg_trace("gate", "verdict", out.verdict ? hg_verdict_name(out.verdict) : "unknown", NULL);
    *ret = out;
    out = (struct hg_gate)HG_GATE_INIT;
    return 0;
}

void hg_gate_done(struct hg_gate *g)
{
    hg_findings_done(&g->findings);
    free(g->why);
    free(g->base);
    json_decref(g->earlier);
    *g = (struct hg_gate)HG_GATE_INIT;
}

const char *hg_verdict_name(enum hg_verdict verdict)
{
    return verdict == HG_VERDICT_OPEN ? "open" : verdict == HG_VERDICT_SHUT ? "shut" : NULL;
}

int hg_gate_exit(const struct hg_gate *g)
{
    return g->verdict == HG_VERDICT_OPEN   ? HG_EXIT_YES
           : g->verdict == HG_VERDICT_SHUT ? HG_EXIT_NO
                                           : HG_EXIT_UNKNOWN;
}
