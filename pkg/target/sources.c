/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources of a target, in order. What needs HTTP or a container engine is asked of a program of
 * its own (headgate-source-railway, headgate-source-container), so that a dotenv target starts fast.
 */
#include "internal.h"
#include "process/process.h"

#include <errno.h>

#define MARGIN_S 2 /* a helper keeps its own deadline; this much later it is killed */

/* ---- asking the other programs ------------------------------------------------------------------- */

static int answer_error(const json_t *answer, struct hg_err *err)
{
    const json_t *e = json_object_get(answer, "error");
    if (!json_is_object(e))
        return 0;
    const char *kind = hg_member(e, "kind"), *message = hg_member(e, "message");
    const char *detail = hg_member(e, "detail"), *hint = hg_member(e, "hint");
    hg_fail(err, hg_err_kind_parse(kind ? kind : "bug"), "%s", message ? message : "unknown error");
    if (detail && *detail)
        hg_detail(err, "%s", detail);
    if (hint && *hint)
        hg_hint(err, "%s", hint);
    return -1;
}

static int parse_answer(const char *program, const struct hg_exit_status *status,
                        const struct hg_buf *out, const struct hg_buf *errors, json_t **ret,
                        struct hg_err *err)
{
    HG_AUTO(hg_decrefp) json_t *answer =
        json_loadb(hg_buf_str(out), out->len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(answer)) {
        HG_AUTO(hg_freep) char *said = hg_printable(hg_buf_str(errors), 300);
        hg_fail(err, HG_E_BUG, "%s gave no answer (exit %d)", program, hg_exit_status_code(status));
        return *said ? hg_detail(err, "%s", said) : -1;
    }
    if (answer_error(answer, err) < 0)
        return -1;
    *ret = HG_TAKE(answer);
    return 0;
}

int hg_resolve_ask(struct hg_resolving *r, const char *program, json_t *request, json_t **ret)
{
    int64_t left = r->deadline_ns - hg_now_ns();
    if (left <= 0)
        return hg_fail(r->err, HG_E_TIMEOUT, "time ran out before %s could be asked", program);
    json_object_set_new(request, "timeout", json_real((double)left / (double)HG_NS_PER_S));
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    HG_AUTO(hg_freep) char *path = hg_path_join(dir, program);
    char *const argv[] = { path, NULL };
    char **envp = hg_vars_envp(&r->t->original);
    HG_AUTO(hg_freep) char *input = json_dumps(request, JSON_COMPACT);
    HG_AUTO(hg_buf_wipe) struct hg_buf out = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf errors = HG_BUF_INIT;
    struct hg_exit_status status = { 0 };
    struct hg_process_run spec = { .argv = argv, .envp = envp, .input = input,
                                   .input_len = strlen(input), .keep_fds = r->keep_fds,
                                   .timeout_ns = left + MARGIN_S * HG_NS_PER_S };
    int rc = hg_process_run(&spec, &status, &out, &errors, r->err);
    hg_vars_free_envp(envp);
    if (rc < 0)
        return -1;
    return parse_answer(program, &status, &out, &errors, ret, r->err);
}

static void log_notes(const json_t *answer)
{
    size_t i;
    json_t *note;
    json_array_foreach(json_object_get(answer, "notes"), i, note)
        if (json_is_string(note))
            hg_log(HG_LOG_INFO, "%s", json_string_value(note));
}

static void take_variables(struct hg_resolving *r, const json_t *answer, const char *source)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(answer, "variables"), name, value)
        if (json_is_string(value) && *name && !strchr(name, '='))
            hg_vars_set(&r->t->vars, name, json_string_value(value), source);
    log_notes(answer);
}

/* ---- railway -------------------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *key, const char *value)
{
    json_object_set_new(object, key, value ? json_string(value) : json_null());
}

/* "railway api@production", with the names of the answer where the source does not give them. */
static char *railway_label(const struct hg_source *s, const json_t *answer)
{
    const char *service = s->service, *environment = s->environment;
    const char *name = hg_member(json_object_get(answer, "service"), "name");
    if (!service)
        service = name;
    name = hg_member(json_object_get(answer, "environment"), "name");
    if (!environment)
        environment = name;
    if (!service)
        return hg_source_shown(s);
    return environment ? hg_xasprintf("railway %s@%s", service, environment)
                       : hg_xasprintf("railway %s", service);
}

/* A sealed variable exists but cannot be read: an inherited one of its name is not it. */
static void drop_sealed(struct hg_resolving *r, const json_t *answer, const char *label)
{
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(answer, "sealed"), i, name) {
        const char *text = json_string_value(name);
        if (!text)
            continue;
        hg_strv_add(&r->sealed, text);
        if (hg_vars_find(&r->t->vars, text))
            hg_strv_addf(&r->t->warnings, "%s is sealed in %s and cannot be read; the inherited "
                         "value is not used", text, label);
        hg_vars_unset(&r->t->vars, text);
    }
}

void hg_resolve_left_out(struct hg_resolving *r, const char *name, const char *label)
{
    HG_AUTO(hg_freep) char *shown = hg_printable(name, 60);
    hg_strv_addf(&r->t->warnings, "%s of %s is left out: a program on this machine would run what it "
                 "says (`headgate env --allow-exec-names` takes it)", shown, label);
}

/* For route: railway-ssh: by ids, so that no link of this directory has a say. */
static void ssh_command(struct hg_resolving *r, const json_t *answer)
{
    static const char *const PARTS[][2] = { { "--project", "project" },
                                            { "--environment", "environment" },
                                            { "--service", "service" } };
    hg_strv_done(&r->railway_ssh);
    r->railway_ssh = (struct hg_strv)HG_STRV_INIT;
    hg_strv_add(&r->railway_ssh, "railway");
    hg_strv_add(&r->railway_ssh, "ssh");
    for (size_t i = 0; i < HG_COUNT(PARTS); i++) {
        const char *id = hg_member(json_object_get(answer, PARTS[i][1]), "id");
        hg_strv_add(&r->railway_ssh, PARTS[i][0]);
        hg_strv_add(&r->railway_ssh, id ? id : "");
    }
}

/* A name that JSON cannot hold would not be asked for, and another service answer instead. */
static int check_names(const struct hg_source *s, struct hg_err *err)
{
    const char *const names[] = { s->service, s->environment, s->project };
    for (size_t i = 0; i < HG_COUNT(names); i++)
        if (names[i] && !hg_utf8_valid(names[i], strlen(names[i])))
            return hg_fail(err, HG_E_CONFIG, "a name of the Railway source is not valid UTF-8");
    return 0;
}

static int from_railway(struct hg_resolving *r, const struct hg_source *s)
{
    if (r->inside) {
        hg_log(HG_LOG_INFO, "inside Railway: the process environment is the source");
        return 0;
    }
    if (hg_streq(s->via, "cli"))
        return hg_resolve_via_cli(r, s);
    if (check_names(s, r->err) < 0)
        return -1;
    HG_AUTO(hg_decrefp) json_t *request = json_object();
    set_text(request, "service", s->service);
    set_text(request, "environment", s->environment);
    set_text(request, "project", s->project);
    set_text(request, "token_env", s->token_env);
    set_text(request, "dir", r->t->config.start_dir);
    HG_AUTO(hg_freep) char *state_dir = hg_target_state_dir(r->t);
    set_text(request, "state_dir", state_dir);
    json_object_set_new(request, "routes", json_true());
    json_object_set_new(request, "allow_exec_names", json_boolean(r->in->allow_exec_names));
    HG_AUTO(hg_decrefp) json_t *answer = NULL;
    if (hg_resolve_ask(r, "headgate-source-railway", request, &answer) < 0)
        return -1;
    HG_AUTO(hg_freep) char *label = railway_label(s, answer);
    take_variables(r, answer, label);
    drop_sealed(r, answer, label);
    ssh_command(r, answer);
    const char *environment = hg_member(json_object_get(answer, "environment"), "name");
    r->pull_request = r->pull_request || hg_resolve_pr_environment(environment);
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(answer, "dropped"), i, name)
        if (json_is_string(name))
            hg_resolve_left_out(r, json_string_value(name), label);
    json_t *routes = json_object_get(answer, "routes");
    if (json_is_array(routes)) {
        json_decref(r->routes);
        r->routes = json_incref(routes);
    }
    return 0;
}

/* ---- dotenv, container, process --------------------------------------------------------------------- */

/* Beside `process` a dotenv file is what a developer's machine has and a container or a CI job has
 * not; as the only place to look it must be there. */
static bool may_be_missing(const struct hg_resolving *r, const struct hg_source *s)
{
    return (s->optional || r->process_listed) && access(s->path, F_OK) != 0 && errno == ENOENT;
}

static int from_dotenv(struct hg_resolving *r, const struct hg_source *s)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    if (may_be_missing(r, s)) {
        hg_log(s->optional ? HG_LOG_DEBUG : HG_LOG_INFO,
               "%s is not there; the process environment goes without it", s->file);
        return 0;
    }
    if (hg_file_read(s->path, HG_DOTENV_FILE_MAX, &text, r->err) < 0)
        return errno == ENOENT ? hg_hint(r->err, "write it, or mark the source `optional: true`") : -1;
    HG_AUTO(hg_vars_done) struct hg_vars found = HG_VARS_INIT;
    HG_AUTO(hg_dotenv_notes_done) struct hg_dotenv_notes dropped = HG_DOTENV_NOTES_INIT;
    if (hg_dotenv_parse(hg_buf_str(&text), text.len, s->file, s->dialect, &r->t->vars, &found,
                        &dropped, r->err) < 0)
        return -1;
    for (size_t i = 0; i < dropped.count; i++)
        hg_strv_addf(&r->t->warnings, "%s:%zu: this line sets nothing: %s (dialect %s)", s->file,
                     dropped.items[i].line, dropped.items[i].text,
                     hg_dotenv_dialect_name(s->dialect));
    for (size_t i = 0; i < found.count; i++) {
        const struct hg_var *v = &found.items[i], *have = hg_vars_find(&r->t->vars, v->name);
        /* Its owners' convention: what the process already has stays. */
        if (!s->override && have && hg_streq(have->source, "process"))
            continue;
        hg_vars_set(&r->t->vars, v->name, v->value, v->source);
    }
    return 0;
}

static int from_container(struct hg_resolving *r, const struct hg_source *s)
{
    HG_AUTO(hg_decrefp) json_t *request = json_object();
    set_text(request, "container", s->container);
    json_object_set_new(request, "hosts", json_array());
    HG_AUTO(hg_decrefp) json_t *answer = NULL;
    if (hg_resolve_ask(r, "headgate-source-container", request, &answer) < 0)
        return -1;
    HG_AUTO(hg_freep) char *label = hg_source_shown(s);
    /* Its PATH and HOME are those of another machine. */
    const char *const keep[] = { "PATH", "HOME", "HOSTNAME", "PWD" };
    for (size_t i = 0; i < HG_COUNT(keep); i++)
        json_object_del(json_object_get(answer, "variables"), keep[i]);
    json_t *variables = json_object_get(answer, "variables");
    const char *name;
    void *next;
    json_t *value;
    /* The migrator that runs in the container has it anyway. */
    bool there = r->in->strict && r->t->t->run == HG_RUN_CONTAINER;
    json_object_foreach_safe(variables, next, name, value)
        if (!r->in->allow_exec_names && hg_var_name_executes(name)) {
            if (!there)
                hg_resolve_left_out(r, name, label);
            json_object_del(variables, name);
        }
    take_variables(r, answer, label);
    return 0;
}

static void from_process(struct hg_resolving *r)
{
    const struct hg_vars *o = &r->t->original;
    for (size_t i = 0; i < o->count && !r->in->clean; i++)
        hg_vars_set(&r->t->vars, o->items[i].name, o->items[i].value, "process");
}

int hg_resolve_sources(struct hg_resolving *r)
{
    const struct hg_target_config *t = r->t->t;
    for (size_t i = 0; i < t->source_count; i++) {
        const struct hg_source *s = &t->sources[i];
        int rc = 0;
        switch (s->kind) {
        case HG_SOURCE_PROCESS:
            from_process(r);
            break;
        case HG_SOURCE_DOTENV:
            rc = from_dotenv(r, s);
            break;
        case HG_SOURCE_RAILWAY:
            rc = from_railway(r, s);
            break;
        case HG_SOURCE_CONTAINER:
            rc = from_container(r, s);
            break;
        case HG_SOURCE_COMMAND:
            rc = hg_resolve_command(r, s);
            break;
        }
        if (rc < 0)
            return hg_wrap(r->err, "target %s", t->name);
        if (rc > 0)
            return rc;
    }
    return 0;
}
