/* SPDX-License-Identifier: Apache-2.0 */
/* A target that runs on this host: `headgate exec` is `headgate env`. */
#include "exec.h"
#include "process/process.h"

#include <string.h>

static void add_option(struct hg_strv *argv, const char *name, const char *value)
{
    if (!value)
        return;
    hg_strv_add(argv, name);
    hg_strv_add(argv, value);
}

static void add_seconds(struct hg_strv *argv, const char *name, int64_t ns)
{
    if (ns > 0)
        hg_strv_addf(argv, "%s=%lldms", name, (long long)((ns + HG_NS_PER_MS - 1) / HG_NS_PER_MS));
}

static void add_common(struct hg_strv *argv, const struct hg_common *c)
{
    add_option(argv, "--target", c->target);
    add_option(argv, "--config", c->config);
    add_option(argv, "-C", c->dir);
    add_option(argv, "--color", c->color);
    add_option(argv, "--alembic-config", c->alembic_config);
    add_option(argv, "--alembic-section", c->alembic_section);
    for (size_t i = 0; i < c->from.count; i++)
        add_option(argv, "--from", c->from.items[i]);
    add_seconds(argv, "--timeout", c->timeout_ns);
    if (c->quiet)
        hg_strv_add(argv, "-q");
    for (int i = 0; i < c->verbose; i++)
        hg_strv_add(argv, "-v");
}

int exec_on_host(const struct exec_options *o, const struct hg_strv *args, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    HG_AUTO(hg_freep) char *program = hg_path_join(dir, "headgate-env");
    const char *only = o->user ? "--user" : o->workdir ? "--workdir" : o->tty ? "--tty"
                       : o->with.count ? "--with" : o->fetch.count ? "--fetch" : NULL;
    if (only) {
        hg_fail(err, HG_E_USAGE, "%s is for containers, and this target runs on this host", only);
        return hg_hint(err, "name a container: --container NAME");
    }
    hg_strv_add(&argv, "headgate-env");
    add_common(&argv, &o->common);
    add_seconds(&argv, "--max-runtime", o->max_runtime_ns);
    for (size_t i = 0; i < o->env.count; i++)
        add_option(&argv, strchr(o->env.items[i], '=') ? "--set" : "--unset", o->env.items[i]);
    hg_strv_add(&argv, "--");
    hg_strv_addv(&argv, args);
    return hg_process_become(program, argv.items, NULL, err);
}
