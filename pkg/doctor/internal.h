/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/doctor/internal.h - what the checks share. */
#ifndef HG_DOCTOR_INTERNAL_H
#define HG_DOCTOR_INTERNAL_H

#include "alembic/alembic.h"
#include "apply/apply.h"
#include "doctor.h"
#include "finding/finding.h"
#include "pg/pg.h"
#include "status/status.h"
#include "target/target.h"

#define HG_DOCTOR_QUERY_NS (10 * HG_NS_PER_S)
#define HG_DOCTOR_TOOL_NS  (10 * HG_NS_PER_S)

/* What is known so far. A member is valid once the check that fills it is fine. */
struct hg_exam {
    const struct hg_doctor_options *o;
    struct hg_doctor *out;
    struct hg_target target;            /* configuration, mask and original variables always */
    struct hg_err open_error;           /* kind NONE: resolved */
    char **plain;                       /* environment without secrets */
    struct hg_alembic_options how;
    struct hg_alembic_config alembic;   /* have_alembic */
    struct hg_graph *graph;
    struct hg_findings graph_findings;
    bool have_alembic;
    struct hg_err alembic_error;
    struct hg_findings files;           /* of the dotenv files */
    char *python;                       /* of this host */
    struct hg_apply_look *looking;      /* under way */
    json_t *look;                       /* its reports; NULL when it failed */
    struct hg_err look_error;
    PGconn *conn;                       /* the one that apply would use */
    int pg_dump;                        /* major version; 0: there is none */
    int64_t connect_ns;                 /* how long that took */
    struct hg_status status;            /* have_status */
    bool have_status;
    struct hg_err status_error;
    PGresult *facts;                    /* sql/facts.sql */
    int64_t asked_ns, answered_ns;      /* wall clock around it */
};

/* A check fills *c and returns its status. */
typedef enum hg_check_status (*hg_check_run)(struct hg_exam *x, struct hg_check *c);
/* Does it mean anything for this target? Asked before anything was looked at. */
typedef bool (*hg_check_concerns)(const struct hg_exam *x);

/* ---- saying it (check.c) ---------------------------------------------------------------------- */

enum hg_check_status hg_check_say(struct hg_check *c, enum hg_check_status status,
                                  const char *fmt, ...) HG_PRINTF(3, 4);
void hg_check_hint(struct hg_check *c, const char *fmt, ...) HG_PRINTF(2, 3);
void hg_check_detail(struct hg_check *c, const char *fmt, ...) HG_PRINTF(2, 3);
/* The lines of a text, each a detail. */
void hg_check_lines(struct hg_check *c, const char *text);
enum hg_check_status hg_check_error(struct hg_check *c, enum hg_check_status status, const struct hg_err *err);
/* The rule's id, and its way out when there is no hint yet. */
void hg_check_rule(struct hg_check *c, const char *rule);
/* What the finding of this rule says, when the list has one: then true. */
bool hg_check_finding(struct hg_check *c, const struct hg_findings *list, const char *rule);

/* The line of an earlier check; NULL: it has none. */
const struct hg_check *hg_check_find(const struct hg_doctor *d, const char *id);
/* Of a chain of skipped checks the first cause is named. */
enum hg_check_status hg_check_skip(struct hg_check *c, const struct hg_check *because);

/* ---- the checks ------------------------------------------------------------------------------- */

/* tools.c */
enum hg_check_status hg_doctor_python(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_packages(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_git(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_psql(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_pg_dump(struct hg_exam *x, struct hg_check *c);
bool hg_doctor_runs_here(const struct hg_exam *x);
/* files.c */
enum hg_check_status hg_doctor_config(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_alembic(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_graph(struct hg_exam *x, struct hg_check *c);
/* environment.c */
enum hg_check_status hg_doctor_sources(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_dotenv(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_secrets(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_masking(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_notify(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_railway(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_token(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_container(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_route(struct hg_exam *x, struct hg_check *c);
bool hg_doctor_has_railway(const struct hg_exam *x);
bool hg_doctor_has_container(const struct hg_exam *x);
bool hg_doctor_has_dotenv(const struct hg_exam *x);
bool hg_doctor_has_notify(const struct hg_exam *x);
/* database.c */
enum hg_check_status hg_doctor_answers(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_direct(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_identity(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_writable(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_pooler(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_version_table(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_clock(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_dump(struct hg_exam *x, struct hg_check *c);
bool hg_doctor_has_direct(const struct hg_exam *x);
/* privileges.c */
bool hg_doctor_has_ledger(const struct hg_exam *x);
enum hg_check_status hg_doctor_ledger(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_locks(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_cancel(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_rows(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_ownership(struct hg_exam *x, struct hg_check *c);
/* envpy.c */
void hg_doctor_look(struct hg_exam *x);         /* starts it, as early as possible */
enum hg_check_status hg_doctor_envpy(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_envpy_url(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_envpy_table(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_envpy_schemas(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_heads(struct hg_exam *x, struct hg_check *c);
enum hg_check_status hg_doctor_current(struct hg_exam *x, struct hg_check *c);

#endif
