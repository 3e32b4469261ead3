/* SPDX-License-Identifier: Apache-2.0 */
/* Status and gate of a target, or of a snapshot, and the plan on top of them. */
#include "plan_cmd.h"

#include <stdlib.h>

#include "replay/replay.h"
#include "snapshot/snapshot.h"

#define SNAPSHOT_MAX ((size_t)256 << 20)
#define DEADLINE_NS  (120 * HG_NS_PER_S) /* git, ledger and other targets together */
#define LOST_NS      (10 * HG_NS_PER_S)

struct work {
    struct plan_options *o;
    struct hg_target target;
    struct hg_alembic_config alembic;
    bool configured;
    char **plain;                   /* environment without secrets */
    struct hg_bundle bundle;        /* instead of alembic.ini and files, with --bundle */
    struct hg_graph *graph;
    struct hg_findings graph_findings, more;
    struct hg_status status;
    struct hg_gate gate;
    struct hg_snapshot snapshot;
    const char *taken_at;           /* of the snapshot, or NULL */
};

static void work_done(struct work *w)
{
    hg_gate_done(&w->gate);
    hg_status_done(&w->status);
    hg_findings_done(&w->graph_findings);
    hg_findings_done(&w->more);
    hg_graph_free(w->graph);
    hg_bundle_done(&w->bundle);
    if (w->configured)
        hg_alembic_config_done(&w->alembic);
    hg_vars_free_envp(w->plain);
    hg_snapshot_done(&w->snapshot);
    hg_target_done(&w->target);
}

/* --from is a source of variables everywhere else; here what is no source is a file. */
static int find_snapshot(struct plan_options *o, struct hg_strv *ret_words, struct hg_err *err)
{
    struct hg_strv sources = HG_STRV_INIT;
    for (size_t i = 0; i < o->common.from.count; i++) {
        const char *text = o->common.from.items[i];
        struct hg_source source = { 0 };
        struct hg_err none = { 0 };
        bool is_source = hg_source_parse(text, ".", &source, &none) == 0;
        hg_source_done(&source);
        if (is_source)
            hg_strv_add(&sources, text);
        else if (o->snapshot)
            return hg_fail(err, HG_E_USAGE, "--from %s: there is a snapshot already", text);
        else
            o->snapshot = text;
    }
    if (o->snapshot && sources.count)
        return hg_fail(err, HG_E_USAGE, "--from: a snapshot needs no source for an environment");
    if (!o->snapshot)
        hg_strv_done(&sources);
    else {
        *ret_words = o->common.from; /* o->snapshot is one of them */
        o->common.from = sources;
    }
    return 0;
}

/* ---- the snapshot ---------------------------------------------------------------------------- */

static void check_age(struct work *w)
{
    const struct hg_target_config *t = w->target.t;
    int64_t taken = 0;
    char age[HG_AGE_SIZE], allowed[HG_AGE_SIZE];
    if (hg_time_parse(w->taken_at, &taken) < 0)
        return;
    int64_t old_ns = hg_wall_ns() - taken;
    hg_log(HG_LOG_NOTE, "the snapshot was taken %s ago (%s)",
           hg_age_format(old_ns > 0 ? old_ns / HG_NS_PER_S : 0, age), w->taken_at);
    if (!t->plan_max_age_ns || old_ns <= t->plan_max_age_ns)
        return;
    hg_finding_add(&w->more, "HG232", "the snapshot was taken at %s, and max_age of %s is %s", w->taken_at,
                   t->name, hg_age_format(t->plan_max_age_ns / HG_NS_PER_S, allowed))
        ->help = hg_xasprintf("Take a new one: headgate snapshot -t %s -o %s", t->name, w->o->snapshot);
}

static int read_snapshot(struct work *w, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf bytes = HG_BUF_INIT;
    if (hg_file_read(w->o->snapshot, SNAPSHOT_MAX, &bytes, err) < 0)
        return hg_hint(err, "--from takes a file that `headgate snapshot -o FILE` wrote");
    if (hg_snapshot_unpack(hg_buf_str(&bytes), bytes.len, w->o->snapshot, &w->snapshot, err) < 0)
        return -1;
    const char *of = json_string_value(json_object_get(w->snapshot.manifest, "target"));
    w->taken_at = json_string_value(json_object_get(w->snapshot.manifest, "taken_at"));
    if (!hg_streq(of, w->target.t->name)) {
        (void)hg_fail(err, HG_E_REFUSED, "%s is a snapshot of target %s, and the plan is for %s",
                      w->o->snapshot, of ? of : "?", w->target.t->name);
        return hg_hint(err, "headgate plan -t %s --from %s", of ? of : "TARGET", w->o->snapshot);
    }
    check_age(w);
    return 0;
}

static int status_of_snapshot(struct work *w, struct hg_err *err)
{
    if (hg_status_recorded(&w->target, w->snapshot.status, w->snapshot.ledger, w->graph,
                           &w->graph_findings, &w->status, err) < 0)
        return -1;
    hg_status_find_lost(&w->status, w->graph, &w->alembic, LOST_NS);
    return 0;
}

/* ---- the database ------------------------------------------------------------------------------ */

static int prepare(struct work *w, struct hg_alembic_options *ret_how, struct hg_err *err)
{
    const struct hg_common *c = &w->o->common;
    bool offline = w->o->snapshot != NULL;
    if (hg_target_open(c, w->o->argc, w->o->argv, offline, &w->target, err) != 0)
        return -1;
    w->plain = hg_target_plain_envp(&w->target);
    *ret_how = hg_target_alembic_options(c, &w->target.config, w->plain);
    if (!offline)
        hg_target_announce(&w->target, c);
    if (offline && read_snapshot(w, err) < 0)
        return -1;
    if (w->o->bundle && hg_bundle_open(w->o->bundle, &w->bundle, err) < 0)
        return -1;
    if (w->o->bundle)
        hg_replay_config(&w->bundle, c->dir, &w->alembic);
    w->configured = w->o->bundle || hg_alembic_config_load(ret_how, &w->alembic, err) == 0;
    return w->configured ? 0 : -1;
}

static int look(struct work *w, const struct hg_alembic_options *how, struct hg_err *err)
{
    const struct hg_common *c = &w->o->common;
    struct hg_status_read *read = NULL;
    if (!w->o->snapshot && hg_status_start(&w->target, "headgate plan",
                                           c->timeout_ns ? hg_now_ns() + c->timeout_ns : 0, &read,
                                           err) != 0)
        return -1;
    if (read)
        hg_status_name(read, &w->alembic);
    int loaded = w->o->bundle ? hg_bundle_graph(&w->bundle, &w->graph, &w->graph_findings, err)
                              : hg_alembic_load(&w->alembic, how, &w->graph, &w->graph_findings, err);
    if (loaded != 0) {
        hg_status_drop(read);
        return -1;
    }
    hg_graph_digests(w->graph);
    if (!hg_graph_ok(w->graph)) {
        hg_status_drop(read);
        (void)hg_fail(err, HG_E_REFUSED, "Alembic would refuse this history, so there is no plan");
        return hg_hint(err, "`headgate history --offline` says what is wrong and where");
    }
    if (w->o->snapshot)
        return status_of_snapshot(w, err);
    if (hg_status_finish(read, w->graph, &w->graph_findings, &w->status, err) < 0)
        return -1;
    hg_status_find_lost(&w->status, w->graph, &w->alembic, LOST_NS);
    return 0;
}

static int judge(struct work *w, struct hg_err *err)
{
    struct hg_gate_input in = { .target = &w->target,
                                .alembic = w->o->bundle ? NULL : &w->alembic,
                                .graph = w->graph,
                                .status = &w->status,
                                .dir = w->o->common.dir,
                                .common = &w->o->common,
                                .base = w->o->base,
                                .recorded = w->o->snapshot != NULL,
                                .more = &w->more,
                                .deadline_ns = hg_now_ns() + DEADLINE_NS,
                                .wait_ns = w->o->common.timeout_ns };
    if (w->o->bundle)
        hg_replay_findings(&w->bundle, &w->status.pending, false, &w->more);
    if (w->o->bundle &&
        hg_target_bundle_signed(&w->target, w->o->bundle, &w->bundle, NULL, &w->more, err) < 0)
        return -1;
    if (hg_gate_judge(&in, &w->gate, err) < 0)
        return -1;
    for (size_t i = 0; i < w->gate.findings.count; i++) {
        const struct hg_finding *f = &w->gate.findings.items[i];
        if (!hg_streq(f->rule->id, "HG232") || f->waived || f->severity < w->gate.fail_on)
            continue;
        (void)hg_fail(err, HG_E_REFUSED, "%s: %s", f->rule->id, f->message);
        return hg_hint(err, "%s", f->help ? f->help : f->rule->help);
    }
    return 0;
}

int plan_work(struct plan_options *o, json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv words = HG_STRV_INIT;
    HG_AUTO(work_done) struct work w = { .o = o, .gate = HG_GATE_INIT };
    struct hg_alembic_options how = { 0 };
    if (find_snapshot(o, &words, err) < 0 || prepare(&w, &how, err) < 0 || look(&w, &how, err) < 0 ||
        judge(&w, err) < 0)
        return -1;
    struct hg_plan_input in = { .target = &w.target,
                                .alembic = &w.alembic,
                                .bundle = o->bundle ? &w.bundle : NULL,
                                .graph = w.graph,
                                .status = &w.status,
                                .gate = &w.gate,
                                .revision = o->to,
                                .x = &o->common.x,
                                .taken_at = w.taken_at,
                                .no_python = o->common.no_python,
                                .timeout_ns = o->common.timeout_ns };
    return hg_plan_make(&in, ret, err);
}
