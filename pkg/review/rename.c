/* SPDX-License-Identifier: Apache-2.0 */
/* HG209: a drop and an add in one revision that look like a rename, and the line to write instead. */
#include "review/internal.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Two tables are alike when this share of the larger one's columns stands in both. */
#define ALIKE_PERCENT 60

/* Names that autogenerate writes for a model's type (String) and for what it reads back from the
 * database (VARCHAR), by family. */
static const char *const FAMILIES[][2] = {
    { "varchar", "string" },     { "text", "string" },          { "char", "string" },
    { "unicode", "string" },     { "unicodetext", "string" },   { "autostring", "string" },
    { "bigint", "integer" },     { "biginteger", "integer" },   { "int", "integer" },
    { "smallint", "integer" },   { "smallinteger", "integer" }, { "timestamp", "datetime" },
    { "double_precision", "float" }, { "double", "float" },     { "real", "float" },
    { "decimal", "numeric" },    { "bytea", "largebinary" },    { "jsonb", "json" },
};

static const char *family(const char *name)
{
    for (size_t i = 0; i < HG_COUNT(FAMILIES); i++)
        if (strcasecmp(FAMILIES[i][0], name) == 0)
            return FAMILIES[i][1];
    return name;
}

bool hg_review_types_alike(const char *a, const char *b)
{
    if (a == NULL || b == NULL || *a == '\0' || *b == '\0')
        return true;
    HG_AUTO(hg_freep) char *x = hg_xstrndup(a, strcspn(a, "("));
    HG_AUTO(hg_freep) char *y = hg_xstrndup(b, strcspn(b, "("));
    return strcasecmp(family(x), family(y)) == 0;
}

static bool same_table(const struct hg_review_op *a, const struct hg_review_op *b)
{
    return a->table != NULL && hg_streq(a->table, b->table) && hg_streq(a->schema, b->schema);
}

/* The operation of the way down that brings back what `drop` drops; NULL: not there. */
static const struct hg_review_op *restored_by(const struct hg_review *r,
                                              const struct hg_review_op *drop)
{
    enum hg_op_kind kind =
        drop->kind == HG_OP_DROP_COLUMN ? HG_OP_ADD_COLUMN : HG_OP_CREATE_TABLE;
    for (size_t i = 0; i < r->down.count; i++) {
        const struct hg_review_op *op = &r->down.ops[i];
        if (op->kind == kind && same_table(op, drop) &&
            (kind == HG_OP_CREATE_TABLE || hg_streq(op->name, drop->name)))
            return op;
    }
    return NULL;
}

bool hg_review_tables_alike(const struct hg_review_op *a, const struct hg_review_op *b, size_t *ret_common)
{
    size_t common = 0;
    for (size_t i = 0; i < b->columns.count; i++)
        common += hg_strv_has(&a->columns, b->columns.items[i]) ? 1 : 0;
    size_t larger = a->columns.count > b->columns.count ? a->columns.count : b->columns.count;
    *ret_common = common;
    return common * 100 >= larger * ALIKE_PERCENT;
}

/* 1 alike, -1 not alike, 0 cannot be told. */
static int tables_alike(const struct hg_review_op *dropped, const struct hg_review_op *created)
{
    size_t common;
    if (dropped == NULL || dropped->columns.count == 0 || created->columns.count == 0)
        return 0;
    return hg_review_tables_alike(dropped, created, &common) ? 1 : -1;
}

static int columns_alike(const struct hg_review_op *dropped, const struct hg_review_op *added)
{
    const char *type = dropped != NULL ? dropped->type : NULL;
    if (type == NULL || added->type == NULL)
        return 0;
    return hg_review_types_alike(type, added->type) ? 1 : -1;
}

static char *rename_line(const struct hg_review_op *drop, const struct hg_review_op *add)
{
    HG_AUTO(hg_freep) char *schema =
        drop->schema != NULL ? hg_xasprintf(", schema=\"%s\"", drop->schema) : hg_xstrdup("");
    if (drop->kind == HG_OP_DROP_TABLE)
        return hg_xasprintf("op.rename_table(\"%s\", \"%s\"%s)", drop->table, add->table, schema);
    if (drop->batch)
        return hg_xasprintf("batch_op.alter_column(\"%s\", new_column_name=\"%s\")", drop->name,
                            add->name);
    return hg_xasprintf("op.alter_column(\"%s\", \"%s\", new_column_name=\"%s\"%s)", drop->table,
                        drop->name, add->name, schema);
}

static void report(const struct hg_review_op *drop, const struct hg_review_op *add, bool sure,
                   const struct hg_revision *revision, struct hg_findings *findings)
{
    bool table = drop->kind == HG_OP_DROP_TABLE;
    struct hg_finding *f;
    if (table)
        f = hg_finding_add(findings, "HG209",
                           "drops table %s and creates table %s: if this is a rename, its rows "
                           "would be lost",
                           drop->table, add->table);
    else
        f = hg_finding_add(findings, "HG209",
                           "drops column %s of %s and adds column %s: if this is a rename, its "
                           "values would be lost",
                           drop->name, drop->table, add->name);
    HG_AUTO(hg_freep) char *line = rename_line(drop, add);
    f->help = hg_xasprintf("If it is a rename, write instead: %s (and the reverse in downgrade()). "
                           "If both are meant, waive HG209 for this revision in headgate.yaml with "
                           "the reason.",
                           line);
    /* Not knowing the old type or columns is a reason to look, not to stop. */
    if (!sure && f->severity > HG_SEV_WARNING)
        f->severity = HG_SEV_WARNING;
    f->revision = hg_xstrdup(revision->id);
    f->path = hg_xstrdup(revision->path);
    f->line = drop->line;
    f->object = table || drop->name == NULL ? hg_xstrdup(drop->table)
                                            : hg_xasprintf("%s.%s", drop->table, drop->name);
}

static bool is_pair(const struct hg_review_op *drop, const struct hg_review_op *add)
{
    bool table = drop->kind == HG_OP_DROP_TABLE;
    if (add->kind != (table ? HG_OP_CREATE_TABLE : HG_OP_ADD_COLUMN) || add->table == NULL)
        return false;
    return table ? !hg_streq(add->table, drop->table) && hg_streq(add->schema, drop->schema)
                 : same_table(drop, add) && add->name != NULL && !hg_streq(add->name, drop->name);
}

/* Does the same upgrade() give its name to another in the end? */
static bool renamed(const struct hg_review *r, const struct hg_review_op *what, const char *from, const char *to)
{
    enum hg_op_kind kind = what->kind == HG_OP_DROP_TABLE || what->kind == HG_OP_CREATE_TABLE
                               ? HG_OP_RENAME_TABLE : HG_OP_ALTER_COLUMN;
    for (size_t i = 0; i < r->up.count; i++) {
        const struct hg_review_op *op = &r->up.ops[i];
        const char *was = kind == HG_OP_RENAME_TABLE ? op->table : op->name;
        if (op->kind == kind && op->new_name && hg_streq(op->schema, what->schema) &&
            (kind == HG_OP_RENAME_TABLE || hg_streq(op->table, what->table)) &&
            (from ? hg_streq(was, from) : hg_streq(op->new_name, to)))
            return true;
    }
    return false;
}

static const char *name_of(const struct hg_review_op *op)
{
    return op->kind == HG_OP_DROP_TABLE || op->kind == HG_OP_CREATE_TABLE ? op->table : op->name;
}

/* Are the old values carried over, by SQL that names the old and a new one, or does something else take the old
 * name in the end? Autogenerate writes neither. */
static bool carried_over(const struct hg_review *r, const struct hg_review_op *drop)
{
    if (renamed(r, drop, NULL, name_of(drop)))
        return true;
    for (size_t i = 0; i < r->up.count; i++) {
        const char *sql = r->up.ops[i].sql;
        if (!sql || !hg_review_find_word(sql, name_of(drop)))
            continue;
        for (size_t a = 0; a < r->up.count; a++)
            if (is_pair(drop, &r->up.ops[a]) && hg_review_find_word(sql, name_of(&r->up.ops[a])))
                return true;
    }
    return false;
}

/* Python that is no operation, or SQL that it makes, may do so too: then nobody can be sure. */
static bool all_in_sight(const struct hg_review_body *b)
{
    bool all = b->other_statements == 0;
    for (size_t i = 0; i < b->count; i++)
        all = all && !(b->ops[i].kind == HG_OP_EXECUTE && b->ops[i].dynamic);
    return all;
}

/* How well `add` would be `drop` renamed: 2 surely alike, 1 cannot be told, 0 not. */
static int match(const struct hg_review *r, const struct hg_review_op *drop,
                 const struct hg_review_op *add)
{
    bool table = drop->kind == HG_OP_DROP_TABLE;
    if (!is_pair(drop, add) || renamed(r, add, name_of(add), NULL))
        return 0;
    const struct hg_review_op *old = restored_by(r, drop);
    return (table ? tables_alike(old, add) : columns_alike(old, add)) + 1;
}

void hg_review_check_rename(const struct hg_review *r, const struct hg_revision *revision,
                            struct hg_findings *findings)
{
    HG_AUTO(hg_freep) bool *taken = hg_xcalloc(r->up.count + 1, sizeof *taken);
    for (size_t d = 0; d < r->up.count; d++) {
        const struct hg_review_op *drop = &r->up.ops[d];
        if ((drop->kind != HG_OP_DROP_TABLE && drop->kind != HG_OP_DROP_COLUMN) ||
            drop->table == NULL || (drop->kind == HG_OP_DROP_COLUMN && drop->name == NULL))
            continue;
        size_t best = 0;
        int how = 0;
        for (size_t a = 0; a < r->up.count && !carried_over(r, drop); a++) {
            int m = taken[a] ? 0 : match(r, drop, &r->up.ops[a]);
            if (m > how) {
                how = m;
                best = a;
            }
        }
        if (how > 0) {
            taken[best] = true;
            report(drop, &r->up.ops[best], how == 2 && all_in_sight(&r->up), revision, findings);
        }
    }
}
