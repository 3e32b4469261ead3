/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/archive/archive.h - a few named files as one tar archive compressed by zstd, through libarchive.
 *
 * What is written is the same bytes for the same entries: no times, no owners, one thread. What is
 * read is not trusted: only plain files with plain names, with caps on their number and size.
 */
#ifndef HG_ARCHIVE_ARCHIVE_H
#define HG_ARCHIVE_ARCHIVE_H

#include "base/base.h"

struct hg_archive_entry {
    char *name;                 /* "manifest.json", "versions/0001_x.py" */
    struct hg_buf data;
};
struct hg_archive {
    struct hg_archive_entry *items;
    size_t count, cap;
};
#define HG_ARCHIVE_INIT { NULL, 0, 0 }

/* Caps of reading: files, and bytes of all of them together (a bomb stops there). */
#define HG_ARCHIVE_FILES 20000
#define HG_ARCHIVE_BYTES (256u << 20)

/* Adds an empty file and returns its contents, valid until the next add. */
struct hg_buf *hg_archive_add(struct hg_archive *a, const char *name);
/* NULL: there is none of that name. */
const struct hg_buf *hg_archive_get(const struct hg_archive *a, const char *name);
/* The archive's bytes, entries in their order. */
int hg_archive_pack(const struct hg_archive *a, struct hg_buf *ret, struct hg_err *err);
/* `shown` names the archive in messages. Anything but plain files with relative names without `..`,
 * a name that comes twice, too much of anything, damage: kind INTEGRITY. */
int hg_archive_unpack(const void *data, size_t len, const char *shown, struct hg_archive *ret,
                      struct hg_err *err);
void hg_archive_done(struct hg_archive *a);

#endif
