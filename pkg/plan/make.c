/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include "review/review.h"

#define ENV_PY_MAX ((size_t)4 << 20)

static json_t *wording(const struct hg_review_op *op)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    hg_review_op_words(op, &b);
    return hg_json_text(hg_buf_str(&b));
}

/* What upgrade() does, in words; null when its text cannot be read. */
static json_t *operations(const struct hg_graph *graph, const struct hg_revision *r)
{
    size_t len = 0;
    struct hg_err ignored = { 0 };
    const char *text = hg_graph_text(graph, r, &len);
    HG_AUTO(hg_review_done) struct hg_review review = { 0 };
    if (!text || hg_review_scan(text, len, &review, &ignored) < 0)
        return json_null();
    json_t *list = json_array();
    for (size_t i = 0; i < review.up.count; i++)
        json_array_append_new(list, wording(&review.up.ops[i]));
    return list;
}

static json_t *revision_json(const struct hg_plan_input *in, const struct hg_revision *r,
                             const json_t *rendered)
{
    json_t *sql = json_object_get(rendered, "sql"), *objects = json_array(), *item;
    size_t i;
    json_array_foreach(sql, i, item)
        hg_plan_sql_objects(json_string_value(item), objects);
    if (!sql) {
        json_decref(objects);
        objects = json_null();
    }
    json_t *o = json_object();
    json_object_set_new(o, "revision", hg_json_text(r->id));
    json_object_set_new(o, "down_revisions", hg_json_texts(&r->down));
    json_object_set_new(o, "depends_on", hg_json_texts(&r->depends_on));
    json_object_set_new(o, "message", hg_json_text(r->doc));
    json_object_set_new(o, "path", hg_json_text(r->path));
    json_object_set_new(o, "digest", hg_json_text(r->digest));
    json_object_set_new(o, "operations", operations(in->graph, r));
    json_object_set_new(o, "objects", objects);
    json_object_set(o, "sql", sql ? sql : json_null());
    json_object_set_new(o, "no_sql",
                        sql ? json_null() : hg_json_text(hg_jstr(rendered, "reason")));
    return o;
}

/* Findings about the live database are of their moment. */
static bool of_the_moment(const struct hg_finding *f)
{
    return hg_starts_with(f->rule->id, "HG6");
}

static json_t *findings_json(const struct hg_findings *all, bool moment)
{
    json_t *list = hg_findings_json(all), *picked = json_array();
    for (size_t i = 0; i < all->count; i++)
        if (of_the_moment(&all->items[i]) == moment)
            json_array_append(picked, json_array_get(list, i));
    json_decref(list);
    return picked;
}

static json_t *observed_json(const struct hg_plan_input *in)
{
    const struct hg_gate *g = in->gate;
    return json_pack("{ss so so so so}", "from", in->taken_at ? "snapshot" : "database", "taken_at",
                     hg_json_text(in->taken_at), "verdict", hg_json_text(hg_verdict_name(g->verdict)),
                     "reason", hg_json_text(g->why), "findings", findings_json(&g->findings, true));
}

static json_t *database_json(const struct hg_status *s)
{
    return json_pack("{so so so}", "name", hg_json_text(s->db_name), "system_identifier",
                     hg_json_text(s->system_identifier), "oid", hg_json_text(s->db_oid));
}

static int standing(const struct hg_plan_input *in, struct hg_err *err)
{
    const struct hg_status *s = in->status;
    HG_AUTO(hg_freep) char *unknown = hg_strv_join(&s->unknown, ", ");
    switch (s->state) {
    case HG_STATE_UP_TO_DATE:
    case HG_STATE_BEHIND:
    case HG_STATE_EMPTY:
        return 0;
    case HG_STATE_UNKNOWN:
        return hg_fail(err, HG_E_UNKNOWN, "where %s stands could not be told, so there is no plan",
                       in->target->t->name);
    case HG_STATE_AHEAD:
    case HG_STATE_DIVERGED:
        break;
    }
    (void)hg_fail(err, HG_E_REFUSED, "no plan leads on from here: %s is %s%s%s", in->target->t->name,
                  hg_state_name(s->state), *unknown ? ", it has " : "", unknown);
    return hg_hint(err, "`headgate status -t %s%s` says where these revisions are", in->target->t->name,
                   in->bundle ? " --bundle FILE" : "");
}

static json_t *document(const struct hg_plan_input *in, const struct hg_revlist *steps,
                        const struct hg_strv *to, const char *asked, const char *goal)
{
    const struct hg_status *s = in->status;
    json_t *rendered = hg_plan_render(in, steps, 2), *revisions = json_array();
    for (size_t i = 0; i < steps->count; i++)
        json_array_append_new(revisions,
                              revision_json(in, steps->items[i],
                                            json_object_get(rendered, steps->items[i]->id)));
    json_decref(rendered);
    HG_AUTO(hg_freep) char *table = hg_xasprintf("%s.%s", s->vt_schema ? s->vt_schema : "public",
                                                 s->vt_name ? s->vt_name : "alembic_version");
    HG_AUTO(hg_freep) char *env = in->bundle ? hg_xstrdup(in->bundle->env_digest)
                                             : hg_plan_env_digest(in->alembic);
    json_t *d = json_object();
    json_object_set_new(d, "schema", json_string("headgate.plan/1"));
    json_object_set_new(d, "digest", json_null());
    json_object_set_new(d, "target", hg_json_text(in->target->t->name));
    json_object_set_new(d, "goal",
                        json_pack("{so so so}", "asked", json_boolean(in->revision != NULL), "name",
                                  hg_json_text(asked), "revision", hg_json_text(goal)));
    json_object_set_new(d, "database", database_json(s));
    json_object_set_new(d, "version_table", hg_json_text(table));
    json_object_set_new(d, "from", hg_json_texts(&s->rows));
    json_object_set_new(d, "to", hg_json_texts(to));
    json_object_set_new(d, "revisions", revisions);
    json_object_set_new(d, "env_digest", hg_json_text(env));
    json_object_set_new(d, "findings", findings_json(&in->gate->findings, false));
    json_object_set_new(d, "observed", observed_json(in));
    char digest[HG_SHA256_SIZE];
    hg_plan_digest(d, digest);
    json_object_set_new(d, "digest", json_string(digest));
    return d;
}

int hg_plan_make(const struct hg_plan_input *in, json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist steps = HG_REVLIST_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv to = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *goal = NULL;
    const char *upgrade_to = in->target->t->upgrade_to ? in->target->t->upgrade_to : "head";
    const char *asked = in->revision ? in->revision : upgrade_to;
    if (standing(in, err) < 0)
        return -1;
    if (hg_plan_steps(in->graph, &in->status->judged, asked, false, &steps, &to, &goal, err) < 0)
        return hg_wrap(err, "plan to %s", asked);
    *ret = document(in, &steps, &to, asked, goal);
    return 0;
}

char *hg_plan_env_digest(const struct hg_alembic_config *alembic)
{
    HG_AUTO(hg_freep) char *path = hg_path_join(alembic->script_location, "env.py");
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    char digest[HG_SHA256_SIZE];
    if (hg_file_read(path, ENV_PY_MAX, &text, &ignored) < 0)
        return NULL;
    return hg_xstrdup(hg_sha256(hg_buf_str(&text), text.len, digest));
}
