/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HG226: version rows that moved without their schema, by `alembic stamp` or by hand. Each revision
 * that moved is asked what it does (pkg/review), and whether anything of that is among what differs
 * from the last record.
 */
#include "past.h"
#include "review/review.h"

#include <strings.h>

enum proof {
    PROOF_NOTHING, /* it does nothing to a schema: a merge, an empty one, one that moves data */
    PROOF_SEEN,    /* what it does can be seen */
    PROOF_OPEN,    /* what it does cannot be told from its text */
    PROOF_ABSENT,  /* it does something to the schema, and nothing of it is there */
};

/* Is `word` one of the names that stand between dots in an object's name? */
static bool named(const char *object, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = object; (p = strstr(p, word)) != NULL; p++) {
        bool begins = p == object || strchr(".\"", p[-1]);
        if (begins && strchr(".\"(", p[len])) /* its end, too */
            return true;
    }
    return false;
}

static bool differs(const struct hg_ledger_objects *differing, const char *word)
{
    for (size_t i = 0; word && i < differing->count; i++)
        if (named(differing->items[i].name, word))
            return true;
    return false;
}

/* SQL by its first word: what defines something, what moves rows, and everything else. */
static enum proof proof_of_sql(const char *sql, const struct hg_ledger_objects *differing)
{
    static const char *const DEFINES[] = { "create", "alter", "drop" };
    static const char *const MOVES[] = { "update", "insert", "delete", "select", "set", "analyze", "grant",
                                         "revoke", "comment", "lock" };
    if (!sql)
        return PROOF_OPEN;
    sql += strspn(sql, " \t\r\n");
    bool several = strchr(sql, ';') && strchr(sql, ';')[1 + strspn(strchr(sql, ';') + 1, " \t\r\n;")];
    for (size_t i = 0; i < HG_COUNT(DEFINES); i++)
        if (strncasecmp(sql, DEFINES[i], strlen(DEFINES[i])) == 0)
            return differing->count ? PROOF_OPEN : PROOF_ABSENT;
    for (size_t i = 0; !several && i < HG_COUNT(MOVES); i++)
        if (strncasecmp(sql, MOVES[i], strlen(MOVES[i])) == 0)
            return PROOF_NOTHING;
    return PROOF_OPEN;
}

static enum proof proof_of_op(const struct hg_review_op *op, const struct hg_ledger_objects *differing)
{
    if (op->kind == HG_OP_OTHER)
        return PROOF_OPEN;
    if (op->kind == HG_OP_EXECUTE)
        return hg_streq(op->call, "bulk_insert") ? PROOF_NOTHING : proof_of_sql(op->sql, differing);
    if (differs(differing, op->table) || differs(differing, op->name) || differs(differing, op->new_name))
        return PROOF_SEEN;
    return op->conditional || op->dynamic || (!op->table && !op->name) ? PROOF_OPEN : PROOF_ABSENT;
}

/* What the whole body proves; ret_op: the operation that is absent. */
static enum proof proof_of(const struct hg_review_body *b, const struct hg_ledger_objects *differing,
                           const struct hg_review_op **ret_op)
{
    enum proof all = b->other_statements ? PROOF_OPEN : PROOF_NOTHING;
    *ret_op = NULL;
    for (size_t i = 0; i < b->count; i++) {
        enum proof one = proof_of_op(&b->ops[i], differing);
        if (one == PROOF_SEEN)
            return PROOF_SEEN;
        if (one == PROOF_ABSENT && !*ret_op)
            *ret_op = &b->ops[i];
        all = one > all ? one : all;
    }
    return all;
}

static void report(struct hg_judge *j, const struct hg_revision *r, bool down, enum proof proof,
                   const struct hg_review_op *op)
{
    HG_AUTO(hg_buf_done) struct hg_buf words = HG_BUF_INIT;
    struct hg_finding *f;
    if (proof == PROOF_ABSENT) {
        hg_review_op_words(op, &words);
        f = hg_finding_add(&j->out->findings, "HG226",
                           "the version table %s revision %s, and the schema did not follow: it %s, and "
                           "nothing like that has happened", down ? "no longer has" : "has", r->id,
                           hg_buf_str(&words));
        f->line = op->line;
    } else {
        f = hg_finding_add(&j->out->findings, "HG226",
                           "the version table %s revision %s, and the schema is as before; whether it ran "
                           "cannot be told from its text", down ? "no longer has" : "has", r->id);
        f->severity = HG_SEV_WARNING;
    }
    f->path = hg_xstrdup(r->path);
    f->revision = hg_xstrdup(r->id);
}

static void check_one(struct hg_judge *j, const struct hg_revision *r, bool down,
                      const struct hg_ledger_objects *differing)
{
    size_t len = 0;
    const char *text = hg_graph_text(j->in->graph, r, &len);
    struct hg_review review = { 0 };
    struct hg_err ignored = { 0 };
    if (!text || hg_review_scan(text, len, &review, &ignored) < 0)
        return;
    const struct hg_review_op *op = NULL;
    enum proof proof = proof_of(down ? &review.down : &review.up, differing, &op);
    if (proof == PROOF_ABSENT || (proof == PROOF_OPEN && !differing->count))
        report(j, r, down, proof, op);
    hg_review_done(&review);
}

static bool all_known(const struct hg_graph *graph, const struct hg_strv *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (!hg_graph_get(graph, rows->items[i]))
            return false;
    return true;
}

void hg_past_check_moved(struct hg_judge *j, const struct hg_past *past,
                         const struct hg_ledger_objects *differing)
{
    /* A row that no file has moves nothing that is known: HG212 speaks of it. */
    if (!past->summary.last_rows_known || j->in->status->unknown.count ||
        !all_known(j->in->graph, &past->summary.last_rows))
        return;
    HG_AUTO(hg_freep) bool *now = hg_graph_applied_rows(j->in->graph, &j->in->status->judged);
    HG_AUTO(hg_freep) bool *then = hg_graph_applied_rows(j->in->graph, &past->summary.last_rows);
    for (size_t i = 0; i < hg_graph_count(j->in->graph); i++)
        if (now[i] != then[i])
            check_one(j, hg_graph_at(j->in->graph, i), then[i], differing);
}
