/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/status/status.h - where a database stands: one statement, judged against the graph.
 *
 * Read-only, takes no lock, creates nothing. Recipe: hg_status_start (begins connecting) -> load the
 * graph meanwhile -> hg_status_finish (one statement, then the judgement).
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
#define HG_LOCK_CLASS_APPLY    0x68676170 /* "hgap": first key of the apply lock */
#define HG_LOCK_CLASS_MIGRATOR 0x68676d67 /* "hgmg": first key of the migrator lock */
/* Second key: hash of "schema.version_table". */
int32_t hg_status_lock_key(const char *schema, const char *table);

struct hg_status {
    enum hg_state state;
    struct hg_strv heads;               /* ids */
    struct hg_strv rows, current, unknown;
    struct hg_revlist pending;          /* borrowed from the graph */
    bool pending_known;                 /* false: null in JSON */
    /* database */
    char *db_name, *db_host, *db_port, *db_user, *system_identifier, *db_oid, *pool_mode;
    int server_version;
    bool in_recovery, read_only, connected;
    bool has_user_tables;               /* any table besides version tables and headgate's */
    /* version table */
    char *vt_schema, *vt_name;
    bool vt_exists, vt_readable;
    struct hg_strv vt_candidates;       /* "schema.table" */
    /* ledger (DESIGN 6) */
    bool ledger_exists, ledger_readable;
    char *last_revision, *last_finished_at, *last_by;
    char *label_target;                 /* target's name left in the database, or NULL */
    bool label_protected;
    char *open_intent;                  /* id of an intent without outcome, or NULL */
    /* migration under way */
    bool running;
    char *run_revision, *run_by, *run_host, *run_since;
    int64_t run_pid;
    struct hg_strv run_blocked_by;      /* pids as text */
    struct hg_findings findings;        /* HG1xx of the graph, HG2xx of the state, HG6xx */
};

struct hg_status_read;                  /* a status being read */
int hg_status_start(const struct hg_target *t, const struct hg_alembic_config *alembic,
                    const char *application_name, struct hg_status_read **ret, struct hg_err *err);
/* graph NULL: a bare database (no alembic.ini). Findings of loading the graph are moved in. On -1
 * *ret still holds what is known (state unknown), so that the document can be printed. */
int hg_status_finish(struct hg_status_read *read, const struct hg_graph *graph,
                     struct hg_findings *graph_findings, int64_t deadline_ns, struct hg_status *ret,
                     struct hg_err *err);
/* Judges again what an earlier statement on this connection's database says: the fresh look of apply. */
int hg_status_on(PGconn *conn, const struct hg_target *t, const struct hg_alembic_config *alembic,
                 const struct hg_graph *graph, int64_t deadline_ns, struct hg_status *ret,
                 struct hg_err *err);
void hg_status_done(struct hg_status *s);
const char *hg_state_name(enum hg_state state);
/* The document of CONTRACT.md; err NULL or the error to put in. New reference. */
json_t *hg_status_json(const struct hg_target *t, const struct hg_status *s, const struct hg_err *err);
/* The text for people. */
void hg_status_text(const struct hg_target *t, const struct hg_status *s, bool color, struct hg_buf *ret);

#endif
