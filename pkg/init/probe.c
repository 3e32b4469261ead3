/* SPDX-License-Identifier: Apache-2.0 */
#include "init.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection that could not be taken stays to be taken, and poll(2) would say so again at once. */
enum { FULL_MS = 100 };

#define ANSWER(code, text)                                                                         \
    "HTTP/1.1 " code "\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n" text "\n"

void hg_probe_init(struct hg_probe *p, int listening, bool started)
{
    *p = (struct hg_probe){ .listening = listening, .started = started };
    for (size_t i = 0; i < HG_PROBE_CONNECTIONS; i++)
        p->requests[i].fd = -1;
}

int hg_probe_poll(const struct hg_probe *p, struct pollfd polls[HG_PROBE_POLLS])
{
    polls[0] = (struct pollfd){ .fd = p->full ? -1 : p->listening, .events = POLLIN };
    for (size_t i = 0; i < HG_PROBE_CONNECTIONS; i++)
        polls[1 + i] = (struct pollfd){ .fd = p->requests[i].fd, .events = POLLIN };
    return p->full ? FULL_MS : -1;
}

/* Is `path` what the request asks for, with or without a query? */
static bool asks(const char *request, const char *path)
{
    size_t len = strlen(path);
    return strncmp(request, path, len) == 0 && strchr(" ?\r\n", request[len]) != NULL;
}

const char *hg_probe_answer(const char *request, bool started)
{
    if (strncmp(request, "GET ", 4) != 0 && strncmp(request, "HEAD ", 5) != 0)
        return ANSWER("405 Method Not Allowed", "GET or HEAD");
    const char *path = strchr(request, ' ') + 1;
    if (asks(path, "/livez"))
        return ANSWER("200 OK", "ok");
    if (!asks(path, "/readyz") && !asks(path, "/startupz"))
        return ANSWER("404 Not Found", "/livez, /readyz or /startupz");
    return started ? ANSWER("200 OK", "ok")
                   : ANSWER("503 Service Unavailable", "the application has not been started");
}

static void drop(struct hg_probe_request *r)
{
    if (r->fd >= 0)
        (void)close(r->fd);
    r->fd = -1;
    r->len = 0;
}

static void take_connection(struct hg_probe *p)
{
    int fd = accept4(p->listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        p->full = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        return;
    }
    struct hg_probe_request *r = &p->requests[p->next];
    p->next = (p->next + 1) % HG_PROBE_CONNECTIONS;
    drop(r);
    r->fd = fd;
}

static void read_request(const struct hg_probe *p, struct hg_probe_request *r)
{
    ssize_t got = recv(r->fd, r->text + r->len, sizeof r->text - 1 - r->len, MSG_DONTWAIT);
    if (got <= 0) {
        drop(r);
        return;
    }
    r->len += (size_t)got;
    r->text[r->len] = '\0';
    bool whole = strstr(r->text, "\r\n\r\n") || strstr(r->text, "\n\n");
    if (!whole && r->len < sizeof r->text - 1)
        return;
    const char *answer = hg_probe_answer(r->text, p->started);
    size_t len = strlen(answer);
    if (strncmp(r->text, "HEAD ", 5) == 0) /* without what GET would bring */
        len = (size_t)(strstr(answer, "\r\n\r\n") + 4 - answer);
    /* So short that a socket nobody has written to takes all of it. */
    (void)send(r->fd, answer, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(r->fd, SHUT_WR);
    drop(r);
}

void hg_probe_step(struct hg_probe *p, const struct pollfd polls[HG_PROBE_POLLS])
{
    p->full = false;
    for (size_t i = 0; i < HG_PROBE_CONNECTIONS; i++)
        if (polls[1 + i].fd >= 0 && polls[1 + i].revents)
            read_request(p, &p->requests[i]);
    if (polls[0].fd >= 0 && polls[0].revents)
        take_connection(p);
}
