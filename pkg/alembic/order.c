/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of revisions and the one order that everything else comes from. */
#include "internal.h"

hg_set hg_set_new(const struct hg_graph *g)
{
    return hg_xcalloc(g->count + 1, 1);
}

static const struct hg_ids *edges_of(const struct hg_graph *g, size_t i, enum hg_edges edges)
{
    const struct hg_node *n = &g->nodes[i];
    switch (edges) {
    case HG_EDGES_DOWN:
        return &n->down;
    case HG_EDGES_NORM:
        return &n->norm;
    case HG_EDGES_NEXT:
        return &n->next;
    case HG_EDGES_ALL_NEXT:
        break;
    }
    return &n->all_next;
}

void hg_set_reach(const struct hg_graph *g, hg_set set, size_t index, enum hg_edges edges)
{
    struct hg_ids todo = { 0 };
    hg_ids_add(&todo, index);
    while (todo.count > 0) {
        uint32_t i = todo.items[--todo.count];
        if (set[i])
            continue;
        set[i] = 1;
        const struct hg_ids *next = edges_of(g, i, edges);
        for (size_t j = 0; j < next->count; j++)
            if (!set[next->items[j]])
                hg_ids_add(&todo, next->items[j]);
    }
    hg_ids_done(&todo);
}

int hg_graph_check_overlap(const struct hg_graph *g, const struct hg_ids *targets,
                           enum hg_edges edges, struct hg_err *err)
{
    if (targets->count < 2)
        return 0;
    for (size_t i = 0; i < targets->count; i++) {
        hg_set reached = hg_set_new(g);
        hg_set_reach(g, reached, targets->items[i], edges);
        size_t other = SIZE_MAX;
        for (size_t j = 0; j < targets->count && other == SIZE_MAX; j++)
            if (targets->items[j] != targets->items[i] && reached[targets->items[j]])
                other = targets->items[j];
        free(reached);
        if (other != SIZE_MAX)
            return hg_fail(err, HG_E_REFUSED,
                           "revision %s overlaps with revision %s: one stands above the other",
                           g->revs[targets->items[i]].id, g->revs[other].id);
    }
    return 0;
}

/* The walk of RevisionMap._topological_sort. */
struct sort {
    const struct hg_graph *g;
    hg_set todo;
    struct hg_ids heads;
    hg_set *above; /* for each head: its ancestors and itself */
    size_t above_cap, left;
};

static void add_head(struct sort *s, size_t i)
{
    s->above = hg_grow(s->above, s->heads.count, &s->above_cap, sizeof *s->above);
    s->above[s->heads.count] = hg_set_new(s->g);
    hg_set_reach(s->g, s->above[s->heads.count], i, HG_EDGES_NORM);
    hg_ids_add(&s->heads, i);
}

static void remove_head(struct sort *s, size_t at)
{
    free(s->above[at]);
    for (size_t i = at; i + 1 < s->heads.count; i++) {
        s->above[i] = s->above[i + 1];
        s->heads.items[i] = s->heads.items[i + 1];
    }
    s->heads.count--;
}

static void replace_head(struct sort *s, size_t at, const struct hg_ids *with)
{
    size_t candidate = s->heads.items[at];
    const struct hg_node *n = &s->g->nodes[candidate];
    s->heads.items[at] = with->items[0];
    if (n->norm_deps == 0 && s->g->revs[candidate].down.count == 1) {
        s->above[at][candidate] = 0;
        return;
    }
    memset(s->above[at], 0, s->g->count);
    hg_set_reach(s->g, s->above[at], with->items[0], HG_EDGES_NORM);
    for (size_t i = 1; i < with->count; i++)
        add_head(s, with->items[i]);
}

static void sort_step(struct sort *s, size_t *at, struct hg_revlist *ret)
{
    size_t candidate = s->heads.items[*at];
    for (size_t i = 0; i < s->heads.count; i++)
        if (i != *at && s->above[i][candidate]) {
            *at = i; /* another head stands above this one: first that */
            return;
        }
    if (s->todo[candidate]) {
        s->todo[candidate] = 0;
        s->left--;
        ret->items = hg_grow(ret->items, ret->count, &ret->cap, sizeof *ret->items);
        ret->items[ret->count++] = &s->g->revs[candidate];
    }
    const struct hg_ids *norm = &s->g->nodes[candidate].norm;
    struct hg_ids more = { 0 };
    for (size_t i = 0; i < norm->count; i++)
        if (s->todo[norm->items[i]] && !hg_ids_have(&s->heads, norm->items[i]))
            hg_ids_add(&more, norm->items[i]);
    if (more.count == 0) {
        remove_head(s, *at);
        *at = *at > 0 ? *at - 1 : 0;
    } else {
        replace_head(s, *at, &more);
    }
    hg_ids_done(&more);
}

int hg_graph_sort(const struct hg_graph *g, const hg_set needs, const struct hg_ids *heads,
                  struct hg_revlist *ret, struct hg_err *err)
{
    struct sort s = { .g = g, .todo = hg_set_new(g) };
    struct hg_revlist list = HG_REVLIST_INIT;
    memcpy(s.todo, needs, g->count);
    hg_set start = hg_set_new(g);
    for (size_t i = 0; i < heads->count; i++)
        start[heads->items[i]] = 1;
    for (size_t i = 0; i < g->count; i++) {
        s.left += s.todo[i];
        if (s.todo[i] && start[i])
            add_head(&s, i);
    }
    size_t at = 0;
    while (s.heads.count > 0)
        sort_step(&s, &at, &list);
    free(start);
    free(s.todo);
    free(s.above);
    hg_ids_done(&s.heads);
    if (s.left > 0) {
        hg_revlist_done(&list);
        return hg_fail(err, HG_E_REFUSED, "the target does not lead to all revisions that are needed");
    }
    *ret = list;
    return 0;
}

void hg_revlist_done(struct hg_revlist *l)
{
    free(HG_TAKE(l->items));
    l->count = l->cap = 0;
}
