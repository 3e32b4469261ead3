/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applied revisions against the ledger: it kept what ran, with its place in the history and its file,
 * so what was edited, moved, deleted or slipped in later is found even where git has nothing to
 * compare with.
 */
#include "edit.h"
#include "past.h"

#include "gen/gate_embed.h"

/* The digest with all line ends as LF, or as CRLF. */
static bool digest_with(const char *text, size_t len, const char *end, const char *digest)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n')
            continue;
        if (text[i] == '\n' || text[i] == '\r')
            hg_buf_adds(&b, end);
        else
            hg_buf_addc(&b, text[i]);
    }
    char sum[HG_SHA256_SIZE];
    return hg_streq(hg_sha256(hg_buf_str(&b), b.len, sum), digest);
}

bool hg_judge_only_line_ends(const char *text, size_t len, const char *digest)
{
    return digest_with(text, len, "\n", digest) || digest_with(text, len, "\r\n", digest);
}

/* What ran once need not be in any more: people go back with Alembic itself, and then the file may
 * change or go. A revision without a file is in when the ledger has it below one that is in. */
static void mark_present(const struct hg_judge *j, const struct hg_ledger_entries *entries,
                         const bool *in, bool *present)
{
    HG_AUTO(hg_strv_done) struct hg_strv below = HG_STRV_INIT;
    for (size_t i = 0; i < entries->count; i++) {
        const struct hg_revision *r = hg_graph_get(j->in->graph, entries->items[i].revision);
        present[i] = r && in[r->index];
        if (present[i] || hg_strv_has(&j->in->status->rows, entries->items[i].revision)) {
            hg_strv_addv(&below, &entries->items[i].down);
            hg_strv_addv(&below, &entries->items[i].depends_on);
        }
    }
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < entries->count; i++) {
            const struct hg_ledger_entry *e = &entries->items[i];
            if (present[i] || hg_graph_get(j->in->graph, e->revision) ||
                !hg_strv_has(&below, e->revision))
                continue;
            present[i] = again = true;
            hg_strv_addv(&below, &e->down);
            hg_strv_addv(&below, &e->depends_on);
        }
    }
}


static const char *when_of(const struct hg_ledger_entry *e)
{
    return e->finished_at ? e->finished_at : "an unknown time";
}

static const char *who_of(const struct hg_ledger_entry *e)
{
    return e->by ? e->by : "somebody unknown";
}

static struct hg_finding *place(struct hg_finding *f, const struct hg_revision *r, int line)
{
    f->path = hg_xstrdup(r->path);
    f->revision = hg_xstrdup(r->id);
    f->line = line;
    return f;
}

/* ---- the file as it ran ------------------------------------------------------------------------ */

enum stored { STORED_NOWHERE, STORED_HERE, STORED_FALSE };

static int stored_file(const struct hg_judge *j, const struct hg_past *past, const char *revision,
                       struct hg_ledger_file *ret, struct hg_err *err)
{
    if (!past->document)
        return hg_ledger_file(past->conn, past->table, revision, hg_judge_until(j), ret, err);
    hg_ledger_file_of(past->document, past->table, revision, ret);
    return 0;
}

/* "COMMIT -- PATH", where git has what ran, with its text; heap or NULL. The recorded commit is that of the
 * checkout: the file need not have been committed yet. */
static char *committed_as(const struct hg_judge *j, const struct hg_ledger_entry *e, struct hg_buf *ret)
{
    struct hg_err ignored = { 0 };
    char sum[HG_SHA256_SIZE];
    if (!e->commit || !e->path || !e->digest || !j->repo.root)
        return NULL;
    HG_AUTO(hg_freep) char *shown = hg_path_join(j->in->dir ? j->in->dir : ".", e->path);
    HG_AUTO(hg_freep) char *path = hg_repo_relative(&j->repo, shown);
    if (!path || hg_repo_file(&j->repo, e->commit, path, ret, &ignored) != 0 ||
        !hg_streq(hg_sha256(hg_buf_str(ret), ret->len, sum), e->digest))
        return NULL;
    HG_AUTO(hg_freep) char *spec = hg_repo_pathspec(&j->repo, path);
    return hg_xasprintf("%.12s -- %s", e->commit, spec);
}

/* The text that ran, from the ledger (which only its owner may read whole), else from the recorded
 * commit. FALSE: the ledger's file is not the one whose digest it recorded. */
static enum stored text_that_ran(struct hg_judge *j, const struct hg_past *past,
                                 const struct hg_ledger_entry *e, struct hg_buf *ret)
{
    HG_AUTO(hg_ledger_file_done) struct hg_ledger_file file = { 0 };
    struct hg_err ignored = { 0 };
    char sum[HG_SHA256_SIZE];
    if (stored_file(j, past, e->revision, &file, &ignored) == 0 && file.found && file.bytes.len) {
        if (!hg_streq(hg_sha256(hg_buf_str(&file.bytes), file.bytes.len, sum), e->digest))
            return STORED_FALSE;
        hg_buf_add(ret, hg_buf_str(&file.bytes), file.bytes.len);
        return STORED_HERE;
    }
    HG_AUTO(hg_freep) char *in_git = committed_as(j, e, ret);
    return in_git ? STORED_HERE : STORED_NOWHERE;
}

static bool ledger_has_file(const struct hg_judge *j, const struct hg_past *past, const char *revision)
{
    HG_AUTO(hg_ledger_file_done) struct hg_ledger_file file = { 0 };
    struct hg_err ignored = { 0 };
    return stored_file(j, past, revision, &file, &ignored) == 0 && file.found && file.bytes.len;
}

/* ---- findings of one revision -------------------------------------------------------------------- */

static void report_gone(struct hg_judge *j, const struct hg_past *past, const struct hg_ledger_entry *e)
{
    struct hg_finding *f = hg_finding_add(
        &j->out->findings, "HG202", "revision %s was applied here (%s, by %s) and its file is gone",
        e->revision, when_of(e), who_of(e));
    f->revision = hg_xstrdup(e->revision);
    f->path = hg_xstrdup(e->path);
    HG_AUTO(hg_buf_done) struct hg_buf ignored = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *in_git = committed_as(j, e, &ignored);
    if (in_git)
        f->help = hg_xasprintf("Bring it back: `git checkout %s`.", in_git);
    else if (ledger_has_file(j, past, e->revision))
        f->help = hg_xasprintf("The ledger has it: `headgate ledger export -t %s | jq -r "
                               "'[.runs[].steps[] | select(.revision == \"%s\" and .file).file][-1]' | "
                               "base64 -d` prints it; `headgate rollback --files-from-ledger` can go back "
                               "over it.", j->in->target->t->name, e->revision);
}

static void report_false(struct hg_judge *j, const struct hg_revision *now, const struct hg_ledger_entry *e)
{
    place(hg_finding_add(&j->out->findings, "HG229",
                         "the ledger's file of revision %s (%s, by %s) does not have the digest that was "
                         "recorded with it", e->revision, when_of(e), who_of(e)), now, 0);
}

static char *list_of(const struct hg_strv *v)
{
    return v->count ? hg_strv_join(v, ", ") : hg_xstrdup("nothing");
}

/* HG228: Alembic walks the history by what the files say now. */
static bool report_parents(struct hg_judge *j, const struct hg_revision *now,
                           const struct hg_ledger_entry *e)
{
    bool down = !hg_same_list(&e->down, &now->down);
    if (!down && hg_same_list(&e->depends_on, &now->depends_on))
        return false;
    HG_AUTO(hg_freep) char *was = list_of(down ? &e->down : &e->depends_on);
    HG_AUTO(hg_freep) char *is = list_of(down ? &now->down : &now->depends_on);
    struct hg_finding *f = place(
        hg_finding_add(&j->out->findings, "HG228",
                       "revision %s %s %s when it was applied (%s, by %s), and %s %s here", e->revision,
                       down ? "came after" : "depended on", was, when_of(e), who_of(e),
                       down ? "comes after" : "depends on", is), now, now->line);
    HG_AUTO(hg_buf_done) struct hg_buf ignored = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *in_git = committed_as(j, e, &ignored);
    if (in_git)
        f->help = hg_xasprintf("Bring the file back as it was: `git checkout %s`; a new revision belongs behind "
                               "the head.", in_git);
    return true;
}

static void report_edited(struct hg_judge *j, const struct hg_revision *now,
                          const struct hg_ledger_entry *e, const struct hg_edited *edited)
{
    struct hg_finding *f =
        place(hg_finding_add(&j->out->findings, "HG201",
                             "the file of revision %s is not the one that was applied (%s, by %s)",
                             e->revision, when_of(e), who_of(e)), now, edited->line);
    HG_AUTO(hg_buf_done) struct hg_buf ignored = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *in_git = committed_as(j, e, &ignored);
    HG_AUTO(hg_freep) char *see = in_git ? hg_xasprintf("See what changed: `git diff %s`; take", in_git)
                                         : hg_xstrdup("Take");
    f->help = hg_xasprintf("%s it back and put the change into a new revision.%s%s", see,
                           edited->excerpt ? "\n" : "", edited->excerpt ? edited->excerpt : "");
}

/* Did it come after the end of a declared squash, and does it come after what stands for that now? */
static bool behind_squash(const struct hg_judge *j, const struct hg_ledger_entry *e, const struct hg_revision *now)
{
    bool down = hg_squash_parents(j, &e->down, &now->down);
    bool depends = hg_squash_parents(j, &e->depends_on, &now->depends_on);
    return (down || hg_same_list(&e->down, &now->down)) &&
           (depends || hg_same_list(&e->depends_on, &now->depends_on)) && (down || depends);
}

static void rewrite(const struct hg_judge *j, struct hg_buf *text)
{
    HG_AUTO(hg_buf_done) struct hg_buf now = HG_BUF_INIT;
    (void)hg_squash_rewrite(j, hg_buf_str(text), text->len, &now);
    hg_buf_clear(text);
    hg_buf_add(text, hg_buf_str(&now), now.len);
}

static void compare_text(struct hg_judge *j, const struct hg_past *past, const struct hg_revision *now,
                         const struct hg_ledger_entry *e)
{
    HG_AUTO(hg_buf_done) struct hg_buf then = HG_BUF_INIT;
    HG_AUTO(hg_edited_done) struct hg_edited edited = { .kind = HG_EDIT_MEANING };
    size_t len = 0;
    const char *text = hg_graph_text(j->in->graph, now, &len);
    enum stored stored = text_that_ran(j, past, e, &then);
    if (stored == STORED_FALSE) {
        report_false(j, now, e);
        return;
    }
    bool behind = behind_squash(j, e, now);
    if (behind && stored == STORED_HERE)
        rewrite(j, &then);
    if (stored == STORED_HERE && text)
        (void)hg_edit_of(hg_buf_str(&then), then.len, text, len, j->in->target->mask, &edited);
    else if (text && hg_judge_only_line_ends(text, len, e->digest))
        edited.kind = HG_EDIT_LINE_ENDS;
    else if (behind) /* nobody here may read what ran: the parent is known to be right */
        edited.kind = HG_EDIT_NONE;
    if (edited.kind == HG_EDIT_MEANING)
        report_edited(j, now, e, &edited);
    else if (behind)
        hg_squash_note(j, now);
    else if (edited.kind != HG_EDIT_NONE && !hg_judge_has(j, "HG203", now->id))
        place(hg_finding_add(&j->out->findings, "HG203", "%s of %s changed since it was applied",
                             hg_edit_words(edited.kind), hg_path_base(now->path)), now, 0);
}

static void check_one(struct hg_judge *j, const struct hg_past *past, const struct hg_ledger_entry *e)
{
    const struct hg_revision *now = hg_graph_get(j->in->graph, e->revision);
    if (hg_streq(e->direction, "down") || hg_judge_reported(j, e->revision))
        return;
    if (!now) {
        if (e->digest)
            report_gone(j, past, e);
        return;
    }
    bool moved = hg_graph_ok(j->in->graph) && !behind_squash(j, e, now) && report_parents(j, now, e);
    if (!moved && e->digest && !hg_streq(now->digest, e->digest))
        compare_text(j, past, now, e);
}

/* ---- revisions that Alembic takes for applied ---------------------------------------------------- */

static const struct hg_ledger_entry *entry_of(const struct hg_ledger_entries *entries, const char *revision)
{
    for (size_t i = 0; i < entries->count; i++)
        if (hg_streq(entries->items[i].revision, revision))
            return hg_streq(entries->items[i].direction, "down") ? NULL : &entries->items[i];
    return NULL;
}

/* What is known of a revision without a record by those around it: has one below it a record, and does
 * one above it remember another parent? */
static void look_around(const struct hg_judge *j, const struct hg_ledger_entries *entries,
                        const struct hg_revision *r, bool *ret_below, bool *ret_inserted)
{
    *ret_below = *ret_inserted = false;
    for (size_t i = 0; i < r->down.count; i++)
        *ret_below = *ret_below || entry_of(entries, r->down.items[i]);
    for (size_t i = 0; i < hg_graph_count(j->in->graph); i++) {
        const struct hg_revision *above = hg_graph_at(j->in->graph, i);
        const struct hg_ledger_entry *e = entry_of(entries, above->id);
        if (e && hg_strv_has(&above->down, r->id) && !hg_strv_has(&e->down, r->id))
            *ret_inserted = true;
    }
}

/* Does it stand for a squash whose end ran here? Then it need not have run itself. */
static bool stands_for_recorded(const struct hg_judge *j, const struct hg_ledger_entries *entries,
                                const struct hg_revision *r)
{
    const struct hg_config *c = &j->in->target->config;
    for (size_t i = 0; i < c->squash_count; i++)
        if (hg_streq(c->squashes[i].by, r->id) && entry_of(entries, c->squashes[i].last))
            return true;
    return false;
}

/* A revision counts as applied because of its place; the ledger knows everything that ran since its
 * first record, while the rows are those of the last. */
static void check_unrecorded(struct hg_judge *j, const struct hg_past *past,
                             const struct hg_ledger_entries *entries, const bool *in)
{
    for (size_t i = 0; past->rows_as_recorded && i < hg_graph_count(j->in->graph); i++) {
        const struct hg_revision *r = hg_graph_at(j->in->graph, i);
        bool below, inserted;
        if (!in[r->index] || entry_of(entries, r->id) || hg_strv_has(&j->in->status->moved_to, r->id) ||
            stands_for_recorded(j, entries, r))
            continue;
        look_around(j, entries, r, &below, &inserted);
        if (inserted)
            place(hg_finding_add(&j->out->findings, "HG227",
                                 "revision %s lies below the database's position and never ran here: "
                                 "Alembic takes it for applied", r->id), r, r->line);
        else if (below)
            place(hg_finding_add(&j->out->findings, "HG229",
                                 "revision %s is applied, and the ledger, which knows what ran before it, "
                                 "has no record of it", r->id), r, 0);
    }
}

/* Does an applied revision stand directly on this one? */
static bool built_upon(const struct hg_graph *graph, const struct hg_revision *r, const bool *in)
{
    for (size_t i = 0; i < hg_graph_count(graph); i++)
        if (in[i] && hg_strv_has(&hg_graph_at(graph, i)->down, r->id))
            return true;
    return false;
}

/* A branch that begins below the rows runs, but on a schema that its author did not see. */
static void check_order(struct hg_judge *j, const bool *in)
{
    const struct hg_revlist *pending = &j->in->status->pending;
    for (size_t i = 0; i < pending->count; i++) {
        const struct hg_revision *r = pending->items[i];
        for (size_t k = 0; k < r->down.count; k++) {
            const struct hg_revision *parent = hg_graph_get(j->in->graph, r->down.items[k]);
            if (!parent || !in[parent->index] || !built_upon(j->in->graph, parent, in))
                continue;
            place(hg_finding_add(&j->out->findings, "HG227",
                                 "pending revision %s comes after %s, which is below the database's position",
                                 r->id, parent->id), r, r->line)->severity = HG_SEV_NOTE;
            break;
        }
    }
}

/* HG229: stored files that do not have their digests. Only those who may read them can tell. */
static void check_stored(struct hg_judge *j, const struct hg_past *past, const struct hg_ledger_entries *entries)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    struct hg_err err = { 0 };
    const char *params[] = { past->table };
    if (hg_pg_query(past->conn, hg_sql_gate_false_files, 1, params, hg_judge_until(j), &res, &err) < 0) {
        hg_log(HG_LOG_INFO, "the files in the ledger were not looked at: %s", err.message);
        return;
    }
    for (int row = 0; row < PQntuples(res); row++) {
        const struct hg_ledger_entry *e = entry_of(entries, hg_pg_get(res, row, 0));
        const struct hg_revision *now = e ? hg_graph_get(j->in->graph, e->revision) : NULL;
        if (now && !hg_judge_has(j, "HG229", now->id))
            report_false(j, now, e);
    }
}

void hg_past_check_files(struct hg_judge *j, const struct hg_past *past,
                         const struct hg_ledger_entries *entries)
{
    HG_AUTO(hg_freep) bool *in = hg_graph_applied_rows(j->in->graph, &j->in->status->judged);
    HG_AUTO(hg_freep) bool *present = hg_xcalloc(entries->count + 1, sizeof *present);
    mark_present(j, entries, in, present);
    for (size_t i = 0; i < entries->count; i++)
        if (present[i] && !hg_past_squashed(j, entries, entries->items[i].revision))
            check_one(j, past, &entries->items[i]);
    if (!past->document)
        check_stored(j, past, entries);
    if (!hg_graph_ok(j->in->graph))
        return;
    check_unrecorded(j, past, entries, in);
    check_order(j, in);
}
