/* SPDX-License-Identifier: Apache-2.0 */
/* Autogenerate compares the models with the database: with one that stands elsewhere than the files,
 * it writes the difference to the wrong place. */
#include "new.h"

#define LOST_TIMEOUT_NS (10 * HG_NS_PER_S)
#define PENDING_SHOWN   5

static const char *target_flag(const struct project *p, char **ret)
{
    return *ret = p->o->common.target != NULL ? hg_xasprintf(" -t %s", p->o->common.target)
                                              : hg_xstrdup("");
}

static int refuse_behind(const struct project *p, const struct hg_status *s, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *flag = NULL;
    (void)hg_fail(err, HG_E_REFUSED,
                  "%s lacks %zu revision%s that the files have: a new one would contain them again",
                  p->target.t->name, s->pending.count, s->pending.count == 1 ? "" : "s");
    HG_AUTO(hg_buf_done) struct hg_buf list = HG_BUF_INIT;
    for (size_t i = 0; i < s->pending.count && i < PENDING_SHOWN; i++)
        hg_buf_addf(&list, "%s%s  %s", i ? "\n" : "pending:\n", s->pending.items[i]->id,
                    s->pending.items[i]->doc);
    if (s->pending.count > PENDING_SHOWN)
        hg_buf_addf(&list, "\nand %zu more", s->pending.count - PENDING_SHOWN);
    (void)hg_detail(err, "%s", hg_buf_str(&list));
    return hg_hint(err, "headgate apply%s", target_flag(p, &flag));
}

/* The database has what another branch brought. */
static int refuse_lost(const struct project *p, const struct hg_status *s, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *flag = NULL;
    (void)target_flag(p, &flag);
    const struct hg_lost *lost = s->lost_count > 0 ? &s->lost[0] : NULL;
    const char *id = s->unknown.count > 0 ? s->unknown.items[0] : "an unknown revision";
    if (lost == NULL || lost->branch == NULL) {
        (void)hg_fail(err, HG_E_REFUSED, "%s has revision %s, which no file here has",
                      p->target.t->name, id);
        return hg_hint(err, "get the branch that has it (git fetch --all), or start with a fresh "
                            "development database");
    }
    HG_AUTO(hg_freep) char *back = lost->deleted ? hg_status_bring_back(lost) : NULL;
    (void)hg_fail(err, HG_E_REFUSED, "%s has revision %s (%s) of branch %s%s", p->target.t->name, id,
                  lost->message != NULL ? lost->message : "no message", lost->branch,
                  lost->deleted ? ", where its file was deleted" : "");
    if (lost->commit != NULL)
        (void)hg_detail(err, "commit %s%s%s", lost->commit, lost->date != NULL ? " of " : "",
                        lost->date != NULL ? lost->date : "");
    if (back != NULL)
        return hg_hint(err, "bring the file back: %s", back);
    return hg_hint(err,
                   "take it back where its file is: git switch %s && headgate rollback%s -1 && git "
                   "switch -; or merge that branch first: git merge %s",
                   lost->branch, flag, lost->branch);
}

static int judge(struct project *p, struct hg_status *s, struct hg_err *err)
{
    switch (s->state) {
    case HG_STATE_UP_TO_DATE: return 0;
    case HG_STATE_EMPTY:
        if (hg_graph_count(p->graph) == 0)
            return 0;
        return refuse_behind(p, s, err);
    case HG_STATE_BEHIND: return refuse_behind(p, s, err);
    case HG_STATE_AHEAD:
    case HG_STATE_DIVERGED:
        hg_status_find_lost(s, p->graph, &p->alembic, LOST_TIMEOUT_NS);
        return refuse_lost(p, s, err);
    case HG_STATE_UNKNOWN: break;
    }
    (void)hg_fail(err, HG_E_UNKNOWN, "could not tell where %s stands", p->target.t->name);
    return hg_hint(err, "headgate status");
}

int check_up_to_date(struct project *p, struct hg_err *err)
{
    struct hg_status_read *read = NULL;
    struct hg_status s = { 0 };
    if (hg_status_start(&p->target, "headgate-new", 0, &read, err) < 0)
        return -1;
    hg_status_name(read, &p->alembic);
    int rc = hg_status_finish(read, p->graph, NULL, &s, err);
    if (rc == 0)
        rc = judge(p, &s, err);
    hg_status_done(&s);
    return rc;
}
