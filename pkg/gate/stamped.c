/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HG226: version rows that moved without their schema, by `alembic stamp` or by hand. Each revision
 * that moved is asked what it does (pkg/review), and whether anything of that is among what differs
 * from the last record, unless another that moved took it away again.
 */
#include "past.h"
#include "review/review.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

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

/* Lower case, one blank for each run of white space, and one at both ends. Heap. */
static char *in_line(const char *sql)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    hg_buf_addc(&b, ' ');
    for (const char *c = sql; *c; c++) {
        bool blank = strchr(" \t\r\n;(", *c);
        if (!blank)
            hg_buf_addc(&b, (char)tolower((unsigned char)*c));
        else if (hg_buf_str(&b)[b.len - 1] != ' ')
            hg_buf_addc(&b, ' ');
    }
    if (hg_buf_str(&b)[b.len - 1] != ' ')
        hg_buf_addc(&b, ' ');
    return hg_buf_take(&b);
}

static bool begins_with_one(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(words[i]);
        if (strncmp(text, words[i], len) == 0 && text[len] == ' ')
            return true;
    }
    return false;
}

/* Does a statement that defines something change what is recorded of a schema, whenever it runs? Extensions,
 * schemas, roles and owners are not recorded; IF EXISTS and OR REPLACE may find it done. */
static bool leaves_trace(const char *line)
{
    static const char *const RECORDED[] = { "table", "unique", "index", "view", "materialized", "type", "domain",
                                            "sequence", "trigger", "policy", "function", "procedure",
                                            "aggregate", "rule" };
    static const char *const CHANGES[] = { " add ", " drop ", " rename ", " type ", " set default ",
                                           " set not null " };
    const char *what = strchr(line + 1, ' ') + 1;
    if (!begins_with_one(what, RECORDED, HG_COUNT(RECORDED)) || strstr(line, " if exists ") ||
        strstr(line, " if not exists "))
        return false;
    if (!hg_starts_with(line, " alter "))
        return true;
    for (size_t i = 0; i < HG_COUNT(CHANGES); i++)
        if (strstr(what, CHANGES[i]))
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
    const char *end = strchr(sql, ';');
    bool several = end && end[1 + strspn(end + 1, " \t\r\n;")];
    HG_AUTO(hg_freep) char *line = in_line(sql);
    if (begins_with_one(line + 1, DEFINES, HG_COUNT(DEFINES)))
        return differing->count || !leaves_trace(line) ? PROOF_OPEN : PROOF_ABSENT;
    return !several && begins_with_one(line + 1, MOVES, HG_COUNT(MOVES)) ? PROOF_NOTHING : PROOF_OPEN;
}

/* ---- all that moved ------------------------------------------------------------------------------- */

struct move {
    const struct hg_revision *revision;
    bool down;
    bool read;                      /* its file is here, and was read */
    struct hg_review review;
};
/* In the order in which Alembic runs them. */
struct moves {
    struct move *items;
    size_t count, cap;
};

static const struct hg_review_body *body_of(const struct move *m)
{
    return m->down ? &m->review.down : &m->review.up;
}

static void add_move(struct hg_judge *j, struct moves *moves, const struct hg_revision *r, bool down)
{
    moves->items = hg_grow(moves->items, moves->count, &moves->cap, sizeof *moves->items);
    struct move *m = &moves->items[moves->count++];
    size_t len = 0;
    const char *text = hg_graph_text(j->in->graph, r, &len);
    struct hg_err ignored = { 0 };
    *m = (struct move){ .revision = r, .down = down };
    m->read = text && hg_review_scan(text, len, &m->review, &ignored) == 0;
}

static void moves_done(struct moves *moves)
{
    for (size_t i = 0; i < moves->count; i++)
        hg_review_done(&moves->items[i].review);
    free(moves->items);
}

/* Does `after`, which runs later, take away what `op` did, or the table on which it did it? */
static bool takes_away(const struct hg_review_op *after, const struct hg_review_op *op)
{
    static const enum hg_op_kind PAIRS[][2] = { { HG_OP_ADD_COLUMN, HG_OP_DROP_COLUMN },
                                                { HG_OP_CREATE_INDEX, HG_OP_DROP_INDEX },
                                                { HG_OP_CREATE_CONSTRAINT, HG_OP_DROP_CONSTRAINT } };
    if (after->kind == HG_OP_DROP_TABLE || after->kind == HG_OP_RENAME_TABLE)
        return op->table && (hg_streq(after->table, op->table) ||
                             (op->kind == HG_OP_RENAME_TABLE && hg_streq(after->table, op->new_name)));
    for (size_t i = 0; i < HG_COUNT(PAIRS); i++)
        if (op->kind == PAIRS[i][0] && after->kind == PAIRS[i][1] && op->name && hg_streq(op->name, after->name))
            return !op->table || !after->table || hg_streq(op->table, after->table);
    return false;
}

static bool makes_table(const struct hg_review_op *op, const char *table)
{
    return (op->kind == HG_OP_CREATE_TABLE && hg_streq(op->table, table)) ||
           (op->kind == HG_OP_RENAME_TABLE && hg_streq(op->new_name, table));
}

/* Is what it did no longer to be seen, because what moved with it took that away again; or did it take away what
 * came with them? */
static bool undone(const struct moves *moves, const struct hg_review_op *op)
{
    bool later = false;
    for (size_t i = 0; i < moves->count; i++) {
        const struct hg_review_body *b = body_of(&moves->items[i]);
        for (size_t k = 0; k < b->count; k++) {
            const struct hg_review_op *x = &b->ops[k];
            if (x == op) {
                later = true;
                continue;
            }
            bool drops_made = op->kind == HG_OP_DROP_TABLE && op->table && makes_table(x, op->table);
            if (later ? takes_away(x, op) : takes_away(op, x) && (op->kind != HG_OP_DROP_TABLE || drops_made) &&
                                                op->kind != HG_OP_RENAME_TABLE)
                return true;
        }
    }
    return false;
}

static enum proof proof_of_op(const struct moves *moves, const struct hg_review_op *op,
                              const struct hg_ledger_objects *differing)
{
    if (op->kind == HG_OP_OTHER)
        return PROOF_OPEN;
    if (op->kind == HG_OP_EXECUTE)
        return hg_streq(op->call, "bulk_insert") ? PROOF_NOTHING : proof_of_sql(op->sql, differing);
    if (differs(differing, op->table) || differs(differing, op->name) || differs(differing, op->new_name))
        return PROOF_SEEN;
    bool unclear = op->conditional || op->dynamic || (!op->table && !op->name);
    return unclear || undone(moves, op) ? PROOF_OPEN : PROOF_ABSENT;
}

/* What the whole body proves; ret_op: the operation that is absent. */
static enum proof proof_of(const struct moves *moves, const struct hg_review_body *b,
                           const struct hg_ledger_objects *differing, const struct hg_review_op **ret_op)
{
    enum proof all = b->other_statements ? PROOF_OPEN : PROOF_NOTHING;
    *ret_op = NULL;
    for (size_t i = 0; i < b->count; i++) {
        enum proof one = proof_of_op(moves, &b->ops[i], differing);
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
        f->help = hg_xstrdup("If it ran, nothing needs to be done: the next `headgate apply`, or `headgate ledger "
                             "adopt`, records it. If somebody stamped it, stamp it back (`alembic stamp REVISION`).");
    }
    f->path = hg_xstrdup(r->path);
    f->revision = hg_xstrdup(r->id);
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
    HG_AUTO(hg_revlist_done) struct hg_revlist newest_first = HG_REVLIST_INIT;
    struct moves moves = { 0 };
    hg_graph_history(j->in->graph, &newest_first);
    for (size_t i = 0; i < newest_first.count; i++)
        if (then[newest_first.items[i]->index] && !now[newest_first.items[i]->index])
            add_move(j, &moves, newest_first.items[i], true);
    for (size_t i = newest_first.count; i-- > 0;)
        if (now[newest_first.items[i]->index] && !then[newest_first.items[i]->index])
            add_move(j, &moves, newest_first.items[i], false);
    for (size_t i = 0; i < moves.count; i++) {
        const struct move *m = &moves.items[i];
        const struct hg_review_op *op = NULL;
        enum proof proof = m->read ? proof_of(&moves, body_of(m), differing, &op) : PROOF_SEEN;
        if (proof == PROOF_ABSENT || (proof == PROOF_OPEN && !differing->count))
            report(j, m->revision, m->down, proof, op);
    }
    moves_done(&moves);
}
