/* SPDX-License-Identifier: Apache-2.0 */
#include "term/term.h"

#include <pty.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static void widths_are_columns_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(hg_term_width("é ●"), 3);
    assert_int_equal(hg_term_width("日本"), 4);
    assert_int_equal(hg_term_width("\x1b[31mred\x1b[0m"), 3);
    assert_int_equal(hg_term_width("\xff\xc3"), 2);
    assert_int_equal(hg_term_width(""), 0);
}

/* cut to columns: the text and the columns that it says it takes. */
static void cut_is(const char *s, size_t columns, bool utf8, const char *wanted)
{
    struct hg_buf b = HG_BUF_INIT;
    size_t width = hg_term_cut(&b, s, columns, utf8);
    assert_string_equal(hg_buf_str(&b), wanted);
    assert_int_equal(width, hg_term_width(wanted));
    assert_true(width <= columns);
    hg_buf_done(&b);
}

static void cuts_at_columns(void **state)
{
    (void)state;
    cut_is("alter", 5, true, "alter");
    cut_is("alter", 4, true, "alt…");
    cut_is("alter", 4, false, "a...");
    cut_is("alter", 2, false, "");
    cut_is("alter", 0, true, "");
    cut_is("", 0, true, "");
    cut_is("日本語", 6, true, "日本語");
    cut_is("日本語", 5, true, "日本…");
    cut_is("日本語", 4, true, "日…"); /* half of a wide character is none of it */
    cut_is("日本語", 1, true, "…");
    cut_is("e\xcc\x81" "e\xcc\x81" "e", 2, true, "e\xcc\x81…"); /* the accent stays with its letter */
    cut_is("\xe6\x97", 1, true, "…"); /* the beginning of a character at the very end */
}

static void the_live_line_wants_a_terminal(void **state)
{
    (void)state;
    int pipe_ends[2], master, slave;
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    (void)setenv("TERM", "xterm", 1);
    (void)unsetenv("CI");
    assert_true(hg_term_live(slave));
    assert_false(hg_term_live(pipe_ends[1]));
    (void)setenv("CI", "true", 1);
    assert_false(hg_term_live(slave));
    (void)unsetenv("CI");
    (void)setenv("TERM", "dumb", 1);
    assert_false(hg_term_live(slave));
    (void)unsetenv("TERM");
    assert_false(hg_term_live(slave));
    const int open_now[] = { pipe_ends[0], pipe_ends[1], master, slave };
    for (size_t i = 0; i < HG_COUNT(open_now); i++)
        (void)close(open_now[i]);
}

static void the_live_line_is_cleared_once(void **state)
{
    (void)state;
    int ends[2];
    char got[64];
    assert_int_equal(pipe(ends), 0);
    struct hg_term_line line = { .fd = ends[1] };
    hg_term_line_clear(&line); /* nothing is shown, nothing is written */
    hg_term_line_draw(&line, "one");
    hg_term_line_clear(&line);
    hg_term_line_clear(&line);
    ssize_t len = read(ends[0], got, sizeof got - 1);
    assert_true(len > 0);
    got[len] = '\0';
    assert_string_equal(got, "\rone\x1b[K\r\x1b[K");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void tables_align(void **state)
{
    (void)state;
    struct hg_table t;
    hg_table_init(&t, 3);
    static const char *const cells[] = { "a", "日本", "x", "bbb", "c", "" };
    for (size_t i = 0; i < HG_COUNT(cells); i++)
        hg_table_cell(&t, cells[i]);
    struct hg_buf b = HG_BUF_INIT;
    hg_table_print(&t, "  ", &b);
    assert_string_equal(b.data, "  a    日本  x\n  bbb  c\n");
    hg_buf_done(&b);
    hg_table_done(&t);
}

static void styles_only_with_colour(void **state)
{
    (void)state;
    struct hg_buf b = HG_BUF_INIT;
    hg_term_add(&b, false, HG_RED, "no");
    hg_term_add(&b, true, HG_RED, "shut");
    assert_string_equal(b.data, "no\x1b[31mshut\x1b[0m");
    hg_buf_done(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_are_columns_not_bytes),
        cmocka_unit_test(cuts_at_columns),
        cmocka_unit_test(the_live_line_wants_a_terminal),
        cmocka_unit_test(the_live_line_is_cleared_once),
        cmocka_unit_test(tables_align),
        cmocka_unit_test(styles_only_with_colour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
