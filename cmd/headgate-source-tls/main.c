/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal: carries bytes between stdin/stdout and a container engine behind TLS, so that programs
 * that meet such an engine seldom do not load a TLS library (docs/docker.md).
 */
#include "cli/cli.h"
#include "docker/docker.h"

#include <signal.h>
#include <unistd.h>

struct options {
    struct hg_common common;
    struct hg_docker_tls tls;
};
#define OPTION(field) offsetof(struct options, tls.field)

static const struct hg_opt OPTIONS[] = {
    { "ca", 0, HG_OPT_STRING, OPTION(ca), .metavar = "FILE",
      .help = "who may vouch for the engine (default: the system's authorities)" },
    { "cert", 0, HG_OPT_STRING, OPTION(cert), .metavar = "FILE", .help = "our certificate" },
    { "key", 0, HG_OPT_STRING, OPTION(key), .metavar = "FILE", .help = "and its key" },
    { "unverified", 0, HG_OPT_BOOL, OPTION(unverified), .help = "take anybody for the engine" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "source-tls",
    .summary = "internal: carry bytes to a container engine behind TLS",
    .args = "HOST PORT",
    .options = OPTIONS,
    .min_args = 2,
    .max_args = 2,
    .no_common = true,
};

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    struct options *o = options;
    /* Whoever goes away first is seen by read and write. */
    signal(SIGPIPE, SIG_IGN);
    o->tls.host = args->items[0];
    o->tls.port = args->items[1];
    return hg_docker_carry_tls(&o->tls, STDIN_FILENO, STDOUT_FILENO, err) < 0 ? -1 : HG_EXIT_YES;
}

int main(int argc, char **argv)
{
    struct options options = { 0 };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
