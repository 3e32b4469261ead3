/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming a headgate verb with the target's environment and the state in a memory file. */
#include "env.h"
#include "process/process.h"

#include <errno.h>
#include <fcntl.h>

bool env_is_verb(const char *command)
{
    const char *name = hg_path_base(command);
    return strcmp(name, "headgate") == 0 ||
           (hg_starts_with(name, "headgate-") && !hg_starts_with(name, "headgate-source-"));
}

/* ---- guessing -------------------------------------------------------------------------------------- */

static void take(struct hg_common *c, const struct hg_opt *o, const char *value)
{
    void *field = (char *)c + o->offset;
    if (o->type == HG_OPT_LIST)
        hg_strv_add(field, value);
    else if (o->type == HG_OPT_SECONDS)
        (void)hg_parse_duration(value, field);
    else if (o->type == HG_OPT_STRING)
        *(const char **)field = value;
}

static const struct hg_opt *option_of(const char *word, const char **ret_value)
{
    for (const struct hg_opt *o = hg_common_options; o->name; o++) {
        if (o->type == HG_OPT_BOOL || o->type == HG_OPT_COUNT)
            continue;
        size_t n = strlen(o->name);
        if (hg_starts_with(word, "--") && strncmp(word + 2, o->name, n) == 0 &&
            (!word[2 + n] || word[2 + n] == '=')) {
            *ret_value = word[2 + n] ? word + 3 + n : NULL;
            return o;
        }
        if (o->letter && word[0] == '-' && word[1] == o->letter) {
            *ret_value = word[2] ? word + 2 : NULL;
            return o;
        }
    }
    return NULL;
}

/* A wrong guess costs time, not truth: the verb compares the state with its own command line and
 * asks again when they differ. */
void env_guess(char **argv, struct hg_common *ret)
{
    for (; *argv && strcmp(*argv, "--") != 0; argv++) {
        const char *value = NULL;
        const struct hg_opt *o = option_of(*argv, &value);
        if (!o)
            continue;
        if (!value && !argv[1])
            return;
        take(ret, o, value ? value : *++argv);
    }
}

/* ---- chaining --------------------------------------------------------------------------------------- */

static int become(const char *program, char **argv, const struct hg_vars *vars, struct hg_err *err)
{
    char **envp = hg_vars_envp(vars);
    int rc;
    if (program) {
        rc = hg_process_become(program, argv, envp, err);
    } else {
        HG_AUTO(hg_freep) char *found = hg_find_program(argv[0], hg_vars_get(vars, "PATH"));
        rc = hg_process_become(found ? found : argv[0], argv, envp, err);
    }
    hg_vars_free_envp(envp);
    if (rc < 0 && err->exit_code) { /* 126 or 127, whoever asked */
        hg_cli_print_error(err);
        return err->exit_code;
    }
    return rc;
}

/* The descriptor number goes into the environment last, so that it is no part of the state. Behind it the
 * process that it is for: a verb that cannot read the state then knows that asking again is of no use. */
static int with_state(struct hg_target *t, const struct hg_common *common, bool chained,
                      struct hg_err *err)
{
    char *state = hg_target_state(t, common, chained);
    int fd = hg_process_memfile("headgate", state, strlen(state), err);
    explicit_bzero(state, strlen(state));
    free(state);
    if (fd < 0)
        return -1;
    HG_AUTO(hg_freep) char *number = hg_xasprintf("%d:%d", fd, (int)getpid());
    hg_vars_set(&t->vars, "HEADGATE_STATE_FD", number, "process");
    return 0;
}

/* headgate exec connects to nothing itself. */
static enum hg_tunnel_use tunnel_use(const struct env_options *o, const char *program)
{
    if (o->tunnel)
        return HG_TUNNEL_WANTED;
    return strcmp(hg_path_base(program), "headgate-exec") == 0 ? HG_TUNNEL_NEVER : HG_TUNNEL_AUTO;
}

int env_chain(struct env_options *o, const char *program, char **argv, bool guessed,
              struct hg_err *err)
{
    HG_AUTO(hg_vars_done) struct hg_vars original = HG_VARS_INIT;
    HG_AUTO(hg_target_done) struct hg_target t = { 0 };
    hg_vars_from_environ(&original, environ, "process");
    if (guessed)
        env_guess(argv, &o->common);
    struct hg_resolve in = { .common = &o->common, .original = &original, .set = &o->set,
                             .unset = &o->unset, .clean = o->clean,
                             .allow_exec_names = o->allow_exec_names, .strict = true,
                             .tunnel = tunnel_use(o, program ? program : argv[0]) };
    if (hg_target_resolve(&in, &t, err) < 0) {
        /* The verb reads the same configuration and says what is wrong in its own document. */
        if (program)
            return become(program, argv, &original, err);
        if (err->kind == HG_E_USAGE)
            return -1;
        hg_target_unresolved(&in, err, &t);
        hg_err_clear(err);
    }
    if (t.via_cli) {
        int rc = env_via_cli(o, &t, err);
        if (rc >= 0)
            return rc;
        t.error = *err;
        hg_err_clear(err);
    }
    hg_target_warn(&t, false); /* findings are the verb's to report */
    if (!program && t.error.kind == HG_E_NONE) {
        HG_AUTO(hg_freep) char *line = hg_target_line(&t);
        hg_log(HG_LOG_INFO, "%s", line);
    }
    if (with_state(&t, &o->common, program && !guessed, err) < 0)
        return -1;
    if (!program && o->common.dir && chdir(o->common.dir) != 0)
        return hg_fail_errno(err, HG_E_USAGE, "-C %s", o->common.dir);
    return become(program, argv, &t.vars, err);
}
