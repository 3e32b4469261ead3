/* SPDX-License-Identifier: Apache-2.0 */
/* How long revisions took, for whoever may read the steps. */
#include "internal.h"

#include <stdlib.h>

#include "gen/ledger_embed.h"

int hg_ledger_seconds(PGconn *conn, const struct hg_strv *revisions, const char *direction,
                      int64_t deadline_ns, json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    HG_AUTO(hg_freep) char *list = hg_pg_text_array(revisions);
    const char *params[] = { list, direction };
    int rc = hg_ledger_view(conn, "headgate.step", hg_sql_ledger_seconds, HG_COUNT(params), params,
                            deadline_ns, &res, err);
    if (rc < 0)
        return -1;
    json_t *all = json_array();
    for (int row = 0; rc > 0 && row < PQntuples(res); row++) {
        const char *seconds = hg_pg_get(res, row, 2);
        json_array_append_new(all, json_pack("{s:o, s:o, s:f}", "revision", hg_json_text(hg_pg_get(res, row, 0)),
                                             "digest", hg_json_text(hg_pg_get(res, row, 1)), "seconds",
                                             seconds ? strtod(seconds, NULL) : 0.0));
    }
    *ret = all;
    return 0;
}

/* Those of one entry: of its very file. */
static double seconds_of(const json_t *all, const struct hg_ledger_entry *e)
{
    size_t i;
    json_t *known;
    json_array_foreach(all, i, known)
        if (hg_streq(hg_jget(known, "revision"), e->revision) &&
            hg_streq(hg_jget(known, "digest"), e->digest))
            return json_number_value(json_object_get(known, "seconds"));
    return -1;
}

int hg_ledger_entries_time(PGconn *conn, struct hg_ledger_entries *e, int64_t deadline_ns,
                           struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv ids = HG_STRV_INIT;
    json_t *all = NULL;
    for (size_t i = 0; i < e->count; i++)
        hg_strv_add(&ids, e->items[i].revision);
    if (hg_ledger_seconds(conn, &ids, "up", deadline_ns, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < e->count; i++)
        e->items[i].seconds = seconds_of(all, &e->items[i]);
    json_decref(all);
    return 0;
}
