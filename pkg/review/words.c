/* SPDX-License-Identifier: Apache-2.0 */
#include "review/internal.h"

#include <ctype.h>
#include <string.h>

#define SQL_SHOWN    60 /* characters of a statement in one line of words */
#define COLUMNS_SHOWN 8

/* "schema.table", or what stands for a name that is not literal. */
static void add_table(const struct hg_review_op *op, struct hg_buf *b)
{
    if (op->schema != NULL)
        hg_buf_addf(b, "%s.", op->schema);
    hg_buf_adds(b, op->table != NULL ? op->table : "(a computed name)");
}

static void add_name(const char *name, struct hg_buf *b)
{
    hg_buf_adds(b, name != NULL ? name : "(a computed name)");
}

static void add_columns(const struct hg_strv *columns, struct hg_buf *b)
{
    if (columns->count == 0)
        return;
    hg_buf_adds(b, " (");
    for (size_t i = 0; i < columns->count && i < COLUMNS_SHOWN; i++)
        hg_buf_addf(b, "%s%s", i > 0 ? ", " : "", columns->items[i]);
    if (columns->count > COLUMNS_SHOWN)
        hg_buf_addf(b, " and %zu more", columns->count - COLUMNS_SHOWN);
    hg_buf_addc(b, ')');
}

/* The statement on one line, cut. */
static void add_sql(const char *sql, struct hg_buf *b)
{
    if (sql == NULL) {
        hg_buf_adds(b, "computed SQL");
        return;
    }
    hg_buf_adds(b, "SQL: ");
    size_t start = b->len;
    bool blank = true;
    for (; *sql != '\0' && b->len - start < SQL_SHOWN; sql++) {
        bool space = isspace((unsigned char)*sql) != 0;
        if (!space || !blank)
            hg_buf_addc(b, space ? ' ' : *sql);
        blank = space;
    }
    if (*sql == '\0')
        return;
    /* Not in the middle of a character. */
    while (b->len > start && ((unsigned char)*sql & 0xc0) == 0x80) {
        sql--;
        b->data[--b->len] = '\0';
    }
    hg_buf_adds(b, "…");
}

static void words_alter(const struct hg_review_op *op, struct hg_buf *b)
{
    hg_buf_adds(b, op->new_name != NULL ? "renames column " : "changes column ");
    add_name(op->name, b);
    hg_buf_adds(b, " of ");
    add_table(op, b);
    if (op->new_name != NULL)
        hg_buf_addf(b, " to %s", op->new_name);
    if (op->type != NULL)
        hg_buf_addf(b, "%s type %s", op->new_name != NULL ? ", now of" : " to", op->type);
}

/* "creates index x on t (a, b)", "drops constraint x of t". */
static void words_part(const struct hg_review_op *op, const char *verb, const char *on,
                       struct hg_buf *b)
{
    hg_buf_addf(b, "%s ", verb);
    if (op->name != NULL)
        hg_buf_addf(b, "%s ", op->name);
    if (op->table == NULL && !op->dynamic && op->kind == HG_OP_DROP_INDEX) {
        b->data[--b->len] = '\0';
        return;
    }
    hg_buf_addf(b, "%s ", on);
    add_table(op, b);
}

/* create_foreign_key -> "adds foreign key". */
static const char *constraint_verb(const char *call)
{
    static const char *const VERBS[][2] = { { "create_foreign_key", "adds foreign key" },
                                            { "create_unique_constraint", "adds unique constraint" },
                                            { "create_check_constraint", "adds check constraint" },
                                            { "create_primary_key", "adds primary key" } };
    for (size_t i = 0; i < HG_COUNT(VERBS); i++)
        if (hg_streq(VERBS[i][0], call))
            return VERBS[i][1];
    return "adds constraint";
}

static void words_table(const struct hg_review_op *op, const char *verb, struct hg_buf *b)
{
    hg_buf_addf(b, "%s table ", verb);
    add_table(op, b);
    add_columns(&op->columns, b);
    if (op->kind == HG_OP_RENAME_TABLE) {
        hg_buf_adds(b, " to ");
        add_name(op->new_name, b);
    }
}

static void words_column(const struct hg_review_op *op, const char *verb, const char *on,
                         struct hg_buf *b)
{
    hg_buf_addf(b, "%s column ", verb);
    add_name(op->name, b);
    if (op->type != NULL)
        hg_buf_addf(b, " (%s)", op->type);
    hg_buf_addf(b, " %s ", on);
    add_table(op, b);
}

static void words_other(const struct hg_review_op *op, struct hg_buf *b)
{
    hg_buf_addf(b, "calls op.%s", op->call);
    if (op->table != NULL) {
        hg_buf_adds(b, " on ");
        add_table(op, b);
    }
}

void hg_review_op_words(const struct hg_review_op *op, struct hg_buf *ret)
{
    switch (op->kind) {
    case HG_OP_CREATE_TABLE: words_table(op, "creates", ret); break;
    case HG_OP_DROP_TABLE: words_table(op, "drops", ret); break;
    case HG_OP_RENAME_TABLE: words_table(op, "renames", ret); break;
    case HG_OP_ADD_COLUMN: words_column(op, "adds", "to", ret); break;
    case HG_OP_DROP_COLUMN: words_column(op, "drops", "of", ret); break;
    case HG_OP_ALTER_COLUMN: words_alter(op, ret); break;
    case HG_OP_CREATE_INDEX:
        words_part(op, "creates index", "on", ret);
        add_columns(&op->columns, ret);
        break;
    case HG_OP_DROP_INDEX: words_part(op, "drops index", "of", ret); break;
    case HG_OP_CREATE_CONSTRAINT: words_part(op, constraint_verb(op->call), "to", ret); break;
    case HG_OP_DROP_CONSTRAINT: words_part(op, "drops constraint", "of", ret); break;
    case HG_OP_EXECUTE:
        if (hg_streq(op->call, "execute")) {
            hg_buf_adds(ret, "runs ");
            add_sql(op->sql, ret);
        } else {
            hg_buf_adds(ret, "inserts rows");
        }
        break;
    case HG_OP_OTHER: words_other(op, ret); break;
    }
    if (op->conditional)
        hg_buf_adds(ret, ", on a condition");
}

static void body_text(const struct hg_review_body *b, const char *name, bool color,
                      struct hg_buf *ret)
{
    hg_buf_addf(ret, "  %s%s%s\n", color ? "\033[1m" : "", name, color ? "\033[0m" : "");
    for (size_t i = 0; i < b->count; i++) {
        hg_buf_adds(ret, "    ");
        hg_review_op_words(&b->ops[i], ret);
        hg_buf_addc(ret, '\n');
    }
    if (b->other_statements > 0)
        hg_buf_addf(ret, "    runs %zu other statement%s of Python\n", b->other_statements,
                    b->other_statements == 1 ? "" : "s");
    if (b->raises)
        hg_buf_adds(ret, "    raises an error\n");
    else if (hg_review_body_empty(b))
        hg_buf_adds(ret, b->present ? "    does nothing\n" : "    there is no such function\n");
}

void hg_review_text(const struct hg_review *r, bool color, struct hg_buf *ret)
{
    body_text(&r->up, "up", color, ret);
    body_text(&r->down, "down", color, ret);
}
