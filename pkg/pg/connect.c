/* SPDX-License-Identifier: Apache-2.0 */
/* Connections with a deadline: PQconnectStartParams, then PQconnectPoll between poll(2)s. */
#include "internal.h"

#include <errno.h>
#include <poll.h>

#define STOP_LOOK_MS 100

void hg_pg_closep(PGconn **conn)
{
    if (*conn) {
        int saved = errno;
        PQfinish(*conn);
        errno = saved;
        *conn = NULL;
    }
}

void hg_pg_clearp(PGresult **res)
{
    PQclear(*res);
    *res = NULL;
}

static void quiet(void *context, const PGresult *res)
{
    (void)context;
    (void)res; /* notices of the server are not ours to print */
}

/* libpq looks for Kerberos credentials before every TCP connection, which costs more than a round trip
 * to a near server. Where nothing on this machine speaks of Kerberos there are none to be found. */
static bool kerberos_possible(const struct hg_pg_spec *spec)
{
    if (getenv("PGGSSENCMODE") || getenv("PGSERVICE") || strstr(spec->conninfo, "service='") ||
        getenv("KRB5CCNAME") || getenv("KRB5_CONFIG") || access("/etc/krb5.conf", F_OK) == 0)
        return true;
    char cache[64];
    (void)snprintf(cache, sizeof cache, "/tmp/krb5cc_%u", (unsigned)geteuid());
    return access(cache, F_OK) == 0;
}

int hg_pg_connect_start(const struct hg_pg_spec *spec, PGconn **ret, struct hg_err *err)
{
    /* Later keys win over dbname's expansion, so only what must hold stands behind it; keepalives
     * stand before it and can be changed by the URL. */
    const char *keys[] = { "keepalives_idle", "keepalives_interval", "keepalives_count",
                           "tcp_user_timeout", "gssencmode", "dbname", "client_encoding",
                           "application_name", NULL };
    const char *values[] = { "15", "5", "3", "15000", kerberos_possible(spec) ? NULL : "disable",
                             spec->conninfo, "UTF8", spec->application_name, NULL };
    hg_trace("connect_start", "as", spec->application_name, NULL);
    PGconn *conn = PQconnectStartParams(keys, values, 1);
    if (!conn)
        return hg_fail(err, HG_E_BUG, "libpq could not make a connection object");
    /* The only way to learn the SQLSTATE of a failed connection is in its text. */
    (void)PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
    (void)PQsetNoticeReceiver(conn, quiet, NULL);
    if (PQstatus(conn) == CONNECTION_BAD) {
        hg_pg_connect_error(spec, conn, err);
        PQfinish(conn);
        return -1;
    }
    *ret = conn;
    return 0;
}

/* connect_timeout of the connection string or the environment, for all its hosts together; 0: none.
 * libpq applies it only in its blocking calls. */
static int64_t own_limit_ns(PGconn *conn)
{
    int64_t seconds = 0, hosts = 1;
    PQconninfoOption *options = PQconninfo(conn);
    for (PQconninfoOption *o = options; o && o->keyword; o++) {
        if (!o->val)
            continue;
        if (strcmp(o->keyword, "connect_timeout") == 0)
            (void)hg_parse_int(o->val, 0, 86400, &seconds);
        else if (strcmp(o->keyword, "host") == 0)
            for (const char *p = o->val; (p = strchr(p, ',')); p++)
                hosts++;
    }
    PQconninfoFree(options);
    if (seconds == 1)
        seconds = 2; /* as libpq rounds up */
    return seconds * hosts * HG_NS_PER_S;
}

static int timed_out(const struct hg_pg_spec *spec, PGconn *conn, int64_t began, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *where = hg_pg_where(spec, conn);
    double seconds = (double)(hg_now_ns() - began) / (double)HG_NS_PER_S;
    hg_fail(err, HG_E_DATABASE, "no answer from %s within %.1f s", where, seconds);
    hg_detail(err, "%s", PQsocket(conn) >= 0 && PQstatus(conn) != CONNECTION_STARTED
                             ? "something accepted the connection but did not answer as PostgreSQL does"
                             : "no packet came back: a firewall, a wrong address, or a network that "
                               "is down");
    return hg_hint(err, "check host and port%s%s, or wait longer with --timeout SECONDS",
                   spec->source ? " in " : "", spec->source ? spec->source : "");
}

/* What `stop` looks at, a signal say, may come between the look and the wait. */
static int slice_ms(const struct hg_pg_spec *spec, int64_t deadline_ns)
{
    int left = hg_ms_left(deadline_ns);
    return spec->stop && (left < 0 || left > STOP_LOOK_MS) ? STOP_LOOK_MS : left;
}

int hg_pg_connect_finish(PGconn *conn, const struct hg_pg_spec *spec, int64_t deadline_ns,
                         struct hg_err *err)
{
    int64_t began = hg_now_ns(), own = own_limit_ns(conn);
    if (own && (!deadline_ns || began + own < deadline_ns))
        deadline_ns = began + own;
    PostgresPollingStatusType wait = PGRES_POLLING_WRITING;
    while (wait != PGRES_POLLING_OK) {
        if (wait == PGRES_POLLING_FAILED || PQsocket(conn) < 0)
            return hg_pg_connect_error(spec, conn, err);
        struct pollfd p = { .fd = PQsocket(conn),
                            .events = wait == PGRES_POLLING_READING ? POLLIN : POLLOUT };
        if (spec->stop && spec->stop(err) < 0)
            return -1;
        int n = poll(&p, 1, slice_ms(spec, deadline_ns));
        if (n == 0 && hg_ms_left(deadline_ns) == 0)
            return timed_out(spec, conn, began, err);
        if (n < 0 && errno != EINTR)
            return hg_fail_errno(err, HG_E_DATABASE, "waiting for the database");
        if (n > 0)
            wait = PQconnectPoll(conn);
    }
    (void)PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
    hg_trace("connected", "as", spec->application_name, NULL);
    return 0;
}

int hg_pg_connect(const struct hg_pg_spec *spec, int64_t timeout_ns, PGconn **ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_closep) PGconn *conn = NULL;
    int64_t deadline = timeout_ns ? hg_now_ns() + timeout_ns : 0;
    if (hg_pg_connect_start(spec, &conn, err) < 0 ||
        hg_pg_connect_finish(conn, spec, deadline, err) < 0)
        return -1;
    *ret = HG_TAKE(conn);
    return 0;
}
