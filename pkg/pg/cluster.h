/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/pg/cluster.h - shared by the files about private clusters. */
#ifndef HG_PG_CLUSTER_H
#define HG_PG_CLUSTER_H

#include "pg.h"

/* Who runs the server. `drop` is false when we are that user already. */
struct hg_pg_owner {
    uid_t uid;
    gid_t gid;
    bool drop;
};
/* dir: an existing data folder's owner counts most; NULL or missing: chosen. */
int hg_pg_owner_choose(const char *dir, struct hg_pg_owner *ret, struct hg_err *err);
/* May that user enter every folder on the way to dir? */
bool hg_pg_owner_reaches(const struct hg_pg_owner *owner, const char *dir);
/* Runs fn as that user, in a child where we have to become them; its error travels back. */
int hg_pg_run_as(const struct hg_pg_owner *owner, int (*fn)(void *context, struct hg_err *err),
                 void *context, struct hg_err *err);

/* Where a cluster lies. `record` names the file in the state directory that says so, when it does
 * not lie there itself. */
struct hg_pg_place {
    char *dir, *data, *socket_dir, *record;
    bool ephemeral;
    struct hg_pg_owner owner;
};
int hg_pg_place_find(const struct hg_pg_cluster_options *o, struct hg_pg_place *ret, struct hg_err *err);
int hg_pg_place_make(const struct hg_pg_cluster_options *o, struct hg_pg_place *ret, struct hg_err *err);
char *hg_pg_place_file(const struct hg_pg_place *p, const char *name); /* heap */
void hg_pg_place_done(struct hg_pg_place *p);
/* The lock on the state directory's cluster, as a descriptor to be closed. */
int hg_pg_place_lock(const char *state_dir, int64_t deadline_ns, struct hg_err *err);

int hg_pg_remove_tree(const char *dir, struct hg_err *err);
/* Runs BINDIR/program; what it said becomes the error's detail when it fails. */
int hg_pg_run_tool(const char *bindir, const char *const *args, int64_t timeout_ns, struct hg_err *err);
/* The last lines of a log. Heap. */
char *hg_pg_log_tail(const char *file);
/* pid of the server that runs on this data folder; 0: none (a stale pid file counts as none). */
int64_t hg_pg_server_pid(const char *data);

#endif
