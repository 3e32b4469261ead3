/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for a revision in git: in which commit of which branch was a file added that says
 * `revision = "…"`? Asked only when a database has rows that no file here has.
 */
#include "internal.h"

#include "process/process.h"

/* Files looked at for one revision (its children name it too), and ancestors followed. */
#define FILES_MAX   20
#define CHAIN_MAX   20
#define OUTPUT_MAX  ((size_t)1 << 20)
#define SEPARATOR   "\x1f"

struct search {
    const char *dir;
    int64_t deadline;
    struct hg_status *status;
    json_t *parents;    /* array of {revision, down} */
    char *commit;       /* that added the file found last */
    bool ancestors;     /* what is found is one, or a row itself */
};

/* Runs git; its output, or false. */
static bool git(const struct search *s, const char *const *args, struct hg_buf *ret)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    hg_strv_add(&argv, "git");
    hg_strv_add(&argv, "-C");
    hg_strv_add(&argv, s->dir);
    for (size_t i = 0; args[i]; i++)
        hg_strv_add(&argv, args[i]);
    HG_AUTO(hg_freep) char **envp = hg_git_envp(NULL);
    struct hg_process_run run = { .argv = argv.items, .envp = envp, .max_output = OUTPUT_MAX };
    run.timeout_ns = s->deadline - hg_now_ns();
    struct hg_exit_status status;
    struct hg_err ignored = { 0 };
    hg_buf_clear(ret);
    return run.timeout_ns > 0 && hg_process_run(&run, &status, ret, NULL, &ignored) == 0 &&
           !status.signaled && status.code == 0;
}

static void put(char **field, const char *start, size_t len)
{
    if (!*field && len)
        *field = hg_xstrndup(start, len);
}

/* The first branch that has the commit, and whether this one does. */
static void find_branch(const struct search *s, struct hg_lost *l)
{
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    const char *in_head[] = { "merge-base", "--is-ancestor", l->commit, "HEAD", NULL };
    const char *args[] = { "for-each-ref", "--format=%(refname:short)", "--contains", l->commit, "refs/heads",
                           "refs/remotes", NULL };
    l->deleted = git(s, in_head, &out);
    if (l->branch || !git(s, args, &out))
        return;
    const char *text = hg_buf_str(&out);
    put(&l->branch, text, strcspn(text, "\n"));
}

/* The ledger's commit is that of the checkout it ran in, where the file need not have been committed yet. */
static void forget_without_file(const struct search *s, struct hg_lost *l, const char *path)
{
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *object = hg_xasprintf("%s:%s", l->commit ? l->commit : "", path);
    const char *args[] = { "cat-file", "-e", object, NULL };
    if (l->commit && !git(s, args, &out)) {
        free(l->commit);
        l->commit = NULL;
    }
}

/* Is this blob the file of that revision? Then its parents are noted. */
static bool is_file_of(struct search *s, const char *revision, const char *commit, const char *path,
                       char **ret_message)
{
    HG_AUTO(hg_buf_done) struct hg_buf blob = HG_BUF_INIT;
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    HG_AUTO(hg_freep) char *object = hg_xasprintf("%s:%s", commit, path);
    const char *args[] = { "cat-file", "blob", object, NULL };
    struct hg_graph *graph = NULL;
    struct hg_err ignored = { 0 };
    if (!git(s, args, &blob))
        return false;
    struct hg_alembic_source source = { hg_path_base(path), hg_buf_str(&blob), blob.len };
    if (hg_alembic_load_sources(&source, 1, &graph, &findings, &ignored) < 0)
        return false;
    const struct hg_revision *r = hg_graph_count(graph) == 1 ? hg_graph_at(graph, 0) : NULL;
    bool found = r && strcmp(r->id, revision) == 0;
    if (found) {
        json_t *down = json_array();
        for (size_t i = 0; i < r->down.count; i++)
            json_array_append_new(down, hg_json_text(r->down.items[i]));
        for (size_t i = 0; i < r->depends_on.count; i++)
            json_array_append_new(down, hg_json_text(r->depends_on.items[i]));
        json_array_append_new(s->parents,
                              json_pack("{so so}", "revision", hg_json_text(revision), "down", down));
        *ret_message = hg_xstrdup(r->doc);
    }
    hg_graph_free(graph);
    return found;
}

static void remember(const struct search *s, const char *revision, const char *head, size_t head_len,
                     const char *path, const char *message)
{
    struct hg_lost *l = hg_status_lost_of(s->status, revision);
    if (!l && s->ancestors)
        l = hg_status_lost_add(s->status, revision);
    if (!l)
        return;
    HG_AUTO(hg_freep) char *line = hg_xstrndup(head, head_len);
    size_t hash = strcspn(line, SEPARATOR);
    const char *date = line + hash + (line[hash] != '\0');
    size_t dated = strcspn(date, SEPARATOR);
    const char *by = date + dated + (date[dated] != '\0');
    forget_without_file(s, l, path);
    put(&l->commit, line, hash);
    put(&l->date, date, dated);
    put(&l->by, by, strlen(by));
    put(&l->path, path, strlen(path));
    put(&l->message, message, strlen(message));
    if (!l->found)
        l->found = hg_xstrdup("git");
    find_branch(s, l);
}

/* One commit's block: its header line, then the names of the files that it added. */
static bool look_at(struct search *s, const char *revision, const char *block, size_t len, int *files)
{
    size_t head = strcspn(block, "\n");
    HG_AUTO(hg_freep) char *commit = hg_xstrndup(block, strcspn(block, SEPARATOR));
    for (size_t i = head; i < len && *files < FILES_MAX;) {
        size_t n = strcspn(block + i, "\n");
        HG_AUTO(hg_freep) char *path = hg_xstrndup(block + i, i + n > len ? len - i : n);
        HG_AUTO(hg_freep) char *message = NULL;
        i += n + 1;
        if (!*path || !hg_ends_with(path, ".py"))
            continue;
        ++*files;
        if (is_file_of(s, revision, commit, path, &message)) {
            remember(s, revision, block, head, path, message);
            free(s->commit);
            s->commit = HG_TAKE(commit);
            return true;
        }
    }
    return false;
}

static bool search_one(struct search *s, const char *revision)
{
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *pickaxe = hg_xasprintf("-S%s", revision);
    const char *args[] = { "-c", "core.quotePath=false", "log", "--all", "--no-renames", "--diff-filter=A",
                           "--name-only", "--max-count=20", "--format=%x01%H%x1f%cI%x1f%an", pickaxe, "--",
                           ":(top)*.py", NULL };
    if (!*revision || strlen(revision) > 200 || !git(s, args, &out))
        return false;
    int files = 0;
    for (const char *p = strchr(hg_buf_str(&out), 1); p;) {
        const char *next = strchr(p + 1, 1);
        size_t len = next ? (size_t)(next - p - 1) : strlen(p + 1);
        if (look_at(s, revision, p + 1, len, &files))
            return true;
        p = next;
    }
    return false;
}

/* The unknown rows, then those of their ancestors that are not here either. */
static void search_all(struct search *s, const struct hg_graph *graph)
{
    HG_AUTO(hg_strv_done) struct hg_strv todo = HG_STRV_INIT;
    hg_strv_addv(&todo, &s->status->unknown);
    for (size_t i = 0; i < todo.count && i < CHAIN_MAX; i++) {
        if (!search_one(s, todo.items[i]))
            continue;
        HG_AUTO(hg_strv_done) struct hg_strv down = HG_STRV_INIT;
        const json_t *last = json_array_get(s->parents, json_array_size(s->parents) - 1);
        hg_status_list(json_object_get(last, "down"), &down);
        for (size_t k = 0; k < down.count; k++)
            if (!hg_graph_get(graph, down.items[k]) && !hg_strv_has(&todo, down.items[k]))
                hg_strv_add(&todo, down.items[k]);
    }
}

void hg_status_find_lost(struct hg_status *s, const struct hg_graph *graph,
                         const struct hg_alembic_config *alembic, int64_t timeout_ns)
{
    if (!graph || !hg_graph_ok(graph) || s->unknown.count == 0 || s->lost_count == 0)
        return;
    struct search search = { alembic->dir, hg_now_ns() + timeout_ns, s, json_array(), NULL, true };
    search_all(&search, graph);
    if (json_array_size(search.parents) && !s->pending_known && !hg_findings_have(&s->findings, "HG218"))
        hg_status_judge_unknown(graph, search.parents, false, s);
    search.ancestors = false;
    hg_status_name_inside(s, graph, search.parents);
    if (s->inside && search_one(&search, s->inside->last))
        hg_status_date_inside(s, search.commit);
    json_decref(search.parents);
    free(search.commit);
    hg_status_name_lost(s);
}
