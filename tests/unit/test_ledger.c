/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static void arrays_quote_what_postgresql_would_read_otherwise(void **state)
{
    (void)state;
    HG_AUTO(hg_strv_done) struct hg_strv list = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *empty = hg_pg_text_array(&list);
    assert_string_equal(empty, "{}");
    hg_strv_add(&list, "plain");
    hg_strv_add(&list, "a,b \"c\" \\d {e}");
    hg_strv_add(&list, "");
    HG_AUTO(hg_freep) char *text = hg_pg_text_array(&list);
    assert_string_equal(text, "{\"plain\",\"a,b \\\"c\\\" \\\\d {e}\",\"\"}");
    HG_AUTO(hg_freep) char *none = hg_pg_text_array(NULL);
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
    static const char text[] = "# coding: latin-1\n'''say \"hi\" \xff'''\nrevision = 'r1'\ndown_revision = None\n# \xff\n";
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
    const struct hg_strv none = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *steps_text = hg_ledger_steps(&run, &none);
    HG_AUTO(hg_buf_done) struct hg_buf file = HG_BUF_INIT;
    json_t *json = json_loads(steps_text, 0, NULL);
    const json_t *step = json_array_get(json, 0);
    assert_string_equal(json_string_value(json_object_get(step, "revision")), "r1");
    char digest[HG_SHA256_SIZE];
    assert_string_equal(json_string_value(json_object_get(step, "digest")),
                        hg_sha256(text, sizeof text - 1, digest));
    assert_string_equal(json_string_value(json_object_get(step, "message")), "say \"hi\" \xc3\xbf");
    assert_int_equal(json_array_size(json_object_get(step, "down")), 0);
    assert_int_equal(hg_ledger_unbase64(json_string_value(json_object_get(step, "file")), &file), 0);
    assert_int_equal(file.len, sizeof text - 1);
    assert_memory_equal(hg_buf_str(&file), text, sizeof text - 1);
    json_decref(json);
    hg_graph_free(graph);
}

static void what_an_encoding_lacks_becomes_a_question_mark(void **state)
{
    (void)state;
    HG_AUTO(hg_strv_done) struct hg_strv lacking = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *whole = hg_ledger_fitted("łé", &lacking);
    assert_string_equal(whole, "łé");
    hg_strv_add(&lacking, "ł");
    hg_strv_add(&lacking, "☃");
    HG_AUTO(hg_freep) char *fitted = hg_ledger_fitted("☃ łłé ?\xe2\x98", &lacking);
    assert_string_equal(fitted, "? ??é ?\xe2\x98");
    assert_null(hg_ledger_fitted(NULL, &lacking));
}

static void only_prose_is_fitted(void **state)
{
    (void)state;
    static const char text[] = "'''ł'''\nrevision = 'ł'\ndown_revision = None\n";
    struct hg_alembic_source source = { "ł.py", text, sizeof text - 1 };
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv lacking = HG_STRV_INIT;
    struct hg_graph *graph = NULL;
    struct hg_err err = { 0 };
    assert_int_equal(hg_alembic_load_sources(&source, 1, &graph, &findings, &err), 0);
    const struct hg_revision *items[] = { hg_graph_get(graph, "ł") };
    if (!items[0])
        fail_msg("it was not read");
    struct hg_revlist steps = { items, 1, 1 };
    struct hg_ledger_run run = { .graph = graph, .steps = &steps, .goal = "g", .host = "h" };
    HG_AUTO(hg_freep) char *prose = hg_ledger_prose(&run);
    assert_string_equal(prose, "ghłł.py");
    hg_strv_add(&lacking, "ł");
    HG_AUTO(hg_freep) char *fitted = hg_ledger_steps(&run, &lacking);
    assert_non_null(strstr(fitted, "{\"revision\":\"ł\""));
    assert_non_null(strstr(fitted, "\"message\":\"?\",\"path\":\"?.py\""));
    hg_graph_free(graph);
}

static void the_administrator_gets_quoted_sql(void **state)
{
    (void)state;
    HG_AUTO(hg_freep) char *sql = hg_ledger_admin_sql("odd\"role");
    assert_string_equal(sql, "CREATE SCHEMA headgate AUTHORIZATION \"odd\"\"role\";");
}

static void an_hmac_depends_on_each_part_and_where_it_ends(void **state)
{
    (void)state;
    static const char *const lists[][3] = { { "a", "b", NULL }, { "ab", NULL }, { "b", "a", NULL }, { NULL } };
    char all[6][HG_SHA256_SIZE], again[HG_SHA256_SIZE];
    for (size_t i = 0; i < HG_COUNT(lists); i++) {
        HG_AUTO(hg_strv_done) struct hg_strv down = HG_STRV_INIT;
        for (const char *const *name = lists[i]; *name; name++)
            hg_strv_add(&down, *name);
        (void)hg_ledger_hmac("key", "r1", &down, "d", all[i]);
        assert_string_equal(all[i], hg_ledger_hmac("key", "r1", &down, "d", again));
    }
    HG_AUTO(hg_strv_done) struct hg_strv none = HG_STRV_INIT;
    (void)hg_ledger_hmac("other", "r1", &none, "d", all[4]);
    (void)hg_ledger_hmac("key", "r1", &none, "e", all[5]);
    for (size_t i = 0; i < HG_COUNT(all); i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(all[i], all[k]);
}

/* Objects from "kind name digest" words: M made, T made by another version table's run, L not made, found by
 * another version table's run since. */
static struct hg_ledger_objects objects(const char *text, int server_version)
{
    struct hg_ledger_objects o = { .server_version = server_version };
    HG_AUTO(hg_strv_done) struct hg_strv words = HG_STRV_INIT;
    for (const char *c = text; *c;) {
        size_t len = strcspn(c, " ");
        HG_AUTO(hg_freep) char *word = hg_xstrndup(c, len);
        hg_strv_add(&words, word);
        c += len + (c[len] == ' ');
    }
    for (size_t i = 0; i + 2 < words.count; i += 3) {
        char kind = *words.items[i];
        struct hg_ledger_object *x = hg_ledger_objects_add(&o, "table", words.items[i + 1],
                                                           hg_streq(words.items[i + 2], "-") ? NULL
                                                                                             : words.items[i + 2],
                                                           kind == 'M' || kind == 'T');
        x->other = hg_xstrdup(kind == 'T' || kind == 'L' ? "public.other" : NULL);
        x->later = kind == 'L';
    }
    hg_ledger_objects_sort(&o);
    return o;
}

/* What a run adds, as "name digest made," for each row. */
static void assert_delta(const struct hg_ledger_outcome *o, const struct hg_ledger_objects *known,
                         const char *expected)
{
    char fingerprint[HG_SHA256_SIZE];
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *text = hg_ledger_delta(o, known, fingerprint);
    json_t *delta = text ? json_loads(text, 0, NULL) : json_array();
    assert_non_null(delta);
    size_t i;
    json_t *row;
    json_array_foreach(delta, i, row)
    {
        const char *digest = json_string_value(json_object_get(row, "digest"));
        hg_buf_addf(&b, "%s %s%s,", json_string_value(json_object_get(row, "name")), digest ? digest : "-",
                    json_is_true(json_object_get(row, "made")) ? " made" : "");
    }
    json_decref(delta);
    assert_string_equal(hg_buf_str(&b), expected);
}

static void what_differs_between_both_ends_was_made_by_the_run(void **state)
{
    (void)state;
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects none = { 0 };
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects before = objects(". a 1 . b 1 . c 1", 150000);
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects after = objects(". a 1 . b 2 . d 1", 150000);
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects known = objects("M a 1 . b 0 M c 1 M e -", 150000);
    struct hg_ledger_outcome o = { .before = &before, .after = &after };
    assert_delta(&o, &none, "a 1,b 2 made,d 1 made,");
    assert_delta(&o, &known, "b 2 made,d 1 made,c - made,");
    o.all_made = true;
    assert_delta(&o, &none, "a 1 made,b 2 made,d 1 made,");
    /* Nobody saw the beginning: the last record stands for it, if it is one of the same server. */
    o = (struct hg_ledger_outcome){ .after = &after };
    assert_delta(&o, &none, "a 1,b 2,d 1,");
    known.fingerprint = hg_xstrdup("f");
    assert_delta(&o, &known, "b 2 made,d 1 made,c - made,");
    known.server_version = 140000;
    assert_delta(&o, &known, "b 2,d 1,c - made,");
}

static void what_another_version_table_made_keeps_its_record(void **state)
{
    (void)state;
    /* Changed, gone and back by hand before the run; then by the run; and one that the other run only found. */
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects known =
        objects("T by-hand 0 T gone 0 T back - T same 0 T by-run 0 T dropped 0 L found 1 M ours 0", 150000);
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects before =
        objects(". by-hand 1 . back 1 . same 0 . by-run 0 . dropped 0 . found 1 . ours 1", 150000);
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects after =
        objects(". by-hand 1 . back 1 . same 0 . by-run 2 . found 1 . ours 1", 150000);
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects recorded =
        objects("M by-hand 0 M gone 0 M back 1 M same 0 M by-run 2 . found 1 M ours 1", 150000);
    char is[HG_SHA256_SIZE], expected[HG_SHA256_SIZE];
    struct hg_ledger_outcome o = { .before = &before, .after = &after };
    known.fingerprint = hg_xstrdup("f");
    assert_delta(&o, &known, "back 1 made,by-run 2 made,ours 1 made,dropped - made,");
    free(hg_ledger_delta(&o, &known, is));
    assert_string_equal(is, hg_ledger_fingerprint(&recorded, expected));
    /* Nobody saw the beginning: what was found meanwhile may be this run's, what was made is not. */
    o = (struct hg_ledger_outcome){ .after = &after };
    assert_delta(&o, &known, "back 1 made,found 1 made,ours 1 made,");
    o.all_made = true;
    assert_delta(&o, &known, "back 1 made,found 1 made,ours 1 made,");
    /* Another server spells all of it anew. */
    known.server_version = 140000;
    o = (struct hg_ledger_outcome){ .before = &before, .after = &after };
    assert_delta(&o, &known, "back 1 made,by-hand 1 made,by-run 2 made,ours 1 made,dropped - made,gone - made,");
}

static void a_fingerprint_is_over_what_was_made_and_is_there(void **state)
{
    (void)state;
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects a = objects("M a 1 . b 1 M c -", 150000);
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects b = objects(". b 2 M a 1", 160000);
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects c = objects("M a 2 . b 1", 150000);
    char first[HG_SHA256_SIZE], second[HG_SHA256_SIZE], third[HG_SHA256_SIZE];
    assert_string_equal(hg_ledger_fingerprint(&a, first), hg_ledger_fingerprint(&b, second));
    assert_string_not_equal(first, hg_ledger_fingerprint(&c, third));
    assert_null(hg_ledger_object_find(&a, "view", "a"));
    assert_string_equal(hg_ledger_object_find(&a, "table", "b")->digest, "1");
}

static void base64_comes_back_and_anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const PAIRS[][2] = { { "", "" }, { "YQ==", "a" }, { "YWI=", "ab" }, { "YWJj", "abc" },
                                            { "/+8=", "\xff\xef" } };
    for (size_t i = 0; i < HG_COUNT(PAIRS); i++) {
        HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
        assert_int_equal(hg_ledger_unbase64(PAIRS[i][0], &b), 0);
        assert_int_equal(b.len, strlen(PAIRS[i][1]));
        assert_memory_equal(hg_buf_str(&b), PAIRS[i][1], b.len);
    }
    static const char *const WRONG[] = { "YQ", "YQ=a", "Y Q=", "=", "YWJ\n" };
    for (size_t i = 0; i < HG_COUNT(WRONG); i++) {
        HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
        assert_int_equal(hg_ledger_unbase64(WRONG[i], &b), -1);
    }
}

/* A ledger file of these lines, read. New reference. */
static json_t *read_lines(const char *text)
{
    char path[] = "/tmp/test_ledger-XXXXXX";
    struct hg_err err = { 0 };
    json_t *doc = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(hg_write_all(fd, text, strlen(text)), 0);
    (void)close(fd);
    assert_int_equal(hg_ledger_document_of_file(path, true, &doc, &err), 0);
    (void)unlink(path);
    assert_non_null(doc);
    return doc;
}

#define INTENT(run, from, to) \
    "{\"event\":\"intent\",\"run\":\"" run "\",\"version_table\":\"public.v\",\"direction\":\"up\"," \
    "\"from\":[" from "],\"to\":[" to "],\"by\":\"ann\",\"steps\":[{\"revision\":" to ",\"down\":[]}]}\n"
#define OUTCOME(run, rows) \
    "{\"event\":\"outcome\",\"run\":\"" run "\",\"at\":\"2026-11-23T01:02:03.000Z\",\"outcome\":" \
    "\"applied\",\"rows\":[" rows "],\"done\":[" rows "]}\n"

static void a_file_says_what_happened_and_which_lines_are_none(void **state)
{
    (void)state;
    json_t *doc = read_lines(INTENT("a", "", "\"r1\"") OUTCOME("a", "\"r1\"") "[1]\n{\"event\":\"other\"}\n"
                             OUTCOME("lost", "\"r1\"") INTENT("b", "\"r1\"", "\"r2\"") "{\"event\":\"out");
    struct hg_ledger_summary s = { 0 };
    hg_ledger_summary_of(doc, "public.v", &s);
    assert_string_equal(s.last_revision, "r1");
    assert_string_equal(s.last_rows.items[0], "r1");
    assert_string_equal(s.open_run, "b");
    assert_string_equal(s.open_to.items[0], "r2");
    hg_ledger_summary_done(&s);
    hg_ledger_summary_of(doc, "other.v", &s);
    assert_true(s.present && !s.open_run && !s.last_rows_known);
    hg_ledger_summary_done(&s);
    const json_t *damage = json_object_get(doc, "damage");
    static const char *const LINES[] = { "line 3: ", "line 4: ", "line 5: ", "line 7: " };
    assert_int_equal(json_array_size(damage), HG_COUNT(LINES));
    for (size_t i = 0; i < HG_COUNT(LINES); i++)
        assert_true(hg_starts_with(json_string_value(json_array_get(damage, i)), LINES[i]));
    json_decref(doc);
}

/* What run b left, of kind; b began at r1 and ended at these rows with this outcome. */
#define LEFT(kind, outcome, rows) \
    INTENT("a", "", "\"r1\"") OUTCOME("a", "\"r1\"") INTENT("b", "\"r1\"", "\"r2\"") \
    "{\"event\":\"outcome\",\"run\":\"b\",\"at\":\"2026-11-23T02:02:03.000Z\",\"outcome\":\"" outcome "\",\"rows\":[" \
    rows "],\"done\":[],\"objects\":[{\"kind\":\"" kind "\",\"name\":\"public.x\",\"digest\":\"d\",\"made\":true}]}\n"

static void what_a_failed_run_left_may_be_half_of_a_revision(void **state)
{
    static const struct { const char *text; bool half; } CASES[] = {
        { LEFT("table", "failed", "\"r1\""), true },
        { LEFT("table", "interrupted", "\"r1\""), true },
        { LEFT("table", "failed", "\"r2\""), false }, /* a revision is in, and it may have made the table */
        { LEFT("index", "failed", "\"r2\""), true },
        { LEFT("index", "applied", "\"r2\""), false },
        { LEFT("table", "failed", "\"r1\"") INTENT("c", "\"r1\"", "\"r2\"") OUTCOME("c", "\"r2\""), false },
    };
    (void)state;
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects o = { 0 };
        json_t *doc = read_lines(CASES[i].text);
        hg_ledger_objects_of(doc, &o);
        json_decref(doc);
        assert_int_equal(o.count, 1);
        assert_true(o.items[0].made);
        assert_int_equal(o.items[0].half, CASES[i].half);
    }
}

static void a_chain_with_a_gap_is_noticed_whatever_the_order_of_rows(void **state)
{
    (void)state;
    static const char *const FILES[] = {
        INTENT("a", "", "\"r1\"") OUTCOME("a", "\"r1\",\"x\"") INTENT("b", "\"x\",\"r1\"", "\"r2\""),
        INTENT("a", "", "\"r1\"") OUTCOME("a", "\"r1\"") INTENT("b", "\"r7\"", "\"r2\""),
    };
    static const char *const FOUND[] = { "a", "b" }; /* in the first only that it left more than it said */
    for (size_t i = 0; i < HG_COUNT(FILES); i++) {
        json_t *counts = NULL, *doc = read_lines(FILES[i]), *problems = hg_ledger_check(doc, NULL, &counts);
        assert_int_equal(json_array_size(problems), 1);
        const json_t *problem = json_array_get(problems, 0);
        assert_string_equal(json_string_value(json_object_get(problem, "what")), "chain");
        assert_string_equal(json_string_value(json_object_get(problem, "run")), FOUND[i]);
        assert_int_equal(json_integer_value(json_object_get(counts, "steps")), 2);
        json_decref(problems);
        json_decref(counts);
        json_decref(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_quote_what_postgresql_would_read_otherwise),
        cmocka_unit_test(lists_come_back_from_json),
        cmocka_unit_test(steps_carry_the_file_whatever_its_bytes),
        cmocka_unit_test(what_an_encoding_lacks_becomes_a_question_mark),
        cmocka_unit_test(only_prose_is_fitted),
        cmocka_unit_test(the_administrator_gets_quoted_sql),
        cmocka_unit_test(base64_comes_back_and_anything_else_is_refused),
        cmocka_unit_test(a_file_says_what_happened_and_which_lines_are_none),
        cmocka_unit_test(what_a_failed_run_left_may_be_half_of_a_revision),
        cmocka_unit_test(a_chain_with_a_gap_is_noticed_whatever_the_order_of_rows),
        cmocka_unit_test(an_hmac_depends_on_each_part_and_where_it_ends),
        cmocka_unit_test(what_differs_between_both_ends_was_made_by_the_run),
        cmocka_unit_test(what_another_version_table_made_keeps_its_record),
        cmocka_unit_test(a_fingerprint_is_over_what_was_made_and_is_there),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
