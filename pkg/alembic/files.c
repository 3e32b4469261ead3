/* SPDX-License-Identifier: Apache-2.0 */
/* Which files Alembic imports (Script._list_py_dir, ScriptDirectory._load_revisions). */
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { DIRECTORY_DEPTH_MAX = 64 };

struct walk {
    const struct hg_alembic_config *c;
    struct hg_rev_files *out;
    struct hg_strv linked; /* real paths of symlinked files, to find the same file twice */
};

void hg_rev_files_done(struct hg_rev_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->items[i].path);
    free(HG_TAKE(f->items));
    hg_strv_done(&f->nested);
    f->count = f->cap = 0;
}

bool hg_alembic_is_revision_name(const char *name)
{
    return hg_ends_with(name, ".py") && !hg_starts_with(name, ".#") &&
           !hg_starts_with(name, "__init__");
}

static bool is_compiled_name(const char *name)
{
    return (hg_ends_with(name, ".pyc") || hg_ends_with(name, ".pyo")) &&
           !hg_starts_with(name, ".#") && !hg_starts_with(name, "__init__");
}

static void add(struct walk *w, char *path, const char *fault)
{
    struct hg_rev_files *f = w->out;
    f->items = hg_grow(f->items, f->count, &f->cap, sizeof *f->items);
    f->items[f->count++] = (struct hg_rev_file){ path, hg_path_base(path), fault };
}

static bool listed(const struct hg_rev_files *f, const char *path)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->items[i].path, path) == 0)
            return true;
    return false;
}

/* A symbolic link counts as the file it leads to. */
static void add_link(struct walk *w, const char *path, const char *name)
{
    char *real = realpath(path, NULL);
    if (!real) {
        if (hg_alembic_is_revision_name(name))
            add(w, hg_xstrdup(path), errno == ELOOP ? "it is a symbolic link that leads to itself"
                                                    : "it is a symbolic link that leads nowhere");
        return;
    }
    if (!hg_alembic_is_revision_name(hg_path_base(real)) || hg_is_dir(real)) {
        free(real);
        return;
    }
    if (listed(w->out, real)) {
        hg_log(HG_LOG_INFO, "%s is the same file as %s: read once", path, real);
        free(real);
        return;
    }
    hg_strv_add(&w->linked, real);
    add(w, real, hg_is_file(real) ? NULL : "it is not a regular file");
}

struct entry { char *name; unsigned char type; };

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static unsigned char type_of(int dir, const struct dirent *e)
{
    struct stat st;
    if (e->d_type != DT_UNKNOWN)
        return e->d_type;
    if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return DT_UNKNOWN;
    return (unsigned char)IFTODT(st.st_mode);
}

struct entries { struct entry *items; size_t count, cap; };

static void entries_done(struct entries *e)
{
    for (size_t i = 0; i < e->count; i++)
        free(e->items[i].name);
    free(e->items);
}

static int read_directory(const char *path, struct entries *ret, struct hg_err *err)
{
    DIR *d = opendir(path);
    if (!d) {
        hg_fail_errno(err, HG_E_UNKNOWN, "cannot read the folder %s", path);
        return hg_hint(err, "it holds revision files: make it readable for this user");
    }
    for (struct dirent *e; (e = readdir(d)); ) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        ret->items = hg_grow(ret->items, ret->count, &ret->cap, sizeof *ret->items);
        ret->items[ret->count++] = (struct entry){ hg_xstrdup(e->d_name), type_of(dirfd(d), e) };
    }
    closedir(d);
    if (ret->count > HG_REVISIONS_MAX)
        return hg_fail(err, HG_E_CONFIG, "%s has more than %zu files", path, HG_REVISIONS_MAX);
    if (ret->count > 0)
        qsort(ret->items, ret->count, sizeof *ret->items, by_name);
    return 0;
}

/* With `sourceless`, a compiled file counts when its source is not there; only Python reads those. */
static int compiled(const char *dir, const struct entries *entries, const char *name,
                    struct hg_err *err)
{
    HG_AUTO(hg_freep) char *source = hg_xstrndup(name, strlen(name) - 1);
    for (size_t i = 0; i < entries->count; i++)
        if (strcmp(entries->items[i].name, source) == 0)
            return 0;
    hg_fail(err, HG_E_UNKNOWN, "%s/%s is a compiled revision without its source", dir, name);
    return hg_hint(err, "headgate reads sources only: keep the .py files, or set `sourceless = false`");
}

static int walk(struct walk *w, const char *path, unsigned depth, struct hg_err *err)
{
    if (depth > DIRECTORY_DEPTH_MAX)
        return hg_fail(err, HG_E_CONFIG, "%s: more than %d folders inside each other", path,
                       DIRECTORY_DEPTH_MAX);
    HG_AUTO(entries_done) struct entries entries = { 0 };
    if (read_directory(path, &entries, err) < 0)
        return -1;
    bool check = w->linked.count > 0 || (w->c->recursive && w->c->version_locations.count > 1);
    for (size_t i = 0; i < entries.count; i++) {
        const struct entry *e = &entries.items[i];
        if (e->type == DT_LNK && hg_ends_with(e->name, ".py") == false && !w->c->sourceless) {
            /* A link's own name does not matter to Alembic, what it leads to does. */
            HG_AUTO(hg_freep) char *link = hg_path_join(path, e->name);
            HG_AUTO(hg_freep) char *real = realpath(link, NULL);
            if (!real || !hg_alembic_is_revision_name(hg_path_base(real)))
                continue;
        }
        if (w->c->sourceless && e->type != DT_DIR && is_compiled_name(e->name) &&
            compiled(path, &entries, e->name, err) < 0)
            return -1;
        if (e->type == DT_DIR || (e->type != DT_LNK && !hg_alembic_is_revision_name(e->name)))
            continue;
        char *file = hg_path_join(path, e->name);
        if (e->type == DT_LNK) {
            add_link(w, file, e->name);
            check = check || w->linked.count > 0;
            free(file);
        } else if (check && listed(w->out, file)) {
            free(file);
        } else {
            add(w, file, e->type == DT_REG ? NULL : "it is not a regular file");
        }
    }
    for (size_t i = 0; i < entries.count; i++) {
        if (entries.items[i].type != DT_DIR || hg_ends_with(entries.items[i].name, "__pycache__"))
            continue;
        HG_AUTO(hg_freep) char *sub = hg_path_join(path, entries.items[i].name);
        if (w->c->recursive && walk(w, sub, depth + 1, err) < 0)
            return -1;
    }
    return 0;
}

/* With no revision at all: are there any directly below, where only `recursive` would look? The first of each
 * folder. */
static void nested_files(const char *path, struct hg_strv *ret)
{
    struct hg_err ignored;
    HG_AUTO(entries_done) struct entries entries = { 0 };
    if (read_directory(path, &entries, &ignored) < 0)
        return;
    for (size_t i = 0; i < entries.count; i++) {
        if (entries.items[i].type != DT_DIR || hg_ends_with(entries.items[i].name, "__pycache__"))
            continue;
        HG_AUTO(hg_freep) char *sub = hg_path_join(path, entries.items[i].name);
        HG_AUTO(entries_done) struct entries inner = { 0 };
        if (read_directory(sub, &inner, &ignored) < 0)
            continue;
        for (size_t j = 0; j < inner.count; j++) {
            if (inner.items[j].type != DT_REG || !hg_alembic_is_revision_name(inner.items[j].name) ||
                strcmp(inner.items[j].name, "env.py") == 0)
                continue;
            HG_AUTO(hg_freep) char *file = hg_path_join(sub, inner.items[j].name);
            hg_strv_add(ret, file);
            break;
        }
    }
}

static int list_all(struct walk *w, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv seen = HG_STRV_INIT;
    const struct hg_strv *locations = &w->c->version_locations;
    for (size_t i = 0; i < locations->count; i++) {
        HG_AUTO(hg_freep) char *real = realpath(locations->items[i], NULL);
        if (!real || !hg_is_dir(real)) {
            if (errno == EACCES || errno == ELOOP)
                return hg_fail_errno(err, HG_E_UNKNOWN, "cannot read the folder %s",
                                     locations->items[i]);
            w->out->missing_locations++;
            continue;
        }
        if (hg_strv_has(&seen, real)) {
            hg_log(HG_LOG_INFO, "%s is listed twice in version_locations: read once", real);
            continue;
        }
        hg_strv_add(&seen, real);
        if (walk(w, real, 0, err) < 0)
            return -1;
    }
    if (w->out->count > 0)
        return 0;
    HG_AUTO(hg_freep) char *usual = hg_path_join(w->c->script_location, "versions");
    hg_strv_add(&seen, usual);
    for (size_t i = 0; i < seen.count && !w->out->nested.count; i++)
        nested_files(seen.items[i], &w->out->nested);
    if (!w->out->nested.count && w->out->missing_locations > 0)
        nested_files(w->c->script_location, &w->out->nested);
    return 0;
}

int hg_rev_files_list(const struct hg_alembic_config *c, struct hg_rev_files *ret,
                      struct hg_err *err)
{
    struct hg_rev_files files = { 0 };
    struct walk w = { .c = c, .out = &files };
    int failed = list_all(&w, err);
    hg_strv_done(&w.linked);
    if (failed) {
        hg_rev_files_done(&files);
        return -1;
    }
    *ret = files;
    return 0;
}
