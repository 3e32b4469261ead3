/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/internal.h"

#include <setjmp.h>
#include <stdarg.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static bool same(const char *a, const char *b)
{
    return hg_same_lines(a, strlen(a), b, strlen(b));
}

static void line_ends_do_not_count(void **state)
{
    (void)state;
    assert_true(same("", ""));
    assert_true(same("a\nb\n", "a\r\nb\r\n"));
    assert_true(same("a\nb\n", "a\rb\r"));
    assert_true(same("a\nb", "a\nb\r\n"));
    assert_false(same("a\nb", "a\nb\n\n"));
    assert_false(same("a\nb\n", "a\n\nb\n"));
    assert_false(same("a ", "a"));
    assert_false(same("", "a"));
}

static void the_first_difference_is_a_line(void **state)
{
    (void)state;
    assert_int_equal(hg_first_difference("a\nb\nc\n", 6, "a\nb\nd\n", 6), 3);
    assert_int_equal(hg_first_difference("a\r\nb", 4, "a\nc", 3), 2);
    assert_int_equal(hg_first_difference("x", 1, "y", 1), 1);
}

static void verdicts_have_names_and_exit_codes(void **state)
{
    (void)state;
    struct hg_gate g = HG_GATE_INIT;
    assert_null(hg_verdict_name(g.verdict));
    assert_int_equal(hg_gate_exit(&g), HG_EXIT_UNKNOWN);
    g.verdict = HG_VERDICT_OPEN;
    assert_string_equal(hg_verdict_name(g.verdict), "open");
    assert_int_equal(hg_gate_exit(&g), HG_EXIT_YES);
    g.verdict = HG_VERDICT_SHUT;
    assert_string_equal(hg_verdict_name(g.verdict), "shut");
    assert_int_equal(hg_gate_exit(&g), HG_EXIT_NO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_ends_do_not_count),
        cmocka_unit_test(the_first_difference_is_a_line),
        cmocka_unit_test(verdicts_have_names_and_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
