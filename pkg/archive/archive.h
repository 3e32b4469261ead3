/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/archive/archive.h - tar archives, through libarchive; nothing that is read is trusted.
 */
#ifndef HG_ARCHIVE_ARCHIVE_H
#define HG_ARCHIVE_ARCHIVE_H

#include "base/base.h"

/* ---- a few named files as one archive, compressed by zstd --------------------------------------- */

/* What is written is the same bytes for the same entries: no times, no owners, one thread. What is
 * read must be plain files with plain names. */
struct hg_archive_entry {
    char *name;                 /* "manifest.json", "versions/0001_x.py" */
    struct hg_buf data;
};
struct hg_archive {
    struct hg_archive_entry *items;
    size_t count, cap;
};
#define HG_ARCHIVE_INIT { NULL, 0, 0 }

/* Caps of both: files, and bytes of all of them together (a bomb stops there). More is an error, not a
 * truncated copy. */
#define HG_ARCHIVE_FILES 20000
#define HG_ARCHIVE_BYTES ((size_t)256 << 20)

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

/* ---- plain tar, as container engines speak it ---------------------------------------------------- */

/*
 * An archive from outside may name any path, be of any size, and hold links and devices. Only regular
 * files and folders are taken, below one place that we choose; a link is an error and not skipped,
 * because half of a copy that looks whole is worse than none.
 *
 * Ownership: nothing is kept. Threads: any. Errors: USAGE for files of ours that cannot be packed,
 * INTEGRITY for archives that are not what they should be, else whatever the callbacks say.
 */

/* Gives the next bytes of the archive: > 0 with *ret pointing to them until the next call, 0 at its
 * end, -1. */
typedef ssize_t (*hg_tar_read)(void *context, const void **ret, struct hg_err *err);
/* Takes bytes of the archive. */
typedef int (*hg_tar_write)(void *context, const void *data, size_t len, struct hg_err *err);
/* One regular file: its path as the archive writes it (links are not asked about), its bytes. */
typedef int (*hg_tar_file)(void *context, const char *path, const char *data, size_t len,
                               struct hg_err *err);

/* Calls `file` for every regular file of the archive; links, folders and devices are passed over. */
int hg_tar_each(hg_tar_read read, void *from, hg_tar_file file, void *to, struct hg_err *err);

/* Writes the archive of one file or folder to `to`: its first name becomes the last of that path. An
 * existing file is replaced at once or not at all; a folder must not exist yet. What is written
 * before an error is removed. */
int hg_tar_unpack(hg_tar_read read, void *from, const char *to, struct hg_err *err);

struct hg_tar_pack {
    const char *folder;         /* all goes below this path of the archive; made with mode 0700 */
    uint32_t uid, gid;          /* who owns it there */
};
/* Packs files and folders of this host, each under its own last name. Symbolic links are followed where
 * a path itself is one, and an error inside a folder. */
int hg_tar_pack(const struct hg_strv *paths, const struct hg_tar_pack *how,
                    hg_tar_write write, void *to, struct hg_err *err);

#endif
