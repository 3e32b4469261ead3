/* SPDX-License-Identifier: Apache-2.0 */
/* Another host and port in a URL whose every other byte stays as its owner wrote it. */
#include "internal.h"

/* Readers decode keys too: `h%6Fst` is a host. */
static bool key_is(const char *start, size_t len, const char *name)
{
    HG_AUTO(hg_freep) char *key = hg_pg_decode(&(struct hg_pg_span){ start, len }, false);
    return key && strcmp(key, name) == 0;
}

static void add_host(struct hg_buf *b, const char *host)
{
    if (*host == '/') { /* a socket directory cannot stand raw in front of the path */
        for (const char *p = host; *p; p++)
            hg_buf_addf(b, *p == '/' ? "%%2F" : "%c", *p);
    } else {
        hg_buf_addf(b, strchr(host, ':') ? "[%s]" : "%s", host);
    }
}

static void add_netloc(struct hg_buf *b, const struct hg_pg_span *old, const char *host,
                       const char *port)
{
    if (host) {
        add_host(b, host);
    } else {
        const char *close = *old->start == '[' ? memchr(old->start, ']', old->len) : NULL;
        size_t from = close ? (size_t)(close - old->start) : 0;
        const char *colon = memchr(old->start + from, ':', old->len - from);
        hg_buf_add(b, old->start, colon ? (size_t)(colon - old->start) : old->len);
    }
    if (port)
        hg_buf_addf(b, ":%s", port);
}

/* What the query says about the address. */
struct query_facts {
    bool host, port;
};

static struct query_facts look(const struct hg_pg_span *q)
{
    struct query_facts f = { false, false };
    for (size_t i = 0; q->start && i < q->len;) {
        const char *p = q->start + i;
        const char *amp = memchr(p, '&', q->len - i);
        size_t n = amp ? (size_t)(amp - p) : q->len - i;
        size_t k = strcspn(p, "=&");
        f.host = f.host || key_is(p, k, "host");
        f.port = f.port || key_is(p, k, "port");
        i += n + 1;
    }
    return f;
}

/* Without a user in front, the new port and an `@` behind it would look like user and password. */
static void add_param(struct hg_buf *b, const char *p, size_t n, bool has_user)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '@' && !has_user)
            hg_buf_adds(b, "%40");
        else
            hg_buf_addc(b, p[i]);
    }
}

/* host= and port= get the new values once; hostaddr= and unix_sock= would still lead to the old
 * place. */
static void add_query(struct hg_buf *b, const struct hg_pg_url_parts *u, const char *host,
                      const char *port)
{
    const struct hg_pg_span *q = &u->query;
    struct query_facts f = look(q);
    bool host_done = false, port_done = false, first = true;
    for (size_t i = 0; i <= q->len;) {
        const char *p = q->start + i;
        const char *amp = i < q->len ? memchr(p, '&', q->len - i) : NULL;
        size_t n = amp ? (size_t)(amp - p) : q->len - i;
        const char *eq = memchr(p, '=', n);
        size_t k = eq ? (size_t)(eq - p) : n;
        bool is_host = host && key_is(p, k, "host"), is_port = port && key_is(p, k, "port");
        bool drop = (host && (key_is(p, k, "hostaddr") || key_is(p, k, "unix_sock"))) ||
                    (is_host && host_done) || (is_port && port_done);
        if (!drop) {
            hg_buf_adds(b, first ? "?" : "&");
            first = false;
            if (is_host && !f.port && port)
                hg_buf_addf(b, strchr(host, ':') ? "host=[%s]:%s" : "host=%s:%s", host, port);
            else if (is_host)
                hg_buf_addf(b, "host=%s", host);
            else if (is_port)
                hg_buf_addf(b, "port=%s", port);
            else
                add_param(b, p, n, u->user.start != NULL);
            host_done = host_done || is_host;
            port_done = port_done || is_port;
        }
        i += n + 1;
    }
}

char *hg_pg_url_rewrite(const char *text, const char *host, const char *port)
{
    struct hg_pg_url_parts u;
    struct hg_err ignored;
    if (hg_pg_url_split(text, &u, &ignored) < 0)
        return hg_xstrdup(text);
    struct hg_buf b = HG_BUF_INIT;
    struct query_facts f = look(&u.query);
    hg_buf_add(&b, text, (size_t)(u.netloc.start - text));
    if (u.netloc.len > 0 || !f.host) /* else the address stands in the query alone */
        add_netloc(&b, &u.netloc, host, port);
    if (u.path.start) {
        hg_buf_addc(&b, '/');
        hg_buf_add(&b, u.path.start, u.path.len);
    }
    if (u.query.start)
        add_query(&b, &u, host, port);
    return hg_buf_take(&b);
}

char *hg_pg_url_add_param(const char *text, const char *key, const char *value)
{
    struct hg_pg_url_parts u;
    struct hg_err ignored;
    if (hg_pg_url_split(text, &u, &ignored) < 0)
        return hg_xstrdup(text);
    return hg_xasprintf("%s%c%s=%s", text, u.query.start ? '&' : '?', key, value);
}
