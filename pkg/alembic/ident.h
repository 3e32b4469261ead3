/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/alembic/ident.h - how names become revisions, for the questions that need more than one. */
#ifndef HG_ALEMBIC_IDENT_H
#define HG_ALEMBIC_IDENT_H

#include "internal.h"

#include <inttypes.h>

enum {
    HG_BELOW_BASE = UINT32_MAX - 1, /* a walk that ended one step below a first revision */
    HG_TOO_FAR = UINT32_MAX - 2,    /* a walk that went past that */
};

/* "-2", "+3", "4": a whole number. */
bool hg_ident_steps(const char *text, int64_t *ret);
/* As hg_graph_idents, with HG_BELOW_BASE and HG_TOO_FAR for what "-N" leads to. */
int hg_ident_raw(const struct hg_graph *g, const char *ident, struct hg_ids *ret, struct hg_err *err);
/* Keeps those that share lineage with the branch. */
int hg_ident_filter(const struct hg_graph *g, struct hg_ids *ids, const char *label,
                    struct hg_err *err);
/* RevisionMap._walk. 0, 1 when it goes too far (never with stop_early), -1 when the way forks.
 * label: only upwards, or NULL. start and *ret may be HG_NO_REVISION (base), *ret HG_BELOW_BASE. */
int hg_ident_walk(const struct hg_graph *g, uint32_t start, int64_t steps, const char *label,
                  bool stop_early, uint32_t *ret, struct hg_err *err);
/* -1 with REFUSED when the history has faults. */
int hg_graph_usable(const struct hg_graph *g, struct hg_err *err);

/* (?:(.+?)@)?(\w+)?((?:\+|-)\d+), matched at the start: "lab@+2", "3f2a-1", "-1". */
struct hg_relative { char *label, *symbol; int64_t steps; };
bool hg_relative_match(const char *text, struct hg_relative *ret);
void hg_relative_done(struct hg_relative *r);

/* RevisionMap._parse_upgrade_target: an identifier, or steps from the rows or from an identifier
 * ("+2", "LABEL@+1", "REV-1"). stop_early: too many steps end at the last revision. */
int hg_graph_upgrade_target(const struct hg_graph *g, const struct hg_revlist *rows,
                            const char *target, bool stop_early, struct hg_ids *ret,
                            struct hg_err *err);
/* The revisions that lead to the targets and are not reached from the rows; newest first. */
int hg_graph_needs(const struct hg_graph *g, const struct hg_ids *targets, const struct hg_ids *rows,
                   struct hg_revlist *ret, struct hg_err *err);

#endif
