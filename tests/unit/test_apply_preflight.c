/* SPDX-License-Identifier: Apache-2.0 */
#include "apply/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static void load(const char *text, struct hg_findings *ret)
{
    json_t *seen = json_loads(text, 0, NULL);
    assert_non_null(seen);
    hg_preflight_load(seen, ret);
    json_decref(seen);
}

static void quiet_server(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    load("{\"transactions\": null, \"prepared\": null, \"queues\": null, \"vacuums\": null,"
         " \"replicas\": [{\"application\": \"near\", \"bytes\": 1000, \"seconds\": 1}],"
         " \"connections\": {\"server\": 3, \"of_role\": null, \"of_database\": 12}}", &f);
    assert_int_equal(f.count, 0);
    load("{}", &f);
    assert_int_equal(f.count, 0);
}

static void named_with_a_command(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    load("{\"transactions\": [{\"pid\": 7, \"application\": \"job\\u001b[1m\", \"user\": \"u\", \"host\": \"local\","
         " \"state\": \"active\", \"seconds\": 61, \"dump\": false, \"held\": [\"ACCESS SHARE on public.t\"],"
         " \"count\": 3}, {\"pid\": 8, \"application\": \"pg_dump\", \"user\": \"u\", \"host\": \"local\","
         " \"state\": \"idle in transaction\", \"seconds\": 1, \"dump\": true, \"held\": null, \"count\": null}]}", &f);
    assert_int_equal(f.count, 2);
    assert_string_equal(f.items[0].rule->id, "HG610");
    assert_string_equal(f.items[0].message, "job\\x1b[1m (pid 7, user u, from local, active) has had a transaction "
                        "open for 61 s; it holds ACCESS SHARE on public.t and 2 more");
    assert_non_null(strstr(f.items[0].help, "SELECT pg_cancel_backend(7);"));
    assert_non_null(strstr(f.items[1].message, "is a dump at work for 1 s; CREATE INDEX CONCURRENTLY waits for it"));
    assert_non_null(strstr(f.items[1].help, "SELECT pg_terminate_backend(8);"));
}

static void limits(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    load("{\"replicas\": [{\"application\": \"far\", \"pid\": 1, \"user\": \"r\", \"host\": \"h\", \"state\": \"streaming\","
         " \"sync\": \"async\", \"bytes\": 16777216, \"seconds\": null}],"
         " \"connections\": {\"role\": \"u\", \"server\": -2, \"of_role\": 2, \"of_database\": null}}", &f);
    assert_int_equal(f.count, 3);
    assert_string_equal(f.items[0].rule->id, "HG613");
    assert_non_null(strstr(f.items[0].message, "has 16 MB left to replay"));
    assert_string_equal(f.items[1].message, "the server (max_connections) has 0 connections left; apply opens up to 3 "
                        "more");
    assert_non_null(strstr(f.items[2].message, "role u (its connection limit) has 2 connections left"));
}

/* Whatever severity a configuration gives it. */
static void load_never_decides(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    hg_finding_add(&f, "HG610", "x")->severity = HG_SEV_ERROR;
    hg_finding_add(&f, "HG616", "x");
    assert_false(hg_finding_decides(&f.items[0], HG_SEV_NOTE));
    assert_true(hg_finding_decides(&f.items[1], HG_SEV_ERROR));
    f.items[1].waived = hg_xstrdup("known");
    assert_false(hg_finding_decides(&f.items[1], HG_SEV_ERROR));
}

static void touched(const char *body, struct hg_touched *ret)
{
    HG_AUTO(hg_freep) char *text = hg_xasprintf("def upgrade():\n%s\n\ndef downgrade():\n    pass\n", body);
    HG_AUTO(hg_review_done) struct hg_review review = { 0 };
    struct hg_err err = { 0 };
    assert_int_equal(hg_review_scan(text, strlen(text), &review, &err), 0);
    *ret = (struct hg_touched){ .all = true };
    hg_touched_add(ret, &review.up);
}

static void assert_lists(const struct hg_touched *t, const char *tables, const char *altered, const char *schemas)
{
    HG_AUTO(hg_freep) char *a = hg_strv_join(&t->tables, " ");
    HG_AUTO(hg_freep) char *b = hg_strv_join(&t->altered, " ");
    HG_AUTO(hg_freep) char *c = hg_strv_join(&t->schemas, " ");
    assert_string_equal(a, tables);
    assert_string_equal(b, altered);
    assert_string_equal(c, schemas);
}

static void touched_by_operations(void **state)
{
    (void)state;
    HG_AUTO(hg_touched_done) struct hg_touched t;
    touched("    op.add_column('a b', sa.Column('x', sa.Text()), schema='s')\n"
            "    op.create_table('n', sa.Column('x', sa.Text()), schema='made')\n"
            "    op.create_index('ix', 't', ['x'])\n    op.drop_index('iy')\n"
            "    op.execute('UPDATE app.u SET x = 1; ALTER TABLE v ADD y int')\n"
            "    if later:\n        op.drop_table('maybe')", &t);
    assert_true(t.all);
    assert_lists(&t, "\"s\".\"a b\" \"t\" \"iy\" \"app\".\"u\" \"v\" \"maybe\"", "\"s\".\"a b\" \"t\" \"v\"", "made");
}

static void untold(const char *body)
{
    HG_AUTO(hg_touched_done) struct hg_touched t;
    touched(body, &t);
    assert_false(t.all);
}

static void what_the_text_does_not_tell(void **state)
{
    (void)state;
    untold("    op.execute('SELECT do_it()')");
    untold("    op.execute(sql)");
    untold("    op.drop_table(name)");
    untold("    do_it(op.get_bind())");
}

static const char *direct(const char *name, const char *value)
{
    static struct hg_vars vars;
    hg_vars_done(&vars);
    vars = (struct hg_vars)HG_VARS_INIT;
    struct hg_target t = { .url = (char[]){ "postgresql://u:p@ep-1-pooler.example:6543/app" },
                           .host = (char[]){ "ep-1-pooler.example" }, .port = (char[]){ "6543" },
                           .database = (char[]){ "app" } };
    hg_vars_set(&vars, "DATABASE_URL", t.url, "process");
    hg_vars_set(&vars, name, value, "process");
    t.vars = vars;
    return hg_run_direct_variable(&t);
}

static void the_way_past_a_pooler(void **state)
{
    (void)state;
    assert_string_equal(direct("DIRECT_URL", "postgres://u:p@db.example/app"), "DIRECT_URL");
    assert_string_equal(direct("POSTGRES_URL_NON_POOLING", "postgres://u:p@db.example/app"), "POSTGRES_URL_NON_POOLING");
    assert_string_equal(direct("OTHER", "postgres://u:p@ep-1-pooler.example:5432/app"), "OTHER");
    assert_string_equal(direct("OTHER", "postgres://u:p@ep-1.example/app"), "OTHER");
    assert_null(direct("REPLICA_URL", "postgres://u:p@replica.example/app"));
    assert_null(direct("DIRECT_URL", "postgres://u:p@db.example/another"));
    assert_null(direct("DIRECT_URL", "postgres://u:p@ep-1-pooler.example:6543/app?x=1"));
    assert_null(direct("DIRECT_URL", "not a url"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_server),          cmocka_unit_test(named_with_a_command),
        cmocka_unit_test(limits),                cmocka_unit_test(load_never_decides),
        cmocka_unit_test(touched_by_operations), cmocka_unit_test(what_the_text_does_not_tell),
        cmocka_unit_test(the_way_past_a_pooler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
