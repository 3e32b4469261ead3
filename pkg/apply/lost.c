/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much downgrades destroy: rows of tables, values of columns. Counted where that is quick, else
 * PostgreSQL's own estimate (pg_class.reltuples, pg_stats.null_frac), and said to be one. What is little and not
 * locked is counted by a hundred in one statement: thousands of tables are a matter of tenths of a second.
 */
#include "internal.h"

#include <stdlib.h>

#include "gen/apply_embed.h"

#define COUNT_NS (2 * HG_NS_PER_S) /* for each table */

enum { TOGETHER_MAX = 100 };

void hg_losses_add(struct hg_losses *l, const char *schema, const char *table, const char *column)
{
    l->items = hg_grow(l->items, l->count, &l->cap, sizeof *l->items);
    l->items[l->count++] = (struct hg_loss){ .name = hg_quoted_name(schema, table),
                                             .column = column ? hg_xstrdup(column) : NULL,
                                             .rows = -1, .values = -1 };
}

void hg_losses_done(struct hg_losses *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->items[i].name);
        free(l->items[i].column);
        free(l->items[i].object);
    }
    free(HG_TAKE(l->items));
    l->count = l->cap = 0;
}

static long long number_in(const PGresult *res, int row, int column)
{
    const char *text = hg_pg_get(res, row, column);
    return text ? strtoll(text, NULL, 10) : -1;
}

/* ---- what is there, and how much by estimate ----------------------------------------------------------- */

static int look(struct hg_run *r, struct hg_loss *items, size_t count, int64_t deadline_ns, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT, columns = HG_STRV_INIT;
    for (size_t i = 0; i < count; i++) {
        hg_strv_add(&names, items[i].name);
        hg_strv_add(&columns, items[i].column ? items[i].column : "");
    }
    HG_AUTO(hg_freep) char *first = hg_pg_text_array(&names);
    HG_AUTO(hg_freep) char *second = hg_pg_text_array(&columns);
    const char *params[] = { first, second };
    if (hg_pg_query(r->watch, hg_sql_apply_estimate, 2, params, deadline_ns, &res, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        items[i].looked = true;
    for (int row = 0; row < PQntuples(res); row++) {
        struct hg_loss *l = &items[number_in(res, row, 0) - 1];
        l->object = hg_xstrdup(hg_pg_get(res, row, 1));
        l->rows = number_in(res, row, 2);
        l->values = number_in(res, row, 3);
        l->quick = hg_streq(hg_pg_get(res, row, 4), "t");
    }
    return 0;
}

/* A schema that this role may not use refuses the question for all. */
static void look_at_all(struct hg_run *r, struct hg_losses *l, int64_t deadline_ns)
{
    struct hg_err err = { 0 };
    if (l->count == 0 || look(r, l->items, l->count, deadline_ns, &err) == 0)
        return;
    for (size_t i = 0; i < l->count && err.kind != HG_E_TIMEOUT; i++) {
        hg_err_clear(&err);
        (void)look(r, &l->items[i], 1, deadline_ns, &err);
    }
}

/* ---- counting -------------------------------------------------------------------------------------------- */

static void count(struct hg_run *r, struct hg_loss *const *items, size_t n, int64_t deadline_ns)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    HG_AUTO(hg_buf_done) struct hg_buf sql = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    int64_t now = hg_now_ns(), until = now + COUNT_NS < deadline_ns ? now + COUNT_NS : deadline_ns;
    for (size_t i = 0; i < n; i++) {
        HG_AUTO(hg_freep) char *quoted = items[i]->column ? hg_pg_quote_ident(items[i]->column) : hg_xstrdup("*");
        hg_buf_addf(&sql, "%sselect %zu, pg_catalog.count(*)::text, pg_catalog.count(%s)::text from %s",
                    i ? " union all " : "", i, quoted, items[i]->name);
    }
    if (n == 0 || until <= now || hg_pg_query(r->watch, hg_buf_str(&sql), 0, NULL, until, &res, &ignored) < 0)
        return;
    for (int row = 0; row < PQntuples(res); row++) {
        struct hg_loss *l = items[number_in(res, row, 0)];
        l->rows = number_in(res, row, 1);
        l->values = l->column ? number_in(res, row, 2) : -1;
        l->exact = true;
    }
}

void hg_run_count_losses(struct hg_run *r, struct hg_losses *l, int64_t deadline_ns)
{
    look_at_all(r, l, deadline_ns);
    struct hg_loss *together[TOGETHER_MAX];
    size_t n = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (l->items[i].object && l->items[i].quick)
            together[n++] = &l->items[i];
        if (n == TOGETHER_MAX || i + 1 == l->count) {
            count(r, together, n, deadline_ns);
            n = 0;
        }
    }
    /* What could not be counted so is not held against the others of its hundred. */
    for (size_t i = 0; i < l->count; i++) {
        struct hg_loss *one = &l->items[i];
        if (one->object && !one->exact)
            count(r, &one, 1, deadline_ns);
    }
}

/* ---- saying it ------------------------------------------------------------------------------------------- */

static json_t *number(long long value)
{
    return value < 0 ? json_null() : json_integer(value);
}

char *hg_loss_words(const struct hg_loss *l)
{
    const char *about = l->exact ? "" : "about ";
    if (!l->object && l->looked)
        return hg_xstrdup(l->column ? "there is no such column" : "there is no such table");
    if (l->rows < 0)
        return hg_xstrdup("rows could not be counted in time, and there is no estimate");
    if (!l->column)
        return hg_xasprintf("%s%lld row%s", about, l->rows, l->rows == 1 ? "" : "s");
    if (l->values < 0)
        return hg_xasprintf("values could not be counted in time; about %lld row%s", l->rows,
                            l->rows == 1 ? "" : "s");
    return hg_xasprintf("%s%lld value%s in %lld row%s", about, l->values, l->values == 1 ? "" : "s", l->rows,
                        l->rows == 1 ? "" : "s");
}

json_t *hg_loss_json(const struct hg_loss *l)
{
    json_t *lost = json_object();
    json_object_set_new(lost, "kind", json_string(l->column ? "column" : "table"));
    json_object_set_new(lost, "object", hg_event_text(l->object));
    json_object_set_new(lost, "column", hg_event_text(l->column));
    json_object_set_new(lost, "rows", number(l->rows));
    json_object_set_new(lost, "values", number(l->values));
    json_object_set_new(lost, "exact", json_boolean(l->exact));
    return lost;
}
