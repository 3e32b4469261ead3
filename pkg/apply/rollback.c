/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <string.h>

#include "review/review.h"

/* What goes with data is destroyed; the rest only changes the schema. */
static bool destroys(const struct hg_review_op *op)
{
    return op->kind == HG_OP_DROP_TABLE || op->kind == HG_OP_DROP_COLUMN;
}

static bool opaque(const struct hg_review_op *op)
{
    return op->kind == HG_OP_EXECUTE || op->kind == HG_OP_OTHER || op->dynamic;
}

static void report(struct hg_run *r, const struct hg_revision *rev, const struct hg_review_body *b)
{
    json_t *event = hg_note("downgrade");
    json_t *operations = json_array(), *lost = json_array(), *untold = json_array();
    for (size_t i = 0; i < b->count; i++) {
        HG_AUTO(hg_buf_done) struct hg_buf words = HG_BUF_INIT;
        hg_review_op_words(&b->ops[i], &words);
        json_array_append_new(operations, hg_event_text(hg_buf_str(&words)));
        if (destroys(&b->ops[i]))
            json_array_append_new(lost, hg_event_text(hg_buf_str(&words)));
        if (opaque(&b->ops[i]))
            json_array_append_new(untold, hg_event_text(hg_buf_str(&words)));
    }
    if (b->other_statements)
        json_array_append_new(untold, json_string("statements that are no Alembic operation"));
    json_object_set_new(event, "revision", hg_event_text(rev->id));
    json_object_set_new(event, "message", hg_event_text(rev->doc));
    json_object_set_new(event, "operations", operations);
    json_object_set_new(event, "destroys", lost);
    json_object_set_new(event, "cannot_tell", untold);
    hg_emit(r, event);
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
    report(r, rev, b);
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
    json_object_set_new(event, "revisions", hg_json_list(&r->applied));
    hg_emit(r, event);
    return 0;
}
