/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <string.h>

#include "plan/plan.h"

/* Counting what would be lost must not keep anybody waiting for the question. */
#define COUNT_ALL_NS (10 * HG_NS_PER_S)

/* What goes with data is destroyed; the rest only changes the schema. */
static bool destroys(const struct hg_review_op *op)
{
    return op->kind == HG_OP_DROP_TABLE || op->kind == HG_OP_DROP_COLUMN;
}

static bool opaque(const struct hg_review_op *op)
{
    return op->kind == HG_OP_EXECUTE || op->kind == HG_OP_OTHER || op->dynamic;
}

/* The events of all steps; how much goes is counted for all of them together, and then put into its place. */
struct said { json_t *destroys, *lost; size_t place; };
struct showing {
    json_t *events;
    struct hg_losses losses;
    struct said *said; /* one for each loss; borrowed from the events */
    size_t said_cap;
};

/* Something that goes with its data; how much is not known yet. */
static void add_lost(struct showing *s, const char *what, const char *schema, const char *table,
                     const char *column, json_t *event)
{
    json_t *destroys = json_object_get(event, "destroys"), *lost = json_object_get(event, "lost");
    s->said = hg_grow(s->said, s->losses.count, &s->said_cap, sizeof *s->said);
    s->said[s->losses.count] = (struct said){ destroys, lost, json_array_size(destroys) };
    hg_losses_add(&s->losses, schema, table, column);
    json_array_append_new(destroys, hg_event_text(what));
}

static void fill_in(struct showing *s)
{
    for (size_t i = 0; i < s->losses.count; i++) {
        const struct said *at = &s->said[i];
        HG_AUTO(hg_freep) char *words = hg_loss_words(&s->losses.items[i]);
        HG_AUTO(hg_freep) char *text =
            hg_xasprintf("%s (%s)", json_string_value(json_array_get(at->destroys, at->place)), words);
        json_array_set_new(at->destroys, at->place, hg_event_text(text));
        json_array_append_new(at->lost, hg_loss_json(&s->losses.items[i]));
    }
}

/* DROP TABLE and TRUNCATE in SQL that is written out. */
static void add_sql_lost(struct showing *s, const char *sql, json_t *event)
{
    json_t *objects = json_array(), *object;
    size_t i;
    hg_plan_sql_objects(sql, objects);
    json_array_foreach(objects, i, object)
    {
        const char *name = hg_jstr(object, "name"), *dot = strchr(name, '.'), *change = hg_jstr(object, "change");
        bool drops = hg_streq(change, "drop");
        if (!hg_streq(hg_jstr(object, "kind"), "table") || (!drops && !hg_streq(change, "empty")))
            continue;
        HG_AUTO(hg_freep) char *what = hg_xasprintf("%s table %s", drops ? "drops" : "empties", name);
        HG_AUTO(hg_freep) char *schema = dot ? hg_xstrndup(name, (size_t)(dot - name)) : NULL;
        add_lost(s, what, schema, dot ? dot + 1 : name, NULL, event);
    }
    json_decref(objects);
}

static void report_op(struct showing *s, const struct hg_review_op *op, json_t *event)
{
    HG_AUTO(hg_buf_done) struct hg_buf words = HG_BUF_INIT;
    hg_review_op_words(op, &words);
    json_array_append_new(json_object_get(event, "operations"), hg_event_text(hg_buf_str(&words)));
    if (destroys(op) && op->table && (op->name || op->kind == HG_OP_DROP_TABLE))
        add_lost(s, hg_buf_str(&words), op->schema, op->table, op->kind == HG_OP_DROP_COLUMN ? op->name : NULL,
                 event);
    else if (destroys(op))
        json_array_append_new(json_object_get(event, "destroys"), hg_event_text(hg_buf_str(&words)));
    if (op->sql)
        add_sql_lost(s, op->sql, event);
    if (!opaque(op))
        return;
    HG_AUTO(hg_freep) char *dark = hg_xasprintf(
        "%s%s", hg_buf_str(&words), op->kind == HG_OP_EXECUTE ? ", which headgate cannot judge" : "");
    json_array_append_new(json_object_get(event, "cannot_tell"), hg_event_text(dark));
}

static void report(struct showing *s, const struct hg_revision *rev, const struct hg_review_body *b)
{
    json_t *event = hg_note("downgrade");
    json_object_set_new(event, "revision", hg_event_text(rev->id));
    json_object_set_new(event, "message", hg_event_text(rev->doc));
    json_object_set_new(event, "operations", json_array());
    json_object_set_new(event, "destroys", json_array());
    json_object_set_new(event, "lost", json_array());
    json_object_set_new(event, "cannot_tell", json_array());
    for (size_t i = 0; i < b->count; i++)
        report_op(s, &b->ops[i], event);
    if (b->other_statements)
        json_array_append_new(json_object_get(event, "cannot_tell"),
                              json_string("statements that are no Alembic operation"));
    json_array_append_new(s->events, event);
}

static bool shown_already(const struct hg_run *r)
{
    bool same = r->shown.count == r->steps.count;
    for (size_t i = 0; same && i < r->steps.count; i++)
        same = hg_streq(r->shown.items[i], r->steps.items[i]->id);
    return same;
}

void hg_run_show_down(struct hg_run *r)
{
    if (shown_already(r))
        return;
    struct showing s = { .events = json_array(), .losses = HG_LOSSES_INIT };
    hg_strv_done(&r->shown);
    r->shown = (struct hg_strv)HG_STRV_INIT;
    for (size_t i = 0; i < r->steps.count; i++) {
        const struct hg_revision *rev = r->steps.items[i];
        size_t len = 0;
        struct hg_err ignored = { 0 };
        HG_AUTO(hg_review_done) struct hg_review review = { 0 };
        const char *text = hg_graph_text(r->graph, rev, &len);
        hg_strv_add(&r->shown, rev->id);
        if (text && hg_review_scan(text, len, &review, &ignored) == 0)
            report(&s, rev, &review.down);
    }
    hg_run_count_losses(r, &s.losses, hg_now_ns() + COUNT_ALL_NS);
    fill_in(&s);
    size_t i;
    json_t *event;
    json_array_foreach(s.events, i, event)
        hg_emit(r, json_incref(event));
    hg_losses_done(&s.losses);
    free(s.said);
    json_decref(s.events);
}

static int judge_one(struct hg_run *r, const struct hg_revision *rev, struct hg_err *err)
{
    size_t len = 0;
    const char *text = hg_graph_text(r->graph, rev, &len);
    struct hg_review review = { 0 };
    if (!text)
        return hg_fail(err, HG_E_REFUSED, "revision %s: its file was not read, so what its downgrade "
                       "does cannot be told", rev->id);
    if (hg_review_scan(text, len, &review, err) < 0)
        return hg_wrap(err, "%s", rev->path);
    const struct hg_review_body *b = &review.down;
    bool merge = rev->down.count > 1, empty = hg_review_body_empty(b) && !merge;
    int rc = 0;
    if (b->raises)
        rc = hg_fail(err, HG_E_REFUSED, "%s: downgrade() of %s raises: there is no way back past it",
                     rev->path, rev->id);
    else if (empty && !r->o->allow_empty_downgrade)
        rc = hg_fail(err, HG_E_REFUSED, "%s: downgrade() of %s does nothing: the version table would "
                     "go back, the schema would not", rev->path, rev->id);
    if (rc < 0 && empty)
        (void)hg_hint(err, "write the downgrade, or add --allow-empty-downgrade");
    hg_review_done(&review);
    return rc;
}

int hg_run_judge_down(struct hg_run *r, struct hg_err *err)
{
    if (r->steps.count && !r->to.count && !r->o->to_base) {
        (void)hg_fail(err, HG_E_REFUSED, "this would roll back everything, down to an empty version "
                      "table");
        return hg_hint(err, "add --to-base if that is what you mean");
    }
    hg_run_show_down(r);
    for (size_t i = 0; i < r->steps.count; i++)
        if (judge_one(r, r->steps.items[i], err) < 0)
            return -1;
    return 0;
}

int hg_run_hold(struct hg_run *r, struct hg_err *err)
{
    if (!r->target.t->protected_ || !r->applied.count)
        return 0;
    if (!r->ledger.database) {
        (void)hg_finding_add(&r->findings, "HG507", "the revisions are not held, because the ledger is "
                             "not in the database: the next apply brings them back");
        return 0;
    }
    if (hg_ledger_hold(&r->ledger, r->version_table, &r->applied, r->by,
                       hg_now_ns() + HG_APPLY_QUERY_NS, err) < 0)
        return -1;
    json_t *event = hg_note("held");
    json_object_set_new(event, "target", hg_json_text(r->target.t->name));
    json_object_set_new(event, "revisions", hg_json_list(&r->applied));
    hg_emit(r, event);
    return 0;
}
