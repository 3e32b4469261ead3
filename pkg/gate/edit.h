/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/gate/edit.h - a revision file and what it was before: what counts as an edit. The policy is
 * docs/integrity.md.
 */
#ifndef HG_GATE_EDIT_H
#define HG_GATE_EDIT_H

#include "internal.h"

enum hg_edit {
    HG_EDIT_NONE,      /* the same bytes */
    HG_EDIT_LINE_ENDS, /* the same lines */
    HG_EDIT_LAYOUT,    /* Python reads the same */
    HG_EDIT_MEANING,   /* another file */
};

struct hg_edited {
    enum hg_edit kind;
    int line;      /* of the file as it is now, where they part; 0 unless MEANING */
    char *excerpt; /* a few lines of both, masked; NULL unless MEANING */
};

enum hg_edit hg_edit_of(const char *then, size_t then_len, const char *now, size_t now_len,
                        struct hg_mask *mask, struct hg_edited *ret);
void hg_edited_done(struct hg_edited *e);
/* "only the line endings" of LINE_ENDS, "only comments or layout" of LAYOUT. */
const char *hg_edit_words(enum hg_edit kind);

#endif
