/* SPDX-License-Identifier: Apache-2.0 */
/* What others are told of a run: docs/schema/notify.schema.json. */
#include "internal.h"

#include <stdlib.h>

static json_t *planned(const struct hg_run *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->steps.count; i++)
        json_array_append_new(list, json_pack("{s:o, s:o}", "revision", hg_event_text(r->steps.items[i]->id),
                                              "message", hg_event_text(r->steps.items[i]->doc)));
    return list;
}

static json_t *counts(const struct hg_findings *f)
{
    return json_pack("{s:i, s:i, s:i}", "note", (int)hg_findings_count(f, HG_SEV_NOTE), "warning",
                     (int)hg_findings_count(f, HG_SEV_WARNING), "error",
                     (int)hg_findings_count(f, HG_SEV_ERROR));
}

/* The page of the CI job. */
static json_t *job_link(void)
{
    const char *server = getenv("GITHUB_SERVER_URL"), *repository = getenv("GITHUB_REPOSITORY");
    const char *id = getenv("GITHUB_RUN_ID"), *gitlab = getenv("CI_JOB_URL");
    if (server && repository && id) {
        HG_AUTO(hg_freep) char *url = hg_xasprintf("%s/%s/actions/runs/%s", server, repository, id);
        return hg_event_text(url);
    }
    return hg_event_text(gitlab);
}

static json_t *error_of(int rc, const struct hg_err *err)
{
    if (rc >= 0)
        return json_null();
    HG_AUTO(hg_freep) char *line = hg_run_error_line(err);
    return json_pack("{s:s, s:o, s:i}", "kind", hg_err_kind_name(err->kind), "message", hg_event_text(line),
                     "exit_code", hg_err_exit_code(err));
}

static void add_end(const struct hg_run *r, json_t *d, const char *outcome, int rc, const struct hg_err *err)
{
    bool read = outcome && !r->started && r->have_status && r->status.state != HG_STATE_UNKNOWN;
    json_object_set_new(d, "outcome", hg_event_text(outcome));
    json_object_set_new(d, "to", r->to_known ? hg_json_list(&r->after)
                                 : read ? hg_json_list(&r->status.rows) : json_null());
    json_object_set_new(d, "seconds", !outcome ? json_null()
                        : json_real((double)(r->ended_ns - r->began_ns) / (double)HG_NS_PER_S));
    json_object_set_new(d, "error", error_of(rc, err));
}

json_t *hg_run_facts(const struct hg_run *r, const char *run, const char *event, const char *outcome, int rc,
                     const struct hg_err *err)
{
    const struct hg_target *t = &r->target;
    char at[HG_TIME_SIZE];
    HG_AUTO(hg_freep) char *id = hg_xasprintf("%s-%s", run, event);
    json_t *d = json_pack("{s:s, s:s, s:s, s:s, s:s}", "schema", "headgate.notify/1", "id", id, "run",
                          run, "event", event, "at", hg_time_format(hg_wall_ns(), at));
    json_object_set_new(d, "target", hg_event_text(t->t->name));
    json_object_set_new(d, "protected", json_boolean(t->t->protected_));
    json_object_set_new(d, "direction", json_string(r->o->down ? "down" : "up"));
    json_object_set_new(d, "database", json_pack("{s:o, s:o}", "name", hg_event_text(r->identity.database),
                                                 "host", hg_event_text(t->host)));
    json_object_set_new(d, "from", hg_json_list(&r->from));
    json_object_set_new(d, "planned", planned(r));
    json_object_set_new(d, "applied", hg_json_list(&r->applied));
    json_object_set_new(d, "commit", hg_event_text(r->commit));
    json_object_set_new(d, "by", hg_event_text(r->by));
    json_object_set_new(d, "host", hg_event_text(r->host));
    json_object_set_new(d, "link", job_link());
    json_object_set_new(d, "findings", counts(&r->findings));
    json_object_set_new(d, "headgate", json_string(hg_version));
    add_end(r, d, outcome, rc, err);
    return d;
}
