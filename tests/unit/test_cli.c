/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

struct options {
    struct hg_common common;
    bool check;
    const char *name;
    int64_t wait_ns, number;
    struct hg_strv sets;
};

static const struct hg_opt OPTIONS[] = {
    { "check", 0, HG_OPT_BOOL, offsetof(struct options, check), .help = "check" },
    { "name", 'n', HG_OPT_STRING, offsetof(struct options, name), .metavar = "NAME",
      .env = "HGT_NAME", .help = "name" },
    { "lock-wait", 0, HG_OPT_SECONDS, offsetof(struct options, wait_ns), .metavar = "S",
      .help = "wait" },
    { "number", 0, HG_OPT_INT, offsetof(struct options, number), .metavar = "N", .help = "n" },
    { "set", 0, HG_OPT_LIST, offsetof(struct options, sets), .metavar = "X", .help = "x" },
    { 0 },
};
static const struct hg_cmd CMD = { .name = "try", .summary = "try it", .args = "[A]",
                                   .formats = "text|json", .options = OPTIONS, .max_args = 1 };
static const struct hg_cmd WRAP = { .name = "wrap", .summary = "wrap", .args = "-- COMMAND",
                                    .options = OPTIONS, .min_args = 1, .wrapper = true };
static const struct hg_cmd BACK = { .name = "back", .summary = "back", .args = "REVISION|-N",
                                    .options = OPTIONS, .min_args = 1, .max_args = 1,
                                    .negative_args = true };

static struct options options;
static struct hg_strv args;
static struct hg_err err;

static int parse(const struct hg_cmd *cmd, ...)
{
    char *argv[16] = { (char *)"headgate" };
    int argc = 1;
    va_list ap;
    va_start(ap, cmd);
    for (char *arg; (arg = va_arg(ap, char *));)
        argv[argc++] = arg;
    va_end(ap);
    hg_strv_done(&args);
    hg_strv_done(&options.sets);
    hg_strv_done(&options.common.from);
    memset(&options, 0, sizeof options);
    return hg_cli_parse(cmd, argc, argv, &options, &args, &err);
}

static void every_spelling(void **state)
{
    (void)state;
    assert_int_equal(parse(&CMD, "--check", "--name=x y", "-t", "prod", "--lock-wait", "1.5", "pos",
                           "-vv", "--format", "json", "--set", "a", "--set=b", NULL), 0);
    assert_true(options.check);
    assert_string_equal(options.name, "x y");
    assert_string_equal(options.common.target, "prod");
    assert_int_equal(options.wait_ns, 1500 * HG_NS_PER_MS);
    assert_int_equal(options.common.verbose, 2);
    assert_string_equal(options.common.format, "json");
    assert_int_equal(options.sets.count, 2);
    assert_string_equal(args.items[0], "pos");
    assert_int_equal(parse(&CMD, "-nx", "-qtprod", NULL), 0);
    assert_string_equal(options.name, "x");
    assert_true(options.common.quiet);
    assert_string_equal(options.common.target, "prod");
}

static void mistakes_are_named(void **state)
{
    (void)state;
    assert_int_equal(parse(&CMD, "--chek", NULL), -1);
    assert_int_equal(err.kind, HG_E_USAGE);
    assert_non_null(strstr(err.hint, "--check"));
    assert_int_equal(parse(&CMD, "--che", NULL), -1); /* no abbreviations */
    assert_int_equal(parse(&CMD, "--check=yes", NULL), -1);
    assert_int_equal(parse(&CMD, "--name", NULL), -1);
    assert_int_equal(parse(&CMD, "--number", "1x", NULL), -1);
    assert_int_equal(parse(&CMD, "--lock-wait", "soon", NULL), -1);
    assert_int_equal(parse(&CMD, "--format", "xml", NULL), -1);
    assert_non_null(strstr(err.message, "text|json"));
    assert_int_equal(parse(&CMD, "a", "b", NULL), -1);
    assert_int_equal(parse(&WRAP, NULL), -1);
    assert_int_equal(parse(&WRAP, "--format", "json", "x", NULL), -1); /* it has none */
}

static void a_wrapper_leaves_its_command_alone(void **state)
{
    (void)state;
    assert_int_equal(parse(&WRAP, "--check", "ls", "--check", "-v", "--", "x", NULL), 0);
    assert_int_equal(args.count, 5);
    assert_string_equal(args.items[1], "--check");
    assert_string_equal(args.items[3], "--");
    assert_int_equal(parse(&WRAP, "--", "--check", NULL), 0);
    assert_false(options.check);
    assert_string_equal(args.items[0], "--check");
}

static void negative_numbers_are_arguments_where_asked(void **state)
{
    (void)state;
    assert_int_equal(parse(&BACK, "-1", "--check", NULL), 0);
    assert_string_equal(args.items[0], "-1");
    assert_int_equal(parse(&CMD, "-1", NULL), -1);
}

static void the_environment_is_below_the_flag(void **state)
{
    (void)state;
    setenv("HGT_NAME", "env", 1);
    assert_int_equal(parse(&CMD, NULL), 0);
    assert_string_equal(options.name, "env");
    assert_int_equal(parse(&CMD, "-n", "flag", NULL), 0);
    assert_string_equal(options.name, "flag");
    unsetenv("HGT_NAME");
}

static void an_error_is_one_json_object(void **state)
{
    (void)state;
    hg_fail(&err, HG_E_DATABASE, "no \"answer\"");
    char *json = hg_cli_error_json(&err);
    assert_string_equal(json, "{\"kind\":\"database\",\"message\":\"no \\\"answer\\\"\",\"detail\":null,"
                              "\"hint\":null,\"exit_code\":3}");
    free(json);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_wrapper_leaves_its_command_alone),
        cmocka_unit_test(negative_numbers_are_arguments_where_asked),
        cmocka_unit_test(the_environment_is_below_the_flag),
        cmocka_unit_test(an_error_is_one_json_object),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hg_strv_done(&args);
    hg_strv_done(&options.sets);
    return failed;
}
