/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an archive file by file. */
#include "archive/tar_internal.h"

#include <errno.h>

static la_ssize_t pull(struct archive *a, void *context, const void **ret)
{
    struct hg_tar_source *s = context;
    ssize_t n = s->read(s->from, ret, s->err);
    if (n < 0) {
        s->failed = true;
        archive_set_error(a, EIO, "%s", s->err->message);
    }
    return n;
}

void hg_tar_free_reader(struct archive **a)
{
    archive_read_free(*a);
    *a = NULL;
}

int hg_tar_broken(const struct hg_tar_source *s, struct archive *a, struct hg_err *err)
{
    if (s->failed)
        return -1;
    const char *why = archive_error_string(a);
    return hg_fail(err, HG_E_INTEGRITY, "the archive is malformed or broke off: %s",
                   why ? why : "no reason");
}

int hg_tar_open(struct hg_tar_source *s, struct archive **ret, struct hg_err *err)
{
    struct archive *a = archive_read_new();
    archive_read_support_format_tar(a);
    *ret = a;
    return archive_read_open(a, s, NULL, pull, NULL) == ARCHIVE_OK ? 0
                                                                   : hg_tar_broken(s, a, err);
}

int hg_tar_next(struct hg_tar_source *s, struct archive *a, struct archive_entry **ret,
                    struct hg_err *err)
{
    int step = archive_read_next_header(a, ret);
    if (step == ARCHIVE_EOF)
        return 0;
    if (step < ARCHIVE_WARN)
        return hg_tar_broken(s, a, err);
    if (++s->files > HG_ARCHIVE_FILES)
        return hg_fail(err, HG_E_INTEGRITY, "there are more than %d files", HG_ARCHIVE_FILES);
    return 1;
}

int hg_tar_content(struct hg_tar_source *s, struct archive *a, struct hg_buf *ret,
                       struct hg_err *err)
{
    char piece[16384];
    la_ssize_t n;
    hg_buf_clear(ret);
    while ((n = archive_read_data(a, piece, sizeof piece)) > 0) {
        s->bytes += (size_t)n;
        if (s->bytes > HG_ARCHIVE_BYTES)
            return hg_fail(err, HG_E_INTEGRITY, "the files are over %zu MB",
                           HG_ARCHIVE_BYTES >> 20);
        hg_buf_add(ret, piece, (size_t)n);
    }
    return n < 0 ? hg_tar_broken(s, a, err) : 0;
}

int hg_tar_each(hg_tar_read read, void *from, hg_tar_file file, void *to,
                    struct hg_err *err)
{
    struct hg_tar_source source = { .read = read, .from = from, .err = err };
    HG_AUTO(hg_tar_free_reader) struct archive *a = NULL;
    HG_AUTO(hg_buf_wipe) struct hg_buf content = HG_BUF_INIT;
    struct archive_entry *entry = NULL;
    int more;
    if (hg_tar_open(&source, &a, err) < 0)
        return -1;
    while ((more = hg_tar_next(&source, a, &entry, err)) == 1) {
        const char *name = archive_entry_pathname(entry);
        if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) || !name)
            continue;
        if (hg_tar_content(&source, a, &content, err) < 0 ||
            file(to, name, hg_buf_str(&content), content.len, err) < 0)
            return -1;
    }
    return more;
}
