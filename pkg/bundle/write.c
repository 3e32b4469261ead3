/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <string.h>

static int refuse(const struct hg_bundle_revision *r, const char *what, struct hg_err *err)
{
    return hg_fail(err, HG_E_USAGE, "revision %s cannot be put into a bundle: %s", r->id, what);
}

static int check_script(const struct hg_bundle_revision *r, const struct hg_bundle_script *s,
                        struct hg_err *err)
{
    if (s->count > HG_BUNDLE_CHUNKS)
        return refuse(r, "it has too many statements", err);
    for (size_t i = 0; i < s->count; i++)
        if (memchr(s->chunks[i].sql, '\0', s->chunks[i].len))
            return refuse(r, "a statement holds a NUL byte", err);
    return 0;
}

static int add_script(struct hg_buf *to, const struct hg_bundle *b, size_t i, bool down,
                      struct hg_err *err)
{
    const struct hg_bundle_revision *r = &b->revisions[i];
    const struct hg_bundle_script *s = down ? &r->downgrade : &r->upgrade;
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    char name[HG_BUNDLE_NAME];
    if (s->class == HG_BUNDLE_NEEDS_PYTHON)
        return 0;
    if (check_script(r, s, err) < 0)
        return -1;
    hg_bundle_chunks_add(&text, s);
    hg_bundle_member(b, i, down ? "down.sql" : "up.sql", name);
    hg_bundle_tar_add(to, name, hg_buf_str(&text), text.len);
    return 0;
}

int hg_bundle_write(const struct hg_bundle *b, struct hg_buf *ret, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf out = { .max = HG_BUNDLE_BYTES };
    HG_AUTO(hg_buf_done) struct hg_buf index = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *manifest = hg_bundle_manifest(b);
    char name[HG_BUNDLE_NAME], digest[HG_SHA256_SIZE];
    if (b->count > HG_BUNDLE_REVISIONS)
        return hg_fail(err, HG_E_USAGE, "a bundle holds at most %d revisions", HG_BUNDLE_REVISIONS);
    hg_buf_adds(&index, HG_BUNDLE_INDEX_HEAD);
    for (size_t i = 0; i < b->count; i++) {
        if (!*b->revisions[i].id)
            return hg_fail(err, HG_E_USAGE, "%s has an empty revision id, which a bundle cannot hold",
                           b->revisions[i].path);
        hg_bundle_index_add(&index, &b->revisions[i]);
    }
    hg_bundle_tar_add(&out, "manifest.json", manifest, strlen(manifest));
    hg_bundle_tar_add(&out, "revisions", hg_buf_str(&index), index.len);
    for (size_t i = 0; i < b->count; i++) {
        hg_bundle_member(b, i, "revision.py", name);
        hg_bundle_tar_add(&out, name, b->revisions[i].text, b->revisions[i].text_len);
        if (add_script(&out, b, i, false, err) < 0 || add_script(&out, b, i, true, err) < 0)
            return -1;
    }
    (void)hg_sha256(hg_buf_str(&out), out.len, digest);
    digest[HG_SHA256_SIZE - 1] = '\n';
    hg_bundle_tar_add(&out, "digest", digest, sizeof digest);
    hg_bundle_tar_end(&out);
    if (out.overflow)
        return hg_fail(err, HG_E_USAGE, "a bundle holds at most %zu MB", HG_BUNDLE_BYTES >> 20);
    hg_buf_add(ret, out.data, out.len);
    return 0;
}
