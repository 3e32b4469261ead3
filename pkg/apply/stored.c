/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revision files out of the ledger, for `rollback --files-from-ledger`: the database has revisions that
 * this code is too old to know.
 *
 * Whoever can write a table must not get to run Python: a file is used only when it has the very lines
 * that a commit of this repository has, or carries an HMAC under HEADGATE_LEDGER_KEY. All are shown
 * first, also those that are refused, and one that is not proven refuses all. Until then they are data:
 * scanned, never given to Python.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gate/gate.h"

#define STORED_MAX  1000                    /* revisions that an older checkout may lack */
#define PATH_SHOWN_MAX 300
#define GIT_NS      (30 * HG_NS_PER_S)

void hg_stored_done(struct hg_stored *s)
{
    hg_ledger_file_done(&s->file);
    hg_freep(&s->name);
    hg_freep(&s->message);
    hg_freep(&s->proof);
    hg_freep(&s->why);
}

/* One that is not proven: said, and the whole run refused. Formats the clause for people. */
static void doubt(struct hg_stored *s, const char *why)
{
    if (!s->why)
        s->why = hg_xstrdup(why);
}

/* What the text itself says must be what the ledger says it is. Adds its parents to todo. */
static void read_text(struct hg_stored *s, struct hg_strv *todo)
{
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    const struct hg_alembic_source source = { s->file.path ? s->file.path : s->file.revision,
                                              hg_buf_str(&s->file.bytes), s->file.bytes.len };
    struct hg_graph *graph = NULL;
    struct hg_err err = { 0 };
    if (hg_alembic_load_sources(&source, 1, &graph, &findings, &err) < 0) {
        doubt(s, "what revision it is cannot be read without running it");
        return;
    }
    const struct hg_revision *rev = hg_graph_count(graph) == 1 ? hg_graph_at(graph, 0) : NULL;
    if (!rev || !hg_streq(rev->id, s->file.revision)) {
        doubt(s, "it is the file of another revision, or of none");
    } else {
        s->message = hg_xstrdup(rev->doc);
        hg_strv_addv(todo, &rev->down);
        hg_strv_addv(todo, &rev->depends_on);
    }
    hg_graph_free(graph);
}

static bool signed_by_key(const struct hg_stored *s)
{
    const char *key = hg_run_ledger_key();
    char hmac[HG_SHA256_SIZE];
    return key && s->file.hmac &&
           hg_streq(hg_ledger_hmac(key, s->file.revision, &s->file.down, s->file.digest, hmac), s->file.hmac);
}

static void prove(struct hg_run *r, struct hg_stored *s)
{
    char sum[HG_SHA256_SIZE];
    HG_AUTO(hg_freep) char *path = NULL;
    HG_AUTO(hg_freep) char *why = NULL;
    if (s->why)
        return;
    if (!hg_streq(hg_sha256(hg_buf_str(&s->file.bytes), s->file.bytes.len, sum), s->file.digest)) {
        doubt(s, "its bytes are not those whose digest is recorded");
    } else if (signed_by_key(s)) {
        s->proof = hg_xstrdup("its HMAC under " HG_LEDGER_KEY);
    } else if (hg_gate_committed(&r->target, r->alembic.dir, s->file.commit, s->file.path, &s->file.bytes,
                                 hg_now_ns() + GIT_NS, &path, &why)) {
        s->proof = hg_xasprintf("%s in commit %.12s", path, s->file.commit);
    } else {
        HG_AUTO(hg_freep) char *both = hg_xasprintf(
            "%s, and %s", why, !hg_run_ledger_key() ? HG_LEDGER_KEY " is not set"
                               : s->file.hmac ? "its HMAC is not one under " HG_LEDGER_KEY
                                              : "it has no HMAC under " HG_LEDGER_KEY);
        doubt(s, both);
    }
}

/* A name that is none of another file's and leaves the folder by no trick. */
static char *safe_name(const struct hg_run *r, const struct hg_ledger_file *file)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *base = hg_path_base(file->path ? file->path : "");
    bool good = strspn(base, ALLOWED) == strlen(base) && strlen(base) < 200 &&
                hg_alembic_is_revision_name(base);
    for (size_t i = 0; good && i < r->stored_count; i++)
        good = !r->stored[i].name || !hg_streq(r->stored[i].name, base);
    return good ? hg_xstrdup(base) : hg_xasprintf("stored_%zu.py", r->stored_count);
}

/* The ledger of this machine, where the runs are recorded there; else NULL: the database's is asked. */
static int local_ledger(const struct hg_run *r, json_t **ret, struct hg_err *err)
{
    enum hg_ledger_mode mode = r->target.t->ledger;
    if (mode != HG_LEDGER_FILE && (mode != HG_LEDGER_AUTO || r->status.ledger_exists))
        return 0;
    return hg_run_ledger_document(r, true, ret, err);
}

static int read_stored(const struct hg_run *r, const json_t *local, const char *revision,
                       struct hg_ledger_file *ret, struct hg_err *err)
{
    if (!local)
        return hg_ledger_file(r->watch, r->version_table, revision, hg_now_ns() + HG_APPLY_QUERY_NS, ret, err);
    hg_ledger_file_of(local, r->version_table, revision, ret);
    return 0;
}

static int take_one(struct hg_run *r, const json_t *local, const char *revision, struct hg_strv *todo,
                    struct hg_err *err)
{
    r->stored = hg_grow(r->stored, r->stored_count, &r->stored_cap, sizeof *r->stored);
    struct hg_stored *s = &r->stored[r->stored_count];
    *s = (struct hg_stored){ 0 };
    if (read_stored(r, local, revision, &s->file, err) < 0)
        return -1;
    if (!s->file.found) {
        hg_freep(&s->file.revision);
        s->file.revision = hg_xstrdup(revision);
        doubt(s, "the ledger has no file of it, or this role may not read it");
    } else {
        s->name = safe_name(r, &s->file);
        read_text(s, todo);
        prove(r, s);
    }
    r->stored_count++;
    return 0;
}

/* From the rows that no file here has down to revisions that one has. */
static int take_all(struct hg_run *r, const json_t *local, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv todo = HG_STRV_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv seen = HG_STRV_INIT;
    hg_strv_addv(&todo, &r->status.unknown);
    for (size_t i = 0; i < todo.count; i++) {
        HG_AUTO(hg_freep) char *id = hg_xstrdup(todo.items[i]);
        if (hg_strv_has(&seen, id) || hg_graph_get(r->graph, id))
            continue;
        if (seen.count >= STORED_MAX)
            return hg_fail(err, HG_E_REFUSED, "more than %d revisions are missing here", STORED_MAX);
        hg_strv_add(&seen, id);
        if (take_one(r, local, id, &todo, err) < 0)
            return hg_wrap(err, "reading revision %s from the ledger", id);
    }
    return 0;
}

/* Who asks for much gets the text, and so does who will be asked. */
static void show(struct hg_run *r)
{
    bool text = r->o->common->verbose > 0 || (!r->o->dry_run && hg_run_asks(r));
    for (size_t i = 0; i < r->stored_count; i++) {
        const struct hg_stored *s = &r->stored[i];
        json_t *event = hg_note("stored-file");
        json_object_set_new(event, "revision", hg_event_text(s->file.revision));
        json_object_set_new(event, "message", hg_event_text(s->message));
        json_object_set_new(event, "by", hg_event_text(s->file.by));
        json_object_set_new(event, "finished_at", hg_event_text(s->file.finished_at));
        json_object_set_new(event, "commit", hg_event_text(s->file.commit));
        json_object_set_new(event, "path", hg_event_text(s->file.path));
        json_object_set_new(event, "proof", hg_event_text(s->proof));
        json_object_set_new(event, "why_not", hg_event_text(s->why));
        json_object_set_new(event, "text", text && s->file.found
                            ? hg_event_text(hg_buf_str(&s->file.bytes)) : json_null());
        hg_emit(r, event);
    }
}

static int all_proven(struct hg_run *r, struct hg_err *err)
{
    const struct hg_stored *first = NULL;
    for (size_t i = 0; i < r->stored_count; i++) {
        const struct hg_stored *s = &r->stored[i];
        if (s->proof)
            continue;
        struct hg_finding *f = hg_finding_add(&r->findings, "HG237", "the ledger's file of revision %s is "
                                              "not run: %s", s->file.revision, s->why);
        f->revision = hg_xstrdup(s->file.revision);
        f->path = s->file.path ? hg_printable(s->file.path, PATH_SHOWN_MAX) : NULL;
        first = first ? first : s;
    }
    if (!first)
        return 0;
    (void)hg_fail(err, HG_E_REFUSED, "the ledger's file of revision %s is not run: %s",
                  first->file.revision, first->why);
    if (first->file.commit && first->file.found)
        return hg_hint(err, "use the code that has it, after a look at it: git fetch; git checkout %.12s",
                       first->file.commit);
    return hg_hint(err, "use the code that has it; `headgate explain HG237` says more");
}

int hg_run_take_stored(struct hg_run *r, struct hg_err *err)
{
    if (!r->o->files_from_ledger || !r->status.unknown.count)
        return 0;
    if (hg_streq(r->target.t->driver, "plain"))
        return hg_fail(err, HG_E_REFUSED, "--files-from-ledger wants headgate's driver, and target %s has "
                       "`driver: plain`", r->target.t->name);
    json_t *local = NULL;
    if (local_ledger(r, &local, err) < 0)
        return -1;
    int taken = take_all(r, local, err);
    json_decref(local);
    if (taken < 0)
        return -1;
    show(r);
    if (all_proven(r, err) < 0)
        return -1;
    struct hg_alembic_source *sources = hg_xcalloc(r->stored_count + 1, sizeof *sources);
    for (size_t i = 0; i < r->stored_count; i++) {
        const struct hg_stored *s = &r->stored[i];
        sources[i] = (struct hg_alembic_source){ s->name, hg_buf_str(&s->file.bytes), s->file.bytes.len };
    }
    int rc = hg_run_load_files(r, sources, r->stored_count, err);
    free(sources);
    if (rc < 0 || !hg_graph_ok(r->graph))
        return rc < 0 ? -1 : hg_fail(err, HG_E_REFUSED, "the files here and those of the ledger are no "
                                     "history that Alembic would accept; see the findings");
    return hg_run_status(r, err);
}

void hg_run_leave_stored(struct hg_run *r)
{
    struct hg_findings kept = r->findings;
    struct hg_err ignored = { 0 };
    if (!r->stored_count || !r->to_known || !r->watch)
        return;
    r->findings = (struct hg_findings)HG_FINDINGS_INIT;
    if (hg_run_load_files(r, NULL, 0, &ignored) == 0)
        (void)hg_run_status(r, &ignored);
    hg_findings_done(&r->findings);
    r->findings = kept;
}

json_t *hg_stored_json(const struct hg_run *r)
{
    json_t *files = json_object();
    for (size_t i = 0; i < r->stored_count; i++) {
        const struct hg_buf *bytes = &r->stored[i].file.bytes;
        HG_AUTO(hg_buf_done) struct hg_buf hex = HG_BUF_INIT;
        hg_buf_add_hex(&hex, bytes->data, bytes->len);
        json_object_set_new(files, r->stored[i].name, json_string(hg_buf_str(&hex)));
    }
    return files;
}
