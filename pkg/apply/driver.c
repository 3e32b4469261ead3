/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "gen/alembic_embed.h"
#include "gen/apply_embed.h"

#define LOCK_TIMEOUT_NS  (2 * HG_NS_PER_S)
#define EXTRA_ARGS_MAX   1000

static void add_limit(json_t *settings, const char *name, int64_t ns)
{
    HG_AUTO(hg_freep) char *text = hg_xasprintf("%lldms", (long long)(ns / HG_NS_PER_MS));
    if (ns)
        json_object_set_new(settings, name, json_string(text));
}

/* An application_name is cut at 63 bytes; the pid of the runner's lock session comes first, because
 * `headgate cancel` reads from it whether the runner still lives. */
json_t *hg_driver_settings(const struct hg_run *r)
{
    const struct hg_target_config *t = r->target.t;
    HG_AUTO(hg_freep) char *name = hg_xasprintf("headgate migrator of %d", r->lock_pid);
    json_t *s = json_pack("{s:s}", "application_name", name);
    add_limit(s, "lock_timeout", t->lock_timeout_ns);
    add_limit(s, "statement_timeout", t->statement_timeout_ns);
    return s;
}

int64_t hg_run_lock_timeout(const struct hg_run *r)
{
    return r->target.t->lock_timeout_ns ? r->target.t->lock_timeout_ns : LOCK_TIMEOUT_NS;
}

/* What nobody chose for the target is a limit: what the session brings wins where it is shorter. */
static json_t *limits(const struct hg_run *r)
{
    json_t *l = json_object();
    if (!r->target.t->lock_timeout_ns)
        json_object_set_new(l, "lock_timeout",
                            json_integer((json_int_t)(hg_run_lock_timeout(r) / HG_NS_PER_MS)));
    return l;
}

static void steps_and_digests(const struct hg_run *r, json_t *spec)
{
    json_t *steps = json_array(), *digests = json_object();
    for (size_t i = 0; i < r->steps.count; i++)
        if (!hg_strv_has(&r->applied, r->steps.items[i]->id)) /* by an earlier try */
            json_array_append_new(steps, json_string(r->steps.items[i]->id));
    for (size_t i = 0; i < hg_graph_count(r->graph); i++) {
        const struct hg_revision *rev = hg_graph_at(r->graph, i);
        if (rev->digest && hg_ends_with(rev->file ? rev->file : rev->path, ".py"))
            json_object_set_new(digests, rev->id, json_string(rev->digest));
    }
    json_object_set_new(spec, "steps", steps);
    json_object_set_new(spec, "digests", digests);
}

static void add_x(const struct hg_run *r, struct hg_strv *ret)
{
    hg_strv_addv(ret, &r->target.t->migrator_args);
    for (size_t i = 0; i < r->o->common->x.count && i < EXTRA_ARGS_MAX; i++) {
        hg_strv_add(ret, "-x");
        hg_strv_add(ret, r->o->common->x.items[i]);
    }
}

void hg_driver_command(const struct hg_run *r, bool flask, const char *verb, struct hg_strv *ret)
{
    if (flask) {
        hg_strv_add(ret, "db");
        hg_strv_add(ret, verb);
        hg_strv_add(ret, "-d");
        hg_strv_add(ret, r->alembic.script_location);
        add_x(r, ret);
        return;
    }
    const char *file = hg_path_base(r->alembic.file);
    if (!hg_streq(file, "alembic.ini") && !hg_streq(file, "pyproject.toml")) {
        hg_strv_add(ret, "-c");
        hg_strv_add(ret, file);
    }
    if (r->alembic.section && !hg_streq(r->alembic.section, "alembic")) {
        hg_strv_add(ret, "-n");
        hg_strv_add(ret, r->alembic.section);
    }
    add_x(r, ret);
    hg_strv_add(ret, verb);
}

void hg_driver_argv(struct hg_run *r, bool flask, struct hg_strv *ret)
{
    hg_driver_command(r, flask, r->o->down ? "downgrade" : "upgrade", ret);
    hg_strv_add(ret, "--"); /* a goal such as -1 is no option */
    hg_strv_add(ret, r->goal);
}

char *hg_driver_text(const json_t *spec, const char *between)
{
    HG_AUTO(hg_freep) char *text = hg_xasprintf("%s\n%s\n%s\n%s\nmain()\n", hg_py_alembic_source,
                                                hg_py_apply_driver, hg_py_alembic_failure, between);
    return hg_alembic_program(spec, text);
}

/* Bare Alembic: the program crosses on stdin as the driver does. */
char *hg_driver_plain_program(struct hg_run *r)
{
    static const char TEXT[] = "import os\n"
                               "os.environ.update(SPEC['environment'])\n"
                               "from alembic.config import main\n"
                               "main(prog='alembic', argv=SPEC['argv'])\n";
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    hg_driver_argv(r, false, &argv);
    json_t *spec = json_pack("{s:o, s:o}", "argv", hg_json_list(&argv), "environment",
                             hg_target_crossing_json(&r->target.vars));
    char *program = hg_alembic_program(spec, TEXT);
    json_decref(spec);
    return hg_alembic_far_program(program);
}

char *hg_driver_program(struct hg_run *r, int report_fd)
{
    bool flask = hg_alembic_needs_flask(&r->alembic);
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    hg_driver_argv(r, flask, &argv);
    json_t *spec = json_pack(
        "{s:{s:s, s:s, s:s?}, s:o, s:o, s:{s:s, s:s}, s:{s:i, s:i, s:i, s:i, s:i}, s:i, s:b, s:s, "
        "s:{s:s, s:s, s:b}, s:o, s:b, s:b}",
        "identity", "database", r->identity.database, "oid", r->identity.oid, "system_identifier",
        r->identity.system_identifier, "settings", hg_driver_settings(r), "limits", limits(r), "wishes",
        "client_connection_check_interval", "1s", "idle_session_timeout", "0", "lock", "apply_class",
        HG_LOCK_CLASS_APPLY, "migrator_class", HG_LOCK_CLASS_MIGRATOR, "pace_class",
        HG_LOCK_CLASS_PACE, "key", (int)r->key, "pid", r->lock_pid, "pace", r->throttle.words,
        "one_by_one", r->o->one_by_one, "direction",
        r->o->down ? "down" : "up", "version_table", "schema",
        r->status.vt_schema ? r->status.vt_schema : "public", "name",
        r->status.vt_name ? r->status.vt_name : "alembic_version", "exists", r->status.vt_exists, "argv", hg_json_list(&argv),
        "flask", flask, "pooler", hg_streq(r->target.t->pooler, "session"));
    if (!spec)
        HG_BUG("the driver's specification");
    steps_and_digests(r, spec);
    if (r->stored_count)
        json_object_set_new(spec, "files", hg_stored_json(r));
    json_object_set_new(spec, "verbose", json_boolean(r->o->common->verbose > 0));
    json_object_set_new(spec, "fd", report_fd < 0 ? json_null() : json_integer(report_fd));
    if (r->target.t->run == HG_RUN_COMMAND)
        json_object_set_new(spec, "environment", hg_target_crossing_json(&r->target.vars));
    char *program = hg_driver_text(spec, "");
    json_decref(spec);
    return report_fd < 0 ? hg_alembic_far_program(program) : program;
}

/* ---- reports -------------------------------------------------------------------------------- */

static struct hg_ledger_times *times_of(struct hg_driven *d, const char *revision)
{
    for (size_t i = 0; i < d->time_count; i++)
        if (hg_streq(d->times[i].revision, revision))
            return &d->times[i];
    d->times = hg_grow(d->times, d->time_count, &d->time_cap, sizeof *d->times);
    d->times[d->time_count] = (struct hg_ledger_times){ .revision = hg_xstrdup(revision) };
    return &d->times[d->time_count++];
}

/* The project's code could write to the descriptor too: only what was judged is believed. */
static bool judged(const struct hg_run *r, const char *revision)
{
    for (size_t i = 0; i < r->steps.count; i++)
        if (hg_streq(r->steps.items[i]->id, revision))
            return true;
    return false;
}

static void emit_step(struct hg_run *r, const char *revision, const char *phase)
{
    const struct hg_revision *rev = hg_graph_get(r->graph, revision);
    json_t *event = hg_event("step");
    json_object_set_new(event, "revision", hg_event_text(revision));
    json_object_set_new(event, "phase", json_string(phase));
    json_object_set_new(event, "direction", json_string(r->o->down ? "down" : "up"));
    json_object_set_new(event, "message", hg_event_text(rev ? rev->doc : NULL));
    json_object_set_new(event, "position", json_integer((json_int_t)r->driven.time_count));
    json_object_set_new(event, "count", json_integer((json_int_t)r->steps.count));
    hg_run_add_expected(r, revision, event);
    hg_emit(r, event);
}

static void on_step(struct hg_run *r, const json_t *report)
{
    const char *revision = hg_jget(report, "revision"), *phase = hg_jget(report, "phase");
    struct hg_driven *d = &r->driven;
    if (hg_streq(phase, "begin") && judged(r, revision)) {
        times_of(d, revision)->started_ns = hg_wall_ns();
        emit_step(r, revision, "begin");
        if (r->o->tick) { /* for a new line the same words are news */
            hg_freep(&r->pace.said);
            r->next_watch_ns = 0;
        }
    } else if (hg_streq(phase, "end")) {
        d->steps_ended = d->time_count;
        if (d->time_count)
            emit_step(r, d->times[d->time_count - 1].revision, "end");
    }
}

/* Something of the revision under way stays, whatever becomes of the rest and of its version row. */
static void on_half(struct hg_driven *d)
{
    if (d->time_count == d->steps_ended)
        return;
    hg_freep(&d->half);
    d->half = hg_xstrdup(d->times[d->time_count - 1].revision);
}

/* A commit covers every step that has ended; one inside a step (an autocommit block) only what was
 * before it. */
static void on_commit(struct hg_run *r)
{
    struct hg_driven *d = &r->driven;
    if (d->time_count == d->steps_ended)
        hg_freep(&d->half);
    on_half(d);
    for (size_t i = d->steps_committed; i < d->steps_ended; i++) {
        d->times[i].committed_ns = hg_wall_ns();
        emit_step(r, d->times[i].revision, "committed");
    }
    d->steps_committed = d->steps_ended;
}

/* A revision ended the transaction otherwise: steps of it that had ended are not in, whatever comes later.
 * Something may stay: what was prepared. */
static void on_undone(struct hg_driven *d, bool stays, bool lost)
{
    if (d->time_count == d->steps_ended)
        return;
    if (stays)
        on_half(d);
    if (lost) {
        hg_freep(&d->lost);
        d->lost = hg_xstrdup(d->times[d->time_count - 1].revision);
    }
    if (d->steps_ended == d->steps_committed)
        return;
    d->steps_committed = d->steps_ended;
    hg_freep(&d->undid);
    d->undid = hg_xstrdup(d->times[d->time_count - 1].revision);
}

static void on_result(struct hg_driven *d, const json_t *report)
{
    d->finished = true;
    d->ok = json_is_true(json_object_get(report, "ok"));
    d->touched = !json_is_false(json_object_get(report, "touched"));
    hg_freep(&d->stopped);
    hg_freep(&d->exception);
    hg_freep(&d->message);
    hg_freep(&d->detail);
    d->stopped = hg_xstrdup(hg_jget(report, "stopped"));
    d->exception = hg_xstrdup(hg_jget(report, "exception"));
    d->message = hg_xstrdup(hg_jget(report, "message"));
    d->detail = hg_xstrdup(hg_jget(report, "detail"));
    d->sqlstate[0] = '\0';
    const char *state = hg_jget(report, "sqlstate");
    if (state && strlen(state) == sizeof d->sqlstate - 1)
        (void)snprintf(d->sqlstate, sizeof d->sqlstate, "%s", state);
}

/* At once, not with the next tick: many revisions are short. */
static void on_pace(struct hg_run *r, int number)
{
    if (number <= 0 || (size_t)number >= r->steps.count)
        return;
    r->driven.paces = number;
    hg_run_pace(r);
}

static void on_session(struct hg_driven *d, const json_t *report)
{
    const char *name;
    json_t *limit;
    int pid = (int)json_integer_value(json_object_get(report, "pid"));
    if (d->session_count < HG_APPLY_SESSIONS_MAX)
        d->sessions[d->session_count++] = pid;
    json_object_foreach(json_object_get(report, "holds"), name, limit)
        hg_log(HG_LOG_INFO, "migrator session %d: %s = %s (%s)", pid, name, hg_jstr(limit, "value"),
               hg_streq(hg_jstr(limit, "source"), "session") ? "set by headgate"
                                                              : hg_jstr(limit, "source"));
}

void hg_driver_report(struct hg_run *r, const json_t *report)
{
    struct hg_driven *d = &r->driven;
    const char *event = hg_jget(report, "event");
    hg_trace("driver", "report", event ? event : "?", "revision",
             hg_jget(report, "revision") ? hg_jget(report, "revision") : "", "phase",
             hg_jget(report, "phase") ? hg_jget(report, "phase") : "", NULL);
    if (hg_streq(event, "start"))
        d->began = true;
    else if (hg_streq(event, "session"))
        on_session(d, report);
    else if (hg_streq(event, "step"))
        on_step(r, report);
    else if (hg_streq(event, "commit"))
        on_commit(r);
    else if (hg_streq(event, "undone"))
        on_undone(d, json_is_true(json_object_get(report, "stays")), json_is_true(json_object_get(report, "lost")));
    else if (hg_streq(event, "literal-commit") || hg_streq(event, "alone"))
        on_half(d);
    else if (hg_streq(event, "pace"))
        on_pace(r, (int)json_integer_value(json_object_get(report, "number")));
    else if (hg_streq(event, "isolation") && hg_streq(hg_jget(report, "level"), "AUTOCOMMIT"))
        d->autocommit = true;
    else if (hg_streq(event, "configure"))
        d->transaction_per_migration =
            json_is_true(json_object_get(report, "transaction_per_migration"));
    else if (hg_streq(event, "result"))
        on_result(d, report);
}

void hg_driver_feed(struct hg_run *r, const char *data, size_t len)
{
    r->report.max = HG_APPLY_LINE_MAX;
    for (size_t i = 0; i < len; i++) {
        if (data[i] != '\n') {
            hg_buf_addc(&r->report, data[i]);
            continue;
        }
        json_t *report = r->report.overflow
            ? NULL : json_loads(hg_buf_str(&r->report), JSON_REJECT_DUPLICATES, NULL);
        if (json_is_object(report))
            hg_driver_report(r, report);
        json_decref(report);
        r->report.overflow = false;
        hg_buf_clear(&r->report);
    }
}

void hg_driven_done(struct hg_driven *d)
{
    for (size_t i = 0; i < d->time_count; i++)
        hg_freep(&d->times[i].revision);
    free(d->times);
    char **owned[] = { &d->stopped, &d->exception, &d->message, &d->detail, &d->half, &d->undid, &d->lost };
    for (size_t i = 0; i < HG_COUNT(owned); i++)
        hg_freep(owned[i]);
}

void hg_driven_again(struct hg_driven *d, const struct hg_strv *applied)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->time_count; i++) {
        if (hg_strv_has(applied, d->times[i].revision))
            d->times[kept++] = d->times[i];
        else
            hg_freep(&d->times[i].revision);
    }
    struct hg_driven again = { .times = d->times, .time_count = kept, .time_cap = d->time_cap,
                               .steps_ended = kept, .steps_committed = kept };
    d->times = NULL;
    d->time_count = 0;
    hg_driven_done(d);
    *d = again;
}
