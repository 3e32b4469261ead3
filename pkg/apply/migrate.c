/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/process.h"

/* A migrator that was told to end and does not (it is stopped, or hangs in a driver) is killed after this. */
#define END_GRACE_NS (3 * HG_NS_PER_S)
#define PLAIN_ARG   "import sys; from alembic.config import main; main(prog='alembic')"

int64_t hg_run_max_runtime(const struct hg_run *r)
{
    return r->o->max_runtime_ns ? r->o->max_runtime_ns : r->target.t->max_runtime_ns;
}

static void emit_output(struct hg_run *r, int stream, const char *data, size_t len)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    if (!len)
        return;
    hg_utf8_add(&text, data, len);
    json_t *event = hg_event("output");
    json_object_set_new(event, "stream", json_string(stream == 1 ? "stdout" : "stderr"));
    json_object_set_new(event, "text", json_string(hg_buf_str(&text)));
    hg_emit(r, event);
}

/* What is read from a pipe may end within a character. */
void hg_run_output(void *run, int stream, const char *data, size_t len)
{
    struct hg_run *r = run;
    struct hg_begun *begun = &r->begun[stream == 1];
    HG_AUTO(hg_buf_done) struct hg_buf all = HG_BUF_INIT;
    hg_buf_add(&all, begun->bytes, begun->len);
    hg_buf_add(&all, data, len);
    begun->len = hg_utf8_unfinished(hg_buf_str(&all), all.len);
    size_t whole = all.len - begun->len;
    memcpy(begun->bytes, hg_buf_str(&all) + whole, begun->len);
    emit_output(r, stream, hg_buf_str(&all), whole);
}

void hg_run_output_end(struct hg_run *r)
{
    for (int stream = 1; stream <= 2; stream++) {
        struct hg_begun *begun = &r->begun[stream == 1];
        emit_output(r, stream, begun->bytes, begun->len);
        begun->len = 0;
    }
}

/* Whoever lost the lock must not go on: another runner may hold it by now. */
static int lose_lock(struct hg_run *r)
{
    r->lock_lost = true;
    r->told_to_end_ns = hg_now_ns();
    hg_trace("lock_lost", "database", r->identity.database, NULL);
    hg_run_end_sessions(r, true);
    return SIGTERM;
}

int hg_run_signal(void *run, int number, unsigned times)
{
    struct hg_run *r = run;
    r->signal = number;
    if (times == 1) {
        json_t *event = hg_note("stopping");
        json_object_set_new(event, "signal", hg_event_text(strsignal(number)));
        hg_emit(r, event);
    }
    hg_trace("signal", "number", strsignal(number), NULL);
    hg_run_end_sessions(r, times > 1);
    return times == 1 ? SIGINT : times == 2 ? SIGTERM : SIGKILL;
}

int hg_run_tick(void *run)
{
    struct hg_run *r = run;
    int64_t max = hg_run_max_runtime(r);
    if (hg_signals_seen() && !r->signal)
        return hg_run_signal(r, hg_signals_seen(), 1);
    if (!r->lock_lost && !hg_run_lock_held(r))
        return lose_lock(r);
    if (!r->lock_lost)
        hg_run_name_step(r);
    if (max && !r->timed_out && hg_now_ns() - r->started_ns > max) {
        r->timed_out = true;
        r->told_to_end_ns = hg_now_ns();
        hg_run_end_sessions(r, false);
        return SIGINT;
    }
    if (r->told_to_end_ns && hg_now_ns() - r->told_to_end_ns > END_GRACE_NS) {
        r->told_to_end_ns = 0;
        hg_run_end_sessions(r, true);
        return SIGKILL;
    }
    int send = hg_run_breaker(r);
    hg_run_pace(r);
    if (!send)
        send = hg_run_throttled(r);
    if (!r->o->common->no_progress)
        hg_run_watch(r);
    if (r->o->tick)
        r->o->tick(r->o->context);
    return send;
}

static bool on_report(void *run, int fd)
{
    char data[8192];
    ssize_t got = read(fd, data, sizeof data);
    if (got <= 0)
        return false;
    hg_driver_feed(run, data, (size_t)got);
    return true;
}

/* The environment of the migrator: the target's. With direct_url it gets that address too. */
char **hg_run_migrator_envp(struct hg_run *r, struct hg_err *err)
{
    const struct hg_target *t = &r->target;
    if (hg_target_refresh(&r->target, r->o->common, err) < 0)
        return NULL;
    if (t->t->direct_url) {
        HG_AUTO(hg_buf_done) struct hg_buf url = HG_BUF_INIT;
        if (hg_vars_expand(&t->vars, t->t->direct_url, &url, NULL, err) < 0) {
            (void)hg_wrap(err, "direct_url");
            return NULL;
        }
        hg_vars_set(&r->target.vars, "DATABASE_URL", hg_buf_str(&url), "direct_url");
    }
    hg_vars_unset(&r->target.vars, HG_LEDGER_KEY); /* revisions must not be able to sign records */
    return hg_vars_envp(&t->vars);
}

static void build_argv(struct hg_run *r, const char *python, int program_fd, struct hg_strv *argv)
{
    hg_strv_add(argv, python);
    hg_strv_add(argv, "-c");
    if (program_fd >= 0) {
        hg_strv_addf(argv, HG_DRIVER_PROGRAM_ARG, program_fd);
        return;
    }
    hg_strv_add(argv, PLAIN_ARG);
    hg_driver_argv(r, false, argv);
}

static int supervise(struct hg_run *r, const char *python, int program_fd, int report_in,
                     int report_out, struct hg_migrated *ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    build_argv(r, python, program_fd, &argv);
    char **envp = hg_run_migrator_envp(r, err);
    if (!envp)
        return -1;
    HG_AUTO(hg_freep) char *parent = hg_path_dir(r->alembic.script_location);
    const int keep[] = { program_fd, report_out, -1 }, none[] = { -1 };
    struct hg_process_supervise spec = {
        .argv = argv.items, .envp = envp,
        .dir = hg_alembic_needs_flask(&r->alembic) ? parent : r->alembic.dir,
        .mask = r->target.mask, .sink = hg_run_output, .context = r,
        .keep_fds = program_fd >= 0 ? keep : none, .stdin_null = true, .watch_fd = report_in,
        .on_fd = on_report, .tick_ns = HG_APPLY_TICK_NS, .on_tick = hg_run_tick, .on_signal = hg_run_signal };
    struct hg_supervised done = { 0 };
    int rc = hg_process_supervise(&spec, &done, err);
    hg_vars_free_envp(envp);
    if (rc < 0)
        return -1;
    *ret = (struct hg_migrated){ .ok = !done.status.signaled && done.status.code == 0,
                                 .code = hg_exit_status_code(&done.status),
                                 .timed_out = r->timed_out,
                                 .signal = done.status.signaled ? done.status.code : 0 };
    return 0;
}

int hg_run_migrate(struct hg_run *r, struct hg_migrated *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *python = NULL;
    const char *path = hg_vars_get(&r->target.vars, "PATH");
    if (hg_alembic_python(r->alembic.dir, path, &python, err) < 0)
        return -1;
    if (hg_streq(r->target.t->driver, "plain"))
        return supervise(r, python, -1, -1, -1, ret, err);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return hg_fail_errno(err, HG_E_BUG, "pipe");
    HG_AUTO(hg_closep) int in = ends[0];
    HG_AUTO(hg_closep) int out = ends[1];
    (void)fcntl(in, F_SETFL, O_NONBLOCK); /* a grandchild may keep the other end open */
    HG_AUTO(hg_freep) char *text = hg_driver_program(r, out);
    HG_AUTO(hg_closep) int program = hg_process_memfile("headgate-driver", text, strlen(text), err);
    if (program < 0)
        return -1;
    int rc = supervise(r, python, program, in, out, ret, err);
    hg_closep(&out); /* the reports left in the pipe, to their end */
    while (rc == 0 && on_report(r, in))
        ;
    return rc;
}
