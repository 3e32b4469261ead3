/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog while it grows: objects and their members as JSON that is ready to be written. A tree of
 * hash tables would take three times as long as the server needs for its answers. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX ((size_t)1 << 30)

enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_JSON = 114, OID_JSONB = 3802 };
enum { NONE = UINT32_MAX };

struct member {
    const char *key;            /* borrowed from a result or a literal, or in `keys` */
    size_t at, len;             /* in text */
    uint32_t next;
};

struct object {
    const char *kind;           /* likewise */
    size_t name;                /* in text, NUL-terminated, not JSON */
    uint32_t first, last;
};

struct hg_store {
    struct hg_buf text;
    struct object *objects;
    struct member *members;
    size_t object_count, object_cap, member_count, member_cap;
    struct hg_strv keys;        /* of documents that are gone */
};

struct hg_store *hg_store_new(void)
{
    struct hg_store *s = hg_xcalloc(1, sizeof *s);
    s->text.max = TEXT_MAX;
    return s;
}

void hg_store_free(struct hg_store *s)
{
    if (!s)
        return;
    hg_buf_done(&s->text);
    hg_strv_done(&s->keys);
    free(s->objects);
    free(s->members);
    free(s);
}

/* ---- values ----------------------------------------------------------------------------------- */

static bool plain(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c > 0x7e || *c == '"' || *c == '\\')
            return false;
    return true;
}

static void add_dumped(struct hg_buf *b, json_t *value)
{
    char *dumped = json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
    hg_buf_adds(b, dumped ? dumped : "null");
    free(dumped);
    json_decref(value);
}

void hg_store_add_string(struct hg_buf *b, const char *text)
{
    if (!plain(text)) {
        add_dumped(b, hg_json_text(text));
        return;
    }
    hg_buf_addc(b, '"');
    hg_buf_adds(b, text);
    hg_buf_addc(b, '"');
}

bool hg_store_add_value(struct hg_buf *b, Oid type, const char *text)
{
    json_t *value;
    switch (type) {
    case OID_BOOL:
        if (*text == 't')
            hg_buf_adds(b, "true");
        return *text == 't';
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
        hg_buf_adds(b, text);
        return true;
    case OID_JSON:
    case OID_JSONB:
        value = json_loads(text, JSON_DECODE_ANY, NULL);
        if (!value || json_is_null(value)) {
            json_decref(value);
            return false;
        }
        add_dumped(b, value);
        return true;
    default:
        hg_store_add_string(b, text);
        return true;
    }
}

/* ---- objects ---------------------------------------------------------------------------------- */

uint32_t hg_store_object(struct hg_store *s, const char *kind, const char *name)
{
    if (s->object_count == s->object_cap) {
        s->object_cap = s->object_cap ? s->object_cap * 2 : 1024;
        s->objects = hg_xrealloc(s->objects, s->object_cap, sizeof *s->objects);
    }
    s->objects[s->object_count] = (struct object){ kind, s->text.len, NONE, NONE };
    hg_buf_add(&s->text, name, strlen(name) + 1);
    return (uint32_t)s->object_count++;
}

const char *hg_store_name(const struct hg_store *s, uint32_t object)
{
    return s->text.data + s->objects[object].name;
}

/* The member's value is what was added to the text since `from`. */
static void close_member(struct hg_store *s, uint32_t object, const char *key, size_t from)
{
    if (s->member_count == s->member_cap) {
        s->member_cap = s->member_cap ? s->member_cap * 2 : 4096;
        s->members = hg_xrealloc(s->members, s->member_cap, sizeof *s->members);
    }
    struct object *o = &s->objects[object];
    uint32_t at = (uint32_t)s->member_count++;
    s->members[at] = (struct member){ key, from, s->text.len - from, NONE };
    if (o->first == NONE)
        o->first = at;
    else
        s->members[o->last].next = at;
    o->last = at;
}

void hg_store_text(struct hg_store *s, uint32_t object, const char *key, const char *value)
{
    size_t from = s->text.len;
    hg_store_add_string(&s->text, value);
    close_member(s, object, key, from);
}

void hg_store_json(struct hg_store *s, uint32_t object, const char *key, const struct hg_buf *json)
{
    size_t from = s->text.len;
    hg_buf_add(&s->text, json->data, json->len);
    close_member(s, object, key, from);
}

/* Members that are null or empty say nothing, and are left out. */
static void add_document(struct hg_store *s, uint32_t object, const char *text)
{
    const char *key;
    json_t *value, *document = json_loads(text, JSON_DECODE_ANY, NULL);
    json_object_foreach(document, key, value) {
        if (json_is_null(value))
            continue;
        size_t from = s->text.len;
        add_dumped(&s->text, json_incref(value));
        hg_strv_add(&s->keys, key);
        close_member(s, object, s->keys.items[s->keys.count - 1], from);
    }
    json_decref(document);
}

void hg_store_row(struct hg_store *s, uint32_t object, const PGresult *res, int row)
{
    for (int column = 2; column < PQnfields(res); column++) {
        const char *text = hg_pg_get(res, row, column), *name = PQfname(res, column);
        if (!text || *name == '.')
            continue;
        size_t from = s->text.len;
        if (hg_streq(name, "members"))
            add_document(s, object, text);
        else if (hg_store_add_value(&s->text, PQftype(res, column), text))
            close_member(s, object, name, from);
    }
}

/* ---- writing ---------------------------------------------------------------------------------- */

struct order {
    const char *kind, *name;
    uint32_t object;
};

static int by_kind_and_name(const void *a, const void *b)
{
    const struct order *left = a, *right = b;
    int order = left->kind == right->kind ? 0 : strcmp(left->kind, right->kind);
    if (!order)
        order = strcmp(left->name, right->name);
    return order ? order : (left->object > right->object) - (left->object < right->object);
}

enum { MEMBERS_MAX = 64 };

/* The members of an object in the order of their keys; of two with one key the later. */
static size_t sorted_members(const struct hg_store *s, const struct order *of, size_t count,
                             const struct member **ret)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const struct object *o = &s->objects[of[i].object];
        for (uint32_t at = o->first; at != NONE; at = s->members[at].next) {
            const struct member *m = &s->members[at];
            size_t place = found;
            int order = 1;
            while (place > 0 && (order = strcmp(m->key, ret[place - 1]->key)) < 0)
                place--;
            if (place > 0 && order == 0) {
                ret[place - 1] = m;
                continue;
            }
            if (found == MEMBERS_MAX)
                HG_BUG("an object with more members than any statement gives");
            memmove(ret + place + 1, ret + place, (found - place) * sizeof(struct member *));
            ret[place] = m;
            found++;
        }
    }
    return found;
}

static void write_object(const struct hg_store *s, const struct order *of, size_t count, struct hg_buf *b)
{
    const struct member *members[MEMBERS_MAX + 1];
    size_t found = sorted_members(s, of, count, members);
    hg_buf_addc(b, '\n'); /* an object a line: for diff and grep; the digest leaves it out */
    hg_store_add_string(b, of->name);
    hg_buf_adds(b, ":{");
    for (size_t i = 0; i < found; i++) {
        hg_buf_adds(b, i ? ",\"" : "\"");
        hg_buf_adds(b, members[i]->key);
        hg_buf_adds(b, "\":");
        hg_buf_add(b, s->text.data + members[i]->at, members[i]->len);
    }
    hg_buf_addc(b, '}');
}

int hg_store_write(const struct hg_store *s, struct hg_buf *ret, struct hg_err *err)
{
    if (s->text.overflow)
        return hg_fail(err, HG_E_DATABASE, "the catalog is larger than 1 GiB of text");
    HG_AUTO(hg_freep) struct order *all = hg_xcalloc(s->object_count + 1, sizeof *all);
    for (size_t i = 0; i < s->object_count; i++)
        all[i] = (struct order){ s->objects[i].kind, hg_store_name(s, (uint32_t)i), (uint32_t)i };
    qsort(all, s->object_count, sizeof *all, by_kind_and_name);
    hg_buf_addc(ret, '{');
    for (size_t i = 0, same; i < s->object_count; i += same) {
        bool new_kind = i == 0 || !hg_streq(all[i].kind, all[i - 1].kind);
        for (same = 1; i + same < s->object_count && hg_streq(all[i].kind, all[i + same].kind) &&
                       hg_streq(all[i].name, all[i + same].name);
             same++)
            continue;
        if (new_kind) {
            hg_buf_adds(ret, i ? "},\"" : "\"");
            hg_buf_adds(ret, all[i].kind);
            hg_buf_adds(ret, "\":{");
        } else {
            hg_buf_addc(ret, ',');
        }
        write_object(s, &all[i], same, ret);
    }
    hg_buf_adds(ret, s->object_count ? "}}" : "}");
    return 0;
}
