/* SPDX-License-Identifier: Apache-2.0 */
/* The statement and what it says. */
#include "internal.h"

#include "gen/status_embed.h"

#include <inttypes.h>

enum column {
    COL_PID, COL_DATABASE, COL_USER, COL_RECOVERY, COL_READ_ONLY, COL_SYSTEM, COL_OID, COL_SCHEMA,
    COL_LEDGER, COL_LEDGER_READABLE, COL_SUMMARY, COL_HOLDERS, COL_TABLE_SCHEMA, COL_TABLE_EXPECTED,
    COL_TABLE_READABLE, COL_TABLE_ROWS, COL_USER_TABLES,
};

char *hg_status_dup(const json_t *object, const char *key)
{
    return hg_xstrdup(hg_jget(object, key));
}

void hg_status_list(const json_t *array, struct hg_strv *ret)
{
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
    {
        if (json_is_string(item))
            hg_strv_add(ret, json_string_value(item));
        else if (json_is_integer(item))
            hg_strv_addf(ret, "%" JSON_INTEGER_FORMAT, json_integer_value(item));
    }
}

void hg_facts_done(struct hg_facts *f)
{
    if (!f)
        return;
    free(f->schema);
    json_decref(f->tables);
    json_decref(f->summary);
    json_decref(f->holders);
    json_decref(f->applied);
    *f = (struct hg_facts){ 0 };
}

/* A JSON array in text, or an empty one. */
static json_t *array(const char *text, size_t len)
{
    json_t *value = text ? json_loadb(text, len, 0, NULL) : NULL;
    if (json_is_array(value))
        return value;
    json_decref(value);
    return json_array();
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The same in hex, as the statement sends what it read through XML. */
static json_t *hex_array(const char *hex)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    for (const char *p = hex ? hex : ""; nibble(p[0]) >= 0 && nibble(p[1]) >= 0; p += 2)
        hg_buf_addc(&b, (char)(nibble(p[0]) * 16 + nibble(p[1])));
    return array(hg_buf_str(&b), b.len);
}

/* ---- what query_to_xml returns: <row><v>…</v></row>, values escaped (escape_xml in xml.c) ------- */

static void add_unescaped(struct hg_buf *b, const char *start, size_t len)
{
    static const struct {
        const char *escaped;
        char plain;
    } ENTITIES[] = { { "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' }, { "&#x0d;", '\r' } };
    for (size_t i = 0; i < len; i++) {
        size_t k = 0;
        while (k < HG_COUNT(ENTITIES) && !hg_starts_with(start + i, ENTITIES[k].escaped))
            k++;
        hg_buf_addc(b, k < HG_COUNT(ENTITIES) ? ENTITIES[k].plain : start[i]);
        if (k < HG_COUNT(ENTITIES))
            i += strlen(ENTITIES[k].escaped) - 1;
    }
}

/* The value that starts at or behind p; NULL when there is none. *ret_next is where it ends. */
static const char *next_value(const char *p, size_t *ret_len, const char **ret_next)
{
    const char *start = p ? strstr(p, "<v>") : NULL;
    const char *end = start ? strstr(start, "</v>") : NULL;
    if (!end)
        return NULL;
    *ret_len = (size_t)(end - start - 3);
    *ret_next = end + 4;
    return start + 3;
}

static json_t *xml_values(const char *xml)
{
    json_t *values = json_array();
    size_t len = 0;
    for (const char *v; (v = next_value(xml, &len, &xml));) {
        HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
        add_unescaped(&b, v, len);
        json_array_append_new(values, hg_json_text(hg_buf_str(&b)));
    }
    return values;
}

static json_t *xml_hex_array(const char *xml)
{
    size_t len = 0;
    return hex_array(next_value(xml, &len, &xml));
}

static bool yes(const PGresult *res, enum column c)
{
    const char *v = hg_pg_get(res, 0, (int)c);
    return v && (strcmp(v, "t") == 0 || strcmp(v, "on") == 0);
}

static char *text(const PGresult *res, enum column c)
{
    return hg_xstrdup(hg_pg_get(res, 0, (int)c));
}

static int64_t number(const PGresult *res, enum column c)
{
    int64_t value = 0;
    const char *v = hg_pg_get(res, 0, (int)c);
    if (v)
        (void)hg_parse_int(v, INT64_MIN, INT64_MAX, &value);
    return value;
}

static int ask(PGconn *conn, const char *schema, const char *table, const char *identity,
               int64_t deadline_ns, PGresult **ret, struct hg_err *err)
{
    const char *params[] = { schema, table, identity };
    return hg_pg_query(conn, hg_sql_status_status, HG_COUNT(params), params, deadline_ns, ret, err);
}

/* The mode of a pooler shows in what another connection through it gets: while ours is idle, a pooler
 * that keeps one server session for each client cannot lend our server to anybody else. */
static char *pool_mode(PGconn *ours, const struct hg_pg_spec *spec, const char *our_pid,
                       int64_t deadline_ns)
{
    struct hg_err err = { 0 };
    HG_AUTO(hg_pg_closep) PGconn *other = NULL;
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    HG_AUTO(hg_pg_clearp) PGresult *begin = NULL;
    int64_t limit = hg_now_ns() + 2 * HG_NS_PER_S;
    int64_t until = deadline_ns && deadline_ns < limit ? deadline_ns : limit;
    if (hg_pg_query(ours, "begin", 0, NULL, until, &begin, &err) < 0)
        return hg_xstrdup("statement");
    PQclear(HG_TAKE(begin));
    if (hg_pg_query(ours, "rollback", 0, NULL, until, &begin, &err) < 0)
        return hg_xstrdup("transaction");
    if (hg_pg_connect_start(spec, &other, &err) < 0 ||
        hg_pg_connect_finish(other, spec, until, &err) < 0 ||
        hg_pg_query(other, "select pg_catalog.pg_backend_pid()::text", 0, NULL, until, &res, &err) < 0)
        return hg_xstrdup("session"); /* no second server to be had: ours is kept for us */
    return hg_xstrdup(hg_streq(hg_pg_get(res, 0, 0), our_pid) ? "transaction" : "session");
}

/* The tables of that name, expected ones first. */
static json_t *take_tables(const PGresult *res)
{
    json_t *tables = json_array();
    for (int row = 0; row < PQntuples(res); row++) {
        const char *schema = hg_pg_get(res, row, COL_TABLE_SCHEMA);
        const char *rows = hg_pg_get(res, row, COL_TABLE_ROWS);
        bool expected = hg_streq(hg_pg_get(res, row, COL_TABLE_EXPECTED), "t");
        if (!schema)
            continue;
        json_t *t = json_pack("{so sb sb so}", "schema", hg_json_text(schema), "expected", expected,
                              "readable", rows != NULL, "rows", rows ? xml_values(rows) : json_null());
        if (expected)
            json_array_insert_new(tables, 0, t);
        else
            json_array_append_new(tables, t);
    }
    return tables;
}

static bool any_user_table(const PGresult *res)
{
    for (int row = 0; row < PQntuples(res); row++) {
        const char *xml = hg_pg_get(res, row, COL_USER_TABLES);
        if (xml && strstr(xml, "<v>"))
            return true;
    }
    return false;
}

static void fill(const PGresult *res, PGconn *conn, struct hg_facts *f, struct hg_status *s)
{
    s->connected = true;
    s->db_name = text(res, COL_DATABASE);
    s->db_user = text(res, COL_USER);
    s->db_host = hg_xstrdup(PQhost(conn));
    s->db_port = hg_xstrdup(PQport(conn));
    s->server_version = PQserverVersion(conn);
    s->system_identifier = text(res, COL_SYSTEM);
    s->db_oid = text(res, COL_OID);
    s->in_recovery = yes(res, COL_RECOVERY);
    s->read_only = yes(res, COL_READ_ONLY);
    s->has_user_tables = any_user_table(res);
    /* A schema `headgate` that this role may not use is a ledger that it cannot read. */
    s->ledger_readable = yes(res, COL_LEDGER_READABLE);
    s->ledger_exists = hg_streq(hg_pg_get(res, 0, COL_LEDGER), "f") ||
                       hg_pg_get(res, 0, COL_LEDGER_READABLE) != NULL;
    f->tables = take_tables(res);
    f->holders = xml_hex_array(hg_pg_get(res, 0, COL_HOLDERS));
    f->summary = xml_hex_array(hg_pg_get(res, 0, COL_SUMMARY));
    f->schema = text(res, COL_SCHEMA);
    f->pooler = PQbackendPID(conn) != (int)number(res, COL_PID);
}

/* With no statement_timeout but our deadline, in a transaction: a pooler would give what is set for the session to
 * others. Not a read-only one, because whether transactions are is among what is asked. */
static int ask_at_leisure(PGconn *conn, const char *schema, const char *table, int64_t deadline_ns, PGresult **ret,
                          struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *begun = NULL;
    HG_AUTO(hg_pg_clearp) PGresult *ended = NULL;
    struct hg_err ignored = { 0 };
    if (hg_pg_query(conn, "begin; set local statement_timeout = 0", 0, NULL, deadline_ns, &begun, err) < 0)
        return -1;
    int rc = ask(conn, schema, table, "true", deadline_ns, ret, err);
    (void)hg_pg_query(conn, "rollback", 0, NULL, deadline_ns, &ended, &ignored);
    return rc;
}

/* The same once more, in another way, where the server's refusal gives reason to. */
static int ask_again(PGconn *conn, const char *schema, const char *table, int64_t deadline_ns, PGresult **ret,
                     struct hg_err *err)
{
    if (PQstatus(conn) != CONNECTION_OK || !*err->sqlstate || err->kind == HG_E_TIMEOUT)
        return -1;
    if (hg_streq(err->sqlstate, "57014")) /* statement_timeout */
        return ask_at_leisure(conn, schema, table, deadline_ns, ret, err);
    /* Managed servers may hide pg_control_system() behind an error of their own. */
    return ask(conn, schema, table, "false", deadline_ns, ret, err);
}

int hg_facts_read(PGconn *conn, const struct hg_pg_spec *spec, const char *schema, const char *table,
                  int64_t deadline_ns, struct hg_facts *ret, struct hg_status *s, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (ask(conn, schema, table, "true", deadline_ns, &res, err) < 0 &&
        ask_again(conn, schema, table, deadline_ns, &res, err) < 0)
        return -1;
    if (PQntuples(res) < 1)
        return hg_fail(err, HG_E_DATABASE, "the database did not answer the status query with a row");
    fill(res, conn, ret, s);
    if (ret->pooler)
        s->pool_mode = pool_mode(conn, spec, hg_pg_get(res, 0, COL_PID), deadline_ns);
    return 0;
}

void hg_facts_read_applied(PGconn *conn, const char *version_table, int64_t deadline_ns,
                           struct hg_facts *f)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err ignored = { 0 };
    if (hg_pg_query(conn, hg_sql_status_applied, 1, &version_table, deadline_ns, &res, &ignored) == 0 &&
        PQntuples(res) == 1)
        f->applied = hex_array(hg_pg_get(res, 0, 0));
}
