/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/ledger/ledger.h - what headgate remembers in the target database (schema `headgate`), or in
 * the state directory where it may not.
 *
 * A run is written twice: its intent is committed before the migrator starts, its outcome after the
 * version table was read again. An intent without an outcome is a run whose headgate died; the next
 * one closes it. Readers use the views headgate.summary (one row, or one per version table) and
 * headgate.applied, which everyone may read; docs/ledger.md describes the columns. A status that
 * wants one statement reads `headgate.summary` through query_to_xml.
 *
 * Rows of several version tables live side by side under "schema.table".
 * Ownership: each struct owns its strings; release with its _done.
 */
#ifndef HG_LEDGER_LEDGER_H
#define HG_LEDGER_LEDGER_H

#include "alembic/alembic.h"
#include "base/base.h"
#include "finding/finding.h"
#include "pg/pg.h"
#include "target/target.h"

/* ---- reading ------------------------------------------------------------------------------ */

/* headgate.summary; NULL where the ledger says nothing. */
struct hg_ledger_summary {
    bool present;                   /* the schema is there and readable */
    char *label_target;
    bool label_protected;
    char *last_revision, *last_finished_at, *last_by, *last_outcome;
    bool last_rows_known;
    struct hg_strv last_rows;       /* the version table after the last recorded run */
    char *open_run, *open_since, *open_by, *open_host, *open_direction;
    int64_t open_pid;
    struct hg_strv open_from, open_to;
    struct hg_strv held;            /* revisions that are not to be applied until released */
};
/* version_table: "schema.table". No ledger: 0 with present false. */
int hg_ledger_summary(PGconn *conn, const char *version_table, int64_t deadline_ns,
                      struct hg_ledger_summary *ret, struct hg_err *err);
void hg_ledger_summary_done(struct hg_ledger_summary *s);

/* headgate.applied: the newest record of one revision. */
struct hg_ledger_entry {
    char *revision, *direction;     /* up, down, baseline, adopt */
    struct hg_strv down, depends_on;
    char *message, *path, *digest, *commit, *by, *host, *target, *finished_at;
};
struct hg_ledger_entries {
    struct hg_ledger_entry *items;
    size_t count, cap;
};
int hg_ledger_applied(PGconn *conn, const char *version_table, int64_t deadline_ns,
                      struct hg_ledger_entries *ret, struct hg_err *err);
void hg_ledger_entries_done(struct hg_ledger_entries *e);

/* ---- writing ------------------------------------------------------------------------------ */

/* Where the records of this run go. */
struct hg_ledger {
    PGconn *conn;                   /* borrowed; autocommit, not the migrator's */
    enum hg_ledger_mode mode;       /* what was asked for */
    bool database;                  /* records go to the database */
    char *file;                     /* or to this file, one JSON object a line; NULL: nowhere */
    char *run;                      /* id of the open run */
};

/* Decides where records go, and creates the schema where it is missing and may be. AUTO without the
 * privilege: HG507 with the SQL for an administrator is added to findings and the state directory is
 * used. REQUIRED without it: -1, kind REFUSED. */
int hg_ledger_open(PGconn *conn, const struct hg_target *t, const char *database_id,
                   int64_t deadline_ns, struct hg_ledger *ret, struct hg_findings *findings,
                   struct hg_err *err);
void hg_ledger_done(struct hg_ledger *l);

/* Leaves the target's name in the database (DESIGN 6, Identity). */
int hg_ledger_set_label(struct hg_ledger *l, const char *target, bool protected_, const char *by,
                        int64_t deadline_ns, struct hg_err *err);

struct hg_ledger_run {
    const char *version_table;      /* "schema.table" */
    const char *direction;          /* up, down, baseline, adopt */
    const char *target, *goal;      /* goal: what was asked for ("head", "-1"); may be NULL */
    const struct hg_strv *from, *to;/* rows before, rows expected after */
    const char *by, *host, *commit; /* any may be NULL */
    const struct hg_strv *overrides;/* RULE=REASON; may be NULL */
    const struct hg_graph *graph;   /* for the files' bytes */
    const struct hg_revlist *steps; /* in order */
};
/* Commits the intent; the run is open from here. */
int hg_ledger_intent(struct hg_ledger *l, const struct hg_ledger_run *run, int64_t deadline_ns,
                     struct hg_err *err);

struct hg_ledger_times { char *revision; int64_t started_ns, committed_ns; }; /* wall; 0: not seen */
struct hg_ledger_outcome {
    const char *outcome;            /* applied, failed, interrupted, recorded, abandoned */
    const struct hg_strv *rows;     /* the version table as it is now */
    const struct hg_strv *done;     /* revisions of the run that are done */
    const char *error, *sqlstate;   /* may be NULL */
    const struct hg_ledger_times *times;
    size_t time_count;
};
/* Closes the open run, or the run `id` of an earlier headgate. */
int hg_ledger_outcome(struct hg_ledger *l, const char *id, const struct hg_ledger_outcome *o,
                      int64_t deadline_ns, struct hg_err *err);
/* The revisions of an open run, in order. */
int hg_ledger_open_steps(struct hg_ledger *l, const char *id, int64_t deadline_ns,
                         struct hg_strv *ret, struct hg_err *err);

/* Holds, and releases. ret_released gets what was held. */
int hg_ledger_hold(struct hg_ledger *l, const char *version_table, const struct hg_strv *revisions,
                   const char *by, int64_t deadline_ns, struct hg_err *err);
int hg_ledger_release(struct hg_ledger *l, const char *version_table, int64_t deadline_ns,
                      struct hg_strv *ret_released, struct hg_err *err);

/* The SQL that lets an administrator give `role` its ledger. Heap. */
char *hg_ledger_admin_sql(const char *role);

#endif
