/* SPDX-License-Identifier: Apache-2.0 */
#include "process/process.h"

#include "env/env.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static char *const *sh(const char *script)
{
    static const char *argv[4];
    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = script;
    argv[3] = NULL;
    return (char *const *)(uintptr_t)argv;
}

/* ---- hg_process_run ---------------------------------------------------------------------------- */

static void run_gives_streams_and_status(void **state)
{
    (void)state;
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf errors = HG_BUF_INIT;
    struct hg_exit_status status;
    struct hg_err err = { 0 };
    struct hg_process_run spec = { .argv = sh("cat; echo bad >&2; pwd; exit 7"), .dir = "/",
                                   .input = "given", .input_len = 5 };
    assert_int_equal(hg_process_run(&spec, &status, &out, &errors, &err), 0);
    assert_string_equal(hg_buf_str(&out), "given/\n");
    assert_string_equal(hg_buf_str(&errors), "bad\n");
    assert_int_equal(hg_exit_status_code(&status), 7);
    spec = (struct hg_process_run){ .argv = sh("kill -9 $$") };
    assert_int_equal(hg_process_run(&spec, &status, NULL, NULL, &err), 0);
    assert_true(status.signaled);
    assert_int_equal(hg_exit_status_code(&status), 137);
}

static void run_passes_much_both_ways(void **state)
{
    (void)state;
    size_t size = 3 << 20;
    HG_AUTO(hg_freep) char *input = hg_xmalloc(size);
    memset(input, 'x', size);
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    struct hg_exit_status status;
    struct hg_err err = { 0 };
    struct hg_process_run spec = { .argv = sh("cat"), .input = input, .input_len = size };
    assert_int_equal(hg_process_run(&spec, &status, &out, NULL, &err), 0);
    assert_int_equal(out.len, size);
    spec.argv = sh("exec true"); /* does not read: no SIGPIPE for us */
    assert_int_equal(hg_process_run(&spec, &status, NULL, NULL, &err), 0);
    spec.argv = sh("cat");
    spec.max_output = 1000;
    assert_int_equal(hg_process_run(&spec, &status, &out, NULL, &err), -1);
}

static void run_ends_in_time(void **state)
{
    (void)state;
    struct hg_exit_status status;
    struct hg_err err = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    struct hg_process_run spec = { .argv = sh("trap '' TERM; sleep 60"),
                                   .timeout_ns = 100 * HG_NS_PER_MS };
    int64_t start = hg_now_ns();
    assert_int_equal(hg_process_run(&spec, &status, &out, NULL, &err), -1);
    assert_int_equal(err.kind, HG_E_TIMEOUT);
    /* a grandchild that keeps the pipe does not keep us */
    spec = (struct hg_process_run){ .argv = sh("sleep 60 & echo done") };
    assert_int_equal(hg_process_run(&spec, &status, &out, NULL, &err), 0);
    assert_string_equal(hg_buf_str(&out), "done\n");
    assert_true(hg_now_ns() - start < 20 * HG_NS_PER_S);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void missing_and_broken_commands_are_told_apart(void **state)
{
    (void)state;
    struct hg_exit_status status;
    struct hg_err err = { 0 };
    char missing[] = "no-such-command-here", folder[] = "/etc", relative[] = "./none";
    char *argv[] = { missing, NULL };
    struct hg_process_run spec = { .argv = argv };
    assert_int_equal(hg_process_run(&spec, &status, NULL, NULL, &err), -1);
    assert_int_equal(hg_err_exit_code(&err), 127);
    argv[0] = relative;
    assert_int_equal(hg_process_run(&spec, &status, NULL, NULL, &err), -1);
    assert_int_equal(hg_err_exit_code(&err), 127);
    argv[0] = folder;
    assert_int_equal(hg_process_run(&spec, &status, NULL, NULL, &err), -1);
    assert_int_equal(hg_err_exit_code(&err), 126);
    assert_int_equal(hg_process_become(missing, argv, NULL, &err), -1);
    assert_int_equal(hg_err_exit_code(&err), 127);
    assert_int_equal(hg_process_become(folder, argv, NULL, &err), -1);
    assert_int_equal(hg_err_exit_code(&err), 126);
}

static void children_get_the_signals_we_were_given(void **state)
{
    (void)state;
    HG_AUTO(hg_buf_done) struct hg_buf before = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf after = HG_BUF_INIT;
    struct hg_exit_status status;
    struct hg_err err = { 0 };
    struct hg_process_run spec = { .argv = sh("grep -E 'Sig(Blk|Ign)' /proc/self/status") };
    assert_int_equal(hg_process_run(&spec, &status, &before, NULL, &err), 0);
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(hg_process_run(&spec, &status, &after, NULL, &err), 0);
    sigprocmask(SIG_SETMASK, &old, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    assert_string_equal(hg_buf_str(&before), hg_buf_str(&after));
}

/* ---- hg_process_supervise ---------------------------------------------------------------------- */

struct seen {
    struct hg_buf streams[3];
    struct hg_buf watched;
    unsigned ticks;
    int kill_at_tick, signal_answer;
};

static void sink(void *context, int stream, const char *data, size_t len)
{
    struct seen *s = context;
    hg_buf_add(&s->streams[stream], data, len);
}

static void seen_done(struct seen *s)
{
    hg_buf_done(&s->streams[1]);
    hg_buf_done(&s->streams[2]);
    hg_buf_done(&s->watched);
}

static void supervise_masks_each_stream(void **state)
{
    (void)state;
    HG_AUTO(seen_done) struct seen seen = { 0 };
    struct hg_mask *mask = hg_mask_new();
    hg_mask_add(mask, "opensesame");
    hg_mask_build(mask);
    struct hg_supervised result;
    struct hg_err err = { 0 };
    struct hg_process_supervise spec = {
        .argv = sh("printf 'a open'; sleep 0.1; echo sesame; echo opensesame >&2; printf opense; "
                   "exit 3"),
        .mask = mask, .sink = sink, .context = &seen, .stdin_null = true,
    };
    assert_int_equal(hg_process_supervise(&spec, &result, &err), 0);
    assert_string_equal(hg_buf_str(&seen.streams[1]), "a ***\nopense");
    assert_string_equal(hg_buf_str(&seen.streams[2]), "***\n");
    assert_int_equal(hg_exit_status_code(&result.status), 3);
    hg_mask_free(mask);
}

static void supervise_ends_what_runs_too_long(void **state)
{
    (void)state;
    HG_AUTO(seen_done) struct seen seen = { 0 };
    struct hg_supervised result;
    struct hg_err err = { 0 };
    struct hg_process_supervise spec = {
        .argv = sh("trap 'echo term; exit 9' TERM; echo up; while :; do sleep 0.05; done"),
        .sink = sink, .context = &seen, .stdin_null = true,
        .max_runtime_ns = HG_NS_PER_S, /* in which a shell sets its trap, on whatever machine */
        .on_signal = NULL,
    };
    assert_int_equal(hg_process_supervise(&spec, &result, &err), 0);
    assert_true(result.timed_out);
    assert_string_equal(hg_buf_str(&seen.streams[1]), "up\nterm\n");
    assert_int_equal(hg_exit_status_code(&result.status), 9);
    spec.argv = sh("trap '' TERM; while :; do sleep 0.05; done");
    spec.grace_ns = 200 * HG_NS_PER_MS;
    assert_int_equal(hg_process_supervise(&spec, &result, &err), 0);
    assert_true(result.timed_out);
    assert_int_equal(hg_exit_status_code(&result.status), 137);
}

static void supervise_does_not_wait_for_daemons(void **state)
{
    (void)state;
    HG_AUTO(seen_done) struct seen seen = { 0 };
    struct hg_supervised result;
    struct hg_err err = { 0 };
    struct hg_process_supervise spec = { .argv = sh("sleep 20 & echo started"), .sink = sink,
                                         .context = &seen, .stdin_null = true };
    int64_t start = hg_now_ns();
    assert_int_equal(hg_process_supervise(&spec, &result, &err), 0);
    assert_true(hg_now_ns() - start < 10 * HG_NS_PER_S);
    assert_string_equal(hg_buf_str(&seen.streams[1]), "started\n");
}

static int answer_signal(void *context, int sig, unsigned times)
{
    struct seen *s = context;
    s->signal_answer = sig;
    return times >= 2 ? SIGKILL : 0;
}

static int on_tick(void *context)
{
    struct seen *s = context;
    s->ticks++;
    if (s->ticks == 3 || s->ticks == 6)
        (void)kill(getpid(), SIGTERM);
    return 0;
}

static void supervise_lets_the_caller_answer_signals(void **state)
{
    (void)state;
    HG_AUTO(seen_done) struct seen seen = { 0 };
    struct hg_supervised result;
    struct hg_err err = { 0 };
    struct hg_process_supervise spec = {
        .argv = sh("sleep 20"), .stdin_null = true, .sink = sink, .context = &seen,
        .on_signal = answer_signal, .on_tick = on_tick, .tick_ns = 20 * HG_NS_PER_MS,
    };
    assert_int_equal(hg_process_supervise(&spec, &result, &err), 0);
    assert_int_equal(result.signal_received, SIGTERM);
    assert_int_equal(seen.signal_answer, SIGTERM);
    assert_true(seen.ticks >= 6);
    assert_int_equal(hg_exit_status_code(&result.status), 137);
}

static bool on_fd(void *context, int fd)
{
    struct seen *s = context;
    char chunk[256];
    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n > 0)
        hg_buf_add(&s->watched, chunk, (size_t)n);
    return n > 0;
}

static void supervise_watches_a_descriptor_to_its_end(void **state)
{
    (void)state;
    HG_AUTO(seen_done) struct seen seen = { 0 };
    struct hg_supervised result;
    struct hg_err err = { 0 };
    int p[2];
    assert_int_equal(pipe(p), 0);
    char script[100];
    (void)snprintf(script, sizeof script, "echo one >&%d; sleep 0.1; echo two >&%d", p[1], p[1]);
    int keep[] = { p[1], -1 };
    struct hg_process_supervise spec = { .argv = sh(script), .sink = sink, .context = &seen,
                                         .stdin_null = true, .watch_fd = p[0], .on_fd = on_fd,
                                         .keep_fds = keep };
    assert_int_equal(hg_process_supervise(&spec, &result, &err), 0);
    assert_string_equal(hg_buf_str(&seen.watched), "one\ntwo\n");
    close(p[0]);
    close(p[1]);
}

static void memfiles_are_read_from_their_start(void **state)
{
    (void)state;
    struct hg_err err = { 0 };
    HG_AUTO(hg_closep) int fd = hg_process_memfile("state", "content", 7, &err);
    assert_true(fd >= 0);
    char text[8] = "";
    assert_int_equal(read(fd, text, sizeof text), 7);
    assert_string_equal(text, "content");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_gives_streams_and_status),
        cmocka_unit_test(run_passes_much_both_ways),
        cmocka_unit_test(run_ends_in_time),
        cmocka_unit_test(missing_and_broken_commands_are_told_apart),
        cmocka_unit_test(children_get_the_signals_we_were_given),
        cmocka_unit_test(supervise_masks_each_stream),
        cmocka_unit_test(supervise_ends_what_runs_too_long),
        cmocka_unit_test(supervise_does_not_wait_for_daemons),
        cmocka_unit_test(supervise_lets_the_caller_answer_signals),
        cmocka_unit_test(supervise_watches_a_descriptor_to_its_end),
        cmocka_unit_test(memfiles_are_read_from_their_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
