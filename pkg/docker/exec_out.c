/* SPDX-License-Identifier: Apache-2.0 */
/* What the command says: frames apart, start failures told from output, masked, written in order. */
#include "docker/run.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pipe that poll(2) calls writable takes this much without blocking (PIPE_BUF). */
#define PIECE 4096
#define CONFIRM_NS (10 * HG_NS_PER_S)

void hg_exec_out_init(struct hg_exec_run *r)
{
    for (int i = 0; i < 2; i++) {
        struct hg_exec_out *o = &r->out[i];
        o->fd = i + 1;
        o->masked = r->spec->mask && !hg_mask_empty(r->spec->mask) &&
                    (r->spec->sink || r->spec->mask_always || !isatty(o->fd));
        if (o->masked)
            hg_mask_stream_init(&o->mask, r->spec->mask);
    }
    r->words.max = HG_EXEC_WORDS_MAX;
}

void hg_exec_out_done(struct hg_exec_run *r)
{
    for (int i = 0; i < 2; i++) {
        if (r->out[i].masked)
            hg_mask_stream_done(&r->out[i].mask);
        hg_buf_wipe(&r->out[i].queue);
    }
    hg_buf_done(&r->words);
}

/* To the sink, if there is one; else it stays in the queue. */
static void hand_over(struct hg_exec_run *r, struct hg_exec_out *o)
{
    if (r->spec->sink && o->queue.len)
        r->spec->sink(r->spec->context, o->fd, o->queue.data, o->queue.len);
    if (r->spec->sink || o->broken) {
        hg_buf_clear(&o->queue);
        o->at = 0;
    }
}

static void add_output(struct hg_exec_run *r, int stream, const char *data, size_t len)
{
    struct hg_exec_out *o = &r->out[stream == 2];
    if (o->masked)
        hg_mask_stream_feed(&o->mask, data, len, &o->queue);
    else
        hg_buf_add(&o->queue, data, len);
    hand_over(r, o);
}

void hg_exec_judge(struct hg_exec_run *r, const struct hg_exec_state *state)
{
    /* Some engines forget the process id at the end; only these codes can mean "not started". */
    bool failed = !state->running && state->pid == 0 && state->exit_code >= 125 &&
                  state->exit_code <= 128;
    if (r->start != HG_START_UNKNOWN)
        return;
    if (state->gone || state->pid != 0 || (!state->running && !failed && state->exit_code >= 0))
        r->start = HG_STARTED;
    else if (failed)
        r->start = HG_START_FAILED;
}

int hg_exec_confirm(struct hg_exec_run *r, struct hg_err *err)
{
    int64_t deadline = hg_now_ns() + CONFIRM_NS;
    int pause_ms = 1;
    for (;;) {
        struct hg_exec_state state = { 0 };
        if (hg_exec_inspect(r->d, r->id, &state, err) < 0)
            return -1;
        hg_exec_judge(r, &state);
        if (r->start != HG_START_UNKNOWN)
            return 0;
        if (hg_now_ns() > deadline)
            return hg_fail(err, HG_E_DOCKER,
                           "the container engine does not tell whether the command started");
        poll(NULL, 0, pause_ms = pause_ms < 100 ? pause_ms * 2 : 100);
    }
}

struct taking {
    struct hg_exec_run *r;
    struct hg_err *err;
    bool failed;
};

/* The engine reports a failed start as if the command had printed it, so the first bytes wait until
 * it says whether there is a command. */
static void take_payload(void *context, int stream, const char *data, size_t len)
{
    struct taking *t = context;
    struct hg_exec_run *r = t->r;
    if (stream != 3 && r->start == HG_START_UNKNOWN && !t->failed)
        t->failed = hg_exec_confirm(r, t->err) < 0;
    if (t->failed)
        return;
    if (stream == 3 || r->start == HG_START_FAILED)
        hg_buf_add(&r->words, data, len);
    else
        add_output(r, stream, data, len);
}

int hg_exec_take(struct hg_exec_run *r, const char *data, size_t len, struct hg_err *err)
{
    struct taking t = { r, err, false };
    if (r->spec->tty)
        take_payload(&t, 1, data, len);
    else if (hg_frames_feed(&r->frames, data, len, take_payload, &t, err) < 0)
        return -1;
    return t.failed ? -1 : 0;
}

bool hg_exec_out_pending(const struct hg_exec_out *o)
{
    return o->at < o->queue.len;
}

bool hg_exec_out_full(const struct hg_exec_run *r)
{
    return r->out[0].queue.len - r->out[0].at > HG_EXEC_QUEUE_MAX ||
           r->out[1].queue.len - r->out[1].at > HG_EXEC_QUEUE_MAX;
}

bool hg_exec_out_write(struct hg_exec_out *o)
{
    size_t left = o->queue.len - o->at;
    ssize_t n = write(o->fd, o->queue.data + o->at, left < PIECE ? left : PIECE);
    if (n > 0) {
        o->at += (size_t)n;
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        o->broken = true;
        o->write_error = errno == EPIPE ? 0 : errno;
        o->at = o->queue.len;
    }
    if (o->at == o->queue.len) {
        hg_buf_clear(&o->queue);
        o->at = 0;
    } else if (o->at > HG_EXEC_QUEUE_MAX) {
        memmove(o->queue.data, o->queue.data + o->at, o->queue.len - o->at);
        o->queue.len -= o->at;
        o->at = 0;
    }
    return o->broken;
}

void hg_exec_out_flush(struct hg_exec_run *r)
{
    for (int i = 0; i < 2; i++) {
        if (r->out[i].masked)
            hg_mask_stream_flush(&r->out[i].mask, &r->out[i].queue);
        hand_over(r, &r->out[i]);
    }
}
