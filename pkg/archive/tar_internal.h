/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/archive/tar_internal.h - reading, shared by tar_each.c and tar_unpack.c. */
#ifndef HG_TAR_INTERNAL_H
#define HG_TAR_INTERNAL_H

#include <archive.h>
#include <archive_entry.h>

#include "archive/archive.h"

struct hg_tar_source {
    hg_tar_read read;
    void *from;
    struct hg_err *err;
    bool failed;                /* read() said why */
    size_t files, bytes;        /* so far */
};

void hg_tar_free_reader(struct archive **a);
int hg_tar_broken(const struct hg_tar_source *s, struct archive *a, struct hg_err *err);
int hg_tar_open(struct hg_tar_source *s, struct archive **ret, struct hg_err *err);
/* 1 with the next entry, 0 at the end, -1. */
int hg_tar_next(struct hg_tar_source *s, struct archive *a, struct archive_entry **ret,
                    struct hg_err *err);
/* The bytes of the current entry into a cleared buffer. */
int hg_tar_content(struct hg_tar_source *s, struct archive *a, struct hg_buf *ret,
                       struct hg_err *err);

#endif
