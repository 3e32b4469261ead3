/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/notify.h"

#include "finding/finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

/* By `printf '1767225600.{"a":1}' | openssl dgst -sha256 -hmac key`. */
static void the_signature_is_that_of_openssl(void **state)
{
    (void)state;
    char *s = hg_notify_signature("key", 1767225600, "{\"a\":1}", 7);
    assert_string_equal(s, "t=1767225600,v1=80f7b75f8618b9b24d72673996a625f1a43f7387a26b6739d667431724fe4d23");
    free(s);
}

static json_t *event(const char *text)
{
    json_t *e = json_loads(text, 0, NULL);
    assert_non_null(e);
    return e;
}

static void says(const char *document, const char *sentence, const char *github)
{
    json_t *e = event(document);
    struct hg_buf b = HG_BUF_INIT;
    hg_notify_sentence(e, &b);
    assert_string_equal(hg_buf_str(&b), sentence);
    assert_string_equal(hg_notify_github_state(e), github);
    hg_buf_done(&b);
    json_decref(e);
}

static void what_happened_is_one_sentence(void **state)
{
    (void)state;
    says("{\"event\":\"started\",\"target\":\"prod\",\"direction\":\"up\",\"from\":[\"a1\"],\"to\":null,"
         "\"planned\":[{\"revision\":\"b2\"}]}", "prod: applying 1 revision, from a1", "in_progress");
    says("{\"event\":\"started\",\"target\":\"prod\",\"direction\":\"down\",\"from\":[],\"planned\":[{},{}]}",
         "prod: rolling back 2 revisions, from no revision", "in_progress");
    says("{\"event\":\"applied\",\"target\":\"prod\",\"direction\":\"up\",\"applied\":[\"b2\"],\"to\":[\"b2\"],"
         "\"seconds\":4.16,\"database\":{\"name\":\"shop\"},\"outcome\":\"applied\",\"error\":null}",
         "prod: 1 revision applied in 4.2 s; shop is at b2", "success");
    says("{\"event\":\"failed\",\"target\":\"prod\",\"direction\":\"down\",\"applied\":[],\"to\":null,"
         "\"seconds\":1,\"outcome\":\"failed\",\"error\":{\"message\":\"no\"}}",
         "prod: rollback failed after 1.0 s: no", "failure");
    says("{\"event\":\"locked\",\"target\":\"prod\",\"outcome\":\"locked\",\"to\":[]}",
         "prod: locked after 0.0 s; the database is at no revision", "error");
    says("{\"event\":\"unchanged\",\"target\":\"prod\",\"to\":[\"a\",\"b\"]}",
         "prod: nothing to do; the database is at a, b", "success");
    says("{\"event\":\"refused\",\"target\":\"prod\",\"outcome\":\"refused\"}", "prod: refused after 0.0 s",
         "failure");
}

/* A revision's text must not mention everybody, or make a link. */
static void slack_gets_no_markup_of_others(void **state)
{
    (void)state;
    json_t *e = event("{\"event\":\"failed\",\"target\":\"<!channel>\",\"outcome\":\"failed\",\"by\":\"a&b\","
                      "\"host\":\"h\",\"commit\":\"0123456789abcdef\",\"link\":\"https://ci/1\"}");
    json_t *m = hg_notify_slack(e);
    assert_string_equal(hg_jstr(m, "text"), ":x: &lt;!channel&gt;: failed after 0.0 s");
    const json_t *blocks = json_object_get(m, "blocks");
    const json_t *foot = json_array_get(json_object_get(json_array_get(blocks, 1), "elements"), 0);
    assert_string_equal(hg_jstr(foot, "text"),
                        "headgate, by a&amp;b on h, commit 0123456789ab, <https://ci/1|log>");
    json_decref(m);
    json_decref(e);
}

static void texts_are_cut_between_characters(void **state)
{
    (void)state;
    for (size_t max = 0; max < 12; max++) {
        char *s = hg_notify_cut("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", max);
        assert_true(strlen(s) <= max);
        assert_true(hg_utf8_valid(s, strlen(s)));
        free(s);
    }
}

static void a_request_without_sense_is_refused(void **state)
{
    (void)state;
    static const char *const WRONG[] = { "{}", "[]", "{\"event\":{}}", "{\"event\":{},\"url\":\"http://a\"}",
                                         "{\"event\":{},\"kind\":\"slack\"}",
                                         "{\"event\":{\"event\":\"started\"},\"kind\":\"github\"}" };
    for (size_t i = 0; i < HG_COUNT(WRONG); i++) {
        struct hg_err err = { 0 };
        json_t *q = event(WRONG[i]), *into = json_object();
        assert_int_equal(hg_notify_send(q, into, &err), -1);
        assert_true(err.kind == HG_E_USAGE || err.kind == HG_E_CONFIG);
        json_decref(q);
        json_decref(into);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signature_is_that_of_openssl),
        cmocka_unit_test(what_happened_is_one_sentence),
        cmocka_unit_test(slack_gets_no_markup_of_others),
        cmocka_unit_test(texts_are_cut_between_characters),
        cmocka_unit_test(a_request_without_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
