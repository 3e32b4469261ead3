/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where what this image wants is written, and how it gets into a database. Today that is the revision
 * files beside alembic.ini, and headgate-apply with the project's own Alembic. Whoever adds another way
 * changes these functions and nothing else.
 */
#include "internal.h"

int hg_entry_way_load(struct hg_entry *e, struct hg_err *err)
{
    struct hg_entry_way *w = &e->way;
    const struct hg_common *c = e->o->common;
    if (w->have)
        return 0;
    char **env = hg_target_plain_envp(&e->target);
    struct hg_alembic_options options = {
        .dir = c->dir,
        .directory = e->target.config.migrator_directory,
        .config = c->alembic_config ? c->alembic_config : e->target.config.migrator_config,
        .section = c->alembic_section,
        .no_python = c->no_python,
        .python_env = env,
        .graph_only = true,
    };
    struct hg_alembic_config alembic;
    int rc = hg_alembic_config_load(&options, &alembic, err);
    if (rc == 0) {
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
    if (!w->have)
        return;
    hg_graph_free(w->graph);
    hg_alembic_config_done(&w->alembic);
    w->have = false;
}
