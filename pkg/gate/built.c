/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle has no files for git to compare. What it says of itself is judged instead: was everything in it
 * committed, and is that commit in the base branch?
 */
#include "internal.h"

static void report(struct hg_judge *j, const char *rule, const char *why)
{
    struct hg_finding *f = hg_finding_add(&j->out->findings, rule, "%s", why);
    f->help = hg_xstrdup("Build the bundle from a clean checkout of what was merged: headgate bundle");
    if (j->protected_)
        f->severity = HG_SEV_ERROR;
}

/* Of a repository that cannot be compared with the bundle, HG216 has been said. */
static void check_commit(struct hg_judge *j, const char *commit)
{
    if (j->repo.kind != HG_REPO_READY)
        return;
    HG_AUTO(hg_freep) char *here = hg_repo_commit(&j->repo, commit);
    HG_AUTO(hg_freep) char *why = NULL;
    if (!here)
        why = hg_xasprintf("the bundle was built of commit %.12s, which this repository does not have", commit);
    else if (!hg_repo_in_base(&j->repo, here))
        why = hg_xasprintf("the bundle was built of commit %.12s, which is not in %s", commit, j->repo.base_name);
    if (why)
        report(j, "HG205", why);
}

void hg_judge_built(struct hg_judge *j)
{
    const struct hg_gate_input *in = j->in;
    if (!in->built || in->no_pending || (in->status && !in->status->pending.count))
        return;
    if (!in->built_commit)
        report(j, "HG206", "the bundle was built outside of git, so nobody can tell which commit it is of");
    else if (in->built_dirty) {
        HG_AUTO(hg_freep) char *why = hg_xasprintf("the bundle was built of commit %.12s with changes that were "
                                                   "not committed", in->built_commit);
        report(j, "HG206", why);
    } else {
        check_commit(j, in->built_commit);
    }
}
