/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static int64_t deadline(void)
{
    return hg_now_ns() + HG_APPLY_QUERY_NS;
}

const char *hg_run_ledger_key(void)
{
    const char *key = getenv(HG_LEDGER_KEY);
    return key && *key ? key : NULL;
}

static struct hg_ledger_run describe(const struct hg_run *r, const char *direction)
{
    return (struct hg_ledger_run){ .version_table = r->version_table,
                                   .direction = direction,
                                   .target = r->target.t->name,
                                   .goal = r->goal,
                                   .from = &r->from,
                                   .to = &r->to,
                                   .by = r->by,
                                   .host = r->host,
                                   .commit = r->commit,
                                   .overrides = r->o->overrides,
                                   .graph = r->graph,
                                   .steps = &r->steps,
                                   .key = hg_run_ledger_key() };
}

/* A run that nobody finished. Both locks are ours, so nobody will. */
static int close_open_run(struct hg_run *r, struct hg_err *err)
{
    const struct hg_ledger_summary *s = &r->summary;
    HG_AUTO(hg_strv_done) struct hg_strv steps = HG_STRV_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv done = HG_STRV_INIT;
    if (hg_ledger_open_steps(&r->ledger, s->open_run, deadline(), &steps, err) < 0)
        return -1;
    HG_AUTO(hg_freep) bool *in = hg_graph_applied_rows(r->graph, &r->status.rows);
    bool down = hg_streq(s->open_direction, "down");
    for (size_t i = 0; i < steps.count; i++) {
        const struct hg_revision *rev = hg_graph_get(r->graph, steps.items[i]);
        if (rev && in[rev->index] != down)
            hg_strv_add(&done, steps.items[i]);
    }
    const char *outcome = done.count == steps.count ? "applied" : done.count ? "failed" : "abandoned";
    struct hg_ledger_outcome o = { .version_table = r->version_table, .outcome = outcome,
                                   .rows = &r->status.rows, .done = &done,
                                   .error = "its headgate ended without recording an outcome" };
    hg_run_objects_now(r);
    o.after = r->catalog_now ? &r->now : NULL;
    if (hg_ledger_outcome(&r->ledger, s->open_run, &o, deadline(), err) < 0)
        return -1;
    json_t *event = hg_note("recovered");
    json_object_set_new(event, "run", hg_event_text(s->open_run));
    json_object_set_new(event, "by", hg_event_text(s->open_by));
    json_object_set_new(event, "since", hg_event_text(s->open_since));
    json_object_set_new(event, "outcome", json_string(outcome));
    json_object_set_new(event, "done", hg_json_list(&done));
    hg_emit(r, event);
    return 0;
}

/* Rows that moved since the last record: written down as what they are. */
static int adopt(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(hg_freep) bool *now = hg_graph_applied_rows(r->graph, &r->status.rows);
    HG_AUTO(hg_freep) bool *then = hg_graph_applied_rows(r->graph, &r->summary.last_rows);
    HG_AUTO(hg_revlist_done) struct hg_revlist moved = HG_REVLIST_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv ids = HG_STRV_INIT;
    for (size_t i = 0; i < hg_graph_count(r->graph); i++) {
        if (now[i] == then[i])
            continue;
        moved.items = hg_grow(moved.items, moved.count, &moved.cap, sizeof *moved.items);
        moved.items[moved.count++] = hg_graph_at(r->graph, i);
        hg_strv_add(&ids, hg_graph_at(r->graph, i)->id);
    }
    struct hg_ledger_run run = describe(r, "adopt");
    run.from = &r->summary.last_rows;
    run.to = &r->status.rows;
    run.steps = &moved;
    run.goal = NULL;
    run.overrides = NULL;
    struct hg_ledger_outcome o = { .version_table = r->version_table, .outcome = "recorded",
                                   .rows = &r->status.rows, .done = &ids };
    hg_run_objects_now(r);
    o.after = r->catalog_now ? &r->now : NULL;
    if (hg_ledger_intent(&r->ledger, &run, deadline(), err) < 0 ||
        hg_ledger_outcome(&r->ledger, NULL, &o, deadline(), err) < 0)
        return -1;
    if (r->o->adopt)
        hg_strv_addv(&r->applied, &ids);
    json_t *event = hg_note("adopted");
    json_object_set_new(event, "revisions", hg_json_list(&ids));
    json_object_set_new(event, "from", hg_json_list(&r->summary.last_rows));
    json_object_set_new(event, "to", hg_json_list(&r->status.rows));
    hg_emit(r, event);
    return 0;
}

static int open_ledger(struct hg_run *r, struct hg_err *err)
{
    if (r->ledger.conn || r->target.t->ledger == HG_LEDGER_OFF)
        return 0;
    HG_AUTO(hg_freep) char *file = hg_ledger_path(&r->target, r->identity.system_identifier,
                                                  r->identity.oid, r->version_table);
    return hg_ledger_open(r->watch, &r->target, file, deadline(), &r->ledger, &r->findings, err);
}

static int release_held(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv released = HG_STRV_INIT;
    if (hg_ledger_release(&r->ledger, r->version_table, deadline(), &released, err) < 0)
        return -1;
    json_t *event = hg_note("released");
    json_object_set_new(event, "revisions", hg_json_list(&released));
    hg_emit(r, event);
    return 0;
}

bool hg_run_moved_outside(const struct hg_run *r)
{
    return r->summary.last_rows_known && !r->summary.open_run && r->target.t->ledger != HG_LEDGER_OFF &&
           !hg_strv_same_set(&r->summary.last_rows, &r->status.rows);
}

int hg_run_settle_past(struct hg_run *r, struct hg_err *err)
{
    bool open = r->summary.open_run != NULL;
    bool moved = hg_run_moved_outside(r);
    bool release = r->o->release && r->summary.held.count;
    if (!r->summary.present || (!open && !moved && !release))
        return 0;
    if (open_ledger(r, err) < 0)
        return -1;
    if (!r->ledger.database && r->target.t->ledger != HG_LEDGER_FILE)
        return 0; /* the record in the database stays as it is until somebody may write it */
    if ((open && close_open_run(r, err) < 0) || (moved && adopt(r, err) < 0))
        return -1;
    r->settled = open || moved;
    return release ? release_held(r, err) : 0;
}

static int leave_label(struct hg_run *r, struct hg_err *err)
{
    const struct hg_target_config *t = r->target.t;
    bool same = hg_streq(r->summary.label_target, t->name);
    /* A checkout that does not know the target as protected does not take its label away: that is
     * `headgate target relabel`. */
    if (same && (r->summary.label_protected || !t->protected_))
        return 0;
    return hg_ledger_set_label(&r->ledger, t->name, t->protected_, r->by, deadline(), err);
}

int hg_run_intent(struct hg_run *r, struct hg_err *err)
{
    struct hg_ledger_run run = describe(r, r->o->down ? "down" : "up");
    run.plan = json_string_value(json_object_get(r->planned, "digest"));
    if (open_ledger(r, err) < 0 || leave_label(r, err) < 0)
        return -1;
    if (hg_ledger_intent(&r->ledger, &run, deadline(), err) < 0)
        return -1;
    hg_trace("intent", "run", r->ledger.run ? r->ledger.run : "none", NULL);
    return 0;
}

int hg_run_outcome(struct hg_run *r, const struct hg_err *failure, struct hg_err *err)
{
    if (!r->ledger.conn || !r->to_known)
        return 0;
    struct hg_ledger_outcome o = { .version_table = r->version_table,
                                   .outcome = r->outcome,
                                   .rows = &r->after,
                                   .done = &r->applied,
                                   .error = failure->kind ? failure->message : NULL,
                                   .sqlstate = *failure->sqlstate ? failure->sqlstate : NULL,
                                   .times = r->driven.times,
                                   .time_count = r->driven.time_count };
    r->ledger.conn = r->watch; /* the fresh connection of the verification */
    if (r->catalog_before && !r->comparing) /* else the verification has read them */
        hg_run_objects_now(r);
    o.before = r->catalog_before ? &r->before : NULL;
    o.after = r->catalog_before && r->catalog_now ? &r->now : NULL;
    return hg_ledger_outcome(&r->ledger, NULL, &o, deadline(), err);
}

int hg_run_baseline(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(hg_freep) bool *in = hg_graph_applied_rows(r->graph, &r->status.rows);
    HG_AUTO(hg_revlist_done) struct hg_revlist all = HG_REVLIST_INIT;
    hg_revlist_done(&r->steps);
    r->steps = (struct hg_revlist)HG_REVLIST_INIT;
    hg_graph_history(r->graph, &all);
    for (size_t i = all.count; i-- > 0;) { /* as they ran: the record's last one is what `status` names */
        if (!in[all.items[i]->index])
            continue;
        r->steps.items = hg_grow(r->steps.items, r->steps.count, &r->steps.cap,
                                 sizeof *r->steps.items);
        r->steps.items[r->steps.count++] = all.items[i];
        hg_strv_add(&r->applied, all.items[i]->id);
    }
    struct hg_ledger_run run = describe(r, "baseline");
    run.to = &r->status.rows;
    struct hg_ledger_outcome o = { .version_table = r->version_table, .outcome = "recorded",
                                   .rows = &r->status.rows, .done = &r->applied, .all_made = true };
    hg_run_objects_now(r);
    o.after = r->catalog_now ? &r->now : NULL;
    if (open_ledger(r, err) < 0 || leave_label(r, err) < 0 ||
        hg_ledger_intent(&r->ledger, &run, deadline(), err) < 0)
        return -1;
    return hg_ledger_outcome(&r->ledger, NULL, &o, deadline(), err);
}

int hg_run_adopt(struct hg_run *r, struct hg_err *err)
{
    r->outcome = r->settled ? "applied" : "nothing-to-do";
    hg_strv_addv(&r->after, &r->status.rows);
    r->to_known = true;
    bool same = r->summary.last_rows_known && !r->summary.open_run &&
                hg_strv_same_set(&r->summary.last_rows, &r->status.rows);
    if (r->settled || same)
        return 0;
    if (r->summary.last_rows_known || r->summary.open_run)
        return hg_fail(err, HG_E_REFUSED, "role %s may not write the ledger", r->identity.role);
    if (r->status.ledger_exists && !r->status.ledger_readable && r->target.t->ledger != HG_LEDGER_FILE)
        return hg_ledger_unreadable(HG_E_REFUSED, r->identity.role, err);
    (void)hg_fail(err, HG_E_REFUSED, "%s holds no record of %s, so nothing can be told from it",
                  r->summary.present ? "the ledger" : "the database, which has no ledger,", r->version_table);
    return hg_hint(err, "headgate apply --baseline -t %s records what is there", r->target.t->name);
}

/* Nothing runs and nothing changes: the record says which revision stands for the rows from now on. */
int hg_run_squash_intent(struct hg_run *r, struct hg_err *err)
{
    struct hg_revlist steps = HG_REVLIST_INIT;
    if (open_ledger(r, err) < 0 || leave_label(r, err) < 0)
        return -1;
    if (!r->ledger.database)
        return hg_fail(err, HG_E_REFUSED, "the version row is moved only with a ledger in the database");
    for (size_t i = 0; i < r->status.moved_to.count; i++) {
        steps.items = hg_grow(steps.items, steps.count, &steps.cap, sizeof *steps.items);
        steps.items[steps.count++] = hg_graph_get(r->graph, r->status.moved_to.items[i]);
    }
    struct hg_ledger_run run = describe(r, "squash");
    run.from = &r->status.rows;
    run.to = &r->status.judged;
    run.steps = &steps;
    int rc = hg_ledger_intent(&r->ledger, &run, deadline(), err);
    hg_revlist_done(&steps);
    hg_trace("intent", "run", r->ledger.run ? r->ledger.run : "none", NULL);
    return rc;
}

int hg_run_squash_outcome(struct hg_run *r, bool moved, struct hg_err *err)
{
    const struct hg_strv none = HG_STRV_INIT;
    struct hg_ledger_outcome o = { .version_table = r->version_table,
                                   .outcome = moved ? "applied" : "failed", .rows = &r->status.rows,
                                   .done = moved ? &r->moved_to : &none };
    hg_run_objects_now(r);
    o.before = o.after = r->catalog_now ? &r->now : NULL;
    return hg_ledger_outcome(&r->ledger, NULL, &o, deadline(), err);
}
