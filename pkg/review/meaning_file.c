/* SPDX-License-Identifier: Apache-2.0 */
/* A whole file as a list of what counts: its lines, their blocks, and the imports. */
#include "review/meaning.h"

#include <stdlib.h>
#include <string.h>

#define INDENTS_MAX 128 /* Python allows 100 */

/* ---- imports ---------------------------------------------------------------------------------- */

/* What one import gives a name: "from x import a as b" makes b of x.a. */
struct import {
    char *text;  /* all of it, for sorting */
    char *bound; /* the name */
    char *from;  /* what it stands for */
};
struct imports {
    struct import *items;
    size_t count, cap;
};

static void imports_done(struct imports *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->items[i].text);
        free(l->items[i].bound);
        free(l->items[i].from);
    }
    free(l->items);
}

static bool is_bracket_or_comma(const struct hg_py_token *t)
{
    return hg_py_is(t, "(") || hg_py_is(t, ")") || hg_py_is(t, ",");
}

/* One that imports nothing is none, and would be a set without members. */
static bool is_import(const struct hg_py *py, const struct hg_py_line *l)
{
    const struct hg_py_token *t = &py->tokens[l->first];
    size_t at = 0;
    if (l->indent != 0 || l->count < 2 || !(hg_py_is(t, "import") || hg_py_is(t, "from")))
        return false;
    while (at < l->count && !hg_py_is(&t[at], "import"))
        at++;
    for (at++; at < l->count; at++)
        if (!is_bracket_or_comma(&t[at]))
            return true;
    return false;
}

/* Appends tokens [from, to) without anything between. */
static void add_words(struct hg_buf *b, const struct hg_py *py, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        hg_buf_add(b, py->tokens[i].start, py->tokens[i].len);
}

/* One name of an import, tokens [from, to): "a.b", "a as b". */
static void add_import(struct imports *l, const struct hg_py *py, const char *module, size_t from, size_t to)
{
    const struct hg_py_token *t = py->tokens;
    HG_AUTO(hg_buf_done) struct hg_buf what = HG_BUF_INIT;
    bool renamed = to - from > 2 && hg_py_is(&t[to - 2], "as");
    size_t end = renamed ? to - 2 : to;
    if (module)
        hg_buf_addf(&what, "%s:", module);
    add_words(&what, py, from, module || renamed ? end : from + 1);
    l->items = hg_grow(l->items, l->count, &l->cap, sizeof *l->items);
    struct import *i = &l->items[l->count++];
    i->from = hg_xstrdup(hg_buf_str(&what));
    i->bound = hg_py_text(&t[renamed ? to - 1 : from]);
    hg_buf_clear(&what);
    hg_buf_addf(&what, "%s|", module ? module : "");
    add_words(&what, py, from, end);
    hg_buf_addf(&what, "|%s", i->bound);
    i->text = hg_buf_take(&what);
}

/* The names of one line. */
static void add_imports(struct imports *l, const struct hg_py *py, const struct hg_py_line *line)
{
    const struct hg_py_token *t = py->tokens;
    size_t to = line->first + line->count, at = line->first;
    HG_AUTO(hg_buf_done) struct hg_buf module = HG_BUF_INIT;
    while (at < to && !hg_py_is(&t[at], "import"))
        at++;
    if (at > line->first)
        add_words(&module, py, line->first + 1, at);
    for (size_t from = at + 1; from < to;) {
        while (from < to && is_bracket_or_comma(&t[from]))
            from++;
        size_t end = from;
        while (end < to && !hg_py_is(&t[end], ",") && !hg_py_is(&t[end], ")"))
            end++;
        if (end > from)
            add_import(l, py, at > line->first ? hg_buf_str(&module) : NULL, from, end);
        from = end;
    }
}

static int by_text(const void *a, const void *b)
{
    const struct import *x = a, *y = b;
    return strcmp(x->text, y->text);
}

/* A set of imports in any order is the same set, unless one takes a name that another gave. */
static bool independent(const struct imports *l)
{
    for (size_t i = 0; i < l->count; i++)
        for (size_t k = 0; k < l->count; k++)
            if (hg_streq(l->items[i].bound, "*") ||
                (hg_streq(l->items[i].bound, l->items[k].bound) && !hg_streq(l->items[i].from, l->items[k].from)))
                return false;
    return true;
}

/* Adds the lines of imports from `at` on; the index behind them. */
static size_t add_block(struct hg_meaning *m, const struct hg_py *py, size_t at)
{
    HG_AUTO(imports_done) struct imports list = { 0 };
    int line = py->tokens[py->lines[at].first].line;
    size_t end = at;
    for (; end < py->line_count && (py->lines[end].count == 0 || is_import(py, &py->lines[end])); end++)
        if (py->lines[end].count)
            add_imports(&list, py, &py->lines[end]);
    if (independent(&list))
        qsort(list.items, list.count, sizeof *list.items, by_text);
    for (size_t i = 0; i < list.count; i++)
        if (i == 0 || !hg_streq(list.items[i].text, list.items[i - 1].text))
            hg_meaning_add(m, 'i', list.items[i].text, strlen(list.items[i].text), line);
    return end;
}

/* ---- lines ------------------------------------------------------------------------------------ */

struct reader {
    struct hg_meaning *m;
    const struct hg_py *py;
    int indents[INDENTS_MAX];
    size_t depth;
    bool doc; /* docstrings count */
};

/* Does the line follow a semicolon? Its block is then that of the line before. */
static bool after_semicolon(const struct hg_py *py, size_t index, const char *text)
{
    const char *p = py->tokens[py->lines[index].first].start;
    while (p > text && (p[-1] == ' ' || p[-1] == '\t' || p[-1] == ';'))
        if (*--p == ';')
            return true;
    return false;
}

static void add_indent(struct reader *r, int indent, int line)
{
    while (r->depth > 0 && indent < r->indents[r->depth]) {
        r->depth--;
        hg_meaning_add(r->m, '<', "", 0, line);
    }
    if (indent > r->indents[r->depth] && r->depth + 1 < INDENTS_MAX) {
        r->indents[++r->depth] = indent;
        hg_meaning_add(r->m, '>', "", 0, line);
    }
}

static bool says_nothing(const struct hg_py *py, const struct hg_py_line *l)
{
    for (size_t i = l->first; i < l->first + l->count; i++)
        if (!hg_meaning_plain(&py->tokens[i]))
            return false;
    return true;
}

static void add_lines(struct reader *r, const char *text)
{
    const struct hg_py *py = r->py;
    for (size_t i = 0; i < py->line_count;) {
        const struct hg_py_line *l = &py->lines[i];
        if (l->count == 0 || (!r->doc && says_nothing(py, l))) {
            i++;
            continue;
        }
        int line = py->tokens[l->first].line;
        bool same = after_semicolon(py, i, text);
        if (!same)
            add_indent(r, l->indent, line);
        if (!same && is_import(py, l)) {
            i = add_block(r->m, py, i);
            continue;
        }
        hg_meaning_add(r->m, same ? ';' : 'n', "", 0, line);
        hg_meaning_tokens(r->m, py, l->first, l->first + l->count);
        i++;
    }
}

static void meaning_free(struct hg_meaning **m)
{
    if (!*m)
        return;
    hg_buf_done(&(*m)->text);
    free((*m)->items);
    hg_freep(m);
}

/* Python reads every line end as LF, also inside strings. */
static void add_unix(struct hg_buf *b, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n')
            continue;
        hg_buf_addc(b, text[i] == '\r' ? '\n' : text[i]);
    }
}

/* NULL: no Python. */
static struct hg_meaning *meaning_of(const char *text, size_t len, bool doc)
{
    HG_AUTO(hg_py_done) struct hg_py py = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf unix_text = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    add_unix(&unix_text, text, len);
    const char *start = hg_buf_str(&unix_text);
    if (hg_py_parse(start, unix_text.len, &py, &ignored) < 0)
        return NULL;
    struct hg_meaning *m = hg_xcalloc(1, sizeof *m);
    struct reader r = { .m = m, .py = &py, .doc = doc };
    add_lines(&r, start);
    return m;
}

/* ---- two files -------------------------------------------------------------------------------- */

static bool has(const char *text, size_t len, const char *word)
{
    return memmem(text, len, word, strlen(word)) != NULL;
}

static bool same_item(const struct hg_meaning *a, const struct hg_meaning *b, size_t i)
{
    const struct hg_meaning_item *x = &a->items[i], *y = &b->items[i];
    return x->len == y->len && memcmp(a->text.data + x->at, b->text.data + y->at, x->len) == 0;
}

/* The line of item i, or the one behind the last item. */
static int line_of(const struct hg_meaning *m, size_t i)
{
    if (i < m->count)
        return m->items[i].line;
    return m->count ? m->items[m->count - 1].line + 1 : 1;
}

bool hg_review_same(const char *a, size_t alen, const char *b, size_t blen, int *ret_a, int *ret_b)
{
    /* A declared encoding changes what the bytes say. */
    bool coding = has(a, alen < 200 ? alen : 200, "coding") != has(b, blen < 200 ? blen : 200, "coding");
    bool doc = has(a, alen, "__doc__") || has(b, blen, "__doc__");
    HG_AUTO(meaning_free) struct hg_meaning *x = meaning_of(a, alen, doc);
    HG_AUTO(meaning_free) struct hg_meaning *y = meaning_of(b, blen, doc);
    *ret_a = *ret_b = 0;
    if (!x || !y)
        return false;
    size_t i = 0;
    while (i < x->count && i < y->count && same_item(x, y, i))
        i++;
    if (i == x->count && i == y->count)
        return !coding;
    *ret_a = line_of(x, i);
    *ret_b = line_of(y, i);
    return false;
}
