/* SPDX-License-Identifier: Apache-2.0 */
/* Is the application still to be started? Its process is this program until it becomes the application (or
 * headgate-pid1): process 1 of the container, or a child of a small init that is (docker run --init). */
#include "internal.h"

#include <fcntl.h>

#define OURS      "headgate-entryp" /* as much of the name as the kernel keeps */
#define TEXT_MAX  ((size_t)4096)

/* What a file of /proc/PID has; "" where there is none. Heap. */
static char *read_proc(int64_t pid, const char *name)
{
    HG_AUTO(hg_freep) char *path = hg_xasprintf("/proc/%lld/%s", (long long)pid, name);
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    HG_AUTO(hg_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct hg_err ignored = { 0 };
    if (fd < 0 || hg_read_all(fd, TEXT_MAX, &text, &ignored) < 0)
        return hg_xstrdup("");
    return hg_xstrdup(hg_buf_str(&text));
}

static bool is_ours(int64_t pid)
{
    HG_AUTO(hg_freep) char *name = read_proc(pid, "comm");
    return hg_starts_with(name, OURS);
}

/* Of this container, or of this unit of systemd: another one's start is nothing to us. */
static bool is_beside_us(int64_t pid)
{
    HG_AUTO(hg_freep) char *theirs = read_proc(pid, "cgroup");
    HG_AUTO(hg_freep) char *ours = read_proc(getpid(), "cgroup");
    return pid != getpid() && hg_streq(theirs, ours);
}

bool hg_entry_still_starting(void)
{
    if (is_ours(1))
        return true;
    HG_AUTO(hg_freep) char *children = read_proc(1, "task/1/children"); /* not every kernel has it */
    char *end;
    for (char *at = children; *at; at = end + (*end == ' ')) {
        long long pid = strtoll(at, &end, 10);
        if (end == at)
            return false;
        if (is_ours(pid) && is_beside_us(pid))
            return true;
    }
    return false;
}
