/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revision files against git. Edited and deleted are judged against the merge base: a base branch
 * that has moved on must not make an older branch look as if it had deleted something. "Is it in the
 * base?" is asked of the base itself, "is it committed?" of HEAD.
 */
#include "edit.h"
#include "files.h"

static bool known(const struct hg_side *s, const struct hg_revision *r, const char **ret_data,
                  size_t *ret_len)
{
    const struct hg_revision *then = s->graph ? hg_graph_get(s->graph, r->id) : NULL;
    const struct hg_blob *blob = then ? hg_side_blob(s, then) : NULL;
    if (!blob)
        return false;
    *ret_data = blob->data;
    *ret_len = blob->len;
    return true;
}

/* Has this side the revision with this meaning? */
static bool same_in(const struct hg_files *f, const struct hg_side *s, const struct hg_revision *r)
{
    size_t len, then_len;
    const char *then, *now = hg_graph_text(f->graph, r, &len);
    HG_AUTO(hg_edited_done) struct hg_edited e = { 0 };
    return known(s, r, &then, &then_len) &&
           hg_edit_of(then, then_len, now, len, NULL, &e) != HG_EDIT_MEANING;
}

static char *parents(const struct hg_strv *v)
{
    return v->count ? hg_strv_join(v, ", ") : hg_xstrdup("nothing");
}

static void place(struct hg_finding *f, const struct hg_revision *r, int line)
{
    f->path = hg_xstrdup(r->path);
    f->line = line;
    f->revision = hg_xstrdup(r->id);
}

/* What to do about an edit, with the lines themselves. */
static void explain_edit(struct hg_judge *j, const struct hg_revision *now, const struct hg_edited *e,
                         struct hg_finding *finding)
{
    HG_AUTO(hg_freep) char *path = now->file ? hg_repo_relative(&j->repo, now->file) : NULL;
    HG_AUTO(hg_freep) char *spec = hg_repo_pathspec(&j->repo, path ? path : now->path);
    place(finding, now, e->line);
    finding->help = hg_xasprintf("Take it back (`git checkout %s -- %s`) and put the change into a "
                                 "new revision: databases that ran this one will not run it again.\n%s",
                                 j->repo.base_name, spec, e->excerpt);
}

static void report_edited(struct hg_judge *j, const struct hg_revision *then,
                          const struct hg_revision *now, const struct hg_edited *e)
{
    const char *base = j->repo.base_name;
    struct hg_finding *finding;
    if (!hg_same_list(&then->down, &now->down)) {
        HG_AUTO(hg_freep) char *was = parents(&then->down);
        HG_AUTO(hg_freep) char *is = parents(&now->down);
        finding = hg_finding_add(&j->out->findings, "HG204",
                                 "revision %s came after %s in %s and comes after %s here", now->id,
                                 was, base, is);
    } else if (!hg_same_list(&then->depends_on, &now->depends_on) ||
               !hg_same_list(&then->labels, &now->labels)) {
        finding = hg_finding_add(&j->out->findings, "HG204",
                                 "depends_on or branch_labels of revision %s are not those of %s",
                                 now->id, base);
    } else {
        finding = hg_finding_add(&j->out->findings, "HG201",
                                 "revision %s is in %s already, and its file was changed", now->id,
                                 base);
    }
    explain_edit(j, now, e, finding);
}

/* Is the only change that it names what stands for the end of a declared squash, instead of that end? */
static bool behind_squash(struct hg_judge *j, const struct hg_blob *blob, const char *text, size_t len)
{
    HG_AUTO(hg_buf_done) struct hg_buf then = HG_BUF_INIT;
    HG_AUTO(hg_edited_done) struct hg_edited e = { 0 };
    return hg_squash_rewrite(j, blob->data, blob->len, &then) &&
           hg_edit_of(hg_buf_str(&then), then.len, text, len, NULL, &e) != HG_EDIT_MEANING;
}

static void compare_one(struct hg_judge *j, struct hg_files *f, const struct hg_revision *then,
                        const struct hg_blob *blob, const struct hg_revision *now)
{
    size_t len;
    const char *text = hg_graph_text(f->graph, now, &len);
    HG_AUTO(hg_freep) char *path = now->file ? hg_repo_relative(&j->repo, now->file) : NULL;
    bool moved = path && !hg_streq(path, blob->path);
    HG_AUTO(hg_edited_done) struct hg_edited e = { 0 };
    enum hg_edit kind = hg_edit_of(blob->data, blob->len, text, len, j->in->target->mask, &e);
    if (kind == HG_EDIT_MEANING && behind_squash(j, blob, text, len)) {
        hg_squash_note(j, now);
        return;
    }
    if (kind == HG_EDIT_MEANING) {
        hg_files_changed(j, now);
        /* The same change was made in the base meanwhile: nothing of this branch. */
        if (!same_in(f, f->tip, now))
            report_edited(j, then, now, &e);
        return;
    }
    if (!moved && kind == HG_EDIT_NONE)
        return;
    struct hg_finding *note =
        moved ? hg_finding_add(&j->out->findings, "HG203", "%s moved here from %s",
                               hg_path_base(now->path), blob->path)
              : hg_finding_add(&j->out->findings, "HG203", "%s of %s changed", hg_edit_words(kind),
                               hg_path_base(now->path));
    place(note, now, 0);
}

static void report_deleted(struct hg_judge *j, const struct hg_files *f, const char *id,
                           const struct hg_blob *blob)
{
    const char *base = j->repo.base_name;
    const struct hg_revision *now = hg_files_at(f, blob->path);
    struct hg_finding *finding;
    if (now && id) {
        finding = hg_finding_add(&j->out->findings, "HG204",
                                 "the file of revision %s in %s calls itself %s here", id, base,
                                 now->id);
        place(finding, now, now->line);
        hg_files_changed(j, now);
        return;
    }
    bool unfound = hg_repo_here(&j->repo, blob->path); /* it lies there, and Alembic does not look there any more */
    finding = hg_finding_add(&j->out->findings, "HG202", "%s%s is in %s and %s",
                             id ? "revision " : "", id ? id : blob->path, base,
                             unfound ? "is not found here any more" : "is missing here");
    HG_AUTO(hg_freep) char *spec = hg_repo_pathspec(&j->repo, blob->path);
    finding->path = hg_files_shown(f, blob->path);
    finding->revision = hg_xstrdup(id);
    if (unfound)
        finding->help = hg_xasprintf("Its file is still there: what %s says of script_location, version_locations "
                                     "and recursive_version_locations does not lead to it. Say it as %s does.",
                                     hg_path_base(j->in->alembic->file), base);
    else
        finding->help = hg_xasprintf("Bring it back: `git checkout %.12s -- %s`; to undo what it did, "
                                     "write a new revision.", j->repo.merge_base, spec);
}

/* A file that no static reading understands is known by its place alone. */
static void compare_unread(struct hg_judge *j, struct hg_files *f, const struct hg_blob *blob)
{
    const struct hg_revision *now = hg_files_at(f, blob->path);
    if (!now) {
        if (hg_blobs_find(&f->tip->blobs, blob->path))
            report_deleted(j, f, NULL, blob);
        return;
    }
    size_t len;
    const char *text = hg_graph_text(f->graph, now, &len);
    HG_AUTO(hg_edited_done) struct hg_edited e = { 0 };
    if (hg_edit_of(blob->data, blob->len, text, len, j->in->target->mask, &e) != HG_EDIT_MEANING)
        return;
    hg_files_changed(j, now);
    explain_edit(j, now, &e,
                 hg_finding_add(&j->out->findings, "HG201",
                                "revision %s is in %s already, and its file was changed", now->id,
                                j->repo.base_name));
}

static void compare_base(struct hg_judge *j, struct hg_files *f)
{
    HG_AUTO(hg_freep) bool *read = hg_xcalloc(f->merge->blobs.count + 1, sizeof *read);
    size_t squashed = 0;
    for (size_t i = 0; i < hg_graph_count(f->merge->graph); i++) {
        const struct hg_revision *then = hg_graph_at(f->merge->graph, i);
        const struct hg_blob *blob = hg_side_blob(f->merge, then);
        if (!blob)
            HG_BUG("a revision of a commit without its file");
        read[blob - f->merge->blobs.items] = true;
        const struct hg_revision *now = hg_graph_get(f->graph, then->id);
        if (now)
            compare_one(j, f, then, blob, now);
        else if (hg_squash_explains(j, f->merge->graph, then->id))
            squashed += hg_graph_get(f->tip->graph, then->id) != NULL;
        else if (hg_graph_get(f->tip->graph, then->id))
            report_deleted(j, f, then->id, blob);
    }
    if (squashed)
        hg_finding_add(&j->out->findings, "HG234", "%zu revision files of %s are missing here, as the squash "
                       "in headgate.yaml says", squashed, j->repo.base_name);
    for (size_t i = 0; i < f->merge->blobs.count; i++)
        if (!read[i])
            compare_unread(j, f, &f->merge->blobs.items[i]);
}

static void report_new(struct hg_judge *j, const struct hg_files *f, const struct hg_revision *r)
{
    bool committed = same_in(f, f->head, r) || hg_files_blob_is(f, f->head, r);
    bool merged = same_in(f, f->tip, r) || hg_files_blob_is(f, f->tip, r);
    if (merged || (committed && !j->in->status) || hg_judge_reported(j, r->id))
        return;
    struct hg_finding *finding =
        committed ? hg_finding_add(&j->out->findings, "HG205", "pending revision %s is not in %s",
                                   r->id, j->repo.base_name)
                  : hg_finding_add(&j->out->findings, "HG206", "%srevision %s is not committed",
                                   j->in->status ? "pending " : "", r->id);
    if (j->protected_)
        finding->severity = HG_SEV_ERROR;
    place(finding, r, 0);
}

static void compare(struct hg_judge *j)
{
    struct hg_err err = { 0 };
    HG_AUTO(hg_files_done) struct hg_files f = { 0 };
    if (hg_files_load(j, &f, &err) != 0) {
        hg_judge_incomparable(j, err.message, err.hint);
        return;
    }
    compare_base(j, &f);
    for (size_t i = 0; i < hg_graph_count(f.graph); i++) {
        const struct hg_revision *r = hg_graph_at(f.graph, i);
        if (!hg_graph_get(f.merge->graph, r->id) && !hg_files_in(&f, f.merge, r))
            hg_files_changed(j, r);
    }
    const struct hg_revlist *fresh = j->in->status ? &j->in->status->pending : &j->changed;
    for (size_t i = 0; i < fresh->count; i++)
        report_new(j, &f, fresh->items[i]);
    hg_files_merged_heads(j, &f);
}

void hg_judge_files(struct hg_judge *j)
{
    if (j->repo.kind != HG_REPO_READY || !j->in->graph || !j->in->alembic)
        return;
    const struct hg_strv *folders = &j->in->alembic->version_locations;
    struct hg_repo inner = { 0 };
    struct hg_err err = { 0 };
    int nested = folders->count ? hg_repo_inner(&j->repo, folders->items[0], &inner, &err) : 0;
    if (nested < 0) {
        hg_judge_incomparable(j, err.message, err.hint);
        return;
    }
    if (!nested) {
        compare(j);
        return;
    }
    struct hg_repo outer = j->repo;
    j->repo = inner;
    compare(j);
    inner = j->repo; /* with what was listed in it */
    j->repo = outer;
    hg_repo_done(&inner);
}
