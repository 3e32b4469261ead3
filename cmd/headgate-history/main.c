/* SPDX-License-Identifier: Apache-2.0 */
/* headgate-history: the revision graph, drawn, with marks for what the target has applied. */
#include "history.h"

static const struct hg_opt OPTIONS[] = {
    { "offline", 0, HG_OPT_BOOL, offsetof(struct history_options, offline),
      .help = "read the files only, no database" },
    { "rev-range", 'r', HG_OPT_STRING, offsetof(struct history_options, range), .metavar = "RANGE",
      .help = "only these revisions: FROM:TO, FROM: or :TO" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "history",
    .summary = "draw the revision graph, with what is applied",
    .formats = "text|json",
    .options = OPTIONS,
    .description = "Draws the revisions, newest first, in the order of `alembic history`, with branches and "
                   "merges as lines. Without --offline the target's database is asked which of them are "
                   "applied.",
    .examples = "headgate history --offline\n    the revisions of this repository, without a database\n"
                "headgate history -t production -r current:\n    what production has still to get\n",
};

int main(int argc, char **argv)
{
    struct history_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, history_run);
}
