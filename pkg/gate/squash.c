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

/* The squash that ends at this revision and is done here, or NULL. */
static const struct hg_squash *ended_by(const struct hg_judge *j, const char *revision)
{
    const struct hg_squash *q = hg_config_squash_of(&j->in->target->config, revision);
    return q && hg_graph_get(j->in->graph, q->by) && !hg_graph_get(j->in->graph, revision) ? q : NULL;
}

bool hg_squash_parents(const struct hg_judge *j, const struct hg_strv *then, const struct hg_strv *now)
{
    size_t replaced = 0;
    bool same = then->count == now->count;
    for (size_t i = 0; same && i < then->count; i++) {
        const struct hg_squash *q = ended_by(j, then->items[i]);
        replaced += q != NULL;
        same = hg_streq(q ? q->by : then->items[i], now->items[i]);
    }
    return same && replaced;
}

/* Where a statement at the top of a file that assigns to this name ends: a newline outside brackets. */
static size_t statement_end(const char *text, size_t len, size_t at)
{
    int depth = 0;
    for (; at < len && (text[at] != '\n' || depth > 0); at++)
        depth += (text[at] == '(' || text[at] == '[') - (text[at] == ')' || text[at] == ']');
    return at;
}

static bool assigns_parents(const char *text, size_t len, size_t at)
{
    static const char *const NAMES[] = { "down_revision", "depends_on" };
    for (size_t i = 0; i < HG_COUNT(NAMES); i++)
        if (len - at > strlen(NAMES[i]) && strncmp(text + at, NAMES[i], strlen(NAMES[i])) == 0)
            return at == 0 || text[at - 1] == '\n';
    return false;
}

/* A string constant at text[at]: of a revision at which a squash ends? Its length, or 0. */
static size_t old_end(const struct hg_judge *j, const char *text, size_t len, size_t at,
                      const struct hg_squash **ret)
{
    const char *end = text[at] == '"' || text[at] == '\''
                          ? memchr(text + at + 1, text[at], len - at - 1) : NULL;
    if (!end)
        return 0;
    HG_AUTO(hg_freep) char *id = hg_xstrndup(text + at + 1, (size_t)(end - text) - at - 1);
    *ret = ended_by(j, id);
    return *ret ? strlen(id) + 2 : 0;
}

bool hg_squash_rewrite(const struct hg_judge *j, const char *text, size_t len, struct hg_buf *ret)
{
    bool replaced = false;
    size_t until = 0;
    for (size_t at = 0; at < len; at++) {
        const struct hg_squash *q = NULL;
        if (at >= until && assigns_parents(text, len, at))
            until = statement_end(text, len, at);
        size_t taken = at < until ? old_end(j, text, len, at, &q) : 0;
        if (taken) {
            hg_buf_addf(ret, "%c%s%c", text[at], q->by, text[at]);
            at += taken - 1;
            replaced = true;
        } else {
            hg_buf_addc(ret, text[at]);
        }
    }
    return replaced;
}

void hg_squash_note(struct hg_judge *j, const struct hg_revision *r)
{
    if (hg_judge_has(j, "HG234", r->id))
        return;
    HG_AUTO(hg_freep) char *now = hg_strv_join(&r->down, ", ");
    struct hg_finding *f = hg_finding_add(&j->out->findings, "HG234", "revision %s comes after %s here, as the "
                                          "squash in headgate.yaml says; the rest of its file is the same",
                                          r->id, now);
    f->revision = hg_xstrdup(r->id);
    f->path = hg_xstrdup(r->path);
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
