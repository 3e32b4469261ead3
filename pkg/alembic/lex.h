/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/alembic/lex.h - Python's tokens, as far as they are needed to find assignments at module
 * level and to step over everything else. Own code because there is no C library for it short of
 * Python itself, whose start costs 500 ms (see DESIGN); a file that does not fit is given to Python.
 *
 * The text is borrowed; tokens point into it.
 */
#ifndef HG_ALEMBIC_LEX_H
#define HG_ALEMBIC_LEX_H

#include "base/base.h"

enum hg_tok_kind {
    HG_TOK_END,     /* of the text */
    HG_TOK_NEWLINE, /* end of a logical line */
    HG_TOK_NAME,
    HG_TOK_NUMBER,
    HG_TOK_STRING,
    HG_TOK_OP,
    HG_TOK_ERROR,   /* not Python, or beyond this lexer; `what` says what */
};

struct hg_tok {
    enum hg_tok_kind kind;
    const char *start;
    size_t len;
    int line;          /* from 1 */
    unsigned depth;    /* open brackets before this token */
    bool first;        /* first of its logical line */
    bool indented;     /* its line does not begin at column 0 */
    /* strings: */
    const char *body;  /* without prefix and quotes */
    size_t body_len;
    bool raw, bytes, format;
    const char *what;  /* errors */
};

struct hg_lex {
    const char *p, *end, *line_start;
    int line;
    unsigned depth;
    bool at_line_start; /* nothing of the logical line was seen yet */
};

void hg_lex_init(struct hg_lex *lex, const char *text, size_t len);
void hg_lex_next(struct hg_lex *lex, struct hg_tok *ret);

/* Behind a NEWLINE token: steps over the indented lines that follow without making tokens of them,
 * which is most of the work of a revision file. Leaves the lexer where it is when a line of them is
 * not Python, or needs a look for any other reason, so that hg_lex_next tells what is wrong. */
void hg_lex_skip_indented(struct hg_lex *lex);

/* Is it the name or operator `text`? Its first byte settles nearly every question. */
static inline bool hg_tok_is(const struct hg_tok *t, const char *text)
{
    return (t->kind == HG_TOK_NAME || t->kind == HG_TOK_OP) && *t->start == *text &&
           strncmp(t->start, text, t->len) == 0 && !text[t->len];
}

/* Appends what the string literal means, as UTF-8. False when only Python can tell (\N{...},
 * surrogates, malformed escapes). */
bool hg_tok_string(const struct hg_tok *t, struct hg_buf *ret);

#endif
