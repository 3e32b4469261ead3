/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alembic/alembic.h"
#include "alembic/internal.h"
#include "alembic/lex.h"

/* ---- the scanner ---- */

static void scan(const char *text, struct hg_scan *ret)
{
    hg_scan_module(text, strlen(text), ret);
}

static void assert_id(const char *text, const char *id)
{
    struct hg_scan s;
    scan(text, &s);
    if (s.state != HG_SCAN_OK)
        fail_msg("%s: %s", text, s.why);
    assert_true(s.values[HG_SCAN_REVISION].assigned);
    assert_string_equal(s.values[HG_SCAN_REVISION].items.items[0], id);
    hg_scan_done(&s);
}

static void assert_state(const char *text, enum hg_scan_state state)
{
    struct hg_scan s;
    scan(text, &s);
    if (s.state != state)
        fail_msg("%s: state %d (%s)", text, s.state, s.why ? s.why : "");
    assert_int_equal(s.state == HG_SCAN_OK, s.why == NULL);
    hg_scan_done(&s);
}

static void scan_reads_spellings(void **state)
{
    (void)state;
    assert_id("revision = 'ab'", "ab");
    assert_id("revision: str = \"ab\"\n", "ab");
    assert_id("revision : 'dict[str, int] | None'  =  ('a' 'b')\n", "ab");
    assert_id("revision = (\n  'a'  # note\n  \"\"\"b\"\"\"\n)", "ab");
    assert_id("revision = R'ab'; x = 1\n", "ab");
    assert_id("revision = \\\n  u'ab'\n", "ab");
    assert_id("revision = '\\x61\\142'\n", "ab");
    assert_id("revision = '\\u0061b\\\n'\n", "ab");
    assert_id("\xef\xbb\xbfrevision = 'ab'\r\n", "ab");
    assert_id("# -*- coding: latin-1 -*-\n# \xe9\nrevision = '\xe9'\n", "\xc3\xa9");
    assert_id("revision = 'x'\nrevision = 'ab'", "ab");
    assert_id("def f():\n    revision = 'x'\n\n  # odd\nrevision = 'ab'\n", "ab");
    assert_id("f(\nrevision='x'\n)\nrevision = 'ab'\n", "ab");
    assert_id("'''\nrevision = 'x'\n'''\nrevision = 'ab'\n", "ab");
    assert_id("print(revision) if False else None\nrevision = 'ab'\n", "ab");
    assert_id("@decorator\ndef f(revision=1): pass\nrevision = 'ab'\n", "ab");
    assert_id("if X:\n    import y\nrevision = 'ab'\n", "ab");
}

/* Bodies are stepped over without tokens: what looks like the end of one must not be taken for it. */
static void scan_steps_over_bodies(void **state)
{
    (void)state;
    static const char *const BODIES[] = {
        "    pass\n", "\tx = 1\r\n\tpass\r\n", "    pass\r", "    x = '''\nrevision = 'x'\n'''\n",
        "    f(\nrevision\n)\n", "    pass # (\n", "# (\n\n    pass\n", "    x = 1 + \\\nrevision\n",
        "    x = {'(': \")\"}\n", "    x = r'\\''\n", "    x = '\\\n'\n", "  \n\f\n    pass\n\n# c\n",
        "    def g():\n        global other\n", "    '''a\\'''b'''; x = [']', \"[\"]\n",
    };
    static const char *const BAD[] = {
        "    x = 'a\n", "    x = '''a\n", "    x = (\n", "    x = ]\n", "    x = a \\ b\n",
        "    global revision\n    revision = 'x'\n", "    pass\nraise X\n", "    pass\n )\n",
    };
    for (size_t i = 0; i < HG_COUNT(BODIES); i++) {
        HG_AUTO(hg_freep) char *text =
            hg_xasprintf("revision = 'x'\ndef f():\n%srevision = 'ab'", BODIES[i]);
        assert_id(text, "ab");
        HG_AUTO(hg_freep) char *last = hg_xasprintf("revision = 'ab'\nclass C:\n%s", BODIES[i]);
        assert_id(last, "ab");
    }
    for (size_t i = 0; i < HG_COUNT(BAD); i++) {
        HG_AUTO(hg_freep) char *text = hg_xasprintf("def f():\n    pass\n%s", BAD[i]);
        assert_state(text, HG_SCAN_DYNAMIC);
    }
}

static void scan_leaves_the_rest_to_python(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "revision = 'a' + 'b'", "revision = f'a'", "revision = x", "revision = b = 'x'",
        "revision, y = 'x', 1", "a = revision = 'x'", "if X:\n  revision = 'a'\n",
        "if X: revision = 'a'\n", "try:\n  pass\nexcept E:\n  down_revision = None\n",
        "from x import revision\n", "import a as revision\n", "del revision\n", "class revision: pass\n",
        "def revision(): pass\n", "revision += 'a'\n", "(revision := 'a')\n",
        "for revision in 'a': pass\n", "exec('revision = 1')\n", "globals()['revision'] = 'a'\n",
        "def f():\n  global revision\n  revision = 'a'\n", "raise X\n", "<<<<<<< HEAD\n",
        "revision = 'a\n", "revision = ('a'\n", "revision = 'a')\n", "  revision = 'a'\n",
        "revision = '\\N{DIGIT ONE}'\n", "revision = '\\ud800'\n", "revision = b'a'\n",
        "revision = 'a'\nfrom x import *\n", "from x import *\n", "revision = {'a': 1}\n",
        "# coding: koi8-r\nrevision = 'a'\n", "down_revision = (('a',), 'b')\n", "x = \\ 1\n",
    };
    for (size_t i = 0; i < HG_COUNT(TEXTS); i++)
        assert_state(TEXTS[i], HG_SCAN_DYNAMIC);
}

static void scan_refuses_what_python_refuses(void **state)
{
    (void)state;
    assert_state("revision = None\n", HG_SCAN_REFUSED);
    assert_state("revision = ('a',)\n", HG_SCAN_REFUSED);
    assert_state("revision = '\xff'\n", HG_SCAN_REFUSED);
    assert_state("revision = 'a'\ndown_revision = ('a', None)\n", HG_SCAN_REFUSED);
    struct hg_scan s;
    hg_scan_module("revision = '\0'", 14, &s);
    assert_int_equal(s.state, HG_SCAN_REFUSED);
    hg_scan_done(&s);
}

static void scan_reads_docs(void **state)
{
    (void)state;
    struct hg_scan s;
    scan("# first\n'''\n  one\ntwo\n\nthree'''\nrevision='a'", &s);
    assert_string_equal(s.doc, "one\ntwo");
    hg_scan_done(&s);
    scan("import os\n'''no'''\nrevision='a'", &s);
    assert_null(s.doc);
    hg_scan_done(&s);
    scan("'a' 'b'\nrevision='a'\n__doc__ = '  by hand '", &s);
    assert_string_equal(s.doc, "by hand");
    hg_scan_done(&s);
    scan("'a' % 1\nrevision='a'\n", &s);
    assert_null(s.doc);
    hg_scan_done(&s);
    scan("(\n  '''in brackets\n\nmore'''\n  ''\n)\nrevision='a'; down_revision=None", &s);
    assert_int_equal(s.state, HG_SCAN_OK);
    assert_string_equal(s.doc, "in brackets");
    hg_scan_done(&s);
    static const char *const OTHERS[] = { "('a',)\n", "('a') % 1\n", "(('a'), 'b')\n", "(b'a')\n",
                                          "('a').strip()\n", "(1)\n", "()\n" };
    for (size_t i = 0; i < HG_COUNT(OTHERS); i++) {
        HG_AUTO(hg_freep) char *text = hg_xasprintf("%srevision='a'; down_revision=None",
                                                           OTHERS[i]);
        scan(text, &s);
        assert_int_equal(s.state, HG_SCAN_OK);
        assert_null(s.doc);
        hg_scan_done(&s);
    }
    scan("(revision) = 'a'", &s);
    assert_int_equal(s.state, HG_SCAN_DYNAMIC);
    hg_scan_done(&s);
}

static void scan_env_sees_version_locations(void **state)
{
    (void)state;
    static const struct { const char *text; int line, option; } CASES[] = {
        { "x = 1\ncontext.script.version_locations = [y]\n", 2, 0 },
        { "context.script.version_locations += [y]", 1, 0 },
        { "if z:\n    a.version_locations.append(y)", 2, 0 },
        { "print(a.version_locations)\nversion_locations = [1]\nif a.version_locations == []: pass", 0, 0 },
        { "config.set_main_option(\n  'version_locations', y)", 0, 2 },
        { "config.get_main_option('version_locations')\nf('version_locations')", 0, 0 },
        { "config.set_section_option('alembic', \"version_locations\", y)", 0, 1 },
        { "context.configure(a.version_locations)\nconfig.set_main_option('x', y)", 0, 0 },
    };
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        struct hg_env_scan s;
        hg_scan_env(CASES[i].text, strlen(CASES[i].text), &s);
        if (s.locations_line != CASES[i].line || s.locations_option_line != CASES[i].option)
            fail_msg("%s: %d, %d", CASES[i].text, s.locations_line, s.locations_option_line);
        hg_env_scan_done(&s);
    }
}

static void scan_env_reads_configure(void **state)
{
    (void)state;
    struct hg_env_scan s;
    const char *text = "context.configure(url=f(a, version_table='no'), version_table = 'v',\n"
                       "  version_table_schema=\"s\", transaction_per_migration=True, include_schemas=False)";
    hg_scan_env(text, strlen(text), &s);
    assert_string_equal(s.version_table, "v");
    assert_string_equal(s.version_table_schema, "s");
    assert_true(s.transaction_per_migration);
    assert_false(s.include_schemas);
    assert_false(s.dynamic);
    hg_env_scan_done(&s);
    text = "configure(version_table=os.environ['X'])";
    hg_scan_env(text, strlen(text), &s);
    assert_true(s.dynamic);
    hg_env_scan_done(&s);
    text = "configure(version_table=None, include_schemas=True, **kw";
    hg_scan_env(text, strlen(text), &s);
    assert_false(s.dynamic);
    assert_null(s.version_table);
    assert_true(s.include_schemas);
    hg_env_scan_done(&s);
}

/* ---- configuration ---- */

static struct hg_ini *ini(const char *text)
{
    struct hg_ini *parsed = NULL;
    struct hg_err err = { 0 };
    if (hg_ini_parse(text, strlen(text), "alembic.ini", "/here", &parsed, &err) < 0)
        fail_msg("%s", err.message);
    return parsed;
}

static void assert_value(struct hg_ini *parsed, const char *key, const char *value)
{
    char *got = NULL;
    struct hg_err err = { 0 };
    if (hg_ini_get(parsed, "alembic", key, &got, &err) < 0)
        fail_msg("%s", err.message);
    if (value)
        assert_string_equal(got, value);
    else
        assert_null(got);
    free(got);
}

static void ini_is_configparser(void **state)
{
    (void)state;
    struct hg_ini *p = ini("# c\n[DEFAULT]\nD = d\n[alembic]\r\nKey : v ; no comment\nA = %(here)s/%(d)s%%\n"
                           "multi =\n  one\n  # comment\n\n  two\n\nlast=x=y\nempty =\nbad = %x\n[other]\nk=1\n");
    assert_value(p, "key", "v ; no comment");
    assert_value(p, "a", "/here/d%");
    assert_value(p, "multi", "\none\n\ntwo");
    assert_value(p, "last", "x=y");
    assert_value(p, "empty", "");
    assert_value(p, "k", NULL);
    assert_value(p, "d", "d");
    char *got = NULL;
    struct hg_err err = { 0 };
    assert_int_equal(hg_ini_get(p, "alembic", "bad", &got, &err), -1);
    assert_int_equal(hg_ini_line(p, "alembic", "last"), 13);
    hg_ini_free(p);
}

static void ini_refuses(void **state)
{
    (void)state;
    static const char *const TEXTS[] = { "a = b\n", "[s]\nword\n", "[s]\na=1\nA=2\n", "[s]\n[s]\n",
                                         "\xef\xbb\xbf[s]\n", "[s]\n= 1\n", "[s]\na=\xff\n" };
    for (size_t i = 0; i < HG_COUNT(TEXTS); i++) {
        struct hg_ini *parsed = NULL;
        struct hg_err err = { 0 };
        assert_int_equal(hg_ini_parse(TEXTS[i], strlen(TEXTS[i]), "f", "/", &parsed, &err), -1);
        assert_int_equal(err.kind, HG_E_CONFIG);
    }
    struct hg_ini *p = ini("[alembic]\na = %(b)s\nb = %(a)s\n");
    char *got = NULL;
    struct hg_err err = { 0 };
    assert_int_equal(hg_ini_get(p, "alembic", "a", &got, &err), -1);
    hg_ini_free(p);
}

static void toml_reads_one_table(void **state)
{
    (void)state;
    static const char TEXT[] = "x = \"\"\"\n[tool.alembic]\nscript_location = 'no'\n\"\"\"\n"
                               "[tool.alembic]\nscript_location = \"%(here)s/m\" # c\nsourceless = true\n"
                               "version_locations = [\n 'a', # one\n \"b\\\\c\",\n]\nt = { a = '}' }\n"
                               "[[tool.alembic.post_write_hooks]]\nname = 'n'\n[tool]\nalembic.k = 1\n";
    struct hg_toml t;
    struct hg_err err = { 0 };
    if (hg_toml_parse(TEXT, strlen(TEXT), "pyproject.toml", &t, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(hg_toml_get(&t, "script_location")->string, "%(here)s/m");
    assert_true(hg_toml_get(&t, "sourceless")->boolean);
    assert_int_equal(hg_toml_get(&t, "version_locations")->list.count, 2);
    assert_string_equal(hg_toml_get(&t, "version_locations")->list.items[1], "b\\c");
    assert_non_null(hg_toml_get(&t, "k"));
    assert_null(hg_toml_get(&t, "name"));
    hg_toml_done(&t);
    assert_int_equal(hg_toml_parse("a = 'x\n", 7, "f", &t, &err), -1);
    assert_int_equal(hg_toml_parse("a = [1,\n", 8, "f", &t, &err), -1);
}

static void paths_are_relative(void **state)
{
    (void)state;
    static const char *const CASES[][3] = {
        { "/a/b", "/a/b", "" }, { "/a/b", "/a/b/c/d", "c/d" }, { "/a/b", "/a/bc", "../bc" },
        { "/a/b/c", "/a/x", "../../x" }, { "/", "/x/y", "x/y" }, { "/a", "/", ".." },
        { "/a/bc", "/a/b", "../b" },
    };
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        HG_AUTO(hg_freep) char *got = hg_path_relative(CASES[i][0], CASES[i][1]);
        assert_string_equal(got, CASES[i][2]);
    }
}

/* ---- the graph, from memory ---- */

static struct hg_graph *graph(const char *const *files, size_t count, struct hg_findings *f)
{
    struct hg_alembic_source sources[16];
    static const char *const NAMES[] = { "1.py", "2.py", "3.py", "4.py", "5.py", "6.py", "7.py", "8.py" };
    struct hg_err err = { 0 };
    struct hg_graph *g = NULL;
    for (size_t i = 0; i < count; i++)
        sources[i] = (struct hg_alembic_source){ NAMES[i], files[i], strlen(files[i]) };
    if (hg_alembic_load_sources(sources, count, &g, f, &err) < 0)
        fail_msg("%s", err.message);
    return g;
}

static void assert_list(const struct hg_revlist *l, const char *ids)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    for (size_t i = 0; i < l->count; i++)
        hg_strv_add(&names, l->items[i]->id);
    HG_AUTO(hg_freep) char *joined = hg_strv_join(&names, " ");
    assert_string_equal(joined, ids);
}

static const char *const DEPENDENT[] = {
    "revision='a1'\ndown_revision=None\nbranch_labels='A'", "revision='a2'\ndown_revision='a1'",
    "revision='b1'\ndown_revision=None\nbranch_labels='B'",
    "revision='b2'\ndown_revision='b1'\ndepends_on='a2'",
};

/* T13: a branch that depends on the head of another. */
static void graph_knows_effective_heads(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    struct hg_graph *g = graph(DEPENDENT, HG_COUNT(DEPENDENT), &f);
    struct hg_revlist l = HG_REVLIST_INIT, rows = HG_REVLIST_INIT;
    struct hg_err err = { 0 };
    HG_AUTO(hg_strv_done) struct hg_strv after = HG_STRV_INIT;
    assert_true(hg_graph_ok(g));
    hg_graph_heads(g, &l);
    assert_list(&l, "a2 b2");
    hg_graph_real_heads(g, &l);
    assert_list(&l, "b2");
    assert_int_equal(hg_graph_upgrade(g, &rows, "head", &l, &err), -1);
    assert_int_equal(err.kind, HG_E_REFUSED);
    assert_int_equal(hg_graph_upgrade(g, &rows, "heads", &l, &err), 0);
    assert_list(&l, "a1 a2 b1 b2");
    hg_graph_rows_after(g, &rows, &l, false, &after);
    assert_int_equal(after.count, 1);
    assert_string_equal(after.items[0], "b2");
    assert_int_equal(hg_graph_find(g, "b2", &rows, &err), 0);
    hg_graph_current(g, &rows, &l);
    assert_list(&l, "a2 b2");
    assert_int_equal(hg_graph_downgrade(g, &rows, "B@-1", &l, &err), 0);
    assert_list(&l, "b2");
    hg_graph_rows_after(g, &rows, &l, true, &after);
    assert_int_equal(after.count, 2);
    hg_revlist_done(&l);
    hg_revlist_done(&rows);
    hg_graph_free(g);
}

static void graph_resolves_rows(void **state)
{
    (void)state;
    static const char *const FILES[] = { "revision='aaaa1111'\ndown_revision=None",
                                         "revision='bbbb2222'\ndown_revision='aaaa1111'" };
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    struct hg_graph *g = graph(FILES, 2, &f);
    HG_AUTO(hg_strv_done) struct hg_strv rows = HG_STRV_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv unknown = HG_STRV_INIT;
    struct hg_revlist l = HG_REVLIST_INIT;
    bool overlap;
    hg_strv_add(&rows, "bbbb"); /* T21: the beginning of an id will do */
    hg_strv_add(&rows, "BBBB2222");
    hg_graph_resolve_rows(g, &rows, &l, &unknown, &overlap);
    assert_list(&l, "bbbb2222");
    assert_int_equal(unknown.count, 1);
    assert_false(overlap);
    hg_strv_add(&rows, "aaaa1111"); /* T22 */
    hg_graph_resolve_rows(g, &rows, &l, &unknown, &overlap);
    assert_true(overlap);
    assert_string_equal(hg_graph_text(g, hg_graph_at(g, 0), &(size_t){ 0 }), FILES[0]);
    hg_graph_digests(g);
    assert_int_equal(strlen(hg_graph_at(g, 1)->digest), 64);
    hg_revlist_done(&l);
    hg_graph_free(g);
}

/* Every question on a broken history ends, with an answer or a refusal. */
static void graph_survives_circles(void **state)
{
    (void)state;
    static const char *const FILES[] = {
        "revision='a'\ndown_revision=('d','x')\ndepends_on='b'", "revision='b'\ndown_revision='a'",
        "revision='d'\ndown_revision=('b', 'a')", "revision='d'\ndown_revision='d'" };
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    struct hg_graph *g = graph(FILES, 4, &f);
    struct hg_revlist l = HG_REVLIST_INIT, rows = HG_REVLIST_INIT;
    struct hg_err err = { 0 };
    assert_false(hg_graph_ok(g));
    assert_true(hg_findings_have(&f, "HG102") && hg_findings_have(&f, "HG103") &&
                hg_findings_have(&f, "HG104"));
    hg_graph_history(g, &l);
    assert_int_equal(l.count, 4);
    assert_int_equal(hg_graph_upgrade(g, &rows, "heads", &l, &err), -1);
    assert_int_equal(hg_graph_range(g, "a:", NULL, &l, &err), -1);
    hg_graph_current(g, &rows, &l);
    hg_revlist_done(&l);
    hg_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_reads_spellings),
        cmocka_unit_test(scan_steps_over_bodies),
        cmocka_unit_test(scan_leaves_the_rest_to_python),
        cmocka_unit_test(scan_refuses_what_python_refuses),
        cmocka_unit_test(scan_reads_docs),
        cmocka_unit_test(scan_env_reads_configure),
        cmocka_unit_test(scan_env_sees_version_locations),
        cmocka_unit_test(ini_is_configparser),
        cmocka_unit_test(ini_refuses),
        cmocka_unit_test(toml_reads_one_table),
        cmocka_unit_test(paths_are_relative),
        cmocka_unit_test(graph_knows_effective_heads),
        cmocka_unit_test(graph_resolves_rows),
        cmocka_unit_test(graph_survives_circles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
