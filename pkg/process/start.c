/* SPDX-License-Identifier: Apache-2.0 */
/* A child that runs beside us, for callers with a loop of their own. */
#include "internal.h"

#include <poll.h>
#include <sys/syscall.h>

/* How often we look when there is no descriptor that tells. */
enum { LOOK_MS = 20 };

int hg_process_start(const struct hg_process_start *spec, struct hg_process_child *ret,
                     struct hg_err *err)
{
    struct hg_child child = HG_CHILD_INIT;
    struct hg_spawn spawn = { .argv = spec->argv, .envp = spec->envp,
                              .stdio = { spec->stdio[0], spec->stdio[1], spec->stdio[2] },
                              .tty = -1, .group = HG_GROUP_OWN,
                              .death_signal = spec->death_signal };
    if (hg_spawn(&spawn, &child, err) < 0)
        return -1;
    *ret = (struct hg_process_child){ .pid = child.pid, .fd = child.pidfd };
    return 0;
}

bool hg_process_ended(struct hg_process_child *c, struct hg_exit_status *ret)
{
    struct hg_child child = { .pid = (pid_t)c->pid, .pidfd = c->fd, .group = HG_GROUP_OWN };
    if (!c->pid || !hg_child_poll(&child, ret))
        return false;
    c->pid = 0;
    hg_closep(&c->fd);
    return true;
}

bool hg_process_wait(struct hg_process_child *c, int64_t patience_ns, struct hg_exit_status *ret)
{
    int64_t deadline = hg_now_ns() + patience_ns;
    while (!hg_process_ended(c, ret)) {
        int left = hg_ms_left(deadline);
        if (left == 0)
            return false;
        struct pollfd p = { .fd = c->fd, .events = POLLIN };
        (void)poll(&p, 1, c->fd < 0 && left > LOOK_MS ? LOOK_MS : left);
    }
    return true;
}

void hg_process_stop(struct hg_process_child *c, int64_t patience_ns)
{
    struct hg_child child = { .pid = (pid_t)c->pid, .pidfd = -1, .group = HG_GROUP_OWN };
    struct hg_exit_status ignored;
    if (c->pid && !hg_process_wait(c, patience_ns, &ignored)) {
        hg_child_kill(&child, SIGTERM);
        if (hg_process_wait(c, patience_ns, &ignored))
            return;
        hg_child_done(&child);
        c->pid = 0;
    }
    hg_closep(&c->fd);
}

int hg_process_self_fd(struct hg_err *err)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    return fd >= 0 ? fd : hg_fail_errno(err, HG_E_UNKNOWN, "this kernel cannot watch a process");
}
