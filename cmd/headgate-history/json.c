/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <jansson.h>

static json_t *text(const char *s)
{
    json_t *v = json_string(s);
    if (v)
        return v;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT; /* not UTF-8, such as a file's name */
    for (; *s; s++) {
        if ((unsigned char)*s < 0x80)
            hg_buf_addc(&b, *s);
        else
            hg_buf_adds(&b, "\xef\xbf\xbd");
    }
    return json_string(hg_buf_str(&b));
}

static json_t *texts(const struct hg_strv *list)
{
    json_t *a = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(a, text(list->items[i]));
    return a;
}

static json_t *ids(const struct hg_revlist *list)
{
    json_t *a = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(a, text(list->items[i]->id));
    return a;
}

static json_t *text_or_null(const char *s)
{
    return s ? text(s) : json_null();
}

/* What the ledger says of its last move, which may also have been back. */
static json_t *record(const struct hg_ledger_entry *e)
{
    if (!e)
        return json_null();
    json_t *o = json_object();
    json_object_set_new(o, "direction", text_or_null(e->direction));
    json_object_set_new(o, "by", text_or_null(e->by));
    json_object_set_new(o, "host", text_or_null(e->host));
    json_object_set_new(o, "finished_at", text_or_null(e->finished_at));
    json_object_set_new(o, "commit", text_or_null(e->commit));
    json_object_set_new(o, "target", text_or_null(e->target));
    return o;
}

static json_t *revision(const struct history *h, const struct hg_revision *r)
{
    json_t *o = json_object();
    json_object_set_new(o, "revision", text(r->id));
    json_object_set_new(o, "down_revisions", texts(&r->down));
    json_object_set_new(o, "depends_on", texts(&r->depends_on));
    json_object_set_new(o, "branch_labels", texts(&r->labels));
    json_object_set_new(o, "message", text(r->doc));
    json_object_set_new(o, "path", text(r->path));
    json_object_set_new(o, "is_head", json_boolean(r->is_head));
    json_object_set_new(o, "is_base", json_boolean(r->is_base));
    json_object_set_new(o, "is_branch_point", json_boolean(r->is_branch_point));
    json_object_set_new(o, "is_merge_point", json_boolean(r->is_merge_point));
    bool told = h->marks && h->marks[r->index] != HISTORY_UNTOLD;
    json_object_set_new(o, "applied", told ? json_boolean(h->marks[r->index] == HISTORY_APPLIED) : json_null());
    json_object_set_new(o, "record", record(history_record(h, r->id)));
    return o;
}

void history_print_json(const struct history *h, const struct hg_err *err)
{
    json_t *doc = json_object(), *revisions = json_array();
    struct hg_revlist heads = HG_REVLIST_INIT, bases = HG_REVLIST_INIT;
    if (h->graph) {
        hg_graph_heads(h->graph, &heads);
        hg_graph_bases(h->graph, &bases);
    }
    for (size_t i = 0; i < h->list.count; i++)
        json_array_append_new(revisions, revision(h, h->list.items[i]));
    json_object_set_new(doc, "schema", json_string("headgate.history/1"));
    json_object_set_new(doc, "heads", ids(&heads));
    json_object_set_new(doc, "bases", ids(&bases));
    json_object_set_new(doc, "revisions", revisions);
    json_object_set_new(doc, "findings", hg_findings_json(&h->findings));
    if (err) {
        HG_AUTO(hg_freep) char *error = hg_cli_error_json(err);
        json_object_set_new(doc, "error", json_loads(error, 0, NULL));
    }
    char *out = json_dumps(doc, JSON_INDENT(2));
    hg_outf("%s\n", out);
    free(out);
    json_decref(doc);
    hg_revlist_done(&heads);
    hg_revlist_done(&bases);
}
