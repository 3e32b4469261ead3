/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HG207: which modules of the models' package define tables, and which of them env.py ever imports.
 *
 * The package is the one env.py imports from. All modules of its top-level package are read, then
 * the imports are followed from env.py as Python would follow them; a module with tables that is
 * never reached, beside one that is (or in the package itself), is one that somebody forgot.
 */
#include "review/modules.h"

#include <string.h>

#define ENV_PY_MAX ((size_t)1 << 20)

/* The module that imports the models: the package's __init__, or a base.py that collects them. */
static const struct hg_module *find_registrar(const struct hg_modules *ms, const char *package)
{
    const struct hg_module *init = hg_modules_find(ms, package);
    if (init != NULL && init->package && init->imports.count > 0)
        return init;
    const struct hg_module *best = init;
    size_t most = 1;
    for (size_t i = 0; i < ms->count; i++) {
        const struct hg_module *m = &ms->items[i];
        size_t models = 0;
        for (size_t j = 0; m->reached && m->tables.count == 0 && j < m->imports.count; j++) {
            const struct hg_module *imported = hg_modules_find(ms, m->imports.items[j]);
            models += imported != NULL && imported->tables.count > 0 ? 1 : 0;
        }
        if (models > most) {
            most = models;
            best = m;
        }
    }
    return best;
}

/* Does it lie in `package` or below, or has its own package a module with tables that was reached? */
static bool among_models(const struct hg_modules *ms, const struct hg_module *m, const char *package)
{
    HG_AUTO(hg_freep) char *own = hg_module_parent(m);
    size_t len = strlen(package);
    if (hg_starts_with(own, package) && (!own[len] || own[len] == '.'))
        return true;
    for (size_t i = 0; i < ms->count; i++) {
        HG_AUTO(hg_freep) char *other = hg_module_parent(&ms->items[i]);
        if (ms->items[i].reached && ms->items[i].tables.count > 0 && hg_streq(other, own))
            return true;
    }
    return false;
}

/* "from db.tables.source import SourcesTable", or relative where the registrar writes so. */
static char *import_line(const struct hg_module *registrar, const struct hg_module *m)
{
    HG_AUTO(hg_freep) char *classes = hg_strv_join(&m->classes, ", ");
    size_t len = strlen(registrar->name);
    bool below = registrar->package && hg_starts_with(m->name, registrar->name) &&
                 m->name[len] == '.';
    const char *name = registrar->relative && below ? m->name + len : m->name;
    if (m->classes.count == 0)
        return hg_xasprintf("import %s", m->name);
    return hg_xasprintf("from %s import %s", name, classes);
}

static void add_missing(const struct hg_module *m, const struct hg_module *registrar,
                        struct hg_review_models *ret)
{
    HG_AUTO(hg_freep) char *tables = hg_strv_join(&m->tables, ", ");
    HG_AUTO(hg_freep) char *line = import_line(registrar, m);
    const char *dot = strrchr(m->name, '.');
    hg_strv_add(&ret->missing_module, dot != NULL ? dot + 1 : m->name);
    hg_strv_add(&ret->missing_path, m->shown);
    hg_strv_add(&ret->missing_tables, tables);
    hg_strv_add(&ret->missing_line, line);
}

static void judge(struct hg_modules *ms, const char *package, struct hg_review_models *ret)
{
    const struct hg_module *registrar = find_registrar(ms, package);
    if (registrar == NULL)
        return;
    ret->package = hg_xstrdup(package);
    ret->dynamic = ms->dynamic;
    ret->init = hg_xstrdup(registrar->shown);
    ret->init_file = hg_xstrdup(registrar->file);
    for (size_t i = 0; i < ms->count; i++) {
        const struct hg_module *m = &ms->items[i];
        if (m->tables.count == 0)
            continue;
        if (m->reached)
            hg_strv_addv(&ret->tables, &m->tables);
        else if (!ms->dynamic && among_models(ms, m, package))
            add_missing(m, registrar, ret);
    }
}

/* The package whose models env.py loads: of those it imports, the first that has modules with
 * tables; `from db.tables.base import Base` means db.tables. */
static char *find_package(const struct hg_modules *ms, const struct hg_strv *imports)
{
    for (size_t i = 0; i < imports->count; i++) {
        const struct hg_module *m = hg_modules_find(ms, imports->items[i]);
        if (m == NULL)
            continue;
        char *package = m->package ? hg_xstrdup(m->name) : hg_module_parent(m);
        for (size_t j = 0; j < ms->count; j++) {
            HG_AUTO(hg_freep) char *parent = hg_module_parent(&ms->items[j]);
            if (ms->items[j].tables.count > 0 && hg_streq(parent, package))
                return package;
        }
        hg_freep(&package);
    }
    /* Models in a sibling package (app.db.base collects app.models.*): any that is reached. */
    for (size_t j = 0; j < ms->count; j++)
        if (ms->items[j].reached && ms->items[j].tables.count > 0)
            return hg_module_parent(&ms->items[j]);
    return NULL;
}

/* What env.py imports, and the modules; none where there is no env.py that can be read. */
static int load(const struct hg_alembic_config *c, bool beside, struct hg_strv *imports, struct hg_modules *ms,
                struct hg_err *err)
{
    HG_AUTO(hg_freep) char *env_py = hg_path_join(c->script_location, "env.py");
    if (!hg_is_file(env_py))
        return 0;
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    if (hg_file_read(env_py, ENV_PY_MAX, &text, err) < 0)
        return -1;
    struct hg_module env = { 0 };
    struct hg_err ignored = { 0 };
    if (hg_module_parse(&env, hg_buf_str(&text), text.len, &ignored) < 0) {
        /* Alembic will say what is wrong with env.py, and better. */
        hg_module_done(&env);
        return 0;
    }
    hg_strv_addv(imports, &env.imports);
    ms->dynamic = env.dynamic;
    hg_module_done(&env);
    if (hg_modules_load(c, imports, ms, err) < 0)
        return -1;
    if (beside)
        hg_modules_load_beside(c, ms);
    hg_modules_follow(ms, imports);
    return 0;
}

int hg_review_models_load(const struct hg_alembic_config *c, struct hg_review_models *ret,
                          struct hg_err *err)
{
    *ret = (struct hg_review_models){ 0 };
    HG_AUTO(hg_strv_done) struct hg_strv imports = HG_STRV_INIT;
    HG_AUTO(hg_modules_done) struct hg_modules ms = { 0 };
    if (load(c, false, &imports, &ms, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *package = find_package(&ms, &imports);
    if (package != NULL)
        judge(&ms, package, ret);
    return 0;
}

/* Does it import, perhaps through others, what env.py imports too, such as the Base of all models? */
static bool leads_to_models(const struct hg_modules *ms, const struct hg_module *m, unsigned depth)
{
    for (size_t i = 0; i < m->imports.count; i++) {
        const struct hg_module *x = hg_modules_find(ms, m->imports.items[i]);
        if (x && (x->reached || (depth && leads_to_models(ms, x, depth - 1))))
            return true;
    }
    return false;
}

int hg_review_models_beside(const struct hg_alembic_config *c, struct hg_strv *ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv imports = HG_STRV_INIT;
    HG_AUTO(hg_modules_done) struct hg_modules ms = { 0 };
    if (load(c, true, &imports, &ms, err) < 0)
        return -1;
    for (size_t i = 0; i < ms.count && !ms.dynamic; i++)
        if (ms.items[i].tables.count > 0 && !ms.items[i].reached && leads_to_models(&ms, &ms.items[i], 2))
            hg_strv_add(ret, ms.items[i].shown);
    return 0;
}

void hg_review_models_done(struct hg_review_models *m)
{
    hg_freep(&m->package);
    hg_freep(&m->init);
    hg_freep(&m->init_file);
    hg_strv_done(&m->tables);
    hg_strv_done(&m->missing_module);
    hg_strv_done(&m->missing_path);
    hg_strv_done(&m->missing_tables);
    hg_strv_done(&m->missing_line);
}

void hg_review_check_models(const struct hg_review_models *models, struct hg_findings *findings)
{
    for (size_t i = 0; i < models->missing_module.count; i++) {
        struct hg_finding *f =
            hg_finding_add(findings, "HG207", "%s defines table %s but is not imported in %s",
                           models->missing_path.items[i], models->missing_tables.items[i],
                           models->init);
        f->path = hg_xstrdup(models->missing_path.items[i]);
        f->object = hg_xstrdup(models->missing_tables.items[i]);
        f->help = hg_xasprintf("Add this line to %s: %s", models->init,
                               models->missing_line.items[i]);
    }
}
