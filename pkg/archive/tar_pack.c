/* SPDX-License-Identifier: Apache-2.0 */
/* Files of this host into an archive. */
#include "archive/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct packing {
    const struct hg_tar_pack *how;
    struct archive *a;
    hg_tar_write write;
    void *to;
    struct hg_err *err;
    bool failed;                /* write() said why */
    bool over;                  /* what is left goes nowhere */
    size_t files, bytes;
};

static la_ssize_t push(struct archive *a, void *context, const void *data, size_t len)
{
    struct packing *p = context;
    if (p->over)
        return -1;
    if (p->write(p->to, data, len, p->err) == 0)
        return (la_ssize_t)len;
    p->failed = true;
    archive_set_error(a, EIO, "%s", p->err->message);
    return -1;
}

static void free_writer(struct archive **a)
{
    archive_write_free(*a);
}

static void free_entry(struct archive_entry **e)
{
    archive_entry_free(*e);
}

static void close_fts(FTS **f)
{
    if (*f)
        fts_close(*f);
}

static int broken(const struct packing *p)
{
    if (p->failed)
        return -1;
    return hg_fail(p->err, HG_E_BUG, "cannot write the archive: %s", archive_error_string(p->a));
}

static int add_entry(struct packing *p, const char *name, unsigned type, mode_t mode, size_t size)
{
    HG_AUTO(free_entry) struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, mode);
    archive_entry_set_uid(e, p->how->uid);
    archive_entry_set_gid(e, p->how->gid);
    archive_entry_set_size(e, (la_int64_t)size);
    archive_entry_set_mtime(e, (time_t)(hg_wall_ns() / HG_NS_PER_S), 0);
    return archive_write_header(p->a, e) == ARCHIVE_OK ? 0 : broken(p);
}

/* Exactly as many bytes as the entry says. */
static int add_content(struct packing *p, int fd, const char *path, size_t size)
{
    char piece[65536];
    while (size) {
        ssize_t n = read(fd, piece, size < sizeof piece ? size : sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return hg_fail(p->err, HG_E_USAGE, "%s became shorter while it was read", path);
        if (archive_write_data(p->a, piece, (size_t)n) != n)
            return broken(p);
        size -= (size_t)n;
    }
    return 0;
}

static int add_file(struct packing *p, const char *path, const char *name)
{
    struct stat st;
    HG_AUTO(hg_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return hg_fail_errno(p->err, HG_E_USAGE, "cannot read %s", path);
    if (!S_ISREG(st.st_mode))
        return hg_fail(p->err, HG_E_USAGE, "%s is not a regular file", path);
    p->bytes += (size_t)st.st_size;
    if (++p->files > HG_ARCHIVE_FILES || p->bytes > HG_ARCHIVE_BYTES)
        return hg_fail(p->err, HG_E_USAGE, "these are more than %d files or %zu MB",
                       HG_ARCHIVE_FILES, HG_ARCHIVE_BYTES >> 20);
    if (add_entry(p, name, AE_IFREG, st.st_mode & 0777, (size_t)st.st_size) < 0)
        return -1;
    return add_content(p, fd, path, (size_t)st.st_size);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int add_found(struct packing *p, const FTSENT *f, size_t root_len, const char *name)
{
    const char *rest = f->fts_path + root_len;
    HG_AUTO(hg_freep) char *in_archive = hg_xasprintf("%s%s", name, rest);
    switch (f->fts_info) {
    case FTS_D:
        if (++p->files > HG_ARCHIVE_FILES)
            return hg_fail(p->err, HG_E_USAGE, "these are more than %d files", HG_ARCHIVE_FILES);
        return add_entry(p, in_archive, AE_IFDIR, 0755, 0);
    case FTS_F:
        return add_file(p, f->fts_accpath, in_archive);
    case FTS_DP:
        return 0;
    case FTS_SL:
    case FTS_SLNONE:
        return hg_fail(p->err, HG_E_USAGE, "%s is a link, and links are not copied", f->fts_path);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        errno = f->fts_errno;
        return hg_fail_errno(p->err, HG_E_USAGE, "cannot read %s", f->fts_path);
    default:
        return hg_fail(p->err, HG_E_USAGE, "%s is neither a file nor a folder", f->fts_path);
    }
}

static int add_folder(struct packing *p, const char *path, const char *name)
{
    HG_AUTO(hg_freep) char *root = hg_xstrdup(path);
    char *roots[] = { root, NULL };
    HG_AUTO(close_fts) FTS *fts = fts_open(roots, FTS_COMFOLLOW | FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    FTSENT *f;
    if (!fts)
        return hg_fail_errno(p->err, HG_E_USAGE, "cannot read %s", path);
    errno = 0;
    while ((f = fts_read(fts)) != NULL) {
        if (add_found(p, f, strlen(root), name) < 0)
            return -1;
        errno = 0;
    }
    return errno ? hg_fail_errno(p->err, HG_E_USAGE, "cannot read %s", path) : 0;
}

static int add_path(struct packing *p, const char *given)
{
    HG_AUTO(hg_freep) char *path = hg_xstrdup(given);
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    const char *base = hg_path_base(path);
    if (!*base || hg_streq(base, ".") || hg_streq(base, "..") || hg_streq(base, "/"))
        return hg_fail(p->err, HG_E_USAGE, "%s has no name of its own to be called by", given);
    HG_AUTO(hg_freep) char *name = hg_path_join(p->how->folder, base);
    return hg_is_dir(path) ? add_folder(p, path, name) : add_file(p, path, name);
}

int hg_tar_pack(const struct hg_strv *paths, const struct hg_tar_pack *how,
                    hg_tar_write write, void *to, struct hg_err *err)
{
    HG_AUTO(free_writer) struct archive *a = archive_write_new();
    struct packing p = { .how = how, .a = a, .write = write, .to = to, .err = err };
    archive_write_set_format_pax_restricted(a);
    int rc = archive_write_open(a, &p, NULL, push, NULL) == ARCHIVE_OK ? 0 : broken(&p);
    if (rc == 0)
        rc = add_entry(&p, how->folder, AE_IFDIR, 0700, 0);
    for (size_t i = 0; rc == 0 && i < paths->count; i++)
        rc = add_path(&p, paths->items[i]);
    if (rc == 0 && archive_write_close(a) != ARCHIVE_OK)
        rc = broken(&p);
    p.over = true;
    return rc;
}
