/* SPDX-License-Identifier: Apache-2.0 */
/* What a bundle would give: it is applied to an empty private database, and a snapshot of that taken. */
#include "snapshot_cmd.h"

#include <stdlib.h>

#include "process/process.h"
#include "replay/replay.h"
#include "target/target.h"

#define CONNECT_NS (60 * HG_NS_PER_S)
#define TAKE_NS    (10 * 60 * HG_NS_PER_S)

struct wanted {
    const struct snapshot_options *o;
    const char *path, *target;
    struct hg_bundle bundle;
    struct hg_graph *graph;
    struct hg_revlist steps;
    struct hg_snapshot *ret;
};

static void wanted_done(struct wanted *w)
{
    hg_revlist_done(&w->steps);
    hg_graph_free(w->graph);
    hg_bundle_done(&w->bundle);
}

/* Its SQL will run here: so who may have signed it is asked first, as before it runs anywhere. */
static int check_signature(const struct wanted *w, struct hg_err *err)
{
    HG_AUTO(hg_target_done) struct hg_target t = { 0 };
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    struct hg_common common = w->o->common;
    common.target = w->target ? w->target : common.target;
    if (hg_target_open(&common, w->o->argc, w->o->argv, true, &t, err) < 0)
        return -1;
    return hg_target_bundle_trusted(&t, w->path, &w->bundle, &findings, err);
}

/* All of it, and all without Python: else nothing is begun. */
static int read_bundle(struct wanted *w, struct hg_err *err)
{
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    const struct hg_revlist none = HG_REVLIST_INIT;
    if (hg_bundle_open(w->path, &w->bundle, err) < 0 || check_signature(w, err) < 0 ||
        hg_bundle_graph(&w->bundle, &w->graph, &findings, err) < 0)
        return -1;
    if (!hg_graph_ok(w->graph))
        return hg_fail(err, HG_E_REFUSED, "%s: Alembic would refuse this history", w->path);
    if (hg_graph_upgrade(w->graph, &none, "heads", &w->steps, err) < 0)
        return -1;
    return hg_bundle_can_run(&w->bundle, &w->steps, false, err);
}

static int apply(struct wanted *w, const char *url, struct hg_err *err)
{
    HG_AUTO(hg_pg_closep) PGconn *conn = NULL;
    const struct hg_revlist none = HG_REVLIST_INIT;
    struct hg_pg_spec spec = { .conninfo = url, .application_name = "headgate-snapshot",
                               .source = "the private PostgreSQL" };
    struct hg_replay_outcome outcome = { 0 };
    if (hg_pg_connect(&spec, CONNECT_NS, &conn, err) < 0)
        return -1;
    struct hg_replay p = { .conn = conn, .bundle = &w->bundle, .graph = w->graph, .rows = &none,
                           .steps = &w->steps };
    if (hg_replay_run(&p, &outcome, err) == 0)
        return 0;
    (void)hg_wrap(err, "revision %s, in a private PostgreSQL", outcome.revision ? outcome.revision->id : "?");
    return hg_hint(err, "what it needs beyond its own revisions (an extension, a role) is not there");
}

/* By this program again, which resolves that database as its target: in a folder without any files. */
static int take(struct wanted *w, const struct hg_pg_cluster *c, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *self = hg_self_dir();
    HG_AUTO(hg_freep) char *program = hg_path_join(self, "headgate-snapshot");
    HG_AUTO(hg_strv_done) struct hg_strv env = HG_STRV_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT, said = HG_BUF_INIT;
    char *argv[] = { program, (char *)"-C", c->dir, (char *)"-o", (char *)"-", (char *)"--no-schema-sql",
                     (char *)(w->o->privileges ? "--privileges" : NULL), NULL };
    struct hg_exit_status status = { 0 };
    hg_strv_addf(&env, "PATH=%s", getenv("PATH") ? getenv("PATH") : "");
    hg_strv_addf(&env, "DATABASE_URL=%s", c->url);
    struct hg_process_run run = { .argv = argv, .envp = env.items, .dir = c->dir, .timeout_ns = TAKE_NS,
                                  .max_output = SNAPSHOT_FILE_MAX };
    if (hg_process_run(&run, &status, &out, &said, err) < 0)
        return -1;
    if (hg_exit_status_code(&status)) {
        (void)hg_fail(err, HG_E_UNKNOWN, "no snapshot of what %s gives could be taken", w->path);
        return hg_detail(err, "%s", hg_buf_str(&said));
    }
    return hg_snapshot_unpack(hg_buf_str(&out), out.len, w->path, w->ret, err);
}

static int in_cluster(void *context, const struct hg_pg_cluster *c, struct hg_err *err)
{
    struct wanted *w = context;
    return apply(w, c->url, err) < 0 ? -1 : take(w, c, err);
}

int snapshot_of_bundle(const struct snapshot_options *o, const char *path, const char *target,
                       struct hg_snapshot *ret, struct hg_err *err)
{
    HG_AUTO(wanted_done) struct wanted w = { .o = o, .path = path, .target = target,
                                             .steps = HG_REVLIST_INIT, .ret = ret };
    if (read_bundle(&w, err) < 0)
        return -1;
    return snapshot_in_cluster(in_cluster, &w, err);
}
