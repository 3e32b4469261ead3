/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

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

static bool lies_in(const char *path, const char *location, bool recursive)
{
    size_t len = strlen(location);
    if (len && (!hg_starts_with(path, location) || path[len] != '/'))
        return false;
    const char *rest = len ? path + len + 1 : path;
    return recursive || !strchr(rest, '/');
}

static bool wanted(const char *path, const struct hg_strv *locations, bool recursive)
{
    if (!hg_alembic_is_revision_name(hg_path_base(path)))
        return false;
    for (size_t i = 0; i < locations->count; i++)
        if (lies_in(path, locations->items[i], recursive))
            return true;
    return false;
}

/* A folder that was moved since then had the same name, as a rule. */
static bool wanted_by_name(const char *path, const struct hg_strv *locations)
{
    if (!hg_alembic_is_revision_name(hg_path_base(path)))
        return false;
    HG_AUTO(hg_freep) char *dir = hg_path_dir(path);
    for (size_t i = 0; i < locations->count; i++)
        if (hg_streq(hg_path_base(dir), hg_path_base(locations->items[i])))
            return true;
    return false;
}

static void blob_done(struct hg_blob *b)
{
    free(b->path);
    free(b->id);
    free(b->data);
}

/* Keeps the revision files of the locations, or, when there are none, of folders that are called
 * as they are. */
static void keep_revisions(struct hg_blobs *blobs, const struct hg_strv *locations, bool recursive)
{
    bool any = false;
    for (size_t i = 0; i < blobs->count && !any; i++)
        any = wanted(blobs->items[i].path, locations, recursive);
    size_t kept = 0;
    for (size_t i = 0; i < blobs->count; i++) {
        const char *path = blobs->items[i].path;
        if (any ? wanted(path, locations, recursive) : wanted_by_name(path, locations))
            blobs->items[kept++] = blobs->items[i];
        else
            blob_done(&blobs->items[i]);
    }
    blobs->count = kept;
}

int hg_side_load(const struct hg_repo *r, const struct hg_strv *locations, bool recursive,
                 const char *commit, struct hg_side *ret, struct hg_err *err)
{
    if (hg_repo_list(r, commit, &ret->blobs, err) != 0)
        return -1;
    keep_revisions(&ret->blobs, locations, recursive);
    if (hg_repo_read(r, &ret->blobs, err) != 0)
        return -1;
    HG_AUTO(hg_freep) struct hg_alembic_source *sources =
        hg_xcalloc(ret->blobs.count + 1, sizeof *sources);
    for (size_t i = 0; i < ret->blobs.count; i++) {
        const struct hg_blob *b = &ret->blobs.items[i];
        sources[i] = (struct hg_alembic_source){ b->path, b->data, b->len };
    }
    /* What was wrong with the history then is no finding of now. */
    HG_AUTO(hg_findings_done) struct hg_findings ignored = HG_FINDINGS_INIT;
    return hg_alembic_load_sources(sources, ret->blobs.count, &ret->graph, &ignored, err);
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
