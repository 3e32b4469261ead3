/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file means, without how it is written: its tokens in a canonical form, one after the other.
 * docs/integrity.md is the policy; here is how each point of it is done:
 *
 * - comments, blank lines, line ends, the byte order mark and joined lines are no tokens at all;
 * - indentation counts as deeper, the same or back, not in columns;
 * - a statement that is nothing but a plain string (a docstring) is left out, unless the file speaks
 *   of __doc__;
 * - strings are equal when their values are: quotes, a raw prefix without a backslash, and where
 *   adjacent literals are split make no difference;
 * - a comma before a closing bracket is left out where it makes no tuple, and so are brackets around
 *   the whole right side of `=`, `return`, `if`, `elif`, `while` and `import`;
 * - imports that stand together are a set.
 *
 * Whatever is not known to be equal is different: a wrong "edited" costs a look, a wrong "the same"
 * costs the check.
 */
#include "review/meaning.h"

#include <ctype.h>
#include <string.h>

void hg_meaning_add(struct hg_meaning *m, char kind, const char *text, size_t len, int line)
{
    m->items = hg_grow(m->items, m->count, &m->cap, sizeof *m->items);
    m->items[m->count++] = (struct hg_meaning_item){ m->text.len, len + 1, line };
    hg_buf_addc(&m->text, kind);
    hg_buf_add(&m->text, text, len);
}

/* ---- strings ---------------------------------------------------------------------------------- */

struct literal {
    const char *body;
    size_t len;
    bool raw, plain; /* plain: no bytes, no f-string */
    char flags[4];
};

static struct literal literal_of(const struct hg_py_token *t)
{
    struct literal l = { .plain = true };
    const char *p = t->start;
    size_t n = 0;
    for (; *p != '\'' && *p != '"'; p++) {
        char c = (char)tolower((unsigned char)*p);
        if (c == 'r')
            l.raw = true;
        else if (c != 'u' && n < sizeof l.flags - 1)
            l.flags[n++] = c;
        l.plain = l.plain && (c == 'r' || c == 'u');
    }
    const char *end = t->start + t->len;
    size_t quotes = end - p >= 6 && p[1] == *p && p[2] == *p ? 3 : 1;
    l.body = p + quotes;
    l.len = (size_t)(end - p) - 2 * quotes;
    return l;
}

bool hg_meaning_plain(const struct hg_py_token *t)
{
    return t->kind == HG_PY_STRING && literal_of(t).plain;
}

/* The body as a text that is equal where the values are: an escape that Python reads as one known byte
 * becomes that byte, a backslash two of them; others stay. Does one of those remain? */
static bool add_body(struct hg_buf *b, const struct literal *l)
{
    static const char FROM[] = "'\"nrt", TO[] = "'\"\n\r\t";
    bool escapes = false;
    for (size_t i = 0; i < l->len; i++) {
        char c = l->body[i];
        if (c != '\\') {
            hg_buf_addc(b, c);
            continue;
        }
        char next = l->raw || i + 1 == l->len ? '\\' : l->body[++i];
        const char *known = next ? strchr(FROM, next) : NULL;
        if (next == '\n')
            continue;
        if (known) {
            hg_buf_addc(b, TO[known - FROM]);
            continue;
        }
        hg_buf_addc(b, '\\');
        hg_buf_addc(b, next);
        escapes = escapes || next != '\\';
    }
    return escapes;
}

/* Adjacent plain literals are one; those with escapes stay by themselves, because "\1" "2" is not
 * "\12". */
static size_t add_strings(struct hg_meaning *m, const struct hg_py *py, size_t from, size_t to)
{
    HG_AUTO(hg_buf_done) struct hg_buf joined = HG_BUF_INIT;
    int line = py->tokens[from].line;
    bool open = false;
    size_t i = from;
    for (; i < to && py->tokens[i].kind == HG_PY_STRING; i++) {
        HG_AUTO(hg_buf_done) struct hg_buf body = HG_BUF_INIT;
        struct literal l = literal_of(&py->tokens[i]);
        bool escapes = add_body(&body, &l);
        if (l.plain && !escapes) {
            hg_buf_add(&joined, hg_buf_str(&body), body.len);
            open = true;
            continue;
        }
        if (open)
            hg_meaning_add(m, 's', hg_buf_str(&joined), joined.len, line);
        joined.len = 0;
        open = false;
        hg_buf_adds(&joined, l.flags);
        hg_buf_addc(&joined, ':');
        hg_buf_add(&joined, hg_buf_str(&body), body.len);
        hg_meaning_add(m, 'e', hg_buf_str(&joined), joined.len, py->tokens[i].line);
        joined.len = 0;
    }
    if (open)
        hg_meaning_add(m, 's', hg_buf_str(&joined), joined.len, line);
    return i;
}

/* ---- brackets --------------------------------------------------------------------------------- */

static bool keyword(const struct hg_py_token *t)
{
    static const char *const WORDS[] = {
        "and", "as", "assert", "async", "await", "case", "class", "def", "del", "elif", "else", "except",
        "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "match", "nonlocal", "not",
        "or", "raise", "return", "try", "while", "with", "yield",
    };
    for (size_t i = 0; i < HG_COUNT(WORDS); i++)
        if (hg_py_is(t, WORDS[i]))
            return true;
    return false;
}

/* Does what stands before the bracket make it a call or a subscript? */
static bool applied(const struct hg_py *py, size_t first, size_t open)
{
    if (open == first)
        return false;
    const struct hg_py_token *before = &py->tokens[open - 1];
    return (before->kind == HG_PY_NAME && !keyword(before)) || before->kind == HG_PY_STRING ||
           hg_py_is(before, ")") || hg_py_is(before, "]");
}

/* May a comma before the bracket that closes this one be left out, when it is the only comma? */
static bool lone_comma(const struct hg_py *py, size_t first, size_t open)
{
    switch (*py->tokens[open].start) {
    case '(':
        return applied(py, first, open) || (open > first && hg_py_is(&py->tokens[open - 1], "import"));
    case '[':
        return !applied(py, first, open);
    default:
        return true;
    }
}

/* Are the brackets at `open` around everything that its statement says? Then the index behind the
 * closing one, else 0. */
static size_t needless(const struct hg_py *py, size_t first, size_t open, size_t to)
{
    static const char *const STARTS[] = { "return", "if", "elif", "while" };
    const struct hg_py_token *t = py->tokens;
    if (open == first || t[open].depth != 0 || !hg_py_is(&t[open], "("))
        return 0;
    bool import = hg_py_is(&t[open - 1], "import"), start = false;
    for (size_t i = 0; i < HG_COUNT(STARTS) && open == first + 1; i++)
        start = start || hg_py_is(&t[first], STARTS[i]);
    if (!import && !start && !hg_py_is(&t[open - 1], "="))
        return 0;
    size_t close = hg_py_close(py, open, to);
    bool ends = close == to || (start && !hg_py_is(&t[first], "return") && hg_py_is(&t[close], ":"));
    if (!ends || close == open + 2)
        return 0;
    for (size_t i = open + 1; i + 1 < close; i++)
        if (t[i].depth == 1 && ((!import && hg_py_is(&t[i], ",")) || hg_py_is(&t[i], "for")))
            return 0;
    return close;
}

/* Is the token at i a comma that says nothing? Keeps account of the brackets. */
static bool empty_comma(struct hg_meaning *b, const struct hg_py *py, size_t first, size_t i, size_t to)
{
    const struct hg_py_token *t = &py->tokens[i];
    size_t depth = (size_t)t->depth;
    if (t->kind != HG_PY_OP || depth + 1 >= HG_MEANING_DEPTH_MAX)
        return false;
    if (strchr("([{", *t->start) != NULL) {
        b->open[depth + 1] = i;
        b->comma[depth + 1] = false;
        return false;
    }
    if (depth == 0 || !hg_py_is(t, ","))
        return false;
    bool last = i + 1 < to && py->tokens[i + 1].kind == HG_PY_OP &&
                strchr(")]}", *py->tokens[i + 1].start) != NULL;
    bool empty = last && (b->comma[depth] || lone_comma(py, first, b->open[depth]));
    b->comma[depth] = true;
    return empty;
}

void hg_meaning_tokens(struct hg_meaning *m, const struct hg_py *py, size_t first, size_t to)
{
    size_t skip_close = 0;
    for (size_t i = first; i < to;) {
        const struct hg_py_token *t = &py->tokens[i];
        if (t->kind == HG_PY_STRING) {
            i = add_strings(m, py, i, to);
            continue;
        }
        bool comma = empty_comma(m, py, first, i, to);
        size_t close = needless(py, first, i, to);
        if (close)
            skip_close = close - 1;
        if (!comma && !close && (!skip_close || i != skip_close)) {
            size_t before = m->text.len;
            hg_meaning_add(m, 't', t->start, t->len, t->line);
            for (size_t k = before; t->kind == HG_PY_NUMBER && k < m->text.len; k++)
                m->text.data[k] = (char)tolower((unsigned char)m->text.data[k]);
        }
        i++;
    }
}
