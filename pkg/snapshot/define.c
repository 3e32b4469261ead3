/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions of indexes and constraints in the server's own words. Asking pg_get_indexdef and
 * pg_get_constraintdef makes the server load every table; plain ones (B-trees of columns with their
 * types' own operator classes, keys, references) are said from the catalog's numbers instead, and a
 * CHECK is printed once its columns' names are known for some table. What these functions print is in
 * PostgreSQL's ruleutils.c; a test compares every index and constraint of the regression database. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 32, REPRESENTATIVES_MAX = 64 }; /* INDEX_MAX_KEYS; more tables are not looked at */
enum { TYPE_TEXT = 25, TYPE_VARCHAR = 1043 };
enum { OPTION_DESC = 1, OPTION_NULLS_FIRST = 2 };

/* "1 2 3" or "{1,2,3}": how many, or -1 when there are too many. */
static int numbers_of(const char *text, int64_t numbers[KEYS_MAX])
{
    int count = 0;
    for (const char *c = text ? text : ""; *c;) {
        if ((*c < '0' || *c > '9') && *c != '-') {
            c++;
            continue;
        }
        if (count == KEYS_MAX)
            return -1;
        char *end;
        numbers[count++] = strtoll(c, &end, 10);
        c = end;
    }
    return count;
}

/* "a, b" of the columns with these numbers; false where one of them is not known. */
static bool add_names(const struct hg_shape *s, uint32_t relation, const int64_t *numbers, int from, int to,
                      struct hg_buf *b)
{
    for (int i = from; i < to; i++) {
        const struct hg_shape_column *column = hg_shape_column(s, relation, (int)numbers[i]);
        if (!column)
            return false;
        hg_buf_adds(b, i > from ? ", " : "");
        hg_shape_quote(s, b, hg_shape_column_name(s, column));
    }
    return to > from;
}

static const char *name_of(const struct hg_shape *s, uint32_t oid)
{
    uint32_t object = hg_oids_get(&s->objects, oid);
    return object == HG_NO_NUMBER ? NULL : hg_store_name(s->store, object);
}

static bool has(const PGresult *res, int row, int column)
{
    const char *text = hg_pg_get(res, row, column);
    return text && *text == 't';
}

static void want(struct hg_wanted *w, const char *oid, uint32_t relation, uint32_t object)
{
    hg_buf_addf(&w->oids, "%s%s", w->oids.len ? "," : "{", oid);
    hg_buf_addf(&w->relations, "%s%u", w->relations.len ? "," : "{", relation);
    hg_oids_set(&w->objects, (uint32_t)strtoul(oid, NULL, 10), object);
}

void hg_wanted_done(struct hg_wanted *w)
{
    hg_buf_done(&w->oids);
    hg_buf_done(&w->relations);
    free(w->objects.slots);
}

/* ---- indexes ---------------------------------------------------------------------------------- */

enum { I_OID, I_SCHEMA, I_NAME, I_TABLE, I_PLAIN, I_COLUMNS, I_CLASSES, I_COLLATIONS, I_ORDERS, I_KEYS, I_UNIQUE };

/* Is it what an index of such a column has when nothing is said? */
static bool default_class(const struct hg_shape *s, uint32_t class, uint32_t type)
{
    uint32_t of = hg_oids_get(&s->classes, class);
    if (of == HG_NO_NUMBER)
        return false;
    return of == type || (type == TYPE_VARCHAR && of == TYPE_TEXT &&
                          hg_oids_get(&s->class_types, TYPE_VARCHAR) == HG_NO_NUMBER);
}

static void add_order(int64_t option, struct hg_buf *b)
{
    if (option & OPTION_DESC)
        hg_buf_adds(b, option & OPTION_NULLS_FIRST ? " DESC" : " DESC NULLS LAST");
    else if (option & OPTION_NULLS_FIRST)
        hg_buf_adds(b, " NULLS FIRST");
}

static bool add_keys(const struct hg_shape *s, uint32_t table, const PGresult *res, int row, int keys,
                     const int64_t *columns, struct hg_buf *b)
{
    int64_t classes[KEYS_MAX], collations[KEYS_MAX], orders[KEYS_MAX];
    if (numbers_of(hg_pg_get(res, row, I_CLASSES), classes) != keys ||
        numbers_of(hg_pg_get(res, row, I_COLLATIONS), collations) != keys ||
        numbers_of(hg_pg_get(res, row, I_ORDERS), orders) != keys)
        return false;
    for (int i = 0; i < keys; i++) {
        const struct hg_shape_column *column = hg_shape_column(s, table, (int)columns[i]);
        if (!column || !default_class(s, (uint32_t)classes[i], column->type) ||
            (collations[i] && collations[i] != column->collation))
            return false;
        hg_buf_adds(b, i ? ", " : "");
        hg_shape_quote(s, b, hg_shape_column_name(s, column));
        add_order(orders[i], b);
    }
    return keys > 0;
}

static bool plain_index(const struct hg_shape *s, const PGresult *res, int row, struct hg_buf *b)
{
    int64_t columns[KEYS_MAX];
    uint32_t table = hg_shape_oid(res, row, I_TABLE);
    const char *table_name = name_of(s, table);
    int count = numbers_of(hg_pg_get(res, row, I_COLUMNS), columns);
    int keys = (int)hg_shape_oid(res, row, I_KEYS);
    if (!table_name || !has(res, row, I_PLAIN) || count < keys)
        return false;
    hg_buf_adds(b, has(res, row, I_UNIQUE) ? "CREATE UNIQUE INDEX " : "CREATE INDEX ");
    hg_shape_quote(s, b, hg_pg_get(res, row, I_NAME));
    hg_buf_addf(b, " ON %s USING btree (", table_name);
    if (!add_keys(s, table, res, row, keys, columns, b))
        return false;
    hg_buf_adds(b, ")");
    if (count == keys)
        return true;
    hg_buf_adds(b, " INCLUDE (");
    bool known = add_names(s, table, columns, keys, count, b);
    hg_buf_adds(b, ")");
    return known;
}

void hg_define_indexes(struct hg_shape *s, PGresult *indexes, struct hg_wanted *ret)
{
    HG_AUTO(hg_buf_done) struct hg_buf definition = HG_BUF_INIT;
    s->indexes = indexes;
    for (int row = 0; row < PQntuples(indexes); row++) {
        uint32_t object = hg_shape_relation(s, "index", indexes, row);
        const char *oid = hg_pg_get(indexes, row, I_OID);
        const char *table = name_of(s, hg_shape_oid(indexes, row, I_TABLE));
        hg_oids_set(&s->index_rows, hg_shape_oid(indexes, row, I_OID), (uint32_t)row);
        hg_buf_clear(&definition);
        if (!plain_index(s, indexes, row, &definition)) {
            want(ret, oid, 0, object); /* which tells its table too */
            continue;
        }
        HG_AUTO(hg_freep) char *name = hg_xstrdup(table);
        hg_store_text(s->store, object, "table", name);
        hg_store_text(s->store, object, "definition", hg_buf_str(&definition));
    }
    for (int row = 0; row < PQntuples(indexes); row++) {
        uint32_t oid = hg_shape_oid(indexes, row, I_OID), parent = hg_oids_get(&s->parents, oid);
        const char *of = parent == HG_NO_NUMBER ? NULL : name_of(s, parent);
        HG_AUTO(hg_freep) char *name = hg_xstrdup(of);
        if (name)
            hg_store_text(s->store, hg_oids_get(&s->objects, oid), "index_of", name);
    }
}

/* ---- constraints ------------------------------------------------------------------------------ */

enum { C_OID, C_TABLE, C_NAME, C_TYPE, C_PLAIN, C_COLUMNS, C_INDEX, C_OTHER, C_OTHER_COLUMNS, C_ACTIONS,
       C_DEFERRABLE, C_DEFERRED, C_NO_INHERIT, C_INHERITED, C_NOT_VALID };

/* A key's index must say no more than the key: no INCLUDE, NULLS NOT DISTINCT. */
static bool plain_key(const struct hg_shape *s, const PGresult *res, int row, const int64_t *columns,
                      int count, struct hg_buf *b)
{
    int64_t indexed[KEYS_MAX];
    uint32_t index = hg_oids_get(&s->index_rows, hg_shape_oid(res, row, C_INDEX));
    if (index == HG_NO_NUMBER || !has(s->indexes, (int)index, I_PLAIN) ||
        numbers_of(hg_pg_get(s->indexes, (int)index, I_COLUMNS), indexed) != count ||
        (int)hg_shape_oid(s->indexes, (int)index, I_KEYS) != count)
        return false;
    hg_buf_adds(b, *hg_pg_get(res, row, C_TYPE) == 'p' ? "PRIMARY KEY (" : "UNIQUE (");
    bool known = add_names(s, hg_shape_oid(res, row, C_TABLE), columns, 0, count, b);
    hg_buf_addc(b, ')');
    return known;
}

static void add_action(const char *when, char action, struct hg_buf *b)
{
    static const char *const ACTIONS[] = { "r RESTRICT", "c CASCADE", "n SET NULL", "d SET DEFAULT" };
    for (size_t i = 0; i < HG_COUNT(ACTIONS); i++)
        if (*ACTIONS[i] == action)
            hg_buf_addf(b, " ON %s%s", when, ACTIONS[i] + 1);
}

static bool plain_reference(const struct hg_shape *s, const PGresult *res, int row, const int64_t *columns,
                            int count, struct hg_buf *b)
{
    int64_t others[KEYS_MAX];
    uint32_t other = hg_shape_oid(res, row, C_OTHER);
    const char *to = name_of(s, other), *actions = hg_pg_get(res, row, C_ACTIONS);
    int other_count = numbers_of(hg_pg_get(res, row, C_OTHER_COLUMNS), others);
    if (!to || !actions || strlen(actions) != 3)
        return false;
    hg_buf_adds(b, "FOREIGN KEY (");
    if (!add_names(s, hg_shape_oid(res, row, C_TABLE), columns, 0, count, b))
        return false;
    hg_buf_addf(b, ") REFERENCES %s(", to);
    if (!add_names(s, other, others, 0, other_count, b))
        return false;
    hg_buf_adds(b, actions[2] == 'f' ? ") MATCH FULL" : actions[2] == 'p' ? ") MATCH PARTIAL" : ")");
    add_action("UPDATE", actions[0], b);
    add_action("DELETE", actions[1], b);
    return true;
}

static void add_suffix(const PGresult *res, int row, struct hg_buf *b)
{
    hg_buf_adds(b, has(res, row, C_DEFERRABLE) ? " DEFERRABLE" : "");
    hg_buf_adds(b, has(res, row, C_DEFERRED) ? " INITIALLY DEFERRED" : "");
    hg_buf_adds(b, has(res, row, C_NOT_VALID) ? " NOT VALID" : "");
}

/* A table in which these numbers are columns of the same names, so that an expression over them reads
 * the same: the server opens that one instead of each. 0 where the expression has no column. */
static uint32_t representative(const struct hg_shape *s, uint32_t table, const int64_t *columns, int count,
                               uint32_t *known, size_t *known_count)
{
    for (int i = 0; i < count; i++) /* 0 is the whole row, which bears the table's name */
        if (columns[i] <= 0 || !hg_shape_column(s, table, (int)columns[i]))
            return table;
    for (size_t k = 0; k < *known_count && count > 0; k++) {
        int same = 0;
        for (; same < count; same++) {
            const struct hg_shape_column *a = hg_shape_column(s, table, (int)columns[same]);
            const struct hg_shape_column *b = hg_shape_column(s, known[k], (int)columns[same]);
            if (!b || !hg_streq(hg_shape_column_name(s, a), hg_shape_column_name(s, b)))
                break;
        }
        if (same == count)
            return known[k];
    }
    if (count > 0 && *known_count < REPRESENTATIVES_MAX)
        known[(*known_count)++] = table;
    return count > 0 ? table : 0;
}

uint32_t hg_define_table_of(const struct hg_shape *s, uint32_t index)
{
    uint32_t row = hg_oids_get(&s->index_rows, index);
    return row == HG_NO_NUMBER ? 0 : hg_shape_oid(s->indexes, (int)row, I_TABLE);
}

static void tell_index(struct hg_shape *s, const PGresult *res, int row)
{
    uint32_t index = hg_shape_oid(res, row, C_INDEX);
    if (!strchr("pux", *hg_pg_get(res, row, C_TYPE)) ||
        hg_define_table_of(s, index) != hg_shape_oid(res, row, C_TABLE))
        return;
    HG_AUTO(hg_buf_done) struct hg_buf name = HG_BUF_INIT;
    hg_shape_quote(s, &name, hg_pg_get(res, row, C_NAME));
    hg_store_text(s->store, hg_oids_get(&s->objects, index), "constraint", hg_buf_str(&name));
}

static uint32_t constraint_object(struct hg_shape *s, const PGresult *res, int row, const char *table)
{
    HG_AUTO(hg_buf_done) struct hg_buf name = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *of = hg_xstrdup(table);
    hg_buf_addf(&name, "%s.", of);
    hg_shape_quote(s, &name, hg_pg_get(res, row, C_NAME));
    uint32_t object = hg_store_object(s->store, "constraint", hg_buf_str(&name));
    const char *comment = hg_shape_comment(s, &s->constraint_comments, hg_shape_oid(res, row, C_OID));
    if (comment)
        hg_store_text(s->store, object, "comment", comment);
    hg_store_text(s->store, object, "table", of);
    hg_store_row(s->store, object, res, row);
    return object;
}

void hg_define_constraints(struct hg_shape *s, const PGresult *res, struct hg_wanted *ret_checks,
                           struct hg_wanted *ret_others)
{
    uint32_t known[REPRESENTATIVES_MAX];
    size_t known_count = 0;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    for (int row = 0; row < PQntuples(res); row++) {
        int64_t columns[KEYS_MAX];
        uint32_t table = hg_shape_oid(res, row, C_TABLE);
        const char *table_name = name_of(s, table), *oid = hg_pg_get(res, row, C_OID);
        if (!table_name)
            continue;
        tell_index(s, res, row);
        uint32_t object = constraint_object(s, res, row, name_of(s, table));
        int count = numbers_of(hg_pg_get(res, row, C_COLUMNS), columns);
        char type = *hg_pg_get(res, row, C_TYPE);
        hg_buf_clear(&b);
        if (!has(res, row, C_PLAIN) || count < 0) {
            want(ret_others, oid, 0, object);
        } else if (type == 'c') {
            want(ret_checks, oid, representative(s, table, columns, count, known, &known_count), object);
        } else if ((strchr("pu", type) && plain_key(s, res, row, columns, count, &b)) ||
                   (type == 'f' && plain_reference(s, res, row, columns, count, &b))) {
            add_suffix(res, row, &b);
            hg_store_text(s->store, object, "definition", hg_buf_str(&b));
        } else {
            want(ret_others, oid, 0, object);
        }
    }
}
