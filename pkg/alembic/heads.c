/* SPDX-License-Identifier: Apache-2.0 */
/* The version table after steps: HeadMaintainer.update_to_step and RevisionStep.should_*
 * (alembic/runtime/migration.py). Where Alembic takes its choice from a set, ours is the graph's order. */
#include "internal.h"

/* The rows while steps are made, and the statements that are told when somebody asks for them. */
struct table {
    const struct hg_graph *g;
    bool *rows;
    struct hg_version_ops *ops; /* or NULL */
    bool failed;                /* Alembic would look for a row that is not there, or add one twice */
};

enum { NONE = HG_NO_REVISION };

static void change(struct table *t, uint32_t from, uint32_t to)
{
    if (to != NONE)
        t->failed = t->failed || t->rows[to];
    if (from != NONE) {
        t->failed = t->failed || !t->rows[from];
        t->rows[from] = false;
    }
    if (to != NONE)
        t->rows[to] = true;
    if (!t->ops)
        return;
    struct hg_version_ops *o = t->ops;
    o->items = hg_grow(o->items, o->count, &o->cap, sizeof *o->items);
    o->items[o->count++] = (struct hg_version_op){ .from = from == NONE ? NULL : t->g->revs[from].id,
                                                   .to = to == NONE ? NULL : t->g->revs[to].id };
}

/* The downs of a step that the other rows do not imply. */
static void uncovered(const struct hg_graph *g, const struct hg_ids *downs, const bool *rows,
                      size_t except, bool by_themselves, struct hg_ids *ret)
{
    hg_set covered = hg_set_new(g);
    bool others = false;
    for (size_t i = 0; i < g->count; i++)
        if (rows[i] && i != except) {
            others = true;
            hg_set_reach(g, covered, i, HG_EDGES_NORM);
        }
    for (size_t i = 0; !others && by_themselves && i < downs->count; i++)
        for (size_t j = 0; j < g->nodes[downs->items[i]].norm.count; j++)
            hg_set_reach(g, covered, g->nodes[downs->items[i]].norm.items[j], HG_EDGES_NORM);
    for (size_t i = 0; i < downs->count; i++)
        if (!covered[downs->items[i]])
            hg_ids_add(ret, downs->items[i]);
    free(covered);
}

static void step_down(struct table *t, uint32_t i)
{
    HG_AUTO(hg_ids_done) struct hg_ids to = { 0 };
    if (!t->rows[i]) {
        t->failed = true;
        return;
    }
    uncovered(t->g, &t->g->nodes[i].norm, t->rows, i, true, &to);
    if (to.count == 0) {
        change(t, i, NONE);
        return;
    }
    for (size_t j = 0; j + 1 < to.count; j++)
        change(t, NONE, to.items[j]);
    change(t, i, to.items[to.count - 1]);
}

/* A merge: the downs go, but for those that another row needs no longer. */
static void merge(struct table *t, uint32_t i)
{
    const struct hg_ids *downs = &t->g->nodes[i].norm;
    HG_AUTO(hg_ids_done) struct hg_ids from = { 0 };
    bool *others = hg_xcalloc(t->g->count + 1, sizeof *others);
    memcpy(others, t->rows, t->g->count);
    for (size_t j = 0; j < downs->count; j++)
        others[downs->items[j]] = false;
    uncovered(t->g, downs, others, SIZE_MAX, false, &from);
    free(others);
    for (size_t j = 0; j + 1 < from.count; j++)
        change(t, from.items[j], NONE);
    if (from.count)
        change(t, from.items[from.count - 1], i);
    else
        t->failed = true;
}

static void step_up(struct table *t, uint32_t i)
{
    const struct hg_ids *downs = &t->g->nodes[i].norm;
    uint32_t row = NONE;
    size_t present = 0;
    for (size_t j = 0; j < downs->count; j++)
        if (t->rows[downs->items[j]]) {
            row = downs->items[j];
            present++;
        }
    if (present > 1)
        merge(t, i);
    else
        change(t, row, i);
}

bool *hg_graph_row_flags(const struct hg_graph *g, const struct hg_revlist *rows)
{
    bool *flags = hg_xcalloc(g->count + 1, sizeof *flags);
    for (size_t i = 0; i < rows->count; i++)
        flags[rows->items[i]->index] = true;
    return flags;
}

int hg_graph_version_ops(const struct hg_graph *g, bool *rows, const struct hg_revision *step, bool down,
                         struct hg_version_ops *ret, struct hg_err *err)
{
    struct table t = { .g = g, .rows = rows, .ops = ret };
    if (down)
        step_down(&t, (uint32_t)step->index);
    else
        step_up(&t, (uint32_t)step->index);
    if (t.failed)
        return hg_fail(err, HG_E_REFUSED, "the version table has no rows that revision %s could %s: "
                       "Alembic would fail here too", step->id, down ? "go back from" : "replace");
    return 0;
}

void hg_version_ops_done(struct hg_version_ops *o)
{
    free(HG_TAKE(o->items));
    o->count = o->cap = 0;
}

void hg_graph_rows_after(const struct hg_graph *g, const struct hg_revlist *rows,
                         const struct hg_revlist *steps, bool down, struct hg_strv *ret)
{
    HG_AUTO(hg_freep) bool *now = hg_graph_row_flags(g, rows);
    struct table t = { .g = g, .rows = now };
    for (size_t i = 0; i < steps->count; i++) {
        if (down)
            step_down(&t, (uint32_t)steps->items[i]->index);
        else
            step_up(&t, (uint32_t)steps->items[i]->index);
    }
    hg_strv_done(ret);
    for (size_t i = 0; i < g->count; i++)
        if (now[i])
            hg_strv_add(ret, g->revs[i].id);
    hg_strv_sort(ret);
}
