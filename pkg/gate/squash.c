/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Squashes that headgate.yaml declares: which missing files they explain, and HG235: may the version
 * row at the old end be moved? Only where the ledger says that everything up to there ran, and the
 * schema is as the ledger left it.
 */
#include "past.h"

bool hg_squash_explains(const struct hg_judge *j, const struct hg_graph *then, const char *revision)
{
    const struct hg_config *c = &j->in->target->config;
    const struct hg_revision *r = hg_graph_get(then, revision);
    for (size_t i = 0; r && i < c->squash_count; i++) {
        const struct hg_squash *q = &c->squashes[i];
        const struct hg_revision *last = hg_graph_get(then, q->last), *first = hg_graph_get(then, q->first);
        bool all = hg_streq(q->first, "base");
        if (!last || (!first && !all) || !hg_graph_get(j->in->graph, q->by))
            continue;
        struct hg_revlist end = { &last, 1, 1 }, self = { &r, 1, 1 };
        HG_AUTO(hg_freep) bool *in = hg_graph_applied(then, &end);
        HG_AUTO(hg_freep) bool *below = hg_graph_applied(then, &self);
        if (in[r->index] && (all || below[first->index]))
            return true;
    }
    return false;
}

static const struct hg_ledger_entry *entry_of(const struct hg_ledger_entries *entries, const char *revision)
{
    for (size_t i = 0; i < entries->count; i++)
        if (hg_streq(entries->items[i].revision, revision))
            return &entries->items[i];
    return NULL;
}

/* Only what is in counts as known. */
static bool parents(void *context, const char *revision, struct hg_strv *ret)
{
    const struct hg_ledger_entry *e = entry_of(context, revision);
    if (!e || hg_streq(e->direction, "down"))
        return false;
    hg_strv_addv(ret, &e->down);
    hg_strv_addv(ret, &e->depends_on);
    return true;
}

bool hg_past_squashed(const struct hg_judge *j, const struct hg_ledger_entries *entries, const char *revision)
{
    const struct hg_config *c = &j->in->target->config;
    bool gone = !hg_graph_get(j->in->graph, revision);
    for (size_t i = 0; gone && i < c->squash_count; i++) {
        const struct hg_squash *q = &c->squashes[i];
        HG_AUTO(hg_strv_done) struct hg_strv members = HG_STRV_INIT;
        if (!hg_graph_get(j->in->graph, q->by))
            continue;
        (void)hg_status_squash_members(q, j->in->graph, q->last, parents, (void *)(uintptr_t)entries,
                                       &members, NULL);
        if (hg_strv_has(&members, revision))
            return true;
    }
    return false;
}

static void refuse(struct hg_judge *j, const struct hg_squash *q, const char *why)
{
    struct hg_finding *f = hg_finding_add(&j->out->findings, "HG235",
                                          "the version row %s is not moved to %s (squash %s): %s", q->last,
                                          q->by, q->replaces, why);
    f->revision = hg_xstrdup(q->by);
}

/* Which members nobody recorded: "r1, r2". Heap, or NULL. */
static char *unrecorded(const struct hg_strv *members, const struct hg_ledger_entries *entries)
{
    HG_AUTO(hg_strv_done) struct hg_strv missing = HG_STRV_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv ignored = HG_STRV_INIT;
    for (size_t i = 0; i < members->count; i++)
        if (!parents((void *)(uintptr_t)entries, members->items[i], &ignored))
            hg_strv_add(&missing, members->items[i]);
    return missing.count ? hg_strv_join(&missing, ", ") : NULL;
}

/* What came below the first must be what comes below the one that stands for all. */
static bool same_below(const struct hg_judge *j, const struct hg_squash *q, const struct hg_strv *below)
{
    const struct hg_revision *by = hg_graph_get(j->in->graph, q->by);
    HG_AUTO(hg_strv_done) struct hg_strv a = HG_STRV_INIT, b = HG_STRV_INIT;
    hg_strv_addv(&a, below);
    hg_strv_addv(&b, &by->down);
    hg_strv_addv(&b, &by->depends_on);
    hg_strv_sort(&a);
    hg_strv_sort(&b);
    return hg_same_list(&a, &b);
}

static void prove(struct hg_judge *j, const struct hg_past *past, const struct hg_ledger_entries *entries,
                  const struct hg_squash *q)
{
    HG_AUTO(hg_strv_done) struct hg_strv members = HG_STRV_INIT, below = HG_STRV_INIT;
    bool complete = hg_status_squash_members(q, j->in->graph, q->last, parents, (void *)(uintptr_t)entries,
                                             &members, &below);
    HG_AUTO(hg_freep) char *missing = unrecorded(&members, entries);
    HG_AUTO(hg_freep) char *why = NULL;
    if (!past->summary.present || !past->summary.last_rows_known)
        why = hg_xstrdup("no run is recorded in the ledger");
    else if (!past->rows_as_recorded)
        why = hg_xasprintf("the ledger's last record does not end at %s: somebody moved the rows since",
                           q->last);
    else if (missing)
        why = hg_xasprintf("the ledger does not say that %s ran", missing);
    else if (!complete)
        why = hg_xasprintf("what the ledger recorded below %s does not lead to %s", q->last, q->first);
    else if (!same_below(j, q, &below))
        why = hg_xasprintf("%s does not come after what %s came after", q->by, q->first);
    else if (hg_findings_have(&j->out->findings, "HG224") || hg_findings_have(&j->out->findings, "HG229"))
        why = hg_xstrdup("the schema or the ledger is not as the last run left it");
    if (why)
        refuse(j, q, why);
}

void hg_past_check_squash(struct hg_judge *j, const struct hg_past *past,
                          const struct hg_ledger_entries *entries)
{
    const struct hg_status *s = j->in->status;
    for (size_t i = 0; i < s->moved_from.count; i++)
        prove(j, past, entries, hg_config_squash_of(&j->in->target->config, s->moved_from.items[i]));
}

void hg_past_no_squash(struct hg_judge *j)
{
    const struct hg_status *s = j->in->status;
    for (size_t i = 0; i < s->moved_from.count; i++)
        refuse(j, hg_config_squash_of(&j->in->target->config, s->moved_from.items[i]),
               "there is no ledger in the database that could tell what ran, or this role may not read it");
}
