/* SPDX-License-Identifier: Apache-2.0 */
/* A foreign command: supervised where its output must be masked or its time bounded. */
#include "env.h"
#include "process/process.h"

static const struct hg_mask *wanted_mask(const struct env_options *o, const struct hg_target *t)
{
    if (hg_mask_empty(t->mask) || strcmp(o->mask, "never") == 0)
        return NULL;
    if (strcmp(o->mask, "auto") == 0 && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
        return NULL; /* who sees the terminal has the secrets anyway */
    return t->mask;
}

/* A headgate that the command starts must not take these variables for its own process's. */
static void mark_injected(const struct hg_target *t, struct hg_vars *vars)
{
    HG_AUTO(hg_freep) char *names = hg_target_injected(t);
    hg_vars_unset(vars, HG_INJECTED_VAR);
    if (!names)
        return;
    hg_vars_set(vars, HG_INJECTED_VAR, names, "headgate");
    if (t->t->named)
        hg_vars_set(vars, "HEADGATE_TARGET", t->t->name, "headgate");
}

/* 126 and 127 are said as such, not as a failure of ours. */
static int not_run(struct hg_err *err)
{
    if (!err->exit_code)
        return -1;
    hg_cli_print_error(err);
    return err->exit_code;
}

static int tell(const char *command, const struct hg_supervised *result, struct hg_err *err)
{
    if (result->timed_out) {
        hg_log(HG_LOG_ERROR, "%s was ended because its --max-runtime is over", command);
        return HG_EXIT_TIMEOUT;
    }
    if (result->status.signaled) {
        const char *name = sigabbrev_np(result->status.code);
        hg_log(HG_LOG_ERROR, "%s was ended by signal %d (SIG%s)", command, result->status.code,
               name ? name : "?");
    }
    return hg_output_lost(command, result->write_error, hg_exit_status_code(&result->status), err);
}

int env_run(const struct env_options *o, const struct hg_target *t, char **argv, struct hg_err *err)
{
    const struct hg_mask *mask = wanted_mask(o, t);
    if (!o->clean)
        mark_injected(t, (struct hg_vars *)(uintptr_t)&t->vars);
    char **envp = hg_vars_envp(&t->vars);
    int rc;
    if (!mask && !o->max_runtime_ns) {
        HG_AUTO(hg_freep) char *found = hg_find_program(argv[0], hg_vars_get(&t->vars, "PATH"));
        rc = hg_process_become(found ? found : argv[0], argv, envp, err);
        hg_vars_free_envp(envp);
        return rc < 0 ? not_run(err) : rc;
    }
    struct hg_process_supervise spec = { .argv = argv, .envp = envp, .mask = mask,
                                         .mask_always = strcmp(o->mask, "always") == 0,
                                         .max_runtime_ns = o->max_runtime_ns, .watch_fd = -1,
                                         .end_group = true };
    struct hg_supervised result = { 0 };
    rc = hg_process_supervise(&spec, &result, err);
    hg_vars_free_envp(envp);
    return rc < 0 ? not_run(err) : tell(argv[0], &result, err);
}
