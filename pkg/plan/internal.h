/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of pkg/plan. */
#ifndef HG_PLAN_INTERNAL_H
#define HG_PLAN_INTERNAL_H

#include "plan.h"

/* {"REVISION": {"sql": [statement, …]} or {"reason": "…"}, …} for each of the steps: always an answer,
 * also when nothing could be rendered at all. By two processes, which must agree, or one. New reference. */
json_t *hg_plan_render(const struct hg_plan_input *in, const struct hg_revlist *steps, size_t processes);

/* "a, b", or `none`. Heap. */
char *hg_plan_joined(const json_t *list, const char *none);
/* "table notebooks (alter, index)" for each object of a revision but indexes. */
void hg_plan_touched(const json_t *revision, struct hg_strv *ret);
/* A statement as it would be typed: with its semicolon. */
void hg_plan_add_sql(struct hg_buf *b, const char *sql, const char *indent);
/* "from the database", "from a snapshot of TIME". Heap. */
char *hg_plan_source(const json_t *plan);
/* "open", "shut", "could not be told". */
const char *hg_plan_verdict(const json_t *plan);
/* Findings as a list again, for the reporters: those of the plan and those of the moment. */
void hg_plan_findings(const json_t *plan, struct hg_findings *ret);

#endif
