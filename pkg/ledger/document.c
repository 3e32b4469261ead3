/* SPDX-License-Identifier: Apache-2.0 */
/* All that a ledger holds as one document, read from the database. */
#include "document.h"

#include <stdlib.h>
#include <string.h>

#include "gen/ledger_embed.h"

/* ---- one shape for both places ----------------------------------------------------------------- */

static const char *const RUN_KEYS[][2] = {
    { "run", "id" }, { "seq", "seq" }, { "version_table", "version_table" },
    { "direction", "direction" }, { "target", "target" }, { "goal", "goal" }, { "from", "from_rows" },
    { "to", "to_rows" }, { "started_at", "started_at" }, { "by", "started_by" }, { "host", "host" },
    { "pid", "pid" }, { "db_user", "db_user" }, { "commit", "commit_id" }, { "tool", "tool" },
    { "overrides", "overrides" }, { "wal_before", "wal_before" }, { "finished_at", "finished_at" },
    { "outcome", "outcome" }, { "rows", "rows_after" }, { "error", "error" }, { "sqlstate", "sqlstate" },
    { "fingerprint", "fingerprint" }, { "server_version", "server_version" },
};
static const char *const STEP_KEYS[][2] = {
    { "revision", "revision" }, { "position", "position" }, { "down_revisions", "down_revisions" },
    { "depends_on", "depends_on" }, { "direction", "direction" }, { "message", "message" },
    { "path", "path" }, { "digest", "digest" }, { "hmac", "hmac" }, { "file", "file" },
    { "started_at", "started_at" }, { "committed_at", "committed_at" }, { "outcome", "outcome" },
};
static const char *const HELD_KEYS[][2] = { { "version_table", "version_table" }, { "revision", "revision" },
                                            { "held_at", "held_at" }, { "held_by", "held_by" } };
static const char *const LABEL_KEYS[][2] = { { "target", "target" }, { "protected", "protected" },
                                             { "set_at", "set_at" }, { "set_by", "set_by" } };
static const char *const OBJECT_KEYS[][2] = { { "kind", "kind" }, { "name", "name" },
                                              { "digest", "digest" }, { "definition", "definition" },
                                              { "made", "made" } };

/* PostgreSQL writes UTC as +00:00. */
static json_t *in_zulu(json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = text ? strlen(text) : 0;
    if (len < 6 || !hg_streq(text + len - 6, "+00:00"))
        return json_incref(value);
    HG_AUTO(hg_freep) char *zulu = hg_xasprintf("%.*sZ", (int)(len - 6), text);
    return json_string(zulu);
}

static json_t *pick(const json_t *row, const char *const (*keys)[2], size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(row, keys[i][1]);
        bool time = value && strstr(keys[i][0], "_at");
        json_object_set_new(object, keys[i][0],
                            time ? in_zulu(value) : value ? json_incref(value) : json_null());
    }
    return object;
}
#define PICK(row, keys) pick(row, keys, HG_COUNT(keys))

json_t *hg_ledger_new_run(void)
{
    json_t *run = PICK(NULL, RUN_KEYS);
    json_object_set_new(run, "steps", json_array());
    json_object_set_new(run, "objects", json_array());
    return run;
}

json_t *hg_ledger_new_step(void)
{
    return PICK(NULL, STEP_KEYS);
}

json_t *hg_ledger_new_document(const char *place)
{
    return json_pack("{s:s, s:o, s:n, s:b, s:n, s:[], s:[], s:[], s:n, s:[]}", "schema", "headgate.ledger/1",
                     "place", hg_json_text(place), "version", "complete", true, "label", "runs", "held",
                     "objects", "record", "damage");
}

/* ---- from the database --------------------------------------------------------------------------- */

struct reading {
    PGconn *conn;
    int64_t deadline_ns;
    bool files;
    json_t *doc;
};

/* The rows of a relation as an array; 0 and NULL: not there, or not for this role. */
static int rows_of(struct reading *r, const char *relation, const char *sql, const char *param, json_t **ret,
                   struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    const char *params[] = { param };
    int rc = hg_ledger_view(r->conn, relation, sql, param != NULL, params, r->deadline_ns, &res, err);
    if (rc <= 0)
        return rc;
    json_t *rows = json_array();
    for (int row = 0; row < PQntuples(res); row++) {
        const char *text = hg_pg_get(res, row, 0);
        json_t *value = text ? json_loads(text, 0, NULL) : NULL;
        if (value)
            json_array_append_new(rows, value);
    }
    *ret = rows;
    return 1;
}

/* The table where this role may read it, else the view. */
static int rows_or_view(struct reading *r, const char *const table[2], const char *param,
                        const char *const view[2], json_t **ret, struct hg_err *err)
{
    int rc = rows_of(r, table[0], table[1], param, ret, err);
    if (rc)
        return rc;
    json_object_set_new(r->doc, "complete", json_false());
    return rows_of(r, view[0], view[1], NULL, ret, err);
}

/* `by`: the member of a run that the rows name in "run". */
static void hand_out(const json_t *runs, const char *by, const json_t *rows, const char *key,
                     const char *const (*keys)[2], size_t count)
{
    json_t *index = json_object();
    size_t i;
    json_t *run, *row;
    json_array_foreach(runs, i, run)
    {
        HG_AUTO(hg_freep) char *name = json_dumps(json_object_get(run, by), JSON_ENCODE_ANY);
        json_object_set(index, name ? name : "", run);
    }
    json_array_foreach(rows, i, row)
    {
        HG_AUTO(hg_freep) char *name = json_dumps(json_object_get(row, "run"), JSON_ENCODE_ANY);
        json_t *list = json_object_get(json_object_get(index, name ? name : ""), key);
        json_array_append_new(list, pick(row, keys, count));
    }
    json_decref(index);
}

static int read_runs(struct reading *r, struct hg_err *err)
{
    static const char *const ALL_RUNS[] = { "headgate.run", hg_sql_ledger_all_runs };
    static const char *const SEEN_RUNS[] = { "headgate.runs", hg_sql_ledger_seen_runs };
    static const char *const ALL_STEPS[] = { "headgate.step", hg_sql_ledger_all_steps };
    static const char *const SEEN_STEPS[] = { "headgate.applied", hg_sql_ledger_seen_steps };
    json_t *runs = NULL, *steps = NULL, *objects = NULL, *list = json_object_get(r->doc, "runs"), *row;
    size_t i;
    int rc = rows_or_view(r, ALL_RUNS, NULL, SEEN_RUNS, &runs, err);
    json_array_foreach(runs, i, row)
    {
        json_t *run = PICK(row, RUN_KEYS);
        json_object_set_new(run, "steps", json_array());
        json_object_set_new(run, "objects", json_array());
        json_array_append_new(list, run);
    }
    if (rc >= 0)
        rc = rows_or_view(r, ALL_STEPS, r->files ? "true" : "false", SEEN_STEPS, &steps, err);
    const json_t *one = json_array_get(steps, 0);
    hand_out(list, json_is_string(json_object_get(one, "run")) ? "run" : "seq", steps, "steps", STEP_KEYS,
             HG_COUNT(STEP_KEYS));
    if (rc >= 0)
        rc = rows_of(r, "headgate.change", hg_sql_ledger_all_objects, NULL, &objects, err);
    if (rc == 0)
        rc = rows_of(r, "headgate.object", hg_sql_ledger_old_objects, NULL, &objects, err);
    hand_out(list, "seq", objects, "objects", OBJECT_KEYS, HG_COUNT(OBJECT_KEYS));
    json_decref(runs);
    json_decref(steps);
    json_decref(objects);
    return rc < 0 ? -1 : 0;
}

static int read_rest(struct reading *r, struct hg_err *err)
{
    static const char *const ALL_HELD[] = { "headgate.held", hg_sql_ledger_all_held };
    static const char *const SEEN_HELD[] = { "headgate.summary", hg_sql_ledger_seen_held };
    json_t *label = NULL, *held = NULL, *objects = NULL, *row;
    size_t i;
    int rc = rows_of(r, "headgate.label", hg_sql_ledger_label, NULL, &label, err);
    if (json_array_size(label))
        json_object_set_new(r->doc, "label", PICK(json_array_get(label, 0), LABEL_KEYS));
    if (rc >= 0)
        rc = rows_or_view(r, ALL_HELD, NULL, SEEN_HELD, &held, err);
    json_array_foreach(held, i, row)
        json_array_append_new(json_object_get(r->doc, "held"), PICK(row, HELD_KEYS));
    if (rc >= 0)
        rc = rows_of(r, "headgate.objects", hg_sql_ledger_seen_objects, NULL, &objects, err);
    json_array_foreach(objects, i, row)
    {
        json_t *object = PICK(row, OBJECT_KEYS);
        json_object_set(object, "run", json_object_get(row, "run"));
        json_array_append_new(json_object_get(r->doc, "objects"), object);
    }
    json_decref(label);
    json_decref(held);
    json_decref(objects);
    return rc < 0 ? -1 : 0;
}

static int read_record(struct reading *r, struct hg_err *err)
{
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects o = { 0 };
    if (hg_ledger_objects(r->conn, NULL, r->deadline_ns, &o, err) < 0)
        return -1;
    if (o.run)
        json_object_set_new(r->doc, "record",
                            json_pack("{s:s, s:o, s:o, s:o, s:i}", "run", o.run, "version_table",
                                      hg_json_text(o.version_table), "finished_at",
                                      hg_json_text(o.finished_at), "fingerprint",
                                      hg_json_text(o.fingerprint), "server_version", o.server_version));
    return 0;
}

static int read_all(struct reading *r, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *zone = NULL, *version = NULL;
    if (hg_pg_query(r->conn, "set local timezone to 'UTC'", 0, NULL, r->deadline_ns, &zone, err) < 0)
        return -1;
    int rc = hg_ledger_view(r->conn, "headgate.meta", hg_sql_ledger_version, 0, NULL, r->deadline_ns, &version,
                            err);
    if (rc < 0)
        return -1;
    int64_t number = 0;
    const char *text = rc > 0 ? hg_pg_get(version, 0, 0) : NULL;
    if (text && hg_parse_int(text, 0, INT32_MAX, &number) == 0)
        json_object_set_new(r->doc, "version", json_integer(number));
    return read_runs(r, err) < 0 || read_rest(r, err) < 0 || read_record(r, err) < 0 ? -1 : 0;
}

int hg_ledger_unreadable(enum hg_err_kind kind, const char *role, struct hg_err *err)
{
    (void)hg_fail(err, kind, "role %s may not read the ledger (schema headgate)", role);
    return hg_hint(err, "as the schema's owner: headgate ledger init --grant %s", role);
}

int hg_ledger_document(PGconn *conn, bool files, int64_t deadline_ns, json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *state = NULL, *begun = NULL, *ended = NULL;
    if (hg_pg_query(conn, hg_sql_ledger_state, 0, NULL, deadline_ns, &state, err) < 0)
        return hg_wrap(err, "looking for the ledger");
    if (!hg_streq(hg_pg_get(state, 0, 0), "t")) {
        *ret = NULL;
        return 0;
    }
    if (!hg_streq(hg_pg_get(state, 0, 8), "t"))
        return hg_ledger_unreadable(HG_E_DATABASE, hg_pg_get(state, 0, 6), err);
    struct reading r = { conn, deadline_ns, files, hg_ledger_new_document("database") };
    struct hg_err ignored = { 0 };
    int rc = hg_pg_query(conn, "begin transaction isolation level repeatable read, read only", 0, NULL,
                         deadline_ns, &begun, err);
    if (rc == 0) {
        rc = read_all(&r, err);
        (void)hg_pg_query(conn, "rollback", 0, NULL, deadline_ns, &ended, &ignored);
    }
    if (rc < 0) {
        json_decref(r.doc);
        return hg_wrap(err, "reading the ledger");
    }
    *ret = r.doc;
    return 0;
}
