/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "archive/archive.h"

#define SCHEMA "headgate.snapshot/1"

/* The documents beside the manifest, in the order of the file. */
static const struct {
    const char *name;
    size_t offset;
} DOCUMENTS[] = {
    { "status", offsetof(struct hg_snapshot, status) },
    { "catalog", offsetof(struct hg_snapshot, catalog) },
    { "sizes", offsetof(struct hg_snapshot, sizes) },
    { "activity", offsetof(struct hg_snapshot, activity) },
    { "ledger", offsetof(struct hg_snapshot, ledger) },
};

static json_t **document(const struct hg_snapshot *s, size_t i)
{
    return (json_t **)((char *)(uintptr_t)s + DOCUMENTS[i].offset);
}

/* The same document as text, where it was kept so; each ends with a line's end. */
static const struct hg_buf *kept_text(const struct hg_snapshot *s, const char *name)
{
    const struct hg_buf *text = hg_streq(name, "catalog") ? &s->catalog_text
                                : hg_streq(name, "sizes") ? &s->sizes_text : NULL;
    return text && text->len ? text : NULL;
}

static void add_json(struct hg_archive *a, const char *name, const json_t *doc)
{
    char *text = json_dumps(doc, JSON_SORT_KEYS | JSON_INDENT(1) | JSON_ENCODE_ANY);
    struct hg_buf *b = hg_archive_add(a, name);
    hg_buf_adds(b, text ? text : "null");
    hg_buf_addc(b, '\n');
    free(text);
}

static void add_digest(json_t *files, const struct hg_archive_entry *e)
{
    char digest[HG_SHA256_SIZE];
    json_object_set_new(files, e->name, json_string(hg_sha256(hg_buf_str(&e->data), e->data.len, digest)));
}

int hg_snapshot_pack(const struct hg_snapshot *s, struct hg_buf *ret, struct hg_err *err)
{
    HG_AUTO(hg_archive_done) struct hg_archive content = HG_ARCHIVE_INIT, file = HG_ARCHIVE_INIT;
    json_t *files = json_object();
    for (size_t i = 0; i < HG_COUNT(DOCUMENTS); i++) {
        HG_AUTO(hg_freep) char *name = hg_xasprintf("%s.json", DOCUMENTS[i].name);
        const struct hg_buf *text = kept_text(s, DOCUMENTS[i].name);
        if (text)
            hg_buf_add(hg_archive_add(&content, name), text->data, text->len);
        else if (*document(s, i))
            add_json(&content, name, *document(s, i));
    }
    if (s->schema_sql.len)
        hg_buf_add(hg_archive_add(&content, "schema.sql"), s->schema_sql.data, s->schema_sql.len);
    for (size_t i = 0; i < content.count; i++)
        add_digest(files, &content.items[i]);
    json_t *manifest = json_copy(s->manifest);
    json_object_set_new(manifest, "files", files);
    add_json(&file, "manifest.json", manifest); /* first, so that `tar x manifest.json` need not read on */
    json_decref(manifest);
    for (size_t i = 0; i < content.count; i++) {
        struct hg_buf *to = hg_archive_add(&file, content.items[i].name);
        *to = content.items[i].data;
        content.items[i].data = (struct hg_buf)HG_BUF_INIT;
    }
    return hg_archive_pack(&file, ret, err);
}

static int load(const struct hg_archive *a, const char *name, const char *shown, json_t **ret,
                struct hg_err *err)
{
    const struct hg_buf *b = hg_archive_get(a, name);
    json_error_t why;
    if (!b)
        return 0;
    *ret = json_loadb(hg_buf_str(b), b->len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    if (!*ret)
        return hg_fail(err, HG_E_INTEGRITY, "%s: %s is no JSON (line %d: %s)", shown, name, why.line,
                       why.text);
    return 0;
}

static int check_digests(const struct hg_archive *a, const json_t *manifest, const char *shown,
                         struct hg_err *err)
{
    json_t *files = json_object_get(manifest, "files");
    if (!hg_streq(json_string_value(json_object_get(manifest, "schema")), SCHEMA) || !json_is_object(files))
        return hg_fail(err, HG_E_INTEGRITY, "%s is no snapshot (%s)", shown, SCHEMA);
    if (json_object_size(files) + 1 != a->count)
        return hg_fail(err, HG_E_INTEGRITY, "%s does not hold the files that its manifest names", shown);
    for (size_t i = 0; i < a->count; i++) {
        const struct hg_archive_entry *e = &a->items[i];
        char digest[HG_SHA256_SIZE];
        if (hg_streq(e->name, "manifest.json"))
            continue;
        if (!hg_streq(json_string_value(json_object_get(files, e->name)),
                      hg_sha256(hg_buf_str(&e->data), e->data.len, digest)))
            return hg_fail(err, HG_E_INTEGRITY, "%s: %s is not what the manifest says: the file was "
                           "changed or damaged", shown, e->name);
    }
    return 0;
}

int hg_snapshot_unpack(const void *data, size_t len, const char *shown, struct hg_snapshot *ret,
                       struct hg_err *err)
{
    HG_AUTO(hg_archive_done) struct hg_archive a = HG_ARCHIVE_INIT;
    HG_AUTO(hg_snapshot_done) struct hg_snapshot s = { 0 };
    if (hg_archive_unpack(data, len, shown, &a, err) < 0 ||
        load(&a, "manifest.json", shown, &s.manifest, err) < 0)
        return -1;
    if (!s.manifest)
        return hg_fail(err, HG_E_INTEGRITY, "%s is no snapshot: it has no manifest.json", shown);
    if (check_digests(&a, s.manifest, shown, err) < 0)
        return -1;
    for (size_t i = 0; i < HG_COUNT(DOCUMENTS); i++) {
        HG_AUTO(hg_freep) char *name = hg_xasprintf("%s.json", DOCUMENTS[i].name);
        if (load(&a, name, shown, document(&s, i), err) < 0)
            return -1;
    }
    if (!json_is_object(json_object_get(s.catalog, "objects")) || !json_is_object(s.status))
        return hg_fail(err, HG_E_INTEGRITY, "%s holds no status or no catalog", shown);
    const struct hg_buf *sql = hg_archive_get(&a, "schema.sql");
    if (sql)
        hg_buf_add(&s.schema_sql, sql->data, sql->len);
    *ret = s;
    s = (struct hg_snapshot){ 0 };
    return 0;
}

json_t *hg_snapshot_json(const struct hg_snapshot *s)
{
    json_t *doc = json_copy(s->manifest);
    for (size_t i = 0; i < HG_COUNT(DOCUMENTS); i++) {
        json_t *part = *document(s, i);
        json_object_set(doc, DOCUMENTS[i].name, part ? part : json_null());
    }
    json_object_set_new(doc, "schema_sql", s->schema_sql.len ? hg_json_text(s->schema_sql.data) : json_null());
    return doc;
}
