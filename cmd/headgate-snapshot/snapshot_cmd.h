/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of headgate-snapshot. */
#ifndef SNAPSHOT_CMD_H
#define SNAPSHOT_CMD_H

#include "cli/cli.h"
#include "snapshot/snapshot.h"

struct snapshot_options {
    struct hg_common common;
    int argc;
    char **argv;
    const char *output;
    bool no_schema_sql, privileges, queries, sizes;
};

/* Takes one of the target that the options name. */
int snapshot_take(const struct snapshot_options *o, struct hg_snapshot *ret, struct hg_err *err);
/* diff A B. */
int snapshot_diff(const struct snapshot_options *o, const char *a, const char *b, struct hg_err *err);
/* Reads a file. */
int snapshot_read(const char *path, struct hg_snapshot *ret, struct hg_err *err);
void snapshot_print_json(json_t *doc); /* takes the reference */

#endif
