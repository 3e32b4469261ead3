/* SPDX-License-Identifier: Apache-2.0 */
#include "notify.h"

#include <string.h>

#include "env/env.h"
#include "finding/finding.h"
#include "http/http.h"

#define ANSWER_MAX      ((size_t)1 << 20)
#define SAID_MAX        ((size_t)100)      /* bytes kept of what somebody answered */
#define HEADERS_MAX     8
#define DESCRIPTION_MAX ((size_t)140)      /* GitHub's limit */
#define TIMEOUT_S       5

/* One request: its headers are wiped, because one of them may be a token. */
struct letter {
    const char *url;
    struct hg_strv headers;
    json_t *body;
    bool once;                  /* it makes something there */
    int64_t deadline_ns;
    json_t *into;
};

static void letter_done(struct letter *l)
{
    hg_strv_wipe(&l->headers);
    json_decref(l->body);
}

char *hg_notify_signature(const char *secret, int64_t at_s, const char *body, size_t len)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    char hex[HG_SHA256_SIZE];
    hg_buf_addf(&text, "%lld.", (long long)at_s);
    hg_buf_add(&text, body, len);
    (void)hg_hmac_sha256(secret, strlen(secret), hg_buf_str(&text), text.len, hex);
    return hg_xasprintf("t=%lld,v1=%s", (long long)at_s, hex);
}

/* What the other side says is wrong: the "message" of a JSON answer. */
static char *said(const struct hg_http_response *r)
{
    json_t *answer = json_loadb(hg_buf_str(&r->body), r->body.len, 0, NULL);
    char *text = hg_printable(hg_jstr(answer, "message"), SAID_MAX);
    json_decref(answer);
    return text;
}

static int judge(const struct hg_http_response *r, const char *host, struct hg_err *err)
{
    if (r->status >= 200 && r->status < 300)
        return 0;
    HG_AUTO(hg_freep) char *message = said(r);
    return hg_fail(err, HG_E_NETWORK, "%s answered with %d%s%s", host, r->status, *message ? ": " : "",
                   message);
}

/* ret_answer may be NULL; new reference. */
static int post(struct letter *l, const char *body, size_t len, json_t **ret_answer, struct hg_err *err)
{
    HG_AUTO(hg_http_response_done) struct hg_http_response response = HG_HTTP_RESPONSE_INIT;
    HG_AUTO(hg_freep) char *host = hg_url_host(l->url);
    hg_strv_add(&l->headers, "Content-Type: application/json");
    struct hg_http_request request = { .method = "POST", .url = l->url, .body = body, .body_len = len,
                                       .headers = (const char *const *)l->headers.items,
                                       .max_body = ANSWER_MAX, .deadline_ns = l->deadline_ns, .once = l->once,
                                       .status_suffices = true };
    struct hg_err inner = { 0 };
    if (hg_http_do(&request, &response, &inner) < 0) {
        /* Its message has the path, which may be a secret; its hint is of the certificate. */
        (void)hg_fail(err, inner.kind, inner.kind == HG_E_TIMEOUT ? "%s did not answer in time%s%s"
                                                                  : "%s could not be reached%s%s",
                      host, *inner.hint ? ": " : "", inner.hint);
        return -1;
    }
    json_object_set_new(l->into, "status", json_integer(response.status));
    json_object_set_new(l->into, "attempts", json_integer((json_int_t)response.attempts));
    if (judge(&response, host, err) < 0)
        return -1;
    if (ret_answer)
        *ret_answer = json_loadb(hg_buf_str(&response.body), response.body.len, 0, NULL);
    return 0;
}

static int post_json(struct letter *l, json_t **ret_answer, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *text = l->body ? json_dumps(l->body, JSON_COMPACT) : NULL;
    if (!text)
        return hg_fail(err, HG_E_BUG, "a notification that is no JSON");
    return post(l, text, strlen(text), ret_answer, err);
}

static int webhook(const json_t *q, struct letter *l, struct hg_err *err)
{
    const json_t *event = json_object_get(q, "event");
    const char *secret = hg_jget(q, "secret");
    HG_AUTO(hg_freep) char *text = json_dumps(event, JSON_COMPACT);
    if (!text)
        return hg_fail(err, HG_E_USAGE, "the request has no event");
    hg_strv_addf(&l->headers, "Headgate-Event: %s", hg_jstr(event, "event"));
    hg_strv_addf(&l->headers, "Headgate-Delivery: %s", hg_jstr(event, "id"));
    if (secret) {
        HG_AUTO(hg_freep) char *signature =
            hg_notify_signature(secret, hg_wall_ns() / HG_NS_PER_S, text, strlen(text));
        hg_strv_addf(&l->headers, "Headgate-Signature: %s", signature);
    }
    return post(l, text, strlen(text), NULL, err);
}

static int slack(const json_t *q, struct letter *l, struct hg_err *err)
{
    l->body = hg_notify_slack(json_object_get(q, "event"));
    return post_json(l, NULL, err);
}

/* ---- GitHub (https://docs.github.com/rest/deployments) -------------------------------------------- */

static void github_headers(const json_t *q, struct letter *l)
{
    hg_strv_add(&l->headers, "Accept: application/vnd.github+json");
    hg_strv_add(&l->headers, "X-GitHub-Api-Version: 2022-11-28");
    hg_strv_addf(&l->headers, "Authorization: Bearer %s", hg_jstr(q, "token"));
}

/* "API/repos/OWNER/NAME/deployments", of an API that may end in a slash. */
static char *deployments_url(const json_t *q)
{
    const char *api = hg_jstr(q, "api");
    size_t len = strlen(api);
    while (len && api[len - 1] == '/')
        len--;
    return hg_xasprintf("%.*s/repos/%s/deployments", (int)len, api, hg_jstr(q, "repository"));
}

static int make_deployment(const json_t *q, int64_t deadline_ns, json_t *into, char **ret,
                           struct hg_err *err)
{
    const json_t *event = json_object_get(q, "event");
    HG_AUTO(hg_freep) char *url = deployments_url(q);
    HG_AUTO(letter_done) struct letter l = { .url = url, .headers = HG_STRV_INIT, .into = into,
                                             .once = true, .deadline_ns = deadline_ns };
    json_t *answer = NULL;
    if (!*hg_jstr(event, "commit"))
        return hg_fail(err, HG_E_CONFIG, "there is no commit to make a deployment of");
    github_headers(q, &l);
    l.body = json_pack("{s:s, s:s, s:b, s:[], s:s}", "ref", hg_jstr(event, "commit"), "environment",
                       hg_jstr(q, "environment"), "auto_merge", 0, "required_contexts", "description",
                       "database migration by headgate");
    if (post_json(&l, &answer, err) < 0)
        return -1;
    json_int_t id = json_integer_value(json_object_get(answer, "id"));
    json_decref(answer);
    if (id <= 0)
        return hg_fail(err, HG_E_NETWORK, "the answer to a new deployment has no id");
    *ret = hg_xasprintf("%lld", (long long)id);
    return 0;
}

/* For what did not begin no deployment is made. */
static bool worth_a_deployment(const json_t *event)
{
    static const char *const NAMES[] = { "started", "applied", "failed" };
    for (size_t i = 0; i < HG_COUNT(NAMES); i++)
        if (hg_streq(hg_jstr(event, "event"), NAMES[i]))
            return true;
    return false;
}

static int github(const json_t *q, int64_t deadline_ns, json_t *into, struct hg_err *err)
{
    const json_t *event = json_object_get(q, "event");
    HG_AUTO(hg_freep) char *id = hg_xstrdup(hg_jget(q, "deployment"));
    if (!id && !worth_a_deployment(event))
        return 0;
    if (!id && make_deployment(q, deadline_ns, into, &id, err) < 0)
        return -1;
    json_object_set_new(into, "deployment", json_string(id));
    HG_AUTO(hg_freep) char *deployments = deployments_url(q);
    HG_AUTO(hg_freep) char *url = hg_xasprintf("%s/%s/statuses", deployments, id);
    HG_AUTO(letter_done) struct letter l = { .url = url, .headers = HG_STRV_INIT, .into = into,
                                             .deadline_ns = deadline_ns };
    HG_AUTO(hg_buf_done) struct hg_buf sentence = HG_BUF_INIT;
    hg_notify_sentence(event, &sentence);
    HG_AUTO(hg_freep) char *description = hg_notify_cut(hg_buf_str(&sentence), DESCRIPTION_MAX);
    github_headers(q, &l);
    l.body = json_pack("{s:s, s:s, s:s}", "state", hg_notify_github_state(event), "description",
                       description, "environment", hg_jstr(q, "environment"));
    if (*hg_jstr(event, "link"))
        json_object_set_new(l.body, "log_url", json_string(hg_jstr(event, "link")));
    return post_json(&l, NULL, err);
}

int hg_notify_send(const json_t *q, json_t *into, struct hg_err *err)
{
    const char *kind = hg_jstr(q, "kind");
    double timeout = json_number_value(json_object_get(q, "timeout"));
    int64_t deadline = hg_now_ns() + (timeout > 0 ? (int64_t)(timeout * (double)HG_NS_PER_S)
                                                  : TIMEOUT_S * HG_NS_PER_S);
    if (!json_is_object(json_object_get(q, "event")))
        return hg_fail(err, HG_E_USAGE, "the request has no event");
    if (hg_streq(kind, "github"))
        return github(q, deadline, into, err);
    HG_AUTO(letter_done) struct letter l = { .url = hg_jget(q, "url"), .headers = HG_STRV_INIT,
                                             .into = into, .deadline_ns = deadline };
    if (!l.url)
        return hg_fail(err, HG_E_USAGE, "the request has no url");
    if (hg_streq(kind, "webhook"))
        return webhook(q, &l, err);
    if (hg_streq(kind, "slack"))
        return slack(q, &l, err);
    return hg_fail(err, HG_E_USAGE, "the request's kind is none of webhook, slack, github");
}
