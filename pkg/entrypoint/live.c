/* SPDX-License-Identifier: Apache-2.0 */
/* Probes, while this process works. What stays beside the application answers them after (pkg/init). */
#include "internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "init/init.h"

enum { BACKLOG = 16 };

static int bind_any(int family, in_port_t port)
{
    const int yes = 1, no = 0;
    HG_AUTO(hg_closep) int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = INADDR_ANY };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = IN6ADDR_ANY_INIT };
    const void *address = family == AF_INET6 ? (const void *)&v6 : (const void *)&v4;
    socklen_t len = family == AF_INET6 ? sizeof v6 : sizeof v4;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) < 0)
        return -1;
    if (bind(fd, address, len) < 0 || listen(fd, BACKLOG) < 0)
        return -1;
    int kept = fd;
    fd = -1;
    return kept;
}

int hg_entry_listen(int64_t port, int *ret_fd, struct hg_err *err)
{
    in_port_t number = htons((uint16_t)port);
    int fd = bind_any(AF_INET6, number);
    if (fd < 0 && errno != EADDRINUSE) /* a kernel without IPv6 */
        fd = bind_any(AF_INET, number);
    if (fd < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot listen on port %lld for probes", (long long)port);
    *ret_fd = fd;
    return 0;
}

static void *answer(void *context)
{
    struct hg_probe probe;
    hg_probe_init(&probe, (int)(intptr_t)context, false);
    for (;;) {
        struct pollfd polls[HG_PROBE_POLLS];
        int most_ms = hg_probe_poll(&probe, polls);
        if (poll(polls, HG_PROBE_POLLS, most_ms) >= 0)
            hg_probe_step(&probe, polls);
    }
    return NULL;
}

int hg_entry_answer_probes(int listening, struct hg_err *err)
{
    pthread_t thread;
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, NULL, answer, (void *)(intptr_t)listening);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        errno = rc;
        return hg_fail_errno(err, HG_E_BUG, "cannot start a thread for probes");
    }
    (void)pthread_detach(thread);
    return 0;
}
