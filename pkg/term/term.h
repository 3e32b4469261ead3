/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/term/term.h - what a terminal adds: styles, aligned columns, a line that stays.
 *
 * Everything is built into a struct hg_buf and printed by cmd/; only struct hg_term_line writes by
 * itself, because it lives while other code works.
 */
#ifndef HG_TERM_TERM_H
#define HG_TERM_TERM_H

#include "base/base.h"

enum hg_style { HG_PLAIN, HG_BOLD, HG_DIM, HG_RED, HG_GREEN, HG_YELLOW, HG_CYAN };

/* text in this style, or as it is without colour. */
void hg_term_add(struct hg_buf *b, bool color, enum hg_style style, const char *text);
/* Columns of the terminal behind fd; 80 when it is none. */
int hg_term_columns(int fd);
/* Does the locale (LC_ALL, LC_CTYPE, LANG) say UTF-8? Else draw with ASCII. */
bool hg_term_utf8(void);
/* Columns that s takes on a terminal: wide and combining characters counted as they show, escape
 * sequences of hg_term_add not at all. */
size_t hg_term_width(const char *s);

/* Appends s, cut to `columns` with "…" (`...` without utf8) as its last; s holds no escape sequences.
 * Returns the columns taken. */
size_t hg_term_cut(struct hg_buf *b, const char *s, size_t columns, bool utf8);

/* A line that is drawn again and again in the last row of a terminal. */
struct hg_term_line {
    int fd;
    bool shown;
};
/* May such a line be on fd? A terminal, TERM says what kind and not "dumb", CI is not set. */
bool hg_term_live(int fd);
/* text: printable, narrower than the terminal. The cursor must be at the start of a row or behind
 * the line drawn before. Nothing happens while the program is in the background of its terminal. */
void hg_term_line_draw(struct hg_term_line *l, const char *text);
/* Leaves the row empty and the cursor at its start. */
void hg_term_line_clear(struct hg_term_line *l);

/* Rows of cells, each column as wide as its widest cell, two spaces between; the last column is not
 * padded. Cells may carry styles. */
struct hg_table {
    struct hg_strv cells;
    size_t columns;
};
void hg_table_init(struct hg_table *t, size_t columns);
void hg_table_cell(struct hg_table *t, const char *text);
void hg_table_print(const struct hg_table *t, const char *indent, struct hg_buf *ret);
void hg_table_done(struct hg_table *t);

#endif
