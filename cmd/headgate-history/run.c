/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include "term/term.h"

static bool wants_json(const struct history_options *o)
{
    return o->common.format && strcmp(o->common.format, "json") == 0;
}

static void history_done(struct history *h)
{
    hg_revlist_done(&h->list);
    free(h->applied);
    hg_findings_done(&h->findings);
    hg_graph_free((struct hg_graph *)h->graph);
}

static int load(const struct history_options *o, struct history *h, struct hg_err *err)
{
    struct hg_alembic_options options = {
        .dir = o->common.dir, .config = o->common.alembic_config,
        .section = o->common.alembic_section, .no_python = o->common.no_python };
    struct hg_alembic_config config;
    struct hg_graph *graph = NULL;
    if (hg_alembic_config_load(&options, &config, err) < 0)
        return -1;
    int failed = hg_alembic_load(&config, &options, &graph, &h->findings, err);
    h->graph = graph;
    hg_alembic_config_done(&config);
    return failed;
}

static int select_revisions(const struct history_options *o, struct history *h, struct hg_err *err)
{
    if (o->range && hg_graph_ok(h->graph))
        return hg_graph_range(h->graph, o->range, NULL, &h->list, err);
    hg_graph_history(h->graph, &h->list);
    return 0;
}

static int print(const struct history_options *o, const struct history *h, const struct hg_err *err)
{
    if (wants_json(o)) {
        history_print_json(h, err);
        hg_cli_error_printed();
    } else if (h->graph) {
        history_print_text(h, hg_cli_color(&o->common, STDOUT_FILENO),
                           hg_term_utf8());
        HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
        hg_findings_text(&h->findings, hg_cli_color(&o->common, STDERR_FILENO), &text);
        fputs(hg_buf_str(&text), stderr);
    }
    return err ? -1 : 0;
}

int history_run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    const struct history_options *o = options;
    HG_AUTO(history_done) struct history h = { 0 };
    (void)args;
    if (load(o, &h, err) < 0 || select_revisions(o, &h, err) < 0)
        return print(o, &h, err);
    print(o, &h, NULL);
    return hg_graph_ok(h.graph) ? HG_EXIT_YES : HG_EXIT_NO;
}
