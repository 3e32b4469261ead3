/* SPDX-License-Identifier: Apache-2.0 */
/* A status that somebody read earlier (snapshot, status.json), judged against the files that are here. */
#include "internal.h"

static char *number_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? hg_xasprintf("%lld", (long long)json_integer_value(value)) : NULL;
}

static bool said(const json_t *document, const char *rule)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(document, "findings"), i, item)
        if (hg_streq(hg_jget(item, "rule"), rule))
            return true;
    return false;
}

static void take_database(const json_t *document, struct hg_status *s)
{
    const json_t *d = json_object_get(document, "database");
    s->connected = true;
    s->db_name = hg_status_dup(d, "name");
    s->db_host = hg_status_dup(d, "host");
    s->db_port = number_text(d, "port");
    s->db_user = hg_status_dup(d, "user");
    s->system_identifier = hg_status_dup(d, "system_identifier");
    s->db_oid = number_text(d, "oid");
    s->server_version = (int)json_integer_value(json_object_get(d, "server_version"));
    s->in_recovery = json_is_true(json_object_get(d, "in_recovery"));
    s->read_only = json_is_true(json_object_get(d, "read_only"));
    /* Asked for only when there was no row, and then told by this finding. */
    s->has_user_tables = said(document, "HG214");
}

/* As headgate.summary has it. */
static json_t *summary_row(const json_t *document, const char *table)
{
    const json_t *l = json_object_get(document, "ledger"), *last = json_object_get(l, "last");
    const json_t *open = json_object_get(l, "open");
    if (!json_is_true(json_object_get(l, "exists")))
        return NULL;
    json_t *row = json_pack("{ss}", "version_table", table);
    const struct { const char *key; const json_t *from; const char *member; } FIELDS[] = {
        { "target", l, "label" }, { "held", l, "held" },
        { "last_revision", last, "revision" }, { "last_finished_at", last, "finished_at" },
        { "last_by", last, "by" }, { "last_outcome", last, "outcome" },
        { "last_direction", last, "direction" },
        { "open_run", open, "run" }, { "open_since", open, "since" },
        { "open_by", open, "by" }, { "open_host", open, "host" },
    };
    for (size_t i = 0; i < HG_COUNT(FIELDS); i++) {
        json_t *value = json_object_get(FIELDS[i].from, FIELDS[i].member);
        if (value)
            (void)json_object_set(row, FIELDS[i].key, value);
    }
    return row;
}

/* The ledger of the snapshot: {"revision", "down": […]} of all that ever ran. */
static json_t *applied_rows(const json_t *ledger)
{
    const json_t *applied = json_object_get(ledger, "applied");
    if (!json_is_array(applied))
        return NULL;
    json_t *rows = json_array(), *item, *parent;
    size_t i, k;
    json_array_foreach(applied, i, item) {
        json_t *row = json_copy(item), *down = json_array();
        json_array_foreach(json_object_get(item, "down_revisions"), k, parent)
            (void)json_array_append(down, parent);
        json_array_foreach(json_object_get(item, "depends_on"), k, parent)
            (void)json_array_append(down, parent);
        (void)json_object_set_new(row, "down", down);
        (void)json_array_append_new(rows, row);
    }
    return rows;
}

int hg_status_recorded(const struct hg_target *t, const json_t *document, const json_t *ledger,
                       const struct hg_graph *graph, struct hg_findings *graph_findings,
                       struct hg_status *ret, struct hg_err *err)
{
    const json_t *v = json_object_get(document, "version_table");
    const char *schema = hg_jget(v, "schema"), *name = hg_jget(v, "name");
    *ret = (struct hg_status){ .bare = graph == NULL };
    if (graph_findings)
        hg_findings_move(&ret->findings, graph_findings);
    take_database(document, ret);
    if (!schema || !name || !json_is_array(json_object_get(document, "rows")))
        return hg_fail(err, HG_E_UNKNOWN, "the snapshot does not tell where its version table is");
    HG_AUTO(hg_facts_done) struct hg_facts f = { .schema = hg_xstrdup(schema), .tables = json_array(),
                                                 .summary = json_array(), .holders = json_array(),
                                                 .applied = applied_rows(ledger) };
    if (json_is_true(json_object_get(v, "exists")))
        json_array_append_new(f.tables,
                              json_pack("{ss sb sb sO}", "schema", schema, "expected", true, "readable",
                                        json_is_true(json_object_get(v, "readable")), "rows",
                                        json_object_get(document, "rows")));
    HG_AUTO(hg_freep) char *table = hg_xasprintf("%s.%s", schema, name);
    json_t *row = summary_row(document, table);
    if (row)
        json_array_append_new(f.summary, row);
    ret->ledger_exists = ret->ledger_readable = row != NULL;
    return hg_status_judge(t, graph, schema, name, &f, NULL, 0, ret, err);
}
