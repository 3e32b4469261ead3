/* SPDX-License-Identifier: Apache-2.0 */
/* HG607, HG609: what migrations that failed once have left in the database. */
#include "past.h"

#include "gen/gate_embed.h"

enum { SHOWN_MAX = 20 };

/* A revision that is about to run and speaks of it will see to it. */
static bool pending_names(const struct hg_judge *j, const char *name)
{
    const struct hg_revlist *pending = &j->in->status->pending;
    for (size_t i = 0; j->in->graph && i < pending->count; i++) {
        size_t len = 0;
        const char *text = hg_graph_text(j->in->graph, pending->items[i], &len);
        if (text && memmem(text, len, name, strlen(name)))
            return true;
    }
    return false;
}

static void report_index(struct hg_judge *j, const char *index, const char *table)
{
    struct hg_finding *f = hg_finding_add(&j->out->findings, "HG607",
                                          "index %s on %s is invalid: building it has failed once", index,
                                          table);
    f->object = hg_xstrdup(index);
    if (strstr(index, "_ccnew") || strstr(index, "_ccold")) /* as PostgreSQL names them */
        f->help = hg_xasprintf("It is what an interrupted REINDEX CONCURRENTLY left; the index itself stands beside "
                               "it: `DROP INDEX CONCURRENTLY %s;`", index);
    else
        f->help = hg_xasprintf("Build it anew with `REINDEX INDEX CONCURRENTLY %s;`, or drop it with `DROP INDEX "
                               "CONCURRENTLY %s;` before the revision runs again.", index, index);
}

static void report_constraint(struct hg_judge *j, const char *constraint, const char *table,
                              const char *name)
{
    struct hg_finding *f = hg_finding_add(&j->out->findings, "HG609",
                                          "constraint %s on %s was never validated: old rows may break it",
                                          name, table);
    f->object = hg_xstrdup(constraint);
    f->help = hg_xasprintf("`ALTER TABLE %s VALIDATE CONSTRAINT %s;` checks the rows without stopping "
                           "anybody; `DROP CONSTRAINT` takes it away.", table, name);
}

void hg_past_check_leftovers(struct hg_judge *j, const struct hg_past *past)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err err = { 0 };
    if (hg_pg_query(past->conn, hg_sql_gate_leftovers, 0, NULL, hg_judge_until(j), &res, &err) < 0) {
        hg_log(HG_LOG_INFO, "indexes and constraints were not looked at: %s", err.message);
        return;
    }
    for (int row = 0, shown = 0; row < PQntuples(res) && shown < SHOWN_MAX; row++) {
        const char *name = hg_pg_get(res, row, 1), *table = hg_pg_get(res, row, 2);
        const char *alone = hg_pg_get(res, row, 3);
        if (pending_names(j, alone))
            continue;
        shown++;
        if (hg_streq(hg_pg_get(res, row, 0), "index"))
            report_index(j, name, table);
        else
            report_constraint(j, name, table, alone);
    }
}
