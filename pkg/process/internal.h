/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/process/internal.h - starting and ending one child; shared by run.c and supervise.c. */
#ifndef HG_PROCESS_INTERNAL_H
#define HG_PROCESS_INTERNAL_H

#include "process.h"

#include <signal.h>
#include <termios.h>

/* Where the child stands among process groups. */
enum hg_spawn_group {
    HG_GROUP_SHARED,  /* ours: the terminal's signals reach it by themselves */
    HG_GROUP_OWN,     /* its own */
    HG_GROUP_SESSION, /* its own session: no controlling terminal, or the pty given as tty */
};

struct hg_spawn {
    char *const *argv;
    char *const *envp; /* NULL: ours */
    const char *dir;   /* NULL: ours */
    int stdio[3];      /* descriptors that become 0, 1, 2; -1: inherited */
    int tty;           /* slave to be made the controlling terminal (GROUP_SESSION), or -1 */
    enum hg_spawn_group group;
    int death_signal;  /* sent to the child when we die, 0: none */
    const int *keep_fds;
};

struct hg_child {
    pid_t pid;   /* 0: none, or reaped */
    int pidfd;
    enum hg_spawn_group group;
};
#define HG_CHILD_INIT { 0, -1, HG_GROUP_OWN }

/* Starts the child, or tells why exec failed (exit_code 126 or 127). */
int hg_spawn(const struct hg_spawn *spec, struct hg_child *ret, struct hg_err *err);
/* To the child's group where it has one, else to the child. */
void hg_child_kill(const struct hg_child *child, int sig);
/* Has it ended? Reaps it. 1 ended, 0 not yet. */
int hg_child_poll(struct hg_child *child, struct hg_exit_status *ret);
/* Cleanup: a child that still runs is killed and reaped. */
void hg_child_done(struct hg_child *child);

/* A guard that ends a process group: TERM, and KILL after the grace (guard.c). */
void hg_guard_group(pid_t group, int64_t grace_ns, struct hg_guard *ret);

/* The signals we were started with: see signals.c. */
void hg_signals_restore(void);
bool hg_signal_was_ignored(int sig);

/* Finds the program that execve will be given: heap, or NULL with errno ENOENT or EACCES. */
char *hg_spawn_find(const char *name, char *const *envp);
int hg_spawn_fail(struct hg_err *err, const char *name, int error);

/* ---- terminal.c ------------------------------------------------------------------------------ */

/* Our own terminal while the child is behind a pty. */
struct hg_terminal {
    int fd;               /* the descriptor of ours that is the terminal, -1: none */
    bool raw;             /* input goes to the child byte by byte; modes must be set back */
    struct termios saved;
};
int hg_pty_open(const struct hg_terminal *outer, bool input, int *ret_master, int *ret_slave,
                struct hg_err *err);
void hg_pty_resize(const struct hg_terminal *outer, int master);
void hg_terminal_raw(struct hg_terminal *t);
void hg_terminal_restore(struct hg_terminal *t);
/* Would this byte, typed at the pty, ask the child (and not an inner shell's job) to stop? */
bool hg_pty_suspends(int master, pid_t child, unsigned char byte);
/* Is there a controlling terminal? */
bool hg_terminal_controls(void);

#endif
