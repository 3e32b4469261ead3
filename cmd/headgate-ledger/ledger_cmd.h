/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of headgate-ledger. */
#ifndef LEDGER_CMD_H
#define LEDGER_CMD_H

#include "cli/cli.h"
#include "ledger/ledger.h"
#include "status/status.h"
#include "target/target.h"

struct ledger_options {
    struct hg_common common;
    int argc;
    char **argv;
    const char *grant, *output, *receipt;
    bool no_files, local, all;
};

/* The target's database, and the ledger that is meant. */
struct ledger_view {
    const struct ledger_options *o;
    struct hg_target target;
    PGconn *conn;
    struct hg_status status;
    char *version_table;            /* "schema.table"; NULL: where it stands was not asked */
    json_t *document;               /* NULL: there is no ledger */
};
int ledger_open(const struct ledger_options *o, struct ledger_view *ret, struct hg_err *err);
/* Asks where the database stands. */
int ledger_status(struct ledger_view *v, struct hg_err *err);
/* Fills the document; REFUSED where there is no ledger. */
int ledger_read(struct ledger_view *v, bool files, struct hg_err *err);
void ledger_done(struct ledger_view *v);
int64_t ledger_deadline(const struct ledger_options *o);
bool ledger_json(const struct ledger_options *o);

void ledger_show_text(const struct ledger_view *v, bool color, struct hg_buf *ret);
/* Writes or prints the receipt; an exit code, or -1. */
int ledger_receipt(struct ledger_view *v, struct hg_err *err);
/* 0 or 1, printed; -1. */
int ledger_verify(struct ledger_view *v, struct hg_err *err);
void ledger_print_json(json_t *doc); /* takes the reference */

#endif
