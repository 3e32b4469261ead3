/* SPDX-License-Identifier: Apache-2.0 */
/* headgate: finds headgate-VERB and becomes it, with its target resolved. */
#include "../headgate-env/env.h"
#include "cli/cli.h"
#include "verbs.h"

#include <errno.h>

static int print_help(void)
{
    HG_AUTO(hg_strv_done) struct hg_strv verbs = HG_STRV_INIT;
    hg_verbs_installed(&verbs);
    hg_out("usage: headgate [-t TARGET] [-C DIR] VERB [options]\n"
           "Stands between a team and its production database: status, gate, migrate, record.\n\n");
    for (size_t i = 0; i < verbs.count; i++)
        hg_outf("  %-12s %s\n", verbs.items[i], hg_verb_summary(verbs.items[i]));
    hg_out("\n  -t, --target NAME   the target of headgate.yaml to work on\n"
           "  -C, --dir DIR       work as if started in DIR\n"
           "      --version       the version\n"
           "\n`headgate VERB --help` shows the options of a verb, `headgate explain RULE` what a finding means.\n"
           "\nexit codes: 0 yes, 1 the answer is no, 2 wrong usage or configuration, 3 could not tell,\n"
           "  4 the migration was started and failed, 5 somebody else holds the migration lock,\n"
           "  124 time ran out, 128+n ended by signal n; env and exec pass their command's own code.\n");
    return HG_EXIT_YES;
}

static int unknown_verb(const char *verb, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv verbs = HG_STRV_INIT;
    hg_verbs_installed(&verbs);
    const char *near = hg_nearest(verb, (const char *const *)verbs.items, verbs.count);
    HG_AUTO(hg_freep) char *shown = hg_printable(verb, 60);
    hg_fail(err, HG_E_USAGE, "there is no verb '%s'", shown);
    if (near)
        return hg_hint(err, "did you mean `headgate %s`? `headgate --help` lists all", near);
    return hg_hint(err, "`headgate --help` lists the verbs");
}

/* Words that make a verb answer without a database, so that nothing need be resolved for it; or by which it
 * has less time for that, as only it knows. */
static bool needs_nothing(char **args)
{
    static const char *const WORDS[] = { "--offline", "--help", "-h", "--help=json", "--version",
                                        "--policy=none", "--healthcheck" };
    for (; *args && strcmp(*args, "--") != 0; args++)
        for (size_t i = 0; i < HG_COUNT(WORDS); i++)
            if (strcmp(*args, WORDS[i]) == 0)
                return true;
    return false;
}

/* `env`, and the resolving for a verb that asks a database (which would start itself again through
 * headgate-env) happen here: each program less to start is 0.5 ms. */
static int resolve_here(const char *program, struct hg_strv *words)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    hg_strv_add(&argv, "headgate-env");
    if (program) {
        hg_strv_addf(&argv, "--guess=%s", program);
        hg_strv_add(&argv, "--");
    }
    for (size_t i = program ? 0 : 1; i < words->count; i++)
        hg_strv_add(&argv, words->items[i]);
    return env_main((int)argv.count, argv.items);
}

static int run_verb(const char *verb, char **globals, size_t count, char **args, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *program = hg_verb_program(verb);
    HG_AUTO(hg_strv_done) struct hg_strv words = HG_STRV_INIT;
    if (!program)
        return unknown_verb(verb, err);
    hg_strv_addf(&words, "headgate-%s", verb);
    for (size_t i = 0; i < count; i++)
        hg_strv_add(&words, globals[i]);
    while (*args)
        hg_strv_add(&words, *args++);
    if (strcmp(verb, "env") == 0)
        return resolve_here(NULL, &words);
    if (hg_verb_resolves(verb) && !getenv("HEADGATE_STATE_FD") && !needs_nothing(words.items))
        return resolve_here(program, &words);
    (void)execv(program, words.items);
    hg_fail_errno(err, HG_E_CONFIG, "cannot run %s", program);
    err->exit_code = HG_EXIT_CANNOT_RUN;
    return -1;
}

/* How many words of argv the global option at its front takes; 0: it is none. */
static size_t global_width(char **argv)
{
    const char *arg = argv[0];
    for (const struct hg_opt *o = hg_common_options; o->name; o++) {
        bool value = o->type != HG_OPT_BOOL && o->type != HG_OPT_COUNT;
        size_t n = strlen(o->name);
        if (hg_starts_with(arg, "--") && strncmp(arg + 2, o->name, n) == 0) {
            if (arg[2 + n] == '=')
                return 1;
            if (!arg[2 + n])
                return value && argv[1] ? 2 : 1;
        }
        if (o->letter && arg[0] == '-' && arg[1] == o->letter)
            return value && !arg[2] && argv[1] ? 2 : 1;
    }
    if (strcmp(arg, "--format") == 0)
        return argv[1] ? 2 : 1;
    static const char *const FLAGS[] = { "-q", "--quiet", "-v", "-vv", "--verbose" };
    for (size_t i = 0; i < HG_COUNT(FLAGS); i++)
        if (strcmp(arg, FLAGS[i]) == 0)
            return 1;
    return hg_starts_with(arg, "--format=");
}

static int run(char **argv, struct hg_err *err)
{
    size_t i = 1;
    for (; argv[i] && argv[i][0] == '-'; ) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return print_help();
        if (strcmp(argv[i], "--version") == 0) {
            hg_outf("headgate %s\n", hg_version);
            return HG_EXIT_YES;
        }
        size_t width = global_width(argv + i);
        if (!width) {
            HG_AUTO(hg_freep) char *shown = hg_printable(argv[i], 60);
            hg_fail(err, HG_E_USAGE, "unknown option %s before the verb", shown);
            return hg_hint(err, "`headgate --help` shows how");
        }
        i += width;
    }
    if (!argv[i]) {
        hg_fail(err, HG_E_USAGE, "which verb?");
        return hg_hint(err, "`headgate --help` lists them");
    }
    if (strcmp(argv[i], "help") != 0)
        return run_verb(argv[i], argv + 1, i - 1, argv + i + 1, err);
    if (!argv[i + 1])
        return print_help();
    char help[] = "--help";
    char *const args[] = { help, NULL };
    return run_verb(argv[i + 1], argv + 1, 0, (char **)(uintptr_t)args, err);
}

int main(int argc, char **argv)
{
    (void)argc;
    struct hg_err err = { 0 };
    hg_cli_standard_streams();
    hg_cli_first_process();
    if (hg_cli_wants_json(argv + 1))
        hg_cli_tell_signals();
    hg_log_init("headgate", HG_LOG_NOTE);
    int rc = run(argv, &err);
    if (rc < 0) {
        if (hg_cli_wants_json(argv + 1)) {
            HG_AUTO(hg_freep) char *json = hg_cli_error_json(&err);
            hg_outf("{\"error\":%s}\n", json);
        }
        hg_cli_print_error(&err);
        return hg_err_exit_code(&err);
    }
    return hg_cli_close_stdout(0, rc);
}
