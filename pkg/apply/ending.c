/* SPDX-License-Identifier: Apache-2.0 */
/* How a migration ended, in words. */
#include "internal.h"

#include <signal.h>
#include <string.h>

#define DRIVER_STOPPED 70 /* driver.py ends with it */

/* What was committed in the middle of a revision stays, without a version row to tell of it. */
static void say_half(struct hg_run *r, struct hg_buf *b)
{
    const struct hg_driven *d = &r->driven;
    if (d->undid)
        hg_buf_addf(b, "\nrevision %s rolls back in its middle: what was before it in the same transaction is "
                    "not in", d->undid);
    if (!d->half || hg_strv_has(&r->applied, d->half))
        return;
    const char *how = d->autocommit ? "has an autocommit block" : "commits in the middle";
    hg_buf_addf(b, "\nrevision %s %s: what it did up to there may be in, although it is not recorded",
                d->half, how);
    struct hg_finding *f = hg_finding_add(&r->findings, "HG621", "revision %s %s and failed later: what "
                                          "it did up to there may be in, although it is not recorded",
                                          d->half, how);
    f->revision = hg_xstrdup(d->half);
}

void hg_run_say_lost(struct hg_run *r)
{
    const char *lost = r->driven.lost;
    if (!lost)
        return;
    struct hg_finding *f = hg_finding_add(&r->findings, "HG621", "revision %s rolled back in its middle: what it did "
                                          "before that is not in, although the revision is recorded", lost);
    f->revision = hg_xstrdup(lost);
    f->severity = HG_SEV_WARNING;
    f->help = hg_xstrdup("Look at what it does before its ROLLBACK, and do that in a revision of its own.");
}

void hg_run_say_where(struct hg_run *r, const struct hg_err *unread, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *rows = hg_strv_join(&r->after, ", ");
    HG_AUTO(hg_freep) char *done = hg_strv_join(&r->applied, ", ");
    if (!r->to_known) {
        hg_buf_addf(&b, "where %s stands now could not be read: %s", r->identity.database, unread->message);
        say_half(r, &b);
        (void)hg_detail(err, "%s", hg_buf_str(&b));
        return;
    }
    hg_buf_addf(&b, "%s is now at %s", r->identity.database, r->after.count ? rows : "no revision");
    if (!r->applied.count && r->steps.count == 1)
        hg_buf_addf(&b, ": the revision %s", r->o->down ? "did not go back" : "is not in");
    else if (!r->applied.count)
        hg_buf_addf(&b, ": none of the %zu revisions %s", r->steps.count,
                    r->o->down ? "went back" : "is in");
    else if (r->steps.count == 1)
        hg_buf_addf(&b, ": the revision %s", r->o->down ? "went back" : "is in");
    else if (r->applied.count == r->steps.count)
        hg_buf_addf(&b, ": all %zu revisions %s (%s)", r->steps.count,
                    r->o->down ? "went back" : "are in", done);
    else
        hg_buf_addf(&b, ": %zu of %zu revisions %s (%s)", r->applied.count, r->steps.count,
                    r->o->down ? "went back" : "are in", done);
    say_half(r, &b);
    (void)hg_detail(err, "%s", hg_buf_str(&b));
}

const char *hg_run_stop_hint(const char *reason)
{
    static const char *const HINTS[][2] = {
        { "identity", "env.py must use the address it is given; look for load_dotenv(override=True) "
                      "or a literal URL in it" },
        { "steps", "headgate status; then the same command again" },
        { "files", "rebuild the container from these files, or check the working tree, then apply "
                   "again" },
        { "version-table", "let env.py and headgate name the same table: version_table_schema in "
                           "context.configure() and in headgate.yaml, or the role's search_path" },
        { "settings", "set direct_url for this target" },
        { "pooler", "set direct_url for this target" },
        { "transaction", "let env.py use engine.connect() instead of engine.begin(), or leave out "
                         "--revision-by-revision" },
        { "lock", "headgate status; then the same command again" },
    };
    for (size_t i = 0; i < HG_COUNT(HINTS); i++)
        if (hg_streq(reason, HINTS[i][0]))
            return HINTS[i][1];
    return "headgate status";
}

static void describe_stop(struct hg_run *r, struct hg_err *err)
{
    const struct hg_driven *d = &r->driven;
    (void)hg_fail(err, HG_E_MIGRATOR, "the migration was stopped: %s", d->message ? d->message : "");
    /* Steps that differ, with the version table found by looking elsewhere: Alembic does not see it. */
    bool elsewhere = hg_streq(d->stopped, "steps") && hg_findings_have(&r->findings, "HG222");
    (void)hg_hint(err, "%s", hg_run_stop_hint(elsewhere ? "version-table" : d->stopped));
    if (hg_streq(d->stopped, "files"))
        (void)hg_finding_add(&r->findings, "HG506", "%s", d->message);
}

static void describe_breaker(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *who = hg_breaker_words(json_array_get(r->breaker.waiting, 0));
    (void)hg_fail(err, HG_E_MIGRATOR, "the migration was canceled%s, because it kept %zu session%s waiting "
                  "longer than the breaker allows (%.1f s): %s",
                  r->breaker.trips > 1 ? " again" : "", json_array_size(r->breaker.waiting),
                  json_array_size(r->breaker.waiting) == 1 ? "" : "s",
                  (double)r->target.t->breaker_ns / (double)HG_NS_PER_S, who);
}

/* A lock it could not get, or a deadlock: who was in the way is worth more than the exception. */
static bool describe_lock(struct hg_run *r, struct hg_err *err)
{
    const struct hg_driven *d = &r->driven;
    if (!d->exception || !hg_run_met_lock(r))
        return false;
    HG_AUTO(hg_freep) char *who = r->breaker.in_way ? hg_breaker_words(r->breaker.in_way) : NULL;
    HG_AUTO(hg_freep) char *tries =
        r->tries > 1 ? hg_xasprintf(" after %u tries (lock_budget %.0f s)", r->tries,
                                    (double)hg_run_lock_budget(r) / (double)HG_NS_PER_S)
                     : hg_xstrdup("");
    (void)hg_fail(err, HG_E_MIGRATOR, "the migration failed%s: %s: %.400s%s%.300s%s%s", tries, d->exception,
                  d->message ? d->message : "", d->detail ? "; " : "", d->detail ? d->detail : "",
                  who ? "; in its way: " : "", who ? who : "");
    return true;
}

const char *hg_run_under_way(const struct hg_driven *d)
{
    return d->time_count > d->steps_ended ? d->times[d->time_count - 1].revision : NULL;
}

/* The migrator ended as if all were well, and it is not. */
static void describe_silence(const struct hg_run *r, struct hg_err *err)
{
    const struct hg_driven *d = &r->driven;
    const char *went = r->o->bundle ? "all statements went" : "Alembic reported success";
    const char *under_way = hg_run_under_way(d);
    if (!r->to_known)
        (void)hg_fail(err, HG_E_MIGRATOR, "%s, but the database could not be read afterwards", went);
    else if (r->o->bundle || hg_streq(r->target.t->driver, "plain")) /* no driver looked on */
        (void)hg_fail(err, HG_E_MIGRATOR, "%s, but the version table says otherwise", went);
    else if (under_way)
        (void)hg_fail(err, HG_E_MIGRATOR, "Alembic ended in the middle of revision %s, without an error: does "
                      "it exit, or does env.py swallow the error?", under_way);
    else if (!d->finished)
        (void)hg_fail(err, HG_E_MIGRATOR, "the migrator ended without an error, but not by itself: does env.py "
                      "call os._exit()?");
    else if (!d->time_count)
        (void)hg_fail(err, HG_E_MIGRATOR, "Alembic reported success, but began no revision: does env.py call "
                      "context.run_migrations()?");
    else if (d->steps_ended > d->steps_committed)
        (void)hg_fail(err, HG_E_MIGRATOR, "Alembic reported success, but nobody committed what it ran: does "
                      "env.py use context.begin_transaction(), or swallow an error?");
    else
        (void)hg_fail(err, HG_E_MIGRATOR, "%s, but the version table says otherwise", went);
}

/* It failed, and the reports broke off before. The driver ends with DRIVER_STOPPED when it cannot report. */
static void describe_code(const struct hg_run *r, const struct hg_migrated *m, struct hg_err *err)
{
    const struct hg_driven *d = &r->driven;
    const char *under_way = hg_run_under_way(d);
    HG_AUTO(hg_freep) char *where =
        under_way ? hg_xasprintf(" in the middle of revision %s", under_way) : hg_xstrdup("");
    if (!d->began || d->finished)
        (void)hg_fail(err, HG_E_MIGRATOR, "the migrator ended with exit code %d", m->code);
    else if (m->code == DRIVER_STOPPED)
        (void)hg_fail(err, HG_E_MIGRATOR, "the migrator was stopped%s, because its reports could not reach headgate "
                      "any more: does the migration close file descriptors that it did not open "
                      "(os.closerange())?", where);
    else
        (void)hg_fail(err, HG_E_MIGRATOR, "the migrator ended with exit code %d%s, without saying why: does the "
                      "migration call os._exit(), or close file descriptors that it did not open?", m->code, where);
}

void hg_run_describe_failure(struct hg_run *r, const struct hg_migrated *m, struct hg_err *err)
{
    const struct hg_driven *d = &r->driven;
    const char *name = r->target.t->name, *file = r->o->bundle ? r->o->bundle : "";
    const char *with = r->o->bundle ? " --bundle " : "";
    if (d->stopped)
        describe_stop(r, err);
    else if (r->lock_lost)
        (void)hg_fail(err, HG_E_MIGRATOR, "the session that held the apply lock was lost, so the "
                      "migration was canceled");
    else if (r->timed_out)
        (void)hg_fail(err, HG_E_MIGRATOR, "the migration was canceled after --max-runtime (%lld s)",
                      (long long)(hg_run_max_runtime(r) / HG_NS_PER_S));
    else if (r->signal)
        (void)hg_fail(err, HG_E_MIGRATOR, "the migration was interrupted (%s)", strsignal(r->signal));
    else if (r->throttle.failed)
        (void)hg_fail(err, HG_E_MIGRATOR, "the migration was stopped between two revisions: %s",
                      r->throttle.failed);
    else if (r->breaker.tripped_ns)
        describe_breaker(r, err);
    else if (describe_lock(r, err))
        ;
    else if (d->exception)
        (void)hg_fail(err, HG_E_MIGRATOR, "the migration failed: %s: %.600s", d->exception,
                      d->message ? d->message : "");
    else if (m->signal)
        (void)hg_fail(err, HG_E_MIGRATOR, "the migrator was ended by signal %d (%s)%s", m->signal,
                      strsignal(m->signal), m->signal == SIGKILL ? ", perhaps for want of memory" : "");
    else if (!m->ok)
        describe_code(r, m, err);
    else
        describe_silence(r, err);
    (void)snprintf(err->sqlstate, sizeof err->sqlstate, "%s", d->sqlstate);
    if (!*err->hint)
        (void)hg_hint(err, "headgate status -t %s%s%s; %s: headgate %s -t %s%s%s", name, with, file,
                      r->signal ? "to go on" : "after the cause is mended",
                      r->o->down ? "rollback" : "apply", name, with, file);
}
