/* SPDX-License-Identifier: Apache-2.0 */
/* headgate rollback: the same care as apply, downwards. */
#include <stddef.h>

#include "apply/apply.h"
#include "cli/cli.h"

struct rollback_options {
    struct hg_common common;
    const char *bundle;
    bool dry_run, allow_empty, to_base, from_ledger, no_wait, no_notify;
    int64_t lock_wait_ns, lock_budget_ns, max_runtime_ns, calm_wait_ns;
    struct hg_strv overrides;
    int argc;
    char **argv;
};

#define AT(member) offsetof(struct rollback_options, member)
static const struct hg_opt OPTIONS[] = {
    { "dry-run", 0, HG_OPT_BOOL, AT(dry_run), .help = "say what would be rolled back and destroyed" },
    { "allow-empty-downgrade", 0, HG_OPT_BOOL, AT(allow_empty),
      .help = "go back over a revision whose downgrade does nothing" },
    { "to-base", 0, HG_OPT_BOOL, AT(to_base), .help = "roll back everything; alone, or to confirm it where REVISION means that" },
    { "files-from-ledger", 0, HG_OPT_BOOL, AT(from_ledger),
      .help = "go back over revisions that this code lacks, by the files that the ledger kept" },
    { "bundle", 0, HG_OPT_STRING, AT(bundle), .metavar = "FILE", .env = "HEADGATE_BUNDLE",
      .help = "go back by what `headgate bundle` wrote to this file, without Python or alembic.ini" },
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
    { "override", 0, HG_OPT_LIST, AT(overrides), .metavar = "RULE=REASON",
      .help = "let one finding pass this once; it is recorded" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "rollback",
    .summary = "go back to an earlier revision, with the same care as apply",
    .args = "REVISION|-N|--to-base",
    .formats = "text|json",
    .options = OPTIONS,
    .description =
        "Says what each downgrade destroys, refuses one that is empty or raises, then runs Alembic's "
        "downgrade under the same locks and driver as apply. On a protected target the revisions "
        "rolled back are held until `headgate apply --release`.",
    .examples = "headgate rollback -1 --dry-run\n    what going back one revision would do\n"
                "headgate rollback -1\n    go back one revision\n",
    .max_args = 1,
    .negative_args = true,
};

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    struct rollback_options *o = options;
    const char *goal = args->count ? args->items[0] : o->to_base ? "base" : NULL;
    if (!goal) {
        hg_fail(err, HG_E_USAGE, "`headgate rollback` wants to know how far");
        return hg_hint(err, "headgate rollback -1, headgate rollback REVISION, or everything: "
                            "headgate rollback --to-base");
    }
    struct hg_apply_printer printer;
    hg_apply_printer_init(&printer, &o->common);
    printer.bundle = o->bundle;
    struct hg_apply_options rollback = { .common = &o->common,
                                         .argc = o->argc,
                                         .argv = o->argv,
                                         .revision = goal,
                                         .down = true,
                                         .bundle = o->bundle,
                                         .dry_run = o->dry_run,
                                         .allow_empty_downgrade = o->allow_empty,
                                         .to_base = o->to_base,
                                         .files_from_ledger = o->from_ledger,
                                         .no_wait = o->no_wait,
                                         .no_notify = o->no_notify,
                                         .lock_wait_ns = o->lock_wait_ns,
                                         .lock_budget_ns = o->lock_budget_ns,
                                         .max_runtime_ns = o->max_runtime_ns,
                                         .calm_wait_ns = o->calm_wait_ns,
                                         .overrides = &o->overrides,
                                         .sink = hg_apply_print,
                                         .tick = printer.live ? hg_apply_printer_tick : NULL,
                                         .context = &printer };
    int code = hg_apply_run(&rollback, err);
    hg_apply_printer_done(&printer);
    hg_cli_error_printed();
    hg_strv_done(&o->overrides);
    return code;
}

int main(int argc, char **argv)
{
    struct rollback_options options = { .argc = argc, .argv = argv, .lock_budget_ns = -1 };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
