/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"
#include "review/review.h"

/* A model that nobody registered yet is what work in progress looks like. It makes a migration wrong
 * only where the revision for it came out empty; on a pull request and on a protected target it is an
 * error all the same, because nothing there is in progress. */
static void lower_models(struct hg_judge *j)
{
    struct hg_findings *list = &j->out->findings;
    if (!j->in->status || j->protected_ || hg_findings_have(list, "HG208"))
        return;
    for (size_t i = 0; i < list->count; i++)
        if (hg_streq(list->items[i].rule->id, "HG207"))
            list->items[i].severity = HG_SEV_WARNING;
}

/* In a database where the history begins there is no row yet that a rename could lose, and what was decided long
 * ago must not keep a new one from being made. */
static void lower_renames(struct hg_judge *j)
{
    struct hg_findings *list = &j->out->findings;
    const struct hg_status *s = j->in->status;
    if (!s || s->state != HG_STATE_EMPTY || s->has_user_tables)
        return;
    for (size_t i = 0; i < list->count; i++)
        if (hg_streq(list->items[i].rule->id, "HG209"))
            list->items[i].severity = HG_SEV_NOTE;
}

/* Online: what is about to run. Offline: what this branch adds or changes. */
void hg_judge_review(struct hg_judge *j)
{
    const struct hg_revlist *list = j->in->status ? &j->in->status->pending : &j->changed;
    bool models_matter = !j->in->status || list->count;
    if (j->in->no_pending || !j->in->alembic || !j->in->graph || !models_matter)
        return;
    struct hg_err err = { 0 };
    HG_AUTO(hg_review_models_done) struct hg_review_models models = { 0 };
    bool have = hg_review_models_load(j->in->alembic, &models, &err) == 0;
    if (have)
        hg_review_check_models(&models, &j->out->findings);
    else
        hg_log(HG_LOG_INFO, "the models were not looked at: %s", err.message);
    for (size_t i = 0; i < list->count; i++) {
        if (hg_review_revision(j->in->graph, list->items[i], have ? &models : NULL, NULL,
                               &j->out->findings, &err) != 0)
            hg_judge_unknown(j, "%s", err.message);
    }
    if (have)
        hg_review_check_left(j->in->graph, list, &models, &j->out->findings);
    lower_models(j);
    lower_renames(j);
}
