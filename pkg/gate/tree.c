/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

static int by_path(const void *a, const void *b)
{
    const struct hg_file_now *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static void load_now(struct hg_judge *j, struct hg_files *f)
{
    size_t count = hg_graph_count(f->graph);
    f->now = hg_xcalloc(count + 1, sizeof *f->now);
    for (size_t i = 0; i < count; i++) {
        const struct hg_revision *r = hg_graph_at(f->graph, i);
        char *path = r->file ? hg_repo_relative(&j->repo, r->file) : NULL;
        if (path)
            f->now[f->count++] = (struct hg_file_now){ path, r };
    }
    if (f->count)
        qsort(f->now, f->count, sizeof *f->now, by_path);
}

static void find_locations(struct hg_judge *j, struct hg_strv *ret)
{
    const struct hg_strv *dirs = &j->in->alembic->version_locations;
    for (size_t i = 0; i < dirs->count; i++) {
        HG_AUTO(hg_freep) char *path = hg_repo_folder(&j->repo, dirs->items[i]);
        if (path)
            hg_strv_add(ret, path);
    }
}

static struct hg_side *side_of(struct hg_files *f, const char *commit)
{
    for (size_t i = 0; i < f->side_count; i++)
        if (hg_streq(f->commits[i], commit))
            return &f->sides[i];
    f->commits[f->side_count] = hg_xstrdup(commit);
    return &f->sides[f->side_count++];
}

int hg_files_load(struct hg_judge *j, struct hg_files *ret, struct hg_err *err)
{
    ret->graph = j->in->graph;
    load_now(j, ret);
    HG_AUTO(hg_freep) char *inside = hg_path_join(j->in->dir ? j->in->dir : ".", "x");
    char *prefix = hg_repo_relative(&j->repo, inside);
    if (prefix)
        prefix[strlen(prefix) - 1] = '\0';
    ret->prefix = prefix ? prefix : hg_xstrdup("");
    find_locations(j, &ret->locations);
    if (!ret->locations.count)
        return hg_fail(err, HG_E_UNKNOWN, "the revision files lie outside the repository %s",
                       j->repo.root);
    ret->merge = side_of(ret, j->repo.merge_base);
    ret->tip = side_of(ret, j->repo.base);
    ret->head = side_of(ret, j->repo.head);
    for (size_t i = 0; i < ret->side_count; i++)
        if (hg_side_load(j, ret, ret->commits[i], &ret->sides[i], err) != 0)
            return -1;
    return 0;
}

void hg_files_done(struct hg_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->now[i].path);
    free(f->now);
    for (size_t i = 0; i < f->side_count; i++) {
        hg_side_done(&f->sides[i]);
        free(f->commits[i]);
    }
    hg_strv_done(&f->locations);
    free(f->prefix);
    *f = (struct hg_files){ 0 };
}

const struct hg_revision *hg_files_at(const struct hg_files *f, const char *path)
{
    const struct hg_file_now key = { .path = (char *)path };
    const struct hg_file_now *found =
        f->count ? bsearch(&key, f->now, f->count, sizeof key, by_path) : NULL;
    return found ? found->revision : NULL;
}

const char *hg_files_path(const struct hg_files *f, const struct hg_revision *r)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->now[i].revision == r)
            return f->now[i].path;
    return NULL;
}

bool hg_files_in(const struct hg_files *f, const struct hg_side *s, const struct hg_revision *r)
{
    const char *path = hg_files_path(f, r);
    return path && hg_blobs_find(&s->blobs, path);
}

bool hg_files_blob_is(const struct hg_files *f, const struct hg_side *s,
                      const struct hg_revision *r)
{
    const char *path = hg_files_path(f, r);
    const struct hg_blob *blob = path ? hg_blobs_find(&s->blobs, path) : NULL;
    size_t len;
    const char *text = hg_graph_text(f->graph, r, &len);
    return blob && hg_same_lines(blob->data, blob->len, text, len);
}

char *hg_files_shown(const struct hg_files *f, const char *path)
{
    return hg_xstrdup(hg_starts_with(path, f->prefix) ? path + strlen(f->prefix) : path);
}

void hg_files_changed(struct hg_judge *j, const struct hg_revision *r)
{
    struct hg_revlist *list = &j->changed;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i] == r)
            return;
    list->items = hg_grow(list->items, list->count, &list->cap, sizeof *list->items);
    list->items[list->count++] = r;
}
