/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/bundle/bundle.h - what the code wants, as one file: revision files, the graph they make, and for
 * each revision the SQL, up and down, as exact chunks. A database is migrated from it without Python.
 *
 * The file is a plain ustar archive, so any tar shows and unpacks it, but only the very form that our
 * writer makes is accepted: each header is made again from a name that we expect and compared byte for
 * byte. So there are no paths, links, devices, pax records, sparse files, duplicates, compression or
 * trailing bytes to be wary of, reading needs no library, and its cost is that of one SHA-256 of the
 * file. docs/bundle.md describes the format. In this order:
 *
 *   manifest.json            headgate.bundle/1: versions, driver, transactions, version table, commit
 *   revisions                one line each, in Alembic's own (map) order: ids, class, reason, counts
 *   00001-ID/revision.py     for each revision: its file;
 *   00001-ID/up.sql          its chunks, absent where Python is needed;
 *   00001-ID/down.sql        likewise
 *   digest                   SHA-256 of every byte before this member: the bundle's digest
 *
 * Rendering rules are those of the measured ground that docs/bundle.md sums up: chunks are sent unchanged,
 * one at a time, by the simple protocol (PQexec), never joined, split or prepared.
 *
 * Recipe for callers: hg_bundle_open() -> hg_bundle_graph() -> hg_graph_upgrade() … -> for each step
 * hg_bundle_of() -> its upgrade's or downgrade's chunks.
 * Ownership: a bundle owns everything reached through it; a graph made of it stands on its own.
 * Threads: any, one bundle at a time. Errors: INTEGRITY for a file that is no bundle, cut, altered or
 * re-packed; CONFIG for one that cannot be read.
 */
#ifndef HG_BUNDLE_BUNDLE_H
#define HG_BUNDLE_BUNDLE_H

#include "alembic/alembic.h"
#include "base/base.h"
#include "finding/finding.h"

#define HG_BUNDLE_DEFAULT "headgate.bundle" /* the name where none is said */

/* More is taken for a mistake. */
#define HG_BUNDLE_BYTES     ((size_t)256 << 20)
#define HG_BUNDLE_REVISIONS 20000
#define HG_BUNDLE_CHUNKS    100000 /* of one revision and direction */

enum hg_bundle_class {
    HG_BUNDLE_RENDERED,     /* the chunks are what Alembic would send */
    HG_BUNDLE_PINNED,       /* likewise, with values that Python computed when the bundle was built */
    HG_BUNDLE_NEEDS_PYTHON, /* there are no chunks: reason says why */
};
const char *hg_bundle_class_name(enum hg_bundle_class class); /* "rendered", "pinned", "needs-python" */

enum hg_bundle_chunk_kind {
    HG_CHUNK_SQL,           /* text of one op.execute() or one operation: may be several statements */
    HG_CHUNK_COMMIT,        /* an autocommit block begins: text "COMMIT;" */
    HG_CHUNK_BEGIN,         /* it ends: text "BEGIN;" */
};
struct hg_bundle_chunk {
    enum hg_bundle_chunk_kind kind;
    const char *sql;        /* NUL-terminated, no NUL inside; may be empty */
    size_t len;
};

/* One direction of a revision. */
struct hg_bundle_script {
    enum hg_bundle_class class;
    char *code;             /* of the reason: "query", "session", "inspector", … (docs/bundle.md lists
                             * them); "computed" when pinned; NULL: rendered */
    char *reason;           /* for people, to stand behind "…: "; NULL: rendered */
    bool verified;          /* did the same as Alembic on a private PostgreSQL when it was built */
    struct hg_bundle_chunk *chunks;
    size_t count;
};

struct hg_bundle_revision {
    char *id;
    struct hg_strv down, depends_on, labels; /* as written in the file, in order */
    char *message;          /* Alembic's Script.doc */
    char *path;             /* for people: relative to where the bundle was built */
    bool dynamic;           /* the ids are Python's answer, not literals of the file */
    const char *text;       /* of the file, not terminated */
    size_t text_len;
    struct hg_bundle_script upgrade, downgrade;
};

struct hg_bundle {
    char digest[HG_SHA256_SIZE];
    char *made_by;          /* "headgate 0.1.0" */
    char *alembic, *sqlalchemy, *python; /* versions it was built with */
    char *driver;           /* psycopg | psycopg2 | asyncpg | pg8000: who would run the migrations online */
    char *version_table;    /* "alembic_version" */
    char *version_table_schema;     /* NULL: by the role's search_path */
    bool version_table_pk;          /* has a primary key when Alembic creates it */
    bool transaction_per_migration; /* as env.py asks for it; else one transaction for the whole run */
    bool transactional_ddl;         /* false: env.py said so; then each migration has its own transaction */
    char *commit;           /* of git; NULL: none */
    bool dirty;             /* the tree had other changes than the commit */
    char *env_digest;       /* SHA-256 of env.py */
    bool env_statements;    /* env.py sends statements of its own, which a bundle does not (HG251) */
    struct hg_bundle_revision *revisions; /* in map order */
    size_t count;
    struct hg_buf bytes;    /* the file; chunks and texts point into it */
};

/* ---- reading ------------------------------------------------------------------------------- */

/* Reads and verifies all of it: form, digest, index, every chunk. `shown` names it in messages. */
int hg_bundle_open(const char *path, struct hg_bundle *ret, struct hg_err *err);
int hg_bundle_parse(const void *data, size_t len, const char *shown, struct hg_bundle *ret,
                    struct hg_err *err);
/* Manifest and index of it, for who only asks where a database stands. The digest of all bytes is compared,
 * so a file that was cut or altered is refused as well; but what comes after the index is neither kept nor
 * taken apart: no texts, and scripts without their chunks (count says how many there are). The asker is
 * told the manifest as soon as it is read, before anything is compared: enough to ask a database by, not
 * to believe. */
struct hg_bundle_asker {
    void (*head)(void *context, const struct hg_bundle *b);
    void *context;
};
int hg_bundle_outline(const char *path, const struct hg_bundle_asker *asker, struct hg_bundle *ret,
                      struct hg_err *err);
void hg_bundle_done(struct hg_bundle *b);
/* The graph of its revisions, with their texts (hg_graph_text) and, unlike from files, without a scan.
 * Index i of the graph is index i of the bundle. Faults of the history become findings, as with
 * hg_alembic_load. */
int hg_bundle_graph(const struct hg_bundle *b, struct hg_graph **ret, struct hg_findings *findings,
                    struct hg_err *err);
/* The bundle's revision of this one of hg_bundle_graph, or of another graph by its id; NULL: none. */
const struct hg_bundle_revision *hg_bundle_of(const struct hg_bundle *b, const struct hg_revision *r);
const struct hg_bundle_revision *hg_bundle_find(const struct hg_bundle *b, const char *id);
/* Can these steps be made without Python? 0, or -1 REFUSED naming the first that cannot, its reason,
 * and how many cannot. */
int hg_bundle_can_run(const struct hg_bundle *b, const struct hg_revlist *steps, bool down,
                      struct hg_err *err);
/* Is it of these files? Each revision that is missing here or there, or has another text, is HG256. */
void hg_bundle_compare(const struct hg_bundle *b, const struct hg_graph *here, struct hg_findings *ret);
/* headgate.bundle/1 (docs/schema/bundle.schema.json); sql: with the text of every chunk. New reference. */
json_t *hg_bundle_json(const struct hg_bundle *b, bool sql);
json_t *hg_bundle_revision_json(const struct hg_bundle_revision *r, bool sql);

/* Is FILE.sig a signature by somebody of `signers` over what was read? INTEGRITY with the reason when
 * not. (What was read is written again, so that nobody can exchange the file in between.) */
#define HG_BUNDLE_NAMESPACE "headgate-bundle"
int hg_bundle_signed(const char *path, const char *signers, const struct hg_bundle *b,
                     struct hg_err *err);

/* ---- writing ------------------------------------------------------------------------------- */

/* The file's bytes. What stands in *b is written: revisions with text, and their scripts' chunks (`bytes`
 * and `digest` are not looked at). The same content gives the same bytes. USAGE for what
 * exceeds a cap or holds a NUL byte. */
int hg_bundle_write(const struct hg_bundle *b, struct hg_buf *ret, struct hg_err *err);

/* ---- rendering ----------------------------------------------------------------------------- */

/*
 * The SQL of revisions, as the project's own Alembic renders it (py/render.py), in an environment without
 * the target's secrets. Two processes render it, with another order of sets and at another time: what
 * they do not write alike is computed anew whenever it runs. Plans show it, bundles keep it. One is enough to see
 * that it is still what two have agreed upon.
 */
struct hg_render {
    const struct hg_alembic_config *alembic;
    const char *const *revisions;   /* ids, in order */
    size_t count;
    const struct hg_strv *words;    /* arguments of alembic before the verb: -x tenant=a */
    char *const *plain;             /* the environment, without tokens and connection variables */
    const char *path;               /* PATH to find the interpreter by; NULL: ours */
    json_t *names;                  /* variables that Python is to find, with a value (a shape) or "" for
                                     * one that says nothing; borrowed */
    const char *scheme;             /* "postgresql+asyncpg": the driver; NULL: whichever is installed */
    const struct hg_strv *rows;     /* of the version table, to start from; may be NULL */
    bool bundle;                    /* both directions, exact chunks, settings; else for a plan */
    int64_t timeout_ns;
};
/* What one of the processes said. */
struct hg_rendered {
    json_t *up, *down;              /* answers by revision */
    json_t *settings;               /* the line with env.py's settings; NULL: none */
    char *fatal;                    /* why nothing, or not all, was rendered; NULL */
    struct hg_buf said;             /* on stdout and stderr, by the project's code */
};
/* By one process or two. -1: no Python with Alembic was found. What else goes wrong is in `fatal`. */
int hg_render(const struct hg_render *in, struct hg_rendered *ret, size_t processes, struct hg_err *err);
void hg_rendered_done(struct hg_rendered *r);

/* How Alembic is run online, step by step, in the database `instead` (py/online.py says how it is talked
 * to): interpreter, the text of the program, environment, folder. */
struct hg_online { char *python, *program, **envp, *dir; };
int hg_render_online(const struct hg_render *in, const char *instead, struct hg_online *ret,
                     struct hg_err *err);
void hg_online_done(struct hg_online *o);

/* ---- building ------------------------------------------------------------------------------ */

struct hg_bundle_build {
    struct hg_render render;        /* revisions, count, rows and bundle are set here */
    const struct hg_graph *graph;   /* of files, valid */
    const char *commit;             /* NULL: none */
    bool dirty;
};
/* Renders every revision both ways. What cannot be is HG250, what a bundle leaves out HG251 and HG252,
 * what was taken for granted HG253 and HG254, what is pinned HG255. -1: nothing could be rendered
 * (UNKNOWN, with what the project's code said), or the history is refused. */
int hg_bundle_build(const struct hg_bundle_build *in, struct hg_bundle *ret,
                    struct hg_findings *findings, struct hg_err *err);

#endif
