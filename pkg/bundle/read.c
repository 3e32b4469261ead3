/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void script_done(struct hg_bundle_script *s)
{
    hg_freep(&s->code);
    hg_freep(&s->reason);
    free(s->chunks);
}

void hg_bundle_done(struct hg_bundle *b)
{
    for (size_t i = 0; i < b->count; i++) {
        struct hg_bundle_revision *r = &b->revisions[i];
        hg_freep(&r->id);
        hg_freep(&r->message);
        hg_freep(&r->path);
        hg_strv_done(&r->down);
        hg_strv_done(&r->depends_on);
        hg_strv_done(&r->labels);
        script_done(&r->upgrade);
        script_done(&r->downgrade);
    }
    free(b->revisions);
    char **owned[] = { &b->made_by, &b->alembic, &b->sqlalchemy, &b->python, &b->driver, &b->commit,
                       &b->version_table, &b->version_table_schema, &b->env_digest };
    for (size_t i = 0; i < HG_COUNT(owned); i++)
        hg_freep(owned[i]);
    hg_buf_done(&b->bytes);
    *b = (struct hg_bundle){ 0 };
}

int hg_bundle_missing(const char *path, struct hg_err *err)
{
    if (access(path, F_OK) == 0)
        return -1;
    return hg_hint(err, "`headgate bundle` writes one; --bundle FILE, or HEADGATE_BUNDLE, says where it is");
}

int hg_bundle_damaged(struct hg_err *err)
{
    return hg_hint(err, "fetch it again, or build it again: headgate bundle");
}

int hg_bundle_digest_said(struct hg_bundle_tar *last, size_t size, const char **ret, struct hg_err *err)
{
    size_t tail = hg_bundle_tar_tail(), len = 0;
    char *said = NULL;
    if (size < tail || size % HG_TAR_BLOCK) {
        (void)hg_fail(err, HG_E_INTEGRITY, "%s is no bundle, or was cut: %zu bytes", last->shown, size);
        return hg_bundle_damaged(err);
    }
    last->at = last->len - tail;
    if (hg_bundle_tar_next(last, "digest", HG_SHA256_SIZE, &said, &len, err) < 0 ||
        hg_bundle_tar_finish(last, err) < 0)
        return -1;
    *ret = len == HG_SHA256_SIZE && said[len - 1] == '\n' ? said : "";
    return 0;
}

int hg_bundle_digest_fits(const char *shown, const char *said, const char *digest, struct hg_err *err)
{
    if (strncmp(said, digest, HG_SHA256_SIZE - 1) == 0)
        return 0;
    (void)hg_fail(err, HG_E_INTEGRITY, "%s was changed or damaged: its bytes do not have the digest "
                  "that it says", shown);
    return hg_bundle_damaged(err);
}

/* Of all bytes before the digest's own member; first of all, so that what is read further on is what
 * somebody's writer wrote. */
static int check_digest(const struct hg_bundle_tar *t, char out[HG_SHA256_SIZE], struct hg_err *err)
{
    struct hg_bundle_tar last = { .shown = t->shown, .data = t->data, .len = t->len };
    const char *said = NULL;
    if (hg_bundle_digest_said(&last, t->len, &said, err) < 0)
        return -1;
    (void)hg_sha256(t->data, t->len - hg_bundle_tar_tail(), out);
    return hg_bundle_digest_fits(t->shown, said, out, err);
}

static int take_script(struct hg_bundle *b, size_t i, bool down, struct hg_bundle_tar *t,
                       struct hg_err *err)
{
    struct hg_bundle_script *s = down ? &b->revisions[i].downgrade : &b->revisions[i].upgrade;
    char name[HG_BUNDLE_NAME], *data = NULL;
    size_t len = 0;
    if (s->class == HG_BUNDLE_NEEDS_PYTHON)
        return 0;
    hg_bundle_member(b, i, down ? "down.sql" : "up.sql", name);
    if (hg_bundle_tar_next(t, name, HG_BUNDLE_BYTES, &data, &len, err) < 0)
        return -1;
    return hg_bundle_chunks_parse(s, data, len, name, t->shown, err);
}

static int take_revision(struct hg_bundle *b, size_t i, struct hg_bundle_tar *t, struct hg_err *err)
{
    char name[HG_BUNDLE_NAME], *data = NULL;
    hg_bundle_member(b, i, "revision.py", name);
    if (hg_bundle_tar_next(t, name, HG_BUNDLE_BYTES, &data, &b->revisions[i].text_len, err) < 0)
        return -1;
    b->revisions[i].text = data;
    return take_script(b, i, false, t, err) < 0 || take_script(b, i, true, t, err) < 0 ? -1 : 0;
}

/* b->bytes is the file. */
static int read_all(struct hg_bundle *b, const char *shown, struct hg_err *err)
{
    struct hg_bundle_tar t = { .shown = shown, .data = b->bytes.data, .len = b->bytes.len };
    char *data = NULL;
    size_t len = 0;
    if (check_digest(&t, b->digest, err) < 0)
        return -1;
    if (hg_bundle_tar_next(&t, "manifest.json", HG_BUNDLE_MANIFEST_MAX, &data, &len, err) < 0 ||
        hg_bundle_manifest_parse(b, data, len, shown, err) < 0 ||
        hg_bundle_tar_next(&t, "revisions", HG_BUNDLE_BYTES, &data, &len, err) < 0 ||
        hg_bundle_index_parse(b, data, len, shown, err) < 0)
        return -1;
    for (size_t i = 0; i < b->count; i++)
        if (take_revision(b, i, &t, err) < 0)
            return -1;
    return hg_bundle_tar_next(&t, "digest", HG_SHA256_SIZE, &data, &len, err) < 0 ||
                   hg_bundle_tar_finish(&t, err) < 0 ? -1 : 0;
}

static int take(struct hg_bundle *b, const char *shown, struct hg_bundle *ret, struct hg_err *err)
{
    if (read_all(b, shown, err) < 0)
        return -1;
    *ret = *b;
    *b = (struct hg_bundle){ 0 };
    return 0;
}

int hg_bundle_open(const char *path, struct hg_bundle *ret, struct hg_err *err)
{
    HG_AUTO(hg_bundle_done) struct hg_bundle b = { 0 };
    if (hg_file_read(path, HG_BUNDLE_BYTES, &b.bytes, err) < 0)
        return hg_bundle_missing(path, err);
    return take(&b, path, ret, err);
}

int hg_bundle_parse(const void *data, size_t len, const char *shown, struct hg_bundle *ret,
                    struct hg_err *err)
{
    HG_AUTO(hg_bundle_done) struct hg_bundle b = { 0 };
    hg_buf_add(&b.bytes, data, len);
    return take(&b, shown, ret, err);
}
