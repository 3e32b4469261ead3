/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/pg/internal.h - shared by the files of pkg/pg. */
#ifndef HG_PG_INTERNAL_H
#define HG_PG_INTERNAL_H

#include "pg.h"

/* A URL longer than this is not one. */
#define HG_PG_URL_MAX ((size_t)64 << 10)

/* Where the parts of a URL lie in its text; an absent part has start == NULL. */
struct hg_pg_span {
    const char *start;
    size_t len;
};
struct hg_pg_url_parts {
    struct hg_pg_span scheme, user, password, netloc, path, query;
};
int hg_pg_url_split(const char *text, struct hg_pg_url_parts *ret, struct hg_err *err);
/* %XX decoded; a `%` that starts nothing stays, as in Python's unquote (the migrator's reading).
 * Heap; NULL when the text would contain a NUL. */
char *hg_pg_decode(const struct hg_pg_span *s, bool plus_is_space);
/* Does this scheme mean SQLAlchemy ("postgresql+psycopg"), whose queries spell a space as `+`? */
bool hg_pg_scheme_has_driver(const struct hg_pg_span *scheme);

/* Sends what is left and reads until a result is complete: 0, or 1 when the deadline passed. */
int hg_pg_receive(PGconn *conn, int64_t deadline_ns);
void hg_pg_trace(const char *sql, int64_t began_ns, const char *status); /* the `sql` event */
int hg_pg_say_late(struct hg_err *err); /* -1: TIMEOUT, exit code 3, as the next */
int hg_pg_say_silent(struct hg_err *err);

/* The address for people; heap. */
char *hg_pg_where(const struct hg_pg_spec *spec, const PGconn *conn);
/* Turns libpq's text about a connection that failed into a sentence with a hint. */
int hg_pg_connect_error(const struct hg_pg_spec *spec, const PGconn *conn, struct hg_err *err);

#endif
