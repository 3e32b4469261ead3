/* SPDX-License-Identifier: Apache-2.0 */
/* An archive from outside into files of this host. */
#include "archive/tar_internal.h"

#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_MAX_FTW 16

/* What stands behind the first name of an archive's path: "" for the first itself. NULL when the path
 * leads anywhere but down. */
static const char *below_root(const char *path)
{
    if (!path || *path == '/')
        return NULL;
    for (const char *p = path; *p;) {
        size_t len = strcspn(p, "/");
        if (len == 2 && memcmp(p, "..", 2) == 0)
            return NULL;
        p += len + (p[len] == '/');
    }
    if (hg_starts_with(path, "./"))
        path += 2;
    const char *slash = strchr(path, '/');
    return slash ? slash + 1 : path + strlen(path);
}

static int refuse(const char *path, const char *why, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *shown = hg_printable(path ? path : "", 200);
    return hg_fail(err, HG_E_INTEGRITY, "the archive has \"%s\", %s; nothing was kept", shown, why);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

struct target {
    const char *to;
    bool folder;                /* `to` is a folder that we made */
    bool any;
};

static int make_folder(struct target *t, const char *rest, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *path = *rest ? hg_path_join(t->to, rest) : hg_xstrdup(t->to);
    if (!*rest) {
        if (mkdir(path, 0755) < 0)
            return hg_fail_errno(err, HG_E_USAGE, "cannot make the folder %s", path);
        t->folder = true;
        return 0;
    }
    return hg_mkdir_p(path, 0755, err);
}

static int make_file(const struct target *t, const char *rest, mode_t mode, const struct hg_buf *content,
                     struct hg_err *err)
{
    HG_AUTO(hg_freep) char *path = *rest ? hg_path_join(t->to, rest) : hg_xstrdup(t->to);
    if (!*rest && hg_is_dir(path))
        return hg_fail(err, HG_E_USAGE, "%s is a folder here, and a file there", path);
    return hg_file_write(path, mode & 0111 ? 0755 : 0644, hg_buf_str(content), content->len, err);
}

static int take(struct target *t, struct hg_tar_source *s, struct archive *a,
                struct archive_entry *entry, struct hg_err *err)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf content = HG_BUF_INIT;
    const char *name = archive_entry_pathname(entry);
    const char *rest = below_root(name);
    if (!rest)
        return refuse(name, "which leads out of its folder", err);
    if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) == AE_IFLNK)
        return refuse(name, "which is a link, and links are not copied", err);
    if ((!*rest && t->any) || (*rest && !t->folder))
        return refuse(name, "which is beside what was asked for", err);
    t->any = true;
    if (archive_entry_filetype(entry) == AE_IFDIR)
        return make_folder(t, rest, err);
    if (archive_entry_filetype(entry) != AE_IFREG)
        return refuse(name, "which is neither a file nor a folder", err);
    if (hg_tar_content(s, a, &content, err) < 0)
        return -1;
    return make_file(t, rest, archive_entry_perm(entry), &content, err);
}

int hg_tar_unpack(hg_tar_read read, void *from, const char *to, struct hg_err *err)
{
    struct hg_tar_source source = { .read = read, .from = from, .err = err };
    HG_AUTO(hg_tar_free_reader) struct archive *a = NULL;
    struct archive_entry *entry = NULL;
    struct target t = { .to = to };
    int more = hg_tar_open(&source, &a, err);
    if (more < 0)
        return -1;
    while ((more = hg_tar_next(&source, a, &entry, err)) == 1)
        if (take(&t, &source, a, entry, err) < 0) {
            more = -1;
            break;
        }
    if (more == 0 && !t.any)
        more = hg_fail(err, HG_E_INTEGRITY, "the archive is empty");
    /* No link was made, so this stays below what we made. */
    if (more < 0 && t.folder)
        (void)nftw(to, remove_one, OPEN_MAX_FTW, FTW_DEPTH | FTW_PHYS);
    return more;
}
