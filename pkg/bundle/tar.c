/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one form of ustar archive (POSIX.1-1988) that is written and taken: regular files, mode 644, of
 * nobody, from 1970, named without a prefix. Own code and not libarchive: a start from a bundle costs a
 * few milliseconds, of which loading libarchive would be most, and what is to be refused is everything
 * that libarchive is good at.
 */
#include "internal.h"

#include <string.h>

struct ustar {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct ustar) == HG_TAR_BLOCK, "a header is a block");

static size_t filled(size_t len)
{
    return (len + HG_TAR_BLOCK - 1) / HG_TAR_BLOCK * HG_TAR_BLOCK;
}

/* Digits from the right; printf would be a tenth of a start from a bundle. */
static void put_octal(char *to, size_t digits, size_t value)
{
    for (; digits; value /= 8)
        to[--digits] = (char)('0' + value % 8);
}

static void make_header(const char *name, size_t len, struct ustar *h)
{
    unsigned sum = 0;
    memset(h, 0, sizeof *h);
    memcpy(h->name, name, strnlen(name, sizeof h->name - 1));
    memcpy(h->mode, "0000644", 8);
    memcpy(h->uid, "0000000", 8);
    memcpy(h->gid, "0000000", 8);
    put_octal(h->size, sizeof h->size - 1, len);
    memcpy(h->mtime, "00000000000", 12);
    memset(h->checksum, ' ', sizeof h->checksum);
    h->type = '0';
    memcpy(h->magic, "ustar", 6);
    memcpy(h->version, "00", 2);
    memcpy(h->major, "0000000", 8);
    memcpy(h->minor, "0000000", 8);
    for (size_t i = 0; i < sizeof *h; i++)
        sum += ((const unsigned char *)h)[i];
    put_octal(h->checksum, sizeof h->checksum - 2, sum); /* then a NUL, and the space from above */
    h->checksum[sizeof h->checksum - 2] = '\0';
}

static void add_zeros(struct hg_buf *to, size_t len)
{
    static const char ZEROS[HG_TAR_BLOCK];
    for (size_t n; len; len -= n) {
        n = len < sizeof ZEROS ? len : sizeof ZEROS;
        hg_buf_add(to, ZEROS, n);
    }
}

void hg_bundle_tar_add(struct hg_buf *to, const char *name, const void *data, size_t len)
{
    struct ustar h;
    make_header(name, len, &h);
    hg_buf_add(to, &h, sizeof h);
    hg_buf_add(to, data, len);
    add_zeros(to, filled(len) - len);
}

void hg_bundle_tar_end(struct hg_buf *to)
{
    add_zeros(to, (size_t)2 * HG_TAR_BLOCK);
}

size_t hg_bundle_tar_tail(void)
{
    return (size_t)4 * HG_TAR_BLOCK;
}

/* ---- reading -------------------------------------------------------------------------------- */

static int refuse(const struct hg_bundle_tar *t, const char *what, const char *name, struct hg_err *err)
{
    (void)hg_fail(err, HG_E_INTEGRITY, "%s is no bundle as headgate writes them: at byte %zu %s%s%s",
                  t->shown, t->from + t->at, what, name ? " " : "", name ? name : "");
    return hg_bundle_damaged(err);
}

static bool octal(const char *digits, size_t count, size_t *ret)
{
    size_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (digits[i] < '0' || digits[i] > '7')
            return false;
        value = value * 8 + (size_t)(digits[i] - '0');
    }
    *ret = value;
    return true;
}

static bool all_zero(const char *data, size_t len)
{
    return len == 0 || (data[0] == '\0' && memcmp(data, data + 1, len - 1) == 0);
}

size_t hg_bundle_tar_span(const char *header)
{
    size_t len = 0;
    bool number = octal(header + offsetof(struct ustar, size), sizeof ((struct ustar *)0)->size - 1, &len);
    return HG_TAR_BLOCK + (number ? filled(len) : 0);
}

int hg_bundle_tar_next(struct hg_bundle_tar *t, const char *name, size_t max, char **ret,
                       size_t *ret_len, struct hg_err *err)
{
    struct ustar want;
    const char *header = t->data + t->at;
    size_t len = 0;
    if (t->len - t->at < HG_TAR_BLOCK)
        return refuse(t, "it ends before", name, err);
    if (!octal(header + offsetof(struct ustar, size), sizeof want.size - 1, &len))
        return refuse(t, "there is no header of", name, err);
    make_header(name, len, &want);
    if (memcmp(header, &want, HG_TAR_BLOCK) != 0)
        return refuse(t, "there is no header of", name, err);
    if (len > max || filled(len) > t->len - t->at - HG_TAR_BLOCK)
        return refuse(t, len > max ? "there is more than may be of" : "it ends within", name, err);
    t->at += HG_TAR_BLOCK;
    char *data = t->data + t->at;
    t->at += filled(len);
    if (!all_zero(data + len, filled(len) - len))
        return refuse(t, "something is hidden behind", name, err);
    *ret = data;
    *ret_len = len;
    return 0;
}

int hg_bundle_tar_finish(struct hg_bundle_tar *t, struct hg_err *err)
{
    if (t->len - t->at != (size_t)2 * HG_TAR_BLOCK || !all_zero(t->data + t->at, t->len - t->at))
        return refuse(t, "the archive does not end", NULL, err);
    return 0;
}
