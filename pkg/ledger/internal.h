/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/ledger/internal.h - what the files of this package share. */
#ifndef HG_LEDGER_INTERNAL_H
#define HG_LEDGER_INTERNAL_H

#include "ledger.h"

/* A JSON array of strings as PostgreSQL's to_json prints it; NULL gives an empty list. */
void hg_ledger_list(const char *json, struct hg_strv *ret);
/* Appends `before` and the text as a JSON string, or null for NULL. What there may be ten thousands of is written
 * so, which takes a third of the time of building values and printing them. */
void hg_ledger_add_member(struct hg_buf *b, const char *before, const char *text);
/* The characters of prose that the database's encoding lacks are added to ret. */
int hg_ledger_lacking(PGconn *conn, const char *prose, int64_t deadline_ns, struct hg_strv *ret, struct hg_err *err);
/* The text with a `?` for each of these characters. Heap; NULL for NULL. */
char *hg_ledger_fitted(const char *text, const struct hg_strv *lacking);
/* What of a run is prose, to be fitted: its messages, paths, and names that mean nothing to headgate. Heap. */
char *hg_ledger_prose(const struct hg_ledger_run *run);
/* The steps of a run as the JSON array of sql/intent.sql, fitted. Heap. */
char *hg_ledger_steps(const struct hg_ledger_run *run, const struct hg_strv *lacking);
/* {"REVISION": {"started": "…", "committed": "…"}}. New reference. */
json_t *hg_ledger_times(const struct hg_ledger_outcome *o);
/* What an outcome (whose `after` is known) adds to the record of objects: a JSON array of {kind, name, digest,
 * definition, made}, NULL where that is nothing; and the fingerprint after it. What runs of another version table
 * made keeps its record unless this run is seen to change it: else a change by hand would be nobody's. Heap. */
char *hg_ledger_delta(const struct hg_ledger_outcome *o, const struct hg_ledger_objects *known,
                      char ret_fingerprint[HG_SHA256_SIZE]);
/* The view is there and may be read: its rows; 0: not, and *ret stays NULL. One parameter, or none. */
int hg_ledger_view(PGconn *conn, const char *view, const char *sql, size_t nparams,
                   const char *const *params, int64_t deadline_ns, PGresult **ret, struct hg_err *err);
/* Of one entry, which may be filled again. */
void hg_ledger_entry_done(struct hg_ledger_entry *x);
/* The bytes of base64 text. -1: it is none. */
int hg_ledger_unbase64(const char *text, struct hg_buf *ret);
/* Appends one JSON line to the ledger's file; steals the object. */
int hg_ledger_append(const struct hg_ledger *l, json_t *line, struct hg_err *err);

#endif
