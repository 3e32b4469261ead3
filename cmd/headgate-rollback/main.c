/* SPDX-License-Identifier: Apache-2.0 */
/* headgate rollback: the same care as apply, downwards. */
#include <stddef.h>

#include "apply/apply.h"
#include "cli/cli.h"

struct rollback_options {
    struct hg_common common;
    struct hg_apply_options apply;
    struct hg_strv overrides;
};

#define AT(member) offsetof(struct rollback_options, apply.member)
static const struct hg_opt OPTIONS[] = {
    { "dry-run", 0, HG_OPT_BOOL, AT(dry_run), .help = "say what would be rolled back and destroyed" },
    { "allow-empty-downgrade", 0, HG_OPT_BOOL, AT(allow_empty_downgrade),
      .help = "go back over a revision whose downgrade does nothing" },
    { "to-base", 0, HG_OPT_BOOL, AT(to_base), .help = "roll back everything; alone, or to confirm it where REVISION means that" },
    { "files-from-ledger", 0, HG_OPT_BOOL, AT(files_from_ledger),
      .help = "go back over revisions that this code lacks, by the files that the ledger kept" },
    { "bundle", 0, HG_OPT_STRING, AT(bundle), .metavar = "FILE", .env = "HEADGATE_BUNDLE",
      .help = "go back by what `headgate bundle` wrote to this file, without Python or alembic.ini" },
    HG_APPLY_OPTION_ROWS(AT, offsetof(struct rollback_options, overrides)),
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
    o->apply.common = &o->common;
    o->apply.overrides = &o->overrides;
    o->apply.revision = args->count ? args->items[0] : o->apply.to_base ? "base" : NULL;
    if (!o->apply.revision) {
        hg_fail(err, HG_E_USAGE, "`headgate rollback` wants to know how far");
        return hg_hint(err, "headgate rollback -1, headgate rollback REVISION, or everything: "
                            "headgate rollback --to-base");
    }
    return hg_apply_run_printed(&o->apply, err);
}

int main(int argc, char **argv)
{
    struct rollback_options options = { .apply = { .argc = argc, .argv = argv, .down = true,
                                                   .lock_wait_ns = -1, .lock_budget_ns = -1 } };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
