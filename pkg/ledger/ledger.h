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
/* Asks at once, on one way to the server, what hg_ledger_summary, _version, _applied, _objects and _version_tables
 * would ask on this connection one after the other: each takes its answer, once, until _done. For who
 * is about to call them all, and writes nothing in between. */
int hg_ledger_ahead(PGconn *conn, const char *version_table, int64_t deadline_ns, struct hg_err *err);
void hg_ledger_ahead_done(PGconn *conn);
/* version_table: "schema.table". No ledger: 0 with present false. */
int hg_ledger_summary(PGconn *conn, const char *version_table, int64_t deadline_ns,
                      struct hg_ledger_summary *ret, struct hg_err *err);
void hg_ledger_summary_done(struct hg_ledger_summary *s);

/* headgate.applied: the newest record of one revision. */
struct hg_ledger_entry {
    char *revision, *direction;     /* up, down, baseline, adopt, squash */
    struct hg_strv down, depends_on;
    char *message, *path, *digest, *commit, *by, *host, *target, *finished_at;
    double seconds;                 /* it took, as hg_ledger_entries_time says; negative: not known */
};
struct hg_ledger_entries {
    struct hg_ledger_entry *items;
    size_t count, cap;
};
int hg_ledger_applied(PGconn *conn, const char *version_table, int64_t deadline_ns,
                      struct hg_ledger_entries *ret, struct hg_err *err);
void hg_ledger_entries_done(struct hg_ledger_entries *e);
/* Fills in the seconds, by hg_ledger_seconds. */
int hg_ledger_entries_time(PGconn *conn, struct hg_ledger_entries *e, int64_t deadline_ns,
                           struct hg_err *err);

/* How long revisions took when each file of theirs last ran in this direction ("up", "down"): an array of
 * {"revision", "digest", "seconds"}. Needs the table of steps: empty for whoever may not read that. New
 * reference. */
int hg_ledger_seconds(PGconn *conn, const struct hg_strv *revisions, const char *direction,
                      int64_t deadline_ns, json_t **ret, struct hg_err *err);

/* The version of the ledger; 0: there is none, or it may not be read. */
int hg_ledger_version(PGconn *conn, int64_t deadline_ns, int *ret, struct hg_err *err);

/* ---- what the schema was -------------------------------------------------------------------- */

/* A catalog object: a relation, type or function, or what hangs on one. */
struct hg_ledger_object {
    char *kind, *name;              /* as in catalog.json of a snapshot: "table", "public.t" */
    char *digest;                   /* SHA-256 of its definition; NULL: gone */
    char *definition;               /* what the digest is of, as JSON; NULL: gone, or not recorded (before
                                       version 3) */
    bool made;                      /* some recorded run made or changed it */
    char *other;                    /* "schema.table": its newest record is from a run of this version table,
                                       which is another than the one asked for, and there; NULL: not so */
    bool later;                     /* and that run ended after the newest of the one asked for */
    bool half;                      /* its newest record is from the newest run of the one asked for, which did
                                       not succeed: perhaps half of a revision, that somebody may undo */
};
/* Sorted by kind and name. The other members are of the newest finished run (of any version table,
 * because objects are shared): NULL and 0 where nothing is recorded, or no run. */
struct hg_ledger_objects {
    struct hg_ledger_object *items;
    size_t count, cap;
    int server_version;             /* 150020: of the server that spelled the definitions */
    char *run, *version_table, *finished_at;
    char *database_oid;             /* of the database in which that run was recorded; NULL: not recorded */
    char *fingerprint;              /* NULL: that run could not read the catalog, or wrote version 1:
                                       items are then older than the run and prove nothing */
};
/* What the ledger knows of the schema, gone objects included. version_table: whose runs are not another's;
 * NULL: nothing is. No ledger, version 1, or one that may not be read: 0 with no items and no fingerprint. */
int hg_ledger_objects(PGconn *conn, const char *version_table, int64_t deadline_ns,
                      struct hg_ledger_objects *ret, struct hg_err *err);
void hg_ledger_objects_done(struct hg_ledger_objects *o);
/* Adds a copy, without a definition, and returns it, valid until the next is added; hg_ledger_objects_sort
 * before anything is looked up. */
struct hg_ledger_object *hg_ledger_objects_add(struct hg_ledger_objects *o, const char *kind,
                                               const char *name, const char *digest, bool made);
void hg_ledger_objects_sort(struct hg_ledger_objects *o);
/* NULL: not among them. */
const struct hg_ledger_object *hg_ledger_object_find(const struct hg_ledger_objects *o,
                                                     const char *kind, const char *name);
/* Is the object of this name one of these version tables, or a part of one? Every run leaves out only its
 * own version table, so those of others are among the objects. */
bool hg_ledger_version_table_part(const struct hg_strv *version_tables, const char *name);
/* The version tables that the ledger has runs of; none where it may not be read. */
int hg_ledger_version_tables(PGconn *conn, int64_t deadline_ns, struct hg_strv *ret, struct hg_err *err);
/* Over kind, name and digest of all objects that were made and are there. */
const char *hg_ledger_fingerprint(const struct hg_ledger_objects *o, char out[HG_SHA256_SIZE]);

/* ---- the files of applied revisions ---------------------------------------------------------- */

/* HMAC-SHA256 under key over a revision, its down revisions in their order, and its file's digest.
 * Each part carries its length, so that no two different records have the same text. */
const char *hg_ledger_hmac(const char *key, const char *revision, const struct hg_strv *down,
                           const char *digest, char out[HG_SHA256_SIZE]);

/* The newest file of one revision that was applied, baselined or adopted. */
struct hg_ledger_file {
    bool found;
    char *revision;
    struct hg_strv down, depends_on;
    char *path, *digest, *hmac, *commit, *by, *finished_at; /* NULL: not recorded */
    struct hg_buf bytes;            /* as stored; compare their digest before use */
};
/* For the schema's owner, and whom it granted headgate.run and headgate.step; others, and where
 * nothing is stored: 0 with found false. Nothing here is proven: whoever can write the table can
 * write any file. */
int hg_ledger_file(PGconn *conn, const char *version_table, const char *revision,
                   int64_t deadline_ns, struct hg_ledger_file *ret, struct hg_err *err);
void hg_ledger_file_done(struct hg_ledger_file *f);

/* ---- the last failure -------------------------------------------------------------------------- */

/* Where the newest finished run upwards failed, if it did; NULL where not recorded. */
struct hg_ledger_failure {
    bool found;
    char *revision;                 /* it was at work when it failed */
    char *files;                    /* "REVISION DIGEST" of it and what was to go before it, by commas */
    char *error, *sqlstate, *finished_at;
};
/* For whoever may read headgate.run and headgate.step (who applies can); others: found is false. */
int hg_ledger_failure(PGconn *conn, const char *version_table, int64_t deadline_ns,
                      struct hg_ledger_failure *ret, struct hg_err *err);
/* The same, from a document. */
void hg_ledger_failure_of(const json_t *document, const char *version_table, struct hg_ledger_failure *ret);
void hg_ledger_failure_done(struct hg_ledger_failure *f);

/* ---- the whole of it ------------------------------------------------------------------------- */

/*
 * The document headgate.ledger/1, of a ledger in the database or in a file:
 *   place      "database", or the file's path
 *   version    of the ledger in the database; null in a file
 *   complete   false: this role sees the views only, so earlier steps, files, errors and the
 *              objects of each run are left out
 *   label      {target, protected, set_at, set_by}, or null
 *   runs       in the order in which they began, each with its steps, and with what it changed in
 *              the record of objects
 *   held       [{version_table, revision, held_at, held_by}]
 *   objects    what is known of every object: [{kind, name, digest, definition, made, run}]
 *   record     the run that finished last: {run, version_table, finished_at, fingerprint,
 *              server_version}, or null
 *   damage     lines of the file that are no records: ["line 7: …"]
 * What is not recorded is null. Files (base64) only if asked for.
 */
/* No ledger: 0, and *ret is NULL. DATABASE with a hint where this role may not use the schema. New reference. */
int hg_ledger_document(PGconn *conn, bool files, int64_t deadline_ns, json_t **ret, struct hg_err *err);
/* That it may not be read, and who can change that. -1. */
int hg_ledger_unreadable(enum hg_err_kind kind, const char *role, struct hg_err *err);
/* No such file: 0, and *ret is NULL. New reference. */
int hg_ledger_document_of_file(const char *path, bool files, json_t **ret, struct hg_err *err);
/* The same of such a file's text; place: its path, to be shown. New reference. */
json_t *hg_ledger_document_of_text(const char *text, size_t size, const char *place, bool files);
/* Where the state directory keeps the records of one version table; any of the ids may be NULL. Heap. */
char *hg_ledger_path(const struct hg_target *t, const char *system_identifier, const char *oid,
                     const char *version_table);
/* As hg_ledger_summary, from a document. */
void hg_ledger_summary_of(const json_t *document, const char *version_table, struct hg_ledger_summary *ret);
/* As hg_ledger_objects, from a document: one of a file has the runs of one version table only, so nothing is
 * another's. */
void hg_ledger_objects_of(const json_t *document, struct hg_ledger_objects *ret);
/* As hg_ledger_applied, from a document. */
void hg_ledger_applied_of(const json_t *document, const char *version_table, struct hg_ledger_entries *ret);
/* As hg_ledger_file, from a document that has its files. */
void hg_ledger_file_of(const json_t *document, const char *version_table, const char *revision,
                       struct hg_ledger_file *ret);

/* What is written down does not fit together: an array of {"what": "damage|file|hmac|step|chain|
 * fingerprint", "run", "revision", "message"}. key: HEADGATE_LEDGER_KEY or NULL. New reference. The
 * document must have its files. ret_counts gets {"runs", "steps", "files", "hmacs", "objects"}: what
 * was looked at (hmacs: 0 without key); new reference. */
json_t *hg_ledger_check(const json_t *document, const char *key, json_t **ret_counts);
/* ---- receipts -------------------------------------------------------------------------------- */

/* What one target's ledger says of each revision, to be shown to another target's gate
 * (headgate.receipt/1, docs/schema/receipt.schema.json). */
struct hg_ledger_receipt {
    const char *target, *database, *system_identifier; /* the last two: NULL where hidden */
    const char *version_table;                         /* "schema.table" */
    const struct hg_strv *rows;
    const struct hg_ledger_entries *entries;
};
/* key: signed by HMAC-SHA256 over its canonical text; NULL: not signed. New reference. */
json_t *hg_ledger_receipt(const struct hg_ledger_receipt *of, const char *key);
/* From a file (`shown`: as messages name it), verified: by `ssh-keygen -Y verify` of FILE.sig in the namespace "headgate" when signers
 * names an allowed_signers file, else by key. INTEGRITY with the reason when it cannot be believed.
 * New reference. */
int hg_ledger_receipt_read(const char *path, const char *shown, const char *key, const char *signers,
                           json_t **ret, struct hg_err *err);

/* ---- writing ------------------------------------------------------------------------------ */

#define HG_LEDGER_VERSION 4

/* Where the records of this run go. */
struct hg_ledger {
    PGconn *conn;                   /* borrowed; autocommit, not the migrator's */
    enum hg_ledger_mode mode;       /* what was asked for */
    bool database;                  /* records go to the database */
    char *file;                     /* or to this file, one JSON object a line; NULL: nowhere */
    char *run;                      /* id of the open run */
};

/* Decides where records go, and creates the schema, or brings it to this version, where it may. AUTO
 * where that cannot be (privileges, something missing of it): HG507 with what an administrator should
 * do is added to findings and the state directory is used. REQUIRED: -1, kind REFUSED. A ledger of a
 * newer headgate is refused by both, with HG239. file: hg_ledger_path. */
int hg_ledger_open(PGconn *conn, const struct hg_target *t, const char *file, int64_t deadline_ns,
                   struct hg_ledger *ret, struct hg_findings *findings, struct hg_err *err);
void hg_ledger_done(struct hg_ledger *l);
/* What the ledger in the database lacks, as "it lacks headgate.step"; NULL: nothing, or no ledger. */
int hg_ledger_missing(PGconn *conn, int64_t deadline_ns, char **ret, struct hg_err *err);
/* Has it counted runs, and holds none? Then they were taken away. */
int hg_ledger_emptied(PGconn *conn, int64_t deadline_ns, bool *ret, struct hg_err *err);
/* Creates the ledger, brings it to this version, makes what it lacks; each only if needed. What was
 * done is in *ret_done: "created", "upgraded", "mended" or "nothing". REFUSED where this role may not,
 * with the SQL or the role that may; a newer ledger is refused too. */
int hg_ledger_init(PGconn *conn, int64_t deadline_ns, const char **ret_done, struct hg_err *err);

/* Leaves the target's name in the database (DESIGN 6, Identity). */
int hg_ledger_set_label(struct hg_ledger *l, const char *target, bool protected_, const char *by,
                        int64_t deadline_ns, struct hg_err *err);

struct hg_ledger_run {
    const char *version_table;      /* "schema.table" */
    const char *direction;          /* up, down, baseline, adopt, squash */
    const char *target, *goal;      /* goal: what was asked for ("head", "-1"); may be NULL */
    const struct hg_strv *from, *to;/* rows before, rows expected after */
    const char *by, *host, *commit; /* any may be NULL */
    const struct hg_strv *overrides;/* RULE=REASON; may be NULL */
    const struct hg_graph *graph;   /* for the files' bytes */
    const struct hg_revlist *steps; /* in order */
    const char *plan;               /* digest of the plan that is run; NULL: none */
    const char *key;                /* for the HMAC of each file; NULL: none */
};
/* Commits the intent; the run is open from here. */
int hg_ledger_intent(struct hg_ledger *l, const struct hg_ledger_run *run, int64_t deadline_ns,
                     struct hg_err *err);

struct hg_ledger_times { char *revision; int64_t started_ns, committed_ns; }; /* wall; 0: not seen */
struct hg_ledger_outcome {
    const char *version_table;      /* as in the intent; what runs of another one made keeps its record, unless
                                       this run is seen to change it */
    const char *outcome;            /* applied, failed, interrupted, recorded, abandoned */
    const struct hg_strv *rows;     /* the version table as it is now */
    const struct hg_strv *done;     /* revisions of the run that are done */
    const char *error, *sqlstate;   /* may be NULL */
    const struct hg_ledger_times *times;
    size_t time_count;
    /* Objects at both ends of the run; what differs was made by it. before NULL: what differs from the
     * last record was. after NULL: could not be read, and the run has no fingerprint. */
    const struct hg_ledger_objects *before, *after;
    bool all_made;                  /* a baseline: what is there is the starting point */
};
/* Closes the open run, or the run `id` of an earlier headgate. */
int hg_ledger_outcome(struct hg_ledger *l, const char *id, const struct hg_ledger_outcome *o,
                      int64_t deadline_ns, struct hg_err *err);
/* One revision of the open run is in, and says so from now on; times is its. With records in a file it
 * is said with the outcome. */
int hg_ledger_step_done(struct hg_ledger *l, const struct hg_ledger_times *times, int64_t deadline_ns,
                        struct hg_err *err);
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
/* The SQL that lets the owner of a ledger give `role` what apply needs of it. Heap. */
char *hg_ledger_grant_sql(const char *role);

#endif
