/* SPDX-License-Identifier: Apache-2.0 */
/* headgate entrypoint: process 1 of a container, until it becomes the application. */
#include <stddef.h>

#include "cli/cli.h"
#include "entrypoint/entrypoint.h"

struct entrypoint_options {
    struct hg_common common;
    const char *policy, *ahead, *bundle;
    bool init, group, retry_failed, healthcheck;
    int64_t liveness, lock_wait_ns;
    int argc;
    char **argv;
};

#define AT(member) offsetof(struct entrypoint_options, member)
static const struct hg_opt OPTIONS[] = {
    { "policy", 0, HG_OPT_CHOICE, AT(policy), .metavar = "POLICY", .values = "apply|verify|wait|none",
      .env = "HEADGATE_POLICY",
      .help = "what to do when something is pending: apply it (default), refuse to start, wait until "
              "somebody else applied it; none: look at nothing" },
    { "ahead", 0, HG_OPT_CHOICE, AT(ahead), .metavar = "WHEN", .values = "proven|refuse|allow",
      .env = "HEADGATE_AHEAD",
      .help = "start on a database that is ahead of this image: where the ledger proves that headgate "
              "brought it there (default), never or always" },
    { "bundle", 0, HG_OPT_STRING, AT(bundle), .metavar = "FILE", .env = "HEADGATE_BUNDLE",
      .help = "migrate by this bundle, without Python (headgate.bundle, where there is one here)" },
    { "init", 0, HG_OPT_BOOL, AT(init), .env = "HEADGATE_INIT",
      .help = "stay as process 1 beside the application: pass signals on, reap orphans" },
    { "group", 0, HG_OPT_BOOL, AT(group),
      .help = "the same; signals go to the application's whole process group" },
    { "retry-failed", 0, HG_OPT_BOOL, AT(retry_failed), .env = "HEADGATE_RETRY_FAILED",
      .help = "apply again what failed before with the same file" },
    { "lock-wait", 0, HG_OPT_SECONDS, AT(lock_wait_ns), .metavar = "SECONDS",
      .help = "how long to wait for another headgate's migration; 0: not at all (10 min)" },
    { "liveness", 0, HG_OPT_INT, AT(liveness), .metavar = "PORT", .env = "HEADGATE_LIVENESS",
      .help = "answer /livez, /readyz and /startupz on this port, which is not PORT" },
    { "healthcheck", 0, HG_OPT_BOOL, AT(healthcheck),
      .help = "start nothing: exit 0 when the application was started and the database is where this "
              "image needs it, else 1" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "entrypoint",
    .summary = "process 1 of a container: wait, gate, apply once, become the application",
    .args = "-- APP…",
    .options = OPTIONS,
    .description =
        "Waits for the database, looks where it stands, and by policy applies what is pending (once among "
        "all replicas), refuses, or waits for somebody else to apply it. Then it becomes APP: no process is "
        "left, unless --init is given. APP gets the environment that this program was given.",
    .examples = "headgate entrypoint -- gunicorn app:app\n    bring the database to head, then start\n"
                "headgate entrypoint --policy wait --init -- gunicorn app:app\n"
                "    the pre-deploy job migrates; stay as a small init\n"
                "headgate entrypoint --healthcheck\n    for HEALTHCHECK and probes\n",
    .wrapper = true,
};

static void say(const char *text)
{
    hg_log(HG_LOG_NOTE, "%s", text);
}

static void warn(const char *text)
{
    hg_log(HG_LOG_WARNING, "%s", text);
}

static int check(const struct entrypoint_options *o, const struct hg_strv *args, struct hg_err *err)
{
    if (o->healthcheck && args->count)
        return hg_fail(err, HG_E_USAGE, "--healthcheck starts nothing; leave '%s' away", args->items[0]);
    if (o->healthcheck || args->count)
        return 0;
    (void)hg_fail(err, HG_E_USAGE, "which application is to be started?");
    return hg_hint(err, "headgate entrypoint -- COMMAND…");
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    struct entrypoint_options *o = options;
    struct hg_entrypoint_options entry = { .common = &o->common, .argc = o->argc, .argv = o->argv,
                                           .app = args->items, .policy = o->policy, .ahead = o->ahead,
                                           .bundle = o->bundle,
                                           .init = o->init, .group = o->group,
                                           .retry_failed = o->retry_failed, .liveness = o->liveness,
                                           .lock_wait_ns = o->lock_wait_ns, .say = say, .warn = warn };
    if (check(o, args, err) < 0)
        return -1;
    if (!o->healthcheck)
        return hg_entrypoint_run(&entry, err);
    if (hg_entrypoint_health(&entry, err) == 0)
        return HG_EXIT_YES;
    err->exit_code = HG_EXIT_NO; /* all that Docker knows besides 0 */
    return -1;
}

int main(int argc, char **argv)
{
    struct entrypoint_options options = { .lock_wait_ns = -1, .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
