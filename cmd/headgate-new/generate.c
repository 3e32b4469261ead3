/* SPDX-License-Identifier: Apache-2.0 */
/* Runs `alembic revision` on this host or in the target's container, and brings the file home. */
#include "new.h"

#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "docker/docker.h"
#include "gen/review_embed.h"
#include "process/process.h"

/* Loading a large application's models and comparing a large schema takes its time. */
#define GENERATE_TIMEOUT_NS (10 * 60 * HG_NS_PER_S)
#define OUTPUT_MAX          ((size_t)32 << 20)

static const char REMOVE[] = "import os, sys\n"
                             "if os.path.exists(sys.argv[1]): os.remove(sys.argv[1])\n";

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

static void alembic_arguments(const struct project *p, bool inside, const struct hg_strv *extra,
                              struct hg_strv *ret)
{
    const struct new_options *o = p->o;
    hg_strv_add(ret, "-c");
    /* Inside, the working directory is the one that has it, as for `docker exec … alembic`. */
    hg_strv_add(ret, inside ? hg_path_base(p->alembic.file) : p->alembic.file);
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

static int run_here(struct project *p, const struct hg_strv *arguments, struct output *ret,
                    struct hg_err *err)
{
    HG_AUTO(hg_freep) char *python = NULL;
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    const char *path = hg_vars_get(&p->target.vars, "PATH");
    if (hg_alembic_python(p->alembic.dir, path, &python, err) < 0)
        return -1;
    hg_strv_add(&argv, python);
    hg_strv_add(&argv, "-");
    hg_strv_addv(&argv, arguments);
    char **envp = hg_vars_envp(&p->target.vars);
    struct hg_process_run spec = { .argv = argv.items, .envp = envp, .dir = p->alembic.dir,
                                   .input = hg_py_review_generate,
                                   .input_len = strlen(hg_py_review_generate),
                                   .timeout_ns = GENERATE_TIMEOUT_NS, .max_output = OUTPUT_MAX };
    struct hg_exit_status status = { 0 };
    int rc = hg_process_run(&spec, &status, &ret->out, &ret->err, err);
    hg_vars_free_envp(envp);
    ret->code = rc == 0 ? hg_exit_status_code(&status) : 0;
    return rc;
}

static void collect(void *context, int stream, const char *data, size_t len)
{
    struct output *x = context;
    struct hg_buf *b = stream == 1 ? &x->out : &x->err;
    b->max = OUTPUT_MAX;
    hg_buf_add(b, data, len);
}

static int exec_python(struct hg_docker *d, const struct hg_container *c, const char *python,
                       const char *program, const struct hg_strv *arguments, struct output *ret,
                       struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    struct hg_docker_exec_result done = { 0 };
    hg_strv_add(&argv, python);
    hg_strv_add(&argv, "-");
    hg_strv_addv(&argv, arguments);
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
static int run_inside(struct project *p, const char *program, const struct hg_strv *arguments,
                      struct output *ret, struct hg_err *err)
{
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    struct hg_container c = HG_CONTAINER_INIT;
    if (hg_docker_open(NULL, p->o->common.timeout_ns, &d, err) < 0 ||
        hg_docker_find(d, p->target.t->run_container, &c, err) < 0)
        return -1;
    int rc = hg_container_ready(&c, err);
    if (rc == 0)
        rc = exec_python(d, &c, "python3", program, arguments, ret, err);
    if (rc < 0 && err->exit_code == HG_EXIT_NOT_FOUND)
        rc = exec_python(d, &c, "python", program, arguments, ret, err);
    hg_container_done(&c);
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

static int read_answer(struct project *p, const char *text, struct made *ret, struct hg_err *err)
{
    json_auto_t *answer = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *file = json_array_get(json_object_get(answer, "files"), 0);
    const char *path = json_string_value(json_object_get(file, "path"));
    const char *relative = json_string_value(json_object_get(file, "relative"));
    const char *content = json_string_value(json_object_get(file, "text"));
    if (path == NULL || relative == NULL || content == NULL)
        return hg_fail(err, HG_E_REFUSED,
                       "Alembic made no revision file: there is nothing to generate, or env.py's "
                       "process_revision_directives left it out");
    if (p->target.t->run == HG_RUN_HOST) {
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

/* Alembic's own last words, without its progress lines, as the detail of the error. */
static int fail_alembic(const struct output *x, struct hg_err *err)
{
    (void)hg_fail(err, HG_E_REFUSED, "alembic revision ended with exit code %d", x->code);
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
    bool inside = p->target.t->run == HG_RUN_CONTAINER;
    alembic_arguments(p, inside, extra, &arguments);
    int rc = inside ? run_inside(p, hg_py_review_generate, &arguments, &x, err)
                    : run_here(p, &arguments, &x, err);
    if (rc < 0)
        return -1;
    relay(p, &x);
    if (x.code != 0)
        return fail_alembic(&x, err);
    return read_answer(p, hg_buf_str(&x.out), ret, err);
}

int made_remove(struct project *p, const struct made *m, struct hg_err *err)
{
    if (unlink(m->file) < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "removing %s", m->file);
    if (m->inside == NULL)
        return 0;
    HG_AUTO(hg_strv_done) struct hg_strv arguments = HG_STRV_INIT;
    HG_AUTO(output_done) struct output x = { HG_BUF_INIT, HG_BUF_INIT, 0 };
    hg_strv_add(&arguments, m->inside);
    if (run_inside(p, REMOVE, &arguments, &x, err) < 0)
        return -1;
    return x.code == 0 ? 0 : hg_fail(err, HG_E_DOCKER, "%s cannot be removed in container %s",
                                     m->inside, p->target.t->run_container);
}

void made_done(struct made *m)
{
    hg_freep(&m->file);
    hg_freep(&m->inside);
}
