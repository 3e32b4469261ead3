/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts that this machine cannot reach by their name: Railway's private network, and a container's.
 * Host and port are rewritten in every variable that carries them, so that headgate and a migrator
 * on this host go the same way.
 */
#include "route.h"
#include "pg/pg.h"

#include <strings.h>

static const char RAILWAY_SUFFIX[] = ".railway.internal";

void hg_route_done(struct hg_route *route)
{
    char **all[] = { &route->host, &route->port, &route->to_host, &route->to_port, &route->found_in };
    for (size_t i = 0; i < HG_COUNT(all); i++)
        hg_freep(all[i]);
}

static bool is_private(const char *host)
{
    size_t len = host ? strlen(host) : 0, n = sizeof RAILWAY_SUFFIX - 1;
    return len > n && strcasecmp(host + len - n, RAILWAY_SUFFIX) == 0;
}

bool hg_resolve_in_deployment(const struct hg_vars *v)
{
    return hg_vars_get(v, "RAILWAY_REPLICA_ID") || hg_vars_get(v, "RAILWAY_DEPLOYMENT_ID") ||
           hg_vars_get(v, "RAILWAY_SNAPSHOT_ID");
}

/* ---- rewriting variables ----------------------------------------------------------------------------- */

static void set_value(struct hg_vars *vars, const char *name, const char *value, const char *origin)
{
    const struct hg_var *old = hg_vars_find(vars, name);
    HG_AUTO(hg_freep) char *source = hg_xstrdup(old ? old->source : origin);
    bool secret = old && old->secret;
    hg_vars_set(vars, name, value, source);
    struct hg_var *v = (struct hg_var *)(uintptr_t)hg_vars_find(vars, name);
    v->secret = v->secret || secret;
}

/* DB_HOST has DB_PORT beside it; so has PGHOST. */
static char *port_name(const char *host_name)
{
    size_t len = strlen(host_name);
    static const char *const SUFFIXES[] = { "HOSTNAME", "HOST", "SERVER", "ADDRESS" };
    for (size_t i = 0; i < HG_COUNT(SUFFIXES); i++) {
        size_t n = strlen(SUFFIXES[i]);
        if (len >= n && strcasecmp(host_name + len - n, SUFFIXES[i]) == 0)
            return hg_xasprintf("%.*s%s", (int)(len - n), host_name,
                                host_name[len - 1] >= 'a' ? "port" : "PORT");
    }
    return NULL;
}

static void rewrite_pair(struct hg_vars *vars, const char *name, const struct hg_route *route)
{
    const struct hg_var *v = hg_vars_find(vars, name);
    HG_AUTO(hg_freep) char *origin = hg_xstrdup(v->source);
    HG_AUTO(hg_freep) char *port = port_name(name);
    const char *old = port ? hg_vars_get(vars, port) : NULL;
    if (old && strcmp(old, route->port) != 0)
        return; /* another service on the same private host */
    /* libpq goes to PGHOSTADDR and still verifies the name. */
    set_value(vars, route->keep_name ? "PGHOSTADDR" : name, route->to_host, origin);
    if (port)
        set_value(vars, port, route->to_port, origin);
}

bool hg_route_by_libpq(const char *url)
{
    static const char *const SCHEMES[] = { "postgres://", "postgresql://", "postgresql+psycopg://",
                                           "postgresql+psycopg_async://", "postgresql+psycopg2://",
                                           "postgresql+psycopg2cffi://" };
    for (size_t i = 0; i < HG_COUNT(SCHEMES); i++)
        if (hg_starts_with(url, SCHEMES[i]))
            return true;
    return false;
}

/* A URL of any scheme: only PostgreSQL's spelling is ours to change, and only this service's. */
static char *rewritten_url(const char *value, const struct hg_route *route)
{
    if (!strstr(value, "://"))
        return NULL;
    struct hg_pg_url u = { 0 };
    struct hg_err err = { 0 };
    if (hg_pg_url_parse(value, &u, &err) < 0)
        return NULL;
    bool same = u.host && strcasecmp(u.host, route->host) == 0 &&
                strcmp(u.port ? u.port : HG_DEFAULT_PORT, route->port) == 0;
    hg_pg_url_done(&u);
    if (!same)
        return NULL;
    if (!route->keep_name || !hg_route_by_libpq(value))
        return hg_pg_url_rewrite(value, route->to_host, route->to_port);
    HG_AUTO(hg_freep) char *there = hg_pg_url_rewrite(value, route->host, route->to_port);
    return hg_pg_url_add_param(there, "hostaddr", route->to_host);
}

static void rewrite_variable(struct hg_vars *vars, const char *name, const struct hg_route *route)
{
    const char *value = hg_vars_get(vars, name);
    if (!value || hg_starts_with(name, "RAILWAY_"))
        return; /* Railway's own description of itself stays true */
    size_t len = strlen(route->host);
    if (strcasecmp(value, route->host) == 0) {
        rewrite_pair(vars, name, route);
    } else if (strncasecmp(value, route->host, len) == 0 && value[len] == ':' &&
               strcmp(value + len + 1, route->port) == 0) {
        HG_AUTO(hg_freep) char *both = hg_xasprintf("%s:%s", route->to_host, route->to_port);
        set_value(vars, name, both, "");
    } else {
        HG_AUTO(hg_freep) char *url = rewritten_url(value, route);
        if (url)
            set_value(vars, name, url, "");
    }
}

/* Then the address again, from the rewritten variables; a host that stands in the template itself
 * is changed in the URL. */
int hg_route_rewrite(struct hg_resolving *r, const struct hg_route *route)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    for (size_t i = 0; i < r->t->vars.count; i++)
        hg_strv_add(&names, r->t->vars.items[i].name);
    for (size_t i = 0; i < names.count; i++)
        rewrite_variable(&r->t->vars, names.items[i], route);
    if (hg_resolve_url(r) < 0)
        return -1;
    HG_AUTO(hg_freep) char *url = r->t->url ? rewritten_url(r->t->url, route) : NULL;
    if (!url)
        return 0;
    free(r->t->url);
    r->t->url = HG_TAKE(url);
    free(r->t->host);
    free(r->t->port);
    r->t->host = hg_xstrdup(route->keep_name ? route->host : route->to_host);
    r->t->port = hg_xstrdup(route->to_port);
    return 0;
}

/* For a migrator that runs elsewhere, where the host's name is right: only the port changes. */
void hg_route_set_port(struct hg_target *t, const char *port)
{
    free(t->port);
    t->port = hg_xstrdup(port);
    char *url = t->url ? hg_pg_url_rewrite(t->url, NULL, port) : NULL;
    free(t->url);
    t->url = url;
}

int hg_resolve_keep_route(struct hg_resolving *r, const char *host, const char *port)
{
    struct hg_target *t = r->t;
    if (!t->route || !t->host)
        return 0;
    HG_AUTO(hg_route_done) struct hg_route route = {
        .host = hg_xstrdup(t->host), .port = hg_xstrdup(t->port ? t->port : HG_DEFAULT_PORT),
        .to_host = hg_xstrdup(t->hostaddr ? t->hostaddr : host),
        .to_port = hg_xstrdup(port ? port : HG_DEFAULT_PORT) };
    route.keep_name = hg_route_keeps_name(r);
    if (t->t->run == HG_RUN_HOST || !t->hostaddr)
        return hg_route_rewrite(r, &route);
    hg_route_set_port(t, route.to_port);
    return 0;
}

/* ---- Railway's private network ------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return !a || !b || strcmp(a, b) == 0;
}

/* The password as well: each of Railway's databases has the user postgres and the name railway. */
static bool same_database(const struct hg_target *t, const struct hg_pg_url *other)
{
    struct hg_pg_url ours = { 0 };
    struct hg_err ignored = { 0 };
    if (t->url && hg_pg_url_parse(t->url, &ours, &ignored) < 0)
        return false;
    const char *password = ours.password ? ours.password : hg_vars_get(&t->vars, "PGPASSWORD");
    bool same = same_text(other->user, t->user) && same_text(other->database, t->database) &&
                same_text(other->password, password);
    hg_pg_url_done(&ours);
    return same;
}

/* …PUBLIC…=postgresql://user:password@host:port/db, otherwise as the private address. */
static bool public_url(const struct hg_target *t, const struct hg_var *v, struct hg_route *route)
{
    if (!strstr(v->name, "PUBLIC") || !strstr(v->value, "://"))
        return false;
    struct hg_pg_url u = { 0 };
    struct hg_err err = { 0 };
    if (hg_pg_url_parse(v->value, &u, &err) < 0)
        return false;
    bool fits = u.host && !is_private(u.host) && same_database(t, &u);
    if (fits) {
        route->to_host = hg_xstrdup(u.host);
        route->to_port = hg_xstrdup(u.port ? u.port : HG_DEFAULT_PORT);
        route->found_in = hg_xasprintf("%s from %s", v->name,
                                       strcmp(v->source, "process") == 0 ? "the process environment"
                                                                         : v->source);
    }
    hg_pg_url_done(&u);
    return fits;
}

/* The service's own proxy, when the private host is the service itself. */
static bool own_proxy(const struct hg_vars *v, struct hg_route *route)
{
    const char *own = hg_vars_get(v, "RAILWAY_PRIVATE_DOMAIN");
    const char *host = hg_vars_get(v, "RAILWAY_TCP_PROXY_DOMAIN");
    const char *port = hg_vars_get(v, "RAILWAY_TCP_PROXY_PORT");
    const char *application = hg_vars_get(v, "RAILWAY_TCP_APPLICATION_PORT");
    if (!own || !host || !port || strcasecmp(own, route->host) != 0 ||
        (application && strcmp(application, route->port) != 0))
        return false;
    route->to_host = hg_xstrdup(host);
    route->to_port = hg_xstrdup(port);
    route->found_in = hg_xstrdup("its TCP proxy");
    return true;
}

char *hg_route_port_text(const json_t *value)
{
    if (json_is_integer(value))
        return hg_xasprintf("%lld", (long long)json_integer_value(value));
    return hg_xstrdup(json_string_value(value));
}

/* What the Railway program found in the service and in the one that owns the private host. */
static bool railway_route(const json_t *routes, struct hg_route *route)
{
    size_t i;
    json_t *one;
    json_array_foreach(routes, i, one) {
        const char *host = hg_member(one, "private_host");
        const char *to = hg_member(one, "public_host");
        HG_AUTO(hg_freep) char *port = hg_route_port_text(json_object_get(one, "private_port"));
        HG_AUTO(hg_freep) char *to_port = hg_route_port_text(json_object_get(one, "public_port"));
        if (!host || !to || !to_port || strcasecmp(host, route->host) != 0 ||
            (port && strcmp(port, route->port) != 0))
            continue;
        route->to_host = hg_xstrdup(to);
        route->to_port = HG_TAKE(to_port);
        const char *found = hg_member(one, "found_in");
        route->found_in = hg_xstrdup(found ? found : "Railway");
        return true;
    }
    return false;
}

static bool usual_public_url(const struct hg_target *t, struct hg_route *route)
{
    const struct hg_var *v = hg_vars_find(&t->vars, "DATABASE_PUBLIC_URL");
    return v && public_url(t, v, route);
}

/* Under any other name it is a guess; of two that fit, one may be another environment's. */
static bool only_public_url(const struct hg_target *t, struct hg_route *route)
{
    HG_AUTO(hg_route_done) struct hg_route found = { 0 };
    for (size_t i = 0; i < t->vars.count; i++) {
        HG_AUTO(hg_route_done) struct hg_route next = { 0 };
        if (!public_url(t, &t->vars.items[i], &next))
            continue;
        if (found.to_host &&
            (strcmp(found.to_host, next.to_host) != 0 || strcmp(found.to_port, next.to_port) != 0))
            return false;
        if (found.to_host && strcmp(found.found_in, next.found_in) < 0)
            continue; /* the same place twice: the first by name is said */
        hg_route_done(&found);
        found = next;
        next = (struct hg_route){ 0 };
    }
    if (!found.to_host)
        return false;
    route->to_host = HG_TAKE(found.to_host);
    route->to_port = HG_TAKE(found.to_port);
    route->found_in = HG_TAKE(found.found_in);
    return true;
}

static int no_public_address(struct hg_resolving *r, const struct hg_route *route)
{
    struct hg_target *t = r->t;
    (void)hg_finding_add(&t->findings, "HG505",
                         "%s:%s is private to Railway and no public address of it was found",
                         route->host, route->port);
    if (!r->in->strict)
        return 0;
    hg_fail(r->err, HG_E_RAILWAY,
            "target %s: the database host %s is private to Railway and no public address of it was "
            "found", t->t->name, route->host);
    return hg_hint(r->err,
                   "one of: enable Public Networking (TCP proxy) of the database service in Railway; or "
                   "run it inside Railway as the service's pre-deploy command: `headgate apply -t %s "
                   "--yes`; or let headgate go through the service's container: `route: railway-ssh` at "
                   "targets.%s in headgate.yaml", t->t->name,
                   t->t->name);
}

static int through_railway(struct hg_resolving *r)
{
    struct hg_target *t = r->t;
    if (!is_private(t->host) || hg_resolve_in_deployment(&t->original))
        return 0;
    if (t->t->route == HG_ROUTE_TUNNEL || t->t->route == HG_ROUTE_RAILWAY_SSH)
        return hg_route_through_tunnel(r);
    HG_AUTO(hg_route_done) struct hg_route route = {
        .host = hg_xstrdup(t->host), .port = hg_xstrdup(t->port ? t->port : HG_DEFAULT_PORT) };
    if (!usual_public_url(t, &route) && !railway_route(r->routes, &route) &&
        !only_public_url(t, &route) && !own_proxy(&t->vars, &route))
        return t->t->tunnel_command.count && hg_route_may_tunnel(r) ? hg_route_through_tunnel(r)
                                                                    : no_public_address(r, &route);
    if (hg_route_rewrite(r, &route) < 0)
        return -1;
    t->route = hg_xasprintf("public address of %s:%s (%s)", route.host, route.port, route.found_in);
    return 0;
}

int hg_resolve_routes(struct hg_resolving *r)
{
    if (!r->t->url_source || r->t->t->route == HG_ROUTE_DIRECT)
        return 0;
    if (r->in->tunnel == HG_TUNNEL_WANTED)
        return hg_route_through_tunnel(r);
    if (through_railway(r) < 0)
        return -1;
    return hg_route_through_container(r);
}
