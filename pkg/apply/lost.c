/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a downgrade destroys: rows of a table, values of a column. Counted where that is quick, else
 * PostgreSQL's own estimate (pg_class.reltuples, pg_stats.null_frac), and said to be one.
 */
#include "internal.h"

#include <stdlib.h>

#include "gen/apply_embed.h"

#define COUNT_NS (2 * HG_NS_PER_S) /* for each table */
#define LOOK_NS  (1 * HG_NS_PER_S)

struct lost {
    char *object;           /* as the server names it; NULL: not there */
    long long rows, values; /* -1: not known */
    bool exact;
};

static long long count_of(const PGresult *res, int column)
{
    const char *text = hg_pg_get(res, 0, column);
    return text ? strtoll(text, NULL, 10) : -1;
}

/* Its name, and the estimates; false: there is no such table (or column). */
static bool look(struct hg_run *r, const char *name, const char *column, struct lost *l)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err ignored = { 0 };
    const char *params[] = { name, column };
    if (hg_pg_query(r->watch, hg_sql_apply_estimate, 2, params, hg_now_ns() + LOOK_NS, &res, &ignored) < 0 ||
        PQntuples(res) == 0)
        return false;
    l->object = hg_xstrdup(hg_pg_get(res, 0, 0));
    l->rows = count_of(res, 1);
    l->values = count_of(res, 2);
    return true;
}

static void count(struct hg_run *r, const char *name, const char *column, int64_t deadline_ns, struct lost *l)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    HG_AUTO(hg_freep) char *quoted = column ? hg_pg_quote_ident(column) : hg_xstrdup("*");
    HG_AUTO(hg_freep) char *sql = hg_xasprintf("select pg_catalog.count(*)::text, pg_catalog.count(%s)::text from %s",
                                               quoted, name);
    struct hg_err ignored = { 0 };
    int64_t now = hg_now_ns(), until = now + COUNT_NS < deadline_ns ? now + COUNT_NS : deadline_ns;
    if (until <= now || hg_pg_query(r->watch, sql, 0, NULL, until, &res, &ignored) < 0)
        return;
    l->rows = count_of(res, 0);
    l->values = column ? count_of(res, 1) : -1;
    l->exact = true;
}

static json_t *number(long long value)
{
    return value < 0 ? json_null() : json_integer(value);
}

static char *in_words(const struct lost *l, const char *column)
{
    const char *about = l->exact ? "" : "about ";
    if (!l->object)
        return hg_xstrdup(column ? "there is no such column" : "there is no such table");
    if (l->rows < 0)
        return hg_xstrdup("rows could not be counted in time, and there is no estimate");
    if (!column)
        return hg_xasprintf("%s%lld row%s", about, l->rows, l->rows == 1 ? "" : "s");
    if (l->values < 0)
        return hg_xasprintf("values could not be counted in time; about %lld row%s", l->rows,
                            l->rows == 1 ? "" : "s");
    return hg_xasprintf("%s%lld value%s in %lld row%s", about, l->values, l->values == 1 ? "" : "s", l->rows,
                        l->rows == 1 ? "" : "s");
}

json_t *hg_run_count_lost(struct hg_run *r, const char *schema, const char *table, const char *column,
                          int64_t deadline_ns, char **words)
{
    HG_AUTO(hg_freep) char *name = hg_quoted_name(schema, table);
    struct lost l = { .rows = -1, .values = -1 };
    if (look(r, name, column, &l))
        count(r, name, column, deadline_ns, &l);
    *words = in_words(&l, column);
    json_t *lost = json_object();
    json_object_set_new(lost, "kind", json_string(column ? "column" : "table"));
    json_object_set_new(lost, "object", hg_event_text(l.object));
    json_object_set_new(lost, "column", hg_event_text(column));
    json_object_set_new(lost, "rows", number(l.rows));
    json_object_set_new(lost, "values", number(l.values));
    json_object_set_new(lost, "exact", json_boolean(l.exact));
    free(l.object);
    return lost;
}
