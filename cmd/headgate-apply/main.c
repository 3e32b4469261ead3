/* SPDX-License-Identifier: Apache-2.0 */
/* headgate apply: lock, gate, migrate, verify, record. */
#include <stddef.h>

#include "apply/apply.h"
#include "cli/cli.h"

struct apply_options {
    struct hg_common common;
    const char *plan, *bundle;
    bool baseline, from_empty, release, no_wait, unattended, retry_failed, no_notify, one_by_one;
    int64_t lock_wait_ns, lock_budget_ns, max_runtime_ns, calm_wait_ns;
    struct hg_strv overrides;
    int argc;
    char **argv;
};

#define AT(member) offsetof(struct apply_options, member)
static const struct hg_opt OPTIONS[] = {
    { "plan", 0, HG_OPT_STRING, AT(plan), .metavar = "FILE",
      .help = "run exactly what `headgate plan` wrote to this file, or nothing" },
    { "bundle", 0, HG_OPT_STRING, AT(bundle), .metavar = "FILE", .env = "HEADGATE_BUNDLE",
      .help = "run what `headgate bundle` wrote to this file, without Python or alembic.ini" },
    { "baseline", 0, HG_OPT_BOOL, AT(baseline),
      .help = "record what is there; run nothing and leave the version table alone" },
    { "from-empty", 0, HG_OPT_BOOL, AT(from_empty),
      .help = "there is no version row although there are tables, and that is right" },
    { "lock-wait", 0, HG_OPT_SECONDS, AT(lock_wait_ns), .metavar = "SECONDS",
      .help = "how long to wait for another headgate (10 min)" },
    { "lock-budget", 0, HG_OPT_SECONDS, AT(lock_budget_ns), .metavar = "SECONDS",
      .help = "how long a migration that could not get a lock is tried again; 0: not at all (5 min)" },
    { "no-wait", 0, HG_OPT_BOOL, AT(no_wait), .help = "do not wait for another headgate: exit 5" },
    { "no-notify", 0, HG_OPT_BOOL, AT(no_notify), .help = "tell nobody of `notify` in headgate.yaml" },
    { "max-runtime", 0, HG_OPT_SECONDS, AT(max_runtime_ns), .metavar = "SECONDS",
      .help = "cancel the migration after this time (never)" },
    { "wait-for-calm", 0, HG_OPT_SECONDS, AT(calm_wait_ns), .metavar = "SECONDS",
      .help = "wait at most so long until no long transaction, queue or lag is in the way" },
    { "revision-by-revision", 0, HG_OPT_BOOL, AT(one_by_one),
      .help = "commit each revision before the next one begins" },
    { "override", 0, HG_OPT_LIST, AT(overrides), .metavar = "RULE=REASON",
      .help = "let one finding pass this once; it is recorded" },
    { "release", 0, HG_OPT_BOOL, AT(release), .help = "apply also what a rollback holds" },
    { "unattended", 0, HG_OPT_BOOL, AT(unattended),
      .help = "for what restarts by itself: do not run again what failed before with the same file" },
    { "retry-failed", 0, HG_OPT_BOOL, AT(retry_failed), .env = "HEADGATE_RETRY_FAILED",
      .help = "run it again all the same" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "apply",
    .summary = "lock, gate, migrate, verify, record",
    .args = "[REVISION]",
    .formats = "text|json",
    .options = OPTIONS,
    .description =
        "Takes the migration lock, judges the pending revisions, runs Alembic once under headgate's "
        "driver, reads the version table again and records what happened. Waiting replicas find "
        "nothing to do. The last lines say where the database stands, whatever happened.",
    .examples = "headgate apply\n    apply what is pending to the default target\n"
                "headgate apply -t production --yes\n    the same to a protected target, in CI\n"
                "headgate apply -t production --baseline --yes\n"
                "    begin the record for a database that was migrated before\n",
    .max_args = 1,
};

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    struct apply_options *o = options;
    struct hg_apply_printer printer;
    hg_apply_printer_init(&printer, &o->common);
    printer.bundle = o->bundle;
    struct hg_apply_options apply = { .common = &o->common,
                                      .argc = o->argc,
                                      .argv = o->argv,
                                      .revision = args->count ? args->items[0] : NULL,
                                      .plan = o->plan,
                                      .bundle = o->bundle,
                                      .baseline = o->baseline,
                                      .from_empty = o->from_empty,
                                      .release = o->release,
                                      .unattended = o->unattended,
                                      .retry_failed = o->retry_failed,
                                      .no_wait = o->no_wait,
                                      .no_notify = o->no_notify,
                                      .one_by_one = o->one_by_one,
                                      .lock_wait_ns = o->lock_wait_ns,
                                      .lock_budget_ns = o->lock_budget_ns,
                                      .max_runtime_ns = o->max_runtime_ns,
                                      .calm_wait_ns = o->calm_wait_ns,
                                      .overrides = &o->overrides,
                                      .sink = hg_apply_print,
                                      .tick = printer.live ? hg_apply_printer_tick : NULL,
                                      .context = &printer };
    int code = hg_apply_run(&apply, err);
    hg_apply_printer_done(&printer);
    hg_cli_error_printed(); /* the result event carries it */
    hg_strv_done(&o->overrides);
    return code;
}

int main(int argc, char **argv)
{
    struct apply_options options = { .argc = argc, .argv = argv, .lock_budget_ns = -1 };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
