/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of states (docs/gate.md) and the identity of the database. A state that shuts the gate
 * always leaves an error among the findings, whoever noticed it first.
 */
#include "internal.h"

static bool has_error(const struct hg_findings *list, const char *rule)
{
    for (size_t i = 0; i < list->count; i++)
        if (hg_streq(list->items[i].rule->id, rule) && list->items[i].severity == HG_SEV_ERROR)
            return true;
    return false;
}

/* One head is what `upgrade head` needs; who upgrades to heads, or to a branch, may have several. */
static void check_heads(struct hg_judge *j)
{
    const struct hg_graph *graph = j->in->graph;
    struct hg_findings *findings = &j->out->findings;
    const char *to = j->in->target->t->upgrade_to;
    bool one = !to || hg_streq(to, "head");
    if (graph && hg_graph_ok(graph) && !hg_findings_have(findings, "HG101")) {
        HG_AUTO(hg_revlist_done) struct hg_revlist heads = HG_REVLIST_INIT;
        HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
        hg_graph_heads(graph, &heads);
        for (size_t i = 0; i < heads.count; i++)
            hg_strv_add(&names, heads.items[i]->id);
        if (heads.count > 1) {
            HG_AUTO(hg_freep) char *joined = hg_strv_join(&names, ", ");
            hg_finding_add(findings, "HG101", "there are %zu heads: %s", heads.count, joined)->path =
                hg_xstrdup(heads.items[heads.count - 1]->path);
        }
    }
    for (size_t i = 0; i < findings->count; i++)
        if (!one && hg_streq(findings->items[i].rule->id, "HG101"))
            findings->items[i].severity = HG_SEV_NOTE;
}

/* Alembic reads a row that is short for a revision, leaves it when it writes the next one, and
 * refuses the table from then on. */
static void check_literal(struct hg_judge *j)
{
    const struct hg_strv *rows = &j->in->status->judged;
    for (size_t i = 0; j->in->graph && !j->in->no_pending && i < rows->count; i++) {
        if (hg_graph_get(j->in->graph, rows->items[i]))
            continue;
        hg_finding_add(&j->out->findings, "HG218",
                       "the version table holds \"%s\", which is no whole revision id: Alembic would "
                       "leave that row beside the next one", rows->items[i])
            ->help = hg_xstrdup("Write the whole id into the table: UPDATE … SET version_num = …");
    }
}

static void check_state(struct hg_judge *j)
{
    const struct hg_status *s = j->in->status;
    struct hg_findings *findings = &j->out->findings;
    HG_AUTO(hg_freep) char *unknown = hg_strv_join(&s->unknown, ", ");
    switch (s->state) {
    case HG_STATE_AHEAD:
        if (!has_error(findings, "HG212"))
            hg_finding_add(findings, "HG212", "the database has %s, which these files do not", unknown);
        break;
    case HG_STATE_DIVERGED:
        if (!has_error(findings, "HG213") && !has_error(findings, "HG218"))
            hg_finding_add(findings, "HG213", "the database has %s, and lacks revisions that are here",
                           *unknown ? unknown : "rows that overlap");
        break;
    case HG_STATE_EMPTY:
        if (s->has_user_tables && !has_error(findings, "HG214"))
            hg_finding_add(findings, "HG214", "%s has tables, but no row in %s", s->db_name,
                           s->vt_name ? s->vt_name : "the version table");
        break;
    case HG_STATE_UNKNOWN:
        if (!j->in->graph || hg_graph_ok(j->in->graph))
            hg_judge_unknown(j, "where the database stands could not be told");
        break;
    case HG_STATE_BEHIND:
        check_literal(j);
        break;
    case HG_STATE_UP_TO_DATE:
        break;
    }
    for (size_t i = 0; j->in->from_empty && i < findings->count; i++)
        if (hg_streq(findings->items[i].rule->id, "HG214"))
            findings->items[i].waived = hg_xstrdup("--from-empty");
}

/* Adds what differs between a pinned fact and the one that was found. */
static void compare_pin(struct hg_buf *b, const char *what, const char *pinned, const char *found)
{
    if (!pinned || hg_streq(pinned, found))
        return;
    hg_buf_addf(b, "%s%s is %s, pinned is %s", b->len ? "; " : "", what,
                found ? found : "hidden by the server", pinned);
}

static void check_pins(const struct hg_target_config *t, const struct hg_status *s,
                       struct hg_findings *findings)
{
    bool pinned = t->pin_system_identifier || t->pin_database || t->pin_oid;
    if (!s->connected)
        return;
    if (!pinned) {
        if (t->protected_ && !hg_findings_have(findings, "HG503"))
            (void)hg_finding_add(findings, "HG503", "%s is protected, and nothing says which database it is", t->name);
        return;
    }
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    compare_pin(&b, "system identifier", t->pin_system_identifier, s->system_identifier);
    compare_pin(&b, "database", t->pin_database, s->db_name);
    compare_pin(&b, "database oid", t->pin_oid, s->db_oid);
    const char *rule = t->protected_ ? "HG501" : "HG509";
    if (b.len && !hg_findings_have(findings, rule))
        hg_finding_add(findings, rule, "target %s: %s", t->name, hg_buf_str(&b));
}

static void check_label(const struct hg_target_config *t, const struct hg_status *s,
                        struct hg_findings *findings)
{
    if (!s->label_target || hg_streq(s->label_target, t->name) || hg_findings_have(findings, "HG502"))
        return;
    if (s->label_protected || t->protected_)
        hg_finding_add(findings, "HG502",
                       "the database carries the label of target %s%s, and this is target %s",
                       s->label_target, s->label_protected ? " (protected)" : "", t->name);
}

void hg_gate_identity(const struct hg_target *target, const struct hg_status *status,
                      struct hg_findings *ret)
{
    check_pins(target->t, status, ret);
    check_label(target->t, status, ret);
}

void hg_judge_state(struct hg_judge *j)
{
    check_heads(j);
    if (!j->in->status)
        return;
    check_state(j);
    hg_gate_identity(j->in->target, j->in->status, &j->out->findings);
    if (j->protected_)
        for (size_t i = 0; i < j->out->findings.count; i++)
            if (hg_streq(j->out->findings.items[i].rule->id, "HG215"))
                j->out->findings.items[i].severity = HG_SEV_WARNING;
}
