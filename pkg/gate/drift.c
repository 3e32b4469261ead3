/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema against the last record of it. Only while the version rows are those of that record can
 * a difference mean that somebody changed the schema by hand; when the rows moved, the question is
 * whether the schema went with them (stamped.c).
 */
#include "past.h"
#include "review/review.h"
#include "snapshot/snapshot.h"

enum { SHOWN_MAX = 20 };  /* findings of one rule; the rest is counted */
enum { PARTS_MAX = 5 };   /* parts of an object that its finding names; the rest is counted */
static const int64_t CATALOG_NS = 20 * HG_NS_PER_S; /* each statement */

/* HG611: said, not decided: nobody is kept from migrating by a lock on a view. */
static void cannot_compare(struct hg_judge *j, const char *why)
{
    struct hg_finding *f = hg_finding_add(&j->out->findings, "HG611", "%s", why);
    if (j->protected_ && !j->in->under_lock)
        f->severity = HG_SEV_WARNING;
}

static int read_objects(struct hg_judge *j, const struct hg_past *past, struct hg_ledger_objects *ret,
                        struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv unreadable = HG_STRV_INIT;
    json_t *catalog = NULL;
    int64_t left = hg_judge_until(j) - hg_now_ns();
    if (hg_snapshot_catalog(past->conn, false, left < CATALOG_NS ? left : CATALOG_NS, &catalog, &unreadable,
                            err) < 0)
        return -1;
    int rc = 0;
    if (unreadable.count)
        rc = hg_fail(err, HG_E_DATABASE, "%s", unreadable.items[0]);
    else
        hg_snapshot_objects(catalog, past->table, ret);
    json_decref(catalog);
    return rc;
}

static void add_now(struct hg_ledger_objects *to, const struct hg_ledger_object *which,
                    const struct hg_ledger_object *is)
{
    struct hg_ledger_object *x =
        hg_ledger_objects_add(to, which->kind, which->name, is ? is->digest : NULL, which->made);
    x->definition = hg_xstrdup(is ? is->definition : NULL);
    x->other = hg_xstrdup(which->other);
    x->half = which->half;
}

/* What is otherwise than recorded: digest is that of now (NULL: gone), the rest that of the record. */
static void find_differing(const struct hg_ledger_objects *then, const struct hg_ledger_objects *now,
                           struct hg_ledger_objects *ret)
{
    for (size_t i = 0; i < then->count; i++) {
        const struct hg_ledger_object *was = &then->items[i];
        const struct hg_ledger_object *is = hg_ledger_object_find(now, was->kind, was->name);
        if (!hg_streq(was->digest, is ? is->digest : NULL))
            add_now(ret, was, is);
    }
    for (size_t i = 0; i < now->count; i++) {
        const struct hg_ledger_object *is = &now->items[i];
        if (!hg_ledger_object_find(then, is->kind, is->name))
            add_now(ret, is, is);
    }
    hg_ledger_objects_sort(ret);
}

/* Adds what a run of another version table found and recorded, after ours last looked. */
static void add_found_since(const struct hg_ledger_objects *then, struct hg_ledger_objects *differing)
{
    for (size_t i = 0; i < then->count; i++)
        if (then->items[i].later)
            add_now(differing, &then->items[i], &then->items[i]);
    hg_ledger_objects_sort(differing);
}

/* Takes out what is no matter of migrations: every environment leaves out only its own version table. */
static int drop_version_tables(struct hg_judge *j, const struct hg_past *past,
                               struct hg_ledger_objects *differing, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv tables = HG_STRV_INIT;
    hg_strv_add(&tables, past->table);
    if (!past->document && hg_ledger_version_tables(past->conn, hg_judge_until(j), &tables, err) < 0)
        return -1;
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects kept = { 0 };
    for (size_t i = 0; i < differing->count; i++) {
        const struct hg_ledger_object *x = &differing->items[i];
        if (!hg_ledger_version_table_part(&tables, x->name))
            add_now(&kept, x, x);
    }
    struct hg_ledger_objects swap = *differing;
    *differing = kept;
    kept = swap;
    return 0;
}

/* Does it stand on a table that is reported by itself as gone? */
static bool went_with_table(const struct hg_ledger_objects *differing, const struct hg_ledger_object *x)
{
    for (size_t i = 0; !x->digest && i < differing->count; i++) {
        const struct hg_ledger_object *t = &differing->items[i];
        size_t len = strlen(t->name);
        if (!t->digest && hg_streq(t->kind, "table") && strlen(x->name) > len &&
            strncmp(x->name, t->name, len) == 0 && x->name[len] == '.')
            return true;
    }
    return false;
}

static const char *change_of(const struct hg_ledger_objects *then, const struct hg_ledger_object *x)
{
    const struct hg_ledger_object *was = hg_ledger_object_find(then, x->kind, x->name);
    if (!x->digest)
        return "is gone";
    return was && was->digest ? "is not as it was" : "is new";
}

/* A catalog with this one object; NULL where its definition is not known, or is not what its digest is of. */
static json_t *catalog_of(const struct hg_ledger_object *x)
{
    char digest[HG_SHA256_SIZE];
    const char *text = x ? x->definition : NULL;
    if (!text || !x->digest || !hg_streq(hg_sha256(text, strlen(text), digest), x->digest))
        return NULL;
    json_t *definition = json_loads(text, 0, NULL);
    return definition ? json_pack("{s:{s:{s:o}}}", "objects", x->kind, x->name, definition) : NULL;
}

/* "column note, column title: type": the parts that differ; "" where nothing is known. Heap. */
static char *parts_of(const json_t *changes)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    const json_t *details = json_object_get(json_array_get(changes, 0), "details"), *detail;
    size_t i, count = json_array_size(details);
    json_array_foreach((json_t *)(uintptr_t)details, i, detail) {
        bool renamed = hg_streq(hg_jget(detail, "what"), "renamed");
        if (i < PARTS_MAX)
            hg_buf_addf(&b, "%s%s%s", i ? ", " : ": ", hg_jget(detail, renamed ? "from" : "what"),
                        renamed ? " renamed" : "");
    }
    if (count > PARTS_MAX)
        hg_buf_addf(&b, " and %zu more", count - PARTS_MAX);
    return hg_buf_take(&b);
}

/* How the object differs, like `snapshot diff`: an array; NULL: the record does not say. New reference. */
static json_t *changes_of(const struct hg_ledger_objects *then, const struct hg_ledger_object *x)
{
    json_t *before = catalog_of(hg_ledger_object_find(then, x->kind, x->name)), *now = catalog_of(x);
    json_t *changes = before && now ? hg_snapshot_diff(before, now) : NULL;
    json_decref(before);
    json_decref(now);
    return changes;
}

/* ---- what a pending revision makes, and is there already ------------------------------------------ */

/* Takes in what one revision makes and takes away, in order. */
static void follow(const struct hg_review_body *up, const struct hg_revision *r, const char *table,
                   struct hg_strv *gone, const struct hg_revision **ret)
{
    for (size_t i = 0; !*ret && i < up->count; i++) {
        const struct hg_review_op *op = &up->ops[i];
        HG_AUTO(hg_freep) char *name =
            hg_xasprintf("%s.%s", op->schema ? op->schema : "public", op->table ? op->table : "");
        if (!hg_streq(name, table))
            continue;
        if (op->kind == HG_OP_DROP_TABLE || op->kind == HG_OP_RENAME_TABLE)
            hg_strv_add(gone, table);
        else if (op->kind == HG_OP_CREATE_TABLE && !op->conditional && !op->dynamic && !gone->count)
            *ret = r;
    }
}

/* The pending revision that creates this table, with nothing before it that takes it away; NULL: none. */
static const struct hg_revision *maker_of(const struct hg_judge *j, const char *table)
{
    const struct hg_revlist *pending = &j->in->status->pending;
    HG_AUTO(hg_strv_done) struct hg_strv gone = HG_STRV_INIT;
    const struct hg_revision *found = NULL;
    const char *dot = strrchr(table, '.'), *bare = dot ? dot + 1 : table;
    for (size_t i = 0; !found && !j->in->no_pending && i < pending->count; i++) {
        HG_AUTO(hg_review_done) struct hg_review review = { 0 };
        struct hg_err ignored = { 0 };
        size_t len = 0;
        const char *text = hg_graph_text(j->in->graph, pending->items[i], &len);
        if (text && strstr(text, bare) && hg_review_scan(text, len, &review, &ignored) == 0)
            follow(&review.up, pending->items[i], table, &gone, &found);
    }
    return found;
}

/* HG225 is no note where a pending revision would find its table there. */
static void warn_of_maker(const struct hg_judge *j, const struct hg_ledger_object *x, struct hg_finding *f)
{
    const struct hg_revision *maker = x->digest && hg_streq(x->kind, "table") ? maker_of(j, x->name) : NULL;
    if (!maker)
        return;
    f->severity = HG_SEV_WARNING;
    f->path = hg_xstrdup(maker->path);
    f->revision = hg_xstrdup(maker->id);
    f->help = hg_xasprintf("Pending revision %s creates this table and would fail on it. Where it came from "
                           "metadata.create_all(), or was left over by a restore, drop it; where it is as the "
                           "revision makes it: `alembic stamp %s`, then `headgate apply -t TARGET --baseline`.",
                           maker->id, maker->id);
}

static void report_one(struct hg_judge *j, const struct hg_ledger_objects *then,
                       const struct hg_ledger_object *x, const char *rule, const char *when)
{
    json_t *changes = changes_of(then, x);
    HG_AUTO(hg_freep) char *parts = parts_of(changes);
    HG_AUTO(hg_buf_done) struct hg_buf shown = HG_BUF_INIT;
    struct hg_finding *f = hg_finding_add(
        &j->out->findings, rule, "%s %s %s since the last recorded run (%s)%s%s", x->kind, x->name,
        change_of(then, x), when,
        x->half ? ", which failed" : x->made ? ", and no revision did that" : "", parts);
    f->object = hg_xasprintf("%s %s", x->kind, x->name);
    if (!x->made)
        warn_of_maker(j, x, f);
    if (!changes)
        return;
    hg_snapshot_diff_text(changes, false, &shown);
    hg_buf_trim_end(&shown, "\n");
    f->help = hg_xasprintf("%s\n%s", f->rule->help, hg_buf_str(&shown));
    json_decref(changes);
}

/* Whoever undoes what half of a revision left does as HG607 and HG621 ask: nobody is kept from applying again. */
static void report(struct hg_judge *j, const struct hg_ledger_objects *then,
                   const struct hg_ledger_objects *differing, bool made)
{
    const char *rule = made ? "HG224" : "HG225";
    const char *when = then->finished_at ? then->finished_at : "an unknown time";
    size_t found = 0;
    for (size_t i = 0; i < differing->count; i++) {
        const struct hg_ledger_object *x = &differing->items[i];
        if ((x->made && !x->half) != made || (made && x->other) || went_with_table(differing, x) ||
            found++ >= SHOWN_MAX)
            continue;
        report_one(j, then, x, rule, when);
    }
    if (found > SHOWN_MAX)
        hg_finding_add(&j->out->findings, rule, "%zu more objects are not as the last recorded run left them",
                       found - SHOWN_MAX);
}

/* What revisions of one other version table made, and is not as recorded: that is for its own project to judge. */
static void report_other(struct hg_judge *j, const struct hg_ledger_objects *then,
                         const struct hg_ledger_objects *differing, const char *other)
{
    HG_AUTO(hg_buf_done) struct hg_buf what = HG_BUF_INIT;
    size_t found = 0;
    for (size_t i = 0; i < differing->count; i++) {
        const struct hg_ledger_object *x = &differing->items[i];
        if (!x->made || !hg_streq(x->other, other) || went_with_table(differing, x) || found++ >= PARTS_MAX)
            continue;
        hg_buf_addf(&what, "%s%s %s %s", what.len ? ", " : "", x->kind, x->name, change_of(then, x));
    }
    if (found > PARTS_MAX)
        hg_buf_addf(&what, " and %zu more", found - PARTS_MAX);
    struct hg_finding *f = hg_finding_add(&j->out->findings, "HG224",
                                          "not as the last run of another version table, %s, left it: %s", other,
                                          hg_buf_str(&what));
    f->severity = HG_SEV_NOTE;
    f->object = hg_xstrdup(other);
    f->help = hg_xasprintf("Nothing needs to be done here. In the project that keeps its versions in %s: "
                           "`headgate ledger adopt` records what Alembic did there without headgate; what else "
                           "changed, `headgate gate` says there.", other);
}

static void report_others(struct hg_judge *j, const struct hg_ledger_objects *then,
                          const struct hg_ledger_objects *differing)
{
    HG_AUTO(hg_strv_done) struct hg_strv others = HG_STRV_INIT;
    for (size_t i = 0; i < differing->count; i++) {
        const struct hg_ledger_object *x = &differing->items[i];
        if (x->made && x->other && !hg_strv_has(&others, x->other))
            hg_strv_add(&others, x->other);
    }
    for (size_t i = 0; i < others.count; i++)
        report_other(j, then, differing, others.items[i]);
}

/* HG509: records that were written in another database came here by a restore or a clone. */
static void check_place(struct hg_judge *j, const struct hg_ledger_objects *then)
{
    const struct hg_status *s = j->in->status;
    struct hg_findings *list = &j->out->findings;
    if (!then->database_oid || !s->db_oid || hg_streq(then->database_oid, s->db_oid) ||
        hg_findings_have(list, "HG509"))
        return;
    struct hg_finding *f = hg_finding_add(
        list, "HG509", "the last run (%s) was recorded in a database with the oid %s, and this one has %s: it "
        "was restored or copied since", then->finished_at ? then->finished_at : "at an unknown time",
        then->database_oid, s->db_oid);
    if (j->protected_)
        f->severity = HG_SEV_WARNING;
    f->help = hg_xstrdup("Make sure that it is the database you mean, and that it is not older than you think; the "
                         "next apply records the new one.");
}

void hg_past_check_schema(struct hg_judge *j, const struct hg_past *past)
{
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects then = { 0 }, now = { 0 }, differing = { 0 };
    struct hg_err err = { 0 };
    char sum[HG_SHA256_SIZE];
    const struct hg_ledger_summary *s = &past->summary;
    bool running = j->in->status->running && !j->in->under_lock; /* an apply that asks under its lock is none */
    if (j->in->no_catalog || !s->present || (s->open_run && !past->rows_as_recorded) || running)
        return;
    if (past->document) {
        hg_ledger_objects_of(past->document, &then);
    } else if (hg_ledger_objects(past->conn, past->table, hg_judge_until(j), &then, &err) < 0) {
        cannot_compare(j, err.message);
        return;
    }
    check_place(j, &then);
    int server = PQserverVersion(past->conn);
    if (!then.fingerprint)
        return;
    if (!hg_streq(hg_ledger_fingerprint(&then, sum), then.fingerprint)) {
        hg_finding_add(&j->out->findings, "HG229",
                       "the objects that the ledger recorded do not have the fingerprint that it recorded")
            ->object = hg_xstrdup("headgate.change");
        return;
    }
    if (then.server_version / 10000 != server / 10000) {
        HG_AUTO(hg_freep) char *why = hg_xasprintf(
            "the schema was recorded on PostgreSQL %d and is on %d now, which may spell definitions "
            "otherwise: changes made by hand cannot be told until the next run", then.server_version / 10000,
            server / 10000);
        cannot_compare(j, why);
        return;
    }
    if (read_objects(j, past, &now, &err) == 0)
        find_differing(&then, &now, &differing);
    if (err.kind != HG_E_NONE || drop_version_tables(j, past, &differing, &err) < 0) {
        HG_AUTO(hg_freep) char *why =
            hg_xasprintf("the schema could not be compared with the last record: %s", err.message);
        cannot_compare(j, why);
        return;
    }
    if (!past->rows_as_recorded) {
        add_found_since(&then, &differing);
        hg_past_check_moved(j, past, &differing);
        return;
    }
    report(j, &then, &differing, true);
    report_others(j, &then, &differing);
    report(j, &then, &differing, false);
}
