/* SPDX-License-Identifier: Apache-2.0 */
#include "apply/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static int begin(void **state)
{
    (void)setenv("LC_ALL", "C.UTF-8", 1);
    struct hg_apply_live *l = hg_live_new(STDERR_FILENO);
    *state = l;
    return 0;
}

static int end(void **state)
{
    hg_live_free(*state);
    return 0;
}

/* Takes the event over. */
static void tell(struct hg_apply_live *l, json_t *event)
{
    assert_non_null(event);
    hg_live_note(l, event);
    json_decref(event);
}

static void step(struct hg_apply_live *l, const char *phase, const char *message)
{
    tell(l, json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "event", "step", "revision", "0002b41f6d28",
                      "phase", phase, "message", message, "position", 2, "count", 3));
}

static void query(struct hg_apply_live *l, const char *state, const char *text)
{
    tell(l, json_pack("{s:s, s:s, s:s, s:n, s:n}", "event", "progress", "state", state, "query", text,
                      "blocked_by", "total"));
}

static void shows(const struct hg_apply_live *l, int64_t after_ms, size_t columns, const char *wanted)
{
    struct hg_buf b = HG_BUF_INIT;
    hg_live_text(l, l->since_ns + after_ms * HG_NS_PER_MS, columns, &b);
    assert_string_equal(hg_buf_str(&b), wanted);
    assert_true(hg_term_width(hg_buf_str(&b)) <= columns);
    hg_buf_done(&b);
}

static void says_revision_statement_and_time(void **state)
{
    struct hg_apply_live *l = *state;
    assert_false(l->running);
    step(l, "begin", "add notebook_sessions");
    assert_true(l->running);
    shows(l, 0, 99, "[2/3] 0002b41f6d28 add notebook_sessions  0.0 s");
    query(l, "active", "ALTER TABLE notebooks\n    ADD x int");
    shows(l, 4200, 99, "[2/3] 0002b41f6d28 add notebook_sessions  ALTER TABLE notebooks ADD x int  4.2 s");
    shows(l, 65 * 1000, 60, "[2/3] 0002b41f6d28 add notebook_…  ALTER TABLE …  1 min 05 s");
    query(l, "idle in transaction", "ALTER TABLE notebooks");
    shows(l, 5000, 99, "[2/3] 0002b41f6d28 add notebook_sessions  5.0 s");
    step(l, "end", "add notebook_sessions");
    assert_false(l->running);
}

static void says_what_it_took_before_and_the_phase(void **state)
{
    struct hg_apply_live *l = *state;
    tell(l, json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:f}", "event", "step", "revision", "0003", "phase",
                      "begin", "message", "index urls", "position", 1, "count", 1, "expected_seconds", 6.04));
    shows(l, 4200, 99, "[1/1] 0003 index urls  4.2 s of about 6.0 s");
    shows(l, 9100, 99, "[1/1] 0003 index urls  9.1 s (before: 6.0 s)");
    tell(l, json_pack("{s:s, s:s, s:s, s:s, s:n, s:i, s:i}", "event", "progress", "state", "active", "query",
                      "CREATE INDEX i ON t (a)", "phase", "building index: scanning table", "blocked_by",
                      "done", 43, "total", 100));
    shows(l, 4200, 200, "[1/1] 0003 index urls  CREATE INDEX i ON t (a)  4.2 s of about 6.0 s"
                        "  building index: scanning table  43%");
    shows(l, 4200, 80, "[1/1] 0003  CREATE I…  4.2 s of about 6.0 s  building index: scanning table  43%");
    l->expected = 3725.6;
    query(l, "idle", "CREATE INDEX i ON t (a)");
    shows(l, 61 * 1000, 99, "[1/1] 0003 index urls  1 min 01 s of about 62 min 06 s");
    step(l, "begin", "add notebook_sessions");
    shows(l, 4200, 99, "[2/3] 0002b41f6d28 add notebook_sessions  4.2 s");
}

/* What tells no news for two hours, asked every two seconds. */
static void hours_are_tens_of_lines(void **state)
{
    (void)state;
    struct hg_apply_pace p = { 0 };
    int told = 0;
    int64_t longest = 0, last = 0, now = HG_NS_PER_S;
    assert_true(hg_apply_pace(&p, "a", now));
    assert_false(hg_apply_pace(&p, "a", now + HG_NS_PER_S));
    for (last = now; now < 7200 * HG_NS_PER_S; now += 2 * HG_NS_PER_S)
        if (hg_apply_pace(&p, "a", now)) {
            told++;
            longest = now - last > longest ? now - last : longest;
            last = now;
        }
    assert_in_range(told, 20, 40);
    assert_true(longest <= 302 * HG_NS_PER_S);
    assert_true(hg_apply_pace(&p, "b", now)); /* news */
    assert_false(hg_apply_pace(&p, "b", now + HG_NS_PER_S));
    assert_true(hg_apply_pace(&p, "b", now + 2 * HG_NS_PER_S));
    hg_freep(&p.said);
}

static void the_blocker_stays_when_it_gets_narrow(void **state)
{
    struct hg_apply_live *l = *state;
    step(l, "begin", "add notebook_sessions");
    tell(l, json_pack("{s:s, s:s, s:s, s:{s:i, s:s, s:s}, s:i, s:i}", "event", "progress", "state",
                      "active", "query", "CREATE INDEX i ON t (a)", "blocked_by", "pid", 123, "user",
                      "alice", "application", "psql", "done", 1, "total", 3));
    shows(l, 4200, 200, "[2/3] 0002b41f6d28 add notebook_sessions  CREATE INDEX i ON t (a)  4.2 s  33%"
                        "  waits for pid 123 (psql, alice)");
    shows(l, 4200, 79, "[2/3] 0002b41f6d28  CREATE INDEX …  4.2 s  33%  waits for pid 123 (psql, alice)");
    shows(l, 4200, 64, "[2/3] 0002b41f6d28  4.2 s  33%  waits for pid 123 (psql, alice)");
    shows(l, 4200, 30, "[2/3] 0002b41f6d28  4.2 s  33…");
    shows(l, 4200, 0, "");
    query(l, "active", "CREATE INDEX i ON t (a)"); /* the way is free */
    shows(l, 4200, 200, "[2/3] 0002b41f6d28 add notebook_sessions  CREATE INDEX i ON t (a)  4.2 s");
}

static void wide_characters_are_cut_at_columns(void **state)
{
    struct hg_apply_live *l = *state;
    step(l, "begin", "日本語の移行");
    query(l, "active", "update 表 set 列 = 1 where 列 is null");
    for (size_t columns = 0; columns < 90; columns++) {
        struct hg_buf b = HG_BUF_INIT;
        hg_live_text(l, l->since_ns, columns, &b);
        assert_true(hg_term_width(hg_buf_str(&b)) <= columns);
        assert_true(hg_utf8_valid(hg_buf_str(&b), b.len));
        hg_buf_done(&b);
    }
    shows(l, 0, 48, "[2/3] 0002b41f6d28 日本語の…  update 表 …  0.0 s");
}

static char *hide(const char *text, void *context)
{
    const char *secret = context, *at = strstr(text, secret);
    return at ? hg_xasprintf("%.*s***%s", (int)(at - text), text, at + strlen(secret)) : hg_xstrdup(text);
}

static void masked_whole_and_printable(void **state)
{
    struct hg_apply_live *l = *state;
    static char secret[] = "pass  word";
    hg_log_set_filter(hide, secret);
    step(l, "begin", "bell\a and \x1b[2J");
    query(l, "active", "set x = 'pass  word' \xc2\x9b" "31m");
    hg_log_set_filter(NULL, NULL);
    shows(l, 0, 99, "[2/3] 0002b41f6d28 bell\\x07 and \\x1b[2J  set x = '***' \\xc2\\x9b31m  0.0 s");
}

/* What others print stands on rows of its own: read what goes to the terminal. */
static void never_over_an_unfinished_row(void **state)
{
    (void)state;
    int ends[2];
    char got[512] = "";
    assert_int_equal(pipe(ends), 0);
    struct hg_apply_live *l = hg_live_new(ends[1]);
    hg_live_draw(l); /* nothing runs yet */
    step(l, "begin", "");
    hg_live_before(l, "50 of 100 rows");
    hg_live_draw(l);
    hg_live_before(l, "done\n");
    assert_int_equal(write(ends[1], "|", 1), 1); /* nothing was drawn up to here */
    hg_live_draw(l);
    hg_live_free(l);
    ssize_t len = read(ends[0], got, sizeof got - 1);
    assert_true(len > 0);
    assert_memory_equal(got, "|\r[2/3] 0002b41f6d28  0.", 23);
    assert_string_equal(got + len - 7, "\x1b[K\r\x1b[K");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_revision_statement_and_time, begin, end),
        cmocka_unit_test_setup_teardown(says_what_it_took_before_and_the_phase, begin, end),
        cmocka_unit_test_setup_teardown(the_blocker_stays_when_it_gets_narrow, begin, end),
        cmocka_unit_test_setup_teardown(wide_characters_are_cut_at_columns, begin, end),
        cmocka_unit_test_setup_teardown(masked_whole_and_printable, begin, end),
        cmocka_unit_test(hours_are_tens_of_lines),
        cmocka_unit_test(never_over_an_unfinished_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
