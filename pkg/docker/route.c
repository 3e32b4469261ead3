/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a name that only containers resolve to an address that can be reached from here. The engine's
 * own DNS answers container names, aliases (Compose: service names) and short ids on user-defined
 * networks; none of them on the default network "bridge".
 */
#include "docker/internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Each is one more request, so no more than this many neighbours are looked at. */
#define NEIGHBOURS_MAX 200

void hg_docker_route_done(struct hg_docker_route *r)
{
    free(r->hostaddr);
    free(r->how);
    *r = (struct hg_docker_route){ 0 };
}

static bool is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || hg_starts_with(host, "127.") ||
           hg_streq(host, "::1");
}

/* Does a container answer to this name (or address) on one of its networks? */
static const struct hg_container_network *answers(const struct hg_container *c, const char *host)
{
    for (size_t i = 0; i < c->network_count; i++) {
        const struct hg_container_network *n = &c->networks[i];
        if (hg_streq(n->address, host) || hg_streq(n->address6, host))
            return n;
        if (hg_streq(n->name, "bridge"))
            continue;
        bool mine = strcasecmp(c->name, host) == 0 ||
                    (strlen(host) == 12 && hg_starts_with(c->id, host));
        for (size_t k = 0; !mine && k < n->aliases.count; k++)
            mine = strcasecmp(n->aliases.items[k], host) == 0;
        if (mine)
            return n;
    }
    return NULL;
}

static bool shares(const struct hg_container *a, const struct hg_container_network *n)
{
    for (size_t i = 0; i < a->network_count; i++)
        if (hg_streq(a->networks[i].id, n->id) && n->id)
            return true;
    return false;
}

/* The running container behind the name on one network; a stopped one if there is no other. */
static int find_on_network(struct hg_docker *d, const struct hg_container *c,
                           const char *network, const char *host, struct hg_container *ret,
                           struct hg_err *err)
{
    json_auto_t *list = NULL;
    size_t i;
    json_t *item;
    if (hg_container_list(d, NULL, network, &list, err) < 0)
        return -1;
    json_array_foreach(list, i, item) {
        const char *id = json_string_value(json_object_get(item, "Id"));
        HG_AUTO(hg_container_done) struct hg_container one = HG_CONTAINER_INIT;
        if (i >= NEIGHBOURS_MAX || !id)
            break;
        int there = hg_container_inspect(d, id, &one, err);
        if (there < 0)
            return -1;
        const struct hg_container_network *n = there ? answers(&one, host) : NULL;
        if (!n || !shares(c, n) || (ret->id && !one.running))
            continue;
        hg_container_done(ret);
        *ret = one;
        one = (struct hg_container)HG_CONTAINER_INIT;
        if (ret->running)
            break;
    }
    return 0;
}

/* On this machine, or on the engine's: where published ports are. Heap, NULL: not known. */
static char *engine_address(const struct hg_docker *d)
{
    if (hg_docker_is_local(d))
        return hg_xstrdup("127.0.0.1");
    const char *at = strrchr(d->endpoint.host, '@');
    return hg_host_address(at ? at + 1 : d->endpoint.host);
}

static bool any_address(const char *host_ip)
{
    return !host_ip || !*host_ip || hg_streq(host_ip, "0.0.0.0") || hg_streq(host_ip, "::");
}

static bool by_published_port(struct hg_docker *d, const struct hg_container *owner, int port,
                              int64_t connect_ns, struct hg_docker_route *ret)
{
    for (size_t i = 0; i < owner->port_count; i++) {
        const struct hg_container_port *p = &owner->ports[i];
        if (p->inside != port)
            continue;
        HG_AUTO(hg_freep) char *address =
            any_address(p->host_ip) || !hg_docker_is_local(d) ? engine_address(d)
                                                              : hg_xstrdup(p->host_ip);
        if (!address || !hg_tcp_reachable(address, p->host_port, connect_ns))
            continue;
        ret->how = hg_xasprintf("published port %s:%d of the container %s", address, p->host_port,
                                owner->name);
        ret->hostaddr = HG_TAKE(address);
        ret->port = p->host_port;
        return true;
    }
    return false;
}

static bool by_address(struct hg_docker *d, const struct hg_container *owner, int port,
                       int64_t connect_ns, struct hg_docker_route *ret)
{
    for (size_t i = 0; i < owner->network_count && hg_docker_is_local(d); i++) {
        const struct hg_container_network *n = &owner->networks[i];
        const char *addresses[] = { n->address, n->address6 };
        for (size_t k = 0; k < HG_COUNT(addresses); k++) {
            if (!addresses[k] || !hg_tcp_reachable(addresses[k], port, connect_ns))
                continue;
            ret->hostaddr = hg_xstrdup(addresses[k]);
            ret->port = port;
            ret->how = hg_xasprintf("address %s of the container %s on the network %s",
                                    addresses[k], owner->name, n->name);
            return true;
        }
    }
    return false;
}

static int to_container(struct hg_docker *d, const struct hg_container *owner, const char *host,
                        int port, int64_t connect_ns, struct hg_docker_route *ret)
{
    if (!owner->running || owner->paused) {
        ret->how = hg_xasprintf("%s is the container %s, which is %s (docker %s %s)", host,
                                owner->name, owner->status, owner->paused ? "unpause" : "start",
                                owner->name);
        return 0;
    }
    if (by_address(d, owner, port, connect_ns, ret) ||
        by_published_port(d, owner, port, connect_ns, ret))
        return 0;
    const char *address = owner->network_count && owner->networks[0].address
                              ? owner->networks[0].address : "no address";
    ret->how = hg_xasprintf("%s is the container %s (%s), which does not accept connections from "
                            "here on port %d, and has not published that port", host, owner->name,
                            address, port);
    return 0;
}

/* "name:address" of the container's /etc/hosts; newer engines write "name=address". */
static const char *extra_host(const struct hg_container *c, const char *host)
{
    size_t len = strlen(host);
    for (size_t i = 0; i < c->extra_hosts.count; i++) {
        const char *entry = c->extra_hosts.items[i];
        if (strncasecmp(entry, host, len) == 0 && (entry[len] == ':' || entry[len] == '='))
            return entry + len + 1;
    }
    return NULL;
}

static int to_address(struct hg_docker *d, const char *host, const char *address, int port,
                      int64_t connect_ns, struct hg_docker_route *ret)
{
    bool gateway = hg_streq(address, "host-gateway");
    HG_AUTO(hg_freep) char *numeric = gateway ? engine_address(d) : hg_xstrdup(address);
    if (numeric && hg_tcp_reachable(numeric, port, connect_ns)) {
        ret->how = hg_xasprintf(gateway ? "%s is the engine's own host" : "%s by the container's "
                                "/etc/hosts", host);
        ret->hostaddr = HG_TAKE(numeric);
        ret->port = port;
    } else {
        ret->how = hg_xasprintf("%s is %s for the container, where nothing answers from here on "
                                "port %d", host, gateway ? "the engine's own host" : address, port);
    }
    return 0;
}

static int find_owner(struct hg_docker *d, const struct hg_container *c, const char *host,
                      struct hg_container *ret, struct hg_err *err)
{
    for (size_t i = 0; i < c->network_count && !ret->running; i++)
        if (c->networks[i].id && find_on_network(d, c, c->networks[i].id, host, ret, err) < 0)
            return -1;
    return 0;
}

int hg_docker_route(struct hg_docker *d, const struct hg_container *c, const char *host, int port,
                    int64_t connect_ns, struct hg_docker_route *ret, struct hg_err *err)
{
    HG_AUTO(hg_container_done) struct hg_container lender = HG_CONTAINER_INIT;
    HG_AUTO(hg_container_done) struct hg_container owner = HG_CONTAINER_INIT;
    struct hg_docker_route route = { 0 };
    if (*host == '/' || *host == '@' || !*host)
        return 1;
    if (hg_starts_with(c->network_mode ? c->network_mode : "", "container:")) {
        /* It lives in another container's network. */
        if (hg_container_inspect(d, c->network_mode + 10, &lender, err) < 0)
            return -1;
        c = lender.id ? &lender : c;
    }
    const char *extra = extra_host(c, host);
    if (hg_streq(c->network_mode, "host"))
        return 1;
    if (is_loopback(host)) {
        to_container(d, c, host, port, connect_ns, &route);
    } else if (extra || strcasecmp(host, "host.docker.internal") == 0) {
        to_address(d, host, extra ? extra : "host-gateway", port, connect_ns, &route);
    } else {
        if (find_owner(d, c, host, &owner, err) < 0)
            return -1;
        if (!owner.id)
            return 1;
        to_container(d, &owner, host, port, connect_ns, &route);
    }
    *ret = route;
    return 0;
}
