/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <errno.h>
#include <sys/mman.h>

int hg_process_become(const char *file, char *const *argv, char *const *envp, struct hg_err *err)
{
    if (!envp)
        envp = environ;
    HG_AUTO(hg_freep) char *found = hg_spawn_find(file, envp);
    if (!found)
        return hg_spawn_fail(err, file, errno);
    (void)fflush(stdout);
    hg_trace("become", "file", found, NULL);
    sigset_t mask;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    hg_signals_restore();
    (void)execve(found, argv, envp);
    int error = errno;
    if (error == ENOEXEC) { /* a script without "#!", as execvp does */
        struct hg_strv shell = HG_STRV_INIT;
        hg_strv_add(&shell, "/bin/sh");
        hg_strv_add(&shell, found);
        for (char *const *arg = argv + (argv[0] != NULL); *arg; arg++)
            hg_strv_add(&shell, *arg);
        (void)execve(shell.items[0], shell.items, envp);
        hg_strv_done(&shell);
    }
    (void)signal(SIGPIPE, SIG_IGN); /* we go on as a program of ours: see hg_cli_main */
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return hg_spawn_fail(err, file, error);
}

int hg_process_memfile(const char *name, const void *data, size_t len, struct hg_err *err)
{
    HG_AUTO(hg_closep) int fd = memfd_create(name, 0);
    if (fd < 0 || hg_write_all(fd, data, len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return hg_fail_errno(err, HG_E_UNKNOWN, "cannot make a memory file");
    int kept = fd;
    fd = -1;
    return kept;
}
