/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HG209 where only half of a renamed table shows: env.py often keeps autogenerate away from tables that no
 * model has, so a model under another table name comes out as a new, empty table, and the old one stays behind
 * with all its rows and without a word.
 */
#include "review/internal.h"

#include <string.h>
#include <strings.h>

/* From this share of common columns on, and with so many, it stops the gate; below it is a warning. */
#define SURE_PERCENT 80
#define SURE_COLUMNS 3

struct made {
    const struct hg_revision *by;
    struct hg_review_op op;     /* its create_table; owned */
    bool gone;                  /* dropped, renamed, or nobody can tell */
};

struct left {
    const struct hg_review_models *models;
    const struct hg_revlist *fresh;
    struct made *items;
    size_t count, cap;
    bool walked;
};

static void left_done(struct left *l)
{
    for (size_t i = 0; i < l->count; i++)
        hg_review_op_done(&l->items[i].op);
    free(l->items);
}

static bool is_fresh(const struct left *l, const struct hg_revision *r)
{
    for (size_t i = 0; i < l->fresh->count; i++)
        if (l->fresh->items[i] == r)
            return true;
    return false;
}

/* Has a module that env.py does not load this table? Then HG207 speaks of it. */
static bool unregistered(const struct hg_review_models *models, const char *table)
{
    for (size_t i = 0; i < models->missing_tables.count; i++)
        if (strstr(models->missing_tables.items[i], table))
            return true;
    return false;
}

/* Takes the tables that a revision made and that no model has. */
static void take_made(struct left *l, const struct hg_revision *by, struct hg_review *r)
{
    for (size_t i = 0; i < r->up.count; i++) {
        struct hg_review_op *op = &r->up.ops[i];
        if (op->kind != HG_OP_CREATE_TABLE || !op->table || !op->columns.count ||
            hg_strv_has(&l->models->tables, op->table) || unregistered(l->models, op->table))
            continue;
        l->items = hg_grow(l->items, l->count, &l->cap, sizeof *l->items);
        l->items[l->count++] = (struct made){ .by = by, .op = *op };
        *op = (struct hg_review_op){ .kind = HG_OP_OTHER };
    }
}

/* Computed names and SQL count where the table's name stands somewhere in the same file. */
static bool ends(const struct hg_review_op *op, const char *table)
{
    if (op->kind == HG_OP_DROP_TABLE || op->kind == HG_OP_RENAME_TABLE)
        return !op->table || hg_streq(op->table, table);
    return op->kind == HG_OP_EXECUTE &&
           (!op->sql || (strstr(op->sql, table) && (strcasestr(op->sql, "drop") || strcasestr(op->sql, "rename"))));
}

/* Did this revision end any of them, as far as its text tells? */
static void take_gone(struct left *l, const struct hg_revision *by, const struct hg_review *r, const char *text)
{
    for (size_t i = 0; i < l->count; i++) {
        struct made *m = &l->items[i];
        if (m->gone || !strstr(text, m->op.table))
            continue;
        m->gone = m->by != by && r->up.other_statements;
        for (size_t k = 0; k < r->up.count && !m->gone; k++)
            m->gone = ends(&r->up.ops[k], m->op.table);
    }
}

/* Once for what they made, once for what they ended. */
static void walk(struct left *l, const struct hg_graph *graph, bool made)
{
    for (size_t i = 0; i < hg_graph_count(graph) && (made || l->count); i++) {
        const struct hg_revision *r = hg_graph_at(graph, i);
        size_t len = 0;
        const char *text = made && is_fresh(l, r) ? NULL : hg_graph_text(graph, r, &len);
        struct hg_err ignored = { 0 };
        HG_AUTO(hg_review_done) struct hg_review review = { 0 };
        if (!text || hg_review_scan(text, len, &review, &ignored) < 0)
            continue;
        if (made)
            take_made(l, r, &review);
        else
            take_gone(l, r, &review, text);
    }
}

static void report(const struct made *old, const struct hg_review_op *op, size_t common,
                   const struct hg_revision *revision, struct hg_findings *findings)
{
    struct hg_finding *f = hg_finding_add(
        findings, "HG209", "creates table %s, and table %s (of revision %s), with %zu of the same columns, has no "
        "model any more and is not dropped: if this is a rename, its rows stay behind", op->table, old->op.table,
        old->by->id, common);
    HG_AUTO(hg_freep) char *schema = op->schema ? hg_xasprintf(", schema=\"%s\"", op->schema) : hg_xstrdup("");
    f->help = hg_xasprintf("If it is a rename, write instead: op.rename_table(\"%s\", \"%s\"%s) (and the reverse in "
                           "downgrade(); indexes keep their names). If it is not, waive HG209 for this revision in "
                           "headgate.yaml with the reason.", old->op.table, op->table, schema);
    size_t larger = op->columns.count > old->op.columns.count ? op->columns.count : old->op.columns.count;
    if ((common < SURE_COLUMNS || common * 100 < larger * SURE_PERCENT) && f->severity > HG_SEV_WARNING)
        f->severity = HG_SEV_WARNING;
    f->revision = hg_xstrdup(revision->id);
    f->path = hg_xstrdup(revision->path);
    f->line = op->line;
    f->object = hg_xstrdup(op->table);
}

/* The table left behind that is most like this new one. */
static void check_new(const struct left *l, const struct hg_review_op *op, const struct hg_revision *revision,
                      struct hg_findings *findings)
{
    const struct made *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < l->count; i++) {
        const struct made *m = &l->items[i];
        size_t common = 0;
        if (m->gone || !hg_streq(m->op.schema, op->schema) || !hg_review_tables_alike(&m->op, op, &common) ||
            common <= most)
            continue;
        best = m;
        most = common;
    }
    if (best)
        report(best, op, most, revision, findings);
}

/* Does it create a table that a model has? */
static bool new_table(const struct left *l, const struct hg_review_op *op)
{
    return op->kind == HG_OP_CREATE_TABLE && op->table && op->columns.count &&
           hg_strv_has(&l->models->tables, op->table);
}

/* Reads the history, as soon as there is something to compare it with. */
static void check_revision(struct left *l, const struct hg_graph *graph, const struct hg_revision *revision,
                           struct hg_findings *findings)
{
    size_t len = 0;
    const char *text = hg_graph_text(graph, revision, &len);
    struct hg_err ignored = { 0 };
    HG_AUTO(hg_review_done) struct hg_review r = { 0 };
    if (!text || hg_review_scan(text, len, &r, &ignored) < 0)
        return;
    for (size_t i = 0; i < r.up.count; i++) {
        if (!new_table(l, &r.up.ops[i]))
            continue;
        if (!l->walked) {
            walk(l, graph, true);
            walk(l, graph, false);
            l->walked = true;
        }
        check_new(l, &r.up.ops[i], revision, findings);
    }
}

void hg_review_check_left(const struct hg_graph *graph, const struct hg_revlist *fresh,
                          const struct hg_review_models *models, struct hg_findings *findings)
{
    HG_AUTO(left_done) struct left l = { .models = models, .fresh = fresh };
    if (fresh->count == hg_graph_count(graph) || models->dynamic)
        return;
    for (size_t i = 0; i < fresh->count; i++)
        check_revision(&l, graph, fresh->items[i], findings);
}
