/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/process/process.h - child processes: started from argv arrays (never a shell), with deadlines,
 * their own process group, every one reaped.
 *
 * Two ways: hg_process_run() for a short helper whose output we want, hg_process_supervise() for a
 * command that a person watches (pipes or a pty, masked, signals passed on, the true exit status).
 */
#ifndef HG_PROCESS_PROCESS_H
#define HG_PROCESS_PROCESS_H

#include "base/base.h"

struct hg_mask;

/* How a child ended. */
struct hg_exit_status {
    bool signaled;
    int code;       /* exit code, or the signal's number */
};
int hg_exit_status_code(const struct hg_exit_status *s); /* code, or 128 + signal */

/* ---- short helpers ------------------------------------------------------------------------ */

struct hg_process_run {
    char *const *argv;          /* argv[0] is looked up on PATH of envp (or ours) */
    char *const *envp;          /* NULL: ours */
    const char *dir;            /* working directory, NULL: ours */
    const void *input;          /* stdin; NULL: /dev/null */
    size_t input_len;
    int64_t timeout_ns;         /* 0: 60 s. On expiry the group is killed and the error is TIMEOUT */
    size_t max_output;          /* cap for each stream; 0: 64 MiB */
    const int *keep_fds;        /* descriptors the child inherits beside 0-2, -1 terminated; or NULL */
};
/* 0 with status and output (buffers may be NULL: that stream goes to /dev/null), -1 when the child
 * could not be started (sqlstate unused; exit_code 126/127 tells not runnable from not found),
 * exceeded a cap, or ran out of time. */
int hg_process_run(const struct hg_process_run *spec, struct hg_exit_status *ret_status,
                   struct hg_buf *ret_out, struct hg_buf *ret_err, struct hg_err *err);

/* ---- a supervised command ----------------------------------------------------------------- */

/* Called for bytes of the child's stdout (1) or stderr (2) after masking; NULL: written to our own
 * stream of the same number. */
typedef void (*hg_process_sink)(void *context, int stream, const char *data, size_t len);

struct hg_process_supervise {
    char *const *argv;
    char *const *envp;
    const char *dir;
    const struct hg_mask *mask;     /* NULL: no masking, streams are inherited as they are */
    bool mask_always;               /* mask streams that are terminals too (through a pty) */
    int64_t max_runtime_ns;         /* 0: none; then TERM, after grace KILL, result timed_out */
    int64_t grace_ns;               /* 0: 10 s between TERM and KILL */
    hg_process_sink sink;
    void *context;
    const int *keep_fds;            /* as above */
    bool end_group;                 /* when we are killed, whoever is left in the child's group gets TERM,
                                     * after the grace KILL (without it only the child gets TERM). At a
                                     * terminal, without a pty, the child has no group of its own */
    bool stdin_null;
    int stdin_fd;                   /* becomes the child's stdin (borrowed); 0: ours, or none */
    /* Watched in the same loop: readable -> on_fd(context). -1: none. Return false to stop watching. */
    int watch_fd;
    bool (*on_fd)(void *context, int fd);
    /* Called about every tick_ns (0: never) and after every signal; may ask to end the child: returns
     * a signal number to send to the child's group, or 0. */
    int64_t tick_ns;
    int (*on_tick)(void *context);
    /* A SIGINT/SIGTERM/SIGHUP/SIGQUIT that reached us: NULL: passed on to the child's group. Otherwise the
     * callback decides what to send (returns a signal, or 0 for nothing). */
    int (*on_signal)(void *context, int signal, unsigned times);
    /* With on_signal: at a terminal the child still shares our group, and what was typed there reaches
     * it from the kernel without a call. */
    bool shared_terminal;
};
struct hg_supervised {
    struct hg_exit_status status;
    bool timed_out;
    int signal_received;            /* last one that reached us, 0: none */
    int write_error;                /* errno with which its output could not be written, where that was
                                     * more than a reader who went away: some of it is lost. 0: none */
};
int hg_process_supervise(const struct hg_process_supervise *spec, struct hg_supervised *ret,
                         struct hg_err *err);
/* The exit code for a command whose output could not be written (write_error, as above): -1 with *err where
 * the code would be a success, or what a lost reader makes of it; any other code stays, and the loss is
 * logged. */
int hg_output_lost(const char *command, int write_error, int code, struct hg_err *err);

/* Becomes another program: execve with envp (NULL: ours). Signal dispositions and mask are set back
 * to what we were started with. Returns only on failure: -1, exit_code 126 or 127 in *err. */
int hg_process_become(const char *file, char *const *argv, char *const *envp, struct hg_err *err);

/* An anonymous memory file with this content, position 0, not CLOEXEC: to be inherited by a program
 * we become. -1 with *err. */
int hg_process_memfile(const char *name, const void *data, size_t len, struct hg_err *err);

/* ---- a child that runs beside us --------------------------------------------------------------- */

/* In a process group of its own; ended with us (death_signal), reaped by whoever started it. */
struct hg_process_start {
    char *const *argv;
    char *const *envp;          /* NULL: ours */
    int stdio[3];               /* become 0, 1, 2; -1: inherited */
    int death_signal;           /* sent to it when the thread that started it ends; 0: none */
};
struct hg_process_child {
    int64_t pid;                /* 0: none, or reaped */
    int fd;                     /* readable once it ended; -1: the kernel is too old to tell */
};
#define HG_PROCESS_CHILD_INIT { 0, -1 }
int hg_process_start(const struct hg_process_start *spec, struct hg_process_child *ret,
                     struct hg_err *err);
/* Has it ended? Reaps it then. */
bool hg_process_ended(struct hg_process_child *c, struct hg_exit_status *ret);
/* Waits so long for its end. False: it still runs. */
bool hg_process_wait(struct hg_process_child *c, int64_t patience_ns, struct hg_exit_status *ret);
/* Waits so long for its end, then sends TERM, waits again, then KILL; reaps it. */
void hg_process_stop(struct hg_process_child *c, int64_t patience_ns);

/* ---- what is left to do when we are killed ----------------------------------------------------- */

struct hg_guard {
    int64_t pid;                /* 0: none */
    int fd;                     /* its pipe; closed by our death */
};
#define HG_GUARD_INIT { 0, -1 }
/* Forks a process that calls on_death(context) once we are gone, however we ended, and then ends; it has
 * no descriptor open but 0. Costs a tenth of a millisecond. Not being able to start it is no error: then
 * *ret stays as it was. The context is as it was at the fork. */
void hg_guard_start(void (*on_death)(void *context), void *context, struct hg_guard *ret);
void hg_guard_stop(struct hg_guard *g); /* the danger is over: on_death is not called */

/* A descriptor by which a process that inherits it learns of our end, also when we have become another
 * program by then: readable once we ended. CLOEXEC. -1 with *err on kernels before 5.3. */
int hg_process_self_fd(struct hg_err *err);

/* ---- signatures by ssh-keygen -Y ---------------------------------------------------------------- */

struct hg_signature {
    const char *path;           /* of the file; its signature is PATH.sig */
    const char *shown;          /* names it in messages: "the receipt x" */
    const char *signers;        /* ssh's allowed_signers */
    const char *namespace;      /* what it was signed for */
};
/* Are these bytes what one of the signers signed? INTEGRITY with the reason when not. */
int hg_signature_verify(const struct hg_signature *s, const void *data, size_t len, struct hg_err *err);
/* Writes PATH.sig. key: a private key, or a public one whose other half an agent has. */
int hg_signature_make(const char *path, const char *key, const char *namespace, struct hg_err *err);

#endif
