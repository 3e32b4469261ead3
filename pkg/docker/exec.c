/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command inside a container, from start to end. One loop over the raw connection, the keeper, our
 * stdin, signals, our own output and the clock; nothing in it blocks but short requests.
 */
#include "docker/run.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_PIECE 65536
/* The stream may end a moment before the engine has noted the end of the command. */
#define RESULT_NS (15 * HG_NS_PER_S)
#define LOOK_NS   (5 * HG_NS_PER_S)
/* Most commands that are over sooner pay for no keeper; the guard stands in. */
#define KEEPER_NS (200 * HG_NS_PER_MS)
/* How often and how long to ask before the end of stdin is passed on. */
#define CLOSE_NS       (10 * HG_NS_PER_MS)
#define CLOSE_LIMIT_NS (5 * HG_NS_PER_S)

static int make_token(char out[33], struct hg_err *err)
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return hg_fail_errno(err, HG_E_BUG, "no random bytes");
    (void)hg_hex(bytes, sizeof bytes, out);
    return 0;
}

/* Creates and starts the command. A signal until then means that nothing started. */
static int start(struct hg_exec_run *r, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv env = HG_STRV_INIT;
    const struct hg_docker_exec *spec = r->spec;
    for (char *const *e = spec->env; e && *e; e++)
        hg_strv_add(&env, *e);
    hg_strv_addf(&env, "HEADGATE_EXEC_TOKEN=%s", r->token);

    int failed = hg_exec_create(r->d, spec, env.items, spec->input || spec->attach_fd, &r->id, err);
    hg_strv_wipe(&env);
    if (failed < 0)
        return -1;
    if (!r->keeper.alive)
        hg_guard_command(r->d, spec, r->token, &r->guard);
    /* From here on the command may run, so signals wait until it is attached. */
    r->d->wake_fd = -1;
    return hg_exec_attach(r->d, r->id, spec->tty, &r->main, err);
}

/* ---- stdin -------------------------------------------------------------------------------- */

static bool wants_input(const struct hg_exec_run *r)
{
    return !r->in_ended && r->in_at == r->in.len;
}

static void read_input(struct hg_exec_run *r)
{
    char piece[IN_PIECE];
    ssize_t n = read(r->spec->input_fd, piece, sizeof piece);
    if (n > 0) {
        hg_buf_clear(&r->in);
        r->in_at = 0;
        hg_buf_add(&r->in, piece, (size_t)n);
        explicit_bzero(piece, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        r->in_ended = true;
    }
}

static void send_input(struct hg_exec_run *r)
{
    ssize_t n = send(r->main.conn.fd, r->in.data + r->in_at, r->in.len - r->in_at, MSG_NOSIGNAL);
    if (n > 0) {
        r->in_at += (size_t)n;
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        /* The command closed its stdin, or ended; the stream's end will tell. */
        r->in_ended = r->in_closed = true;
        r->in_at = r->in.len;
    }
}

static void close_input(struct hg_exec_run *r)
{
    shutdown(r->main.conn.fd, SHUT_WR);
    r->in_closed = true;
    r->close_at = 0;
}

/* An engine that is told of the end of stdin before it has started the process may lose it, and the
 * process then waits for ever (seen once in 10,000 on Docker 20.10). The process id says it started. */
static bool may_close(struct hg_exec_run *r)
{
    struct hg_exec_state state = { 0 };
    struct hg_err ignored;
    int64_t now = hg_now_ns();
    if (r->start != HG_START_UNKNOWN)
        return true;
    if (now < r->close_at)
        return false;
    if (!r->close_limit)
        r->close_limit = now + CLOSE_LIMIT_NS;
    r->close_at = now + CLOSE_NS;
    if (now > r->close_limit || hg_exec_inspect(r->d, r->id, &state, &ignored) < 0)
        return true;
    hg_exec_judge(r, &state);
    return r->start != HG_START_UNKNOWN;
}

static void prepare_input(struct hg_exec_run *r)
{
    const struct hg_docker_exec *spec = r->spec;
    if (spec->input)
        hg_buf_add(&r->in, spec->input, spec->input_len);
    r->in_ended = spec->input || !spec->attach_fd;
    r->in_closed = !spec->input && !spec->attach_fd;
}

/* ---- the loop ------------------------------------------------------------------------------ */

static int read_main(struct hg_exec_run *r, struct hg_err *err)
{
    struct hg_http *h = &r->main;
    if (h->at == h->len) {
        ssize_t n = read(h->conn.fd, h->buf, sizeof h->buf);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n <= 0) {
            r->main_ended = true;
            return 0;
        }
        h->at = 0;
        h->len = (size_t)n;
    }
    const char *data = h->buf + h->at;
    size_t len = h->len - h->at;
    h->at = h->len = 0;
    r->look_at = hg_now_ns() + LOOK_NS;
    r->seen_ended = 0;
    return hg_exec_take(r, data, len, err);
}

enum { MAIN, KEEPER, INPUT, SIGNALS, OUT1, OUT2, FDS };

static void fill(struct hg_exec_run *r, struct pollfd set[FDS])
{
    for (int i = 0; i < FDS; i++)
        set[i] = (struct pollfd){ .fd = -1 };
    if (!r->main_ended) {
        set[MAIN].fd = r->main.conn.fd;
        set[MAIN].events = (short)((hg_exec_out_full(r) ? 0 : POLLIN) |
                                   (r->in_at < r->in.len ? POLLOUT : 0));
        if (!set[MAIN].events)
            set[MAIN].fd = -1;
        if (wants_input(r) && r->spec->attach_fd)
            set[INPUT] = (struct pollfd){ .fd = r->spec->input_fd, .events = POLLIN };
    }
    if (r->keeper.alive)
        set[KEEPER] = (struct pollfd){ .fd = r->keeper.stream.conn.fd, .events = POLLIN };
    set[SIGNALS] = (struct pollfd){ .fd = r->signal_fd, .events = POLLIN };
    for (int i = 0; i < 2; i++)
        if (hg_exec_out_pending(&r->out[i]))
            set[OUT1 + i] = (struct pollfd){ .fd = i + 1, .events = POLLOUT };
}

/* Our reader went away: what a pipe would do to a command here is done to the one inside. */
static void write_out(struct hg_exec_run *r, struct hg_exec_out *o)
{
    if (hg_exec_out_write(o) && !r->wanted)
        hg_exec_want(r, SIGPIPE);
}

static int turn(struct hg_exec_run *r, struct hg_err *err)
{
    struct pollfd set[FDS];
    fill(r, set);
    int64_t next = hg_exec_next(r);
    bool waiting = r->main.at < r->main.len && !hg_exec_out_full(r);
    if (poll(set, FDS, waiting ? 0 : hg_ms_left(next)) < 0 && errno != EINTR)
        return hg_fail_errno(err, HG_E_BUG, "cannot wait for the command");
    if (set[SIGNALS].revents)
        hg_exec_signals_read(r);
    if (set[KEEPER].revents)
        hg_keeper_readable(&r->keeper);
    for (int i = 0; i < 2; i++)
        if (set[OUT1 + i].revents)
            write_out(r, &r->out[i]);
    if (set[INPUT].revents)
        read_input(r);
    if (set[MAIN].revents & POLLOUT && r->in_at < r->in.len)
        send_input(r);
    if (!r->in_closed && r->in_ended && r->in_at == r->in.len && !r->main_ended && may_close(r))
        close_input(r);
    if ((waiting || set[MAIN].revents & (POLLIN | POLLHUP | POLLERR)) && !hg_exec_out_full(r) &&
        read_main(r, err) < 0)
        return -1;
    return hg_exec_timers(r, err);
}

static int loop(struct hg_exec_run *r, struct hg_err *err)
{
    int64_t now = hg_now_ns();
    const struct hg_docker_exec *spec = r->spec;
    r->end_at = spec->max_runtime_ns > 0 ? now + spec->max_runtime_ns : 0;
    r->tick_at = spec->tick_ns > 0 && spec->on_tick ? now + spec->tick_ns : 0;
    r->look_at = now + LOOK_NS;
    r->keeper_at = now + KEEPER_NS;
    r->resize_at = spec->tty ? now : 0;
    prepare_input(r);
    while (!r->main_ended)
        if (turn(r, err) < 0)
            return -1;
    hg_exec_out_flush(r);
    /* The command ended; its last words may still wait for our reader. */
    r->tick_at = r->end_at = r->look_at = r->resize_at = r->try_at = r->give_up_at = 0;
    r->keeper_at = r->close_at = 0;
    r->wanted = 0;
    unsigned signals = r->signals;
    while (hg_exec_out_pending(&r->out[0]) || hg_exec_out_pending(&r->out[1])) {
        r->kill_at = 0;
        if (r->signals > signals || turn(r, err) < 0)
            break;
    }
    return 0;
}

/* ---- how it ended --------------------------------------------------------------------------- */

static int start_failed(const struct hg_exec_run *r, struct hg_err *err)
{
    size_t len = strcspn(hg_buf_str(&r->words), "\r\n");
    HG_AUTO(hg_freep) char *words = hg_xstrndup(hg_buf_str(&r->words), len);
    HG_AUTO(hg_freep) char *shown = hg_printable(words, 700);
    const char *command = r->spec->argv[0];
    if (strstr(words, "is not running") || strstr(words, "stopped container") ||
        strstr(words, "namespace path: lstat /proc/")) {
        /* It ended after it was looked at, as one that keeps restarting does: the engine or runc says so. */
        hg_fail(err, HG_E_DOCKER, "the container does not run any more");
        hg_hint(err, "docker ps -a --filter id=%s", r->spec->container);
    } else if (strstr(words, "chdir to cwd") || strstr(words, "Cwd must be")) {
        hg_fail(err, HG_E_DOCKER, "there is no folder %s in the container",
                r->spec->dir ? r->spec->dir : "(its working folder)");
    } else if (hg_exec_no_user(r->spec, words, err)) {
        ; /* that is said */
    } else if (strstr(words, "executable file not found") ||
               strstr(words, "no such file or directory") || strstr(words, "not a directory")) {
        hg_fail(err, HG_E_DOCKER, "there is no command %s in the container", command);
        err->exit_code = HG_EXIT_NOT_FOUND;
    } else {
        hg_fail(err, HG_E_DOCKER, "the command %s cannot be run in the container", command);
        err->exit_code = HG_EXIT_CANNOT_RUN;
    }
    return hg_detail(err, "the engine says: %s", *shown ? shown : "nothing");
}

static int end_unknown(const struct hg_exec_run *r, const char *why, struct hg_err *err)
{
    hg_fail(err, HG_E_DOCKER, "%s while the command ran; how it ended is not known", why);
    return hg_hint(err, "docker ps -a --filter id=%s", r->spec->container);
}

static int finish(struct hg_exec_run *r, struct hg_err *err)
{
    int64_t deadline = hg_now_ns() + RESULT_NS;
    int pause_ms = 1;
    struct hg_err why;
    for (;;) {
        struct hg_exec_state state = { 0 };
        if (hg_exec_inspect(r->d, r->id, &state, &why) < 0) {
            end_unknown(r, "the container engine went away", err);
            return hg_detail(err, "%s", why.message);
        }
        if (state.gone)
            return end_unknown(r, "the container was removed", err);
        if (!state.running && state.exit_code >= 0) {
            hg_exec_judge(r, &state);
            r->result.code = state.exit_code;
            return 0;
        }
        if (hg_now_ns() > deadline)
            return end_unknown(r, "the connection to the command broke", err);
        poll(NULL, 0, pause_ms = pause_ms < 100 ? pause_ms * 2 : 100);
    }
}

static int outcome(struct hg_exec_run *r, struct hg_err *err)
{
    if (finish(r, err) < 0)
        return -1;
    return r->start == HG_START_FAILED ? start_failed(r, err) : 0;
}

static void run_done(struct hg_exec_run *r)
{
    hg_exec_tty_restore(r);
    r->result.folder_left = !hg_keeper_stop(&r->keeper, r->filled);
    hg_guard_stop(&r->guard);
    hg_http_close(&r->main);
    hg_exec_out_done(r);
    hg_buf_wipe(&r->in);
    free(r->id);
    r->d->wake_fd = -1;
}

/* The folder has its keeper before it is there. */
static int fill_folder(struct hg_exec_run *r, struct hg_err *err)
{
    if (!r->spec->folder)
        return 0;
    hg_exec_keep(r);
    r->filled = true;
    return r->spec->before ? r->spec->before(r->spec->context, err) : 0;
}

static int run(struct hg_exec_run *r, struct hg_err *err)
{
    if (fill_folder(r, err) < 0 || start(r, err) < 0) {
        hg_exec_signals_read(r);
        if (err->kind == HG_E_SIGNAL) {
            hg_fail(err, HG_E_SIGNAL, "interrupted before the command started");
            err->exit_code = HG_EXIT_SIGNAL + r->result.signal_received;
        }
        return -1;
    }
    hg_exec_signals_running(r);
    hg_exec_tty_raw(r);
    int failed = loop(r, err);
    hg_exec_tty_restore(r);
    r->result.write_error = r->out[0].write_error ? r->out[0].write_error : r->out[1].write_error;
    if (failed < 0 || outcome(r, err) < 0)
        return -1;
    return r->spec->after ? r->spec->after(r->spec->context, &r->result, err) : 0;
}

int hg_docker_exec(struct hg_docker *d, const struct hg_docker_exec *spec,
                   struct hg_docker_exec_result *ret, struct hg_err *err)
{
    if (!spec->argv || !spec->argv[0] || !*spec->argv[0])
        return hg_fail(err, HG_E_USAGE, "there is no command to run in the container");
    /* On the heap: three connection buffers are much for a stack. */
    struct hg_exec_run *r = hg_xcalloc(1, sizeof *r);
    r->d = d;
    r->spec = spec;
    r->signal_fd = -1;
    r->main = (struct hg_http)HG_HTTP_INIT;
    r->keeper = (struct hg_keeper)HG_KEEPER_INIT;
    r->guard = (struct hg_guard)HG_GUARD_INIT;
    int result = make_token(r->token, err);
    if (result == 0)
        result = hg_exec_signals_open(r, err);
    if (result == 0) {
        hg_exec_out_init(r);
        d->wake_fd = r->signal_fd;
        result = run(r, err);
        run_done(r);
        hg_exec_signals_close(r);
    }
    ret->folder_left = r->result.folder_left;
    if (result == 0) {
        char code[16];
        snprintf(code, sizeof code, "%d", r->result.code);
        hg_trace("exec", "container", spec->container, "code", code, NULL);
        *ret = r->result;
    }
    free(r);
    return result;
}
