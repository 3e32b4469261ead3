/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearse.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define GIT_NS (10 * HG_NS_PER_S)

int bundle_project_open(const struct bundle_options *o, bool optional, struct bundle_project *ret,
                        struct hg_findings *findings, struct hg_err *err)
{
    if (hg_target_open(&o->common, o->argc, o->argv, true, &ret->target, err) < 0)
        return -1;
    struct hg_alembic_options options = hg_target_alembic_options(&o->common, &ret->target.config, NULL);
    int rc = optional ? hg_alembic_config_find(&options, &ret->alembic, &ret->found, err)
                      : hg_alembic_config_load(&options, &ret->alembic, err);
    ret->found = ret->found || (!optional && rc == 0);
    if (rc < 0 || !ret->found)
        return rc;
    char **plain = hg_target_plain_envp(&ret->target);
    options.python_env = plain;
    rc = hg_alembic_load(&ret->alembic, &options, &ret->graph, findings, err);
    hg_vars_free_envp(plain);
    return rc;
}

void bundle_project_done(struct bundle_project *p)
{
    hg_graph_free(p->graph);
    hg_alembic_config_done(&p->alembic);
    hg_target_done(&p->target);
}

/* ---- git ------------------------------------------------------------------------------------- */

/* What git says, without its last line's end; NULL: it failed. Heap. */
static char *git(const char *dir, const char *const *args)
{
    const char *argv[12] = { "git", "--no-optional-locks", "-c", "core.fsmonitor=false" };
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    struct hg_exit_status status = { 0 };
    struct hg_err ignored = { 0 };
    for (size_t i = 0; args[i] && i + 5 < HG_COUNT(argv); i++)
        argv[i + 4] = args[i];
    HG_AUTO(hg_freep) char **envp = hg_git_envp(NULL);
    struct hg_process_run spec = { .argv = (char *const *)(uintptr_t)argv, .envp = envp, .dir = dir,
                                   .timeout_ns = GIT_NS };
    if (hg_process_run(&spec, &status, &out, NULL, &ignored) < 0 || hg_exit_status_code(&status) != 0)
        return NULL;
    const char *text = hg_buf_str(&out);
    size_t len = strlen(text);
    return hg_xstrndup(text, len && text[len - 1] == '\n' ? len - 1 : len);
}

static void ask_git(const struct hg_alembic_config *a, char **ret_commit, bool *ret_dirty)
{
    const char *const head[] = { "rev-parse", "--verify", "-q", "HEAD", NULL };
    const char *const status[] = { "status", "--porcelain", "--", a->script_location,
                                   ":(exclude,glob)**/__pycache__/**", NULL };
    *ret_commit = git(a->dir, head);
    HG_AUTO(hg_freep) char *changes = *ret_commit ? git(a->dir, status) : NULL;
    *ret_dirty = *ret_commit && (!changes || *changes);
}

/* ---- building ------------------------------------------------------------------------------------ */

/* The environment without secrets, and what -e adds. */
static int environment(const struct bundle_options *o, const struct hg_target *t, char ***ret,
                       struct hg_err *err)
{
    HG_AUTO(hg_vars_done) struct hg_vars vars = HG_VARS_INIT;
    char **plain = hg_target_plain_envp(t);
    hg_vars_from_environ(&vars, plain, "process");
    hg_vars_free_envp(plain);
    for (size_t i = 0; i < o->env.count; i++) {
        const char *equals = strchr(o->env.items[i], '=');
        if (!equals || equals == o->env.items[i])
            return hg_fail(err, HG_E_USAGE, "-e wants NAME=VALUE, got %s", o->env.items[i]);
        HG_AUTO(hg_freep) char *name = hg_xstrndup(o->env.items[i], (size_t)(equals - o->env.items[i]));
        hg_vars_set(&vars, name, equals + 1, "-e");
    }
    *ret = hg_vars_envp(&vars);
    return 0;
}

/* --driver, else how DATABASE_URL spells it: of the address nothing else is looked at. */
static char *scheme_of(const struct bundle_options *o, const struct hg_target *t)
{
    const char *url = hg_vars_get(&t->original, "DATABASE_URL");
    const char *end = url ? strstr(url, "://") : NULL;
    if (o->driver)
        return hg_xasprintf("postgresql+%s", o->driver);
    return end && hg_starts_with(url, "postgres")
               ? hg_xasprintf("postgresql%.*s", (int)(end - url - (ptrdiff_t)strcspn(url, "+:")),
                              url + strcspn(url, "+:"))
               : NULL;
}

/* Tried in a private PostgreSQL, if there can be one; what it is then is what is written. */
static int verify(const struct bundle_options *o, const struct hg_render *how, struct hg_bundle *b,
                  struct hg_findings *findings, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf file = HG_BUF_INIT;
    struct hg_bundle tried = { 0 };
    struct hg_err why = { 0 };
    if (bundle_rehearse(how, b, findings, &why) < 0) {
        if (o->verify) {
            *err = why;
            return hg_wrap(err, "the bundle could not be tried in a private PostgreSQL");
        }
        hg_log(HG_LOG_NOTE, "not all is verified in a private PostgreSQL: %s", why.message);
    }
    if (hg_bundle_write(b, &file, err) < 0 ||
        hg_bundle_parse(hg_buf_str(&file), file.len, "the new bundle", &tried, err) < 0)
        return -1;
    hg_bundle_done(b);
    *b = tried;
    return 0;
}

static int build(const struct bundle_options *o, const struct bundle_project *p, struct hg_bundle *ret,
                 struct hg_findings *findings, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv words = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *scheme = scheme_of(o, &p->target);
    HG_AUTO(hg_freep) char *commit = NULL;
    char **plain = NULL;
    bool dirty = false;
    hg_strv_addv(&words, &p->target.t->migrator_args);
    for (size_t i = 0; i < o->common.x.count; i++) {
        hg_strv_add(&words, "-x");
        hg_strv_add(&words, o->common.x.items[i]);
    }
    if (environment(o, &p->target, &plain, err) < 0)
        return -1;
    ask_git(&p->alembic, &commit, &dirty);
    json_t *names = hg_target_placeholders(&p->target, plain);
    struct hg_bundle_build in = {
        .render = { .alembic = &p->alembic, .words = &words, .plain = plain, .names = names,
                    .path = hg_vars_get(&p->target.original, "PATH"), .scheme = scheme,
                    .timeout_ns = o->common.timeout_ns },
        .graph = p->graph, .commit = commit, .dirty = dirty,
    };
    int rc = hg_bundle_build(&in, ret, findings, err);
    if (rc == 0 && !o->no_verify)
        rc = verify(o, &in.render, ret, findings, err);
    json_decref(names);
    hg_vars_free_envp(plain);
    return rc;
}

static int write_file(const char *name, const struct hg_bundle *b, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf bytes = HG_BUF_INIT;
    if (hg_bundle_write(b, &bytes, err) < 0)
        return -1;
    if (!hg_streq(name, "-"))
        return hg_file_write(name, 0644, bytes.data, bytes.len, err);
    if (isatty(STDOUT_FILENO))
        return hg_fail(err, HG_E_USAGE, "a bundle is no text for a terminal; give -o FILE");
    return hg_write_all(STDOUT_FILENO, bytes.data, bytes.len) < 0
               ? hg_fail_errno(err, HG_E_CONFIG, "writing the bundle") : 0;
}

static void print(const struct bundle_options *o, const char *name, const struct hg_bundle *b, bool wrong)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    if (hg_streq(name, "-"))
        return;
    if (hg_streq(o->common.format, "json")) {
        json_t *d = hg_bundle_json(b, false);
        if (wrong)
            json_object_set_new(d, "error", hg_json_no(HG_EXIT_NO, "a revision needs Python to upgrade"));
        bundle_print_json(d);
        return;
    }
    bundle_summary(b, &text);
    hg_outf("%s: %s", name, hg_buf_str(&text));
}

/* Those about single revisions are in the summary. */
static void warn(const struct hg_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct hg_finding *f = &findings->items[i];
        if (!f->revision || f->severity >= HG_SEV_WARNING)
            hg_log(f->severity >= HG_SEV_WARNING ? HG_LOG_WARNING : HG_LOG_NOTE, "%s %s", f->rule->id,
                   f->message);
    }
}

static bool all_rendered(const struct hg_bundle *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->revisions[i].upgrade.class == HG_BUNDLE_NEEDS_PYTHON)
            return false;
    return true;
}

static int refuse_history(const struct hg_findings *findings, struct hg_err *err)
{
    const char *first = findings->count ? findings->items[0].message : "its files contradict each other";
    (void)hg_fail(err, HG_E_REFUSED, "Alembic would refuse this history: %s", first);
    return hg_hint(err, "headgate history --offline");
}

int bundle_build(const struct bundle_options *o, struct hg_err *err)
{
    HG_AUTO(bundle_project_done) struct bundle_project p = { 0 };
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    HG_AUTO(hg_bundle_done) struct hg_bundle b = { 0 };
    const char *name = o->output ? o->output : HG_BUNDLE_DEFAULT;
    if (o->common.no_python)
        return hg_fail(err, HG_E_USAGE, "a bundle is rendered by the project's Python; leave out --no-python");
    if (bundle_project_open(o, false, &p, &findings, err) < 0)
        return -1;
    if (!hg_graph_ok(p.graph))
        return refuse_history(&findings, err);
    if (build(o, &p, &b, &findings, err) < 0 || write_file(name, &b, err) < 0)
        return -1;
    warn(&findings);
    bool wrong = o->require_rendered && !all_rendered(&b);
    print(o, name, &b, wrong);
    return wrong ? HG_EXIT_NO : HG_EXIT_YES;
}
