/* SPDX-License-Identifier: Apache-2.0 */
/* The document headgate.status/1 (docs/schema/status.schema.json). */
#include "internal.h"

static json_t *whole(const char *digits)
{
    int64_t value = 0;
    return digits && hg_parse_int(digits, INT64_MIN, INT64_MAX, &value) == 0 ? json_integer(value)
                                                                            : json_null();
}

static json_t *pending_json(const struct hg_status *s)
{
    if (!s->pending_known)
        return json_null();
    json_t *a = json_array();
    for (size_t i = 0; i < s->pending.count; i++) {
        const struct hg_revision *r = s->pending.items[i];
        json_array_append_new(a, json_pack("{so so so so}", "revision", hg_json_text(r->id),
                                           "down_revisions", hg_json_texts(&r->down), "message",
                                           hg_json_text(r->doc), "path", hg_json_text(r->path)));
    }
    return a;
}

static json_t *lost_json(const struct hg_status *s)
{
    json_t *a = json_array();
    for (size_t i = 0; i < s->lost_count; i++) {
        const struct hg_lost *l = &s->lost[i];
        json_array_append_new(
            a, json_pack("{so so so so so so so so so}", "revision", hg_json_text(l->revision), "found",
                         hg_json_text(l->found), "message", hg_json_text(l->message), "path",
                         hg_json_text(l->path), "branch", hg_json_text(l->branch), "commit",
                         hg_json_text(l->commit), "date", hg_json_text(l->date), "by",
                         hg_json_text(l->by), "down_revisions", hg_json_texts(&l->down)));
    }
    return a;
}

/* Before a connection the address of the target is all that is known. */
static json_t *database_json(const struct hg_target *t, const struct hg_status *s)
{
    bool c = s->connected;
    json_t *d = json_object();
    json_object_set_new(d, "name", hg_json_text(c ? s->db_name : t->database));
    json_object_set_new(d, "host", hg_json_text(c ? s->db_host : t->host));
    json_object_set_new(d, "port", whole(c ? s->db_port : t->port));
    json_object_set_new(d, "user", hg_json_text(c ? s->db_user : t->user));
    json_object_set_new(d, "server_version", c ? json_integer(s->server_version) : json_null());
    json_object_set_new(d, "system_identifier", hg_json_text(s->system_identifier));
    json_object_set_new(d, "oid", whole(s->db_oid));
    json_object_set_new(d, "in_recovery", c ? json_boolean(s->in_recovery) : json_null());
    json_object_set_new(d, "read_only", c ? json_boolean(s->read_only) : json_null());
    json_object_set_new(d, "pool_mode", hg_json_text(s->pool_mode));
    return d;
}

static json_t *table_json(const struct hg_status *s)
{
    bool told = s->connected && s->vt_name;
    json_t *v = json_object();
    json_object_set_new(v, "schema", hg_json_text(s->vt_schema));
    json_object_set_new(v, "name", hg_json_text(s->vt_name));
    json_object_set_new(v, "exists", told ? json_boolean(s->vt_exists) : json_null());
    json_object_set_new(v, "readable",
                        told && s->vt_exists ? json_boolean(s->vt_readable) : json_null());
    json_object_set_new(v, "candidates", hg_json_texts(&s->vt_candidates));
    return v;
}

static json_t *ledger_json(const struct hg_status *s)
{
    json_t *last = json_null();
    if (s->last_revision || s->last_finished_at)
        last = json_pack("{so so so so so}", "revision", hg_json_text(s->last_revision), "finished_at",
                         hg_json_text(s->last_finished_at), "by", hg_json_text(s->last_by), "outcome",
                         hg_json_text(s->last_outcome), "direction", hg_json_text(s->last_direction));
    json_t *open = json_null();
    if (s->open_intent)
        open = json_pack("{so so so so}", "run", hg_json_text(s->open_intent), "since",
                         hg_json_text(s->open_since), "by", hg_json_text(s->open_by), "host",
                         hg_json_text(s->open_host));
    json_t *l = json_object();
    json_object_set_new(l, "exists", s->connected ? json_boolean(s->ledger_exists) : json_null());
    json_object_set_new(l, "readable", s->connected && s->ledger_exists
                                           ? json_boolean(s->ledger_readable) : json_null());
    json_object_set_new(l, "last", last);
    json_object_set_new(l, "open", open);
    json_object_set_new(l, "label", hg_json_text(s->label_target));
    json_object_set_new(l, "held", hg_json_texts(&s->held));
    return l;
}

static json_t *running_json(const struct hg_status *s)
{
    if (!s->running)
        return json_null();
    json_t *blocked = json_array();
    for (size_t i = 0; i < s->run_blocked_by.count; i++)
        json_array_append_new(blocked, whole(s->run_blocked_by.items[i]));
    return json_pack("{so so so so so so}", "revision", hg_json_text(s->run_revision), "by",
                     hg_json_text(s->run_by), "host", hg_json_text(s->run_host), "pid",
                     json_integer(s->run_pid), "since", hg_json_text(s->run_since), "blocked_by", blocked);
}

static json_t *error_json(const struct hg_err *err)
{
    json_t *e = json_object();
    json_object_set_new(e, "kind", json_string(hg_err_kind_name(err->kind)));
    json_object_set_new(e, "message", hg_json_text(err->message));
    json_object_set_new(e, "detail", hg_json_text(*err->detail ? err->detail : NULL));
    json_object_set_new(e, "hint", hg_json_text(*err->hint ? err->hint : NULL));
    json_object_set_new(e, "exit_code", json_integer(hg_err_exit_code(err)));
    return e;
}

json_t *hg_status_json(const struct hg_target *t, const struct hg_status *s, const struct hg_err *err)
{
    json_t *d = json_object();
    json_object_set_new(d, "schema", json_string("headgate.status/1"));
    json_object_set_new(d, "target", hg_json_text(t->t ? t->t->name : NULL));
    json_object_set_new(d, "state", json_string(hg_state_name(s->state)));
    json_object_set_new(d, "heads", hg_json_texts(&s->heads));
    json_object_set_new(d, "rows", hg_json_texts(&s->rows));
    json_object_set_new(d, "current", hg_json_texts(&s->current));
    json_object_set_new(d, "pending", pending_json(s));
    json_object_set_new(d, "unknown", hg_json_texts(&s->unknown));
    json_object_set_new(d, "unknown_details", lost_json(s));
    json_object_set_new(d, "database", database_json(t, s));
    json_object_set_new(d, "version_table", table_json(s));
    json_object_set_new(d, "ledger", ledger_json(s));
    json_object_set_new(d, "running", running_json(s));
    json_object_set_new(d, "findings", hg_findings_json(&s->findings));
    if (err && err->kind != HG_E_NONE)
        json_object_set_new(d, "error", error_json(err));
    return d;
}
