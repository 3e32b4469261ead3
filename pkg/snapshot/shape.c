/* SPDX-License-Identifier: Apache-2.0 */
/* What the statements' rows mean together: oids become names, columns find their tables. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

uint32_t hg_shape_oid(const PGresult *res, int row, int column)
{
    const char *text = hg_pg_get(res, row, column);
    return text ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

/* ---- oid -> number ---------------------------------------------------------------------------- */

static size_t slot_of(const struct hg_oids *m, uint32_t oid)
{
    size_t at = (size_t)(oid * 2654435761u) & (m->size - 1);
    while (m->slots[at].oid && m->slots[at].oid != oid)
        at = (at + 1) & (m->size - 1);
    return at;
}

static void grow(struct hg_oids *m)
{
    struct hg_oids bigger = { .size = m->size ? m->size * 2 : 1024, .count = m->count };
    bigger.slots = hg_xcalloc(bigger.size, sizeof *bigger.slots);
    for (size_t i = 0; i < m->size; i++)
        if (m->slots[i].oid)
            bigger.slots[slot_of(&bigger, m->slots[i].oid)] = m->slots[i];
    free(m->slots);
    *m = bigger;
}

void hg_oids_set(struct hg_oids *m, uint32_t oid, uint32_t number)
{
    if (m->count * 2 >= m->size)
        grow(m);
    struct hg_oid_slot *slot = &m->slots[slot_of(m, oid)];
    m->count += !slot->oid;
    *slot = (struct hg_oid_slot){ oid, number };
}

uint32_t hg_oids_get(const struct hg_oids *m, uint32_t oid)
{
    const struct hg_oid_slot *slot = m->size && oid ? &m->slots[slot_of(m, oid)] : NULL;
    return slot && slot->oid ? slot->number : HG_NO_NUMBER;
}

/* ---- names ------------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* As the server's quote_identifier. */
void hg_shape_quote(const struct hg_shape *s, struct hg_buf *b, const char *name)
{
    bool safe = (*name >= 'a' && *name <= 'z') || *name == '_';
    for (const char *c = name; *c && safe; c++)
        safe = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_';
    if (safe && !bsearch(&name, s->words, s->word_count, sizeof *s->words, by_text)) {
        hg_buf_adds(b, name);
        return;
    }
    HG_AUTO(hg_freep) char *quoted = hg_pg_quote_ident(name);
    hg_buf_adds(b, quoted);
}

char *hg_shape_qualified(const struct hg_shape *s, uint32_t schema, const char *name)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    uint32_t row = hg_oids_get(&s->schemas, schema);
    hg_shape_quote(s, &b, row == HG_NO_NUMBER ? "?" : hg_pg_get(s->names, (int)row, 4));
    hg_buf_addc(&b, '.');
    hg_shape_quote(s, &b, name);
    return hg_buf_take(&b);
}

void hg_shape_take_names(struct hg_shape *s, PGresult *res)
{
    s->names = res;
    s->words = hg_xcalloc((size_t)PQntuples(res) + 1, sizeof *s->words);
    s->next_comment = hg_xcalloc((size_t)PQntuples(res) + 1, sizeof *s->next_comment);
    for (int row = 0; row < PQntuples(res); row++) {
        uint32_t a = hg_shape_oid(res, row, 1), b = hg_shape_oid(res, row, 2);
        switch (*hg_pg_get(res, row, 0)) {
        case 'w': /* word */
            s->words[s->word_count++] = hg_pg_get(res, row, 4);
            break;
        case 's': /* schema */
            hg_oids_set(&s->schemas, a, (uint32_t)row);
            break;
        case 'o': /* operator class */
            hg_oids_set(&s->classes, a, b);
            hg_oids_set(&s->class_types, b, a);
            break;
        case 'p': /* parent */
            hg_oids_set(&s->parents, a, b);
            break;
        case 't': /* toast */
            hg_oids_set(&s->toasts, a, hg_shape_oid(res, row, 3));
            break;
        default: /* comment; those of columns wait for them */
            if (hg_shape_oid(res, row, 3) == 0)
                hg_oids_set(a == HG_CLASS_OID ? &s->comments : &s->constraint_comments, b, (uint32_t)row);
            else {
                s->next_comment[row] = hg_oids_get(&s->commented, b);
                hg_oids_set(&s->commented, b, (uint32_t)row);
            }
        }
    }
    qsort(s->words, s->word_count, sizeof *s->words, by_text);
}

const char *hg_shape_comment(const struct hg_shape *s, const struct hg_oids *of, uint32_t oid)
{
    uint32_t row = hg_oids_get(of, oid);
    return row == HG_NO_NUMBER ? NULL : hg_pg_get(s->names, (int)row, 4);
}

enum { COLUMN_GENERATED = 4, COLUMN_MEMBERS };

/* ---- relations -------------------------------------------------------------------------------- */

uint32_t hg_shape_relation(struct hg_shape *s, const char *kind, const PGresult *res, int row)
{
    uint32_t oid = hg_shape_oid(res, row, 0);
    HG_AUTO(hg_freep) char *name = hg_shape_qualified(s, hg_shape_oid(res, row, 1), hg_pg_get(res, row, 2));
    uint32_t object = hg_store_object(s->store, kind, name);
    hg_oids_set(&s->objects, oid, object);
    const char *comment = hg_shape_comment(s, &s->comments, oid);
    if (comment)
        hg_store_text(s->store, object, "comment", comment);
    hg_store_row(s->store, object, res, row);
    return object;
}

static int by_relation_and_number(const void *a, const void *b)
{
    const struct hg_shape_column *left = a, *right = b;
    if (left->relation != right->relation)
        return left->relation < right->relation ? -1 : 1;
    return left->number - right->number;
}

void hg_shape_take_columns(struct hg_shape *s, PGresult *res)
{
    size_t count = (size_t)PQntuples(res);
    s->column_rows = res;
    s->name_column = PQfnumber(res, "name");
    s->column_fields = PQnfields(res);
    s->columns = hg_xcalloc(count + 1, sizeof *s->columns);
    bool sorted = true;
    for (size_t i = 0; i < count; i++) {
        s->columns[i] = (struct hg_shape_column){ hg_shape_oid(res, (int)i, 0), (int)i,
                                                  (int)hg_shape_oid(res, (int)i, 1),
                                                  hg_shape_oid(res, (int)i, 2), hg_shape_oid(res, (int)i, 3) };
        sorted = sorted && (i == 0 || by_relation_and_number(&s->columns[i - 1], &s->columns[i]) < 0);
    }
    s->column_count = count;
    if (!sorted)
        qsort(s->columns, count, sizeof *s->columns, by_relation_and_number);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || s->columns[i].relation != s->columns[i - 1].relation)
            hg_oids_set(&s->first_columns, s->columns[i].relation, (uint32_t)i);
}

const struct hg_shape_column *hg_shape_column(const struct hg_shape *s, uint32_t relation, int number)
{
    uint32_t first = hg_oids_get(&s->first_columns, relation);
    if (first == HG_NO_NUMBER)
        return NULL;
    for (size_t i = first; i < s->column_count && s->columns[i].relation == relation; i++)
        if (s->columns[i].number == number)
            return &s->columns[i];
    return NULL;
}

const char *hg_shape_column_name(const struct hg_shape *s, const struct hg_shape_column *column)
{
    return hg_pg_get(s->column_rows, column->row, s->name_column);
}

/* The comment of a column; NULL where it has none. */
static const char *column_comment(const struct hg_shape *s, const struct hg_shape_column *column)
{
    for (uint32_t row = hg_oids_get(&s->commented, column->relation); row != HG_NO_NUMBER;
         row = s->next_comment[row])
        if (hg_shape_oid(s->names, (int)row, 3) == (uint32_t)column->number)
            return hg_pg_get(s->names, (int)row, 4);
    return NULL;
}

/* One default of a relation after the other; a relation's stand anywhere. */
void hg_shape_take_defaults(struct hg_shape *s, PGresult *res)
{
    s->defaults = res;
    s->next_default = hg_xcalloc((size_t)PQntuples(res) + 1, sizeof *s->next_default);
    for (int row = 0; row < PQntuples(res); row++) {
        uint32_t relation = hg_shape_oid(res, row, 0);
        s->next_default[row] = hg_oids_get(&s->default_rows, relation);
        hg_oids_set(&s->default_rows, relation, (uint32_t)row);
    }
}

static const char *column_default(const struct hg_shape *s, const struct hg_shape_column *column)
{
    for (uint32_t row = hg_oids_get(&s->default_rows, column->relation); row != HG_NO_NUMBER;
         row = s->next_default[row])
        if (hg_shape_oid(s->defaults, (int)row, 1) == (uint32_t)column->number)
            return hg_pg_get(s->defaults, (int)row, 2);
    return NULL;
}

/* What is known from elsewhere stands among the row's members by its name. */
struct extra {
    const char *key, *text;
};

static void add_column(const struct hg_shape *s, const struct hg_shape_column *c, struct hg_buf *b)
{
    const PGresult *res = s->column_rows;
    bool generated = hg_pg_get(res, c->row, COLUMN_GENERATED) != NULL;
    const struct extra extras[] = { { "comment", column_comment(s, c) },
                                    { generated ? "generated" : "default", column_default(s, c) } };
    size_t extra = extras[0].text || extras[1].text ? 0 : HG_COUNT(extras);
    const char *separator = "";
    hg_buf_addc(b, '{');
    for (int i = COLUMN_MEMBERS; i < s->column_fields; i++) {
        const char *text = hg_pg_get(res, c->row, i), *key;
        if (!text && extra == HG_COUNT(extras))
            continue;
        key = PQfname(res, i);
        for (; extra < HG_COUNT(extras) && strcmp(key, extras[extra].key) > 0; extra++) {
            if (!extras[extra].text)
                continue;
            hg_buf_adds(b, separator);
            hg_buf_addc(b, '"');
            hg_buf_adds(b, extras[extra].key);
            hg_buf_adds(b, "\":");
            hg_store_add_string(b, extras[extra].text);
            separator = ",";
        }
        size_t before = b->len;
        if (!text)
            continue;
        hg_buf_adds(b, separator);
        hg_buf_addc(b, '"');
        hg_buf_adds(b, key);
        hg_buf_adds(b, "\":");
        if (hg_store_add_value(b, PQftype(res, i), text))
            separator = ",";
        else
            b->len = before;
    }
    hg_buf_addc(b, '}');
}

void hg_shape_add_columns(struct hg_shape *s, uint32_t relation, uint32_t object)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    uint32_t first = hg_oids_get(&s->first_columns, relation);
    hg_buf_addc(&b, '[');
    for (size_t i = first; first != HG_NO_NUMBER && i < s->column_count && s->columns[i].relation == relation;
         i++) {
        if (i > first)
            hg_buf_addc(&b, ',');
        add_column(s, &s->columns[i], &b);
    }
    hg_buf_addc(&b, ']');
    hg_store_json(s->store, object, "columns", &b);
}

void hg_shape_done(struct hg_shape *s)
{
    struct hg_oids *const maps[] = { &s->schemas, &s->classes, &s->class_types, &s->parents, &s->comments,
                                     &s->constraint_comments, &s->commented, &s->objects,
                                     &s->first_columns, &s->index_rows, &s->toasts, &s->default_rows };
    for (size_t i = 0; i < HG_COUNT(maps); i++)
        free(maps[i]->slots);
    free(s->words);
    free(s->next_comment);
    free(s->next_default);
    free(s->columns);
    hg_store_free(s->store);
}
