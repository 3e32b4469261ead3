/* SPDX-License-Identifier: Apache-2.0 */
/* A short helper whose output we want: one poll loop over its three pipes and its end. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#define RUN_TIMEOUT_NS (60 * HG_NS_PER_S)
#define RUN_OUTPUT_MAX ((size_t)64 << 20)
/* A grandchild may keep the pipes open for ever: what is there is read, then no more is awaited. */
#define RUN_DRAIN_MS 100
/* Without a pidfd (kernels before 5.3) the child's end is looked for this often. */
#define RUN_POLL_MS 20

struct run {
    const struct hg_process_run *spec;
    struct hg_child child;
    int in, out[2];            /* our ends; -1 when closed */
    struct hg_buf *into[2];
    size_t written, got[2], max;
    int64_t deadline;
    bool ended;
    int64_t ended_at;
    struct hg_exit_status status;
};

static void run_done(struct run *r)
{
    hg_child_done(&r->child);
    hg_closep(&r->in);
    hg_closep(&r->out[0]);
    hg_closep(&r->out[1]);
}

static int make_pipe(int *ret_parent, int *ret_child, bool parent_reads, struct hg_err *err)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return hg_fail_errno(err, HG_E_UNKNOWN, "cannot make a pipe");
    *ret_parent = p[parent_reads ? 0 : 1];
    *ret_child = p[parent_reads ? 1 : 0];
    (void)fcntl(*ret_parent, F_SETFL, O_NONBLOCK); /* our end only: each has its own description */
    return 0;
}

static int run_start(struct run *r, struct hg_err *err)
{
    HG_AUTO(hg_closep) int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return hg_fail_errno(err, HG_E_UNKNOWN, "cannot open /dev/null");
    HG_AUTO(hg_closep) int in = -1;
    HG_AUTO(hg_closep) int out = -1;
    HG_AUTO(hg_closep) int errors = -1;
    if ((r->spec->input && make_pipe(&r->in, &in, false, err) < 0) ||
        (r->into[0] && make_pipe(&r->out[0], &out, true, err) < 0) ||
        (r->into[1] && make_pipe(&r->out[1], &errors, true, err) < 0))
        return -1;
    struct hg_spawn spawn = {
        .argv = r->spec->argv, .envp = r->spec->envp, .dir = r->spec->dir,
        .stdio = { in >= 0 ? in : null_fd, out >= 0 ? out : null_fd,
                   errors >= 0 ? errors : null_fd },
        .tty = -1,
        .group = HG_GROUP_SESSION, /* no terminal: nothing it starts can stop and ask a person */
        .death_signal = SIGKILL,
        .keep_fds = r->spec->keep_fds,
    };
    return hg_spawn(&spawn, &r->child, err);
}

static void feed_input(struct run *r)
{
    const char *data = r->spec->input;
    while (r->written < r->spec->input_len) {
        ssize_t n = write(r->in, data + r->written, r->spec->input_len - r->written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) /* it does not want the rest */
            break;
        r->written += (size_t)n;
    }
    hg_closep(&r->in);
}

/* Reads what is there: 0, or -1 past the cap. */
static int read_output(struct run *r, int i, struct hg_err *err)
{
    char chunk[65536];
    for (;;) {
        ssize_t n = read(r->out[i], chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n <= 0) {
            hg_closep(&r->out[i]);
            return 0;
        }
        r->got[i] += (size_t)n;
        if (r->got[i] > r->max)
            return hg_fail(err, HG_E_UNKNOWN, "%s printed more than %zu bytes",
                           r->spec->argv[0], r->max);
        hg_buf_add(r->into[i], chunk, (size_t)n);
    }
}

static int run_wait_ms(const struct run *r)
{
    int ms = hg_ms_left(r->deadline);
    if (r->ended) {
        int drain = hg_ms_left(r->ended_at + RUN_DRAIN_MS * HG_NS_PER_MS);
        return drain < ms ? drain : ms;
    }
    return r->child.pidfd < 0 && ms > RUN_POLL_MS ? RUN_POLL_MS : ms;
}

/* One turn: 1 when everything is done, 0 to go on, -1 with *err. */
static int run_turn(struct run *r, struct hg_err *err)
{
    struct pollfd fds[4] = {
        { .fd = r->in, .events = POLLOUT },
        { .fd = r->out[0], .events = POLLIN },
        { .fd = r->out[1], .events = POLLIN },
        { .fd = r->ended ? -1 : r->child.pidfd, .events = POLLIN },
    };
    int wait_ms = run_wait_ms(r);
    if (poll(fds, HG_COUNT(fds), wait_ms) < 0 && errno != EINTR)
        return hg_fail_errno(err, HG_E_UNKNOWN, "poll");
    if (r->in >= 0 && fds[0].revents)
        feed_input(r);
    for (int i = 0; i < 2; i++)
        if (r->out[i] >= 0 && fds[1 + i].revents && read_output(r, i, err) < 0)
            return -1;
    if (!r->ended && hg_child_poll(&r->child, &r->status)) {
        r->ended = true;
        r->ended_at = hg_now_ns();
        for (int i = 0; i < 2; i++) /* all it wrote before its end is in the pipes now */
            if (r->out[i] >= 0 && read_output(r, i, err) < 0)
                return -1;
    }
    if (r->ended && ((r->out[0] < 0 && r->out[1] < 0) ||
                     hg_now_ns() >= r->ended_at + RUN_DRAIN_MS * HG_NS_PER_MS))
        return 1;
    if (!r->ended && hg_now_ns() >= r->deadline)
        return hg_fail(err, HG_E_TIMEOUT, "%s did not finish within %.3g s", r->spec->argv[0],
                       (double)(r->spec->timeout_ns ? r->spec->timeout_ns : RUN_TIMEOUT_NS) /
                           (double)HG_NS_PER_S);
    return 0;
}

int hg_process_run(const struct hg_process_run *spec, struct hg_exit_status *ret_status,
                   struct hg_buf *ret_out, struct hg_buf *ret_err, struct hg_err *err)
{
    HG_AUTO(run_done) struct run r = {
        .spec = spec, .child = HG_CHILD_INIT, .in = -1, .out = { -1, -1 },
        .into = { ret_out, ret_err },
        .max = spec->max_output ? spec->max_output : RUN_OUTPUT_MAX,
    };
    r.deadline = hg_now_ns() + (spec->timeout_ns ? spec->timeout_ns : RUN_TIMEOUT_NS);
    /* A child that closes its stdin early must not end us. */
    sigset_t pipe_set, old;
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
    int rc = run_start(&r, err);
    while (rc == 0)
        rc = run_turn(&r, err);
    if (!sigismember(&old, SIGPIPE)) {
        static const struct timespec none = { 0, 0 };
        while (sigtimedwait(&pipe_set, NULL, &none) > 0)
            continue;
    }
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc < 0)
        return -1;
    *ret_status = r.status;
    return 0;
}
