/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of headgate-exec. */
#ifndef HG_EXEC_CMD_H
#define HG_EXEC_CMD_H

#include "docker/docker.h"
#include "target/target.h"

struct exec_options {
    struct hg_common common;
    const char *container, *user, *workdir;
    bool interactive, tty, no_tty, pipe;
    int64_t max_runtime_ns;
    struct hg_strv env, with, fetch;
    int argc;
    char **argv;    /* of main: hg_target_open may start us again */
};

/* Runs the command in a container, with the target's own variables (t may be NULL). Returns the exit
 * code, or -1. */
int exec_in_container(const struct exec_options *o, const char *container,
                      const struct hg_target *t, const struct hg_strv *args, struct hg_err *err);
/* Files in and out (files.c). Fills spec->folder, before and after when there are any, and sets
 * HEADGATE_WITH in env; release with exec_files_done. */
struct exec_files {
    const struct exec_options *o;
    const struct hg_container *c;
    char *folder;
};
int exec_files_prepare(struct exec_files *f, struct hg_docker_exec *spec, struct hg_strv *env,
                       struct hg_err *err);
void exec_files_done(struct exec_files *f);
/* For a target that runs here: becomes headgate-env. Returns only on failure. */
int exec_on_host(const struct exec_options *o, const struct hg_strv *args, struct hg_err *err);

/* For a target with `run: { command: … }`: becomes that command with args behind it. Returns only on
 * failure. */
int exec_behind_command(const struct exec_options *o, const struct hg_target_config *t,
                        const struct hg_strv *args, struct hg_err *err);

#endif
