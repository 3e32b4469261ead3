/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearse.h"

#include <stdlib.h>

#include "gen/bundle_embed.h"
#include "snapshot/snapshot.h"

#define QUERY_NS (60 * HG_NS_PER_S)

static int catalogs(PGconn *a, PGconn *b, char **ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv unreadable = HG_STRV_INIT;
    json_t *one = NULL, *other = NULL;
    int rc = hg_snapshot_catalog(a, false, QUERY_NS, &one, &unreadable, err);
    if (rc == 0)
        rc = hg_snapshot_catalog(b, false, QUERY_NS, &other, &unreadable, err);
    if (rc == 0 && unreadable.count)
        rc = hg_fail(err, HG_E_UNKNOWN, "%s could not be read", unreadable.items[0]);
    json_t *diff = rc == 0 ? hg_snapshot_diff(one, other) : NULL;
    const json_t *first = json_array_get(diff, 0);
    if (first)
        *ret = hg_xasprintf("%s %s is %s", hg_jstr(first, "kind"), hg_jstr(first, "name"),
                            hg_streq(hg_jget(first, "change"), "removed") ? "missing"
                            : hg_streq(hg_jget(first, "change"), "added") ? "too much" : "different");
    json_decref(diff);
    json_decref(one);
    json_decref(other);
    return rc;
}

/* Exactly the same, or the same but for times and UUIDs. */
static int contents(PGconn *a, PGconn *b, char **ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *one = NULL;
    HG_AUTO(hg_pg_clearp) PGresult *other = NULL;
    if (hg_pg_query(a, hg_sql_bundle_contents, 0, NULL, hg_now_ns() + QUERY_NS, &one, err) < 0 ||
        hg_pg_query(b, hg_sql_bundle_contents, 0, NULL, hg_now_ns() + QUERY_NS, &other, err) < 0)
        return -1;
    for (int row = 0; row < PQntuples(one) && row < PQntuples(other); row++) {
        const char *name = hg_pg_get(one, row, 0);
        if (!hg_streq(name, hg_pg_get(other, row, 0)) ||
            (!hg_streq(hg_pg_get(one, row, 1), hg_pg_get(other, row, 1)) &&
             !hg_streq(hg_pg_get(one, row, 2), hg_pg_get(other, row, 2)))) {
            *ret = hg_xasprintf("%s holds something else", name);
            return 0;
        }
    }
    return 0;
}

int bundle_compare(PGconn *a, PGconn *b, char **ret_difference, struct hg_err *err)
{
    *ret_difference = NULL;
    if (catalogs(a, b, ret_difference, err) < 0)
        return -1;
    return *ret_difference ? 0 : contents(a, b, ret_difference, err);
}
