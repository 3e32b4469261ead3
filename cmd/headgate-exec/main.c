/* SPDX-License-Identifier: Apache-2.0 */
/* headgate exec: run a command where the target runs. */
#include "exec.h"

#include <stdlib.h>

#define OPTION(field) offsetof(struct exec_options, field)

static const struct hg_opt OPTIONS[] = {
    { "container", 0, HG_OPT_STRING, OPTION(container), .metavar = "NAME",
      .help = "the container (name, id, service:[PROJECT/]SERVICE[#N] or label:KEY=VALUE) instead of a "
              "target's" },
    { "interactive", 'i', HG_OPT_BOOL, OPTION(interactive),
      .help = "connect stdin to the command" },
    { "tty", 0, HG_OPT_BOOL, OPTION(tty), .help = "give the command a terminal" },
    { "no-tty", 'T', HG_OPT_BOOL, OPTION(no_tty),
      .help = "give it none (default: one when stdin and stdout are terminals)" },
    { "max-runtime", 0, HG_OPT_SECONDS, OPTION(max_runtime_ns), .metavar = "SECONDS",
      .help = "end the command after this time" },
    { "user", 'u', HG_OPT_STRING, OPTION(user), .metavar = "USER",
      .help = "run it as this user of the container" },
    { "workdir", 'w', HG_OPT_STRING, OPTION(workdir), .metavar = "DIR",
      .help = "start it in this folder of the container" },
    { "env", 'e', HG_OPT_LIST, OPTION(env), .metavar = "NAME=VALUE",
      .help = "set a variable for it; NAME alone removes one" },
    { "pipe", 0, HG_OPT_BOOL, OPTION(pipe), .hidden = true,
      .help = "the output is another program's: every byte as it is, nothing masked" },
    { "with", 0, HG_OPT_LIST, OPTION(with), .metavar = "FILE",
      .help = "put this file or folder into a folder inside, HEADGATE_WITH, for the command" },
    { "fetch", 0, HG_OPT_LIST, OPTION(fetch), .metavar = "INSIDE=HERE",
      .help = "copy this file or folder here when the command ended" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "exec",
    .summary = "run a command where the target runs: in its container",
    .args = "-- COMMAND…",
    .options = OPTIONS,
    .description =
        "Runs COMMAND in the container of the target (run: { container: NAME }), through the "
        "container engine, with the target's own variables and nothing else of this host. A target "
        "that runs on this host: the same as headgate env; one behind a command (run: { command: […] "
        "}): behind that command, with what is there. Output is masked where it does not go to "
        "a terminal. A signal to headgate reaches the command, and when headgate is killed the "
        "command is ended too. The exit code is the command's own; 125 when headgate itself failed, "
        "126 when the command cannot be run, 127 when the container has no such command.",
    .examples = "headgate exec -t docker -- alembic current\n"
                "    in the container that headgate.yaml names\n"
                "headgate exec --container notebooklm-api -- sh\n"
                "    a shell in any container\n"
                "headgate exec --container db -i -- psql -U notebook < dump.sql\n"
                "    stdin is connected only when asked for\n"
                "headgate exec --container db --with fix.sql -- sh -c 'psql -f \"$HEADGATE_WITH/fix.sql\"'\n"
                "    a file goes along, and is gone afterwards\n",
    .min_args = 1,
    .max_args = SIZE_MAX,
    .wrapper = true,
    .own_failure = HG_EXIT_OURS,
};

/* Runs it here, or behind the target's own command: neither needs anything resolved here. A wrong
 * configuration is told by whoever reads it to use it. Returns only when neither is meant, or -1. */
static int exec_unresolved(const struct exec_options *o, const struct hg_strv *args,
                           struct hg_err *err)
{
    struct hg_config config = { 0 };
    struct hg_err ignored;
    if (hg_config_load(&o->common, &config, &ignored) < 0)
        return 0;
    const struct hg_target_config *t = hg_config_target(&config, o->common.target, &ignored);
    int rc = 0;
    if (t && t->run == HG_RUN_COMMAND)
        rc = exec_behind_command(o, t, args, err);
    else if (t && t->run == HG_RUN_HOST)
        rc = exec_on_host(o, args, err);
    hg_config_done(&config);
    return rc;
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    const struct exec_options *o = options;
    HG_AUTO(hg_target_done) struct hg_target t = { 0 };
    if (o->tty && o->no_tty)
        return hg_fail(err, HG_E_USAGE, "--tty and --no-tty exclude each other");
    if (o->container && o->common.target)
        return hg_fail(err, HG_E_USAGE, "--container and --target exclude each other");
    if (o->container)
        return exec_in_container(o, o->container, NULL, args, err);
    /* Without an inherited state: whether anything must be resolved here is known from headgate.yaml. */
    if (!getenv("HEADGATE_STATE_FD") && exec_unresolved(o, args, err) < 0)
        return -1;
    if (hg_target_open(&o->common, o->argc, o->argv, false, &t, err) < 0)
        return -1;
    if (t.t->run == HG_RUN_COMMAND)
        return exec_behind_command(o, t.t, args, err);
    if (t.t->run == HG_RUN_HOST)
        return exec_on_host(o, args, err);
    HG_AUTO(hg_freep) char *line = hg_target_line(&t);
    hg_log(HG_LOG_INFO, "%s", line);
    return exec_in_container(o, t.t->run_container, &t, args, err);
}

int main(int argc, char **argv)
{
    struct exec_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
