/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/alembic/scanner.h - the scan of one module under way. */
#ifndef HG_ALEMBIC_SCANNER_H
#define HG_ALEMBIC_SCANNER_H

#include "internal.h"
#include "lex.h"

/* What indented lines below a line at column 0 belong to. */
enum hg_scan_block {
    HG_BLOCK_NONE,
    HG_BLOCK_BODY, /* def, class: names stay inside */
    HG_BLOCK_RUNS, /* if, try, … */
};

struct hg_scanner {
    struct hg_lex lex;
    struct hg_tok t;
    struct hg_scan *out;
    enum hg_scan_block block;
    bool star_import;
    bool no_global; /* nowhere in the text: bodies cannot bind names of the module */
};

/* Those that can fail are false when only Python can tell, and have said why. */

/* ---- scanner.c ---- */

/* Only Python can tell, and why: false, for the caller to return. The first reason stays. */
bool hg_scan_dynamic(struct hg_scanner *s, int line, const char *fmt, ...) HG_PRINTF(3, 4);
/* To the next token. */
bool hg_scan_next(struct hg_scanner *s);
/* At the end of a simple statement? */
bool hg_scan_at_end(const struct hg_scanner *s);

/* ---- literal.c ---- */

/* Adjacent string literals are one: added to *ret. */
bool hg_scan_strings(struct hg_scanner *s, struct hg_strv *ret);
/* The right side of an assignment. */
bool hg_scan_read_value(struct hg_scanner *s, struct hg_scan_value *v);

#endif
