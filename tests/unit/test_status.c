/* SPDX-License-Identifier: Apache-2.0 */
/* The judgement of a database's state, from facts and histories in memory. */
#include "status/internal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* a <- b <- c, and b <- x (a branch); as revision files. */
struct world {
    struct hg_graph *graph;
    struct hg_facts facts;
    struct hg_status status;
    struct hg_err err;
    int rc;
};

static struct hg_graph *history(const char *const *pairs, size_t count)
{
    struct hg_alembic_source sources[16] = { 0 };
    char names[16][32];
    char *texts[16];
    for (size_t i = 0; i < count; i++) {
        const char *id = pairs[2 * i], *down = pairs[2 * i + 1];
        (void)snprintf(names[i], sizeof names[i], "%s.py", id);
        texts[i] = hg_xasprintf("\"\"\"%s\"\"\"\nrevision = '%s'\ndown_revision = %s\n", id, id, down);
        sources[i] = (struct hg_alembic_source){ names[i], texts[i], strlen(texts[i]) };
    }
    struct hg_graph *g = NULL;
    struct hg_findings f = HG_FINDINGS_INIT;
    struct hg_err err = { 0 };
    assert_int_equal(hg_alembic_load_sources(sources, count, &g, &f, &err), 0);
    hg_findings_done(&f);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    return g;
}

static const char *const LINE[] = { "a", "None", "b", "'a'", "c", "'b'" };
static const char *const FORK[] = { "a", "None", "b", "'a'", "c", "'b'", "x", "'b'" };

static struct hg_target_config TARGET_CONFIG = { .name = (char *)"t", .upgrade_to = (char *)"head" };
static struct hg_target TARGET = { .t = &TARGET_CONFIG };

/* tables: JSON array as hg_facts_read makes it. */
static void judge(struct world *w, struct hg_graph *graph, const char *tables, bool user_tables)
{
    *w = (struct world){ .graph = graph };
    w->facts.tables = json_loads(tables, 0, NULL);
    assert_non_null(w->facts.tables);
    w->facts.summary = json_array();
    w->facts.holders = json_array();
    w->facts.schema = hg_xstrdup("public");
    w->status.connected = true;
    w->status.db_user = hg_xstrdup("r");
    w->status.db_name = hg_xstrdup("d");
    w->status.has_user_tables = user_tables;
    w->rc = hg_status_judge(&TARGET, graph, NULL, "alembic_version", &w->facts, NULL, 0, &w->status, &w->err);
}

static void done(struct world *w)
{
    hg_status_done(&w->status);
    hg_facts_done(&w->facts);
    hg_graph_free(w->graph);
}

#define ROWS(rows) "[{\"schema\":\"public\",\"expected\":true,\"readable\":true,\"rows\":" rows "}]"

struct expected {
    const char *tables;
    enum hg_state state;
    const char *pending; /* ids joined by space; NULL: not known */
    const char *rule;    /* a finding that must be there, or NULL */
    bool user_tables, fork;
};

static const struct expected CASES[] = {
    { "[]", HG_STATE_EMPTY, "a b c", NULL, false, false },
    { "[]", HG_STATE_EMPTY, "a b c", "HG214", true, false },
    { ROWS("[]"), HG_STATE_EMPTY, "a b c", NULL, false, false },
    { ROWS("[\"a\"]"), HG_STATE_BEHIND, "b c", NULL, true, false },
    { ROWS("[\"c\"]"), HG_STATE_UP_TO_DATE, "", NULL, true, false },
    { ROWS("[\"zz\"]"), HG_STATE_AHEAD, NULL, "HG212", true, false },
    { ROWS("[\"b\",\"zz\"]"), HG_STATE_DIVERGED, NULL, "HG213", true, false },
    { ROWS("[\"c\",\"zz\"]"), HG_STATE_AHEAD, NULL, "HG212", true, false },
    { ROWS("[\"a\",\"c\"]"), HG_STATE_DIVERGED, NULL, "HG218", true, false },
    { ROWS("[\"c\"]"), HG_STATE_BEHIND, "x", "HG101", true, true },
    { ROWS("[\"c\",\"x\"]"), HG_STATE_UP_TO_DATE, "", "HG101", true, true },
    { ROWS("[\"c\",\"zz\"]"), HG_STATE_AHEAD, NULL, "HG212", true, true },
    /* elsewhere: used when it is the only one and known */
    { "[{\"schema\":\"s\",\"expected\":false,\"readable\":true,\"rows\":[\"a\"]}]", HG_STATE_BEHIND, "b c",
      "HG222", true, false },
    { "[{\"schema\":\"s\",\"expected\":false,\"readable\":true,\"rows\":[\"zz\"]}]", HG_STATE_UNKNOWN, NULL,
      "HG222", true, false },
    { "[{\"schema\":\"s\",\"expected\":false,\"readable\":true,\"rows\":[\"a\"]},"
      "{\"schema\":\"u\",\"expected\":false,\"readable\":true,\"rows\":[\"a\"]}]", HG_STATE_UNKNOWN, NULL,
      "HG222", true, false },
    { "[{\"schema\":\"public\",\"expected\":true,\"readable\":false,\"rows\":null}]", HG_STATE_UNKNOWN, NULL,
      "HG604", true, false },
};

static void test_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        const struct expected *e = &CASES[i];
        struct world w;
        judge(&w, history(e->fork ? FORK : LINE, e->fork ? 4 : 3), e->tables, e->user_tables);
        if (w.status.state != e->state)
            fail_msg("%s: %s", e->tables, hg_state_name(w.status.state));
        assert_int_equal(w.rc, e->state == HG_STATE_UNKNOWN ? -1 : 0);
        if (w.rc < 0)
            assert_int_equal(hg_err_exit_code(&w.err), HG_EXIT_UNKNOWN);
        assert_int_equal(w.status.pending_known, e->pending != NULL);
        HG_AUTO(hg_strv_done) struct hg_strv ids = HG_STRV_INIT;
        for (size_t k = 0; k < w.status.pending.count; k++)
            hg_strv_add(&ids, w.status.pending.items[k]->id);
        HG_AUTO(hg_freep) char *joined = hg_strv_join(&ids, " ");
        assert_string_equal(joined, e->pending ? e->pending : "");
        if (e->rule && !hg_findings_have(&w.status.findings, e->rule))
            fail_msg("%s: no %s", e->tables, e->rule);
        bool shut = e->state == HG_STATE_AHEAD || e->state == HG_STATE_DIVERGED;
        if (shut)
            assert_int_equal(hg_findings_worst(&w.status.findings), HG_SEV_ERROR);
        done(&w);
    }
}

/* What ledger or git say of an unknown row's parents decides between ahead and diverged. */
static void settle(const char *parents, bool really_ran, enum hg_state state, const char *pending)
{
    struct world w;
    judge(&w, history(LINE, 3), ROWS("[\"zz\"]"), true);
    json_t *told = json_loads(parents, 0, NULL);
    assert_non_null(told);
    hg_status_judge_unknown(w.graph, told, really_ran, &w.status);
    json_decref(told);
    assert_int_equal(w.status.state, state);
    assert_int_equal(w.status.pending_known, pending != NULL);
    if (pending)
        assert_int_equal(w.status.pending.count, strlen(pending));
    done(&w);
}

static void test_unknown_rows(void **state)
{
    (void)state;
    settle("[{\"revision\":\"zz\",\"down\":[\"c\"]}]", true, HG_STATE_AHEAD, "");
    settle("[{\"revision\":\"zz\",\"down\":[\"b\"]}]", true, HG_STATE_DIVERGED, "c");
    settle("[{\"revision\":\"zz\",\"down\":[\"b\"]}]", false, HG_STATE_DIVERGED, NULL);
    settle("[{\"revision\":\"zz\",\"down\":[\"yy\"]},{\"revision\":\"yy\",\"down\":[\"a\"]}]", true,
           HG_STATE_DIVERGED, "bc");
    settle("[{\"revision\":\"zz\",\"down\":[\"yy\"]}]", true, HG_STATE_AHEAD, NULL);
    settle("[{\"revision\":\"zz\",\"down\":[\"zz\"]}]", true, HG_STATE_DIVERGED, "abc");
    settle("[]", true, HG_STATE_AHEAD, NULL);
}

static void test_bare(void **state)
{
    (void)state;
    struct world w;
    judge(&w, NULL, ROWS("[\"a\"]"), true);
    assert_int_equal(w.rc, 0);
    assert_int_equal(w.status.state, HG_STATE_AHEAD);
    assert_false(w.status.pending_known);
    done(&w);
    judge(&w, NULL, "[]", false);
    assert_int_equal(w.status.state, HG_STATE_EMPTY);
    done(&w);
}

static void test_running(void **state)
{
    (void)state;
    struct world w;
    char holders[512];
    int32_t wanted = hg_status_lock_key("public", "alembic_version");
    static const char *const NAMES[] = { "headgate apply b@host:5", "headgate rollback b@host:5",
                                         "headgate apply host:5", "headgate apply @host:5", "psql b@host" };
    for (int apply = 0; apply <= 5; apply++) {
        judge(&w, history(LINE, 3), ROWS("[\"c\"]"), true);
        done(&w);
        w = (struct world){ .graph = history(LINE, 3) };
        w.facts.tables = json_loads(ROWS("[\"a\"]"), 0, NULL);
        w.facts.summary = json_array();
        (void)snprintf(holders, sizeof holders,
                       "[{\"pid\":7,\"migrator\":true,\"key\":\"%u\",\"user\":\"u\",\"since\":\"s\","
                       "\"application\":\"headgate migrator of 8\",\"blocked_by\":[9]}]",
                       (unsigned)wanted);
        w.facts.holders = json_loads(holders, 0, NULL);
        if (apply) {
            json_t *more = json_pack("{s:i s:b s:o s:s}", "pid", 8, "migrator", 0, "key",
                                     json_sprintf("%u", (unsigned)wanted), "application", NAMES[apply - 1]);
            json_array_append_new(w.facts.holders, more);
        }
        w.status.db_user = hg_xstrdup("r");
        w.facts.schema = hg_xstrdup("public");
        w.rc = hg_status_judge(&TARGET, w.graph, NULL, "alembic_version", &w.facts, NULL, 0, &w.status, &w.err);
        assert_true(w.status.running);
        assert_int_equal(w.status.run_pid, 7);
        if (apply == 1 || apply == 2)
            assert_string_equal(w.status.run_revision, "b");
        else
            assert_null(w.status.run_revision);
        assert_string_equal(w.status.run_blocked_by.items[0], "9");
        assert_true(hg_findings_have(&w.status.findings, apply ? "HG605" : "HG606"));
        done(&w);
    }
}

static void test_lock_key(void **state)
{
    (void)state;
    assert_int_equal(hg_status_lock_key("public", "alembic_version"),
                     hg_status_lock_key(NULL, "alembic_version"));
    assert_int_not_equal(hg_status_lock_key("public", "alembic_version"),
                         hg_status_lock_key("s", "alembic_version"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states), cmocka_unit_test(test_unknown_rows), cmocka_unit_test(test_bare),
        cmocka_unit_test(test_running), cmocka_unit_test(test_lock_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
