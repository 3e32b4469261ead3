/* SPDX-License-Identifier: Apache-2.0 */
/* Where the newest run upwards failed: from the database, or from a document. */
#include "internal.h"

#include "gen/ledger_embed.h"

int hg_ledger_failure(PGconn *conn, const char *version_table, int64_t deadline_ns,
                      struct hg_ledger_failure *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    int rc = hg_ledger_view(conn, "headgate.step", hg_sql_ledger_failure, 1, &version_table, deadline_ns,
                            &res, err);
    struct hg_ledger_failure f = { .found = rc > 0 && PQntuples(res) > 0 };
    if (rc < 0)
        return -1;
    char **columns[] = { &f.revision, &f.files, &f.error, &f.sqlstate, &f.finished_at };
    for (size_t i = 0; f.found && i < HG_COUNT(columns); i++)
        *columns[i] = hg_xstrdup(hg_pg_get(res, 0, (int)i));
    *ret = f;
    return 0;
}

/* The newest finished run upwards of this version table, if it failed; else NULL. Borrowed. */
static const json_t *failed_run(const json_t *document, const char *version_table)
{
    const json_t *newest = NULL;
    size_t i;
    json_t *run;
    json_array_foreach(json_object_get(document, "runs"), i, run)
    {
        if (hg_streq(hg_jget(run, "version_table"), version_table) &&
            hg_streq(hg_jget(run, "direction"), "up") && hg_jget(run, "finished_at"))
            newest = run;
    }
    return newest && hg_streq(hg_jget(newest, "outcome"), "failed") ? newest : NULL;
}

void hg_ledger_failure_of(const json_t *document, const char *version_table, struct hg_ledger_failure *ret)
{
    const json_t *run = failed_run(document, version_table);
    HG_AUTO(hg_strv_done) struct hg_strv files = HG_STRV_INIT;
    struct hg_ledger_failure f = { 0 };
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(run, "steps"), i, step)
    {
        const char *revision = hg_jget(step, "revision"), *digest = hg_jget(step, "digest");
        if (!revision || hg_streq(hg_jget(step, "outcome"), "done"))
            continue;
        hg_strv_addf(&files, "%s %s", revision, digest ? digest : "?");
        if (!hg_jget(step, "started_at"))
            continue;
        hg_ledger_failure_done(&f); /* the last that had begun is the one */
        f = (struct hg_ledger_failure){ .found = true,
                                        .revision = hg_xstrdup(revision),
                                        .files = hg_strv_join(&files, ","),
                                        .error = hg_xstrdup(hg_jget(run, "error")),
                                        .sqlstate = hg_xstrdup(hg_jget(run, "sqlstate")),
                                        .finished_at = hg_xstrdup(hg_jget(run, "finished_at")) };
    }
    *ret = f;
}

void hg_ledger_failure_done(struct hg_ledger_failure *f)
{
    char **owned[] = { &f->revision, &f->files, &f->error, &f->sqlstate, &f->finished_at };
    for (size_t i = 0; i < HG_COUNT(owned); i++)
        hg_freep(owned[i]);
}
