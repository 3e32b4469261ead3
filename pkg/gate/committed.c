/* SPDX-License-Identifier: Apache-2.0 */
/* Is this text what a commit has? For files that come from where anybody may have written them. */
#include "internal.h"

#include <string.h>

static bool is_commit_id(const char *id)
{
    size_t len = id ? strlen(id) : 0;
    return (len == 40 || len == 64) && strspn(id, "0123456789abcdef") == len;
}

bool hg_repo_in_base(const struct hg_repo *repo, const char *commit)
{
    const char *args[] = { "merge-base", commit, repo->base, NULL };
    HG_AUTO(hg_freep) char *common = hg_repo_line(repo, args);
    return hg_streq(common, commit);
}

static bool in_any_ref(const struct hg_repo *repo, const char *commit)
{
    const char *args[] = { "for-each-ref", "--count=1", "--format=%(refname)", "--contains", commit, NULL };
    const char *head[] = { "merge-base", commit, "HEAD", NULL };
    HG_AUTO(hg_freep) char *ref = hg_repo_line(repo, args);
    HG_AUTO(hg_freep) char *common = ref ? NULL : hg_repo_line(repo, head);
    return ref || hg_streq(common, commit);
}

/* Why this commit proves nothing, or NULL. Heap. */
static char *doubt(const struct hg_repo *repo, bool protected_, const char *commit)
{
    if (!is_commit_id(commit))
        return hg_xstrdup(commit ? "its commit is recorded as something that is no commit id"
                                 : "no commit is recorded with it");
    if (!repo->root)
        return hg_xstrdup("there is no git repository here to compare it with");
    HG_AUTO(hg_freep) char *found = hg_repo_commit(repo, commit);
    if (!hg_streq(found, commit))
        return hg_xasprintf("commit %.12s is not in this repository (git fetch)", commit);
    if (protected_ && repo->kind != HG_REPO_READY)
        return hg_xasprintf("it cannot be told whether commit %.12s was merged: %s", commit,
                            repo->why ? repo->why : "there is no base branch");
    if (protected_ && !hg_repo_in_base(repo, commit))
        return hg_xasprintf("commit %.12s is not in %s, as a protected target wants it", commit,
                            repo->base_name);
    if (!protected_ && !in_any_ref(repo, commit))
        return hg_xasprintf("commit %.12s is on no branch here", commit);
    return NULL;
}

/* In a ledger of another encoding than UTF-8 a `?` stands for a character that it lacks: any one matches it here,
 * since the files' contents are compared. */
static bool is_named(const char *name, const char *recorded)
{
    for (; *recorded; recorded++) {
        if (!*name || (*name != *recorded && *recorded != '?'))
            return false;
        for (name++; *recorded == '?' && ((unsigned char)*name & 0xc0) == 0x80; name++)
            ;
    }
    return !*name;
}

/* Those of that last name only, so that only they are read. */
static void keep_named(struct hg_blobs *blobs, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < blobs->count; i++) {
        struct hg_blob b = blobs->items[i];
        if (is_named(hg_path_base(b.path), name)) {
            blobs->items[kept++] = b;
        } else {
            free(b.path);
            free(b.id);
        }
    }
    blobs->count = kept;
}

bool hg_gate_committed(const struct hg_target *target, const char *dir, const char *commit,
                       const char *path, const struct hg_buf *bytes, int64_t deadline_ns,
                       char **ret_path, char **ret_why)
{
    char **envp = hg_target_plain_envp(target);
    struct hg_repo repo;
    struct hg_err err = { 0 };
    HG_AUTO(hg_blobs_done) struct hg_blobs blobs = HG_BLOBS_INIT;
    hg_repo_open(dir, target->t->gate_base, envp, deadline_ns, &repo);
    char *why = doubt(&repo, target->t->protected_, commit), *found = NULL;
    if (!why && hg_repo_list(&repo, commit, &blobs, &err) == 0) {
        keep_named(&blobs, hg_path_base(path ? path : ""));
        (void)hg_repo_read(&repo, &blobs, &err);
    }
    for (size_t i = 0; !why && !found && err.kind == HG_E_NONE && i < blobs.count; i++)
        if (hg_same_lines(hg_buf_str(bytes), bytes->len, blobs.items[i].data, blobs.items[i].len))
            found = hg_xstrdup(blobs.items[i].path);
    if (!why && !found)
        why = err.kind != HG_E_NONE ? hg_xstrdup(err.message)
                                    : hg_xasprintf("commit %.12s has no such file", commit);
    hg_repo_done(&repo);
    hg_vars_free_envp(envp);
    *(found ? ret_path : ret_why) = found ? found : why;
    return found != NULL;
}
