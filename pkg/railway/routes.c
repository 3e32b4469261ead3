/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to a private host from outside Railway. "postgres.railway.internal" resolves inside one
 * environment only; the service that owns it may have a public address: its DATABASE_PUBLIC_URL
 * (Railway's database templates set it while Public Networking is on), its TCP proxy's variables, or
 * the proxies that the API lists. Routes are a convenience: what fails here is a note, no error.
 */
#include "internal.h"

#include <ctype.h>

#define PRIVATE_SUFFIX ".railway.internal"
/* Each host may cost a request for each service looked into: the rate limit is the users'. */
#define HOSTS_MAX    8
#define SERVICES_MAX 12
#define POSTGRES_PORT 5432

static const char TCP_PROXIES[] =
    "query TcpProxies($environmentId: String!, $serviceId: String!) { tcpProxies("
    "environmentId: $environmentId, serviceId: $serviceId) { domain proxyPort applicationPort } }";

struct finder {
    const struct client *c;
    json_t *services;           /* edges, or NULL: not asked for yet */
    struct known *known;
    struct hg_railway_answer *a;
    json_t *maps[SERVICES_MAX]; /* variables of services already fetched */
    size_t fetched;
};

static int port_of(const char *text)
{
    int64_t port;
    if (text && hg_parse_int(text, 1, 65535, &port) == 0)
        return (int)port;
    return 0;
}

/* ---- which hosts are there --------------------------------------------------------------------- */

static bool route_known(const struct hg_railway_answer *a, const char *host, int port)
{
    for (size_t i = 0; i < a->route_count; i++)
        if (strcasecmp(a->routes[i].private_host, host) == 0 && a->routes[i].private_port == port)
            return true;
    return false;
}

static void add_wanted(struct hg_railway_answer *a, const char *host, size_t len, int port)
{
    HG_AUTO(hg_freep) char *name = hg_xstrndup(host, len);
    if (!port || a->route_count >= HOSTS_MAX || route_known(a, name, port))
        return;
    a->routes = hg_grow(a->routes, a->route_count, &a->route_cap, sizeof *a->routes);
    a->routes[a->route_count++] =
        (struct hg_railway_route){ .private_host = HG_TAKE(name), .private_port = port };
}

static int default_port(const char *value)
{
    return hg_starts_with(value, "postgres") ? POSTGRES_PORT : 0;
}

/* Every "NAME.railway.internal[:PORT]" of a URL. */
static void scan_url(struct hg_railway_answer *a, const char *value)
{
    for (const char *at = value; (at = strcasestr(at, PRIVATE_SUFFIX));) {
        const char *start = at, *stop = at + strlen(PRIVATE_SUFFIX);
        while (start > value && (isalnum((unsigned char)start[-1]) || strchr("-._", start[-1])))
            start--;
        at = stop;
        if (isalnum((unsigned char)*stop) || *stop == '-' || *stop == '.')
            continue; /* a longer name */
        HG_AUTO(hg_freep) char *digits =
            *stop == ':' ? hg_xstrndup(stop + 1, strspn(stop + 1, "0123456789")) : NULL;
        int port = digits && *digits ? port_of(digits) : default_port(value);
        add_wanted(a, start, (size_t)(stop - start), port);
    }
}

/* DB_HOST beside DB_PORT, PGHOST beside PGPORT. */
static void scan_host(struct hg_railway_answer *a, const struct hg_var *v)
{
    size_t stem = strlen(v->name) - strlen("HOST");
    HG_AUTO(hg_freep) char *port_name = hg_xasprintf("%.*sPORT", (int)stem, v->name);
    const char *port = hg_vars_get(&a->variables, port_name);
    if (hg_ends_with(v->value, PRIVATE_SUFFIX) && !strpbrk(v->value, " ,:/"))
        add_wanted(a, v->value, strlen(v->value), port ? port_of(port) : POSTGRES_PORT);
}

static void find_hosts(struct hg_railway_answer *a)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT; /* sorted: the same order each time */
    for (size_t i = 0; i < a->variables.count; i++)
        if (strcasestr(a->variables.items[i].value, PRIVATE_SUFFIX))
            hg_strv_add(&names, a->variables.items[i].name);
    hg_strv_sort(&names);
    for (size_t i = 0; i < names.count; i++) {
        const struct hg_var *v = hg_vars_find(&a->variables, names.items[i]);
        if (hg_starts_with(v->name, "RAILWAY_"))
            continue; /* what Railway says about the service itself */
        if (hg_ends_with(v->name, "HOST"))
            scan_host(a, v);
        else if (strstr(v->value, "://"))
            scan_url(a, v->value);
    }
}

/* ---- where they are public --------------------------------------------------------------------- */

/* Host and port of a URL whose host is not private. */
static bool take_public_url(const char *url, struct hg_railway_route *r)
{
    const char *scheme = url ? strstr(url, "://") : NULL;
    if (!scheme)
        return false;
    const char *authority = scheme + 3;
    size_t len = strcspn(authority, "/?#");
    const char *host = authority, *stop = authority + len;
    for (const char *p = authority; p < stop; p++)
        if (*p == '@')
            host = p + 1;
    const char *colon = memchr(host, ':', (size_t)(stop - host));
    HG_AUTO(hg_freep) char *name = hg_xstrndup(host, (size_t)((colon ? colon : stop) - host));
    HG_AUTO(hg_freep) char *port = colon ? hg_xstrndup(colon + 1, (size_t)(stop - colon - 1)) : NULL;
    if (!*name || strcasestr(name, PRIVATE_SUFFIX) || (port && !port_of(port)))
        return false;
    r->public_host = HG_TAKE(name);
    r->public_port = port ? port_of(port) : POSTGRES_PORT;
    return true;
}

static bool take_proxy(const char *domain, int port, const char *application,
                       struct hg_railway_route *r)
{
    if (!domain || !*domain || !port ||
        (application && *application && port_of(application) != r->private_port))
        return false;
    r->public_host = hg_xstrdup(domain);
    r->public_port = port;
    return true;
}

static bool names_host(const char *url, const struct hg_railway_route *r)
{
    const char *at = url ? strcasestr(url, r->private_host) : NULL;
    return at && at > url && (at[-1] == '@' || at[-1] == '/');
}

/* In the service's own variables. Its DATABASE_PUBLIC_URL speaks of the host that its DATABASE_URL
 * (or, without one, its *HOST) names; its TCP proxy leads to the service itself. */
static bool in_own_variables(const struct hg_railway_answer *a, struct hg_railway_route *r)
{
    const struct hg_vars *v = &a->variables;
    const char *url = hg_vars_get(v, "DATABASE_URL");
    if ((!url || names_host(url, r)) && take_public_url(hg_vars_get(v, "DATABASE_PUBLIC_URL"), r)) {
        r->found_in = hg_xasprintf("DATABASE_PUBLIC_URL of service %s", a->service.name);
        return true;
    }
    const char *own = hg_vars_get(v, "RAILWAY_PRIVATE_DOMAIN");
    if (own && strcasecmp(own, r->private_host) == 0 &&
        take_proxy(hg_vars_get(v, "RAILWAY_TCP_PROXY_DOMAIN"),
                   port_of(hg_vars_get(v, "RAILWAY_TCP_PROXY_PORT")),
                   hg_vars_get(v, "RAILWAY_TCP_APPLICATION_PORT"), r)) {
        r->found_in = hg_xasprintf("the TCP proxy of service %s", a->service.name);
        return true;
    }
    return false;
}

/* "Postgres" owns postgres.railway.internal unless its own variables say otherwise. */
static bool name_fits(const char *service, const char *host)
{
    size_t len = strcspn(host, ".");
    if (strlen(service) != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = (char)tolower((unsigned char)service[i]);
        if (c != tolower((unsigned char)host[i]) && !(host[i] == '-' && !isalnum((unsigned char)c)))
            return false;
    }
    return true;
}

static const json_t *node_at(const struct finder *f, size_t i)
{
    return json_object_get(json_array_get(f->services, i), "node");
}

/* The variables of service number i, fetched once. */
static const json_t *variables_of(struct finder *f, size_t i)
{
    if (i >= SERVICES_MAX || !hg_railway_text(node_at(f, i), "id"))
        return NULL;
    if (!f->maps[i]) {
        struct hg_err err = { 0 };
        if (hg_railway_variables(f->c, f->a->project.id, f->a->environment.id,
                                 hg_railway_text(node_at(f, i), "id"), &f->maps[i], &err) < 0) {
            hg_strv_addf(&f->a->notes, "cannot look into service %s: %s",
                         hg_railway_text(node_at(f, i), "name"), err.message);
            f->maps[i] = json_object();
        }
        f->fetched++;
    }
    return f->maps[i];
}

/* The service that owns the host: by name and confirmed, else by RAILWAY_PRIVATE_DOMAIN of any. */
static bool find_owner(struct finder *f, const struct hg_railway_route *r, size_t *ret)
{
    size_t count = json_array_size(f->services);
    for (int by_name = 1; by_name >= 0; by_name--) {
        for (size_t i = 0; i < count; i++) {
            const char *name = hg_railway_text(node_at(f, i), "name");
            if (!name || name_fits(name, r->private_host) != (by_name == 1))
                continue;
            const char *domain =
                hg_railway_text(variables_of(f, i), "RAILWAY_PRIVATE_DOMAIN");
            if (domain ? strcasecmp(domain, r->private_host) == 0 : by_name == 1) {
                *ret = i;
                return true;
            }
        }
    }
    return false;
}

static bool in_proxy_list(struct finder *f, const char *service_id, struct hg_railway_route *r)
{
    struct hg_err err = { 0 };
    JSON_AUTO data = NULL;
    json_t *ids = json_pack("{s:s, s:s}", "environmentId", f->a->environment.id, "serviceId",
                            service_id);
    if (hg_railway_ask(f->c, "TcpProxies", TCP_PROXIES, ids, &data, &err) < 0) {
        hg_strv_addf(&f->a->notes, "cannot list the TCP proxies: %s", err.message);
        return false;
    }
    const json_t *list = json_object_get(data, "tcpProxies");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const json_t *port = json_object_get(one, "proxyPort");
        const json_t *application = json_object_get(one, "applicationPort");
        if (json_is_integer(port) && json_is_integer(application) &&
            json_integer_value(application) == r->private_port && json_integer_value(port) > 0 &&
            json_integer_value(port) <= 65535 &&
            take_proxy(hg_railway_text(one, "domain"), (int)json_integer_value(port), NULL, r))
            return true;
    }
    return false;
}

static bool in_variables(struct finder *f, const json_t *map, const struct hg_railway_named *owner,
                         struct hg_railway_route *r)
{
    const char *name = owner->name;
    if (take_public_url(hg_railway_text(map, "DATABASE_PUBLIC_URL"), r))
        r->found_in = hg_xasprintf("DATABASE_PUBLIC_URL of service %s", name);
    else if (take_proxy(hg_railway_text(map, "RAILWAY_TCP_PROXY_DOMAIN"),
                        port_of(hg_railway_text(map, "RAILWAY_TCP_PROXY_PORT")),
                        hg_railway_text(map, "RAILWAY_TCP_APPLICATION_PORT"), r) ||
             in_proxy_list(f, owner->id, r))
        r->found_in = hg_xasprintf("the TCP proxy of service %s", name);
    return r->found_in != NULL;
}

/* In the service that owned the host the last time, if it still does. */
static bool in_known_owner(struct finder *f, struct hg_railway_route *r)
{
    struct owner *o = hg_railway_known_owner(f->known, r->private_host);
    const char *domain = o && o->map ? hg_railway_text(o->map, "RAILWAY_PRIVATE_DOMAIN") : NULL;
    return domain && strcasecmp(domain, r->private_host) == 0 &&
           in_variables(f, o->map, &o->service, r);
}

static bool in_owner(struct finder *f, struct hg_railway_route *r)
{
    struct hg_err err = { 0 };
    size_t owner;
    if (!f->services && !(f->services = hg_railway_services(f->c, f->a->project.id, &err))) {
        hg_strv_addf(&f->a->notes, "cannot list the services: %s", err.message);
        return false;
    }
    if (!find_owner(f, r, &owner))
        return false;
    struct hg_railway_named service = {
        .id = (char *)(uintptr_t)hg_railway_text(node_at(f, owner), "id"),
        .name = (char *)(uintptr_t)hg_railway_text(node_at(f, owner), "name") };
    if (!in_variables(f, variables_of(f, owner), &service, r))
        return false;
    (void)hg_railway_known_add(f->known, r->private_host, service.id, service.name);
    return true;
}

static void route_done(struct hg_railway_route *r)
{
    hg_freep(&r->private_host);
    hg_freep(&r->public_host);
    hg_freep(&r->found_in);
}

void hg_railway_routes(const struct client *c, json_t *services, struct known *known,
                       struct hg_railway_answer *a)
{
    struct finder f = { .c = c, .services = json_incref(services), .known = known, .a = a };
    find_hosts(a);
    size_t kept = 0;
    for (size_t i = 0; i < a->route_count; i++) {
        struct hg_railway_route *r = &a->routes[i];
        if (in_own_variables(a, r) || in_known_owner(&f, r) || in_owner(&f, r)) {
            a->routes[kept++] = *r;
            continue;
        }
        hg_strv_addf(&a->notes, "%s:%d is private to Railway, and no public address of it was found",
                     r->private_host, r->private_port);
        route_done(r);
    }
    a->route_count = kept;
    for (size_t i = 0; i < SERVICES_MAX; i++)
        json_decref(f.maps[i]);
    json_decref(f.services);
}
