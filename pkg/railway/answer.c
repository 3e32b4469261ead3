/* SPDX-License-Identifier: Apache-2.0 */
/* Request and answer of the program that asks Railway, as JSON, and the order of asking. */
#include "internal.h"

#include <math.h>

#define TIMEOUT_MAX_S 86400.0

void hg_railway_query_done(struct hg_railway_query *q)
{
    hg_freep(&q->service);
    hg_freep(&q->environment);
    hg_freep(&q->project);
    hg_freep(&q->token_env);
    hg_freep(&q->dir);
    hg_freep(&q->state_dir);
}

static int take_text(const json_t *root, const char *key, char **ret, struct hg_err *err)
{
    const json_t *value = json_object_get(root, key);
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_string(value))
        return hg_fail(err, HG_E_USAGE, "the request's %s must be a string or null", key);
    if (json_string_length(value))
        *ret = hg_xstrdup(json_string_value(value));
    return 0;
}

static int take_bool(const json_t *root, const char *key, bool *ret, struct hg_err *err)
{
    const json_t *value = json_object_get(root, key);
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_boolean(value))
        return hg_fail(err, HG_E_USAGE, "the request's %s must be true or false", key);
    *ret = json_is_true(value);
    return 0;
}

static int take_timeout(const json_t *root, int64_t *ret, struct hg_err *err)
{
    const json_t *value = json_object_get(root, "timeout");
    if (!value || json_is_null(value))
        return 0;
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !(seconds > 0) || seconds > TIMEOUT_MAX_S)
        return hg_fail(err, HG_E_USAGE, "the request's timeout must be seconds above 0");
    *ret = (int64_t)(seconds * (double)HG_NS_PER_S);
    return 0;
}

int hg_railway_query_parse(const char *json, size_t len, struct hg_railway_query *ret,
                           struct hg_err *err)
{
    HG_AUTO(hg_railway_query_done) struct hg_railway_query q = { 0 };
    json_error_t where;
    JSON_AUTO root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(root))
        return hg_fail(err, HG_E_USAGE, "the request is no JSON object: byte %d", where.position);
    if (take_text(root, "service", &q.service, err) < 0 ||
        take_text(root, "environment", &q.environment, err) < 0 ||
        take_text(root, "project", &q.project, err) < 0 ||
        take_text(root, "token_env", &q.token_env, err) < 0 ||
        take_text(root, "dir", &q.dir, err) < 0 ||
        take_text(root, "state_dir", &q.state_dir, err) < 0 ||
        take_bool(root, "routes", &q.routes, err) < 0 ||
        take_bool(root, "allow_exec_names", &q.allow_exec_names, err) < 0 ||
        take_timeout(root, &q.timeout_ns, err) < 0)
        return -1;
    *ret = q;
    q = (struct hg_railway_query){ 0 };
    return 0;
}

void hg_railway_named_done(struct hg_railway_named *n)
{
    hg_freep(&n->id);
    hg_freep(&n->name);
}

void hg_railway_answer_done(struct hg_railway_answer *a)
{
    hg_vars_done(&a->variables);
    hg_strv_done(&a->sealed);
    hg_strv_done(&a->dropped);
    hg_strv_done(&a->notes);
    hg_railway_named_done(&a->project);
    hg_railway_named_done(&a->environment);
    hg_railway_named_done(&a->service);
    for (size_t i = 0; i < a->route_count; i++) {
        hg_freep(&a->routes[i].private_host);
        hg_freep(&a->routes[i].public_host);
        hg_freep(&a->routes[i].found_in);
    }
    hg_freep(&a->routes);
    a->route_count = a->route_cap = 0;
}

/* ---- asking ------------------------------------------------------------------------------------ */

/* One request with the ids that are known. 1: that was it, 0: they do not hold, -1: *err. */
static int by_known_ids(const struct hg_railway_query *q, struct client *c, struct known *k,
                        struct hg_railway_answer *a, json_t **ret_map, struct hg_err *err)
{
    if (!k->service.id)
        return 0;
    JSON_AUTO map = NULL;
    c->trying = true;
    int rc = hg_railway_variables_known(c, k, q->routes, &map, err);
    c->trying = false;
    if (rc < 0 && err->kind != HG_E_CONFIG)
        return -1;
    if (rc < 0 || !hg_railway_known_holds(k, q, map)) {
        hg_err_clear(err);
        hg_railway_known_done(k);
        hg_strv_add(&a->notes, "the remembered ids do not hold any more: looking them up again");
        return 0;
    }
    hg_railway_named_set(&a->project, k->project.id, k->project.name);
    hg_railway_named_set(&a->environment, k->environment.id, k->environment.name);
    hg_railway_named_set(&a->service, k->service.id, k->service.name);
    *ret_map = HG_TAKE(map);
    return 1;
}

/* By names, which takes a few requests. *ret_chosen: it can be remembered. */
static int by_names(const struct hg_railway_query *q, const struct client *c, const struct link *l,
                    struct known *k, struct hg_railway_answer *a, json_t **ret_services,
                    json_t **ret_map, bool *ret_chosen, struct hg_err *err)
{
    JSON_AUTO services = NULL;
    JSON_AUTO map = NULL;
    bool chosen = false;
    if (hg_railway_locate(c, q, l, a, &services, &chosen, err) < 0 ||
        hg_railway_variables(c, a->project.id, a->environment.id, a->service.id, &map, err) < 0)
        return -1;
    hg_railway_named_set(&k->project, a->project.id, a->project.name);
    hg_railway_named_set(&k->environment, a->environment.id, a->environment.name);
    hg_railway_named_set(&k->service, a->service.id, a->service.name);
    *ret_chosen = chosen && hg_railway_known_holds(k, q, map);
    *ret_services = HG_TAKE(services);
    *ret_map = HG_TAKE(map);
    return 0;
}

#define RATE_LOW 10

static void tell_rate(struct hg_railway_answer *a)
{
    char until[HG_TIME_SIZE];
    if (a->rate_remaining < 0 || a->rate_remaining > RATE_LOW)
        return;
    if (a->rate_reset_s >= 0)
        (void)hg_time_format(hg_wall_ns() + a->rate_reset_s * HG_NS_PER_S, until);
    hg_strv_addf(&a->notes, "Railway's rate limit: %lld requests are left%s%s",
                 (long long)a->rate_remaining, a->rate_reset_s >= 0 ? " until " : "",
                 a->rate_reset_s >= 0 ? until : "");
}

static int fetch_in(const struct hg_railway_query *q, struct client *c, const struct link *l,
                    struct hg_railway_answer *a, struct hg_err *err)
{
    HG_AUTO(hg_railway_known_done) struct known known = { 0 };
    JSON_AUTO services = NULL;
    JSON_AUTO map = NULL;
    struct hg_err ignored = { 0 };
    bool chosen = true;
    hg_railway_known(c, q, l, &known);
    int found = by_known_ids(q, c, &known, a, &map, err);
    if (found < 0 || (found == 0 && by_names(q, c, l, &known, a, &services, &map, &chosen, err) < 0) ||
        hg_railway_take(map, q->allow_exec_names, a, err) < 0 ||
        hg_railway_check_rendered(a, err) < 0)
        return -1;
    if (a->variables.count + a->sealed.count == 0)
        hg_strv_addf(&a->notes, "service %s has no variables in %s", a->service.name,
                     a->environment.name);
    if (q->routes)
        hg_railway_routes(c, services, &known, a);
    if (chosen && hg_railway_remember(c, q, l, &known, &ignored) < 0)
        hg_strv_addf(&a->notes, "ids are not remembered: %s", ignored.message);
    tell_rate(a);
    return 0;
}

int hg_railway_fetch(const struct hg_railway_query *query, struct hg_railway_answer *ret,
                     struct hg_err *err)
{
    HG_AUTO(hg_railway_client_done) struct client c = { 0 };
    HG_AUTO(hg_railway_link_done) struct link link = { 0 };
    HG_AUTO(hg_railway_answer_done) struct hg_railway_answer a = {
        .rate_limit = -1, .rate_remaining = -1, .rate_reset_s = -1 };
    if (hg_railway_client_init(query, &c, &a, err) < 0 || hg_railway_link(query, &c, &link, err) < 0 ||
        fetch_in(query, &c, &link, &a, err) < 0)
        return -1;
    *ret = a;
    a = (struct hg_railway_answer){ 0 };
    return 0;
}

/* ---- printing ---------------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *key, const char *text)
{
    json_t *value = text ? json_string(text) : json_null();
    (void)json_object_set_new(object, key, value ? value : json_null());
}

static json_t *list_json(const struct hg_strv *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->count; i++)
        (void)json_array_append_new(list, json_string(v->items[i]));
    return list;
}

static json_t *named_json(const struct hg_railway_named *n)
{
    json_t *object = json_object();
    set_text(object, "id", n->id);
    set_text(object, "name", n->name);
    return object;
}

static json_t *routes_json(const struct hg_railway_answer *a)
{
    json_t *list = json_array();
    for (size_t i = 0; i < a->route_count; i++) {
        const struct hg_railway_route *r = &a->routes[i];
        json_t *one = json_object();
        set_text(one, "private_host", r->private_host);
        (void)json_object_set_new(one, "private_port", json_integer(r->private_port));
        set_text(one, "public_host", r->public_host);
        (void)json_object_set_new(one, "public_port", json_integer(r->public_port));
        set_text(one, "found_in", r->found_in);
        (void)json_array_append_new(list, one);
    }
    return list;
}

static json_t *error_json(const struct hg_err *err)
{
    json_t *object = json_object();
    set_text(object, "kind", hg_err_kind_name(err->kind));
    set_text(object, "message", err->message);
    set_text(object, "detail", *err->detail ? err->detail : NULL);
    set_text(object, "hint", *err->hint ? err->hint : NULL);
    return object;
}

char *hg_railway_answer_json(const struct hg_railway_answer *a, const struct hg_err *err)
{
    static const struct hg_railway_answer nothing = { 0 };
    if (err)
        a = &nothing;
    JSON_AUTO root = json_object();
    json_t *variables = json_object();
    for (size_t i = 0; i < a->variables.count; i++)
        set_text(variables, a->variables.items[i].name, a->variables.items[i].value);
    (void)json_object_set_new(root, "variables", variables);
    (void)json_object_set_new(root, "sealed", list_json(&a->sealed));
    (void)json_object_set_new(root, "dropped", list_json(&a->dropped));
    (void)json_object_set_new(root, "notes", list_json(&a->notes));
    (void)json_object_set_new(root, "project", named_json(&a->project));
    (void)json_object_set_new(root, "environment", named_json(&a->environment));
    (void)json_object_set_new(root, "service", named_json(&a->service));
    (void)json_object_set_new(root, "routes", routes_json(a));
    (void)json_object_set_new(root, "requests", json_integer(a->requests));
    (void)json_object_set_new(root, "error", err ? error_json(err) : json_null());
    HG_AUTO(hg_freep) char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    char *line = hg_xasprintf("%s\n", text);
    explicit_bzero(text, strlen(text));
    return line;
}
