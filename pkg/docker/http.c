/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 with the engine. A connection serves one request after the other until one of them makes
 * it raw; over ssh that saves a login each. Own code and not libcurl: see docker.h.
 */
#include "docker/internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int send_all(struct hg_http *h, const char *data, size_t len, struct hg_err *err)
{
    while (len) {
        ssize_t n = send(h->conn.fd, data, len, MSG_NOSIGNAL);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            if (hg_fd_wait(h->conn.fd, POLLOUT, h->wake_fd, h->deadline_ns, err) < 0)
                return -1;
        } else if (n < 0 && errno != EINTR) {
            return hg_fail_errno(err, HG_E_DOCKER, "the container engine hung up");
        }
    }
    return 0;
}

/* Reads what there is into the free end of data: > 0, 0 at end of file, -1. */
static ssize_t receive(struct hg_http *h, char *data, size_t cap, struct hg_err *err)
{
    for (;;) {
        ssize_t n = read(h->conn.fd, data, cap);
        if (n >= 0)
            return n;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return hg_fail_errno(err, HG_E_DOCKER, "the connection to the container engine broke");
        if (hg_fd_wait(h->conn.fd, POLLIN, h->wake_fd, h->deadline_ns, err) < 0)
            return -1;
    }
}

static void write_head(struct hg_buf *b, const struct hg_docker *d, const struct hg_request *r)
{
    hg_buf_addf(b, "%s ", r->method);
    if (!r->unversioned)
        hg_buf_addf(b, "/v%s", d->version);
    hg_buf_addf(b, "%s HTTP/1.1\r\nHost: docker\r\nUser-Agent: headgate/%s\r\n", r->path,
                hg_version);
    if (r->upgrade)
        hg_buf_adds(b, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
    if (r->produce)
        hg_buf_addf(b, "Content-Type: %s\r\nTransfer-Encoding: chunked\r\n", r->content_type);
    else if (r->body || hg_streq(r->method, "POST") || hg_streq(r->method, "PUT"))
        hg_buf_addf(b, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                    r->content_type ? r->content_type : "application/json", r->body_len);
    hg_buf_adds(b, "\r\n");
}

/* The response's header; what was read behind it stays in the buffer. */
static int read_head(struct hg_http *h, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    for (;;) {
        size_t used = 0;
        ssize_t n = receive(h, h->buf, sizeof h->buf, err);
        if (n < 0)
            return -1;
        if (n == 0)
            return hg_fail(err, HG_E_DOCKER, "the container engine hung up without an answer");
        hg_buf_add(&text, h->buf, (size_t)n);
        int done = hg_http_head_parse(hg_buf_str(&text), text.len, &h->head, &used, err);
        if (done < 0)
            return -1;
        /* An interim answer (100 Continue) has another one behind it; we ask for none. */
        if (done == 1 && h->head.status < 200 && h->head.status != 101)
            return hg_fail(err, HG_E_DOCKER, "the container engine answered with status %d",
                           h->head.status);
        if (done == 1) {
            h->len = text.len - used;
            h->at = 0;
            if (h->len > sizeof h->buf)
                return hg_fail(err, HG_E_DOCKER, "the container engine's header is too long");
            memcpy(h->buf, text.data + used, h->len);
            h->left = h->head.length;
            return 0;
        }
    }
}

static int exchange(struct hg_docker *d, struct hg_http *h, const struct hg_request *request,
                    struct hg_err *err)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf head = HG_BUF_INIT;
    write_head(&head, d, request);
    if (send_all(h, hg_buf_str(&head), head.len, err) < 0)
        return -1;
    if (!request->produce)
        return send_all(h, request->body, request->body_len, err) < 0 ? -1 : read_head(h, err);
    if (request->produce(request->context, h, err) == 0 && send_all(h, "0\r\n\r\n", 5, err) == 0)
        return read_head(h, err);
    /* An engine that refuses does not wait for the rest; what it said is the better reason. */
    struct hg_err ignored;
    return err->kind == HG_E_DOCKER ? read_head(h, &ignored) : -1;
}

int hg_http_write(struct hg_http *h, const void *data, size_t len, struct hg_err *err)
{
    char size[24];
    if (len == 0)
        return 0;
    int n = snprintf(size, sizeof size, "%zx\r\n", len);
    return send_all(h, size, (size_t)n, err) < 0 || send_all(h, data, len, err) < 0 ||
                   send_all(h, "\r\n", 2, err) < 0 ? -1 : 0;
}

/* The connection that an earlier request left. An engine may close it at any time, and then has not
 * seen the request: 1 with the answer, 0 when a new connection is needed, -1. */
static int on_idle(struct hg_docker *d, struct hg_http *h, const struct hg_request *request,
                   struct hg_err *err)
{
    if (d->idle.fd < 0)
        return 0;
    h->conn = d->idle;
    d->idle = (struct hg_conn)HG_CONN_INIT;
    if (exchange(d, h, request, err) == 0)
        return 1;
    hg_conn_close(&h->conn);
    return err->kind == HG_E_DOCKER && h->head.status == 0 ? 0 : -1;
}

int hg_http_open(struct hg_docker *d, const struct hg_request *request, struct hg_http *ret,
                 struct hg_err *err)
{
    HG_AUTO(hg_http_close) struct hg_http h = HG_HTTP_INIT;
    h.deadline_ns = request->deadline_ns ? request->deadline_ns : hg_now_ns() + d->timeout_ns;
    h.wake_fd = d->wake_fd;
    int done = on_idle(d, &h, request, err);
    if (done == 0) {
        done = hg_conn_open(&d->endpoint, h.deadline_ns, &h.conn, err);
        if (done == 0 && (done = exchange(d, &h, request, err)) < 0)
            hg_carrier_explain(&h.conn, err);
    }
    if (done < 0) {
        if (err->kind == HG_E_TIMEOUT)
            hg_detail(err, "%s %s at %s", request->method, request->path, d->endpoint.address);
        return -1;
    }
    h.keep = request->upgrade ? NULL : d;
    *ret = h;
    h.conn = (struct hg_conn)HG_CONN_INIT;
    return 0;
}

/* Bytes of the connection: those already read, else new ones. */
static ssize_t raw_read(struct hg_http *h, struct hg_err *err)
{
    if (h->at < h->len)
        return (ssize_t)(h->len - h->at);
    h->at = h->len = 0;
    ssize_t n = receive(h, h->buf, sizeof h->buf, err);
    if (n > 0)
        h->len = (size_t)n;
    return n;
}

static ssize_t read_chunked(struct hg_http *h, char *data, size_t cap, struct hg_err *err)
{
    for (;;) {
        size_t used = 0, len = 0;
        if (h->chunks.state == HG_CHUNK_DONE)
            return 0;
        ssize_t n = raw_read(h, err);
        if (n < 0)
            return -1;
        if (n == 0)
            return hg_fail(err, HG_E_DOCKER, "the container engine's answer broke off");
        if (hg_chunks_decode(&h->chunks, h->buf + h->at, (size_t)n, &used, data, cap, &len) < 0)
            return hg_fail(err, HG_E_DOCKER, "the container engine's answer is malformed");
        h->at += used;
        if (len)
            return (ssize_t)len;
    }
}

ssize_t hg_http_read(struct hg_http *h, char *data, size_t cap, struct hg_err *err)
{
    if (h->head.status == 204 || h->head.status == 304 || cap == 0)
        return 0;
    if (h->head.chunked)
        return read_chunked(h, data, cap, err);
    if (h->head.length >= 0 && h->left == 0)
        return 0;
    ssize_t n = raw_read(h, err);
    if (n < 0)
        return -1;
    if (n == 0)
        return h->head.length < 0 ? 0
                                  : hg_fail(err, HG_E_DOCKER,
                                            "the container engine's answer broke off");
    if ((size_t)n > cap)
        n = (ssize_t)cap;
    if (h->head.length >= 0 && n > h->left)
        n = (ssize_t)h->left;
    memcpy(data, h->buf + h->at, (size_t)n);
    h->at += (size_t)n;
    if (h->head.length >= 0)
        h->left -= n;
    return n;
}

/* Was the response read to its end, and nothing behind it? */
static bool read_whole(const struct hg_http *h)
{
    bool empty = h->head.status == 204 || h->head.status == 304;
    return h->at == h->len && (empty || (h->head.chunked ? h->chunks.state == HG_CHUNK_DONE
                                                         : h->head.length >= 0 && h->left == 0));
}

void hg_http_close(struct hg_http *h)
{
    if (h->keep && h->conn.fd >= 0 && h->keep->idle.fd < 0 && !h->head.last && read_whole(h)) {
        h->keep->idle = h->conn;
        h->conn = (struct hg_conn)HG_CONN_INIT;
    }
    hg_conn_close(&h->conn);
}
