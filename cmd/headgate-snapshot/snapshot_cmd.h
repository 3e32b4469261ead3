/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of headgate-snapshot. */
#ifndef SNAPSHOT_CMD_H
#define SNAPSHOT_CMD_H

#include "cli/cli.h"
#include "pg/pg.h"
#include "snapshot/snapshot.h"

#define SNAPSHOT_FILE_MAX (256u << 20)

struct snapshot_options {
    struct hg_common common;
    int argc;
    char **argv;
    const char *output;
    bool no_schema_sql, privileges, queries, sizes;
};

/* Takes one of the target that the options name. */
int snapshot_take(const struct snapshot_options *o, struct hg_snapshot *ret, struct hg_err *err);
/* What Alembic finds between the database of the target that the options name, or of the file, and the
 * models: the array of hg_snapshot_diff. New reference. */
int snapshot_models(const struct snapshot_options *o, const char *file, json_t **ret, struct hg_err *err);
/* What a database has to which this bundle was applied, from its first revision to its heads: made in a
 * private PostgreSQL. Signed as `target` wants it; NULL: the target that the options name. */
int snapshot_of_bundle(const struct snapshot_options *o, const char *path, const char *target,
                       struct hg_snapshot *ret, struct hg_err *err);
/* Calls `work` with a private PostgreSQL, which is gone afterwards. */
int snapshot_in_cluster(int (*work)(void *context, const struct hg_pg_cluster *c, struct hg_err *err),
                        void *context, struct hg_err *err);
/* diff A B; b may be NULL where a is `models`. */
int snapshot_diff(const struct snapshot_options *o, const char *a, const char *b, struct hg_err *err);
/* Reads a file. */
int snapshot_read(const char *path, struct hg_snapshot *ret, struct hg_err *err);
void snapshot_print_json(json_t *doc); /* takes the reference */

#endif
