/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the engine is. The order is the docker command line's own (docker/cli: cli/command/cli.go,
 * resolveContextName): DOCKER_HOST beats DOCKER_CONTEXT beats currentContext; "default" is the local
 * socket. Where that one does not exist, the sockets of the other engines people have are tried.
 */
#include "docker/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/var/run/docker.sock"
#define CONFIG_MAX ((size_t)4 << 20)

static const char *text_or(const char *given, const char *variable)
{
    const char *value = given ? given : getenv(variable);
    return value && *value ? value : NULL;
}

void hg_endpoint_done(struct hg_endpoint *e)
{
    free(e->address);
    free(e->path);
    free(e->host);
    free(e->port);
    free(e->source);
    free(e->ca);
    free(e->cert);
    free(e->key);
    *e = (struct hg_endpoint){ 0 };
}

/* "host:port", "[::1]:port", "host". */
static void split_host_port(const char *text, size_t len, const char *fallback,
                            struct hg_endpoint *e)
{
    const char *end = text + len;
    const char *close = *text == '[' ? memchr(text, ']', len) : NULL;
    const char *colon = memrchr(text, ':', len);
    if (close && colon && colon < close)
        colon = NULL;
    const char *host_end = colon ? colon : end;
    e->host = close ? hg_xstrndup(text + 1, (size_t)(close - text - 1))
                    : hg_xstrndup(text, (size_t)(host_end - text));
    e->port = colon && colon + 1 < end ? hg_xstrndup(colon + 1, (size_t)(end - colon - 1))
                                       : hg_xstrdup(fallback);
}

int hg_endpoint_parse(const char *address, const char *source, struct hg_endpoint *ret,
                      struct hg_err *err)
{
    struct hg_endpoint e = { .kind = HG_ENDPOINT_TCP };
    const char *rest = strstr(address, "://");
    size_t scheme = rest ? (size_t)(rest - address) : 0;
    rest = rest ? rest + 3 : address;

    if (scheme == 4 && memcmp(address, "unix", 4) == 0) {
        struct sockaddr_un limit;
        e.kind = HG_ENDPOINT_UNIX;
        if (*rest != '/' || strlen(rest) >= sizeof limit.sun_path)
            return hg_fail(err, HG_E_DOCKER,
                           "%s (%s): the path of the socket must be absolute and at most %zu bytes",
                           address, source, sizeof limit.sun_path - 1);
        e.path = hg_xstrdup(rest);
    } else if (scheme == 3 && memcmp(address, "ssh", 3) == 0) {
        size_t len = strcspn(rest, "/");
        e.kind = HG_ENDPOINT_SSH;
        if (len == 0 || *rest == '-')
            return hg_fail(err, HG_E_DOCKER, "%s (%s) names no host", address, source);
        split_host_port(rest, len, NULL, &e);
        if (rest[len] && rest[len + 1])
            e.path = hg_xstrdup(rest + len);
    } else if (scheme == 0 || (scheme == 3 && memcmp(address, "tcp", 3) == 0)) {
        split_host_port(rest, strcspn(rest, "/"), "2375", &e);
        if (!*e.host)
            e.host = (free(e.host), hg_xstrdup("127.0.0.1"));
    } else {
        hg_fail(err, HG_E_DOCKER, "%s (%s) is not an address of a container engine", address,
                source);
        return hg_hint(err, "unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST");
    }
    e.address = hg_xstrdup(address);
    e.source = hg_xstrdup(source);
    *ret = e;
    return 0;
}

/* Reads a JSON file of Docker's configuration; NULL with *err, or NULL without when absent. */
static json_t *read_json(const char *path, struct hg_err *err)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    json_error_t where;
    hg_err_clear(err);
    if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return NULL;
    if (hg_file_read(path, CONFIG_MAX, &text, err) < 0)
        return NULL;
    json_t *json = json_loadb(hg_buf_str(&text), text.len, JSON_REJECT_DUPLICATES, &where);
    if (!json)
        hg_fail(err, HG_E_CONFIG, "%s:%d:%d: not JSON: %s", path, where.line, where.column,
                where.text);
    return json;
}

/* ---- TLS ----------------------------------------------------------------------------------- */

static char *file_in(const char *dir, const char *name)
{
    char *path = hg_path_join(dir, name);
    if (access(path, F_OK) < 0)
        hg_freep(&path);
    return path;
}

/* ca.pem, cert.pem and key.pem of a folder, as far as they are there. */
static void take_material(struct hg_endpoint *e, const char *dir)
{
    e->ca = file_in(dir, "ca.pem");
    e->cert = file_in(dir, "cert.pem");
    e->key = file_in(dir, "key.pem");
}

static void use_tls(struct hg_endpoint *e, bool unverified)
{
    e->kind = HG_ENDPOINT_TLS;
    e->unverified = unverified;
}

/* DOCKER_TLS_VERIFY and DOCKER_TLS count for an address that is no context's (docker/cli:
 * cli/flags/options.go); the files are in DOCKER_CERT_PATH, else in Docker's configuration. */
static int tls_by_environment(struct hg_endpoint *e, const char *config_dir, struct hg_err *err)
{
    const char *verify = text_or(NULL, "DOCKER_TLS_VERIFY");
    const char *dir = text_or(NULL, "DOCKER_CERT_PATH");
    if (e->kind != HG_ENDPOINT_TCP || (!verify && !text_or(NULL, "DOCKER_TLS")))
        return 0;
    use_tls(e, !verify);
    dir = dir ? dir : config_dir;
    if (dir)
        take_material(e, dir);
    if (!verify || e->ca)
        return 0;
    hg_fail(err, HG_E_DOCKER, "DOCKER_TLS_VERIFY is set, but there is no %s/ca.pem to verify %s by",
            dir ? dir : "~/.docker", e->address);
    hg_endpoint_done(e);
    return hg_hint(err, "DOCKER_CERT_PATH=FOLDER with ca.pem, cert.pem and key.pem");
}

/* A context has its files in contexts/tls/<sha256 of its name>/docker. */
static void tls_by_context(struct hg_endpoint *e, const char *config_dir, const char *digest,
                           bool unverified)
{
    HG_AUTO(hg_freep) char *dir = hg_xasprintf("%s/contexts/tls/%s/docker", config_dir, digest);
    if (e->kind != HG_ENDPOINT_TCP)
        return;
    take_material(e, dir);
    if (unverified || e->ca || e->cert)
        use_tls(e, unverified);
}

/* ---- contexts ------------------------------------------------------------------------------ */

/* The address that a context names: contexts/meta/<sha256 of its name>/meta.json. */
static int from_context(const char *config_dir, const char *name, const char *source,
                        struct hg_endpoint *ret, struct hg_err *err)
{
    char digest[HG_SHA256_SIZE];
    HG_AUTO(hg_freep) char *path =
        hg_xasprintf("%s/contexts/meta/%s/meta.json", config_dir,
                     hg_sha256(name, strlen(name), digest));
    HG_AUTO(hg_freep) char *shown = hg_xasprintf("context \"%s\" from %s", name, source);
    json_auto_t *meta = read_json(path, err);
    if (!meta && err->kind != HG_E_NONE)
        return -1;
    if (!meta) {
        hg_fail(err, HG_E_DOCKER, "there is no Docker context \"%s\" (named by %s)", name, source);
        return hg_hint(err, "docker context ls");
    }
    json_t *endpoint = json_object_get(json_object_get(meta, "Endpoints"), "docker");
    const char *host = json_string_value(json_object_get(endpoint, "Host"));
    if (!host)
        return hg_fail(err, HG_E_DOCKER, "the Docker %s has no address (%s)", shown, path);
    if (hg_endpoint_parse(host, shown, ret, err) < 0)
        return -1;
    tls_by_context(ret, config_dir, digest,
                   json_is_true(json_object_get(endpoint, "SkipTLSVerify")));
    return 0;
}

/* ---- the usual places ---------------------------------------------------------------------- */

/* Can a socket be connected to? 0, or errno. */
static int try_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path)
        return ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    HG_AUTO(hg_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    /* EAGAIN: somebody listens, but is busy. */
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN)
        return 0;
    return errno;
}

static void add_home_socket(struct hg_strv *v, const char *variable, const char *below)
{
    const char *dir = text_or(NULL, variable);
    if (dir)
        hg_strv_addf(v, "%s/%s", dir, below);
}

/* The first usual socket that accepts; errors name what is wrong with the first that exists. */
static int from_usual_places(struct hg_endpoint *ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv places = HG_STRV_INIT;
    const char *denied = NULL, *refused = NULL;
    hg_strv_add(&places, DEFAULT_SOCKET);
    add_home_socket(&places, "XDG_RUNTIME_DIR", "docker.sock");
    add_home_socket(&places, "HOME", ".docker/run/docker.sock");
    add_home_socket(&places, "HOME", ".docker/desktop/docker.sock");
    add_home_socket(&places, "HOME", ".colima/default/docker.sock");
    add_home_socket(&places, "XDG_RUNTIME_DIR", "podman/podman.sock");
    hg_strv_add(&places, "/run/podman/podman.sock");

    for (size_t i = 0; i < places.count; i++) {
        int why = try_socket(places.items[i]);
        if (why == 0) {
            HG_AUTO(hg_freep) char *address = hg_xasprintf("unix://%s", places.items[i]);
            return hg_endpoint_parse(address, "the usual place", ret, err);
        }
        if (why == EACCES || why == EPERM)
            denied = denied ? denied : places.items[i];
        else if (why == ECONNREFUSED)
            refused = refused ? refused : places.items[i];
    }
    if (denied) {
        hg_fail(err, HG_E_DOCKER, "you may not use the container engine at %s", denied);
        return hg_hint(err, "sudo usermod -aG docker $USER, then log in again; or use sudo");
    }
    HG_AUTO(hg_freep) char *tried = hg_strv_join(&places, ", ");
    if (refused)
        hg_fail(err, HG_E_DOCKER, "the container engine at %s does not run", refused);
    else
        hg_fail(err, HG_E_DOCKER, "no container engine runs on this machine");
    hg_detail(err, "tried %s", tried);
    return hg_hint(err, "start Docker or Podman, or set DOCKER_HOST");
}

int hg_endpoint_find(const struct hg_docker_where *where, struct hg_endpoint *ret,
                     struct hg_err *err)
{
    const struct hg_docker_where none = { 0 };
    if (!where)
        where = &none;
    const char *home = text_or(NULL, "HOME");
    const char *given = text_or(where->config_dir, "DOCKER_CONFIG");
    HG_AUTO(hg_freep) char *dir = given  ? hg_xstrdup(given)
                                  : home ? hg_xasprintf("%s/.docker", home)
                                         : NULL;
    const char *context = where->context && *where->context ? where->context : NULL;
    const char *source = "--context";
    const char *host = where->host && *where->host ? where->host : NULL;
    if (!host && !context)
        host = text_or(NULL, "DOCKER_HOST");
    if (host) {
        if (hg_endpoint_parse(host, where->host ? "given" : "DOCKER_HOST", ret, err) < 0)
            return -1;
        return tls_by_environment(ret, dir, err);
    }
    if (!context) {
        context = text_or(NULL, "DOCKER_CONTEXT");
        source = "DOCKER_CONTEXT";
    }
    HG_AUTO(hg_freep) char *config = dir ? hg_xasprintf("%s/config.json", dir) : NULL;
    json_auto_t *json = NULL;
    if (!context && config) {
        json = read_json(config, err);
        if (!json && err->kind != HG_E_NONE)
            return -1;
        context = json_string_value(json_object_get(json, "currentContext"));
        source = config;
    }
    if (dir && context && *context && !hg_streq(context, "default"))
        return from_context(dir, context, source, ret, err);
    return from_usual_places(ret, err);
}
