/* SPDX-License-Identifier: Apache-2.0 */
/* What env.py does, asked without migrating: the driver with look.py behind it, on a thread. */
#include "internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "docker/docker.h"
#include "gen/apply_embed.h"
#include "process/process.h"

#define LOOK_NS    (30 * HG_NS_PER_S)
#define OUTPUT_MAX ((size_t)4 << 20)
#define TAIL_BYTES 1500

static const char *const PYTHONS[] = { HG_ALEMBIC_PYTHONS };

struct hg_apply_look {
    struct hg_apply_options options;
    struct hg_run run;              /* target and alembic are borrowed but for the variables */
    char *program, *path;
    int64_t timeout_ns;
    struct hg_buf out, errors;      /* reports; what env.py itself printed */
    struct hg_err err;
    int rc;
    pthread_t thread;
};

/* ---- the program ------------------------------------------------------------------------------ */

static char *program(const struct hg_run *r, const struct hg_apply_look_options *o)
{
    const struct hg_status *s = o->status;
    bool flask = hg_alembic_needs_flask(&r->alembic);
    const char *what = !s ? "configured" : o->compare ? "compare" : "current";
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    hg_driver_command(r, flask, "current", &argv);
    json_t *spec = json_pack("{s:s, s:n, s:o, s:b, s:b}", "look", what, "fd",
                             "argv", hg_json_list(&argv), "flask", flask, "pooler",
                             hg_streq(r->target.t->pooler, "session"));
    if (!spec)
        HG_BUG("the specification of a look");
    if (s)
        json_object_set_new(spec, "identity",
                            json_pack("{s:s?, s:s?, s:s?}", "database", s->db_name, "oid", s->db_oid,
                                      "system_identifier", s->system_identifier));
    if (r->target.t->run == HG_RUN_COMMAND)
        json_object_set_new(spec, "environment", hg_target_crossing_json(&r->target.vars));
    if (o->instead)
        json_object_set_new(spec, "instead", json_string(o->instead));
    HG_AUTO(hg_freep) char *between = hg_xasprintf("%s\n%s", hg_py_apply_look, hg_py_apply_compare);
    char *text = hg_driver_text(spec, between);
    json_decref(spec);
    return r->target.t->run == HG_RUN_HOST ? text : hg_alembic_far_program(text);
}

/* ---- running it ---------------------------------------------------------------------------------- */

static int on_host(struct hg_apply_look *l)
{
    struct hg_run *r = &l->run;
    HG_AUTO(hg_freep) char *python = NULL;
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    if (hg_alembic_python(r->alembic.dir, l->path, &python, &l->err) < 0)
        return -1;
    HG_AUTO(hg_closep) int fd =
        hg_process_memfile("headgate-driver", l->program, strlen(l->program), &l->err);
    if (fd < 0)
        return -1;
    hg_strv_add(&argv, python);
    hg_strv_add(&argv, "-c");
    hg_strv_addf(&argv, HG_DRIVER_PROGRAM_ARG, fd);
    char **envp = hg_run_migrator_envp(r, &l->err);
    if (!envp)
        return -1;
    HG_AUTO(hg_freep) char *parent = hg_path_dir(r->alembic.script_location);
    const int keep[] = { fd, -1 };
    struct hg_exit_status status = { 0 };
    struct hg_process_run spec = { .argv = argv.items, .envp = envp,
                                   .dir = hg_alembic_needs_flask(&r->alembic) ? parent : r->alembic.dir,
                                   .timeout_ns = l->timeout_ns, .max_output = OUTPUT_MAX,
                                   .keep_fds = keep };
    int rc = hg_process_run(&spec, &status, &l->out, &l->errors, &l->err);
    hg_vars_free_envp(envp);
    return rc;
}

static void on_output(void *look, int stream, const char *data, size_t len)
{
    struct hg_apply_look *l = look;
    hg_buf_add(stream == 1 ? &l->out : &l->errors, data, len);
}

static int in_container(struct hg_apply_look *l)
{
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    HG_AUTO(hg_strv_done) struct hg_strv env = HG_STRV_INIT;
    HG_AUTO(hg_container_done) struct hg_container c = HG_CONTAINER_INIT;
    struct hg_docker_exec_result done = { 0 };
    if (hg_docker_open(NULL, l->timeout_ns, &d, &l->err) < 0 ||
        hg_docker_find(d, l->run.target.t->run_container, &c, &l->err) < 0 ||
        hg_container_ready(&c, &l->err) < 0)
        return -1;
    hg_target_crossing(&l->run.target.vars, &env);
    int rc = -1;
    for (size_t i = 0; i < HG_COUNT(PYTHONS); i++) {
        HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
        hg_strv_add(&argv, PYTHONS[i]);
        hg_strv_add(&argv, "-");
        struct hg_docker_exec spec = { .container = c.id, .argv = argv.items, .env = env.items,
                                       .input = l->program, .input_len = strlen(l->program),
                                       .sink = on_output, .context = l,
                                       .max_runtime_ns = l->timeout_ns };
        rc = hg_docker_exec(d, &spec, &done, &l->err);
        if (rc == 0 || l->err.exit_code != HG_EXIT_NOT_FOUND)
            break;
    }
    if (rc < 0 && l->err.kind == HG_E_DOCKER)
        l->err.exit_code = 0; /* 126 and 127 are about what the user typed */
    if (rc == 0 && done.timed_out)
        rc = hg_fail(&l->err, HG_E_TIMEOUT, "it did not end within %lld s",
                     (long long)(l->timeout_ns / HG_NS_PER_S));
    return rc;
}

/* As hg_run_migrate_behind_command: everything crosses on stdin. */
static int behind_command(struct hg_apply_look *l)
{
    const struct hg_target *t = &l->run.target;
    struct hg_alembic_behind spec = { .command = &t->t->run_command, .vars = &t->original,
                                      .dir = l->run.alembic.dir, .program = l->program,
                                      .timeout_ns = l->timeout_ns, .max_output = OUTPUT_MAX,
                                      .output_is_ours = true };
    int code = 0;
    return hg_alembic_run_behind(&spec, &code, &l->out, &l->errors, &l->err);
}

static void *work(void *look)
{
    struct hg_apply_look *l = look;
    switch (l->run.target.t->run) {
    case HG_RUN_CONTAINER:
        l->rc = in_container(l);
        break;
    case HG_RUN_COMMAND:
        l->rc = behind_command(l);
        break;
    case HG_RUN_HOST:
        l->rc = on_host(l);
        break;
    }
    return NULL;
}

/* ---- from outside ----------------------------------------------------------------------------------- */

static void look_free(struct hg_apply_look *l)
{
    if (l->program)
        explicit_bzero(l->program, strlen(l->program));
    hg_freep(&l->program);
    hg_freep(&l->path);
    hg_vars_done(&l->run.target.vars);
    hg_buf_wipe(&l->out);
    hg_buf_wipe(&l->errors);
    free(l);
}

int hg_apply_look_start(const struct hg_apply_look_options *o, struct hg_apply_look **ret,
                        struct hg_err *err)
{
    struct hg_apply_look *l = hg_xcalloc(1, sizeof *l);
    const struct hg_vars *vars = &o->target->vars;
    l->options.common = o->common;
    l->run.o = &l->options;
    l->run.target = *o->target;
    l->run.target.vars = (struct hg_vars)HG_VARS_INIT; /* a migrator's may be other ones */
    for (size_t i = 0; i < vars->count; i++)
        hg_vars_set(&l->run.target.vars, vars->items[i].name, vars->items[i].value,
                    vars->items[i].source);
    l->run.alembic = *o->alembic;
    l->path = hg_xstrdup(hg_vars_get(vars, "PATH"));
    l->timeout_ns = o->timeout_ns ? o->timeout_ns : LOOK_NS;
    l->program = program(&l->run, o);
    int failed = pthread_create(&l->thread, NULL, work, l);
    if (failed) {
        look_free(l);
        return hg_fail(err, HG_E_BUG, "cannot start a thread: %s", strerror(failed));
    }
    *ret = l;
    return 0;
}

static void take_report(json_t *all, const json_t *report)
{
    const char *event = json_string_value(json_object_get(report, "event"));
    if (!event)
        return;
    json_t *engines = json_object_get(all, "engines");
    if (hg_streq(event, "engine"))
        json_array_append(engines, (json_t *)(uintptr_t)report);
    else
        json_object_set(all, event, (json_t *)(uintptr_t)report);
}

static json_t *reports(const struct hg_apply_look *l)
{
    json_t *all = json_pack("{s:[]}", "engines");
    const char *line = hg_buf_str(&l->out);
    while (*line) {
        size_t len = strcspn(line, "\n");
        json_t *report = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_object(report))
            take_report(all, report);
        json_decref(report);
        line += len + (line[len] == '\n');
    }
    const char *said = hg_buf_str(&l->errors);
    size_t len = strlen(said);
    json_object_set_new(all, "said", hg_event_text(len > TAIL_BYTES ? said + len - TAIL_BYTES : said));
    return all;
}

int hg_apply_look_finish(struct hg_apply_look *l, json_t **ret, struct hg_err *err)
{
    (void)pthread_join(l->thread, NULL);
    int rc = l->rc;
    if (rc == 0)
        *ret = reports(l);
    else
        *err = l->err;
    look_free(l);
    return rc;
}

void hg_apply_look_drop(struct hg_apply_look *l)
{
    json_t *ignored = NULL;
    struct hg_err err = { 0 };
    if (l && hg_apply_look_finish(l, &ignored, &err) == 0)
        json_decref(ignored);
}
