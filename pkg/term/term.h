/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/term/term.h - what a terminal adds: styles, aligned columns.
 *
 * Everything is built into a struct hg_buf and printed by cmd/; only the progress line writes by
 * itself, to stderr, because it lives while other code works.
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
