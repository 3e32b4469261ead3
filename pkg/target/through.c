/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Databases that only a container can name: by its network's own address, by a published port, or
 * through a tunnel, a listener of ours whose connections are made in that place. The tunnel is a
 * program of its own that ends with us, and with whatever we become.
 */
#include "route.h"
#include "pg/pg.h"
#include "process/process.h"

#include <strings.h>

static const char *container_of(const struct hg_target_config *t)
{
    if (t->run == HG_RUN_CONTAINER)
        return t->run_container;
    for (size_t i = t->source_count; i-- > 0;)
        if (t->sources[i].kind == HG_SOURCE_CONTAINER)
            return t->sources[i].container;
    return NULL;
}

/* ---- the server's name ------------------------------------------------------------------------------ */

/* libpq checks the certificate's name with sslmode=verify-full, which sslrootcert=system implies. */
static bool name_matters(const struct hg_target *t)
{
    const char *mode = hg_vars_get(&t->vars, "PGSSLMODE");
    const char *root = hg_vars_get(&t->vars, "PGSSLROOTCERT");
    bool matters = hg_streq(mode, "verify-full") || hg_streq(root, "system");
    struct hg_pg_url u = { 0 };
    struct hg_err ignored;
    if (!t->url || hg_pg_url_parse(t->url, &u, &ignored) < 0)
        return matters;
    for (size_t i = 0; i + 1 < u.params.count; i += 2) {
        const char *key = u.params.items[i], *value = u.params.items[i + 1];
        if (strcmp(key, "sslmode") == 0 || strcmp(key, "ssl") == 0)
            matters = strcmp(value, "verify-full") == 0;
        else if (strcmp(key, "sslrootcert") == 0 && strcmp(value, "system") == 0)
            matters = true;
    }
    hg_pg_url_done(&u);
    return matters;
}

bool hg_route_keeps_name(const struct hg_resolving *r)
{
    const struct hg_target *t = r->t;
    return t->hostaddr && name_matters(t) && (!t->url || hg_route_by_libpq(t->url));
}

static void tell_lost_name(struct hg_resolving *r, const struct hg_route *route)
{
    const struct hg_target *t = r->t;
    size_t len = t->url ? strcspn(t->url, ":") : 0;
    (void)hg_finding_add(&r->t->findings, "HG520",
                         "%.*s verifies the server's certificate against %s, by which %s is reached "
                         "from here, and not against its name", (int)len, t->url ? t->url : "",
                         route->to_host, route->host);
}

/* ---- going another way ------------------------------------------------------------------------------ */

static bool runs_here(const struct hg_resolving *r)
{
    return r->t->t->run == HG_RUN_HOST || r->in->tunnel == HG_TUNNEL_WANTED;
}

/* On this host both go by the numeric address; elsewhere the migrator keeps the name, and only
 * headgate's own connection is led there, which keeps the name for TLS in any case. */
static int lead(struct hg_resolving *r, struct hg_route *route, char *sentence)
{
    struct hg_target *t = r->t;
    free(t->hostaddr);
    t->hostaddr = hg_xstrdup(strcmp(route->to_host, "localhost") == 0 ? "127.0.0.1" : route->to_host);
    free(t->server_name);
    t->server_name = hg_xstrdup(route->host);
    free(t->server_port);
    t->server_port = hg_xstrdup(route->port);
    free(t->route);
    t->route = sentence;
    if (!runs_here(r)) {
        hg_route_set_port(t, route->to_port);
        return 0;
    }
    route->keep_name = hg_route_keeps_name(r);
    if (!route->keep_name && name_matters(t))
        tell_lost_name(r, route);
    return hg_route_rewrite(r, route);
}

static struct hg_route route_from_here(const struct hg_target *t)
{
    return (struct hg_route){ .host = hg_xstrdup(t->host),
                              .port = hg_xstrdup(t->port ? t->port : HG_DEFAULT_PORT) };
}

static json_t *port_json(const char *port)
{
    int64_t number;
    return hg_parse_int(port, 1, 65535, &number) == 0 ? json_integer(number) : json_string(port);
}

/* ---- the tunnel -------------------------------------------------------------------------------------- */

bool hg_route_may_tunnel(const struct hg_resolving *r)
{
    if (r->in->tunnel == HG_TUNNEL_NEVER || r->t->t->route == HG_ROUTE_PUBLIC)
        return false;
    return r->in->strict || r->in->tunnel == HG_TUNNEL_WANTED || r->t->t->route == HG_ROUTE_TUNNEL ||
           r->t->t->route == HG_ROUTE_RAILWAY_SSH;
}

/* What carries it where that is no container; NULL: nothing was said. */
static const struct hg_strv *command_of(const struct hg_resolving *r)
{
    if (r->t->t->route == HG_ROUTE_RAILWAY_SSH)
        return r->railway_ssh.count ? &r->railway_ssh : NULL;
    if (r->t->t->tunnel_command.count)
        return &r->t->t->tunnel_command;
    return r->t->t->run == HG_RUN_COMMAND ? &r->t->t->run_command : NULL;
}

static int no_place(struct hg_resolving *r)
{
    const char *name = r->t->t->name;
    if (r->t->t->route == HG_ROUTE_RAILWAY_SSH)
        return hg_fail(r->err, HG_E_CONFIG, "target %s: route: railway-ssh wants a Railway source that "
                       "headgate asks itself: it leads through that service", name);
    hg_fail(r->err, HG_E_CONFIG, "target %s has no place to tunnel through", name);
    return hg_hint(r->err, "give it a container (run: { container: NAME }), or targets.%s.tunnel: "
                           "{ command: [railway, ssh, --service, api] } in headgate.yaml", name);
}

static int no_address(struct hg_resolving *r)
{
    return hg_fail(r->err, HG_E_CONFIG,
                   "target %s: a tunnel wants the address of a database with one host, and there is %s",
                   r->t->t->name, r->t->host ? r->t->host : "none");
}

static json_t *words(const struct hg_strv *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->count; i++)
        json_array_append_new(list, json_string(v->items[i]));
    return list;
}

/* Asks for one. The tunnel lives as long as this process, whatever it becomes. */
static int open_tunnel(struct hg_resolving *r, const struct hg_route *route, json_t **ret)
{
    const struct hg_target_config *t = r->t->t;
    const char *container = container_of(t), *tool = hg_vars_get(&r->t->original, "HEADGATE_TUNNEL_RELAY");
    HG_AUTO(hg_closep) int owner = hg_process_self_fd(r->err);
    if (owner < 0)
        return -1;
    HG_AUTO(hg_decrefp) json_t *request = json_object();
    json_object_set_new(request, "host", json_string(route->host));
    json_object_set_new(request, "port", port_json(route->port));
    json_object_set_new(request, "owner_fd", json_integer(owner));
    json_object_set_new(request, "connect",
                        json_real((double)t->connect_timeout_ns / (double)HG_NS_PER_S));
    if (command_of(r))
        json_object_set_new(request, "command", words(command_of(r)));
    else
        json_object_set_new(request, "container", json_string(container));
    if (tool)
        json_object_set_new(request, "tool", json_string(tool));
    const int keep[] = { owner, -1 };
    r->keep_fds = keep;
    int rc = hg_resolve_ask(r, "headgate-source-tunnel", request, ret);
    r->keep_fds = NULL;
    return rc;
}

int hg_route_through_tunnel(struct hg_resolving *r)
{
    struct hg_target *t = r->t;
    const char *container = container_of(t->t);
    const struct hg_strv *command = command_of(r);
    if (!command && (!container || t->t->route == HG_ROUTE_RAILWAY_SSH))
        return no_place(r);
    if (!t->host || t->host[0] == '/' || t->host[0] == '@' || strchr(t->host, ','))
        return no_address(r);
    HG_AUTO(hg_route_done) struct hg_route route = route_from_here(t);
    HG_AUTO(hg_decrefp) json_t *answer = NULL;
    if (open_tunnel(r, &route, &answer) < 0)
        return hg_wrap(r->err, "target %s", t->t->name);
    route.to_host = hg_xstrdup("127.0.0.1");
    route.to_port = hg_route_port_text(json_object_get(answer, "port"));
    const char *tool = hg_member(answer, "tool");
    if (!route.to_port)
        return hg_fail(r->err, HG_E_BUG, "the tunnel said no port");
    bool ssh = t->t->route == HG_ROUTE_RAILWAY_SSH;
    return lead(r, &route,
                hg_xasprintf("%s:%s is reached through %s%s by a tunnel at 127.0.0.1:%s (%s)", route.host,
                             route.port, command ? "" : "container ",
                             ssh ? "railway ssh" : command ? command->items[0] : container, route.to_port,
                             tool ? tool : "relay"));
}

/* ---- a container's network ---------------------------------------------------------------------------- */

/* Neither address nor port leads there; the tunnel is the last choice, and its own reason stands beside
 * the first one. */
static int no_way(struct hg_resolving *r, const char *how)
{
    struct hg_err *err = r->err;
    struct hg_err why = { 0 };
    if (!how || r->in->tunnel == HG_TUNNEL_NEVER)
        return 0; /* the name means the same here, or nobody will connect */
    if (hg_route_may_tunnel(r)) {
        r->err = &why;
        int rc = hg_route_through_tunnel(r);
        r->err = err;
        if (rc == 0)
            return 0;
    }
    hg_strv_add(&r->t->warnings, how);
    if (why.kind != HG_E_NONE)
        hg_strv_addf(&r->t->warnings, "and no tunnel could be opened: %s%s%s", why.message,
                     *why.detail ? "; " : "", why.detail);
    return 0;
}

static int use_address(struct hg_resolving *r, const char *container, const json_t *a)
{
    const char *addr = hg_member(a, "hostaddr"), *how = hg_member(a, "how");
    if (!addr)
        return no_way(r, how);
    HG_AUTO(hg_route_done) struct hg_route route = route_from_here(r->t);
    HG_AUTO(hg_freep) char *port = hg_route_port_text(json_object_get(a, "use_port"));
    route.to_host = hg_xstrdup(addr);
    route.to_port = hg_xstrdup(port ? port : route.port);
    return lead(r, &route,
                hg_xasprintf("%s:%s of container %s is reached at %s:%s (%s)", route.host, route.port,
                             container, route.to_host, route.to_port, how ? how : "container network"));
}

int hg_route_through_container(struct hg_resolving *r)
{
    struct hg_target *t = r->t;
    const char *container = container_of(t->t);
    if (t->route)
        return 0;
    bool tunnel = t->t->route == HG_ROUTE_TUNNEL || t->t->route == HG_ROUTE_RAILWAY_SSH;
    if (tunnel && r->in->tunnel != HG_TUNNEL_NEVER)
        return hg_route_through_tunnel(r);
    if (!container || !t->host || t->host[0] == '/')
        return 0;
    HG_AUTO(hg_decrefp) json_t *request = json_object();
    HG_AUTO(hg_decrefp) json_t *answer = NULL;
    json_t *host = json_pack("{s:s}", "host", t->host);
    json_object_set_new(host, "port", port_json(t->port ? t->port : HG_DEFAULT_PORT));
    json_object_set_new(request, "container", json_string(container));
    json_object_set_new(request, "hosts", json_pack("[o]", host));
    if (hg_resolve_ask(r, "headgate-source-container", request, &answer) < 0)
        return hg_wrap(r->err, "target %s", t->t->name);
    size_t i;
    json_t *a;
    json_array_foreach(json_object_get(answer, "addresses"), i, a) {
        const char *for_host = hg_member(a, "host");
        if (for_host && strcasecmp(for_host, t->host) == 0)
            return use_address(r, container, a);
    }
    return 0;
}
