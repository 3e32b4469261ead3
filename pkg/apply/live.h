/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/apply/live.h - the line at the bottom of the terminal while a revision runs:
 *
 *     [2/3] 0002b41f6d28 add notebook_sessions  ALTER TABLE …  4.2 s  waits for pid 123 (psql, alice)
 *     [3/3] 0003c9e2074a index urls  CREATE INDEX …  4.2 s of about 6 s  building index: scanning table  43%
 *
 * Made from the events; what comes from files and the server passes the log's filter and is made
 * printable before it is kept.
 */
#ifndef HG_APPLY_LIVE_H
#define HG_APPLY_LIVE_H

#include "base/base.h"
#include "term/term.h"

#include <jansson.h>

/* When the same is told again: after 2 s, 4 s, 8 s … 5 min, so that two hours are some forty lines. What is
 * new is told at once. */
struct hg_apply_pace {
    char *said;                     /* NULL: nothing yet */
    int64_t next_ns, pause_ns;
};
/* Is it time to tell this? Then it counts as told. */
bool hg_apply_pace(struct hg_apply_pace *p, const char *what, int64_t now_ns);

struct hg_apply_live {
    struct hg_term_line line;
    bool utf8;
    bool running;                   /* between a step's begin and its end */
    bool mid_row;                   /* the migrator's output ended without a newline */
    int64_t since_ns;               /* the step's begin, hg_now_ns */
    long long position, count;
    char *revision, *message;
    char *statement, *blocker;      /* "" when there is none; the blocker as "pid 123 (psql, alice)" */
    char *phase;                    /* of a long statement; "" */
    int percent;                    /* of that phase; -1: not told */
    double expected;                /* seconds that the revision took before; < 0: not known */
};

/* Also has the log clear the line before it prints. Release with hg_live_free, which clears it. */
struct hg_apply_live *hg_live_new(int fd);
void hg_live_free(struct hg_apply_live *l);
/* Learns from an event; prints nothing. */
void hg_live_note(struct hg_apply_live *l, const json_t *event);
/* `text` is about to be printed where the line is. */
void hg_live_before(struct hg_apply_live *l, const char *text);
/* Draws, if a step runs, as wide as the terminal is now. */
void hg_live_draw(struct hg_apply_live *l);
/* "4.2 s of about 6 s", "9.1 s (before: 6 s)" or "4.2 s"; expected < 0: not known. */
void hg_live_add_time(struct hg_buf *b, double seconds, double expected);
/* The line's text at this time, at most so many columns wide: the message and the statement give way
 * to the time and to who is waited for. */
void hg_live_text(const struct hg_apply_live *l, int64_t now_ns, size_t columns, struct hg_buf *ret);

#endif
