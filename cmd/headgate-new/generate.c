/* SPDX-License-Identifier: Apache-2.0 */
/* Runs `alembic revision` where the target's migrator runs, and brings the file home. */
#include "new.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "docker/docker.h"
#include "gen/alembic_embed.h"
#include "gen/review_embed.h"
#include "process/process.h"

/* Loading a large application's models and comparing a large schema takes its time. */
#define GENERATE_TIMEOUT_NS (10 * 60 * HG_NS_PER_S)
#define OUTPUT_MAX          ((size_t)32 << 20)

static const char REMOVE[] = "import os\n"
                             "if os.path.exists(SPEC['file']): os.remove(SPEC['file'])\n";
static const char *const PYTHONS[] = { HG_ALEMBIC_PYTHONS };

/* What a run printed. */
struct output {
    struct hg_buf out, err;
    int code;
};

static void output_done(struct output *x)
{
    hg_buf_done(&x->out);
    hg_buf_done(&x->err);
}

static bool elsewhere(const struct project *p)
{
    return p->target.t->run != HG_RUN_HOST;
}

static void alembic_arguments(const struct project *p, const struct hg_strv *extra,
                              struct hg_strv *ret)
{
    const struct new_options *o = p->o;
    hg_strv_add(ret, "-c");
    /* Elsewhere the working directory is the one that has it, as for `docker exec … alembic`. */
    hg_strv_add(ret, elsewhere(p) ? hg_path_base(p->alembic.file) : p->alembic.file);
    if (!hg_streq(p->alembic.section, "alembic")) {
        hg_strv_add(ret, "-n");
        hg_strv_add(ret, p->alembic.section);
    }
    for (size_t i = 0; i < o->common.x.count; i++) {
        hg_strv_add(ret, "-x");
        hg_strv_add(ret, o->common.x.items[i]);
    }
    hg_strv_addv(ret, &p->target.t->migrator_args);
    hg_strv_add(ret, "revision");
    if (!o->manual)
        hg_strv_add(ret, "--autogenerate");
    if (o->head != NULL)
        hg_strv_addf(ret, "--head=%s", o->head);
    hg_strv_addf(ret, "--message=%s", o->message);
    hg_strv_addv(ret, extra);
}

static int run_here(struct project *p, const char *program, struct output *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *python = NULL;
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    const char *path = hg_vars_get(&p->target.vars, "PATH");
    if (hg_alembic_python(p->alembic.dir, path, &python, err) < 0)
        return -1;
    hg_strv_add(&argv, python);
    hg_strv_add(&argv, "-");
    char **envp = hg_vars_envp(&p->target.vars);
    struct hg_process_run spec = { .argv = argv.items, .envp = envp, .dir = p->alembic.dir,
                                   .input = program, .input_len = strlen(program),
                                   .timeout_ns = GENERATE_TIMEOUT_NS, .max_output = OUTPUT_MAX };
    struct hg_exit_status status = { 0 };
    int rc = hg_process_run(&spec, &status, &ret->out, &ret->err, err);
    hg_vars_free_envp(envp);
    ret->code = rc == 0 ? hg_exit_status_code(&status) : 0;
    return rc;
}

/* The command itself has the environment that headgate was started with; what the target lists crosses
 * in the program. */
static int run_behind(struct project *p, const char *program, struct output *ret, struct hg_err *err)
{
    struct hg_alembic_behind spec = { .command = &p->target.t->run_command, .vars = &p->target.original,
                                      .dir = p->alembic.dir, .program = program,
                                      .timeout_ns = GENERATE_TIMEOUT_NS, .max_output = OUTPUT_MAX };
    return hg_alembic_run_behind(&spec, &ret->code, &ret->out, &ret->err, err);
}

static void collect(void *context, int stream, const char *data, size_t len)
{
    struct output *x = context;
    struct hg_buf *b = stream == 1 ? &x->out : &x->err;
    b->max = OUTPUT_MAX;
    hg_buf_add(b, data, len);
}

static int exec_python(struct hg_docker *d, const struct hg_container *c, const char *python,
                       const char *program, struct output *ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    struct hg_docker_exec_result done = { 0 };
    hg_strv_add(&argv, python);
    hg_strv_add(&argv, "-");
    struct hg_docker_exec spec = { .container = c->id, .argv = argv.items, .input = program,
                                   .input_len = strlen(program), .sink = collect, .context = ret,
                                   .max_runtime_ns = GENERATE_TIMEOUT_NS };
    if (hg_docker_exec(d, &spec, &done, err) < 0)
        return -1;
    if (done.timed_out)
        return hg_fail(err, HG_E_TIMEOUT, "Alembic did not end in container %s", c->name);
    ret->code = done.code;
    return 0;
}

/* The program runs with the environment of the container, as every command of its users does. */
static int run_inside(struct project *p, const char *program, struct output *ret, struct hg_err *err)
{
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    struct hg_container c = HG_CONTAINER_INIT;
    if (hg_docker_open(NULL, p->o->common.timeout_ns, &d, err) < 0 ||
        hg_docker_find(d, p->target.t->run_container, &c, err) < 0)
        return -1;
    int rc = hg_container_ready(&c, err);
    for (size_t i = 0; rc == 0 && i < HG_COUNT(PYTHONS); i++) {
        rc = exec_python(d, &c, PYTHONS[i], program, ret, err);
        if (rc == 0 || err->exit_code != HG_EXIT_NOT_FOUND)
            break;
        rc = i + 1 < HG_COUNT(PYTHONS) ? 0 : -1;
    }
    if (rc < 0 && err->kind == HG_E_DOCKER)
        err->exit_code = 0; /* 126 and 127 are about what the user typed */
    hg_container_done(&c);
    return rc;
}

/* Where the target's migrator runs. Takes spec. */
static int run_there(struct project *p, json_t *spec, const char *text, struct output *ret, struct hg_err *err)
{
    enum hg_run_kind kind = p->target.t->run;
    if (kind == HG_RUN_COMMAND)
        json_object_set_new(spec, "environment", hg_target_crossing_json(&p->target.vars));
    char *program = hg_alembic_program(spec, text);
    json_decref(spec);
    if (kind != HG_RUN_HOST)
        program = hg_alembic_far_program(program);
    int rc = kind == HG_RUN_CONTAINER ? run_inside(p, program, ret, err)
             : kind == HG_RUN_COMMAND ? run_behind(p, program, ret, err)
                                      : run_here(p, program, ret, err);
    explicit_bzero(program, strlen(program));
    free(program);
    return rc;
}

/* Where a file of the container belongs here: at the same place below the project's folder. */
static char *home_of(const struct project *p, const char *relative)
{
    bool outside = hg_starts_with(relative, "../") || relative[0] == '/';
    if (!outside)
        return hg_path_join(p->alembic.dir, relative);
    const char *versions = p->alembic.version_locations.count > 0
                               ? p->alembic.version_locations.items[0]
                               : p->alembic.script_location;
    return hg_path_join(versions, hg_path_base(relative));
}

/* A file written inside may lie here already (a mounted folder), then perhaps as another user's;
 * writing it anew makes it the caller's, whose folder it is. */
static int bring_home(const char *file, const char *text, struct hg_err *err)
{
    struct stat st;
    if (stat(file, &st) == 0 && st.st_uid == geteuid())
        return 0;
    return hg_file_write(file, 0644, text, strlen(text), err);
}

/* The line of JSON that generate.py ends with; a command may have said something before. NULL: there is none. */
static json_t *answer_of(struct hg_buf *text)
{
    hg_buf_trim_end(text, "\n");
    const char *all = hg_buf_str(text), *line = strrchr(all, '\n');
    return json_loads(line ? line + 1 : all, JSON_REJECT_DUPLICATES, NULL);
}

static int read_answer(struct project *p, struct hg_buf *text, struct made *ret, struct hg_err *err)
{
    json_auto_t *answer = answer_of(text);
    const json_t *file = json_array_get(json_object_get(answer, "files"), 0);
    const char *path = json_string_value(json_object_get(file, "path"));
    const char *relative = json_string_value(json_object_get(file, "relative"));
    const char *content = json_string_value(json_object_get(file, "text"));
    if (path == NULL || relative == NULL || content == NULL)
        return hg_fail(err, HG_E_REFUSED,
                       "Alembic made no revision file: there is nothing to generate, or env.py's "
                       "process_revision_directives left it out");
    if (!elsewhere(p)) {
        ret->file = hg_xstrdup(path);
        return 0;
    }
    HG_AUTO(hg_freep) char *home = home_of(p, relative);
    if (bring_home(home, content, err) < 0)
        return -1;
    ret->file = HG_TAKE(home);
    ret->inside = hg_xstrdup(path);
    return 0;
}

/* The exception, or Alembic's own last words, without its progress lines, as the detail of the error. */
static int fail_alembic(struct output *x, struct hg_err *err)
{
    (void)hg_fail(err, HG_E_REFUSED, "alembic revision ended with exit code %d", x->code);
    json_auto_t *answer = answer_of(&x->out);
    const char *failed = json_string_value(json_object_get(answer, "failed"));
    if (failed) {
        HG_AUTO(hg_freep) char *exception = hg_printable(failed, 1000);
        return hg_detail(err, "%s", exception);
    }
    const char *text = hg_buf_str(&x->err);
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    size_t start = len;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    HG_AUTO(hg_freep) char *last = hg_xstrndup(text + start, len - start);
    HG_AUTO(hg_freep) char *shown = hg_printable(last, 1000);
    return *shown != '\0' ? hg_detail(err, "%s", shown) : -1;
}

/* What Alembic printed goes on to stderr; under -q only when it failed. */
static void relay(const struct project *p, const struct output *x)
{
    if (p->o->common.quiet && x->code == 0)
        return;
    HG_AUTO(hg_freep) char *masked = hg_log_filtered(hg_buf_str(&x->err));
    (void)hg_write_all(STDERR_FILENO, masked, strlen(masked));
}

int generate(struct project *p, const struct hg_strv *extra, struct made *ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv arguments = HG_STRV_INIT;
    HG_AUTO(output_done) struct output x = { HG_BUF_INIT, HG_BUF_INIT, 0 };
    alembic_arguments(p, extra, &arguments);
    HG_AUTO(hg_freep) char *text = hg_xasprintf("%s\n%s\n%s", hg_py_alembic_source, hg_py_alembic_failure,
                                                hg_py_review_generate);
    json_t *spec = json_pack("{s:o, s:b}", "argv", hg_json_texts(&arguments), "verbose", p->o->common.verbose > 0);
    if (run_there(p, spec, text, &x, err) < 0)
        return -1;
    relay(p, &x);
    if (x.code != 0)
        return fail_alembic(&x, err);
    return read_answer(p, &x.out, ret, err);
}

int made_remove(struct project *p, const struct made *m, struct hg_err *err)
{
    if (unlink(m->file) < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "removing %s", m->file);
    if (m->inside == NULL)
        return 0;
    HG_AUTO(output_done) struct output x = { HG_BUF_INIT, HG_BUF_INIT, 0 };
    if (run_there(p, json_pack("{s:o}", "file", hg_json_text(m->inside)), REMOVE, &x, err) < 0)
        return -1;
    if (x.code == 0)
        return 0;
    bool command = p->target.t->run == HG_RUN_COMMAND;
    return hg_fail(err, command ? HG_E_NETWORK : HG_E_DOCKER, "%s cannot be removed %s %s", m->inside,
                   command ? "behind" : "in container",
                   command ? p->target.t->run_command.items[0] : p->target.t->run_container);
}

void made_done(struct made *m)
{
    hg_freep(&m->file);
    hg_freep(&m->inside);
}
