/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/review/modules.h - a project's Python modules, as far as imports and table classes go.
 * For the files of this package.
 */
#ifndef HG_REVIEW_MODULES_H
#define HG_REVIEW_MODULES_H

#include "review/review.h"

struct hg_module {
    char *name;              /* "db.tables.source"; NULL for env.py */
    char *file, *shown;      /* absolute, and relative to -C DIR */
    bool package;            /* an __init__.py */
    bool reached;            /* imported, directly or not, by env.py */
    bool relative;           /* imports its siblings with a leading dot */
    bool dynamic;            /* imports by computed names (importlib, pkgutil, __import__) */
    struct hg_strv imports;  /* absolute names: modules, and what is taken from them */
    struct hg_strv tables, classes; /* that it defines */
};

/* More modules than these, or deeper ones, are no models' package. */
#define HG_MODULES_MAX      2000
#define HG_MODULE_DEPTH_MAX 8

struct hg_modules {
    struct hg_module *items; /* sorted by name after loading */
    size_t count, cap;
    bool dynamic;            /* env.py or a reached module imports by computed names */
};

/* Reads imports and classes of the text; name and package must be set before (relative imports). */
int hg_module_parse(struct hg_module *m, const char *text, size_t len, struct hg_err *err);
/* Reads every module of the top-level packages that these imports name. Modules that no Python could
 * read are left out. */
int hg_modules_load(const struct hg_alembic_config *c, const struct hg_strv *imports,
                    struct hg_modules *ret, struct hg_err *err);
/* Adds the packages and modules that lie beside those, whoever imports them; as many as there is room for. */
void hg_modules_load_beside(const struct hg_alembic_config *c, struct hg_modules *ms);
/* Marks what is reached from these imports. */
void hg_modules_follow(struct hg_modules *ms, const struct hg_strv *imports);
struct hg_module *hg_modules_find(const struct hg_modules *ms, const char *name);
char *hg_module_parent(const struct hg_module *m); /* "db.tables"; "" for a top-level module */
void hg_module_done(struct hg_module *m);
void hg_modules_done(struct hg_modules *ms);

#endif
