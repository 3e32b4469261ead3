/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that reduce a revision file to what it means (meaning.c, meaning_file.c). */
#ifndef HG_REVIEW_MEANING_H
#define HG_REVIEW_MEANING_H

#include "review/internal.h"

#define HG_MEANING_DEPTH_MAX 1024 /* brackets in brackets; the tokenizer stops before */

/* One thing that counts: a kind, then its text. */
struct hg_meaning_item {
    size_t at, len; /* in `text` */
    int line;       /* of the file */
};

struct hg_meaning {
    struct hg_buf text;
    struct hg_meaning_item *items;
    size_t count, cap;
    /* While tokens are being read: where each open bracket stands, and had it a comma so far? */
    size_t open[HG_MEANING_DEPTH_MAX];
    bool comma[HG_MEANING_DEPTH_MAX];
};

void hg_meaning_add(struct hg_meaning *m, char kind, const char *text, size_t len, int line);
/* Tokens [first, to), which are one logical line. */
void hg_meaning_tokens(struct hg_meaning *m, const struct hg_py *py, size_t first, size_t to);
/* Is the token a string that is neither bytes nor formatted? */
bool hg_meaning_plain(const struct hg_py_token *t);

#endif
