/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of pkg/snapshot. */
#ifndef HG_SNAPSHOT_INTERNAL_H
#define HG_SNAPSHOT_INTERNAL_H

#include "snapshot.h"

/* Kinds in the order in which people read them; anything else comes after. */
extern const char *const hg_snapshot_kinds[];
/* The member of catalog.objects, made if it is missing; borrowed. */
json_t *hg_snapshot_kind(json_t *catalog, const char *kind);

/* A read-only transaction with settings.sql in force; ended by hg_snapshot_end, whatever happened in it. */
int hg_snapshot_begin(PGconn *conn, int64_t timeout_ns, struct hg_err *err);
void hg_snapshot_end(PGconn *conn, int64_t timeout_ns);
/* hg_snapshot_catalog inside that transaction. */
int hg_snapshot_read_catalog(PGconn *conn, bool privileges, int64_t timeout_ns, json_t **ret,
                             struct hg_strv *ret_unreadable, struct hg_err *err);

/* pg_dump on a thread of its own, while the catalog is being read. */
struct hg_dump;
/* snapshot: name of an exported snapshot, or NULL on a standby. */
int hg_dump_start(const char *conninfo, int server_version, const char *snapshot, int64_t timeout_ns,
                  struct hg_dump **ret, struct hg_err *err);
int hg_dump_finish(struct hg_dump *d, struct hg_buf *ret, struct hg_err *err);

#endif
