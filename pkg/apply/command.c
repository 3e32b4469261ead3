/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A migrator behind a command (`run: { command: [kubectl, exec, -i, POD, --] }`): the driver crosses
 * on stdin, with the variables in it, and its reports come back on stdout. So nothing secret stands in
 * an argument list, here or there.
 */
#include "internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "gen/apply_embed.h"
#include "process/process.h"

static int supervise(struct hg_run *r, const char *python, int program, struct hg_supervised *ret,
                     struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    bool plain = hg_streq(r->target.t->driver, "plain");
    hg_strv_addv(&argv, &r->target.t->run_command);
    hg_strv_add(&argv, python);
    hg_strv_add(&argv, "-");
    /* The command itself is this host's: kubectl wants its own HOME and tokens, not the target's. */
    char **envp = hg_vars_envp(&r->target.original);
    struct hg_process_supervise spec = {
        .argv = argv.items, .envp = envp, .dir = r->alembic.dir, .mask = r->target.mask,
        .sink = plain ? hg_run_output : hg_run_far_output, .context = r, .stdin_fd = program,
        .watch_fd = -1, .tick_ns = HG_APPLY_TICK_NS, .on_tick = hg_run_tick,
        .on_signal = hg_run_signal };
    int rc = hg_process_supervise(&spec, ret, err);
    hg_vars_free_envp(envp);
    return rc;
}

static int start(struct hg_run *r, const char *python, struct hg_supervised *ret, struct hg_err *err)
{
    bool plain = hg_streq(r->target.t->driver, "plain");
    char *text = plain ? hg_driver_plain_program(r) : hg_driver_program(r, -1);
    HG_AUTO(hg_closep) int program = hg_process_memfile("headgate-driver", text, strlen(text), err);
    explicit_bzero(text, strlen(text));
    hg_freep(&text);
    if (program < 0)
        return -1;
    (void)fcntl(program, F_SETFD, FD_CLOEXEC); /* the child has it as its stdin */
    return supervise(r, python, program, ret, err);
}

/* Nothing of the migrator was seen: then it is the command's failure, and nothing was started. */
static int not_there(const struct hg_run *r, const struct hg_supervised *done, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *command = hg_strv_join(&r->target.t->run_command, " ");
    HG_AUTO(hg_freep) char *shown = hg_printable(command, 200);
    (void)hg_fail(err, HG_E_NETWORK, "the migrator could not be started behind `%s`: it ended with "
                  "exit code %d", shown, hg_exit_status_code(&done->status));
    return hg_hint(err, "try it by hand: %s python3 -c 'import alembic'; the command must pass on stdin "
                        "(kubectl exec -i, docker exec -i)", shown);
}

int hg_run_migrate_behind_command(struct hg_run *r, struct hg_migrated *ret, struct hg_err *err)
{
    static const char *const PYTHONS[] = { HG_ALEMBIC_PYTHONS };
    struct hg_supervised done = { 0 };
    if (hg_target_refresh(&r->target, r->o->common, err) < 0)
        return -1;
    int rc = start(r, PYTHONS[0], &done, err);
    int code = hg_exit_status_code(&done.status);
    if (rc == 0 && !r->driven.began && (code == HG_EXIT_NOT_FOUND || code == HG_EXIT_CANNOT_RUN))
        rc = start(r, PYTHONS[1], &done, err);
    if (rc < 0) {
        err->exit_code = 0; /* 126 and 127 are about what the user typed */
        return -1;
    }
    code = hg_exit_status_code(&done.status);
    bool ended_by_us = r->signal || r->timed_out || r->lock_lost;
    bool seen = r->driven.began || r->driven.finished;
    if (!seen && !ended_by_us && !hg_streq(r->target.t->driver, "plain"))
        return not_there(r, &done, err);
    *ret = (struct hg_migrated){ .ok = code == 0, .code = code, .timed_out = r->timed_out,
                                 .signal = done.status.signaled ? done.status.code : 0 };
    return 0;
}
