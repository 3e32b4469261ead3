/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parsed URL as libpq's keyword='value' string, and as text for people. A key that libpq does not
 * know ends its connection attempt, so what only drivers and ORMs understand is left out here.
 */
#include "internal.h"

/* libpq's keywords that a URL may set (docs: libpq-connect, "Parameter Key Words", 13 to 18).
 * Those that URL parts cover are not here, nor is `replication`: it makes another kind of session. */
static const char *const LIBPQ[] = {
    "service", "servicefile", "passfile", "require_auth", "channel_binding", "connect_timeout",
    "options", "fallback_application_name", "keepalives", "keepalives_idle",
    "keepalives_interval", "keepalives_count", "tcp_user_timeout", "sslmode", "sslnegotiation",
    "sslcompression", "sslcert", "sslkey", "sslkeylogfile", "sslpassword", "sslcertmode",
    "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "requirepeer", "ssl_min_protocol_version",
    "ssl_max_protocol_version", "min_protocol_version", "max_protocol_version", "gssencmode",
    "krbsrvname", "gsslib", "gssdelegation", "scram_client_key", "scram_server_key",
    "target_session_attrs", "load_balance_hosts", "oauth_issuer", "oauth_client_id",
    "oauth_client_secret", "oauth_scope",
};

/* What drivers and ORMs add: psycopg, psycopg2, asyncpg, pg8000, SQLAlchemy, Prisma, JDBC, and
 * libpq keywords that we set ourselves. Whatever stands neither here nor above is dropped as well,
 * unless it looks like a misspelt keyword of libpq: then libpq refuses it by name, because a lost
 * "sslmod=require" would be worse than an error. */
static const char *const DRIVER[] = {
    "application_name", "client_encoding", "prepared_statement_cache_size",
    "prepared_statement_name_func", "async_fallback", "statement_cache_size", "command_timeout",
    "timeout", "max_cached_statement_lifetime", "max_cacheable_statement_size",
    "server_settings", "direct_tls", "pgbouncer", "schema", "connection_limit", "pool_timeout",
    "pool_size", "max_overflow", "sslaccept", "sslidentity", "socket_timeout", "prepare_threshold",
    "autocommit", "row_factory", "cursor_factory", "tcp_keepalive", "ssl_context",
    "replication", "plugin", "isolation_level", "executemany_mode", "use_native_hstore",
};

static bool in(const char *const *list, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], key) == 0)
            return true;
    return false;
}

static bool for_libpq(const char *key)
{
    if (in(LIBPQ, HG_COUNT(LIBPQ), key))
        return true;
    if (in(DRIVER, HG_COUNT(DRIVER), key))
        return false;
    return hg_nearest(key, LIBPQ, HG_COUNT(LIBPQ)) != NULL;
}

static void add(struct hg_buf *b, const char *key, const char *value)
{
    if (!value)
        return;
    if (b->len)
        hg_buf_addc(b, ' ');
    hg_buf_adds(b, key);
    hg_buf_adds(b, "='");
    for (const char *p = value; *p; p++) {
        if (*p == '\'' || *p == '\\')
            hg_buf_addc(b, '\\');
        hg_buf_addc(b, *p);
    }
    hg_buf_addc(b, '\'');
}

/* asyncpg's and JDBC's `ssl` takes a mode word or a truth value; libpq's word is sslmode. */
static const char *ssl_mode(const char *ssl)
{
    static const char *const YES[] = { "true", "True", "1", "on", "yes", "" };
    static const char *const NO[] = { "false", "False", "0", "off", "no" };
    if (in(YES, HG_COUNT(YES), ssl))
        return "require";
    if (in(NO, HG_COUNT(NO), ssl))
        return "disable";
    return ssl;
}

static bool has_param(const struct hg_pg_url *u, const char *key)
{
    for (size_t i = 0; i + 1 < u->params.count; i += 2)
        if (strcmp(u->params.items[i], key) == 0)
            return true;
    return false;
}

char *hg_pg_url_conninfo(const struct hg_pg_url *u)
{
    struct hg_buf b = HG_BUF_INIT;
    add(&b, "host", u->host);
    add(&b, "hostaddr", u->hostaddr);
    add(&b, "port", u->port);
    add(&b, "dbname", u->database);
    add(&b, "user", u->user);
    add(&b, "password", u->password);
    for (size_t i = 0; i + 1 < u->params.count; i += 2) {
        const char *key = u->params.items[i], *value = u->params.items[i + 1];
        if (strcmp(key, "ssl") == 0) {
            if (!has_param(u, "sslmode"))
                add(&b, "sslmode", ssl_mode(value));
        } else if (for_libpq(key)) {
            add(&b, key, value);
        }
    }
    return hg_buf_take(&b);
}

static bool comma(const char *s)
{
    return s && strchr(s, ',');
}

/* "h1:1,h2:2" from the parallel lists; a single port counts for all hosts. */
static void shown_hosts(const struct hg_pg_url *u, struct hg_buf *b)
{
    const char *host = u->host, *port = u->port ? u->port : "";
    for (;;) {
        size_t hl = strcspn(host, ","), pl = strcspn(port, ",");
        bool v6 = memchr(host, ':', hl) && *host != '/';
        hg_buf_addf(b, v6 ? "[%.*s]" : "%.*s", (int)hl, host);
        if (pl)
            hg_buf_addf(b, ":%.*s", (int)pl, port);
        if (!host[hl])
            return;
        hg_buf_addc(b, ',');
        host += hl + 1;
        if (comma(u->port) && port[pl])
            port += pl + 1;
    }
}

char *hg_pg_url_shown(const struct hg_pg_url *u)
{
    struct hg_buf b = HG_BUF_INIT;
    hg_buf_adds(&b, "postgresql://");
    if (u->user)
        hg_buf_addf(&b, "%s@", u->user);
    if (u->host)
        shown_hosts(u, &b);
    else if (u->port)
        hg_buf_addf(&b, ":%s", u->port);
    if (u->database)
        hg_buf_addf(&b, "/%s", u->database);
    HG_AUTO(hg_freep) char *raw = hg_buf_take(&b);
    return hg_printable(raw, 512);
}
