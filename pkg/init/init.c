/* SPDX-License-Identifier: Apache-2.0 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FAILED = 125, CANNOT_RUN = 126, NOT_FOUND = 127, SIGNALED = 128 };

/* Errors of the program itself: blocked, they would be lost instead of ending it. */
static const int OWN[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS };
/* Taking the terminal back and writing to it must not stop us. */
static const int TERMINAL[] = { SIGTTIN, SIGTTOU };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct init {
    const struct hg_init_options *o;
    pid_t child;
    int signals;                    /* signalfd */
    bool first;                     /* we are process 1 */
    sigset_t mask;                  /* as we were started */
    struct sigaction terminal[COUNT(TERMINAL)], reaping;
    struct hg_probe probe;
};

static void say(const char *what, const char *name, int error)
{
    (void)fprintf(stderr, "headgate-pid1: %s%s%s: %s\n", what, name ? " " : "", name ? name : "",
                  strerror(error));
}

/* ---- the child -------------------------------------------------------------------------------- */

/* The child's group becomes the foreground one, so that what is typed reaches it and nobody else. No
 * terminal (ENOTTY), or none that is ours (ENXIO, EPERM), is the usual case. */
static void take_terminal(pid_t group)
{
    (void)tcsetpgrp(STDIN_FILENO, group);
}

static _Noreturn void become(const struct init *in, char *const *argv)
{
    (void)setpgid(0, 0);
    take_terminal(getpgrp());
    for (size_t i = 0; i < COUNT(TERMINAL); i++)
        (void)sigaction(TERMINAL[i], &in->terminal[i], NULL);
    (void)sigaction(SIGCHLD, &in->reaping, NULL);
    (void)sigprocmask(SIG_SETMASK, &in->mask, NULL);
    (void)execvp(argv[0], argv);
    int error = errno;
    say("cannot run", argv[0], error);
    _exit(error == ENOENT || error == ENOTDIR ? NOT_FOUND : CANNOT_RUN);
}

/* ---- signals ---------------------------------------------------------------------------------- */

static int take_signals(struct init *in)
{
    sigset_t ours;
    struct sigaction ignore = { .sa_handler = SIG_IGN }, standard = { .sa_handler = SIG_DFL };
    (void)sigfillset(&ours);
    for (size_t i = 0; i < COUNT(OWN); i++)
        (void)sigdelset(&ours, OWN[i]);
    for (size_t i = 0; i < COUNT(TERMINAL); i++) {
        (void)sigdelset(&ours, TERMINAL[i]);
        if (sigaction(TERMINAL[i], &ignore, &in->terminal[i]) < 0)
            return -1;
    }
    /* Ignored by our caller, it would let children vanish before they are waited for. */
    if (sigaction(SIGCHLD, &standard, &in->reaping) < 0 || sigprocmask(SIG_SETMASK, &ours, &in->mask) < 0)
        return -1;
    in->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    return in->signals < 0 ? -1 : 0;
}

static void pass_on(const struct init *in)
{
    struct signalfd_siginfo got;
    while (read(in->signals, &got, sizeof got) == (ssize_t)sizeof got)
        if (got.ssi_signo != SIGCHLD)
            (void)kill(in->o->group ? -in->child : in->child, (int)got.ssi_signo);
}

/* The application was stopped, by Ctrl-Z say. Below a shell that started us we stop with it, so that
 * the shell notices, and go on with it; process 1 has nobody who could continue it. */
static void stop_too(const struct init *in)
{
    if (in->first)
        return;
    bool foreground = tcgetpgrp(STDIN_FILENO) == in->child;
    if (foreground)
        take_terminal(getpgrp());
    (void)raise(SIGSTOP);
    if (tcgetpgrp(STDIN_FILENO) == getpgrp())
        take_terminal(in->child);
    (void)kill(-in->child, SIGCONT);
}

/* ---- reaping ---------------------------------------------------------------------------------- */

/* Everybody who ended; true with the code when the application is among them. */
static bool reap(const struct init *in, int *ret_code)
{
    int status;
    pid_t pid;
    bool over = false;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        if (pid != in->child)
            continue;
        if (WIFSTOPPED(status)) {
            stop_too(in);
            continue;
        }
        over = true;
        *ret_code = WIFSIGNALED(status) ? SIGNALED + WTERMSIG(status) : WEXITSTATUS(status);
    }
    if (over && in->o->group)
        (void)kill(-in->child, SIGTERM);
    return over;
}

static int stay(struct init *in)
{
    int code = 0;
    struct pollfd polls[1 + HG_PROBE_POLLS];
    while (!reap(in, &code)) {
        polls[0] = (struct pollfd){ .fd = in->signals, .events = POLLIN };
        int most_ms = hg_probe_poll(&in->probe, polls + 1);
        if (poll(polls, COUNT(polls), most_ms) < 0)
            continue;
        pass_on(in);
        hg_probe_step(&in->probe, polls + 1);
    }
    return code;
}

int hg_init_run(const struct hg_init_options *o, char *const *argv)
{
    struct init in = { .o = o, .first = getpid() == 1 };
    hg_probe_init(&in.probe, o->probe_fd, true);
    if (o->probe_fd >= 0)
        (void)fcntl(o->probe_fd, F_SETFD, FD_CLOEXEC);
    /* Elsewhere than in a container orphans come to us only if we ask for them. */
    if (!in.first)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL);
    if (take_signals(&in) < 0) {
        say("signals", NULL, errno);
        return FAILED;
    }
    in.child = fork();
    if (in.child < 0) {
        say("fork", NULL, errno);
        return FAILED;
    }
    if (in.child == 0)
        become(&in, argv);
    (void)setpgid(in.child, in.child); /* whoever of us two is first: a signal must find the group */
    return stay(&in);
}
