/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a tunnel, and carrying connections until its owner ends. */
#include "internal.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

/* A connection that could not be taken stays to be taken, and poll(2) would say so again at once. */
enum { BACKLOG = 128, FULL_MS = 100 };
#define CONNECT_NS (10 * HG_NS_PER_S)
/* Beyond the relay's own limit: for what lies between us and it. */
#define GRACE_NS   (5 * HG_NS_PER_S)
/* A command that closed its stdout has as good as ended. */
#define END_NS     (3 * HG_NS_PER_S)

static int64_t connect_ns(const struct hg_tunnel *t)
{
    return t->spec->connect_ns > 0 ? t->spec->connect_ns : CONNECT_NS;
}

static unsigned connect_ms(const struct hg_tunnel *t)
{
    return (unsigned)(connect_ns(t) / HG_NS_PER_MS);
}

/* ---- the relay that carries all of them --------------------------------------------------------- */

/* A client whose connection could not be made is told why in its own protocol. */
static void settled(void *context, uint32_t id, int fd, char why, const char *text)
{
    struct hg_tunnel *t = context;
    if (id == t->probe) {
        t->probe = 0;
        t->probe_why = why;
        t->probe_text = why ? hg_xstrdup(text) : NULL;
        t->probed = true;
        return;
    }
    if (!why || fd < 0)
        return;
    HG_AUTO(hg_freep) char *sentence = hg_tunnel_refusal(t->spec, why, text);
    hg_tunnel_send_error(fd, sentence);
}

static void lose_relay(struct hg_tunnel *t)
{
    hg_mux_free(t->mux);
    t->mux = NULL;
    hg_relay_stop(&t->relay);
}

/* Starts it. 1 when there is nothing that could relay. */
static int start_relay(struct hg_tunnel *t, struct hg_err *err)
{
    const struct hg_mux_calls calls = { .context = t, .settled = settled };
    const char *tool = t->tool ? t->tool : t->spec->tool;
    t->relay = (struct hg_relay)HG_RELAY_INIT;
    if (hg_relay_start(t->spec, tool, HG_RELAY_HELLO, -1, &t->relay, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *hello = hg_relay_hello(&t->relay, hg_now_ns() + connect_ns(t) + GRACE_NS,
                                                   err);
    struct hg_exit_status status = { 0 };
    if (!hello) {
        bool ended = err->kind != HG_E_TIMEOUT &&
                     hg_process_wait(&t->relay.child, END_NS, &status);
        if (ended && hg_exit_status_code(&status) == HG_EXIT_NOT_FOUND && !t->spec->relay)
            return 1;
        return hg_relay_fail(&t->relay, t->spec, err);
    }
    if (hg_streq(hello, "none"))
        return 1;
    free(t->tool);
    t->tool = hg_xstrdup(hg_starts_with(hello, "raw ") ? hello + 4
                         : t->spec->relay              ? "relay"
                                                       : "python3");
    t->raw = hg_starts_with(hello, "raw ");
    if (t->raw)
        return 0;
    (void)fcntl(t->relay.in, F_SETFL, O_NONBLOCK);
    (void)fcntl(t->relay.out, F_SETFL, O_NONBLOCK);
    t->mux = hg_mux_new(t->relay.out, t->relay.in, &calls);
    return t->mux ? 0 : hg_fail(err, HG_E_BUG, "no memory");
}

/* One turn of the multiplexer alone, while the probe is under way. */
static int probe_mux(struct hg_tunnel *t, struct hg_err *err)
{
    int64_t deadline = hg_now_ns() + connect_ns(t) + GRACE_NS;
    t->probe = hg_mux_open(t->mux, -1, t->spec->host, t->spec->port, connect_ms(t));
    if (!t->probe)
        return hg_fail(err, HG_E_CONFIG, "the host name %s is too long", t->spec->host);
    while (!t->probed) {
        struct pollfd set[HG_MUX_FDS];
        size_t n = hg_mux_fds(t->mux, set);
        int ready = poll(set, (nfds_t)n, hg_ms_left(deadline));
        if (ready < 0 && errno != EINTR)
            return hg_fail_errno(err, HG_E_BUG, "poll");
        if (ready > 0 && hg_mux_turn(t->mux, set) < 0)
            return hg_relay_fail(&t->relay, t->spec, err);
        if (ready == 0 && hg_ms_left(deadline) == 0) {
            t->probe_why = HG_MUX_TIMEOUT;
            break;
        }
    }
    return 0;
}

/* A tool tells by its exit code whether it could connect, and by its stderr why not. */
static int probe_raw(struct hg_tunnel *t, struct hg_err *err)
{
    struct hg_relay r = HG_RELAY_INIT;
    struct hg_exit_status status = { 0 };
    if (hg_relay_start(t->spec, t->tool, HG_RELAY_PROBE, -1, &r, err) < 0)
        return -1;
    bool ended = hg_process_wait(&r.child, connect_ns(t), &status);
    hg_relay_listen(&r);
    int code = ended ? hg_exit_status_code(&status) : HG_RELAY_UNCONNECTED;
    if (code == HG_RELAY_UNCONNECTED) {
        t->probe_text = hg_xstrdup(ended ? hg_buf_str(&r.said)
                                         : "no connection in time; the name may not be known there");
        t->probe_why = ended ? hg_tunnel_why(t->probe_text) : HG_MUX_FAILED;
    }
    int rc = code == 0 || code == HG_RELAY_UNCONNECTED ? 0 : hg_relay_fail(&r, t->spec, err);
    hg_relay_stop(&r);
    return rc;
}

static int probe(struct hg_tunnel *t, struct hg_err *err)
{
    if ((t->raw ? probe_raw(t, err) : probe_mux(t, err)) < 0)
        return -1;
    if (!t->probe_why)
        return 0;
    HG_AUTO(hg_freep) char *sentence =
        hg_tunnel_refusal(t->spec, t->probe_why, t->probe_text ? t->probe_text : "");
    return hg_fail(err, HG_E_NETWORK, "%s", sentence);
}

/* ---- opening ----------------------------------------------------------------------------------------- */

static int start_listening(struct hg_tunnel *t, struct hg_err *err)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    t->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (t->listener < 0 || bind(t->listener, (struct sockaddr *)&a, sizeof a) < 0 ||
        listen(t->listener, BACKLOG) < 0 ||
        getsockname(t->listener, (struct sockaddr *)&a, &size) < 0)
        return hg_fail_errno(err, HG_E_NETWORK, "cannot listen on 127.0.0.1");
    t->port = ntohs(a.sin_port);
    return 0;
}

/* It becomes a part of a shell's word and of socat's address. */
static bool plain_host(const char *host)
{
    return *host && *host != '-' &&
           strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") ==
               strlen(host);
}

int hg_tunnel_open(const struct hg_tunnel_spec *spec, struct hg_tunnel **ret, struct hg_err *err)
{
    HG_AUTO(hg_tunnel_freep) struct hg_tunnel *t = hg_xcalloc(1, sizeof *t);
    int64_t port;
    t->spec = spec;
    t->listener = -1;
    t->relay = (struct hg_relay)HG_RELAY_INIT;
    if (!plain_host(spec->host) || hg_parse_int(spec->port, 1, 65535, &port) < 0) {
        HG_AUTO(hg_freep) char *shown = hg_printable(spec->host, 80);
        return hg_fail(err, HG_E_CONFIG, "a tunnel cannot lead to '%s': no host name, or no port",
                       shown);
    }
    /* A relay that dies closes its end of the pipes. */
    (void)signal(SIGPIPE, SIG_IGN);
    int rc = start_relay(t, err);
    if (rc != 0)
        return rc;
    if (probe(t, err) < 0 || start_listening(t, err) < 0)
        return -1;
    if (t->raw)
        hg_relay_stop(&t->relay);
    *ret = HG_TAKE(t);
    return 0;
}

int hg_tunnel_port(const struct hg_tunnel *t)
{
    return t->port;
}

const char *hg_tunnel_tool(const struct hg_tunnel *t)
{
    return t->tool;
}

void hg_tunnel_free(struct hg_tunnel *t)
{
    if (!t)
        return;
    hg_closep(&t->listener);
    for (size_t i = 0; i < t->pipe_count; i++)
        hg_closep(&t->pipes[i].client);
    lose_relay(t);
    for (size_t i = 0; i < t->pipe_count; i++)
        hg_relay_stop(&t->pipes[i].relay);
    free(t->tool);
    free(t->probe_text);
    free(t);
}

void hg_tunnel_freep(struct hg_tunnel **t)
{
    hg_tunnel_free(*t);
    *t = NULL;
}

/* ---- serving ------------------------------------------------------------------------------------------- */

static void take_pipe(struct hg_tunnel *t, int fd)
{
    struct hg_err err = { 0 };
    if (t->pipe_count == HG_PIPES_MAX) {
        hg_fail(&err, HG_E_NETWORK, "more than %d connections at once through %s", HG_PIPES_MAX,
                t->spec->place);
        hg_tunnel_send_error(fd, err.message);
        return;
    }
    struct hg_pipe *p = &t->pipes[t->pipe_count];
    *p = (struct hg_pipe){ .relay = HG_RELAY_INIT, .client = fd };
    (void)fcntl(fd, F_SETFL, 0); /* the command reads it as it would a pipe */
    if (hg_relay_start(t->spec, t->tool, HG_RELAY_PIPE, fd, &p->relay, &err) < 0) {
        hg_relay_stop(&p->relay);
        hg_tunnel_send_error(fd, err.message);
        return;
    }
    t->pipe_count++;
}

static void take_channel(struct hg_tunnel *t, int fd)
{
    struct hg_err err = { 0 };
    if (!t->mux && start_relay(t, &err) != 0) {
        lose_relay(t);
        hg_tunnel_send_error(fd, err.message);
        return;
    }
    if (hg_mux_open(t->mux, fd, t->spec->host, t->spec->port, connect_ms(t)))
        return;
    HG_AUTO(hg_freep) char *sentence = hg_tunnel_refusal(t->spec, HG_MUX_FULL, "");
    hg_tunnel_send_error(fd, sentence);
}

static void take_client(struct hg_tunnel *t)
{
    int fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        t->full = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        return;
    }
    if (!hg_tunnel_peer_is_ours(fd))
        close(fd);
    else if (t->raw)
        take_pipe(t, fd);
    else
        take_channel(t, fd);
}

/* A command that could not connect told nothing to its client yet. */
static void end_pipe(struct hg_tunnel *t, size_t i, const struct hg_exit_status *status)
{
    struct hg_pipe p = t->pipes[i];
    t->pipes[i] = t->pipes[--t->pipe_count];
    hg_relay_listen(&p.relay);
    if (hg_exit_status_code(status) == HG_RELAY_UNCONNECTED) {
        const char *said = hg_buf_str(&p.relay.said);
        HG_AUTO(hg_freep) char *sentence = hg_tunnel_refusal(t->spec, hg_tunnel_why(said), said);
        hg_tunnel_send_error(p.client, sentence);
    } else {
        shutdown(p.client, SHUT_RDWR);
        hg_closep(&p.client);
    }
    hg_relay_stop(&p.relay);
}

static size_t wait_for(struct hg_tunnel *t, int owner_fd, int signal_fd, struct pollfd *set)
{
    set[0] = (struct pollfd){ .fd = t->full ? -1 : t->listener, .events = POLLIN };
    set[1] = (struct pollfd){ .fd = owner_fd, .events = POLLIN };
    set[2] = (struct pollfd){ .fd = signal_fd, .events = POLLIN };
    set[3] = (struct pollfd){ .fd = t->mux ? t->relay.err : -1, .events = POLLIN };
    size_t n = 4;
    for (size_t i = 0; i < t->pipe_count; i++) {
        set[n++] = (struct pollfd){ .fd = t->pipes[i].relay.child.fd, .events = POLLIN };
        set[n++] = (struct pollfd){ .fd = t->pipes[i].relay.err, .events = POLLIN };
    }
    return n + (t->mux ? hg_mux_fds(t->mux, set + n) : 0);
}

static void turn_pipes(struct hg_tunnel *t, const struct pollfd *set)
{
    struct hg_exit_status status = { 0 };
    for (size_t i = t->pipe_count; i-- > 0;) {
        if (set[4 + 2 * i + 1].revents)
            hg_relay_listen(&t->pipes[i].relay);
        if (hg_process_ended(&t->pipes[i].relay.child, &status))
            end_pipe(t, i, &status);
    }
}

static int signals(struct hg_err *err)
{
    sigset_t set;
    sigemptyset(&set);
    static const int SIGNALS[] = { SIGTERM, SIGINT, SIGHUP };
    for (size_t i = 0; i < HG_COUNT(SIGNALS); i++)
        sigaddset(&set, SIGNALS[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 ? fd : hg_fail_errno(err, HG_E_BUG, "signalfd");
}

int hg_tunnel_serve(struct hg_tunnel *t, int owner_fd, struct hg_err *err)
{
    HG_AUTO(hg_closep) int signal_fd = signals(err);
    struct pollfd set[4 + 2 * HG_PIPES_MAX + HG_MUX_FDS];
    if (signal_fd < 0)
        return -1;
    for (;;) {
        size_t pipes = t->pipe_count, n = wait_for(t, owner_fd, signal_fd, set);
        if (poll(set, (nfds_t)n, t->full ? FULL_MS : -1) < 0 && errno != EINTR)
            return hg_fail_errno(err, HG_E_BUG, "poll");
        t->full = false;
        if (set[1].revents || set[2].revents)
            return 0;
        if (set[3].revents)
            hg_relay_listen(&t->relay);
        if (t->mux && hg_mux_turn(t->mux, set + 4 + 2 * pipes) < 0)
            lose_relay(t); /* its clients see their connections end; the next one starts another */
        turn_pipes(t, set);
        if (set[0].revents)
            take_client(t);
    }
}
