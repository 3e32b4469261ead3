/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

static int refuse_kind(const char *shown, mode_t mode, struct hg_err *err)
{
    const char *what = S_ISDIR(mode)    ? "is a directory"
                       : S_ISFIFO(mode) ? "is a FIFO"
                       : S_ISSOCK(mode) ? "is a socket"
                                        : "is a device";
    errno = EINVAL;
    return hg_fail(err, HG_E_CONFIG, "cannot read %s: it %s, not a file", shown, what);
}

int hg_read_all(int fd, size_t max, struct hg_buf *ret, struct hg_err *err)
{
    char chunk[65536];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return hg_fail_errno(err, HG_E_CONFIG, "read");
        if (n == 0)
            return 0;
        if ((size_t)n > max - ret->len)
            return hg_fail(err, HG_E_CONFIG, "more than %zu bytes", max);
        hg_buf_add(ret, chunk, (size_t)n);
    }
}

static int open_at(int dirfd, const char *name, const char *shown, size_t max, size_t *ret_len,
                   struct hg_err *err)
{
    /* O_NONBLOCK: opening a FIFO without a writer must not wait. */
    HG_AUTO(hg_closep) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot read %s", shown);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot read %s", shown);
    if (!S_ISREG(st.st_mode))
        return refuse_kind(shown, st.st_mode, err);
    if (st.st_size > 0 && (uint64_t)st.st_size > max) {
        errno = EFBIG;
        return hg_fail(err, HG_E_CONFIG, "cannot read %s: it has %lld bytes, more than %zu", shown,
                       (long long)st.st_size, max);
    }
    *ret_len = (size_t)st.st_size;
    int opened = fd;
    fd = -1;
    return opened;
}

int hg_file_open(const char *path, size_t max, size_t *ret_len, struct hg_err *err)
{
    return open_at(AT_FDCWD, path, path, max, ret_len, err);
}

int hg_file_read_at(int dirfd, const char *name, const char *shown, size_t max, struct hg_buf *ret,
                    struct hg_err *err)
{
    size_t size = 0;
    HG_AUTO(hg_closep) int fd = open_at(dirfd, name, shown, max, &size, err);
    if (fd < 0)
        return -1;
    /* One read for the size that fstat told, one that sees the end. */
    size_t want = size + 1;
    char *data = hg_xmalloc(want + 1);
    struct hg_buf b = { .data = data, .cap = want + 1 };
    for (;;) {
        ssize_t n = read(fd, b.data + b.len, want - b.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int saved = errno;
            hg_buf_done(&b);
            errno = saved;
            return hg_fail_errno(err, HG_E_CONFIG, "cannot read %s", shown);
        }
        b.len += (size_t)n;
        if (n == 0 || b.len == want)
            break;
    }
    b.data[b.len] = '\0';
    if (b.len == want && hg_read_all(fd, max, &b, err) < 0) { /* it grew while we read */
        hg_buf_done(&b);
        return hg_wrap(err, "cannot read %s", shown);
    }
    hg_buf_done(ret);
    *ret = b;
    return 0;
}

int hg_file_read(const char *path, size_t max, struct hg_buf *ret, struct hg_err *err)
{
    return hg_file_read_at(AT_FDCWD, path, path, max, ret, err);
}

int hg_write_all(int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int hg_file_write(const char *path, mode_t mode, const void *data, size_t len, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *dir = hg_path_dir(path);
    HG_AUTO(hg_freep) char *tmp = hg_xasprintf("%s/.%s.XXXXXX", dir, hg_path_base(path));
    HG_AUTO(hg_closep) int fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot write %s", path);
    if (fchmod(fd, mode) < 0 || hg_write_all(fd, data, len) < 0 || fsync(fd) < 0 ||
        rename(tmp, path) < 0) {
        int saved = errno;
        unlink(tmp);
        errno = saved;
        return hg_fail_errno(err, HG_E_CONFIG, "cannot write %s", path);
    }
    HG_AUTO(hg_closep) int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd >= 0)
        (void)fsync(dirfd); /* some file systems cannot; the file itself is safe */
    return 0;
}

int hg_mkdir_p(const char *path, mode_t mode, struct hg_err *err)
{
    if (mkdir(path, mode) == 0 || (errno == EEXIST && hg_is_dir(path)))
        return 0;
    if (errno == ENOENT) {
        HG_AUTO(hg_freep) char *parent = hg_path_dir(path);
        if (strcmp(parent, path) == 0 || hg_mkdir_p(parent, mode, err) < 0)
            return -1;
        if (mkdir(path, mode) == 0 || errno == EEXIST)
            return 0;
    }
    return hg_fail_errno(err, HG_E_CONFIG, "cannot make directory %s", path);
}

int hg_state_dir_make(const char *dir, struct hg_err *err)
{
    if (hg_is_dir(dir))
        return 0;
    if (hg_mkdir_p(dir, 0755, err) < 0)
        return hg_hint(err, "name a folder that can be written in HEADGATE_STATE_DIR");
    HG_AUTO(hg_freep) char *ignore = hg_path_join(dir, ".gitignore");
    return hg_file_write(ignore, 0644, "*\n", 2, err) < 0 ? -1 : 1;
}

bool hg_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool hg_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

char *hg_path_join(const char *dir, const char *name)
{
    if (name[0] == '/' || dir[0] == '\0' || strcmp(dir, ".") == 0)
        return hg_xstrdup(name);
    if (name[0] == '\0' || strcmp(name, ".") == 0)
        return hg_xstrdup(dir);
    /* Not by printf: thousands of revision files get their names here. */
    size_t len = strlen(dir), more = strlen(name) + 1;
    char *path = hg_xmalloc(len + 1 + more);
    memcpy(path, dir, len);
    if (path[len - 1] != '/')
        path[len++] = '/';
    memcpy(path + len, name, more);
    return path;
}

char *hg_path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return hg_xstrdup(".");
    if (slash == path)
        return hg_xstrdup("/");
    return hg_xstrndup(path, (size_t)(slash - path));
}

const char *hg_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *hg_path_abs(const char *path)
{
    if (path[0] == '/')
        return hg_xstrdup(path);
    char cwd[PATH_MAX];
    if (!getcwd(cwd, sizeof cwd))
        return hg_xstrdup(path);
    return hg_path_join(cwd, path);
}

char *hg_find_program(const char *name, const char *path)
{
    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? hg_xstrdup(name) : NULL;
    if (!path)
        path = getenv("PATH");
    if (!path)
        path = "/usr/local/bin:/usr/bin:/bin";
    while (*path) {
        size_t len = strcspn(path, ":");
        HG_AUTO(hg_freep) char *dir = len ? hg_xstrndup(path, len) : hg_xstrdup(".");
        HG_AUTO(hg_freep) char *file = hg_xasprintf("%s/%s", dir, name);
        if (hg_is_file(file) && access(file, X_OK) == 0)
            return HG_TAKE(file);
        path += len;
        path += *path == ':';
    }
    return NULL;
}

char *hg_self_dir(void)
{
    char file[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", file, sizeof file - 1);
    if (n <= 0)
        return hg_xstrdup(".");
    file[n] = '\0';
    HG_AUTO(hg_freep) char *dir = hg_path_dir(file);
    if (strcmp(hg_path_base(file), "headgate") == 0) {
        HG_AUTO(hg_freep) char *prefix = hg_path_dir(dir);
        HG_AUTO(hg_freep) char *libexec = hg_path_join(prefix, "libexec/headgate");
        if (access(libexec, F_OK) == 0)
            return HG_TAKE(libexec);
    }
    return HG_TAKE(dir);
}
