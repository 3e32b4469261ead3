/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "gen/ledger_embed.h"

static int compare(const void *a, const void *b)
{
    const struct hg_ledger_object *x = a, *y = b;
    int kind = strcmp(x->kind, y->kind);
    return kind ? kind : strcmp(x->name, y->name);
}

struct hg_ledger_object *hg_ledger_objects_add(struct hg_ledger_objects *o, const char *kind,
                                               const char *name, const char *digest, bool made)
{
    o->items = hg_grow(o->items, o->count, &o->cap, sizeof *o->items);
    o->items[o->count++] = (struct hg_ledger_object){ .kind = hg_xstrdup(kind), .name = hg_xstrdup(name),
                                                      .digest = hg_xstrdup(digest), .made = made };
    return &o->items[o->count - 1];
}

void hg_ledger_objects_sort(struct hg_ledger_objects *o)
{
    if (o->count)
        qsort(o->items, o->count, sizeof *o->items, compare);
}

const struct hg_ledger_object *hg_ledger_object_find(const struct hg_ledger_objects *o,
                                                     const char *kind, const char *name)
{
    struct hg_ledger_object key = { .kind = (char *)(uintptr_t)kind, .name = (char *)(uintptr_t)name };
    return o->count ? bsearch(&key, o->items, o->count, sizeof *o->items, compare) : NULL;
}

void hg_ledger_objects_done(struct hg_ledger_objects *o)
{
    for (size_t i = 0; i < o->count; i++) {
        hg_freep(&o->items[i].kind);
        hg_freep(&o->items[i].name);
        hg_freep(&o->items[i].digest);
        hg_freep(&o->items[i].definition);
        hg_freep(&o->items[i].other);
    }
    free(o->items);
    hg_freep(&o->run);
    hg_freep(&o->version_table);
    hg_freep(&o->finished_at);
    hg_freep(&o->database_oid);
    hg_freep(&o->fingerprint);
    *o = (struct hg_ledger_objects){ 0 };
}

bool hg_ledger_version_table_part(const struct hg_strv *version_tables, const char *name)
{
    static const char PKC[] = "_pkc"; /* Alembic's name for its key */
    for (size_t i = 0; i < version_tables->count; i++) {
        size_t len = strlen(version_tables->items[i]);
        if (strncmp(name, version_tables->items[i], len) == 0 &&
            (!name[len] || name[len] == '.' || hg_streq(name + len, PKC)))
            return true;
    }
    return false;
}

const char *hg_ledger_fingerprint(const struct hg_ledger_objects *o, char out[HG_SHA256_SIZE])
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < o->count; i++) {
        const struct hg_ledger_object *x = &o->items[i];
        if (!x->made || !x->digest)
            continue;
        const char *const parts[] = { x->kind, x->name, x->digest };
        for (size_t k = 0; k < HG_COUNT(parts); k++)
            hg_buf_add(&b, parts[k], strlen(parts[k]) + 1); /* the NUL keeps them apart */
    }
    return hg_sha256(hg_buf_str(&b), b.len, out);
}

/* ---- reading ---------------------------------------------------------------------------------- */

int hg_ledger_objects(PGconn *conn, const char *version_table, int64_t deadline_ns,
                      struct hg_ledger_objects *ret, struct hg_err *err)
{
    const char *params[] = { version_table };
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects o = { 0 };
    HG_AUTO(hg_pg_clearp) PGresult *run = NULL, *rows = NULL;
    int64_t version = 0;
    int rc = hg_ledger_view(conn, "headgate.runs", hg_sql_ledger_record, 0, NULL, deadline_ns, &run, err);
    if (rc > 0)
        rc = hg_ledger_view(conn, "headgate.objects", hg_sql_ledger_objects, HG_COUNT(params), params,
                            deadline_ns, &rows, err);
    if (rc < 0)
        return -1;
    if (rc > 0 && PQntuples(run) > 0) {
        const char *number = hg_pg_get(run, 0, 3);
        o.run = hg_xstrdup(hg_pg_get(run, 0, 0));
        o.version_table = hg_xstrdup(hg_pg_get(run, 0, 1));
        o.fingerprint = hg_xstrdup(hg_pg_get(run, 0, 2));
        (void)(number && hg_parse_int(number, 0, INT32_MAX, &version));
        o.server_version = (int)version;
        o.finished_at = hg_xstrdup(hg_pg_get(run, 0, 4));
        o.database_oid = hg_xstrdup(hg_pg_get(run, 0, 5));
    }
    for (int row = 0; rc > 0 && row < PQntuples(rows); row++) {
        const char *kind = hg_pg_get(rows, row, 0), *name = hg_pg_get(rows, row, 1);
        if (!kind || !name) /* edited: the fingerprint will tell */
            continue;
        struct hg_ledger_object *x = hg_ledger_objects_add(&o, kind, name, hg_pg_get(rows, row, 2),
                                                           hg_streq(hg_pg_get(rows, row, 3), "true"));
        x->definition = hg_xstrdup(hg_pg_get(rows, row, 4));
        x->other = hg_xstrdup(hg_pg_get(rows, row, 5));
        x->later = hg_streq(hg_pg_get(rows, row, 6), "true");
        x->half = hg_streq(hg_pg_get(rows, row, 7), "true");
    }
    hg_ledger_objects_sort(&o);
    *ret = o;
    o = (struct hg_ledger_objects){ 0 };
    return 0;
}

int hg_ledger_version_tables(PGconn *conn, int64_t deadline_ns, struct hg_strv *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *rows = NULL;
    if (hg_ledger_view(conn, "headgate.runs", hg_sql_ledger_version_tables, 0, NULL, deadline_ns, &rows, err) < 0)
        return -1;
    for (int row = 0; rows && row < PQntuples(rows); row++)
        hg_strv_add(ret, hg_pg_get(rows, row, 0));
    return 0;
}

/* ---- what a run adds --------------------------------------------------------------------------- */

static bool same_digest(const struct hg_ledger_object *a, const struct hg_ledger_object *b)
{
    return hg_streq(a ? a->digest : NULL, b ? b->digest : NULL);
}

/* As text: it is sent as such, and there may be ten thousands. */
static void add_row(struct hg_buf *rows, const struct hg_ledger_object *x, bool gone, bool made)
{
    hg_buf_adds(rows, rows->len ? ",\n" : "[");
    hg_ledger_add_member(rows, "{\"kind\":", x->kind);
    hg_ledger_add_member(rows, ",\"name\":", x->name);
    hg_ledger_add_member(rows, ",\"digest\":", gone ? NULL : x->digest);
    hg_ledger_add_member(rows, ",\"definition\":", gone ? NULL : x->definition);
    hg_buf_adds(rows, made ? ",\"made\":true}" : ",\"made\":false}");
}

/* What the record of a run is made from. */
struct recording {
    const struct hg_ledger_outcome *o;
    const struct hg_ledger_objects *known, *before;
    bool comparable;                /* the record is one of this server, and complete */
    struct hg_buf rows;             /* the array, but for its end */
    struct hg_ledger_objects now;   /* what is recorded after this run */
};

/* Another version table's, and nobody saw this run change it: x is what is there now, NULL: gone. */
static bool is_theirs(const struct recording *r, const struct hg_ledger_object *was, const struct hg_ledger_object *x)
{
    if (!r->comparable || !was->digest || !was->made || !was->other)
        return false;
    return !r->o->before || same_digest(hg_ledger_object_find(r->o->before, was->kind, was->name), x);
}

/* Did it come by this run? What another version table's run found there since counts as well, where nobody saw
 * this one begin. */
static bool is_made(const struct recording *r, const struct hg_ledger_object *was, const struct hg_ledger_object *x)
{
    const struct hg_ledger_object *then = hg_ledger_object_find(r->before, x->kind, x->name);
    bool found_since = !r->o->before && r->comparable && was && was->later;
    return r->o->all_made || (was && was->made) || !same_digest(then, x) || found_since;
}

static void record_present(struct recording *r, const struct hg_ledger_object *x)
{
    const struct hg_ledger_object *was = hg_ledger_object_find(r->known, x->kind, x->name);
    if (was && is_theirs(r, was, x)) {
        hg_ledger_objects_add(&r->now, was->kind, was->name, was->digest, true);
        return;
    }
    bool made = is_made(r, was, x);
    if (!was || was->made != made || !same_digest(was, x) || (x->definition && !was->definition))
        add_row(&r->rows, x, false, made);
    hg_ledger_objects_add(&r->now, x->kind, x->name, x->digest, made);
}

static void record_gone(struct recording *r, const struct hg_ledger_object *was)
{
    if (is_theirs(r, was, NULL))
        hg_ledger_objects_add(&r->now, was->kind, was->name, was->digest, true);
    else if (was->digest)
        add_row(&r->rows, was, true, was->made || hg_ledger_object_find(r->before, was->kind, was->name));
}

char *hg_ledger_delta(const struct hg_ledger_outcome *o, const struct hg_ledger_objects *known,
                      char ret_fingerprint[HG_SHA256_SIZE])
{
    /* Nothing recorded: nobody can tell what earlier runs made. Another server's spelling differs by itself. */
    bool comparable = known->fingerprint &&
                      known->server_version / 10000 == o->after->server_version / 10000;
    struct recording r = { .o = o, .known = known, .comparable = comparable, .rows = HG_BUF_INIT };
    r.before = o->before ? o->before : comparable ? known : o->after;
    for (size_t i = 0; i < o->after->count; i++)
        record_present(&r, &o->after->items[i]);
    for (size_t i = 0; i < known->count; i++)
        if (!hg_ledger_object_find(o->after, known->items[i].kind, known->items[i].name))
            record_gone(&r, &known->items[i]);
    hg_ledger_objects_sort(&r.now);
    (void)hg_ledger_fingerprint(&r.now, ret_fingerprint);
    hg_ledger_objects_done(&r.now);
    if (!r.rows.len)
        return NULL;
    hg_buf_addc(&r.rows, ']');
    return hg_buf_take(&r.rows);
}
