/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>

#include "ledger/ledger.h"
#include "status/status.h"

#define TIMEOUT_NS    (60 * HG_NS_PER_S)
#define LARGE_CATALOG "300000" /* bytes of pg_class: some 1,500 relations */

/* One snapshot being taken. */
struct taking {
    const struct hg_snapshot_options *o;
    int64_t timeout_ns;
    PGconn *conn;
    struct hg_strv unreadable;
    struct hg_findings *findings;
};

static int64_t deadline(const struct taking *t)
{
    return hg_now_ns() + t->timeout_ns;
}

static json_t *entry_json(const struct hg_ledger_entry *e)
{
    return json_pack("{so so so so so so so so so so so so}", "revision", hg_json_text(e->revision),
                     "direction", hg_json_text(e->direction), "down_revisions", hg_json_texts(&e->down),
                     "depends_on", hg_json_texts(&e->depends_on), "message",
                     hg_json_text(e->message), "path",
                     hg_json_text(e->path), "digest", hg_json_text(e->digest), "commit",
                     hg_json_text(e->commit), "by", hg_json_text(e->by), "host", hg_json_text(e->host),
                     "target", hg_json_text(e->target), "finished_at", hg_json_text(e->finished_at));
}

/* Needs no transaction: its views answer in one statement each. */
static int read_ledger(struct taking *t, const char *version_table, json_t **ret, struct hg_err *err)
{
    struct hg_ledger_summary s = { 0 };
    struct hg_ledger_entries entries = { 0 };
    if (hg_ledger_summary(t->conn, version_table, deadline(t), &s, err) < 0)
        return -1;
    if (!s.present) {
        *ret = json_null();
        hg_ledger_summary_done(&s);
        return 0;
    }
    int rc = hg_ledger_applied(t->conn, version_table, deadline(t), &entries, err);
    if (rc == 0) {
        json_t *applied = json_array();
        for (size_t i = 0; i < entries.count; i++)
            json_array_append_new(applied, entry_json(&entries.items[i]));
        *ret = json_pack("{so so so so so so}", "label", hg_json_text(s.label_target), "last_revision",
                         hg_json_text(s.last_revision), "last_finished_at",
                         hg_json_text(s.last_finished_at), "open", hg_json_text(s.open_run), "held",
                         hg_json_texts(&s.held), "applied", applied);
    }
    hg_ledger_entries_done(&entries);
    hg_ledger_summary_done(&s);
    return rc;
}

/* The name under which others may look at what this transaction sees; a standby has none. And whether
 * the catalog is so large that a second session is worth its start. */
static int export_snapshot(struct taking *t, char **ret, bool *ret_large, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    if (hg_pg_query(t->conn, "select case when not pg_is_in_recovery() then pg_export_snapshot() end, "
                             "pg_relation_size('pg_class') > " LARGE_CATALOG,
                    0, NULL, deadline(t), &res, err) < 0)
        return -1;
    *ret = hg_xstrdup(hg_pg_get(res, 0, 0));
    *ret_large = *hg_pg_get(res, 0, 1) == 't';
    return 0;
}

static void no_dump(struct taking *t, const struct hg_err *why)
{
    struct hg_finding *f = hg_finding_add(t->findings, "HG608", "schema.sql is left out: %s", why->message);
    if (*why->hint)
        f->help = hg_xstrdup(why->hint);
}

static void documents_of(const struct taking *t, struct hg_reading *r, struct hg_snapshot *s)
{
    s->activity = r->activity;
    s->catalog_text = r->catalog;
    s->sizes_text = r->sizes;
    if (t->o->for_file)
        return;
    s->catalog = json_loadb(hg_buf_str(&r->catalog), r->catalog.len, 0, NULL);
    s->sizes = json_loadb(hg_buf_str(&r->sizes), r->sizes.len, 0, NULL);
}

/* Everything that must be of one moment. pg_dump works beside us. */
static int read_moment(struct taking *t, const struct hg_pg_spec *spec, struct hg_snapshot *s,
                       struct hg_err *err)
{
    HG_AUTO(hg_freep) char *exported = NULL;
    struct hg_dump *dump = NULL;
    struct hg_err why = { 0 };
    bool large = false;
    if (export_snapshot(t, &exported, &large, err) < 0)
        return -1;
    if (t->o->schema_sql && hg_dump_start(t->o->target->conninfo, PQserverVersion(t->conn), exported,
                                          t->timeout_ns, &dump, &why) < 0)
        no_dump(t, &why);
    struct hg_reading r = { .conn = t->conn, .helper = large ? spec : NULL, .exported = exported,
                            .privileges = t->o->privileges, .queries = t->o->queries,
                            .exact_sizes = t->o->exact_sizes, .whole = true, .timeout_ns = t->timeout_ns,
                            .unreadable = &t->unreadable };
    int rc = hg_snapshot_read(&r, err);
    documents_of(t, &r, s);
    if (dump && hg_dump_finish(dump, &s->schema_sql, &why) < 0 && rc == 0)
        no_dump(t, &why);
    return rc;
}

static json_t *manifest(const struct taking *t, const json_t *status, const struct hg_buf *catalog)
{
    char now[HG_TIME_SIZE], digest[HG_SHA256_SIZE];
    hg_snapshot_text_digest(catalog, digest);
    json_t *m = json_object();
    json_object_set_new(m, "schema", json_string("headgate.snapshot/1"));
    HG_AUTO(hg_freep) char *tool = hg_xasprintf("headgate %s", hg_version);
    json_object_set_new(m, "tool", json_string(tool));
    json_object_set_new(m, "target", hg_json_text(t->o->target->t->name));
    json_object_set_new(m, "taken_at", json_string(hg_time_format(hg_wall_ns(), now)));
    json_object_set(m, "database", json_object_get(status, "database"));
    json_object_set_new(m, "catalog_digest", json_string(digest));
    json_object_set_new(m, "privileges", json_boolean(t->o->privileges));
    json_object_set_new(m, "queries", json_boolean(t->o->queries));
    json_object_set_new(m, "unreadable", hg_json_texts(&t->unreadable));
    json_object_set_new(m, "findings", hg_findings_json(t->findings));
    return m;
}

static int take(struct taking *t, const struct hg_pg_spec *spec, struct hg_snapshot *s, struct hg_err *err)
{
    const struct hg_target *target = t->o->target;
    HG_AUTO(hg_status_done) struct hg_status status = { 0 };
    if (hg_status_on(t->conn, target, t->o->alembic, t->o->graph, deadline(t), &status, err) < 0)
        return -1;
    s->status = hg_status_json(target, &status, NULL);
    HG_AUTO(hg_freep) char *version_table =
        hg_xasprintf("%s.%s", status.vt_schema ? status.vt_schema : "public",
                     status.vt_name ? status.vt_name : "alembic_version");
    if (read_ledger(t, version_table, &s->ledger, err) < 0 ||
        hg_snapshot_begin(t->conn, t->timeout_ns, err) < 0)
        return -1;
    int rc = read_moment(t, spec, s, err);
    hg_snapshot_end(t->conn, t->timeout_ns);
    if (rc == 0)
        s->manifest = manifest(t, s->status, &s->catalog_text);
    return rc;
}

int hg_snapshot_take(const struct hg_snapshot_options *o, struct hg_snapshot *ret,
                     struct hg_findings *findings, struct hg_err *err)
{
    HG_AUTO(hg_pg_closep) PGconn *conn = NULL;
    HG_AUTO(hg_snapshot_done) struct hg_snapshot s = { 0 };
    struct taking t = { .o = o, .findings = findings,
                        .timeout_ns = o->timeout_ns ? o->timeout_ns : TIMEOUT_NS };
    struct hg_pg_spec spec = { .conninfo = o->target->conninfo, .application_name = "headgate-snapshot",
                               .source = o->target->url_source, .shown = o->target->shown };
    if (hg_pg_connect(&spec, t.timeout_ns, &conn, err) < 0)
        return -1;
    t.conn = conn;
    int rc = take(&t, &spec, &s, err);
    hg_strv_done(&t.unreadable);
    if (rc < 0)
        return -1;
    *ret = s;
    s = (struct hg_snapshot){ 0 };
    return 0;
}

void hg_snapshot_done(struct hg_snapshot *s)
{
    json_t *const documents[] = { s->manifest, s->status, s->catalog, s->sizes, s->activity, s->ledger };
    for (size_t i = 0; i < HG_COUNT(documents); i++)
        json_decref(documents[i]);
    hg_buf_done(&s->schema_sql);
    hg_buf_done(&s->catalog_text);
    hg_buf_done(&s->sizes_text);
    *s = (struct hg_snapshot){ 0 };
}
