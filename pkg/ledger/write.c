/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "gen/ledger_embed.h"

void hg_ledger_done(struct hg_ledger *l)
{
    hg_freep(&l->file);
    hg_freep(&l->run);
}

/* One text of prose, as the database can hold it. Heap; NULL for NULL. */
static int fit(const struct hg_ledger *l, const char *text, int64_t deadline_ns, char **ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv lacking = HG_STRV_INIT;
    if (text && hg_ledger_lacking(l->conn, text, deadline_ns, &lacking, err) < 0)
        return -1;
    *ret = hg_ledger_fitted(text, &lacking);
    return 0;
}

int hg_ledger_set_label(struct hg_ledger *l, const char *target, bool protected_, const char *by,
                        int64_t deadline_ns, struct hg_err *err)
{
    if (!l->database)
        return 0;
    HG_AUTO(hg_freep) char *who = NULL;
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    int rc = fit(l, by, deadline_ns, &who, err);
    const char *params[] = { target, protected_ ? "true" : "false", who };
    if (rc < 0 || hg_pg_query(l->conn, hg_sql_ledger_set_label, HG_COUNT(params), params, deadline_ns, &res, err) < 0)
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

static int intent_file(struct hg_ledger *l, const struct hg_ledger_run *run, int64_t deadline_ns,
                       struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *server = NULL;
    if (hg_pg_query(l->conn, hg_sql_ledger_server, 0, NULL, deadline_ns, &server, err) < 0)
        return hg_wrap(err, "recording the intent");
    const struct hg_strv none = HG_STRV_INIT; /* the file is UTF-8 */
    HG_AUTO(hg_freep) char *tool = hg_xasprintf("headgate %s", hg_version);
    l->run = hg_xasprintf("%lld-%d", (long long)(hg_wall_ns() / HG_NS_PER_MS), (int)getpid());
    HG_AUTO(hg_freep) char *steps = hg_ledger_steps(run, &none);
    json_t *line = json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:s, s:s?, s:o, s:o, s:s?, s:s?, s:s?, s:o, s:o}", "event",
        "intent", "run", l->run, "at", now_json(), "version_table", run->version_table, "direction",
        run->direction, "target", run->target, "goal", run->goal, "from", strings(run->from), "to",
        strings(run->to), "by", run->by, "host", run->host, "commit", run->commit, "overrides",
        strings(run->overrides), "steps", json_loads(steps, 0, NULL));
    json_object_set_new(line, "tool", json_string(tool));
    json_object_set_new(line, "pid", json_integer(getpid()));
    json_object_set_new(line, "wal_before", hg_json_text(hg_pg_get(server, 0, 0)));
    json_object_set_new(line, "db_user", hg_json_text(hg_pg_get(server, 0, 1)));
    return hg_ledger_append(l, line, err);
}

int hg_ledger_intent(struct hg_ledger *l, const struct hg_ledger_run *run, int64_t deadline_ns,
                     struct hg_err *err)
{
    hg_freep(&l->run);
    if (!l->database)
        return l->file ? intent_file(l, run, deadline_ns, err) : 0;
    HG_AUTO(hg_freep) char *prose = hg_ledger_prose(run);
    HG_AUTO(hg_strv_done) struct hg_strv lacking = HG_STRV_INIT;
    if (hg_ledger_lacking(l->conn, prose, deadline_ns, &lacking, err) < 0)
        return hg_wrap(err, "recording the intent");
    HG_AUTO(hg_freep) char *from = hg_pg_text_array(run->from);
    HG_AUTO(hg_freep) char *to = hg_pg_text_array(run->to);
    HG_AUTO(hg_freep) char *array = hg_pg_text_array(run->overrides);
    HG_AUTO(hg_freep) char *overrides = hg_ledger_fitted(array, &lacking);
    HG_AUTO(hg_freep) char *goal = hg_ledger_fitted(run->goal, &lacking);
    HG_AUTO(hg_freep) char *by = hg_ledger_fitted(run->by, &lacking);
    HG_AUTO(hg_freep) char *host = hg_ledger_fitted(run->host, &lacking);
    HG_AUTO(hg_freep) char *pid = hg_xasprintf("%d", (int)getpid());
    HG_AUTO(hg_freep) char *tool = hg_xasprintf("headgate %s", hg_version);
    HG_AUTO(hg_freep) char *steps = hg_ledger_steps(run, &lacking);
    const char *params[] = { run->version_table, run->direction, run->target, goal, from, to,
                             by, host, pid, run->commit, tool, overrides, steps };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (hg_pg_query(l->conn, hg_sql_ledger_intent, HG_COUNT(params), params, deadline_ns, &res,
                    err) < 0)
        return hg_wrap(err, "recording the intent");
    l->run = hg_xstrdup(hg_pg_get(res, 0, 0));
    return 0;
}

/* What is known of the objects, wherever the records are. */
static int read_known(const struct hg_ledger *l, const char *version_table, int64_t deadline_ns,
                      struct hg_ledger_objects *ret, struct hg_err *err)
{
    if (l->database)
        return hg_ledger_objects(l->conn, version_table, deadline_ns, ret, err);
    json_t *doc = NULL;
    if (hg_ledger_document_of_file(l->file, false, &doc, err) < 0)
        return -1;
    hg_ledger_objects_of(doc, ret);
    json_decref(doc);
    return 0;
}

/* What the run adds to the record of objects; *ret_fingerprint stays empty where that cannot be told. Heap. */
static char *delta(const struct hg_ledger *l, const struct hg_ledger_outcome *o, int64_t deadline_ns,
                   char ret_fingerprint[HG_SHA256_SIZE])
{
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects known = { 0 };
    struct hg_err unread = { 0 };
    *ret_fingerprint = '\0';
    if (!o->after)
        return NULL;
    if (read_known(l, o->version_table, deadline_ns, &known, &unread) == 0)
        return hg_ledger_delta(o, &known, ret_fingerprint);
    hg_log(HG_LOG_WARNING, "the schema's fingerprint is not recorded: %s", unread.message);
    return NULL;
}

static int outcome_file(const struct hg_ledger *l, const char *id, const struct hg_ledger_outcome *o,
                        int64_t deadline_ns, struct hg_err *err)
{
    char fingerprint[HG_SHA256_SIZE];
    HG_AUTO(hg_freep) char *added = delta(l, o, deadline_ns, fingerprint);
    json_t *objects = added ? json_loads(added, 0, NULL) : json_array();
    json_t *line = json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:s?, s:s?, s:o, s:s?}", "event", "outcome",
                             "run", id, "at", now_json(), "outcome", o->outcome, "rows",
                             strings(o->rows), "done", strings(o->done), "error", o->error,
                             "sqlstate", o->sqlstate, "times", hg_ledger_times(o), "fingerprint",
                             *fingerprint ? fingerprint : NULL);
    json_object_set_new(line, "objects", objects);
    json_object_set_new(line, "server_version", json_integer(PQserverVersion(l->conn)));
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
        return l->file ? outcome_file(l, id, o, deadline_ns, err) : 0;
    HG_AUTO(hg_freep) char *rows = hg_pg_text_array(o->rows);
    HG_AUTO(hg_freep) char *done = hg_pg_text_array(o->done);
    json_t *object = hg_ledger_times(o);
    HG_AUTO(hg_freep) char *times = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    char fingerprint[HG_SHA256_SIZE];
    HG_AUTO(hg_freep) char *objects = delta(l, o, deadline_ns, fingerprint);
    HG_AUTO(hg_freep) char *error = NULL;
    int rc = fit(l, o->error, deadline_ns, &error, err);
    const char *params[] = { id, o->outcome, rows, error, o->sqlstate, done, times,
                             *fingerprint ? fingerprint : NULL, objects };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (rc < 0 || hg_pg_query(l->conn, hg_sql_ledger_outcome, HG_COUNT(params), params, deadline_ns, &res, err) < 0)
        return hg_wrap(err, "recording the outcome");
    return 0;
}

int hg_ledger_step_done(struct hg_ledger *l, const struct hg_ledger_times *times, int64_t deadline_ns,
                        struct hg_err *err)
{
    char started[HG_TIME_SIZE], committed[HG_TIME_SIZE];
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    const char *params[] = { l->run, times->revision,
                             times->started_ns ? hg_time_format(times->started_ns, started) : NULL,
                             times->committed_ns ? hg_time_format(times->committed_ns, committed) : NULL };
    if (!l->run || (!l->database && !l->file))
        return 0;
    if (!l->database)
        return hg_ledger_append(l, json_pack("{s:s, s:s, s:o, s:s, s:s?, s:s?}", "event", "step", "run", l->run,
                                             "at", now_json(), "revision", params[1], "started", params[2],
                                             "committed", params[3]), err);
    if (hg_pg_query(l->conn, hg_sql_ledger_step_done, HG_COUNT(params), params, deadline_ns, &res, err) < 0)
        return hg_wrap(err, "recording revision %s", times->revision);
    return 0;
}

static int open_steps_of_file(const struct hg_ledger *l, const char *id, struct hg_strv *ret,
                              struct hg_err *err)
{
    json_t *doc = NULL, *run, *step;
    size_t i, k;
    if (hg_ledger_document_of_file(l->file, false, &doc, err) < 0)
        return -1;
    json_array_foreach(json_object_get(doc, "runs"), i, run)
    {
        if (!hg_streq(json_string_value(json_object_get(run, "run")), id))
            continue;
        json_array_foreach(json_object_get(run, "steps"), k, step)
            hg_strv_add(ret, json_string_value(json_object_get(step, "revision")));
    }
    json_decref(doc);
    return 0;
}

int hg_ledger_open_steps(struct hg_ledger *l, const char *id, int64_t deadline_ns,
                         struct hg_strv *ret, struct hg_err *err)
{
    const char *params[] = { id };
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (!l->database)
        return l->file ? open_steps_of_file(l, id, ret, err) : 0;
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
    HG_AUTO(hg_freep) char *list = hg_pg_text_array(revisions);
    HG_AUTO(hg_freep) char *who = NULL;
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    int rc = fit(l, by, deadline_ns, &who, err);
    const char *params[] = { version_table, list, l->run, who };
    if (rc < 0 || hg_pg_query(l->conn, hg_sql_ledger_hold, HG_COUNT(params), params, deadline_ns, &res, err) < 0)
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
