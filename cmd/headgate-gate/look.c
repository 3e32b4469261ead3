/* SPDX-License-Identifier: Apache-2.0 */
#include "look.h"

static const int64_t DEADLINE_NS = 120 * HG_NS_PER_S; /* git, ledger and other targets together */

static void free_graph(struct hg_graph **graph)
{
    hg_graph_free(*graph);
}

void gate_subject_done(struct gate_subject *s)
{
    if (s->configured)
        hg_alembic_config_done(&s->alembic);
    hg_bundle_done(&s->bundle);
    hg_vars_free_envp(s->plain);
    hg_target_done(&s->target);
}

int gate_print(const struct gate_options *o, const struct hg_gate_input *in,
               const struct hg_gate *g, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    const char *format = o->common.format;
    hg_err_unanswered(err);
    if (hg_streq(format, "json")) {
        json_t *document = hg_gate_json(in, g, err);
        HG_AUTO(hg_freep) char *text = json_dumps(document, JSON_INDENT(2));
        json_decref(document);
        hg_buf_addf(&b, "%s\n", text);
        hg_cli_error_printed();
    } else if (!format || hg_streq(format, "text")) {
        hg_gate_text(in, g, hg_cli_color(&o->common, STDOUT_FILENO), &b);
    } else {
        HG_AUTO(hg_freep) char *title = hg_xasprintf("headgate gate %s", in->target->t->name);
        struct hg_err bad = { 0 };
        if (hg_findings_report(&g->findings, format, title, &b, &bad) != 0)
            HG_BUG("a format that is in the table of options and has no reporter");
    }
    hg_out(hg_buf_str(&b));
    return err->kind == HG_E_NONE ? hg_gate_exit(g) : -1;
}

static int read_graph(const struct gate_options *o, const struct gate_subject *s, struct hg_graph **ret,
                      struct hg_findings *found, struct hg_err *err)
{
    int rc = o->bundle ? hg_bundle_graph(&s->bundle, ret, found, err)
                       : hg_alembic_load(&s->alembic, &s->how, ret, found, err);
    if (rc == 0)
        hg_graph_digests(*ret);
    return rc;
}

/* Which steps there will be is not known offline: then all are looked at, and those that need Python may
 * have been made long ago. */
static void judge_bundle(const struct gate_options *o, const struct gate_subject *s, const struct hg_graph *graph,
                         const struct hg_revlist *pending, struct hg_findings *ret)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist all = HG_REVLIST_INIT;
    HG_AUTO(hg_findings_done) struct hg_findings found = HG_FINDINGS_INIT;
    const struct hg_revlist none = HG_REVLIST_INIT;
    struct hg_err ignored = { 0 };
    if (!o->offline) {
        hg_replay_findings(&s->bundle, pending, false, ret);
        return;
    }
    if (hg_graph_upgrade(graph, &none, "heads", &all, &ignored) < 0)
        return;
    hg_replay_findings(&s->bundle, &all, false, &found);
    for (size_t i = 0; i < found.count; i++) {
        const struct hg_finding *f = &found.items[i];
        if (!hg_streq(f->rule->id, "HG260"))
            continue;
        struct hg_finding *told = hg_finding_add(ret, "HG260", "%s", f->message);
        told->severity = HG_SEV_WARNING;
        told->revision = hg_xstrdup(f->revision);
        told->path = hg_xstrdup(f->path);
        told->help = hg_xstrdup("Where it is not applied yet, `headgate apply --bundle` will refuse: "
                                "headgate explain HG260");
    }
}

int gate_look(const struct gate_options *o, struct gate_subject *s, bool last, bool *ret_again,
              struct hg_err *err)
{
    HG_AUTO(hg_gate_done) struct hg_gate gate = HG_GATE_INIT;
    HG_AUTO(free_graph) struct hg_graph *graph = NULL;
    HG_AUTO(hg_findings_done) struct hg_findings found = HG_FINDINGS_INIT;
    HG_AUTO(hg_findings_done) struct hg_findings more = HG_FINDINGS_INIT;
    HG_AUTO(hg_status_done) struct hg_status status = { 0 };
    HG_AUTO(hg_pg_closep) PGconn *conn = NULL;
    struct hg_status_read *read = NULL;
    struct hg_gate_input in = {
        .target = &s->target, .alembic = o->bundle ? NULL : &s->alembic, .more = &more,
        .built = o->bundle != NULL, .built_dirty = s->bundle.dirty, .built_commit = s->bundle.commit,
        .dir = o->common.dir, .common = &o->common, .base = o->base,
        .overrides = &o->overrides, .required = &o->required,
        .deadline_ns = hg_now_ns() + DEADLINE_NS, .wait_ns = o->common.timeout_ns,
    };
    if (o->fail_on)
        (void)hg_severity_parse(o->fail_on, &in.fail_on);
    if (o->bundle && hg_target_bundle_signed(&s->target, o->bundle, &s->bundle, NULL, &more, err) < 0)
        return gate_print(o, &in, &gate, err);
    if (s->looked && hg_target_refresh(&s->target, &o->common, err) != 0)
        return gate_print(o, &in, &gate, err);
    s->looked = !o->offline;
    if (!o->offline && hg_status_start(&s->target, "headgate gate",
                                       o->common.timeout_ns ? hg_now_ns() + o->common.timeout_ns : 0,
                                       &read, err) != 0)
        return gate_print(o, &in, &gate, err);
    if (read)
        hg_status_name(read, &s->alembic);
    if (read_graph(o, s, &graph, &found, err) != 0) {
        hg_status_drop(read);
        hg_findings_move(&gate.findings, &found);
        if (err->kind == HG_E_UNKNOWN && !hg_findings_have(&gate.findings, "HG109"))
            hg_finding_add(&gate.findings, "HG109", "%s", err->message)->help =
                *err->hint ? hg_xstrdup(err->hint) : NULL;
        return gate_print(o, &in, &gate, err);
    }
    struct hg_err unreached = { 0 };
    if (o->offline) {
        in.graph_findings = &found;
    } else {
        in.status = &status;
        if (hg_status_finish_on(read, graph, &found, &status, &conn, &unreached) == 0)
            hg_status_find_lost(&status, graph, &s->alembic, 10 * HG_NS_PER_S);
    }
    in.graph = graph;
    in.conn = conn;
    if (o->bundle && hg_graph_ok(graph))
        judge_bundle(o, s, graph, &status.pending, &more);
    if (hg_gate_judge(&in, &gate, err) != 0)
        return -1;
    if (unreached.kind != HG_E_NONE && hg_graph_ok(graph)) {
        gate.verdict = HG_VERDICT_UNKNOWN;
        *err = unreached;
    }
    *ret_again = gate.verdict != HG_VERDICT_OPEN && !last && !o->offline;
    return *ret_again ? HG_EXIT_YES : gate_print(o, &in, &gate, err);
}

int gate_prepare(const struct gate_options *o, struct gate_subject *s, struct hg_err *err)
{
    if (hg_target_open(&o->common, o->argc, o->argv, o->offline, &s->target, err) != 0)
        return -1;
    s->plain = hg_target_plain_envp(&s->target);
    s->how = hg_target_alembic_options(&o->common, &s->target.config, s->plain);
    if (!o->offline)
        hg_target_announce(&s->target, &o->common);
    if (o->bundle && hg_bundle_open(o->bundle, &s->bundle, err) < 0)
        return -1;
    if (o->bundle)
        hg_replay_config(&s->bundle, o->common.dir, &s->alembic);
    s->configured = o->bundle || hg_alembic_config_load(&s->how, &s->alembic, err) == 0;
    return s->configured ? 0 : -1;
}

