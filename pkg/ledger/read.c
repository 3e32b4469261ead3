/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include <libpq-events.h>
#include <libpq-fe.h>

#include "gen/ledger_embed.h"

enum { AHEAD = 6 };

static char *copy(const PGresult *res, int row, int column)
{
    return hg_xstrdup(hg_pg_get(res, row, column));
}

static bool truth(const PGresult *res, int row, int column)
{
    const char *text = hg_pg_get(res, row, column);
    return text && (*text == 't' || *text == 'T');
}

/* A missing ledger is an answer, and so is one of which we may not read the views. */
static bool is_absent(const struct hg_err *err)
{
    static const char *const STATES[] = { "42P01", "3F000", "42501" };
    for (size_t i = 0; i < HG_COUNT(STATES); i++)
        if (hg_streq(err->sqlstate, STATES[i]))
            return true;
    return false;
}

/* What is kept with a session. */
struct known {
    struct hg_strv views;       /* that it was seen to be able to read; it is told once */
    struct ahead {              /* asked ahead, and not taken yet */
        const char *sql;
        char *param;            /* the only one, or NULL */
        PGresult *res;
        struct hg_err err;
    } ahead[AHEAD];
};

static void forget_ahead(struct known *k)
{
    for (size_t i = 0; i < AHEAD; i++) {
        hg_freep(&k->ahead[i].param);
        hg_pg_clearp(&k->ahead[i].res);
        k->ahead[i] = (struct ahead){ 0 };
    }
}

static int forget(PGEventId id, void *info, void *pass)
{
    (void)pass;
    struct known *k = id == PGEVT_CONNDESTROY ? PQinstanceData(((PGEventConnDestroy *)info)->conn, forget) : NULL;
    if (k) {
        hg_strv_done(&k->views);
        forget_ahead(k);
        free(k);
    }
    return 1;
}

/* NULL: nothing can be kept with it. */
static struct known *known_of(PGconn *conn)
{
    struct known *k = PQinstanceData(conn, forget);
    if (k || !PQregisterEventProc(conn, forget, "headgate ledger", NULL))
        return k;
    k = hg_xcalloc(1, sizeof *k);
    (void)PQsetInstanceData(conn, forget, k);
    return k;
}

static int is_there(PGconn *conn, const char *view, int64_t deadline_ns, struct hg_err *err)
{
    struct known *k = known_of(conn);
    HG_AUTO(hg_pg_clearp) PGresult *there = NULL;
    bool found = k && hg_strv_has(&k->views, view);
    if (found)
        return 1;
    if (hg_pg_query(conn, hg_sql_ledger_readable, 0, NULL, deadline_ns, &there, err) < 0)
        return hg_wrap(err, "looking for the ledger");
    for (int row = 0; row < PQntuples(there); row++) {
        const char *name = hg_pg_get(there, row, 0);
        found = found || hg_streq(name, view);
        if (k && !hg_strv_has(&k->views, name))
            hg_strv_add(&k->views, name);
    }
    return found;
}

/* The answer that was asked ahead, if it was; -2: it was not. */
static int taken(PGconn *conn, const char *sql, const char *param, PGresult **ret, struct hg_err *err)
{
    struct known *k = known_of(conn);
    for (size_t i = 0; k && i < AHEAD; i++) {
        struct ahead *a = &k->ahead[i];
        if (a->sql != sql || !hg_streq(a->param, param))
            continue;
        a->sql = NULL;
        *ret = HG_TAKE(a->res);
        if (!*ret)
            *err = a->err;
        return *ret ? 0 : -1;
    }
    return -2;
}

/* Asks first whether the view is there, so that polling leaves no error in the server's log. */
int hg_ledger_view(PGconn *conn, const char *view, const char *sql, size_t nparams,
                   const char *const *params, int64_t deadline_ns, PGresult **ret, struct hg_err *err)
{
    int there = is_there(conn, view, deadline_ns, err);
    if (there <= 0)
        return there;
    int rc = nparams < 2 ? taken(conn, sql, nparams ? params[0] : NULL, ret, err) : -2;
    if (rc == -2)
        rc = hg_pg_query(conn, sql, nparams, params, deadline_ns, ret, err);
    if (rc == 0)
        return 1;
    return is_absent(err) ? 0 : hg_wrap(err, "reading the ledger");
}

int hg_ledger_ahead(PGconn *conn, const char *version_table, int64_t deadline_ns, struct hg_err *err)
{
    const struct { const char *view, *sql, *param; } WANTED[AHEAD] = {
        { "headgate.summary", hg_sql_ledger_summary, version_table },
        { "headgate.meta", hg_sql_ledger_version, NULL },
        { "headgate.applied", hg_sql_ledger_applied, version_table },
        { "headgate.runs", hg_sql_ledger_record, NULL },
        { "headgate.objects", hg_sql_ledger_objects, version_table },
        { "headgate.runs", hg_sql_ledger_version_tables, NULL },
    };
    struct hg_pg_ask asks[AHEAD];
    struct known *k = known_of(conn);
    size_t count = 0;
    int there = k ? is_there(conn, WANTED[0].view, deadline_ns, err) : 0; /* tells of the others too */
    if (there <= 0)
        return there;
    forget_ahead(k);
    for (size_t i = 0; i < AHEAD; i++) {
        if (!hg_strv_has(&k->views, WANTED[i].view))
            continue;
        struct ahead *a = &k->ahead[count];
        *a = (struct ahead){ .sql = WANTED[i].sql, .param = hg_xstrdup(WANTED[i].param) };
        asks[count++] = (struct hg_pg_ask){ .sql = a->sql, .nparams = a->param != NULL,
                                            .params = (const char *const *)&a->param };
    }
    int rc = hg_pg_ask_each(conn, asks, count, deadline_ns, err);
    for (size_t i = 0; i < count; i++) {
        k->ahead[i].res = HG_TAKE(asks[i].res);
        k->ahead[i].err = asks[i].err;
    }
    if (rc == 0)
        return 0;
    forget_ahead(k);
    return hg_wrap(err, "reading the ledger");
}

void hg_ledger_ahead_done(PGconn *conn)
{
    struct known *k = PQinstanceData(conn, forget);
    if (k)
        forget_ahead(k);
}

int hg_ledger_version(PGconn *conn, int64_t deadline_ns, int *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    int64_t version = 0;
    int rc = hg_ledger_view(conn, "headgate.meta", hg_sql_ledger_version, 0, NULL, deadline_ns, &res, err);
    if (rc < 0)
        return -1;
    const char *text = rc > 0 ? hg_pg_get(res, 0, 0) : NULL;
    if (text && hg_parse_int(text, 1, INT32_MAX, &version) < 0)
        version = 0;
    *ret = (int)version;
    return 0;
}

int hg_ledger_summary(PGconn *conn, const char *version_table, int64_t deadline_ns,
                      struct hg_ledger_summary *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_ledger_summary s = { 0 };
    const char *params[] = { version_table };
    int rc = hg_ledger_view(conn, "headgate.summary", hg_sql_ledger_summary, 1, params, deadline_ns,
                            &res, err);
    if (rc < 0)
        return -1;
    s.present = rc > 0;
    if (rc > 0 && PQntuples(res) > 0) {
        s.label_target = copy(res, 0, 0);
        s.label_protected = truth(res, 0, 1);
        s.last_revision = copy(res, 0, 2);
        s.last_finished_at = copy(res, 0, 3);
        s.last_by = copy(res, 0, 4);
        s.last_outcome = copy(res, 0, 5);
        s.last_rows_known = hg_pg_get(res, 0, 6) != NULL;
        hg_ledger_list(hg_pg_get(res, 0, 6), &s.last_rows);
        s.open_run = copy(res, 0, 7);
        s.open_since = copy(res, 0, 8);
        s.open_by = copy(res, 0, 9);
        s.open_host = copy(res, 0, 10);
        const char *pid = hg_pg_get(res, 0, 11);
        (void)(pid && hg_parse_int(pid, 0, INT64_MAX, &s.open_pid));
        s.open_direction = copy(res, 0, 12);
        hg_ledger_list(hg_pg_get(res, 0, 13), &s.open_from);
        hg_ledger_list(hg_pg_get(res, 0, 14), &s.open_to);
        hg_ledger_list(hg_pg_get(res, 0, 15), &s.held);
    }
    *ret = s;
    return 0;
}

void hg_ledger_summary_done(struct hg_ledger_summary *s)
{
    char **owned[] = { &s->label_target, &s->last_revision, &s->last_finished_at, &s->last_by,
                       &s->last_outcome, &s->open_run,      &s->open_since,       &s->open_by,
                       &s->open_host,    &s->open_direction };
    for (size_t i = 0; i < HG_COUNT(owned); i++)
        hg_freep(owned[i]);
    hg_strv_done(&s->last_rows);
    hg_strv_done(&s->open_from);
    hg_strv_done(&s->open_to);
    hg_strv_done(&s->held);
}

static void read_entry(const PGresult *res, int row, struct hg_ledger_entry *e)
{
    char **columns[] = { &e->revision, &e->direction, NULL, &e->message, &e->path, &e->digest,
                         &e->commit, &e->by, &e->host, &e->target, &e->finished_at };
    for (size_t i = 0; i < HG_COUNT(columns); i++)
        if (columns[i])
            *columns[i] = copy(res, row, (int)i);
    hg_ledger_list(hg_pg_get(res, row, 2), &e->down);
    hg_ledger_list(hg_pg_get(res, row, 11), &e->depends_on);
}

int hg_ledger_applied(PGconn *conn, const char *version_table, int64_t deadline_ns,
                      struct hg_ledger_entries *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_ledger_entries e = { 0 };
    const char *params[] = { version_table };
    int rc = hg_ledger_view(conn, "headgate.applied", hg_sql_ledger_applied, 1, params, deadline_ns,
                            &res, err);
    if (rc < 0)
        return -1;
    for (int row = 0; rc > 0 && row < PQntuples(res); row++) {
        e.items = hg_grow(e.items, e.count, &e.cap, sizeof *e.items);
        e.items[e.count] = (struct hg_ledger_entry){ 0 };
        read_entry(res, row, &e.items[e.count++]);
    }
    *ret = e;
    return 0;
}

void hg_ledger_entry_done(struct hg_ledger_entry *x)
{
    char **owned[] = { &x->revision, &x->direction, &x->message, &x->path, &x->digest,
                       &x->commit,   &x->by,        &x->host,    &x->target, &x->finished_at };
    for (size_t k = 0; k < HG_COUNT(owned); k++)
        hg_freep(owned[k]);
    hg_strv_done(&x->down);
    hg_strv_done(&x->depends_on);
}

void hg_ledger_entries_done(struct hg_ledger_entries *e)
{
    for (size_t i = 0; i < e->count; i++)
        hg_ledger_entry_done(&e->items[i]);
    free(e->items);
    *e = (struct hg_ledger_entries){ 0 };
}
