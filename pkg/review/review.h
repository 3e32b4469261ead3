/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/review/review.h - what a revision file does, read from its text: the operations of upgrade()
 * and downgrade() in words, and the accidents that such a text shows before anything runs.
 *
 * Static: no Python is started, nothing is guessed. What stands below an `if`, a loop or a `try` is
 * marked conditional; what is not a literal is marked dynamic; code that is not an operation at all
 * is counted, so that a body is called empty only when Python would do nothing in it.
 *
 * Recipe for the gate: hg_review_revision() for each pending revision. Recipe for `headgate new`:
 * the same for the new revision, then hg_review_text().
 * Ownership: a review owns its operations and all their strings. Paths in findings are those of the
 * revision (relative to -C DIR).
 */
#ifndef HG_REVIEW_REVIEW_H
#define HG_REVIEW_REVIEW_H

#include "alembic/alembic.h"
#include "finding/finding.h"

/* ---- operations --------------------------------------------------------------------------- */

enum hg_op_kind {
    HG_OP_CREATE_TABLE,
    HG_OP_DROP_TABLE,
    HG_OP_RENAME_TABLE,
    HG_OP_ADD_COLUMN,
    HG_OP_DROP_COLUMN,
    HG_OP_ALTER_COLUMN,
    HG_OP_CREATE_INDEX,
    HG_OP_DROP_INDEX,
    HG_OP_CREATE_CONSTRAINT, /* foreign key, unique, check, primary key */
    HG_OP_DROP_CONSTRAINT,
    HG_OP_EXECUTE,           /* SQL, also bulk_insert */
    HG_OP_OTHER,             /* another op.NAME(…) */
};

struct hg_review_op {
    enum hg_op_kind kind;
    char *call;              /* as written: "create_foreign_key" */
    char *schema, *table;    /* NULL: none or not literal */
    char *name;              /* column, index or constraint; NULL: none */
    char *new_name;          /* rename_table, alter_column(new_column_name=…) */
    char *type;              /* column type as written, "BigInteger()"; NULL: not known */
    struct hg_strv columns;  /* create_table: names; create_index: names */
    struct hg_strv types;    /* create_table: type of each column, "" where unknown */
    char *sql;               /* execute: the literal text, else NULL */
    int line;
    bool conditional;        /* below an if, for, while, try, with (a batch excepted) or in a helper */
    bool dynamic;            /* the table's or column's name is not a literal */
    bool batch;              /* inside batch_alter_table */
    bool nameless;           /* drop_constraint: the name is None */
};

struct hg_review_body {
    bool present;            /* the function stands in the file */
    bool raises;             /* a raise at its outermost level */
    size_t other_statements; /* that are no operation, docstring, pass or raise */
    int line;                /* of its `def` */
    struct hg_review_op *ops;
    size_t count, cap;
};

struct hg_review {
    struct hg_review_body up, down;
};

/* Files beyond these are an error of kind CONFIG rather than a slow review. */
#define HG_REVIEW_TEXT_MAX ((size_t)16 << 20)
#define HG_REVIEW_OPS_MAX  100000

/* Reads a revision file's text. CONFIG with a line for text that no Python could read (an open
 * string or bracket), or past the caps. */
int hg_review_scan(const char *text, size_t len, struct hg_review *ret, struct hg_err *err);
void hg_review_done(struct hg_review *r);

/* True when Python would do nothing in this body: absent, or only docstring, pass and `...`. */
bool hg_review_body_empty(const struct hg_review_body *b);

/* "adds column source_count (BigInteger) to notebooks" */
void hg_review_op_words(const struct hg_review_op *op, struct hg_buf *ret);

/* ---- meaning ------------------------------------------------------------------------------ */

/* Does Python read the same in both? Comments, blank lines, line ends, layout, quotes, docstrings and
 * the order of imports are no difference (docs/integrity.md has the policy). When it does not, the
 * lines (from 1) where the two part; 0 where one of them cannot be read as Python. */
bool hg_review_same(const char *a, size_t alen, const char *b, size_t blen, int *ret_a, int *ret_b);

/* ---- models ------------------------------------------------------------------------------- */

/* The package of models that env.py imports (`from db.tables import Base`), read statically. */
struct hg_review_models {
    char *package;           /* "db.tables"; NULL: env.py imports no package found on disk */
    char *init;              /* its __init__.py for people, relative to -C DIR */
    char *init_file;         /* the same, absolute */
    struct hg_strv tables;   /* __tablename__ of every registered class */
    bool dynamic;            /* modules are imported by computed names: there may be more tables */
    /* Modules that define tables but are not imported, four parallel lists. */
    struct hg_strv missing_module; /* "source" */
    struct hg_strv missing_path;   /* "backend/db/tables/source.py" */
    struct hg_strv missing_tables; /* "sources" or "a, b" */
    struct hg_strv missing_line;   /* "from db.tables.source import SourcesTable" */
};
/* Nothing found is no error: package NULL. -1 only when a file that is there cannot be read. */
int hg_review_models_load(const struct hg_alembic_config *c, struct hg_review_models *ret,
                          struct hg_err *err);
void hg_review_models_done(struct hg_review_models *m);
/* Modules wherever beside the models' package ("backend/billing/models.py") that define tables on what env.py
 * imports too, and that it never imports. A guess, for a hint: they may be another program's. */
int hg_review_models_beside(const struct hg_alembic_config *c, struct hg_strv *ret, struct hg_err *err);

/* HG207 for each module of `models` that defines tables and is not imported. */
void hg_review_check_models(const struct hg_review_models *models, struct hg_findings *findings);

/* ---- findings ----------------------------------------------------------------------------- */

/* Reviews one revision of a loaded graph and adds HG208 (empty, unless it merges), HG209 (drop and
 * add that look like a rename), HG210 (drops a table that no revision created), HG211 (no way
 * down), HG220 (touches schema headgate). models may be NULL; with it HG208 names the module that
 * probably explains the emptiness. ret may be NULL when only the findings are wanted. */
int hg_review_revision(const struct hg_graph *graph, const struct hg_revision *revision,
                       const struct hg_review_models *models, struct hg_review *ret,
                       struct hg_findings *findings, struct hg_err *err);

/* HG209 for each table that one of `fresh` (pending, or new in this branch) creates and a model has, while a
 * table with the same columns, made by a revision that is not among them, has no model any more and is neither
 * dropped nor renamed. One scan of the whole history. */
void hg_review_check_left(const struct hg_graph *graph, const struct hg_revlist *fresh,
                          const struct hg_review_models *models, struct hg_findings *findings);

/* The review for people: "up" and "down" with one line an operation. */
void hg_review_text(const struct hg_review *r, bool color, struct hg_buf *ret);

#endif
