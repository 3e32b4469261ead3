/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot_cmd.h"

/* ---- a target ------------------------------------------------------------------------------- */

static int take_of(const struct snapshot_options *o, const struct hg_target *t,
                   const struct hg_alembic_config *alembic, const struct hg_graph *graph,
                   struct hg_snapshot *ret, struct hg_err *err)
{
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    struct hg_snapshot_options so = { .target = t,
                                      .alembic = alembic,
                                      .graph = graph,
                                      .privileges = o->privileges,
                                      .queries = o->queries,
                                      .schema_sql = !o->no_schema_sql,
                                      .exact_sizes = o->sizes,
                                      .for_file = !hg_streq(o->common.format, "json"),
                                      .timeout_ns = o->common.timeout_ns };
    int rc = hg_snapshot_take(&so, ret, &findings, err);
    for (size_t i = 0; i < findings.count; i++)
        hg_log(HG_LOG_WARNING, "%s %s", findings.items[i].rule->id, findings.items[i].message);
    return rc;
}

int snapshot_take(const struct snapshot_options *o, struct hg_snapshot *ret, struct hg_err *err)
{
    HG_AUTO(hg_target_done) struct hg_target t = { 0 };
    if (hg_target_open(&o->common, o->argc, o->argv, false, &t, err) < 0)
        return -1;
    hg_target_announce(&t, &o->common);
    struct hg_alembic_options options = hg_target_alembic_options(&o->common, &t.config, NULL);
    struct hg_alembic_config config = { 0 };
    bool found = false;
    if (hg_alembic_config_find(&options, &config, &found, err) < 0)
        return -1;
    if (!found)
        return take_of(o, &t, NULL, NULL, ret, err);
    char **env = hg_target_plain_envp(&t);
    options.python_env = env;
    HG_AUTO(hg_findings_done) struct hg_findings ignored = HG_FINDINGS_INIT; /* status has its own */
    struct hg_graph *graph = NULL;
    int rc = hg_alembic_load(&config, &options, &graph, &ignored, err);
    if (rc == 0)
        rc = take_of(o, &t, &config, graph, ret, err);
    hg_graph_free(graph);
    hg_vars_free_envp(env);
    hg_alembic_config_done(&config);
    return rc;
}

/* ---- a file --------------------------------------------------------------------------------- */

int snapshot_read(const char *path, struct hg_snapshot *ret, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf bytes = HG_BUF_INIT;
    if (hg_file_read(path, SNAPSHOT_FILE_MAX, &bytes, err) < 0)
        return -1;
    return hg_snapshot_unpack(hg_buf_str(&bytes), bytes.len, path, ret, err);
}
