/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>

#include "gen/snapshot_embed.h"

const char *const hg_snapshot_kinds[] = {
    "schema", "extension", "type", "sequence", "table", "constraint", "index", "trigger", "rule",
    "policy", "statistics", "view", "materialized view", "function", "procedure", "aggregate",
    "event trigger", "publication", "foreign server", "default privileges", NULL,
};

json_t *hg_snapshot_kind(json_t *catalog, const char *kind)
{
    json_t *objects = json_object_get(catalog, "objects");
    json_t *names = json_object_get(objects, kind);
    if (!names)
        json_object_set_new(objects, kind, names = json_object());
    return names;
}

/* ---- from rows to objects --------------------------------------------------------------------- */

enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_JSON = 114, OID_JSONB = 3802 };

enum row_kind {
    ROW_OBJECT,     /* an object, or more members of one that is known */
    ROW_RELATION,   /* an object that has columns */
    ROW_COLUMN,     /* a column of the object that is named */
};

/* Members that are null or empty say nothing, and are left out. */
static void merge(json_t *into, json_t *members)
{
    const char *key;
    json_t *value;
    json_object_foreach(members, key, value)
        if (!json_is_null(value))
            json_object_set(into, key, value);
}

/* What a value of that type is in JSON; NULL: nothing to say. New reference. */
static json_t *value_of(Oid type, const char *text)
{
    int64_t number = 0;
    switch (type) {
    case OID_BOOL:
        return *text == 't' ? json_true() : NULL;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
        return hg_parse_int(text, INT64_MIN, INT64_MAX, &number) == 0 ? json_integer(number) : NULL;
    case OID_JSON:
    case OID_JSONB:
        return json_loads(text, JSON_DECODE_ANY, NULL);
    default:
        return hg_json_text(text);
    }
}

/* Each column behind kind and name is a member of its name; `members` is an object of members. */
static void add_members(json_t *into, const PGresult *res, int row)
{
    for (int column = 2; column < PQnfields(res); column++) {
        const char *text = hg_pg_get(res, row, column), *name = PQfname(res, column);
        json_t *value = text ? value_of(PQftype(res, column), text) : NULL;
        if (!value || json_is_null(value))
            json_decref(value);
        else if (!hg_streq(name, "members"))
            json_object_set_new(into, name, value);
        else {
            merge(into, value);
            json_decref(value);
        }
    }
}

static void add_rows(json_t *catalog, enum row_kind row_kind, const PGresult *res)
{
    for (int row = 0; row < PQntuples(res); row++) {
        json_t *names = hg_snapshot_kind(catalog, hg_pg_get(res, row, 0));
        const char *name = hg_pg_get(res, row, 1);
        json_t *object = json_object_get(names, name);
        if (!object)
            json_object_set_new(names, name, object = json_object());
        if (row_kind == ROW_COLUMN) {
            json_t *column = json_object();
            add_members(column, res, row);
            json_array_append_new(json_object_get(object, "columns"), column);
        } else {
            add_members(object, res, row);
            if (row_kind == ROW_RELATION)
                json_object_set_new(object, "columns", json_array());
        }
    }
}

/* ---- asking ----------------------------------------------------------------------------------- */

static const struct statement {
    const char *sql;
    enum row_kind rows;
    bool privileges; /* has that parameter */
} STATEMENTS[] = {
    { hg_sql_snapshot_tables, ROW_RELATION, true },
    { hg_sql_snapshot_views, ROW_RELATION, true },
    { hg_sql_snapshot_columns, ROW_COLUMN, true },
    { hg_sql_snapshot_indexes, ROW_OBJECT, false },
    { hg_sql_snapshot_constraints, ROW_OBJECT, false },
    { hg_sql_snapshot_sequences, ROW_OBJECT, true },
    { hg_sql_snapshot_others, ROW_OBJECT, true },
}, DEPARSED = { hg_sql_snapshot_deparsed, ROW_OBJECT, true };

static int ask(PGconn *conn, const struct statement *s, bool privileges, int64_t timeout_ns, json_t *catalog,
               struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    const char *params[] = { privileges ? "true" : "false" };
    if (hg_pg_query(conn, s->sql, s->privileges, params, hg_now_ns() + timeout_ns, &res, err) < 0)
        return -1;
    add_rows(catalog, s->rows, res);
    return 0;
}

/* Locks that the server takes to print views and bodies end with the savepoint, so that nobody waits
 * for the rest of this transaction. */
static int ask_deparsed(PGconn *conn, bool privileges, int64_t timeout_ns, json_t *catalog,
                        struct hg_strv *unreadable, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *before = NULL;
    if (hg_pg_query(conn, "savepoint deparsed", 0, NULL, hg_now_ns() + timeout_ns, &before, err) < 0)
        return -1;
    struct hg_err refused = { 0 };
    if (ask(conn, &DEPARSED, privileges, timeout_ns, catalog, &refused) < 0) {
        if (PQstatus(conn) != CONNECTION_OK || !*refused.sqlstate) {
            *err = refused;
            return -1;
        }
        HG_AUTO(hg_freep) char *what =
            hg_xasprintf("definitions of views, rules and functions: %s", refused.message);
        hg_strv_add(unreadable, what);
    }
    HG_AUTO(hg_pg_clearp) PGresult *after = NULL;
    return hg_pg_query(conn, "rollback to savepoint deparsed", 0, NULL, hg_now_ns() + timeout_ns,
                       &after, err);
}

int hg_snapshot_read_catalog(PGconn *conn, bool privileges, int64_t timeout_ns, json_t **ret,
                             struct hg_strv *ret_unreadable, struct hg_err *err)
{
    json_t *catalog = json_pack("{s:s, s:i, s:b, s:{}}", "schema", "headgate.catalog/1", "server_version",
                                PQserverVersion(conn), "privileges", privileges, "objects");
    int rc = 0;
    for (size_t i = 0; i < HG_COUNT(STATEMENTS) && rc == 0; i++)
        rc = ask(conn, &STATEMENTS[i], privileges, timeout_ns, catalog, err);
    if (rc == 0)
        rc = ask_deparsed(conn, privileges, timeout_ns, catalog, ret_unreadable, err);
    if (rc < 0) {
        json_decref(catalog);
        return hg_wrap(err, "reading the catalog");
    }
    *ret = catalog;
    return 0;
}

int hg_snapshot_begin(PGconn *conn, int64_t timeout_ns, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *begun = NULL, *set = NULL;
    int64_t deadline = hg_now_ns() + timeout_ns;
    if (hg_pg_query(conn, "begin transaction isolation level repeatable read, read only", 0, NULL, deadline,
                    &begun, err) < 0)
        return -1;
    return hg_pg_query(conn, hg_sql_snapshot_settings, 0, NULL, deadline, &set, err);
}

void hg_snapshot_end(PGconn *conn, int64_t timeout_ns)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err ignored = { 0 };
    if (hg_pg_query(conn, "rollback", 0, NULL, hg_now_ns() + timeout_ns, &res, &ignored) < 0)
        hg_log(HG_LOG_INFO, "%s", ignored.message);
}

int hg_snapshot_catalog(PGconn *conn, bool privileges, int64_t timeout_ns, json_t **ret,
                        struct hg_strv *ret_unreadable, struct hg_err *err)
{
    if (hg_snapshot_begin(conn, timeout_ns, err) < 0)
        return -1;
    int rc = hg_snapshot_read_catalog(conn, privileges, timeout_ns, ret, ret_unreadable, err);
    hg_snapshot_end(conn, timeout_ns);
    return rc;
}

void hg_snapshot_digest(const json_t *catalog, char out[HG_SHA256_SIZE])
{
    char *text = json_dumps(json_object_get(catalog, "objects"), JSON_SORT_KEYS | JSON_COMPACT);
    (void)hg_sha256(text ? text : "", text ? strlen(text) : 0, out);
    free(text);
}
