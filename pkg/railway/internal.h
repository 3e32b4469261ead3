/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/railway/internal.h - what the files of this package share. */
#ifndef HG_RAILWAY_INTERNAL_H
#define HG_RAILWAY_INTERNAL_H

#include "railway.h"

#include <jansson.h>

/* jansson's own autoptr is C++-minded; this is ours. */
void hg_railway_decrefp(json_t **value);
#define JSON_AUTO HG_AUTO(hg_railway_decrefp) json_t *

enum token_kind { TOKEN_PROJECT, TOKEN_ACCOUNT, TOKEN_LOGIN };

struct client {
    char *url;
    char *token;            /* wiped */
    enum token_kind kind;
    char *token_from;       /* "RAILWAY_TOKEN", "the railway CLI's login" */
    int64_t deadline;
    struct hg_mask *mask;   /* of the token, for whatever the server says back */
    struct hg_railway_answer *answer; /* counts requests, keeps what is told about the rate limit */
    bool trying;            /* a refusal only means that remembered ids are stale: kind CONFIG */
};

/* What link files and RAILWAY_*_ID say. All NULL when nothing does. */
struct link {
    char *project, *environment, *service, *from;
};

/* The service that a private host belongs to. map: its variables, once fetched. */
struct owner {
    char *host;
    struct hg_railway_named service;
    json_t *map;
};
/* Ids found out before, by us or by whoever wrote them down; service.id NULL: nothing known. */
#define OWNERS_MAX 4
struct known {
    struct hg_railway_named project, environment, service;
    struct owner owners[OWNERS_MAX];
    size_t owner_count;
};

void hg_railway_named_done(struct hg_railway_named *n);
void hg_railway_named_set(struct hg_railway_named *n, const char *id, const char *name);

/* login.c: files of the railway CLI. NULL where there is none, or none that can be read: then *ret_why (heap;
 * may be NULL) says why. */
json_t *hg_railway_cli_config(char **ret_why);
const char *hg_railway_env(const char *name); /* NULL for an empty one too: so CI passes a missing secret */
const char *hg_railway_host(void);            /* railway.com, or that of RAILWAY_ENV */
int hg_railway_login(struct client *c, struct hg_railway_answer *a, struct hg_err *err);
int hg_railway_take_token(struct client *c, const char *token, enum token_kind kind, const char *from);

/* ids.c */
void hg_railway_known(const struct client *c, const struct hg_railway_query *q, const struct link *l,
                      struct known *ret);
void hg_railway_known_done(struct known *k);
struct owner *hg_railway_known_owner(struct known *k, const char *host);
bool hg_railway_known_add(struct known *k, const char *host, const char *id, const char *name);
/* Do the variables that arrived belong to what was asked for? Then the names are those of today. */
bool hg_railway_known_holds(struct known *k, const struct hg_railway_query *q, const json_t *map);
int hg_railway_remember(const struct client *c, const struct hg_railway_query *q,
                        const struct link *l, const struct known *k, struct hg_err *err);

/* token.c */
int hg_railway_client_init(const struct hg_railway_query *q, struct client *c,
                           struct hg_railway_answer *a, struct hg_err *err);
void hg_railway_client_done(struct client *c);
int hg_railway_link(const struct hg_railway_query *q, const struct client *c, struct link *ret,
                    struct hg_err *err);
void hg_railway_link_done(struct link *l);

/* graphql.c: sends one query; variables is consumed. *ret_data is the "data" object. */
int hg_railway_ask(const struct client *c, const char *operation, const char *query,
                   json_t *variables, json_t **ret_data, struct hg_err *err);
/* The same for text that arrived (status 200): checks the form. */
int hg_railway_data(const char *body, size_t len, json_t **ret_root, struct hg_err *err);

/* project.c: fills project, environment and service of the answer. *ret_services: edges. *ret_chosen:
 * none of them was taken only because it was the only one. */
int hg_railway_locate(const struct client *c, const struct hg_railway_query *q, const struct link *l,
                      struct hg_railway_answer *a, json_t **ret_services, bool *ret_chosen,
                      struct hg_err *err);
/* The edges of a project's services; NULL with *err. */
json_t *hg_railway_services(const struct client *c, const char *project, struct hg_err *err);
bool hg_railway_is_id(const char *s);
const char *hg_railway_text(const json_t *object, const char *key); /* NULL when no string */

/* variables.c: those of the known service, and of the owners with `owners`, in one request. */
int hg_railway_variables_known(const struct client *c, struct known *k, bool owners, json_t **ret_map,
                               struct hg_err *err);
int hg_railway_variables(const struct client *c, const char *project, const char *environment,
                         const char *service, json_t **ret_map, struct hg_err *err);
int hg_railway_take(const json_t *map, bool allow_exec_names, struct hg_railway_answer *a,
                    struct hg_err *err);
int hg_railway_check_rendered(struct hg_railway_answer *a, struct hg_err *err);

/* routes.c */
/* services: edges, or NULL: asked for when needed. Owners that it finds are added to known. */
void hg_railway_routes(const struct client *c, json_t *services, struct known *known,
                       struct hg_railway_answer *a);

#endif
