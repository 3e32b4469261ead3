/* SPDX-License-Identifier: Apache-2.0 */
/* An engine that answers: version, JSON requests. */
#include "docker/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_NS (10 * HG_NS_PER_S)
#define OLDEST_MINOR 24 /* exec with environment; moby's hard floor */
#define NEWEST_MINOR 47 /* the newest whose answers this code was read against */

/* "1.41" -> 41; -1 when it is no version. */
static int parse_version(const char *text)
{
    int64_t minor = 0;
    if (!hg_starts_with(text, "1.") || hg_parse_int(text + 2, 0, 999, &minor) < 0)
        return -1;
    return (int)minor;
}

static int agree_on_version(struct hg_docker *d, const char *offered, struct hg_err *err)
{
    const char *pinned = getenv("DOCKER_API_VERSION");
    int minor = *offered ? parse_version(offered) : OLDEST_MINOR;
    if (pinned && *pinned) {
        minor = parse_version(pinned);
        if (minor < OLDEST_MINOR)
            return hg_fail(err, HG_E_DOCKER,
                           "DOCKER_API_VERSION=%s: expected a version such as 1.%d, and 1.%d or "
                           "later", pinned, NEWEST_MINOR, OLDEST_MINOR);
    } else if (minor < OLDEST_MINOR) {
        HG_AUTO(hg_freep) char *shown = hg_printable(offered, 20);
        return hg_fail(err, HG_E_DOCKER,
                       "the container engine at %s speaks API version %s, and 1.%d or later is "
                       "needed", d->endpoint.address, shown, OLDEST_MINOR);
    } else if (minor > NEWEST_MINOR) {
        minor = NEWEST_MINOR;
    }
    d->minor = minor;
    snprintf(d->version, sizeof d->version, "1.%d", minor);
    return 0;
}

static int read_body(struct hg_http *h, struct hg_buf *body, struct hg_err *err)
{
    char piece[16384];
    ssize_t n;
    while ((n = hg_http_read(h, piece, sizeof piece, err)) > 0) {
        hg_buf_add(body, piece, (size_t)n);
        if (body->overflow)
            return hg_fail(err, HG_E_DOCKER, "the container engine's answer is over %zu MB",
                           HG_DOCKER_JSON_MAX >> 20);
    }
    return n < 0 ? -1 : 0;
}

int hg_docker_open(const struct hg_docker_where *where, int64_t timeout_ns, struct hg_docker **ret,
                   struct hg_err *err)
{
    HG_AUTO(hg_docker_freep) struct hg_docker *d = hg_xcalloc(1, sizeof *d);
    HG_AUTO(hg_http_close) struct hg_http answer = HG_HTTP_INIT;
    const struct hg_request ping = { .method = "GET", .path = "/_ping", .unversioned = true };
    d->timeout_ns = timeout_ns > 0 ? timeout_ns : DEFAULT_TIMEOUT_NS;
    d->wake_fd = -1;
    d->idle = (struct hg_conn)HG_CONN_INIT;
    if (hg_endpoint_find(where, &d->endpoint, err) < 0)
        return -1;
    if (hg_http_open(d, &ping, &answer, err) < 0) {
        if (d->endpoint.kind == HG_ENDPOINT_SSH)
            hg_hint(err, "ssh %s docker version", d->endpoint.host);
        return hg_wrap(err, "%s", d->endpoint.address);
    }
    if (answer.head.status != 200) {
        hg_fail(err, HG_E_DOCKER, "the container engine at %s (%s) answered with status %d",
                d->endpoint.address, d->endpoint.source, answer.head.status);
        /* What Go's servers answer to plain HTTP on a TLS port. */
        if (answer.head.status == 400 && d->endpoint.kind == HG_ENDPOINT_TCP)
            return hg_hint(err, "an engine behind TLS: set DOCKER_TLS_VERIFY=1 and "
                                "DOCKER_CERT_PATH=FOLDER with ca.pem, cert.pem and key.pem");
        return hg_hint(err, "docker version");
    }
    HG_AUTO(hg_buf_done) struct hg_buf ok = HG_BUF_INIT;
    if (read_body(&answer, &ok, err) < 0 || agree_on_version(d, answer.head.api_version, err) < 0)
        return -1;
    hg_trace("docker", "address", d->endpoint.address, "source", d->endpoint.source, "api",
             d->version, NULL);
    *ret = HG_TAKE(d);
    return 0;
}

void hg_docker_free(struct hg_docker *d)
{
    if (!d)
        return;
    hg_conn_close(&d->idle);
    hg_endpoint_done(&d->endpoint);
    free(d);
}

void hg_docker_freep(struct hg_docker **d)
{
    hg_docker_free(*d);
    *d = NULL;
}

bool hg_docker_is_local(const struct hg_docker *d)
{
    return d->endpoint.kind == HG_ENDPOINT_UNIX;
}

int hg_docker_call(struct hg_docker *d, const char *method, const char *path, const json_t *body,
                   int *ret_status, json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_http_close) struct hg_http answer = HG_HTTP_INIT;
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *dump = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct hg_request request = { .method = method, .path = path, .body = dump,
                                  .body_len = dump ? strlen(dump) : 0 };
    text.max = HG_DOCKER_JSON_MAX;
    if (body && !dump)
        return hg_fail(err, HG_E_DOCKER, "a command or variable for the container is not UTF-8");
    int failed = hg_http_open(d, &request, &answer, err) < 0 || read_body(&answer, &text, err) < 0;
    if (dump)
        explicit_bzero(dump, request.body_len);
    if (failed)
        return -1;
    if (ret) {
        /* Engines older than 1.24 and proxies complain in plain text. */
        json_t *reply = text.len ? json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL) : NULL;
        if (!reply && answer.head.status / 100 == 2 && text.len)
            return hg_fail(err, HG_E_DOCKER, "the container engine's answer to %s %s is not JSON",
                           method, path);
        if (!reply && text.len) {
            HG_AUTO(hg_freep) char *shown = hg_printable(text.data, 300);
            reply = json_pack("{s:s}", "message", shown);
        }
        *ret = reply;
    }
    *ret_status = answer.head.status;
    return 0;
}

const char *hg_docker_words(const json_t *reply)
{
    const char *message = json_string_value(json_object_get(reply, "message"));
    return message ? message : "";
}

char *hg_url_encode(const char *s)
{
    struct hg_buf b = HG_BUF_INIT;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (isalnum(c) || strchr("-._~", c))
            hg_buf_addc(&b, (char)c);
        else
            hg_buf_addf(&b, "%%%02X", c);
    }
    return hg_buf_take(&b);
}
