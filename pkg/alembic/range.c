/* SPDX-License-Identifier: Apache-2.0 */
/* A range of the history, FROM:TO (RevisionMap._collect_upgrade_revisions; command.history -r). */
#include "ident.h"

struct range { char *from, *to; bool from_current, to_current; };

static void range_done(struct range *r)
{
    free(r->from);
    free(r->to);
}

static int parse_range(const char *text, struct range *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *s = hg_xstrdup(text);
    char *begin = s + strspn(s, " \t\n"), *colon = strchr(begin, ':');
    for (size_t n = strlen(begin); n > 0 && strchr(" \t\n", begin[n - 1]); n--)
        begin[n - 1] = '\0';
    if (!colon || strchr(colon + 1, ':')) {
        hg_fail(err, HG_E_USAGE, "`%s` is not a range of revisions", text);
        return hg_hint(err, "write FROM:TO, FROM: or :TO");
    }
    *colon = '\0';
    ret->from = hg_xstrdup(*begin ? begin : "base");
    ret->to = hg_xstrdup(colon[1] ? colon + 1 : "heads");
    ret->to_current = strcmp(ret->to, "current") == 0;
    ret->from_current = !ret->to_current && strcmp(ret->from, "current") == 0;
    return 0;
}

/* The upper end; steps count from the lower one, and stop at the last revision. */
static int range_targets(const struct hg_graph *g, const struct range *r,
                         const struct hg_revlist *rows, struct hg_ids *ret, struct hg_err *err)
{
    if (r->to_current) {
        for (size_t i = 0; i < rows->count; i++)
            hg_ids_add(ret, rows->items[i]->index);
        return 0;
    }
    struct hg_revlist low = HG_REVLIST_INIT;
    HG_AUTO(hg_relative_done) struct hg_relative relative = { 0 };
    bool from_low = hg_relative_match(r->to, &relative) && !relative.symbol;
    HG_AUTO(hg_ids_done) struct hg_ids ids = { 0 };
    uint32_t one = HG_NO_REVISION;
    if (from_low && r->from_current) {
        for (size_t i = 0; i < rows->count; i++)
            hg_ids_add(&ids, rows->items[i]->index);
    } else if (from_low && relative.label) {
        if (hg_graph_idents(g, r->from, &ids, err) < 0)
            return -1;
    } else if (from_low) {
        if (hg_graph_ident(g, r->from, &one, err) < 0)
            return -1;
        if (one != HG_NO_REVISION)
            hg_ids_add(&ids, one);
    }
    for (size_t i = 0; i < ids.count; i++) {
        low.items = hg_grow(low.items, low.count, &low.cap, sizeof *low.items);
        low.items[low.count++] = &g->revs[ids.items[i]];
    }
    int failed = hg_graph_upgrade_target(g, &low, r->to, true, ret, err);
    hg_revlist_done(&low);
    return failed;
}

/* `-N` goes too far below the heads: Alembic then counts from the upper end instead, and stops at
 * the base. */
static int low_from_upper(const struct hg_graph *g, const struct range *r,
                          const struct hg_revlist *rows, struct hg_ids *ret, struct hg_err *err)
{
    int64_t steps;
    uint32_t start, low;
    const char *at = strchr(r->from, '@');
    const char *upper = !r->to_current ? r->to : rows->count ? rows->items[0]->id : "";
    HG_AUTO(hg_freep) char *name = hg_xasprintf("%s@%s", upper, upper);
    struct hg_err inner = { 0 };
    if (at || !hg_ident_steps(r->from, &steps) || hg_graph_ident(g, name, &start, &inner) < 0)
        return hg_fail(err, HG_E_REFUSED, "%s goes below the first revision", r->from);
    if (hg_ident_walk(g, start, steps, NULL, true, &low, err) < 0)
        return -1;
    if (low < g->count)
        hg_ids_add(ret, low);
    return 0;
}

/* The lower end, and what else has to be needed by the targets. */
static int range_low(const struct hg_graph *g, const struct range *r, const struct hg_revlist *rows,
                     struct hg_ids *ret, struct hg_ids *ret_within, struct hg_err *err)
{
    if (r->from_current) {
        for (size_t i = 0; i < rows->count; i++)
            hg_ids_add(ret, rows->items[i]->index);
        return 0;
    }
    HG_AUTO(hg_ids_done) struct hg_ids raw = { 0 };
    if (hg_ident_raw(g, r->from, &raw, err) < 0)
        return -1;
    bool too_far = raw.count > 0 && raw.items[0] == HG_TOO_FAR;
    for (size_t i = 0; i < raw.count; i++) {
        if (raw.items[i] == HG_BELOW_BASE || (raw.items[i] == HG_TOO_FAR && !too_far))
            return hg_fail(err, HG_E_REFUSED, "%s goes below the first revision", r->from);
        if (raw.items[i] != HG_TOO_FAR)
            hg_ids_add(too_far ? ret_within : ret, raw.items[i]);
    }
    return too_far ? low_from_upper(g, r, rows, ret, err) : 0;
}

/* LABEL@…: as lower end restricts the targets to the branch. */
static int branch_targets(const struct hg_graph *g, const char *from, struct hg_ids *targets,
                          struct hg_err *err)
{
    const char *at = strchr(from, '@');
    uint32_t branch;
    if (!at)
        return 0;
    HG_AUTO(hg_freep) char *label = hg_xstrndup(from, (size_t)(at - from));
    if (hg_graph_ident(g, label, &branch, err) < 0)
        return -1;
    if (branch != HG_NO_REVISION && strcmp(g->revs[branch].id, label) == 0) {
        /* A revision stands for its branch. */
        const struct hg_strv *labels = &g->nodes[branch].labels;
        if (labels->count != 1)
            return hg_fail(err, HG_E_REFUSED, "revision %s does not stand for one branch", label);
        free(label);
        label = hg_xstrdup(labels->items[0]);
    }
    size_t kept = 0;
    for (size_t i = 0; i < targets->count; i++)
        if (hg_strv_has(&g->nodes[targets->items[i]].labels, label))
            targets->items[kept++] = targets->items[i];
    targets->count = kept;
    return 0;
}

/* What is needed for the targets, down to and with the lower end, on its branch. */
static int collect_range(const struct hg_graph *g, const struct hg_ids *targets,
                         const struct hg_ids *low, const struct hg_ids *within,
                         const char *text, hg_set needs, struct hg_err *err)
{
    if (hg_graph_check_overlap(g, targets, HG_EDGES_NORM, err) < 0)
        return -1;
    for (size_t i = 0; i < targets->count; i++)
        hg_set_reach(g, needs, targets->items[i], HG_EDGES_NORM);
    for (size_t i = 0; i < low->count + within->count; i++)
        if (!needs[i < low->count ? low->items[i] : within->items[i - low->count]]) {
            hg_fail(err, HG_E_REFUSED, "%s: the two ends are not on one line, the first below the second",
                    text);
            return hg_hint(err, "`headgate history --offline` draws the lines");
        }
    if (hg_graph_check_overlap(g, low, HG_EDGES_NORM, err) < 0)
        return -1;
    hg_set below = hg_set_new(g), above = hg_set_new(g);
    for (size_t i = 0; i < low->count; i++) {
        hg_set_reach(g, below, low->items[i], HG_EDGES_NORM);
        hg_set_reach(g, above, low->items[i], HG_EDGES_NEXT);
    }
    for (size_t i = 0; i < g->count; i++) {
        needs[i] = (needs[i] && !below[i]) || hg_ids_have(low, i);
        if (low->count > 0)
            needs[i] = needs[i] && above[i];
    }
    free(below);
    free(above);
    return 0;
}

int hg_graph_range(const struct hg_graph *g, const char *range, const struct hg_revlist *rows,
                   struct hg_revlist *ret, struct hg_err *err)
{
    HG_AUTO(range_done) struct range r = { 0 };
    HG_AUTO(hg_ids_done) struct hg_ids targets = { 0 };
    HG_AUTO(hg_ids_done) struct hg_ids low = { 0 };
    HG_AUTO(hg_ids_done) struct hg_ids within = { 0 };
    if (hg_graph_usable(g, err) < 0 || parse_range(range, &r, err) < 0)
        return -1;
    if ((r.from_current || r.to_current) && !rows)
        return hg_fail(err, HG_E_USAGE, "`current` needs the database: leave out --offline");
    if (range_targets(g, &r, rows, &targets, err) < 0 ||
        branch_targets(g, r.from_current ? "" : r.from, &targets, err) < 0 ||
        range_low(g, &r, rows, &low, &within, err) < 0)
        return -1;
    hg_set needs = hg_set_new(g);
    struct hg_revlist list = HG_REVLIST_INIT;
    int failed = collect_range(g, &targets, &low, &within, range, needs, err);
    failed = failed ? failed : hg_graph_sort(g, needs, &targets, &list, err);
    free(needs);
    if (failed)
        return -1;
    hg_revlist_done(ret);
    *ret = list;
    return 0;
}
