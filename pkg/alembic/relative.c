/* SPDX-License-Identifier: Apache-2.0 */
/* Relative identifiers and downgrades (RevisionMap._parse_upgrade_target, _parse_downgrade_target,
 * _collect_downgrade_revisions). */
#include "ident.h"

void hg_relative_done(struct hg_relative *r)
{
    free(r->label);
    free(r->symbol);
}

static bool word(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* The part from the symbol on. */
static bool match_tail(const char *p, struct hg_relative *ret)
{
    size_t n = 0;
    while (word(p[n]))
        n++;
    size_t digits = p[n] == '+' || p[n] == '-' ? strspn(p + n + 1, "0123456789") : 0;
    HG_AUTO(hg_freep) char *number = hg_xstrndup(p + n, digits + 1);
    if (digits == 0 || !hg_ident_steps(number, &ret->steps))
        return false;
    ret->symbol = n > 0 ? hg_xstrndup(p, n) : NULL;
    return true;
}

bool hg_relative_match(const char *text, struct hg_relative *ret)
{
    *ret = (struct hg_relative){ 0 };
    for (const char *at = *text ? strchr(text + 1, '@') : NULL; at; at = strchr(at + 1, '@'))
        if (match_tail(at + 1, ret)) {
            ret->label = hg_xstrndup(text, (size_t)(at - text));
            return true;
        }
    return match_tail(text, ret);
}

static int too_far(struct hg_err *err, const char *target)
{
    return hg_fail(err, HG_E_REFUSED, "there are not that many revisions: %s", target);
}

/* get_revision(SYMBOL) or get_revision("LABEL@SYMBOL"). */
static int symbol_of(const struct hg_graph *g, const struct hg_relative *r, bool with_label,
                     uint32_t *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *full = with_label && r->label
                                       ? hg_xasprintf("%s@%s", r->label, r->symbol)
                                       : hg_xstrdup(r->symbol);
    return hg_graph_ident(g, full, ret, err);
}

/* Where `+N` starts: the only row (of the branch), else the tip of the branch among what the rows
 * imply, else the base. */
static int start_of(const struct hg_graph *g, const struct hg_revlist *rows, const char *label,
                    uint32_t *ret, struct hg_err *err)
{
    HG_AUTO(hg_ids_done) struct hg_ids start = { 0 };
    for (size_t i = 0; i < rows->count; i++)
        hg_ids_add(&start, rows->items[i]->index);
    if (label && hg_ident_filter(g, &start, label, err) < 0)
        return -1;
    if (label && start.count == 0) {
        bool *applied = hg_graph_applied(g, rows);
        HG_AUTO(hg_ids_done) struct hg_ids active = { 0 };
        for (size_t i = 0; i < g->count; i++)
            if (applied[i])
                hg_ids_add(&active, i);
        free(applied);
        if (hg_ident_filter(g, &active, label, err) < 0)
            return -1;
        for (size_t i = 0; i < active.count; i++) {
            bool tip = true;
            for (size_t j = 0; j < active.count; j++)
                tip = tip && !hg_ids_have(&g->nodes[active.items[j]].norm, active.items[i]);
            if (tip)
                hg_ids_add(&start, active.items[i]);
        }
    }
    if (start.count > 1) {
        hg_fail(err, HG_E_REFUSED, "a relative upgrade is ambiguous: the database stands at %zu revisions",
                start.count);
        return hg_hint(err, "name the branch, as in BRANCH@+1");
    }
    *ret = start.count ? start.items[0] : HG_NO_REVISION;
    return 0;
}

int hg_graph_upgrade_target(const struct hg_graph *g, const struct hg_revlist *rows,
                            const char *target, bool stop_early, struct hg_ids *ret,
                            struct hg_err *err)
{
    HG_AUTO(hg_relative_done) struct hg_relative r = { 0 };
    if (!hg_relative_match(target, &r))
        return hg_graph_idents(g, target, ret, err);
    uint32_t start, end = HG_NO_REVISION;
    if (!r.symbol && r.steps <= 0)
        return too_far(err, target);
    int failed = r.symbol ? symbol_of(g, &r, r.steps <= 0, &start, err)
                          : start_of(g, rows, r.label, &start, err);
    if (failed)
        return -1;
    int walked = hg_ident_walk(g, start, r.steps, r.steps > 0 ? r.label : NULL, stop_early, &end, err);
    if (walked < 0)
        return -1;
    if (walked > 0 || end >= g->count)
        return too_far(err, target);
    hg_ids_add(ret, end);
    return 0;
}

/* ---- downgrade ---- */

struct downgrade { char *label; uint32_t target; /* HG_NO_REVISION: base */ };

static void downgrade_done(struct downgrade *d)
{
    free(d->label);
}

static int relative_to_rows(const struct hg_graph *g, const struct hg_revlist *rows,
                            struct hg_relative *r, const char *target, struct hg_err *err)
{
    HG_AUTO(hg_ids_done) struct hg_ids from = { 0 };
    for (size_t i = 0; i < rows->count; i++)
        if (!hg_ids_have(&from, rows->items[i]->index))
            hg_ids_add(&from, rows->items[i]->index);
    if (r->label) {
        if (hg_ident_filter(g, &from, r->label, err) < 0)
            return -1;
        if (from.count == 0) {
            struct hg_revlist current = HG_REVLIST_INIT;
            hg_graph_current(g, rows, &current);
            for (size_t i = 0; i < current.count; i++)
                hg_ids_add(&from, current.items[i]->index);
            hg_revlist_done(&current);
            if (hg_ident_filter(g, &from, r->label, err) < 0)
                return -1;
        }
    }
    if (from.count == 0)
        return too_far(err, target);
    if (from.count > 1) {
        hg_fail(err, HG_E_REFUSED, "%s is ambiguous: the database stands at %zu revisions", target,
                from.count);
        return hg_hint(err, "name the branch, as in BRANCH@-1, or the revision to go back to");
    }
    r->symbol = hg_xstrdup(g->revs[from.items[0]].id);
    if (!r->label)
        r->label = hg_xstrdup(r->symbol);
    return 0;
}

static int downgrade_target(const struct hg_graph *g, const struct hg_revlist *rows,
                            const char *target, struct downgrade *ret, struct hg_err *err)
{
    HG_AUTO(hg_relative_done) struct hg_relative r = { 0 };
    uint32_t start;
    if (!hg_relative_match(target, &r)) {
        const char *at = strrchr(target, '@');
        if (hg_graph_ident(g, at ? at + 1 : target, &ret->target, err) < 0)
            return -1;
        ret->label = at && at > target ? hg_xstrndup(target, (size_t)(at - target)) : NULL;
        return 0;
    }
    if (!r.symbol && r.steps >= 0)
        return too_far(err, target);
    if (!r.symbol && relative_to_rows(g, rows, &r, target, err) < 0)
        return -1;
    if (symbol_of(g, &r, r.steps < 0, &start, err) < 0)
        return -1;
    int walked = hg_ident_walk(g, start, r.steps, r.steps > 0 ? r.label : NULL, false, &ret->target,
                               err);
    if (walked != 0)
        return walked < 0 ? -1 : too_far(err, target);
    if (ret->target == HG_BELOW_BASE)
        ret->target = HG_NO_REVISION;
    ret->label = HG_TAKE(r.label);
    return 0;
}

/* The lowest revisions that go. Alembic counts a labelled base once for its id and once for each
 * label, so that a branch restricts even a single base. */
static int roots_of(const struct hg_graph *g, const struct downgrade *d, struct hg_ids *ret,
                    struct hg_err *err)
{
    const struct hg_ids *from = d->target == HG_NO_REVISION ? &g->bases : &g->nodes[d->target].next;
    size_t counted = 0;
    for (size_t i = 0; i < from->count; i++) {
        hg_ids_add(ret, from->items[i]);
        counted += 1 + (d->target == HG_NO_REVISION ? g->revs[from->items[i]].labels.count : 0);
    }
    if (!d->label || counted <= 1)
        return 0;
    uint32_t branch;
    if (hg_graph_ident(g, d->label, &branch, err) < 0)
        return -1;
    hg_set above = hg_set_new(g);
    if (branch != HG_NO_REVISION)
        hg_set_reach(g, above, branch, HG_EDGES_DOWN);
    size_t kept = 0;
    for (size_t i = 0; i < ret->count; i++)
        if (above[ret->items[i]])
            ret->items[kept++] = ret->items[i];
    ret->count = kept;
    free(above);
    return kept ? 0 : hg_fail(err, HG_E_REFUSED, "the branch %s does not lead to that revision", d->label);
}

int hg_graph_downgrade(const struct hg_graph *g, const struct hg_revlist *rows, const char *target,
                       struct hg_revlist *ret, struct hg_err *err)
{
    HG_AUTO(downgrade_done) struct downgrade d = { .target = HG_NO_REVISION };
    HG_AUTO(hg_ids_done) struct hg_ids roots = { 0 };
    HG_AUTO(hg_ids_done) struct hg_ids heads = { 0 };
    if (hg_graph_usable(g, err) < 0 || downgrade_target(g, rows, target, &d, err) < 0)
        return -1;
    if (roots_of(g, &d, &roots, err) < 0)
        return -1;
    for (size_t i = 0; i < rows->count; i++)
        if (!hg_ids_have(&heads, rows->items[i]->index))
            hg_ids_add(&heads, rows->items[i]->index);
    hg_set drop = hg_set_new(g), active = hg_set_new(g);
    for (size_t i = 0; i < roots.count; i++)
        hg_set_reach(g, drop, roots.items[i], HG_EDGES_ALL_NEXT);
    for (size_t i = 0; i < heads.count; i++)
        hg_set_reach(g, active, heads.items[i], HG_EDGES_NORM);
    bool any = false;
    for (size_t i = 0; i < g->count; i++) {
        drop[i] = drop[i] && active[i];
        any = any || drop[i];
    }
    int failed = 0;
    if (d.target != HG_NO_REVISION && !any && !hg_ids_have(&heads, d.target)) {
        failed = hg_fail(err, HG_E_REFUSED, "%s is not below where the database stands", target);
        hg_hint(err, "`headgate status` shows where it stands");
    }
    struct hg_revlist list = HG_REVLIST_INIT;
    failed = failed ? failed : hg_graph_sort(g, drop, &heads, &list, err);
    free(drop);
    free(active);
    if (failed)
        return -1;
    hg_revlist_done(ret);
    *ret = list;
    return 0;
}
