/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor.h"

#include <errno.h>
#include <poll.h>

#define SUPERVISE_GRACE_NS (10 * HG_NS_PER_S)
/* After the child's end its streams are read until they are quiet this long: a grandchild that
 * holds them open (a daemon) must not hold us. */
#define SUPERVISE_QUIET_NS (100 * HG_NS_PER_MS)
#define SUPERVISE_DRAIN_NS (2 * HG_NS_PER_S)
/* Without a pidfd (kernels before 5.3) SIGCHLD alone tells the end; this is the safety net. */
#define SUPERVISE_POLL_MS 500

enum slot { SLOT_SIGNAL, SLOT_CHILD, SLOT_WATCH, SLOT_TYPED, SLOT_PTY, SLOT_FROM, SLOT_TO = 7,
            SLOT_COUNT = 9 };

static void supervisor_done(struct hg_supervisor *s)
{
    hg_child_done(&s->child);
    hg_guard_stop(&s->guard);
    hg_job_done(s);
    hg_pump_done(&s->pumps[0]);
    hg_pump_done(&s->pumps[1]);
    hg_closep(&s->master);
    hg_buf_wipe(&s->input);
}

static enum hg_spawn_group choose_group(const struct hg_supervisor *s, const struct hg_wiring *w)
{
    if (w->tty >= 0)
        return HG_GROUP_SESSION;
    if ((s->spec->on_signal && !s->spec->shared_terminal) || !hg_terminal_controls())
        return HG_GROUP_OWN;
    return HG_GROUP_SHARED;
}

static int64_t grace_ns(const struct hg_supervisor *s)
{
    return s->spec->grace_ns ? s->spec->grace_ns : SUPERVISE_GRACE_NS;
}

static int start(struct hg_supervisor *s, struct hg_err *err)
{
    if (hg_job_signals(s, err) < 0)
        return -1;
    HG_AUTO(hg_wiring_done) struct hg_wiring w = { { -1, -1, -1 }, -1, { -1, -1, -1, -1 } };
    if (hg_pump_wire(s, &w, err) < 0)
        return -1;
    struct hg_spawn spawn = {
        .argv = s->spec->argv, .envp = s->spec->envp, .dir = s->spec->dir,
        .stdio = { w.stdio[0], w.stdio[1], w.stdio[2] },
        .tty = w.tty, .group = choose_group(s, &w), .death_signal = SIGTERM,
        .keep_fds = s->spec->keep_fds,
    };
    if (hg_spawn(&spawn, &s->child, err) < 0)
        return -1;
    if (s->spec->end_group && spawn.group != HG_GROUP_SHARED)
        hg_guard_group(s->child.pid, grace_ns(s), &s->guard);
    if (s->forward_input)
        hg_terminal_raw(&s->terminal);
    int64_t now = hg_now_ns();
    if (s->spec->max_runtime_ns)
        s->end_at = now + s->spec->max_runtime_ns;
    if (s->spec->tick_ns && s->spec->on_tick)
        s->next_tick = now + s->spec->tick_ns;
    return 0;
}

/* ---- one turn of the loop -------------------------------------------------------------------- */

static bool may_type(const struct hg_supervisor *s)
{
    return s->forward_input && s->terminal.raw && s->input.len < HG_PUMP_HELD_MAX && !s->ended;
}

static void fill(const struct hg_supervisor *s, struct pollfd fds[SLOT_COUNT])
{
    for (int i = 0; i < SLOT_COUNT; i++)
        fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
    fds[SLOT_SIGNAL].fd = s->signal_fd;
    fds[SLOT_CHILD].fd = s->ended ? -1 : s->child.pidfd;
    fds[SLOT_WATCH].fd = s->watch_fd;
    fds[SLOT_TYPED].fd = may_type(s) ? s->terminal.fd : -1;
    fds[SLOT_PTY] = (struct pollfd){ .fd = s->input.len ? s->master : -1, .events = POLLOUT };
    for (int i = 0; i < 2; i++) {
        const struct hg_pump *p = &s->pumps[i];
        fds[SLOT_FROM + i].fd = hg_pump_wants_input(p) ? p->from : -1;
        fds[SLOT_TO + i] = (struct pollfd){ .fd = hg_pump_wants_output(p) ? p->stream : -1,
                                            .events = POLLOUT };
    }
}

static void earlier(int *ms, int64_t deadline)
{
    int left = hg_ms_left(deadline);
    if (left >= 0 && (*ms < 0 || left < *ms))
        *ms = left;
}

static bool output_pending(const struct hg_supervisor *s)
{
    return hg_pump_wants_output(&s->pumps[0]) || hg_pump_wants_output(&s->pumps[1]);
}

static int64_t drain_deadline(const struct hg_supervisor *s)
{
    int64_t since = s->last_output > s->ended_at ? s->last_output : s->ended_at;
    int64_t quiet = since + SUPERVISE_QUIET_NS, cap = s->ended_at + SUPERVISE_DRAIN_NS;
    return quiet < cap ? quiet : cap;
}

static int wait_ms(const struct hg_supervisor *s)
{
    int ms = -1;
    earlier(&ms, s->end_at);
    earlier(&ms, s->kill_at);
    earlier(&ms, s->next_tick);
    if (s->ended && !output_pending(s))
        earlier(&ms, drain_deadline(s));
    if (!s->ended && s->child.pidfd < 0 && (ms < 0 || ms > SUPERVISE_POLL_MS))
        ms = SUPERVISE_POLL_MS;
    return ms;
}

static void call_watch(struct hg_supervisor *s, short revents)
{
    bool more = s->spec->on_fd && s->spec->on_fd(s->spec->context, s->watch_fd);
    if (!more || !(revents & POLLIN)) /* without POLLIN the other end is gone: nothing will come */
        s->watch_fd = -1;
}

static void call_tick(struct hg_supervisor *s)
{
    if (!s->next_tick || s->ended)
        return;
    s->next_tick = hg_now_ns() + s->spec->tick_ns;
    int send = s->spec->on_tick(s->spec->context);
    if (send)
        hg_child_kill(&s->child, send);
}

/* A stopped child does not act on TERM before it is continued. */
static void check_runtime(struct hg_supervisor *s)
{
    int64_t now = hg_now_ns();
    if (s->ended)
        return;
    if (s->end_at && now >= s->end_at) {
        s->result.timed_out = true;
        s->end_at = 0;
        s->kill_at = now + grace_ns(s);
        hg_child_kill(&s->child, SIGTERM);
        hg_child_kill(&s->child, SIGCONT);
    } else if (s->kill_at && now >= s->kill_at) {
        s->kill_at = 0;
        hg_child_kill(&s->child, SIGKILL);
    }
}

/* Out of time, the whole group goes with its leader: not yet reaped, so the id is still its own. */
static bool must_clear_group(const struct hg_supervisor *s, short revents)
{
    return s->result.timed_out && s->child.group != HG_GROUP_SHARED && (revents & POLLIN);
}

static void check_child(struct hg_supervisor *s, short revents)
{
    if (s->ended)
        return;
    if (must_clear_group(s, revents))
        hg_child_kill(&s->child, SIGKILL);
    if (!hg_child_poll(&s->child, &s->result.status))
        return;
    s->ended = true;
    s->ended_at = s->last_output = hg_now_ns();
    s->end_at = s->kill_at = s->next_tick = 0;
    s->forward_input = false;
    hg_buf_clear(&s->input);
}

static int turn(struct hg_supervisor *s, struct hg_err *err)
{
    struct pollfd fds[SLOT_COUNT];
    fill(s, fds);
    if (poll(fds, SLOT_COUNT, wait_ms(s)) < 0 && errno != EINTR)
        return hg_fail_errno(err, HG_E_UNKNOWN, "poll");
    for (int i = 0; i < 2; i++) {
        if (fds[SLOT_TO + i].revents)
            hg_pump_write(&s->pumps[i]);
        if (fds[SLOT_FROM + i].revents && hg_pump_read(&s->pumps[i], s))
            s->last_output = hg_now_ns();
    }
    if (fds[SLOT_WATCH].revents)
        call_watch(s, fds[SLOT_WATCH].revents);
    if (fds[SLOT_TYPED].revents)
        hg_input_read(s);
    if (fds[SLOT_PTY].revents)
        hg_input_write(s);
    bool signaled = fds[SLOT_SIGNAL].revents != 0;
    if (signaled)
        hg_job_read(s);
    check_child(s, fds[SLOT_CHILD].revents);
    check_runtime(s);
    if (signaled || (s->next_tick && hg_now_ns() >= s->next_tick))
        call_tick(s);
    return 0;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Everything the child wrote before its end is in its pipes: read those until they are empty, then
 * for a short while what grandchildren may still say. */
static bool finished(struct hg_supervisor *s)
{
    if (!s->ended)
        return false;
    if (s->give_up_drain)
        return true;
    if (output_pending(s))
        return false;
    if (s->pumps[0].from < 0 && s->pumps[1].from < 0)
        return true;
    if (hg_now_ns() < drain_deadline(s))
        return false;
    for (int i = 0; i < 2; i++)
        hg_pump_finish(&s->pumps[i], s);
    return !output_pending(s);
}

static void last_watch(struct hg_supervisor *s)
{
    while (s->watch_fd >= 0) {
        struct pollfd fd = { .fd = s->watch_fd, .events = POLLIN };
        if (poll(&fd, 1, 0) <= 0)
            return;
        call_watch(s, fd.revents);
    }
}

int hg_output_lost(const char *command, int write_error, int code, struct hg_err *err)
{
    if (!write_error)
        return code;
    errno = write_error;
    (void)hg_fail_errno(err, HG_E_UNKNOWN, "output of %s is lost: it cannot be written", command);
    if (code == 0 || code == HG_EXIT_SIGNAL + SIGPIPE)
        return -1;
    hg_log(HG_LOG_ERROR, "%s", err->message);
    return code;
}

int hg_process_supervise(const struct hg_process_supervise *spec, struct hg_supervised *ret,
                         struct hg_err *err)
{
    HG_AUTO(supervisor_done) struct hg_supervisor s = {
        .spec = spec, .child = HG_CHILD_INIT, .guard = HG_GUARD_INIT, .signal_fd = -1, .master = -1,
        .terminal = { .fd = -1 }, .watch_fd = spec->on_fd ? spec->watch_fd : -1,
    };
    s.pumps[0].from = s.pumps[1].from = -1;
    if (start(&s, err) < 0)
        return -1;
    while (!finished(&s))
        if (turn(&s, err) < 0)
            return -1;
    last_watch(&s);
    s.result.write_error = s.pumps[0].write_error ? s.pumps[0].write_error : s.pumps[1].write_error;
    *ret = s.result;
    return 0;
}
