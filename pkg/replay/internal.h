/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HG_REPLAY_INTERNAL_H
#define HG_REPLAY_INTERNAL_H

#include "replay.h"

/* A run under way. */
struct hg_replaying {
    const struct hg_replay *p;
    struct hg_replay_outcome *out;
    int64_t next_tick_ns;
    bool stopping;              /* tick said so; what runs was canceled */
    int64_t give_up_ns;         /* then: when an answer is no longer waited for */
    bool begun;                 /* in this frame Alembic believes to be in a transaction */
    bool in_block;              /* an autocommit block */
    unsigned unwatched;         /* answers that are slept for, before one is watched for again */
    unsigned late, in_time;     /* how often one was late, and how many were not since */
    struct hg_replay_news {
        enum hg_replay_event event;
        const struct hg_revision *revision;
    } news[4];                  /* not told yet: that is done while the server is at work */
    size_t news_count;
};

/* What a text did to the transaction that it came in. */
enum hg_replay_ended { HG_REPLAY_STAYED, HG_REPLAY_COMMITTED, HG_REPLAY_ROLLED_BACK, HG_REPLAY_PREPARED };

/* What the server said to one text. */
struct hg_replay_said {
    enum hg_replay_ended ended; /* by the first of its statements that did */
    bool committed;             /* some statement of it was a COMMIT */
    bool more;                  /* there are others behind the last that ended one, or none ended one */
    long long rows;             /* of the last command; -1: it counts none */
};

/* Tells the caller what has come to pass since the last time. */
void hg_replay_tell(struct hg_replaying *r);

/* Sends one text and waits for all of its results. -1 with *err, the position in the outcome. */
int hg_replay_send(struct hg_replaying *r, const char *sql, struct hg_replay_said *ret,
                   struct hg_err *err);

/* Lets one tick pass with nothing under way. -1: it said stop. */
int hg_replay_sit(struct hg_replaying *r, struct hg_err *err);

#endif
