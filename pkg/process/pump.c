/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streams of a supervised command. Each of stdout and stderr is, separately: inherited (nothing
 * to mask, or a terminal that masking does not force), a pipe, or, for a terminal that must be
 * masked, a pty. Our own descriptors keep their modes (others share them): we ask poll() before
 * each write and write no more than PIPE_BUF, which a ready pipe takes without blocking.
 */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum stream_kind { STREAM_INHERITED, STREAM_PIPE, STREAM_PTY };

static enum stream_kind kind_of(const struct hg_process_supervise *spec, int stream)
{
    bool masks = spec->mask && !hg_mask_empty(spec->mask);
    bool terminal = isatty(stream);
    if (masks && spec->mask_always && terminal)
        return STREAM_PTY;
    if (spec->sink)
        return STREAM_PIPE;
    return masks && !terminal ? STREAM_PIPE : STREAM_INHERITED;
}

static void pump_init(struct hg_pump *p, const struct hg_process_supervise *spec, int from,
                      int stream)
{
    p->from = from;
    p->stream = stream;
    p->masking = spec->mask && !hg_mask_empty(spec->mask);
    if (p->masking)
        hg_mask_stream_init(&p->masker, spec->mask);
}

/* "2>&1": one pipe for both keeps the order in which the child wrote. */
static bool same_file(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int wire_pipe(struct hg_supervisor *s, struct hg_wiring *w, int stream, struct hg_err *err)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return hg_fail_errno(err, HG_E_UNKNOWN, "cannot make a pipe");
    (void)fcntl(p[0], F_SETFL, O_NONBLOCK);
    pump_init(&s->pumps[stream - 1], s->spec, p[0], stream);
    w->stdio[stream] = w->close_after[stream] = p[1];
    return 0;
}

static int wire_pty(struct hg_supervisor *s, struct hg_wiring *w, const enum stream_kind kinds[3],
                    struct hg_err *err)
{
    int stream = kinds[1] == STREAM_PTY ? 1 : 2;
    bool input = !s->spec->stdin_null && !s->spec->stdin_fd && isatty(STDIN_FILENO);
    s->terminal.fd = input ? STDIN_FILENO : stream;
    int master, slave;
    if (hg_pty_open(&s->terminal, input, &master, &slave, err) < 0)
        return -1;
    pump_init(&s->pumps[stream - 1], s->spec, master, stream);
    w->tty = w->close_after[0] = slave;
    for (int i = 1; i <= 2; i++)
        if (kinds[i] == STREAM_PTY)
            w->stdio[i] = slave;
    if (input)
        w->stdio[0] = slave;
    s->forward_input = input;
    s->master = fcntl(master, F_DUPFD_CLOEXEC, 3);
    return s->master < 0 ? hg_fail_errno(err, HG_E_UNKNOWN, "cannot keep the pseudo-terminal") : 0;
}

/* With a callback for signals the child never owns the terminal: reading it would stop it. */
static bool needs_null(const struct hg_process_supervise *spec, bool pty)
{
    return spec->stdin_null || (spec->on_signal && !pty && isatty(STDIN_FILENO));
}

int hg_pump_wire(struct hg_supervisor *s, struct hg_wiring *w, struct hg_err *err)
{
    enum stream_kind kinds[3] = { STREAM_INHERITED, kind_of(s->spec, 1), kind_of(s->spec, 2) };
    bool pty = kinds[1] == STREAM_PTY || kinds[2] == STREAM_PTY;
    if (pty && wire_pty(s, w, kinds, err) < 0)
        return -1;
    for (int i = 1; i <= 2; i++) {
        if (kinds[i] != STREAM_PIPE)
            continue;
        if (i == 2 && kinds[1] == STREAM_PIPE && !s->spec->sink && same_file(1, 2))
            w->stdio[2] = w->stdio[1];
        else if (wire_pipe(s, w, i, err) < 0)
            return -1;
    }
    if (s->spec->stdin_fd > 0) {
        w->stdio[0] = s->spec->stdin_fd;
    } else if (needs_null(s->spec, pty)) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return hg_fail_errno(err, HG_E_UNKNOWN, "cannot open /dev/null");
        w->stdio[0] = w->close_after[3] = fd;
    }
    return 0;
}

void hg_wiring_done(struct hg_wiring *w)
{
    for (size_t i = 0; i < HG_COUNT(w->close_after); i++)
        hg_closep(&w->close_after[i]);
}

bool hg_pump_wants_input(const struct hg_pump *p)
{
    return p->from >= 0 && p->out.len - p->written < HG_PUMP_HELD_MAX;
}

bool hg_pump_wants_output(const struct hg_pump *p)
{
    return p->written < p->out.len;
}

static void deliver(struct hg_pump *p, struct hg_supervisor *s)
{
    if (!s->spec->sink)
        return;
    if (p->out.len)
        s->spec->sink(s->spec->context, p->stream, p->out.data, p->out.len);
    hg_buf_clear(&p->out);
}

void hg_pump_finish(struct hg_pump *p, struct hg_supervisor *s)
{
    if (p->from < 0)
        return;
    hg_closep(&p->from);
    if (p->masking)
        hg_mask_stream_flush(&p->masker, &p->out);
    deliver(p, s);
}

bool hg_pump_read(struct hg_pump *p, struct hg_supervisor *s)
{
    char chunk[16384];
    ssize_t n = read(p->from, chunk, sizeof chunk);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (n <= 0) { /* a pty whose last slave was closed answers EIO: that is its end of file */
        hg_pump_finish(p, s);
        return false;
    }
    if (p->masking)
        hg_mask_stream_feed(&p->masker, chunk, (size_t)n, &p->out);
    else
        hg_buf_add(&p->out, chunk, (size_t)n);
    explicit_bzero(chunk, (size_t)n);
    deliver(p, s);
    return true;
}

void hg_pump_write(struct hg_pump *p)
{
    size_t len = p->out.len - p->written;
    if (len > PIPE_BUF)
        len = PIPE_BUF;
    ssize_t n = write(p->stream, p->out.data + p->written, len);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0) { /* our reader is gone, or the disk full: the child shall learn it by SIGPIPE */
        p->write_error = errno == EPIPE ? 0 : errno;
        hg_closep(&p->from);
        p->written = p->out.len;
    } else {
        p->written += (size_t)n;
    }
    if (p->written == p->out.len) {
        hg_buf_clear(&p->out);
        p->written = 0;
    }
}

void hg_pump_done(struct hg_pump *p)
{
    hg_closep(&p->from);
    if (p->masking)
        hg_mask_stream_done(&p->masker);
    hg_buf_wipe(&p->out);
}

/* ---- what is typed, towards the pty ---------------------------------------------------------- */

void hg_input_read(struct hg_supervisor *s)
{
    char chunk[4096];
    ssize_t n = read(s->terminal.fd, chunk, sizeof chunk);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) { /* the terminal hung up; SIGHUP says the rest */
        s->forward_input = false;
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (s->child.pid > 0 && hg_pty_suspends(s->master, s->child.pid, (unsigned char)chunk[i]))
            hg_job_suspend(s);
        else
            hg_buf_addc(&s->input, chunk[i]);
    }
    explicit_bzero(chunk, (size_t)n);
}

void hg_input_write(struct hg_supervisor *s)
{
    ssize_t n = write(s->master, s->input.data, s->input.len);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0) {
        s->forward_input = false;
        hg_buf_clear(&s->input);
        return;
    }
    memmove(s->input.data, s->input.data + n, s->input.len - (size_t)n);
    s->input.len -= (size_t)n;
}
