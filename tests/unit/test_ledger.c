/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static void arrays_quote_what_postgresql_would_read_otherwise(void **state)
{
    (void)state;
    HG_AUTO(hg_strv_done) struct hg_strv list = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *empty = hg_ledger_array(&list);
    assert_string_equal(empty, "{}");
    hg_strv_add(&list, "plain");
    hg_strv_add(&list, "a,b \"c\" \\d {e}");
    hg_strv_add(&list, "");
    HG_AUTO(hg_freep) char *text = hg_ledger_array(&list);
    assert_string_equal(text, "{\"plain\",\"a,b \\\"c\\\" \\\\d {e}\",\"\"}");
    HG_AUTO(hg_freep) char *none = hg_ledger_array(NULL);
    assert_string_equal(none, "{}");
}

static void lists_come_back_from_json(void **state)
{
    (void)state;
    HG_AUTO(hg_strv_done) struct hg_strv list = HG_STRV_INIT;
    hg_ledger_list("[\"r1\",\"r\\u00fc\"]", &list);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[1], "r\xc3\xbc");
    hg_ledger_list(NULL, &list);
    hg_ledger_list("no json", &list);
    hg_ledger_list("{\"a\": 1}", &list);
    assert_int_equal(list.count, 2);
}

static void steps_carry_the_file_whatever_its_bytes(void **state)
{
    (void)state;
    static const char text[] = "# coding: latin-1\nrevision = 'r1'\ndown_revision = None\n# \xff\n";
    struct hg_alembic_source source = { "r1.py", text, sizeof text - 1 };
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    struct hg_graph *graph = NULL;
    struct hg_err err = { 0 };
    assert_int_equal(hg_alembic_load_sources(&source, 1, &graph, &findings, &err), 0);
    const struct hg_revision *items[] = { hg_graph_get(graph, "r1") };
    if (!items[0])
        fail_msg("r1 was not read");
    struct hg_revlist steps = { items, 1, 1 };
    struct hg_ledger_run run = { .graph = graph, .steps = &steps };
    json_t *json = hg_ledger_steps(&run);
    const json_t *step = json_array_get(json, 0);
    assert_string_equal(json_string_value(json_object_get(step, "revision")), "r1");
    char digest[HG_SHA256_SIZE];
    assert_string_equal(json_string_value(json_object_get(step, "digest")),
                        hg_sha256(text, sizeof text - 1, digest));
    assert_string_equal(json_string_value(json_object_get(step, "file")),
                        "IyBjb2Rpbmc6IGxhdGluLTEKcmV2aXNpb24gPSAn"
                        "cjEnCmRvd25fcmV2aXNpb24gPSBOb25lCiMg/wo=");
    json_decref(json);
    hg_graph_free(graph);
}

static void the_administrator_gets_quoted_sql(void **state)
{
    (void)state;
    HG_AUTO(hg_freep) char *sql = hg_ledger_admin_sql("odd\"role");
    assert_string_equal(sql, "CREATE SCHEMA headgate AUTHORIZATION \"odd\"\"role\";");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_quote_what_postgresql_would_read_otherwise),
        cmocka_unit_test(lists_come_back_from_json),
        cmocka_unit_test(steps_carry_the_file_whatever_its_bytes),
        cmocka_unit_test(the_administrator_gets_quoted_sql),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
