/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make_bundle FILE - writes a bundle of what stands on stdin, for tests whose SQL is written by hand:
 *
 *     {"driver": "psycopg", "transaction_per_migration": false, "transactional_ddl": true,
 *      "version_table": "alembic_version", "version_table_schema": null, "version_table_pk": true,
 *      "revisions": [{"id": "r1", "down": [], "depends_on": [], "labels": [], "message": "",
 *                     "text": "…", "upgrade": ["SQL", {"block": "begin"}, {"block": "end"}],
 *                     "downgrade": ["SQL"]}]}
 *
 * Everything but "id" may be absent. A direction that is a string needs Python, for that reason.
 */
#include "bundle/bundle.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define INPUT_MAX ((size_t)256 << 20)

static char *text_of(const json_t *object, const char *key, const char *otherwise)
{
    const json_t *value = json_object_get(object, key);
    return hg_xstrdup(json_is_string(value) ? json_string_value(value) : otherwise);
}

static bool truth_of(const json_t *object, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static void list_of(const json_t *object, const char *key, struct hg_strv *ret)
{
    const json_t *list = json_object_get(object, key);
    for (size_t i = 0; i < json_array_size(list); i++)
        hg_strv_add(ret, json_string_value(json_array_get(list, i)));
}

static void chunk_of(const json_t *value, struct hg_bundle_chunk *ret)
{
    const char *block = json_string_value(json_object_get(value, "block"));
    const char *sql = json_string_value(value);
    ret->kind = !block ? HG_CHUNK_SQL : hg_streq(block, "begin") ? HG_CHUNK_COMMIT : HG_CHUNK_BEGIN;
    ret->sql = ret->kind == HG_CHUNK_SQL ? sql ? sql : "" : ret->kind == HG_CHUNK_COMMIT ? "COMMIT;" : "BEGIN;";
    ret->len = strlen(ret->sql);
}

static void script_of(const json_t *value, struct hg_bundle_script *ret)
{
    if (json_is_string(value)) {
        ret->class = HG_BUNDLE_NEEDS_PYTHON;
        ret->code = hg_xstrdup("query");
        ret->reason = hg_xstrdup(json_string_value(value));
        return;
    }
    ret->count = json_array_size(value);
    ret->chunks = hg_xcalloc(ret->count + 1, sizeof *ret->chunks);
    for (size_t i = 0; i < ret->count; i++)
        chunk_of(json_array_get(value, i), &ret->chunks[i]);
}

static void revision_of(const json_t *value, struct hg_bundle_revision *r)
{
    r->id = text_of(value, "id", "?");
    list_of(value, "down", &r->down);
    list_of(value, "depends_on", &r->depends_on);
    list_of(value, "labels", &r->labels);
    r->message = text_of(value, "message", "");
    r->path = hg_xasprintf("versions/%s.py", r->id);
    HG_AUTO(hg_freep) char *file = hg_xasprintf("revision = '%s'\n\n\ndef upgrade():\n    op.execute(up)\n\n\n"
                                                "def downgrade():\n    op.execute(down)\n", r->id);
    r->text = text_of(value, "text", file);
    r->text_len = strlen(r->text);
    script_of(json_object_get(value, "upgrade"), &r->upgrade);
    script_of(json_object_get(value, "downgrade"), &r->downgrade);
}

int main(int argc, char **argv)
{
    HG_AUTO(hg_buf_done) struct hg_buf in = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    struct hg_err err = { 0 };
    json_error_t where;
    if (argc != 2 || hg_read_all(STDIN_FILENO, INPUT_MAX, &in, &err) < 0)
        return 2;
    json_t *all = json_loads(hg_buf_str(&in), 0, &where);
    if (!all) {
        (void)fprintf(stderr, "make_bundle: line %d: %s\n", where.line, where.text);
        return 2;
    }
    const json_t *revisions = json_object_get(all, "revisions");
    struct hg_bundle b = {
        .made_by = hg_xstrdup("make_bundle"),
        .alembic = hg_xstrdup("1.20.1"),
        .sqlalchemy = hg_xstrdup("2.1.9"),
        .python = hg_xstrdup("3.11.0"),
        .driver = text_of(all, "driver", "psycopg"),
        .version_table = text_of(all, "version_table", "alembic_version"),
        .version_table_schema = text_of(all, "version_table_schema", NULL),
        .version_table_pk = truth_of(all, "version_table_pk", true),
        .transaction_per_migration = truth_of(all, "transaction_per_migration", false),
        .transactional_ddl = truth_of(all, "transactional_ddl", true),
        .commit = text_of(all, "commit", NULL),
        .dirty = truth_of(all, "dirty", false),
        .env_digest = hg_xstrdup("0000000000000000000000000000000000000000000000000000000000000000"),
        .count = json_array_size(revisions),
    };
    b.revisions = hg_xcalloc(b.count + 1, sizeof *b.revisions);
    for (size_t i = 0; i < b.count; i++)
        revision_of(json_array_get(revisions, i), &b.revisions[i]);
    int rc = hg_bundle_write(&b, &out, &err);
    if (rc == 0)
        rc = hg_file_write(argv[1], 0644, out.data, out.len, &err);
    if (rc < 0)
        (void)fprintf(stderr, "make_bundle: %s\n", err.message);
    json_decref(all); /* the rest ends with the process */
    return rc < 0;
}
