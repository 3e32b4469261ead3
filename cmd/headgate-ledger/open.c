/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger_cmd.h"

#include <stdlib.h>

#define TIMEOUT_NS (60 * HG_NS_PER_S)

int64_t ledger_deadline(const struct ledger_options *o)
{
    return hg_now_ns() + (o->common.timeout_ns ? o->common.timeout_ns : TIMEOUT_NS);
}

bool ledger_json(const struct ledger_options *o)
{
    return hg_streq(o->common.format, "json");
}

void ledger_print_json(json_t *doc)
{
    char *text = json_dumps(doc, JSON_INDENT(2));
    json_decref(doc);
    hg_outf("%s\n", text ? text : "{}");
    free(text);
}

/* env.py may name the version table; without alembic.ini it is the usual one. */
int ledger_status(struct ledger_view *v, struct hg_err *err)
{
    struct hg_alembic_options options = hg_target_alembic_options(&v->o->common, &v->target.config, NULL);
    options.no_python = true;
    struct hg_alembic_config alembic = { 0 };
    bool found = false;
    if (hg_alembic_config_find(&options, &alembic, &found, err) < 0)
        return -1;
    int rc = hg_status_on(v->conn, &v->target, found ? &alembic : NULL, NULL, ledger_deadline(v->o), &v->status,
                          err);
    if (found)
        hg_alembic_config_done(&alembic);
    v->version_table = hg_xasprintf("%s.%s", v->status.vt_schema ? v->status.vt_schema : "public",
                                    v->status.vt_name ? v->status.vt_name : "alembic_version");
    return rc;
}

int ledger_open(const struct ledger_options *o, struct ledger_view *ret, struct hg_err *err)
{
    *ret = (struct ledger_view){ .o = o };
    if (hg_target_open(&o->common, o->argc, o->argv, false, &ret->target, err) < 0)
        return -1;
    hg_target_announce(&ret->target, &o->common);
    const struct hg_target *t = &ret->target;
    struct hg_pg_spec spec = { .conninfo = t->direct_conninfo ? t->direct_conninfo : t->conninfo,
                               .application_name = "headgate-ledger",
                               .source = t->direct_conninfo ? "direct_url" : t->url_source,
                               .shown = t->direct_conninfo ? NULL : t->shown,
                               .source_ns = t->source_ns,
                               .source_written = t->source_written };
    return hg_pg_connect(&spec, o->common.timeout_ns ? o->common.timeout_ns : TIMEOUT_NS, &ret->conn, err);
}

static int read_local(struct ledger_view *v, bool files, struct hg_err *err)
{
    if (ledger_status(v, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *path = hg_ledger_path(&v->target, v->status.system_identifier, v->status.db_oid,
                                                  v->version_table);
    if (hg_ledger_document_of_file(path, files, &v->document, err) < 0)
        return -1;
    if (v->document)
        return 0;
    (void)hg_fail(err, HG_E_REFUSED, "this machine keeps no ledger of %s in %s", v->version_table, path);
    return hg_hint(err, "headgate ledger show without --local reads the one in the database");
}

int ledger_read(struct ledger_view *v, bool files, struct hg_err *err)
{
    const char *name = v->target.t->name;
    if (v->o->local || v->target.t->ledger == HG_LEDGER_FILE)
        return read_local(v, files, err);
    if (hg_ledger_document(v->conn, files, ledger_deadline(v->o), &v->document, err) < 0)
        return -1;
    if (v->document)
        return 0;
    (void)hg_fail(err, HG_E_REFUSED, "the database of %s has no ledger (schema headgate)%s", name,
                  v->target.t->ledger == HG_LEDGER_OFF ? "; the target says `ledger: off`" : "");
    return hg_hint(err, "headgate ledger init -t %s makes one; headgate apply --baseline begins its record; "
                   "with --local the state directory of this machine is read", name);
}

void ledger_done(struct ledger_view *v)
{
    json_decref(v->document);
    hg_status_done(&v->status);
    hg_freep(&v->version_table);
    hg_pg_closep(&v->conn);
    hg_target_done(&v->target);
}
