/* SPDX-License-Identifier: Apache-2.0 */
#include "term/term.h"

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
        cmocka_unit_test(tables_align),
        cmocka_unit_test(styles_only_with_colour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
