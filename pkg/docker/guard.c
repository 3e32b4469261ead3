/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard: a child of ours that ends the command when we are killed before its keeper waits beside
 * it. Starting a keeper costs as much as the command itself, so short commands have none; a fork
 * costs next to nothing.
 */
#include "docker/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: when the other end of the pipe is closed, nobody but us is left. */
_Noreturn static void stand_guard(struct hg_docker *d, const struct hg_docker_exec *spec,
                                  const char *token, int pipe_fd)
{
    struct hg_keeper keeper = HG_KEEPER_INIT;
    struct hg_err ignored;
    char byte;
    /* Nobody's terminal, and no stream of ours kept open for who waits for its end. */
    setsid();
    dup2(pipe_fd, 0);
    close_range(1, ~0u, 0);
    d->idle = (struct hg_conn)HG_CONN_INIT;
    d->wake_fd = -1;
    while (read(0, &byte, 1) < 0 && errno == EINTR)
        ;
    /* 0 is taken, so that no socket becomes a standard stream; a keeper without us ends the command. */
    (void)hg_keeper_start(d, spec, token, &keeper, &ignored);
    _exit(0);
}

void hg_guard_start(struct hg_docker *d, const struct hg_docker_exec *spec, const char *token,
                    struct hg_guard *ret)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    pid_t pid = fork();
    if (pid == 0)
        stand_guard(d, spec, token, ends[0]);
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
    kill(g->pid, SIGKILL);
    while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    hg_closep(&g->fd);
    *g = (struct hg_guard)HG_GUARD_INIT;
}
