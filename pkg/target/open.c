/* SPDX-License-Identifier: Apache-2.0 */
/* The side of the verbs: take the state that headgate-env left, or start again through it. */
#include "internal.h"
#include "alembic/alembic.h"
#include "process/process.h"

#include <errno.h>
#include <limits.h>

/* What the state settles where this command line says nothing: `headgate env -t x -- headgate status`
 * is about x. */
static void inherit_options(const struct hg_state *s, struct hg_common *common,
                            struct hg_strv *from_storage)
{
    if (!s->doc)
        return;
    const char *target = hg_member(s->doc, "target");
    if (!common->target)
        common->target = target;
    if (!common->config && !common->dir)
        common->config = hg_member(s->doc, "config");
    if (!hg_streq(common->target, target) || common->from.count)
        return;
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(s->doc, "from"), i, one)
        if (json_is_string(one))
            hg_strv_add(from_storage, json_string_value(one));
    common->from = *from_storage;
}

/* ---- starting again --------------------------------------------------------------------------------- */

static char *self_path(const char *argv0)
{
    char link[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", link, sizeof link - 1);
    if (n > 0) {
        link[n] = '\0';
        return hg_xstrdup(link);
    }
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    return hg_path_join(dir, hg_path_base(argv0));
}

static void add_option(struct hg_strv *args, const char *name, const char *value)
{
    if (value)
        hg_strv_addf(args, "--%s=%s", name, value);
}

static void env_arguments(const struct hg_common *common, char **argv, struct hg_strv *args)
{
    HG_AUTO(hg_freep) char *self = self_path(argv[0]);
    hg_strv_add(args, "headgate-env");
    add_option(args, "chain", self);
    add_option(args, "target", common->target);
    add_option(args, "config", common->config);
    add_option(args, "dir", common->dir);
    for (size_t i = 0; i < common->from.count; i++)
        add_option(args, "from", common->from.items[i]);
    add_option(args, "alembic-config", common->alembic_config);
    add_option(args, "alembic-section", common->alembic_section);
    if (common->timeout_ns)
        hg_strv_addf(args, "--timeout=%.3f", (double)common->timeout_ns / (double)HG_NS_PER_S);
    if (common->quiet)
        hg_strv_add(args, "-q");
    for (int i = 0; i < common->verbose; i++)
        hg_strv_add(args, "-v");
    hg_strv_add(args, "--");
    for (; *argv; argv++)
        hg_strv_add(args, *argv);
}

/* Does not return unless headgate-env cannot be started. */
static int start_again(const struct hg_common *common, char **argv, const struct hg_vars *original,
                       struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv args = HG_STRV_INIT;
    env_arguments(common, argv, &args);
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    HG_AUTO(hg_freep) char *program = hg_path_join(dir, "headgate-env");
    char **envp = hg_vars_envp(original);
    int rc = hg_process_become(program, args.items, envp, err);
    hg_vars_free_envp(envp);
    return rc;
}

/* ---- opening ------------------------------------------------------------------------------------------ */

static int open_config(const struct hg_common *common, bool settled, struct hg_target *t,
                       struct hg_err *err)
{
    if (hg_config_load_vars(common, &t->original, settled, &t->config, err) == 0 &&
        (t->t = hg_config_target(&t->config, NULL, err)))
        return 0;
    hg_config_done(&t->config);
    hg_config_fallback(common, &t->original, &t->config);
    struct hg_err ignored = { 0 };
    t->t = hg_config_target(&t->config, NULL, &ignored);
    t->error = *err;
    hg_resolve_mask(t);
    return -1;
}

static int open_with(struct hg_state *s, struct hg_common *common, char **argv, bool offline,
                     struct hg_target *t, struct hg_err *err)
{
    hg_vars_from_environ(&t->vars, environ, "process");
    if (s->doc)
        hg_state_original(s, &t->vars, &t->original);
    else
        hg_vars_from_environ(&t->original, environ, "process");
    HG_AUTO(hg_freep) char *inherited = hg_state_target(s);
    if (open_config(common, inherited && hg_streq(inherited, common->target), t, err) < 0)
        return -1;
    if (offline) {
        hg_resolve_mask(t);
        return 0;
    }
    if (!hg_state_matches(s, &t->config, t->t, common)) {
        if (s->chained)
            hg_fail(err, HG_E_CONFIG, "headgate.yaml changed while headgate was starting");
        else if (s->ours && !s->doc)
            hg_fail(err, HG_E_BUG, "the state that headgate-env left cannot be read: are all programs of "
                                   "this headgate of one version?");
        else
            (void)start_again(common, argv, &t->original, err);
        t->error = *err;
        hg_resolve_mask(t);
        return -1;
    }
    hg_state_apply(s, t);
    hg_resolve_mask(t);
    if (t->error.kind == HG_E_NONE)
        return 0;
    *err = t->error;
    return -1;
}

int hg_target_open(const struct hg_common *common, int argc, char **argv, bool offline,
                   struct hg_target *ret, struct hg_err *err)
{
    (void)argc; /* argv ends in NULL */
    HG_AUTO(hg_state_done) struct hg_state s;
    HG_AUTO(hg_strv_done) struct hg_strv from = HG_STRV_INIT;
    memset(ret, 0, sizeof *ret);
    hg_state_inherit(&s);
    struct hg_common effective = *common;
    inherit_options(&s, &effective, &from);
    return open_with(&s, &effective, argv, offline, ret, err);
}

static void free_mask(void *mask)
{
    hg_mask_free(mask);
}

static void old_secrets_done(struct hg_target *t)
{
    for (size_t i = 0; i < t->old_mask_count; i++)
        hg_mask_free(t->old_masks[i]);
    free(t->old_masks);
    hg_strv_wipe(&t->old_secrets);
}

void hg_target_done(struct hg_target *t)
{
    hg_log_leave_filter(t->mask, free_mask);
    char **secret[] = { &t->url, &t->conninfo, &t->direct_conninfo };
    for (size_t i = 0; i < HG_COUNT(secret); i++) {
        if (*secret[i])
            explicit_bzero(*secret[i], strlen(*secret[i]));
        hg_freep(secret[i]);
    }
    char **plain[] = { &t->url_source, &t->shown,    &t->host,  &t->port,
                       &t->database,   &t->user,     &t->route, &t->hostaddr,
                       &t->server_name, &t->server_port };
    for (size_t i = 0; i < HG_COUNT(plain); i++)
        hg_freep(plain[i]);
    hg_vars_done(&t->vars);
    hg_vars_done(&t->original);
    hg_findings_done(&t->findings);
    hg_strv_done(&t->warnings);
    hg_strv_done(&t->said);
    old_secrets_done(t);
    hg_config_done(&t->config);
    memset(t, 0, sizeof *t);
}

/* ---- what verbs ask of it -------------------------------------------------------------------------------- */

char *hg_target_line(const struct hg_target *t)
{
    if (!t->shown)
        return hg_xasprintf("%s: no database address", t->t->name);
    return hg_xasprintf("%s: %s%s%s%s%s", t->t->name, t->shown, t->url_source ? ", " : "",
                        t->url_source ? t->url_source : "", t->route ? "; " : "",
                        t->route ? t->route : "");
}

void hg_target_announce(const struct hg_target *t, const struct hg_common *common)
{
    if (common->quiet)
        return;
    HG_AUTO(hg_freep) char *line = hg_target_line(t);
    HG_AUTO(hg_freep) char *shown = hg_log_filtered(line);
    (void)fprintf(stderr, "%s\n", shown);
}

char **hg_target_plain_envp(const struct hg_target *t)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    HG_AUTO(hg_vars_done) struct hg_vars plain = HG_VARS_INIT;
    hg_resolve_template_names(t->t->url, &names);
    hg_resolve_template_names(t->t->direct_url, &names);
    for (size_t i = 0; i < t->original.count; i++) {
        const struct hg_var *v = &t->original.items[i];
        if (!v->secret && !hg_var_name_secret(v->name) && strcmp(v->name, HG_STATE_VAR) != 0 &&
            !hg_resolve_is_connection(&names, v->name) && !hg_telling_names(&t->t->telling, v->name))
            hg_vars_set(&plain, v->name, v->value, v->source);
    }
    return hg_vars_envp(&plain);
}

struct hg_alembic_options hg_target_alembic_options(const struct hg_common *common,
                                                    const struct hg_config *config, char *const *python_env)
{
    return (struct hg_alembic_options){
        .dir = common->dir,
        .directory = config->migrator_directory,
        .config = common->alembic_config ? common->alembic_config : config->migrator_config,
        .section = common->alembic_section,
        .no_python = common->no_python,
        .python_env = python_env,
    };
}

static bool writable(const char *dir)
{
    if (access(dir, F_OK) == 0)
        return access(dir, W_OK) == 0;
    HG_AUTO(hg_freep) char *parent = hg_path_dir(dir);
    return access(parent, W_OK) == 0;
}

char *hg_target_state_dir(const struct hg_target *t)
{
    const char *given = hg_vars_get(&t->original, "HEADGATE_STATE_DIR");
    if (given && *given)
        return hg_path_abs(given);
    HG_AUTO(hg_freep) char *beside =
        t->config.path ? hg_xstrdup(t->config.dir)
                       : hg_config_alembic_dir(&t->config, NULL, t->config.start_dir);
    if (beside) {
        HG_AUTO(hg_freep) char *dir = hg_path_join(beside, ".headgate");
        if (writable(dir))
            return HG_TAKE(dir);
    }
    const char *xdg = hg_vars_get(&t->original, "XDG_STATE_HOME");
    const char *home = hg_vars_get(&t->original, "HOME");
    if (xdg && *xdg == '/')
        return hg_path_join(xdg, "headgate");
    return hg_path_join(home && *home ? home : "/", ".local/state/headgate");
}
