/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/ledger/internal.h - what read.c, write.c and file.c share. */
#ifndef HG_LEDGER_INTERNAL_H
#define HG_LEDGER_INTERNAL_H

#include "ledger.h"

/* A JSON array of strings as PostgreSQL's to_json prints it; NULL gives an empty list. */
void hg_ledger_list(const char *json, struct hg_strv *ret);
/* A text[] literal: {"a","b"}. Heap. */
char *hg_ledger_array(const struct hg_strv *items);
/* The steps of a run as the JSON array of sql/intent.sql. New reference. */
json_t *hg_ledger_steps(const struct hg_ledger_run *run);
/* {"REVISION": {"started": "…", "committed": "…"}}. New reference. */
json_t *hg_ledger_times(const struct hg_ledger_outcome *o);
/* Appends one JSON line to the ledger's file; steals the object. */
int hg_ledger_append(const struct hg_ledger *l, json_t *line, struct hg_err *err);

#endif
