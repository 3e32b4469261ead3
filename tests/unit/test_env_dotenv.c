/* SPDX-License-Identifier: Apache-2.0 */
/* The measured table of docs/dotenv.md: each row in the three dialects. OTHER=oth is in the
 * environment, NOPE is not. */
#include "env/env.h"

#include <setjmp.h>
#include <stdarg.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

#define ERROR NULL

struct row {
    unsigned number;
    const char *text, *name;
    const char *docker, *compose, *python; /* the value of name, or ERROR */
};

static const struct row ROWS[] = {
    { 1, "V=plain", "V", "plain", "plain", "plain" },
    { 2, "V = spaced", "V", ERROR, "spaced", "spaced" },
    { 3, "export V=exp", "V", ERROR, "exp", "exp" },
    { 4, "V=", "V", "", "", "" },
    { 5, "V", "V", ERROR, ERROR, ERROR },
    { 6, "# V=c\nW=x", "W", "x", "x", "x" },
    { 7, "V=val # comment", "V", "val # comment", "val", "val" },
    { 8, "V=val#notcomment", "V", "val#notcomment", "val#notcomment", "val#notcomment" },
    { 9, "V=#hash", "V", "#hash", "#hash", "#hash" },
    { 10, "V=\"dq\"", "V", "\"dq\"", "dq", "dq" },
    { 11, "V='sq'", "V", "'sq'", "sq", "sq" },
    { 12, "V=\"a b\" # c", "V", "\"a b\" # c", "a b", "a b" },
    { 13, "V=\"a#b\"", "V", "\"a#b\"", "a#b", "a#b" },
    { 14, "V=\"a\\nb\"", "V", "\"a\\nb\"", "a\nb", "a\nb" },
    { 15, "V='a\\nb'", "V", "'a\\nb'", "a\\nb", "a\\nb" },
    { 16, "V=a\\nb", "V", "a\\nb", "a\\nb", "a\\nb" },
    { 17, "V=\"l1\nl2\"", "V", ERROR, "l1\nl2", "l1\nl2" },
    { 18, "V=${OTHER}", "V", "${OTHER}", "oth", "oth" },
    { 19, "V=$OTHER", "V", "$OTHER", "oth", "$OTHER" },
    { 20, "V=\"${OTHER}\"", "V", "\"${OTHER}\"", "oth", "oth" },
    { 21, "V='${OTHER}'", "V", "'${OTHER}'", "${OTHER}", "oth" },
    { 22, "V=${NOPE:-dflt}", "V", "${NOPE:-dflt}", "dflt", "dflt" },
    { 23, "V=${NOPE-dflt}", "V", "${NOPE-dflt}", "dflt", "" },
    { 24, "V=${OTHER:+alt}", "V", "${OTHER:+alt}", "alt", "${OTHER:+alt}" },
    { 25, "V=${NOPE:?msg}", "V", "${NOPE:?msg}", ERROR, "${NOPE:?msg}" },
    { 26, "V=$$OTHER", "V", "$$OTHER", "$OTHER", "$$OTHER" },
    { 27, "V=a\\$OTHER", "V", "a\\$OTHER", "a\\oth", "a\\$OTHER" },
    { 28, "V=pa$$w0rd", "V", "pa$$w0rd", "pa$w0rd", "pa$$w0rd" },
    { 29, "V=\"it\\\"s\"", "V", "\"it\\\"s\"", "it\"s", "it\"s" },
    { 30, "V='it\\'s'", "V", "'it\\'s'", "it's", "it's" },
    { 31, "V=`date`", "V", "`date`", "`date`", "`date`" },
    { 32, "V=$(echo hi)", "V", "$(echo hi)", "$(echo hi)", "$(echo hi)" },
    { 33, "V: yaml", "V", ERROR, "yaml", ERROR },
    { 34, "  V=indent  ", "V", "indent  ", "indent", "indent" },
    { 35, "V=a=b==", "V", "a=b==", "a=b==", "a=b==" },
    { 36, "V=has \"inner\" q", "V", "has \"inner\" q", "has \"inner\" q", "has \"inner\" q" },
    { 37, "V=\"unterminated", "V", "\"unterminated", ERROR, ERROR },
    { 38, "\xef\xbb\xbfV=bom", "V", "bom", "bom", "bom" },
    { 39, "V=crlf\r\n", "V", "crlf", "crlf", "crlf" },
    { 40, "V='a'b", "V", "'a'b", "a", ERROR },
    { 41, "V.x=dot", "V.x", "dot", "dot", "dot" },
    { 42, "V-x=dash", "V-x", "dash", "dash", "dash" },
    { 43, "V=\"a\\tb\\\\c\"", "V", "\"a\\tb\\\\c\"", "a\tb\\c", "a\tb\\c" },
};

static void check(const struct row *row, enum hg_dotenv_dialect dialect, const char *expected,
                  const char *tail)
{
    HG_AUTO(hg_vars_done) struct hg_vars lookup = HG_VARS_INIT;
    HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
    struct hg_err err = { 0 };
    hg_vars_set(&lookup, "OTHER", "oth", "process");
    HG_AUTO(hg_freep) char *text = hg_xasprintf("%s%s", row->text, tail);
    int rc = hg_dotenv_parse(text, strlen(text), "x/.env", dialect, &lookup, &got, &err);
    if (!expected) {
        if (rc == 0)
            print_error("row %u is accepted in dialect %d\n", row->number, (int)dialect);
        assert_int_equal(rc, -1);
        assert_true(hg_starts_with(err.message, "x/.env:"));
        assert_int_equal(err.kind, HG_E_CONFIG);
        return;
    }
    if (rc < 0)
        print_error("row %u dialect %d: %s\n", row->number, (int)dialect, err.message);
    assert_int_equal(rc, 0);
    const char *value = hg_vars_get(&got, row->name);
    if (!hg_streq(value, expected))
        print_error("row %u dialect %d\n", row->number, (int)dialect);
    assert_non_null(value);
    assert_string_equal(value, expected);
}

static void every_row_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < HG_COUNT(ROWS); i++) {
        assert_int_equal(ROWS[i].number, i + 1);
        for (int newline = 0; newline < 2; newline++) {
            const char *tail = newline ? "\n" : "";
            check(&ROWS[i], HG_DOTENV_DOCKER, ROWS[i].docker, tail);
            check(&ROWS[i], HG_DOTENV_COMPOSE, ROWS[i].compose, tail);
            check(&ROWS[i], HG_DOTENV_PYTHON, ROWS[i].python, tail);
        }
    }
}

static void expect_error(enum hg_dotenv_dialect dialect, const char *text, size_t len,
                         const char *message)
{
    HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
    struct hg_err err = { 0 };
    assert_int_equal(hg_dotenv_parse(text, len, "f", dialect, NULL, &got, &err), -1);
    if (!strstr(err.message, message))
        print_error("%s\n", err.message);
    assert_non_null(strstr(err.message, message));
}

static void errors_name_file_line_and_reason(void **state)
{
    (void)state;
#define EXPECT(dialect, text, message) expect_error(dialect, text, sizeof(text) - 1, message)
    EXPECT(HG_DOTENV_PYTHON, "A=1\n\nB=\"l1\nl2\"\nC='open\nD=1\n", "f:5: the quote is not closed");
    EXPECT(HG_DOTENV_PYTHON, "A=1\r\nB\r\n", "f:2: \"=\" is missing");
    EXPECT(HG_DOTENV_PYTHON, "A=1\n=x\n", "f:2: a name must stand");
    EXPECT(HG_DOTENV_COMPOSE, "A=1\nB=\"l1\nl2\"\nC!=2\n", "f:4: a character");
    EXPECT(HG_DOTENV_COMPOSE, "A=1\nB=${A\n", "f:2: \"${\" begins no reference");
    EXPECT(HG_DOTENV_COMPOSE, "A=1\nB=${NOPE:?say ${A}}\n", "f:2: ${NOPE} is required: say 1");
    EXPECT(HG_DOTENV_COMPOSE, "A B=1\n", "f:1: the name contains a blank");
    EXPECT(HG_DOTENV_DOCKER, "A=1\n# c\nexport B=1\n", "f:3: the name contains a blank");
    EXPECT(HG_DOTENV_DOCKER, "A=1\nB=\"l1\nl2\"\n", "f:3: a name without");
    EXPECT(HG_DOTENV_DOCKER, "A=1\n=2\n", "f:2: no name");
    EXPECT(HG_DOTENV_DOCKER, "A=1\0B=2\n", "f:1: a NUL byte");
    EXPECT(HG_DOTENV_PYTHON, "A=1\nB=\xff\n", "f:2: not valid UTF-8");
#undef EXPECT
}

static void values_keep_their_source_and_later_lines_win(void **state)
{
    (void)state;
    static const char text[] = "A=1\nB=${A}-${C:-c}\nA=2\nD=${A}\n";
    for (int dialect = HG_DOTENV_PYTHON; dialect <= HG_DOTENV_COMPOSE; dialect++) {
        HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
        struct hg_err err = { 0 };
        assert_int_equal(hg_dotenv_parse(text, sizeof text - 1, "backend/.env",
                                         (enum hg_dotenv_dialect)dialect, NULL, &got, &err), 0);
        assert_string_equal(hg_vars_get(&got, "B"), "1-c");
        assert_string_equal(hg_vars_get(&got, "D"), "2");
        assert_string_equal(hg_vars_find(&got, "A")->source, "backend/.env:3");
        assert_string_equal(hg_vars_find(&got, "B")->source, "backend/.env:2");
    }
}

static void the_environment_is_asked_before_the_file(void **state)
{
    (void)state;
    static const char text[] = "HOST=file\nURL=postgresql://${HOST}/x\nOTHER\n";
    HG_AUTO(hg_vars_done) struct hg_vars lookup = HG_VARS_INIT;
    HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
    struct hg_err err = { 0 };
    hg_vars_set(&lookup, "HOST", "shell", "process");
    hg_vars_set(&lookup, "OTHER", "given", "process");
    assert_int_equal(hg_dotenv_parse(text, sizeof text - 1, "f", HG_DOTENV_COMPOSE, &lookup, &got,
                                     &err), 0);
    assert_string_equal(hg_vars_get(&got, "URL"), "postgresql://shell/x");
    assert_string_equal(hg_vars_get(&got, "OTHER"), "given");
}

static void printed_lines_are_read_back(void **state)
{
    (void)state;
    static const char *const VALUES[] = {
        "plain", "", "a b", " edges ", "with#hash", "it's", "say \"x\"", "back\\slash", "l1\nl2",
        "cr\rlf\r\n", "$dollar and ${OTHER}", "`tick`", "tab\t", "=a=b",
    };
    for (size_t i = 0; i < HG_COUNT(VALUES); i++) {
        for (int dialect = HG_DOTENV_PYTHON; dialect <= HG_DOTENV_COMPOSE; dialect++) {
            if (dialect == HG_DOTENV_PYTHON && strstr(VALUES[i], "${"))
                continue; /* python-dotenv has no spelling for a literal "${" */
            HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
            HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
            struct hg_err err = { 0 };
            hg_dotenv_print(&b, "V", VALUES[i]);
            int rc = hg_dotenv_parse(b.data, b.len, "f", (enum hg_dotenv_dialect)dialect, NULL,
                                     &got, &err);
            if (rc < 0 || !hg_streq(hg_vars_get(&got, "V"), VALUES[i]))
                print_error("dialect %d: %s -> %s (%s)\n", dialect, b.data,
                            hg_vars_get(&got, "V"), err.message);
            assert_string_equal(hg_vars_get(&got, "V"), VALUES[i]);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table),
        cmocka_unit_test(errors_name_file_line_and_reason),
        cmocka_unit_test(values_keep_their_source_and_later_lines_win),
        cmocka_unit_test(the_environment_is_asked_before_the_file),
        cmocka_unit_test(printed_lines_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
