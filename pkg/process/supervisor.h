/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/process/supervisor.h - the state of one supervised command: its streams (pump.c), the signals
 * and the terminal (job.c), and the loop (supervise.c). */
#ifndef HG_PROCESS_SUPERVISOR_H
#define HG_PROCESS_SUPERVISOR_H

#include "internal.h"

#include "env/env.h"

/* Bytes held for a slow reader before the child is made to wait, as a pipe would do. */
#define HG_PUMP_HELD_MAX ((size_t)64 << 10)

struct hg_pump {
    int from;                    /* the child's output: a pipe or the pty's master; -1: finished */
    int stream;                  /* ours it goes to: 1 or 2 */
    struct hg_mask_stream masker;
    bool masking;
    struct hg_buf out;           /* masked, not written yet, from `written` on */
    size_t written;
    int write_error;             /* an errno other than that of a reader who is gone; 0: none */
};

struct hg_supervisor {
    const struct hg_process_supervise *spec;
    struct hg_child child;
    struct hg_guard guard;
    int signal_fd;
    sigset_t old_mask;
    bool masked_signals;
    struct hg_terminal terminal; /* ours, while the child is behind a pty */
    bool forward_input;          /* our terminal's bytes go to the pty */
    int master;                  /* for input and size, or -1 */
    struct hg_buf input;         /* bytes on their way to the pty */
    struct hg_pump pumps[2];
    int watch_fd;
    bool ended;
    int64_t ended_at, last_output, end_at, kill_at, next_tick;
    bool give_up_drain;          /* a signal came while the last output was being written */
    unsigned signals;
    struct hg_supervised result;
};

/* ---- pump.c ---------------------------------------------------------------------------------- */

/* What the child gets as 0, 1, 2 (-1: inherited); slaves and pipe ends to close after the start. */
struct hg_wiring {
    int stdio[3];
    int tty;                     /* slave, or -1 */
    int close_after[4];
};
int hg_pump_wire(struct hg_supervisor *s, struct hg_wiring *w, struct hg_err *err);
void hg_wiring_done(struct hg_wiring *w);
bool hg_pump_wants_input(const struct hg_pump *p);
bool hg_pump_wants_output(const struct hg_pump *p);
bool hg_pump_read(struct hg_pump *p, struct hg_supervisor *s); /* true when bytes came */
void hg_pump_write(struct hg_pump *p);
void hg_pump_finish(struct hg_pump *p, struct hg_supervisor *s);
void hg_pump_done(struct hg_pump *p);
void hg_input_read(struct hg_supervisor *s);
void hg_input_write(struct hg_supervisor *s);

/* ---- job.c ----------------------------------------------------------------------------------- */

int hg_job_signals(struct hg_supervisor *s, struct hg_err *err);
void hg_job_read(struct hg_supervisor *s);
void hg_job_suspend(struct hg_supervisor *s);
void hg_job_done(struct hg_supervisor *s);

#endif
