/* SPDX-License-Identifier: Apache-2.0 */
/* headgate exec: run a command where the target runs. */
#include "cli/cli.h"
#include "docker/docker.h"

#include <string.h>
#include <unistd.h>

struct exec_options {
    struct hg_common common;
    const char *container, *user, *workdir;
    bool interactive, tty, no_tty;
    int64_t max_runtime_ns;
    struct hg_strv env;
};

static const struct hg_opt OPTIONS[] = {
    { "container", 0, HG_OPT_STRING, offsetof(struct exec_options, container), .metavar = "NAME",
      .help = "the container (name, id or Compose service) instead of a target's" },
    { "interactive", 'i', HG_OPT_BOOL, offsetof(struct exec_options, interactive),
      .help = "connect stdin to the command" },
    { "tty", 0, HG_OPT_BOOL, offsetof(struct exec_options, tty),
      .help = "give the command a terminal" },
    { "no-tty", 'T', HG_OPT_BOOL, offsetof(struct exec_options, no_tty),
      .help = "give it none (default: one when stdin and stdout are terminals)" },
    { "max-runtime", 0, HG_OPT_SECONDS, offsetof(struct exec_options, max_runtime_ns),
      .metavar = "SECONDS", .help = "end the command after this long (default: never)" },
    { "user", 'u', HG_OPT_STRING, offsetof(struct exec_options, user), .metavar = "USER",
      .help = "run it as this user of the container" },
    { "workdir", 'w', HG_OPT_STRING, offsetof(struct exec_options, workdir), .metavar = "DIR",
      .help = "start it in this folder of the container" },
    { "env", 'e', HG_OPT_LIST, offsetof(struct exec_options, env), .metavar = "NAME=VALUE",
      .help = "set a variable for it; NAME alone removes one" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "exec",
    .summary = "run a command where the target runs: in its container",
    .args = "-- COMMAND…",
    .options = OPTIONS,
    .max_args = SIZE_MAX,
    .min_args = 1,
    .wrapper = true,
    .own_failure = HG_EXIT_OURS,
};

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    const struct exec_options *o = options;
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    HG_AUTO(hg_container_done) struct hg_container c = HG_CONTAINER_INIT;
    struct hg_docker_exec_result result = { 0 };
    if (hg_docker_open(NULL, o->common.timeout_ns, &d, err) < 0 ||
        hg_docker_find(d, o->container, &c, err) < 0 || hg_container_ready(&c, err) < 0)
        return -1;
    const struct hg_docker_exec spec = {
        .container = c.id, .argv = args->items, .env = o->env.items, .user = o->user,
        .dir = o->workdir, .tty = o->tty, .input_fd = 0, .attach_fd = o->interactive,
        .max_runtime_ns = o->max_runtime_ns,
    };
    if (hg_docker_exec(d, &spec, &result, err) < 0)
        return -1;
    return result.code;
}

int main(int argc, char **argv)
{
    struct exec_options options = { 0 };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
