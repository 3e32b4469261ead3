/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "docker/docker.h"
#include "gen/apply_embed.h"

/* Stdout carries the driver's reports: it gave its own stdout away before Alembic started. */
void hg_run_far_output(void *run, int stream, const char *data, size_t len)
{
    if (stream == 1)
        hg_driver_feed(run, data, len);
    else
        hg_run_output(run, stream, data, len);
}

static int exec_driver(struct hg_run *r, struct hg_docker *d, const struct hg_container *c,
                       const char *first, struct hg_docker_exec_result *ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv env = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *program = NULL;
    bool plain = hg_streq(r->target.t->driver, "plain");
    hg_strv_add(&argv, first);
    if (plain && hg_streq(first, "alembic")) {
        hg_driver_argv(r, false, &argv);
    } else if (plain) {
        hg_strv_add(&argv, "-c");
        hg_strv_add(&argv, "from alembic.config import main; main(prog='alembic')");
        hg_driver_argv(r, false, &argv);
    } else {
        hg_strv_add(&argv, "-");
        program = hg_driver_program(r, -1);
    }
    hg_target_crossing(&r->target.vars, &env);
    struct hg_docker_exec spec = { .container = c->id, .argv = argv.items, .env = env.items,
                                   .input = program, .input_len = program ? strlen(program) : 0,
                                   .mask = r->target.mask,
                                   .sink = plain ? hg_run_output : hg_run_far_output, .context = r,
                                   .tick_ns = HG_APPLY_TICK_NS, .on_tick = hg_run_tick,
                                   .on_signal = hg_run_signal };
    return hg_docker_exec(d, &spec, ret, err);
}

int hg_run_migrate_in_container(struct hg_run *r, struct hg_migrated *ret, struct hg_err *err)
{
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    struct hg_container c = HG_CONTAINER_INIT;
    struct hg_docker_exec_result done = { 0 };
    if (hg_target_refresh(&r->target, r->o->common, err) < 0 ||
        hg_docker_open(NULL, r->o->common->timeout_ns, &d, err) < 0 ||
        hg_docker_find(d, r->target.t->run_container, &c, err) < 0)
        return -1;
    /* The command that people would type there, else the usual interpreters. */
    static const char *const NAMES[] = { "alembic", HG_ALEMBIC_PYTHONS };
    const char *const *names = hg_streq(r->target.t->driver, "plain") ? NAMES : NAMES + 1;
    int rc = hg_container_ready(&c, err);
    if (rc == 0)
        rc = exec_driver(r, d, &c, names[0], &done, err);
    if (rc < 0 && err->exit_code == HG_EXIT_NOT_FOUND && !r->driven.session_count)
        rc = exec_driver(r, d, &c, names[1], &done, err);
    hg_container_done(&c);
    if (rc < 0 && err->kind == HG_E_DOCKER)
        err->exit_code = 0; /* 126 and 127 are about what the user typed */
    if (rc < 0)
        return -1;
    *ret = (struct hg_migrated){ .ok = done.code == 0, .code = done.code, .timed_out = done.timed_out,
                                 .signal = done.code > HG_EXIT_SIGNAL ? done.code - HG_EXIT_SIGNAL : 0 };
    return 0;
}
