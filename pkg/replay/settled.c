/* SPDX-License-Identifier: Apache-2.0 */
/* Is the session what the chunks were rendered for? */
#include "internal.h"

#include <stdlib.h>

#include "gen/replay_embed.h"

int hg_replay_settled(PGconn *conn, const struct hg_bundle *b, const char *judged, int64_t deadline_ns,
                      bool *ret_elsewhere, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *table = hg_replay_table(b);
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    const char *params[] = { table };
    *ret_elsewhere = false;
    if (hg_pg_query(conn, hg_sql_replay_session, 1, params, deadline_ns, &res, err) < 0)
        return hg_wrap(err, "looking at the session");
    if (!hg_streq(hg_pg_get(res, 0, 0), "UTF8"))
        return hg_fail(err, HG_E_REFUSED, "client_encoding is %s and not UTF8, which the bundle is "
                       "written in", hg_pg_get(res, 0, 0));
    if (!hg_streq(hg_pg_get(res, 0, 1), "on")) {
        (void)hg_fail(err, HG_E_REFUSED, "standard_conforming_strings is off for this role or database: "
                      "the bundle's string constants would mean something else");
        return hg_hint(err, "ALTER ROLE … SET standard_conforming_strings = on, or apply with Python");
    }
    const char *found = hg_pg_get(res, 0, 2);
    if (hg_streq(found, judged))
        return 0;
    *ret_elsewhere = true;
    return hg_fail(err, HG_E_REFUSED, "the bundle keeps its versions in %s, where there is %s%s, but %s%s "
                   "was judged", table, found ? "a table in schema " : "no table", found ? found : "",
                   judged ? "one in schema " : "no table", judged ? judged : "");
}
