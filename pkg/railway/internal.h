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
    const char *url;
    char *token;            /* wiped */
    enum token_kind kind;
    char *token_from;       /* "RAILWAY_TOKEN", "the railway CLI's login" */
    int64_t deadline;
    struct hg_mask *mask;   /* of the token, for whatever the server says back */
};

/* What link files and RAILWAY_*_ID say. All NULL when nothing does. */
struct link {
    char *project, *environment, *service, *from;
};

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

/* project.c: fills project, environment and service of the answer. *ret_services: edges. */
int hg_railway_locate(const struct client *c, const struct hg_railway_query *q,
                      struct hg_railway_answer *a, json_t **ret_services, struct hg_err *err);
const char *hg_railway_text(const json_t *object, const char *key); /* NULL when no string */

/* variables.c */
int hg_railway_variables(const struct client *c, const char *project, const char *environment,
                         const char *service, json_t **ret_map, struct hg_err *err);
int hg_railway_take(const json_t *map, bool allow_exec_names, struct hg_railway_answer *a,
                    struct hg_err *err);
int hg_railway_check_rendered(struct hg_railway_answer *a, struct hg_err *err);

/* routes.c */
void hg_railway_routes(const struct client *c, json_t *services, struct hg_railway_answer *a);

#endif
