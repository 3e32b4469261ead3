/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers: full and partial ids, labels, LABEL@id, head(s), base, and steps up and down
 * (RevisionMap.get_revisions, _revision_for_ident, filter_for_lineage, _walk). */
#include "ident.h"

static bool related(const struct hg_graph *g, size_t i, const struct hg_ids *others)
{
    hg_set line = hg_set_new(g);
    hg_set_reach(g, line, i, HG_EDGES_NEXT);
    bool found = false;
    for (size_t j = 0; j < others->count && !found; j++)
        found = line[others->items[j]];
    memset(line, 0, g->count);
    hg_set_reach(g, line, i, HG_EDGES_DOWN);
    for (size_t j = 0; j < others->count && !found; j++)
        found = line[others->items[j]];
    free(line);
    return found;
}

/* The revision of a name: exact, else the only id or label (longer than three characters) that
 * begins with it. */
static int by_name(const struct hg_graph *g, const char *name, const struct hg_ids *lineage,
                   uint32_t *ret, struct hg_err *err)
{
    enum { SHORT_ID = 3 /* such ids are never completed */ };
    const struct hg_key *key = hg_graph_key(g, name);
    if (key) {
        *ret = key->index;
        return 0;
    }
    if (!*name)
        return hg_fail(err, HG_E_REFUSED, "an empty revision identifier");
    const struct hg_key *found = NULL;
    for (size_t i = 0; i < g->key_count; i++) {
        const struct hg_key *k = &g->keys[i];
        size_t characters = 0;
        for (const char *p = k->name; *p; p++)
            characters += ((unsigned char)*p & 0xc0) != 0x80;
        if (characters <= SHORT_ID || !hg_starts_with(k->name, name) ||
            (lineage && !related(g, k->index, lineage)))
            continue;
        if (found)
            return hg_fail(err, HG_E_REFUSED, "several revisions begin with %s: %s, %s", name,
                           found->name, k->name);
        found = k;
    }
    if (found) {
        *ret = found->index;
        return 0;
    }
    hg_fail(err, HG_E_REFUSED, "there is no revision or branch label %s", name);
    return hg_hint(err, "`headgate history --offline` lists them");
}

static int branch_of(const struct hg_graph *g, const char *label, uint32_t *ret, struct hg_err *err)
{
    struct hg_err inner = { 0 };
    if (by_name(g, label, NULL, ret, &inner) == 0)
        return 0;
    return hg_fail(err, HG_E_REFUSED, "there is no branch %s", label);
}

/* filter_for_lineage(…, label): what `label` itself resolves to, as _resolve_revision_number does
 * (so `base` is no restriction, and `heads` means all heads). */
static int lineage_of(const struct hg_graph *g, const char *label, struct hg_ids *ret,
                      bool *ret_everything, struct hg_err *err)
{
    *ret_everything = false;
    if (strcmp(label, "base") == 0) {
        *ret_everything = true;
        return 0;
    }
    if (strcmp(label, "heads") == 0 || strcmp(label, "head") == 0) {
        if (strcmp(label, "head") == 0 && g->heads.count > 1)
            return hg_fail(err, HG_E_REFUSED, "`head` is ambiguous: there are %zu heads",
                           g->heads.count);
        for (size_t i = 0; i < g->real_heads.count; i++)
            hg_ids_add(ret, g->real_heads.items[i]);
        return 0;
    }
    uint32_t i;
    if (branch_of(g, label, &i, err) < 0)
        return -1;
    hg_ids_add(ret, i);
    return 0;
}

int hg_ident_filter(const struct hg_graph *g, struct hg_ids *ids, const char *label,
                    struct hg_err *err)
{
    HG_AUTO(hg_ids_done) struct hg_ids with = { 0 };
    bool everything;
    if (ids->count == 0) /* Alembic does not even look whether there is such a branch */
        return 0;
    if (lineage_of(g, label, &with, &everything, err) < 0)
        return -1;
    size_t kept = 0;
    for (size_t i = 0; i < ids->count; i++)
        if (everything || related(g, ids->items[i], &with))
            ids->items[kept++] = ids->items[i];
    ids->count = kept;
    return 0;
}

static int heads_of(const struct hg_graph *g, const char *label, bool one, struct hg_ids *ret,
                    struct hg_err *err)
{
    const struct hg_ids *from = one || label ? &g->heads : &g->real_heads;
    for (size_t i = 0; i < from->count; i++)
        hg_ids_add(ret, from->items[i]);
    if (label && hg_ident_filter(g, ret, label, err) < 0)
        return -1;
    if (!one || ret->count <= 1)
        return 0;
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    for (size_t i = 0; i < ret->count; i++)
        hg_strv_add(&names, g->revs[ret->items[i]].id);
    HG_AUTO(hg_freep) char *list = hg_strv_join(&names, ", ");
    ret->count = 0;
    hg_fail(err, HG_E_REFUSED, "`%s%shead` is ambiguous: there are %zu heads, %.700s",
            label ? label : "", label ? "@" : "", names.count, list);
    return hg_hint(err, "name one revision or BRANCH@head, or say `heads` for all; `alembic merge heads` "
                        "joins them");
}

bool hg_ident_steps(const char *text, int64_t *ret)
{
    const char *digits = text + (*text == '-' || *text == '+');
    return *digits && strspn(digits, "0123456789") == strlen(digits) &&
           hg_parse_int(*text == '+' ? digits : text, INT32_MIN, INT32_MAX, ret) == 0;
}

/* Steps are counted along one line; here it parts, upwards in a branch, downwards in a merge. */
static int no_single_way(const struct hg_graph *g, uint32_t at, int64_t steps, const struct hg_ids *next,
                         struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    for (size_t i = 0; i < next->count; i++)
        if (!hg_strv_has(&names, g->revs[next->items[i]].id))
            hg_strv_add(&names, g->revs[next->items[i]].id);
    HG_AUTO(hg_freep) char *list = hg_strv_join(&names, ", ");
    hg_fail(err, HG_E_REFUSED, "%" PRId64 " steps from %s: the way is not clear, there is a %s", steps,
            at == HG_NO_REVISION ? "the base" : g->revs[at].id, steps > 0 ? "branch" : "merge");
    return hg_hint(err, "name the revision to go to instead of steps; directly %s are %.700s",
                   steps > 0 ? "above" : "below", list);
}

int hg_ident_walk(const struct hg_graph *g, uint32_t start, int64_t steps, const char *label,
                  bool stop_early, uint32_t *ret, struct hg_err *err)
{
    uint32_t at = start;
    bool below_base = false; /* Alembic's "base" string: one step below the first revision */
    for (int64_t left = steps < 0 ? -steps : steps; left > 0; left--) {
        HG_AUTO(hg_ids_done) struct hg_ids next = { 0 };
        const struct hg_ids *from = steps > 0 ? (at == HG_NO_REVISION ? &g->bases : &g->nodes[at].next)
                                              : (at == HG_NO_REVISION ? &g->heads : &g->nodes[at].down);
        for (size_t i = 0; i < from->count && !below_base; i++)
            hg_ids_add(&next, from->items[i]);
        if (steps > 0 && label && hg_ident_filter(g, &next, label, err) < 0)
            return -1;
        bool twice = steps < 0 && at != HG_NO_REVISION && g->revs[at].down.count > 1;
        if (next.count > 1 || (twice && !below_base))
            return no_single_way(g, at, steps, &next, err);
        if (next.count == 0 && (steps > 0 || below_base)) {
            if (stop_early)
                break;
            return 1;
        }
        if (next.count == 0)
            below_base = true;
        else
            at = next.items[0];
    }
    *ret = below_base ? HG_BELOW_BASE : at;
    return 0;
}

/* X@-N and -N: down from each head (of the branch that carries the label). */
static int down_from_heads(const struct hg_graph *g, const char *label, int64_t steps,
                           struct hg_ids *ret, struct hg_err *err)
{
    for (size_t i = 0; i < g->real_heads.count; i++) {
        uint32_t head = g->real_heads.items[i], at = HG_NO_REVISION;
        if (label && !hg_strv_has(&g->nodes[head].labels, label))
            continue;
        int walked = hg_ident_walk(g, head, steps, NULL, false, &at, err);
        if (walked < 0)
            return -1;
        hg_ids_add(ret, walked > 0 ? HG_TOO_FAR : at);
    }
    return 0;
}

int hg_ident_raw(const struct hg_graph *g, const char *ident, struct hg_ids *ret, struct hg_err *err)
{
    const char *at_sign = strchr(ident, '@');
    HG_AUTO(hg_freep) char *label = at_sign ? hg_xstrndup(ident, (size_t)(at_sign - ident)) : NULL;
    const char *symbol = at_sign ? at_sign + 1 : ident;
    uint32_t i, branch;
    if (strcmp(symbol, "heads") == 0 || strcmp(symbol, "head") == 0) {
        if (heads_of(g, label, strcmp(symbol, "head") == 0, ret, err) < 0)
            return -1;
        return label && *label && ret->count > 0 ? branch_of(g, label, &branch, err) : 0;
    }
    if (strcmp(symbol, "base") == 0)
        return 0;
    int64_t steps;
    if (*symbol == '-' && hg_ident_steps(symbol, &steps) && steps < 0)
        return down_from_heads(g, label, steps, ret, err);
    HG_AUTO(hg_ids_done) struct hg_ids lineage = { 0 };
    if (label && *label) {
        if (branch_of(g, label, &branch, err) < 0)
            return -1;
        hg_ids_add(&lineage, branch);
    }
    if (by_name(g, symbol, lineage.count ? &lineage : NULL, &i, err) < 0)
        return -1;
    if (lineage.count && !related(g, i, &lineage))
        return hg_fail(err, HG_E_REFUSED, "revision %s is not a member of branch %s", g->revs[i].id,
                       label);
    hg_ids_add(ret, i);
    return 0;
}

int hg_graph_idents(const struct hg_graph *g, const char *ident, struct hg_ids *ret,
                    struct hg_err *err)
{
    HG_AUTO(hg_ids_done) struct hg_ids found = { 0 };
    if (hg_ident_raw(g, ident, &found, err) < 0)
        return -1;
    for (size_t i = 0; i < found.count; i++)
        if (found.items[i] >= g->count)
            return hg_fail(err, HG_E_REFUSED, "%s goes below the first revision", ident);
    for (size_t i = 0; i < found.count; i++)
        hg_ids_add(ret, found.items[i]);
    return 0;
}

int hg_graph_ident(const struct hg_graph *g, const char *ident, uint32_t *ret, struct hg_err *err)
{
    HG_AUTO(hg_ids_done) struct hg_ids found = { 0 };
    int64_t steps;
    const char *at_sign = strchr(ident, '@');
    if (hg_ident_steps(at_sign ? at_sign + 1 : ident, &steps) && steps < 0)
        return hg_fail(err, HG_E_REFUSED, "there is no revision or branch label %s", ident);
    if (hg_graph_idents(g, ident, &found, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *label = at_sign ? hg_xstrndup(ident, (size_t)(at_sign - ident)) : NULL;
    uint32_t branch;
    if (label && *label && branch_of(g, label, &branch, err) < 0)
        return -1;
    if (found.count > 1)
        return hg_fail(err, HG_E_REFUSED, "`%s` is ambiguous: there are %zu heads", ident, found.count);
    *ret = found.count ? found.items[0] : HG_NO_REVISION;
    return 0;
}

/* ---- public ---- */

int hg_graph_find(const struct hg_graph *g, const char *ident, struct hg_revlist *ret,
                  struct hg_err *err)
{
    HG_AUTO(hg_ids_done) struct hg_ids found = { 0 };
    if (hg_graph_usable(g, err) < 0 || hg_graph_idents(g, ident, &found, err) < 0)
        return -1;
    hg_revlist_done(ret);
    for (size_t i = 0; i < found.count; i++) {
        ret->items = hg_grow(ret->items, ret->count, &ret->cap, sizeof *ret->items);
        ret->items[ret->count++] = &g->revs[found.items[i]];
    }
    return 0;
}
