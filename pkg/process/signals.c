/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our caller set for signals, noted before main: a program ignores SIGPIPE for itself, and
 * ignored signals and the mask outlive execve, so children and successors must be given back what
 * we were given (nohup's ignored SIGHUP included).
 */
#include "internal.h"

#include <pthread.h>

static const int SIGNALS[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE,  SIGALRM, SIGTERM, SIGCHLD,
                               SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH, SIGUSR1, SIGUSR2 };
static bool ignored_at_start[HG_COUNT(SIGNALS)];
static sigset_t mask_at_start;

__attribute__((constructor)) static void note_signals(void)
{
    for (size_t i = 0; i < HG_COUNT(SIGNALS); i++) {
        struct sigaction old;
        ignored_at_start[i] = sigaction(SIGNALS[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN;
    }
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask_at_start);
}

bool hg_signal_was_ignored(int sig)
{
    for (size_t i = 0; i < HG_COUNT(SIGNALS); i++)
        if (SIGNALS[i] == sig)
            return ignored_at_start[i];
    return false;
}

void hg_signals_restore(void)
{
    for (size_t i = 0; i < HG_COUNT(SIGNALS); i++)
        (void)signal(SIGNALS[i], ignored_at_start[i] ? SIG_IGN : SIG_DFL);
    (void)pthread_sigmask(SIG_SETMASK, &mask_at_start, NULL);
}
