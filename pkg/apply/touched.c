/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps of a run touch, read from their text. Never a guess: where the text does not tell (names
 * that are computed, SQL that begins with other words than pkg/plan knows, other Python) the list says
 * that it is not all of it.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

char *hg_quoted_name(const char *schema, const char *table)
{
    HG_AUTO(hg_freep) char *first = schema && *schema ? hg_pg_quote_ident(schema) : NULL;
    HG_AUTO(hg_freep) char *second = hg_pg_quote_ident(table);
    return first ? hg_xasprintf("%s.%s", first, second) : hg_xstrdup(second);
}

static void add_once(struct hg_strv *v, const char *text)
{
    if (!hg_strv_has(v, text))
        hg_strv_add(v, text);
}

static void add_table(struct hg_touched *t, const char *schema, const char *table, bool owned)
{
    HG_AUTO(hg_freep) char *name = hg_quoted_name(schema, table);
    add_once(&t->tables, name);
    if (owned)
        add_once(&t->altered, name);
}

/* One object of hg_plan_sql_objects. */
static void add_object(struct hg_touched *t, const json_t *object, bool certain)
{
    const char *kind = hg_jstr(object, "kind"), *change = hg_jstr(object, "change");
    const char *name = hg_jstr(object, "name"), *dot = strchr(name, '.');
    HG_AUTO(hg_freep) char *schema = hg_xstrndup(name, dot ? (size_t)(dot - name) : 0);
    bool relation = hg_streq(kind, "table") || hg_streq(kind, "index") ||
                    hg_streq(kind, "materialized view");
    if (!relation)
        return;
    if (!hg_streq(change, "create")) {
        bool owned = hg_streq(change, "alter") || hg_streq(change, "drop") || hg_streq(change, "index");
        add_table(t, schema, dot ? dot + 1 : name, owned && certain);
    } else if (hg_streq(kind, "table") && certain) {
        add_once(&t->schemas, schema);
    }
}

static void add_sql(struct hg_touched *t, const struct hg_review_op *op)
{
    json_t *objects = json_array(), *object;
    size_t i;
    if (op->sql)
        hg_plan_sql_objects(op->sql, objects);
    json_array_foreach(objects, i, object)
        add_object(t, object, !op->conditional);
    if (op->table)
        add_table(t, op->schema, op->table, false);
    t->all = t->all && (json_array_size(objects) || op->table);
    json_decref(objects);
}

static void add_operation(struct hg_touched *t, const struct hg_review_op *op)
{
    if (op->dynamic || op->kind == HG_OP_OTHER) {
        t->all = false;
        return;
    }
    switch (op->kind) {
    case HG_OP_EXECUTE:
        add_sql(t, op);
        break;
    case HG_OP_CREATE_TABLE:
        if (!op->conditional)
            add_once(&t->schemas, op->schema ? op->schema : "");
        break;
    case HG_OP_DROP_INDEX:
        if (op->name) /* an index leads to its table */
            add_table(t, op->schema, op->name, false);
        else
            t->all = false;
        break;
    default:
        if (op->table)
            add_table(t, op->schema, op->table, !op->conditional);
        else
            t->all = false;
    }
}

void hg_touched_add(struct hg_touched *t, const struct hg_review_body *body)
{
    for (size_t i = 0; i < body->count; i++)
        add_operation(t, &body->ops[i]);
    t->all = t->all && !body->other_statements;
}

static void add_version_table(const struct hg_run *r, struct hg_touched *t)
{
    const struct hg_status *s = &r->status;
    const char *schema = s->vt_schema ? s->vt_schema : "public";
    add_table(t, schema, s->vt_name ? s->vt_name : "alembic_version", false);
    if (!s->vt_exists)
        add_once(&t->schemas, schema);
}

void hg_run_touched(const struct hg_run *r, struct hg_touched *ret)
{
    *ret = (struct hg_touched){ .all = true };
    for (size_t i = 0; i < r->steps.count; i++) {
        size_t len = 0;
        struct hg_err ignored = { 0 };
        const char *text = hg_graph_text(r->graph, r->steps.items[i], &len);
        HG_AUTO(hg_review_done) struct hg_review review = { 0 };
        if (!text || hg_review_scan(text, len, &review, &ignored) < 0) {
            ret->all = false;
            continue;
        }
        HG_AUTO(hg_freep) char *ended = hg_xstrndup(text, len);
        ret->concurrently = ret->concurrently || strcasestr(ended, "concurrently");
        hg_touched_add(ret, r->o->down ? &review.down : &review.up);
    }
    add_version_table(r, ret);
}

void hg_touched_done(struct hg_touched *t)
{
    hg_strv_done(&t->tables);
    hg_strv_done(&t->altered);
    hg_strv_done(&t->schemas);
}
