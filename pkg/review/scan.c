/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of upgrade() and downgrade(): blocks, batches, helpers, and the operations in them. */
#include "review/internal.h"

#include <string.h>

#define BLOCKS_MAX  100 /* nesting that Python itself allows (its limit is 100 indentations) */
#define HELPERS_MAX 8   /* helpers calling helpers */
#define VISITS_MAX  500 /* bodies read for one function, however the helpers call each other */

/* An open block: everything indented deeper than `indent` belongs to it. */
struct block {
    int indent;
    bool conditional;
    char *batch_table;               /* NULL: no batch, or its table is not literal */
    const struct hg_py_token *batch; /* the name after `as`; NULL: no batch */
};

struct scan {
    const struct hg_py *py;
    struct hg_review_body *body;
    struct block blocks[BLOCKS_MAX];
    size_t block_count;
    const struct hg_py_token *alias; /* another name of alembic.op, or NULL */
    bool down;
    unsigned helpers;                /* depth of helper functions being followed */
    unsigned visits;                 /* helper bodies read so far */
    struct hg_err *err;
};

static int scan_body(struct scan *s, size_t def);

static void pop_blocks(struct scan *s, size_t keep, int indent)
{
    while (s->block_count > keep && indent <= s->blocks[s->block_count - 1].indent)
        hg_freep(&s->blocks[--s->block_count].batch_table);
}

static bool in_condition(const struct scan *s)
{
    bool conditional = s->helpers > 0;
    for (size_t i = 0; i < s->block_count; i++)
        conditional = conditional || s->blocks[i].conditional;
    return conditional;
}

/* The batch whose name this token is, or NULL. */
static const struct block *batch_named(const struct scan *s, const struct hg_py_token *t)
{
    for (size_t i = s->block_count; i-- > 0;) {
        const struct hg_py_token *name = s->blocks[i].batch;
        if (name != NULL && hg_py_same(t, name->start, name->len))
            return &s->blocks[i];
    }
    return NULL;
}

/* What the file calls alembic.op when it does not call it op; NULL when it does. */
static const struct hg_py_token *op_alias(const struct hg_py *py)
{
    for (size_t i = 0; i < py->line_count; i++) {
        const struct hg_py_line *l = &py->lines[i];
        const struct hg_py_token *k = &py->tokens[l->first];
        if (l->indent != 0 || l->count < 6 || !hg_py_is(k, "from") || !hg_py_is(&k[1], "alembic"))
            continue;
        for (size_t j = 3; j + 2 < l->count; j++)
            if (hg_py_is(&k[j], "op") && hg_py_is(&k[j + 1], "as"))
                return &k[j + 2];
    }
    return NULL;
}

static bool is_op_name(const struct scan *s, const struct hg_py_token *t)
{
    return hg_py_is(t, "op") || (s->alias != NULL && hg_py_same(t, s->alias->start, s->alias->len));
}

static int add_op(struct scan *s, const char *call, enum hg_op_kind kind, size_t open, size_t close,
                  const struct block *batch)
{
    struct hg_review_body *b = s->body;
    if (b->count >= HG_REVIEW_OPS_MAX)
        return hg_fail(s->err, HG_E_CONFIG, "more than %d operations", HG_REVIEW_OPS_MAX);
    b->ops = hg_grow(b->ops, b->count, &b->cap, sizeof *b->ops);
    struct hg_review_op *op = &b->ops[b->count++];
    *op = (struct hg_review_op){ .kind = kind,
                                 .call = hg_xstrdup(call),
                                 .line = s->py->tokens[open].line,
                                 .conditional = in_condition(s) };
    hg_review_op_fill(s->py, open, close, batch != NULL ? batch->batch_table : NULL, op);
    if (batch != NULL && batch->batch_table == NULL)
        op->batch = op->dynamic = true;
    return 0;
}

/* Operations among tokens [from, to): 1 when there was one, 0 when not, -1 with the error. */
static int scan_operations(struct scan *s, size_t from, size_t to)
{
    const struct hg_py_token *t = s->py->tokens;
    int found = 0;
    for (size_t i = from; i + 3 < to; i++) {
        if (t[i].kind != HG_PY_NAME || !hg_py_is(&t[i + 1], ".") || t[i + 2].kind != HG_PY_NAME ||
            !hg_py_is(&t[i + 3], "(") || (i > from && hg_py_is(&t[i - 1], ".")))
            continue;
        const struct block *batch = batch_named(s, &t[i]);
        if (batch == NULL && !is_op_name(s, &t[i]))
            continue;
        HG_AUTO(hg_freep) char *call = hg_py_text(&t[i + 2]);
        enum hg_op_kind kind;
        if (!hg_review_op_kind(call, &kind))
            continue;
        if (add_op(s, call, kind, i + 3, hg_py_close(s->py, i + 3, to), batch) < 0)
            return -1;
        found = 1;
    }
    return found;
}

/* The line of `def NAME` at the top level, the last one as in Python; line_count: none. */
static size_t find_def(const struct hg_py *py, const char *name, size_t len)
{
    size_t found = py->line_count;
    const struct hg_py_top *top = hg_py_top(py, name, len);
    for (; top != NULL && top < py->tops + py->top_count && hg_py_same(top->name, name, len); top++)
        if (top->def)
            found = top->line;
    return found;
}

static int scan_helper(struct scan *s, size_t def)
{
    if (s->helpers >= HELPERS_MAX || s->visits >= VISITS_MAX)
        return 0;
    s->helpers++;
    s->visits++;
    int result = scan_body(s, def);
    s->helpers--;
    return result;
}

/* The multi-database template calls `globals()["upgrade_" + engine]()`: all that begin so. */
static int scan_engines(struct scan *s)
{
    const char *stem = s->down ? "downgrade_" : "upgrade_";
    size_t len = strlen(stem);
    for (size_t i = 0; i < s->py->top_count; i++) {
        const struct hg_py_top *top = &s->py->tops[i];
        if (top->def && top->name->len > len && memcmp(top->name->start, stem, len) == 0 &&
            scan_helper(s, top->line) < 0)
            return -1;
    }
    return 0;
}

/* Follows calls of the file's own functions. */
static int scan_helpers(struct scan *s, size_t from, size_t to)
{
    const struct hg_py *py = s->py;
    for (size_t i = from; i + 1 < to; i++) {
        const struct hg_py_token *t = &py->tokens[i];
        if (t->kind != HG_PY_NAME || !hg_py_is(t + 1, "(") ||
            (i > from && (hg_py_is(t - 1, ".") || hg_py_is(t - 1, "def"))))
            continue;
        size_t def = find_def(py, t->start, t->len);
        if (def < py->line_count && scan_helper(s, def) < 0)
            return -1;
        if (hg_py_is(t, "globals") && scan_engines(s) < 0)
            return -1;
    }
    return 0;
}

/* `with op.batch_alter_table("t", …) as b:` */
static void open_batch(struct scan *s, size_t from, size_t to, struct block *ret)
{
    const struct hg_py_token *t = s->py->tokens;
    for (size_t i = from; i + 1 < to; i++) {
        if (hg_py_is(&t[i], "batch_alter_table") && hg_py_is(&t[i + 1], "(")) {
            size_t close = hg_py_close(s->py, i + 1, to);
            HG_AUTO(hg_py_args_done) struct hg_py_args args;
            hg_py_args(s->py, i + 1, close, &args);
            const struct hg_py_arg *table = hg_py_arg(&args, "table_name", 0);
            if (close + 1 < to && hg_py_is(&t[close], "as")) {
                ret->batch = &t[close + 1];
                ret->batch_table =
                    table != NULL ? hg_py_value(s->py, table->from, table->to) : NULL;
            }
            return;
        }
    }
}

static bool is_any(const struct hg_py_token *t, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (hg_py_is(t, words[i]))
            return true;
    return false;
}

/* Does nothing by itself: pass, `...`, a docstring, a declaration. */
static bool does_nothing(const struct scan *s, size_t from, size_t to)
{
    static const char *const WORDS[] = { "pass", "...", "global", "import", "from" };
    const struct hg_py_token *t = &s->py->tokens[from];
    if (is_any(t, WORDS, HG_COUNT(WORDS)))
        return true;
    for (size_t i = from; i < to; i++)
        if (s->py->tokens[i].kind != HG_PY_STRING)
            return false;
    return true;
}

/* `assert False`, `assert 0`, `assert None`: a raise in other words. */
static bool asserts_false(const struct scan *s, size_t from, size_t to)
{
    static const char *const FALSE[] = { "False", "0", "None" };
    const struct hg_py_token *t = &s->py->tokens[from];
    return hg_py_is(t, "assert") && from + 1 < to && is_any(t + 1, FALSE, HG_COUNT(FALSE)) &&
           (from + 2 == to || hg_py_is(t + 2, ","));
}

static int scan_statement(struct scan *s, size_t from, size_t to)
{
    if (from >= to || does_nothing(s, from, to))
        return 0;
    if (hg_py_is(&s->py->tokens[from], "raise") || asserts_false(s, from, to)) {
        s->body->raises = s->body->raises || !in_condition(s);
        s->body->other_statements += in_condition(s) ? 1 : 0;
        return 0;
    }
    int found = scan_operations(s, from, to);
    if (found < 0)
        return -1;
    size_t before = s->body->count;
    if (scan_helpers(s, from, to) < 0)
        return -1;
    bool bare_return = hg_py_is(&s->py->tokens[from], "return") &&
                       (to - from == 1 ||
                        (to - from == 2 && hg_py_is(&s->py->tokens[from + 1], "None")));
    if (found == 0 && s->body->count == before && !bare_return)
        s->body->other_statements++;
    return 0;
}

static int scan_line(struct scan *s, const struct hg_py_line *l)
{
    static const char *const CONDITIONS[] = { "if",     "elif", "else",  "for",   "while", "try",
                                              "except", "def",  "match", "case",  "class", "finally" };
    size_t from = l->first;
    size_t to = l->first + l->count;
    const struct hg_py_token *t = &s->py->tokens[from];
    bool condition = is_any(t, CONDITIONS, HG_COUNT(CONDITIONS));
    size_t body = condition || hg_py_is(t, "with") ? hg_py_after_colon(s->py, from, to) : from;
    if (body == from)
        return scan_statement(s, from, to);
    if (s->block_count >= BLOCKS_MAX)
        return hg_fail(s->err, HG_E_CONFIG, "line %d: more than %d nested blocks", t->line,
                       BLOCKS_MAX);
    struct block block = { .indent = l->indent, .conditional = condition };
    if (!condition)
        open_batch(s, from, body, &block);
    if (condition && scan_operations(s, from, body) < 0)
        return -1;
    s->blocks[s->block_count++] = block;
    return scan_statement(s, body, to);
}

/* The lines below the `def` at line index `def`, and what follows its colon. */
static int scan_body(struct scan *s, size_t def)
{
    const struct hg_py *py = s->py;
    const struct hg_py_line *l = &py->lines[def];
    size_t to = l->first + l->count;
    size_t keep = s->block_count;
    int result = scan_statement(s, hg_py_after_colon(py, l->first, to), to);
    int first_line = py->tokens[l->first].line;
    for (size_t i = def + 1; result == 0 && i < py->line_count; i++) {
        const struct hg_py_line *line = &py->lines[i];
        /* "def f(): a; b" puts b on a line of the def's own indentation. */
        bool same = py->tokens[line->first].line == first_line;
        if (line->count == 0)
            continue;
        if (line->indent <= l->indent && !same)
            break;
        if (!same)
            pop_blocks(s, keep, line->indent);
        result = scan_line(s, line);
    }
    pop_blocks(s, keep, -1);
    return result;
}

static int scan_function(const struct hg_py *py, const char *name, struct hg_review_body *body,
                         struct hg_err *err)
{
    size_t def = find_def(py, name, strlen(name));
    if (def == py->line_count)
        return 0;
    struct scan s = { .py = py, .body = body, .err = err, .alias = op_alias(py) };
    s.down = hg_streq(name, "downgrade");
    body->present = true;
    int result = scan_body(&s, def);
    body->line = py->tokens[py->lines[def].first].line;
    return result;
}

int hg_review_scan(const char *text, size_t len, struct hg_review *ret, struct hg_err *err)
{
    HG_AUTO(hg_py_done) struct hg_py py = { 0 };
    if (hg_py_parse(text, len, &py, err) < 0)
        return -1;
    struct hg_review r = { 0 };
    if (scan_function(&py, "upgrade", &r.up, err) < 0 ||
        scan_function(&py, "downgrade", &r.down, err) < 0) {
        hg_review_done(&r);
        return -1;
    }
    *ret = r;
    return 0;
}

static void body_done(struct hg_review_body *b)
{
    for (size_t i = 0; i < b->count; i++)
        hg_review_op_done(&b->ops[i]);
    hg_freep(&b->ops);
}

void hg_review_done(struct hg_review *r)
{
    body_done(&r->up);
    body_done(&r->down);
    *r = (struct hg_review){ 0 };
}

bool hg_review_body_empty(const struct hg_review_body *b)
{
    return b->count == 0 && b->other_statements == 0 && !b->raises;
}
