/* SPDX-License-Identifier: Apache-2.0 */
/* Which token is used, and what the railway CLI's link says about this directory. */
#include "internal.h"

#define TIMEOUT_NS (30 * HG_NS_PER_S)

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
    hg_freep(&c->url);
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

static int choose_token(const struct hg_railway_query *q, struct client *c,
                        struct hg_railway_answer *a, struct hg_err *err)
{
    if (q->token_env) {
        const char *token = hg_railway_env(q->token_env);
        if (token)
            return hg_railway_take_token(c, token, strstr(q->token_env, "API_TOKEN") ? TOKEN_ACCOUNT
                                                                          : TOKEN_PROJECT,
                              q->token_env);
        hg_fail(err, HG_E_CONFIG, "the Railway token is expected in %s, which is %s", q->token_env,
                getenv(q->token_env) ? "empty" : "not set");
        return hg_hint(err, "set %s, or remove token_env from the source in headgate.yaml",
                       q->token_env);
    }
    if (hg_railway_env("RAILWAY_TOKEN"))
        return hg_railway_take_token(c, hg_railway_env("RAILWAY_TOKEN"), TOKEN_PROJECT, "RAILWAY_TOKEN");
    if (hg_railway_env("RAILWAY_API_TOKEN"))
        return hg_railway_take_token(c, hg_railway_env("RAILWAY_API_TOKEN"), TOKEN_ACCOUNT, "RAILWAY_API_TOKEN");
    return hg_railway_login(c, a, err);
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
    const char *url = hg_railway_env("HEADGATE_RAILWAY_URL");
    c->url = url ? hg_xstrdup(url)
                 : hg_xasprintf("https://backboard.%s/graphql/v2", hg_railway_host());
    c->answer = a;
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
    JSON_AUTO config = hg_railway_cli_config(NULL);
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

/* What the variables leave out comes from a link, if that is one to the same project. */
static void link_from_variables(const struct hg_railway_query *q, const char *project,
                                struct link *ret)
{
    HG_AUTO(hg_railway_link_done) struct link file = { 0 };
    link_from_files(q->dir, &file);
    bool same = hg_streq(file.project, project);
    const char *environment = hg_railway_env("RAILWAY_ENVIRONMENT_ID");
    const char *service = hg_railway_env("RAILWAY_SERVICE_ID");
    ret->project = hg_xstrdup(project);
    ret->environment = environment || !same ? hg_xstrdup(environment) : HG_TAKE(file.environment);
    ret->service = service || !same ? hg_xstrdup(service) : HG_TAKE(file.service);
    ret->from = hg_xstrdup("RAILWAY_PROJECT_ID");
}

int hg_railway_link(const struct hg_railway_query *q, const struct client *c, struct link *ret,
                    struct hg_err *err)
{
    const char *project = hg_railway_env("RAILWAY_PROJECT_ID");
    if (!project && hg_railway_env("RAILWAY_ENVIRONMENT_ID") && c->kind != TOKEN_PROJECT && !q->project) {
        hg_fail(err, HG_E_CONFIG, "RAILWAY_ENVIRONMENT_ID is set without RAILWAY_PROJECT_ID");
        return hg_hint(err, "set both, or neither");
    }
    if (project) {
        link_from_variables(q, project, ret);
        return 0;
    }
    link_from_files(q->dir, ret);
    return 0;
}
