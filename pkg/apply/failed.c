/* SPDX-License-Identifier: Apache-2.0 */
/* A container that restarts would run a failing revision again and again, each time taking its locks. */
#include "internal.h"

#include <string.h>

/* Failures that say nothing about the revision: it did not get its lock, the server went away or had no
 * connection to spare. */
static bool of_the_moment(const char *sqlstate)
{
    static const char *const STATES[] = { "55P03", "40P01", "40001", "57P01", "57P02", "57P03" };
    for (size_t i = 0; i < HG_COUNT(STATES); i++)
        if (hg_streq(sqlstate, STATES[i]))
            return true;
    return sqlstate && (hg_starts_with(sqlstate, "08") || hg_starts_with(sqlstate, "53"));
}

/* The steps up to that revision, as the ledger lists them; NULL when it is not among them. Heap. */
static char *files_up_to(const struct hg_run *r, const char *revision)
{
    HG_AUTO(hg_strv_done) struct hg_strv list = HG_STRV_INIT;
    hg_graph_digests(r->graph);
    for (size_t i = 0; i < r->steps.count; i++) {
        const struct hg_revision *s = r->steps.items[i];
        hg_strv_addf(&list, "%s %s", s->id, s->digest ? s->digest : "?");
        if (strcmp(s->id, revision) == 0)
            return hg_strv_join(&list, ",");
    }
    return NULL;
}

static void describe(struct hg_run *r, const struct hg_ledger_failure *f, struct hg_err *err)
{
    const char *error = f->error ? f->error : "no error was recorded";
    (void)hg_fail(err, HG_E_REFUSED, "%s failed at %s with the very files that are here, so it is not run "
                  "again by itself", f->revision, f->finished_at);
    (void)hg_detail(err, "%s", error);
    (void)hg_hint(err, "mend the revision, or what it met in the database; then headgate apply -t %s, or "
                  "--retry-failed", r->target.t->name);
    err->exit_code = HG_EXIT_FAILED;
    hg_finding_add(&r->findings, "HG630", "%s failed at %s: %s", f->revision, f->finished_at, error)->revision =
        hg_xstrdup(f->revision);
}

/* Where the record of earlier runs is: in the state directory, where the database has none. */
static int read_failure(struct hg_run *r, struct hg_ledger_failure *ret, struct hg_err *err)
{
    if (r->target.t->ledger != HG_LEDGER_FILE && r->summary.present)
        return hg_ledger_failure(r->watch, r->version_table, hg_now_ns() + HG_APPLY_QUERY_NS, ret, err);
    json_t *document = NULL;
    if (hg_run_ledger_document(r, false, &document, err) < 0)
        return -1;
    hg_ledger_failure_of(document, r->version_table, ret);
    json_decref(document);
    return 0;
}

int hg_run_failed_before(struct hg_run *r, struct hg_err *err)
{
    struct hg_ledger_failure f = { 0 };
    if (!r->steps.count || r->o->retry_failed)
        return 0;
    if (read_failure(r, &f, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *files = f.found ? files_up_to(r, f.revision) : NULL;
    bool same = files && hg_streq(files, f.files) && !of_the_moment(f.sqlstate);
    if (same)
        describe(r, &f, err);
    hg_ledger_failure_done(&f);
    return same ? -1 : 0;
}
