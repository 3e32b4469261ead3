/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aho-Corasick over the bytes of all variants of all secrets. Edges live in one hash table, so that
 * thousands of secrets stay small; the root has a plain table, because most bytes of output begin
 * no secret and are decided there.
 *
 * The rule for what is masked: a byte is secret when any occurrence of any variant covers it; each
 * longest run of secret bytes is shown as one "***". This says nothing about chunks, and the stream
 * must not either: a byte is given out when the automaton's state shows that no occurrence which is
 * still possible could begin at or before it.
 */
#include "internal.h"

/* Lines of a secret text count by themselves from this length on: "{" or "}" of a JSON key must not
 * mask every brace. */
#define MASK_LINE_MIN 8
/* Digits alone are ports, sizes and dates up to this length. */
#define MASK_NUMBER_MIN 8
/* Longer values (certificates, whole files) count by their lines and by what they begin with. */
#define MASK_LEN_MAX 65536
#define NODES_MAX (UINT32_C(1) << 26)

struct node {
    uint32_t fail;
    uint32_t depth;
    uint32_t longest; /* length of the longest variant that ends here, suffixes included */
    uint32_t parent;
    unsigned char byte;
    bool end;
};

struct edge {
    uint64_t key; /* (parent + 1) << 8 | byte; 0: free */
    uint32_t to;
};

struct hg_mask {
    struct node *nodes;
    size_t count, cap;
    struct edge *edges;
    size_t edge_size; /* power of two, at most half full */
    uint32_t root[256];
    bool built;
};

static size_t edge_hash(uint64_t key, size_t size)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (size - 1);
}

static uint32_t edge_find(const struct hg_mask *m, uint32_t node, unsigned char byte)
{
    if (node == 0)
        return m->root[byte];
    uint64_t key = ((uint64_t)node + 1) << 8 | byte;
    for (size_t at = edge_hash(key, m->edge_size); m->edges[at].key;
         at = (at + 1) & (m->edge_size - 1))
        if (m->edges[at].key == key)
            return m->edges[at].to;
    return 0;
}

static void edge_put(struct edge *edges, size_t size, struct edge edge)
{
    size_t at = edge_hash(edge.key, size);
    while (edges[at].key)
        at = (at + 1) & (size - 1);
    edges[at] = edge;
}

static void edges_grow(struct hg_mask *m)
{
    size_t size = m->edge_size ? m->edge_size * 2 : 1024;
    struct edge *edges = hg_xcalloc(size, sizeof *edges);
    for (size_t i = 0; i < m->edge_size; i++)
        if (m->edges[i].key)
            edge_put(edges, size, m->edges[i]);
    free(m->edges);
    m->edges = edges;
    m->edge_size = size;
}

static uint32_t add_node(struct hg_mask *m, uint32_t parent, unsigned char byte)
{
    if (m->count >= NODES_MAX)
        HG_BUG("more secret bytes than the automaton has room for");
    m->nodes = hg_grow(m->nodes, m->count, &m->cap, sizeof *m->nodes);
    uint32_t id = (uint32_t)m->count++;
    m->nodes[id] = (struct node){ .parent = parent, .byte = byte,
                                  .depth = id ? m->nodes[parent].depth + 1 : 0 };
    if (id == 0)
        return 0;
    if (parent == 0) {
        m->root[byte] = id;
        return id;
    }
    if (m->count * 2 > m->edge_size)
        edges_grow(m);
    edge_put(m->edges, m->edge_size, (struct edge){ ((uint64_t)parent + 1) << 8 | byte, id });
    return id;
}

struct hg_mask *hg_mask_new(void)
{
    struct hg_mask *m = hg_xcalloc(1, sizeof *m);
    edges_grow(m);
    (void)add_node(m, 0, 0);
    return m;
}

void hg_mask_free(struct hg_mask *m)
{
    if (!m)
        return;
    explicit_bzero(m->nodes, m->count * sizeof *m->nodes); /* the secrets, letter by letter */
    explicit_bzero(m->edges, m->edge_size * sizeof *m->edges);
    free(m->nodes);
    free(m->edges);
    free(m);
}

/* ---- what is added --------------------------------------------------------------------------- */

static void add_pattern(void *context, const char *data, size_t len)
{
    struct hg_mask *m = context;
    if (len < HG_MASK_MIN)
        return;
    uint32_t at = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)data[i];
        uint32_t next = edge_find(m, at, byte);
        at = next ? next : add_node(m, at, byte);
    }
    m->nodes[at].end = true;
    m->built = false;
}

/* Words that stand in every log: masking them hides nothing and ruins the text. */
static bool common_word(const char *s, size_t len)
{
    static const char *const WORDS[] = {
        "false", "admin", "default", "disabled", "enabled", "database", "development", "localhost",
        "password", "postgres", "postgresql", "production", "public", "railway", "secret",
        "staging", "testing", "require", "prefer", "verify-full", "alembic", "headgate", "master",
        "change", "changeme", "username", "undefined",
    };
    for (size_t i = 0; i < HG_COUNT(WORDS); i++)
        if (strlen(WORDS[i]) == len && strncasecmp(WORDS[i], s, len) == 0)
            return true;
    size_t digits = 0;
    while (digits < len && s[digits] >= '0' && s[digits] <= '9')
        digits++;
    return digits == len && len < MASK_NUMBER_MIN;
}

static bool worth_masking(const char *s, size_t len)
{
    return len >= HG_MASK_MIN && !common_word(s, len);
}

static void add_secret(struct hg_mask *m, const char *s, size_t len)
{
    if (!worth_masking(s, len))
        return;
    hg_variants_each(s, len < MASK_LEN_MAX ? len : MASK_LEN_MAX, add_pattern, m);
}

static void add_lines(struct hg_mask *m, const char *s)
{
    while (*s) {
        size_t len = strcspn(s, "\r\n");
        size_t lead = strspn(s, " \t");
        size_t stop = len;
        while (stop > lead && (s[stop - 1] == ' ' || s[stop - 1] == '\t'))
            stop--;
        if (stop > lead && stop - lead >= MASK_LINE_MIN)
            add_secret(m, s + lead, stop - lead);
        s += len;
        s += strspn(s, "\r\n");
    }
}

/* One secret that is no URL: itself, without blanks at its edges, and its lines. */
static void add_plain(struct hg_mask *m, const char *s)
{
    size_t lead = strspn(s, " \t\r\n"), len = strlen(s);
    size_t stop = len;
    while (stop > lead && strchr(" \t\r\n", s[stop - 1]))
        stop--;
    add_secret(m, s, len);
    if (lead || stop < len)
        add_secret(m, s + lead, stop - lead);
    if (strpbrk(s, "\r\n"))
        add_lines(m, s);
}

void hg_mask_add(struct hg_mask *m, const char *value)
{
    size_t len;
    const char *in_url = hg_url_password(value, &len);
    char *password = in_url ? hg_xstrndup(value + (in_url - value), len) : NULL;
    if (!password)
        password = hg_conninfo_password(value);
    if (!password) {
        add_plain(m, value);
        return;
    }
    char *decoded = hg_percent_decode(password, strlen(password));
    add_plain(m, password);
    if (strcmp(decoded, password) != 0)
        add_plain(m, decoded);
    explicit_bzero(password, strlen(password));
    explicit_bzero(decoded, strlen(decoded));
    free(password);
    free(decoded);
}

bool hg_mask_takes(const char *value)
{
    size_t len;
    const char *in_url = hg_url_password(value, &len);
    if (in_url)
        return worth_masking(in_url, len);
    HG_AUTO(hg_freep) char *password = hg_conninfo_password(value);
    const char *secret = password ? password : value;
    bool takes = worth_masking(secret, strlen(secret));
    if (password)
        explicit_bzero(password, strlen(password));
    return takes;
}

void hg_mask_add_vars(struct hg_mask *m, const struct hg_vars *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->items[i].secret)
            hg_mask_add(m, v->items[i].value);
}

/* ---- building and stepping ------------------------------------------------------------------- */

static uint32_t step(const struct hg_mask *m, uint32_t state, unsigned char byte)
{
    for (;;) {
        uint32_t next = edge_find(m, state, byte);
        if (next || state == 0)
            return next;
        state = m->nodes[state].fail;
    }
}

/* Parents before children, level by level: a failure link leads to a lesser depth. */
static uint32_t *by_depth(const struct hg_mask *m)
{
    uint32_t deepest = 0;
    for (size_t i = 0; i < m->count; i++)
        if (m->nodes[i].depth > deepest)
            deepest = m->nodes[i].depth;
    size_t *start = hg_xcalloc((size_t)deepest + 2, sizeof *start);
    for (size_t i = 0; i < m->count; i++)
        start[m->nodes[i].depth + 1]++;
    for (size_t d = 0; d <= deepest; d++)
        start[d + 1] += start[d];
    uint32_t *order = hg_xcalloc(m->count, sizeof *order);
    for (size_t i = 0; i < m->count; i++)
        order[start[m->nodes[i].depth]++] = (uint32_t)i;
    free(start);
    return order;
}

void hg_mask_build(struct hg_mask *m)
{
    HG_AUTO(hg_freep) uint32_t *order = by_depth(m);
    for (size_t i = 1; i < m->count; i++) {
        struct node *n = &m->nodes[order[i]];
        n->fail = n->depth > 1 ? step(m, m->nodes[n->parent].fail, n->byte) : 0;
        n->longest = n->end ? n->depth : m->nodes[n->fail].longest;
    }
    m->built = true;
}

bool hg_mask_empty(const struct hg_mask *m)
{
    return !m || m->count <= 1;
}

/* ---- streams --------------------------------------------------------------------------------- */

void hg_mask_stream_init(struct hg_mask_stream *s, const struct hg_mask *mask)
{
    if (mask && !mask->built)
        HG_BUG("hg_mask_build was not called");
    *s = (struct hg_mask_stream){ .mask = mask };
}

/* Gives out the first n held bytes, which are decided; the caller removes them. */
static void release(struct hg_mask_stream *s, size_t from, size_t to, struct hg_buf *out)
{
    for (size_t i = from; i < to; i++) {
        bool secret = s->covered.data[i];
        if (!secret)
            hg_buf_addc(out, s->held.data[i]);
        else if (!s->open)
            hg_buf_adds(out, "***");
        s->open = secret;
    }
}

static void remove_front(struct hg_buf *b, size_t n)
{
    memmove(b->data, b->data + n, b->len - n);
    explicit_bzero(b->data + b->len - n, n);
    b->len -= n;
}

void hg_mask_stream_feed(struct hg_mask_stream *s, const void *data, size_t len, struct hg_buf *out)
{
    const struct hg_mask *m = s->mask;
    if (hg_mask_empty(m)) {
        hg_buf_add(out, data, len);
        return;
    }
    const unsigned char *p = data, *end = p + len;
    size_t given = 0; /* held bytes already given out in this call */
    while (p < end) {
        if (s->state == 0 && s->held.len == given) { /* nothing open: skip to what may begin one */
            const unsigned char *plain = p;
            while (p < end && !m->root[*p])
                p++;
            hg_buf_add(out, plain, (size_t)(p - plain));
            s->open = s->open && p == plain;
            if (p == end)
                break;
        }
        s->state = step(m, s->state, *p);
        hg_buf_addc(&s->held, (char)*p++);
        hg_buf_addc(&s->covered, 0);
        const struct node *n = &m->nodes[s->state];
        if (n->longest)
            memset(s->covered.data + s->covered.len - n->longest, 1, n->longest);
        size_t decided = s->held.len - n->depth;
        if (decided > given) {
            release(s, given, decided, out);
            given = decided;
        }
    }
    if (given) {
        remove_front(&s->held, given);
        remove_front(&s->covered, given);
    }
}

void hg_mask_stream_flush(struct hg_mask_stream *s, struct hg_buf *out)
{
    release(s, 0, s->held.len, out);
    if (s->held.len)
        explicit_bzero(s->held.data, s->held.len);
    hg_buf_clear(&s->held);
    hg_buf_clear(&s->covered);
    s->state = 0;
    s->open = false;
}

void hg_mask_stream_done(struct hg_mask_stream *s)
{
    hg_buf_wipe(&s->held);
    hg_buf_done(&s->covered);
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
