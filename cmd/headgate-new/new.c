/* SPDX-License-Identifier: Apache-2.0 */
#include "new.h"

#include <unistd.h>

#include <string.h>

static void project_done(struct project *p)
{
    hg_graph_free(p->graph);
    if (p->have_alembic)
        hg_alembic_config_done(&p->alembic);
    hg_findings_done(&p->findings);
    if (p->have_target)
        hg_target_done(&p->target);
}

int project_load(struct project *p, struct hg_err *err)
{
    char **envp = hg_target_plain_envp(&p->target);
    struct hg_alembic_options o = hg_target_alembic_options(&p->o->common, &p->target.config, envp);
    int rc = 0;
    if (!p->have_alembic)
        rc = hg_alembic_config_load(&o, &p->alembic, err);
    p->have_alembic = p->have_alembic || rc == 0;
    hg_graph_free(p->graph);
    p->graph = NULL;
    hg_findings_done(&p->findings);
    p->findings = (struct hg_findings)HG_FINDINGS_INIT;
    if (rc == 0)
        rc = hg_alembic_load(&p->alembic, &o, &p->graph, &p->findings, err);
    hg_vars_free_envp(envp);
    if (rc == 0 && !hg_graph_ok(p->graph)) {
        (void)hg_fail(err, HG_E_REFUSED, "Alembic would refuse this history: %s",
                      p->findings.count > 0 ? p->findings.items[0].message : "see headgate history");
        rc = hg_hint(err, "headgate history --offline");
    }
    return rc;
}

static int refuse_protected(const struct hg_target_config *t, struct hg_err *err)
{
    (void)hg_fail(err, HG_E_REFUSED, "%s is protected: revisions are made against a development "
                                     "database", t->name);
    return hg_hint(err, "name one with -t, such as: headgate new -t local -m \"…\"");
}

/* Before anything is resolved, so that a protected target is not even asked for its secrets. */
static int check_target(const struct new_options *o, struct hg_err *err)
{
    struct hg_config config = { 0 };
    if (hg_config_load(&o->common, &config, err) < 0)
        return -1;
    const struct hg_target_config *t = hg_config_target(&config, NULL, err);
    int rc = t == NULL ? -1 : t->named && t->protected_ ? refuse_protected(t, err) : 0;
    hg_config_done(&config);
    return rc;
}

static const struct hg_revision *find_made(const struct project *p, const char *file)
{
    const char *base = hg_path_base(file);
    for (size_t i = 0; i < hg_graph_count(p->graph); i++) {
        const struct hg_revision *r = hg_graph_at(p->graph, i);
        if (hg_streq(hg_path_base(r->file), base))
            return r;
    }
    return NULL;
}

static void print_findings(const struct project *p, const struct hg_findings *findings)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    hg_findings_text(findings, hg_cli_color(&p->o->common, STDOUT_FILENO), &text);
    hg_out(hg_buf_str(&text));
}

/* Models and database agree, or seem to. */
static int drop_empty(struct project *p, const struct made *m,
                      const struct hg_review_models *models, struct hg_err *err)
{
    if (made_remove(p, m, err) < 0)
        return -1;
    if (models->missing_module.count > 0) {
        (void)hg_fail(err, HG_E_REFUSED, "nothing to generate: %s is not imported in %s, so Alembic "
                                         "does not see its table %s; the empty revision was removed",
                      models->missing_path.items[0], models->init, models->missing_tables.items[0]);
        return hg_hint(err, "add this line to %s and try again: %s", models->init,
                       models->missing_line.items[0]);
    }
    HG_AUTO(hg_strv_done) struct hg_strv beside = HG_STRV_INIT;
    struct hg_err ignored = { 0 };
    (void)hg_review_models_beside(&p->alembic, &beside, &ignored);
    HG_AUTO(hg_freep) char *files = hg_strv_join(&beside, ", ");
    (void)hg_fail(err, HG_E_REFUSED,
                  "nothing to generate: the models that env.py imports and the database agree; the empty "
                  "revision was removed");
    if (beside.count)
        return hg_hint(err, "env.py never imports %.700s, where tables are defined: if they belong to this database, "
                            "import it there and try again", files);
    return hg_hint(err, "a model in a module that env.py never imports is not seen: import it with the others; "
                        "for a revision written by hand: headgate new --manual -m \"…\"");
}

static int review(struct project *p, const struct made *m, struct hg_err *err)
{
    if (project_load(p, err) < 0)
        return -1;
    const struct hg_revision *revision = find_made(p, m->file);
    if (revision == NULL)
        return hg_fail(err, HG_E_CONFIG, "%s is not where this project's revisions are", m->file);
    HG_AUTO(hg_review_models_done) struct hg_review_models models = { 0 };
    HG_AUTO(hg_review_done) struct hg_review r = { 0 };
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    if (hg_review_models_load(&p->alembic, &models, err) < 0 ||
        hg_review_revision(p->graph, revision, &models, &r, &findings, err) < 0)
        return -1;
    if (!p->o->manual) {
        struct hg_revlist fresh = { &revision, 1, 1 };
        hg_review_check_models(&models, &findings);
        hg_review_check_left(p->graph, &fresh, &models, &findings);
        if (!p->o->allow_empty && revision->down.count < 2 && hg_review_body_empty(&r.up) &&
            hg_review_body_empty(&r.down))
            return drop_empty(p, m, &models, err);
    } else {
        hg_findings_done(&findings);
        findings = (struct hg_findings)HG_FINDINGS_INIT;
    }
    hg_outf("%s  %s\n", revision->id, revision->doc);
    hg_review_text(&r, hg_cli_color(&p->o->common, STDOUT_FILENO), &text);
    hg_out(hg_buf_str(&text));
    print_findings(p, &findings);
    HG_AUTO(hg_freep) char *path =
        hg_path_join(p->o->common.dir != NULL ? p->o->common.dir : ".", revision->path);
    bool wrong = hg_findings_worst(&findings) >= HG_SEV_ERROR;
    hg_outf("next: %s, then headgate apply -t %s\n%s\n",
            wrong ? "mend the file" : p->o->manual ? "write upgrade() and downgrade()" : "read the file",
            p->target.t->name, path);
    return wrong ? HG_EXIT_NO : HG_EXIT_YES;
}

static int work(struct project *p, const struct hg_strv *extra, struct hg_err *err)
{
    const struct new_options *o = p->o;
    int rc = hg_target_open(&o->common, o->argc, o->argv, o->manual, &p->target, err);
    p->have_target = true;
    if (rc < 0)
        return -1;
    if (p->target.t->protected_)
        return refuse_protected(p->target.t, err);
    if (!o->manual)
        hg_target_announce(&p->target, &o->common);
    if (project_load(p, err) < 0 || (!o->manual && check_up_to_date(p, err) < 0))
        return -1;
    HG_AUTO(made_done) struct made m = { 0 };
    if (generate(p, extra, &m, err) < 0)
        return -1;
    return review(p, &m, err);
}

int new_run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    const struct new_options *o = options;
    if (o->message == NULL || o->message[strspn(o->message, " \t")] == '\0') {
        (void)hg_fail(err, HG_E_USAGE, "say what the migration does with -m MESSAGE");
        return hg_hint(err, "headgate new -m \"add sources table\"");
    }
    if (check_target(o, err) < 0)
        return -1;
    struct project p = { .o = o };
    int rc = work(&p, args, err);
    project_done(&p);
    return rc;
}
