/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/railway/railway.h - the variables of a Railway service, through Railway's GraphQL API.
 *
 * Facts: the operations that the railway CLI 5.71 sends (its src/gql/queries), and Railway's public
 * API documentation. Only queries are sent, never a mutation.
 *
 * Tokens, first that is there: the variable that token_env names; RAILWAY_TOKEN (a project token,
 * sent as project-access-token; it fixes project and environment); RAILWAY_API_TOKEN (an account or
 * workspace token, sent as Bearer); the login of the railway CLI in ~/.railway/config.json. A token
 * or a variable's value is never part of an error, a note or the trace.
 *
 * Ownership: the answer owns everything in it; release it with hg_railway_answer_done (it wipes).
 */
#ifndef HG_RAILWAY_RAILWAY_H
#define HG_RAILWAY_RAILWAY_H

#include "base/base.h"
#include "env/env.h"

struct hg_railway_query {
    char *service, *environment, *project; /* name or id; NULL: from token, environment or link */
    char *token_env;                       /* variable that holds the token; NULL: the usual ones */
    char *dir;                             /* absolute: where the search for a link begins; or NULL */
    char *state_dir;                       /* where ids found out are kept; NULL: nowhere */
    int64_t timeout_ns;                    /* for everything together; 0: 30 s */
    bool routes;                           /* look for public addresses of private hosts */
    bool allow_exec_names;                 /* keep variables such as LD_PRELOAD */
};

struct hg_railway_named {
    char *id, *name;
};

/* A private host of the variables and the public address that leads to it. */
struct hg_railway_route {
    char *private_host, *public_host;
    int private_port, public_port;
    char *found_in; /* "DATABASE_PUBLIC_URL of service Postgres", for people */
};

struct hg_railway_answer {
    struct hg_vars variables;              /* rendered; without sealed and dropped ones */
    struct hg_strv sealed;                 /* set in Railway, and not readable by anybody */
    struct hg_strv dropped;                /* would execute code on this machine */
    struct hg_strv notes;                  /* sentences for -v */
    struct hg_railway_named project, environment, service;
    struct hg_railway_route *routes;
    size_t route_count, route_cap;
    unsigned requests;                     /* that the API was sent, with those sent again */
    int64_t rate_limit, rate_remaining, rate_reset_s; /* as last told; -1: not told */
};

/* The request from JSON ({"service":…,"environment":…,"project":…,"token_env":…,"dir":…,"state_dir":…,
 * "timeout":seconds,"routes":bool,"allow_exec_names":bool}; everything optional). Kind USAGE. */
int hg_railway_query_parse(const char *json, size_t len, struct hg_railway_query *ret,
                           struct hg_err *err);
void hg_railway_query_done(struct hg_railway_query *q);

/* Fetches. Kinds: CONFIG (no token, names that do not exist, an unusable link), RAILWAY (everything
 * the API says), NETWORK, TIMEOUT. */
int hg_railway_fetch(const struct hg_railway_query *query, struct hg_railway_answer *ret,
                     struct hg_err *err);
void hg_railway_answer_done(struct hg_railway_answer *a);

/* The answer, or with err the error, as one JSON document with a newline. Heap; wipe it. */
char *hg_railway_answer_json(const struct hg_railway_answer *a, const struct hg_err *err);

/* The part of an API answer that fuzzing reaches: the variables of one "data" object into ret. */
int hg_railway_variables_parse(const char *body, size_t len, bool allow_exec_names,
                               struct hg_railway_answer *ret, struct hg_err *err);

#endif
