/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/docker/run.h - the state of one hg_docker_exec, shared by its files. */
#ifndef HG_DOCKER_RUN_H
#define HG_DOCKER_RUN_H

#include <signal.h>
#include <termios.h>

#include "docker/internal.h"

/* Output waits here when our reader is slow; beyond this we read no more from the engine. */
#define HG_EXEC_QUEUE_MAX ((size_t)256 << 10)
#define HG_EXEC_WORDS_MAX ((size_t)8 << 10)

/* One of the command's output streams on its way to the sink or to our own stdout or stderr. */
struct hg_exec_out {
    int fd;                     /* 1 or 2, also the stream's number */
    bool masked;
    struct hg_mask_stream mask;
    struct hg_buf queue;        /* [at, len) is to be written */
    size_t at;
    bool broken;                /* nobody reads: what comes is dropped */
    int write_error;            /* why, where it was not a reader who went away; 0: none */
};

struct hg_exec_run {
    struct hg_docker *d;
    const struct hg_docker_exec *spec;
    struct hg_docker_exec_result result;
    char token[33];
    char *id;
    struct hg_http main;
    bool main_ended;
    struct hg_frames frames;
    struct hg_guard guard;
    struct hg_keeper keeper;
    bool keeper_tried;
    bool filled;                /* there may be a folder to remove */
    struct hg_exec_out out[2];
    enum { HG_START_UNKNOWN, HG_STARTED, HG_START_FAILED } start;
    struct hg_buf words;        /* the engine's own text, when it could not start the command */

    struct hg_buf in;           /* stdin read and not yet sent: [in_at, len) */
    size_t in_at;
    bool in_ended, in_closed;   /* nothing more comes; the engine was told */
    int64_t close_at, close_limit; /* when to ask again whether it can be told; until when at most */

    int signal_fd;
    sigset_t mask_before;
    unsigned signals;
    int wanted;                 /* a signal that is to reach the command, 0: none */
    bool sent;                  /* the keeper was told; its answer is due */
    int64_t keeper_at;          /* the command runs long enough to be worth a keeper */
    int64_t try_at, kill_at, give_up_at, end_at, tick_at, look_at, resize_at; /* 0: never */
    unsigned resize_tries;
    unsigned seen_ended;        /* how often a look found the command not running */

    bool raw;                   /* the terminal was set raw */
    struct termios before;
};

/* exec_out.c: output. All return 0 or -1. */
void hg_exec_out_init(struct hg_exec_run *r);
void hg_exec_out_done(struct hg_exec_run *r);
/* Bytes from the main connection. */
int hg_exec_take(struct hg_exec_run *r, const char *data, size_t len, struct hg_err *err);
bool hg_exec_out_full(const struct hg_exec_run *r);
bool hg_exec_out_pending(const struct hg_exec_out *o);
/* Writes what fits into our own stream; call when it is writable. True when its reader went away. */
bool hg_exec_out_write(struct hg_exec_out *o);
void hg_exec_out_flush(struct hg_exec_run *r); /* the stream ended: nothing is held back any more */
/* What the engine's word about the command means for r->start, as far as it tells. */
void hg_exec_judge(struct hg_exec_run *r, const struct hg_exec_state *state);
/* Whether the command ever started; asks the engine until it is known. */
int hg_exec_confirm(struct hg_exec_run *r, struct hg_err *err);

/* exec_tty.c */
void hg_exec_tty_raw(struct hg_exec_run *r);
void hg_exec_tty_restore(struct hg_exec_run *r);
bool hg_exec_tty_resize(struct hg_exec_run *r); /* false: the engine refused, it may be too early */

/* exec_signal.c */
int hg_exec_signals_open(struct hg_exec_run *r, struct hg_err *err);
void hg_exec_signals_running(struct hg_exec_run *r); /* the command started: window sizes too */
void hg_exec_signals_close(struct hg_exec_run *r);
void hg_exec_signals_read(struct hg_exec_run *r);
void hg_exec_keep(struct hg_exec_run *r); /* starts the keeper, once */
void hg_exec_want(struct hg_exec_run *r, int signal);
/* What is due by the clock. -1: the command cannot be ended, see *err. */
int hg_exec_timers(struct hg_exec_run *r, struct hg_err *err);
int64_t hg_exec_next(const struct hg_exec_run *r); /* the nearest of the times, 0: none */

#endif
