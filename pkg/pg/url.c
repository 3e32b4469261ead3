/* SPDX-License-Identifier: Apache-2.0 */
/* Database URLs into parts: the spellings of libpq, SQLAlchemy and its drivers. */
#include "internal.h"

char *hg_pg_decode(const struct hg_pg_span *s, bool plus_is_space)
{
    size_t len = 0;
    char *out = hg_percent_decode(s->start, s->len, plus_is_space, &len);
    if (!memchr(out, '\0', len))
        return out;
    explicit_bzero(out, len);
    free(out);
    return NULL;
}

static int nul_in(const char *what, struct hg_err *err)
{
    return hg_fail(err, HG_E_CONFIG, "the database URL has a NUL (%%00) in its %s", what);
}

/* Sets *field when the part is there and not empty. */
static int part(const struct hg_pg_span *s, const char *what, char **field, struct hg_err *err)
{
    if (!s->start || s->len == 0)
        return 0;
    char *value = hg_pg_decode(s, false);
    if (!value)
        return nul_in(what, err);
    free(*field);
    *field = value;
    return 0;
}

/* Lists of hosts and ports; both have the same number of elements, ports may be empty. */
struct netloc {
    struct hg_strv hosts, ports;
};

static void netloc_done(struct netloc *n)
{
    hg_strv_done(&n->hosts);
    hg_strv_done(&n->ports);
}

static int bad_port(struct hg_err *err)
{
    hg_fail(err, HG_E_CONFIG, "the database URL's port is not a number from 1 to 65535");
    return hg_hint(err, "a `:`, `/`, `?` or `#` inside the password has to be written as %%3A, %%2F, "
                        "%%3F or %%23; an IPv6 address stands in brackets");
}

/* One "host", "host:port", "[v6]:port" or "%2Fdir:port". */
static int add_host(struct netloc *n, const char *start, size_t len, struct hg_err *err)
{
    struct hg_pg_span host = { start, len }, port = { NULL, 0 };
    if (len > 0 && *start == '[') {
        const char *close = memchr(start, ']', len);
        if (!close || (close + 1 < start + len && close[1] != ':'))
            return hg_fail(err, HG_E_CONFIG, "the database URL's IPv6 address has no closing `]`, "
                                             "or something else than a port behind it");
        host = (struct hg_pg_span){ start + 1, (size_t)(close - start - 1) };
        if (close + 1 < start + len)
            port = (struct hg_pg_span){ close + 2, (size_t)(start + len - close - 2) };
    } else {
        const char *colon = memchr(start, ':', len);
        if (colon) {
            host.len = (size_t)(colon - start);
            port = (struct hg_pg_span){ colon + 1, len - host.len - 1 };
        }
    }
    HG_AUTO(hg_freep) char *name = hg_pg_decode(&host, false);
    if (!name)
        return nul_in("host", err);
    HG_AUTO(hg_freep) char *number = hg_xstrndup(port.start ? port.start : "", port.len);
    int64_t value = 0;
    if (*number && hg_parse_int(number, 1, 65535, &value) < 0)
        return bad_port(err);
    hg_strv_add(&n->hosts, name);
    hg_strv_add(&n->ports, number);
    return 0;
}

static int add_hosts(struct netloc *n, const char *start, size_t len, struct hg_err *err)
{
    for (const char *p = start, *end = start + len;;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        if (add_host(n, p, (size_t)(stop - p), err) < 0)
            return -1;
        if (!comma)
            return 0;
        p = comma + 1;
    }
}

static void set(char **field, const char *value)
{
    free(*field);
    *field = hg_xstrdup(value);
}

/* pg8000 names the socket file itself: /run/postgresql/.s.PGSQL.5432 */
static void set_unix_sock(struct hg_pg_url *u, struct netloc *n, const char *value)
{
    const char *base = hg_path_base(value);
    HG_AUTO(hg_freep) char *dir = hg_path_dir(value);
    hg_strv_done(&n->hosts);
    hg_strv_done(&n->ports);
    hg_strv_add(&n->hosts, dir);
    hg_strv_add(&n->ports, "");
    if (hg_starts_with(base, ".s.PGSQL."))
        set(&u->port, base + strlen(".s.PGSQL."));
}

/* Keys that say the same as a part of the URL. Returns 1 when the key was one of them. */
static int part_param(struct hg_pg_url *u, struct netloc *hosts, const char *key, const char *value,
                      struct hg_err *err)
{
    if (hg_streq(key, "user")) {
        set(&u->user, value);
    } else if (hg_streq(key, "password")) {
        set(&u->password, value);
    } else if (hg_streq(key, "dbname") || hg_streq(key, "database")) {
        set(&u->database, value);
    } else if (hg_streq(key, "hostaddr")) {
        set(&u->hostaddr, value);
    } else if (hg_streq(key, "port")) {
        HG_AUTO(hg_freep) char *before = HG_TAKE(u->port);
        u->port = before ? hg_xasprintf("%s,%s", before, value) : hg_xstrdup(value);
    } else if (hg_streq(key, "unix_sock")) {
        set_unix_sock(u, hosts, value);
    } else if (hg_streq(key, "host")) {
        if (*value == '/' || *value == '@') {
            hg_strv_add(&hosts->hosts, value);
            hg_strv_add(&hosts->ports, "");
            return 1;
        }
        return add_hosts(hosts, value, strlen(value), err) < 0 ? -1 : 1;
    } else {
        return 0;
    }
    return 1;
}

static int query(struct hg_pg_url *u, const struct hg_pg_url_parts *parts, struct netloc *hosts,
                 struct hg_err *err)
{
    bool plus = hg_pg_scheme_has_driver(&parts->scheme);
    const char *p = parts->query.start, *end = p + parts->query.len;
    while (p < end) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        const char *stop = amp ? amp : end;
        const char *eq = memchr(p, '=', (size_t)(stop - p));
        struct hg_pg_span k = { p, (size_t)((eq ? eq : stop) - p) };
        struct hg_pg_span v = { eq ? eq + 1 : stop, eq ? (size_t)(stop - eq - 1) : 0 };
        HG_AUTO(hg_freep) char *key = hg_pg_decode(&k, plus);
        HG_AUTO(hg_freep) char *value = hg_pg_decode(&v, plus);
        if (!key || !value)
            return nul_in("parameters", err);
        int rc = part_param(u, hosts, key, value, err);
        if (rc < 0)
            return -1;
        if (rc == 0 && *key) {
            hg_strv_add(&u->params, key);
            hg_strv_add(&u->params, value);
        }
        p = stop + 1;
    }
    return 0;
}

/* Hosts and ports as libpq wants them: "a,b" and "1,2". A port in the query beats the netloc's. */
static void take_hosts(struct hg_pg_url *u, const struct netloc *n)
{
    if (n->hosts.count == 0 || (n->hosts.count == 1 && !*n->hosts.items[0])) {
        if (n->ports.count && *n->ports.items[0] && !u->port)
            u->port = hg_xstrdup(n->ports.items[0]);
        return;
    }
    u->host = hg_strv_join(&n->hosts, ",");
    bool any = false;
    for (size_t i = 0; i < n->ports.count; i++)
        any = any || *n->ports.items[i];
    if (any && !u->port)
        u->port = hg_strv_join(&n->ports, ",");
}

static int port_ok(const char *port, struct hg_err *err)
{
    if (!port || strchr(port, ','))
        return 0;
    int64_t value = 0;
    return hg_parse_int(port, 1, 65535, &value) < 0 ? bad_port(err) : 0;
}

static int fill(const struct hg_pg_url_parts *parts, struct hg_pg_url *u, struct hg_err *err)
{
    HG_AUTO(netloc_done) struct netloc hosts = { HG_STRV_INIT, HG_STRV_INIT };
    HG_AUTO(netloc_done) struct netloc named = { HG_STRV_INIT, HG_STRV_INIT };
    u->scheme = hg_xstrndup(parts->scheme.start, parts->scheme.len);
    if (part(&parts->user, "user name", &u->user, err) < 0 ||
        part(&parts->password, "password", &u->password, err) < 0 ||
        part(&parts->path, "database name", &u->database, err) < 0)
        return -1;
    if (parts->netloc.len > 0 &&
        add_hosts(&hosts, parts->netloc.start, parts->netloc.len, err) < 0)
        return -1;
    if (parts->query.start && query(u, parts, &named, err) < 0)
        return -1;
    take_hosts(u, named.hosts.count ? &named : &hosts);
    return port_ok(u->port, err);
}

int hg_pg_url_parse(const char *text, struct hg_pg_url *ret, struct hg_err *err)
{
    struct hg_pg_url_parts parts;
    if (hg_pg_url_split(text, &parts, err) < 0)
        return -1;
    struct hg_pg_url u = { 0 };
    if (fill(&parts, &u, err) < 0) {
        hg_pg_url_done(&u);
        return -1;
    }
    *ret = u;
    return 0;
}

void hg_pg_url_done(struct hg_pg_url *u)
{
    if (!u)
        return;
    if (u->password)
        explicit_bzero(u->password, strlen(u->password));
    free(u->scheme);
    free(u->user);
    free(u->password);
    free(u->host);
    free(u->port);
    free(u->database);
    free(u->hostaddr);
    hg_strv_done(&u->params);
    *u = (struct hg_pg_url){ 0 };
}
