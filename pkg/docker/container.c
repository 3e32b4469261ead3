/* SPDX-License-Identifier: Apache-2.0 */
/* Containers as the engine describes them. */
#include "docker/internal.h"

#include <stdlib.h>
#include <string.h>

/* As many addresses and ports are taken over. */
#define LIST_MAX 256

static char *text_at(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s && *s ? hg_xstrdup(s) : NULL;
}

static void take_strings(const json_t *array, struct hg_strv *into)
{
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item) {
        if (i >= HG_DOCKER_FILES_MAX)
            break;
        if (json_is_string(item) && !hg_strv_has(into, json_string_value(item)))
            hg_strv_add(into, json_string_value(item));
    }
}

static void take_networks(const json_t *networks, struct hg_container *c)
{
    const char *name;
    json_t *one;
    size_t cap = 0;
    json_object_foreach((json_t *)networks, name, one) {
        if (c->network_count >= LIST_MAX)
            break;
        c->networks = hg_grow(c->networks, c->network_count, &cap, sizeof *c->networks);
        struct hg_container_network *n = &c->networks[c->network_count++];
        *n = (struct hg_container_network){ 0 };
        n->name = hg_xstrdup(name);
        n->id = text_at(one, "NetworkID");
        n->address = text_at(one, "IPAddress");
        n->address6 = text_at(one, "GlobalIPv6Address");
        take_strings(json_object_get(one, "Aliases"), &n->aliases);
        take_strings(json_object_get(one, "DNSNames"), &n->aliases);
    }
}

/* "5432/tcp": [{"HostIp": "0.0.0.0", "HostPort": "15432"}] */
static void take_ports(const json_t *ports, struct hg_container *c)
{
    const char *name;
    json_t *list, *one;
    size_t i, cap = 0;
    json_object_foreach((json_t *)ports, name, list) {
        char digits[8] = "";
        size_t len = strcspn(name, "/");
        int64_t inside = 0, outside = 0;
        if (!hg_streq(name + len, "/tcp") || len >= sizeof digits)
            continue;
        memcpy(digits, name, len);
        if (hg_parse_int(digits, 1, 65535, &inside) < 0)
            continue;
        json_array_foreach(list, i, one) {
            const char *port = json_string_value(json_object_get(one, "HostPort"));
            if (c->port_count >= LIST_MAX || !port || hg_parse_int(port, 1, 65535, &outside) < 0)
                continue;
            c->ports = hg_grow(c->ports, c->port_count, &cap, sizeof *c->ports);
            c->ports[c->port_count++] = (struct hg_container_port){
                (int)inside, text_at(one, "HostIp"), (int)outside };
        }
    }
}

/* Where a tmpfs lies over the container's files: the engine's archives write below it. */
static void take_tmpfs(const json_t *json, struct hg_container *c)
{
    const char *path;
    json_t *one;
    size_t i;
    json_object_foreach(json_object_get(json_object_get(json, "HostConfig"), "Tmpfs"), path, one)
        hg_strv_add(&c->tmpfs, path);
    json_array_foreach(json_object_get(json, "Mounts"), i, one) {
        const char *where = json_string_value(json_object_get(one, "Destination"));
        if (where && hg_streq(json_string_value(json_object_get(one, "Type")), "tmpfs"))
            hg_strv_add(&c->tmpfs, where);
    }
}

static void take_state(const json_t *state, struct hg_container *c)
{
    c->status = text_at(state, "Status");
    c->running = json_is_true(json_object_get(state, "Running"));
    c->paused = json_is_true(json_object_get(state, "Paused"));
    c->restarting = json_is_true(json_object_get(state, "Restarting"));
    c->exit_code = (int)json_integer_value(json_object_get(state, "ExitCode"));
    c->finished_at = text_at(state, "FinishedAt");
    c->pid = json_integer_value(json_object_get(state, "Pid"));
    c->health = text_at(json_object_get(state, "Health"), "Status");
}

static void take_container(const json_t *json, struct hg_container *c)
{
    const json_t *config = json_object_get(json, "Config");
    const json_t *labels = json_object_get(config, "Labels");
    const json_t *host = json_object_get(json, "HostConfig");
    const json_t *net = json_object_get(json, "NetworkSettings");
    const char *name = json_string_value(json_object_get(json, "Name"));
    c->id = text_at(json, "Id");
    c->name = hg_xstrdup(name && *name == '/' ? name + 1 : name ? name : "");
    c->image = text_at(config, "Image");
    c->hostname = text_at(config, "Hostname");
    c->user = text_at(config, "User");
    c->workdir = text_at(config, "WorkingDir");
    c->tty = json_is_true(json_object_get(config, "Tty"));
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(config, "Env"), i, item)
        if (json_is_string(item))
            hg_strv_add(&c->env, json_string_value(item));
    c->compose_project = text_at(labels, "com.docker.compose.project");
    c->compose_service = text_at(labels, "com.docker.compose.service");
    c->network_mode = text_at(host, "NetworkMode");
    take_strings(json_object_get(host, "ExtraHosts"), &c->extra_hosts);
    take_networks(json_object_get(net, "Networks"), c);
    take_ports(json_object_get(net, "Ports"), c);
    take_tmpfs(json, c);
    take_state(json_object_get(json, "State"), c);
}

void hg_container_done(struct hg_container *c)
{
    for (size_t i = 0; i < c->network_count; i++) {
        free(c->networks[i].name);
        free(c->networks[i].id);
        free(c->networks[i].address);
        free(c->networks[i].address6);
        hg_strv_done(&c->networks[i].aliases);
    }
    for (size_t i = 0; i < c->port_count; i++)
        free(c->ports[i].host_ip);
    hg_strv_wipe(&c->env);
    hg_strv_done(&c->extra_hosts);
    hg_strv_done(&c->tmpfs);
    char *texts[] = { c->id,     c->name, c->image,   c->hostname,     c->status,
                      c->health, c->user, c->workdir, c->network_mode, c->compose_project,
                      c->compose_service, c->finished_at };
    for (size_t i = 0; i < HG_COUNT(texts); i++)
        free(texts[i]);
    free(c->networks);
    free(c->ports);
    *c = (struct hg_container)HG_CONTAINER_INIT;
}

int hg_container_inspect(struct hg_docker *d, const char *name, struct hg_container *ret,
                         struct hg_err *err)
{
    HG_AUTO(hg_freep) char *encoded = hg_url_encode(name);
    HG_AUTO(hg_freep) char *path = hg_xasprintf("/containers/%s/json", encoded);
    json_auto_t *reply = NULL;
    int status = 0;
    if (hg_docker_call(d, "GET", path, NULL, &status, &reply, err) < 0)
        return -1;
    if (status == 404)
        return 0;
    if (status != 200)
        return hg_fail(err, HG_E_DOCKER, "the container engine refused to describe %s: %s", name,
                       hg_docker_words(reply));
    take_container(reply, ret);
    if (ret->id)
        return 1;
    hg_container_done(ret);
    return hg_fail(err, HG_E_DOCKER, "the container engine described %s without an id", name);
}

int hg_container_ready(const struct hg_container *c, struct hg_err *err)
{
    if (c->paused) {
        hg_fail(err, HG_E_DOCKER, "the container %s is paused", c->name);
        return hg_hint(err, "docker unpause %s", c->name);
    }
    if (c->restarting) {
        hg_fail(err, HG_E_DOCKER, "the container %s keeps restarting (its last exit code was %d)",
                c->name, c->exit_code);
        return hg_hint(err, "docker logs --tail 50 %s", c->name);
    }
    if (c->running)
        return 0;
    if (hg_streq(c->status, "created"))
        hg_fail(err, HG_E_DOCKER, "the container %s was made but never started", c->name);
    else
        hg_fail(err, HG_E_DOCKER, "the container %s does not run: it is %s, exit code %d%s%s",
                c->name, c->status ? c->status : "gone", c->exit_code,
                c->finished_at ? ", since " : "", c->finished_at ? c->finished_at : "");
    return hg_hint(err, "docker start %s", c->name);
}

void hg_container_vars(const struct hg_container *c, const char *source, struct hg_vars *into)
{
    for (size_t i = 0; i < c->env.count; i++) {
        const char *equals = strchr(c->env.items[i], '=');
        if (!equals || equals == c->env.items[i])
            continue;
        HG_AUTO(hg_freep) char *name =
            hg_xstrndup(c->env.items[i], (size_t)(equals - c->env.items[i]));
        hg_vars_set(into, name, equals + 1, source);
    }
}
