/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command's processes seen from the engine's host (Linux): for images without a shell, where the
 * keeper cannot run. Works where we share the process namespace with the engine and may read the
 * environment of those processes, that is, mostly as root.
 */
#include "docker/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENVIRON_MAX ((size_t)4 << 20)
#define SESSIONS_MAX 64

static bool carries(int proc, const char *pid, const char *needle)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    struct hg_err ignored;
    char path[64];
    snprintf(path, sizeof path, "%s/environ", pid);
    HG_AUTO(hg_closep) int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || hg_read_all(fd, ENVIRON_MAX, &text, &ignored) < 0 || text.len == 0)
        return false;
    return memmem(text.data, text.len, needle, strlen(needle)) != NULL;
}

/* The session of a process (proc(5), stat, field 6); 0 when it is gone or a zombie. */
static pid_t session_of(int proc, const char *pid)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "%s/stat", pid);
    HG_AUTO(hg_closep) int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    const char *behind = strrchr(text, ')');
    char state = 0;
    int parent = 0, group = 0, session = 0;
    if (!behind || sscanf(behind + 1, " %c %d %d %d", &state, &parent, &group, &session) != 4)
        return 0;
    return state == 'Z' ? 0 : session;
}

static size_t find_sessions(DIR *dir, const char *needle, pid_t *sessions)
{
    size_t count = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (*entry->d_name < '1' || *entry->d_name > '9' || count == SESSIONS_MAX ||
            !carries(dirfd(dir), entry->d_name, needle))
            continue;
        pid_t session = session_of(dirfd(dir), entry->d_name);
        if (session > 1)
            sessions[count++] = session;
    }
    return count;
}

int hg_hostproc_signal(const char *token, int signal)
{
    HG_AUTO(hg_freep) char *needle = hg_xasprintf("HEADGATE_EXEC_TOKEN=%s", token);
    pid_t sessions[SESSIONS_MAX];
    int reached = 0;
    DIR *dir = opendir("/proc");
    if (!dir)
        return 0;
    size_t count = find_sessions(dir, needle, sessions);
    rewinddir(dir);
    const struct dirent *entry;
    while (count && (entry = readdir(dir)) != NULL) {
        if (*entry->d_name < '1' || *entry->d_name > '9')
            continue;
        pid_t session = session_of(dirfd(dir), entry->d_name);
        for (size_t i = 0; i < count; i++) {
            if (session != sessions[i])
                continue;
            int64_t pid = 0;
            if (hg_parse_int(entry->d_name, 2, INT32_MAX, &pid) == 0)
                reached += kill((pid_t)pid, signal) == 0;
            break;
        }
    }
    closedir(dir);
    return reached;
}
