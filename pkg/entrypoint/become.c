/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <fcntl.h>

#define INIT "headgate-pid1"

enum { INTERPRETER_MAX = 254 }; /* what the kernel reads of a first line (BINPRM_BUF_SIZE) */

/* The application gets the environment that the container was given, not what the target's sources
 * made of it; and of headgate's own variables none that would tell it a secret or name a descriptor
 * that is closed. */
static char **application_environment(const struct hg_entry *e)
{
    static const char *const OURS[] = { "HEADGATE_STATE_FD", HG_INJECTED_VAR, HG_LEDGER_KEY };
    if (!e->have_target) {
        for (size_t i = 0; i < HG_COUNT(OURS); i++)
            (void)unsetenv(OURS[i]);
        return NULL;
    }
    HG_AUTO(hg_vars_done) struct hg_vars vars = HG_VARS_INIT;
    for (size_t i = 0; i < e->target.original.count; i++)
        hg_vars_set(&vars, e->target.original.items[i].name, e->target.original.items[i].value, "process");
    for (size_t i = 0; i < HG_COUNT(OURS); i++)
        hg_vars_unset(&vars, OURS[i]);
    return hg_vars_envp(&vars);
}

static const char *path_of(const struct hg_entry *e)
{
    return e->have_target ? hg_vars_get(&e->target.original, "PATH") : getenv("PATH");
}

/* "/bin/sh" of a script; NULL: it is none, or cannot be read. Heap. */
static char *interpreter_of(const char *path)
{
    char line[INTERPRETER_MAX + 1];
    HG_AUTO(hg_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (got < 2 || line[0] != '#' || line[1] != '!')
        return NULL;
    line[got] = '\0';
    const char *name = line + 2 + strspn(line + 2, " \t");
    size_t len = strcspn(name, " \t\n");
    return name[len] && len ? hg_xstrndup(name, len) : NULL; /* else more than the kernel reads */
}

/* The kernel says of such a script only that there is no such file, and only when it is started. */
static int check_interpreter(const char *script, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *interpreter = interpreter_of(script);
    if (!interpreter || access(interpreter, F_OK) == 0)
        return 0;
    HG_AUTO(hg_freep) char *shown = hg_printable(interpreter, INTERPRETER_MAX);
    (void)hg_fail(err, HG_E_CONFIG, "cannot run %s: its first line names %s, which is not there", script, shown);
    err->exit_code = HG_EXIT_NOT_FOUND;
    return hg_hint(err, hg_ends_with(interpreter, "\r")
                            ? "nothing was done; the lines of the file end as on Windows (CR LF)"
                            : "nothing was done; install it in the image, or mend the first line");
}

int hg_entry_find_init(const struct hg_entry *e, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    HG_AUTO(hg_freep) char *init = hg_path_join(dir, INIT);
    if (!e->init || access(init, X_OK) == 0)
        return 0;
    (void)hg_fail(err, HG_E_CONFIG, "--init: %s is not there", init);
    err->exit_code = HG_EXIT_NOT_FOUND;
    return hg_hint(err, "nothing was done; headgate's programs belong together: copy them all into the image");
}

int hg_entry_find(const struct hg_entry *e, struct hg_err *err)
{
    const char *name = e->o->app[0];
    HG_AUTO(hg_freep) char *found = hg_find_program(name, path_of(e));
    if (found)
        return check_interpreter(found, err);
    bool there = strchr(name, '/') && access(name, F_OK) == 0;
    (void)hg_fail(err, HG_E_CONFIG, there ? "cannot run %s" : "command not found: %s", name);
    err->exit_code = there ? HG_EXIT_CANNOT_RUN : HG_EXIT_NOT_FOUND;
    return hg_hint(err, "nothing was done; what stands behind `--` is the application's command line");
}

int hg_entry_become(struct hg_entry *e, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    HG_AUTO(hg_freep) char *init = hg_path_join(dir, INIT);
    if (e->init) {
        hg_strv_add(&argv, init);
        if (e->group)
            hg_strv_add(&argv, "--group");
        if (e->listening >= 0) {
            (void)fcntl(e->listening, F_SETFD, 0);
            hg_strv_add(&argv, "--probe");
            hg_strv_addf(&argv, "%d", e->listening);
        }
        hg_strv_add(&argv, "--");
    }
    for (char *const *word = e->o->app; *word; word++)
        hg_strv_add(&argv, *word);
    char **envp = application_environment(e);
    int rc = hg_process_become(e->init ? init : e->o->app[0], argv.items, envp, err);
    hg_vars_free_envp(envp);
    return rc;
}
