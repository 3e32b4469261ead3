/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HG_CMD_HISTORY_H
#define HG_CMD_HISTORY_H

#include "alembic/alembic.h"
#include "cli/cli.h"
#include "finding/finding.h"
#include "ledger/ledger.h"

struct history_options {
    struct hg_common common;
    bool offline;
    const char *range;
    int argc;
    char **argv;
};

int history_run(void *options, const struct hg_strv *args, struct hg_err *err);

/* UNTOLD: beside rows that no file here has, nobody can say whether it ran. */
enum history_mark { HISTORY_PENDING, HISTORY_APPLIED, HISTORY_UNTOLD };

/* What is shown: revisions newest first. */
struct history {
    const struct hg_graph *graph;
    struct hg_revlist list;
    enum history_mark *marks;   /* by index; NULL: no database was asked */
    struct hg_ledger_entries ledger;    /* who moved what when; empty without a ledger */
    bool have_ledger;
    struct hg_findings findings;
};

/* The newest record of a revision, or NULL. */
const struct hg_ledger_entry *history_record(const struct history *h, const char *revision);
/* "2026-11-22 21:53 by ann", "outside headgate, seen 2026-11-22 21:53 by ann"; heap, "" when nothing is
 * known about an applied revision or there is no ledger. */
char *history_when(const struct history *h, const struct hg_revision *r);

/* CONTRACT.md "headgate history"; err NULL or what went wrong. Prints to stdout. */
void history_print_json(const struct history *h, const struct hg_err *err);
void history_print_text(const struct history *h, bool color, bool utf8);

#endif
