/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"
#include "term/term.h"

static json_t *counts_json(const struct hg_gate *g)
{
    json_t *o = json_object();
    for (int s = HG_SEV_NOTE; s <= HG_SEV_ERROR; s++) {
        enum hg_severity severity = (enum hg_severity)s;
        size_t count = hg_findings_count(&g->findings, severity);
        (void)json_object_set_new(o, hg_severity_name(severity), json_integer((json_int_t)count));
    }
    (void)json_object_set_new(o, "waived", json_integer((json_int_t)g->waived));
    return o;
}

/* A document of an exit code other than 0 says why in `error`, as every one does. */
static json_t *error_json(const struct hg_gate_input *in, const struct hg_gate *g,
                          const struct hg_err *err)
{
    struct hg_err own = { 0 };
    const char *name = in->status ? in->target->t->name : "these files";
    if (!err || err->kind == HG_E_NONE) {
        if (g->verdict == HG_VERDICT_OPEN)
            return NULL;
        if (g->verdict == HG_VERDICT_SHUT)
            hg_fail(&own, HG_E_REFUSED, "the gate for %s is shut", name);
        else
            hg_fail(&own, HG_E_UNKNOWN, "could not tell for %s: %s", name,
                    g->why ? g->why : "see the findings");
        err = &own;
    }
    HG_AUTO(hg_freep) char *text = hg_cli_error_json(err);
    return json_loads(text, 0, NULL);
}

json_t *hg_gate_json(const struct hg_gate_input *in, const struct hg_gate *g, const struct hg_err *err)
{
    json_t *o = json_object();
    const char *verdict = hg_verdict_name(g->verdict);
    (void)json_object_set_new(o, "schema", json_string("headgate.gate/1"));
    (void)json_object_set_new(o, "target",
                              hg_json_text(in->target->t ? in->target->t->name : NULL));
    (void)json_object_set_new(o, "verdict", hg_json_text(verdict));
    (void)json_object_set_new(
        o, "fail_on",
        json_string(hg_severity_name(g->fail_on == HG_SEV_OFF ? HG_SEV_ERROR : g->fail_on)));
    (void)json_object_set_new(o, "counts", counts_json(g));
    (void)json_object_set_new(o, "status",
                              in->status ? hg_status_json(in->target, in->status, err)
                                         : json_null());
    (void)json_object_set_new(o, "base", hg_json_text(g->base));
    (void)json_object_set_new(o, "reason", hg_json_text(g->why));
    (void)json_object_set_new(o, "findings", hg_findings_json(&g->findings));
    json_t *error = error_json(in, g, err);
    if (error)
        (void)json_object_set_new(o, "error", error);
    return o;
}

static void add_count(struct hg_buf *b, size_t count, const char *word)
{
    if (count)
        hg_buf_addf(b, "%s%zu %s%s", b->len ? ", " : "", count, word, count == 1 ? "" : "s");
}

static char *summary(const struct hg_gate *g)
{
    struct hg_buf b = HG_BUF_INIT;
    add_count(&b, hg_findings_count(&g->findings, HG_SEV_ERROR), "error");
    add_count(&b, hg_findings_count(&g->findings, HG_SEV_WARNING), "warning");
    add_count(&b, hg_findings_count(&g->findings, HG_SEV_NOTE), "note");
    if (g->waived)
        hg_buf_addf(&b, "%s%zu waived", b.len ? ", " : "", g->waived);
    return b.len ? hg_buf_take(&b) : hg_xstrdup("nothing found");
}

static void add_state(const struct hg_gate_input *in, struct hg_buf *ret)
{
    const struct hg_status *s = in->status;
    if (!s)
        return;
    HG_AUTO(hg_freep) char *current = hg_strv_join(&s->current, ", ");
    hg_buf_addf(ret, "  database  %s%s%s", hg_state_name(s->state), *current ? " at " : "", current);
    if (s->pending_known && s->pending.count)
        hg_buf_addf(ret, ", %zu pending: %s", s->pending.count, s->pending.items[0]->id);
    if (s->pending_known && s->pending.count > 1)
        hg_buf_addf(ret, " to %s", s->pending.items[s->pending.count - 1]->id);
    hg_buf_addc(ret, '\n');
}

void hg_gate_text(const struct hg_gate_input *in, const struct hg_gate *g, bool color,
                  struct hg_buf *ret)
{
    HG_AUTO(hg_freep) char *counts = summary(g);
    const char *name = in->status ? in->target->t->name : "these files";
    switch (g->verdict) {
    case HG_VERDICT_OPEN:
        hg_term_add(ret, color, HG_GREEN, "open");
        hg_buf_addf(ret, "  the gate for %s (%s)\n", name, counts);
        break;
    case HG_VERDICT_SHUT:
        hg_term_add(ret, color, HG_RED, "shut");
        hg_buf_addf(ret, "  the gate for %s (%s)\n", name, counts);
        break;
    case HG_VERDICT_UNKNOWN:
        hg_term_add(ret, color, HG_YELLOW, "could not tell");
        hg_buf_addf(ret, "  for %s: %s (%s)\n", name, g->why ? g->why : "see below", counts);
        break;
    }
    add_state(in, ret);
    if (g->base)
        hg_buf_addf(ret, "  compared  with %s\n", g->base);
    if (g->findings.count)
        hg_buf_addc(ret, '\n');
    hg_findings_text(&g->findings, color, ret);
}
