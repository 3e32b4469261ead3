/* SPDX-License-Identifier: Apache-2.0 */
/* Finding headgate.yaml, and the one target there is without it. */
#include "internal.h"
#include "alembic/alembic.h"

#include <errno.h>
#include <limits.h>

/* Reads text into a fresh configuration whose defaults are kept for unnamed targets. */
static int parse_document(struct hg_yaml *y, const char *text, size_t len, struct hg_document *d)
{
    memset(d, 0, sizeof *d);
    hg_target_config_init(&d->defaults);
    if (hg_yaml_read(y, text, len, hg_schema_document, d) < 0) {
        hg_config_done(&d->config);
        hg_target_config_done(&d->defaults);
        return -1;
    }
    d->config.dir = hg_xstrdup(y->dir);
    if (d->config.migrator_directory) {
        HG_AUTO(hg_freep) char *relative = d->config.migrator_directory;
        d->config.migrator_directory = hg_path_join(y->dir, relative);
    }
    d->config.digest = hg_hash64(text, len, HG_HASH64_INIT);
    return 0;
}

int hg_config_parse(const char *text, size_t len, const char *shown, const char *dir,
                    struct hg_config *ret, struct hg_err *err)
{
    struct hg_yaml y = { .shown = shown, .dir = dir, .err = err };
    struct hg_document d;
    if (parse_document(&y, text, len, &d) < 0)
        return -1;
    hg_target_config_done(&d.defaults);
    *ret = d.config;
    return 0;
}

/* ---- finding the file --------------------------------------------------------------------------- */

static bool exists(const char *dir, const char *name)
{
    HG_AUTO(hg_freep) char *path = hg_path_join(dir, name);
    return access(path, F_OK) == 0;
}

/* DIR, then its parents up to the root of the repository; outside a repository only DIR. */
static char *find_file(const char *dir)
{
    HG_AUTO(hg_freep) char *at = hg_xstrdup(dir);
    HG_AUTO(hg_freep) char *found = NULL;
    for (bool first = true;; first = false) {
        if (!found && exists(at, "headgate.yaml")) {
            found = hg_path_join(at, "headgate.yaml");
            if (first)
                return HG_TAKE(found);
        }
        if (exists(at, ".git"))
            return HG_TAKE(found);
        if (strcmp(at, "/") == 0 || strcmp(at, ".") == 0)
            return NULL;
        char *parent = hg_path_dir(at);
        free(at);
        at = parent;
    }
}

/* ---- the target that needs no file ---------------------------------------------------------------- */

char *hg_config_alembic_dir(const struct hg_config *c, const char *alembic_config, const char *dir)
{
    struct hg_alembic_options o = {
        .dir = dir, .directory = c->migrator_directory,
        .config = alembic_config ? alembic_config : c->migrator_config };
    char *folder = hg_alembic_folder(&o);
    return folder ? folder : hg_xstrdup(c->migrator_directory);
}

/* How a path is shown to people: relative to DIR where it lies below it. */
static char *shown_path(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    if (strncmp(path, dir, len) == 0 && path[len] == '/')
        return hg_xstrdup(path + len + 1);
    return hg_xstrdup(path);
}

/* The process, then .env beside alembic.ini (CONTRACT.md, last point of "Options"). */
static void add_unnamed(struct hg_document *d, const struct hg_common *common, const char *dir,
                        const char *name)
{
    struct hg_config *c = &d->config;
    c->targets = hg_xrealloc(c->targets, c->target_count + 1, sizeof *c->targets);
    struct hg_target_config *t = &c->targets[c->target_count++];
    hg_target_config_copy(t, &d->defaults);
    free(t->name);
    t->name = hg_xstrdup(name);
    t->sources = hg_xcalloc(2, sizeof *t->sources);
    t->source_count = 2;
    t->sources[0].kind = HG_SOURCE_PROCESS;
    struct hg_source *dotenv = &t->sources[1];
    HG_AUTO(hg_freep) char *folder = hg_config_alembic_dir(c, common->alembic_config, dir);
    if (!folder)
        folder = hg_xstrdup(dir);
    dotenv->kind = HG_SOURCE_DOTENV;
    dotenv->path = hg_path_join(folder, ".env");
    dotenv->file = shown_path(dotenv->path, dir);
    dotenv->optional = true;
}

static const struct hg_target_config *find_target(const struct hg_config *c, const char *name)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (strcmp(c->targets[i].name, name) == 0)
            return &c->targets[i];
    return NULL;
}

static const char *get(const struct hg_vars *vars, const char *name)
{
    const char *value = hg_vars_get(vars, name);
    return value && *value ? value : NULL;
}

/* Which target the command line means, and whether it may be one that stands in no file. */
static void choose(struct hg_document *d, const struct hg_common *common, const char *dir,
                   const struct hg_vars *vars, bool settled)
{
    const char *zero = get(vars, "HEADGATE_TARGET");
    bool by_name = common->target || zero; /* somebody asked for it by name */
    if (!zero)
        zero = get(vars, "RAILWAY_ENVIRONMENT_NAME");
    if (!zero)
        zero = "local";
    const char *name = common->target ? common->target : zero;
    d->config.chosen = hg_xstrdup(name);
    if (find_target(&d->config, name))
        return;
    bool may = d->config.target_count == 0 ? strcmp(name, zero) == 0 : !by_name;
    if (may || settled || common->from.count)
        add_unnamed(d, common, dir, name);
}

/* --from replaces the sources of the chosen target, which keeps its name, pins and policy. */
static int replace_sources(struct hg_config *c, const struct hg_common *common, const char *dir,
                           struct hg_err *err)
{
    struct hg_target_config *t = (struct hg_target_config *)(uintptr_t)find_target(c, c->chosen);
    if (!common->from.count || !t)
        return 0;
    for (size_t i = 0; i < t->source_count; i++)
        hg_source_done(&t->sources[i]);
    free(t->sources);
    t->sources = hg_xcalloc(common->from.count, sizeof *t->sources);
    t->source_count = 0;
    for (size_t i = 0; i < common->from.count; i++) {
        if (hg_source_parse(common->from.items[i], dir, &t->sources[i], err) < 0)
            return -1;
        t->source_count++;
    }
    return 0;
}

static char *config_path(const struct hg_common *common, const char *dir)
{
    if (common->config)
        return hg_path_join(dir, common->config);
    return find_file(dir);
}

int hg_config_load_vars(const struct hg_common *common, const struct hg_vars *vars, bool settled,
                        struct hg_config *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *dir = realpath(common->dir ? common->dir : ".", NULL);
    if (!dir)
        dir = hg_path_abs(common->dir ? common->dir : ".");
    if (common->dir && !hg_is_dir(dir))
        return hg_fail(err, HG_E_USAGE, "-C %s: not a directory", common->dir);
    if (dir[0] != '/') {
        (void)hg_fail(err, HG_E_USAGE, "the folder in which headgate was started is not there any more");
        return hg_hint(err, "go to the project's folder again (cd), or name it with -C DIR");
    }
    HG_AUTO(hg_freep) char *path = config_path(common, dir);
    struct hg_document d = { 0 };
    if (path) {
        HG_AUTO(hg_freep) char *folder = hg_path_dir(path);
        HG_AUTO(hg_freep) char *shown = shown_path(path, dir);
        HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
        if (hg_file_read(path, HG_YAML_FILE_MAX + 1, &text, err) < 0)
            return -1;
        struct hg_yaml y = { .shown = shown, .dir = folder, .vars = vars, .err = err };
        if (parse_document(&y, hg_buf_str(&text), text.len, &d) < 0)
            return -1;
        d.config.path = HG_TAKE(path);
    } else {
        hg_target_config_init(&d.defaults);
        d.config.dir = hg_xstrdup(dir);
    }
    d.config.start_dir = hg_xstrdup(dir);
    choose(&d, common, dir, vars, settled);
    hg_target_config_done(&d.defaults);
    if (replace_sources(&d.config, common, dir, err) < 0) {
        hg_config_done(&d.config);
        return -1;
    }
    *ret = d.config;
    return 0;
}

void hg_config_fallback(const struct hg_common *common, const struct hg_vars *vars,
                        struct hg_config *ret)
{
    struct hg_document d = { 0 };
    HG_AUTO(hg_freep) char *dir = hg_path_abs(common->dir ? common->dir : ".");
    hg_target_config_init(&d.defaults);
    d.config.dir = hg_xstrdup(dir);
    d.config.start_dir = hg_xstrdup(dir);
    choose(&d, common, dir, vars, true);
    if (d.config.target_count == 0)
        add_unnamed(&d, common, dir, d.config.chosen);
    hg_target_config_done(&d.defaults);
    *ret = d.config;
}

int hg_config_load(const struct hg_common *common, struct hg_config *ret, struct hg_err *err)
{
    HG_AUTO(hg_vars_done) struct hg_vars vars = HG_VARS_INIT;
    hg_vars_from_environ(&vars, environ, "process");
    return hg_config_load_vars(common, &vars, false, ret, err);
}

const struct hg_target_config *hg_config_target(const struct hg_config *c, const char *name,
                                                struct hg_err *err)
{
    if (!name)
        name = c->chosen ? c->chosen : "local";
    const struct hg_target_config *t = find_target(c, name);
    if (t && t->broken) {
        (void)hg_fail(err, HG_E_CONFIG, "%s", t->broken);
        return NULL;
    }
    if (t)
        return t;
    HG_AUTO(hg_freep) char *shown = hg_printable(name, 60);
    if (!c->path) {
        (void)hg_fail(err, HG_E_CONFIG, "there is no target `%s`: no headgate.yaml was found", shown);
        hg_hint(err, "write one with `targets:`, or leave -t away to use the process's own variables");
        return NULL;
    }
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i].named)
            hg_strv_add(&names, c->targets[i].name);
    HG_AUTO(hg_freep) char *list = names.count ? hg_strv_join(&names, ", ") : hg_xstrdup("none");
    const char *near = hg_nearest(name, (const char *const *)names.items, names.count);
    (void)hg_fail(err, HG_E_CONFIG, "there is no target `%s` in %s%s%s%s", shown, c->path,
                  near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    hg_detail(err, "targets there: %s", list);
    return NULL;
}
