/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "gen/snapshot_embed.h"

const char *const hg_snapshot_kinds[] = {
    "schema", "extension", "type", "sequence", "table", "constraint", "index", "trigger", "rule",
    "policy", "statistics", "view", "materialized view", "function", "procedure", "aggregate",
    "event trigger", "publication", "foreign server", "default privileges", NULL,
};

/* ---- the transaction -------------------------------------------------------------------------- */

static const char BEGIN_SQL[] = "begin transaction isolation level repeatable read, read only", END_SQL[] = "rollback";
/* The statements' limit is the caller's deadline, not what role or database set. */
static const char UNLIMITED_SQL[] = "set local statement_timeout = 0";

int hg_snapshot_begin_in(PGconn *conn, const char *import, int64_t timeout_ns, struct hg_err *err)
{
    struct hg_pg_ask asks[4] = { { .sql = BEGIN_SQL } };
    size_t count = 1;
    if (import)
        asks[count++].sql = import;
    asks[count++].sql = UNLIMITED_SQL;
    asks[count++].sql = hg_sql_snapshot_settings;
    int rc = hg_pg_ask_all(conn, asks, count, hg_now_ns() + timeout_ns, err);
    hg_pg_asks_done(asks, count);
    return rc;
}

int hg_snapshot_begin(PGconn *conn, int64_t timeout_ns, struct hg_err *err)
{
    return hg_snapshot_begin_in(conn, NULL, timeout_ns, err);
}

void hg_snapshot_end(PGconn *conn, int64_t timeout_ns)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err ignored = { 0 };
    if (hg_pg_query(conn, END_SQL, 0, NULL, hg_now_ns() + timeout_ns, &res, &ignored) < 0)
        hg_log(HG_LOG_INFO, "%s", ignored.message);
}

/* ---- statements ------------------------------------------------------------------------------- */

/* In three lanes: the first on the first session; beside it the second, where there is a second session; and
 * when the first is done and it is known which definitions are wanted, the third on the first session. */
enum {
    BEGIN, UNLIMITED, SETTINGS, NAMES, COLUMNS, TABLES, VIEWS, DEPARSED, ACTIVITY, OTHERS,
    DEFAULTS, INDEXES, CONSTRAINTS, SEQUENCES, TRIGGERS, SIZES, DATABASE,
    DEFINITIONS, END,
    ASKS, SECOND = DEFAULTS, THIRD = DEFINITIONS, LANES = 3,
};

static void set_asks(const struct hg_reading *r, struct hg_ask asks[ASKS])
{
    const char *privileges = r->privileges ? "true" : "false", *queries = r->queries ? "true" : "false";
    const char *exact = r->exact_sizes ? "true" : "false";
    asks[BEGIN] = (struct hg_ask){ .sql = BEGIN_SQL };
    asks[UNLIMITED] = (struct hg_ask){ .sql = UNLIMITED_SQL };
    asks[SETTINGS] = (struct hg_ask){ .sql = hg_sql_snapshot_settings };
    asks[END] = (struct hg_ask){ .sql = END_SQL };
    asks[NAMES] = (struct hg_ask){ .sql = hg_sql_snapshot_names };
    asks[TABLES] = (struct hg_ask){ .sql = hg_sql_snapshot_tables, .params = { privileges } };
    asks[VIEWS] = (struct hg_ask){ .sql = hg_sql_snapshot_views, .params = { privileges } };
    asks[COLUMNS] = (struct hg_ask){ .sql = hg_sql_snapshot_columns, .params = { privileges } };
    asks[DEPARSED] = (struct hg_ask){ .what = "definitions of views, rules and functions", .guarded = true,
                                      .sql = hg_sql_snapshot_deparsed, .params = { privileges } };
    asks[ACTIVITY] = (struct hg_ask){ .what = "activity", .guarded = true, .sql = hg_sql_snapshot_activity,
                                      .params = { queries } };
    asks[INDEXES] = (struct hg_ask){ .sql = hg_sql_snapshot_indexes };
    asks[CONSTRAINTS] = (struct hg_ask){ .sql = hg_sql_snapshot_constraints };
    asks[DEFAULTS] = (struct hg_ask){ .sql = hg_sql_snapshot_defaults };
    asks[SEQUENCES] = (struct hg_ask){ .sql = hg_sql_snapshot_sequences, .params = { privileges } };
    asks[TRIGGERS] = (struct hg_ask){ .sql = hg_sql_snapshot_triggers };
    asks[OTHERS] = (struct hg_ask){ .sql = hg_sql_snapshot_others, .params = { privileges } };
    asks[SIZES] = (struct hg_ask){ .what = "sizes", .guarded = true, .sql = hg_sql_snapshot_sizes,
                                   .params = { exact } };
    asks[DEFINITIONS] = (struct hg_ask){ .what = "definitions of indexes and constraints", .guarded = true,
                                         .sql = hg_sql_snapshot_definitions };
    asks[DATABASE] = (struct hg_ask){ .what = "size of the database", .guarded = true,
                                      .sql = hg_sql_snapshot_database, .params = { exact } };
    for (size_t i = 0; i < ASKS; i++)
        if ((!r->whole && (i == ACTIVITY || i == SIZES || i == DATABASE)) ||
            (!r->begins && (i == BEGIN || i == UNLIMITED || i == SETTINGS || i == END)))
            asks[i] = (struct hg_ask){ .sql = NULL };
}

/* One catalog being read. */
struct work {
    struct hg_reading *r;
    struct hg_ask asks[ASKS];
    struct hg_lane *lanes[LANES];
    struct hg_shape shape;
    struct hg_wanted indexes, checks, constraints;
};

static int start(struct work *w, size_t from, size_t to, bool helper, struct hg_lane **ret, struct hg_err *err)
{
    struct hg_lane_options o = { .conn = helper ? NULL : w->r->conn, .spec = w->r->helper,
                                 .snapshot = w->r->exported, .asks = w->asks + from, .count = to - from,
                                 .timeout_ns = w->r->timeout_ns };
    return hg_lane_start(&o, ret, err);
}

static struct hg_lane **lane_of(struct work *w, int i)
{
    return &w->lanes[i >= THIRD ? 2 : i >= SECOND && w->lanes[1] ? 1 : 0];
}

/* The answer to a statement: *ret NULL when it was refused, which is listed. A second session that could
 * not be had is done without. */
static int answer(struct work *w, int i, PGresult **ret, struct hg_err *err)
{
    struct hg_lane **lane = lane_of(w, i);
    int rc = *lane ? hg_lane_wait(*lane, &w->asks[i], err) : 0; /* NULL: finished, all is answered */
    if (rc < 0 && lane == &w->lanes[1] && hg_lane_never_began(*lane)) {
        hg_log(HG_LOG_INFO, "without a second session: %s", err->message);
        *err = (struct hg_err){ 0 };
        hg_lane_finish(HG_TAKE(w->lanes[0]));
        hg_lane_finish(HG_TAKE(w->lanes[1]));
        rc = start(w, SECOND, THIRD, false, &w->lanes[0], err);
        return rc < 0 ? -1 : answer(w, i, ret, err);
    }
    if (rc == 0 && w->asks[i].refused.kind != HG_E_NONE) {
        HG_AUTO(hg_freep) char *line = hg_xasprintf("%s: %s", w->asks[i].what, w->asks[i].refused.message);
        hg_strv_add(w->r->unreadable, line);
        w->asks[i].refused = (struct hg_err){ 0 };
    }
    *ret = rc == 0 ? w->asks[i].res : NULL;
    return rc;
}

/* ---- what they say ---------------------------------------------------------------------------- */

static void add_relations(struct work *w, const char *kind, const PGresult *res)
{
    for (int row = 0; row < PQntuples(res); row++) {
        const char *shown = kind ? kind : *hg_pg_get(res, row, 3) == 't' ? "materialized view" : "view";
        uint32_t object = hg_shape_relation(&w->shape, shown, res, row);
        hg_shape_add_columns(&w->shape, hg_shape_oid(res, row, 0), object);
    }
}

static void add_objects(struct work *w, const PGresult *res)
{
    for (int row = 0; res && row < PQntuples(res); row++)
        hg_store_row(w->shape.store,
                     hg_store_object(w->shape.store, hg_pg_get(res, row, 0), hg_pg_get(res, row, 1)), res, row);
}

static void add_sequences(struct work *w, const PGresult *res)
{
    struct hg_shape *s = &w->shape;
    for (int row = 0; res && row < PQntuples(res); row++) {
        uint32_t object = hg_shape_relation(s, "sequence", res, row);
        uint32_t table = hg_shape_oid(res, row, 3), owner = hg_oids_get(&s->objects, table);
        const struct hg_shape_column *column = hg_shape_column(s, table, (int)hg_shape_oid(res, row, 4));
        if (owner == HG_NO_NUMBER || !column)
            continue;
        HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
        hg_buf_addf(&b, "%s.", hg_store_name(s->store, owner));
        hg_shape_quote(s, &b, hg_shape_column_name(s, column));
        hg_store_text(s->store, object, "owned_by", hg_buf_str(&b));
    }
}

static int read_tables(struct work *w, struct hg_err *err)
{
    PGresult *res;
    if (answer(w, NAMES, &res, err) < 0)
        return -1;
    hg_shape_take_names(&w->shape, res);
    if (answer(w, COLUMNS, &res, err) < 0)
        return -1;
    hg_shape_take_columns(&w->shape, res);
    if (answer(w, DEFAULTS, &res, err) < 0)
        return -1;
    hg_shape_take_defaults(&w->shape, res);
    if (answer(w, TABLES, &res, err) < 0)
        return -1;
    add_relations(w, "table", res);
    if (answer(w, VIEWS, &res, err) < 0)
        return -1;
    add_relations(w, NULL, res);
    return 0;
}

static const char *list_of(struct hg_buf *b)
{
    hg_buf_adds(b, b->len ? "}" : "{}");
    return hg_buf_str(b);
}

/* The third lane: by now it is known of what, and the first session has nothing else to do. */
static int start_definitions(struct work *w, struct hg_err *err)
{
    struct hg_ask *ask = &w->asks[DEFINITIONS];
    ask->params[0] = list_of(&w->indexes.oids);
    ask->params[1] = list_of(&w->checks.oids);
    ask->params[2] = list_of(&w->checks.relations);
    ask->params[3] = list_of(&w->constraints.oids);
    PGresult *last;
    if (answer(w, w->lanes[1] ? OTHERS : DATABASE, &last, err) < 0)
        return -1;
    hg_lane_finish(HG_TAKE(w->lanes[0]));
    return start(w, THIRD, ASKS, false, &w->lanes[2], err);
}

static int read_keys(struct work *w, struct hg_err *err)
{
    PGresult *res;
    if (answer(w, INDEXES, &res, err) < 0)
        return -1;
    hg_define_indexes(&w->shape, res, &w->indexes);
    if (answer(w, CONSTRAINTS, &res, err) < 0)
        return -1;
    hg_define_constraints(&w->shape, res, &w->checks, &w->constraints);
    return 0;
}

static void add_definitions(struct work *w, const PGresult *res)
{
    struct hg_wanted *const wanted[] = { &w->indexes, &w->checks, &w->constraints };
    for (int row = 0; res && row < PQntuples(res); row++) {
        const char *kind = hg_pg_get(res, row, 0);
        size_t which = hg_streq(kind, "index") ? 0 : hg_streq(kind, "check") ? 1 : 2;
        uint32_t object = hg_oids_get(&wanted[which]->objects, hg_shape_oid(res, row, 1));
        if (object != HG_NO_NUMBER)
            hg_store_row(w->shape.store, object, res, row);
    }
}

static int read_whole(struct work *w, struct hg_err *err)
{
    PGresult *activity, *sizes, *database;
    if (answer(w, ACTIVITY, &activity, err) < 0 || answer(w, SIZES, &sizes, err) < 0 ||
        answer(w, DATABASE, &database, err) < 0)
        return -1;
    if (!w->r->whole)
        return 0;
    const char *text = activity ? hg_pg_get(activity, 0, 0) : NULL;
    w->r->activity = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return sizes ? hg_sizes_write(&w->shape, sizes, database, &w->r->sizes, err) : 0;
}

/* What an answer is made into, each once. */
static int read_objects(struct work *w, struct hg_err *err)
{
    static const struct {
        int ask;
        void (*add)(struct work *w, const PGresult *res);
    } ADD[] = { { DEPARSED, add_objects }, { OTHERS, add_objects }, { SEQUENCES, add_sequences },
                { TRIGGERS, add_objects }, { DEFINITIONS, add_definitions } };
    for (size_t i = 0; i < HG_COUNT(ADD); i++) {
        PGresult *res;
        if (ADD[i].ask == DEFINITIONS && read_whole(w, err) < 0)
            return -1;
        if (answer(w, ADD[i].ask, &res, err) < 0)
            return -1;
        ADD[i].add(w, res);
    }
    return 0;
}

static int write_documents(struct work *w, struct hg_err *err)
{
    struct hg_reading *r = w->r;
    hg_buf_adds(&r->catalog, "{\"objects\":");
    if (hg_store_write(w->shape.store, &r->catalog, err) < 0)
        return -1;
    hg_buf_addf(&r->catalog, ",\n\"privileges\":%s,\"schema\":\"headgate.catalog/1\",\"server_version\":%d}\n",
                r->privileges ? "true" : "false", PQserverVersion(r->conn));
    return 0;
}

static int read_all(struct work *w, struct hg_err *err)
{
    bool helped = w->r->helper && w->r->exported;
    if (start(w, 0, helped ? SECOND : THIRD, false, &w->lanes[0], err) < 0 ||
        (helped && start(w, SECOND, THIRD, true, &w->lanes[1], err) < 0) || read_tables(w, err) < 0 ||
        read_keys(w, err) < 0 || start_definitions(w, err) < 0 || read_objects(w, err) < 0)
        return -1;
    return write_documents(w, err);
}

int hg_snapshot_read(struct hg_reading *r, struct hg_err *err)
{
    struct work w = { .r = r, .shape = { .store = hg_store_new() } };
    set_asks(r, w.asks);
    int rc = read_all(&w, err);
    for (size_t i = 0; i < LANES; i++)
        hg_lane_finish(w.lanes[i]);
    hg_wanted_done(&w.indexes);
    hg_wanted_done(&w.checks);
    hg_wanted_done(&w.constraints);
    hg_shape_done(&w.shape);
    for (size_t i = 0; i < ASKS; i++)
        hg_pg_clearp(&w.asks[i].res);
    return rc < 0 ? hg_wrap(err, "reading the catalog") : 0;
}

int hg_snapshot_catalog(PGconn *conn, bool privileges, int64_t timeout_ns, json_t **ret,
                        struct hg_strv *ret_unreadable, struct hg_err *err)
{
    struct hg_reading r = { .conn = conn, .begins = true, .privileges = privileges, .timeout_ns = timeout_ns,
                            .unreadable = ret_unreadable };
    int rc = hg_snapshot_read(&r, err);
    if (PQtransactionStatus(conn) != PQTRANS_IDLE)
        hg_snapshot_end(conn, timeout_ns);
    if (rc == 0 && !(*ret = json_loadb(hg_buf_str(&r.catalog), r.catalog.len, 0, NULL)))
        HG_BUG("a catalog that is no JSON");
    hg_buf_done(&r.catalog);
    return rc;
}

/* ---- digests ---------------------------------------------------------------------------------- */

void hg_snapshot_digest(const json_t *catalog, char out[HG_SHA256_SIZE])
{
    char *text = json_dumps(json_object_get(catalog, "objects"), JSON_SORT_KEYS | JSON_COMPACT);
    (void)hg_sha256(text ? text : "", text ? strlen(text) : 0, out);
    free(text);
}

void hg_snapshot_text_digest(const struct hg_buf *catalog, char out[HG_SHA256_SIZE])
{
    static const char BEFORE[] = "{\"objects\":", AFTER[] = ",\n\"privileges\":";
    HG_AUTO(hg_buf_done) struct hg_buf objects = HG_BUF_INIT;
    const char *at = hg_buf_str(catalog) + sizeof BEFORE - 1, *end = strstr(at, AFTER);
    while (at < end) { /* a line's end is never inside a value */
        const char *line = memchr(at, '\n', (size_t)(end - at));
        hg_buf_add(&objects, at, (size_t)((line ? line : end) - at));
        at = line ? line + 1 : end;
    }
    (void)hg_sha256(hg_buf_str(&objects), objects.len, out);
}
