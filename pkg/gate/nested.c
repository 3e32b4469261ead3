/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revision files in a repository of their own inside this one: a submodule. They are compared there, between
 * the commits that the merge base, the base and HEAD of this repository name for it.
 */
#include "internal.h"

/* The folder with a .git of its own on the way from `folder` up to the root. Heap, or NULL. */
static char *inner_root(const struct hg_repo *r, const char *folder)
{
    HG_AUTO(hg_freep) char *inside = hg_repo_folder(r, folder);
    HG_AUTO(hg_freep) char *at = inside ? hg_xstrdup(inside) : NULL;
    while (at && *at && !hg_streq(at, ".")) {
        HG_AUTO(hg_freep) char *git = hg_path_join(at, ".git");
        if (hg_repo_here(r, git))
            return hg_path_join(r->root, at);
        char *up = hg_path_dir(at);
        free(at);
        at = up;
    }
    return NULL;
}

/* The commit that `commit` of this repository names for the inner one, as far as that has it. Heap. */
static char *named_by(const struct hg_repo *r, const char *commit, const struct hg_repo *inner)
{
    HG_AUTO(hg_freep) char *path = hg_repo_folder(r, inner->root);
    HG_AUTO(hg_freep) char *spec = hg_xasprintf("%s:%s", commit, path ? path : "");
    const char *args[] = { "rev-parse", "--verify", "--quiet", "--end-of-options", spec, NULL };
    HG_AUTO(hg_freep) char *id = hg_repo_line(r, args);
    return id ? hg_repo_commit(inner, id) : NULL;
}

int hg_repo_inner(const struct hg_repo *r, const char *folder, struct hg_repo *ret, struct hg_err *err)
{
    HG_AUTO(hg_repo_done) struct hg_repo inner = { .kind = HG_REPO_READY, .envp = r->envp,
                                                   .deadline_ns = r->deadline_ns };
    inner.root = inner_root(r, folder);
    if (!inner.root)
        return 0;
    inner.head = named_by(r, r->head, &inner);
    inner.base = named_by(r, r->base, &inner);
    inner.merge_base = named_by(r, r->merge_base, &inner);
    if (!inner.head || !inner.base || !inner.merge_base) {
        hg_fail(err, HG_E_UNKNOWN, "the revision files lie in %s, a repository of its own, and the commit that "
                "%s has of it is not there", inner.root, inner.head ? r->base_name : "HEAD");
        return hg_hint(err, "Make it a submodule that is committed, and fetch its history: git submodule update "
                            "--init, then git fetch in it");
    }
    inner.base_name = hg_xasprintf("%.12s", inner.merge_base);
    *ret = inner;
    inner = (struct hg_repo){ 0 };
    return 1;
}
