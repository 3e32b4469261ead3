/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the way of a migration, asked before the gate judges: what the server is busy with
 * (sql/load.sql), and whether the role and the disk can carry it (sql/ready.sql). Only what can be known is
 * said: what this role may not see is not guessed at.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "gen/apply_embed.h"

#define LOOK_NS (5 * HG_NS_PER_S)
/* A transaction that is older stands in the way; the next lock_timeout will not outlast it. */
#define LONG_S "5"
/* What apply opens besides the two connections it has: the migrator's, one to cancel it, one to verify. */
enum { NEEDED = 3, SHOWN = 5 };
#define LAG_BYTES   ((long long)16 << 20) /* a segment of the WAL */
#define LAG_SECONDS 10
#define DISK_MIN    ((long long)256 << 20)

static long long number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static bool given(const json_t *object, const char *key)
{
    return json_is_integer(json_object_get(object, key));
}

/* "12 MB" */
static char *size_text(long long bytes)
{
    if (bytes < (long long)10 << 20)
        return hg_xasprintf("%lld kB", bytes >> 10);
    return bytes < (long long)10 << 30 ? hg_xasprintf("%lld MB", bytes >> 20)
                                       : hg_xasprintf("%lld GB", bytes >> 30);
}

/* "psql (pid 12, user alice, from 10.0.0.1, idle in transaction)". Heap. */
static char *session_text(const json_t *s)
{
    struct hg_buf b = HG_BUF_INIT;
    const char *application = hg_jstr(s, "application"), *user = hg_jget(s, "user");
    HG_AUTO(hg_freep) char *shown = hg_printable(application, 64);
    hg_buf_addf(&b, "%s (pid %lld", *shown ? shown : "a session without application_name", number(s, "pid"));
    if (user)
        hg_buf_addf(&b, ", user %s", user);
    if (hg_jget(s, "host"))
        hg_buf_addf(&b, ", from %s", hg_jstr(s, "host"));
    if (hg_jget(s, "state"))
        hg_buf_addf(&b, ", %s", hg_jstr(s, "state"));
    hg_buf_addc(&b, ')');
    return hg_buf_take(&b);
}

static void add_age(struct hg_buf *b, const json_t *s, const char *before, const char *after)
{
    char age[HG_AGE_SIZE];
    if (given(s, "seconds"))
        hg_buf_addf(b, "%s%s%s", before, hg_age_format(number(s, "seconds"), age), after);
}

/* Cancelling ends a statement; a transaction that runs none goes with its session only. */
static char *end_command(const json_t *s)
{
    bool idle = hg_starts_with(hg_jstr(s, "state"), "idle");
    return hg_xasprintf("SELECT pg_%s_backend(%lld);", idle ? "terminate" : "cancel", number(s, "pid"));
}

static void add_held(struct hg_buf *b, const json_t *s)
{
    const json_t *held = json_object_get(s, "held");
    size_t shown = json_array_size(held);
    if (!shown) {
        hg_buf_adds(b, "; CREATE INDEX CONCURRENTLY waits for it");
        return;
    }
    for (size_t i = 0; i < shown; i++)
        hg_buf_addf(b, "%s%s", i ? ", " : "; it holds ", json_string_value(json_array_get(held, i)));
    if (number(s, "count") > (long long)shown)
        hg_buf_addf(b, " and %lld more", number(s, "count") - (long long)shown);
}

static void report_transaction(const json_t *s, struct hg_findings *ret)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *who = session_text(s);
    HG_AUTO(hg_freep) char *end = end_command(s);
    bool dump = json_is_true(json_object_get(s, "dump"));
    hg_buf_addf(&b, "%s %s", who, dump ? "is a dump" : "has had a transaction open");
    add_age(&b, s, dump ? " at work for " : " for ", "");
    add_held(&b, s);
    struct hg_finding *f = hg_finding_add(ret, "HG610", "%s", hg_buf_str(&b));
    f->object = hg_xasprintf("pid %lld", number(s, "pid"));
    f->help = hg_xasprintf("Wait for its end (--wait-for-calm SECONDS)%s: %s",
                           dump ? ", or give up that dump" : ", or end it", end);
}

static void report_prepared(const json_t *s, struct hg_findings *ret)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *gid = hg_printable(hg_jstr(s, "gid"), 200);
    hg_buf_addf(&b, "prepared transaction %s of user %s is neither committed nor rolled back", gid,
                hg_jstr(s, "user"));
    add_age(&b, s, " for ", "");
    add_held(&b, s);
    struct hg_finding *f = hg_finding_add(ret, "HG610", "%s", hg_buf_str(&b));
    f->object = hg_xasprintf("prepared transaction %s", gid);
    f->help = hg_xasprintf("Its transaction manager ends it; one that nobody knows any more: ROLLBACK PREPARED "
                           "'%s'; in this database", gid);
}

static void report_queue(const json_t *s, struct hg_findings *ret)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    long long waiting = number(s, "waiting");
    const char *table = hg_jstr(s, "table");
    hg_buf_addf(&b, "%lld session%s for a lock on %s", waiting, waiting == 1 ? " waits" : "s wait", table);
    HG_AUTO(hg_freep) char *end = number(s, "pid") > 0 ? end_command(s) : NULL;
    if (end) {
        HG_AUTO(hg_freep) char *who = session_text(s);
        hg_buf_addf(&b, " behind %s", who);
        if (hg_jget(s, "holds"))
            hg_buf_addf(&b, ", which holds %s", hg_jstr(s, "holds"));
        add_age(&b, s, hg_jget(s, "holds") ? ", for " : ", busy for ", "");
    } else if (given(s, "pid")) {
        hg_buf_adds(&b, " behind a prepared transaction");
    }
    struct hg_finding *f = hg_finding_add(ret, "HG612", "%s", hg_buf_str(&b));
    f->object = hg_xstrdup(table);
    f->help = end ? hg_xasprintf("Let the queue drain (--wait-for-calm SECONDS), or end what it waits for: %s",
                                 end)
                  : hg_xstrdup("Let the queue drain: --wait-for-calm SECONDS");
}

static void report_replica(const json_t *s, struct hg_findings *ret)
{
    long long bytes = number(s, "bytes"), seconds = number(s, "seconds");
    if (bytes < LAG_BYTES && seconds < LAG_SECONDS)
        return;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *size = size_text(bytes);
    HG_AUTO(hg_freep) char *name = hg_printable(hg_jstr(s, "application"), 64);
    hg_buf_addf(&b, "replica %s (walsender pid %lld, user %s, from %s, %s, %s) has %s left to replay", name,
                number(s, "pid"), hg_jstr(s, "user"), hg_jstr(s, "host"), hg_jstr(s, "state"),
                hg_jstr(s, "sync"), size);
    add_age(&b, s, " and is ", " behind");
    struct hg_finding *f = hg_finding_add(ret, "HG613", "%s", hg_buf_str(&b));
    f->object = hg_xasprintf("replica %s", name);
    f->help = hg_xstrdup("Let it catch up (--wait-for-calm SECONDS); on it: SELECT pg_is_wal_replay_paused(), "
                         "and queries that hold replay back are in its pg_stat_activity.");
}

static void report_vacuum(const json_t *s, struct hg_findings *ret)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    bool wraparound = json_is_true(json_object_get(s, "wraparound"));
    const char *table = hg_jstr(s, "table");
    HG_AUTO(hg_freep) char *who = wraparound ? hg_xasprintf("autovacuum (pid %lld)", number(s, "pid"))
                                             : session_text(s);
    hg_buf_addf(&b, "%s vacuums %s%s", who, table, wraparound ? " to prevent wraparound" : "");
    add_age(&b, s, ", for ", " now");
    hg_buf_adds(&b, "; it holds SHARE UPDATE EXCLUSIVE and gives way to nobody");
    struct hg_finding *f = hg_finding_add(ret, "HG614", "%s", hg_buf_str(&b));
    f->object = hg_xstrdup(table);
    f->help = wraparound
        ? hg_xstrdup("Let it end (--wait-for-calm SECONDS): cancelled, it begins anew. Where it cannot be "
                     "waited for: VACUUM (FREEZE) at a quiet hour, before the migration.")
        : hg_xasprintf("Let it end (--wait-for-calm SECONDS), or SELECT pg_cancel_backend(%lld);",
                       number(s, "pid"));
}

static void report_connections(const json_t *s, struct hg_findings *ret)
{
    static const char *const KEYS[] = { "server", "of_role", "of_database" };
    for (size_t i = 0; i < HG_COUNT(KEYS); i++) {
        if (!given(s, KEYS[i]) || number(s, KEYS[i]) >= NEEDED)
            continue;
        long long left = number(s, KEYS[i]) < 0 ? 0 : number(s, KEYS[i]);
        HG_AUTO(hg_freep) char *where =
            i == 0 ? hg_xstrdup("the server (max_connections)")
                   : hg_xasprintf("%s %s (its connection limit)", i == 1 ? "role" : "database",
                                  hg_jstr(s, i == 1 ? "role" : "database"));
        struct hg_finding *f = hg_finding_add(ret, "HG615", "%s has %lld connection%s left; apply opens up to "
                                              "%d more", where, left, left == 1 ? "" : "s", NEEDED);
        f->object = hg_xstrdup(KEYS[i]);
        f->help = hg_xstrdup("Who has them: SELECT application_name, usename, state, count(*) FROM "
                             "pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC;");
    }
}

void hg_preflight_load(const json_t *seen, struct hg_findings *ret)
{
    static const struct {
        const char *key;
        void (*report)(const json_t *, struct hg_findings *);
    } PARTS[] = { { "transactions", report_transaction }, { "prepared", report_prepared },
                  { "queues", report_queue },             { "replicas", report_replica },
                  { "vacuums", report_vacuum } };
    for (size_t i = 0; i < HG_COUNT(PARTS); i++) {
        const json_t *list = json_object_get(seen, PARTS[i].key);
        for (size_t k = 0; k < json_array_size(list) && k < SHOWN; k++)
            PARTS[i].report(json_array_get(list, k), ret);
    }
    report_connections(json_object_get(seen, "connections"), ret);
}

/* A statement whose answer is one JSON object. Compiling these costs ten times their work; the setting stays
 * in the transaction, because behind a pooler the session is somebody else's next. New reference. */
static int ask(struct hg_run *r, const char *sql, size_t count, const char *const *params, json_t **ret,
               struct hg_err *err)
{
    enum { BEGIN, SETTLE, LOOK, END, ASKS };
    struct hg_pg_ask asks[ASKS] = { [BEGIN] = { .sql = "begin read only" },
                                    [SETTLE] = { .sql = "set local jit = off" },
                                    [LOOK] = { .sql = sql, .nparams = count, .params = params },
                                    [END] = { .sql = "rollback" } };
    int rc = hg_pg_ask_all(r->watch, asks, ASKS, hg_now_ns() + LOOK_NS, err);
    HG_AUTO(hg_pg_clearp) PGresult *res = HG_TAKE(asks[LOOK].res);
    hg_pg_asks_done(asks, ASKS);
    if (rc < 0)
        return hg_wrap(err, "looking what is in the way");
    const char *text = hg_pg_get(res, 0, 0);
    *ret = json_loads(text ? text : "{}", 0, NULL);
    return *ret ? 0 : hg_fail(err, HG_E_DATABASE, "looking what is in the way: no answer");
}

static int look_load(struct hg_run *r, const struct hg_touched *touched, struct hg_findings *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *tables = hg_pg_text_array(&touched->tables);
    const char *params[] = { tables, touched->all ? "true" : "false", LONG_S,
                             touched->concurrently ? "true" : "false" };
    json_t *seen = NULL;
    if (ask(r, hg_sql_apply_load, HG_COUNT(params), params, &seen, err) < 0)
        return -1;
    hg_preflight_load(seen, ret);
    json_decref(seen);
    return 0;
}

int hg_run_load(struct hg_run *r, struct hg_findings *ret, struct hg_err *err)
{
    HG_AUTO(hg_touched_done) struct hg_touched touched;
    hg_run_touched(r, &touched);
    return look_load(r, &touched, ret, err);
}

/* ---- can it be done at all -------------------------------------------------------------------- */

static void report_privileges(const json_t *seen, const char *version_table, struct hg_findings *ret)
{
    const char *role = hg_jstr(seen, "role");
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(seen, "not_owned"), i, item)
    {
        const char *table = hg_jstr(item, "table"), *owner = hg_jstr(item, "owner");
        struct hg_finding *f = hg_finding_add(ret, "HG616", "role %s may not alter %s: its owner is %s", role,
                                              table, owner);
        f->object = hg_xstrdup(table);
        f->help = hg_xasprintf("Run it as the owner, or let an administrator run: GRANT %s TO %s;", owner, role);
    }
    json_array_foreach(json_object_get(seen, "closed"), i, item)
    {
        const char *schema = json_string_value(item);
        struct hg_finding *f = hg_finding_add(ret, "HG616", "role %s may make nothing in schema %s", role,
                                              schema);
        f->object = hg_xstrdup(schema);
        f->help = hg_xasprintf("Let an administrator run: GRANT CREATE ON SCHEMA %s TO %s;", schema, role);
    }
    json_array_foreach(json_object_get(seen, "version_table"), i, item)
    {
        const char *privilege = json_string_value(item);
        struct hg_finding *f = hg_finding_add(ret, "HG616", "role %s has no %s on the version table %s", role,
                                              privilege, version_table);
        f->object = hg_xasprintf("%s %s", version_table, privilege);
        f->help = hg_xasprintf("Let its owner run: GRANT %s ON %s TO %s;", privilege, version_table, role);
    }
}

/* Does this process here serve our connection from there? Then the server's paths are ours. */
static bool served_here(long long pid, long long port)
{
    HG_AUTO(hg_buf_done) struct hg_buf title = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    HG_AUTO(hg_freep) char *path = hg_xasprintf("/proc/%lld/cmdline", pid);
    HG_AUTO(hg_freep) char *mark = port ? hg_xasprintf("(%lld) ", port) : hg_xstrdup(" [local] ");
    if (pid <= 0 || hg_file_read(path, 4096, &title, &ignored) < 0)
        return false;
    return hg_starts_with(hg_buf_str(&title), "postgres: ") && strstr(hg_buf_str(&title), mark);
}

static void report_disk(const json_t *seen, struct hg_findings *ret)
{
    const char *dir = hg_jget(seen, "data_directory");
    struct statvfs v;
    if (!dir || !served_here(number(seen, "pid"), number(seen, "port")) || statvfs(dir, &v) != 0)
        return;
    long long left = (long long)v.f_bavail * (long long)v.f_frsize, touched = number(seen, "bytes");
    if (left >= DISK_MIN && left >= touched)
        return;
    HG_AUTO(hg_freep) char *free_text = size_text(left);
    HG_AUTO(hg_freep) char *size = size_text(touched);
    hg_finding_add(ret, "HG617", "the server has %s left on the disk of %s; the tables that this touches take "
                   "about %s", free_text, dir, size)->object = hg_xstrdup(dir);
}

static int look_ready(struct hg_run *r, const struct hg_touched *touched, struct hg_findings *ret, struct hg_err *err)
{
    const struct hg_status *s = &r->status;
    HG_AUTO(hg_freep) char *altered = hg_pg_text_array(&touched->altered);
    HG_AUTO(hg_freep) char *schemas = hg_pg_text_array(&touched->schemas);
    HG_AUTO(hg_freep) char *tables = hg_pg_text_array(&touched->tables);
    HG_AUTO(hg_freep) char *version = hg_quoted_name(s->vt_schema ? s->vt_schema : "public",
                                                     s->vt_name ? s->vt_name : "alembic_version");
    const char *params[] = { altered, schemas, version, tables };
    json_t *seen = NULL;
    if (ask(r, hg_sql_apply_ready, HG_COUNT(params), params, &seen, err) < 0)
        return -1;
    report_privileges(seen, r->version_table, ret);
    report_disk(seen, ret);
    json_decref(seen);
    return 0;
}

void hg_run_preflight(struct hg_run *r)
{
    struct hg_err err = { 0 };
    hg_findings_done(&r->preflight);
    r->preflight = (struct hg_findings)HG_FINDINGS_INIT;
    if (!r->steps.count || r->o->baseline || r->o->adopt)
        return;
    HG_AUTO(hg_touched_done) struct hg_touched touched;
    hg_run_touched(r, &touched);
    if (look_load(r, &touched, &r->preflight, &err) < 0 || look_ready(r, &touched, &r->preflight, &err) < 0)
        hg_log(HG_LOG_INFO, "%s", err.message);
}
