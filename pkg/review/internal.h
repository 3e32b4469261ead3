/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/review/internal.h - Python text as tokens and logical lines, for the files of this package.
 *
 * Why a tokenizer of its own: pkg/alembic's stops after four assignments at a file's top, this one
 * needs whole bodies with their indentation and call arguments; and starting Python for it costs
 * half a second and would run the project's code.
 */
#ifndef HG_REVIEW_INTERNAL_H
#define HG_REVIEW_INTERNAL_H

#include "review/review.h"

enum hg_py_kind { HG_PY_NAME, HG_PY_NUMBER, HG_PY_STRING, HG_PY_OP };

struct hg_py_token {
    enum hg_py_kind kind;
    const char *start;   /* into the text; a string with its prefix and quotes */
    size_t len;
    int line;
    int depth;           /* open brackets before it; a closing bracket has its opening one's depth */
};

/* A logical line: what Python reads as one (brackets and backslashes join physical lines). A
 * semicolon begins a new one of the same indentation. */
struct hg_py_line {
    size_t first, count; /* tokens */
    int indent;          /* columns, tabs to multiples of 8 */
};

/* A top-level line that gives a name: `def NAME` or `NAME = …`. */
struct hg_py_top {
    const struct hg_py_token *name;
    size_t line;
    bool def;
};

struct hg_py {
    struct hg_py_token *tokens;
    size_t token_count, token_cap;
    struct hg_py_line *lines;
    size_t line_count, line_cap;
    struct hg_py_top *tops; /* by name, then line */
    size_t top_count, top_cap;
};

int hg_py_parse(const char *text, size_t len, struct hg_py *ret, struct hg_err *err);
void hg_py_done(struct hg_py *py);

/* Makes `tops`; called by hg_py_parse. */
void hg_py_index(struct hg_py *py);
/* The first of this name, or NULL; the others of the name follow it. */
const struct hg_py_top *hg_py_top(const struct hg_py *py, const char *name, size_t len);
bool hg_py_same(const struct hg_py_token *t, const char *name, size_t len);

bool hg_py_is(const struct hg_py_token *t, const char *text);
/* Tokens [from, to): index after the bracket that closes the one at `open`, or `to`. */
size_t hg_py_close(const struct hg_py *py, size_t open, size_t to);
/* The value of adjacent string literals from `from`, when [from, to) is nothing else and no f-string
 * with a replacement and no bytes; else NULL. Heap. */
char *hg_py_string(const struct hg_py *py, size_t from, size_t to);
/* The token's text. Heap. */
char *hg_py_text(const struct hg_py_token *t);
/* Where the line's statement begins behind a block's colon ("if x: stmt"), or `to`. */
size_t hg_py_after_colon(const struct hg_py *py, size_t from, size_t to);

/* Arguments of a call: [from, to) each, keyword NULL or the name before `=`. */
struct hg_py_arg {
    size_t from, to;
    const struct hg_py_token *keyword;
};
struct hg_py_args {
    struct hg_py_arg *items;
    size_t count, cap;
};
/* open: index of "(". */
void hg_py_args(const struct hg_py *py, size_t open, size_t close, struct hg_py_args *ret);
void hg_py_args_done(struct hg_py_args *args);
/* By keyword, else by position among those without one; NULL: not given. */
const struct hg_py_arg *hg_py_arg(const struct hg_py_args *args, const char *keyword, int position);

/* The text [from, to) stands for: a literal, a name that the module's top level sets to one, or
 * op.f(…), text(…) around either. NULL: not known before it runs. Heap. */
char *hg_py_value(const struct hg_py *py, size_t from, size_t to);

/* Fills one operation from its call, whose "(" is at `open`; batch_table NULL outside a batch. */
void hg_review_op_fill(const struct hg_py *py, size_t open, size_t close, const char *batch_table,
                       struct hg_review_op *op);
/* Kind by the call's name; false when it is no operation (op.f, op.get_bind…). */
bool hg_review_op_kind(const char *call, enum hg_op_kind *ret);
void hg_review_op_done(struct hg_review_op *op);

/* "sa.String(length=50)" -> "String(50)"; heap. */
char *hg_review_type_text(const char *start, size_t len);
/* Could a column of type a be one of type b under another name? NULL: not known, true. */
bool hg_review_types_alike(const char *a, const char *b);

/* Have two create_table operations most of their columns in common? */
bool hg_review_tables_alike(const struct hg_review_op *a, const struct hg_review_op *b, size_t *ret_common);

/* The word in SQL, case-insensitively, not as a part of a longer name; NULL: not there. */
const char *hg_review_find_word(const char *sql, const char *word);

/* Findings of one revision, in check.c. */
void hg_review_check_rename(const struct hg_review *r, const struct hg_revision *revision,
                            struct hg_findings *findings);

#endif
