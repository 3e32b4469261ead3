/* SPDX-License-Identifier: Apache-2.0 */
/* The database itself: does it answer, is it the right one, can it be migrated? */
#include "internal.h"

#include <math.h>

#include "gate/gate.h"
#include "gen/doctor_embed.h"

#define CONNECT_NS   (10 * HG_NS_PER_S)
#define CLOCK_MAX_S  5.0
#define EPOCH_COLUMN 14

static int64_t connect_timeout(const struct hg_exam *x)
{
    if (x->o->common->timeout_ns)
        return x->o->common->timeout_ns;
    return x->target.t->connect_timeout_ns ? x->target.t->connect_timeout_ns : CONNECT_NS;
}

/* ---- connecting ------------------------------------------------------------------------------------ */

static int connect_to(struct hg_exam *x, bool direct, PGconn **ret, struct hg_err *err)
{
    const struct hg_target *t = &x->target;
    struct hg_pg_spec spec = { .conninfo = direct ? t->direct_conninfo : t->conninfo,
                               .application_name = "headgate doctor",
                               .source = direct ? "direct_url" : t->url_source,
                               .shown = direct ? NULL : t->shown };
    int64_t before = hg_now_ns();
    int rc = hg_pg_connect(&spec, connect_timeout(x), ret, err);
    x->connect_ns = hg_now_ns() - before;
    return rc;
}

static enum hg_check_status say_server(struct hg_exam *x, struct hg_check *c, const PGconn *conn)
{
    const char *host = PQhost(conn);
    bool socket = host && *host == '/', tls = PQsslInUse((PGconn *)(uintptr_t)conn);
    const char *version = PQparameterStatus(conn, "server_version");
    hg_check_say(c, HG_CHECK_OK, "PostgreSQL %s, %s, %.0f ms", version ? version : "?",
                 tls ? "TLS" : socket ? "a local socket" : "no TLS",
                 (double)x->connect_ns / (double)HG_NS_PER_MS);
    if (!tls && !socket && x->target.remote) {
        hg_check_hint(c, "add sslmode=require to the URL (the server must offer TLS)");
        c->status = HG_CHECK_WARNING;
    }
    return c->status;
}

bool hg_doctor_has_direct(const struct hg_exam *x)
{
    return x->target.t->direct_url;
}

enum hg_check_status hg_doctor_answers(struct hg_exam *x, struct hg_check *c)
{
    struct hg_err err = { 0 };
    HG_AUTO(hg_pg_closep) PGconn *conn = NULL;
    if (connect_to(x, false, &conn, &err) < 0)
        return hg_check_error(c, HG_CHECK_FAIL, &err);
    say_server(x, c, conn);
    if (!hg_doctor_has_direct(x))
        x->conn = HG_TAKE(conn);
    return c->status;
}

enum hg_check_status hg_doctor_direct(struct hg_exam *x, struct hg_check *c)
{
    struct hg_err err = { 0 };
    HG_AUTO(hg_buf_wipe) struct hg_buf ignored = HG_BUF_INIT;
    const struct hg_target *t = &x->target;
    if (!t->direct_conninfo && hg_vars_expand(&t->vars, t->t->direct_url, &ignored, NULL, &err) < 0)
        return hg_check_error(c, HG_CHECK_FAIL, &err);
    if (!t->direct_conninfo)
        return hg_check_say(c, HG_CHECK_FAIL, "direct_url is no PostgreSQL address");
    if (connect_to(x, true, &x->conn, &err) < 0)
        return hg_check_error(c, HG_CHECK_FAIL, &err);
    return say_server(x, c, x->conn);
}

/* ---- one look, for all that follows ---------------------------------------------------------------- */

/* The status outside of the transaction: it tells whether sessions are read-only by themselves. Where
 * it could not tell the state (status_error), it still knows the database. */
static int ask(struct hg_exam *x, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    const struct hg_alembic_config *alembic = x->have_alembic ? &x->alembic : NULL;
    int64_t deadline = hg_now_ns() + HG_DOCTOR_QUERY_NS;
    if (hg_status_on(x->conn, &x->target, alembic, x->graph, deadline, &x->status,
                     &x->status_error) < 0 && !x->status.connected) {
        *err = x->status_error;
        return -1;
    }
    if (hg_pg_query(x->conn, "begin transaction read only", 0, NULL, deadline, &res, err) < 0)
        return -1;
    const char *schema, *table;
    hg_status_version_table(&x->target, alembic, &schema, &table);
    const char *params[] = { x->status.vt_schema ? x->status.vt_schema : schema,
                             x->status.vt_name ? x->status.vt_name : table };
    x->asked_ns = hg_wall_ns();
    if (hg_pg_query(x->conn, hg_sql_doctor_facts, 2, params, deadline, &x->facts, err) < 0)
        return -1;
    x->answered_ns = hg_wall_ns();
    hg_pg_clearp(&res);
    return hg_pg_query(x->conn, "rollback", 0, NULL, deadline, &res, err);
}

enum hg_check_status hg_doctor_identity(struct hg_exam *x, struct hg_check *c)
{
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    struct hg_err err = { 0 };
    if (ask(x, &err) < 0)
        return hg_check_error(c, HG_CHECK_UNKNOWN, &err);
    x->have_status = true;
    hg_gate_identity(&x->target, &x->status, &findings);
    const char *const rules[] = { "HG501", "HG502", "HG509", "HG503" };
    for (size_t i = 0; i < HG_COUNT(rules); i++)
        if (hg_check_finding(c, &findings, rules[i]))
            return c->status;
    const struct hg_status *s = &x->status;
    const struct hg_target_config *t = x->target.t;
    bool pinned = t->pin_system_identifier || t->pin_database || t->pin_oid;
    return hg_check_say(c, HG_CHECK_OK, "database %s of system %s, role %s%s; %s%s", s->db_name,
                        s->system_identifier ? s->system_identifier : "(hidden)", s->db_user,
                        pinned ? ", as pinned" : ", not pinned",
                        s->label_target ? "labelled " : "no label",
                        s->label_target ? s->label_target : "");
}

enum hg_check_status hg_doctor_writable(struct hg_exam *x, struct hg_check *c)
{
    if (hg_check_finding(c, &x->status.findings, "HG601") ||
        hg_check_finding(c, &x->status.findings, "HG602"))
        return c->status;
    return hg_check_say(c, HG_CHECK_OK, "a primary, and sessions may write");
}

enum hg_check_status hg_doctor_pooler(struct hg_exam *x, struct hg_check *c)
{
    if (hg_check_finding(c, &x->status.findings, "HG603"))
        return c->status;
    return hg_check_say(c, HG_CHECK_OK, "none: the server process is the one that the connection names");
}

enum hg_check_status hg_doctor_version_table(struct hg_exam *x, struct hg_check *c)
{
    const struct hg_status *s = &x->status;
    const char *const rules[] = { "HG604", "HG222" };
    for (size_t i = 0; i < HG_COUNT(rules); i++)
        if (hg_check_finding(c, &s->findings, rules[i]))
            return c->status;
    if (x->status_error.kind != HG_E_NONE && x->graph && hg_graph_ok(x->graph))
        return hg_check_error(c, HG_CHECK_UNKNOWN, &x->status_error);
    HG_AUTO(hg_freep) char *rows = hg_strv_join(&s->rows, ", ");
    if (!s->vt_exists)
        return hg_check_say(c, HG_CHECK_OK, "%s.%s is not there yet: the database is %s",
                            s->vt_schema ? s->vt_schema : "?", s->vt_name ? s->vt_name : "?",
                            hg_state_name(s->state));
    return hg_check_say(c, HG_CHECK_OK, "%s.%s holds %s: %s", s->vt_schema, s->vt_name,
                        s->rows.count ? rows : "no row", hg_state_name(s->state));
}

enum hg_check_status hg_doctor_clock(struct hg_exam *x, struct hg_check *c)
{
    const char *text = hg_pg_get(x->facts, 0, EPOCH_COLUMN);
    double server = text ? strtod(text, NULL) : 0;
    double before = (double)x->asked_ns / 1e9, after = (double)x->answered_ns / 1e9;
    double apart = server - (before + after) / 2, slack = (after - before) / 2;
    if (fabs(apart) <= CLOCK_MAX_S + slack)
        return hg_check_say(c, HG_CHECK_OK, "within %.1f s of the server's", fabs(apart));
    hg_check_hint(c, "timedatectl set-ntp true, on the machine that is wrong (`date -u` shows)");
    return hg_check_say(c, HG_CHECK_WARNING, "the server's clock is %.0f s %s this machine's",
                        fabs(apart), apart > 0 ? "ahead of" : "behind");
}

/* pg_dump refuses a server that is newer than itself. */
enum hg_check_status hg_doctor_dump(struct hg_exam *x, struct hg_check *c)
{
    int server = PQserverVersion(x->conn) / 10000;
    if (!x->pg_dump)
        return hg_check_skip(c, hg_check_find(x->out, "tools.pg_dump"));
    if (x->pg_dump >= server)
        return hg_check_say(c, HG_CHECK_OK, "pg_dump %d can dump a server of version %d", x->pg_dump,
                            server);
    hg_check_hint(c, "apt-get install postgresql-client-%d", server);
    return hg_check_say(c, HG_CHECK_WARNING, "pg_dump %d cannot dump a server of version %d", x->pg_dump,
                        server);
}
