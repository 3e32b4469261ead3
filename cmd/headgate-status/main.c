/* SPDX-License-Identifier: Apache-2.0 */
/* headgate status: where a database is, where it should be, what is pending. */
#include "status_cmd.h"

static const struct hg_opt OPTIONS[] = {
    { "check", 0, HG_OPT_BOOL, offsetof(struct status_options, check),
      .help = "exit 1 unless the database is up to date" },
    { "bundle", 0, HG_OPT_STRING, offsetof(struct status_options, bundle),
      .metavar = "FILE", .env = "HEADGATE_BUNDLE",
      .help = "compare with what `headgate bundle` wrote to this file, not with revision files" },
    { "watch", 'w', HG_OPT_BOOL, offsetof(struct status_options, watch),
      .help = "ask again every 2 seconds; with --check until it is up to date" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "status",
    .summary = "where is the database, where should it be, what is pending",
    .formats = "text|json",
    .options = OPTIONS,
    .description = "Compares the version table of the target's database with the revision files. Reads "
                   "only: takes no lock, creates nothing. Where there is no alembic.ini it tells what the "
                   "database has.",
    .examples = "headgate status\n    the local database\n"
                "headgate status -t production --check\n    exit 0 only when nothing is pending there\n"
                "headgate status -t production --format json\n    for scripts\n",
};

int main(int argc, char **argv)
{
    struct status_options options = { .argc = argc, .argv = argv };
    int rc = hg_cli_main(&CMD, argc, argv, &options, status_run);
#ifndef __SANITIZE_ADDRESS__ /* which looks for leaks at exit */
    /* The answer is written out. two dozen libraries taking leave would cost 0.5 ms and change nothing. */
    _exit(rc);
#endif
    return rc;
}
