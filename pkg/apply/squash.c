/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The version row at the old end of a declared squash moves to the revision that stands for it. The gate
 * has proven by ledger and fingerprint that the old end was reached (HG235 otherwise); nothing runs.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

bool hg_run_moves(const struct hg_run *r)
{
    return !r->o->down && !r->o->baseline && !r->o->adopt && r->status.moved_from.count;
}

int hg_run_moves_first(const struct hg_run *r, struct hg_err *err)
{
    if (hg_run_moves(r) || !r->status.moved_from.count)
        return 0;
    (void)hg_fail(err, HG_E_REFUSED, "the version table holds %s, the old end of a squash, and only apply "
                  "moves it", r->status.moved_from.items[0]);
    return hg_hint(err, r->o->down ? "headgate apply -t %s; then roll back"
                                   : "record it with the code from before the squash; then headgate apply "
                                     "-t %s", r->target.t->name);
}

static char *json_text(const struct hg_strv *list)
{
    json_t *array = hg_json_list(list);
    char *text = json_dumps(array, JSON_COMPACT);
    json_decref(array);
    return text;
}

/* One statement, so one transaction: all rows that move, or none; and none if the table holds anything
 * else than what was judged. */
static int move(struct hg_run *r, struct hg_err *err)
{
    const struct hg_status *s = &r->status;
    HG_AUTO(hg_freep) char *schema = hg_pg_quote_ident(s->vt_schema);
    HG_AUTO(hg_freep) char *name = hg_pg_quote_ident(s->vt_name);
    HG_AUTO(hg_freep) char *sql = hg_xasprintf(
        "update %s.%s as t set version_num = moved.to_row"
        "  from (select f.value as from_row, g.value as to_row"
        "          from pg_catalog.json_array_elements_text($1::json) with ordinality as f (value, n)"
        "          join pg_catalog.json_array_elements_text($2::json) with ordinality as g (value, n)"
        "            on f.n = g.n) as moved"
        " where t.version_num = moved.from_row"
        "   and array(select v.version_num::text collate \"C\" from %s.%s as v order by 1)"
        "     = array(select j.value collate \"C\" from pg_catalog.json_array_elements_text($3::json)"
        "               as j (value) order by 1)", schema, name, schema, name);
    HG_AUTO(hg_freep) char *from = json_text(&s->moved_from);
    HG_AUTO(hg_freep) char *to = json_text(&s->moved_to);
    HG_AUTO(hg_freep) char *rows = json_text(&s->rows);
    const char *params[] = { from, to, rows };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    int64_t count = 0;
    if (hg_pg_query(r->watch, sql, HG_COUNT(params), params, hg_now_ns() + HG_APPLY_QUERY_NS, &res,
                    err) < 0)
        return hg_wrap(err, "moving the version row");
    if (hg_parse_int(PQcmdTuples(res), 0, INT64_MAX, &count) < 0 || count != (int64_t)s->moved_from.count)
        return hg_fail(err, HG_E_REFUSED, "the version table %s changed while headgate was at work; nothing "
                       "was moved", r->version_table);
    return 0;
}

static void tell(struct hg_run *r)
{
    json_t *event = hg_note("squash-moved");
    json_object_set_new(event, "from", hg_json_list(&r->moved_from));
    json_object_set_new(event, "to", hg_json_list(&r->moved_to));
    hg_emit(r, event);
}

/* What was moved stands in `moved_*` and the rows before in `from_before`, because status is read again. */
static void remember(struct hg_run *r)
{
    hg_strv_addv(&r->moved_from, &r->status.moved_from);
    hg_strv_addv(&r->moved_to, &r->status.moved_to);
    hg_strv_addv(&r->from_before, &r->status.rows);
}

int hg_run_squash(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv expected = HG_STRV_INIT;
    hg_strv_addv(&expected, &r->status.judged);
    if (hg_run_squash_intent(r, err) < 0)
        return -1;
    remember(r);
    if (move(r, err) < 0) {
        r->started = err->kind != HG_E_REFUSED; /* its answer may be lost, and the row have moved */
        r->outcome = "failed";
        return -1;
    }
    r->started = true;
    r->outcome = "failed";
    if (hg_run_status(r, err) < 0)
        return hg_wrap(err, "reading the version table after the row was moved");
    bool moved = hg_strv_same_set(&r->status.rows, &expected);
    if (hg_run_squash_outcome(r, moved, err) < 0)
        return -1;
    if (!moved)
        return hg_fail(err, HG_E_MIGRATOR, "the version row was moved, and the version table says otherwise");
    r->started = false;
    tell(r);
    return 0;
}
