/* SPDX-License-Identifier: Apache-2.0 */
/* One query and what its answer means: every way of failing has its own sentence. */
#include "internal.h"

#include "http/http.h"

#define ANSWER_MAX ((size_t)32 << 20)

static const char *header_of(enum token_kind kind)
{
    return kind == TOKEN_PROJECT ? "project-access-token: " : "authorization: Bearer ";
}

/* ---- sending ----------------------------------------------------------------------------------- */

static int post(const struct client *c, enum token_kind kind, const char *body, unsigned attempts,
                struct hg_http_response *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *token = hg_xasprintf("%s%s", header_of(kind), c->token);
    const char *const headers[] = { token, "content-type: application/json",
                                    "accept: application/json", NULL };
    struct hg_http_request request = {
        .url = c->url, .headers = headers, .body = body, .body_len = strlen(body),
        .max_body = ANSWER_MAX, .deadline_ns = c->deadline, .attempts = attempts,
    };
    int rc = hg_http_do(&request, ret, err);
    explicit_bzero(token, strlen(token));
    c->answer->requests += rc < 0 ? 1 : ret->attempts;
    if (rc == 0 && ret->rate_remaining >= 0) {
        c->answer->rate_limit = ret->rate_limit;
        c->answer->rate_remaining = ret->rate_remaining;
        c->answer->rate_reset_s = ret->rate_reset_s;
    }
    return rc;
}

static char *query_body(const char *operation, const char *query, json_t *variables)
{
    JSON_AUTO body = json_pack("{s:s, s:s, s:o}", "operationName", operation, "query", query,
                               "variables", variables ? variables : json_object());
    char *text = json_dumps(body, JSON_COMPACT);
    if (!text)
        HG_BUG("a query that is no JSON"); /* names come from argv and may be no UTF-8: see parse */
    return text;
}

/* ---- what went wrong --------------------------------------------------------------------------- */

static int rate_limited(const struct hg_http_response *r, struct hg_err *err)
{
    hg_fail(err, HG_E_RAILWAY, "Railway's rate limit is used up");
    int64_t wait = r->retry_after_s >= 0 ? r->retry_after_s : r->rate_reset_s;
    HG_AUTO(hg_freep) char *limit =
        r->rate_limit >= 0 ? hg_xasprintf("all %lld requests of the period; ", (long long)r->rate_limit)
                           : hg_xstrdup("");
    char at[HG_TIME_SIZE];
    if (wait >= 0)
        hg_detail(err, "%sRailway asks to wait %lld s (until %s); there was not so much time", limit,
                  (long long)wait, hg_time_format(hg_wall_ns() + wait * HG_NS_PER_S, at));
    else
        hg_detail(err, "%sRailway refused with status 429 and does not say for how long", limit);
    return hg_hint(err, "try again later, or give more time with --timeout; the limit is per account "
                        "(Free: 100 requests an hour). A run costs one request once the ids are known, "
                        "three to six before");
}

/* Does the same token work as the other kind? One more request, and then we know. */
static bool works_as(const struct client *c, enum token_kind kind)
{
    static const char PROJECT[] = "{\"operationName\":\"ProjectToken\",\"variables\":{},\"query\":"
                                  "\"query ProjectToken { projectToken { projectId } }\"}";
    static const char ACCOUNT[] = "{\"operationName\":\"Projects\",\"variables\":{},\"query\":"
                                  "\"query Projects { projects { edges { node { id } } } }\"}";
    HG_AUTO(hg_http_response_done) struct hg_http_response r = HG_HTTP_RESPONSE_INIT;
    struct hg_err ignored = { 0 };
    if (post(c, kind, kind == TOKEN_PROJECT ? PROJECT : ACCOUNT, 1, &r, &ignored) < 0)
        return false;
    JSON_AUTO root = json_loadb(hg_buf_str(&r.body), r.body.len, 0, NULL);
    const json_t *data = json_object_get(root, "data");
    return json_array_size(json_object_get(root, "errors")) == 0 &&
           json_is_object(json_object_get(data, kind == TOKEN_PROJECT ? "projectToken" : "projects"));
}

static int bad_project_token(const struct client *c, struct hg_err *err)
{
    if (works_as(c, TOKEN_ACCOUNT)) {
        hg_fail(err, HG_E_RAILWAY, "%s holds an account token, and a project token is expected there",
                c->token_from);
        return hg_hint(err, "put it into RAILWAY_API_TOKEN instead, or make a project token for the "
                            "environment (Railway: project, Settings, Tokens)");
    }
    hg_fail(err, HG_E_RAILWAY, "Railway does not know the project token in %s", c->token_from);
    hg_detail(err, "it was deleted, belongs to a deleted environment, or was not copied whole");
    return hg_hint(err, "make a new one for the environment (Railway: project, Settings, Tokens)");
}

static int not_authorized(const struct client *c, const char *operation, struct hg_err *err)
{
    if (c->kind == TOKEN_PROJECT) {
        if (strcmp(operation, "ProjectToken") == 0)
            return bad_project_token(c, err);
        hg_fail(err, HG_E_RAILWAY, "the project token in %s may not read this (%s)", c->token_from,
                operation);
        return hg_hint(err, "a project token sees one environment of one project: is it the one of "
                            "another environment?");
    }
    if (works_as(c, TOKEN_PROJECT)) {
        hg_fail(err, HG_E_RAILWAY, "%s holds a project token, and an account token is expected there",
                c->token_from);
        return hg_hint(err, "put it into RAILWAY_TOKEN (it fixes project and environment)");
    }
    if (c->kind == TOKEN_LOGIN) {
        hg_fail(err, HG_E_RAILWAY, "Railway does not accept the railway CLI's login on this machine");
        return hg_hint(err, "log in again: `railway login`");
    }
    hg_fail(err, HG_E_RAILWAY, "Railway does not accept the token in %s", c->token_from);
    hg_detail(err, "it was deleted, has expired, or its account may not see this project (%s)",
              operation);
    return hg_hint(err, "make a new account token (Railway: Account Settings, Tokens), or use a "
                        "project token in RAILWAY_TOKEN");
}

static int graphql_error(const struct client *c, const char *operation, const char *message,
                         struct hg_err *err)
{
    if (c->trying)
        return hg_fail(err, HG_E_CONFIG, "the ids are not valid, or not for this token");
    if (strcasestr(message, "project token not found"))
        return c->kind == TOKEN_PROJECT ? bad_project_token(c, err)
                                        : not_authorized(c, operation, err);
    if (strcasestr(message, "not authorized") || strcasestr(message, "unauthorized"))
        return not_authorized(c, operation, err);
    if (strcasestr(message, "project not found")) {
        hg_fail(err, HG_E_RAILWAY, "Railway has no such project, or the token in %s may not see it",
                c->token_from);
        return hg_hint(err, "`railway link` chooses the project of this directory; in headgate.yaml "
                            "it is the source's `project`");
    }
    if (strcasestr(message, "two factor")) {
        hg_fail(err, HG_E_RAILWAY, "the workspace requires two-factor authentication");
        return hg_hint(err, "turn it on in your Railway account, or use a project token in "
                            "RAILWAY_TOKEN");
    }
    HG_AUTO(hg_freep) char *plain = hg_mask_text(message, c->mask);
    HG_AUTO(hg_freep) char *shown = hg_printable(plain, 300);
    hg_fail(err, HG_E_RAILWAY, "Railway refused %s: %s", operation, shown);
    return hg_hint(err, "https://status.railway.com tells whether Railway has an incident");
}

static int malformed(const struct hg_http_response *r, const char *what, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *type = hg_printable(r->content_type, 60);
    hg_fail(err, HG_E_RAILWAY, "Railway's answer cannot be read: %s", what);
    hg_detail(err, "status %d, %zu bytes of %s", r->status, r->body.len,
              *type ? type : "no declared type");
    if (r->status >= 300 && r->status < 400)
        return hg_hint(err, "the address answers with a redirect, which is not followed, because the "
                            "token must not go elsewhere; check HEADGATE_RAILWAY_URL and proxies");
    if (r->status >= 500)
        return hg_hint(err, "Railway has a problem of its own; see https://status.railway.com and try "
                            "again");
    return hg_hint(err, "is a proxy or a login page of your network answering instead of Railway?");
}

/* ---- one query --------------------------------------------------------------------------------- */

static const char *first_error(const json_t *root)
{
    const json_t *errors = json_object_get(root, "errors");
    if (json_array_size(errors) == 0)
        return NULL;
    const char *message = hg_railway_text(json_array_get(errors, 0), "message");
    return message ? message : "an error without a message";
}

int hg_railway_data(const char *body, size_t len, json_t **ret_root, struct hg_err *err)
{
    json_error_t where;
    JSON_AUTO root = json_loadb(body, len, 0, &where);
    if (!root)
        return hg_fail(err, HG_E_RAILWAY, "no valid JSON at byte %d", where.position);
    if (!json_is_object(root) ||
        (!first_error(root) && !json_is_object(json_object_get(root, "data"))))
        return hg_fail(err, HG_E_RAILWAY, "neither data nor errors in it");
    *ret_root = HG_TAKE(root);
    return 0;
}

static int unreachable(struct hg_err *err)
{
    if (err->kind == HG_E_NETWORK) {
        HG_AUTO(hg_freep) char *reason = hg_xstrdup(err->detail);
        hg_wrap(err, "Railway's API does not answer");
        hg_detail(err, "%s", reason);
        return *err->hint ? -1 : hg_hint(err, "check the network and proxies (HTTPS_PROXY); "
                                              "https://status.railway.com tells about incidents");
    }
    if (err->kind == HG_E_TIMEOUT)
        hg_hint(err, "give more time with --timeout, or see https://status.railway.com");
    return -1;
}

int hg_railway_ask(const struct client *c, const char *operation, const char *query,
                   json_t *variables, json_t **ret_data, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *body = query_body(operation, query, variables);
    HG_AUTO(hg_http_response_done) struct hg_http_response r = HG_HTTP_RESPONSE_INIT;
    if (post(c, c->kind, body, 0, &r, err) < 0)
        return unreachable(err);
    char status[16], attempts[16];
    (void)snprintf(status, sizeof status, "%d", r.status);
    (void)snprintf(attempts, sizeof attempts, "%u", r.attempts);
    hg_trace("railway", "operation", operation, "status", status, "attempts", attempts, NULL);
    if (r.status == 429)
        return rate_limited(&r, err);
    struct hg_err reason = { 0 };
    JSON_AUTO root = NULL;
    if (hg_railway_data(hg_buf_str(&r.body), r.body.len, &root, &reason) < 0)
        return malformed(&r, reason.message, err);
    const char *message = first_error(root);
    if (message)
        return graphql_error(c, operation, message, err);
    if (r.status < 200 || r.status > 299)
        return malformed(&r, "an error status with an answer in it", err);
    *ret_data = json_incref(json_object_get(root, "data"));
    return 0;
}
