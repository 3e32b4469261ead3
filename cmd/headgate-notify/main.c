/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal: tells a webhook, Slack or GitHub what became of a run, for headgate-apply, which thereby
 * needs no libcurl. One JSON request on stdin, one JSON answer on stdout (pkg/notify/notify.h).
 */
#include "cli/cli.h"
#include "notify/notify.h"

#include <signal.h>

static int answer(const json_t *request, json_t *into, struct hg_err *err)
{
    return hg_notify_send(request, into, err);
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    (void)options;
    (void)args;
    (void)signal(SIGPIPE, SIG_IGN);
    return hg_cli_serve(json_pack("{s:n, s:n, s:n}", "status", "attempts", "deployment"), answer, err);
}

int main(int argc, char **argv)
{
    static const struct hg_cmd CMD = {
        .name = "notify",
        .summary = "internal: tell somebody what became of a run",
        .no_common = true,
    };
    struct hg_common common = { 0 };
    return hg_cli_main(&CMD, argc, argv, &common, run);
}
