/* SPDX-License-Identifier: Apache-2.0 */
/* Resolving a target: sources, secrets in files, the address, its route (DESIGN 5). */
#include "internal.h"

enum { TIMEOUT_S = 30 }; /* for all sources together, unless --timeout says otherwise */

/* ---- the environment we start from ---------------------------------------------------------------- */

/* Names in HEADGATE_INJECTED were put here by `headgate env` for the target before the colon: for
 * any other target they are not the process's own. */
static void drop_injected(struct hg_vars *vars, const char *target)
{
    const char *mark = hg_vars_get(vars, HG_INJECTED_VAR);
    const char *colon = mark ? strchr(mark, ':') : NULL;
    if (!colon)
        return;
    size_t len = (size_t)(colon - mark);
    if (strlen(target) == len && strncmp(target, mark, len) == 0)
        return;
    HG_AUTO(hg_freep) char *names = hg_xstrdup(colon + 1);
    hg_vars_unset(vars, HG_INJECTED_VAR);
    for (char *name = names, *end; *name; name = end) {
        end = name + strcspn(name, ",");
        if (*end)
            *end++ = '\0';
        hg_vars_unset(vars, name);
    }
}

static bool same(const char *wanted, const char *name, const char *id)
{
    return wanted && *wanted && ((name && strcmp(wanted, name) == 0) || (id && strcmp(wanted, id) == 0));
}

/* Are we where this source says, so that the process already has its variables, and no others?
 * Under `railway run` the names are the same, but what the service lacks may come from the caller's
 * shell: there the API is asked. */
static bool is_inside(const struct hg_vars *v, const struct hg_source *s)
{
    if (s->kind != HG_SOURCE_RAILWAY || !hg_resolve_in_deployment(v) ||
        !same(s->service, hg_vars_get(v, "RAILWAY_SERVICE_NAME"), hg_vars_get(v, "RAILWAY_SERVICE_ID")) ||
        !same(s->environment, hg_vars_get(v, "RAILWAY_ENVIRONMENT_NAME"),
              hg_vars_get(v, "RAILWAY_ENVIRONMENT_ID")))
        return false;
    return !s->project || same(s->project, hg_vars_get(v, "RAILWAY_PROJECT_NAME"),
                               hg_vars_get(v, "RAILWAY_PROJECT_ID"));
}

static void look_at_sources(struct hg_resolving *r)
{
    const struct hg_target_config *t = r->t->t;
    for (size_t i = 0; i < t->source_count; i++) {
        r->process_listed = r->process_listed || t->sources[i].kind == HG_SOURCE_PROCESS;
        r->inside = r->inside || is_inside(&r->t->original, &t->sources[i]);
    }
    hg_resolve_template_names(t->url, &r->template_names);
    hg_resolve_template_names(t->direct_url, &r->template_names);
}

/* The inherited variables less those that only the listed sources may give. */
static void start_environment(struct hg_resolving *r, struct hg_vars *into)
{
    const struct hg_vars *o = &r->t->original;
    bool keep = r->process_listed || r->inside;
    for (size_t i = 0; i < o->count && !r->in->clean; i++)
        if (keep || !hg_resolve_is_connection(&r->template_names, o->items[i].name))
            hg_vars_set(into, o->items[i].name, o->items[i].value, "process");
}

static int apply_set(struct hg_resolving *r)
{
    for (size_t i = 0; r->in->unset && i < r->in->unset->count; i++)
        hg_vars_unset(&r->t->vars, r->in->unset->items[i]);
    for (size_t i = 0; r->in->set && i < r->in->set->count; i++) {
        const char *text = r->in->set->items[i], *eq = strchr(text, '=');
        if (!eq || eq == text)
            return hg_fail(r->err, HG_E_USAGE, "--set wants NAME=VALUE");
        HG_AUTO(hg_freep) char *name = hg_xstrndup(text, (size_t)(eq - text));
        hg_vars_set(&r->t->vars, name, eq + 1, "--set");
    }
    return 0;
}

static int resolve(struct hg_resolving *r)
{
    start_environment(r, &r->t->vars);
    if (hg_resolve_sources(r) != 0 || hg_resolve_file_secrets(r) < 0 || apply_set(r) < 0)
        return -1;
    hg_resolve_sealed(r);
    if (hg_resolve_url(r) < 0 || hg_resolve_routes(r) < 0)
        return -1;
    hg_resolve_finish_address(r);
    return 0;
}

static void copy_vars(struct hg_vars *to, const struct hg_vars *from)
{
    for (size_t i = 0; i < from->count; i++)
        hg_vars_set(to, from->items[i].name, from->items[i].value, from->items[i].source);
}

static void keep_secrets(struct hg_target *t)
{
    for (size_t i = 0; i < t->vars.count; i++)
        if (t->vars.items[i].secret)
            hg_strv_add(&t->old_secrets, t->vars.items[i].value);
}

static void resolving_done(struct hg_resolving *r)
{
    json_decref(r->routes);
    hg_strv_done(&r->template_names);
    hg_strv_done(&r->sealed);
    hg_strv_done(&r->railway_ssh);
    hg_vars_done(&r->cli_given);
    hg_freep(&r->cli_key);
}

int hg_target_resolve(const struct hg_resolve *in, struct hg_target *ret, struct hg_err *err)
{
    struct hg_target *t = ret;
    memset(t, 0, sizeof *t);
    copy_vars(&t->original, in->original);
    hg_vars_unset(&t->original, HG_STATE_VAR);
    struct hg_resolving r = { .in = in, .t = t, .err = &t->error };
    hg_resolve_below_cli(&r);
    if (hg_config_load_vars(in->common, &t->original, false, &t->config, err) < 0 ||
        !(t->t = hg_config_target(&t->config, NULL, err))) {
        resolving_done(&r);
        hg_target_done(t);
        return -1;
    }
    drop_injected(&t->original, t->t->name);
    int64_t timeout = in->common->timeout_ns ? in->common->timeout_ns : TIMEOUT_S * HG_NS_PER_S;
    r.deadline_ns = hg_now_ns() + timeout;
    look_at_sources(&r);
    if (resolve(&r) < 0) {
        keep_secrets(t); /* the error may repeat what a command said */
        hg_vars_done(&t->vars);
        start_environment(&r, &t->vars);
    }
    hg_resolve_mask(t);
    resolving_done(&r);
    return 0;
}

int hg_target_outer_error(const struct hg_common *common, struct hg_err *err)
{
    HG_AUTO(hg_state_done) struct hg_state s;
    struct hg_err outer = { 0 };
    hg_state_inherit(&s);
    if (!s.doc || (common->target && !hg_streq(common->target, hg_member(s.doc, "target"))))
        return 0;
    hg_state_error(&s, &outer);
    if (outer.kind == HG_E_NONE)
        return 0;
    *err = outer;
    return -1;
}

void hg_target_unresolved(const struct hg_resolve *in, const struct hg_err *error,
                          struct hg_target *ret)
{
    struct hg_target *t = ret;
    struct hg_err ignored = { 0 };
    memset(t, 0, sizeof *t);
    copy_vars(&t->original, in->original);
    copy_vars(&t->vars, in->original);
    hg_config_fallback(in->common, &t->original, &t->config);
    if (in->common->config) /* so that the program reads the same file */
        t->config.path = hg_path_join(t->config.start_dir, in->common->config);
    t->t = hg_config_target(&t->config, NULL, &ignored);
    t->error = *error;
    hg_resolve_mask(t);
}

void hg_target_warn(const struct hg_target *t, bool findings)
{
    hg_log_set_filter(hg_mask_text, t->mask);
    hg_resolve_say(t);
    for (size_t i = 0; i < t->warnings.count; i++)
        hg_log(HG_LOG_WARNING, "%s", t->warnings.items[i]);
    for (size_t i = 0; findings && i < t->findings.count; i++)
        hg_log(HG_LOG_WARNING, "%s", t->findings.items[i].message);
}

char *hg_target_injected(const struct hg_target *t)
{
    HG_AUTO(hg_strv_done) struct hg_strv templates = HG_STRV_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    hg_resolve_template_names(t->t->url, &templates);
    hg_resolve_template_names(t->t->direct_url, &templates);
    for (size_t i = 0; i < t->vars.count; i++) {
        const struct hg_var *v = &t->vars.items[i];
        if (hg_resolve_is_connection(&templates, v->name) && !hg_streq(v->source, "process"))
            hg_strv_add(&names, v->name);
    }
    if (!names.count)
        return NULL;
    HG_AUTO(hg_freep) char *list = hg_strv_join(&names, ",");
    return hg_xasprintf("%s:%s", t->t->name, list);
}
