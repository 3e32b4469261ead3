/* SPDX-License-Identifier: Apache-2.0 */
/* What is there now against what headgate remembers, on one connection. */
#include "past.h"

#include "gen/gate_embed.h"

/* Rows that moved since headgate last looked. */
static void check_rows(struct hg_judge *j, struct hg_past *past)
{
    const struct hg_ledger_summary *s = &past->summary;
    /* A run that only moves a row over a squash leaves rows and schema alone until it does. */
    if (!s->present || !s->last_rows_known || (s->open_run && !hg_streq(s->open_direction, "squash")))
        return;
    HG_AUTO(hg_strv_done) struct hg_strv now = HG_STRV_INIT, then = HG_STRV_INIT;
    hg_strv_addv(&now, &j->in->status->rows);
    hg_strv_addv(&then, &s->last_rows);
    hg_strv_sort(&now);
    hg_strv_sort(&then);
    HG_AUTO(hg_freep) char *is = hg_strv_join(&now, ", ");
    HG_AUTO(hg_freep) char *was = hg_strv_join(&then, ", ");
    past->rows_as_recorded = hg_streq(is, was);
    if (!past->rows_as_recorded && !s->open_run && !hg_findings_have(&j->out->findings, "HG215"))
        hg_finding_add(&j->out->findings, "HG215",
                       "the version table holds %s; headgate left it at %s", *is ? is : "nothing",
                       *was ? was : "nothing");
}

static void check_held(struct hg_judge *j, const struct hg_strv *held)
{
    const struct hg_status *s = j->in->status;
    for (size_t i = 0; !j->in->release && i < s->pending.count; i++) {
        const struct hg_revision *r = s->pending.items[i];
        if (!hg_strv_has(held, r->id))
            continue;
        struct hg_finding *f = hg_finding_add(&j->out->findings, "HG223",
                                              "revision %s was rolled back and is held", r->id);
        f->path = hg_xstrdup(r->path);
        f->revision = hg_xstrdup(r->id);
    }
}

static int check_emptied(struct hg_judge *j, const struct hg_past *past, struct hg_err *err)
{
    bool emptied = false;
    if (!past->summary.present || past->summary.last_rows_known || past->summary.open_run)
        return 0;
    if (hg_ledger_emptied(past->conn, hg_judge_until(j), &emptied, err) < 0)
        return -1;
    if (emptied)
        hg_finding_add(&j->out->findings, "HG229",
                       "the ledger of %s has recorded runs, and holds none: it was emptied",
                       j->in->status->db_name)->object = hg_xstrdup("headgate.run");
    return 0;
}

/* What apply could not record, it must not do. */
static int check_version(struct hg_judge *j, const struct hg_past *past, struct hg_err *err)
{
    enum hg_ledger_mode mode = j->in->target->t->ledger;
    int version = 0;
    if (mode == HG_LEDGER_OFF || mode == HG_LEDGER_FILE)
        return 0;
    if (hg_ledger_version(past->conn, hg_judge_until(j), &version, err) < 0)
        return -1;
    if (version > HG_LEDGER_VERSION)
        hg_finding_add(&j->out->findings, "HG239", "the ledger of %s is of version %d; headgate %s writes version %d",
                       j->in->status->db_name, version, hg_version, HG_LEDGER_VERSION)->object =
            hg_xstrdup("headgate.meta");
    return 0;
}

/* Of a ledger in the state directory: lines that nobody can read prove nothing. */
static void check_damage(struct hg_judge *j, const struct hg_past *past)
{
    const json_t *damage = json_object_get(past->document, "damage");
    const char *first = json_string_value(json_array_get(damage, 0));
    if (first)
        hg_finding_add(&j->out->findings, "HG229", "the ledger in %s is damaged: %s (%zu in all)",
                       hg_jget(past->document, "place"), first, json_array_size(damage));
}

static int check_ledger(struct hg_judge *j, struct hg_past *past, struct hg_err *err)
{
    HG_AUTO(hg_ledger_entries_done) struct hg_ledger_entries entries = { 0 };
    if (past->document)
        hg_ledger_summary_of(past->document, past->table, &past->summary);
    else if (hg_ledger_ahead(past->conn, past->table, hg_judge_until(j), err) != 0 ||
             hg_ledger_summary(past->conn, past->table, hg_judge_until(j), &past->summary, err) != 0 ||
             check_emptied(j, past, err) != 0 || check_version(j, past, err) != 0)
        return -1;
    check_damage(j, past);
    check_rows(j, past);
    check_held(j, &past->summary.held);
    if (!j->in->graph)
        return 0;
    if (past->document)
        hg_ledger_applied_of(past->document, past->table, &entries);
    else if (hg_ledger_applied(past->conn, past->table, hg_judge_until(j), &entries, err) != 0)
        return -1;
    hg_past_check_files(j, past, &entries);
    hg_past_check_schema(j, past);
    hg_past_check_squash(j, past, &entries);
    return 0;
}

static int connect(struct hg_judge *j, PGconn **ret, struct hg_err *err)
{
    const struct hg_target *t = j->in->target;
    struct hg_pg_spec spec = { .conninfo = t->conninfo,
                               .application_name = "headgate gate",
                               .source = t->url_source,
                               .shown = t->shown,
                               .source_ns = t->source_ns,
                               .source_written = t->source_written };
    if (hg_pg_connect_start(&spec, ret, err) != 0)
        return -1;
    return hg_pg_connect_finish(*ret, &spec, hg_judge_until(j), err);
}

/* The ledger of this machine, where the target keeps it there, or its role may not keep another. */
static int read_local(struct hg_judge *j, struct hg_past *past, struct hg_err *err)
{
    const struct hg_status *s = j->in->status;
    enum hg_ledger_mode mode = j->in->target->t->ledger;
    if (mode != HG_LEDGER_FILE && (mode != HG_LEDGER_AUTO || s->ledger_exists))
        return 0;
    HG_AUTO(hg_freep) char *path = hg_ledger_path(j->in->target, s->system_identifier, s->db_oid, past->table);
    return hg_ledger_document_of_file(path, true, &past->document, err);
}

/* HG611: what is recorded and may not be read is compared with nothing. */
static void check_readable(struct hg_judge *j)
{
    const struct hg_status *s = j->in->status;
    enum hg_ledger_mode mode = j->in->target->t->ledger;
    if (!s->ledger_exists || s->ledger_readable || mode == HG_LEDGER_FILE || mode == HG_LEDGER_OFF)
        return;
    struct hg_finding *f = hg_finding_add(
        &j->out->findings, "HG611", "role %s may not read the ledger (schema headgate): files, rows and schema were "
        "not compared with what is recorded", s->db_user ? s->db_user : "?");
    if (j->protected_ && !j->in->under_lock)
        f->severity = HG_SEV_WARNING;
    f->help = hg_xasprintf("As the schema's owner: `headgate ledger init --grant %s`.", s->db_user ? s->db_user : "ROLE");
}

void hg_judge_ledger(struct hg_judge *j)
{
    const struct hg_status *s = j->in->status;
    if (!s || !s->connected || !s->vt_name || !s->vt_schema)
        return;
    if (j->in->recorded) {
        check_held(j, &s->held);
        return;
    }
    struct hg_err err = { 0 };
    HG_AUTO(hg_pg_closep) PGconn *own = NULL;
    bool ledger = s->ledger_exists && s->ledger_readable && j->in->target->t->ledger != HG_LEDGER_FILE;
    if (!j->in->conn && connect(j, &own, &err) != 0) {
        if (ledger)
            hg_judge_unknown(j, "the ledger could not be read: %s", err.message);
        return;
    }
    check_readable(j);
    HG_AUTO(hg_freep) char *table = hg_xasprintf("%s.%s", s->vt_schema, s->vt_name);
    struct hg_past past = { .conn = j->in->conn ? j->in->conn : own, .table = table };
    bool unread = read_local(j, &past, &err) < 0;
    ledger = ledger || past.document;
    if (!ledger)
        hg_past_no_squash(j);
    bool failed = unread || (ledger && check_ledger(j, &past, &err) != 0);
    hg_ledger_ahead_done(past.conn);
    if (failed)
        hg_judge_unknown(j, "the ledger could not be read: %s", err.message);
    hg_past_check_leftovers(j, &past);
    /* What a slow or locked catalog leaves out is a note; a server that is gone is another matter. */
    if (hg_pg_silent(past.conn) || PQstatus(past.conn) != CONNECTION_OK)
        hg_judge_unknown(j, "the database stopped answering before everything was compared");
    hg_ledger_summary_done(&past.summary);
    json_decref(past.document);
}
