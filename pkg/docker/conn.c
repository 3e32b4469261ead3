/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to the engine: a unix socket, TCP, or a program that carries it (carrier.c). */
#include "docker/internal.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int hg_fd_wait(int fd, short events, int wake_fd, int64_t deadline_ns, struct hg_err *err)
{
    for (;;) {
        struct pollfd set[2] = { { .fd = fd, .events = events },
                                 { .fd = wake_fd, .events = POLLIN } };
        int n = poll(set, 2, hg_ms_left(deadline_ns));
        if (n < 0 && errno != EINTR)
            return hg_fail_errno(err, HG_E_DOCKER, "cannot wait for the container engine");
        if (n > 0 && set[1].revents)
            return hg_fail(err, HG_E_SIGNAL, "interrupted");
        if (n > 0 && set[0].revents)
            return 0;
        if (deadline_ns && hg_now_ns() >= deadline_ns)
            return hg_fail(err, HG_E_TIMEOUT, "the container engine did not answer in time");
    }
}

static int cannot_connect(const struct hg_endpoint *e, int why, struct hg_err *err)
{
    if (why == EACCES || why == EPERM) {
        hg_fail(err, HG_E_DOCKER, "you may not use the container engine at %s (%s)", e->address,
                e->source);
        return hg_hint(err, "sudo usermod -aG docker $USER, then log in again; or use sudo");
    }
    errno = why;
    hg_fail_errno(err, HG_E_DOCKER, "no container engine answers at %s (%s)", e->address,
                  e->source);
    return hg_hint(err, "docker version");
}

static int open_unix(const struct hg_endpoint *e, int64_t deadline_ns, struct hg_conn *ret,
                     struct hg_err *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    HG_AUTO(hg_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return hg_fail_errno(err, HG_E_DOCKER, "cannot make a socket");
    memcpy(address.sun_path, e->path, strlen(e->path) + 1);
    /* EAGAIN: the engine's queue is full, and poll does not tell when there is room. */
    while (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        if (errno != EAGAIN && errno != EINTR)
            return cannot_connect(e, errno, err);
        if (hg_now_ns() >= deadline_ns)
            return hg_fail(err, HG_E_TIMEOUT, "the container engine at %s is too busy to answer",
                           e->address);
        poll(NULL, 0, 20);
    }
    ret->fd = fd;
    fd = -1;
    return 0;
}

/* One address of a TCP engine. 0, or errno. */
static int connect_one(const struct addrinfo *a, int64_t deadline_ns, int *ret_fd)
{
    struct hg_err ignored;
    int error = 0;
    socklen_t size = sizeof error;
    HG_AUTO(hg_closep) int fd =
        socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
        return errno;
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
        if (errno != EINPROGRESS)
            return errno;
        if (hg_fd_wait(fd, POLLOUT, -1, deadline_ns, &ignored) < 0)
            return ETIMEDOUT;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
            return errno;
        if (error)
            return error;
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

bool hg_tcp_reachable(const char *address, int port, int64_t timeout_ns)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
    struct addrinfo *list = NULL;
    char service[8];
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(address, service, &hints, &list))
        return false;
    HG_AUTO(hg_closep) int fd = -1;
    int why = connect_one(list, hg_now_ns() + timeout_ns, &fd);
    freeaddrinfo(list);
    return why == 0;
}

char *hg_host_address(const char *host)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    char text[64] = "";
    if (getaddrinfo(host, NULL, &hints, &list))
        return NULL;
    getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    freeaddrinfo(list);
    return *text ? hg_xstrdup(text) : NULL;
}

int hg_tcp_dial(const struct hg_endpoint *e, int64_t deadline_ns, int *ret_fd, struct hg_err *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *list = NULL;
    int why = getaddrinfo(e->host, e->port, &hints, &list);
    if (why) {
        hg_fail(err, HG_E_DOCKER, "the host of the container engine at %s (%s) is not known: %s",
                e->address, e->source, gai_strerror(why));
        return -1;
    }
    int error = ECONNREFUSED;
    for (struct addrinfo *a = list; a; a = a->ai_next) {
        error = connect_one(a, deadline_ns, ret_fd);
        if (error == 0)
            break;
    }
    freeaddrinfo(list);
    return error ? cannot_connect(e, error, err) : 0;
}

int hg_conn_open(const struct hg_endpoint *e, int64_t deadline_ns, struct hg_conn *ret,
                 struct hg_err *err)
{
    *ret = (struct hg_conn)HG_CONN_INIT;
    switch (e->kind) {
    case HG_ENDPOINT_UNIX:
        return open_unix(e, deadline_ns, ret, err);
    case HG_ENDPOINT_TCP:
        return hg_tcp_dial(e, deadline_ns, &ret->fd, err);
    case HG_ENDPOINT_TLS:
    case HG_ENDPOINT_SSH:
        return hg_carrier_open(e, ret, err);
    }
    HG_BUG("kind of endpoint");
}

void hg_conn_close(struct hg_conn *c)
{
    hg_closep(&c->fd);
    if (c->carrier > 0)
        hg_carrier_close(c);
    hg_closep(&c->words);
}
