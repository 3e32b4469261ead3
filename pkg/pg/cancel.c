/* SPDX-License-Identifier: Apache-2.0 */
/* A request to cancel, with a deadline. */
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANCEL_S 3

/* PQcancel waits for the server to hang up, without any limit: whatever accepts a connection and then
 * says nothing (a stopped server, a tunnel whose far end is gone) would hold us for ever. In a child it is
 * ended by the clock, also when we are gone. It may be called in a child of a program with threads: it
 * is made for signal handlers. */
static void ask(PGcancel *cancel)
{
    char text[256];
    sigset_t only;
    (void)signal(SIGALRM, SIG_DFL);
    (void)sigemptyset(&only);
    (void)sigaddset(&only, SIGALRM);
    (void)sigprocmask(SIG_UNBLOCK, &only, NULL);
    (void)alarm(CANCEL_S);
    _exit(PQcancel(cancel, text, sizeof text) ? 0 : 1);
}

void hg_pg_cancel(PGconn *conn)
{
    PGcancel *cancel = PQgetCancel(conn);
    if (!cancel)
        return;
    pid_t pid = fork();
    if (pid == 0)
        ask(cancel);
    PQfreeCancel(cancel);
    /* Process 1 may have reaped it before us. */
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
