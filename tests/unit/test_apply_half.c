/* SPDX-License-Identifier: Apache-2.0 */
/* When is half of a revision in? By the driver's reports, one letter each. And what of a wrong success is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "apply/internal.h"

#define REVISION(id, down) "revision = '" id "'\ndown_revision = " down "\n\n\ndef upgrade():\n    pass\n"

static void sink(void *context, const json_t *event)
{
    (void)context;
    (void)event;
}

/* 1, 2: r1, r2 begins; e: it ends (its version row is written); c: a commit; l: a COMMIT of the revision's
 * own, or another statement that ends the transaction; a: a statement that commits itself. */
static const char *report_of(char letter)
{
    switch (letter) {
    case '1':
        return "{\"event\":\"step\",\"phase\":\"begin\",\"revision\":\"r1\"}\n";
    case '2':
        return "{\"event\":\"step\",\"phase\":\"begin\",\"revision\":\"r2\"}\n";
    case 'e':
        return "{\"event\":\"step\",\"phase\":\"end\"}\n";
    case 'c':
        return "{\"event\":\"commit\"}\n";
    case 'l':
        return "{\"event\":\"literal-commit\"}\n";
    default:
        return "{\"event\":\"alone\"}\n";
    }
}

static char *half_after(const char *letters)
{
    static const char ONE[] = REVISION("r1", "None"), TWO[] = REVISION("r2", "'r1'");
    const struct hg_alembic_source sources[] = { { "1.py", ONE, sizeof ONE - 1 },
                                                 { "2.py", TWO, sizeof TWO - 1 } };
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    struct hg_err err = { 0 };
    struct hg_apply_options options = { .sink = sink };
    struct hg_run r = { .o = &options };
    assert_int_equal(hg_alembic_load_sources(sources, HG_COUNT(sources), &r.graph, &findings, &err), 0);
    hg_graph_history(r.graph, &r.steps);
    for (; *letters; letters++)
        hg_driver_feed(&r, report_of(*letters), strlen(report_of(*letters)));
    char *half = hg_xstrdup(r.driven.half ? r.driven.half : "");
    hg_driven_done(&r.driven);
    hg_buf_done(&r.report);
    hg_revlist_done(&r.steps);
    hg_graph_free(r.graph);
    return half;
}

static void what_is_half_in(void **state)
{
    static const char *const CASES[][2] = {
        { "", "" },
        { "c1", "" },           /* the version table was made */
        { "1", "" },            /* failed at its first statement */
        { "1e2", "" },          /* one transaction: all of it goes back */
        { "1ec2", "" },         /* a transaction for each: r1 is in, whole */
        { "1c", "r1" },         /* an autocommit block */
        { "1a", "r1" },
        { "1l", "r1" },
        { "1ce", "r1" },        /* its version row was written behind the block, but not committed */
        { "1ce2", "r1" },
        { "1cec", "" },
        { "1cec2", "" },
        { "1ce2c", "r2" },      /* the commit in r2 took r1's row along */
        { "1e2c", "r2" },
        { "1e2cec", "" },
        { "1ec2l", "r2" },
    };
    (void)state;
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        HG_AUTO(hg_freep) char *half = half_after(CASES[i][0]);
        assert_string_equal(half, CASES[i][1]);
    }
}

static struct hg_ledger_times seen(const char *revision, int64_t committed_ns)
{
    return (struct hg_ledger_times){ .revision = hg_xstrdup(revision), .started_ns = 1,
                                     .committed_ns = committed_ns };
}

static void another_try_keeps_what_is_in(void **state)
{
    HG_AUTO(hg_strv_done) struct hg_strv applied = HG_STRV_INIT;
    struct hg_driven d = { .times = hg_xcalloc(2, sizeof *d.times), .time_count = 2, .time_cap = 2,
                           .session_count = 1, .autocommit = true, .finished = true,
                           .message = hg_xstrdup("lock timeout"), .half = hg_xstrdup("r2") };
    (void)state;
    d.times[0] = seen("r1", 5);
    d.times[1] = seen("r2", 0);
    hg_strv_add(&applied, "r1");
    hg_driven_again(&d, &applied);
    assert_int_equal(d.time_count, 1);
    assert_int_equal(d.times[0].committed_ns, 5);
    assert_int_equal(d.steps_ended, 1);
    assert_int_equal(d.steps_committed, 1);
    assert_int_equal(d.session_count, 0);
    assert_false(d.autocommit || d.finished || d.message || d.half);
    hg_driven_done(&d);
}

/* What is said of a migrator that ended as if all were well. */
struct silence { size_t begun, ended, committed; bool finished, plain; const char *said; };

static void a_wrong_success_is_told_for_what_it_is(void **state)
{
    static const struct silence CASES[] = {
        { 1, 0, 0, true, false, "ended in the middle of revision r2" },  /* sys.exit(0), a swallowed error */
        { 1, 0, 0, false, false, "ended in the middle of revision r2" }, /* os._exit(0) */
        { 1, 1, 1, false, false, "not by itself" },                      /* the same at env.py's end */
        { 0, 0, 0, true, false, "began no revision" },
        { 1, 1, 0, true, false, "nobody committed what it ran" },
        { 1, 1, 1, true, false, "the version table says otherwise" },
        { 0, 0, 0, false, true, "the version table says otherwise" },
    };
    (void)state;
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        struct hg_ledger_times time = { .revision = (char[]){ "r2" } };
        struct hg_target_config target = { .name = (char[]){ "local" },
                                           .driver = CASES[i].plain ? (char[]){ "plain" } : NULL };
        struct hg_apply_options options = { .sink = sink };
        struct hg_run r = { .o = &options, .target.t = &target, .to_known = true };
        struct hg_migrated m = { .ok = true };
        struct hg_err err = { 0 };
        r.driven = (struct hg_driven){ .times = &time, .time_count = CASES[i].begun, .steps_ended = CASES[i].ended,
                                       .steps_committed = CASES[i].committed, .finished = CASES[i].finished };
        hg_run_describe_failure(&r, &m, &err);
        assert_non_null(strstr(err.message, CASES[i].said));
    }
}

static void who_is_in_the_way_may_be_the_migration_itself(void **state)
{
    static const char *const CASES[][2] = {
        { "app", "pid 7 (app, bea, from local, idle in transaction) has t" },
        { "headgate migrator of 5", "another session of the migration itself, pid 7 (headgate migrator of 5, bea, "
                                    "from local, idle in transaction) has t" },
    };
    (void)state;
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        json_t *s = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "pid", 7, "application", CASES[i][0], "user", "bea",
                              "host", "local", "state", "idle in transaction", "relation", "t");
        HG_AUTO(hg_freep) char *words = hg_breaker_words(s);
        json_decref(s);
        assert_string_equal(words, CASES[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_half_in),
        cmocka_unit_test(another_try_keeps_what_is_in),
        cmocka_unit_test(a_wrong_success_is_told_for_what_it_is),
        cmocka_unit_test(who_is_in_the_way_may_be_the_migration_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
