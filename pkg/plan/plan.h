/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/plan/plan.h - what would run, as a document: revisions in order with their files' digests, the
 * SQL that Alembic renders of each, the objects it touches, the database and the rows it starts from,
 * the rows it ends with, the gate's findings, and a digest that pins all of that.
 *
 * A plan is JSON (headgate.plan/1, docs/schema/plan.schema.json). The same files and the same database,
 * or the same snapshot, give the same bytes. `digest` is the SHA-256 of the canonical text (keys sorted,
 * no spaces) of everything but `digest` itself and `observed`, which holds what was true at one moment
 * only: the gate's verdict, findings about the live database (HG6xx), where and when it was looked at.
 *
 * Recipe to make one: status and gate -> hg_plan_make(). Recipe to keep to one: hg_plan_read() ->
 * hg_plan_steps() with what is there now -> hg_plan_compare().
 */
#ifndef HG_PLAN_PLAN_H
#define HG_PLAN_PLAN_H

#include "alembic/alembic.h"
#include "base/base.h"
#include "bundle/bundle.h"
#include "finding/finding.h"
#include "gate/gate.h"
#include "status/status.h"
#include "target/target.h"

#include <jansson.h>

#define HG_PLAN_FILE_MAX ((size_t)64 << 20)

/* What leads from these rows to the goal ("head", "heads", an identifier, for down also "-1", "base"):
 * the steps in order, the rows after them, and the goal spelled so that a file which appears meanwhile
 * changes nothing (an id where there is one; heap). REFUSED with Alembic's reason. */
int hg_plan_steps(const struct hg_graph *graph, const struct hg_strv *rows, const char *goal, bool down,
                  struct hg_revlist *ret_steps, struct hg_strv *ret_to, char **ret_goal,
                  struct hg_err *err);

/* ---- making --------------------------------------------------------------------------------- */

struct hg_plan_input {
    const struct hg_target *target;
    const struct hg_alembic_config *alembic;
    const struct hg_bundle *bundle;     /* whose SQL is the plan's; NULL: Alembic renders it */
    const struct hg_graph *graph;       /* with digests */
    const struct hg_status *status;     /* read, or recorded (hg_status_recorded) */
    const struct hg_gate *gate;         /* judged on that status */
    const char *revision;               /* --to; NULL: the target's upgrade_to */
    const struct hg_strv *x;            /* arguments for env.py; may be NULL */
    const char *taken_at;               /* of the snapshot; NULL: the database itself was asked */
    bool no_python;                     /* no SQL then, and that is said */
    int64_t timeout_ns;                 /* for rendering; 0: 60 s */
};
/* REFUSED when there is no way from this state to the goal. SQL that cannot be rendered is no error.
 * New reference. */
int hg_plan_make(const struct hg_plan_input *in, json_t **ret, struct hg_err *err);
/* The file's text, with a newline at its end. Heap. */
char *hg_plan_dump(const json_t *plan);
/* Into out: what `digest` must be. */
void hg_plan_digest(const json_t *plan, char out[HG_SHA256_SIZE]);

/* The objects that an SQL text names where a statement begins with what it does to which object:
 * {"kind", "name", "change"} each, appended to `into` once. */
void hg_plan_sql_objects(const char *sql, json_t *into);

/* ---- keeping to one ---------------------------------------------------------------------------- */

/* From a file; CONFIG when it cannot be read, INTEGRITY when it is no plan, or not the one that was
 * made (the digest is another one). New reference. */
int hg_plan_read(const char *path, json_t **ret, struct hg_err *err);
/* The same from text. */
int hg_plan_parse(const char *text, size_t len, const char *shown, json_t **ret, struct hg_err *err);

/* What is there now. */
struct hg_plan_now {
    const char *target;
    const char *database, *system_identifier, *oid; /* NULL: hidden by the server */
    const char *version_table;                      /* "schema.table" */
    const struct hg_strv *from, *to;                /* rows */
    const char *upgrade_to;                         /* what the target goes to when nothing is asked */
    const char *goal;                               /* as hg_plan_steps spelled it */
    const struct hg_revlist *steps;                 /* with digests */
    const char *env_digest;                         /* hg_plan_env_digest; NULL: unreadable */
};
/* HG230 for each difference, one sentence each, none when that plan is what would run, or is done and
 * nothing else would run. `remedy` is the command that makes a new one. */
void hg_plan_compare(const json_t *plan, const struct hg_plan_now *now, const char *remedy,
                     struct hg_findings *ret);
/* HG230 for each revision whose SQL, rendered again as for a new plan, is not the plan's; a warning where it
 * cannot be rendered here. A plan without SQL costs nothing, others two runs of Python. */
void hg_plan_compare_sql(const json_t *plan, const struct hg_plan_input *in, const struct hg_revlist *steps,
                         const char *remedy, struct hg_findings *ret);
/* What `apply --plan` has to ask for: the plan's goal. Borrowed. */
const char *hg_plan_goal(const json_t *plan);
/* SHA-256 of env.py; heap, NULL when it cannot be read. */
char *hg_plan_env_digest(const struct hg_alembic_config *alembic);

/* ---- for people ------------------------------------------------------------------------------------ */

void hg_plan_text(const json_t *plan, bool color, struct hg_buf *ret);
/* A comment for a pull request: SQL folded away. */
void hg_plan_markdown(const json_t *plan, struct hg_buf *ret);

#endif
