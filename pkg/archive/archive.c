/* SPDX-License-Identifier: Apache-2.0 */
#include "archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (64u << 10)

struct hg_buf *hg_archive_add(struct hg_archive *a, const char *name)
{
    a->items = hg_grow(a->items, a->count, &a->cap, sizeof *a->items);
    struct hg_archive_entry *e = &a->items[a->count++];
    *e = (struct hg_archive_entry){ .name = hg_xstrdup(name), .data = HG_BUF_INIT };
    return &e->data;
}

const struct hg_buf *hg_archive_get(const struct hg_archive *a, const char *name)
{
    for (size_t i = 0; i < a->count; i++)
        if (hg_streq(a->items[i].name, name))
            return &a->items[i].data;
    return NULL;
}

void hg_archive_done(struct hg_archive *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->items[i].name);
        hg_buf_done(&a->items[i].data);
    }
    free(a->items);
    *a = (struct hg_archive)HG_ARCHIVE_INIT;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void writer_freep(struct archive **a)
{
    if (*a)
        (void)archive_write_free(*a);
}

static void entry_freep(struct archive_entry **e)
{
    if (*e)
        archive_entry_free(*e);
}

static la_ssize_t take_bytes(struct archive *a, void *context, const void *data, size_t len)
{
    (void)a;
    hg_buf_add(context, data, len);
    return (la_ssize_t)len;
}

static int pack_failed(struct archive *a, struct hg_err *err)
{
    const char *why = archive_error_string(a);
    return hg_fail(err, HG_E_BUG, "cannot write an archive: %s", why ? why : "unknown reason");
}

static int pack_one(struct archive *a, const struct hg_archive_entry *item, struct hg_err *err)
{
    HG_AUTO(entry_freep) struct archive_entry *e = archive_entry_new();
    if (!e)
        return hg_fail(err, HG_E_BUG, "cannot write an archive: out of memory");
    archive_entry_set_pathname(e, item->name);
    archive_entry_set_size(e, (la_int64_t)item->data.len);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_mtime(e, 0, 0);
    if (archive_write_header(a, e) != ARCHIVE_OK ||
        archive_write_data(a, hg_buf_str(&item->data), item->data.len) != (la_ssize_t)item->data.len)
        return pack_failed(a, err);
    return 0;
}

int hg_archive_pack(const struct hg_archive *archive, struct hg_buf *ret, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf bytes = HG_BUF_INIT;
    HG_AUTO(writer_freep) struct archive *a = archive_write_new();
    if (!a)
        return hg_fail(err, HG_E_BUG, "cannot write an archive: out of memory");
    if (archive_write_set_format_ustar(a) != ARCHIVE_OK ||
        archive_write_add_filter_zstd(a) != ARCHIVE_OK || archive_write_set_bytes_in_last_block(a, 1) < 0 ||
        archive_write_open(a, &bytes, NULL, take_bytes, NULL) != ARCHIVE_OK)
        return pack_failed(a, err);
    for (size_t i = 0; i < archive->count; i++)
        if (pack_one(a, &archive->items[i], err) < 0)
            return -1;
    if (archive_write_close(a) != ARCHIVE_OK)
        return pack_failed(a, err);
    hg_buf_add(ret, bytes.data, bytes.len);
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void reader_freep(struct archive **a)
{
    if (*a)
        (void)archive_read_free(*a);
}

static bool plain_name(const char *name)
{
    if (!name || !*name || *name == '/' || strlen(name) > 255 || strchr(name, '\\'))
        return false;
    for (const char *part = name; part;) {
        size_t len = strcspn(part, "/");
        if (!len || (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        part = part[len] ? part + len + 1 : NULL;
    }
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return true;
}

static int damaged(struct archive *a, const char *shown, struct hg_err *err)
{
    const char *why = archive_error_string(a);
    return hg_fail(err, HG_E_INTEGRITY, "%s is no archive of ours, or is damaged: %s", shown,
                   why ? why : "unknown reason");
}

static int read_data(struct archive *a, const char *shown, size_t *total, struct hg_buf *ret,
                     struct hg_err *err)
{
    char chunk[CHUNK];
    for (;;) {
        la_ssize_t n = archive_read_data(a, chunk, sizeof chunk);
        if (n < 0)
            return damaged(a, shown, err);
        if (n == 0)
            return 0;
        *total += (size_t)n;
        if (*total > HG_ARCHIVE_BYTES)
            return hg_fail(err, HG_E_INTEGRITY, "%s unpacks to more than %zu MiB", shown,
                           HG_ARCHIVE_BYTES >> 20);
        hg_buf_add(ret, chunk, (size_t)n);
    }
}

static int read_one(struct archive *a, struct archive_entry *e, const char *shown, size_t *total,
                    struct hg_archive *into, struct hg_err *err)
{
    const char *name = archive_entry_pathname(e);
    if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) || !plain_name(name)) {
        HG_AUTO(hg_freep) char *printable = hg_printable(name ? name : "(no name)", 80);
        return hg_fail(err, HG_E_INTEGRITY, "%s holds something that is no plain file: %s", shown, printable);
    }
    if (hg_archive_get(into, name))
        return hg_fail(err, HG_E_INTEGRITY, "%s holds %s twice", shown, name);
    if (into->count >= HG_ARCHIVE_FILES)
        return hg_fail(err, HG_E_INTEGRITY, "%s holds more than %d files", shown, HG_ARCHIVE_FILES);
    return read_data(a, shown, total, hg_archive_add(into, name), err);
}

int hg_archive_unpack(const void *data, size_t len, const char *shown, struct hg_archive *ret,
                      struct hg_err *err)
{
    HG_AUTO(hg_archive_done) struct hg_archive files = HG_ARCHIVE_INIT;
    HG_AUTO(reader_freep) struct archive *a = archive_read_new();
    size_t total = 0;
    if (!a)
        return hg_fail(err, HG_E_BUG, "cannot read an archive: out of memory");
    if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
        archive_read_open_memory(a, data, len) != ARCHIVE_OK)
        return damaged(a, shown, err);
    for (;;) {
        struct archive_entry *e = NULL;
        int rc = archive_read_next_header(a, &e);
        if (rc == ARCHIVE_EOF)
            break;
        if (rc != ARCHIVE_OK)
            return damaged(a, shown, err);
        if (read_one(a, e, shown, &total, &files, err) < 0)
            return -1;
    }
    *ret = files;
    files = (struct hg_archive)HG_ARCHIVE_INIT;
    return 0;
}
