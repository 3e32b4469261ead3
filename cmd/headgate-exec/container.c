/* SPDX-License-Identifier: Apache-2.0 */
/* The command in a container: which variables cross, terminal or not, and how it ended. */
#include "exec.h"
#include "process/process.h"

#include <string.h>
#include <unistd.h>

static bool valid_setting(const char *text)
{
    return *text && *text != '=';
}

/* Only what the target itself lists crosses, and headgate's name of it; never this host's PATH or
 * HOME. What the container's own configuration gives is there already. */
static void crossing(const struct hg_target *t, struct hg_vars *into)
{
    for (size_t i = 0; t && i < t->vars.count; i++) {
        const struct hg_var *v = &t->vars.items[i];
        if (v->source && !hg_streq(v->source, "process") && !hg_starts_with(v->source, "container "))
            hg_vars_set(into, v->name, v->value, v->source);
    }
    if (t && t->t->named)
        hg_vars_set(into, "HEADGATE_TARGET", t->t->name, "headgate");
}

/* The entries for the engine; a name alone removes a variable of the container's configuration. */
static int entries(const struct exec_options *o, const struct hg_vars *vars, struct hg_strv *into,
                   struct hg_err *err)
{
    for (size_t i = 0; i < vars->count; i++)
        hg_strv_addf(into, "%s=%s", vars->items[i].name, vars->items[i].value);
    for (size_t i = 0; i < o->env.count; i++) {
        if (!valid_setting(o->env.items[i]))
            return hg_fail(err, HG_E_USAGE, "-e '%s': expected NAME=VALUE, or NAME to remove it",
                           o->env.items[i]);
        hg_strv_add(into, o->env.items[i]);
    }
    return 0;
}

/* Everything secret that the command may print: of the container, of the target, of -e. */
static struct hg_mask *build_mask(const struct hg_container *c, const struct hg_target *t,
                                  const struct exec_options *o)
{
    struct hg_vars vars = HG_VARS_INIT;
    struct hg_mask *mask = hg_mask_new();
    hg_container_vars(c, "container", &vars);
    hg_mask_add_vars(mask, &vars);
    hg_vars_done(&vars);
    vars = (struct hg_vars)HG_VARS_INIT;
    for (size_t i = 0; i < o->env.count; i++) {
        const char *equals = strchr(o->env.items[i], '=');
        HG_AUTO(hg_freep) char *name =
            equals ? hg_xstrndup(o->env.items[i], (size_t)(equals - o->env.items[i])) : NULL;
        if (name && *name)
            hg_vars_set(&vars, name, equals + 1, "-e");
    }
    hg_mask_add_vars(mask, &vars);
    hg_vars_done(&vars);
    if (t)
        hg_mask_add_vars(mask, &t->vars);
    hg_mask_build(mask);
    return mask;
}

static int terminal(const struct exec_options *o, struct hg_docker_exec *spec, struct hg_err *err)
{
    bool in = isatty(STDIN_FILENO), out = isatty(STDOUT_FILENO);
    spec->tty = !o->no_tty && (o->tty || (in && out));
    spec->attach_fd = o->interactive || (spec->tty && in);
    spec->input_fd = STDIN_FILENO;
    if (!o->tty || !spec->attach_fd || in)
        return 0;
    hg_fail(err, HG_E_USAGE, "--tty wants a terminal as stdin, and it is none");
    return hg_hint(err, "leave out --tty, or -i");
}

static int tell(const char *command, const char *container,
                const struct hg_docker_exec_result *result, struct hg_err *err)
{
    if (result->timed_out) {
        hg_log(HG_LOG_ERROR, "%s in %s was ended because its --max-runtime is over", command,
               container);
        return HG_EXIT_TIMEOUT;
    }
    /* The engine gives 128+n for a command that signal n ended; its own code may look the same. */
    const char *name = result->code > HG_EXIT_SIGNAL
                           ? sigabbrev_np(result->code - HG_EXIT_SIGNAL) : NULL;
    if (name)
        hg_log(HG_LOG_ERROR, "%s in %s ended with code %d, as by signal %d (SIG%s)", command,
               container, result->code, result->code - HG_EXIT_SIGNAL, name);
    return hg_output_lost(command, result->write_error, result->code, err);
}

static int run_in(const struct exec_options *o, struct hg_docker *d, const struct hg_container *c,
                  const struct hg_target *t, const struct hg_strv *args, struct hg_mask *mask,
                  struct hg_err *err)
{
    HG_AUTO(hg_vars_done) struct hg_vars vars = HG_VARS_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv env = HG_STRV_INIT;
    struct hg_docker_exec_result result = { 0 };
    struct hg_docker_exec spec = { .container = c->id, .argv = args->items, .user = o->user,
                                   .dir = o->workdir, .mask = o->pipe ? NULL : mask,
                                   .max_runtime_ns = o->max_runtime_ns };
    HG_AUTO(exec_files_done) struct exec_files files = { .o = o, .c = c };
    crossing(t, &vars);
    if (entries(o, &vars, &env, err) < 0 || terminal(o, &spec, err) < 0 ||
        exec_files_prepare(&files, &spec, &env, err) < 0)
        return -1;
    spec.env = env.items;
    int rc = hg_docker_exec(d, &spec, &result, err);
    for (size_t i = 0; i < env.count; i++)
        explicit_bzero(env.items[i], strlen(env.items[i]));
    if (result.folder_left)
        hg_log(HG_LOG_WARNING, "%s is left in %s: docker exec %s rm -rf %s", files.folder, c->name,
               c->name, files.folder);
    return rc < 0 ? hg_wrap(err, "%s", c->name) : tell(args->items[0], c->name, &result, err);
}

static void free_mask(void *mask)
{
    hg_mask_free(mask);
}

int exec_in_container(const struct exec_options *o, const char *container,
                      const struct hg_target *t, const struct hg_strv *args, struct hg_err *err)
{
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    HG_AUTO(hg_container_done) struct hg_container c = HG_CONTAINER_INIT;
    if (hg_docker_open(NULL, o->common.timeout_ns, &d, err) < 0 ||
        hg_docker_find(d, container, &c, err) < 0 || hg_container_ready(&c, err) < 0)
        return -1;
    struct hg_mask *mask = build_mask(&c, t, o);
    hg_log_set_filter(hg_mask_text, mask);
    hg_log(HG_LOG_INFO, "in container %s (%s)", c.name, c.image ? c.image : "no image");
    int code = run_in(o, d, &c, t, args, mask, err);
    hg_log_leave_filter(mask, free_mask);
    return code;
}
