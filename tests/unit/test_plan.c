/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- objects of an SQL text --------------------------------------------------------------------- */

static void assert_objects(const char *sql, const char *expected)
{
    json_t *objects = json_array(), *o;
    struct hg_buf b = HG_BUF_INIT;
    size_t i;
    hg_plan_sql_objects(sql, objects);
    json_array_foreach(objects, i, o)
        hg_buf_addf(&b, "%s%s %s %s", i ? ", " : "", json_string_value(json_object_get(o, "change")),
                    json_string_value(json_object_get(o, "kind")),
                    json_string_value(json_object_get(o, "name")));
    json_decref(objects);
    assert_string_equal(hg_buf_str(&b), expected);
    hg_buf_done(&b);
}

static void test_objects(void **state)
{
    (void)state;
    assert_objects("", "");
    assert_objects("CREATE TABLE IF NOT EXISTS Public.\"My Table\" (id int)", "create table public.My Table");
    assert_objects("alter table only notebooks add column x int; update notebooks set x = 1;",
                   "alter table notebooks, write table notebooks");
    assert_objects("create unique index concurrently ix on t (a)", "create index ix, index table t");
    assert_objects("CREATE INDEX ON ONLY t (a)", "index table t");
    assert_objects("CREATE OR REPLACE FUNCTION f() RETURNS int AS $b$ begin; drop table x; end $b$ language sql; "
                   "DROP TABLE IF EXISTS y", "create function f, drop table y");
    assert_objects("INSERT INTO t VALUES ('; drop table x', E'\\'; drop table x')", "write table t");
    assert_objects("/* drop table a; /* drop table b; */ */ -- drop table c;\nTRUNCATE t", "empty table t");
    assert_objects("COMMENT ON COLUMN t.c IS 'x'", "comment column t.c");
    assert_objects("create trigger tr before insert on t for each row execute function f()",
                   "create trigger tr, alter table t");
    assert_objects("create rule r as on insert to t do (delete from u; delete from v)", "");
    assert_objects("DO $$ begin end $$", "");
    assert_objects("select 'open", "");
    assert_objects("ALTER TYPE mood ADD VALUE 'x'; ALTER TYPE mood ADD VALUE 'y'", "alter type mood");
}

/* ---- a history ---------------------------------------------------------------------------------- */

static const struct hg_alembic_source FILES[] = {
    { "a.py", "revision = 'a'\ndown_revision = None\n", 36 },
    { "b.py", "revision = 'b'\ndown_revision = 'a'\n", 35 },
    { "c.py", "revision = 'c'\ndown_revision = 'b'\n", 35 },
};

static struct hg_graph *history(void)
{
    struct hg_graph *g = NULL;
    struct hg_err err = { 0 };
    struct hg_findings findings = HG_FINDINGS_INIT;
    assert_int_equal(hg_alembic_load_sources(FILES, HG_COUNT(FILES), &g, &findings, &err), 0);
    hg_findings_done(&findings);
    return g;
}

static void test_steps(void **state)
{
    (void)state;
    struct hg_graph *g = history();
    HG_AUTO(hg_strv_done) struct hg_strv rows = HG_STRV_INIT, to = HG_STRV_INIT;
    HG_AUTO(hg_revlist_done) struct hg_revlist steps = HG_REVLIST_INIT;
    HG_AUTO(hg_freep) char *goal = NULL;
    struct hg_err err = { 0 };
    hg_strv_add(&rows, "a");
    assert_int_equal(hg_plan_steps(g, &rows, "head", false, &steps, &to, &goal, &err), 0);
    assert_int_equal(steps.count, 2);
    assert_string_equal(goal, "c");
    assert_string_equal(to.items[0], "c");
    assert_int_equal(hg_plan_steps(g, &rows, "+1", false, &steps, &to, &goal, &err), 0);
    assert_string_equal(goal, "b");
    assert_int_equal(hg_plan_steps(g, &rows, "nope", false, &steps, &to, &goal, &err), -1);
    assert_string_equal(goal, "b");
    rows.items[0][0] = 'c';
    assert_int_equal(hg_plan_steps(g, &rows, "c@a", true, &steps, &to, &goal, &err), 0);
    assert_string_equal(goal, "c@a"); /* the branch is a part of it: `downgrade a` may go back on others too */
    assert_int_equal(hg_plan_steps(g, &rows, "b", true, &steps, &to, &goal, &err), 0);
    assert_string_equal(goal, "b");
    hg_graph_free(g);
}

/* ---- the file ------------------------------------------------------------------------------------- */

static json_t *plan_of(const char *first, const char *second)
{
    json_t *plan = json_pack(
        "{ss ss ss s{sb ss ss} s{ss ss ss} ss s[s] s[s] s[{ss s[] s[] ss ss ss sn sn sn ss} "
        "{ss s[] s[] ss ss ss sn sn sn ss}] sn s[] s{ss sn ss sn s[]}}",
        "schema", "headgate.plan/1", "digest", "", "target", "local", "goal", "asked", 0, "name", "head",
        "revision", "c", "database", "name", "db", "system_identifier", "7", "oid", "16384",
        "version_table", "public.alembic_version", "from", "a", "to", "c", "revisions", "revision", first,
        "down_revisions", "depends_on", "message", "m", "path", "b.py", "digest", hg_streq(first, "b") ? "d1" : "d2", "operations",
        "objects", "sql", "no_sql", "why", "revision", second, "down_revisions", "depends_on", "message",
        "m", "path", "c.py", "digest", hg_streq(second, "c") ? "d2" : "d1", "operations", "objects", "sql", "no_sql", "why",
        "env_digest", "findings", "observed", "from", "database", "taken_at", "verdict", "open",
        "reason", "findings");
    assert_non_null(plan);
    char digest[HG_SHA256_SIZE];
    hg_plan_digest(plan, digest);
    json_object_set_new(plan, "digest", json_string(digest));
    return plan;
}

static enum hg_err_kind read_back(const json_t *plan)
{
    HG_AUTO(hg_freep) char *text = hg_plan_dump(plan);
    struct hg_err err = { 0 };
    json_t *back = NULL;
    if (hg_plan_parse(text, strlen(text), "plan.json", &back, &err) == 0)
        assert_true(json_equal(plan, back));
    json_decref(back);
    return err.kind;
}

static void test_digest(void **state)
{
    (void)state;
    json_t *plan = plan_of("b", "c");
    assert_int_equal(read_back(plan), HG_E_NONE);
    json_object_set_new(json_object_get(plan, "observed"), "verdict", json_string("shut"));
    assert_int_equal(read_back(plan), HG_E_NONE); /* of its moment */
    json_t *target = json_incref(json_object_get(plan, "target"));
    json_object_del(plan, "target"); /* at another place of the document */
    assert_int_equal(read_back(plan), HG_E_INTEGRITY);
    json_object_set_new(plan, "target", target);
    assert_int_equal(read_back(plan), HG_E_NONE);
    json_object_set_new(json_array_get(json_object_get(plan, "revisions"), 0), "message", json_string("M"));
    assert_int_equal(read_back(plan), HG_E_INTEGRITY);
    json_object_set_new(plan, "schema", json_string("headgate.plan/2"));
    assert_int_equal(read_back(plan), HG_E_INTEGRITY);
    json_decref(plan);
}

static void test_not_a_plan(void **state)
{
    (void)state;
    static const char *const TEXTS[] = { "", "{", "[]", "null", "{}", "{\"schema\":\"headgate.plan/1\"}",
                                         "{\"schema\":\"headgate.gate/1\"}" };
    for (size_t i = 0; i < HG_COUNT(TEXTS); i++) {
        struct hg_err err = { 0 };
        json_t *plan = NULL;
        assert_int_equal(hg_plan_parse(TEXTS[i], strlen(TEXTS[i]), "x", &plan, &err), -1);
        assert_int_equal(err.kind, HG_E_INTEGRITY);
    }
}

/* ---- comparing ------------------------------------------------------------------------------------- */

/* The differences between the plan b, c from a and what `change` makes of the same; one a line. */
static char *differences(void (*change)(struct hg_plan_now *, struct hg_revision *),
                         const char *first, const char *second)
{
    json_t *plan = plan_of(first, second);
    struct hg_revision revisions[3] = { 0 };
    static const char *const IDS[] = { "b", "c", "x" }, *const PATHS[] = { "b.py", "c.py", "x.py" };
    static const char *const DIGESTS[] = { "d1", "d2", "d3" };
    for (size_t i = 0; i < 3; i++) {
        revisions[i].id = hg_xstrdup(IDS[i]);
        revisions[i].path = hg_xstrdup(PATHS[i]);
        revisions[i].digest = hg_xstrdup(DIGESTS[i]);
    }
    const struct hg_revision *items[3] = { &revisions[0], &revisions[1], &revisions[2] };
    struct hg_revlist steps = { items, 2, 3 };
    struct hg_strv from = HG_STRV_INIT, to = HG_STRV_INIT;
    hg_strv_add(&from, "a");
    hg_strv_add(&to, "c");
    struct hg_plan_now now = { .target = "local", .database = "db", .system_identifier = "7",
                               .oid = "16384", .version_table = "public.alembic_version", .from = &from,
                               .to = &to, .upgrade_to = "head", .goal = "c", .steps = &steps };
    change(&now, revisions);
    struct hg_findings found = HG_FINDINGS_INIT;
    hg_plan_compare(plan, &now, "make it", &found);
    struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < found.count; i++) {
        assert_string_equal(found.items[i].rule->id, "HG230");
        assert_non_null(strstr(found.items[i].help, "make it"));
        hg_buf_addf(&b, "%s\n", found.items[i].message);
    }
    hg_findings_done(&found);
    hg_strv_done(&from);
    hg_strv_done(&to);
    for (size_t i = 0; i < 3; i++) {
        free(revisions[i].id);
        free(revisions[i].path);
        free(revisions[i].digest);
    }
    json_decref(plan);
    return hg_buf_take(&b);
}

static void same(struct hg_plan_now *n, struct hg_revision *r) { (void)n; (void)r; }
static void hidden(struct hg_plan_now *n, struct hg_revision *r) { (void)r; n->system_identifier = NULL; }
static void other_target(struct hg_plan_now *n, struct hg_revision *r) { (void)r; n->target = "prod"; }
static void other_system(struct hg_plan_now *n, struct hg_revision *r) { (void)r; n->system_identifier = "8"; }
static void other_oid(struct hg_plan_now *n, struct hg_revision *r) { (void)r; n->oid = "1"; }
static void other_table(struct hg_plan_now *n, struct hg_revision *r) { (void)r; n->version_table = "x.y"; }
static void other_env(struct hg_plan_now *n, struct hg_revision *r) { (void)r; n->env_digest = "e"; }
static void other_goal(struct hg_plan_now *n, struct hg_revision *r) { (void)r; n->goal = "x"; }
static void other_upgrade_to(struct hg_plan_now *n, struct hg_revision *r) { (void)r; n->upgrade_to = "heads"; }
static void other_file(struct hg_plan_now *n, struct hg_revision *r) { (void)n; r[1].digest[0] = 'D'; }
static void done_already(struct hg_plan_now *n, struct hg_revision *r) { (void)r; n->from = n->to; }
static void one_more(struct hg_plan_now *n, struct hg_revision *r)
{
    (void)r;
    ((struct hg_revlist *)(uintptr_t)n->steps)->count = 3;
}
static void one_less(struct hg_plan_now *n, struct hg_revision *r)
{
    (void)r;
    ((struct hg_revlist *)(uintptr_t)n->steps)->count = 1;
}

static void test_compare(void **state)
{
    (void)state;
    static const struct {
        void (*change)(struct hg_plan_now *, struct hg_revision *);
        const char *expected;
    } CASES[] = {
        { same, "" },
        { hidden, "" },
        { other_target, "the plan was made for target local, and this is prod\n" },
        { other_system, "the plan was made for the database with system identifier 7, and this one has 8\n" },
        { other_oid, "the plan was made for the database with oid 16384, and this one has 1\n" },
        { other_table, "the plan was made with the version table public.alembic_version, which is x.y now\n" },
        { other_env, "env.py was changed since the plan was made\n" },
        { other_goal, "head was c when the plan was made, and is x now\n" },
        { other_upgrade_to, "the plan goes to head, and the target's upgrade_to is heads now\n" },
        { other_file, "c.py is not the file that was reviewed (D2 now, d2 then)\n" },
        { one_more, "revision x (x.py) would run now, and is not in the plan\n" },
        { one_less, "revision c of the plan (c.py) would not run now\n" },
        { done_already, "" },
    };
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        HG_AUTO(hg_freep) char *got = differences(CASES[i].change, "b", "c");
        assert_string_equal(got, CASES[i].expected);
    }
    HG_AUTO(hg_freep) char *order = differences(same, "c", "b");
    assert_string_equal(order, "the order is b, c now, and was c, b\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),    cmocka_unit_test(test_steps),
        cmocka_unit_test(test_digest),     cmocka_unit_test(test_not_a_plan),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
