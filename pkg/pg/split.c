/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the parts of a database URL lie. Two readers have to agree with us: libpq
 * (conninfo_uri_parse_options in fe-connect.c) and SQLAlchemy (engine/url.py, _parse_url). Where
 * they differ the migrator's reading counts, and where a password could end up as half of a host
 * name the URL is refused.
 */
#include "internal.h"

static int not_ours(const char *text, struct hg_err *err)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    if (n > 0 && n < 40 && hg_starts_with(text + n, "://"))
        hg_fail(err, HG_E_CONFIG, "the database URL's scheme is %.*s, which is not PostgreSQL",
                (int)n, text);
    else
        hg_fail(err, HG_E_CONFIG, "the database URL is not a URL (it is not repeated here: it may "
                                  "hold a password)");
    return hg_hint(err, "write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or "
                        "postgresql+psycopg://… for SQLAlchemy");
}

static bool scheme_ok(const char *text, size_t len)
{
    size_t name = 0;
    if (len >= 10 && strncmp(text, "postgresql", 10) == 0)
        name = 10;
    else if (len >= 8 && strncmp(text, "postgres", 8) == 0)
        name = 8;
    if (name == 0)
        return false;
    return len == name || (text[name] == '+' && len > name + 1);
}

bool hg_pg_scheme_has_driver(const struct hg_pg_span *scheme)
{
    return memchr(scheme->start, '+', scheme->len) != NULL;
}

static struct hg_pg_span span(const char *start, const char *end)
{
    return (struct hg_pg_span){ start, (size_t)(end - start) };
}

/* Is what stands behind the first ':' of an authority a port (or several hosts), so that it cannot
 * be the beginning of a password? */
static bool port_like(const char *start, const char *end)
{
    const char *colon = memchr(start, ':', (size_t)(end - start));
    if (!colon || *start == '[')
        return true;
    for (const char *p = colon + 1; p < end; p++)
        if (*p < '0' || *p > '9')
            return memchr(start, ',', (size_t)(end - start)) != NULL;
    return true;
}

/* The '@' that ends user and password, or NULL. Both readers take the first one; SQLAlchemy lets a
 * password hold '/', libpq does not. */
static const char *userinfo_end(const char *start)
{
    size_t n = strcspn(start, "@/");
    if (start[n] == '@')
        return start + n;
    if (start[n] == '/' && !port_like(start, start + n))
        return strchr(start + n, '@');
    return NULL;
}

static int raw_at(struct hg_err *err)
{
    hg_fail(err, HG_E_CONFIG, "the database URL has more than one `@`, so its password would end at "
                              "the first of them");
    return hg_hint(err, "write an `@` inside a user name or password as %%40 (and `/` as %%2F, `:` as "
                        "%%3A, `%%` as %%25)");
}

/* host:5432/a@b: for libpq host and port, for SQLAlchemy a user, a password "5432/a" and the host b. */
static int two_readings(struct hg_err *err)
{
    hg_fail(err, HG_E_CONFIG, "the database URL has an `@` in the database's name, so SQLAlchemy takes "
                              "host and port for user and password");
    return hg_hint(err, "write it as %%40");
}

int hg_pg_url_split(const char *text, struct hg_pg_url_parts *ret, struct hg_err *err)
{
    struct hg_pg_url_parts u = { 0 };
    const char *sep = strstr(text, "://");
    if (!sep || !scheme_ok(text, (size_t)(sep - text)))
        return not_ours(text, err);
    if (strlen(text) > HG_PG_URL_MAX)
        return hg_fail(err, HG_E_CONFIG, "the database URL is longer than %zu bytes", HG_PG_URL_MAX);
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return hg_fail(err, HG_E_CONFIG, "the database URL has a control character (a line end?) "
                                             "at position %td", p - text + 1);
    u.scheme = span(text, sep);
    const char *p = sep + 3;
    const char *at = userinfo_end(p);
    if (at) {
        const char *colon = memchr(p, ':', (size_t)(at - p));
        u.user = span(p, colon ? colon : at);
        if (colon)
            u.password = span(colon + 1, at);
        p = at + 1;
    }
    const char *end = p + strcspn(p, "/?");
    u.netloc = span(p, end);
    if (at && memchr(p, '@', u.netloc.len))
        return raw_at(err);
    if (*end == '/') {
        const char *path = end + 1;
        end = path + strcspn(path, "?");
        u.path = span(path, end);
        if (at && memchr(path, '@', u.path.len))
            return raw_at(err);
        if (!at && memchr(path, '@', u.path.len) && memchr(p, ':', u.netloc.len))
            return two_readings(err);
    }
    if (*end == '?')
        u.query = span(end + 1, end + strlen(end));
    *ret = u;
    return 0;
}
