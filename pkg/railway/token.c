/* SPDX-License-Identifier: Apache-2.0 */
/* Which token is used, and what the railway CLI's files say about this directory. */
#include "internal.h"

#define CONFIG_MAX       ((size_t)4 << 20)
#define TIMEOUT_NS       (30 * HG_NS_PER_S)
#define EXPIRY_MARGIN_S  60 /* as the CLI does */

void hg_railway_decrefp(json_t **value)
{
    json_decref(*value);
    *value = NULL;
}

const char *hg_railway_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

void hg_railway_client_done(struct client *c)
{
    if (c->token)
        explicit_bzero(c->token, strlen(c->token));
    hg_freep(&c->token);
    hg_freep(&c->token_from);
    hg_mask_free(c->mask);
    c->mask = NULL;
}

void hg_railway_link_done(struct link *l)
{
    hg_freep(&l->project);
    hg_freep(&l->environment);
    hg_freep(&l->service);
    hg_freep(&l->from);
}

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL; /* CI sets a missing secret to "" */
}

/* ---- ~/.railway/config.json -------------------------------------------------------------------- */

/* NULL where there is none; a broken one is as good as none for the CLI too, but is told. */
static json_t *read_cli_config(struct hg_railway_answer *a)
{
    const char *home = env("HOME");
    if (!home)
        return NULL;
    HG_AUTO(hg_freep) char *path = hg_xasprintf("%s/.railway/config.json", home);
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    struct hg_err err = { 0 };
    if (access(path, F_OK) < 0)
        return NULL;
    if (hg_file_read(path, CONFIG_MAX, &text, &err) < 0) {
        if (a)
            hg_strv_addf(&a->notes, "%s", err.message);
        return NULL;
    }
    json_t *config = json_loadb(hg_buf_str(&text), text.len, 0, NULL);
    if (!config && a)
        hg_strv_addf(&a->notes, "%s is not valid JSON and is left aside", path);
    return config;
}

static int take_token(struct client *c, const char *token, enum token_kind kind, const char *from)
{
    c->token = hg_xstrdup(token);
    c->kind = kind;
    c->token_from = hg_xstrdup(from);
    return 0;
}

static int login_expired(int64_t expires, struct hg_err *err)
{
    char at[HG_TIME_SIZE];
    hg_fail(err, HG_E_CONFIG, "the railway CLI's login on this machine expired at %s",
            hg_time_format(expires * HG_NS_PER_S, at));
    return hg_hint(err, "any command of the CLI renews it (`railway whoami`), or log in again with "
                        "`railway login`; in CI use a project token in RAILWAY_TOKEN");
}

static int no_token(const char *empty, struct hg_err *err)
{
    hg_fail(err, HG_E_CONFIG, "no Railway token: RAILWAY_TOKEN and RAILWAY_API_TOKEN are %s, and the "
                              "railway CLI is not logged in here", empty ? "empty" : "not set");
    if (empty)
        hg_detail(err, "%s is set to an empty value: in CI that is a secret which does not exist or "
                       "is not passed to this job", empty);
    return hg_hint(err, "for one environment: a project token (Railway: project, Settings, Tokens) in "
                        "RAILWAY_TOKEN; on your own machine: `railway login` and `railway link`");
}

static int token_from_login(struct client *c, struct hg_railway_answer *a, struct hg_err *err)
{
    JSON_AUTO config = read_cli_config(a);
    const json_t *user = json_object_get(config, "user");
    const char *access_token = hg_railway_text(user, "accessToken");
    const json_t *expires = json_object_get(user, "tokenExpiresAt");
    const char *token = access_token && *access_token ? access_token
                                                      : hg_railway_text(user, "token");
    if (!token || !*token)
        return no_token(getenv("RAILWAY_TOKEN")       ? "RAILWAY_TOKEN"
                        : getenv("RAILWAY_API_TOKEN") ? "RAILWAY_API_TOKEN"
                                                      : NULL, err);
    if (token == access_token && json_is_integer(expires) &&
        json_integer_value(expires) - EXPIRY_MARGIN_S < hg_wall_ns() / HG_NS_PER_S)
        return login_expired(json_integer_value(expires), err);
    return take_token(c, token, TOKEN_LOGIN, "the railway CLI's login");
}

static int choose_token(const struct hg_railway_query *q, struct client *c,
                        struct hg_railway_answer *a, struct hg_err *err)
{
    if (q->token_env) {
        const char *token = env(q->token_env);
        if (token)
            return take_token(c, token, strstr(q->token_env, "API_TOKEN") ? TOKEN_ACCOUNT
                                                                          : TOKEN_PROJECT,
                              q->token_env);
        hg_fail(err, HG_E_CONFIG, "the Railway token is expected in %s, which is %s", q->token_env,
                getenv(q->token_env) ? "empty" : "not set");
        return hg_hint(err, "set %s, or remove token_env from the source in headgate.yaml",
                       q->token_env);
    }
    if (env("RAILWAY_TOKEN"))
        return take_token(c, env("RAILWAY_TOKEN"), TOKEN_PROJECT, "RAILWAY_TOKEN");
    if (env("RAILWAY_API_TOKEN"))
        return take_token(c, env("RAILWAY_API_TOKEN"), TOKEN_ACCOUNT, "RAILWAY_API_TOKEN");
    return token_from_login(c, a, err);
}

/* A control byte in a token would end its header line. */
static int check_token(const struct client *c, struct hg_err *err)
{
    for (const char *p = c->token; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f) {
            hg_fail(err, HG_E_CONFIG, "the Railway token in %s contains a blank or a line end",
                    c->token_from);
            return hg_hint(err, "it was probably copied together with something else: set it again");
        }
    return 0;
}

int hg_railway_client_init(const struct hg_railway_query *q, struct client *c,
                           struct hg_railway_answer *a, struct hg_err *err)
{
    c->url = env("HEADGATE_RAILWAY_URL");
    if (!c->url)
        c->url = HG_RAILWAY_URL;
    c->deadline = hg_now_ns() + (q->timeout_ns ? q->timeout_ns : TIMEOUT_NS);
    if (choose_token(q, c, a, err) < 0 || check_token(c, err) < 0)
        return -1;
    c->mask = hg_mask_new();
    hg_mask_add(c->mask, c->token);
    hg_mask_build(c->mask);
    return 0;
}

/* ---- where we are ------------------------------------------------------------------------------ */

static char *copy(const json_t *object, const char *key)
{
    const char *text = hg_railway_text(object, key);
    return text && *text ? hg_xstrdup(text) : NULL;
}

/* The nearest directory, upwards from dir, that the CLI has linked to a project. */
static void link_from_files(const char *dir, struct link *ret)
{
    JSON_AUTO config = read_cli_config(NULL);
    const json_t *projects = json_object_get(config, "projects");
    if (!projects || !dir)
        return;
    HG_AUTO(hg_freep) char *at = hg_xstrdup(dir);
    for (;;) {
        const json_t *found = json_object_get(projects, at);
        if (hg_railway_text(found, "project")) {
            ret->project = copy(found, "project");
            ret->environment = copy(found, "environment");
            ret->service = copy(found, "service");
            ret->from = hg_xasprintf("the railway CLI's link of %s", at);
            return;
        }
        char *slash = strrchr(at, '/');
        if (!slash || strcmp(at, "/") == 0)
            return;
        slash[slash == at ? 1 : 0] = '\0';
    }
}

int hg_railway_link(const struct hg_railway_query *q, const struct client *c, struct link *ret,
                    struct hg_err *err)
{
    const char *project = env("RAILWAY_PROJECT_ID");
    if (!project && env("RAILWAY_ENVIRONMENT_ID") && c->kind != TOKEN_PROJECT && !q->project) {
        hg_fail(err, HG_E_CONFIG, "RAILWAY_ENVIRONMENT_ID is set without RAILWAY_PROJECT_ID");
        return hg_hint(err, "set both, or neither");
    }
    if (project) {
        ret->project = hg_xstrdup(project);
        ret->environment = hg_xstrdup(env("RAILWAY_ENVIRONMENT_ID"));
        ret->service = hg_xstrdup(env("RAILWAY_SERVICE_ID"));
        ret->from = hg_xstrdup("RAILWAY_PROJECT_ID");
        return 0;
    }
    link_from_files(q->dir, ret);
    return 0;
}
