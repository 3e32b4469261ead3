/* SPDX-License-Identifier: Apache-2.0 */
/* The revision files of a commit, wherever they lay then. */
#include "files.h"

#include <sys/stat.h>
#include <unistd.h>

char *hg_repo_relative(const struct hg_repo *r, const char *file)
{
    HG_AUTO(hg_freep) char *dir = hg_path_dir(file);
    HG_AUTO(hg_freep) char *real = realpath(dir, NULL);
    HG_AUTO(hg_freep) char *root = realpath(r->root, NULL);
    if (!real || !root || !hg_starts_with(real, root))
        return NULL;
    const char *below = real + strlen(root);
    if (*below && *below != '/')
        return NULL;
    below += *below == '/';
    return *below ? hg_xasprintf("%s/%s", below, hg_path_base(file))
                  : hg_xstrdup(hg_path_base(file));
}

char *hg_repo_pathspec(const struct hg_repo *r, const char *path)
{
    struct stat here, root;
    bool below = stat(".", &here) < 0 || stat(r->root, &root) < 0 || here.st_dev != root.st_dev ||
                 here.st_ino != root.st_ino;
    return hg_xasprintf("%s%s", below ? ":/" : "", path);
}

bool hg_repo_here(const struct hg_repo *r, const char *path)
{
    HG_AUTO(hg_freep) char *file = hg_path_join(r->root, path);
    return access(file, F_OK) == 0;
}

char *hg_repo_folder(const struct hg_repo *r, const char *folder)
{
    HG_AUTO(hg_freep) char *at = hg_path_abs(folder);
    HG_AUTO(hg_freep) char *rest = hg_xstrdup("");
    while (!hg_is_dir(at) && !hg_streq(at, "/")) {
        char *up = hg_path_dir(at);
        char *more = hg_xasprintf("/%s%s", hg_path_base(at), rest);
        free(at);
        free(rest);
        at = up;
        rest = more;
    }
    HG_AUTO(hg_freep) char *inside = hg_path_join(at, "x");
    HG_AUTO(hg_freep) char *path = hg_repo_relative(r, inside);
    if (!path)
        return NULL;
    size_t len = strlen(path) - 1; /* "db/x" or "x" */
    path[len ? len - 1 : 0] = '\0';
    return hg_xasprintf("%s%s", path, *path || !*rest ? rest : rest + 1);
}

/* Where the revision files of a commit lie. */
struct places {
    struct hg_strv folders;        /* relative to the root */
    bool recursive;
    struct hg_strv linked;         /* files that links in them lead to */
    const struct hg_files *files;  /* those that are here now: a link may have led to one of them */
};

static void places_done(struct places *p)
{
    hg_strv_done(&p->folders);
    hg_strv_done(&p->linked);
}

static bool lies_in(const char *path, const char *folder, bool recursive)
{
    size_t len = strlen(folder);
    if (len && (!hg_starts_with(path, folder) || path[len] != '/'))
        return false;
    const char *rest = len ? path + len + 1 : path;
    return recursive || !strchr(rest, '/');
}

static bool lies_in_any(const char *path, const struct places *p)
{
    for (size_t i = 0; i < p->folders.count; i++)
        if (lies_in(path, p->folders.items[i], p->recursive))
            return true;
    return false;
}

static bool wanted(const struct hg_blob *b, const struct places *p)
{
    return !b->link && hg_alembic_is_revision_name(hg_path_base(b->path)) &&
           (lies_in_any(b->path, p) || hg_strv_has(&p->linked, b->path) || hg_files_at(p->files, b->path));
}

static bool any_wanted(const struct hg_blobs *blobs, const struct places *p)
{
    for (size_t i = 0; i < blobs->count; i++)
        if (wanted(&blobs->items[i], p))
            return true;
    return false;
}

/* ---- the folders of then --------------------------------------------------------------------- */

/* A file of this commit beside Alembic's configuration, without its content. */
static struct hg_blob beside(struct hg_judge *j, const struct hg_blobs *blobs, const char *name)
{
    HG_AUTO(hg_freep) char *dir = hg_path_dir(j->in->alembic->file);
    HG_AUTO(hg_freep) char *file = hg_path_join(dir, name);
    HG_AUTO(hg_freep) char *path = hg_repo_relative(&j->repo, file);
    const struct hg_blob *found = path ? hg_blobs_find(blobs, path) : NULL;
    return found ? (struct hg_blob){ .path = found->path, .id = found->id } : (struct hg_blob){ 0 };
}

/* The version locations as Alembic's configuration of this commit says them; none where there is no such
 * file, or where it would have been refused. */
static void folders_then(struct hg_judge *j, const struct hg_blobs *blobs, struct places *ret)
{
    const char *name = hg_path_base(j->in->alembic->file);
    struct hg_blob read[2];
    struct hg_blobs both = { read, 0, HG_COUNT(read) };
    struct hg_blob ini = beside(j, blobs, hg_streq(name, "pyproject.toml") ? "alembic.ini" : name);
    struct hg_blob toml = beside(j, blobs, "pyproject.toml");
    if (ini.path)
        read[both.count++] = ini;
    if (toml.path)
        read[both.count++] = toml;
    struct hg_err ignored = { 0 };
    HG_AUTO(hg_strv_done) struct hg_strv list = HG_STRV_INIT;
    if (both.count && hg_repo_read(&j->repo, &both, &ignored) == 0) {
        struct hg_alembic_source texts[HG_COUNT(read)] = { 0 };
        for (size_t i = 0; i < both.count; i++)
            texts[i] = (struct hg_alembic_source){ read[i].path, read[i].data, read[i].len };
        if (hg_alembic_locations_then(j->in->alembic, ini.path ? &texts[0] : NULL,
                                      toml.path ? &texts[both.count - 1] : NULL, &list, &ret->recursive,
                                      &ignored) < 0)
            list.count = 0;
    }
    for (size_t i = 0; i < both.count; i++)
        free(read[i].data);
    for (size_t i = 0; i < list.count; i++) {
        HG_AUTO(hg_freep) char *folder = hg_repo_folder(&j->repo, list.items[i]);
        if (folder)
            hg_strv_add(&ret->folders, folder);
    }
}

/* Is it a file of a folder that was moved since? One that is called as ours is, or has a file of the same
 * name, and the file is no longer there: another project's folder stays where it is. */
static bool moved_away(const struct hg_judge *j, const struct hg_files *files, const char *path)
{
    HG_AUTO(hg_freep) char *dir = hg_path_dir(path);
    const char *name = hg_path_base(path);
    bool alike = false;
    if (!hg_alembic_is_revision_name(name))
        return false;
    for (size_t i = 0; i < files->locations.count && !alike; i++)
        alike = hg_streq(hg_path_base(dir), hg_path_base(files->locations.items[i]));
    for (size_t i = 0; i < files->count && !alike; i++)
        alike = hg_streq(name, hg_path_base(files->now[i].path));
    return alike && !hg_repo_here(&j->repo, path);
}

static void folders_moved(const struct hg_judge *j, const struct hg_blobs *blobs, struct places *ret)
{
    for (size_t i = 0; i < blobs->count; i++) {
        HG_AUTO(hg_freep) char *dir = hg_path_dir(blobs->items[i].path);
        const char *folder = hg_streq(dir, ".") ? "" : dir;
        if (!hg_strv_has(&ret->folders, folder) && moved_away(j, ret->files, blobs->items[i].path))
            hg_strv_add(&ret->folders, folder);
    }
}

/* ---- links ----------------------------------------------------------------------------------- */

/* "a/b/../c" becomes "a/c"; false where it leads out. */
static bool normalize(char *path)
{
    char *to = path;
    for (const char *p = path, *end = path + strlen(path); p < end;) {
        size_t len = strcspn(p, "/");
        bool up = len == 2 && p[0] == '.' && p[1] == '.', here = len == 1 && *p == '.';
        if (up && to == path)
            return false;
        if (up)
            for (to--; to > path && to[-1] != '/';)
                to--;
        if (!up && !here && len) {
            memmove(to, p, len);
            to[len] = '/';
            to += len + 1;
        }
        p += len + 1;
    }
    to[to > path ? -1 : 0] = '\0';
    return true;
}

/* Alembic follows links to files: what those in the version locations lead to are revision files too. */
static int follow_links(const struct hg_repo *r, const struct hg_blobs *blobs, struct places *p,
                        struct hg_err *err)
{
    struct hg_blobs links = HG_BLOBS_INIT;
    for (size_t i = 0; i < blobs->count; i++) {
        const struct hg_blob *b = &blobs->items[i];
        if (!b->link || !lies_in_any(b->path, p))
            continue;
        links.items = hg_grow(links.items, links.count, &links.cap, sizeof *links.items);
        links.items[links.count++] = (struct hg_blob){ .path = b->path, .id = b->id };
    }
    int rc = hg_repo_read(r, &links, err);
    for (size_t i = 0; i < links.count; i++) {
        HG_AUTO(hg_freep) char *dir = hg_path_dir(links.items[i].path);
        HG_AUTO(hg_freep) char *to = rc == 0 ? hg_path_join(dir, links.items[i].data) : NULL;
        if (to && *to != '/' && normalize(to))
            hg_strv_add(&p->linked, to);
        free(links.items[i].data);
    }
    free(links.items);
    return rc;
}

static int find_places(struct hg_judge *j, const struct hg_files *files, const struct hg_blobs *blobs,
                       struct places *ret, struct hg_err *err)
{
    *ret = (struct places){ .files = files };
    folders_then(j, blobs, ret);
    if (follow_links(&j->repo, blobs, ret, err) != 0)
        return -1;
    if (any_wanted(blobs, ret))
        return 0;
    places_done(ret);
    *ret = (struct places){ .recursive = j->in->alembic->recursive, .files = files };
    hg_strv_addv(&ret->folders, &files->locations);
    if (follow_links(&j->repo, blobs, ret, err) != 0)
        return -1;
    if (!any_wanted(blobs, ret))
        folders_moved(j, blobs, ret);
    return 0;
}

/* ---- a commit -------------------------------------------------------------------------------- */

static void add_wanted(const struct hg_blobs *all, const struct places *p, struct hg_blobs *ret)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct hg_blob *b = &all->items[i];
        if (!wanted(b, p))
            continue;
        ret->items = hg_grow(ret->items, ret->count, &ret->cap, sizeof *ret->items);
        ret->items[ret->count++] = (struct hg_blob){ .path = hg_xstrdup(b->path), .id = hg_xstrdup(b->id) };
    }
}

static int load(const struct hg_alembic_source *sources, size_t count, struct hg_graph **ret, struct hg_err *err)
{
    /* What was wrong with the history then is no finding of now. */
    HG_AUTO(hg_findings_done) struct hg_findings ignored = HG_FINDINGS_INIT;
    return hg_alembic_load_sources(sources, count, ret, &ignored, err);
}

/* A file that only Python could read stays out of the graph: it is known by its place alone. */
static int load_literal(struct hg_alembic_source *sources, size_t count, struct hg_graph **ret, struct hg_err *err)
{
    size_t kept = 0;
    if (load(sources, count, ret, err) == 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        struct hg_graph *one = NULL;
        struct hg_err ignored = { 0 };
        if (load(&sources[i], 1, &one, &ignored) != 0)
            continue;
        hg_graph_free(one);
        sources[kept++] = sources[i];
    }
    if (kept == count)
        return -1;
    hg_err_clear(err);
    return load(sources, kept, ret, err);
}

int hg_side_load(struct hg_judge *j, const struct hg_files *files, const char *commit, struct hg_side *ret,
                 struct hg_err *err)
{
    HG_AUTO(places_done) struct places p = { .files = files };
    HG_AUTO(hg_blobs_done) struct hg_blobs own = HG_BLOBS_INIT;
    const struct hg_blobs *all = &own;
    if (hg_streq(commit, j->repo.merge_base))
        all = hg_repo_merge_files(&j->repo, err);
    else if (hg_repo_list(&j->repo, commit, &own, err) != 0)
        return -1;
    if (!all || find_places(j, files, all, &p, err) != 0)
        return -1;
    add_wanted(all, &p, &ret->blobs);
    if (hg_repo_read(&j->repo, &ret->blobs, err) != 0)
        return -1;
    HG_AUTO(hg_freep) struct hg_alembic_source *sources =
        hg_xcalloc(ret->blobs.count + 1, sizeof *sources);
    for (size_t i = 0; i < ret->blobs.count; i++) {
        const struct hg_blob *b = &ret->blobs.items[i];
        sources[i] = (struct hg_alembic_source){ b->path, b->data, b->len };
    }
    return load_literal(sources, ret->blobs.count, &ret->graph, err);
}

const struct hg_blob *hg_side_blob(const struct hg_side *s, const struct hg_revision *r)
{
    return hg_blobs_find(&s->blobs, r->path);
}

void hg_side_done(struct hg_side *s)
{
    hg_blobs_done(&s->blobs);
    hg_graph_free(s->graph);
    s->graph = NULL;
}
