/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "gen/ledger_embed.h"

char *hg_ledger_admin_sql(const char *role)
{
    HG_AUTO(hg_freep) char *quoted = hg_pg_quote_ident(role);
    return hg_xasprintf("CREATE SCHEMA headgate AUTHORIZATION %s;", quoted);
}

static bool column_true(const PGresult *res, int column)
{
    const char *text = hg_pg_get(res, 0, column);
    return text && *text == 't';
}

static int use_file(const struct hg_target *t, const char *database_id, struct hg_ledger *l,
                    struct hg_err *err)
{
    HG_AUTO(hg_freep) char *state = hg_target_state_dir(t);
    HG_AUTO(hg_freep) char *dir = hg_path_join(state, "ledger");
    if (hg_mkdir_p(dir, 0700, err) < 0)
        return hg_wrap(err, "the ledger's file");
    HG_AUTO(hg_freep) char *name = hg_xasprintf("%s.jsonl", database_id);
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '_';
    l->file = hg_path_join(dir, name);
    return 0;
}

/* The role may not create or write it: what to do depends on the mode. */
static int without_schema(const struct hg_target *t, const char *database_id, const char *role,
                          bool present, struct hg_ledger *l, struct hg_findings *findings,
                          struct hg_err *err)
{
    HG_AUTO(hg_freep) char *quoted = hg_pg_quote_ident(role);
    HG_AUTO(hg_freep) char *create = hg_ledger_admin_sql(role);
    HG_AUTO(hg_freep) char *grant = hg_xasprintf(
        "GRANT USAGE ON SCHEMA headgate TO %s; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN "
        "SCHEMA headgate TO %s;", quoted, quoted);
    const char *sql = present ? grant : create;
    if (l->mode == HG_LEDGER_REQUIRED) {
        (void)hg_fail(err, HG_E_REFUSED, "role %s may not %s the ledger (schema headgate), and "
                      "`ledger: required` asks for it", role, present ? "write" : "create");
        return hg_hint(err, "as an administrator of the database: %s", sql);
    }
    struct hg_err file_err = { 0 };
    if (use_file(t, database_id, l, &file_err) < 0)
        hg_log(HG_LOG_INFO, "%s", file_err.message);
    struct hg_finding *f = hg_finding_add(
        findings, "HG507", "role %s may not %s the schema headgate; this run is recorded in %s", role,
        present ? "write to" : "create", l->file ? l->file : "no place at all");
    f->help = hg_xasprintf("as an administrator of the database: %s", sql);
    f->object = hg_xstrdup("headgate");
    return 0;
}

/* A schema headgate would be where the migrator's own unqualified tables go. */
static int shadowed(const struct hg_target *t, const char *database_id, const char *role, bool present,
                    struct hg_ledger *l, struct hg_findings *findings, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *quoted = hg_pg_quote_ident(role);
    HG_AUTO(hg_freep) char *hint = hg_xasprintf(
        "migrate with a role of another name, or: ALTER ROLE %s SET search_path = public", quoted);
    if (present || l->mode == HG_LEDGER_REQUIRED) {
        (void)hg_fail(err, HG_E_REFUSED, "the search_path of role %s leads to the schema headgate first: "
                      "the migrator would put its tables among headgate's own", role);
        return hg_hint(err, "%s", hint);
    }
    struct hg_err file_err = { 0 };
    if (use_file(t, database_id, l, &file_err) < 0)
        hg_log(HG_LOG_INFO, "%s", file_err.message);
    struct hg_finding *f = hg_finding_add(
        findings, "HG507", "the search_path of role %s would make the schema headgate its default, so it "
        "is not created; this run is recorded in %s", role, l->file ? l->file : "no place at all");
    f->help = HG_TAKE(hint);
    f->object = hg_xstrdup("headgate");
    return 0;
}

/* Records go to the database where the role may write or create the schema, else where l->mode says. */
static int open_schema(const struct hg_target *t, const char *database_id, int64_t deadline_ns,
                       struct hg_ledger *l, struct hg_findings *findings, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    HG_AUTO(hg_pg_clearp) PGresult *made = NULL;
    if (hg_pg_query(l->conn, hg_sql_ledger_state, 0, NULL, deadline_ns, &res, err) < 0)
        return hg_wrap(err, "looking for the ledger");
    const char *role = hg_pg_get(res, 0, 3);
    bool present = column_true(res, 0);
    if (column_true(res, 4))
        return shadowed(t, database_id, role ? role : "?", present, l, findings, err);
    l->database = present && column_true(res, 1);
    if (!present && hg_pg_query(l->conn, hg_sql_ledger_schema, 0, NULL, deadline_ns, &made, err) == 0)
        l->database = true;
    else if (!present && !hg_streq(err->sqlstate, "42501"))
        return hg_wrap(err, "creating the ledger (schema headgate)");
    if (l->database)
        return 0;
    return without_schema(t, database_id, role ? role : "?", present, l, findings, err);
}

int hg_ledger_open(PGconn *conn, const struct hg_target *t, const char *database_id,
                   int64_t deadline_ns, struct hg_ledger *ret, struct hg_findings *findings,
                   struct hg_err *err)
{
    HG_AUTO(hg_ledger_done) struct hg_ledger l = { .conn = conn, .mode = t->t->ledger };
    if (l.mode == HG_LEDGER_FILE && use_file(t, database_id, &l, err) < 0)
        return -1;
    if ((l.mode == HG_LEDGER_AUTO || l.mode == HG_LEDGER_REQUIRED) &&
        open_schema(t, database_id, deadline_ns, &l, findings, err) < 0)
        return -1;
    *ret = l;
    l = (struct hg_ledger){ 0 };
    return 0;
}

void hg_ledger_done(struct hg_ledger *l)
{
    hg_freep(&l->file);
    hg_freep(&l->run);
}

int hg_ledger_set_label(struct hg_ledger *l, const char *target, bool protected_, const char *by,
                        int64_t deadline_ns, struct hg_err *err)
{
    if (!l->database)
        return 0;
    const char *params[] = { target, protected_ ? "true" : "false", by };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (hg_pg_query(l->conn, hg_sql_ledger_set_label, HG_COUNT(params), params, deadline_ns, &res,
                    err) < 0)
        return hg_wrap(err, "leaving the target's name in the database");
    return 0;
}

static json_t *strings(const struct hg_strv *list)
{
    json_t *array = json_array();
    for (size_t i = 0; list && i < list->count; i++)
        json_array_append_new(array, json_string(list->items[i]));
    return array;
}

static json_t *now_json(void)
{
    char text[HG_TIME_SIZE];
    return json_string(hg_time_format(hg_wall_ns(), text));
}

static int intent_file(struct hg_ledger *l, const struct hg_ledger_run *run, struct hg_err *err)
{
    l->run = hg_xasprintf("%lld-%d", (long long)(hg_wall_ns() / HG_NS_PER_MS), (int)getpid());
    json_t *line = json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:s, s:s?, s:o, s:o, s:s?, s:s?, s:s?, s:o, s:o}", "event",
        "intent", "run", l->run, "at", now_json(), "version_table", run->version_table, "direction",
        run->direction, "target", run->target, "goal", run->goal, "from", strings(run->from), "to",
        strings(run->to), "by", run->by, "host", run->host, "commit", run->commit, "overrides",
        strings(run->overrides), "steps", hg_ledger_steps(run));
    return hg_ledger_append(l, line, err);
}

int hg_ledger_intent(struct hg_ledger *l, const struct hg_ledger_run *run, int64_t deadline_ns,
                     struct hg_err *err)
{
    hg_freep(&l->run);
    if (!l->database)
        return l->file ? intent_file(l, run, err) : 0;
    HG_AUTO(hg_freep) char *from = hg_ledger_array(run->from);
    HG_AUTO(hg_freep) char *to = hg_ledger_array(run->to);
    HG_AUTO(hg_freep) char *overrides = hg_ledger_array(run->overrides);
    HG_AUTO(hg_freep) char *pid = hg_xasprintf("%d", (int)getpid());
    HG_AUTO(hg_freep) char *tool = hg_xasprintf("headgate %s", hg_version);
    json_t *list = hg_ledger_steps(run);
    HG_AUTO(hg_freep) char *steps = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    const char *params[] = { run->version_table, run->direction, run->target, run->goal, from, to,
                             run->by, run->host, pid, run->commit, tool, overrides, steps };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (hg_pg_query(l->conn, hg_sql_ledger_intent, HG_COUNT(params), params, deadline_ns, &res,
                    err) < 0)
        return hg_wrap(err, "recording the intent");
    l->run = hg_xstrdup(hg_pg_get(res, 0, 0));
    return 0;
}

static int outcome_file(const struct hg_ledger *l, const char *id, const struct hg_ledger_outcome *o,
                        struct hg_err *err)
{
    json_t *line = json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:s?, s:s?, s:o}", "event", "outcome",
                             "run", id, "at", now_json(), "outcome", o->outcome, "rows",
                             strings(o->rows), "done", strings(o->done), "error", o->error,
                             "sqlstate", o->sqlstate, "times", hg_ledger_times(o));
    return hg_ledger_append(l, line, err);
}

int hg_ledger_outcome(struct hg_ledger *l, const char *id, const struct hg_ledger_outcome *o,
                      int64_t deadline_ns, struct hg_err *err)
{
    if (!id)
        id = l->run;
    if (!id)
        return 0;
    if (!l->database)
        return l->file ? outcome_file(l, id, o, err) : 0;
    HG_AUTO(hg_freep) char *rows = hg_ledger_array(o->rows);
    HG_AUTO(hg_freep) char *done = hg_ledger_array(o->done);
    json_t *object = hg_ledger_times(o);
    HG_AUTO(hg_freep) char *times = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    const char *params[] = { id, o->outcome, rows, o->error, o->sqlstate, done, times };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (hg_pg_query(l->conn, hg_sql_ledger_outcome, HG_COUNT(params), params, deadline_ns, &res,
                    err) < 0)
        return hg_wrap(err, "recording the outcome");
    return 0;
}

int hg_ledger_open_steps(struct hg_ledger *l, const char *id, int64_t deadline_ns,
                         struct hg_strv *ret, struct hg_err *err)
{
    const char *params[] = { id };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (!l->database)
        return 0;
    if (hg_pg_query(l->conn, hg_sql_ledger_open_steps, 1, params, deadline_ns, &res, err) < 0)
        return hg_wrap(err, "reading the open run");
    for (int row = 0; row < PQntuples(res); row++)
        hg_strv_add(ret, hg_pg_get(res, row, 0));
    return 0;
}

int hg_ledger_hold(struct hg_ledger *l, const char *version_table, const struct hg_strv *revisions,
                   const char *by, int64_t deadline_ns, struct hg_err *err)
{
    if (!l->database)
        return 0;
    HG_AUTO(hg_freep) char *list = hg_ledger_array(revisions);
    const char *params[] = { version_table, list, l->run, by };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (hg_pg_query(l->conn, hg_sql_ledger_hold, HG_COUNT(params), params, deadline_ns, &res, err) < 0)
        return hg_wrap(err, "holding the revisions");
    return 0;
}

int hg_ledger_release(struct hg_ledger *l, const char *version_table, int64_t deadline_ns,
                      struct hg_strv *ret_released, struct hg_err *err)
{
    const char *params[] = { version_table };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (!l->database)
        return 0;
    if (hg_pg_query(l->conn, hg_sql_ledger_release, 1, params, deadline_ns, &res, err) < 0)
        return hg_wrap(err, "releasing the revisions");
    for (int row = 0; row < PQntuples(res); row++)
        hg_strv_add(ret_released, hg_pg_get(res, row, 0));
    return 0;
}
