/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static void buf_grows_and_stays_terminated(void **state)
{
    (void)state;
    struct hg_buf b = HG_BUF_INIT;
    assert_string_equal(hg_buf_str(&b), "");
    for (int i = 0; i < 1000; i++)
        hg_buf_addf(&b, "%d,", i % 10);
    assert_int_equal(b.len, 2000);
    assert_int_equal(strlen(b.data), 2000);
    char *s = hg_buf_take(&b);
    assert_int_equal(b.len, 0);
    free(s);
    hg_buf_done(&b);
}

static void buf_cap_is_remembered(void **state)
{
    (void)state;
    struct hg_buf b = { .max = 4 };
    hg_buf_adds(&b, "abcd");
    assert_false(b.overflow);
    hg_buf_addc(&b, 'e');
    assert_true(b.overflow);
    assert_string_equal(b.data, "abcd");
    hg_buf_done(&b);
}

static void strv_sorts_joins_and_terminates(void **state)
{
    (void)state;
    struct hg_strv v = HG_STRV_INIT;
    for (int i = 20; i > 0; i--)
        hg_strv_addf(&v, "%02d", i);
    hg_strv_sort(&v);
    assert_null(v.items[v.count]);
    assert_string_equal(v.items[0], "01");
    char *s = hg_strv_join(&v, " ");
    assert_true(hg_starts_with(s, "01 02 03"));
    assert_true(hg_strv_has(&v, "20"));
    assert_false(hg_strv_has(&v, "21"));
    free(s);
    hg_strv_done(&v);
}

static void errors_wrap_and_map_to_exit_codes(void **state)
{
    (void)state;
    struct hg_err err = { 0 };
    assert_int_equal(hg_fail(&err, HG_E_DATABASE, "no answer from %s", "db"), -1);
    hg_hint(&err, "start it");
    hg_wrap(&err, "reading status");
    assert_string_equal(err.message, "reading status: no answer from db");
    assert_string_equal(err.hint, "start it");
    assert_int_equal(hg_err_exit_code(&err), 3);
    hg_fail(&err, HG_E_LOCK, "held");
    assert_string_equal(err.hint, "");
    assert_int_equal(hg_err_exit_code(&err), 5);
    assert_int_equal(hg_err_kind_parse("migrator"), HG_E_MIGRATOR);
    assert_int_equal(hg_err_kind_parse("nonsense"), HG_E_BUG);
}

static void an_error_longer_than_its_field_is_cut_not_overrun(void **state)
{
    (void)state;
    struct hg_err err = { 0 };
    char *text = hg_xmalloc(5000);
    memset(text, 'x', 4999);
    text[4999] = '\0';
    hg_fail(&err, HG_E_CONFIG, "%s", text);
    hg_wrap(&err, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    free(text);
}

static void durations(void **state)
{
    (void)state;
    int64_t ns;
    assert_int_equal(hg_parse_duration("90", &ns), 0);
    assert_int_equal(ns, 90 * HG_NS_PER_S);
    assert_int_equal(hg_parse_duration("1.5", &ns), 0);
    assert_int_equal(ns, 1500 * HG_NS_PER_MS);
    assert_int_equal(hg_parse_duration("250ms", &ns), 0);
    assert_int_equal(ns, 250 * HG_NS_PER_MS);
    assert_int_equal(hg_parse_duration("2h", &ns), 0);
    assert_int_equal(ns, 7200 * HG_NS_PER_S);
    static const char *const bad[] = { "", "-1", "1 week", "inf", "nan", "0x10", "1e99", "s" };
    for (size_t i = 0; i < HG_COUNT(bad); i++)
        assert_int_equal(hg_parse_duration(bad[i], &ns), -1);
}

static void integers(void **state)
{
    (void)state;
    int64_t n;
    assert_int_equal(hg_parse_int("-3", -5, 5, &n), 0);
    assert_int_equal(n, -3);
    static const char *const bad[] = { "", " 1", "1 ", "6", "-6", "1x", "+1", "99999999999999999999" };
    for (size_t i = 0; i < HG_COUNT(bad); i++)
        assert_int_equal(hg_parse_int(bad[i], -5, 5, &n), -1);
}

static void the_nearest_word_is_near(void **state)
{
    (void)state;
    static const char *const words[] = { "protected", "environment", "identity" };
    assert_string_equal(hg_nearest("protcted", words, 3), "protected");
    assert_null(hg_nearest("zebra", words, 3));
}

static void text_from_outside_is_printable(void **state)
{
    (void)state;
    char *s = hg_printable("a\x1b[31m\n\xff é", 100);
    assert_string_equal(s, "a\\x1b[31m\\x0a\\xff é");
    free(s);
    s = hg_printable("\xc2\x9b" "31m\xc2\xa0", 100); /* a control of two bytes, and no control */
    assert_string_equal(s, "\\xc2\\x9b31m\xc2\xa0");
    free(s);
    assert_true(hg_utf8_valid("é", 2));
    assert_false(hg_utf8_valid("\xc0\x80", 2));
    assert_false(hg_utf8_valid("\xed\xa0\x80", 3));
    static const struct { const char *text; size_t unfinished; } ENDS[] = {
        { "", 0 }, { "a", 0 }, { "\xc3\xa9", 0 }, { "a\xc3", 1 }, { "\xe2\x9c", 2 }, { "\xe2\x9c\x93", 0 },
        { "\xf0\x9f\x98", 3 }, { "\xf0\x9f\x98\x80", 0 }, { "\xff", 0 }, { "\x80\x80\x80\x80", 0 },
    };
    for (size_t i = 0; i < HG_COUNT(ENDS); i++)
        assert_int_equal(hg_utf8_unfinished(ENDS[i].text, strlen(ENDS[i].text)), ENDS[i].unfinished);
    struct hg_buf b = HG_BUF_INIT;
    hg_utf8_add(&b, "a\0\n\x1b\xff é\xe2", 9);
    assert_string_equal(b.data, "a\\x00\n\x1b\\xff é\\xe2");
    hg_buf_clear(&b);
    hg_json_escape(&b, "\"\\\n\xff", 4);
    assert_string_equal(b.data, "\\\"\\\\\\u000a\xef\xbf\xbd");
    hg_buf_done(&b);
}

static void odd_files_are_refused_without_waiting(void **state)
{
    (void)state;
    char dir[] = "/tmp/hg-base-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct hg_buf b = HG_BUF_INIT;
    struct hg_err err;
    char *fifo = hg_path_join(dir, "fifo"), *file = hg_path_join(dir, "file");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(hg_file_read(fifo, 10, &b, &err), -1);
    assert_non_null(strstr(err.message, "FIFO"));
    assert_int_equal(hg_file_read(dir, 10, &b, &err), -1);
    assert_non_null(strstr(err.message, "directory"));
    assert_int_equal(hg_file_read("/dev/zero", 10, &b, &err), -1);
    assert_int_equal(hg_file_write(file, 0640, "0123456789", 10, &err), 0);
    assert_int_equal(hg_file_read(file, 10, &b, &err), 0);
    assert_int_equal(b.len, 10);
    assert_int_equal(hg_file_read(file, 9, &b, &err), -1);
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    unlink(fifo);
    unlink(file);
    rmdir(dir);
    free(fifo);
    free(file);
    hg_buf_done(&b);
}

static void digests(void **state)
{
    (void)state;
    char hex[HG_SHA256_SIZE];
    assert_string_equal(hg_sha256("abc", 3, hex),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    /* RFC 4231, test cases 2 and 6 (a key longer than a block) */
    static const char data[] = "what do ya want for nothing?";
    assert_string_equal(hg_hmac_sha256("Jefe", 4, data, strlen(data), hex),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    static const char more[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    unsigned char key[131];
    memset(key, 0xaa, sizeof key);
    assert_string_equal(hg_hmac_sha256(key, sizeof key, more, strlen(more), hex),
                        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void times_are_rfc3339(void **state)
{
    (void)state;
    char out[HG_TIME_SIZE], age[HG_AGE_SIZE];
    assert_string_equal(hg_time_format(INT64_C(1700000000123456789), out),
                        "2023-11-14T22:13:20.123Z");
    int64_t back = 0;
    assert_int_equal(hg_time_parse(out, &back), 0);
    assert_true(back == INT64_C(1700000000123000000));
    assert_int_equal(hg_time_parse("2023-11-14T22:13:20Z", &back), 0);
    assert_true(back == INT64_C(1700000000) * HG_NS_PER_S);
    assert_int_equal(hg_time_parse("yesterday", &back), -1);
    assert_int_equal(hg_time_parse(NULL, &back), -1);
    assert_string_equal(hg_age_format(3 * 86400 + 5, age), "3 days");
    assert_string_equal(hg_age_format(59, age), "59 s");
    assert_int_equal(hg_ms_left(0), -1);
    assert_int_equal(hg_ms_left(1), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_grows_and_stays_terminated),
        cmocka_unit_test(buf_cap_is_remembered),
        cmocka_unit_test(strv_sorts_joins_and_terminates),
        cmocka_unit_test(errors_wrap_and_map_to_exit_codes),
        cmocka_unit_test(an_error_longer_than_its_field_is_cut_not_overrun),
        cmocka_unit_test(durations),
        cmocka_unit_test(integers),
        cmocka_unit_test(the_nearest_word_is_near),
        cmocka_unit_test(text_from_outside_is_printable),
        cmocka_unit_test(odd_files_are_refused_without_waiting),
        cmocka_unit_test(digests),
        cmocka_unit_test(times_are_rfc3339),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
