/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arrives on the driver's report descriptor, which the project's own code could write to. Fed
 * at once and in chunks (the first byte says how long): the same must be understood, nothing grows
 * with the input, and every event is one that can be printed.
 */
#include "apply/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REVISION(id, down) "revision = '" id "'\ndown_revision = " down "\n\n\ndef upgrade():\n    pass\n"

struct told {
    size_t begun, committed;
};

static void sink(void *context, const json_t *event)
{
    struct told *told = context;
    const char *phase = json_string_value(json_object_get(event, "phase"));
    json_t *revision = json_object_get(event, "revision");
    if (!phase || !json_is_string(revision))
        HG_BUG("an event without its parts");
    told->begun += hg_streq(phase, "begin");
    told->committed += hg_streq(phase, "committed");
    char *text = json_dumps(event, JSON_COMPACT);
    if (!text)
        HG_BUG("an event that cannot be printed");
    free(text);
}

static void feed(struct hg_run *r, const char *data, size_t size, size_t chunk)
{
    for (size_t at = 0; at < size; at += chunk)
        hg_driver_feed(r, data + at, size - at < chunk ? size - at : chunk);
    const struct hg_driven *d = &r->driven;
    if (d->steps_committed > d->steps_ended || d->steps_ended > d->time_count ||
        d->time_count > r->steps.count || d->session_count > HG_APPLY_SESSIONS_MAX)
        HG_BUG("the counts");
    for (size_t i = 0; i < d->time_count; i++)
        if ((d->times[i].committed_ns != 0) != (i < d->steps_committed))
            HG_BUG("a commit that nobody saw");
    json_t *state = json_string(d->sqlstate);
    if (!state)
        HG_BUG("an SQLSTATE that cannot be printed");
    json_decref(state);
}

static bool same(const struct hg_driven *a, const struct hg_driven *b)
{
    return a->session_count == b->session_count && a->time_count == b->time_count &&
           a->steps_ended == b->steps_ended && a->steps_committed == b->steps_committed &&
           a->autocommit == b->autocommit && a->finished == b->finished && a->ok == b->ok &&
           a->transaction_per_migration == b->transaction_per_migration &&
           hg_streq(a->stopped ? a->stopped : "", b->stopped ? b->stopped : "") &&
           hg_streq(a->message ? a->message : "", b->message ? b->message : "") &&
           strcmp(a->sqlstate, b->sqlstate) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char ONE[] = REVISION("r1", "None"), TWO[] = REVISION("r2", "'r1'");
    const struct hg_alembic_source sources[] = { { "1.py", ONE, sizeof ONE - 1 },
                                                 { "2.py", TWO, sizeof TWO - 1 } };
    if (size < 1)
        return 0;
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    struct hg_graph *graph = NULL;
    struct hg_err err = { 0 };
    if (hg_alembic_load_sources(sources, HG_COUNT(sources), &graph, &findings, &err) < 0)
        HG_BUG("the history");
    struct told told[2] = { { 0, 0 }, { 0, 0 } };
    struct hg_run runs[2] = { { .graph = graph }, { .graph = graph } };
    struct hg_apply_options options[2];
    for (size_t i = 0; i < 2; i++) {
        options[i] = (struct hg_apply_options){ .sink = sink, .context = &told[i] };
        runs[i].o = &options[i];
        hg_graph_history(graph, &runs[i].steps);
        feed(&runs[i], (const char *)data + 1, size - 1, i == 0 ? size : 1U + data[0] % 32);
    }
    if (!same(&runs[0].driven, &runs[1].driven) || told[0].begun != told[1].begun ||
        told[0].committed != told[1].committed)
        HG_BUG("it matters how the bytes arrive");
    for (size_t i = 0; i < 2; i++) {
        hg_driven_done(&runs[i].driven);
        hg_buf_done(&runs[i].report);
        hg_revlist_done(&runs[i].steps);
    }
    hg_graph_free(graph);
    return 0;
}
