/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/snapshot/snapshot.h - what a database has, as a file one can keep, read and compare.
 *
 * A snapshot is some JSON documents, and the schema as pg_dump writes it:
 *
 *   manifest.json   what was taken where and when, digests of the others, what could not be read
 *   status.json     headgate.status/1
 *   catalog.json    every object by kind and name: {"objects": {"table": {"public.t": {…}}, …}}
 *   sizes.json      bytes, estimates, vacuum age, use
 *   activity.json   transactions, lock waits, replication, connections, settings; no query text
 *   ledger.json     what headgate recorded
 *   schema.sql      pg_dump --schema-only of the same moment
 *
 * The catalog comes from pg_catalog (PostgreSQL documentation, chapter "System Catalogs") in a few
 * statements of one read-only transaction; docs/snapshot.md lists the members of each kind. Schema
 * headgate, extensions' members and the system's own schemas are left out.
 */
#ifndef HG_SNAPSHOT_SNAPSHOT_H
#define HG_SNAPSHOT_SNAPSHOT_H

#include "alembic/alembic.h"
#include "base/base.h"
#include "finding/finding.h"
#include "pg/pg.h"
#include "target/target.h"

#include <jansson.h>

struct hg_snapshot {
    json_t *manifest, *status, *catalog, *sizes, *activity, *ledger; /* owned; NULL: not in it */
    struct hg_buf schema_sql;                                        /* empty: not in it */
    struct hg_buf catalog_text, sizes_text;                          /* see for_file */
};
void hg_snapshot_done(struct hg_snapshot *s);

/* ---- taking ------------------------------------------------------------------------------- */

struct hg_snapshot_options {
    const struct hg_target *target;
    const struct hg_alembic_config *alembic;    /* NULL: a bare database */
    const struct hg_graph *graph;               /* NULL: a bare database */
    bool privileges;                            /* owners and privileges too */
    bool queries;                               /* the text of running queries too */
    bool schema_sql;                            /* pg_dump's schema too */
    bool exact_sizes;                           /* measure every table, not the largest only */
    bool for_file;                              /* only to be packed: catalog and sizes stay text */
    int64_t timeout_ns;                         /* for connecting, and for each statement; 0: 60 s */
};
/* Connects and takes one. What this role may not read, or what stayed locked for 2 s, is listed in
 * the manifest ("unreadable") and left out; a missing or refused pg_dump is finding HG608. */
int hg_snapshot_take(const struct hg_snapshot_options *o, struct hg_snapshot *ret,
                     struct hg_findings *findings, struct hg_err *err);
/* Only the catalog, on a connection of the caller that is outside any transaction; new reference. */
int hg_snapshot_catalog(PGconn *conn, bool privileges, int64_t timeout_ns, json_t **ret,
                        struct hg_strv *ret_unreadable, struct hg_err *err);
/* SHA-256 of the catalog's canonical text: the same for the same definitions. */
void hg_snapshot_digest(const json_t *catalog, char out[HG_SHA256_SIZE]);

struct hg_ledger_objects;
/* The objects of a catalog with a digest of each one's definition, for the ledger (sorted; made is
 * false, and the server's version is the catalog's): relations, types, functions, and the constraints,
 * indexes, triggers, rules and policies on relations. Not in a definition: owners, privileges,
 * statistics targets, and states that maintenance changes (an invalid index, an index clustered on, a
 * constraint not yet validated, a materialised view not populated). version_table ("schema.table",
 * NULL: none), and what stands on it, is left out. */
void hg_snapshot_objects(const json_t *catalog, const char *version_table, struct hg_ledger_objects *ret);

/* ---- files -------------------------------------------------------------------------------- */

/* The bytes of the file (tar, zstd). */
int hg_snapshot_pack(const struct hg_snapshot *s, struct hg_buf *ret, struct hg_err *err);
/* Checks every digest; a damaged or foreign file is kind INTEGRITY. */
int hg_snapshot_unpack(const void *data, size_t len, const char *shown, struct hg_snapshot *ret,
                       struct hg_err *err);
/* All of it as one document, headgate.snapshot/1; new reference. */
json_t *hg_snapshot_json(const struct hg_snapshot *s);

/* ---- for people --------------------------------------------------------------------------- */

/* One screen: what, where, when, how much of what. */
void hg_snapshot_show(const struct hg_snapshot *s, bool color, struct hg_buf *ret);

/* What is different: an array of
 *   {"kind", "name", "change": "added|removed|changed|renamed", "from": name before or null,
 *    "details": [{"what": "column title: type", "from", "to"}]}
 * in order of kind and name; new reference. `from` and `to` of a detail are null where there is none. */
json_t *hg_snapshot_diff(const json_t *catalog_a, const json_t *catalog_b);
/* The same for whoever prints one line for an object that only one of them has: of its definition only what it
 * comes and goes with (`constraint` of an index, `owned_by` of a sequence), which is most of the work saved. */
json_t *hg_snapshot_diff_brief(const json_t *catalog_a, const json_t *catalog_b);
/* The same of two sizes documents. */
json_t *hg_snapshot_diff_sizes(const json_t *sizes_a, const json_t *sizes_b);
/* The same of two activity documents: settings, and connections by application. */
json_t *hg_snapshot_diff_activity(const json_t *activity_a, const json_t *activity_b);
void hg_snapshot_diff_text(const json_t *diff, bool color, struct hg_buf *ret);

#endif
