/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS to an engine (OpenSSL), as a carrier: what comes on our stdin goes to the engine and the other
 * way round, with half-close both ways. Only headgate-source-tls links this file.
 */
#include "docker/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_NS (30 * HG_NS_PER_S)

struct carry {
    SSL *ssl;
    int fd;                     /* the engine */
    int in, out;                /* our own side */
    char up[16384], down[16384];
    size_t up_at, up_len, down_at, down_len;
    bool up_ended, up_closed;   /* our side sends nothing more; the engine was told */
    bool down_ended;
    bool read_wants_write, write_wants_read;
};

static void free_context(SSL_CTX **c)
{
    SSL_CTX_free(*c);
}

static void free_ssl(SSL **s)
{
    SSL_free(*s);
}

/* OpenSSL's words for what went wrong last. */
static int tls_fail(struct hg_err *err, const char *what)
{
    char text[256] = "";
    unsigned long code = ERR_get_error();
    if (code)
        ERR_error_string_n(code, text, sizeof text);
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    hg_fail(err, HG_E_DOCKER, "%s%s%s", what, code ? ": " : "", reason ? reason : text);
    return code ? hg_detail(err, "%s", text) : -1;
}

static int load_files(SSL_CTX *c, const struct hg_endpoint *e, struct hg_err *err)
{
    if (e->ca ? SSL_CTX_load_verify_file(c, e->ca) != 1 : SSL_CTX_set_default_verify_paths(c) != 1) {
        tls_fail(err, "the authority's certificate cannot be read");
        return hg_wrap(err, "%s", e->ca ? e->ca : "the system's certificates");
    }
    if (e->cert && SSL_CTX_use_certificate_chain_file(c, e->cert) != 1) {
        tls_fail(err, "our certificate cannot be read");
        return hg_wrap(err, "%s", e->cert);
    }
    if (e->key && (SSL_CTX_use_PrivateKey_file(c, e->key, SSL_FILETYPE_PEM) != 1 ||
                   (e->cert && SSL_CTX_check_private_key(c) != 1))) {
        tls_fail(err, "our key cannot be used");
        return hg_wrap(err, "%s", e->key);
    }
    return 0;
}

static int name_to_verify(SSL *ssl, const char *host, struct hg_err *err)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return 0;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(ssl, host) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1)
        return tls_fail(err, "the engine's name cannot be used");
    return 0;
}

static int handshake(SSL *ssl, int fd, int64_t deadline_ns, struct hg_err *err)
{
    for (;;) {
        int n = SSL_connect(ssl);
        if (n == 1)
            return 0;
        int why = SSL_get_error(ssl, n);
        short events = why == SSL_ERROR_WANT_READ ? POLLIN : why == SSL_ERROR_WANT_WRITE ? POLLOUT : 0;
        if (!events) {
            long verify = SSL_get_verify_result(ssl);
            if (verify == X509_V_OK)
                return tls_fail(err, "no TLS with the engine");
            ERR_clear_error();
            return hg_fail(err, HG_E_DOCKER, "the engine's certificate is not trusted: %s",
                           X509_verify_cert_error_string(verify));
        }
        if (hg_fd_wait(fd, events, -1, deadline_ns, err) < 0)
            return -1;
    }
}

/* ---- both directions ------------------------------------------------------------------------ */

static int from_us(struct carry *c, struct hg_err *err)
{
    ssize_t n = read(c->in, c->up, sizeof c->up);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return hg_fail_errno(err, HG_E_DOCKER, "cannot read what is to be sent");
    c->up_at = 0;
    c->up_len = n > 0 ? (size_t)n : 0;
    c->up_ended = n == 0;
    return 0;
}

static int to_engine(struct carry *c, struct hg_err *err)
{
    c->write_wants_read = false;
    if (c->up_at < c->up_len) {
        int n = SSL_write(c->ssl, c->up + c->up_at, (int)(c->up_len - c->up_at));
        if (n > 0) {
            c->up_at += (size_t)n;
            return 0;
        }
        int why = SSL_get_error(c->ssl, n);
        c->write_wants_read = why == SSL_ERROR_WANT_READ;
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE
                   ? 0
                   : tls_fail(err, "the engine takes nothing more");
    }
    /* Our close_notify is the engine's end of file; its answer to it is not waited for. */
    if (SSL_shutdown(c->ssl) >= 0)
        c->up_closed = true;
    return 0;
}

static int from_engine(struct carry *c, struct hg_err *err)
{
    c->read_wants_write = false;
    int n = SSL_read(c->ssl, c->down, sizeof c->down);
    if (n > 0) {
        c->down_at = 0;
        c->down_len = (size_t)n;
        return 0;
    }
    int why = SSL_get_error(c->ssl, n);
    c->read_wants_write = why == SSL_ERROR_WANT_WRITE;
    if (why == SSL_ERROR_ZERO_RETURN)
        c->down_ended = true;
    else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        return tls_fail(err, "the connection to the engine broke");
    return 0;
}

/* False: nobody is there any more. */
static bool to_us(struct carry *c)
{
    ssize_t n = write(c->out, c->down + c->down_at, c->down_len - c->down_at);
    if (n > 0)
        c->down_at += (size_t)n;
    return n > 0 || errno == EAGAIN || errno == EINTR;
}

static int pump(struct carry *c, struct hg_err *err)
{
    for (;;) {
        bool sending = c->up_at < c->up_len || (c->up_ended && !c->up_closed);
        bool giving = c->down_at < c->down_len;
        if (c->down_ended && !giving)
            return 0;
        bool pending = !giving && SSL_pending(c->ssl) > 0;
        short events = (short)((!giving && !c->read_wants_write ? POLLIN : 0) |
                               (sending && c->write_wants_read ? POLLIN : 0) |
                               (sending && !c->write_wants_read ? POLLOUT : 0) |
                               (!giving && c->read_wants_write ? POLLOUT : 0));
        struct pollfd set[3] = {
            { .fd = events ? c->fd : -1, .events = events },
            { .fd = c->in, .events = (short)(!sending && !c->up_ended ? POLLIN : 0) },
            { .fd = giving ? c->out : -1, .events = POLLOUT },
        };
        if (poll(set, 3, pending ? 0 : -1) < 0 && errno != EINTR)
            return hg_fail_errno(err, HG_E_DOCKER, "cannot wait for the engine");
        if (set[1].revents & POLLIN && from_us(c, err) < 0)
            return -1;
        if (sending && set[0].revents && to_engine(c, err) < 0)
            return -1;
        if (giving && set[2].revents && !to_us(c))
            return 0;
        if (!giving && (pending || set[0].revents) && from_engine(c, err) < 0)
            return -1;
        /* Whoever we carry for closed both ways, and what it said is on its way. */
        if (set[1].revents & (POLLHUP | POLLERR) && !(set[1].revents & POLLIN) &&
            (c->up_closed || !sending))
            return 0;
    }
}

static int open_ssl(const struct hg_endpoint *e, SSL_CTX *context, int64_t deadline, SSL **ret_ssl,
                    int *ret_fd, struct hg_err *err)
{
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
        return tls_fail(err, "TLS cannot be used here");
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, e->unverified ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (load_files(context, e, err) < 0 || hg_tcp_dial(e, deadline, ret_fd, err) < 0)
        return -1;
    SSL *ssl = *ret_ssl = SSL_new(context);
    if (!ssl || SSL_set_fd(ssl, *ret_fd) != 1)
        return tls_fail(err, "TLS cannot be used here");
    if (!e->unverified && name_to_verify(ssl, e->host, err) < 0)
        return -1;
    return handshake(ssl, *ret_fd, deadline, err);
}

int hg_docker_carry_tls(const struct hg_docker_tls *tls, int in, int out, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *address = hg_xasprintf("tcp://%s:%s", tls->host, tls->port);
    const struct hg_endpoint e = { .kind = HG_ENDPOINT_TLS, .address = address,
                                   .host = (char *)tls->host, .port = (char *)tls->port,
                                   .source = (char *)"TLS", .ca = (char *)tls->ca,
                                   .cert = (char *)tls->cert, .key = (char *)tls->key,
                                   .unverified = tls->unverified };
    HG_AUTO(free_context) SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    HG_AUTO(free_ssl) SSL *ssl = NULL;
    HG_AUTO(hg_closep) int fd = -1;
    int64_t deadline = hg_now_ns() + CONNECT_NS;
    if (open_ssl(&e, context, deadline, &ssl, &fd, err) < 0)
        return -1;
    fcntl(in, F_SETFL, O_NONBLOCK);
    fcntl(out, F_SETFL, O_NONBLOCK);
    struct carry *c = hg_xcalloc(1, sizeof *c);
    *c = (struct carry){ .ssl = ssl, .fd = fd, .in = in, .out = out };
    int rc = pump(c, err);
    explicit_bzero(c, sizeof *c);
    free(c);
    return rc;
}
