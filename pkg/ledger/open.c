/* SPDX-License-Identifier: Apache-2.0 */
/* Where the records of a run go, and the schema that takes them. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "gen/ledger_embed.h"

char *hg_ledger_admin_sql(const char *role)
{
    HG_AUTO(hg_freep) char *quoted = hg_pg_quote_ident(role);
    return hg_xasprintf("CREATE SCHEMA headgate AUTHORIZATION %s;", quoted);
}

char *hg_ledger_grant_sql(const char *role)
{
    HG_AUTO(hg_freep) char *quoted = hg_pg_quote_ident(role);
    return hg_xasprintf(
        "GRANT USAGE ON SCHEMA headgate TO %s; "
        "GRANT SELECT ON headgate.meta, headgate.applied, headgate.summary, headgate.runs, headgate.objects "
        "TO %s; GRANT SELECT, INSERT, UPDATE ON headgate.label, headgate.run, headgate.step TO %s; "
        "GRANT SELECT, INSERT ON headgate.change TO %s; GRANT SELECT, INSERT, DELETE ON headgate.held TO %s;",
        quoted, quoted, quoted, quoted, quoted);
}

/* The columns of sql/state.sql. */
enum { PRESENT, MAY_WRITE, MAY_CHANGE, MISSING_1, MISSING, MAY_ASK, ROLE, SHADOWS };

struct opening {
    const char *file;               /* for what does not go to the database */
    int64_t deadline_ns;
    struct hg_ledger *l;
    struct hg_findings *findings;
    PGresult *state;                /* one row */
};

static bool says(const struct opening *o, int column)
{
    const char *text = hg_pg_get(o->state, 0, column);
    return text && *text == 't';
}

static const char *role(const struct opening *o)
{
    const char *name = hg_pg_get(o->state, 0, ROLE);
    return name ? name : "?";
}

static int use_file(const char *file, struct hg_ledger *l, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *dir = hg_path_dir(file);
    if (hg_mkdir_p(dir, 0700, err) < 0)
        return hg_wrap(err, "the ledger's file");
    l->file = hg_xstrdup(file);
    return 0;
}

/* Not in the database: what that means depends on the mode. */
static int elsewhere(struct opening *o, const char *why, const char *help, struct hg_err *err)
{
    if (o->l->mode == HG_LEDGER_REQUIRED) {
        (void)hg_fail(err, HG_E_REFUSED, "%s, and `ledger: required` asks for it", why);
        return hg_hint(err, "%s", help);
    }
    struct hg_err file_err = { 0 };
    if (use_file(o->file, o->l, &file_err) < 0)
        hg_log(HG_LOG_INFO, "%s", file_err.message);
    struct hg_finding *f = hg_finding_add(o->findings, "HG507", "%s; this run is recorded in %s", why,
                                          o->l->file ? o->l->file : "no place at all");
    f->help = hg_xstrdup(help);
    f->object = hg_xstrdup("headgate");
    return 0;
}

static int no_privilege(struct opening *o, bool present, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *sql = present ? hg_ledger_grant_sql(role(o)) : hg_ledger_admin_sql(role(o));
    HG_AUTO(hg_freep) char *help = hg_xasprintf("as an administrator of the database: %s", sql);
    HG_AUTO(hg_freep) char *why = hg_xasprintf("role %s may not %s the ledger (schema headgate)", role(o),
                                               present ? "write" : "create");
    return elsewhere(o, why, help, err);
}

/* A schema headgate would be where the migrator's own unqualified tables go. */
static int shadowed(struct opening *o, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *quoted = hg_pg_quote_ident(role(o));
    HG_AUTO(hg_freep) char *help = hg_xasprintf(
        "migrate with a role of another name, or: ALTER ROLE %s SET search_path = public", quoted);
    if (says(o, PRESENT) || o->l->mode == HG_LEDGER_REQUIRED) {
        (void)hg_fail(err, HG_E_REFUSED, "the search_path of role %s leads to the schema headgate first: "
                      "the migrator would put its tables among headgate's own", role(o));
        return hg_hint(err, "%s", help);
    }
    HG_AUTO(hg_freep) char *why = hg_xasprintf("the search_path of role %s would make the schema headgate "
                                               "its default, so it is not created", role(o));
    return elsewhere(o, why, help, err);
}

static int newer(struct opening *o, int64_t version, struct hg_err *err)
{
    struct hg_finding *f = hg_finding_add(
        o->findings, "HG239", "the ledger of this database is of version %lld; headgate %s writes version %d",
        (long long)version, hg_version, HG_LEDGER_VERSION);
    f->object = hg_xstrdup("headgate.meta");
    (void)hg_fail(err, HG_E_REFUSED, "%s", f->message);
    return hg_hint(err, "use the newer headgate that others use for this database");
}

static int damaged(struct opening *o, const char *what, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *why = hg_xasprintf("the ledger is damaged: %s", what);
    return elsewhere(o, why, "headgate ledger verify says what it lacks; headgate ledger init, as the "
                     "schema's owner, makes it whole again", err);
}

/* 1: made; 0: this role may not; -1. */
static int make(struct opening *o, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *made = NULL;
    if (hg_pg_query(o->l->conn, hg_sql_ledger_schema, 0, NULL, o->deadline_ns, &made, err) == 0)
        return 1;
    return hg_streq(err->sqlstate, "42501") ? 0 : hg_wrap(err, "creating the ledger (schema headgate)");
}

static int upgrade(struct opening *o, int64_t version, struct hg_err *err)
{
    int rc = says(o, MAY_CHANGE) ? make(o, err) : 0;
    if (rc < 0)
        return -1;
    o->l->database = rc > 0;
    if (rc > 0)
        return 0;
    HG_AUTO(hg_freep) char *why = hg_xasprintf("the ledger is of version %lld, and role %s may not bring it to "
                                               "version %d", (long long)version, role(o), HG_LEDGER_VERSION);
    return elsewhere(o, why, "as the owner of the schema headgate: headgate ledger init", err);
}

static int lacking(struct opening *o, const char *names, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *what = hg_xasprintf("it lacks %s", names);
    return damaged(o, what, err);
}

/* A ledger is there, in whatever state. */
static int use_present(struct opening *o, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    int64_t version = 0;
    const char *missing = hg_pg_get(o->state, 0, MISSING), *missing_1 = hg_pg_get(o->state, 0, MISSING_1);
    if (!says(o, MAY_ASK))
        return missing_1 ? lacking(o, missing_1, err) : no_privilege(o, true, err);
    if (hg_pg_query(o->l->conn, hg_sql_ledger_version, 0, NULL, o->deadline_ns, &res, err) < 0)
        return hg_wrap(err, "asking for the ledger's version");
    const char *text = hg_pg_get(res, 0, 0);
    if (!text || hg_parse_int(text, 1, INT32_MAX, &version) < 0)
        return damaged(o, "headgate.meta has no version", err);
    if (version > HG_LEDGER_VERSION)
        return newer(o, version, err);
    const char *lacks = version < HG_LEDGER_VERSION ? missing_1 : missing;
    if (lacks)
        return lacking(o, lacks, err);
    if (version < HG_LEDGER_VERSION)
        return upgrade(o, version, err);
    o->l->database = says(o, MAY_WRITE);
    return o->l->database ? 0 : no_privilege(o, true, err);
}

static int open_schema(struct opening *o, struct hg_err *err)
{
    if (says(o, SHADOWS))
        return shadowed(o, err);
    if (says(o, PRESENT))
        return use_present(o, err);
    int rc = make(o, err);
    if (rc < 0)
        return -1;
    o->l->database = rc > 0;
    return rc > 0 ? 0 : no_privilege(o, false, err);
}

int hg_ledger_open(PGconn *conn, const struct hg_target *t, const char *file, int64_t deadline_ns,
                   struct hg_ledger *ret, struct hg_findings *findings,
                   struct hg_err *err)
{
    HG_AUTO(hg_ledger_done) struct hg_ledger l = { .conn = conn, .mode = t->t->ledger };
    HG_AUTO(hg_pg_clearp) PGresult *state = NULL;
    if (l.mode == HG_LEDGER_FILE && use_file(file, &l, err) < 0)
        return -1;
    if (l.mode == HG_LEDGER_AUTO || l.mode == HG_LEDGER_REQUIRED) {
        if (hg_pg_query(conn, hg_sql_ledger_state, 0, NULL, deadline_ns, &state, err) < 0)
            return hg_wrap(err, "looking for the ledger");
        struct opening o = { file, deadline_ns, &l, findings, state };
        if (open_schema(&o, err) < 0)
            return -1;
    }
    *ret = l;
    l = (struct hg_ledger){ 0 };
    return 0;
}

int hg_ledger_missing(PGconn *conn, int64_t deadline_ns, char **ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *state = NULL, *res = NULL;
    if (hg_pg_query(conn, hg_sql_ledger_state, 0, NULL, deadline_ns, &state, err) < 0)
        return hg_wrap(err, "looking for the ledger");
    int asked = hg_ledger_view(conn, "headgate.meta", hg_sql_ledger_version, 0, NULL, deadline_ns, &res, err);
    if (asked < 0)
        return -1;
    const char *version = asked > 0 ? hg_pg_get(res, 0, 0) : NULL;
    int64_t number = HG_LEDGER_VERSION;
    (void)(version && hg_parse_int(version, 1, INT32_MAX, &number));
    /* A newer one may keep in other tables what this one keeps in its own. */
    const char *lacks = hg_pg_get(state, 0, number == HG_LEDGER_VERSION ? MISSING : MISSING_1);
    char *text = lacks ? hg_xasprintf("it lacks %s", lacks) : NULL;
    if (!text && asked > 0 && !version)
        text = hg_xstrdup("headgate.meta has no version");
    *ret = text;
    return 0;
}

int hg_ledger_emptied(PGconn *conn, int64_t deadline_ns, bool *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (hg_pg_query(conn, hg_sql_ledger_emptied, 0, NULL, deadline_ns, &res, err) < 0)
        return hg_wrap(err, "looking for the ledger's runs");
    *ret = hg_streq(hg_pg_get(res, 0, 0), "t");
    return 0;
}

int hg_ledger_init(PGconn *conn, int64_t deadline_ns, const char **ret_done, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *state = NULL, *made = NULL;
    if (hg_pg_query(conn, hg_sql_ledger_state, 0, NULL, deadline_ns, &state, err) < 0)
        return hg_wrap(err, "looking for the ledger");
    struct opening o = { .deadline_ns = deadline_ns, .state = state };
    bool present = says(&o, PRESENT), lacks = hg_pg_get(state, 0, MISSING) != NULL;
    int version = 0;
    if (hg_ledger_version(conn, deadline_ns, &version, err) < 0)
        return -1;
    if (version > HG_LEDGER_VERSION)
        return hg_fail(err, HG_E_REFUSED, "the ledger is of version %d; headgate %s writes version %d",
                       version, hg_version, HG_LEDGER_VERSION);
    bool old = version > 0 && version < HG_LEDGER_VERSION;
    if (present && !lacks && version == HG_LEDGER_VERSION) {
        *ret_done = "nothing";
        return 0;
    }
    if (hg_pg_query(conn, hg_sql_ledger_schema, 0, NULL, deadline_ns, &made, err) < 0) {
        if (!hg_streq(err->sqlstate, "42501"))
            return hg_wrap(err, "creating the ledger (schema headgate)");
        err->kind = HG_E_REFUSED;
        HG_AUTO(hg_freep) char *sql = hg_ledger_admin_sql(role(&o));
        return present ? hg_hint(err, "this is for the owner of the schema headgate")
                       : hg_hint(err, "as an administrator of the database: %s", sql);
    }
    *ret_done = !present ? "created" : old ? "upgraded" : "mended";
    return 0;
}
