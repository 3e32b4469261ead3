/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that no revision file here has: what the ledger or git say of their ancestors. */
#include "internal.h"

/* Ancestors followed from one unknown row; longer chains stay untold. */
#define CHAIN_MAX 5000
/* Unknown revisions told in a finding's message; documents have all. */
#define NAMED_MAX 10

struct hg_lost *hg_status_lost_of(struct hg_status *s, const char *revision)
{
    for (size_t i = 0; i < s->lost_count; i++)
        if (hg_streq(s->lost[i].revision, revision))
            return &s->lost[i];
    return NULL;
}

struct hg_lost *hg_status_lost_add(struct hg_status *s, const char *revision)
{
    s->lost = hg_grow(s->lost, s->lost_count, &s->lost_cap, sizeof *s->lost);
    s->lost[s->lost_count] = (struct hg_lost){ .revision = hg_xstrdup(revision) };
    return &s->lost[s->lost_count++];
}

static void make_lost(struct hg_status *s)
{
    for (size_t i = s->lost_count; i < s->unknown.count; i++)
        (void)hg_status_lost_add(s, s->unknown.items[i]);
}

const json_t *hg_status_parents_of(const json_t *parents, const char *revision)
{
    size_t i;
    json_t *item;
    json_array_foreach(parents, i, item)
        if (hg_streq(hg_jget(item, "revision"), revision))
            return item;
    return NULL;
}

static void remember(struct hg_status *s, const char *revision, const json_t *e)
{
    struct hg_lost *l = hg_status_lost_of(s, revision);
    if (!l)
        l = hg_status_lost_add(s, revision);
    if (l->found)
        return;
    l->found = hg_xstrdup("ledger");
    l->message = hg_status_dup(e, "message");
    l->path = hg_status_dup(e, "path");
    l->direction = hg_status_dup(e, "direction");
    l->commit = hg_status_dup(e, "commit_id");
    l->date = hg_status_dup(e, "finished_at");
    l->by = hg_status_dup(e, "applied_by");
    hg_status_list(json_object_get(e, "down"), &l->down);
}

static void resolve_one(const struct hg_graph *graph, const char *id, struct hg_revlist *ret)
{
    HG_AUTO(hg_strv_done) struct hg_strv one = HG_STRV_INIT;
    hg_strv_add(&one, id);
    hg_graph_resolve_rows(graph, &one, ret, NULL, NULL);
}

/* Follows the unknown rows down to revisions of the graph; these are added to bases. False when some
 * ancestor is told by nobody. */
static bool follow(const struct hg_graph *graph, const json_t *parents, struct hg_status *s,
                   struct hg_strv *bases)
{
    HG_AUTO(hg_strv_done) struct hg_strv todo = HG_STRV_INIT;
    bool complete = true;
    hg_strv_addv(&todo, &s->unknown);
    for (size_t i = 0; i < todo.count && i < CHAIN_MAX; i++) {
        const char *id = todo.items[i];
        HG_AUTO(hg_revlist_done) struct hg_revlist here = HG_REVLIST_INIT;
        if (i >= s->unknown.count) /* a row stays unknown even if a prefix of it is not */
            resolve_one(graph, id, &here);
        if (here.count) {
            if (!hg_strv_has(bases, here.items[0]->id))
                hg_strv_add(bases, here.items[0]->id);
            continue;
        }
        const json_t *e = hg_status_parents_of(parents, id);
        if (!e) {
            complete = false;
            continue;
        }
        remember(s, id, e);
        HG_AUTO(hg_strv_done) struct hg_strv down = HG_STRV_INIT;
        hg_status_list(json_object_get(e, "down"), &down);
        for (size_t k = 0; k < down.count; k++)
            if (!hg_strv_has(&todo, down.items[k]))
                hg_strv_add(&todo, down.items[k]);
    }
    return complete && todo.count <= CHAIN_MAX;
}

/* Is some revision that is not applied a descendant of this known row? */
static bool has_missing_descendant(const struct hg_graph *graph, const struct hg_revision *row,
                                   const bool *applied)
{
    for (size_t i = 0; i < hg_graph_count(graph); i++) {
        const struct hg_revision *r = hg_graph_at(graph, i);
        if (applied[r->index])
            continue;
        const struct hg_revision *item[] = { r };
        struct hg_revlist one = { item, 1, 1 };
        HG_AUTO(hg_freep) bool *below = hg_graph_applied(graph, &one);
        if (below[row->index])
            return true;
    }
    return false;
}

static bool provably_missing(const struct hg_graph *graph, const struct hg_revlist *known)
{
    HG_AUTO(hg_freep) bool *applied = hg_graph_applied(graph, known);
    for (size_t i = 0; i < known->count; i++)
        if (has_missing_descendant(graph, known->items[i], applied))
            return true;
    return false;
}

/* The tips among ids: what the version table would hold if the unknown rows were not there. */
static void tips(const struct hg_graph *graph, const struct hg_strv *ids, struct hg_strv *ret)
{
    for (size_t i = 0; i < ids->count; i++) {
        const struct hg_revision *r = hg_graph_get(graph, ids->items[i]);
        bool covered = r == NULL;
        for (size_t k = 0; k < ids->count && !covered; k++) {
            const struct hg_revision *other = hg_graph_get(graph, ids->items[k]);
            if (!other || other == r)
                continue;
            const struct hg_revision *item[] = { other };
            struct hg_revlist one = { item, 1, 1 };
            HG_AUTO(hg_freep) bool *below = hg_graph_applied(graph, &one);
            covered = below[r->index];
        }
        if (!covered && !hg_strv_has(ret, r->id))
            hg_strv_add(ret, r->id);
    }
}

/* Everything below the unknown rows is told: what is pending, as if they were not there. */
static void settle(const struct hg_graph *graph, const struct hg_revlist *known, struct hg_strv *bases,
                   bool really_ran, struct hg_status *s)
{
    HG_AUTO(hg_strv_done) struct hg_strv rows = HG_STRV_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv unknown = HG_STRV_INIT;
    HG_AUTO(hg_revlist_done) struct hg_revlist list = HG_REVLIST_INIT;
    HG_AUTO(hg_revlist_done) struct hg_revlist todo = HG_REVLIST_INIT;
    bool overlap = false;
    struct hg_err err = { 0 };
    for (size_t i = 0; i < known->count; i++)
        hg_strv_add(bases, known->items[i]->id);
    tips(graph, bases, &rows);
    hg_graph_resolve_rows(graph, &rows, &list, &unknown, &overlap);
    if (overlap || unknown.count || hg_graph_upgrade(graph, &list, "heads", &todo, &err) < 0)
        return;
    s->state = todo.count ? HG_STATE_DIVERGED : HG_STATE_AHEAD;
    if (really_ran) {
        hg_revlist_done(&s->pending);
        s->pending = todo;
        todo = (struct hg_revlist)HG_REVLIST_INIT;
        s->pending_known = true;
    }
}

void hg_status_judge_unknown(const struct hg_graph *graph, const json_t *parents, bool really_ran,
                             struct hg_status *s)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist known = HG_REVLIST_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv bases = HG_STRV_INIT;
    make_lost(s);
    hg_graph_resolve_rows(graph, &s->judged, &known, NULL, NULL);
    s->state = provably_missing(graph, &known) ? HG_STATE_DIVERGED : HG_STATE_AHEAD;
    if (follow(graph, parents, s, &bases))
        settle(graph, &known, &bases, really_ran, s);
    hg_status_name_inside(s, graph, parents);
}

/* "3f2a… (branch feature/x, commit 1a2b3c4 of 2026-11-20)" */
static void add_name(struct hg_buf *b, const struct hg_lost *l)
{
    hg_buf_adds(b, l->revision);
    if (!l->found)
        return;
    hg_buf_addf(b, " (%s", strcmp(l->found, "ledger") == 0 ? "in the ledger" : "in git");
    if (l->branch)
        hg_buf_addf(b, ", branch %s", l->branch);
    if (l->commit)
        hg_buf_addf(b, ", commit %.12s", l->commit);
    if (l->date)
        hg_buf_addf(b, ", %.10s", l->date);
    if (l->by)
        hg_buf_addf(b, ", by %s", l->by);
    hg_buf_addc(b, ')');
}

char *hg_status_bring_back(const struct hg_lost *l)
{
    HG_AUTO(hg_freep) char *file = hg_printable(l->path ? hg_path_base(l->path) : "", 120);
    if (!*file || !l->branch || !l->commit || strchr(file, '\''))
        return NULL;
    return hg_xasprintf("git checkout %.12s -- ':/*%s'", l->commit, file);
}

void hg_status_name_lost(struct hg_status *s)
{
    const char *rule = s->state == HG_STATE_DIVERGED ? "HG213" : "HG212";
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < s->lost_count && i < NAMED_MAX; i++) {
        hg_buf_adds(&b, i ? ", " : "");
        add_name(&b, &s->lost[i]);
    }
    if (s->lost_count > NAMED_MAX)
        hg_buf_addf(&b, " and %zu more", s->lost_count - NAMED_MAX);
    struct hg_finding *f = NULL;
    for (size_t i = 0; i < s->findings.count; i++)
        if (hg_streq(s->findings.items[i].rule->id, "HG212") ||
            hg_streq(s->findings.items[i].rule->id, "HG213"))
            f = &s->findings.items[i];
    if (!f)
        f = hg_finding_add(&s->findings, rule, "-");
    f->rule = hg_rule_find(rule);
    f->severity = f->rule->severity;
    free(f->message);
    f->message = hg_xasprintf("the database has %s that no revision file here has: %s%s",
                              s->lost_count == 1 ? "a revision" : "revisions", hg_buf_str(&b),
                              s->state == HG_STATE_DIVERGED
                                  ? "; and revisions of these files are missing there" : "");
    free(f->revision);
    f->revision = hg_xstrdup(s->unknown.items[0]);
    HG_AUTO(hg_freep) char *back = s->lost[0].deleted ? hg_status_bring_back(&s->lost[0]) : NULL;
    free(f->help);
    f->help = back ? hg_xasprintf("Its file was deleted in this branch. Bring it back: `%s`; to undo what it did, "
                                  "write a new revision.", back) : NULL;
}
