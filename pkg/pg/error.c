/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that failed, in words. libpq has no field for the SQLSTATE of a failed connection,
 * but with PQERRORS_VERBOSE it stands in the text behind the (translated) severity: "FATAL:  28P01: ".
 * libpq's own sentences are English, because nobody here calls setlocale().
 */
#include "internal.h"

/* The last SQLSTATE of the text (the last host tried), or "". */
static void find_sqlstate(const char *text, char out[6])
{
    out[0] = '\0';
    for (const char *p = text; (p = strstr(p, ":  ")); p += 3) {
        const char *code = p + 3;
        if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && hg_starts_with(code + 5, ": ")) {
            memcpy(out, code, 5);
            out[5] = '\0';
        }
    }
}

/* libpq's text without the source locations and codes of verbose mode, at most a few lines. */
static void set_detail(struct hg_err *err, const char *text)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        const char *code = memmem(line, len, ":  ", 3);
        if (!hg_starts_with(line, "LOCATION:  ") && len > 0) {
            if (b.len)
                hg_buf_addc(&b, '\n');
            if (code && strspn(code + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && code[8] == ':') {
                hg_buf_add(&b, line, (size_t)(code + 3 - line));
                hg_buf_add(&b, code + 10, len - (size_t)(code + 10 - line));
            } else {
                hg_buf_add(&b, line, len);
            }
        }
        line += len;
        line += *line == '\n';
    }
    hg_detail(err, "%s", hg_buf_str(&b));
}

char *hg_pg_where(const struct hg_pg_spec *spec, const PGconn *conn)
{
    if (spec->shown)
        return hg_xstrdup(spec->shown);
    const char *host = PQhost(conn), *port = PQport(conn);
    if (!host || !*host)
        return hg_xstrdup("the database server");
    return hg_xasprintf("%s:%s", host, port && *port ? port : "5432");
}

/* Who supplied the password that was refused (libpq: connection string, PGPASSWORD, passfile). */
static const char *password_source(const struct hg_pg_spec *spec, const PGconn *conn, const char *text)
{
    if (strstr(text, "password retrieved from file"))
        return "the password file (PGPASSFILE or ~/.pgpass)";
    const char *conninfo = spec->conninfo ? spec->conninfo : "";
    if (strstr(conninfo, "password='"))
        return spec->source ? spec->source : "the database URL";
    if (getenv("PGPASSWORD"))
        return "PGPASSWORD";
    return PQpass(conn) && *PQpass(conn) ? "a service file or libpq's defaults" : NULL;
}

/* ", read 40 min ago": a password that was right once may have run out since. Heap. */
static char *age(const struct hg_pg_spec *spec)
{
    char text[HG_AGE_SIZE];
    int64_t seconds = (hg_wall_ns() - spec->source_ns) / HG_NS_PER_S;
    if (!spec->source_ns || seconds < 0)
        return hg_xstrdup("");
    return hg_xasprintf(", %s %s ago", spec->source_written ? "written" : "read",
                        hg_age_format(seconds, text));
}

struct by_text {
    const char *contains, *sentence, *hint;
};

/* No server spoke: libpq's own sentences (fe-connect.c, fe-secure-openssl.c), most telling first. */
static const struct by_text TEXTS[] = {
    { "Temporary failure in name resolution", "no name server answered for its host name",
      "check this machine's network, VPN and /etc/resolv.conf, and try again" },
    { "could not translate host name", "the host name does not resolve",
      "check the host in the URL; a *.railway.internal or container name resolves only inside that "
      "network (on this machine use the public address)" },
    { "does not support SSL", "the server does not offer SSL, but sslmode demands it",
      "use sslmode=prefer (or disable on a private network), or switch SSL on in the server" },
    { "server does not support GSSAPI", "the server does not offer GSSAPI encryption",
      "set gssencmode=disable" },
    { "certificate verify failed", "the server's certificate could not be verified",
      "give the issuer's certificate with sslrootcert=FILE, or use sslmode=require to go without" },
    { "does not match host name", "the server's certificate is for another host name",
      "connect by the name in the certificate, or use sslmode=verify-ca" },
    { "root certificate file", "the certificate to verify the server with is missing",
      "give it with sslrootcert=FILE (sslrootcert=system with libpq 16), or use sslmode=require" },
    { "SSL error", "SSL could not be set up", "see the server's log; sslmode=disable shows whether SSL is the cause" },
    { "no password supplied", "the server asks for a password and none was given",
      "put it into the URL, PGPASSWORD or ~/.pgpass" },
    { "Connection refused", "nothing listens there (connection refused)",
      "is the server running, and are host and port right?" },
    { "No such file or directory", "there is no server socket at that place",
      "is the server running? `headgate postgres start` starts a private one; a host in the URL goes by TCP" },
    { "Network is unreachable", "the network is unreachable", "check this machine's network and VPN" },
    { "No route to host", "there is no route to the host", "check this machine's network and VPN" },
    { "timeout expired", "the server did not answer in time", "check host and port, or raise connect_timeout" },
    { "Connection timed out", "the server did not answer in time", "check host and port, or a firewall between" },
    { "Connection reset", "the connection was cut while it was being made",
      "a proxy or firewall may stand between, or the server restarted: try again" },
    { "server closed the connection", "the server closed the connection while it was being made",
      "it may be restarting, or a proxy has no server behind it: try again, then see the server's log" },
    { "definition of service", "the service is not in the service file", "check PGSERVICE and PGSERVICEFILE" },
    { "received invalid response to", "what answers there is not PostgreSQL", "check host and port" },
    { "expected authentication request", "what answers there is not PostgreSQL", "check host and port" },
    { "session is read-only", "no host of the list accepts writes", "check target_session_attrs and which server is the primary" },
};

static int by_text(const char *where, const char *text, struct hg_err *err)
{
    for (size_t i = 0; i < HG_COUNT(TEXTS); i++)
        if (strstr(text, TEXTS[i].contains)) {
            hg_fail(err, HG_E_DATABASE, "cannot connect to %s: %s", where, TEXTS[i].sentence);
            return hg_hint(err, "%s", TEXTS[i].hint);
        }
    if (strstr(text, "invalid connection option") || strstr(text, "invalid sslmode") ||
        strstr(text, "invalid port") || strstr(text, " value: ")) {
        hg_fail(err, HG_E_CONFIG, "libpq does not accept a parameter of the database address");
        return hg_hint(err, "correct or remove the parameter in the URL (this libpq is version %d)",
                       PQlibVersion() / 10000);
    }
    hg_fail(err, HG_E_DATABASE, "cannot connect to %s", where);
    return hg_hint(err, "check the address, and the server's log");
}

static int by_state(const char *where, const struct hg_pg_spec *spec, const PGconn *conn,
                    const char *state, const char *text, struct hg_err *err)
{
    const char *user = PQuser(conn) && *PQuser(conn) ? PQuser(conn) : "?";
    const char *db = PQdb(conn) && *PQdb(conn) ? PQdb(conn) : user;
    if (strcmp(state, "3D000") == 0) {
        hg_fail(err, HG_E_DATABASE, "database \"%s\" does not exist on %s", db, where);
        return hg_hint(err, "check the database name%s%s, or create it: createdb %s",
                       spec->source ? " in " : "", spec->source ? spec->source : "", db);
    }
    if (strcmp(state, "28P01") == 0) {
        const char *from = password_source(spec, conn, text);
        HG_AUTO(hg_freep) char *old = from == spec->source && from ? age(spec) : hg_xstrdup("");
        hg_fail(err, HG_E_DATABASE, "%s refused the password of user \"%s\"%s%s%s", where, user,
                from ? ", which came from " : "", from ? from : "", old);
        return hg_hint(err, "correct the password there, or reset it with ALTER ROLE … PASSWORD");
    }
    if (strcmp(state, "28000") == 0) {
        HG_AUTO(hg_freep) char *old = age(spec);
        hg_fail(err, HG_E_DATABASE, "%s does not let user \"%s\" in%s%s%s%s", where, user,
                spec->source ? " (" : "", spec->source ? spec->source : "",
                spec->source ? old : "", spec->source ? ")" : "");
        return hg_hint(err, "check the role's name and LOGIN right, and pg_hba.conf (its entries may "
                            "demand SSL: sslmode=require)");
    }
    if (strcmp(state, "57P03") == 0) {
        hg_fail(err, HG_E_DATABASE, "%s is starting up or shutting down", where);
        return hg_hint(err, "try again in a moment");
    }
    if (strcmp(state, "53300") == 0) {
        hg_fail(err, HG_E_DATABASE, "%s has too many connections", where);
        return hg_hint(err, "close some (pg_stat_activity lists them), raise the limit, or try again");
    }
    if (strcmp(state, "08P01") == 0 && strstr(text, "startup parameter")) {
        hg_fail(err, HG_E_DATABASE, "the pooler at %s refuses a startup parameter", where);
        return hg_hint(err, "take `options` out of the URL (and PGOPTIONS), or use the server's own "
                            "address instead of the pooler's");
    }
    if (strcmp(state, "42704") == 0 || strcmp(state, "22023") == 0) {
        hg_fail(err, HG_E_DATABASE, "%s does not accept a setting in `options`", where);
        return hg_hint(err, "correct `options` in the URL (spaces are %%20, `=` is %%3D) or PGOPTIONS");
    }
    hg_fail(err, HG_E_DATABASE, "%s refused the connection", where);
    return hg_hint(err, "see the server's log");
}

int hg_pg_connect_error(const struct hg_pg_spec *spec, const PGconn *conn, struct hg_err *err)
{
    const char *text = PQerrorMessage(conn);
    char state[6];
    find_sqlstate(text, state);
    HG_AUTO(hg_freep) char *where = hg_pg_where(spec, conn);
    if (*state)
        by_state(where, spec, conn, state, text, err);
    else
        by_text(where, text, err);
    set_detail(err, text);
    memcpy(err->sqlstate, state, sizeof state);
    hg_trace("connect_failed", "sqlstate", state, "message", err->message, NULL);
    return -1;
}
