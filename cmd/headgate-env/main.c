/* SPDX-License-Identifier: Apache-2.0 */
/* headgate env: the one place that injects environment. */
#include "env.h"

#include <errno.h>

#define OPTION(field) offsetof(struct env_options, field)

static const struct hg_opt OPTIONS[] = {
    { "set", 0, HG_OPT_LIST, OPTION(set), .metavar = "NAME=VALUE", .help = "set a variable, last" },
    { "unset", 0, HG_OPT_LIST, OPTION(unset), .metavar = "NAME", .help = "leave a variable out" },
    { "clean", 0, HG_OPT_BOOL, OPTION(clean),
      .help = "start from an empty environment: only what the sources and --set give" },
    { "mask", 0, HG_OPT_CHOICE, OPTION(mask), .metavar = "WHEN", .values = "auto|always|never",
      .help = "mask secrets in the command's output: auto (streams that are no terminal), always or "
              "never" },
    { "max-runtime", 0, HG_OPT_SECONDS, OPTION(max_runtime_ns), .metavar = "SECONDS",
      .help = "end the command after this time" },
    { "allow-exec-names", 0, HG_OPT_BOOL, OPTION(allow_exec_names),
      .help = "take variables that execute code in local programs too (LD_PRELOAD, PYTHONPATH…)" },
    { "tunnel", 0, HG_OPT_BOOL, OPTION(tunnel),
      .help = "reach the database through the target's container, by a port of this host that lives as "
              "long as the command" },
    { "print", 0, HG_OPT_BOOL, OPTION(print),
      .help = "print what the sources give, secrets masked, instead of running a command" },
    { "reveal", 0, HG_OPT_BOOL, OPTION(reveal),
      .help = "with --print: show the secrets; in a CI job only into a file" },
    { "chain", 0, HG_OPT_STRING, OPTION(chain), .metavar = "PROGRAM", .hidden = true,
      .help = "resolve, then become PROGRAM" },
    { "guess", 0, HG_OPT_STRING, OPTION(guess), .metavar = "PROGRAM", .hidden = true,
      .help = "the same with options looked for in the command line" },
    { "report", 0, HG_OPT_INT, OPTION(report), .metavar = "FD", .hidden = true,
      .help = "below `railway run`: run a command and report its end to FD" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "env",
    .summary = "run a command with the target's environment, secrets masked",
    .args = "-- COMMAND…",
    .formats = "dotenv|json|shell|github",
    .options = OPTIONS,
    .description =
        "Reads the target's sources (the process, dotenv files, Railway, a container) and runs "
        "COMMAND with the result. A headgate program becomes that program. Any other command's "
        "output is masked where it does not go to a terminal, signals are passed on, and its exit "
        "code is ours: 128+n when signal n ended it, 125 when headgate itself failed, 126 when the "
        "command cannot be run, 127 when it is not found.",
    .examples = "headgate env -t production -- psql\n"
                "    a shell on production's database\n"
                "headgate env -t production --print\n"
                "    what production gives, secrets masked\n"
                "headgate env --from dotenv:backend/.env -- alembic current\n"
                "    without a headgate.yaml\n",
    .max_args = 0,
    .wrapper = true,
    .own_failure = HG_EXIT_OURS,
};

static int check(const struct env_options *o, const struct hg_strv *args, struct hg_err *err)
{
    if (o->print && o->tunnel)
        return hg_fail(err, HG_E_USAGE, "--print runs no command, so there is nothing for a tunnel");
    if (o->print && args->count)
        return hg_fail(err, HG_E_USAGE, "--print runs no command; leave '%s' away", args->items[0]);
    if (o->reveal && !o->print) {
        hg_fail(err, HG_E_USAGE, "--reveal goes with --print");
        return hg_hint(err, "for a command's own output: --mask never");
    }
    if (o->print || args->count)
        return 0;
    hg_fail(err, HG_E_USAGE, "`headgate env` wants a command, or --print");
    return hg_hint(err, "headgate env -t TARGET -- COMMAND…");
}

/* "true", "5432" or "postgres" as a secret would turn a log into asterisks. */
static void tell_unmasked(const struct hg_vars *vars)
{
    if (!hg_log_enabled(HG_LOG_INFO))
        return;
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    hg_mask_unmasked(vars, &names);
    HG_AUTO(hg_freep) char *joined = hg_strv_join(&names, ", ");
    if (names.count)
        hg_log(HG_LOG_INFO, "too short or too common to be masked: %s", joined);
}

static int resolve_and_run(struct env_options *o, const struct hg_strv *args, struct hg_err *err)
{
    HG_AUTO(hg_vars_done) struct hg_vars original = HG_VARS_INIT;
    HG_AUTO(hg_target_done) struct hg_target t = { 0 };
    hg_vars_from_environ(&original, environ, "process");
    struct hg_resolve in = { .common = &o->common, .original = &original, .set = &o->set,
                             .unset = &o->unset, .clean = o->clean,
                             .allow_exec_names = o->allow_exec_names,
                             .tunnel = o->tunnel ? HG_TUNNEL_WANTED : HG_TUNNEL_AUTO };
    if (hg_target_resolve(&in, &t, err) < 0)
        return -1;
    if (t.via_cli)
        return env_via_cli(o, &t, err);
    hg_target_warn(&t, t.error.kind == HG_E_NONE); /* else the error says it */
    if (t.error.kind != HG_E_NONE) {
        *err = t.error;
        return -1;
    }
    HG_AUTO(hg_freep) char *line = hg_target_line(&t);
    hg_log(HG_LOG_INFO, "%s", line);
    tell_unmasked(&t.vars);
    if (o->print)
        return env_print(o, &t, err);
    if (o->common.dir && chdir(o->common.dir) != 0)
        return hg_fail_errno(err, HG_E_USAGE, "-C %s", o->common.dir);
    return env_run(o, &t, args->items, err);
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    struct env_options *o = options;
    if (check(o, args, err) < 0)
        return -1;
    if (o->report)
        return env_report((int)o->report, args, err);
    if (hg_target_outer_error(&o->common, err) < 0)
        return -1;
    if (o->chain || o->guess)
        return env_chain(o, o->chain ? o->chain : o->guess, args->items, o->guess != NULL, err);
    if (!o->print && env_is_verb(args->items[0]))
        return env_chain(o, NULL, args->items, false, err);
    return resolve_and_run(o, args, err);
}

int env_main(int argc, char **argv)
{
    struct env_options options = { .mask = "auto", .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
