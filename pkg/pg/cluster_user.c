/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL refuses to run as root, so root runs a private cluster as somebody else. */
#include "cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>

static bool by_name(const char *name, struct hg_pg_owner *ret)
{
    const struct passwd *p = getpwnam(name);
    if (!p || p->pw_uid == 0)
        return false;
    *ret = (struct hg_pg_owner){ p->pw_uid, p->pw_gid, true };
    return true;
}

int hg_pg_owner_choose(const char *dir, struct hg_pg_owner *ret, struct hg_err *err)
{
    struct stat st;
    int64_t uid = 0;
    if (geteuid() != 0) {
        *ret = (struct hg_pg_owner){ geteuid(), getegid(), false };
        return 0;
    }
    if (dir && stat(dir, &st) == 0 && st.st_uid != 0) {
        *ret = (struct hg_pg_owner){ st.st_uid, st.st_gid, true };
        return 0;
    }
    const char *sudo = getenv("SUDO_UID");
    if (sudo && hg_parse_int(sudo, 1, INT32_MAX, &uid) == 0) {
        const struct passwd *p = getpwuid((uid_t)uid);
        *ret = (struct hg_pg_owner){ (uid_t)uid, p ? p->pw_gid : (gid_t)uid, true };
        return 0;
    }
    if (by_name("postgres", ret) || by_name("nobody", ret))
        return 0;
    hg_fail(err, HG_E_CONFIG, "PostgreSQL does not run as root, and there is no user to run it as");
    return hg_hint(err, "create one: useradd --system postgres");
}

static bool may_enter(const struct hg_pg_owner *owner, const struct stat *st)
{
    mode_t bit = st->st_uid == owner->uid ? S_IXUSR : st->st_gid == owner->gid ? S_IXGRP : S_IXOTH;
    return (st->st_mode & bit) != 0;
}

bool hg_pg_owner_reaches(const struct hg_pg_owner *owner, const char *dir)
{
    if (!owner->drop)
        return true;
    HG_AUTO(hg_freep) char *path = hg_xstrdup(dir);
    for (;;) {
        struct stat st;
        if (stat(path, &st) < 0 || !may_enter(owner, &st))
            return false;
        if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
            return true;
        char *up = hg_path_dir(path);
        free(path);
        path = up;
    }
}

static int become(const struct hg_pg_owner *owner, struct hg_err *err)
{
    if (setgroups(0, NULL) < 0 || setgid(owner->gid) < 0 || setuid(owner->uid) < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot become user %u", (unsigned)owner->uid);
    if (setuid(0) == 0)
        return hg_fail(err, HG_E_BUG, "root's rights could not be given up");
    return 0;
}

/* struct hg_err holds no pointers, so its bytes are the message from child to parent. */
static _Noreturn void in_child(const struct hg_pg_owner *owner,
                               int (*fn)(void *context, struct hg_err *err), void *context, int out)
{
    struct hg_err e = { 0 };
    if (become(owner, &e) == 0 && fn(context, &e) == 0)
        hg_err_clear(&e);
    bool sent = hg_write_all(out, &e, sizeof e) == 0;
    _exit(sent && e.kind == HG_E_NONE ? 0 : 1);
}

int hg_pg_run_as(const struct hg_pg_owner *owner, int (*fn)(void *context, struct hg_err *err),
                 void *context, struct hg_err *err)
{
    if (!owner->drop)
        return fn(context, err);
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC) < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot make a pipe");
    HG_AUTO(hg_closep) int in = pipe_fd[0];
    (void)fflush(NULL); /* nothing buffered may be written twice */
    pid_t pid = fork();
    if (pid == 0)
        in_child(owner, fn, context, pipe_fd[1]);
    (void)close(pipe_fd[1]);
    if (pid < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot start a child process");
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    int read_rc = hg_read_all(in, sizeof *err, &b, err);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (read_rc < 0 || b.len != sizeof *err)
        return hg_fail(err, HG_E_BUG, "the child that manages PostgreSQL ended early");
    if (status == 0)
        return 0;
    memcpy(err, b.data, sizeof *err);
    return -1;
}
