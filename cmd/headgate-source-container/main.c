/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal: what headgate-env asks about a container. One JSON request on stdin, one JSON answer on
 * stdout (both described in docs/docker.md); a program of its own, so that headgate-env does not
 * load what it seldom needs. The values are secrets: only a pipe should get them.
 */
#include "cli/cli.h"
#include "docker/docker.h"

#include <jansson.h>

#define CONNECT_NS  (1 * HG_NS_PER_S)

static json_t *text_or_null(const char *s)
{
    return s && *s ? json_string(s) : json_null();
}

static json_t *variables(const struct hg_container *c)
{
    json_t *object = json_object();
    struct hg_vars vars = HG_VARS_INIT;
    hg_container_vars(c, c->name, &vars);
    for (size_t i = 0; i < vars.count; i++)
        json_object_set_new(object, vars.items[i].name, json_string(vars.items[i].value));
    hg_vars_done(&vars);
    return object;
}

static int add_address(struct hg_docker *d, const struct hg_container *c, const json_t *item,
                       json_t *into, struct hg_err *err)
{
    const char *host = json_string_value(json_object_get(item, "host"));
    int port = (int)json_integer_value(json_object_get(item, "port"));
    struct hg_docker_route route = { 0 };
    if (!host || port < 1 || port > 65535)
        return hg_fail(err, HG_E_USAGE, "a host in the request has no name or port");
    int same = hg_docker_route(d, c, host, port, CONNECT_NS, &route, err);
    if (same < 0)
        return -1;
    json_t *answer = json_pack("{s:s, s:i, s:o, s:o, s:o, s:b, s:o}", "host", host, "port", port,
                               "hostaddr", text_or_null(route.hostaddr), "use_host",
                               route.hostaddr ? json_string(host) : json_null(), "use_port",
                               route.hostaddr ? json_integer(route.port) : json_null(), "same",
                               same, "how", text_or_null(route.how));
    hg_docker_route_done(&route);
    return json_array_append_new(into, answer);
}

static int answer(const json_t *request, json_t *into, struct hg_err *err)
{
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    HG_AUTO(hg_container_done) struct hg_container c = HG_CONTAINER_INIT;
    const char *name = json_string_value(json_object_get(request, "container"));
    double timeout = json_number_value(json_object_get(request, "timeout"));
    json_t *addresses = json_object_get(into, "addresses"), *item;
    size_t i;
    if (!name)
        return hg_fail(err, HG_E_USAGE, "the request names no container");
    if (hg_docker_open(NULL, (int64_t)(timeout * (double)HG_NS_PER_S), &d, err) < 0 ||
        hg_docker_find(d, name, &c, err) < 0 || hg_container_ready(&c, err) < 0)
        return -1;
    json_object_set_new(into, "name", json_string(c.name));
    json_object_set_new(into, "id", json_string(c.id));
    json_object_set_new(into, "variables", variables(&c));
    if (hg_streq(c.health, "unhealthy")) {
        HG_AUTO(hg_freep) char *note = hg_xasprintf("the container %s is unhealthy", c.name);
        json_array_append_new(json_object_get(into, "notes"), json_string(note));
    }
    json_array_foreach(json_object_get(request, "hosts"), i, item)
        if (add_address(d, &c, item, addresses, err) < 0)
            return -1;
    return 0;
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    (void)options;
    (void)args;
    return hg_cli_serve(json_pack("{s:{}, s:[], s:[]}", "variables", "notes", "addresses"), answer, err);
}

int main(int argc, char **argv)
{
    static const struct hg_cmd CMD = {
        .name = "source-container",
        .summary = "internal: a container's variables and the way to its database",
        .no_common = true,
    };
    struct hg_common common = { 0 };
    return hg_cli_main(&CMD, argc, argv, &common, run);
}
