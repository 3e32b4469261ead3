/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/pg/pg.h - PostgreSQL through libpq: URL dialects, connections with deadlines, errors as
 * sentences, advisory locks, and private clusters for development and tests.
 *
 * Passwords: no function puts one into an error, a log line or a `shown` string.
 */
#ifndef HG_PG_PG_H
#define HG_PG_PG_H

#include "base/base.h"

#include <libpq-fe.h>

/* ---- URLs --------------------------------------------------------------------------------- */

/* A database address in parts, whatever spelling it came in. */
struct hg_pg_url {
    char *scheme;      /* as written: "postgresql+psycopg" */
    char *user, *password, *host, *port, *database; /* decoded; NULL: not given. Several hosts: "a,b" */
    char *hostaddr;    /* numeric address set by a route; host stays for TLS. NULL: none */
    struct hg_strv params; /* query keys and values in pairs, decoded, as written (driver spelling) */
};
/* postgres://, postgresql[+driver]://; libpq's and SQLAlchemy's forms of hosts and sockets
 * (h1:1,h2:2 · ?host=h1:1&host=h2:2 · ?host=/dir · %2Fdir · [v6]:port · pg8000's unix_sock).
 * `+` is a space only in the query of a URL with a driver (SQLAlchemy's reading), nowhere else.
 * Not a PostgreSQL URL, or one whose password would spill into the host (a raw `@`): HG_E_CONFIG,
 * without repeating it. */
int hg_pg_url_parse(const char *text, struct hg_pg_url *ret, struct hg_err *err);
void hg_pg_url_done(struct hg_pg_url *u);
/* The URL with another host (NULL: as it was) and port (NULL: none), otherwise byte for byte the
 * caller's spelling; hostaddr=, unix_sock= and further host= of the query go with the old host, and
 * an `@` of the query becomes %40 where there is no user. Text that is no URL comes back as it is.
 * Heap. */
char *hg_pg_url_rewrite(const char *text, const char *host, const char *port);
/* The URL with one more parameter in its query; heap. The value needs no escaping. */
char *hg_pg_url_add_param(const char *text, const char *key, const char *value);
/* keyword='value' string for libpq: driver-only parameters left out, sslmode/ssl translated,
 * defaults from PG* variables, service file and passfile left to libpq. No libpq call, so a program
 * that only handles URLs does not load it. Heap; wipe after use. */
char *hg_pg_url_conninfo(const struct hg_pg_url *u);
/* "postgresql://user@host:port/database": for people, one printable line. Heap. */
char *hg_pg_url_shown(const struct hg_pg_url *u);

/* ---- connections -------------------------------------------------------------------------- */

/* Starts connecting without waiting; hg_pg_connect_finish waits until the deadline (monotonic ns).
 * Between the two the caller may do other work (reading revision files). source names where the
 * address came from, for messages ("DATABASE_URL from railway api@production"). Sets
 * application_name, short keepalives, connect_timeout; errors are of kind DATABASE (exit 3), one
 * sentence and hint for each: missing database, wrong password (and where it came from), unknown
 * host, refused, starting up, too many connections, SSL refused, pooler that refuses a startup
 * parameter, time-out; the server's SQLSTATE is kept in err->sqlstate (57P03 and 53300 may be worth
 * another try). connect_timeout of the conninfo or PGCONNECT_TIMEOUT shortens the deadline. Name
 * resolution happens inside libpq, in hg_pg_connect_start, with the resolver's own time limits. */
struct hg_pg_spec {
    const char *conninfo;        /* "" means PG* variables alone */
    const char *application_name;
    const char *source;
    const char *shown;           /* address for people, without password; NULL: made from libpq's */
    int64_t source_ns;           /* wall clock: when the address was read there, or, with */
    bool source_written;         /* source_written, its file written last; 0: not known */
    int (*stop)(struct hg_err *err); /* asked while connecting: -1 ends it with this error; NULL: nobody */
};
int hg_pg_connect_start(const struct hg_pg_spec *spec, PGconn **ret, struct hg_err *err);
int hg_pg_connect_finish(PGconn *conn, const struct hg_pg_spec *spec, int64_t deadline_ns,
                         struct hg_err *err);
int hg_pg_connect(const struct hg_pg_spec *spec, int64_t timeout_ns, PGconn **ret, struct hg_err *err);
void hg_pg_closep(PGconn **conn);   /* for HG_AUTO */
void hg_pg_clearp(PGresult **res);  /* for HG_AUTO */

/* One statement with text parameters (or, without parameters, several separated by `;`: the last
 * result counts), waiting at most until the deadline (then the query is cancelled and the error is
 * TIMEOUT; deadline 0: none). Any other failure: kind DATABASE, sqlstate, message of the
 * server, detail and hint. */
int hg_pg_query(PGconn *conn, const char *sql, size_t nparams, const char *const *params,
                int64_t deadline_ns, PGresult **ret, struct hg_err *err);
/*
 * Statements that go without waiting for each other's answers: one way to the server and back for all of them,
 * which to a distant one takes longer than its work (libpq's pipeline mode, PostgreSQL docs, "Pipeline Mode"). Each
 * is a single statement by the extended protocol, and ends by itself (Sync): one that fails hinders the
 * next no more than it would have one by one, which in a transaction it does.
 */
struct hg_pg_ask {
    const char *sql;
    size_t nparams;
    const char *const *params;
    PGresult *res;              /* out; NULL: refused, */
    struct hg_err err;          /* for this */
};
/* Each until the deadline. -1: lost or late, as hg_pg_query, and the rest is not known; else what became of each
 * stands there. */
int hg_pg_ask_each(PGconn *conn, struct hg_pg_ask *asks, size_t count, int64_t deadline_ns, struct hg_err *err);
int hg_pg_answered(const struct hg_pg_ask *ask, struct hg_err *err); /* -1: refused */
/* The same where all have to be answered: -1 with the first that was refused, too. */
int hg_pg_ask_all(PGconn *conn, struct hg_pg_ask *asks, size_t count, int64_t deadline_ns, struct hg_err *err);
void hg_pg_asks_done(struct hg_pg_ask *asks, size_t count);

/* The same in steps, for who makes something of one answer while the next is on its way. Between begin and end
 * nobody else uses the connection. */
struct hg_pg_pipeline {
    PGconn *conn;
    size_t sent, answered;
    int64_t asked_ns;           /* when the answer that is waited for was last on its way */
    bool lost;
};
int hg_pg_pipeline_begin(PGconn *conn, struct hg_pg_pipeline *ret, struct hg_err *err);
int hg_pg_pipeline_send(struct hg_pg_pipeline *p, const char *sql, size_t nparams, const char *const *params,
                        struct hg_err *err);
/* The answer to the statement that was sent first of those not answered; `sql` is that, for the trace. -1:
 * refused (with its SQLSTATE), lost, or late. */
int hg_pg_pipeline_next(struct hg_pg_pipeline *p, const char *sql, int64_t deadline_ns, PGresult **ret,
                        struct hg_err *err);
/* Answers nobody took are canceled and read away. A server that does not even then answer leaves a connection
 * that nobody can use. */
void hg_pg_pipeline_end(struct hg_pg_pipeline *p);

/* Fills *err from a failed result or connection; for callers that drive libpq themselves. */
int hg_pg_fail(struct hg_err *err, const PGconn *conn, const PGresult *res, const char *doing);
/* It took a question and answered neither that nor the request to cancel it: whatever is asked there from now on is
 * TIMEOUT at once. */
bool hg_pg_silent(const PGconn *conn);
/* Asks the server to cancel what conn is running; best effort. */
void hg_pg_cancel(PGconn *conn);
/* NULL for SQL null. */
const char *hg_pg_get(const PGresult *res, int row, int column);
char *hg_pg_quote_ident(const char *name); /* heap; always quoted */
/* The literal of a text[] with these items, for a parameter; NULL: none. Heap. */
char *hg_pg_text_array(const struct hg_strv *items);

/* ---- private clusters --------------------------------------------------------------------- */

/*
 * A PostgreSQL server of one's own below the state directory: data, log, password, port and socket
 * in <state_dir>/postgres (mode 0700), TCP on 127.0.0.1 and a unix socket, both with the random
 * password. Root runs it as somebody else: who owns the data, else SUDO_UID, else `postgres`, else
 * `nobody`; where that user cannot reach the state directory the cluster lies in /var/tmp, and the
 * state directory says where. An ephemeral one lies in /tmp, without fsync.
 * Two starters wait for each other (flock on <state_dir>/postgres.lock); a pid file left by a crash
 * is recognised and removed.
 */
struct hg_pg_cluster {
    char *dir;          /* holds data, log, password, port */
    char *socket_dir;
    int port;
    char *url;          /* postgresql://…, through TCP, with the password */
    int64_t pid;        /* 0: not running */
    int version;        /* major */
    bool ephemeral;
};
struct hg_pg_cluster_options {
    const char *state_dir;  /* absolute */
    const char *bindir;     /* HEADGATE_PG_BINDIR; NULL: the newest installed of 13 to 18 */
    const char *database;   /* created if missing; NULL: "app" */
    bool ephemeral;         /* the one in a temporary directory; otherwise that one only when there is
                               no other (stop, find, destroy) */
    int64_t timeout_ns;     /* 0: 60 s */
};
/* Makes the cluster if there is none, starts it if it does not run. CONFIG: no PostgreSQL installed,
 * or none of the data's version; DATABASE: it does not start (end of its log in the detail). */
int hg_pg_cluster_start(const struct hg_pg_cluster_options *o, struct hg_pg_cluster *ret, struct hg_err *err);
/* What there is: -1 of kind REFUSED when there is no cluster. */
int hg_pg_cluster_find(const struct hg_pg_cluster_options *o, struct hg_pg_cluster *ret, struct hg_err *err);
int hg_pg_cluster_stop(const struct hg_pg_cluster_options *o, struct hg_err *err);
/* Stops it and removes every file of it; no cluster is fine. */
int hg_pg_cluster_destroy(const struct hg_pg_cluster_options *o, struct hg_err *err);
void hg_pg_cluster_done(struct hg_pg_cluster *c);
/* The folder with initdb, pg_ctl and postgres: `bindir` if given, else the newest of the usual
 * places with this major version (0: any of 13 to 18), else PATH. Heap; NULL with *err. */
char *hg_pg_bindir(const char *bindir, int major, struct hg_err *err);

#endif
