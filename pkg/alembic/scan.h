/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/alembic/scan.h - what a revision file says at module level: revision, down_revision,
 * branch_labels, depends_on and the docstring (Alembic: Script.__init__, Script._from_path). Used
 * for env.py's configure() arguments too.
 *
 * The scan answers only what is certain from the text. Everything else (an expression, an
 * assignment under `if`, text that is not Python) makes the file "dynamic": Python has to tell.
 */
#ifndef HG_ALEMBIC_SCAN_H
#define HG_ALEMBIC_SCAN_H

#include "base/base.h"

/* One variable's value, in Alembic's normal form: a string is a list of one. */
struct hg_scan_value {
    bool assigned;
    bool none;          /* None (also inside a list of one) */
    bool list;          /* a tuple, list or set was written */
    int line;
    struct hg_strv items;
};

enum hg_scan_state {
    HG_SCAN_OK,
    HG_SCAN_DYNAMIC, /* Python must tell; why and line are set */
    HG_SCAN_REFUSED, /* Python would refuse the file, for sure; why and line are set */
};

enum hg_scan_name { HG_SCAN_REVISION, HG_SCAN_DOWN, HG_SCAN_LABELS, HG_SCAN_DEPENDS, HG_SCAN_DOC,
                    HG_SCAN_NAMES };

struct hg_scan {
    enum hg_scan_state state;
    char *why;
    int line;
    struct hg_scan_value values[HG_SCAN_NAMES];
    char *doc; /* Alembic's Script.doc; NULL when there is no docstring */
};

void hg_scan_module(const char *text, size_t len, struct hg_scan *ret);
void hg_scan_done(struct hg_scan *s);
void hg_scan_value_done(struct hg_scan_value *v);

/* Values that Alembic cannot use make it REFUSED; sets doc. */
void hg_scan_judge(struct hg_scan *s);

/* Script.doc of a docstring: stripped, up to the first empty line. Heap. */
char *hg_scan_doc(const char *docstring);

/* The keyword arguments of `configure(...)` calls in env.py that matter to a reader, and the lines (0: none) where
 * it says by code where the revision files are: to the ScriptDirectory, which Alembic heeds, or as an option, which
 * it has read by then. */
struct hg_env_scan {
    char *version_table, *version_table_schema;
    bool dynamic;       /* one of the two is set by something that is not literal */
    bool transaction_per_migration, include_schemas; /* literal True */
    int locations_line, locations_option_line;
};
void hg_scan_env(const char *text, size_t len, struct hg_env_scan *ret);
void hg_env_scan_done(struct hg_env_scan *s);

#endif
