/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQL of revisions, as the project's own Alembic renders it offline (py/render.py), in an
 * environment without the target's secrets. Two processes render it: what they do not write alike
 * (a UUID, the time, the order of a set) is made anew whenever it runs, and is not shown.
 */
#include "internal.h"

#include <pthread.h>

#include "gen/plan_embed.h"
#include "process/process.h"

#define RENDER_NS   (60 * HG_NS_PER_S)
#define GRACE_NS    (5 * HG_NS_PER_S) /* render.py ends itself in time, with what it has */
#define ANSWERS_MAX ((size_t)64 << 20)

struct rendering {
    char **argv, **envp;
    const char *dir, *program;
    int64_t timeout_ns;
    struct hg_buf out;
    struct hg_err err;
    int rc, code;
    json_t *answers;            /* by revision */
    char *fatal;
};

/* ---- the question --------------------------------------------------------------------------- */

static bool wanted_shape(const char *value)
{
    static const char *const SAME[] = { "true", "false", "True", "False", "on", "off", "yes", "no" };
    for (size_t i = 0; i < HG_COUNT(SAME); i++)
        if (strcmp(value, SAME[i]) == 0)
            return true;
    return false;
}

/* Variables that only the target's sources have: render.py gives them a value that says nothing. A
 * switch keeps its own, a number becomes another one, because a program may insist on either. */
static json_t *names_of(const struct hg_target *t, char *const *plain)
{
    json_t *names = json_object();
    for (size_t i = 0; i < t->vars.count; i++) {
        const struct hg_var *v = &t->vars.items[i];
        size_t len = strlen(v->name);
        bool known = hg_starts_with(v->name, "HEADGATE_");
        for (char *const *p = plain; *p && !known; p++)
            known = strncmp(*p, v->name, len) == 0 && (*p)[len] == '=';
        bool number = *v->value && strspn(v->value, "0123456789") == strlen(v->value);
        const char *shape = wanted_shape(v->value) ? v->value
                            : number && !hg_ends_with(v->name, "PORT") ? "1" : "";
        if (!known)
            json_object_set_new(names, v->name, json_string(shape));
    }
    return names;
}

/* "postgresql+asyncpg" of the target's address: how this project spells its driver. */
static json_t *scheme_of(const struct hg_target *t)
{
    const char *end = t->url ? strstr(t->url, "://") : NULL;
    return end ? json_stringn(t->url, (size_t)(end - t->url)) : json_null();
}

static void add_words(json_t *argv, const struct hg_plan_input *in)
{
    for (size_t i = 0; i < in->target->t->migrator_args.count; i++)
        json_array_append_new(argv, hg_json_text(in->target->t->migrator_args.items[i]));
    for (size_t i = 0; in->x && i < in->x->count; i++) {
        json_array_append_new(argv, json_string("-x"));
        json_array_append_new(argv, hg_json_text(in->x->items[i]));
    }
}

static json_t *words_of(const struct hg_plan_input *in, bool flask)
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
    add_words(argv, in);
    if (!flask)
        json_array_append_new(argv, json_string("upgrade"));
    json_array_append_new(argv, json_string("--sql"));
    json_array_append_new(argv, json_string("heads"));
    return argv;
}

static char *program_of(const struct hg_plan_input *in, const struct hg_revlist *steps,
                        char *const *plain, bool flask, int64_t timeout_ns)
{
    json_t *revisions = json_array();
    for (size_t i = 0; i < steps->count; i++)
        json_array_append_new(revisions, json_string(steps->items[i]->id));
    json_t *spec = json_pack("{so sb so so so so sf}", "argv", words_of(in, flask), "flask", flask,
                             "names", names_of(in->target, plain), "scheme", scheme_of(in->target),
                             "revisions", revisions, "rows", hg_json_texts(&in->status->judged), "seconds",
                             (double)timeout_ns / (double)HG_NS_PER_S);
    if (!spec)
        HG_BUG("the specification of a rendering");
    char *program = hg_alembic_program(spec, hg_py_plan_render);
    json_decref(spec);
    return program;
}

/* ---- asking ------------------------------------------------------------------------------------ */

static void *ask(void *rendering)
{
    struct rendering *r = rendering;
    struct hg_exit_status status = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf said = HG_BUF_INIT;
    struct hg_process_run spec = { .argv = r->argv, .envp = r->envp, .dir = r->dir,
                                   .input = r->program, .input_len = strlen(r->program),
                                   .timeout_ns = r->timeout_ns + GRACE_NS, .max_output = ANSWERS_MAX };
    r->rc = hg_process_run(&spec, &status, &r->out, &said, &r->err);
    r->code = hg_exit_status_code(&status);
    if (r->rc == 0 && r->code != 0)
        hg_log(HG_LOG_INFO, "rendering ended with exit code %d: %s", r->code, hg_buf_str(&said));
    return NULL;
}

static void take_line(struct rendering *r, json_t *answer, bool *ret_done)
{
    const char *revision = json_string_value(json_object_get(answer, "revision"));
    const char *fatal = json_string_value(json_object_get(answer, "fatal"));
    if (revision && (json_is_array(json_object_get(answer, "sql")) ||
                     json_is_string(json_object_get(answer, "reason"))))
        json_object_set(r->answers, revision, answer);
    if (fatal && !r->fatal)
        r->fatal = hg_xstrdup(fatal);
    *ret_done = *ret_done || json_is_true(json_object_get(answer, "done"));
}

static void read_answers(struct rendering *r)
{
    bool done = false;
    r->answers = json_object();
    for (const char *line = hg_buf_str(&r->out); *line;) {
        size_t len = strcspn(line, "\n");
        json_t *answer = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_object(answer))
            take_line(r, answer, &done);
        json_decref(answer);
        line += len + (line[len] == '\n');
    }
    if (r->rc < 0 && !r->fatal)
        r->fatal = hg_xstrdup(r->err.message);
    if (!done && !r->fatal)
        r->fatal = r->code ? hg_xasprintf("Alembic ended with exit code %d", r->code)
                           : hg_xstrdup("env.py did not run the migrations");
}

static void rendering_done(struct rendering *r)
{
    hg_vars_free_envp(r->envp);
    hg_buf_done(&r->out);
    json_decref(r->answers);
    hg_freep(&r->fatal);
}

/* Two at once, one on a thread of its own. */
static void ask_both(struct rendering both[2])
{
    pthread_t thread;
    bool threaded = pthread_create(&thread, NULL, ask, &both[1]) == 0;
    (void)ask(&both[0]);
    if (threaded)
        (void)pthread_join(thread, NULL);
    else
        (void)ask(&both[1]);
    read_answers(&both[0]);
    read_answers(&both[1]);
}

/* ---- the answer ---------------------------------------------------------------------------------- */

static json_t *no_sql(const char *reason)
{
    return json_pack("{so}", "reason", hg_json_text(reason));
}

static json_t *agreed(const struct rendering both[2], const char *revision)
{
    json_t *a = json_object_get(both[0].answers, revision);
    json_t *b = json_object_get(both[1].answers, revision);
    const char *fatal = both[0].fatal ? both[0].fatal : both[1].fatal;
    if (!a || !b)
        return no_sql(fatal ? fatal : "it was not reached");
    json_t *sql_a = json_object_get(a, "sql"), *sql_b = json_object_get(b, "sql");
    if (sql_a && sql_b && json_equal(sql_a, sql_b))
        return json_pack("{sO}", "sql", sql_a);
    if (sql_a || sql_b)
        return no_sql("Python makes values in it anew each time it runs (a UUID, the time, an order)");
    const char *reason = json_string_value(json_object_get(a, "reason"));
    const char *other = json_string_value(json_object_get(b, "reason"));
    return no_sql(hg_streq(reason, other) ? reason : "without a database it fails");
}

static json_t *for_all(const struct hg_revlist *steps, const char *reason)
{
    json_t *all = json_object();
    for (size_t i = 0; i < steps->count; i++)
        json_object_set_new(all, steps->items[i]->id, no_sql(reason));
    return all;
}

static char **with_seed(char *const *plain, const char *seed)
{
    HG_AUTO(hg_vars_done) struct hg_vars vars = HG_VARS_INIT;
    hg_vars_from_environ(&vars, (char **)(uintptr_t)plain, "process");
    hg_vars_set(&vars, "PYTHONHASHSEED", seed, "headgate");
    hg_vars_set(&vars, "PYTHONDONTWRITEBYTECODE", "1", "headgate");
    return hg_vars_envp(&vars);
}

json_t *hg_plan_render(const struct hg_plan_input *in, const struct hg_revlist *steps)
{
    HG_AUTO(hg_freep) char *python = NULL;
    struct hg_err err = { 0 };
    if (!steps->count)
        return json_object();
    if (in->no_python)
        return for_all(steps, "Python was not started (--no-python)");
    const char *path = hg_vars_get(&in->target->original, "PATH");
    if (hg_alembic_python(in->alembic->dir, path, &python, &err) < 0)
        return for_all(steps, "no Python with Alembic was found here");
    int64_t timeout_ns = in->timeout_ns ? in->timeout_ns : RENDER_NS;
    char **plain = hg_target_plain_envp(in->target);
    bool flask = hg_alembic_needs_flask(in->alembic);
    HG_AUTO(hg_freep) char *program = program_of(in, steps, plain, flask, timeout_ns);
    HG_AUTO(hg_freep) char *above = hg_path_dir(in->alembic->script_location);
    char dash[] = "-";
    char *argv[] = { python, dash, NULL };
    struct rendering both[2] = { { .envp = with_seed(plain, "0") }, { .envp = with_seed(plain, "1") } };
    for (size_t i = 0; i < HG_COUNT(both); i++) {
        both[i].argv = argv;
        both[i].dir = flask ? above : in->alembic->dir;
        both[i].program = program;
        both[i].timeout_ns = timeout_ns;
    }
    ask_both(both);
    json_t *all = json_object();
    for (size_t i = 0; i < steps->count; i++)
        json_object_set_new(all, steps->items[i]->id, agreed(both, steps->items[i]->id));
    for (size_t i = 0; i < HG_COUNT(both); i++)
        rendering_done(&both[i]);
    hg_vars_free_envp(plain);
    return all;
}
