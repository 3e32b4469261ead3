/* SPDX-License-Identifier: Apache-2.0 */
/* The graph as a thing: its lists, its revisions, and the map of names. */
#include "graph_build.h"

void hg_ids_add(struct hg_ids *l, size_t index)
{
    l->items = hg_grow(l->items, l->count, &l->cap, sizeof *l->items);
    l->items[l->count++] = (uint32_t)index;
}

bool hg_ids_have(const struct hg_ids *l, size_t index)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i] == index)
            return true;
    return false;
}

void hg_ids_done(struct hg_ids *l)
{
    free(HG_TAKE(l->items));
    l->count = l->cap = 0;
}

struct hg_graph *hg_graph_new(void)
{
    struct hg_graph *g = hg_xcalloc(1, sizeof *g);
    g->ok = true;
    return g;
}

struct hg_revision *hg_graph_add(struct hg_graph *g)
{
    g->revs = hg_grow(g->revs, g->count, &g->cap, sizeof *g->revs);
    g->revs[g->count] = (struct hg_revision){ .index = g->count };
    return &g->revs[g->count++];
}

static void revision_done(struct hg_revision *r)
{
    free(r->id);
    hg_strv_done(&r->down);
    hg_strv_done(&r->depends_on);
    hg_strv_done(&r->labels);
    free(r->doc);
    free(r->path);
    free(r->file);
    free(r->digest);
}

static void node_done(struct hg_node *n)
{
    hg_ids_done(&n->down);
    hg_ids_done(&n->deps);
    hg_ids_done(&n->norm);
    hg_ids_done(&n->next);
    hg_ids_done(&n->all_next);
    hg_strv_done(&n->labels);
    free(n->text);
}

void hg_graph_free(struct hg_graph *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->count; i++) {
        revision_done(&g->revs[i]);
        if (g->nodes)
            node_done(&g->nodes[i]);
    }
    free(g->revs);
    free(g->nodes);
    free(g->keys);
    free(g->slots);
    hg_ids_done(&g->heads);
    hg_ids_done(&g->real_heads);
    hg_ids_done(&g->bases);
    free(g);
}

/* ---- the map of names ---- */

static size_t slot_of(const struct hg_graph *g, const char *name)
{
    size_t i = hg_hash64(name, strlen(name), HG_HASH64_INIT) & g->slot_mask;
    while (g->slots[i] && strcmp(g->keys[g->slots[i] - 1].name, name) != 0)
        i = (i + 1) & g->slot_mask;
    return i;
}

const struct hg_key *hg_graph_key(const struct hg_graph *g, const char *name)
{
    if (!g->slots)
        return NULL;
    size_t slot = slot_of(g, name);
    return g->slots[slot] ? &g->keys[g->slots[slot] - 1] : NULL;
}

/* The key that has the name already, or NULL when it was added. */
struct hg_key *hg_graph_add_key(struct hg_graph *g, const char *name, size_t index, bool label)
{
    size_t slot = slot_of(g, name);
    if (g->slots[slot])
        return &g->keys[g->slots[slot] - 1];
    g->keys[g->key_count] = (struct hg_key){ name, (uint32_t)index, label };
    g->slots[slot] = (uint32_t)++g->key_count;
    return NULL;
}

void hg_graph_make_map(struct hg_graph *g)
{
    size_t names = g->count, size = 16;
    for (size_t i = 0; i < g->count; i++)
        names += g->revs[i].labels.count;
    while (size < names * 2)
        size *= 2;
    g->slots = hg_xcalloc(size, sizeof *g->slots);
    g->slot_mask = size - 1;
    g->keys = hg_xcalloc(names + 1, sizeof *g->keys);
}
