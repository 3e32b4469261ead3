/* SPDX-License-Identifier: Apache-2.0 */
#include "status_cmd.h"

#include <time.h>

#include "replay/replay.h"

#define WATCH_S 2
/* Git is asked about unknown revisions for this long. */
#define LOST_NS (5 * HG_NS_PER_S)

/* Everything that one answer is made of. */
struct answer {
    struct hg_alembic_config config;
    bool has_config;
    struct hg_bundle bundle;
    struct hg_graph *graph;
    struct hg_status status;
};

static void answer_done(struct answer *a)
{
    hg_status_done(&a->status);
    hg_graph_free(a->graph);
    hg_bundle_done(&a->bundle);
    if (a->has_config)
        hg_alembic_config_done(&a->config);
}

static bool wants_json(const struct status_options *o)
{
    return hg_streq(o->common.format, "json");
}

static void name_table(void *read, const struct hg_alembic_config *config)
{
    if (read)
        hg_status_name(read, config);
}

/* The code side: a bundle, or alembic.ini and its files, or none. Names the version table as soon as it is
 * known; read NULL: nobody asks for it. */
static int read_code(const struct status_options *o, const struct hg_target *t,
                     const struct hg_alembic_options *options,
                     struct hg_status_read *read, struct answer *a, struct hg_findings *findings,
                     struct hg_err *err)
{
    if (o->bundle) {
        a->has_config = true;
        if (!hg_target_bundle_signing(t))
            return hg_replay_outline(o->bundle, o->common.dir, name_table, read, &a->bundle, &a->config,
                                     &a->graph, findings, err);
        /* A signature is over all of it, and nothing is asked by what nobody vouches for. */
        int rc = hg_replay_code(o->bundle, o->common.dir, &a->bundle, &a->config, &a->graph, findings, err);
        if (rc == 0)
            rc = hg_target_bundle_signed(t, o->bundle, &a->bundle, NULL, findings, err);
        if (rc == 0)
            name_table(read, &a->config);
        return rc;
    }
    if (hg_alembic_config_find(options, &a->config, &a->has_config, err) < 0)
        return -1;
    if (read)
        hg_status_name(read, a->has_config ? &a->config : NULL);
    return a->has_config ? hg_alembic_load(&a->config, options, &a->graph, findings, err) : 0;
}

/* Connecting and reading the files overlap: the statement is under way while the graph is made. */
static int ask(const struct status_options *o, const struct hg_target *t,
               const struct hg_alembic_options *options, struct answer *a, struct hg_err *err)
{
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    struct hg_status_read *read = NULL;
    int64_t deadline = o->common.timeout_ns ? hg_now_ns() + o->common.timeout_ns : 0;
    if (hg_status_start(t, "headgate-status", deadline, &read, err) < 0)
        return -1;
    if (read_code(o, t, options, read, a, &findings, err) < 0) {
        hg_status_drop(read);
        hg_status_unknown(t, NULL, &findings, &a->status);
        return -1;
    }
    return hg_status_finish(read, a->graph, &findings, &a->status, err);
}

/* A target that could not be resolved still gets a document, with the heads of the files. */
static void files_only(const struct status_options *o, const struct hg_target *t,
                       const struct hg_alembic_options *options, struct answer *a)
{
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    struct hg_err ignored = { 0 };
    (void)read_code(o, t, options, NULL, a, &findings, &ignored);
    hg_status_unknown(t, a->graph, &findings, &a->status);
}

static int answer(const struct status_options *o, struct hg_target *t, const struct hg_err *open_error,
                  struct answer *a, struct hg_err *err)
{
    char **env = hg_target_plain_envp(t);
    struct hg_alembic_options options = hg_target_alembic_options(&o->common, &t->config, env);
    options.graph_only = true;
    int rc;
    if (open_error->kind != HG_E_NONE) {
        files_only(o, t, &options, a);
        *err = *open_error;
        rc = -1;
    } else {
        rc = ask(o, t, &options, a, err);
    }
    hg_vars_free_envp(env);
    if (a->status.unknown.count && a->has_config)
        hg_status_find_lost(&a->status, a->graph, &a->config, LOST_NS);
    hg_findings_move(&a->status.findings, &t->findings);
    hg_findings_address(&a->status.findings, t->t ? t->t->name : NULL);
    if (rc == 0 && o->check && hg_findings_have(&a->status.findings, "HG257")) {
        (void)hg_fail(err, HG_E_REFUSED, "the bundle is not one that %s takes, so what it says is no measure",
                      t->t->name);
        return hg_hint(err, "headgate explain HG257");
    }
    if (rc == 0 && o->check && a->status.state != HG_STATE_UP_TO_DATE) {
        hg_fail(err, HG_E_REFUSED, "%s is not up to date: %s", t->t->name, hg_state_name(a->status.state));
        return -1;
    }
    return rc;
}

static void print_json(const struct hg_target *t, const struct answer *a, const struct hg_err *err)
{
    json_t *doc = hg_status_json(t, &a->status, err);
    char *text = json_dumps(doc, JSON_INDENT(2));
    json_decref(doc);
    hg_outf("%s\n", text ? text : "{}");
    free(text);
    if (err)
        hg_cli_error_printed();
}

static void print_text(const struct status_options *o, const struct hg_target *t, const struct answer *a)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    hg_status_text(t, &a->status, o->bundle, hg_cli_color(&o->common, STDOUT_FILENO), &b);
    HG_AUTO(hg_freep) char *bundle = hg_path_join(o->common.dir ? o->common.dir : ".", HG_BUNDLE_DEFAULT);
    if (a->status.bare && hg_is_file(bundle)) /* without files to judge by, which this would be */
        hg_buf_addf(&b, "next     headgate status -t %s --bundle %s\n", t->t ? t->t->name : "local", bundle);
    hg_out(hg_buf_str(&b));
}

/* One line for a log: what changed, when. */
static void print_line(const struct hg_target *t, const struct answer *a, char **last)
{
    char now[HG_TIME_SIZE];
    HG_AUTO(hg_freep) char *rows = hg_strv_join(&a->status.rows, ",");
    HG_AUTO(hg_freep) char *what =
        hg_xasprintf("%s: %s, rows %s, %zu pending%s%s", t->t->name, hg_state_name(a->status.state),
                     *rows ? rows : "none", a->status.pending.count,
                     a->status.running ? ", a migration is under way" : "",
                     a->status.run_revision ? a->status.run_revision : "");
    if (hg_streq(what, *last))
        return;
    hg_outf("%s %s\n", hg_time_format(hg_wall_ns(), now), what);
    (void)fflush(stdout);
    free(*last);
    *last = HG_TAKE(what);
}

static int watch(const struct status_options *o, struct hg_target *t, struct hg_err *err)
{
    bool terminal = isatty(STDOUT_FILENO);
    HG_AUTO(hg_freep) char *last = NULL;
    for (;;) {
        HG_AUTO(answer_done) struct answer a = { 0 };
        struct hg_err none = { 0 }, seen = { 0 };
        int rc = answer(o, t, &none, &a, &seen);
        if (terminal) {
            hg_out("\033[H\033[2J");
            print_text(o, t, &a);
            (void)fflush(stdout);
        } else {
            print_line(t, &a, &last);
        }
        if (rc < 0 && seen.kind == HG_E_CONFIG) {
            *err = seen;
            return -1;
        }
        if (rc < 0 && seen.kind != HG_E_REFUSED)
            hg_cli_print_error(&seen);
        if (rc == 0 && o->check && a.status.state == HG_STATE_UP_TO_DATE)
            return HG_EXIT_YES;
        const struct timespec nap = { .tv_sec = WATCH_S };
        (void)nanosleep(&nap, NULL);
    }
}

int status_run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    struct status_options *o = options;
    (void)args;
    if (o->watch && wants_json(o)) {
        hg_fail(err, HG_E_USAGE, "--watch prints text only");
        return hg_hint(err, "call `headgate status --format json` as often as you need");
    }
    HG_AUTO(hg_target_done) struct hg_target t = { 0 };
    struct hg_err opened = { 0 };
    if (hg_target_open(&o->common, o->argc, o->argv, false, &t, &opened) == 0)
        hg_err_clear(&opened);
    else if (o->watch) {
        *err = opened;
        return -1;
    }
    if (o->watch)
        return watch(o, &t, err);
    HG_AUTO(answer_done) struct answer a = { 0 };
    int rc = answer(o, &t, &opened, &a, err);
    if (rc < 0)
        hg_err_unanswered(err);
    if (wants_json(o))
        print_json(&t, &a, rc < 0 ? err : NULL);
    else
        print_text(o, &t, &a);
    return rc < 0 ? -1 : HG_EXIT_YES;
}
