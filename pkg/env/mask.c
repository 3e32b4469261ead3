/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding all variants of all secrets in a stream of any bytes.
 *
 * The rule for what is masked: a byte is secret when any occurrence of any variant covers it; each
 * longest run of secret bytes is shown as one "***". This says nothing about chunks, and the stream
 * must not either: a byte is given out when no occurrence that is still possible could begin at or
 * before it.
 *
 * How: every variant is at least MIN bytes long, so each of its occurrences, wherever it begins,
 * contains a window of four bytes at a multiple of MIN - 3. Only those windows are looked at: each is
 * hashed into a bitmap that has the windows of all variants at their first MIN - 3 places. What the
 * bitmap lets pass is looked up by its four bytes and compared in full.
 *
 * Why not an automaton, or vector instructions: an Aho-Corasick step waits for the one before it, a load
 * for each byte; the loads of this loop do not depend on each other, so a core has several under way,
 * and skips bytes besides (4.8, 3.6 and 1.6 GB/s with 1, 50 and 500 secrets, which are some 8, 400 and 4,000
 * variants; `make bench` measures it). Nibble tables (Teddy) tell some 64 patterns apart; with hundreds
 * of base64-like ones nearly every byte passes them.
 */
#include "internal.h"

#define WINDOW     4
#define STRIDE_MAX 8
/* Sizes of the bitmap, as powers of two: up to 32 KiB, which the first cache holds. */
#define FILTER_MIN 12u
#define FILTER_MAX 18u
#define NONE       UINT32_MAX

struct pattern {
    uint32_t at, len; /* in the arena */
};

/* The window at `offset` of a pattern; those with the same hash form a chain. */
struct window {
    uint32_t bytes, pattern, next;
    uint8_t offset;
};

struct hg_mask {
    struct hg_buf arena;
    struct pattern *patterns; /* sorted by content once built */
    size_t count, cap;
    size_t shortest;
    size_t stride;
    uint64_t *filter;
    unsigned filter_bits;
    struct window *windows;
    size_t window_count;
    uint32_t *heads;
    bool built;
};

struct hg_mask *hg_mask_new(void)
{
    struct hg_mask *m = hg_xcalloc(1, sizeof *m);
    m->built = true;
    return m;
}

static void free_tables(struct hg_mask *m)
{
    if (m->windows)
        explicit_bzero(m->windows, m->window_count * sizeof *m->windows);
    hg_freep(&m->windows);
    hg_freep(&m->heads);
    hg_freep(&m->filter);
    m->window_count = 0;
}

void hg_mask_free(struct hg_mask *m)
{
    if (!m)
        return;
    free_tables(m);
    hg_buf_wipe(&m->arena);
    free(m->patterns);
    free(m);
}

bool hg_mask_empty(const struct hg_mask *m)
{
    return !m || m->count == 0;
}

void hg_mask_add_bytes(void *mask, const char *data, size_t len)
{
    struct hg_mask *m = mask;
    if (len < HG_MASK_MIN)
        return;
    m->patterns = hg_grow(m->patterns, m->count, &m->cap, sizeof *m->patterns);
    m->patterns[m->count++] = (struct pattern){ (uint32_t)m->arena.len, (uint32_t)len };
    hg_buf_add(&m->arena, data, len);
    if (m->arena.overflow || m->arena.len >= UINT32_MAX / 2)
        HG_BUG("more secret bytes than a mask has room for");
    m->built = false;
}

/* ---- building -------------------------------------------------------------------------------- */

static uint32_t load_window(const char *p)
{
    uint32_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    return bytes;
}

static uint32_t window_hash(uint32_t bytes, unsigned bits)
{
    return (bytes * UINT32_C(0x9e3779b1)) >> (32 - bits);
}

static int by_content(const void *a, const void *b, void *context)
{
    const struct pattern *x = a, *y = b;
    const char *arena = context;
    int order = memcmp(arena + x->at, arena + y->at, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Most secrets are plain letters and digits, and most of their encodings then the same. */
static void sort_unique(struct hg_mask *m)
{
    size_t kept = 0;
    if (m->count)
        qsort_r(m->patterns, m->count, sizeof *m->patterns, by_content, m->arena.data);
    for (size_t i = 0; i < m->count; i++)
        if (!kept || by_content(&m->patterns[kept - 1], &m->patterns[i], m->arena.data) != 0)
            m->patterns[kept++] = m->patterns[i];
    m->count = kept;
    m->shortest = SIZE_MAX;
    for (size_t i = 0; i < m->count; i++)
        if (m->patterns[i].len < m->shortest)
            m->shortest = m->patterns[i].len;
}

static void add_window(struct hg_mask *m, uint32_t pattern, size_t offset)
{
    uint32_t bytes = load_window(m->arena.data + m->patterns[pattern].at + offset);
    uint32_t hash = window_hash(bytes, m->filter_bits);
    m->filter[hash / 64] |= UINT64_C(1) << hash % 64;
    m->windows[m->window_count] = (struct window){ bytes, pattern, m->heads[hash],
                                                   (uint8_t)offset };
    m->heads[hash] = (uint32_t)m->window_count++;
}

void hg_mask_build(struct hg_mask *m)
{
    free_tables(m);
    sort_unique(m);
    m->built = true;
    if (!m->count)
        return;
    m->stride = m->shortest - (WINDOW - 1);
    if (m->stride > STRIDE_MAX)
        m->stride = STRIDE_MAX;
    size_t windows = m->count * m->stride;
    for (m->filter_bits = FILTER_MIN; m->filter_bits < FILTER_MAX &&
                                      (size_t)1 << m->filter_bits < windows * 64;)
        m->filter_bits++;
    size_t size = (size_t)1 << m->filter_bits;
    m->filter = hg_xcalloc(size / 64, sizeof *m->filter);
    m->heads = hg_xmalloc(size * sizeof *m->heads);
    memset(m->heads, 0xff, size * sizeof *m->heads);
    m->windows = hg_xcalloc(windows, sizeof *m->windows);
    for (uint32_t i = 0; i < m->count; i++)
        for (size_t offset = 0; offset < m->stride; offset++)
            add_window(m, i, offset);
}

/* ---- looking --------------------------------------------------------------------------------- */

/* A stretch of bytes while it is looked through. */
struct look {
    const struct hg_mask *m;
    struct hg_mask_stream *s;
    struct hg_buf *out;
    const char *text;
    size_t len;
    size_t given;    /* text before this was given out */
    size_t from, to; /* the secret range that is being put together; none when to <= given */
    bool last;       /* nothing follows, so nothing is held back */
    size_t hold;     /* the least place where an occurrence begins whose end is not there yet */
};

static void give_plain(struct look *l, size_t to)
{
    if (to <= l->given)
        return;
    hg_buf_add(l->out, l->text + l->given, to - l->given);
    l->given = to;
    l->s->open = false;
}

static void give_range(struct look *l, size_t to)
{
    if (to <= l->given)
        return;
    give_plain(l, l->from);
    if (!l->s->open)
        hg_buf_adds(l->out, "***");
    l->s->open = true;
    l->given = to;
}

/* Occurrences come in the order of their beginnings. What is held back will be found again. */
static void found(struct look *l, size_t from, size_t to)
{
    if (from >= l->hold)
        return;
    if (l->to <= l->given || from > l->to) {
        give_range(l, l->to);
        l->from = from;
        l->to = to;
    } else if (to > l->to) {
        l->to = to;
    }
}

/* The variants whose first windows are like the one at `at`: those that are there whole are found,
 * and those that go on behind the end are waited for. An occurrence has one such window, and it lies
 * behind those of all occurrences that begin before. */
static void check_window(struct look *l, size_t at)
{
    const struct hg_mask *m = l->m;
    size_t longest[STRIDE_MAX] = { 0 };
    uint32_t bytes = load_window(l->text + at);
    for (uint32_t i = m->heads[window_hash(bytes, m->filter_bits)]; i != NONE;
         i = m->windows[i].next) {
        const struct window *w = &m->windows[i];
        if (w->bytes != bytes || w->offset > at)
            continue;
        const struct pattern *p = &m->patterns[w->pattern];
        size_t start = at - w->offset, there = l->len - start;
        if (memcmp(l->text + start, m->arena.data + p->at, p->len < there ? p->len : there) != 0)
            continue;
        if (p->len > there)
            l->hold = start < l->hold && !l->last ? start : l->hold;
        else if (p->len > longest[w->offset])
            longest[w->offset] = p->len;
    }
    for (size_t offset = m->stride; offset-- > 0;)
        if (longest[offset])
            found(l, at - offset, at - offset + longest[offset]);
}

/* 1 or 0, to be joined without a branch. */
static unsigned passes(const struct hg_mask *m, const char *p)
{
    uint32_t hash = window_hash(load_window(p), m->filter_bits);
    return m->filter[hash / 64] >> hash % 64 & 1;
}

/* Four at a time: their loads do not wait for each other. Returns the first place not looked at. */
static size_t check_windows(struct look *l)
{
    const struct hg_mask *m = l->m;
    size_t at = 0, stride = m->stride;
    while (at + 3 * stride + WINDOW <= l->len) {
        const char *p = l->text + at;
        if (passes(m, p) | passes(m, p + stride) | passes(m, p + 2 * stride) |
            passes(m, p + 3 * stride))
            for (size_t i = 0; i < 4; i++)
                if (passes(m, p + i * stride))
                    check_window(l, at + i * stride);
        at += 4 * stride;
    }
    for (; at + WINDOW <= l->len; at += stride)
        if (passes(m, l->text + at))
            check_window(l, at);
    return at;
}

/* Does a variant begin with these bytes? */
static bool begins_one(const struct hg_mask *m, const char *text, size_t len)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pattern *p = &m->patterns[middle];
        int order = memcmp(m->arena.data + p->at, text, p->len < len ? p->len : len);
        if (order < 0 || (order == 0 && p->len < len))
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->count && m->patterns[low].len > len &&
           memcmp(m->arena.data + m->patterns[low].at, text, len) == 0;
}

/* The last bytes, in which no whole window of a beginning fits. */
static void check_end(struct look *l, size_t unseen)
{
    size_t at = unseen >= l->m->stride ? unseen - l->m->stride + 1 : 0;
    for (; at < l->len && at < l->hold; at++)
        if (begins_one(l->m, l->text + at, l->len - at))
            l->hold = at;
}

static void look_through(struct look *l)
{
    l->to = l->s->covered;
    l->hold = l->len;
    size_t unseen = check_windows(l);
    if (!l->last)
        check_end(l, unseen);
    give_range(l, l->to < l->hold ? l->to : l->hold);
    l->s->covered = l->to > l->hold ? l->to - l->hold : 0;
    give_plain(l, l->hold);
}

/* ---- streams --------------------------------------------------------------------------------- */

void hg_mask_stream_init(struct hg_mask_stream *s, const struct hg_mask *mask)
{
    if (mask && !mask->built)
        HG_BUG("hg_mask_build was not called");
    *s = (struct hg_mask_stream){ .mask = mask };
}

void hg_mask_stream_feed(struct hg_mask_stream *s, const void *data, size_t len, struct hg_buf *out)
{
    if (!len)
        return;
    if (hg_mask_empty(s->mask)) {
        hg_buf_add(out, data, len);
        return;
    }
    bool held = s->held.len > 0;
    if (held)
        hg_buf_add(&s->held, data, len);
    struct look l = { .m = s->mask, .s = s, .out = out,
                      .text = held ? s->held.data : data, .len = held ? s->held.len : len };
    look_through(&l);
    size_t left = l.len - l.hold;
    if (!held) {
        hg_buf_add(&s->held, l.text + l.hold, left);
    } else if (l.hold) {
        memmove(s->held.data, s->held.data + l.hold, left);
        explicit_bzero(s->held.data + left, l.hold);
        s->held.len = left;
    }
}

void hg_mask_stream_flush(struct hg_mask_stream *s, struct hg_buf *out)
{
    if (s->held.len) {
        struct look l = { .m = s->mask, .s = s, .out = out, .text = s->held.data,
                          .len = s->held.len, .last = true };
        look_through(&l);
        explicit_bzero(s->held.data, s->held.len);
        hg_buf_clear(&s->held);
    }
    s->open = false;
}

void hg_mask_stream_done(struct hg_mask_stream *s)
{
    hg_buf_wipe(&s->held);
}

char *hg_mask_text(const char *text, void *mask)
{
    if (hg_mask_empty(mask))
        return hg_xstrdup(text);
    struct hg_mask_stream s;
    struct hg_buf out = HG_BUF_INIT;
    hg_mask_stream_init(&s, mask);
    hg_mask_stream_feed(&s, text, strlen(text), &out);
    hg_mask_stream_flush(&s, &out);
    hg_mask_stream_done(&s);
    return hg_buf_take(&out);
}
