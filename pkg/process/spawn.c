/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define STDIO_COUNT 3

/* ---- finding and failing --------------------------------------------------------------------- */

static const char *envp_get(char *const *envp, const char *name)
{
    size_t len = strlen(name);
    for (; envp && *envp; envp++)
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
            return *envp + len + 1;
    return NULL;
}

/* As hg_find_program, but telling "there, and not runnable" (126) from "not there" (127). */
char *hg_spawn_find(const char *name, char *const *envp)
{
    if (strchr(name, '/'))
        return hg_xstrdup(name); /* execve itself tells, after the change of directory */
    if (!*name) {
        errno = ENOENT;
        return NULL;
    }
    const char *path = envp_get(envp, "PATH");
    if (!path)
        path = "/usr/local/bin:/usr/bin:/bin";
    HG_AUTO(hg_freep) char *file = hg_find_program(name, path);
    if (file)
        return HG_TAKE(file);
    int error = ENOENT;
    while (*path) {
        size_t len = strcspn(path, ":");
        HG_AUTO(hg_freep) char *at = hg_xasprintf("%.*s/%s", (int)len, path, name);
        if (hg_is_file(at))
            error = EACCES;
        path += len;
        path += *path == ':';
    }
    errno = error;
    return NULL;
}

int hg_spawn_fail(struct hg_err *err, const char *name, int error)
{
    bool missing = error == ENOENT || error == ENOTDIR;
    hg_fail(err, HG_E_CONFIG, missing ? "command not found: %s" : "cannot run %s", name);
    err->exit_code = missing ? HG_EXIT_NOT_FOUND : HG_EXIT_CANNOT_RUN;
    if (error == E2BIG) {
        hg_detail(err, "%s", strerror(error));
        return hg_hint(err, "a variable or the environment as a whole is too long for the kernel "
                            "(128 KiB a variable): pass less with --unset NAME or --clean");
    }
    if (!missing || strchr(name, '/'))
        hg_detail(err, "%s", strerror(error));
    return -1;
}

/* ---- in the child ---------------------------------------------------------------------------- */

static _Noreturn void child_fail(int status_fd)
{
    int error = errno;
    (void)!write(status_fd, &error, sizeof error);
    _exit(HG_EXIT_CANNOT_RUN);
}

/* Two steps, because a descriptor we are about to put at 1 may itself be 0 or 2. */
static int child_stdio(const int stdio[STDIO_COUNT])
{
    int high[STDIO_COUNT] = { -1, -1, -1 };
    for (int i = 0; i < STDIO_COUNT; i++)
        if (stdio[i] >= 0 && (high[i] = fcntl(stdio[i], F_DUPFD_CLOEXEC, STDIO_COUNT)) < 0)
            return -1;
    for (int i = 0; i < STDIO_COUNT; i++)
        if (high[i] >= 0 && dup2(high[i], i) < 0)
            return -1;
    return 0;
}

static int child_group(const struct hg_spawn *spec)
{
    if (spec->group == HG_GROUP_OWN)
        return setpgid(0, 0);
    if (spec->group == HG_GROUP_SESSION && setsid() < 0)
        return -1;
    if (spec->tty >= 0)
        return ioctl(spec->tty, TIOCSCTTY, 0);
    return 0;
}

/* A script without "#!" is a shell script to every shell and to execvp; also here. */
static void child_exec_shell(const char *file, const struct hg_spawn *spec, char *const *envp)
{
    size_t count = 0;
    while (spec->argv[count])
        count++;
    char **argv = hg_xcalloc(count + 3, sizeof *argv);
    argv[0] = hg_xstrdup("/bin/sh");
    argv[1] = hg_xstrdup(file);
    for (size_t i = 1; i < count; i++)
        argv[i + 1] = spec->argv[i];
    (void)execve(argv[0], argv, envp);
}

static _Noreturn void child_main(const struct hg_spawn *spec, const char *file, pid_t parent,
                                 int status_fd)
{
    if (child_group(spec) < 0 || child_stdio(spec->stdio) < 0)
        child_fail(status_fd);
    if (spec->death_signal) {
        (void)prctl(PR_SET_PDEATHSIG, spec->death_signal);
        if (getppid() != parent) /* it died before we asked */
            _exit(HG_EXIT_SIGNAL + spec->death_signal);
    }
    for (const int *fd = spec->keep_fds; fd && *fd >= 0; fd++)
        if (fcntl(*fd, F_SETFD, 0) < 0)
            child_fail(status_fd);
    if (spec->dir && chdir(spec->dir) < 0)
        child_fail(status_fd);
    char *const *envp = spec->envp ? spec->envp : environ;
    hg_signals_restore();
    (void)execve(file, spec->argv, envp);
    if (errno == ENOEXEC)
        child_exec_shell(file, spec, envp);
    child_fail(status_fd);
}

/* ---- in the parent --------------------------------------------------------------------------- */

static int spawn_failed(const struct hg_spawn *spec, pid_t pid, int error, struct hg_err *err)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (spec->dir && !hg_is_dir(spec->dir)) {
        hg_fail(err, HG_E_CONFIG, "cannot run %s in %s", spec->argv[0], spec->dir);
        hg_detail(err, "%s: %s", spec->dir, strerror(error));
        err->exit_code = HG_EXIT_CANNOT_RUN;
        return -1;
    }
    return hg_spawn_fail(err, spec->argv[0], error);
}

/* With SIGCHLD ignored (some callers do) the kernel would reap children behind our back. */
static void default_sigchld(void)
{
    struct sigaction now;
    if (sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
        (void)signal(SIGCHLD, SIG_DFL);
}

int hg_spawn(const struct hg_spawn *spec, struct hg_child *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *file = hg_spawn_find(spec->argv[0], spec->envp ? spec->envp : environ);
    if (!file)
        return hg_spawn_fail(err, spec->argv[0], errno);
    int status[2];
    if (pipe2(status, O_CLOEXEC) < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot start %s", spec->argv[0]);
    default_sigchld();
    (void)fflush(stdout); /* nothing of ours may be written twice or after the child's */
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        child_main(spec, file, parent, status[1]);
    int fork_error = errno;
    close(status[1]);
    HG_AUTO(hg_closep) int status_fd = status[0];
    if (pid < 0) {
        errno = fork_error;
        return hg_fail_errno(err, HG_E_CONFIG, "cannot start %s", spec->argv[0]);
    }
    if (spec->group == HG_GROUP_OWN)
        (void)setpgid(pid, pid); /* also here: a signal may be due before the child has run */
    int error = 0;
    ssize_t n;
    while ((n = read(status_fd, &error, sizeof error)) < 0 && errno == EINTR)
        continue;
    if (n == (ssize_t)sizeof error)
        return spawn_failed(spec, pid, error, err);
    char pid_text[16];
    (void)snprintf(pid_text, sizeof pid_text, "%d", (int)pid);
    hg_trace("child_start", "file", file, "child", pid_text, NULL);
    *ret = (struct hg_child){ .pid = pid, .group = spec->group };
    ret->pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* CLOEXEC by itself; -1 on old kernels */
    return 0;
}

void hg_child_kill(const struct hg_child *child, int sig)
{
    if (child->pid <= 0)
        return;
    if (child->group == HG_GROUP_SHARED)
        (void)kill(child->pid, sig);
    else if (kill(-child->pid, sig) < 0)
        (void)kill(child->pid, sig); /* it moved itself to another group */
}

int hg_child_poll(struct hg_child *child, struct hg_exit_status *ret)
{
    siginfo_t info = { 0 };
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG) < 0) {
        if (errno != ECHILD)
            return 0;
        HG_BUG("somebody else reaped our child");
    }
    if (info.si_pid == 0)
        return 0;
    *ret = (struct hg_exit_status){ .signaled = info.si_code != CLD_EXITED,
                                    .code = info.si_status };
    char pid_text[16], code_text[16];
    (void)snprintf(pid_text, sizeof pid_text, "%d", (int)child->pid);
    (void)snprintf(code_text, sizeof code_text, "%d", hg_exit_status_code(ret));
    hg_trace("child_exit", "child", pid_text, "code", code_text, NULL);
    child->pid = 0;
    return 1;
}

void hg_child_done(struct hg_child *child)
{
    int saved = errno;
    if (child->pid > 0) {
        hg_child_kill(child, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        child->pid = 0;
    }
    hg_closep(&child->pidfd);
    errno = saved;
}

int hg_exit_status_code(const struct hg_exit_status *s)
{
    return s->signaled ? HG_EXIT_SIGNAL + s->code : s->code;
}
