/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Git, asked through its own program: commands that read objects and refs only (rev-parse,
 * merge-base, ls-tree, cat-file), none of which runs hooks, filters or a repository's fsmonitor.
 */
#include "internal.h"
#include "process/process.h"

/* A repository with more files or bytes of revisions than this is not compared. */
enum { FILES_MAX = 2000000, GIT_ARGS_MAX = 16 };
static const size_t OUTPUT_MAX = (size_t)256 << 20;
static const int64_t GIT_TIMEOUT_NS = 30 * HG_NS_PER_S;

static int64_t time_left(int64_t deadline_ns)
{
    int64_t left = deadline_ns ? deadline_ns - hg_now_ns() : GIT_TIMEOUT_NS;
    if (left > GIT_TIMEOUT_NS)
        return GIT_TIMEOUT_NS;
    return left > HG_NS_PER_MS ? left : HG_NS_PER_MS;
}

struct git_call {
    const char *dir;
    char *const *envp;
    int64_t deadline_ns;
    const void *input;
    size_t input_len;
};

/* Runs git with these arguments (NULL-terminated). Replace refs stay off: the answer is about what
 * was committed. */
static int git(const struct git_call *call, const char *const *args,
               struct hg_exit_status *ret_status, struct hg_buf *ret_out, struct hg_buf *ret_err,
               struct hg_err *err)
{
    char *argv[GIT_ARGS_MAX + 6] = { (char *)"git", (char *)"--no-pager",
                                     (char *)"--no-replace-objects", (char *)"--literal-pathspecs" };
    size_t n = 4;
    for (size_t i = 0; args[i]; i++) {
        if (i == GIT_ARGS_MAX)
            HG_BUG("too many arguments for git");
        argv[n++] = (char *)args[i];
    }
    HG_AUTO(hg_freep) char **envp = hg_git_envp(call->envp);
    struct hg_process_run spec = {
        .argv = argv,
        .envp = envp,
        .dir = call->dir,
        .input = call->input,
        .input_len = call->input_len,
        .timeout_ns = time_left(call->deadline_ns),
        .max_output = OUTPUT_MAX,
    };
    return hg_process_run(&spec, ret_status, ret_out, ret_err, err);
}

char *hg_repo_line(const struct hg_repo *r, const char *const *args)
{
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    struct hg_exit_status status;
    struct hg_err err = { 0 };
    struct git_call call = { .dir = r->root, .envp = r->envp, .deadline_ns = r->deadline_ns };
    if (git(&call, args, &status, &out, NULL, &err) != 0 || hg_exit_status_code(&status) != 0)
        return NULL;
    const char *text = hg_buf_str(&out);
    size_t len = strcspn(text, "\n");
    return len ? hg_xstrndup(text, len) : NULL;
}

char *hg_repo_commit(const struct hg_repo *r, const char *name)
{
    HG_AUTO(hg_freep) char *spec = hg_xasprintf("%s^{commit}", name);
    const char *args[] = { "rev-parse", "--verify", "--quiet", "--end-of-options", spec, NULL };
    return hg_repo_line(r, args);
}

static void unusable(struct hg_repo *r, const char *hint, const char *fmt, ...) HG_PRINTF(3, 4);
static void unusable(struct hg_repo *r, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    r->why = hg_xvasprintf(fmt, ap);
    va_end(ap);
    r->hint = hg_xstrdup(hint);
    r->kind = HG_REPO_UNUSABLE;
}

/* Is there a .git in `dir` or above? Asked only when git itself cannot. */
static bool has_dot_git(const char *dir)
{
    HG_AUTO(hg_freep) char *at = hg_path_abs(dir);
    for (;;) {
        HG_AUTO(hg_freep) char *dot = hg_path_join(at, ".git");
        if (access(dot, F_OK) == 0)
            return true;
        if (hg_streq(at, "/") || hg_streq(at, "."))
            return false;
        char *up = hg_path_dir(at);
        free(at);
        at = up;
    }
}

/* Sets root; false when there is nothing to compare with (kind and why say which way). */
static bool find_root(const char *dir, struct hg_repo *r)
{
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT, said = HG_BUF_INIT;
    struct hg_exit_status status;
    struct hg_err err = { 0 };
    struct git_call call = { .dir = dir, .envp = r->envp, .deadline_ns = r->deadline_ns };
    const char *args[] = { "rev-parse", "--is-shallow-repository", "--show-toplevel", NULL };
    if (git(&call, args, &status, &out, &said, &err) != 0) {
        if (has_dot_git(dir))
            unusable(r, "Install git where the gate runs.", "git cannot be run: %s", err.message);
        return false;
    }
    if (hg_exit_status_code(&status) != 0) {
        /* The command that git proposes is the same in every language, and has the folder quoted. */
        const char *trust = strstr(hg_buf_str(&said), "git config --global --add safe.directory ");
        HG_AUTO(hg_freep) char *hint =
            trust ? hg_xasprintf("Tell git to trust it: %.*s", (int)strcspn(trust, "\n"), trust) : NULL;
        if (trust)
            unusable(r, hint, "git does not trust this repository, because another user owns it");
        else if (has_dot_git(dir))
            unusable(r, "See what `git status` says here.", "git cannot read this repository: %.*s",
                     (int)strcspn(hg_buf_str(&said), "\n"), hg_buf_str(&said));
        return false;
    }
    const char *text = hg_buf_str(&out);
    size_t first = strcspn(text, "\n");
    const char *root = text[first] ? text + first + 1 : "";
    r->root = hg_xstrndup(root, strcspn(root, "\n"));
    if (hg_starts_with(text, "true"))
        unusable(r,
                 "Fetch the whole history. GitHub Actions: `with: { fetch-depth: 0 }` under "
                 "actions/checkout; GitLab: `variables: { GIT_DEPTH: 0 }`; by hand: "
                 "git fetch --unshallow",
                 "this is a shallow clone, so it cannot be compared with the base branch");
    return r->kind != HG_REPO_UNUSABLE;
}

/* A branch that exists only at the remote is found there: CI checks out a detached commit. Branches come
 * before what else may have the name: a tag `main` that somebody pushes is not the base. */
static bool try_base(struct hg_repo *r, const char *name, bool any)
{
    static const char *const PLACES[][2] = {
        { "refs/heads/", "" }, { "refs/remotes/", "" }, { "refs/remotes/origin/", "origin/" }, { "", "" }
    };
    for (size_t i = 0; i < HG_COUNT(PLACES) && (any || *PLACES[i][0]); i++) {
        HG_AUTO(hg_freep) char *ref = hg_xasprintf("%s%s", PLACES[i][0], name);
        if (*PLACES[i][1] && hg_starts_with(name, "HEAD")) /* ours, not origin/HEAD */
            continue;
        r->base = hg_repo_commit(r, ref);
        if (!r->base)
            continue;
        r->base_name = hg_xasprintf("%s%s", PLACES[i][1], name);
        return true;
    }
    return false;
}

static void find_base(struct hg_repo *r, const char *wanted)
{
    static const char *const DEFAULTS[] = { "main", "master" };
    if (wanted) {
        if (!try_base(r, wanted, true))
            unusable(r, "Fetch it (git fetch origin), or name another with --base or gate.base.",
                     "the base branch %s does not exist here", wanted);
        return;
    }
    static const char REMOTE[] = "refs/remotes/origin/HEAD";
    const char *symbolic[] = { "rev-parse", "--abbrev-ref", "--verify", "--quiet", REMOTE, NULL };
    HG_AUTO(hg_freep) char *remote = hg_repo_line(r, symbolic);
    if (remote && (r->base = hg_repo_commit(r, REMOTE))) {
        r->base_name = HG_TAKE(remote);
        return;
    }
    for (size_t i = 0; i < HG_COUNT(DEFAULTS); i++)
        if (try_base(r, DEFAULTS[i], false))
            return;
    unusable(r, "Name the branch that changes are merged into: --base BRANCH, or gate.base in "
                "headgate.yaml.",
             "there is no base branch to compare with (looked for origin/HEAD, main and master)");
}

void hg_repo_open(const char *dir, const char *wanted, char *const *envp, int64_t deadline_ns,
                  struct hg_repo *ret)
{
    *ret = (struct hg_repo){ .kind = HG_REPO_NONE, .envp = envp, .deadline_ns = deadline_ns };
    bool found = find_root(dir, ret);
    if (!ret->root)
        return;
    ret->head = hg_repo_commit(ret, "HEAD");
    if (!found)
        return;
    find_base(ret, wanted);
    if (ret->kind == HG_REPO_UNUSABLE)
        return;
    if (!ret->head) {
        unusable(ret, "Commit first.", "this repository has no commit yet");
        return;
    }
    const char *args[] = { "merge-base", ret->head, ret->base, NULL };
    ret->merge_base = hg_repo_line(ret, args);
    if (!ret->merge_base)
        unusable(ret, "Check --base: it should be the branch that this one came from.",
                 "HEAD and %s have no commit in common", ret->base_name);
    else
        ret->kind = HG_REPO_READY;
}

char *hg_gate_incomparable(const struct hg_target *target, const char *dir, char *const *envp,
                           int64_t deadline_ns, char **ret_hint)
{
    struct hg_repo repo;
    hg_repo_open(dir, target->t->gate_base, envp, deadline_ns, &repo);
    char *why = NULL;
    if (repo.kind == HG_REPO_UNUSABLE) {
        why = HG_TAKE(repo.why);
        *ret_hint = HG_TAKE(repo.hint);
    }
    hg_repo_done(&repo);
    return why;
}

void hg_repo_done(struct hg_repo *r)
{
    free(r->root);
    free(r->head);
    free(r->base);
    free(r->merge_base);
    free(r->base_name);
    free(r->why);
    free(r->hint);
    if (r->merge_files)
        hg_blobs_done(r->merge_files);
    free(r->merge_files);
    *r = (struct hg_repo){ 0 };
}

/* "100644 blob ID\tPATH" */
static void add_entry(struct hg_blobs *blobs, const char *entry)
{
    const char *tab = strchr(entry, '\t');
    bool link = hg_starts_with(entry, "120");
    if (!tab || (!link && !hg_starts_with(entry, "100")))
        return; /* what a submodule has is no file of this repository */
    const char *id = entry + strcspn(entry, " ") + 1;
    id += strcspn(id, " ") + 1;
    if (id >= tab)
        return;
    blobs->items = hg_grow(blobs->items, blobs->count, &blobs->cap, sizeof *blobs->items);
    blobs->items[blobs->count++] = (struct hg_blob){
        .path = hg_xstrdup(tab + 1),
        .id = hg_xstrndup(id, (size_t)(tab - id)),
        .link = link,
    };
}

static int by_path(const void *a, const void *b)
{
    const struct hg_blob *x = a, *y = b;
    return strcmp(x->path, y->path);
}

int hg_repo_list(const struct hg_repo *r, const char *commit, struct hg_blobs *ret,
                 struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT, said = HG_BUF_INIT;
    struct hg_exit_status status;
    struct git_call call = { .dir = r->root, .envp = r->envp, .deadline_ns = r->deadline_ns };
    const char *args[] = { "ls-tree", "-r", "-z", "--full-tree", commit, NULL };
    if (git(&call, args, &status, &out, &said, err) != 0)
        return -1;
    if (hg_exit_status_code(&status) != 0)
        return hg_fail(err, HG_E_UNKNOWN, "git ls-tree %.12s: %.*s", commit,
                       (int)strcspn(hg_buf_str(&said), "\n"), hg_buf_str(&said));
    const char *p = hg_buf_str(&out), *end = p + out.len;
    for (; p < end; p += strlen(p) + 1) {
        if (ret->count == FILES_MAX)
            return hg_fail(err, HG_E_UNKNOWN, "the commit %.12s has more than %d files", commit,
                           FILES_MAX);
        add_entry(ret, p);
    }
    if (ret->count)
        qsort(ret->items, ret->count, sizeof *ret->items, by_path);
    return 0;
}

const struct hg_blobs *hg_repo_merge_files(struct hg_repo *r, struct hg_err *err)
{
    struct hg_blobs files = HG_BLOBS_INIT;
    if (r->merge_files)
        return r->merge_files;
    if (hg_repo_list(r, r->merge_base, &files, err) != 0) {
        hg_blobs_done(&files);
        return NULL;
    }
    r->merge_files = hg_xcalloc(1, sizeof *r->merge_files);
    *r->merge_files = files;
    return r->merge_files;
}

/* One answer of cat-file: "ID blob LENGTH\n" and the bytes; returns what follows, or NULL. */
static const char *take_blob(const char *p, const char *end, struct hg_blob *blob)
{
    const char *line = memchr(p, '\n', (size_t)(end - p));
    if (!line)
        return NULL;
    HG_AUTO(hg_freep) char *head = hg_xstrndup(p, (size_t)(line - p));
    const char *space = strrchr(head, ' ');
    int64_t len;
    if (!space || !strstr(head, " blob ") ||
        hg_parse_int(space + 1, 0, end - line - 1, &len) != 0)
        return NULL;
    blob->data = hg_xmalloc((size_t)len + 1);
    memcpy(blob->data, line + 1, (size_t)len);
    blob->data[len] = '\0';
    blob->len = (size_t)len;
    p = line + 1 + len;
    return p < end ? p + 1 : p;
}

int hg_repo_read(const struct hg_repo *r, struct hg_blobs *blobs, struct hg_err *err)
{
    if (!blobs->count)
        return 0;
    HG_AUTO(hg_buf_done) struct hg_buf in = HG_BUF_INIT, out = HG_BUF_INIT, said = HG_BUF_INIT;
    for (size_t i = 0; i < blobs->count; i++)
        hg_buf_addf(&in, "%s\n", blobs->items[i].id);
    struct hg_exit_status status;
    struct git_call call = { .dir = r->root, .envp = r->envp, .deadline_ns = r->deadline_ns,
                             .input = hg_buf_str(&in), .input_len = in.len };
    const char *args[] = { "cat-file", "--batch", NULL };
    if (git(&call, args, &status, &out, &said, err) != 0)
        return -1;
    const char *p = hg_buf_str(&out), *end = p + out.len;
    for (size_t i = 0; i < blobs->count; i++) {
        p = take_blob(p, end, &blobs->items[i]);
        if (!p) {
            hg_fail(err, HG_E_UNKNOWN, "git does not have the content of %s here",
                    blobs->items[i].path);
            return hg_hint(err, "Fetch it: git fetch --refetch");
        }
    }
    return 0;
}

int hg_repo_file(const struct hg_repo *r, const char *commit, const char *path, struct hg_buf *ret,
                 struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf said = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *spec = hg_xasprintf("%s:%s", commit, path);
    struct hg_exit_status status;
    struct git_call call = { .dir = r->root, .envp = r->envp, .deadline_ns = r->deadline_ns };
    const char *args[] = { "cat-file", "blob", spec, NULL };
    if (git(&call, args, &status, ret, &said, err) != 0)
        return -1;
    if (hg_exit_status_code(&status) != 0)
        return hg_fail(err, HG_E_UNKNOWN, "the commit %.12s has no %s", commit, path);
    return 0;
}

const struct hg_blob *hg_blobs_find(const struct hg_blobs *blobs, const char *path)
{
    const struct hg_blob key = { .path = (char *)path };
    return blobs->count ? bsearch(&key, blobs->items, blobs->count, sizeof key, by_path) : NULL;
}

void hg_blobs_done(struct hg_blobs *blobs)
{
    for (size_t i = 0; i < blobs->count; i++) {
        free(blobs->items[i].path);
        free(blobs->items[i].id);
        free(blobs->items[i].data);
    }
    free(blobs->items);
    *blobs = (struct hg_blobs)HG_BLOBS_INIT;
}
