/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/alembic/graph_build.h - the steps of hg_graph_build, and what they share. */
#ifndef HG_ALEMBIC_GRAPH_BUILD_H
#define HG_ALEMBIC_GRAPH_BUILD_H

#include "internal.h"

/* ---- graph.c: the map of names ---- */

/* Room for every id and label. */
void hg_graph_make_map(struct hg_graph *g);
/* The key that has the name already, or NULL when it was added. */
struct hg_key *hg_graph_add_key(struct hg_graph *g, const char *name, size_t index, bool label);

/* ---- graph_build.c ---- */

/* A finding that makes the history unusable; r: the revision that it is about, or NULL. */
struct hg_finding *hg_graph_fault(struct hg_graph *g, struct hg_findings *f, const char *rule,
                                  const struct hg_revision *r, const char *message);

/* ---- graph_shape.c ---- */

/* HG103 for revisions that go in a circle. */
void hg_graph_find_cycles(struct hg_graph *g, struct hg_findings *f);
/* Heads, bases, branch points and merge points. */
void hg_graph_mark(struct hg_graph *g);
/* Branch labels to all that have them; not with cycles. */
void hg_graph_spread_labels(struct hg_graph *g);

#endif
