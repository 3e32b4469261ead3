/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to an open tunnel: through a container by our own exec, or through a given command. */
#include "source_tunnel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define RELAY_MAX ((size_t)8 << 20)

void source_tunnel_done(struct source_tunnel *s)
{
    char **all[] = { &s->host, &s->port, &s->place, &s->tool, &s->relay_file };
    for (size_t i = 0; i < HG_COUNT(all); i++)
        hg_freep(all[i]);
    hg_container_done(&s->container);
    hg_strv_done(&s->transport);
    hg_strv_done(&s->relay);
}

/* ---- the static relay --------------------------------------------------------------------------------- */

/* Also when it is started again: the program takes its own file away. */
static int copy_in(void *context, struct hg_err *err)
{
    struct source_tunnel *s = context;
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    HG_AUTO(hg_buf_done) struct hg_buf program = HG_BUF_INIT;
    if (hg_file_read(s->relay_file, RELAY_MAX, &program, err) < 0 ||
        hg_docker_open(NULL, s->timeout_ns, &d, err) < 0)
        return -1;
    return hg_docker_put_program(d, s->container.id, s->relay.items[0] + 1, program.data,
                                 program.len, err);
}

static int find_relay(struct source_tunnel *s, struct hg_err *err)
{
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    HG_AUTO(hg_freep) char *machine = NULL;
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    uint64_t number = 0;
    if (hg_docker_open(NULL, s->timeout_ns, &d, err) < 0 ||
        hg_docker_machine(d, s->container.id, &machine, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *name = hg_xasprintf("headgate-relay.%s", machine);
    s->relay_file = hg_path_join(dir, name);
    if (!hg_is_file(s->relay_file)) {
        hg_fail(err, HG_E_DOCKER, "the %s has nothing that could relay a connection (python3, bash, "
                "socat or nc), and there is no relay of ours for its machine (%s)", s->place, machine);
        return hg_hint(err, "this build has relays for its own machine only; run headgate inside the "
                            "container's network, or publish the database's port");
    }
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return hg_fail_errno(err, HG_E_BUG, "no random bytes");
    hg_strv_addf(&s->relay, "/headgate-relay-%016llx", (unsigned long long)number);
    return 0;
}

/* As root: whoever the container's own user is, the program must be able to take its file away. */
static int with_static_relay(struct source_tunnel *s, struct hg_tunnel **ret, struct hg_err *err)
{
    if (find_relay(s, err) < 0)
        return -1;
    hg_strv_done(&s->transport);
    s->transport = (struct hg_strv)HG_STRV_INIT;
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    HG_AUTO(hg_freep) char *program = hg_path_join(dir, "headgate-exec");
    const char *const words[] = { program, "--container", s->container.id, "--pipe", "-q", "-i",
                                  "-T", "-u", "0", "-w", "/", "--" };
    for (size_t i = 0; i < HG_COUNT(words); i++)
        hg_strv_add(&s->transport, words[i]);
    s->spec.transport = s->transport.items;
    s->spec.relay = s->relay.items;
    s->spec.prepare = copy_in;
    s->spec.context = s;
    return hg_tunnel_open(&s->spec, ret, err);
}

/* ---- the transport -------------------------------------------------------------------------------------- */

static int by_container(struct source_tunnel *s, const char *name, struct hg_err *err)
{
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    if (hg_docker_open(NULL, s->timeout_ns, &d, err) < 0 ||
        hg_docker_find(d, name, &s->container, err) < 0 ||
        hg_container_ready(&s->container, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    HG_AUTO(hg_freep) char *program = hg_path_join(dir, "headgate-exec");
    const char *const words[] = { program, "--container", s->container.id, "--pipe", "-q", "-i",
                                  "-T", "--" };
    for (size_t i = 0; i < HG_COUNT(words); i++)
        hg_strv_add(&s->transport, words[i]);
    s->place = hg_xasprintf("container %s", s->container.name);
    return 0;
}

static int by_command(struct source_tunnel *s, const json_t *command, struct hg_err *err)
{
    size_t i;
    json_t *word;
    json_array_foreach(command, i, word)
        if (json_is_string(word))
            hg_strv_add(&s->transport, json_string_value(word));
    if (!s->transport.count)
        return hg_fail(err, HG_E_USAGE, "the request names neither a container nor a command");
    s->place = hg_xasprintf("the place of `%s`", hg_path_base(s->transport.items[0]));
    s->spec.one_word = true;
    if (s->tool && !hg_streq(s->tool, "python3"))
        return hg_fail(err, HG_E_USAGE, "a relay by %s wants a container", s->tool);
    return 0;
}

static int64_t seconds(const json_t *request, const char *key)
{
    return (int64_t)(json_number_value(json_object_get(request, key)) * (double)HG_NS_PER_S);
}

int source_tunnel_open(struct source_tunnel *s, const json_t *request, struct hg_tunnel **ret,
                       struct hg_err *err)
{
    const char *container = json_string_value(json_object_get(request, "container"));
    const char *host = json_string_value(json_object_get(request, "host"));
    const char *tool = json_string_value(json_object_get(request, "tool"));
    if (!host)
        return hg_fail(err, HG_E_USAGE, "the request names no host");
    s->host = hg_xstrdup(host);
    s->port = hg_xasprintf("%lld",
                           (long long)json_integer_value(json_object_get(request, "port")));
    s->tool = hg_xstrdup(tool);
    s->timeout_ns = seconds(request, "timeout");
    if ((container ? by_container(s, container, err)
                   : by_command(s, json_object_get(request, "command"), err)) < 0)
        return -1;
    s->spec.host = s->host;
    s->spec.port = s->port;
    s->spec.place = s->place;
    s->spec.tool = s->tool;
    s->spec.transport = s->transport.items;
    s->spec.connect_ns = seconds(request, "connect");
    bool only_static = hg_streq(tool, "relay");
    int rc = container && only_static ? 1 : hg_tunnel_open(&s->spec, ret, err);
    if (rc == 1 && container)
        return with_static_relay(s, ret, err);
    if (rc == 1) {
        hg_fail(err, HG_E_NETWORK, "%s has no python3 to relay connections", s->place);
        return hg_hint(err, "sh and python3 must be there; a container needs neither: "
                            "run: { container: NAME }");
    }
    return rc;
}
