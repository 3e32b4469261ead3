/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/entrypoint/internal.h - the parts of one start, shared by this package's files. */
#ifndef HG_ENTRYPOINT_INTERNAL_H
#define HG_ENTRYPOINT_INTERNAL_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alembic/alembic.h"
#include "entrypoint.h"
#include "process/process.h"
#include "replay/replay.h"
#include "status/status.h"
#include "target/target.h"

#define HG_ENTRY_WAIT_NS   (300 * HG_NS_PER_S) /* for the database, and for somebody to bring it to head */
#define HG_ENTRY_LOCK_NS   (600 * HG_NS_PER_S) /* for another headgate's migration */
#define HG_ENTRY_HEALTH_NS (5 * HG_NS_PER_S)

enum hg_policy { HG_POLICY_APPLY, HG_POLICY_VERIFY, HG_POLICY_WAIT, HG_POLICY_NONE };
enum hg_ahead { HG_AHEAD_PROVEN, HG_AHEAD_REFUSE, HG_AHEAD_ALLOW };

/* Where what this image wants is written, and how it gets into a database: the one place that knows. */
struct hg_entry_way {
    char *bundle_path;              /* NULL: the revision files */
    struct hg_bundle bundle;
    struct hg_alembic_config alembic;
    struct hg_graph *graph;
    bool have;                      /* loaded */
};

struct hg_entry {
    const struct hg_entrypoint_options *o;
    struct hg_target target;
    bool have_target;
    enum hg_policy policy;
    enum hg_ahead ahead;
    bool init, group;
    int64_t liveness;
    struct hg_entry_way way;
    struct hg_findings file_findings; /* of loading the files */
    struct hg_status status;
    bool have_status;
    int listening;                  /* socket for probes, -1: none */
    int64_t began_ns, deadline_ns, lock_deadline_ns;
    char *said;                     /* the last line about waiting */
    unsigned lost_starts;           /* of headgate-apply, which could not tell */
};

/* say.c */
void hg_entry_say(const struct hg_entry *e, const char *fmt, ...) HG_PRINTF(2, 3);
void hg_entry_warn(const struct hg_entry *e, const char *fmt, ...) HG_PRINTF(2, 3);
/* Once for each different text: a line when waiting begins, and one when its reason changes. */
void hg_entry_say_waiting(struct hg_entry *e, const char *text);

/* settings.c: options over headgate.yaml over defaults */
int hg_entry_settings(struct hg_entry *e, struct hg_err *err);

/* look.c */
/* 0: e->status is told (its state is not `unknown`). -1 with *err. */
int hg_entry_look(struct hg_entry *e, int64_t deadline_ns, struct hg_err *err);
/* The same until it is told or e->deadline_ns has passed, TIMEOUT then; what waiting cannot mend ends
 * it at once. */
int hg_entry_reach(struct hg_entry *e, struct hg_err *err);

/* way.c */
/* Tells `read` the version table, as soon as it is known. */
int hg_entry_way_load(struct hg_entry *e, struct hg_status_read *read, struct hg_err *err);
/* The command that brings the database to where this image needs it. */
void hg_entry_way_argv(const struct hg_entry *e, struct hg_strv *ret);
void hg_entry_way_done(struct hg_entry_way *w);

/* judge.c */
enum hg_next { HG_NEXT_START, HG_NEXT_MIGRATE, HG_NEXT_WAIT, HG_NEXT_REFUSE };
char *hg_entry_rows(const struct hg_entry *e); /* "r3, s2" or "no revision", as it may be shown; heap */
/* What the policy says about e->status; for REFUSE with *err, for WAIT with ret_why (heap). */
enum hg_next hg_entry_judge(struct hg_entry *e, char **ret_why, struct hg_err *err);

/* migrate.c */
/* Starts the command and waits for it, passing signals on and reaping whoever else ends. 0: look
 * again; -1 with *err: it is over. */
int hg_entry_migrate(struct hg_entry *e, struct hg_err *err);

/* held.c: output of a child that is kept back until it is known whether it is worth hearing. */
struct hg_entry_held {
    int in, out;                    /* a pipe; -1: none */
    bool heard;                     /* it goes to stderr as it comes */
    struct hg_buf text;
    int64_t until_ns;
};
#define HG_ENTRY_HELD_INIT { .in = -1, .out = -1 }
int hg_entry_hold(struct hg_entry_held *h, struct hg_err *err);
void hg_entry_held_read(struct hg_entry_held *h);           /* whatever is there */
void hg_entry_held_end(struct hg_entry_held *h, bool hear); /* the child has ended; releases */

/* become.c */
/* Returns only when the application cannot be run. */
int hg_entry_become(struct hg_entry *e, struct hg_err *err);
/* Is there such a program, and what its first line names? Before anything is done. */
int hg_entry_find(const struct hg_entry *e, struct hg_err *err);
/* Is there the one that stays beside it, where that is wanted? */
int hg_entry_find_init(const struct hg_entry *e, struct hg_err *err);

/* signals.c */
/* From here SIGHUP, SIGINT, SIGQUIT and SIGTERM end this process at once with 128+n (as process 1 it
 * would not notice them otherwise), except while a child is told: then they are counted for it. */
void hg_entry_catch(void);
void hg_entry_child(bool there);
int hg_entry_signals(int *ret_last);   /* how many came for the last child */
/* Sleeps; orphans that end meanwhile are reaped when we are process 1. */
void hg_entry_nap(int64_t ns);
/* Between tries: from 100 ms, doubling to 2 s, each a random part longer or shorter, never past the
 * deadline. */
int64_t hg_entry_pause(unsigned attempt, int64_t deadline_ns);
void hg_entry_back_off(unsigned attempt, int64_t deadline_ns); /* sleeps so long */

/* starting.c */
/* For a health check: is this program, started to become the application, still there beside us? */
bool hg_entry_still_starting(void);

/* live.c */
int hg_entry_listen(int64_t port, int *ret_fd, struct hg_err *err);
/* Answers probes on a thread until this process becomes another: alive, and nothing started. */
int hg_entry_answer_probes(int listening, struct hg_err *err);

#endif
