/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifest and index of a bundle, for who only asks where a database stands. Every byte of the file is
 * read and stands under its digest, but what comes after the index is not kept: a start from a bundle
 * costs one reading and one SHA-256, and no memory for what an up-to-date database does not need.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((size_t)64 << 10)

struct outline {
    const char *shown;
    int fd;
    size_t body;            /* bytes before the digest's member */
    struct hg_buf *head;    /* those that were read, from the first */
    size_t at;
};

static int unreadable(const char *shown, ssize_t n, struct hg_err *err)
{
    if (n < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot read %s", shown);
    return hg_fail(err, HG_E_INTEGRITY, "%s became shorter while it was read", shown);
}

/* Until so much of the body is there, or all of it. */
static int read_to(struct outline *o, size_t want, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *piece = hg_xmalloc(PIECE);
    if (want > o->body)
        want = o->body;
    while (o->head->len < want) {
        size_t left = o->body - o->head->len;
        ssize_t n = read(o->fd, piece, left < PIECE ? left : PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return unreadable(o->shown, n, err);
        hg_buf_add(o->head, piece, (size_t)n);
    }
    return 0;
}

static int member(struct outline *o, const char *name, size_t max, char **ret, size_t *ret_len,
                  struct hg_err *err)
{
    if (read_to(o, o->at + HG_TAR_BLOCK, err) < 0)
        return -1;
    if (o->head->len >= o->at + HG_TAR_BLOCK &&
        read_to(o, o->at + hg_bundle_tar_span(o->head->data + o->at), err) < 0)
        return -1;
    struct hg_bundle_tar t = { .shown = o->shown, .data = o->head->data, .len = o->head->len, .at = o->at };
    if (hg_bundle_tar_next(&t, name, max, ret, ret_len, err) < 0)
        return -1;
    o->at = t.at;
    return 0;
}

static int check_digest(struct outline *o, size_t size, char out[HG_SHA256_SIZE], struct hg_err *err)
{
    char bytes[4 * HG_TAR_BLOCK];
    const char *said = NULL;
    struct hg_bundle_tar last = { .shown = o->shown, .data = bytes, .len = sizeof bytes, .from = o->body };
    ssize_t n = pread(o->fd, bytes, sizeof bytes, (off_t)o->body);
    if (n != (ssize_t)sizeof bytes)
        return unreadable(o->shown, n, err);
    if (hg_bundle_digest_said(&last, size, &said, err) < 0)
        return -1;
    if (hg_sha256_fd(o->head->data, o->head->len, o->fd, o->body - o->head->len, out) < 0)
        return unreadable(o->shown, errno ? -1 : 0, err);
    return hg_bundle_digest_fits(o->shown, said, out, err);
}

static int read_outline(struct outline *o, size_t size, const struct hg_bundle_asker *asker,
                        struct hg_bundle *b, struct hg_err *err)
{
    char *data = NULL;
    size_t len = 0;
    if (member(o, "manifest.json", HG_BUNDLE_MANIFEST_MAX, &data, &len, err) < 0 ||
        hg_bundle_manifest_parse(b, data, len, o->shown, err) < 0)
        return -1;
    if (asker && asker->head)
        asker->head(asker->context, b);
    if (member(o, "revisions", HG_BUNDLE_BYTES, &data, &len, err) < 0 ||
        check_digest(o, size, b->digest, err) < 0)
        return -1;
    return hg_bundle_index_parse(b, data, len, o->shown, err);
}

int hg_bundle_outline(const char *path, const struct hg_bundle_asker *asker, struct hg_bundle *ret,
                      struct hg_err *err)
{
    HG_AUTO(hg_bundle_done) struct hg_bundle b = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf head = HG_BUF_INIT;
    size_t size = 0, tail = hg_bundle_tar_tail();
    HG_AUTO(hg_closep) int fd = hg_file_open(path, HG_BUNDLE_BYTES, &size, err);
    if (fd < 0)
        return hg_bundle_missing(path, err);
    struct outline o = { .shown = path, .fd = fd, .body = size < tail ? 0 : size - tail, .head = &head };
    if (read_outline(&o, size, asker, &b, err) < 0)
        return -1;
    *ret = b;
    b = (struct hg_bundle){ 0 };
    return 0;
}
