/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals and job control around a supervised command.
 *
 * Where there is a terminal and nobody else decides (no on_signal, no pty), the child shares our
 * process group, as under a shell: ^C and ^Z reach it from the kernel, so those (si_code SI_KERNEL)
 * are not passed on a second time, and a pager in our pipeline keeps the terminal. Everywhere else
 * the child has a group of its own and gets every signal from us.
 */
#include "supervisor.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

static const int WATCHED[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1,
                               SIGUSR2, SIGTSTP, SIGCONT, SIGCHLD, SIGWINCH };

int hg_job_signals(struct hg_supervisor *s, struct hg_err *err)
{
    sigset_t watched, blocked;
    sigemptyset(&watched);
    for (size_t i = 0; i < HG_COUNT(WATCHED); i++)
        if (WATCHED[i] == SIGCHLD || !hg_signal_was_ignored(WATCHED[i])) /* nohup stays nohup */
            sigaddset(&watched, WATCHED[i]);
    blocked = watched;
    sigaddset(&blocked, SIGPIPE); /* a closed reader is an error of write */
    sigaddset(&blocked, SIGTTOU); /* setting the terminal back must work from the background */
    sigaddset(&blocked, SIGTTIN);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &s->old_mask);
    s->masked_signals = true;
    s->signal_fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signal_fd < 0 ? hg_fail_errno(err, HG_E_UNKNOWN, "signalfd") : 0;
}

void hg_job_done(struct hg_supervisor *s)
{
    hg_terminal_restore(&s->terminal);
    hg_closep(&s->signal_fd);
    if (!s->masked_signals)
        return;
    /* Ours alone: what is left of other signals is for whoever reads them after us. */
    static const int OURS[] = { SIGPIPE, SIGCHLD, SIGTTOU, SIGTTIN };
    static const struct timespec none = { 0, 0 };
    sigset_t drop;
    sigemptyset(&drop);
    for (size_t i = 0; i < HG_COUNT(OURS); i++)
        if (!sigismember(&s->old_mask, OURS[i]))
            sigaddset(&drop, OURS[i]);
    while (sigtimedwait(&drop, NULL, &none) > 0)
        continue;
    (void)pthread_sigmask(SIG_SETMASK, &s->old_mask, NULL);
    s->masked_signals = false;
}

/* Stops us, and with us the job we are part of (make, a pipeline), until a shell continues it. In
 * an orphaned group the kernel ignores the stop, and we go on at once. */
static void stop_ourselves(bool whole_job)
{
    sigset_t stop, old;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    struct sigaction before, plain = { .sa_handler = SIG_DFL };
    (void)sigaction(SIGTSTP, &plain, &before);
    (void)kill(whole_job ? 0 : getpid(), SIGTSTP);
    (void)pthread_sigmask(SIG_UNBLOCK, &stop, &old); /* stops here, continues here */
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)sigaction(SIGTSTP, &before, NULL);
}

static void resume(struct hg_supervisor *s)
{
    if (s->master >= 0) {
        if (s->forward_input)
            hg_terminal_raw(&s->terminal);
        hg_pty_resize(&s->terminal, s->master);
    }
    hg_child_kill(&s->child, SIGCONT);
}

/* The child behind the pty, or in a group of its own, stops together with us. */
void hg_job_suspend(struct hg_supervisor *s)
{
    hg_terminal_restore(&s->terminal);
    hg_child_kill(&s->child, SIGSTOP);
    stop_ourselves(true);
    resume(s);
}

static void on_stop_signal(struct hg_supervisor *s, bool from_terminal)
{
    if (s->child.group != HG_GROUP_SHARED) {
        hg_job_suspend(s);
        return;
    }
    if (!from_terminal)
        hg_child_kill(&s->child, SIGTSTP);
    stop_ourselves(false);
}

/* The child itself has stopped. */
static void on_child_change(struct hg_supervisor *s)
{
    siginfo_t info = { 0 };
    if (s->child.pid <= 0 || s->child.group == HG_GROUP_SHARED ||
        waitid(P_PID, (id_t)s->child.pid, &info, WSTOPPED | WNOHANG) < 0 || info.si_pid == 0)
        return;
    if (s->child.group == HG_GROUP_SESSION) {
        hg_job_suspend(s);
    } else if (info.si_status == SIGTTIN || info.si_status == SIGTTOU) {
        /* It wants the terminal that it cannot have, and would wait for ever: hang up on it. */
        hg_child_kill(&s->child, SIGHUP);
        hg_child_kill(&s->child, SIGCONT);
    }
}

static void on_ending_signal(struct hg_supervisor *s, int sig, bool from_terminal)
{
    s->signals++;
    s->result.signal_received = sig;
    if (s->ended) {
        s->give_up_drain = true;
        return;
    }
    bool typed = s->child.group == HG_GROUP_SHARED && from_terminal;
    if (s->spec->on_signal && !typed) {
        int send = s->spec->on_signal(s->spec->context, sig, s->signals);
        if (send)
            hg_child_kill(&s->child, send);
    } else if (!typed) {
        hg_child_kill(&s->child, sig);
    }
}

void hg_job_read(struct hg_supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        int sig = (int)info.ssi_signo;
        bool from_terminal = info.ssi_code == SI_KERNEL;
        switch (sig) {
        case SIGCHLD: on_child_change(s); break;
        case SIGTSTP: on_stop_signal(s, from_terminal); break;
        case SIGCONT: resume(s); break;
        case SIGWINCH:
            if (s->master >= 0)
                hg_pty_resize(&s->terminal, s->master);
            else if (s->child.group != HG_GROUP_SHARED)
                hg_child_kill(&s->child, SIGWINCH);
            break;
        case SIGUSR1:
        case SIGUSR2: hg_child_kill(&s->child, sig); break;
        default: on_ending_signal(s, sig, from_terminal); break;
        }
    }
}
