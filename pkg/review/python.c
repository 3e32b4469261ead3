/* SPDX-License-Identifier: Apache-2.0 */
#include "review/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool hg_py_same(const struct hg_py_token *t, const char *name, size_t len)
{
    return t->len == len && memcmp(t->start, name, len) == 0;
}

bool hg_py_is(const struct hg_py_token *t, const char *text)
{
    return hg_py_same(t, text, strlen(text));
}

char *hg_py_text(const struct hg_py_token *t)
{
    return hg_xstrndup(t->start, t->len);
}

size_t hg_py_close(const struct hg_py *py, size_t open, size_t to)
{
    int depth = py->tokens[open].depth;
    for (size_t i = open + 1; i < to; i++) {
        const struct hg_py_token *t = &py->tokens[i];
        if (t->depth == depth && t->kind == HG_PY_OP && strchr(")]}", *t->start) != NULL)
            return i + 1;
    }
    return to;
}

size_t hg_py_after_colon(const struct hg_py *py, size_t from, size_t to)
{
    int depth = from < to ? py->tokens[from].depth : 0;
    bool lambda = false;
    for (size_t i = from; i < to; i++) {
        const struct hg_py_token *t = &py->tokens[i];
        if (t->depth != depth)
            continue;
        if (hg_py_is(t, "lambda"))
            lambda = true;
        else if (hg_py_is(t, ":") && lambda)
            lambda = false;
        else if (hg_py_is(t, ":"))
            return i + 1;
    }
    return to;
}

/* Appends the value of an escape at s (behind the backslash); returns how many bytes it took. */
static size_t add_escape(struct hg_buf *b, const char *s, size_t len)
{
    static const char FROM[] = "ntrabfv0\\'\"";
    static const char TO[] = "\n\t\r\a\b\f\v\0\\'\"";
    if (len == 0)
        return 0;
    if (*s == '\n')
        return 1;
    if (*s == '\r')
        return len > 1 && s[1] == '\n' ? 2 : 1;
    const char *at = *s == '\0' ? NULL : strchr(FROM, *s);
    if (at != NULL && *s != '0') {
        hg_buf_addc(b, TO[at - FROM]);
        return 1;
    }
    /* \x41, \u0041, \N{…}: never in an identifier anybody writes; kept as written. */
    hg_buf_addc(b, '\\');
    hg_buf_addc(b, *s);
    return 1;
}

/* False for what has no value before it runs: bytes, and f-strings with a replacement. */
static bool add_literal(struct hg_buf *b, const struct hg_py_token *t)
{
    const char *p = t->start;
    bool raw = false;
    bool formatted = false;
    for (; *p != '\'' && *p != '"'; p++) {
        int c = tolower((unsigned char)*p);
        if (c == 'b')
            return false;
        raw = raw || c == 'r';
        formatted = formatted || c == 'f';
    }
    const char *end = t->start + t->len;
    size_t quotes = end - p >= 6 && p[1] == *p && p[2] == *p ? 3 : 1;
    p += quotes;
    end -= quotes;
    while (p < end) {
        if (formatted && *p == '{')
            return false;
        if (*p == '\\' && !raw) {
            p++;
            p += add_escape(b, p, (size_t)(end - p));
        } else {
            hg_buf_addc(b, *p++);
        }
    }
    return true;
}

char *hg_py_string(const struct hg_py *py, size_t from, size_t to)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    if (from >= to)
        return NULL;
    for (size_t i = from; i < to; i++) {
        const struct hg_py_token *t = &py->tokens[i];
        if (t->kind != HG_PY_STRING || !add_literal(&b, t))
            return NULL;
    }
    return hg_buf_take(&b);
}

void hg_py_args(const struct hg_py *py, size_t open, size_t close, struct hg_py_args *ret)
{
    *ret = (struct hg_py_args){ 0 };
    int depth = py->tokens[open].depth + 1;
    size_t end = close - 1;
    for (size_t from = open + 1; from < end;) {
        size_t to = from;
        while (to < end && !(py->tokens[to].depth == depth && hg_py_is(&py->tokens[to], ",")))
            to++;
        if (to > from) {
            struct hg_py_arg arg = { from, to, NULL };
            if (to - from > 2 && py->tokens[from].kind == HG_PY_NAME &&
                hg_py_is(&py->tokens[from + 1], "=")) {
                arg.keyword = &py->tokens[from];
                arg.from += 2;
            }
            ret->items = hg_grow(ret->items, ret->count, &ret->cap, sizeof *ret->items);
            ret->items[ret->count++] = arg;
        }
        from = to + 1;
    }
}

void hg_py_args_done(struct hg_py_args *args)
{
    hg_freep(&args->items);
    *args = (struct hg_py_args){ 0 };
}

const struct hg_py_arg *hg_py_arg(const struct hg_py_args *args, const char *keyword, int position)
{
    int at = 0;
    for (size_t i = 0; i < args->count; i++) {
        const struct hg_py_arg *a = &args->items[i];
        if (a->keyword != NULL) {
            if (keyword != NULL && hg_py_is(a->keyword, keyword))
                return a;
        } else if (at++ == position) {
            return a;
        }
    }
    return NULL;
}

static int compare_tokens(const struct hg_py_token *t, const char *name, size_t len)
{
    if (t->len != len)
        return t->len < len ? -1 : 1;
    return memcmp(t->start, name, len);
}

static int compare_tops(const void *a, const void *b)
{
    const struct hg_py_top *x = a;
    const struct hg_py_top *y = b;
    int by_name = compare_tokens(x->name, y->name->start, y->name->len);
    return by_name != 0 ? by_name : x->line < y->line ? -1 : x->line > y->line;
}

void hg_py_index(struct hg_py *py)
{
    for (size_t i = 0; i < py->line_count; i++) {
        const struct hg_py_line *l = &py->lines[i];
        const struct hg_py_token *t = &py->tokens[l->first];
        if (l->indent != 0 || l->count < 3 || t->kind != HG_PY_NAME)
            continue;
        bool def = hg_py_is(t, "def");
        if (!def && !hg_py_is(t + 1, "=") && !hg_py_is(t + 1, ":"))
            continue;
        py->tops = hg_grow(py->tops, py->top_count, &py->top_cap, sizeof *py->tops);
        py->tops[py->top_count++] = (struct hg_py_top){ def ? t + 1 : t, i, def };
    }
    if (py->top_count > 0)
        qsort(py->tops, py->top_count, sizeof *py->tops, compare_tops);
}

const struct hg_py_top *hg_py_top(const struct hg_py *py, const char *name, size_t len)
{
    size_t low = 0;
    size_t high = py->top_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_tokens(py->tops[middle].name, name, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < py->top_count && hg_py_same(py->tops[low].name, name, len) ? &py->tops[low] : NULL;
}

/* The literal that the module's top level gives to this name; NULL when it gives none, or several. */
static char *constant(const struct hg_py *py, const struct hg_py_token *name)
{
    const struct hg_py_top *top = hg_py_top(py, name->start, name->len);
    if (top == NULL || top->def)
        return NULL;
    const struct hg_py_top *end = py->tops + py->top_count;
    if (top + 1 < end && hg_py_same(top[1].name, name->start, name->len))
        return NULL;
    const struct hg_py_line *l = &py->lines[top->line];
    size_t at = l->first + 1;
    while (at < l->first + l->count && !hg_py_is(&py->tokens[at], "="))
        at++;
    return hg_py_string(py, at + 1, l->first + l->count);
}

char *hg_py_value(const struct hg_py *py, size_t from, size_t to)
{
    char *literal = hg_py_string(py, from, to);
    if (literal != NULL || from >= to)
        return literal;
    const struct hg_py_token *first = &py->tokens[from];
    if (to - from == 1 && first->kind == HG_PY_NAME)
        return constant(py, first);
    if (hg_py_is(first, "(") && hg_py_close(py, from, to) == to)
        return hg_py_value(py, from + 1, to - 1);
    size_t name = from;
    while (name + 2 < to && hg_py_is(&py->tokens[name + 1], "."))
        name += 2;
    bool wraps = hg_py_is(&py->tokens[name], "f") || hg_py_is(&py->tokens[name], "text") ||
                 hg_py_is(&py->tokens[name], "quoted_name");
    if (!wraps || name + 2 >= to || !hg_py_is(&py->tokens[name + 1], "(") ||
        hg_py_close(py, name + 1, to) != to)
        return NULL;
    HG_AUTO(hg_py_args_done) struct hg_py_args args;
    hg_py_args(py, name + 1, to, &args);
    return args.count == 0 ? NULL : hg_py_value(py, args.items[0].from, args.items[0].to);
}
