/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP_NS    (120 * HG_NS_PER_S)
#define ANSWER_MAX ((size_t)1 << 20)

/* Folder, length and text of the program come first; what follows on stdin is for the program. */
static const char BOOT[] =
    "import os, sys\n"
    "take = sys.stdin.buffer\n"
    "os.chdir(os.fsdecode(take.readline()[:-1]))\n"
    "exec(compile(take.read(int(take.readline())), '<headgate>', 'exec'))\n";

static int put(struct bundle_online *o, const char *data, size_t len, struct hg_err *err)
{
    while (len) {
        ssize_t n = send(o->fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return hg_fail_errno(err, HG_E_UNKNOWN, "Alembic's process is gone");
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The next line, as JSON; new reference. */
static int answer(struct bundle_online *o, int64_t deadline, json_t **ret, struct hg_err *err)
{
    char piece[4096];
    for (;;) {
        char *newline = o->got.len ? memchr(o->got.data, '\n', o->got.len) : NULL;
        if (newline) {
            size_t len = (size_t)(newline - o->got.data) + 1;
            *ret = json_loadb(o->got.data, len, 0, NULL);
            memmove(o->got.data, o->got.data + len, o->got.len - len);
            o->got.len -= len;
            return *ret ? 0 : hg_fail(err, HG_E_UNKNOWN, "Alembic's process gave no answer");
        }
        struct pollfd p = { .fd = o->fd, .events = POLLIN };
        int ready = poll(&p, 1, hg_ms_left(deadline));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return hg_fail(err, HG_E_UNKNOWN, "Alembic gave no answer in time");
        ssize_t n = recv(o->fd, piece, sizeof piece, 0);
        if (n <= 0 || o->got.len > ANSWER_MAX)
            return hg_fail(err, HG_E_UNKNOWN, "Alembic's process ended");
        hg_buf_add(&o->got, piece, (size_t)n);
    }
}

/* 0: ok, 1: not, and why. */
static int outcome(struct bundle_online *o, char **ret_why, struct hg_err *err)
{
    json_t *told = NULL;
    if (answer(o, hg_now_ns() + STEP_NS, &told, err) < 0)
        return -1;
    bool ok = json_is_true(json_object_get(told, "ok"));
    const char *fatal = hg_jget(told, "fatal");
    if (!ok && ret_why)
        *ret_why = hg_xstrdup(fatal ? fatal : hg_jstr(told, "message"));
    json_decref(told);
    return ok ? 0 : 1;
}

int bundle_online_start(const struct hg_online *how, struct bundle_online *ret, struct hg_err *err)
{
    static char NO_BYTECODE[] = "-B", OPTION[] = "-c";
    HG_AUTO(hg_freep) char *boot = hg_xstrdup(BOOT);
    HG_AUTO(hg_freep) char *head = hg_xasprintf("%s\n%zu\n", how->dir, strlen(how->program));
    HG_AUTO(hg_freep) char *why = NULL;
    HG_AUTO(hg_closep) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    char *argv[] = { how->python, NO_BYTECODE, OPTION, boot, NULL };
    int pair[2] = { -1, -1 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return hg_fail_errno(err, HG_E_UNKNOWN, "talking to Alembic's process");
    HG_AUTO(hg_closep) int theirs = pair[1];
    ret->fd = pair[0];
    struct hg_process_start spec = { .argv = argv, .envp = how->envp,
                                     .stdio = { theirs, theirs, hg_log_enabled(HG_LOG_INFO) ? -1 : null }, .death_signal = SIGKILL };
    if (hg_process_start(&spec, &ret->child, err) < 0)
        return -1;
    hg_closep(&theirs);
    if (put(ret, head, strlen(head), err) < 0 ||
        put(ret, how->program, strlen(how->program), err) < 0)
        return -1;
    int rc = outcome(ret, &why, err);
    return rc > 0 ? hg_fail(err, HG_E_UNKNOWN, "Alembic could not be run online: %s", why) : rc;
}

int bundle_online_step(struct bundle_online *o, bool down, const char *revision, char **ret_why,
                       struct hg_err *err)
{
    HG_AUTO(hg_freep) char *line = hg_xasprintf("%s %s\n", down ? "down" : "up", revision);
    return put(o, line, strlen(line), err) < 0 ? -1 : outcome(o, ret_why, err);
}

void bundle_online_done(struct bundle_online *o)
{
    hg_closep(&o->fd);
    hg_process_stop(&o->child, HG_NS_PER_S);
    hg_buf_done(&o->got);
}
