/* SPDX-License-Identifier: Apache-2.0 */
/* Signals to us become signals to the command; clocks that end it. */
#include "docker/run.h"

#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define GRACE_NS  (10 * HG_NS_PER_S)
#define RETRY_NS  (250 * HG_NS_PER_MS)
#define RESIZE_NS (30 * HG_NS_PER_MS)
#define RESIZE_TRIES 60
/* The engine ends the stream when the command ends; some do not (old Podman), so we also look. */
#define LOOK_NS   (5 * HG_NS_PER_S)
/* A KILL takes effect at once, unless the kernel is at it; then waiting is of no use. */
#define GIVE_UP_NS (10 * HG_NS_PER_S)
#define UNSENT_NS (2 * HG_NS_PER_S)

/* Signals that end the command, or the preparation before it; not HUP under nohup. */
static void ending_signals(sigset_t *set)
{
    struct sigaction hangup;
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGQUIT);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaddset(set, SIGHUP);
}

int hg_exec_signals_open(struct hg_exec_run *r, struct hg_err *err)
{
    sigset_t ending, all;
    ending_signals(&ending);
    all = ending;
    sigaddset(&all, SIGWINCH);
    sigaddset(&all, SIGPIPE);
    if (sigprocmask(SIG_BLOCK, &all, &r->mask_before) < 0)
        return hg_fail_errno(err, HG_E_BUG, "cannot block signals");
    r->signal_fd = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r->signal_fd < 0) {
        sigprocmask(SIG_SETMASK, &r->mask_before, NULL);
        return hg_fail_errno(err, HG_E_BUG, "cannot receive signals");
    }
    return 0;
}

void hg_exec_signals_running(struct hg_exec_run *r)
{
    sigset_t all;
    ending_signals(&all);
    sigaddset(&all, SIGWINCH);
    signalfd(r->signal_fd, &all, 0);
}

void hg_exec_signals_close(struct hg_exec_run *r)
{
    /* What came too late to matter is taken off first, so that it does not hit when unblocked. */
    const struct timespec now = { 0, 0 };
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    if (!sigismember(&r->mask_before, SIGPIPE))
        while (sigtimedwait(&pipe_only, NULL, &now) > 0)
            ;
    hg_exec_signals_read(r);
    hg_closep(&r->signal_fd);
    sigprocmask(SIG_SETMASK, &r->mask_before, NULL);
}

static int64_t grace(const struct hg_exec_run *r)
{
    return r->spec->grace_ns > 0 ? r->spec->grace_ns : GRACE_NS;
}

void hg_exec_want(struct hg_exec_run *r, int signal)
{
    r->wanted = signal;
    r->sent = false;
    r->try_at = hg_now_ns();
    if (signal == SIGKILL && !r->give_up_at)
        r->give_up_at = r->try_at + GIVE_UP_NS;
}

static void take_signal(struct hg_exec_run *r, int signal)
{
    if (signal == SIGWINCH) {
        r->resize_at = r->spec->tty ? hg_now_ns() : 0;
        r->resize_tries = 0;
        return;
    }
    r->result.signal_received = signal;
    r->signals++;
    if (r->spec->on_signal) {
        int send = r->spec->on_signal(r->spec->context, signal, r->signals);
        if (send)
            hg_exec_want(r, send);
        return;
    }
    hg_exec_want(r, signal);
    if (!r->kill_at)
        r->kill_at = hg_now_ns() + grace(r);
}

void hg_exec_signals_read(struct hg_exec_run *r)
{
    struct signalfd_siginfo info;
    while (read(r->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        take_signal(r, (int)info.ssi_signo);
}

void hg_exec_keep(struct hg_exec_run *r)
{
    struct hg_err why;
    r->keeper_at = 0;
    if (r->keeper_tried)
        return;
    r->keeper_tried = true;
    if (hg_keeper_start(r->d, r->spec, r->token, &r->keeper, &why) < 0)
        hg_log(HG_LOG_DEBUG, "no keeper in %s: %s", r->spec->container, why.message);
    hg_guard_stop(&r->guard);
}

static void delivered(struct hg_exec_run *r)
{
    r->result.signal_unsent = false;
    r->wanted = 0;
    r->try_at = 0;
}

/* Tries to deliver the wanted signal, again and again until it reached somebody: the command may
 * only just be starting. */
static void deliver(struct hg_exec_run *r, int64_t now)
{
    bool answered = r->sent && r->keeper.waiting == 0;
    if (answered && r->keeper.delivered) {
        delivered(r);
        return;
    }
    if ((r->sent && !answered) || (!answered && r->try_at > now))
        return;
    hg_exec_keep(r);
    r->sent = !answered && hg_keeper_signal(&r->keeper, r->wanted);
    r->try_at = now + RETRY_NS;
    r->result.signal_unsent = true;
    if (r->sent)
        return;
    /* The keeper is gone or reached nobody. */
    if (hg_docker_is_local(r->d) && hg_hostproc_signal(r->token, r->wanted) > 0) {
        delivered(r);
    } else if (!r->keeper.alive && (!r->give_up_at || r->give_up_at > now + UNSENT_NS)) {
        r->give_up_at = now + UNSENT_NS;
    }
}

/* Has the command ended without the engine saying so? Two looks, so that the stream can drain. */
static void look(struct hg_exec_run *r, int64_t now)
{
    struct hg_exec_state state = { 0 };
    struct hg_err ignored;
    r->look_at = now + LOOK_NS;
    if (hg_exec_out_full(r) || hg_exec_inspect(r->d, r->id, &state, &ignored) < 0)
        return;
    if (state.running || (state.exit_code < 0 && !state.gone))
        r->seen_ended = 0;
    else if (++r->seen_ended > 1)
        r->main_ended = true;
}

static bool due(int64_t *at, int64_t now)
{
    if (!*at || *at > now)
        return false;
    *at = 0;
    return true;
}

int hg_exec_timers(struct hg_exec_run *r, struct hg_err *err)
{
    int64_t now = hg_now_ns();
    if (due(&r->end_at, now)) {
        r->result.timed_out = true;
        hg_exec_want(r, SIGTERM);
        r->kill_at = now + grace(r);
    }
    if (due(&r->kill_at, now))
        hg_exec_want(r, SIGKILL);
    if (due(&r->tick_at, now)) {
        int signal = r->spec->on_tick(r->spec->context);
        if (signal)
            hg_exec_want(r, signal);
        r->tick_at = hg_now_ns() + r->spec->tick_ns;
    }
    if (due(&r->resize_at, now) && !hg_exec_tty_resize(r) && ++r->resize_tries < RESIZE_TRIES)
        r->resize_at = hg_now_ns() + RESIZE_NS;
    if (due(&r->look_at, now))
        look(r, now);
    if (due(&r->keeper_at, now))
        hg_exec_keep(r);
    if (r->wanted)
        deliver(r, now);
    if (!due(&r->give_up_at, now) || r->main_ended)
        return 0;
    hg_fail(err, HG_E_DOCKER, r->result.signal_unsent
                                  ? "the command still runs in the container: it could not be "
                                    "signalled, because there is no sh in the image, or no right"
                                  : "the command does not end, even by KILL; it may still run in "
                                    "the container");
    err->exit_code = r->result.signal_received ? HG_EXIT_SIGNAL + r->result.signal_received : 0;
    return hg_hint(err, "docker top %s", r->spec->container);
}

int64_t hg_exec_next(const struct hg_exec_run *r)
{
    const int64_t times[] = { r->try_at,  r->kill_at, r->give_up_at, r->end_at,
                              r->tick_at, r->look_at, r->resize_at,  r->keeper_at,
                              r->close_at };
    int64_t next = 0;
    for (size_t i = 0; i < HG_COUNT(times); i++)
        if (times[i] && (!next || times[i] < next))
            next = times[i];
    return next;
}
