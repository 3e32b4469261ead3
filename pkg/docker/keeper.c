/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper. The engine has no request to signal a command started by exec, and keeps it running
 * when its client dies. So a second exec, a few lines of sh, waits beside the command: a line with a
 * number on its stdin is a signal to send, answered by "NUMBER HOW-MANY"; "quit" ends it; end of file
 * without "quit" means that we were killed, and ends the command.
 *
 * It finds the command's processes by the token in their environment and then by their session: exec
 * gives each command a session of its own, so children that changed user or environment are found
 * too. Only sh's own words are used, because an image may have nothing else (`sleep`, where it is
 * missing, merely makes the keeper less patient).
 */
#include "docker/internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLEAN_NS (10 * HG_NS_PER_S)

static const char SCRIPT[] =
    "t=HEADGATE_EXEC_TOKEN=$1 w=$2\n"
    /* The folder that was the command's; says when it is gone. */
    "clean() {\n"
    "  [ -n \"$w\" ] || return 0\n"
    "  rm -rf -- \"$w\" 2> /dev/null\n"
    "  [ -e \"$w\" ] || echo gone\n"
    "}\n"
    /* Does process $1 carry the token? */
    "has() {\n"
    "  { while IFS= read -r l || [ -n \"$l\" ]; do\n"
    "      case $l in *\"$t\"*) return 0 ;; esac\n"
    "    done < \"$1/environ\"; } 2> /dev/null\n"
    "  return 1\n"
    "}\n"
    /* Its session into i; 0 when it is gone or a zombie. */
    "session() {\n"
    "  i=0\n"
    "  { IFS= read -r l < \"$1/stat\"; } 2> /dev/null || return\n"
    "  set -- ${l##*) }\n"
    "  [ \"$1\" = Z ] || i=$4\n"
    "}\n"
    "send() {\n"
    "  s= p= n=0\n"
    "  for d in /proc/[0-9]*; do\n"
    "    has \"$d\" || continue\n"
    "    session \"$d\"\n"
    "    [ \"$i\" -le 1 ] || s=\"$s $i \"\n"
    "  done\n"
    "  [ -z \"$s\" ] || for d in /proc/[0-9]*; do\n"
    "    session \"$d\"\n"
    "    case $s in *\" $i \"*) p=\"$p ${d#/proc/}\" n=$((n + 1)) ;; esac\n"
    "  done\n"
    "  [ -z \"$p\" ] || kill -\"$1\" $p 2> /dev/null\n"
    "  echo \"$1 $n\"\n"
    "}\n"
    "while IFS= read -r c; do\n"
    "  if [ \"$c\" = quit ]; then clean; exit 0; fi\n"
    "  send \"$c\"\n"
    "done\n"
    /* Our headgate is dead. The command may only just be starting, so nobody there is not the end. */
    "exec > /dev/null 2>&1\n"
    "g=15 z=0 k=0\n"
    "while [ $k -lt 14 ] && [ $z -lt 4 ]; do\n"
    "  send $g\n"
    "  if [ $n -gt 0 ]; then g=0 z=0; else z=$((z + 1)); fi\n"
    "  sleep 1 || break\n"
    "  k=$((k + 1))\n"
    "  [ $k -lt 10 ] || g=9\n"
    "done\n"
    "clean\n";

int hg_keeper_start(struct hg_docker *d, const struct hg_docker_exec *spec, const char *token,
                    struct hg_keeper *ret, struct hg_err *err)
{
    char *argv[] = { (char *)"sh", (char *)"-c", (char *)SCRIPT, (char *)"headgate-keeper",
                     (char *)token, (char *)spec->folder, NULL };
    const struct hg_docker_exec keeper = { .container = spec->container, .argv = argv,
                                           .user = spec->user, .dir = "/",
                                           .privileged = spec->privileged };
    if (hg_exec_create(d, &keeper, NULL, true, &ret->id, err) < 0 ||
        hg_exec_attach(d, ret->id, false, &ret->stream, err) < 0)
        return -1;
    ret->alive = true;
    ret->said.max = 4096;
    return 0;
}

static bool tell(struct hg_keeper *k, const char *line)
{
    /* A line of four bytes fits into the socket, or the keeper has hung for long. */
    return k->alive && send(k->stream.conn.fd, line, strlen(line), MSG_NOSIGNAL) ==
                           (ssize_t)strlen(line);
}

bool hg_keeper_signal(struct hg_keeper *k, int signal)
{
    char line[16];
    snprintf(line, sizeof line, "%d\n", signal);
    k->delivered = false;
    if (!tell(k, line))
        return false;
    k->waiting++;
    return true;
}

static void take_words(void *context, int stream, const char *data, size_t len)
{
    struct hg_keeper *k = context;
    if (stream == 1)
        hg_buf_add(&k->said, data, len);
}

/* "15 3": signal 15 went to three processes. Anything else is the engine's own text about a shell
 * that it could not start. */
static void take_line(struct hg_keeper *k, char *line)
{
    char *space = strchr(line, ' ');
    int64_t signal = 0, reached = 0;
    if (hg_streq(line, "gone"))
        k->gone = true;
    if (!space || !k->waiting)
        return;
    *space = '\0';
    if (hg_parse_int(line, 1, 64, &signal) < 0 || hg_parse_int(space + 1, 0, INT32_MAX, &reached) < 0)
        return;
    k->waiting--;
    k->delivered = reached > 0;
}

static void take_lines(struct hg_keeper *k)
{
    char *line = k->said.data, *newline;
    while (line && (newline = strchr(line, '\n')) != NULL) {
        *newline = '\0';
        take_line(k, line);
        line = newline + 1;
    }
    if (line && line != k->said.data) {
        HG_AUTO(hg_freep) char *rest = hg_xstrdup(line);
        hg_buf_clear(&k->said);
        hg_buf_adds(&k->said, rest);
    }
}

void hg_keeper_readable(struct hg_keeper *k)
{
    struct hg_err ignored;
    char *data = k->stream.buf + k->stream.at;
    size_t len = k->stream.len - k->stream.at;
    k->stream.at = k->stream.len = 0;
    if (len == 0) {
        ssize_t n = read(k->stream.conn.fd, k->stream.buf, sizeof k->stream.buf);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0)
            k->alive = false;
        data = k->stream.buf;
        len = n > 0 ? (size_t)n : 0;
    }
    if (hg_frames_feed(&k->frames, data, len, take_words, k, &ignored) < 0 || k->said.overflow)
        k->alive = false;
    take_lines(k);
    if (!k->alive) {
        k->waiting = 0;
        k->delivered = false;
        hg_http_close(&k->stream);
    }
}

/* It cleans up before it ends; how that went is the last that it says. */
static bool cleaned_up(struct hg_keeper *k)
{
    int64_t deadline = hg_now_ns() + CLEAN_NS;
    struct hg_err ignored;
    while (k->alive) {
        if (hg_fd_wait(k->stream.conn.fd, POLLIN, -1, deadline, &ignored) < 0)
            return false;
        hg_keeper_readable(k);
    }
    return k->gone;
}

bool hg_keeper_stop(struct hg_keeper *k, bool clean)
{
    bool told = tell(k, "quit\n");
    bool done = !clean || (told && cleaned_up(k));
    hg_http_close(&k->stream);
    hg_buf_done(&k->said);
    free(k->id);
    k->id = NULL;
    k->alive = false;
    return done;
}
