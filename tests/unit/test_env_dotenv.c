/* SPDX-License-Identifier: Apache-2.0 */
/* The measured table of docs/dotenv.md: each row in the four dialects. OTHER=oth is in the
 * environment, NOPE is not. */
#include "env/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

#define ERROR  NULL          /* the whole file is refused */
static const char NO_KEY[] = "no key"; /* the line is dropped, and that is told */

struct row {
    unsigned number;
    const char *text, *name;
    const char *docker, *compose, *python, *node; /* the value of name, or one of the above */
};

static const struct row ROWS[] = {
    { 1, "V=plain", "V", "plain", "plain", "plain", "plain" },
    { 2, "V = spaced", "V", ERROR, "spaced", "spaced", "spaced" },
    { 3, "export V=exp", "V", ERROR, "exp", "exp", "exp" },
    { 4, "V=", "V", "", "", "", "" },
    { 5, "V", "V", NO_KEY, NO_KEY, NO_KEY, NO_KEY },
    { 6, "# V=c\nW=x", "W", "x", "x", "x", "x" },
    { 7, "V=val # comment", "V", "val # comment", "val", "val", "val" },
    { 8, "V=val#notcomment", "V", "val#notcomment", "val#notcomment", "val#notcomment", "val" },
    { 9, "V=#hash", "V", "#hash", "#hash", "#hash", "" },
    { 10, "V=\"dq\"", "V", "\"dq\"", "dq", "dq", "dq" },
    { 11, "V='sq'", "V", "'sq'", "sq", "sq", "sq" },
    { 12, "V=\"a b\" # c", "V", "\"a b\" # c", "a b", "a b", "a b" },
    { 13, "V=\"a#b\"", "V", "\"a#b\"", "a#b", "a#b", "a#b" },
    { 14, "V=\"a\\nb\"", "V", "\"a\\nb\"", "a\nb", "a\nb", "a\nb" },
    { 15, "V='a\\nb'", "V", "'a\\nb'", "a\\nb", "a\\nb", "a\\nb" },
    { 16, "V=a\\nb", "V", "a\\nb", "a\\nb", "a\\nb", "a\\nb" },
    { 17, "V=\"l1\nl2\"", "V", "\"l1", "l1\nl2", "l1\nl2", "l1\nl2" },
    { 18, "V=${OTHER}", "V", "${OTHER}", "oth", "oth", "${OTHER}" },
    { 19, "V=$OTHER", "V", "$OTHER", "oth", "$OTHER", "$OTHER" },
    { 20, "V=\"${OTHER}\"", "V", "\"${OTHER}\"", "oth", "oth", "${OTHER}" },
    { 21, "V='${OTHER}'", "V", "'${OTHER}'", "${OTHER}", "oth", "${OTHER}" },
    { 22, "V=${NOPE:-dflt}", "V", "${NOPE:-dflt}", "dflt", "dflt", "${NOPE:-dflt}" },
    { 23, "V=${NOPE-dflt}", "V", "${NOPE-dflt}", "dflt", "", "${NOPE-dflt}" },
    { 24, "V=${OTHER:+alt}", "V", "${OTHER:+alt}", "alt", "${OTHER:+alt}", "${OTHER:+alt}" },
    { 25, "V=${NOPE:?msg}", "V", "${NOPE:?msg}", ERROR, "${NOPE:?msg}", "${NOPE:?msg}" },
    { 26, "V=$$OTHER", "V", "$$OTHER", "$OTHER", "$$OTHER", "$$OTHER" },
    { 27, "V=a\\$OTHER", "V", "a\\$OTHER", "a\\oth", "a\\$OTHER", "a\\$OTHER" },
    { 28, "V=pa$$w0rd", "V", "pa$$w0rd", "pa$w0rd", "pa$$w0rd", "pa$$w0rd" },
    { 29, "V=\"it\\\"s\"", "V", "\"it\\\"s\"", "it\"s", "it\"s", "it\\" },
    { 30, "V='it\\'s'", "V", "'it\\'s'", "it's", "it's", "it\\" },
    { 31, "V=`date`", "V", "`date`", "`date`", "`date`", "date" },
    { 32, "V=$(echo hi)", "V", "$(echo hi)", "$(echo hi)", "$(echo hi)", "$(echo hi)" },
    { 33, "V: yaml", "V", ERROR, "yaml", NO_KEY, NO_KEY },
    { 34, "  V=indent  ", "V", "indent  ", "indent", "indent", "indent" },
    { 35, "V=a=b==", "V", "a=b==", "a=b==", "a=b==", "a=b==" },
    { 36, "V=has \"inner\" q", "V", "has \"inner\" q", "has \"inner\" q", "has \"inner\" q",
      "has \"inner\" q" },
    { 37, "V=\"unterminated", "V", "\"unterminated", ERROR, NO_KEY, "\"unterminated" },
    { 38, "\xef\xbb\xbfV=bom", "V", "bom", "bom", "bom", NO_KEY }, /* Node: below */
    { 39, "V=crlf\r\n", "V", "crlf", "crlf", "crlf", "crlf" },
    { 40, "V='a'b", "V", "'a'b", "a", NO_KEY, "a" },
    { 41, "V.x=dot", "V.x", "dot", "dot", "dot", "dot" },
    { 42, "V-x=dash", "V-x", "dash", "dash", "dash", "dash" },
    { 43, "V=\"a\\tb\\\\c\"", "V", "\"a\\tb\\\\c\"", "a\tb\\c", "a\tb\\c", "a\\tb\\\\c" },
};

static void check(const struct row *row, enum hg_dotenv_dialect dialect, const char *expected,
                  const char *tail)
{
    HG_AUTO(hg_vars_done) struct hg_vars lookup = HG_VARS_INIT;
    HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
    HG_AUTO(hg_dotenv_notes_done) struct hg_dotenv_notes dropped = HG_DOTENV_NOTES_INIT;
    struct hg_err err = { 0 };
    hg_vars_set(&lookup, "OTHER", "oth", "process");
    HG_AUTO(hg_freep) char *text = hg_xasprintf("%s%s", row->text, tail);
    int rc = hg_dotenv_parse(text, strlen(text), "x/.env", dialect, &lookup, &got, &dropped, &err);
    if (rc != (expected ? 0 : -1))
        print_error("row %u dialect %d: %d %s\n", row->number, (int)dialect, rc, err.message);
    assert_int_equal(rc, expected ? 0 : -1);
    if (!expected) {
        assert_true(hg_starts_with(err.message, "x/.env:"));
        assert_int_equal(err.kind, HG_E_CONFIG);
        return;
    }
    const char *value = hg_vars_get(&got, row->name);
    if (expected == NO_KEY) {
        assert_null(value);
        assert_true(dropped.count >= 1);
        assert_int_equal(dropped.items[0].line, 1);
        return;
    }
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
            if (i + 1 == 38) { /* Node takes the byte order mark for a letter of the name */
                struct row row = ROWS[i];
                HG_AUTO(hg_freep) char *name = hg_xstrndup(row.text, 4);
                row.name = name;
                check(&row, HG_DOTENV_NODE, "bom", tail);
                continue;
            }
            /* Node drops an open quote where not even a line end follows. */
            check(&ROWS[i], HG_DOTENV_NODE, i + 1 == 37 && !newline ? NO_KEY : ROWS[i].node, tail);
        }
    }
}

static void expect_error(enum hg_dotenv_dialect dialect, const char *text, size_t len,
                         const char *message)
{
    HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
    struct hg_err err = { 0 };
    assert_int_equal(hg_dotenv_parse(text, len, "f", dialect, NULL, &got, NULL, &err), -1);
    if (!strstr(err.message, message))
        print_error("%s\n", err.message);
    assert_non_null(strstr(err.message, message));
}

static void errors_name_file_line_and_reason(void **state)
{
    (void)state;
#define EXPECT(dialect, text, message) expect_error(dialect, text, sizeof(text) - 1, message)
    EXPECT(HG_DOTENV_COMPOSE, "A=1\nB=\"l1\nl2\"\nC!=2\n", "f:4: a character");
    EXPECT(HG_DOTENV_COMPOSE, "A=1\nB=${A\n", "f:2: \"${\" begins no reference");
    EXPECT(HG_DOTENV_COMPOSE, "A=1\nB=${NOPE:?say ${A}}\n", "f:2: ${NOPE} is required: say 1");
    EXPECT(HG_DOTENV_COMPOSE, "A B=1\n", "f:1: the name contains a blank");
    EXPECT(HG_DOTENV_DOCKER, "A=1\n# c\nexport B=1\n", "f:3: the name contains a blank");
    EXPECT(HG_DOTENV_DOCKER, "A=1\n=2\n", "f:2: no name");
    EXPECT(HG_DOTENV_DOCKER, "A=1\0B=2\n", "f:1: a NUL byte");
    EXPECT(HG_DOTENV_PYTHON, "A=1\nB=\xff\n", "f:2: not valid UTF-8");
#undef EXPECT
}

static void expect_drop(enum hg_dotenv_dialect dialect, const char *text, size_t line,
                        const char *message, const char *kept)
{
    HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
    HG_AUTO(hg_dotenv_notes_done) struct hg_dotenv_notes dropped = HG_DOTENV_NOTES_INIT;
    struct hg_err err = { 0 };
    assert_int_equal(hg_dotenv_parse(text, strlen(text), "f", dialect, NULL, &got, &dropped, &err),
                     0);
    assert_int_equal(dropped.count, 1);
    assert_int_equal(dropped.items[0].line, line);
    assert_non_null(strstr(dropped.items[0].text, message));
    assert_non_null(hg_vars_get(&got, kept));
}

static void dropped_lines_are_told_and_the_rest_is_read(void **state)
{
    (void)state;
    expect_drop(HG_DOTENV_PYTHON, "A=1\n\nB=\"l1\nl2\"\nC='open\nD=1\n", 5,
                "the quote is not closed", "D");
    expect_drop(HG_DOTENV_PYTHON, "A=1\r\nB\r\nC=1\r\n", 2, "a name without", "C");
    expect_drop(HG_DOTENV_PYTHON, "A=1\n=x\nC=1", 2, "a name must stand", "C");
    expect_drop(HG_DOTENV_PYTHON, "V='a'b\nC=1\n", 1, "text behind the closing quote", "C");
    expect_drop(HG_DOTENV_DOCKER, "A=1\nB=\"l1\nl2\"\nC=1\n", 3, "a name without", "C");
    expect_drop(HG_DOTENV_COMPOSE, "A=1\nB\nC=1\n", 2, "a name without", "C");
    expect_drop(HG_DOTENV_COMPOSE, "A=1\nB='x' y\nC=1\n", 2, "follows the closing quote", "C");
    expect_drop(HG_DOTENV_NODE, "A=1\n=x\nC=1\n", 2, "reads nothing from here on", "A");
    expect_drop(HG_DOTENV_NODE, "A=1\nB\nC=1\n", 2, "makes one name", "B\nC");
}

/* note: "LINE NAME: TEXT", one a line. */
static void expect_notes(enum hg_dotenv_dialect own, const char *text, const char *expected)
{
    HG_AUTO(hg_dotenv_notes_done) struct hg_dotenv_notes notes = HG_DOTENV_NOTES_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    HG_AUTO(hg_vars_done) struct hg_vars lookup = HG_VARS_INIT;
    struct hg_err err = { 0 };
    hg_vars_set(&lookup, "OTHER", "oth", "process");
    assert_int_equal(hg_dotenv_compare(text, strlen(text), "x/.env", own, &lookup, &notes, &err), 0);
    for (size_t i = 0; i < notes.count; i++)
        hg_buf_addf(&b, "%zu %s: %s\n", notes.items[i].line,
                    notes.items[i].name ? notes.items[i].name : "-", notes.items[i].text);
    assert_string_equal(hg_buf_str(&b), expected);
}

static void dialects_are_compared(void **state)
{
    (void)state;
    expect_notes(HG_DOTENV_COMPOSE, "A=1\n# c\n\nB=a=b==\n", "");
    expect_notes(HG_DOTENV_COMPOSE, "A=1\nB=val#x\nC=pa$$w0rd\nD=\"q\"\n",
                 "2 B: node cuts the value at \"#\"\n"
                 "3 C: docker takes \"$\" as it is; python-dotenv keeps both of \"$$\"; node takes "
                 "\"$\" as it is\n"
                 "4 D: docker keeps the quotes as part of the value\n");
    expect_notes(HG_DOTENV_COMPOSE, "export A=1\nB='x'\nC=1 # c\n",
                 "1 -: docker refuses the whole file: the name contains a blank: docker refuses the "
                 "file\n"
                 "2 B: docker keeps the quotes as part of the value\n"
                 "3 C: docker keeps the comment as part of the value\n");
    expect_notes(HG_DOTENV_PYTHON, "A=${OTHER}\nB=\"${A}\"\nC='${A}'\n",
                 "1 A: docker takes \"$\" as it is; node takes \"$\" as it is\n"
                 "2 B: docker keeps the quotes as part of the value; node takes \"$\" as it is\n"
                 "3 C: compose expands \"$NAME\" and \"${NAME}\"; docker keeps the quotes as part of "
                 "the value; node takes \"$\" as it is\n");
    expect_notes(HG_DOTENV_PYTHON, "A\nB=1\n",
                 "1 A: python-dotenv: a name without \"=\" sets nothing\n"
                 "2 B: node does not set it\n");
    /* compose refuses the file, but what it would make of B, which needs A, is told. */
    expect_notes(HG_DOTENV_DOCKER, "A=1\nB=${A}${OTHER}\nC=\"x\n",
                 "2 B: compose expands \"$NAME\" and \"${NAME}\"; python-dotenv expands \"${NAME}\" only, also in "
                 "single quotes\n"
                 "3 -: compose refuses the whole file: the quote is not closed\n"
                 "3 C: python-dotenv does not set it\n");
}

/* The process's time, not the clock's: others may keep the processor busy. */
static void a_long_file_is_compared_in_time(void **state)
{
    (void)state;
    HG_AUTO(hg_dotenv_notes_done) struct hg_dotenv_notes notes = HG_DOTENV_NOTES_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_err err = { 0 };
    for (unsigned i = 0; i < 20000; i++) /* docker refuses `export`, and is asked line by line */
        hg_buf_addf(&text, "export NAME_%u=value\n", i);
    clock_t began = clock();
    assert_int_equal(hg_dotenv_compare(hg_buf_str(&text), text.len, ".env", HG_DOTENV_COMPOSE, NULL, &notes,
                                       &err), 0);
    assert_true(clock() - began < 15 * CLOCKS_PER_SEC);
    assert_int_equal(notes.count, 1);
}

static void values_keep_their_source_and_later_lines_win(void **state)
{
    (void)state;
    static const char text[] = "A=1\nB=${A}-${C:-c}\nA=2\nD=${A}\n";
    for (int dialect = HG_DOTENV_COMPOSE; dialect <= HG_DOTENV_PYTHON; dialect += 2) {
        HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
        struct hg_err err = { 0 };
        assert_int_equal(hg_dotenv_parse(text, sizeof text - 1, "backend/.env",
                                         (enum hg_dotenv_dialect)dialect, NULL, &got, NULL, &err), 0);
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
                                     NULL, &err), 0);
    assert_string_equal(hg_vars_get(&got, "URL"), "postgresql://shell/x");
    assert_string_equal(hg_vars_get(&got, "OTHER"), "given");
}

static void printed_lines_are_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        unsigned unread; /* a bit for each dialect that has no spelling of it */
    } VALUES[] = {
        { "plain", 0 },
        { "", 0 },
        { "a b", 0 },
        { "=a=b", 0 },
        { "it's", 0 },
        { "say \"x\"", 0 },
        { "back\\slash", 0 },
        { " edges ", 1u << HG_DOTENV_DOCKER },
        { "with#hash", 1u << HG_DOTENV_DOCKER },
        { "l1\nl2", 1u << HG_DOTENV_DOCKER },
        { "$dollar and ${OTHER}", 1u << HG_DOTENV_DOCKER | 1u << HG_DOTENV_PYTHON },
        { "pa$$word", 1u << HG_DOTENV_DOCKER },
        { "`tick`", 1u << HG_DOTENV_DOCKER },
        { "cr\rlf\r\n", 1u << HG_DOTENV_DOCKER | 1u << HG_DOTENV_NODE },
        { "tab\t", 1u << HG_DOTENV_DOCKER },
    };
    for (size_t i = 0; i < HG_COUNT(VALUES); i++) {
        HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
        unsigned unread;
        hg_dotenv_print(&b, "V", VALUES[i].value, &unread);
        if (unread != VALUES[i].unread)
            print_error("%s: %s: %x\n", VALUES[i].value, b.data, unread);
        assert_int_equal(unread, VALUES[i].unread);
        assert_int_equal(hg_dotenv_portable("V", VALUES[i].value), !unread);
        for (unsigned dialect = 0; dialect < HG_DOTENV_DIALECTS; dialect++) {
            if (unread >> dialect & 1)
                continue;
            HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
            struct hg_err err = { 0 };
            assert_int_equal(hg_dotenv_parse(b.data, b.len, "f", (enum hg_dotenv_dialect)dialect,
                                             NULL, &got, NULL, &err), 0);
            assert_string_equal(hg_vars_get(&got, "V"), VALUES[i].value);
        }
    }
    HG_AUTO(hg_buf_done) struct hg_buf none = HG_BUF_INIT;
    unsigned unread;
    hg_dotenv_print(&none, "A B", "x", &unread);
    assert_int_equal(none.len, 0);
    assert_int_equal(unread, 15);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table),
        cmocka_unit_test(errors_name_file_line_and_reason),
        cmocka_unit_test(dropped_lines_are_told_and_the_rest_is_read),
        cmocka_unit_test(dialects_are_compared),
        cmocka_unit_test(a_long_file_is_compared_in_time),
        cmocka_unit_test(values_keep_their_source_and_later_lines_win),
        cmocka_unit_test(the_environment_is_asked_before_the_file),
        cmocka_unit_test(printed_lines_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
