/* SPDX-License-Identifier: Apache-2.0 */
/* What the edges make of the graph: cycles, heads and other marks, branch labels
 * (alembic/script/revision.py). */
#include "graph_build.h"

/* ---- cycles ---- */

/* Every cycle, also those that Alembic overlooks because a base leads in and a head leads out:
 * what is left when revisions without open parents are taken away again and again. */
void hg_graph_find_cycles(struct hg_graph *g, struct hg_findings *f)
{
    uint32_t *open = hg_xcalloc(g->count + 1, sizeof *open);
    struct hg_ids ready = { 0 };
    for (size_t i = 0; i < g->count; i++) {
        for (size_t j = 0; j < g->nodes[i].all_next.count; j++)
            open[g->nodes[i].all_next.items[j]]++;
    }
    for (size_t i = 0; i < g->count; i++)
        if (open[i] == 0)
            hg_ids_add(&ready, i);
    for (size_t at = 0; at < ready.count; at++) {
        const struct hg_ids *next = &g->nodes[ready.items[at]].all_next;
        for (size_t j = 0; j < next->count; j++)
            if (--open[next->items[j]] == 0)
                hg_ids_add(&ready, next->items[j]);
    }
    if (ready.count < g->count) {
        /* Those behind a cycle are left over as well: take the ends away from above, too. */
        bool changed = true;
        while (changed) {
            changed = false;
            for (size_t i = 0; i < g->count; i++) {
                bool leads = false;
                for (size_t j = 0; j < g->nodes[i].all_next.count; j++)
                    leads = leads || open[g->nodes[i].all_next.items[j]] > 0;
                if (open[i] > 0 && !leads) {
                    open[i] = 0;
                    changed = true;
                }
            }
        }
        HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
        const struct hg_revision *first = NULL;
        for (size_t i = 0; i < g->count; i++)
            if (open[i] > 0) {
                hg_strv_add(&names, g->revs[i].id);
                first = first ? first : &g->revs[i];
            }
        HG_AUTO(hg_freep) char *list = hg_strv_join(&names, ", ");
        HG_AUTO(hg_freep) char *text =
            names.count == 1 ? hg_xasprintf("revision %s comes after itself", list)
                             : hg_xasprintf("these revisions go in a circle: %s", list);
        hg_graph_fault(g, f, "HG103", first, text);
    }
    free(open);
    hg_ids_done(&ready);
}

/* ---- heads, marks, labels ---- */

void hg_graph_mark(struct hg_graph *g)
{
    for (size_t k = 0; k < g->key_count; k++) {
        size_t i = g->keys[k].index;
        struct hg_revision *r = &g->revs[i];
        const struct hg_node *n = &g->nodes[i];
        if (g->keys[k].label)
            continue;
        r->is_head = n->next.count == 0;
        r->is_real_head = n->all_next.count == 0;
        r->is_base = r->down.count == 0;
        r->is_branch_point = n->next.count > 1;
        r->is_merge_point = r->down.count > 1;
    }
    for (size_t i = 0; i < g->count; i++) {
        if (g->nodes[i].replaced) {
            g->revs[i].is_base = g->revs[i].down.count == 0;
            g->revs[i].is_merge_point = g->revs[i].down.count > 1;
            continue;
        }
        if (g->revs[i].is_head)
            hg_ids_add(&g->heads, i);
        if (g->revs[i].is_real_head)
            hg_ids_add(&g->real_heads, i);
        if (g->revs[i].is_base)
            hg_ids_add(&g->bases, i);
    }
}

static bool ends_line(const struct hg_graph *g, size_t i)
{
    return g->nodes[i].all_next.count > 1 || g->revs[i].is_merge_point;
}

static void add_new(struct hg_strv *list, const struct hg_strv *more)
{
    for (size_t i = 0; i < more->count; i++)
        if (!hg_strv_has(list, more->items[i]))
            hg_strv_add(list, more->items[i]);
}

/* RevisionMap._add_branches: labels go down to all descendants, and, while the line has neither
 * branches nor merges, back to its start. */
void hg_graph_spread_labels(struct hg_graph *g)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->revs[i].labels.count > 0)
            add_new(&g->nodes[i].labels, &g->revs[i].labels);
    for (size_t i = 0; i < g->count; i++) {
        if (g->revs[i].labels.count == 0 || g->nodes[i].replaced)
            continue;
        hg_set below = hg_set_new(g);
        hg_set_reach(g, below, i, HG_EDGES_NEXT);
        for (size_t j = 0; j < g->count; j++)
            if (below[j] && j != i)
                add_new(&g->nodes[j].labels, &g->nodes[i].labels);
        free(below);
        size_t tip = i;
        while (!ends_line(g, tip) && g->nodes[tip].next.count == 1)
            tip = g->nodes[tip].next.items[0];
        if (ends_line(g, tip))
            continue;
        for (size_t at = i; g->nodes[at].down.count == 1; ) {
            at = g->nodes[at].down.items[0];
            if (ends_line(g, at))
                break;
            add_new(&g->nodes[at].labels, &g->nodes[i].labels);
        }
    }
}
