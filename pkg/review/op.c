/* SPDX-License-Identifier: Apache-2.0 */
/* One operation from the arguments of its call; signatures are those of alembic/operations/ops.py. */
#include "review/internal.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct call {
    const char *name;
    enum hg_op_kind kind;
    /* Position of the table and of the name among the arguments, outside and inside a batch, where
     * the table is not repeated; -1: it has none. */
    signed char table, name_at, batch_name;
    const char *table_keyword, *name_keyword;
};

static const struct call CALLS[] = {
    { "create_table", HG_OP_CREATE_TABLE, 0, -1, -1, "table_name", NULL },
    { "drop_table", HG_OP_DROP_TABLE, 0, -1, -1, "table_name", NULL },
    { "rename_table", HG_OP_RENAME_TABLE, 0, -1, -1, "old_table_name", NULL },
    { "add_column", HG_OP_ADD_COLUMN, 0, -1, -1, "table_name", NULL },
    { "drop_column", HG_OP_DROP_COLUMN, 0, 1, 0, "table_name", "column_name" },
    { "alter_column", HG_OP_ALTER_COLUMN, 0, 1, 0, "table_name", "column_name" },
    { "create_index", HG_OP_CREATE_INDEX, 1, 0, 0, "table_name", "index_name" },
    { "drop_index", HG_OP_DROP_INDEX, 1, 0, 0, "table_name", "index_name" },
    { "create_foreign_key", HG_OP_CREATE_CONSTRAINT, 1, 0, 0, "source_table", "constraint_name" },
    { "create_unique_constraint", HG_OP_CREATE_CONSTRAINT, 1, 0, 0, "table_name",
      "constraint_name" },
    { "create_check_constraint", HG_OP_CREATE_CONSTRAINT, 1, 0, 0, "table_name",
      "constraint_name" },
    { "create_primary_key", HG_OP_CREATE_CONSTRAINT, 1, 0, 0, "table_name", "constraint_name" },
    { "create_exclude_constraint", HG_OP_CREATE_CONSTRAINT, 1, 0, 0, "table_name",
      "constraint_name" },
    { "drop_constraint", HG_OP_DROP_CONSTRAINT, 1, 0, 0, "table_name", "constraint_name" },
    { "execute", HG_OP_EXECUTE, -1, -1, -1, NULL, NULL },
    { "bulk_insert", HG_OP_EXECUTE, -1, -1, -1, NULL, NULL },
    { "create_table_comment", HG_OP_OTHER, 0, -1, -1, "table_name", NULL },
    { "drop_table_comment", HG_OP_OTHER, 0, -1, -1, "table_name", NULL },
};

/* Names on `op` that change nothing by themselves. */
static const char *const NOT_OPERATIONS[] = { "f",           "get_bind",       "get_context",
                                              "batch_alter_table", "inline_literal", "invoke",
                                              "implementation_for", "register_operation" };

static const struct call *find_call(const char *name)
{
    for (size_t i = 0; i < HG_COUNT(CALLS); i++)
        if (hg_streq(CALLS[i].name, name))
            return &CALLS[i];
    return NULL;
}

bool hg_review_op_kind(const char *call, enum hg_op_kind *ret)
{
    for (size_t i = 0; i < HG_COUNT(NOT_OPERATIONS); i++)
        if (hg_streq(NOT_OPERATIONS[i], call))
            return false;
    const struct call *c = find_call(call);
    *ret = c != NULL ? c->kind : HG_OP_OTHER;
    return true;
}

char *hg_review_type_text(const char *start, size_t len)
{
    static const char *const PREFIXES[] = { "sa.", "sqlalchemy.", "postgresql.", "types.",
                                            "sqlmodel.sql.sqltypes." };
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < len; i++) {
        bool at_name = i == 0 || !(isalnum((unsigned char)start[i - 1]) || start[i - 1] == '_' ||
                                   start[i - 1] == '.');
        for (size_t p = 0; at_name && p < HG_COUNT(PREFIXES); p++) {
            size_t n = strlen(PREFIXES[p]);
            if (len - i > n && strncmp(start + i, PREFIXES[p], n) == 0)
                i += n;
        }
        if (at_name && len - i > 7 && strncmp(start + i, "length=", 7) == 0)
            i += 7;
        if (!isspace((unsigned char)start[i]))
            hg_buf_addc(&b, start[i]);
        else if (b.len > 0 && b.data[b.len - 1] == ',')
            hg_buf_addc(&b, ' ');
    }
    if (hg_ends_with(hg_buf_str(&b), "()"))
        b.data[b.len -= 2] = '\0';
    return hg_buf_take(&b);
}

/* The source text of tokens [from, to) as a type. */
static char *type_of(const struct hg_py *py, size_t from, size_t to)
{
    const char *start = py->tokens[from].start;
    const struct hg_py_token *last = &py->tokens[to - 1];
    return hg_review_type_text(start, (size_t)(last->start + last->len - start));
}

/* [from, to) is `…Column(…)`: index of its "(", else 0. */
static size_t column_open(const struct hg_py *py, size_t from, size_t to)
{
    size_t at = from;
    while (at + 2 < to && py->tokens[at].kind == HG_PY_NAME && hg_py_is(&py->tokens[at + 1], "."))
        at += 2;
    bool column = at + 2 < to && hg_py_is(&py->tokens[at], "Column") &&
                  hg_py_is(&py->tokens[at + 1], "(") && hg_py_close(py, at + 1, to) == to;
    return column ? at + 1 : 0;
}

/* Name (NULL when not literal) and type (NULL when none) of a Column(…) call. */
static void read_column(const struct hg_py *py, size_t open, size_t to, char **name, char **type)
{
    HG_AUTO(hg_py_args_done) struct hg_py_args args;
    hg_py_args(py, open, to, &args);
    const struct hg_py_arg *n = hg_py_arg(&args, "name", 0);
    *name = n != NULL ? hg_py_value(py, n->from, n->to) : NULL;
    const struct hg_py_arg *t = hg_py_arg(&args, "type_", 1);
    *type = NULL;
    if (t == NULL || t->keyword != NULL) {
        *type = t != NULL ? type_of(py, t->from, t->to) : NULL;
        return;
    }
    for (size_t i = t->from; i < t->to && !hg_py_is(&py->tokens[i], "("); i++)
        if (hg_py_is(&py->tokens[i], "ForeignKey"))
            return;
    *type = type_of(py, t->from, t->to);
}

static char *value_of(const struct hg_py *py, const struct hg_py_arg *arg)
{
    return arg != NULL ? hg_py_value(py, arg->from, arg->to) : NULL;
}

/* The columns of create_table, or the one of add_column. */
static void fill_columns(const struct hg_py *py, const struct hg_py_args *args,
                         struct hg_review_op *op)
{
    for (size_t i = 0; i < args->count; i++) {
        size_t open = column_open(py, args->items[i].from, args->items[i].to);
        if (open == 0)
            continue;
        HG_AUTO(hg_freep) char *name = NULL;
        HG_AUTO(hg_freep) char *type = NULL;
        read_column(py, open, args->items[i].to, &name, &type);
        if (op->kind == HG_OP_ADD_COLUMN) {
            op->name = HG_TAKE(name);
            op->type = HG_TAKE(type);
            return;
        }
        if (name != NULL) {
            hg_strv_add(&op->columns, name);
            hg_strv_add(&op->types, type != NULL ? type : "");
        }
    }
}

/* The literal names of a list argument: create_index's columns. */
static void fill_list(const struct hg_py *py, const struct hg_py_arg *arg, struct hg_strv *ret)
{
    if (arg == NULL || !hg_py_is(&py->tokens[arg->from], "["))
        return;
    HG_AUTO(hg_py_args_done) struct hg_py_args items;
    hg_py_args(py, arg->from, arg->to, &items);
    for (size_t i = 0; i < items.count; i++) {
        HG_AUTO(hg_freep) char *name = value_of(py, &items.items[i]);
        if (name != NULL)
            hg_strv_add(ret, name);
    }
}

static void fill_details(const struct hg_py *py, const struct hg_py_args *args, bool batch,
                         struct hg_review_op *op)
{
    const struct hg_py_arg *arg;
    if (op->kind == HG_OP_CREATE_TABLE || op->kind == HG_OP_ADD_COLUMN)
        fill_columns(py, args, op);
    if (op->kind == HG_OP_RENAME_TABLE)
        op->new_name = value_of(py, hg_py_arg(args, "new_table_name", 1));
    if (op->kind == HG_OP_CREATE_INDEX)
        fill_list(py, hg_py_arg(args, "columns", batch ? 1 : 2), &op->columns);
    if (op->kind == HG_OP_EXECUTE)
        op->sql = value_of(py, hg_py_arg(args, "sqltext", 0));
    if (op->kind == HG_OP_ALTER_COLUMN) {
        if ((arg = hg_py_arg(args, "new_column_name", -2)) != NULL)
            op->new_name = value_of(py, arg);
        if ((arg = hg_py_arg(args, "type_", -2)) != NULL)
            op->type = type_of(py, arg->from, arg->to);
    }
}

void hg_review_op_fill(const struct hg_py *py, size_t open, size_t close, const char *batch_table,
                       struct hg_review_op *op)
{
    const struct call *c = find_call(op->call);
    HG_AUTO(hg_py_args_done) struct hg_py_args args;
    hg_py_args(py, open, close, &args);
    op->schema = value_of(py, hg_py_arg(&args, "schema", -2));
    if (c == NULL)
        return;
    op->batch = batch_table != NULL;
    if (op->batch)
        op->table = hg_xstrdup(batch_table);
    else if (c->table >= 0)
        op->table = value_of(py, hg_py_arg(&args, c->table_keyword, c->table));
    int name_at = op->batch ? c->batch_name : c->name_at;
    const struct hg_py_arg *name = name_at >= 0 ? hg_py_arg(&args, c->name_keyword, name_at) : NULL;
    op->name = value_of(py, name);
    op->nameless = op->kind == HG_OP_DROP_CONSTRAINT && name && hg_py_is(&py->tokens[name->from], "None");
    fill_details(py, &args, op->batch, op);
    bool column = op->kind == HG_OP_ADD_COLUMN || op->kind == HG_OP_DROP_COLUMN ||
                  op->kind == HG_OP_ALTER_COLUMN;
    bool table = column || op->kind == HG_OP_CREATE_TABLE || op->kind == HG_OP_DROP_TABLE;
    op->dynamic = (table && op->table == NULL) || (column && op->name == NULL) ||
                  (op->kind == HG_OP_EXECUTE && op->sql == NULL);
}

void hg_review_op_done(struct hg_review_op *op)
{
    hg_freep(&op->call);
    hg_freep(&op->schema);
    hg_freep(&op->table);
    hg_freep(&op->name);
    hg_freep(&op->new_name);
    hg_freep(&op->type);
    hg_freep(&op->sql);
    hg_strv_done(&op->columns);
    hg_strv_done(&op->types);
}
