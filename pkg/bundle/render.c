/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "env/env.h"
#include "finding/finding.h"
#include "gen/alembic_embed.h"
#include "gen/bundle_embed.h"
#include "process/process.h"

#define GRACE_NS    (5 * HG_NS_PER_S) /* render.py ends itself in time, with what it has */
#define ANSWERS_MAX ((size_t)256 << 20)

struct rendering {
    char **argv, **envp;
    const char *dir, *program;
    int64_t timeout_ns;
    struct hg_buf out;
    struct hg_err err;
    int rc, code;
    struct hg_rendered *ret;
};

/* ---- the question --------------------------------------------------------------------------- */

static json_t *words_of(const struct hg_render *in, bool flask)
{
    const struct hg_alembic_config *a = in->alembic;
    const char *file = hg_path_base(a->file);
    json_t *argv = flask ? json_pack("[s, s, s, s]", "db", "upgrade", "-d", a->script_location)
                         : json_array();
    if (!flask && !hg_streq(file, "alembic.ini") && !hg_streq(file, "pyproject.toml")) {
        json_array_append_new(argv, json_string("-c")); /* else it looks there itself */
        json_array_append_new(argv, hg_json_text(file));
    }
    if (!flask && a->section && !hg_streq(a->section, "alembic")) {
        json_array_append_new(argv, json_string("-n"));
        json_array_append_new(argv, json_string(a->section));
    }
    for (size_t i = 0; i < in->words->count; i++)
        json_array_append_new(argv, hg_json_text(in->words->items[i]));
    if (!flask)
        json_array_append_new(argv, json_string("upgrade"));
    json_array_append_new(argv, json_string("--sql"));
    json_array_append_new(argv, json_string("heads"));
    return argv;
}

static char *program_of(const struct hg_render *in, const char *instead, bool flask)
{
    static const struct hg_strv NO_ROWS = HG_STRV_INIT;
    json_t *revisions = json_array();
    for (size_t i = 0; i < in->count; i++)
        json_array_append_new(revisions, json_string(in->revisions[i]));
    json_t *spec = json_pack("{so sb sO ss? so so sf sb ss?}", "argv", words_of(in, flask), "flask", flask,
                             "names", in->names, "scheme", in->scheme, "revisions", revisions, "rows",
                             hg_json_texts(in->rows ? in->rows : &NO_ROWS), "seconds",
                             (double)in->timeout_ns / (double)HG_NS_PER_S, "bundle", in->bundle, "instead",
                             instead);
    if (!spec)
        HG_BUG("the specification of a rendering");
    HG_AUTO(hg_freep) char *text = hg_xasprintf("%s\n%s\n%s\n%s", hg_py_alembic_source,
                                                hg_py_bundle_render, instead ? hg_py_bundle_online : "",
                                                hg_py_bundle_start);
    char *program = hg_alembic_program(spec, text);
    json_decref(spec);
    return program;
}

/* ---- asking ------------------------------------------------------------------------------------ */

static void *ask(void *rendering)
{
    struct rendering *r = rendering;
    struct hg_exit_status status = { 0 };
    struct hg_process_run spec = { .argv = r->argv, .envp = r->envp, .dir = r->dir,
                                   .input = r->program, .input_len = strlen(r->program),
                                   .timeout_ns = r->timeout_ns + GRACE_NS, .max_output = ANSWERS_MAX };
    r->rc = hg_process_run(&spec, &status, &r->out, &r->ret->said, &r->err);
    r->code = hg_exit_status_code(&status);
    if (r->rc == 0 && r->code != 0)
        hg_log(HG_LOG_INFO, "rendering ended with exit code %d: %s", r->code,
               hg_buf_str(&r->ret->said));
    return NULL;
}

static void take_line(struct hg_rendered *r, json_t *answer, bool *ret_done)
{
    const char *revision = hg_jget(answer, "revision");
    const char *fatal = hg_jget(answer, "fatal");
    if (revision && (json_is_array(json_object_get(answer, "sql")) ||
                     json_is_string(json_object_get(answer, "reason"))))
        json_object_set(hg_streq(hg_jget(answer, "direction"), "down") ? r->down : r->up, revision,
                        answer);
    if (json_is_object(json_object_get(answer, "settings")) && !r->settings)
        r->settings = json_incref(answer);
    if (fatal && !r->fatal)
        r->fatal = hg_xstrdup(fatal);
    *ret_done = *ret_done || json_is_true(json_object_get(answer, "done"));
}

static void read_answers(struct rendering *r)
{
    bool done = false;
    r->ret->up = json_object();
    r->ret->down = json_object();
    for (const char *line = hg_buf_str(&r->out); *line;) {
        size_t len = strcspn(line, "\n");
        json_t *answer = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        if (json_is_object(answer))
            take_line(r->ret, answer, &done);
        json_decref(answer);
        line += len + (line[len] == '\n');
    }
    if (r->rc < 0 && !r->ret->fatal)
        r->ret->fatal = hg_xstrdup(r->err.message);
    if (!done && !r->ret->fatal)
        r->ret->fatal = r->code ? hg_xasprintf("Alembic ended with exit code %d", r->code)
                                : hg_xstrdup("env.py did not run the migrations");
}

/* Two at once, one on a thread of its own. */
static void ask_at_once(struct rendering *both, size_t processes)
{
    pthread_t thread;
    bool threaded = processes > 1 && pthread_create(&thread, NULL, ask, &both[1]) == 0;
    (void)ask(&both[0]);
    if (threaded)
        (void)pthread_join(thread, NULL);
    else if (processes > 1)
        (void)ask(&both[1]);
    for (size_t i = 0; i < processes; i++)
        read_answers(&both[i]);
}

static char **with_seed(char *const *plain, const char *seed)
{
    HG_AUTO(hg_vars_done) struct hg_vars vars = HG_VARS_INIT;
    hg_vars_from_environ(&vars, (char **)(uintptr_t)plain, "process");
    hg_vars_set(&vars, "PYTHONHASHSEED", seed, "headgate");
    hg_vars_set(&vars, "PYTHONDONTWRITEBYTECODE", "1", "headgate");
    return hg_vars_envp(&vars);
}

int hg_render(const struct hg_render *in, struct hg_rendered *ret, size_t processes, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *python = NULL;
    if (hg_alembic_python(in->alembic->dir, in->path, &python, err) < 0)
        return -1;
    bool flask = hg_alembic_needs_flask(in->alembic);
    HG_AUTO(hg_freep) char *program = program_of(in, NULL, flask);
    HG_AUTO(hg_freep) char *above = hg_path_dir(in->alembic->script_location);
    char dash[] = "-";
    char *argv[] = { python, dash, NULL };
    static const char *const SEEDS[] = { "0", "1" };
    struct rendering both[HG_COUNT(SEEDS)] = { 0 };
    for (size_t i = 0; i < processes; i++) {
        both[i].envp = with_seed(in->plain, SEEDS[i]);
        both[i].argv = argv;
        both[i].dir = flask ? above : in->alembic->dir;
        both[i].program = program;
        both[i].timeout_ns = in->timeout_ns;
        both[i].ret = &ret[i];
        ret[i] = (struct hg_rendered){ .said = HG_BUF_INIT };
    }
    ask_at_once(both, processes);
    for (size_t i = 0; i < processes; i++) {
        hg_vars_free_envp(both[i].envp);
        hg_buf_done(&both[i].out);
    }
    return 0;
}

void hg_rendered_done(struct hg_rendered *r)
{
    json_decref(r->up);
    json_decref(r->down);
    json_decref(r->settings);
    hg_freep(&r->fatal);
    hg_buf_done(&r->said);
}

int hg_render_online(const struct hg_render *in, const char *instead, struct hg_online *ret,
                     struct hg_err *err)
{
    char *python = NULL;
    if (hg_alembic_python(in->alembic->dir, in->path, &python, err) < 0)
        return -1;
    bool flask = hg_alembic_needs_flask(in->alembic);
    *ret = (struct hg_online){ .python = python, .program = program_of(in, instead, flask),
                               .envp = with_seed(in->plain, "0"),
                               .dir = flask ? hg_path_dir(in->alembic->script_location)
                                            : hg_xstrdup(in->alembic->dir) };
    return 0;
}

void hg_online_done(struct hg_online *o)
{
    hg_freep(&o->python);
    hg_freep(&o->program);
    hg_freep(&o->dir);
    if (o->envp)
        hg_vars_free_envp(o->envp);
    o->envp = NULL;
}
