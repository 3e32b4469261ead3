/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/ledger.h"
#include "snapshot/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

/* The objects of a catalog in JSON. */
static struct hg_ledger_objects objects(const char *text, const char *version_table)
{
    HG_AUTO(hg_freep) char *catalog = hg_xasprintf("{\"server_version\": 150020, \"objects\": %s}", text);
    json_t *json = json_loads(catalog, 0, NULL);
    struct hg_ledger_objects o = { 0 };
    assert_non_null(json);
    hg_snapshot_objects(json, version_table, &o);
    json_decref(json);
    return o;
}

static void the_version_table_goes_with_all_that_stands_on_it(void **state)
{
    (void)state;
    static const char catalog[] =
        "{\"table\": {\"\\\"My App\\\".\\\"a\\\"\\\"b\\\"\": {}, \"public.t\": {}},"
        " \"index\": {\"\\\"My App\\\".x\": {\"table\": \"\\\"My App\\\".\\\"a\\\"\\\"b\\\"\"}},"
        " \"constraint\": {\"public.t.k\": {\"table\": \"public.t\"}},"
        " \"schema\": {\"public\": {}}, \"extension\": {\"citext\": {}}, \"statistics\": {\"public.s\": {}}}";
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects with = objects(catalog, NULL);
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects without = objects(catalog, "My App.a\"b");
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects other = objects(catalog, "My App.a");
    assert_int_equal(with.count, 4);
    assert_int_equal(with.server_version, 150020);
    assert_int_equal(without.count, 2);
    assert_non_null(hg_ledger_object_find(&without, "constraint", "public.t.k"));
    assert_non_null(hg_ledger_object_find(&without, "table", "public.t"));
    assert_int_equal(other.count, 4);
}

/* Do these two definitions of an object of a kind have the same digest? */
static bool same(const char *kind, const char *a, const char *b)
{
    HG_AUTO(hg_freep) char *left = hg_xasprintf("{\"%s\": {\"public.o\": %s}}", kind, a);
    HG_AUTO(hg_freep) char *right = hg_xasprintf("{\"%s\": {\"public.o\": %s}}", kind, b);
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects x = objects(left, NULL);
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects y = objects(right, NULL);
    assert_int_equal(x.count, 1);
    assert_int_equal(y.count, 1);
    return hg_streq(x.items[0].digest, y.items[0].digest);
}

static void a_digest_is_of_the_definition_alone(void **state)
{
    (void)state;
    assert_true(same("table", "{\"owner\": \"a\", \"columns\": [{\"name\": \"c\", \"statistics\": 7}]}",
                     "{\"columns\": [{\"name\": \"c\", \"privileges\": [\"x\"]}]}"));
    assert_false(same("table", "{\"columns\": [{\"name\": \"c\"}]}", "{\"columns\": [{\"name\": \"d\"}]}"));
    assert_true(same("index", "{\"invalid\": true, \"clustered\": true, \"definition\": \"d\"}",
                     "{\"definition\": \"d\"}"));
    assert_true(same("constraint", "{\"definition\": \"CHECK (a) NOT VALID\", \"not_valid\": true}",
                     "{\"definition\": \"CHECK (a)\"}"));
    assert_false(same("trigger", "{\"enabled\": \"no\"}", "{}"));
    assert_true(same("view", "{\"a\": 1, \"b\": 2}", "{\"b\": 2, \"a\": 1}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_table_goes_with_all_that_stands_on_it),
        cmocka_unit_test(a_digest_is_of_the_definition_alone),
    };
    return cmocka_run_group_tests_name("snapshot_objects", tests, NULL, NULL);
}
