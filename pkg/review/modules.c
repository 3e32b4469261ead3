/* SPDX-License-Identifier: Apache-2.0 */
#include "review/modules.h"
#include "review/internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE_MAX ((size_t)1 << 20)

/* Folders that hold no models however they are named inside. */
static const char *const NOT_MODELS[] = { "__pycache__", "versions", "node_modules", "tests",
                                          "site-packages" };

/* "a.b.c" without its last part; "" when there is none. */
static char *parent_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL ? hg_xstrndup(name, (size_t)(dot - name)) : hg_xstrdup("");
}

char *hg_module_parent(const struct hg_module *m)
{
    return parent_of(m->name);
}

/* Reads "a.b.c" from *at on, behind `dots` leading ones, as an absolute name. */
static char *read_dotted(const struct hg_module *m, const struct hg_py *py, size_t *at, size_t to,
                         unsigned dots)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    if (dots > 0 && m->name != NULL) {
        HG_AUTO(hg_freep) char *base = m->package ? hg_xstrdup(m->name) : hg_module_parent(m);
        for (unsigned i = 1; i < dots; i++) {
            char *up = parent_of(base);
            hg_freep(&base);
            base = up;
        }
        hg_buf_adds(&b, base);
    }
    while (*at < to && py->tokens[*at].kind == HG_PY_NAME &&
           !hg_py_is(&py->tokens[*at], "import")) {
        if (b.len > 0)
            hg_buf_addc(&b, '.');
        hg_buf_add(&b, py->tokens[*at].start, py->tokens[*at].len);
        (*at)++;
        if (*at < to && hg_py_is(&py->tokens[*at], "."))
            (*at)++;
        else
            break;
    }
    return hg_buf_take(&b);
}

/* import a.b, c.d as e */
static void read_import(struct hg_module *m, const struct hg_py *py, size_t at, size_t to)
{
    while (at < to) {
        HG_AUTO(hg_freep) char *name = read_dotted(m, py, &at, to, 0);
        hg_strv_add(&m->imports, name);
        while (at < to && !hg_py_is(&py->tokens[at], ","))
            at++;
        at++;
    }
}

/* from ..a.b import (c, d as e): the module, and a.b.c in case c is one. */
static void read_from(struct hg_module *m, const struct hg_py *py, size_t at, size_t to)
{
    unsigned dots = 0;
    for (; at < to && *py->tokens[at].start == '.'; at++)
        dots += (unsigned)py->tokens[at].len;
    m->relative = m->relative || dots > 0;
    HG_AUTO(hg_freep) char *base = read_dotted(m, py, &at, to, dots);
    hg_strv_add(&m->imports, base);
    bool name = true;
    for (at++; at < to; at++) {
        const struct hg_py_token *t = &py->tokens[at];
        if (hg_py_is(t, ","))
            name = true;
        else if (t->kind == HG_PY_NAME && name) {
            hg_strv_addf(&m->imports, "%s.%.*s", base, (int)t->len, t->start);
            name = false;
        }
    }
}

/* The table of one line in a class body, "__tablename__ = …"; NULL: another line. Heap. */
static char *tablename(const struct hg_py *py, const struct hg_py_line *l)
{
    size_t at = l->first;
    size_t to = l->first + l->count;
    if (l->count < 3 || !hg_py_is(&py->tokens[at], "__tablename__"))
        return NULL;
    while (at < to && !hg_py_is(&py->tokens[at], "="))
        at++;
    return at < to ? hg_py_value(py, at + 1, to) : NULL;
}

/* `NAME = Table("name", metadata, …)` at the top level. */
static char *core_table(const struct hg_py *py, const struct hg_py_line *l)
{
    size_t to = l->first + l->count;
    for (size_t i = l->first; i + 2 < to && l->indent == 0; i++) {
        if (hg_py_is(&py->tokens[i], "Table") && hg_py_is(&py->tokens[i + 1], "(")) {
            HG_AUTO(hg_py_args_done) struct hg_py_args args;
            hg_py_args(py, i + 1, hg_py_close(py, i + 1, to), &args);
            return args.count > 1 ? hg_py_value(py, args.items[0].from, args.items[0].to) : NULL;
        }
    }
    return NULL;
}

static bool is_dynamic_import(const struct hg_py_token *t)
{
    return hg_py_is(t, "importlib") || hg_py_is(t, "import_module") || hg_py_is(t, "pkgutil") ||
           hg_py_is(t, "__import__") || hg_py_is(t, "walk_packages");
}

static void read_line(struct hg_module *m, const struct hg_py *py, const struct hg_py_line *l,
                      const struct hg_py_token *class)
{
    const struct hg_py_token *t = &py->tokens[l->first];
    size_t to = l->first + l->count;
    for (size_t i = l->first; i < to; i++)
        m->dynamic = m->dynamic || is_dynamic_import(&py->tokens[i]);
    if (hg_py_is(t, "import"))
        read_import(m, py, l->first + 1, to);
    else if (hg_py_is(t, "from"))
        read_from(m, py, l->first + 1, to);
    HG_AUTO(hg_freep) char *table = class != NULL ? tablename(py, l) : NULL;
    HG_AUTO(hg_freep) char *core = core_table(py, l);
    if (table != NULL) {
        hg_strv_add(&m->tables, table);
        hg_strv_addn(&m->classes, class->start, class->len);
    }
    if (core != NULL) {
        hg_strv_add(&m->tables, core);
        if (t->kind == HG_PY_NAME)
            hg_strv_addn(&m->classes, t->start, t->len);
    }
}

int hg_module_parse(struct hg_module *m, const char *text, size_t len, struct hg_err *err)
{
    HG_AUTO(hg_py_done) struct hg_py py = { 0 };
    if (hg_py_parse(text, len, &py, err) < 0)
        return -1;
    const struct hg_py_token *class = NULL;
    int skip = -1; /* indentation of an `if TYPE_CHECKING:`, whose imports never run; -1: none */
    for (size_t i = 0; i < py.line_count; i++) {
        const struct hg_py_line *l = &py.lines[i];
        if (l->count == 0)
            continue;
        const struct hg_py_token *t = &py.tokens[l->first];
        if (skip >= 0 && l->indent > skip)
            continue;
        skip = -1;
        if (l->indent == 0)
            class = hg_py_is(t, "class") && l->count > 2 ? t + 1 : NULL;
        if (hg_py_is(t, "if") && l->count >= 3 &&
            (hg_py_is(t + 1, "TYPE_CHECKING") ||
             (l->count > 4 && hg_py_is(t + 3, "TYPE_CHECKING")))) {
            skip = l->indent;
            continue;
        }
        read_line(m, &py, l, class);
    }
    return 0;
}

static void add_module(const char *file, const char *shown, const char *name, bool package,
                       struct hg_modules *ret)
{
    struct hg_module m = { .name = hg_xstrdup(name), .file = hg_xstrdup(file),
                           .shown = hg_xstrdup(shown), .package = package };
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    /* What cannot be read here, Python will complain about when it is imported. */
    if (hg_file_read(file, MODULE_MAX, &text, &ignored) < 0 ||
        hg_module_parse(&m, hg_buf_str(&text), text.len, &ignored) < 0) {
        hg_module_done(&m);
        return;
    }
    ret->items = hg_grow(ret->items, ret->count, &ret->cap, sizeof *ret->items);
    ret->items[ret->count++] = m;
}

static bool skip_folder(const char *name)
{
    for (size_t i = 0; i < HG_COUNT(NOT_MODELS); i++)
        if (hg_streq(NOT_MODELS[i], name))
            return true;
    return false;
}

static void walk(const char *dir, const char *shown, const char *name, unsigned depth,
                 struct hg_modules *ret);

static void walk_entry(const char *dir, const char *shown, const char *name, const char *entry,
                       unsigned depth, struct hg_modules *ret)
{
    HG_AUTO(hg_freep) char *file = hg_path_join(dir, entry);
    HG_AUTO(hg_freep) char *file_shown = hg_path_join(shown, entry);
    if (hg_ends_with(entry, ".py")) {
        bool init = hg_streq(entry, "__init__.py");
        HG_AUTO(hg_freep) char *module =
            init ? hg_xstrdup(name)
                 : hg_xasprintf("%s.%.*s", name, (int)(strlen(entry) - 3), entry);
        if (hg_is_file(file))
            add_module(file, file_shown, module, init, ret);
    } else if (!skip_folder(entry) && hg_is_dir(file)) {
        HG_AUTO(hg_freep) char *module = hg_xasprintf("%s.%s", name, entry);
        walk(file, file_shown, module, depth + 1, ret);
    }
}

static void walk(const char *dir, const char *shown, const char *name, unsigned depth,
                 struct hg_modules *ret)
{
    DIR *d = depth < HG_MODULE_DEPTH_MAX ? opendir(dir) : NULL;
    if (d == NULL)
        return;
    const struct dirent *e;
    while (ret->count < HG_MODULES_MAX && (e = readdir(d)) != NULL)
        if (e->d_name[0] != '.')
            walk_entry(dir, shown, name, e->d_name, depth, ret);
    closedir(d);
}

static int compare_modules(const void *a, const void *b)
{
    return strcmp(((const struct hg_module *)a)->name, ((const struct hg_module *)b)->name);
}

/* Where Python would find the top-level module, of the places a project puts it. */
static void load_top(const struct hg_alembic_config *c, const char *top, struct hg_modules *ret)
{
    static const char *const PLACES[] = { ".", "src", ".." };
    HG_AUTO(hg_freep) char *file_name = hg_xasprintf("%s.py", top);
    for (size_t i = 0; i < HG_COUNT(PLACES); i++) {
        HG_AUTO(hg_freep) char *base = hg_path_join(c->dir, PLACES[i]);
        HG_AUTO(hg_freep) char *base_shown = hg_path_join(c->shown_dir, PLACES[i]);
        HG_AUTO(hg_freep) char *dir = hg_path_join(base, top);
        HG_AUTO(hg_freep) char *file = hg_path_join(base, file_name);
        if (hg_is_dir(dir)) {
            HG_AUTO(hg_freep) char *shown = hg_path_join(base_shown, top);
            walk(dir, shown, top, 0, ret);
            return;
        }
        if (hg_is_file(file)) {
            HG_AUTO(hg_freep) char *shown = hg_path_join(base_shown, file_name);
            add_module(file, shown, top, false, ret);
            return;
        }
    }
}

int hg_modules_load(const struct hg_alembic_config *c, const struct hg_strv *imports,
                    struct hg_modules *ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv tops = HG_STRV_INIT;
    for (size_t i = 0; i < imports->count; i++) {
        HG_AUTO(hg_freep) char *top =
            hg_xstrndup(imports->items[i], strcspn(imports->items[i], "."));
        if (*top == '\0' || hg_strv_has(&tops, top))
            continue;
        hg_strv_add(&tops, top);
        load_top(c, top, ret);
    }
    if (ret->count >= HG_MODULES_MAX)
        return hg_fail(err, HG_E_CONFIG, "more than %d Python modules beside env.py's imports",
                       HG_MODULES_MAX);
    if (ret->count > 0)
        qsort(ret->items, ret->count, sizeof *ret->items, compare_modules);
    return 0;
}

/* A folder is a package where it says so: data, documents and other programs lie there too. */
static void load_beside(const struct hg_alembic_config *c, const char *base, const char *base_shown,
                        const char *entry, const struct hg_modules *known, struct hg_modules *ret)
{
    HG_AUTO(hg_freep) char *path = hg_path_join(base, entry);
    HG_AUTO(hg_freep) char *shown = hg_path_join(base_shown, entry);
    HG_AUTO(hg_freep) char *init = hg_path_join(path, "__init__.py");
    if (hg_ends_with(entry, ".py")) {
        HG_AUTO(hg_freep) char *name = hg_xstrndup(entry, strlen(entry) - 3);
        if (hg_modules_find(known, name) == NULL && hg_is_file(path))
            add_module(path, shown, name, false, ret);
    } else if (hg_modules_find(known, entry) == NULL && !skip_folder(entry) && hg_is_file(init) &&
               !hg_streq(path, c->script_location)) {
        walk(path, shown, entry, 0, ret);
    }
}

void hg_modules_load_beside(const struct hg_alembic_config *c, struct hg_modules *ms)
{
    static const char *const PLACES[] = { ".", "src" };
    struct hg_modules beside = { 0 };
    for (size_t i = 0; i < HG_COUNT(PLACES); i++) {
        HG_AUTO(hg_freep) char *base = i ? hg_path_join(c->dir, PLACES[i]) : hg_xstrdup(c->dir);
        HG_AUTO(hg_freep) char *shown = i ? hg_path_join(c->shown_dir, PLACES[i]) : hg_xstrdup(c->shown_dir);
        DIR *d = opendir(base);
        const struct dirent *e;
        while (d != NULL && ms->count + beside.count < HG_MODULES_MAX && (e = readdir(d)) != NULL)
            if (e->d_name[0] != '.')
                load_beside(c, base, shown, e->d_name, ms, &beside);
        if (d != NULL)
            closedir(d);
    }
    for (size_t i = 0; i < beside.count; i++) {
        ms->items = hg_grow(ms->items, ms->count, &ms->cap, sizeof *ms->items);
        ms->items[ms->count++] = beside.items[i];
    }
    hg_freep(&beside.items);
    if (ms->count > 0)
        qsort(ms->items, ms->count, sizeof *ms->items, compare_modules);
}

struct hg_module *hg_modules_find(const struct hg_modules *ms, const char *name)
{
    struct hg_module key = { .name = (char *)(uintptr_t)name };
    return ms->count == 0 ? NULL
                          : bsearch(&key, ms->items, ms->count, sizeof key, compare_modules);
}

/* Importing a.b.c runs a, a.b and a.b.c. */
static bool reach(struct hg_modules *ms, const char *name)
{
    bool news = false;
    for (const char *dot = name; dot != NULL;) {
        dot = strchr(dot, '.');
        HG_AUTO(hg_freep) char *part =
            dot != NULL ? hg_xstrndup(name, (size_t)(dot - name)) : hg_xstrdup(name);
        struct hg_module *m = hg_modules_find(ms, part);
        if (m != NULL && !m->reached)
            news = m->reached = true;
        dot = dot != NULL ? dot + 1 : NULL;
    }
    return news;
}

void hg_modules_follow(struct hg_modules *ms, const struct hg_strv *imports)
{
    for (size_t i = 0; i < imports->count; i++)
        (void)reach(ms, imports->items[i]);
    bool news = true;
    while (news) {
        news = false;
        for (size_t i = 0; i < ms->count; i++) {
            const struct hg_module *m = &ms->items[i];
            for (size_t j = 0; m->reached && j < m->imports.count; j++)
                news = reach(ms, m->imports.items[j]) || news;
        }
    }
    for (size_t i = 0; i < ms->count; i++)
        ms->dynamic = ms->dynamic || (ms->items[i].reached && ms->items[i].dynamic);
}

void hg_module_done(struct hg_module *m)
{
    hg_freep(&m->name);
    hg_freep(&m->file);
    hg_freep(&m->shown);
    hg_strv_done(&m->imports);
    hg_strv_done(&m->tables);
    hg_strv_done(&m->classes);
}

void hg_modules_done(struct hg_modules *ms)
{
    for (size_t i = 0; i < ms->count; i++)
        hg_module_done(&ms->items[i]);
    hg_freep(&ms->items);
    *ms = (struct hg_modules){ 0 };
}
