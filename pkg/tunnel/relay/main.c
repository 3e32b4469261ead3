/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay for containers that have no Python and no tools: a static program that is copied in, takes
 * its own file away, and makes connections on the word of the listener (mux.h) until its stdin ends.
 * It stands on libc alone. Resolving a name may take long and cannot be interrupted, so each connection
 * is made on a thread of its own.
 */
#include "tunnel/mux.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 200 };
#define THREAD_STACK ((size_t)128 << 10) /* the resolver's buffers */

struct wish {
    uint32_t id;
    int fd;                         /* -1: not connected, see why and text */
    char why;
    char text[200];
    char host[HG_MUX_NAME_MAX + 1], port[8];
    int64_t deadline_ms;
    int done;                       /* where the thread writes the address of this */
    atomic_bool resolved;
    bool given_up;                  /* its answer comes too late */
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void failed(struct wish *w, char why, const char *text)
{
    w->why = why;
    snprintf(w->text, sizeof w->text, "%s", text);
}

/* One address. True when it is connected. */
static bool connect_one(struct wish *w, const struct addrinfo *a)
{
    int error = 0;
    socklen_t size = sizeof error;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0) {
        failed(w, HG_MUX_FAILED, strerror(errno));
        return false;
    }
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
        error = errno;
    if (!error) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        int64_t left = w->deadline_ms - now_ms();
        if (poll(&p, 1, left > 0 ? (int)left : 0) <= 0)
            error = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
            error = errno;
    }
    if (!error) {
        w->fd = fd;
        return true;
    }
    close(fd);
    failed(w, error == ECONNREFUSED ? HG_MUX_REFUSED : error == ETIMEDOUT ? HG_MUX_TIMEOUT
                                                                         : HG_MUX_FAILED,
           strerror(error));
    return false;
}

static void *make(void *argument)
{
    struct wish *w = argument;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    int why = getaddrinfo(w->host, w->port, &hints, &list);
    atomic_store(&w->resolved, true);
    if (why)
        failed(w, HG_MUX_UNKNOWN_HOST, gai_strerror(why));
    for (const struct addrinfo *a = list; a && !connect_one(w, a); a = a->ai_next)
        continue;
    if (list)
        freeaddrinfo(list);
    (void)!write(w->done, &w, sizeof w); /* a pointer is less than a pipe takes at once */
    return NULL;
}

struct relay {
    struct hg_mux *mux;
    int done[2];
    pthread_attr_t attr;
    struct wish *wishes[HG_MUX_CHANNELS]; /* being made */
    size_t wish_count;
};

static void wanted(void *context, uint32_t id, const char *host, const char *port, unsigned ms)
{
    struct relay *r = context;
    pthread_t thread;
    struct wish *w = r->wish_count < HG_MUX_CHANNELS ? calloc(1, sizeof *w) : NULL;
    if (w) {
        *w = (struct wish){ .id = id, .fd = -1, .done = r->done[1], .deadline_ms = now_ms() + ms };
        snprintf(w->host, sizeof w->host, "%s", host);
        snprintf(w->port, sizeof w->port, "%s", port);
    }
    if (!w || pthread_create(&thread, &r->attr, make, w) != 0) {
        free(w);
        hg_mux_refuse(r->mux, id, HG_MUX_FAILED, "no thread for it");
        return;
    }
    r->wishes[r->wish_count++] = w;
}

/* Names that the resolver does not answer in time. */
static void give_up_late(struct relay *r)
{
    for (size_t i = 0; i < r->wish_count; i++) {
        struct wish *w = r->wishes[i];
        if (w->given_up || atomic_load(&w->resolved) || now_ms() < w->deadline_ms)
            continue;
        w->given_up = true;
        hg_mux_refuse(r->mux, w->id, HG_MUX_UNKNOWN_HOST, "no answer from the resolver");
    }
}

static void take_done(struct relay *r)
{
    struct wish *w = NULL;
    if (read(r->done[0], &w, sizeof w) != (ssize_t)sizeof w)
        return;
    for (size_t i = 0; i < r->wish_count; i++)
        if (r->wishes[i] == w)
            r->wishes[i] = r->wishes[--r->wish_count];
    if (w->fd >= 0)
        hg_mux_connected(r->mux, w->id, w->fd); /* closes it when the channel is gone */
    else if (!w->given_up)
        hg_mux_refuse(r->mux, w->id, w->why, w->text);
    free(w);
}

/* The file was copied in for this one run. */
static void remove_self(void)
{
    char path[512];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n > 0) {
        path[n] = '\0';
        (void)unlink(path);
    }
}

static int serve(struct relay *r)
{
    struct pollfd set[HG_MUX_FDS + 1];
    for (;;) {
        size_t n = hg_mux_fds(r->mux, set + 1);
        set[0] = (struct pollfd){ .fd = r->done[0], .events = POLLIN };
        int ready = poll(set, (nfds_t)(n + 1), r->wish_count ? LOOK_MS : -1);
        if (ready < 0 && errno != EINTR)
            return 1;
        give_up_late(r);
        if (ready <= 0)
            continue;
        if (hg_mux_turn(r->mux, set + 1) < 0)
            return 0;
        if (set[0].revents)
            take_done(r);
    }
}

int main(void)
{
    static const char HELLO[] = HG_MUX_HELLO " mux\n";
    struct relay r = { 0 };
    const struct hg_mux_calls calls = { .context = &r, .wanted = wanted };
    remove_self();
    signal(SIGPIPE, SIG_IGN);
    fcntl(0, F_SETFL, O_NONBLOCK);
    fcntl(1, F_SETFL, O_NONBLOCK);
    if (!(r.mux = hg_mux_new(0, 1, &calls)) || pipe2(r.done, O_CLOEXEC) < 0 ||
        pthread_attr_init(&r.attr) != 0 ||
        pthread_attr_setdetachstate(&r.attr, PTHREAD_CREATE_DETACHED) != 0 ||
        pthread_attr_setstacksize(&r.attr, THREAD_STACK) != 0 ||
        write(1, HELLO, sizeof HELLO - 1) != (ssize_t)(sizeof HELLO - 1))
        return 1;
    return serve(&r);
}
