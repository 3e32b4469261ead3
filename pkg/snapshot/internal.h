/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of pkg/snapshot. */
#ifndef HG_SNAPSHOT_INTERNAL_H
#define HG_SNAPSHOT_INTERNAL_H

#include "snapshot.h"

/* Kinds in the order in which people read them; anything else comes after. */
extern const char *const hg_snapshot_kinds[];

/* ---- the catalog while it grows (store.c) ------------------------------------------------------- */

/* Objects by kind and name, each with members that are JSON already. Kinds and keys are borrowed. */
struct hg_store;
struct hg_store *hg_store_new(void);
void hg_store_free(struct hg_store *s);
/* A new object, or, under a kind and name that are there, more members of it. */
uint32_t hg_store_object(struct hg_store *s, const char *kind, const char *name);
const char *hg_store_name(const struct hg_store *s, uint32_t object); /* until something is added */
void hg_store_text(struct hg_store *s, uint32_t object, const char *key, const char *value);
void hg_store_json(struct hg_store *s, uint32_t object, const char *key, const struct hg_buf *json);
/* Each column from the third on is a member under its name; null and false say nothing; names that
 * begin with a dot are for others; `members` is an object of members. */
void hg_store_row(struct hg_store *s, uint32_t object, const PGresult *res, int row);
/* {"KIND":{"NAME":{…}}}, sorted, compact but for a line's end before each name. */
int hg_store_write(const struct hg_store *s, struct hg_buf *ret, struct hg_err *err);
void hg_store_add_string(struct hg_buf *b, const char *text); /* as JSON */
/* What a value of that type is in JSON; false: nothing to say, nothing added. */
bool hg_store_add_value(struct hg_buf *b, Oid type, const char *text);

/* ---- what the rows mean together (shape.c) ------------------------------------------------------ */

#define HG_NO_NUMBER UINT32_MAX
#define HG_CLASS_OID 1259

struct hg_oid_slot { uint32_t oid, number; };
struct hg_oids {
    struct hg_oid_slot *slots;
    size_t size, count;
};
void hg_oids_set(struct hg_oids *m, uint32_t oid, uint32_t number);
uint32_t hg_oids_get(const struct hg_oids *m, uint32_t oid); /* HG_NO_NUMBER: not there */

struct hg_shape_column {
    uint32_t relation;
    int row, number;            /* row of the columns' result */
    uint32_t type, collation;
};
/* Results are borrowed. */
struct hg_shape {
    struct hg_store *store;
    PGresult *names, *column_rows, *defaults, *indexes;
    int name_column, column_fields; /* of column_rows */
    const char **words;         /* that must be quoted; sorted */
    size_t word_count;
    uint32_t *next_comment, *next_default; /* of the same relation, by row */
    struct hg_oids schemas, classes, class_types, parents, comments, constraint_comments, commented, objects,
        first_columns, index_rows, default_rows, toasts;
    struct hg_shape_column *columns;
    size_t column_count;
};
void hg_shape_done(struct hg_shape *s);
uint32_t hg_shape_oid(const PGresult *res, int row, int column);
void hg_shape_take_names(struct hg_shape *s, PGresult *res);
void hg_shape_quote(const struct hg_shape *s, struct hg_buf *b, const char *name);
char *hg_shape_qualified(const struct hg_shape *s, uint32_t schema, const char *name); /* heap */
const char *hg_shape_comment(const struct hg_shape *s, const struct hg_oids *of, uint32_t oid);
/* An object of a row that begins with oid, schema and name. */
uint32_t hg_shape_relation(struct hg_shape *s, const char *kind, const PGresult *res, int row);
void hg_shape_take_defaults(struct hg_shape *s, PGresult *res);
void hg_shape_take_columns(struct hg_shape *s, PGresult *res);
const struct hg_shape_column *hg_shape_column(const struct hg_shape *s, uint32_t relation, int number);
const char *hg_shape_column_name(const struct hg_shape *s, const struct hg_shape_column *column);
void hg_shape_add_columns(struct hg_shape *s, uint32_t relation, uint32_t object);

/* ---- definitions (define.c) --------------------------------------------------------------------- */

/* Objects of all indexes, and of all constraints; what only the server can print is asked for on conn,
 * which is nobody else's by then. */
struct hg_wanted { struct hg_buf oids, relations; struct hg_oids objects; };
void hg_define_indexes(struct hg_shape *s, PGresult *indexes, struct hg_wanted *ret);
void hg_define_constraints(struct hg_shape *s, const PGresult *constraints, struct hg_wanted *ret_checks,
                           struct hg_wanted *ret_others);
void hg_wanted_done(struct hg_wanted *w);

/* ---- asking in the background (lane.c) ---------------------------------------------------------- */

struct hg_ask {
    const char *what, *sql, *params[4]; /* as many as are not NULL; sql NULL: not wanted, res stays NULL */
    bool guarded;                       /* in a savepoint; refused tells why res is NULL */
    PGresult *res;
    struct hg_err refused;
    bool done;
};
/* Runs the statements one behind the other on a thread. With a spec it connects first, and sees what the
 * exported snapshot sees. */
struct hg_lane;
struct hg_lane_options {
    PGconn *conn;                       /* nobody else's until finish; or NULL: */
    const struct hg_pg_spec *spec;
    const char *snapshot;
    struct hg_ask *asks;                /* borrowed; results are the caller's */
    size_t count;
    int64_t timeout_ns;                 /* for each */
};
int hg_lane_start(const struct hg_lane_options *o, struct hg_lane **ret, struct hg_err *err);
/* Until that ask is done; -1 when the lane failed before. */
int hg_lane_wait(struct hg_lane *l, const struct hg_ask *ask, struct hg_err *err);
bool hg_lane_never_began(struct hg_lane *l); /* after a failed wait: it could not even connect */
void hg_lane_finish(struct hg_lane *l);      /* waits; NULL is fine */

/* ---- reading ------------------------------------------------------------------------------------ */

/* A read-only transaction with settings.sql in force; ended by hg_snapshot_end, whatever happened in it. */
int hg_snapshot_begin(PGconn *conn, int64_t timeout_ns, struct hg_err *err);
/* The same; import: "set transaction snapshot …", or NULL. */
int hg_snapshot_begin_in(PGconn *conn, const char *import, int64_t timeout_ns, struct hg_err *err);
void hg_snapshot_end(PGconn *conn, int64_t timeout_ns);

/* What is read inside that transaction: the catalog, and, for a snapshot, sizes and activity. */
struct hg_reading {
    PGconn *conn;
    bool begins;                        /* the transaction begins and ends with this, on the same ways */
    const struct hg_pg_spec *helper;    /* for a second connection with `exported`; NULL: none */
    const char *exported;
    bool privileges, queries, exact_sizes;
    bool whole;                         /* sizes and activity too */
    int64_t timeout_ns;
    struct hg_strv *unreadable;         /* what was refused is added */
    struct hg_buf catalog, sizes;       /* out: the documents as text; */
    json_t *activity;                   /* NULL where it was refused */
};
int hg_snapshot_read(struct hg_reading *r, struct hg_err *err);
/* sizes.json of the rows of sizes.sql and database.sql. */
uint32_t hg_define_table_of(const struct hg_shape *s, uint32_t index); /* 0: no index that is known */
int hg_sizes_write(const struct hg_shape *shape, const PGresult *rows, const PGresult *database,
                   struct hg_buf *ret, struct hg_err *err);
/* hg_snapshot_digest of a catalog's text. */
void hg_snapshot_text_digest(const struct hg_buf *catalog, char out[HG_SHA256_SIZE]);

/* pg_dump on a thread of its own, while the catalog is being read. */
struct hg_dump;
/* snapshot: name of an exported snapshot, or NULL on a standby. */
int hg_dump_start(const char *conninfo, int server_version, const char *snapshot, int64_t timeout_ns,
                  struct hg_dump **ret, struct hg_err *err);
int hg_dump_finish(struct hg_dump *d, struct hg_buf *ret, struct hg_err *err);

#endif
