/* SPDX-License-Identifier: Apache-2.0 */
/* The first member: what holds for the bundle as a whole; and all of it as one JSON document. */
#include "internal.h"

#include <stdlib.h>

json_t *hg_bundle_head_json(const struct hg_bundle *b)
{
    json_t *d = json_object();
    json_object_set_new(d, "schema", json_string(HG_BUNDLE_SCHEMA));
    json_object_set_new(d, "made_by", hg_json_text(b->made_by));
    json_object_set_new(d, "alembic", hg_json_text(b->alembic));
    json_object_set_new(d, "sqlalchemy", hg_json_text(b->sqlalchemy));
    json_object_set_new(d, "python", hg_json_text(b->python));
    json_object_set_new(d, "driver", hg_json_text(b->driver));
    json_object_set_new(d, "version_table",
                        json_pack("{so so sb}", "name", hg_json_text(b->version_table), "schema",
                                  hg_json_text(b->version_table_schema), "primary_key",
                                  b->version_table_pk));
    json_object_set_new(d, "transaction",
                        json_pack("{sb sb}", "per_migration", b->transaction_per_migration, "ddl",
                                  b->transactional_ddl));
    json_object_set_new(d, "git",
                        b->commit ? json_pack("{so sb}", "commit", hg_json_text(b->commit), "dirty",
                                              b->dirty)
                                  : json_null());
    json_object_set_new(d, "env_digest", hg_json_text(b->env_digest));
    json_object_set_new(d, "env_statements", json_boolean(b->env_statements));
    return d;
}

char *hg_bundle_manifest(const struct hg_bundle *b)
{
    json_t *d = hg_bundle_head_json(b);
    char *text = json_dumps(d, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    if (!text)
        HG_BUG("the manifest of a bundle");
    char *line = hg_xasprintf("%s\n", text);
    free(text);
    json_decref(d);
    return line;
}

static char *text_of(const json_t *d, const char *key)
{
    return hg_xstrdup(hg_jget(d, key));
}

int hg_bundle_manifest_parse(struct hg_bundle *b, const char *text, size_t len, const char *shown,
                             struct hg_err *err)
{
    json_t *d = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *table = json_object_get(d, "version_table"), *git = json_object_get(d, "git");
    const json_t *transaction = json_object_get(d, "transaction");
    if (!hg_streq(hg_jget(d, "schema"), HG_BUNDLE_SCHEMA)) {
        HG_AUTO(hg_freep) char *schema = hg_printable(hg_jstr(d, "schema"), 60);
        (void)hg_fail(err, HG_E_INTEGRITY, "%s says it is `%s`, and this headgate reads " HG_BUNDLE_SCHEMA,
                      shown, schema);
        json_decref(d);
        return hg_hint(err, "build it again: headgate bundle");
    }
    b->made_by = text_of(d, "made_by");
    b->alembic = text_of(d, "alembic");
    b->sqlalchemy = text_of(d, "sqlalchemy");
    b->python = text_of(d, "python");
    b->driver = text_of(d, "driver");
    b->env_digest = text_of(d, "env_digest");
    b->env_statements = json_is_true(json_object_get(d, "env_statements"));
    b->version_table = text_of(table, "name");
    b->version_table_schema = text_of(table, "schema");
    b->version_table_pk = json_is_true(json_object_get(table, "primary_key"));
    b->transaction_per_migration = json_is_true(json_object_get(transaction, "per_migration"));
    b->transactional_ddl = json_is_true(json_object_get(transaction, "ddl"));
    b->commit = text_of(git, "commit");
    b->dirty = json_is_true(json_object_get(git, "dirty"));
    json_decref(d);
    /* Members missing, of another type, or more than these: then it is not what would be written. */
    HG_AUTO(hg_freep) char *again = hg_bundle_manifest(b);
    if (strlen(again) != len || memcmp(again, text, len) != 0 || !b->version_table || !b->driver)
        return hg_fail(err, HG_E_INTEGRITY, "%s: its manifest is malformed", shown);
    return 0;
}

/* ---- all of it -------------------------------------------------------------------------------- */

static json_t *chunk_json(const struct hg_bundle_chunk *c)
{
    static const char *const KINDS[] = { "sql", "autocommit-begins", "autocommit-ends" };
    return json_pack("{ss so}", "kind", KINDS[c->kind], "sql", hg_json_text(c->sql));
}

static json_t *script_json(const struct hg_bundle_script *s, bool sql)
{
    json_t *o = json_object(), *chunks = sql ? json_array() : NULL;
    HG_AUTO(hg_buf_done) struct hg_buf file = HG_BUF_INIT;
    char sha256[HG_SHA256_SIZE];
    bool has = s->class != HG_BUNDLE_NEEDS_PYTHON;
    hg_bundle_chunks_add(&file, s);
    json_object_set_new(o, "class", json_string(hg_bundle_class_name(s->class)));
    json_object_set_new(o, "code", hg_json_text(s->code));
    json_object_set_new(o, "reason", hg_json_text(s->reason));
    json_object_set_new(o, "verified", json_boolean(s->verified));
    json_object_set_new(o, "chunks", has ? json_integer((json_int_t)s->count) : json_null());
    json_object_set_new(o, "sha256",
                        has ? json_string(hg_sha256(hg_buf_str(&file), file.len, sha256)) : json_null());
    for (size_t i = 0; chunks && i < s->count; i++)
        json_array_append_new(chunks, chunk_json(&s->chunks[i]));
    if (chunks)
        json_object_set_new(o, "sql", chunks);
    return o;
}

json_t *hg_bundle_revision_json(const struct hg_bundle_revision *r, bool sql)
{
    char sha256[HG_SHA256_SIZE];
    json_t *o = json_object();
    json_object_set_new(o, "revision", hg_json_text(r->id));
    json_object_set_new(o, "down_revisions", hg_json_texts(&r->down));
    json_object_set_new(o, "depends_on", hg_json_texts(&r->depends_on));
    json_object_set_new(o, "branch_labels", hg_json_texts(&r->labels));
    json_object_set_new(o, "message", hg_json_text(r->message));
    json_object_set_new(o, "path", hg_json_text(r->path));
    json_object_set_new(o, "sha256", json_string(hg_sha256(r->text, r->text_len, sha256)));
    json_object_set_new(o, "up", script_json(&r->upgrade, sql));
    json_object_set_new(o, "down", script_json(&r->downgrade, sql));
    return o;
}

static json_t *counts_json(const struct hg_bundle *b)
{
    json_t *o = json_object();
    for (int down = 0; down < 2; down++) {
        json_int_t counts[HG_BUNDLE_NEEDS_PYTHON + 1] = { 0 }, verified = 0;
        for (size_t i = 0; i < b->count; i++) {
            const struct hg_bundle_script *s =
                down ? &b->revisions[i].downgrade : &b->revisions[i].upgrade;
            counts[s->class]++;
            verified += s->verified;
        }
        json_object_set_new(o, down ? "down" : "up",
                            json_pack("{sI sI sI sI}", "rendered", counts[HG_BUNDLE_RENDERED], "pinned",
                                      counts[HG_BUNDLE_PINNED], "needs-python",
                                      counts[HG_BUNDLE_NEEDS_PYTHON], "verified", verified));
    }
    return o;
}

json_t *hg_bundle_json(const struct hg_bundle *b, bool sql)
{
    json_t *d = hg_bundle_head_json(b), *revisions = json_array();
    for (size_t i = 0; i < b->count; i++)
        json_array_append_new(revisions, hg_bundle_revision_json(&b->revisions[i], sql));
    json_object_set_new(d, "digest", json_string(b->digest));
    json_object_set_new(d, "counts", counts_json(b));
    json_object_set_new(d, "revisions", revisions);
    return d;
}
