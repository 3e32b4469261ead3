/* SPDX-License-Identifier: Apache-2.0 */
#include "mux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 9 };
/* While this much waits for the pipe, no connection is read: the pipe is what is slow. */
#define OUT_ENOUGH ((size_t)256 << 10)
/* Credit is given back in pieces, not byte by byte. */
#define GIVE_BACK  (HG_MUX_WINDOW / 4)

/* Bytes on their way: [at, len) of data. */
struct queue {
    char *data;
    size_t at, len, cap;
};

struct channel {
    uint32_t id;
    int fd;
    bool open;                  /* K was sent or received */
    bool sent_end, got_end;     /* F in either direction */
    struct queue out;           /* to fd */
    size_t credit;              /* bytes we may still send */
    size_t taken;               /* bytes written to fd whose credit is not given back yet */
};

struct hg_mux {
    int in, out;
    struct hg_mux_calls calls;
    struct queue queue;         /* to the pipe */
    struct channel *channels[HG_MUX_CHANNELS];
    size_t count;
    uint32_t last_id;
    bool broken;                /* no memory, or the pipe is gone */
    unsigned char header[HEADER];
    size_t have;                /* of header, then of payload */
    uint32_t size;              /* of the payload, once the header is there */
    char payload[HG_MUX_PAYLOAD + 1];
};

/* ---- queues --------------------------------------------------------------------------------- */

static int queue_add(struct queue *q, const void *data, size_t len)
{
    if (len == 0)
        return 0;
    if (q->at == q->len)
        q->at = q->len = 0;
    if (q->at > 0 && q->cap - q->len < len) {
        memmove(q->data, q->data + q->at, q->len - q->at);
        q->len -= q->at;
        q->at = 0;
    }
    if (q->cap - q->len < len) {
        size_t cap = q->cap ? q->cap : 4096;
        while (cap - q->len < len)
            cap *= 2;
        char *more = realloc(q->data, cap);
        if (!more)
            return -1;
        q->data = more;
        q->cap = cap;
    }
    memcpy(q->data + q->len, data, len);
    q->len += len;
    return 0;
}

/* Writes what fits. How many bytes went, -1 when nobody reads. */
static ssize_t queue_write(struct queue *q, int fd)
{
    ssize_t n = write(fd, q->data + q->at, q->len - q->at);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    q->at += (size_t)n;
    return n;
}

static size_t queue_left(const struct queue *q)
{
    return q->len - q->at;
}

/* ---- frames out ------------------------------------------------------------------------------- */

static void put32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (24 - 8 * i));
}

static uint32_t get32(const void *from)
{
    const unsigned char *at = from;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void send_frame(struct hg_mux *m, char kind, uint32_t id, const void *payload, size_t len)
{
    unsigned char header[HEADER] = { (unsigned char)kind };
    put32(header + 1, id);
    put32(header + 5, (uint32_t)len);
    if (queue_add(&m->queue, header, HEADER) < 0 ||
        (len > 0 && queue_add(&m->queue, payload, len) < 0))
        m->broken = true;
}

static void give_back(struct hg_mux *m, struct channel *c)
{
    unsigned char amount[4];
    put32(amount, (uint32_t)c->taken);
    c->taken = 0;
    send_frame(m, 'W', c->id, amount, sizeof amount);
}

/* ---- channels ---------------------------------------------------------------------------------- */

struct hg_mux *hg_mux_new(int in, int out, const struct hg_mux_calls *calls)
{
    struct hg_mux *m = calloc(1, sizeof *m);
    if (m) {
        m->in = in;
        m->out = out;
        m->calls = *calls;
    }
    return m;
}

static void channel_free(struct channel *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->out.data);
    free(c);
}

void hg_mux_free(struct hg_mux *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->count; i++)
        channel_free(m->channels[i]);
    free(m->queue.data);
    free(m);
}

size_t hg_mux_count(const struct hg_mux *m)
{
    return m->count;
}

static struct channel *find(const struct hg_mux *m, uint32_t id)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->channels[i]->id == id)
            return m->channels[i];
    return NULL;
}

static struct channel *add(struct hg_mux *m, uint32_t id, int fd)
{
    struct channel *c = m->count < HG_MUX_CHANNELS ? calloc(1, sizeof *c) : NULL;
    if (!c)
        return NULL;
    c->id = id;
    c->fd = fd;
    c->credit = HG_MUX_WINDOW;
    m->channels[m->count++] = c;
    return c;
}

static void drop(struct hg_mux *m, struct channel *c)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->channels[i] == c)
            m->channels[i] = m->channels[--m->count];
    channel_free(c);
}

static void break_off(struct hg_mux *m, struct channel *c)
{
    send_frame(m, 'R', c->id, NULL, 0);
    drop(m, c);
}

void hg_mux_reset(struct hg_mux *m, uint32_t id)
{
    struct channel *c = find(m, id);
    if (c)
        break_off(m, c);
}

uint32_t hg_mux_open(struct hg_mux *m, int fd, const char *host, const char *port, unsigned ms)
{
    char text[4 + HG_MUX_NAME_MAX + 1 + 8];
    size_t host_len = strlen(host), port_len = strlen(port);
    struct channel *c = NULL;
    if (host_len > HG_MUX_NAME_MAX || port_len > 7 || !(c = add(m, m->last_id + 1, fd)))
        return 0;
    m->last_id++;
    put32((unsigned char *)text, ms);
    memcpy(text + 4, host, host_len + 1);
    memcpy(text + 4 + host_len + 1, port, port_len);
    send_frame(m, 'O', c->id, text, 4 + host_len + 1 + port_len);
    return c->id;
}

void hg_mux_connected(struct hg_mux *m, uint32_t id, int fd)
{
    struct channel *c = find(m, id);
    if (!c || c->open) {
        close(fd);
        return;
    }
    c->fd = fd;
    c->open = true;
    send_frame(m, 'K', id, NULL, 0);
}

void hg_mux_refuse(struct hg_mux *m, uint32_t id, char why, const char *text)
{
    char said[256] = { why };
    size_t len = strnlen(text, sizeof said - 1);
    struct channel *c = find(m, id);
    memcpy(said + 1, text, len);
    send_frame(m, 'E', id, said, 1 + len);
    if (c)
        drop(m, c);
}

/* Both directions are over. */
static bool finished(const struct channel *c)
{
    return c->sent_end && c->got_end && queue_left(&c->out) == 0;
}

/* All that came was passed on, so the end can be passed on too. */
static void pass_end(struct channel *c)
{
    if (c->got_end && queue_left(&c->out) == 0)
        shutdown(c->fd, SHUT_WR);
}

/* ---- frames in ----------------------------------------------------------------------------------- */

static int on_open(struct hg_mux *m, uint32_t id)
{
    const char *host = m->payload + 4, *end = m->payload + m->size;
    const char *nul = m->size > 5 ? memchr(host, '\0', m->size - 4) : NULL;
    if (!m->calls.wanted || !nul || nul - host > HG_MUX_NAME_MAX || end - nul < 2 || end - nul > 8 ||
        find(m, id))
        return -1;
    if (!add(m, id, -1))
        hg_mux_refuse(m, id, HG_MUX_FULL, "");
    else
        m->calls.wanted(m->calls.context, id, host, nul + 1, get32(m->payload));
    return 0;
}

static int on_settled(struct hg_mux *m, struct channel *c, char kind)
{
    if (!m->calls.settled || c->open || (kind == 'E' && !m->payload[0]))
        return -1;
    if (kind == 'K') {
        c->open = true;
        m->calls.settled(m->calls.context, c->id, c->fd, 0, "");
        if (c->fd < 0)
            break_off(m, c);
        return 0;
    }
    uint32_t id = c->id;
    int fd = c->fd;
    c->fd = -1;
    drop(m, c);
    m->calls.settled(m->calls.context, id, fd, m->payload[0], m->payload + 1);
    return 0;
}

static int on_data(struct hg_mux *m, struct channel *c)
{
    if (!c->open || c->got_end || queue_left(&c->out) + c->taken + m->size > HG_MUX_WINDOW)
        return -1;
    if (queue_add(&c->out, m->payload, m->size) < 0)
        m->broken = true;
    return 0;
}

static int on_end(struct hg_mux *m, struct channel *c)
{
    if (!c->open || c->got_end)
        return -1;
    c->got_end = true;
    pass_end(c);
    if (finished(c))
        drop(m, c);
    return 0;
}

static int on_credit(struct hg_mux *m, struct channel *c)
{
    uint32_t more = m->size == 4 ? get32(m->payload) : 0;
    if (more == 0 || more > HG_MUX_WINDOW - c->credit)
        return -1;
    c->credit += more;
    return 0;
}

/* A channel that we broke off is still spoken of for a while. */
static int on_frame(struct hg_mux *m)
{
    char kind = (char)m->header[0];
    uint32_t id = get32(m->header + 1);
    struct channel *c = find(m, id);
    m->payload[m->size] = '\0';
    if (kind == 'O')
        return on_open(m, id);
    if (!strchr("KEDFRW", kind))
        return -1;
    if (!c)
        return 0;
    switch (kind) {
    case 'K':
    case 'E':
        return on_settled(m, c, kind);
    case 'D':
        return on_data(m, c);
    case 'F':
        return on_end(m, c);
    case 'W':
        return on_credit(m, c);
    default:
        if (!c->open && m->calls.settled) { /* before it was settled: as good as refused */
            m->size = 1;
            m->payload[0] = HG_MUX_FAILED;
            m->payload[1] = '\0';
            return on_settled(m, c, 'E');
        }
        drop(m, c);
        return 0;
    }
}

int hg_mux_feed(struct hg_mux *m, const char *data, size_t len)
{
    while (len > 0) {
        bool in_header = m->have < HEADER;
        size_t want = in_header ? HEADER - m->have : HEADER + m->size - m->have;
        size_t n = len < want ? len : want;
        memcpy(in_header ? (char *)m->header + m->have : m->payload + (m->have - HEADER), data, n);
        m->have += n;
        data += n;
        len -= n;
        if (in_header && m->have == HEADER && (m->size = get32(m->header + 5)) > HG_MUX_PAYLOAD)
            return -1;
        if (m->have < HEADER || m->have < HEADER + m->size)
            continue;
        m->have = 0;
        if (!m->header[0] || on_frame(m) < 0)
            return -1;
    }
    return m->broken ? -1 : 0;
}

/* ---- the loop's part ------------------------------------------------------------------------------- */

static bool may_read(const struct hg_mux *m, const struct channel *c)
{
    return c->open && c->fd >= 0 && !c->sent_end && c->credit > 0 &&
           queue_left(&m->queue) < OUT_ENOUGH;
}

size_t hg_mux_fds(struct hg_mux *m, struct pollfd *set)
{
    set[0] = (struct pollfd){ .fd = m->in, .events = POLLIN };
    set[1] = (struct pollfd){ .fd = queue_left(&m->queue) ? m->out : -1, .events = POLLOUT };
    for (size_t i = 0; i < m->count; i++) {
        const struct channel *c = m->channels[i];
        short events = may_read(m, c) ? POLLIN : 0;
        if (c->open && queue_left(&c->out))
            events |= POLLOUT;
        set[2 + i] = (struct pollfd){ .fd = events ? c->fd : -1, .events = events };
    }
    return 2 + m->count;
}

/* False when the channel is gone. */
static bool read_channel(struct hg_mux *m, struct channel *c)
{
    char piece[HG_MUX_PAYLOAD];
    ssize_t n = read(c->fd, piece, c->credit < sizeof piece ? c->credit : sizeof piece);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n < 0) {
        break_off(m, c);
        return false;
    }
    if (n > 0) {
        c->credit -= (size_t)n;
        send_frame(m, 'D', c->id, piece, (size_t)n);
        return true;
    }
    c->sent_end = true;
    send_frame(m, 'F', c->id, NULL, 0);
    if (!finished(c))
        return true;
    drop(m, c);
    return false;
}

static bool write_channel(struct hg_mux *m, struct channel *c)
{
    ssize_t n = queue_write(&c->out, c->fd);
    if (n < 0) {
        break_off(m, c);
        return false;
    }
    c->taken += (size_t)n;
    if (c->taken >= GIVE_BACK)
        give_back(m, c);
    pass_end(c);
    if (!finished(c))
        return true;
    drop(m, c);
    return false;
}

static void turn_channels(struct hg_mux *m, const struct pollfd *set)
{
    /* From the last one: one that goes is replaced by the last, which had its turn. */
    for (size_t i = m->count; i-- > 0;) {
        struct channel *c = m->channels[i];
        const struct pollfd *p = &set[2 + i];
        if (p->fd < 0 || !p->revents)
            continue;
        bool there = true;
        if (queue_left(&c->out) && p->revents & (POLLOUT | POLLERR | POLLHUP))
            there = write_channel(m, c);
        if (there && p->events & POLLIN && p->revents & (POLLIN | POLLERR | POLLHUP))
            (void)read_channel(m, c);
    }
}

static int read_pipe(struct hg_mux *m)
{
    char piece[HG_MUX_PAYLOAD];
    ssize_t n = read(m->in, piece, sizeof piece);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    return n == 0 ? -1 : hg_mux_feed(m, piece, (size_t)n);
}

int hg_mux_turn(struct hg_mux *m, const struct pollfd *set)
{
    turn_channels(m, set);
    if (set[0].revents && read_pipe(m) < 0)
        return -1;
    if (queue_left(&m->queue) && queue_write(&m->queue, m->out) < 0)
        return -1;
    return m->broken ? -1 : 0;
}
