/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The login that the railway CLI keeps in ~/.railway/config.json, read as the CLI reads it and, when its
 * access token has expired, renewed as the CLI renews it: under the CLI's own lock, the file replaced
 * as a whole, members that we do not know kept. Facts: src/config.rs, src/oauth.rs and src/client.rs of
 * railway CLI 5.71.
 */
#include "internal.h"

#include "http/http.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/file.h>

#define CONFIG_MAX       ((size_t)4 << 20)
#define TOKEN_ANSWER_MAX ((size_t)1 << 20)
#define EXPIRY_MARGIN_S  60
#define LOCK_WAIT_NS     (10 * HG_NS_PER_S) /* then the CLI goes on without the lock, and so do we */
#define LOCK_POLL_NS     (50 * HG_NS_PER_MS)
/* The CLI's public client id: a refresh token is good only together with it. */
#define CLIENT_ID        "rlwy_oaci_onEklvmksh1hRUiCo7E2zX12"

const char *hg_railway_env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* ---- ~/.railway/config.json -------------------------------------------------------------------- */

enum place { PLACE_PRODUCTION, PLACE_STAGING, PLACE_DEV };

static enum place place(void)
{
    const char *name = hg_railway_env("RAILWAY_ENV");
    if (name && strcasecmp(name, "staging") == 0)
        return PLACE_STAGING;
    return name && (strcasecmp(name, "dev") == 0 || strcasecmp(name, "develop") == 0)
               ? PLACE_DEV
               : PLACE_PRODUCTION;
}

const char *hg_railway_host(void)
{
    static const char *const HOSTS[] = { "railway.com", "railway-staging.com",
                                         "railway-develop.com" };
    return HOSTS[place()];
}

static char *config_path(const char *ending)
{
    static const char *const NAMES[] = { "config", "config-staging", "config-dev" };
    const char *home = hg_railway_env("HOME");
    return home ? hg_xasprintf("%s/.railway/%s.%s", home, NAMES[place()], ending) : NULL;
}

/* A broken one is as good as none for the CLI too. */
json_t *hg_railway_cli_config(char **ret_why)
{
    HG_AUTO(hg_freep) char *path = config_path("json");
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    struct hg_err err = { 0 };
    if (!path || access(path, F_OK) < 0)
        return NULL;
    if (hg_file_read(path, CONFIG_MAX, &text, &err) < 0) {
        if (ret_why)
            *ret_why = hg_xstrdup(err.message);
        return NULL;
    }
    json_t *config = json_loadb(hg_buf_str(&text), text.len, 0, NULL);
    if (!config && ret_why)
        *ret_why = hg_xasprintf("%s is not valid JSON", path);
    return config;
}

int hg_railway_take_token(struct client *c, const char *token, enum token_kind kind, const char *from)
{
    c->token = hg_xstrdup(token);
    c->kind = kind;
    c->token_from = hg_xstrdup(from);
    return 0;
}

/* ---- what can be wrong with it -------------------------------------------------------------------- */

static int login_expired(const json_t *user, const char *why, struct hg_err *err)
{
    char at[HG_TIME_SIZE];
    int64_t expires = json_integer_value(json_object_get(user, "tokenExpiresAt"));
    hg_fail(err, HG_E_CONFIG, "the railway CLI's login on this machine expired at %s",
            hg_time_format(expires * HG_NS_PER_S, at));
    hg_detail(err, "%s", why);
    return hg_hint(err, "log in again with `railway login`; in CI use a project token in RAILWAY_TOKEN");
}

/* why: what is wrong with the CLI's file; NULL: nothing, or it is not there. */
static int no_token(const char *empty, const char *why, struct hg_err *err)
{
    hg_fail(err, HG_E_CONFIG, "no Railway token: RAILWAY_TOKEN and RAILWAY_API_TOKEN are %s, and the "
                              "railway CLI is not logged in here", empty ? "empty" : "not set");
    if (empty)
        hg_detail(err, "%s is set to an empty value: in CI that is a secret which does not exist or "
                       "is not passed to this job", empty);
    else if (why)
        hg_detail(err, "%s", why);
    return hg_hint(err, "for one environment: a project token (Railway: project, Settings, Tokens) in "
                        "RAILWAY_TOKEN; on your own machine: `railway login` and `railway link`");
}

static bool expired(const json_t *user)
{
    const json_t *expires = json_object_get(user, "tokenExpiresAt");
    const char *token = hg_railway_text(user, "accessToken");
    return token && *token && json_is_integer(expires) &&
           json_integer_value(expires) - EXPIRY_MARGIN_S <= hg_wall_ns() / HG_NS_PER_S;
}

/* ---- renewing ------------------------------------------------------------------------------------ */

static void sleep_ns(int64_t ns)
{
    struct timespec pause = { .tv_sec = (time_t)(ns / HG_NS_PER_S),
                              .tv_nsec = (long)(ns % HG_NS_PER_S) };
    (void)nanosleep(&pause, NULL);
}

/* The CLI's lock, beside its file; -1: not to be had, which ends nothing. */
static int lock_config(void)
{
    HG_AUTO(hg_freep) char *path = config_path("lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int64_t until = hg_now_ns() + LOCK_WAIT_NS;
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && hg_now_ns() < until)
        sleep_ns(LOCK_POLL_NS);
    return fd;
}

static void add_form(struct hg_buf *b, const char *name, const char *value)
{
    hg_buf_addf(b, "%s%s=", b->len ? "&" : "", name);
    for (; *value; value++)
        if (isalnum((unsigned char)*value) || strchr("-._~", *value))
            hg_buf_addc(b, *value);
        else
            hg_buf_addf(b, "%%%02X", (unsigned char)*value);
}

/* https://backboard.railway.com/graphql/v2 -> https://backboard.railway.com/oauth/token */
static char *token_url(const struct client *c)
{
    size_t len = strlen(c->url);
    if (hg_ends_with(c->url, "/graphql/v2"))
        len -= strlen("/graphql/v2");
    return hg_xasprintf("%.*s/oauth/token", (int)len, c->url);
}

static int ask_token(const struct client *c, const char *refresh, struct hg_http_response *ret,
                     struct hg_err *err)
{
    const char *const headers[] = { "content-type: application/x-www-form-urlencoded",
                                    "accept: application/json", NULL };
    const char *id = hg_railway_env("RAILWAY_OAUTH_CLIENT_ID");
    HG_AUTO(hg_freep) char *url = token_url(c);
    HG_AUTO(hg_buf_wipe) struct hg_buf form = HG_BUF_INIT;
    add_form(&form, "grant_type", "refresh_token");
    add_form(&form, "refresh_token", refresh);
    add_form(&form, "client_id", id ? id : CLIENT_ID);
    struct hg_http_request request = { .url = url, .headers = headers, .body = hg_buf_str(&form),
                                       .body_len = form.len, .max_body = TOKEN_ANSWER_MAX,
                                       .deadline_ns = c->deadline, .attempts = 3 };
    return hg_http_do(&request, ret, err);
}

/* As the CLI saves it: a refresh token that is not sent anew stays, the old kind of token goes. */
static int save(json_t *config, const json_t *tokens, struct hg_err *err)
{
    json_t *user = json_object_get(config, "user");
    json_t *refresh = json_object_get(tokens, "refresh_token");
    int64_t life = json_integer_value(json_object_get(tokens, "expires_in"));
    (void)json_object_set(user, "accessToken", json_object_get(tokens, "access_token"));
    if (json_is_string(refresh))
        (void)json_object_set(user, "refreshToken", refresh);
    (void)json_object_set_new(user, "tokenExpiresAt",
                              json_integer(hg_wall_ns() / HG_NS_PER_S + life));
    (void)json_object_set_new(user, "token", json_null());
    HG_AUTO(hg_freep) char *path = config_path("json");
    HG_AUTO(hg_freep) char *text = json_dumps(config, JSON_INDENT(2));
    int rc = hg_file_write(path, 0600, text, strlen(text), err);
    explicit_bzero(text, strlen(text));
    return rc;
}

static int renew_with(const struct client *c, json_t *config, struct hg_err *err)
{
    HG_AUTO(hg_http_response_done) struct hg_http_response r = HG_HTTP_RESPONSE_INIT;
    const json_t *user = json_object_get(config, "user");
    struct hg_err reason = { 0 };
    if (ask_token(c, hg_railway_text(user, "refreshToken"), &r, &reason) < 0) {
        HG_AUTO(hg_freep) char *why = hg_xasprintf("it could not be renewed: %s", reason.message);
        return login_expired(user, why, err);
    }
    JSON_AUTO tokens = json_loadb(hg_buf_str(&r.body), r.body.len, 0, NULL);
    const char *fresh = hg_railway_text(tokens, "access_token");
    if (r.status == 200 && fresh && *fresh &&
        json_integer_value(json_object_get(tokens, "expires_in")) > 0)
        return save(config, tokens, err);
    if (hg_streq(hg_railway_text(tokens, "error"), "invalid_grant"))
        return login_expired(user, "Railway does not renew it: it was ended or used elsewhere", err);
    HG_AUTO(hg_freep) char *why =
        hg_xasprintf("it could not be renewed: Railway answered with status %d", r.status);
    return login_expired(user, why, err);
}

/* *config is read again under the lock: another program may have renewed it meanwhile. */
static int renew(const struct client *c, json_t **config, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *path = config_path("json");
    HG_AUTO(hg_freep) char *dir = hg_path_dir(path);
    HG_AUTO(hg_closep) int lock = lock_config(); /* -1: nobody can lock here, so nobody else does */
    (void)lock;
    json_t *now = hg_railway_cli_config(NULL);
    if (now) {
        json_decref(*config);
        *config = now;
    }
    const json_t *user = json_object_get(*config, "user");
    const char *refresh = hg_railway_text(user, "refreshToken");
    if (!expired(user))
        return 0;
    if (!refresh || !*refresh)
        return login_expired(user, "it has no refresh token, so it cannot be renewed", err);
    /* A refresh token may be good for one use: the new one must be kept. */
    if (access(dir, W_OK) < 0)
        return login_expired(user, "the renewed login could not be kept: ~/.railway is not writable", err);
    return renew_with(c, *config, err);
}

int hg_railway_login(struct client *c, struct hg_railway_answer *a, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *why = NULL;
    JSON_AUTO config = hg_railway_cli_config(&why);
    if (expired(json_object_get(config, "user"))) {
        if (renew(c, &config, err) < 0)
            return -1;
        hg_strv_add(&a->notes, "the railway CLI's login had expired and was renewed");
    }
    const json_t *user = json_object_get(config, "user");
    const char *token = hg_railway_text(user, "accessToken");
    if (!token || !*token)
        token = hg_railway_text(user, "token");
    if (!token || !*token)
        return no_token(getenv("RAILWAY_TOKEN")       ? "RAILWAY_TOKEN"
                        : getenv("RAILWAY_API_TOKEN") ? "RAILWAY_API_TOKEN"
                                                      : NULL, why, err);
    return hg_railway_take_token(c, token, TOKEN_LOGIN, "the railway CLI's login");
}
