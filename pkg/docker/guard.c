/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard of a command (hg_guard_start): ends it when we are killed before its keeper waits beside it.
 * Starting a keeper costs as much as the command itself, so short commands have none; a fork costs next
 * to nothing.
 */
#include "docker/internal.h"

#include "process/process.h"

struct command {
    struct hg_docker *d;
    const struct hg_docker_exec *spec;
    const char *token;
};

/* A keeper without us ends the command. */
static void end_command(void *context)
{
    const struct command *c = context;
    struct hg_keeper keeper = HG_KEEPER_INIT;
    struct hg_err ignored;
    c->d->idle = (struct hg_conn)HG_CONN_INIT; /* closed in the guard */
    c->d->wake_fd = -1;
    (void)hg_keeper_start(c->d, c->spec, c->token, &keeper, &ignored);
}

void hg_guard_command(struct hg_docker *d, const struct hg_docker_exec *spec, const char *token,
                      struct hg_guard *ret)
{
    struct command c = { d, spec, token }; /* the guard has its own copy of all of it */
    hg_guard_start(end_command, &c, ret);
}
