/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/status/internal.h - shared by the files of pkg/status. */
#ifndef HG_STATUS_INTERNAL_H
#define HG_STATUS_INTERNAL_H

#include "status.h"

/* What the statement said, as far as it is not in struct hg_status yet. */
struct hg_facts {
    bool pooler;
    char *schema;       /* current_schema: where Alembic would create the table; NULL: none */
    json_t *tables;     /* array of {schema, expected, readable, rows: array|null}; never NULL */
    json_t *summary;    /* headgate.summary, array; never NULL */
    json_t *holders;    /* of headgate's advisory locks, array; never NULL */
    json_t *applied;    /* headgate.applied, array: asked for only when a row is unknown; or NULL */
};
void hg_facts_done(struct hg_facts *f);

/* Asks. conninfo is used for one more connection when a pooler is in between, to learn its mode. */
int hg_facts_read(PGconn *conn, const struct hg_pg_spec *spec, const char *schema, const char *table,
                  int64_t deadline_ns, struct hg_facts *ret, struct hg_status *s, struct hg_err *err);
/* headgate.applied into f->applied; a failure leaves it NULL. */
void hg_facts_read_applied(PGconn *conn, const char *version_table, int64_t deadline_ns,
                           struct hg_facts *f);

/* Judges facts: everything of *s that the statement did not fill. -1 when the state is unknown. conn
 * may be NULL (tests); it is used to ask the ledger about unknown rows. */
int hg_status_judge(const struct hg_target *t, const struct hg_graph *graph, const char *schema,
                    const char *table, struct hg_facts *f, PGconn *conn, int64_t deadline_ns,
                    struct hg_status *s, struct hg_err *err);
/* The state when rows are unknown, from what s->lost and `parents` (objects with revision and down)
 * say; sets pending if the ledger settles it. */
void hg_status_judge_unknown(const struct hg_graph *graph, const json_t *parents, bool really_ran,
                             struct hg_status *s);
/* Adds HG212 or HG213, or changes their message. */
void hg_status_name_lost(struct hg_status *s);
/* The entry of that revision, or NULL. */
const json_t *hg_status_parents_of(const json_t *parents, const char *revision);
/* squash.c: fills judged, moved_from and moved_to, with HG234. */
void hg_status_squash(const struct hg_graph *graph, struct hg_status *s);
/* Sets inside, with HG235, for an unknown row inside a squash, by what `parents` say. */
void hg_status_name_inside(struct hg_status *s, const struct hg_graph *graph, const json_t *parents);
/* The commit that has the end of that squash goes into HG235's help. */
void hg_status_date_inside(struct hg_status *s, const char *commit);
/* A new entry of s->lost, behind the others. */
struct hg_lost *hg_status_lost_add(struct hg_status *s, const char *revision);
/* The entry of s->lost for the revision, or NULL. */
struct hg_lost *hg_status_lost_of(struct hg_status *s, const char *revision);

/* Small helpers over jansson: NULL and null are the same. */
char *hg_status_dup(const json_t *object, const char *key);
void hg_status_list(const json_t *array, struct hg_strv *ret);

#endif
