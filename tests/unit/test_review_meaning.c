/* SPDX-License-Identifier: Apache-2.0 */
#include "review/review.h"

#include <setjmp.h>
#include <stdarg.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static bool same(const char *a, const char *b)
{
    int x, y, u, v;
    bool forth = hg_review_same(a, strlen(a), b, strlen(b), &x, &y);
    bool back = hg_review_same(b, strlen(b), a, strlen(a), &u, &v);
    assert_int_equal(forth, back);
    return forth;
}

struct pair {
    const char *a, *b;
};

static void layout_is_no_difference(void **state)
{
    static const struct pair PAIRS[] = {
        { "", "\n\n# nothing\n" },
        { "a = 1\n", "\xef\xbb\xbf" "a = 1" },
        { "a = 1\nb = 2\n", "a = 1\r\nb = 2\r\n" },
        { "a = 1\nb = 2\n", "a = 1\rb = 2\r" },
        { "a = 1  # x\n", "# y\n\na=1\n" },
        { "f(a, b)\n", "f(\n    a,\n    b,\n)\n" },
        { "f(a)\n", "f(\n    a,\n)\n" },
        { "x = [1, 2]\n", "x = [\n  1,\n  2,\n]\n" },
        { "x = [1]\n", "x = [1,]\n" },
        { "x = {1: 2}\n", "x = {1: 2,}\n" },
        { "x = a + b\n", "x = (\n    a\n    + b\n)\n" },
        { "x = a + b\n", "x = a \\\n    + b\n" },
        { "return_ = 1\nif (a or b):\n  c()\n", "return_ = 1\nif a or b:\n    c()\n" },
        { "def f():\n\treturn (a)\n", "def f():\n    return a\n" },
        { "from x import (a, b)\n", "from x import a, b\n" },
        { "from x import (\n    a,\n    b,\n)\n", "from x import a, b\n" },
        { "def f():\n  if a:\n    b()\n  c()\n", "def f():\n        if a:\n         b()\n        c()\n" },
        { "x = 0XFF\n", "x = 0xff\n" },
        { "class A(B,):\n  pass\n", "class A(B):\n  pass\n" },
    };
    (void)state;
    for (size_t i = 0; i < HG_COUNT(PAIRS); i++)
        if (!same(PAIRS[i].a, PAIRS[i].b))
            fail_msg("not the same: %s --- %s", PAIRS[i].a, PAIRS[i].b);
}

static void strings_are_their_values(void **state)
{
    static const struct pair PAIRS[] = {
        { "f('a')", "f(\"a\")" },
        { "f('it\\'s')", "f(\"it's\")" },
        { "f('a' 'b')", "f('ab')" },
        { "f(u'a')", "f('a')" },
        { "f(r'a')", "f('a')" },
        { "f('a\\nb\\tc')", "f('''a\nb\tc''')" },
        { "f('a\\\nb')", "f('ab')" },
        { "f('\\\\' '1')", "f('\\\\1')" },
        { "f(r'\\d')", "f('\\\\d')" },
        { "f(b'a')", "f(B\"a\")" },
        { "f(f'{x}')", "f(F\"{x}\")" },
        { "f('''a''')", "f('a')" },
        { "\"\"\"Make it\n\nRevises: a\n\"\"\"\nx = 1\n", "\"\"\"Make them\"\"\"\nx = 1\n" },
        { "def f():\n  'doc'\n  g()\n", "def f():\n  g()\n" },
        { "f('''a\r\nb''')", "f('''a\nb''')" },
    };
    (void)state;
    for (size_t i = 0; i < HG_COUNT(PAIRS); i++)
        if (!same(PAIRS[i].a, PAIRS[i].b))
            fail_msg("not the same: %s --- %s", PAIRS[i].a, PAIRS[i].b);
}

static void imports_are_a_set(void **state)
{
    (void)state;
    assert_true(same("import b\nimport a\n", "import a\nimport b\n"));
    assert_true(same("from alembic import op\nimport sqlalchemy as sa\n",
                     "import sqlalchemy as sa\n\nfrom alembic import op\n"));
    assert_true(same("from x import b, a\n", "from x import a\nfrom x import b\n"));
    assert_true(same("import a.b\nimport a.c\n", "import a.c\nimport a.b\n"));
    assert_false(same("from x import a\nfrom y import a\n", "from y import a\nfrom x import a\n"));
    assert_false(same("from x import *\nfrom y import *\n", "from y import *\nfrom x import *\n"));
    assert_false(same("import a\n", "import a as b\n"));
    assert_false(same("from x import a\n", "from y import a\n"));
    assert_false(same("from x import a\n", "from x import a as c\n"));
    assert_false(same("import a\nx()\nimport b\n", "import b\nx()\nimport a\n"));
    assert_false(same("import a\n", "import a\nimport b\n"));
}

static void what_counts(void **state)
{
    static const struct pair PAIRS[] = {
        { "f(255)", "f(500)" },
        { "f('a b')", "f('a  b')" },
        { "f('a')", "f(b'a')" },
        { "f('{a}')", "f(f'{a}')" },
        { "f('\\1' '2')", "f('\\12')" },
        { "f('a\\n')", "f(r'a\\n')" },
        { "f('\\x41')", "f(r'\\x41')" },
        { "f('\\\\n')", "f('\\n')" },
        { "f('\\x4' '1')", "f('\\x41')" },
        { "f('''a\nb''')", "f('''a\n b''')" },
        { "f(a)\ng(b)\n", "g(b)\nf(a)\n" },
        { "f(a, b)", "f(b, a)" },
        { "x = (a,)", "x = (a)" },
        { "x = (a,)", "x = a" },
        { "x[1,]", "x[1]" },
        { "x = (y for y in z)", "x = y for y in z" },
        { "x = a == (b or c)", "x = a == b or c" },
        { "return (a,)", "return a" },
        { "in_ = a in (b,)", "in_ = a in (b)" },
        { "x = not (a,)", "x = not (a)" },
        { "if a:\n  b()\n  c()\n", "if a:\n  b()\nc()\n" },
        { "if a: b(); c()\n", "if a: b()\nc()\n" },
        { "def f():\n  op.a()\n", "def f():\n  pass\n" },
        { "x = __doc__\n'a'\n", "x = __doc__\n'b'\n" },
        { "\"\"\"a\"\"\"\nf(__doc__)\n", "\"\"\"b\"\"\"\nf(__doc__)\n" },
        { "f'{g()}'\n", "" },
        { "# coding: latin-1\nf('\xe9')\n", "f('\xe9')\n" },
        { "a: int = 1", "a = 1" },
        { "f(x=1)", "f(1)" },
        { "f(True)", "f(true)" },
        { "x = ()", "x = 1" },
    };
    (void)state;
    for (size_t i = 0; i < HG_COUNT(PAIRS); i++)
        if (same(PAIRS[i].a, PAIRS[i].b))
            fail_msg("the same: %s --- %s", PAIRS[i].a, PAIRS[i].b);
}

static void the_place_is_where_the_meaning_parts(void **state)
{
    static const char OLD[] = "# one\nimport a\n\nx = 1\ny = 2\n", NEW[] = "import a\nx = 1\n\n\n# b\ny = 3\n";
    int a, b;
    (void)state;
    assert_false(hg_review_same(OLD, strlen(OLD), NEW, strlen(NEW), &a, &b));
    assert_int_equal(a, 5);
    assert_int_equal(b, 6);
    assert_false(hg_review_same("x = 1\n", 6, "x = 1\ny = 2\n", 12, &a, &b));
    assert_int_equal(a, 2);
    assert_int_equal(b, 2);
    assert_false(hg_review_same("x = (\n", 6, "x = 1\n", 6, &a, &b));
    assert_int_equal(a, 0);
    assert_false(hg_review_same("", 0, "x\n", 2, &a, &b));
    assert_int_equal(b, 1);
    /* Words that begin an import and import nothing are lines like others. */
    assert_false(hg_review_same("from a\n", 7, "from b\n", 7, &a, &b));
    assert_true(hg_review_same("from a import ()\n", 17, "from a import ()\n", 17, &a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_no_difference),  cmocka_unit_test(strings_are_their_values),
        cmocka_unit_test(imports_are_a_set),        cmocka_unit_test(what_counts),
        cmocka_unit_test(the_place_is_where_the_meaning_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
