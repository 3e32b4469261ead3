/* SPDX-License-Identifier: Apache-2.0 */
/* headgate-new: autogenerate a revision against an up-to-date database, then review it. */
#include "new.h"

#include <unistd.h>

static const struct hg_opt OPTIONS[] = {
    { "message", 'm', HG_OPT_STRING, offsetof(struct new_options, message), .metavar = "MESSAGE",
      .help = "what the migration does" },
    { "manual", 0, HG_OPT_BOOL, offsetof(struct new_options, manual),
      .help = "an empty revision to be written by hand; asks no database" },
    { "head", 0, HG_OPT_STRING, offsetof(struct new_options, head), .metavar = "HEAD",
      .help = "build on this head, where there are several" },
    { "allow-empty", 0, HG_OPT_BOOL, offsetof(struct new_options, allow_empty),
      .help = "keep the revision even when it does nothing" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "new",
    .summary = "autogenerate a revision against an up-to-date database, then review it",
    .args = "[-- ALEMBIC OPTIONS]",
    .options = OPTIONS,
    .max_args = 64,
    .description =
        "Runs `alembic revision --autogenerate` where the target runs, once the development "
        "database has everything the files have, and reviews what came out: the operations in "
        "words, and what looks like an accident. The path of the file is the last line. Ends with "
        "1 when the review has an error (the file stays) or when there was nothing to generate. "
        "Never works on a protected target.",
    .examples = "headgate new -m \"add sources table\"\n    from what the models have and the "
                "database lacks\n"
                "headgate new --manual -m \"rename title to name\"\n    an empty one, to be written "
                "by hand\n",
};

int main(int argc, char **argv)
{
    struct new_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, new_run);
}
