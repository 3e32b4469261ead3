/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/apply_embed.h"
#include "process/process.h"

#define GIT_TIMEOUT_NS (5 * HG_NS_PER_S)
#define PROBE_NS       (5 * HG_NS_PER_S)

static int64_t connect_timeout(const struct hg_run *r)
{
    if (r->o->common->timeout_ns)
        return r->o->common->timeout_ns;
    return r->target.t->connect_timeout_ns ? r->target.t->connect_timeout_ns : HG_APPLY_CONNECT_NS;
}

/* The session's settings, and on the same way what it is asked first. */
static int settle(PGconn *conn, const char *const *settings, size_t count, struct hg_pg_ask *asks, size_t ask_count,
                  struct hg_err *err)
{
    struct hg_pg_ask all[3 + HG_FIRST_ASKS] = { 0 };
    for (size_t i = 0; i < count; i++)
        all[i].sql = settings[i];
    for (size_t i = 0; i < ask_count; i++)
        all[count + i] = asks[i];
    int rc = hg_pg_ask_each(conn, all, count + ask_count, hg_now_ns() + HG_APPLY_QUERY_NS, err);
    for (size_t i = 0; i < ask_count; i++)
        asks[i] = all[count + i];
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = hg_pg_answered(&all[i], err);
    hg_pg_asks_done(all, count);
    return rc;
}

static int connect_as(struct hg_run *r, const char *what, PGconn **ret, struct hg_err *err)
{
    const struct hg_target *t = &r->target;
    if (r->connected && hg_target_refresh(&r->target, r->o->common, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *name = hg_xasprintf("headgate %s %s:%d", what, r->host ? r->host : "?",
                                                (int)getpid());
    if (strlen(name) > 63) /* NAMEDATALEN - 1: the server would cut it with a notice */
        name[63] = '\0';
    struct hg_pg_spec spec = { .conninfo = t->direct_conninfo ? t->direct_conninfo : t->conninfo,
                               .application_name = name,
                               .source = t->direct_conninfo ? "direct_url" : t->url_source,
                               .shown = t->direct_conninfo ? NULL : t->shown,
                               .source_ns = t->source_ns, .source_written = t->source_written,
                               .stop = r->started_ns ? NULL : hg_signals_check };
    if (hg_pg_connect(&spec, connect_timeout(r), ret, err) < 0)
        return -1;
    r->connected = true;
    return 0;
}

/* Our statements have a deadline here. One that the role or the database sets, perhaps since this very migration,
 * would keep from us how it ended. Compiling them (jit) takes longer than running them. */
int hg_run_connect(struct hg_run *r, const char *what, struct hg_pg_ask *asks, size_t count, PGconn **ret,
                   struct hg_err *err)
{
    const char *const settings[] = { "set statement_timeout = 0", "set jit = off", hg_sql_apply_durable };
    if (connect_as(r, what, ret, err) < 0)
        return -1;
    return settle(*ret, settings, HG_COUNT(settings), asks, count, err);
}

int hg_run_connect_migrator(struct hg_run *r, struct hg_pg_ask *asks, size_t count, PGconn **ret, struct hg_err *err)
{
    const char *const settings[] = { hg_sql_apply_durable };
    if (connect_as(r, "migrator", ret, err) < 0)
        return -1;
    return settle(*ret, settings, HG_COUNT(settings), asks, count, err);
}

static bool truth(const PGresult *res, int column)
{
    const char *text = hg_pg_get(res, 0, column);
    return text && (hg_streq(text, "true") || hg_streq(text, "t") || hg_streq(text, "on"));
}

/* Refused: a managed server may do so. Lost is another matter. */
static int system_of(PGconn *conn, char **ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *system = NULL;
    int64_t deadline = hg_now_ns() + HG_APPLY_QUERY_NS;
    struct hg_err refused = { 0 };
    if (hg_pg_query(conn, hg_sql_apply_system_identifier, 0, NULL, deadline, &system, &refused) == 0)
        *ret = hg_xstrdup(hg_pg_get(system, 0, 0));
    if (PQstatus(conn) == CONNECTION_OK)
        return 0;
    *err = refused;
    return -1;
}

/* The system's number too: another session of this role was not refused. */
static bool asks_both(const struct hg_identity *before)
{
    return before && before->system_identifier;
}

size_t hg_identity_asks(const struct hg_identity *before, struct hg_pg_ask *ret)
{
    ret[0] = (struct hg_pg_ask){ .sql = hg_sql_apply_identity };
    if (!asks_both(before))
        return 1;
    ret[1] = (struct hg_pg_ask){ .sql = hg_sql_apply_system_identifier };
    return 2;
}

int hg_identity_take(PGconn *conn, const struct hg_identity *before, const struct hg_pg_ask *asks,
                     struct hg_identity *ret, struct hg_err *err)
{
    if (hg_pg_answered(&asks[0], err) < 0)
        return hg_wrap(err, "asking which database this is");
    const PGresult *res = asks[0].res, *system = asks_both(before) ? asks[1].res : NULL;
    struct hg_identity i = { .database = hg_xstrdup(hg_pg_get(res, 0, 0)),
                             .oid = hg_xstrdup(hg_pg_get(res, 0, 1)),
                             .role = hg_xstrdup(hg_pg_get(res, 0, 6)),
                             .system_identifier = hg_xstrdup(system ? hg_pg_get(system, 0, 0) : NULL) };
    int64_t pid = 0;
    const char *pid_text = hg_pg_get(res, 0, 2);
    (void)(pid_text && hg_parse_int(pid_text, 0, INT32_MAX, &pid));
    i.pid = (int)pid;
    i.in_recovery = truth(res, 4);
    i.read_only = truth(res, 5);
    i.pooled = PQbackendPID(conn) != i.pid;
    if (!asks_both(before) && truth(res, 3) && system_of(conn, &i.system_identifier, err) < 0) {
        hg_identity_done(&i);
        return hg_wrap(err, "asking which database this is");
    }
    *ret = i;
    return 0;
}

void hg_identity_done(struct hg_identity *i)
{
    hg_freep(&i->system_identifier);
    hg_freep(&i->database);
    hg_freep(&i->oid);
    hg_freep(&i->role);
}

/* Who is at work: in CI the person who started the job, not the runner's account. */
void hg_run_who(struct hg_run *r)
{
    static const char *const NAMES[] = { "GITHUB_ACTOR", "GITLAB_USER_LOGIN", "SUDO_USER" };
    for (size_t i = 0; i < HG_COUNT(NAMES) && !r->by; i++) {
        const char *value = getenv(NAMES[i]);
        if (value && *value)
            r->by = hg_xstrdup(value);
    }
    struct passwd *entry = r->by ? NULL : getpwuid(geteuid());
    if (!r->by)
        r->by = entry ? hg_xstrdup(entry->pw_name) : hg_xasprintf("uid %d", (int)geteuid());
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) == 0)
        r->host = hg_xstrdup(host);
}

static char *current_commit(const char *dir)
{
    char *const argv[] = { (char[]){ "git" }, (char[]){ "rev-parse" }, (char[]){ "HEAD" }, NULL };
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    struct hg_exit_status status = { 0 };
    struct hg_err err = { 0 };
    HG_AUTO(hg_freep) char **envp = hg_git_envp(NULL);
    struct hg_process_run spec = { .argv = argv, .envp = envp, .dir = dir, .timeout_ns = GIT_TIMEOUT_NS };
    if (hg_process_run(&spec, &status, &out, NULL, &err) < 0 || status.signaled || status.code)
        return NULL;
    const char *text = hg_buf_str(&out);
    return hg_xstrndup(text, strcspn(text, "\n"));
}

int hg_run_load_files(struct hg_run *r, const struct hg_alembic_source *more, size_t count,
                      struct hg_err *err)
{
    if (r->graph)
        hg_graph_free(r->graph);
    r->graph = NULL;
    hg_findings_done(&r->findings);
    r->findings = (struct hg_findings)HG_FINDINGS_INIT;
    if (r->have_bundle)
        return hg_run_load_bundle(r, err);
    char **envp = hg_target_plain_envp(&r->target);
    struct hg_alembic_options o = hg_target_alembic_options(r->o->common, &r->target.config, envp);
    int rc = r->have_alembic ? 0 : hg_alembic_config_load(&o, &r->alembic, err);
    r->have_alembic = rc == 0;
    if (rc == 0)
        rc = hg_alembic_load_with(&r->alembic, &o, more, count, &r->graph, &r->findings, err);
    if (rc == 0)
        hg_graph_digests(r->graph);
    hg_vars_free_envp(envp);
    return rc;
}

int hg_run_open(struct hg_run *r, struct hg_err *err)
{
    const struct hg_apply_options *o = r->o;
    int rc = hg_target_open(o->common, o->argc, o->argv, false, &r->target, err);
    r->have_target = true; /* configuration and mask are valid even then */
    if (rc < 0)
        return -1;
    hg_run_who(r);
    if (hg_run_load_files(r, NULL, 0, err) < 0)
        return -1;
    r->commit = r->have_bundle ? hg_xstrdup(r->bundle.commit) : current_commit(r->alembic.dir);
    if (!hg_graph_ok(r->graph))
        return hg_fail(err, HG_E_REFUSED, "Alembic would refuse this history; see the findings");
    struct hg_pg_ask asks[HG_IDENTITY_ASKS];
    size_t count = hg_identity_asks(NULL, asks);
    rc = hg_run_connect(r, "watch", asks, count, &r->watch, err);
    if (rc == 0)
        rc = hg_identity_take(r->watch, NULL, asks, &r->identity, err);
    hg_pg_asks_done(asks, count);
    return rc;
}

int hg_run_ledger_document(const struct hg_run *r, bool files, json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *path = hg_ledger_path(&r->target, r->identity.system_identifier,
                                                  r->identity.oid, r->version_table);
    return hg_ledger_document_of_file(path, files, ret, err);
}

static int read_file(struct hg_run *r, struct hg_err *err)
{
    json_t *document = NULL;
    if (hg_run_ledger_document(r, false, &document, err) < 0)
        return -1;
    hg_ledger_summary_of(document, r->version_table, &r->summary);
    json_decref(document);
    return 0;
}

static int read_ledger(struct hg_run *r, struct hg_err *err)
{
    if (r->have_summary)
        hg_ledger_summary_done(&r->summary);
    r->have_summary = false;
    r->summary = (struct hg_ledger_summary){ 0 };
    int rc = r->target.t->ledger == HG_LEDGER_FILE
                 ? read_file(r, err)
                 : hg_ledger_summary(r->watch, r->version_table, hg_now_ns() + HG_APPLY_QUERY_NS,
                                     &r->summary, err);
    r->have_summary = rc == 0;
    return rc;
}

/* Under both locks the migration under way is ours. */
static void forget_ourselves(struct hg_findings *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct hg_finding *f = &list->items[i];
        if (!hg_streq(f->rule->id, "HG605")) {
            list->items[kept++] = *f;
            continue;
        }
        char **owned[] = { &f->message, &f->help, &f->path, &f->revision, &f->object, &f->waived };
        for (size_t k = 0; k < HG_COUNT(owned); k++)
            hg_freep(owned[k]);
    }
    list->count = kept;
}

int hg_run_status(struct hg_run *r, struct hg_err *err)
{
    if (r->have_status)
        hg_status_done(&r->status);
    r->status = (struct hg_status){ 0 };
    r->have_status = true;
    if (hg_status_on(r->watch, &r->target, &r->alembic, r->graph, hg_now_ns() + PROBE_NS, &r->status,
                     err) < 0)
        return -1;
    if (r->lock)
        forget_ourselves(&r->status.findings);
    hg_freep(&r->version_table);
    r->version_table = hg_xasprintf("%s.%s", r->status.vt_schema ? r->status.vt_schema : "public",
                                    r->status.vt_name ? r->status.vt_name : "alembic_version");
    r->key = hg_status_lock_key(r->status.vt_schema ? r->status.vt_schema : "public",
                                r->status.vt_name ? r->status.vt_name : "alembic_version");
    return read_ledger(r, err);
}

void hg_run_done(struct hg_run *r)
{
    hg_pg_closep(&r->watch);
    hg_pg_closep(&r->lock);
    hg_ledger_done(&r->ledger);
    if (r->have_summary)
        hg_ledger_summary_done(&r->summary);
    if (r->have_status)
        hg_status_done(&r->status);
    hg_revlist_done(&r->steps);
    json_decref(r->planned);
    json_decref(r->catalog_before);
    json_decref(r->catalog_now);
    json_decref(r->changed);
    if (r->graph)
        hg_graph_free(r->graph);
    if (r->have_alembic)
        hg_alembic_config_done(&r->alembic);
    if (r->have_bundle)
        hg_bundle_done(&r->bundle);
    hg_identity_done(&r->identity);
    hg_driven_done(&r->driven);
    hg_breaker_done(&r->breaker);
    hg_freep(&r->throttle.failed);
    hg_ledger_objects_done(&r->before);
    hg_ledger_objects_done(&r->now);
    hg_buf_done(&r->report);
    hg_findings_done(&r->findings);
    hg_findings_done(&r->preflight);
    char **owned[] = { &r->version_table, &r->goal, &r->by, &r->host, &r->commit, &r->named, &r->pace.said };
    for (size_t i = 0; i < HG_COUNT(owned); i++)
        hg_freep(owned[i]);
    struct hg_strv *lists[] = { &r->to,      &r->invalid_before, &r->from,     &r->after,
                                &r->applied, &r->moved_from,     &r->moved_to, &r->from_before,
                                &r->shown,   &r->unvalidated_before, &r->invalid_after };
    for (size_t i = 0; i < HG_COUNT(lists); i++)
        hg_strv_done(lists[i]);
    for (size_t i = 0; i < r->stored_count; i++)
        hg_stored_done(&r->stored[i]);
    free(r->stored);
    json_decref(r->expected);
    json_decref(r->earlier);
    hg_run_tell_done(r);
    if (r->have_target)
        hg_target_done(&r->target);
}
