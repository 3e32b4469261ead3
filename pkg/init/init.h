/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/init/init.h - what process 1 of a container owes its application: signals passed on, orphans
 * reaped, the terminal handed over, the true exit code; and answers to an orchestrator's probes.
 *
 * It stands on libc alone, because the program that stays beside an application for its whole life
 * (program/main.c, headgate-pid1) is linked statically and uses a few pages of memory.
 *
 * The model is tini (krallin/tini, src/tini.c), and for what happens to the rest of a process group
 * dumb-init (Yelp/dumb-init). Where they differ from each other, docs/entrypoint.md says what is done.
 */
#ifndef HG_INIT_INIT_H
#define HG_INIT_INIT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

/* ---- probes ------------------------------------------------------------------------------- */

#define HG_PROBE_CONNECTIONS 8
#define HG_PROBE_REQUEST_MAX 1024
#define HG_PROBE_POLLS       (1 + HG_PROBE_CONNECTIONS)

/* A listening socket and the requests that are being read from it. Of more than HG_PROBE_CONNECTIONS
 * at once, the oldest is dropped: whoever connects and says nothing cannot shut others out. */
struct hg_probe {
    int listening;                  /* -1: none */
    bool started;                   /* the application was started: /readyz and /startupz are 200 */
    bool full;                      /* the last connection could not be taken: no descriptor is left */
    size_t next;                    /* the slot to use next */
    struct hg_probe_request {
        int fd;                     /* -1: free */
        size_t len;
        char text[HG_PROBE_REQUEST_MAX];
    } requests[HG_PROBE_CONNECTIONS];
};
void hg_probe_init(struct hg_probe *p, int listening, bool started);
/* What to wait for; HG_PROBE_POLLS entries, of which those with fd -1 mean nothing. And how long at most, as
 * poll(2) has it. */
int hg_probe_poll(const struct hg_probe *p, struct pollfd polls[HG_PROBE_POLLS]);
/* Does what poll(2) said can be done; never waits. */
void hg_probe_step(struct hg_probe *p, const struct pollfd polls[HG_PROBE_POLLS]);
/* What is answered to the text of a request; the whole answer, a constant. */
const char *hg_probe_answer(const char *request, bool started);

/* ---- the init ------------------------------------------------------------------------------- */

struct hg_init_options {
    bool group;                     /* signals go to the application's whole process group, and what is
                                       left of the group when the application ended gets SIGTERM */
    int probe_fd;                   /* a listening socket to answer probes on; -1: none */
};
/* Starts argv and stays until it has ended: its exit code, 128+n when signal n ended it, 126 or 127
 * when it cannot be run (said on stderr), 125 for a failure of ours. Only to be called by a program
 * that has no other child and no thread. */
int hg_init_run(const struct hg_init_options *o, char *const *argv);

#endif
