/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot_cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/process.h"

#define FILE_MAX (256u << 20)
#define CHILD_NS (10 * 60 * HG_NS_PER_S)

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
    struct hg_alembic_options options = {
        .dir = o->common.dir,
        .directory = t.config.migrator_directory,
        .config = o->common.alembic_config ? o->common.alembic_config : t.config.migrator_config,
        .section = o->common.alembic_section,
        .no_python = o->common.no_python,
    };
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

/* ---- either side of a diff -------------------------------------------------------------------- */

int snapshot_read(const char *path, struct hg_snapshot *ret, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf bytes = HG_BUF_INIT;
    if (hg_file_read(path, FILE_MAX, &bytes, err) < 0)
        return -1;
    return hg_snapshot_unpack(hg_buf_str(&bytes), bytes.len, path, ret, err);
}

/* Each target's secrets are resolved in a process of their own. */
static int take_elsewhere(const struct snapshot_options *o, const char *target, struct hg_snapshot *ret,
                          struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *self = hg_self_dir();
    HG_AUTO(hg_freep) char *program = hg_path_join(self, "headgate-snapshot");
    const char *const pairs[][2] = { { "-t", target },
                                     { "-c", o->common.config },
                                     { "-C", o->common.dir },
                                     { "--alembic-config", o->common.alembic_config },
                                     { "-o", "-" } };
    hg_strv_add(&argv, program);
    for (size_t i = 0; i < HG_COUNT(pairs); i++) {
        if (!pairs[i][1])
            continue;
        hg_strv_add(&argv, pairs[i][0]);
        hg_strv_add(&argv, pairs[i][1]);
    }
    hg_strv_add(&argv, "--no-schema-sql");
    if (o->privileges)
        hg_strv_add(&argv, "--privileges");
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT, said = HG_BUF_INIT;
    struct hg_exit_status status = { 0 };
    struct hg_process_run spec = { .argv = argv.items, .timeout_ns = CHILD_NS, .max_output = FILE_MAX };
    if (hg_process_run(&spec, &status, &out, &said, err) < 0)
        return -1;
    if (hg_exit_status_code(&status)) {
        (void)hg_fail(err, HG_E_DATABASE, "no snapshot of %s could be taken (exit %d)", target,
                      hg_exit_status_code(&status));
        err->exit_code = hg_exit_status_code(&status);
        return hg_detail(err, "%s", hg_buf_str(&said));
    }
    return hg_snapshot_unpack(hg_buf_str(&out), out.len, target, ret, err);
}

static int side(const struct snapshot_options *o, const char *name, struct hg_snapshot *ret,
                struct hg_err *err)
{
    return hg_is_file(name) || strchr(name, '/') ? snapshot_read(name, ret, err)
                                                 : take_elsewhere(o, name, ret, err);
}

int snapshot_diff(const struct snapshot_options *o, const char *a, const char *b, struct hg_err *err)
{
    HG_AUTO(hg_snapshot_done) struct hg_snapshot left = { 0 }, right = { 0 };
    if (side(o, a, &left, err) < 0 || side(o, b, &right, err) < 0)
        return -1;
    json_t *diff = hg_snapshot_diff(left.catalog, right.catalog);
    bool differ = json_array_size(diff) > 0;
    if (o->sizes) {
        json_t *sizes = hg_snapshot_diff_sizes(left.sizes, right.sizes);
        differ = differ || json_array_size(sizes) > 0;
        json_array_extend(diff, sizes);
        json_decref(sizes);
    }
    if (hg_streq(o->common.format, "json")) {
        snapshot_print_json(json_pack("{s:s, s:o, s:o, s:b, s:o}", "schema", "headgate.snapshot-diff/1", "a",
                                      hg_json_text(a), "b", hg_json_text(b), "differ", differ, "changes",
                                      diff));
    } else {
        HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
        hg_snapshot_diff_text(diff, hg_cli_color(&o->common, STDOUT_FILENO), &text);
        hg_out(differ ? hg_buf_str(&text) : "no difference\n");
        json_decref(diff);
    }
    return differ ? HG_EXIT_NO : HG_EXIT_YES;
}
