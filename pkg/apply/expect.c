/* SPDX-License-Identifier: Apache-2.0 */
/* How long a revision may take: what it took when this very file last ran here, else in the target that
 * comes first, by its receipt. */
#include "internal.h"

#include <stdlib.h>

/* Of an array of {revision, digest, seconds}: those whose file is the one that will run. */
static void take(struct hg_run *r, const json_t *known)
{
    size_t i;
    json_t *entry;
    json_array_foreach(known, i, entry)
    {
        const char *id = hg_jget(entry, "revision");
        const json_t *seconds = json_object_get(entry, "seconds");
        const struct hg_revision *rev = id ? hg_graph_get(r->graph, id) : NULL;
        if (!rev || !rev->digest || !json_is_number(seconds) || !hg_streq(rev->digest, hg_jget(entry, "digest")) ||
            json_object_get(r->expected, id))
            continue;
        json_object_set_new(r->expected, id, json_real(json_number_value(seconds)));
    }
}

static void from_ledger(struct hg_run *r)
{
    HG_AUTO(hg_strv_done) struct hg_strv ids = HG_STRV_INIT;
    struct hg_err ignored = { 0 };
    json_t *known = NULL;
    for (size_t i = 0; i < r->steps.count; i++)
        hg_strv_add(&ids, r->steps.items[i]->id);
    if (hg_ledger_seconds(r->watch, &ids, r->o->down ? "down" : "up", hg_now_ns() + HG_APPLY_QUERY_NS,
                          &known, &ignored) < 0)
        hg_log(HG_LOG_INFO, "%s", ignored.message);
    take(r, known);
    json_decref(known);
}

void hg_run_expect(struct hg_run *r)
{
    if (!r->expected)
        r->expected = json_object();
    if (r->summary.present && r->target.t->ledger != HG_LEDGER_FILE)
        from_ledger(r);
    if (!r->o->down)
        take(r, json_object_get(r->earlier, "revisions"));
}

double hg_run_expected(const struct hg_run *r, const char *revision)
{
    const json_t *seconds = revision ? json_object_get(r->expected, revision) : NULL;
    return seconds ? json_real_value(seconds) : -1;
}

void hg_run_add_expected(const struct hg_run *r, const char *revision, json_t *event)
{
    double seconds = hg_run_expected(r, revision);
    json_object_set_new(event, "expected_seconds", seconds < 0 ? json_null() : json_real(seconds));
}
