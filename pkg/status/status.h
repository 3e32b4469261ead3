/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/status/status.h - where a database stands: one statement, judged against the graph.
 *
 * Read-only, takes no lock of its own, creates nothing, and leaves no line in the server's log. Recipe:
 * hg_status_start (connects on a thread of its own, resolving the name included) -> read alembic.ini
 * meanwhile -> hg_status_name (it may ask now) -> load the graph -> hg_status_finish (waits, judges). hg_status_on does the same on a
 * connection of the caller.
 *
 * The states (DESIGN 6):
 *   empty       there is no version table, or it has no row.
 *   up-to-date  every row is a revision of the graph, and nothing is pending for `heads`.
 *   behind      every row is a revision of the graph, and something is pending.
 *   ahead       some row is no revision of the graph, and no revision of the graph is provably missing.
 *   diverged    some row is no revision of the graph and some revision is provably missing; or two rows
 *               overlap (one is an ancestor of the other), which Alembic refuses.
 *   unknown     it could not be told: no connection, no right to read the table, tables elsewhere that
 *               cannot be told apart, a graph that Alembic refuses.
 * A revision R is provably missing when R is a descendant of a known row K: rows are the tips of what
 * was applied, so had R run, K's row would be gone, whatever the unknown rows are. When ledger or git
 * tell the ancestors of every unknown row, down to revisions of the graph, everything that is not an
 * ancestor of those or of a known row is provably missing too (and only the ledger, which says what
 * really ran, makes `pending` known).
 */
#ifndef HG_STATUS_STATUS_H
#define HG_STATUS_STATUS_H

#include "alembic/alembic.h"
#include "finding/finding.h"
#include "pg/pg.h"
#include "target/target.h"

enum hg_state { HG_STATE_UNKNOWN, HG_STATE_UP_TO_DATE, HG_STATE_BEHIND, HG_STATE_EMPTY, HG_STATE_AHEAD,
                HG_STATE_DIVERGED };

/* Application names and lock keys by which headgate's sessions are known. */
#define HG_LOCK_CLASS_APPLY    0x68676170 /* "hgap": first key of the apply lock (in status.sql too) */
#define HG_LOCK_CLASS_MIGRATOR 0x68676d67 /* "hgmg": first key of the migrator lock */
#define HG_LOCK_CLASS_PACE     0x68677061 /* "hgpa": the runner's word that a revision may begin */
/* Second key: hash of "schema.version_table". */
int32_t hg_status_lock_key(const char *schema, const char *table);

/* What is known about a revision of the database that no revision file here has. */
struct hg_lost {
    char *revision;
    char *found;                        /* "git", "ledger", or NULL: nowhere */
    char *message, *path;
    char *direction;                    /* ledger: how it got there (up, adopt, baseline…); else NULL */
    char *branch, *commit, *date, *by;  /* NULL: not known */
    bool deleted;                       /* HEAD has the commit: the file went away in this very branch */
    struct hg_strv down;                /* its parents and dependencies, as far as known */
};

struct hg_status {
    enum hg_state state;
    bool bare;                          /* judged without revision files */
    struct hg_strv heads;               /* ids */
    struct hg_strv rows, current, unknown;
    const struct hg_config *config;     /* borrowed: the target's; NULL: none. Its squashes are these: */
    struct hg_strv judged;              /* rows, with the old end of a squash as what stands for it */
    struct hg_strv moved_from, moved_to;/* such rows, and what stands for each: apply moves them */
    const struct hg_squash *inside;     /* an unknown row lies in it, or NULL */
    struct hg_revlist pending;          /* borrowed from the graph */
    bool pending_known;                 /* false: null in JSON */
    struct hg_lost *lost;               /* of `unknown`, in its order; then those of their ancestors that no
                                           file here has and somebody knows */
    size_t lost_count, lost_cap;
    /* database */
    char *db_name, *db_host, *db_port, *db_user, *system_identifier, *db_oid, *pool_mode;
    int server_version;
    bool in_recovery, read_only, connected;
    bool has_user_tables;               /* any table besides version tables, extensions' and headgate's; asked
                                           for only when a version table has no row */
    /* version table; without one the schema is where Alembic would create it */
    char *vt_schema, *vt_name;
    bool vt_exists, vt_readable;
    struct hg_strv vt_candidates;       /* "schema.table" */
    /* ledger (DESIGN 6) */
    bool ledger_exists, ledger_readable;
    char *last_revision, *last_finished_at, *last_by, *last_outcome, *last_direction;
    char *label_target;                 /* target's name left in the database, or NULL */
    bool label_protected;
    char *open_intent;                  /* id of an intent without outcome, or NULL */
    char *open_since, *open_by, *open_host;
    struct hg_strv held;                /* revisions that are not to be applied until released */
    /* migration under way */
    bool running;
    char *run_revision, *run_by, *run_host, *run_since;
    int64_t run_pid;                    /* backend */
    struct hg_strv run_blocked_by;      /* pids as text */
    struct hg_findings findings;        /* HG1xx of the graph, HG2xx of the state, HG6xx */
};

/* Where the version table is expected, by the target's configuration, else by env.py. Pointers into
 * both; *ret_schema is NULL for "by search_path". */
void hg_status_version_table(const struct hg_target *t, const struct hg_alembic_config *alembic,
                             const char **ret_schema, const char **ret_table);

struct hg_status_read;                  /* a status being read */
/* deadline_ns (monotonic) bounds connecting and the statement; 0: the target's connect_timeout, and
 * 10 s for the statement. t must outlive the read. */
int hg_status_start(const struct hg_target *t, const char *application_name, int64_t deadline_ns,
                    struct hg_status_read **ret, struct hg_err *err);
/* Says where the version table is expected; until then the read only connects. Once, before
 * hg_status_finish. alembic NULL: a bare database. */
void hg_status_name(struct hg_status_read *read, const struct hg_alembic_config *alembic);
/* Waits for the answer and judges it; `read` is gone after. graph NULL: a bare database (no
 * alembic.ini). Findings of loading the graph (may be NULL) are moved in. On -1 *ret still holds
 * what is known (state unknown), so that the document can be printed; release it in both cases. */
int hg_status_finish(struct hg_status_read *read, const struct hg_graph *graph,
                     struct hg_findings *graph_findings, struct hg_status *ret, struct hg_err *err);
/* The same, and the connection, idle, for who asks more; NULL after -1. */
int hg_status_finish_on(struct hg_status_read *read, const struct hg_graph *graph,
                        struct hg_findings *graph_findings, struct hg_status *ret, PGconn **ret_conn,
                        struct hg_err *err);
/* Gives a read up without judging and without waiting (when loading the graph failed, say). NULL is
 * fine. */
void hg_status_drop(struct hg_status_read *read);
/* The same at once, on this connection: the fresh look of apply. */
int hg_status_on(PGconn *conn, const struct hg_target *t, const struct hg_alembic_config *alembic,
                 const struct hg_graph *graph, int64_t deadline_ns, struct hg_status *ret,
                 struct hg_err *err);
/* The status that `document` (headgate.status/1, from a snapshot) tells of, judged against the files here;
 * `ledger` is the snapshot's ledger.json or NULL. Nothing is connected to. */
int hg_status_recorded(const struct hg_target *t, const json_t *document, const json_t *ledger,
                       const struct hg_graph *graph, struct hg_findings *graph_findings,
                       struct hg_status *ret, struct hg_err *err);
/* A status of which nothing but heads and findings is known: for errors before any connection. */
void hg_status_unknown(const struct hg_target *t, const struct hg_graph *graph,
                       struct hg_findings *graph_findings, struct hg_status *ret);
void hg_status_done(struct hg_status *s);
const char *hg_state_name(enum hg_state state);

/* Looks for the unknown rows in git (all branches below the folder `dir`, at most timeout_ns) and
 * names them in s->lost and in the message of HG212/HG213; what the found files say of their parents
 * may turn `ahead` into `diverged`. Does nothing without unknown rows or without git. */
void hg_status_find_lost(struct hg_status *s, const struct hg_graph *graph,
                         const struct hg_alembic_config *alembic, int64_t timeout_ns);

/* The command that brings its file back, from any folder of the checkout; heap, NULL where git does not have it. */
char *hg_status_bring_back(const struct hg_lost *l);

/* What a squash replaced, from `from` (its last revision) down to its first, by the parents (and
 * dependencies) that the callback tells; false from it: nobody knows this revision. Revisions of graph
 * (may be NULL) and what is below the first end the walk and go to ret_below (may be NULL). True when
 * the first was reached and every member was told. */
typedef bool (*hg_status_parents)(void *context, const char *revision, struct hg_strv *ret);
bool hg_status_squash_members(const struct hg_squash *q, const struct hg_graph *graph, const char *from,
                              hg_status_parents parents, void *context, struct hg_strv *ret,
                              struct hg_strv *ret_below);

/* The document of CONTRACT.md; err NULL or the error to put in. New reference. */
json_t *hg_status_json(const struct hg_target *t, const struct hg_status *s, const struct hg_err *err);
/* The text for people, beginning with the line that names target, host and database. bundle: the file that
 * stands for the revision files, which the next command takes too; NULL: none. */
void hg_status_text(const struct hg_target *t, const struct hg_status *s, const char *bundle, bool color,
                    struct hg_buf *ret);

#endif
