/* SPDX-License-Identifier: Apache-2.0 */
#include "review/internal.h"

#include <ctype.h>
#include <string.h>

#define TOKENS_MAX 4000000
#define DEPTH_MAX  1000

struct lexer {
    const char *p, *end;
    int line, depth;
    bool line_open;      /* the logical line has begun */
    struct hg_py *py;
};

static bool is_name_start(unsigned char c)
{
    return isalpha(c) || c == '_' || c >= 0x80;
}

static bool is_name(unsigned char c)
{
    return is_name_start(c) || isdigit(c);
}

static void add_token(struct lexer *lx, enum hg_py_kind kind, const char *start, int line, int depth)
{
    struct hg_py *py = lx->py;
    py->tokens = hg_grow(py->tokens, py->token_count, &py->token_cap, sizeof *py->tokens);
    py->tokens[py->token_count++] =
        (struct hg_py_token){ kind, start, (size_t)(lx->p - start), line, depth };
    py->lines[py->line_count - 1].count++;
}

static void begin_line(struct lexer *lx, int indent)
{
    struct hg_py *py = lx->py;
    py->lines = hg_grow(py->lines, py->line_count, &py->line_cap, sizeof *py->lines);
    py->lines[py->line_count++] = (struct hg_py_line){ py->token_count, 0, indent };
    lx->line_open = true;
}

/* Steps over indentation, empty lines and comments; returns the column of what follows. */
static int skip_indent(struct lexer *lx)
{
    int column = 0;
    for (; lx->p < lx->end; lx->p++) {
        if (*lx->p == ' ')
            column++;
        else if (*lx->p == '\t')
            column = (column / 8 + 1) * 8;
        else if (*lx->p == '\f')
            column = 0;
        else
            break;
    }
    return column;
}

/* At a quote, past any prefix: moves behind the literal. */
static int skip_string(struct lexer *lx, struct hg_err *err)
{
    char quote = *lx->p;
    int opened = lx->line;
    bool triple = lx->end - lx->p >= 3 && lx->p[1] == quote && lx->p[2] == quote;
    lx->p += triple ? 3 : 1;
    for (; lx->p < lx->end; lx->p++) {
        if (*lx->p == '\\' && lx->p + 1 < lx->end) {
            lx->p++;
            if (*lx->p == '\n')
                lx->line++;
        } else if (*lx->p == '\n') {
            if (!triple)
                break;
            lx->line++;
        } else if (*lx->p == quote) {
            if (!triple) {
                lx->p++;
                return 0;
            }
            if (lx->end - lx->p >= 3 && lx->p[1] == quote && lx->p[2] == quote) {
                lx->p += 3;
                return 0;
            }
        }
    }
    return hg_fail(err, HG_E_CONFIG, "line %d: a string that is never closed", opened);
}

/* Length of a string prefix (r, b, f, u in any case, at most two) before a quote at p, or -1. */
static int string_prefix(const struct lexer *lx)
{
    int n = 0;
    while (n < 3 && lx->p + n < lx->end) {
        char c = lx->p[n];
        if (c == '\'' || c == '"')
            return n;
        if (strchr("rRbBfFuU", c) == NULL || c == '\0')
            return -1;
        n++;
    }
    return -1;
}

static int lex_bracket(struct lexer *lx, struct hg_err *err)
{
    const char *start = lx->p++;
    if (strchr("([{", *start) != NULL) {
        add_token(lx, HG_PY_OP, start, lx->line, lx->depth);
        if (++lx->depth > DEPTH_MAX)
            return hg_fail(err, HG_E_CONFIG, "line %d: more than %d open brackets", lx->line,
                           DEPTH_MAX);
        return 0;
    }
    if (lx->depth == 0)
        return hg_fail(err, HG_E_CONFIG, "line %d: a closing '%c' without an opening one", lx->line,
                       *start);
    lx->depth--;
    add_token(lx, HG_PY_OP, start, lx->line, lx->depth);
    return 0;
}

static int lex_token(struct lexer *lx, struct hg_err *err)
{
    const char *start = lx->p;
    unsigned char c = (unsigned char)*start;
    int line = lx->line;
    int prefix = string_prefix(lx);
    if (prefix >= 0) {
        lx->p += prefix;
        if (skip_string(lx, err) < 0)
            return -1;
        add_token(lx, HG_PY_STRING, start, line, lx->depth);
    } else if (is_name_start(c)) {
        while (lx->p < lx->end && is_name((unsigned char)*lx->p))
            lx->p++;
        add_token(lx, HG_PY_NAME, start, line, lx->depth);
    } else if (isdigit(c)) {
        while (lx->p < lx->end && (is_name((unsigned char)*lx->p) || *lx->p == '.'))
            lx->p++;
        add_token(lx, HG_PY_NUMBER, start, line, lx->depth);
    } else if (c != '\0' && strchr("()[]{}", c) != NULL) {
        return lex_bracket(lx, err);
    } else {
        lx->p++;
        /* Two-character operators matter only where a lone '=' or ':' would mean something. */
        if (lx->p < lx->end && *lx->p == '=' && strchr("=!<>:+-*/%&|^@", c) != NULL)
            lx->p++;
        else if (lx->end - lx->p >= 2 && c == '.' && lx->p[0] == '.' && lx->p[1] == '.')
            lx->p += 2;
        add_token(lx, HG_PY_OP, start, line, lx->depth);
    }
    return 0;
}

/* Blanks, comments, line ends; true when a token stands at lx->p. */
static bool at_token(struct lexer *lx)
{
    char c = *lx->p;
    if (c == '#') {
        while (lx->p < lx->end && *lx->p != '\n')
            lx->p++;
        return false;
    }
    if (c == '\n') {
        lx->p++;
        lx->line++;
        if (lx->depth == 0)
            lx->line_open = false;
        return false;
    }
    if (c == '\\' && lx->p + 1 < lx->end && (lx->p[1] == '\n' || lx->p[1] == '\r')) {
        lx->p += lx->p[1] == '\r' && lx->p + 2 < lx->end && lx->p[2] == '\n' ? 3 : 2;
        lx->line++;
        return false;
    }
    if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
        lx->p++;
        return false;
    }
    return true;
}

static int lex(struct lexer *lx, struct hg_err *err)
{
    while (lx->p < lx->end) {
        int indent = lx->line_open ? 0 : skip_indent(lx);
        if (lx->p >= lx->end)
            break;
        if (!at_token(lx))
            continue;
        if (*lx->p == ';' && lx->depth == 0 && lx->line_open) {
            lx->p++;
            begin_line(lx, lx->py->lines[lx->py->line_count - 1].indent);
            continue;
        }
        if (!lx->line_open)
            begin_line(lx, indent);
        if (lx->py->token_count >= TOKENS_MAX)
            return hg_fail(err, HG_E_CONFIG, "more than %d tokens", TOKENS_MAX);
        if (lex_token(lx, err) < 0)
            return -1;
    }
    if (lx->depth > 0)
        return hg_fail(err, HG_E_CONFIG, "line %d: a bracket that is never closed", lx->line);
    return 0;
}

int hg_py_parse(const char *text, size_t len, struct hg_py *ret, struct hg_err *err)
{
    if (len > HG_REVIEW_TEXT_MAX)
        return hg_fail(err, HG_E_CONFIG, "longer than %zu bytes", HG_REVIEW_TEXT_MAX);
    if (memchr(text, '\0', len) != NULL)
        return hg_fail(err, HG_E_CONFIG, "it holds a NUL byte, which no Python reads");
    struct hg_py py = { 0 };
    struct lexer lx = { .p = text, .end = text + len, .line = 1, .py = &py };
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        lx.p += 3;
    if (lex(&lx, err) < 0) {
        hg_py_done(&py);
        return -1;
    }
    hg_py_index(&py);
    *ret = py;
    return 0;
}

void hg_py_done(struct hg_py *py)
{
    hg_freep(&py->tokens);
    hg_freep(&py->lines);
    hg_freep(&py->tops);
    *py = (struct hg_py){ 0 };
}
