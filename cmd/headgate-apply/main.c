/* SPDX-License-Identifier: Apache-2.0 */
/* headgate apply: lock, gate, migrate, verify, record. */
#include <stddef.h>

#include "apply/apply.h"
#include "cli/cli.h"

struct apply_options {
    struct hg_common common;
    struct hg_apply_options apply;
    struct hg_strv overrides;
};

#define AT(member) offsetof(struct apply_options, apply.member)
static const struct hg_opt OPTIONS[] = {
    { "plan", 0, HG_OPT_STRING, AT(plan), .metavar = "FILE",
      .help = "run exactly what `headgate plan` wrote to this file, or nothing" },
    { "bundle", 0, HG_OPT_STRING, AT(bundle), .metavar = "FILE", .env = "HEADGATE_BUNDLE",
      .help = "run what `headgate bundle` wrote to this file, without Python or alembic.ini" },
    { "baseline", 0, HG_OPT_BOOL, AT(baseline),
      .help = "record what is there; run nothing and leave the version table alone" },
    { "from-empty", 0, HG_OPT_BOOL, AT(from_empty),
      .help = "there is no version row although there are tables, and that is right" },
    { "revision-by-revision", 0, HG_OPT_BOOL, AT(one_by_one),
      .help = "commit each revision before the next one begins" },
    { "release", 0, HG_OPT_BOOL, AT(release), .help = "apply also what a rollback holds" },
    { "unattended", 0, HG_OPT_BOOL, AT(unattended),
      .help = "for what restarts by itself: do not run again what failed before with the same file" },
    { "retry-failed", 0, HG_OPT_BOOL, AT(retry_failed), .env = "HEADGATE_RETRY_FAILED",
      .help = "run it again all the same" },
    HG_APPLY_OPTION_ROWS(AT, offsetof(struct apply_options, overrides)),
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
    o->apply.common = &o->common;
    o->apply.overrides = &o->overrides;
    o->apply.revision = args->count ? args->items[0] : NULL;
    return hg_apply_run_printed(&o->apply, err);
}

int main(int argc, char **argv)
{
    struct apply_options options = { .apply = { .argc = argc, .argv = argv,
                                                .lock_wait_ns = -1, .lock_budget_ns = -1 } };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
