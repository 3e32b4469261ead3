/* SPDX-License-Identifier: Apache-2.0 */
/* headgate.yaml and Alembic's own files. */
#include "internal.h"

enum hg_check_status hg_doctor_config(struct hg_exam *x, struct hg_check *c)
{
    const struct hg_config *config = &x->target.config;
    const struct hg_target_config *t = x->target.t;
    if (x->open_error.kind == HG_E_CONFIG || x->open_error.kind == HG_E_USAGE) {
        struct hg_config again = { 0 };
        struct hg_err err = { 0 };
        bool bad = hg_config_load(x->o->common, &again, &err) < 0;
        if (!bad) {
            bad = !hg_config_target(&again, NULL, &err);
            hg_config_done(&again);
        }
        if (bad)
            return hg_check_error(c, HG_CHECK_FAIL, &err);
    }
    if (!config->path)
        return hg_check_say(c, HG_CHECK_OK, "no headgate.yaml; one target, %s, by the defaults%s",
                            t->name, t->protected_ ? " (protected)" : "");
    size_t named = 0;
    for (size_t i = 0; i < config->target_count; i++)
        named += config->targets[i].named;
    return hg_check_say(c, HG_CHECK_OK, "%s, %zu target%s; this is %s%s",
                        hg_path_base(config->path), named, named == 1 ? "" : "s", t->name,
                        t->protected_ ? " (protected)" : "");
}

enum hg_check_status hg_doctor_alembic(struct hg_exam *x, struct hg_check *c)
{
    if (!x->have_alembic)
        return hg_check_error(c, HG_CHECK_FAIL, &x->alembic_error);
    const struct hg_alembic_config *a = &x->alembic;
    HG_AUTO(hg_freep) char *env = hg_path_join(a->script_location, "env.py");
    if (!hg_is_file(env)) {
        hg_check_hint(c, "correct script_location in %s", a->file);
        return hg_check_say(c, HG_CHECK_FAIL, "there is no %s", env);
    }
    return hg_check_say(c, HG_CHECK_OK, "%s%s%s", a->shown_dir, *a->shown_dir ? "/" : "",
                        hg_path_base(a->file));
}

static size_t count_heads(const struct hg_graph *g)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist heads = HG_REVLIST_INIT;
    hg_graph_heads(g, &heads);
    return heads.count;
}

enum hg_check_status hg_doctor_graph(struct hg_exam *x, struct hg_check *c)
{
    struct hg_err err = { 0 };
    if (hg_alembic_load(&x->alembic, &x->how, &x->graph, &x->graph_findings, &err) < 0)
        return hg_check_error(c, HG_CHECK_UNKNOWN, &err);
    const struct hg_findings *f = &x->graph_findings;
    for (size_t i = 0; i < f->count && !hg_graph_ok(x->graph); i++)
        if (f->items[i].severity == HG_SEV_ERROR && hg_check_finding(c, f, f->items[i].rule->id))
            return c->status;
    size_t heads = count_heads(x->graph), count = hg_graph_count(x->graph);
    hg_check_say(c, HG_CHECK_OK, "%zu revision%s, %zu head%s", count, count == 1 ? "" : "s", heads,
                 heads == 1 ? "" : "s");
    const char *goal = x->target.t->upgrade_to;
    if (heads > 1 && (!goal || hg_streq(goal, "head"))) {
        c->status = HG_CHECK_FAIL;
        hg_check_rule(c, "HG101");
    }
    return c->status;
}
