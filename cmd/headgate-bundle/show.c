/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle_cmd.h"

#include <stdlib.h>
#include <string.h>

#define LISTED 20

static void count(const struct hg_bundle *b, bool down, struct hg_buf *ret)
{
    size_t counts[HG_BUNDLE_NEEDS_PYTHON + 1] = { 0 }, verified = 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct hg_bundle_script *s = down ? &b->revisions[i].downgrade : &b->revisions[i].upgrade;
        counts[s->class]++;
        verified += s->verified;
    }
    hg_buf_addf(ret, "  %-5s %zu rendered", down ? "down" : "up", counts[HG_BUNDLE_RENDERED]);
    if (counts[HG_BUNDLE_PINNED])
        hg_buf_addf(ret, ", %zu pinned", counts[HG_BUNDLE_PINNED]);
    if (counts[HG_BUNDLE_NEEDS_PYTHON])
        hg_buf_addf(ret, ", %zu need Python", counts[HG_BUNDLE_NEEDS_PYTHON]);
    if (verified)
        hg_buf_addf(ret, ", %zu verified", verified);
    hg_buf_addc(ret, '\n');
}

struct untold {
    const struct hg_bundle_script *script;
    const char *id;
    size_t at;
};

static int by_reason(const void *a, const void *b)
{
    const struct untold *x = a, *y = b;
    int c = (x->script->class > y->script->class) - (x->script->class < y->script->class);
    c = c ? c : strcmp(x->script->code, y->script->code);
    c = c ? c : strcmp(x->script->reason, y->script->reason);
    return c ? c : (x->at > y->at) - (x->at < y->at);
}

static bool same_reason(const struct untold *a, const struct untold *b)
{
    return a->script->class == b->script->class && hg_streq(a->script->code, b->script->code) &&
           hg_streq(a->script->reason, b->script->reason);
}

/* Those of one reason: a missing package or a habit of the team is said once, not for each revision. */
static void add_group(const struct untold *of, size_t count, const char *way, struct hg_buf *ret)
{
    const char *class = of->script->class == HG_BUNDLE_PINNED ? "pinned" : "needs Python";
    HG_AUTO(hg_freep) char *reason = hg_printable(of->script->reason, 300);
    HG_AUTO(hg_freep) char *first = count == 1 ? hg_printable(of->id, 64) : hg_xasprintf("%zu", count);
    hg_buf_addf(ret, "  %-12s %s %s, %s: %s\n", class, first, way, of->script->code, reason);
    for (size_t i = 0; count > 1 && i < count && i < LISTED; i++) {
        HG_AUTO(hg_freep) char *id = hg_printable(of[i].id, 64);
        bool last = i + 1 == count || i + 1 == LISTED, full = i % 6 == 5;
        hg_buf_addf(ret, "%s%s%s", i % 6 == 0 ? "               " : " ", id, full && !last ? "\n" : "");
        if (last && count > LISTED)
            hg_buf_addf(ret, " … and %zu more", count - LISTED);
        if (last)
            hg_buf_addc(ret, '\n');
    }
}

static void explain(const struct hg_bundle *b, bool down, struct hg_buf *ret)
{
    HG_AUTO(hg_freep) struct untold *all = hg_xcalloc(b->count + 1, sizeof *all);
    size_t count = 0, run = 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct hg_bundle_script *s = down ? &b->revisions[i].downgrade : &b->revisions[i].upgrade;
        if (s->class != HG_BUNDLE_RENDERED)
            all[count++] = (struct untold){ s, b->revisions[i].id, i };
    }
    qsort(all, count, sizeof *all, by_reason);
    for (size_t i = 0; i < count; i += run) {
        for (run = 1; i + run < count && same_reason(&all[i], &all[i + run]); run++)
            ;
        add_group(&all[i], run, down ? "down" : "up", ret);
    }
}

void bundle_summary(const struct hg_bundle *b, struct hg_buf *ret)
{
    hg_buf_addf(ret, "%zu revision%s, %zu bytes, digest %s\n", b->count, b->count == 1 ? "" : "s",
                b->bytes.len, b->digest);
    count(b, false, ret);
    count(b, true, ret);
    explain(b, false, ret);
    explain(b, true, ret);
}

static void head(const struct hg_bundle *b, struct hg_buf *ret)
{
    hg_buf_addf(ret, "  made by %s with Alembic %s, SQLAlchemy %s, Python %s\n", b->made_by, b->alembic,
                b->sqlalchemy, b->python);
    if (b->commit)
        hg_buf_addf(ret, "  from commit %.12s%s\n", b->commit, b->dirty ? ", with changes" : "");
    hg_buf_addf(ret, "  driver %s, version table %s%s%s, %s\n", b->driver,
                b->version_table_schema ? b->version_table_schema : "",
                b->version_table_schema ? "." : "", b->version_table,
                b->transaction_per_migration || !b->transactional_ddl
                    ? "a transaction for each revision" : "one transaction for all revisions");
}

/* As they are applied; of many the last. */
static void list(const struct hg_bundle *b, struct hg_buf *ret)
{
    HG_AUTO(hg_findings_done) struct hg_findings ignored = HG_FINDINGS_INIT;
    HG_AUTO(hg_revlist_done) struct hg_revlist all = HG_REVLIST_INIT;
    const struct hg_revlist none = HG_REVLIST_INIT;
    struct hg_graph *graph = NULL;
    struct hg_err err = { 0 };
    if (hg_bundle_graph(b, &graph, &ignored, &err) == 0 &&
        hg_graph_upgrade(graph, &none, "heads", &all, &err) == 0) {
        size_t first = all.count > LISTED ? all.count - LISTED : 0;
        hg_buf_adds(ret, first ? "  its last revisions:\n" : "  its revisions:\n");
        for (size_t i = first; i < all.count; i++) {
            HG_AUTO(hg_freep) char *id = hg_printable(all.items[i]->id, 64);
            HG_AUTO(hg_freep) char *message = hg_printable(all.items[i]->doc ? all.items[i]->doc : "", 100);
            hg_buf_addf(ret, "    %s%s%s\n", id, *message ? "  " : "", message);
        }
    }
    hg_graph_free(graph);
}

/* ---- one revision -------------------------------------------------------------------------------- */

static void add_script(const struct hg_bundle_script *s, const char *title, struct hg_buf *ret)
{
    hg_buf_addf(ret, "-- %s: %s%s%s\n", title, hg_bundle_class_name(s->class), s->reason ? ", " : "",
                s->reason ? s->reason : "");
    for (size_t i = 0; i < s->count; i++) {
        size_t len = s->chunks[i].len;
        const char *text = s->chunks[i].sql;
        hg_buf_add(ret, text, len);
        hg_buf_adds(ret, len && text[len - 1] == ';' ? "\n" : "\n;\n"); /* a last comment takes no more */
    }
}

static int show_revision(const struct bundle_options *o, const struct hg_bundle *b, const char *file,
                         const char *revision, struct hg_err *err)
{
    HG_AUTO(hg_findings_done) struct hg_findings ignored = HG_FINDINGS_INIT;
    HG_AUTO(hg_revlist_done) struct hg_revlist found = HG_REVLIST_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_graph *graph = NULL;
    bool json = hg_streq(o->common.format, "json");
    if (hg_bundle_graph(b, &graph, &ignored, err) < 0)
        return -1;
    int rc = hg_graph_find(graph, revision, &found, err);
    for (size_t i = 0; rc == 0 && i < found.count; i++) {
        const struct hg_bundle_revision *r = hg_bundle_of(b, found.items[i]);
        if (json) {
            bundle_print_json(hg_bundle_revision_json(r, true));
            continue;
        }
        hg_buf_addf(&text, "-- revision %s: %s (%s)\n", r->id, r->message, r->path);
        add_script(&r->upgrade, "up", &text);
        add_script(&r->downgrade, "down", &text);
    }
    hg_graph_free(graph);
    if (rc < 0)
        (void)hg_hint(err, "headgate bundle show %s", file);
    if (rc == 0 && !json)
        hg_out(hg_buf_str(&text));
    return rc < 0 ? -1 : HG_EXIT_YES;
}

int bundle_show(const struct bundle_options *o, const char *file, const char *revision,
                struct hg_err *err)
{
    HG_AUTO(hg_bundle_done) struct hg_bundle b = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    if (hg_bundle_open(file, &b, err) < 0)
        return -1;
    if (revision)
        return show_revision(o, &b, file, revision, err);
    if (hg_streq(o->common.format, "json")) {
        bundle_print_json(hg_bundle_json(&b, false));
        return HG_EXIT_YES;
    }
    hg_buf_addf(&text, "%s: ", file);
    bundle_summary(&b, &text);
    head(&b, &text);
    list(&b, &text);
    hg_out(hg_buf_str(&text));
    return HG_EXIT_YES;
}
