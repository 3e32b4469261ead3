/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the history will look like once this branch is merged: the files here, and those that the
 * base branch got since. Two branches that are fine each and have two heads together are the most
 * common way to find that out at deployment (a check of the branch alone cannot see it).
 */
#include "files.h"

struct union_set {
    struct hg_alembic_source *items;
    size_t count, cap;
    struct hg_strv made;         /* texts that stand for files only Python can read */
};

static void add(struct union_set *u, const char *name, const char *data, size_t len)
{
    u->items = hg_grow(u->items, u->count, &u->cap, sizeof *u->items);
    u->items[u->count++] = (struct hg_alembic_source){ name, data, len };
}

static void add_list(struct hg_buf *b, const char *name, const struct hg_strv *v)
{
    hg_buf_addf(b, "%s = [", name);
    for (size_t i = 0; i < v->count; i++) {
        hg_buf_adds(b, "\"");
        hg_json_escape(b, v->items[i], strlen(v->items[i]));
        hg_buf_adds(b, "\", ");
    }
    hg_buf_adds(b, "]\n");
}

/* The four assignments of a revision whose file had to be run, as literals. */
static char *literal(const struct hg_revision *r)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    hg_buf_adds(&b, "revision = \"");
    hg_json_escape(&b, r->id, strlen(r->id));
    hg_buf_adds(&b, "\"\n");
    add_list(&b, "down_revision", &r->down);
    add_list(&b, "depends_on", &r->depends_on);
    add_list(&b, "branch_labels", &r->labels);
    return hg_buf_take(&b);
}

/* A file as a merge would leave it: ours where we changed it, else the base's. */
static void add_ours(struct union_set *u, const struct hg_files *f, const struct hg_file_now *now)
{
    const struct hg_blob *tip = hg_blobs_find(&f->tip->blobs, now->path);
    bool ours = !hg_files_blob_is(f, f->merge, now->revision);
    if (!ours && !tip)
        return; /* the base deleted it */
    if (!ours && !now->revision->dynamic) {
        add(u, now->path, tip->data, tip->len);
        return;
    }
    size_t len;
    const char *text = hg_graph_text(f->graph, now->revision, &len);
    if (now->revision->dynamic) {
        char *made = literal(now->revision);
        hg_strv_add(&u->made, made);
        free(made);
        text = u->made.items[u->made.count - 1];
        len = strlen(text);
    }
    add(u, now->path, text, len);
}

static void add_theirs(struct union_set *u, const struct hg_files *f)
{
    for (size_t i = 0; i < f->tip->blobs.count; i++) {
        const struct hg_blob *b = &f->tip->blobs.items[i];
        if (!hg_blobs_find(&f->merge->blobs, b->path) && !hg_files_at(f, b->path))
            add(u, b->path, b->data, b->len);
    }
}

static char *name_heads(const struct hg_files *f, const struct hg_revlist *heads, const char *base,
                        const struct hg_revision **ret_ours)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    for (size_t i = 0; i < heads->count; i++) {
        const struct hg_revision *here = hg_graph_get(f->graph, heads->items[i]->id);
        if (here)
            *ret_ours = here;
        hg_strv_addf(&names, "%s (%s)", heads->items[i]->id, here ? "here" : base);
    }
    return hg_strv_join(&names, " and ");
}

static void report(struct hg_judge *j, const struct hg_files *f, const struct hg_revlist *heads)
{
    const char *base = j->repo.base_name;
    const struct hg_revision *ours = NULL;
    HG_AUTO(hg_freep) char *names = name_heads(f, heads, base, &ours);
    struct hg_finding *finding = hg_finding_add(&j->out->findings, "HG101",
                                                "once merged with %s there will be %zu heads: %s",
                                                base, heads->count, names);
    finding->help = hg_xasprintf("Update this branch (`git merge %s`), then put its first new "
                                 "revision behind the head of %s (down_revision), or join them with "
                                 "`alembic merge heads`.", base, base);
    if (ours) {
        finding->path = hg_xstrdup(ours->path);
        finding->revision = hg_xstrdup(ours->id);
    }
}

void hg_files_merged_heads(struct hg_judge *j, const struct hg_files *f)
{
    if (f->tip == f->merge || !hg_graph_ok(f->graph))
        return;
    HG_AUTO(hg_revlist_done) struct hg_revlist here = HG_REVLIST_INIT, merged = HG_REVLIST_INIT;
    hg_graph_heads(f->graph, &here);
    if (here.count > 1)
        return; /* reported already */
    struct union_set u = { 0 };
    for (size_t i = 0; i < f->count; i++)
        add_ours(&u, f, &f->now[i]);
    add_theirs(&u, f);
    HG_AUTO(hg_findings_done) struct hg_findings ignored = HG_FINDINGS_INIT;
    struct hg_err err = { 0 };
    struct hg_graph *graph = NULL;
    if (hg_alembic_load_sources(u.items, u.count, &graph, &ignored, &err) == 0 &&
        hg_graph_ok(graph)) {
        hg_graph_heads(graph, &merged);
        if (merged.count > 1)
            report(j, f, &merged);
    }
    hg_revlist_done(&merged);
    merged = (struct hg_revlist)HG_REVLIST_INIT;
    hg_graph_free(graph);
    hg_strv_done(&u.made);
    free(u.items);
}
