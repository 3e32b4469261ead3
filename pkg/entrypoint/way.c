/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where what this image wants is written, and how it gets into a database: a bundle, which headgate-apply
 * runs by itself; or the revision files beside alembic.ini, and the project's own Alembic. Whoever adds
 * another way changes these functions and nothing else.
 */
#include "internal.h"

/* The bundle that was named, or one that lies where an image would have it; NULL: none. Heap, absolute. */
static char *find_bundle(const struct hg_entry *e)
{
    const struct hg_config *c = &e->target.config;
    const char *const places[] = { c->dir, c->start_dir };
    if (e->o->bundle && *e->o->bundle)
        return hg_path_abs(e->o->bundle);
    for (size_t i = 0; i < HG_COUNT(places); i++) {
        HG_AUTO(hg_freep) char *path = hg_path_join(places[i] ? places[i] : ".", HG_BUNDLE_DEFAULT);
        if (hg_is_file(path))
            return hg_path_abs(path);
    }
    return NULL;
}

/* A bundle that nobody named must be of the revision files beside it, if there are any: which of the two
 * is older nobody can tell. */
static int check_found(struct hg_entry *e, struct hg_err *err)
{
    HG_AUTO(hg_bundle_done) struct hg_bundle whole = { 0 };
    HG_AUTO(hg_findings_done) struct hg_findings ignored = HG_FINDINGS_INIT, differ = HG_FINDINGS_INIT;
    struct hg_alembic_config alembic;
    struct hg_graph *graph = NULL;
    struct hg_err unread = { 0 };
    bool found = false;
    int rc = 0;
    char **env = hg_target_plain_envp(&e->target);
    struct hg_alembic_options options = hg_target_alembic_options(e->o->common, &e->target.config, env);
    if (hg_alembic_config_find(&options, &alembic, &found, &unread) == 0 && found) {
        if (hg_alembic_load(&alembic, &options, &graph, &ignored, &unread) == 0) {
            rc = hg_bundle_open(e->way.bundle_path, &whole, err);
            hg_bundle_compare(&whole, graph, &differ);
        }
        hg_graph_free(graph);
        hg_alembic_config_done(&alembic);
    }
    hg_vars_free_envp(env);
    if (rc < 0 || !differ.count)
        return rc;
    (void)hg_fail(err, HG_E_REFUSED, "%s is not of the revision files that are here: %s", e->way.bundle_path,
                  differ.items[0].message);
    return hg_hint(err, "build it again (headgate bundle), or name it if it is meant as it is (--bundle FILE)");
}

static void name_table(void *read, const struct hg_alembic_config *config)
{
    hg_status_name(read, config);
}

/* A signature is over all of it, and nothing is asked by what nobody vouches for. */
static int read_bundle(struct hg_entry *e, struct hg_status_read *read, struct hg_err *err)
{
    struct hg_entry_way *w = &e->way;
    bool named = e->o->bundle && *e->o->bundle;
    bool whole = hg_target_bundle_signing(&e->target);
    int rc = whole ? hg_replay_code(w->bundle_path, e->target.config.start_dir, &w->bundle, &w->alembic,
                                    &w->graph, &e->file_findings, err)
                   : hg_replay_outline(w->bundle_path, e->target.config.start_dir, name_table, read, &w->bundle,
                                       &w->alembic, &w->graph, &e->file_findings, err);
    if (rc < 0 || (!named && check_found(e, err) < 0) ||
        hg_target_bundle_trusted(&e->target, w->bundle_path, &w->bundle, &e->file_findings, err) < 0)
        return -1;
    if (whole)
        name_table(read, &w->alembic);
    return 0;
}

static int load_bundle(struct hg_entry *e, struct hg_status_read *read, struct hg_err *err)
{
    struct hg_entry_way *w = &e->way;
    w->have = read_bundle(e, read, err) == 0;
    if (w->have)
        return 0;
    hg_graph_free(w->graph); /* so that the next try finds nothing left */
    w->graph = NULL;
    hg_bundle_done(&w->bundle);
    hg_alembic_config_done(&w->alembic);
    w->alembic = (struct hg_alembic_config){ 0 };
    return -1;
}

int hg_entry_way_load(struct hg_entry *e, struct hg_status_read *read, struct hg_err *err)
{
    struct hg_entry_way *w = &e->way;
    if (w->have) {
        hg_status_name(read, &w->alembic);
        return 0;
    }
    if (!w->bundle_path)
        w->bundle_path = find_bundle(e);
    if (w->bundle_path)
        return load_bundle(e, read, err);
    char **env = hg_target_plain_envp(&e->target);
    struct hg_alembic_options options = hg_target_alembic_options(e->o->common, &e->target.config, env);
    options.graph_only = true;
    struct hg_alembic_config alembic;
    int rc = hg_alembic_config_load(&options, &alembic, err);
    if (rc == 0) {
        hg_status_name(read, &alembic);
        rc = hg_alembic_load(&alembic, &options, &w->graph, &e->file_findings, err);
        w->alembic = alembic;
        w->have = rc == 0;
        if (rc < 0)
            hg_alembic_config_done(&w->alembic);
    }
    hg_vars_free_envp(env);
    return rc;
}

static void add_option(struct hg_strv *args, const char *name, const char *value)
{
    if (value)
        hg_strv_addf(args, "--%s=%s", name, value);
}

void hg_entry_way_argv(const struct hg_entry *e, struct hg_strv *ret)
{
    const struct hg_common *c = e->o->common;
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    HG_AUTO(hg_freep) char *program = hg_path_join(dir, "headgate-apply");
    hg_strv_add(ret, program);
    add_option(ret, "target", c->target);
    add_option(ret, "config", c->config);
    add_option(ret, "dir", c->dir);
    for (size_t i = 0; i < c->from.count; i++)
        add_option(ret, "from", c->from.items[i]);
    add_option(ret, "bundle", e->way.bundle_path);
    add_option(ret, "alembic-config", c->alembic_config);
    add_option(ret, "alembic-section", c->alembic_section);
    for (size_t i = 0; i < c->x.count; i++)
        add_option(ret, "x", c->x.items[i]);
    add_option(ret, "color", c->color);
    if (c->no_python)
        hg_strv_add(ret, "--no-python");
    if (c->no_progress)
        hg_strv_add(ret, "--no-progress");
    if (c->quiet)
        hg_strv_add(ret, "-q");
    for (int i = 0; i < c->verbose; i++)
        hg_strv_add(ret, "-v");
    /* Who has to wait does so here, with one short connection now and then instead of two that stay. */
    hg_strv_add(ret, "--no-wait");
    hg_strv_add(ret, "--yes");
    hg_strv_add(ret, "--unattended");
    if (e->o->retry_failed)
        hg_strv_add(ret, "--retry-failed");
}

void hg_entry_way_done(struct hg_entry_way *w)
{
    hg_freep(&w->bundle_path);
    hg_bundle_done(&w->bundle);
    if (!w->have)
        return;
    hg_graph_free(w->graph);
    hg_alembic_config_done(&w->alembic);
    w->have = false;
}
