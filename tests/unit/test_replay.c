/* SPDX-License-Identifier: Apache-2.0 */
/* What Alembic writes into its version table, step by step; tests/e2e/alembic_differential.py compares the
 * same with Alembic itself on random histories. And what is said of a bundle's steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "replay/replay.h"

static struct hg_graph *graph(const char *const *files, size_t count)
{
    struct hg_alembic_source sources[8];
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    struct hg_err err = { 0 };
    struct hg_graph *g = NULL;
    for (size_t i = 0; i < count; i++)
        sources[i] = (struct hg_alembic_source){ "x.py", files[i], strlen(files[i]) };
    if (hg_alembic_load_sources(sources, count, &g, &findings, &err) < 0 || !hg_graph_ok(g))
        fail_msg("%s", err.message);
    return g;
}

/* "+a", "-a", "a>b" for each statement of these steps, from these rows; "!" where Alembic would fail. */
static void assert_changes(const struct hg_graph *g, const char *from, const char *steps, bool down,
                           const char *expected)
{
    HG_AUTO(hg_freep) bool *rows = hg_xcalloc(hg_graph_count(g) + 1, sizeof *rows);
    HG_AUTO(hg_version_ops_done) struct hg_version_ops ops = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf said = HG_BUF_INIT;
    struct hg_err err = { 0 };
    char id[2] = "";
    bool failed = false;
    for (; *from; from++) {
        id[0] = *from;
        rows[hg_graph_get(g, id)->index] = true;
    }
    for (; *steps && !failed; steps++) {
        id[0] = *steps;
        failed = hg_graph_version_ops(g, rows, hg_graph_get(g, id), down, &ops, &err) < 0;
    }
    for (size_t i = 0; i < ops.count && !failed; i++) {
        const struct hg_version_op *op = &ops.items[i];
        hg_buf_addf(&said, "%s%s%s%s", i ? " " : "", op->from ? op->to ? op->from : "-" : "+",
                    op->from && op->to ? ">" : "", op->to ? op->to : op->from);
    }
    assert_string_equal(failed ? "!" : hg_buf_str(&said), expected);
}

/* a <- (b, c) <- m; d stands alone and depends on m; e is below d. */
static const char *const FILES[] = {
    "revision='a'\ndown_revision=None", "revision='b'\ndown_revision='a'", "revision='c'\ndown_revision='a'",
    "revision='m'\ndown_revision=('b','c')", "revision='d'\ndown_revision=None\ndepends_on='m'",
    "revision='e'\ndown_revision='d'",
};

static void upwards(void **state)
{
    (void)state;
    struct hg_graph *g = graph(FILES, HG_COUNT(FILES));
    assert_changes(g, "", "ab", false, "+a a>b");
    assert_changes(g, "b", "c", false, "+c");          /* the second child: its parent's row has moved */
    assert_changes(g, "bc", "m", false, "-b c>m");
    assert_changes(g, "m", "de", false, "m>d d>e");    /* a base that depends on m takes over its row */
    assert_changes(g, "", "abcmde", false, "+a a>b +c -b c>m m>d d>e");
    hg_graph_free(g);
}

static void downwards(void **state)
{
    (void)state;
    struct hg_graph *g = graph(FILES, HG_COUNT(FILES));
    assert_changes(g, "e", "ed", true, "e>d d>m");
    assert_changes(g, "m", "m", true, "+b m>c");
    assert_changes(g, "bc", "b", true, "-b");          /* c still implies a */
    assert_changes(g, "c", "ca", true, "c>a -a");
    hg_graph_free(g);
}

static void where_alembic_fails(void **state)
{
    (void)state;
    struct hg_graph *g = graph(FILES, HG_COUNT(FILES));
    assert_changes(g, "b", "b", false, "!");           /* would be there twice */
    assert_changes(g, "a", "b", true, "!");            /* is not there */
    hg_graph_free(g);
}

static void steps_are_described(void **state)
{
    (void)state;
    struct hg_bundle_chunk own[] = { { HG_CHUNK_SQL, " Commit ;\n", 10 } }, quiet[] = { { HG_CHUNK_SQL, "commit to it", 12 } };
    struct hg_bundle_chunk back[] = { { HG_CHUNK_SQL, "ROLLBACK;", 9 } }, savepoint[] = { { HG_CHUNK_SQL, "rollback to s", 13 } };
    struct hg_bundle_chunk block[] = { { HG_CHUNK_COMMIT, "COMMIT;", 7 }, { HG_CHUNK_BEGIN, "BEGIN;", 6 } };
    struct hg_bundle_revision all[] = {
        { .id = (char *)"a", .upgrade = { .chunks = own, .count = 1 }, .downgrade = { .chunks = back, .count = 1 } },
        { .id = (char *)"b", .upgrade = { .chunks = quiet, .count = 1 }, .downgrade = { .chunks = savepoint, .count = 1 } },
        { .id = (char *)"c", .upgrade = { .chunks = block, .count = 2, .class = HG_BUNDLE_PINNED } },
        { .id = (char *)"m", .upgrade = { .class = HG_BUNDLE_NEEDS_PYTHON, .reason = (char *)"it reads" } },
    };
    struct hg_bundle b = { .revisions = all, .count = HG_COUNT(all) };
    struct hg_graph *g = graph(FILES, 4);
    const struct hg_revision *items[] = { hg_graph_at(g, 0), hg_graph_at(g, 1), hg_graph_at(g, 2), hg_graph_at(g, 3) };
    const struct hg_revlist steps = { items, 4, 4 };
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv said = HG_STRV_INIT;
    hg_replay_findings(&b, &steps, false, &f);
    for (size_t i = 0; i < f.count; i++)
        hg_strv_addf(&said, "%s %s", f.items[i].revision, f.items[i].rule->id);
    HG_AUTO(hg_freep) char *joined = hg_strv_join(&said, ", ");
    assert_string_equal(joined, "a HG261, c HG261, c HG262, m HG260");
    hg_findings_done(&f);
    f = (struct hg_findings)HG_FINDINGS_INIT;
    hg_replay_findings(&b, &steps, true, &f);
    assert_int_equal(f.count, 1);
    assert_non_null(strstr(f.items[0].message, "revision a rolls back in its middle"));
    hg_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upwards),
        cmocka_unit_test(downwards),
        cmocka_unit_test(where_alembic_fails),
        cmocka_unit_test(steps_are_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
