/* SPDX-License-Identifier: Apache-2.0 */
/* Relative identifiers, downgrades and ranges (RevisionMap._parse_upgrade_target,
 * _parse_downgrade_target, _collect_*_revisions; command.history). */
#include "ident.h"

/* (?:(.+?)@)?(\w+)?((?:\+|-)\d+), matched at the start: "lab@+2", "3f2a-1", "-1". */
struct relative { char *label, *symbol; int64_t steps; };

static void relative_done(struct relative *r)
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
static bool match_tail(const char *p, struct relative *ret)
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

static bool match(const char *text, struct relative *ret)
{
    *ret = (struct relative){ 0 };
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
static int symbol_of(const struct hg_graph *g, const struct relative *r, bool with_label,
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
    HG_AUTO(relative_done) struct relative r = { 0 };
    if (!match(target, &r))
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
                            struct relative *r, const char *target, struct hg_err *err)
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
    HG_AUTO(relative_done) struct relative r = { 0 };
    uint32_t start;
    if (!match(target, &r)) {
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

/* ---- history -r FROM:TO ---- */

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
    HG_AUTO(relative_done) struct relative relative = { 0 };
    bool from_low = match(r->to, &relative) && !relative.symbol;
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
