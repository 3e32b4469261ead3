/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/replay/replay.h - makes the steps of a bundle in a database, without Python, as Alembic online
 * would: the same statements in the same transactions, and the version table by Alembic's rules.
 *
 * Each chunk is sent unchanged by the simple protocol, one at a time, on one connection. Transactions
 * are those of env.py: one around everything, or one around each migration (also where env.py says
 * transactional_ddl=False); an autocommit block ends the one before it and begins another behind it.
 * After a COMMIT of the migration's own the rest of the frame is what the project's driver makes of it:
 * psycopg and pg8000 look at the server and begin anew before the next statement, psycopg2 and asyncpg
 * believe that they still are in a transaction, so that each statement stands alone.
 *
 * Recipe: hg_bundle_open -> hg_bundle_graph -> steps -> hg_replay_run on an idle connection, whose
 * session is as it should be (hg_replay_settled) -> what the outcome says.
 * Facts: measured with Alembic 1.20.1, SQLAlchemy 2.1, psycopg 3.3, psycopg2 2.9 (docs/bundle.md).
 */
#ifndef HG_REPLAY_REPLAY_H
#define HG_REPLAY_REPLAY_H

#include "alembic/alembic.h"
#include "bundle/bundle.h"
#include "finding/finding.h"
#include "pg/pg.h"

/* What happens, told while it does. A commit covers every step that has ended before it; after a ROLLBACK or
 * PREPARE TRANSACTION in a migration's own text those that no commit covers are not in. Alone is a statement in
 * no transaction that failed, perhaps half the way. A block is one of autocommit, told before the commit that it
 * begins with. At a point the steps so far are in, no transaction is open, and the next step waits for `may_begin`. */
enum hg_replay_event {
    HG_REPLAY_BEGIN,
    HG_REPLAY_END,
    HG_REPLAY_COMMIT,
    HG_REPLAY_ROLLBACK,
    HG_REPLAY_PREPARE,
    HG_REPLAY_ALONE,
    HG_REPLAY_BLOCK,
    HG_REPLAY_POINT,
};

struct hg_replay {
    PGconn *conn;                       /* idle */
    const struct hg_bundle *bundle;
    const struct hg_graph *graph;       /* of the bundle */
    const struct hg_revlist *rows;      /* where the version table stands */
    const struct hg_revlist *steps;     /* in order; all must have chunks (hg_bundle_can_run) */
    bool down;
    bool one_by_one;                    /* a transaction for each, also where env.py has one around all */
    /* revision is that of BEGIN and END, the next one at a point, else NULL. */
    void (*on_event)(void *context, enum hg_replay_event event, const struct hg_revision *revision);
    /* About every tick_ns, while statements run too. False ends the run: what is running is canceled,
     * nothing more is sent. */
    bool (*tick)(void *context);
    int64_t tick_ns;
    /* Is there to be a point behind this step? Asked before its COMMIT. NULL: behind each. */
    bool (*point_due)(void *context);
    /* Asked at a point, before the first tick and after each, until it says so. NULL: there are none. */
    bool (*may_begin)(void *context);
    void *context;                      /* of all these, which may be NULL */
};

/* How it ended. */
struct hg_replay_outcome {
    const struct hg_revision *revision; /* at which it failed; NULL: before the first, or at the last COMMIT */
    size_t chunk, chunks;               /* 1-based, of it; chunk 0: its version rows, or COMMIT */
    bool stopped;                       /* by tick */
    bool lost;                          /* the connection: what was sent last may have happened */
    long position;                      /* 1-based character in the chunk; 0: none told */
};

/* The version table as the migrations' session names it: quoted, with the schema where env.py gives
 * one. Heap. */
char *hg_replay_table(const struct hg_bundle *b);

/* Does each step have a transaction of its own? As Alembic online: also with transactional_ddl=False. */
bool hg_replay_one_by_one(const struct hg_bundle *b);

/* 0, or -1 with *err: kind MIGRATOR, the server's message and SQLSTATE. What was not committed is rolled
 * back. *ret is filled in both cases. */
int hg_replay_run(const struct hg_replay *p, struct hg_replay_outcome *ret, struct hg_err *err);

/* Is the session fit for the chunks (UTF-8, standard_conforming_strings)? And is the version table that
 * it finds the judged one: schema `judged`, or NULL where none is expected? Else REFUSED; *ret_elsewhere
 * tells the second. */
int hg_replay_settled(PGconn *conn, const struct hg_bundle *b, const char *judged, int64_t deadline_ns,
                      bool *ret_elsewhere, struct hg_err *err);

/* Do the statements on the version table follow from the rows, for all steps? Needs graph, rows, steps and
 * down of p. -1 REFUSED where Alembic would come to a revision whose row is not there (hg_graph_version_ops). */
int hg_replay_rows_follow(const struct hg_replay *p, struct hg_err *err);

/* What is to be said about these steps: HG260 where Python is needed, HG261 where one commits or rolls
 * back in its middle, HG262 where values were computed when the bundle was built. */
void hg_replay_findings(const struct hg_bundle *b, const struct hg_revlist *steps, bool down,
                        struct hg_findings *ret);

/* What alembic.ini and env.py would say, as far as the bundle knows it; `dir` is the working folder.
 * Release with hg_alembic_config_done. */
void hg_replay_config(const struct hg_bundle *b, const char *dir, struct hg_alembic_config *ret);

/* The code side of a verb that has a bundle for it, in place of hg_alembic_config_load and
 * hg_alembic_load. What was made is released by the caller, also after -1: zero both before. */
int hg_replay_code(const char *path, const char *dir, struct hg_bundle *ret_bundle,
                   struct hg_alembic_config *ret_config, struct hg_graph **ret_graph,
                   struct hg_findings *findings, struct hg_err *err);
/* The same by hg_bundle_outline, for who runs nothing of it. `known` is told the configuration as soon as
 * the file has said it; it stays as it is, or the call fails. */
int hg_replay_outline(const char *path, const char *dir,
                      void (*known)(void *context, const struct hg_alembic_config *config), void *context,
                      struct hg_bundle *ret_bundle, struct hg_alembic_config *ret_config,
                      struct hg_graph **ret_graph, struct hg_findings *findings, struct hg_err *err);

#endif
