/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/archive/tar.h - plain tar archives (libarchive), as container engines speak them: files of this
 * host into one, and one from outside into files of this host, without trusting what it says.
 *
 * An archive from outside may name any path, be of any size, and hold links and devices. Only regular
 * files and folders are taken, below one place that we choose; a link is an error and not skipped,
 * because half of a copy that looks whole is worse than none.
 *
 * Ownership: nothing is kept. Threads: any. Errors: USAGE for files of ours that cannot be packed,
 * INTEGRITY for archives that are not what they should be, else whatever the callbacks say.
 */
#ifndef HG_ARCHIVE_TAR_H
#define HG_ARCHIVE_TAR_H

#include "base/base.h"

/* More is an error, not a truncated copy. */
#define HG_TAR_FILES_MAX 20000
#define HG_TAR_BYTES_MAX ((size_t)256 << 20)

/* Gives the next bytes of the archive: > 0 with *ret pointing to them until the next call, 0 at its
 * end, -1. */
typedef ssize_t (*hg_tar_read)(void *context, const void **ret, struct hg_err *err);
/* Takes bytes of the archive. */
typedef int (*hg_tar_write)(void *context, const void *data, size_t len, struct hg_err *err);
/* One regular file: its path as the archive writes it (links are not asked about), its bytes. */
typedef int (*hg_tar_file)(void *context, const char *path, const char *data, size_t len,
                               struct hg_err *err);

/* Calls `file` for every regular file of the archive; links, folders and devices are passed over. */
int hg_tar_each(hg_tar_read read, void *from, hg_tar_file file, void *to,
                    struct hg_err *err);

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
