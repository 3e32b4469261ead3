/* SPDX-License-Identifier: Apache-2.0 */
/* sizes.json: tables with all that belongs to them, and indexes. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { S_OID, S_KIND, S_TOAST, S_ESTIMATE, S_BYTES, S_PAGES, S_SCANS = 8 };
#define PAGE_BYTES 8192

/* What the indexes of a table add to it. */
struct sum {
    int64_t estimate, bytes, scans;
    bool indexed;
};

static int64_t number(const PGresult *res, int row, int column)
{
    const char *text = hg_pg_get(res, row, column);
    return text ? strtoll(text, NULL, 10) : 0;
}

static void add_number(struct hg_store *s, uint32_t object, const char *key, int64_t value)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    hg_buf_addf(&b, "%lld", (long long)value);
    hg_store_json(s, object, key, &b);
}

static void add_size(struct hg_store *s, uint32_t object, bool measured, int64_t bytes, int64_t estimate)
{
    const struct hg_buf yes = { .data = (char *)"true", .len = 4 };
    add_number(s, object, "bytes", measured ? bytes : estimate);
    if (!measured)
        hg_store_json(s, object, "estimated", &yes);
}

/* Of what lies beside a table, by the last vacuum; its own pages tell how large one is. */
static int64_t toast_bytes(const struct hg_shape *shape, const PGresult *rows, int row)
{
    uint32_t pages = hg_oids_get(&shape->toasts, hg_shape_oid(rows, row, S_TOAST));
    int64_t own = number(rows, row, S_PAGES);
    int64_t page = own ? number(rows, row, S_ESTIMATE) / own : PAGE_BYTES;
    return pages == HG_NO_NUMBER ? 0 : page * pages;
}

static void add_relation(const struct hg_shape *shape, struct hg_store *s, const PGresult *rows, int row,
                         const struct sum *indexes)
{
    uint32_t known = hg_oids_get(&shape->objects, hg_shape_oid(rows, row, S_OID));
    if (known == HG_NO_NUMBER)
        return;
    bool index = *hg_pg_get(rows, row, S_KIND) == 'i', measured = hg_pg_get(rows, row, S_BYTES) != NULL;
    uint32_t object = hg_store_object(s, index ? "indexes" : "tables", hg_store_name(shape->store, known));
    add_size(s, object, measured, number(rows, row, S_BYTES) + indexes->bytes,
             number(rows, row, S_ESTIMATE) + toast_bytes(shape, rows, row) + indexes->estimate);
    add_number(s, object, index ? "scans" : "sequential_scans", number(rows, row, S_SCANS));
    if (indexes->indexed)
        add_number(s, object, "index_scans", indexes->scans);
    hg_store_row(s, object, rows, row);
}

static void write_all(const struct hg_shape *shape, struct hg_store *s, const PGresult *rows)
{
    size_t count = (size_t)PQntuples(rows);
    struct hg_oids tables = { 0 };
    HG_AUTO(hg_freep) struct sum *sums = hg_xcalloc(count + 1, sizeof *sums);
    const struct sum none = { 0 };
    for (size_t i = 0; i < count; i++)
        if (*hg_pg_get(rows, (int)i, S_KIND) != 'i')
            hg_oids_set(&tables, hg_shape_oid(rows, (int)i, S_OID), (uint32_t)i);
    for (size_t i = 0; i < count; i++) {
        uint32_t index = hg_shape_oid(rows, (int)i, S_OID);
        uint32_t table = hg_oids_get(&tables, hg_define_table_of(shape, index));
        if (table == HG_NO_NUMBER)
            continue;
        sums[table].estimate += number(rows, (int)i, S_ESTIMATE);
        sums[table].bytes += number(rows, (int)i, S_BYTES);
        sums[table].scans += number(rows, (int)i, S_SCANS);
        sums[table].indexed = true;
    }
    for (size_t i = 0; i < count; i++)
        add_relation(shape, s, rows, (int)i, *hg_pg_get(rows, (int)i, S_KIND) == 'i' ? &none : &sums[i]);
    free(tables.slots);
}

int hg_sizes_write(const struct hg_shape *shape, const PGresult *rows, const PGresult *database,
                   struct hg_buf *ret, struct hg_err *err)
{
    struct hg_store *s = hg_store_new();
    HG_AUTO(hg_buf_done) struct hg_buf objects = HG_BUF_INIT;
    const char *whole = database && PQntuples(database) ? hg_pg_get(database, 0, 0) : NULL;
    write_all(shape, s, rows);
    int rc = hg_store_write(s, &objects, err);
    hg_store_free(s);
    if (rc < 0)
        return -1;
    const char *text = hg_buf_str(&objects);
    hg_buf_addf(ret, "{\"database\":%s", whole ? whole : "null");
    hg_buf_adds(ret, strstr(text, "\"indexes\":") ? "" : ",\"indexes\":{}");
    hg_buf_adds(ret, strstr(text, "\"tables\":") ? "" : ",\"tables\":{}");
    hg_buf_adds(ret, objects.len > 2 ? "," : "");
    hg_buf_add(ret, text + 1, objects.len - 1);
    hg_buf_addc(ret, '\n');
    return 0;
}
