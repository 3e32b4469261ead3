/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/apply/apply.h - what changes a database: apply, rollback, cancel, relabel (DESIGN 7).
 *
 * The migrator stays the migrator: its own command line runs once, in the project's interpreter,
 * under a driver (py/driver.py) that proves in which database it is, that its steps are those that
 * were judged, and that the runner still holds its lock. Around it: an apply lock on a session of
 * its own, a migrator lock held by every session of the migrator, an intent before and an outcome
 * after, and a look at the version table from a fresh connection at the end.
 *
 * Each run function opens the target itself, reports events while it goes (the last one is the
 * result of CONTRACT.md, also when it fails) and returns the exit code, or -1 with *err.
 */
#ifndef HG_APPLY_APPLY_H
#define HG_APPLY_APPLY_H

#include "base/base.h"
#include "cli/cli.h"

#include <jansson.h>

struct hg_alembic_config;
struct hg_status;
struct hg_target;

/* Receives each event; borrows the object. */
typedef void (*hg_apply_sink)(void *context, const json_t *event);

struct hg_apply_options {
    const struct hg_common *common;
    int argc;
    char **argv;                    /* to start again through headgate-env */
    const char *revision;           /* positional; NULL: the target's upgrade_to */
    bool down;                      /* rollback */
    /* apply */
    const char *plan;               /* file: exactly this, or nothing; NULL: none */
    const char *bundle;             /* file: the code side, run without Python (also rollback); NULL: none */
    bool baseline, from_empty, release;
    bool unattended, retry_failed;  /* nobody watches: what failed before with the same file is not run
                                       again (HG630), unless retry_failed */
    bool adopt;                     /* write down what happened without headgate, run nothing */
    bool one_by_one;                /* each revision in a transaction of its own */
    /* rollback */
    bool dry_run, allow_empty_downgrade, to_base;
    bool files_from_ledger;         /* revisions that are missing here, out of the ledger if proven */
    /* both */
    bool no_wait, no_notify;
    int64_t lock_wait_ns;           /* < 0: the target's */
    int64_t lock_budget_ns;         /* what meets locks is tried again so long; < 0: the target's */
    int64_t max_runtime_ns;         /* 0: the target's, else none */
    int64_t calm_wait_ns;           /* waits so long until nothing is in the way; 0: does not wait */
    const struct hg_strv *overrides;/* RULE=REASON */
    hg_apply_sink sink;
    void (*tick)(void *context);    /* about five times a second while the migrator runs, or NULL */
    void *context;                  /* of both */
};
int hg_apply_run(const struct hg_apply_options *o, struct hg_err *err);

/* Ends the migrator's sessions whose runner is gone (all: also those whose runner lives), first by
 * cancel, then by terminate. ret gets the text for people, ret_json the document; both say where
 * the database stands. Exit code 0: nothing (left) to cancel; 1: some are left. */
struct hg_cancel_options {
    const struct hg_common *common;
    int argc;
    char **argv;
    bool all;
};
int hg_apply_cancel(const struct hg_cancel_options *o, struct hg_buf *ret, json_t **ret_json,
                    struct hg_err *err);

/* `target pin`: the identity line for headgate.yaml. `target relabel`: leaves this target's name in
 * the database, whatever name stood there; confirmed must be true on a protected label or target. */
int hg_apply_pin(const struct hg_common *common, int argc, char **argv, struct hg_buf *ret,
                 struct hg_err *err);
int hg_apply_relabel(const struct hg_common *common, int argc, char **argv, struct hg_buf *ret,
                     struct hg_err *err);

/* ---- looking --------------------------------------------------------------------------------- */

/*
 * What env.py does, without migrating: `alembic current` under the driver, in the interpreter, the
 * place and the environment that apply would use, on a thread of its own (target, alembic and common
 * must outlive it, and stay unchanged). status NULL: env.py gets no connection, and the run ends at
 * context.configure. Else it connects, to the database of that status only, read-only.
 *
 * The result is an object of the driver's reports by event: "start" (versions), "engines" (addresses
 * without passwords), "graph" (heads; locations: version_locations as env.py leaves them), "configured",
 * "current", "compared" (changes: what hg_snapshot_diff would list between the database and the models; null
 * without target_metadata), "stop", "result"; and "said", the end of what env.py printed. New reference.
 */
struct hg_apply_look_options {
    const struct hg_common *common;
    const struct hg_target *target;
    const struct hg_alembic_config *alembic;
    const struct hg_status *status;
    bool compare;                   /* with a status: what compare_metadata finds, instead of "current" */
    const char *instead;            /* then, or NULL: the address to connect to, whatever env.py says */
    int64_t timeout_ns;             /* 0: 30 s */
};
struct hg_apply_look;
int hg_apply_look_start(const struct hg_apply_look_options *o, struct hg_apply_look **ret,
                        struct hg_err *err);
/* Waits, and releases it in any case. -1: it could not be run, or did not end in time. */
int hg_apply_look_finish(struct hg_apply_look *l, json_t **ret, struct hg_err *err);
void hg_apply_look_drop(struct hg_apply_look *l);

/* Prints events: one JSON line each (json), or for people: the answer on stdout, all else and the
 * migrator's output on stderr. Where stderr is a terminal that can, and neither --no-progress, -q nor
 * json is said, a line at the bottom tells what the migrator is at. The context of hg_apply_print and
 * hg_apply_printer_tick is a struct hg_apply_printer, which must stay where it is until done. */
struct hg_apply_live;
struct hg_apply_pace;
struct hg_apply_printer {
    bool json, color, color_err, quiet;
    struct hg_apply_live *live;     /* NULL: no such line */
    struct hg_apply_pace *pace;     /* of the lines that stand in its place */
    struct hg_buf held;             /* under -q: what the migrator has printed */
    const char *bundle;             /* borrowed: the next command takes it too; NULL: none */
};
void hg_apply_printer_init(struct hg_apply_printer *p, const struct hg_common *common);
void hg_apply_print(void *context, const json_t *event);
void hg_apply_printer_tick(void *context);
void hg_apply_printer_done(struct hg_apply_printer *p);

/* ---- programs -------------------------------------------------------------------------------- */

/* hg_apply_run with such a printer; o's sink, tick and context are set here. */
int hg_apply_run_printed(struct hg_apply_options *o, struct hg_err *err);

/* The rows of an option table that apply and rollback share; AT(member) is the place of a member of struct
 * hg_apply_options, LIST that of the struct hg_strv with the overrides. */
#define HG_APPLY_OPTION_ROWS(AT, LIST) \
    { "lock-wait", 0, HG_OPT_SECONDS, AT(lock_wait_ns), .metavar = "SECONDS", \
      .help = "how long to wait for another headgate; 0: not at all (10 min)" }, \
    { "lock-budget", 0, HG_OPT_SECONDS, AT(lock_budget_ns), .metavar = "SECONDS", \
      .help = "how long a migration that could not get a lock is tried again; 0: not at all (5 min)" }, \
    { "no-wait", 0, HG_OPT_BOOL, AT(no_wait), .help = "do not wait for another headgate: exit 5" }, \
    { "no-notify", 0, HG_OPT_BOOL, AT(no_notify), .help = "tell nobody of `notify` in headgate.yaml" }, \
    { "max-runtime", 0, HG_OPT_SECONDS, AT(max_runtime_ns), .metavar = "SECONDS", \
      .help = "cancel the migration after this time (never)" }, \
    { "wait-for-calm", 0, HG_OPT_SECONDS, AT(calm_wait_ns), .metavar = "SECONDS", \
      .help = "wait at most so long until no long transaction, queue or lag is in the way" }, \
    { "override", 0, HG_OPT_LIST, LIST, .metavar = "RULE=REASON", \
      .help = "let one finding pass this once; it is recorded" }

#endif
