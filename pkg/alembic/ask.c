/* SPDX-License-Identifier: Apache-2.0 */
/* The graph's plain questions: heads, history, rows, what is current. */
#include "ident.h"

int hg_graph_usable(const struct hg_graph *g, struct hg_err *err)
{
    if (g->ok)
        return 0;
    hg_fail(err, HG_E_REFUSED, "the revision files do not make a valid history");
    return hg_hint(err, "`headgate history --offline` says what is wrong and where");
}

bool hg_graph_ok(const struct hg_graph *g)
{
    return g->ok;
}

size_t hg_graph_count(const struct hg_graph *g)
{
    return g->count;
}

const struct hg_revision *hg_graph_at(const struct hg_graph *g, size_t index)
{
    return index < g->count ? &g->revs[index] : NULL;
}

const struct hg_revision *hg_graph_get(const struct hg_graph *g, const char *id)
{
    const struct hg_key *key = hg_graph_key(g, id);
    return key && !key->label ? &g->revs[key->index] : NULL;
}

static void push(struct hg_revlist *l, const struct hg_revision *r)
{
    l->items = hg_grow(l->items, l->count, &l->cap, sizeof *l->items);
    l->items[l->count++] = r;
}

static void to_list(const struct hg_graph *g, const struct hg_ids *ids, struct hg_revlist *ret)
{
    hg_revlist_done(ret);
    for (size_t i = 0; i < ids->count; i++)
        push(ret, &g->revs[ids->items[i]]);
}

void hg_graph_heads(const struct hg_graph *g, struct hg_revlist *ret)
{
    to_list(g, &g->heads, ret);
}

void hg_graph_real_heads(const struct hg_graph *g, struct hg_revlist *ret)
{
    to_list(g, &g->real_heads, ret);
}

void hg_graph_bases(const struct hg_graph *g, struct hg_revlist *ret)
{
    to_list(g, &g->bases, ret);
}

/* A history with faults, as far as it goes: revisions after all their children, newest files first;
 * then those in circles. */
static void broken_history(const struct hg_graph *g, struct hg_revlist *ret)
{
    uint32_t *open = hg_xcalloc(g->count + 1, sizeof *open);
    bool *done = hg_xcalloc(g->count + 1, sizeof *done);
    for (size_t i = 0; i < g->count; i++)
        for (size_t j = 0; j < g->nodes[i].norm.count; j++)
            open[g->nodes[i].norm.items[j]]++;
    struct hg_ids ready = { 0 };
    for (size_t i = 0; i < g->count; i++)
        if (open[i] == 0)
            hg_ids_add(&ready, i);
    while (ready.count > 0) {
        uint32_t i = ready.items[--ready.count];
        push(ret, &g->revs[i]);
        done[i] = true;
        for (size_t j = 0; j < g->nodes[i].norm.count; j++)
            if (--open[g->nodes[i].norm.items[j]] == 0)
                hg_ids_add(&ready, g->nodes[i].norm.items[j]);
    }
    for (size_t i = g->count; i-- > 0; )
        if (!done[i])
            push(ret, &g->revs[i]);
    hg_ids_done(&ready);
    free(open);
    free(done);
}

void hg_graph_history(const struct hg_graph *g, struct hg_revlist *ret)
{
    hg_revlist_done(ret);
    struct hg_err ignored;
    hg_set all = hg_set_new(g);
    memset(all, 1, g->count);
    if (!g->ok || hg_graph_sort(g, all, &g->real_heads, ret, &ignored) < 0)
        broken_history(g, ret);
    free(all);
}

/* ---- rows ---- */

static struct hg_ids ids_of(const struct hg_revlist *rows)
{
    struct hg_ids ids = { 0 };
    for (size_t i = 0; i < rows->count; i++)
        if (!hg_ids_have(&ids, rows->items[i]->index))
            hg_ids_add(&ids, rows->items[i]->index);
    return ids;
}

void hg_graph_resolve_rows(const struct hg_graph *g, const struct hg_strv *rows,
                           struct hg_revlist *ret, struct hg_strv *ret_unknown, bool *ret_overlap)
{
    struct hg_ids found = { 0 };
    for (size_t i = 0; i < rows->count; i++) {
        struct hg_err ignored = { 0 };
        if (hg_graph_idents(g, rows->items[i], &found, &ignored) < 0 && ret_unknown)
            hg_strv_add(ret_unknown, rows->items[i]);
    }
    struct hg_err overlap = { 0 };
    if (ret_overlap)
        *ret_overlap = hg_graph_check_overlap(g, &found, HG_EDGES_NORM, &overlap) < 0;
    to_list(g, &found, ret);
    hg_ids_done(&found);
}

bool *hg_graph_applied(const struct hg_graph *g, const struct hg_revlist *rows)
{
    hg_set set = hg_set_new(g);
    for (size_t i = 0; i < rows->count; i++)
        hg_set_reach(g, set, rows->items[i]->index, HG_EDGES_NORM);
    bool *applied = hg_xcalloc(g->count + 1, sizeof *applied);
    for (size_t i = 0; i < g->count; i++)
        applied[i] = set[i];
    free(set);
    return applied;
}

bool *hg_graph_applied_rows(const struct hg_graph *g, const struct hg_strv *rows)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist known = HG_REVLIST_INIT;
    hg_graph_resolve_rows(g, rows, &known, NULL, NULL);
    return hg_graph_applied(g, &known);
}

static int by_id(const void *a, const void *b)
{
    const struct hg_revision *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

void hg_graph_current(const struct hg_graph *g, const struct hg_revlist *rows, struct hg_revlist *ret)
{
    bool *applied = hg_graph_applied(g, rows);
    hg_revlist_done(ret);
    for (size_t i = 0; i < g->count; i++) {
        bool below = false; /* of another current one, by down_revision alone */
        for (size_t j = 0; applied[i] && j < g->nodes[i].next.count; j++)
            below = below || applied[g->nodes[i].next.items[j]];
        if (applied[i] && !below)
            push(ret, &g->revs[i]);
    }
    free(applied);
    if (ret->count > 0)
        qsort(ret->items, ret->count, sizeof *ret->items, by_id);
}

/* ---- upgrade ---- */

int hg_graph_needs(const struct hg_graph *g, const struct hg_ids *targets, const struct hg_ids *rows,
                   struct hg_revlist *ret, struct hg_err *err)
{
    if (hg_graph_check_overlap(g, targets, HG_EDGES_NORM, err) < 0 ||
        hg_graph_check_overlap(g, rows, HG_EDGES_NORM, err) < 0)
        return -1;
    hg_set needs = hg_set_new(g), have = hg_set_new(g);
    for (size_t i = 0; i < targets->count; i++)
        hg_set_reach(g, needs, targets->items[i], HG_EDGES_NORM);
    for (size_t i = 0; i < rows->count; i++)
        hg_set_reach(g, have, rows->items[i], HG_EDGES_NORM);
    for (size_t i = 0; i < g->count; i++)
        needs[i] = needs[i] && !have[i];
    int sorted = hg_graph_sort(g, needs, targets, ret, err);
    free(needs);
    free(have);
    return sorted;
}

int hg_graph_upgrade(const struct hg_graph *g, const struct hg_revlist *rows, const char *target,
                     struct hg_revlist *ret, struct hg_err *err)
{
    HG_AUTO(hg_ids_done) struct hg_ids targets = { 0 };
    HG_AUTO(hg_ids_done) struct hg_ids from = ids_of(rows);
    struct hg_revlist list = HG_REVLIST_INIT;
    if (hg_graph_usable(g, err) < 0 ||
        hg_graph_upgrade_target(g, rows, target, false, &targets, err) < 0 ||
        hg_graph_needs(g, &targets, &from, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.count / 2; i++) { /* oldest first */
        const struct hg_revision *other = list.items[i];
        list.items[i] = list.items[list.count - 1 - i];
        list.items[list.count - 1 - i] = other;
    }
    hg_revlist_done(ret);
    *ret = list;
    return 0;
}
