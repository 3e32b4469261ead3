/* SPDX-License-Identifier: Apache-2.0 */
/* A child of ours that does what is left to do when we are killed. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

/* How often the group is looked at while its time runs. */
#define LOOK_NS (50 * HG_NS_PER_MS)

/* In the child: when the other end of the pipe is closed, nobody but us is left. */
_Noreturn static void stand_guard(void (*on_death)(void *), void *context, int pipe_fd)
{
    char byte;
    /* Nobody's terminal, and no stream of ours kept open for who waits for its end. 0 stays taken, so
     * that nothing that is opened later becomes a standard stream. */
    setsid();
    dup2(pipe_fd, 0);
    close_range(1, ~0u, 0);
    while (read(0, &byte, 1) < 0 && errno == EINTR)
        ;
    on_death(context);
    _exit(0);
}

void hg_guard_start(void (*on_death)(void *context), void *context, struct hg_guard *ret)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    pid_t pid = fork();
    if (pid == 0)
        stand_guard(on_death, context, ends[0]);
    close(ends[0]);
    if (pid < 0)
        close(ends[1]);
    else
        *ret = (struct hg_guard){ pid, ends[1] };
}

void hg_guard_stop(struct hg_guard *g)
{
    if (g->pid <= 0)
        return;
    kill((pid_t)g->pid, SIGKILL);
    while (waitpid((pid_t)g->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    hg_closep(&g->fd);
    *g = (struct hg_guard)HG_GUARD_INIT;
}

/* ---- of a process group ------------------------------------------------------------------------ */

struct group_end {
    pid_t group;
    int64_t grace_ns;
};

static void end_group(void *context)
{
    const struct group_end *g = context;
    const struct timespec look = { .tv_nsec = LOOK_NS };
    int64_t until = hg_now_ns() + g->grace_ns;
    /* The number of a group is not given to another process while it has one member, and between two
     * looks nobody can start as many processes as there are numbers. */
    if (kill(-g->group, SIGTERM) < 0)
        return;
    (void)kill(-g->group, SIGCONT); /* a stopped one does not act on TERM */
    while (hg_now_ns() < until) {
        (void)nanosleep(&look, NULL);
        if (kill(-g->group, 0) < 0)
            return;
    }
    (void)kill(-g->group, SIGKILL);
}

void hg_guard_group(pid_t group, int64_t grace_ns, struct hg_guard *ret)
{
    struct group_end end = { group, grace_ns };
    hg_guard_start(end_group, &end, ret);
}
