/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/gate/past.h - what the ledger remembers of the database, and what is there now. Parts of
 * hg_judge_ledger.
 */
#ifndef HG_GATE_PAST_H
#define HG_GATE_PAST_H

#include "internal.h"
#include "ledger/ledger.h"

struct hg_past {
    PGconn *conn;
    const char *table;                    /* "schema.table" of the version table */
    json_t *document;                     /* a ledger in the state directory; NULL: it is in the database */
    struct hg_ledger_summary summary;
    bool rows_as_recorded;                /* the version rows are those of the last record */
};

/* applied.c: HG201, HG202, HG203, HG227, HG228, HG229. */
void hg_past_check_files(struct hg_judge *j, const struct hg_past *past,
                         const struct hg_ledger_entries *entries);
/* squash.c: HG235 for version rows that a declared squash would move and must not; and where there is no
 * ledger at all. */
void hg_past_check_squash(struct hg_judge *j, const struct hg_past *past,
                          const struct hg_ledger_entries *entries);
void hg_past_no_squash(struct hg_judge *j);
/* Is it gone because a declared squash replaced it, by what the ledger says of the history? */
bool hg_past_squashed(const struct hg_judge *j, const struct hg_ledger_entries *entries,
                      const char *revision);
/* drift.c: HG224, HG225, HG611: the schema against the last record of it. */
void hg_past_check_schema(struct hg_judge *j, const struct hg_past *past);
/* stamped.c: HG226: did the schema follow the rows? `differing`: what is not as recorded. */
void hg_past_check_moved(struct hg_judge *j, const struct hg_past *past,
                         const struct hg_ledger_objects *differing);
/* leftovers.c: HG607, HG609. */
void hg_past_check_leftovers(struct hg_judge *j, const struct hg_past *past);

#endif
