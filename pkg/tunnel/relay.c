/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of the transport: the script that finds something in the other place that can relay, its first
 * words, and its end.
 */
#include "internal.h"
#include "gen/tunnel_embed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

/* A banner of ssh or a login shell; more is not one. */
#define NOISE_MAX ((size_t)64 << 10)
#define SAID_MAX  ((size_t)4 << 10)
#define STOP_NS   (1500 * HG_NS_PER_MS)

/*
 * $1 host, $2 port, $3 the program for python3, $4 the tool to use or nothing, $5 what for: hello (say
 * what there is), probe (connect, then end), pipe. In one compound command, so that a shell that reads it
 * from its stdin has read all of it before anything else starts to read there. Only sh's own words and
 * the tools themselves; cat is where sh is. `kill 0` ends what is left of this run: a command of the
 * engine, ssh or kubectl has a process group of its own.
 */
static const char SCRIPT[] =
    "{\n"
    "has() {\n"
    "  case $w in '' | \"$1\") command -v \"$1\" > /dev/null 2>&1 ;; *) return 1 ;; esac\n"
    "}\n"
    "hello() { [ \"$m\" != hello ] || { echo \"" HG_MUX_HELLO " $1\"; exit 0; }; }\n"
    "last() { cat; sleep 2; kill -9 0; }\n"
    "h=$1 p=$2 w=$4 m=$5\n"
    "if has python3; then exec python3 -I -S -c \"$3\"; fi\n"
    "exec 4<&0\n"
    "if has bash; then\n"
    "  hello 'raw bash'\n"
    "  exec bash -c '\n"
    "    exec 3<> \"/dev/tcp/$1/$2\" || exit 71\n"
    "    [ \"$3\" = pipe ] || exit 0\n"
    "    { cat; sleep 2; kill -9 0; } <&4 >&3 4<&- &\n"
    "    cat <&3\n"
    "    kill -9 0' bash \"$h\" \"$p\" \"$m\"\n"
    "elif has socat; then\n"
    "  hello 'raw socat'\n"
    "  [ \"$m\" = pipe ] && exec socat -t 2 - \"TCP:$h:$p\"\n"
    "  socat -u /dev/null \"TCP:$h:$p,connect-timeout=10\" || exit 71\n"
    "elif has nc; then\n"
    "  hello 'raw nc'\n"
    "  [ \"$m\" = pipe ] || { nc -w 3 \"$h\" \"$p\" < /dev/null > /dev/null || exit 71; exit 0; }\n"
    "  last <&4 | { nc \"$h\" \"$p\"; kill -9 0; }\n"
    "else\n"
    "  hello none\n"
    "fi\n"
    "exit 0\n"
    "}\n";

static const char *const MODES[] = { "hello", "probe", "pipe" };

static void script_words(const struct hg_tunnel_spec *spec, const char *tool,
                         enum hg_relay_mode mode, const char *words[5])
{
    words[0] = spec->host;
    words[1] = spec->port;
    words[2] = hg_py_tunnel_relay;
    /* The others would be a shell and its banner a connection. */
    words[3] = tool ? tool : spec->one_word ? "python3" : "";
    words[4] = MODES[mode];
}

/* The terminal that some transports give turns bytes into others. */
static int send_script(struct hg_relay *r, const char *const words[5], struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    hg_buf_adds(&text, "stty raw -echo 2> /dev/null; set -- ");
    for (size_t i = 0; i < 5; i++) {
        hg_buf_add_shell_word(&text, words[i]);
        hg_buf_addc(&text, ' ');
    }
    hg_buf_addc(&text, '\n');
    hg_buf_adds(&text, SCRIPT);
    /* It fits into a pipe (64 KiB), so this does not wait. */
    if (hg_write_all(r->in, text.data, text.len) == 0)
        return 0;
    return hg_fail_errno(err, HG_E_DOCKER, "the relay cannot be given its program");
}

static void words_of(const struct hg_tunnel_spec *spec, const char *const words[5],
                     struct hg_strv *argv)
{
    for (char *const *w = spec->transport; *w; w++)
        hg_strv_add(argv, *w);
    for (char *const *w = spec->relay; w && *w; w++)
        hg_strv_add(argv, *w);
    if (spec->relay)
        return;
    hg_strv_add(argv, "sh");
    if (spec->one_word)
        return;
    hg_strv_add(argv, "-c");
    hg_strv_add(argv, SCRIPT);
    hg_strv_add(argv, "headgate-relay");
    for (size_t i = 0; i < 5; i++)
        hg_strv_add(argv, words[i]);
}

static int pipes(int pipe_fd, int in[2], int out[2], int errors[2], struct hg_err *err)
{
    if (pipe_fd >= 0)
        in[0] = out[1] = pipe_fd;
    else if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        return hg_fail_errno(err, HG_E_DOCKER, "cannot make a pipe");
    if (pipe2(errors, O_CLOEXEC) < 0)
        return hg_fail_errno(err, HG_E_DOCKER, "cannot make a pipe");
    return 0;
}

int hg_relay_start(const struct hg_tunnel_spec *spec, const char *tool, enum hg_relay_mode mode,
                   int pipe_fd, struct hg_relay *ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    const char *words[5];
    int in[2] = { -1, -1 }, out[2] = { -1, -1 }, errors[2] = { -1, -1 };
    if (spec->prepare && spec->prepare(spec->context, err) < 0)
        return -1;
    script_words(spec, tool, mode, words);
    words_of(spec, words, &argv);
    int rc = pipes(pipe_fd, in, out, errors, err);
    struct hg_process_start start = { .argv = argv.items, .death_signal = SIGTERM,
                                      .stdio = { in[0], out[1], errors[1] } };
    if (rc == 0)
        rc = hg_process_start(&start, &ret->child, err);
    if (in[0] != pipe_fd)
        hg_closep(&in[0]);
    if (out[1] != pipe_fd)
        hg_closep(&out[1]);
    hg_closep(&errors[1]);
    ret->in = in[1];
    ret->out = out[0];
    ret->err = errors[0];
    ret->said.max = SAID_MAX;
    if (ret->err >= 0)
        (void)fcntl(ret->err, F_SETFL, O_NONBLOCK);
    if (rc == 0 && spec->one_word && !spec->relay)
        rc = send_script(ret, words, err);
    return rc;
}

void hg_relay_listen(struct hg_relay *r)
{
    char piece[1024];
    ssize_t n;
    while (r->err >= 0 && (n = read(r->err, piece, sizeof piece)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        if (r->said.len + (size_t)n > SAID_MAX) /* the last words count */
            hg_buf_clear(&r->said);
        hg_buf_add(&r->said, piece, (size_t)n);
    }
    hg_closep(&r->err);
}

/* One byte more of its stdout: 1, 0 at its end, -1. */
static int next_byte(struct hg_relay *r, char *byte, int64_t deadline_ns, struct hg_err *err)
{
    for (;;) {
        struct pollfd set[2] = { { .fd = r->out, .events = POLLIN },
                                 { .fd = r->err, .events = POLLIN } };
        if (poll(set, 2, hg_ms_left(deadline_ns)) < 0 && errno != EINTR)
            return hg_fail_errno(err, HG_E_DOCKER, "cannot wait for the relay");
        if (set[1].revents)
            hg_relay_listen(r);
        if (set[0].revents) {
            ssize_t n = read(r->out, byte, 1);
            return n > 0 ? 1 : 0;
        }
        if (hg_now_ns() >= deadline_ns)
            return hg_fail(err, HG_E_TIMEOUT, "the relay did not start in time");
    }
}

char *hg_relay_hello(struct hg_relay *r, int64_t deadline_ns, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf line = HG_BUF_INIT;
    char byte;
    for (size_t total = 0; total < NOISE_MAX; total++) {
        int got = next_byte(r, &byte, deadline_ns, err);
        if (got < 0)
            return NULL;
        if (got == 0)
            break;
        if (byte == '\r')
            continue;
        if (byte != '\n') {
            hg_buf_addc(&line, byte);
            continue;
        }
        const char *found = strstr(hg_buf_str(&line), HG_MUX_HELLO " ");
        if (found)
            return hg_xstrdup(found + sizeof HG_MUX_HELLO);
        hg_buf_clear(&line);
    }
    hg_fail(err, HG_E_DOCKER, "the relay did not start");
    return NULL;
}

void hg_relay_stop(struct hg_relay *r)
{
    hg_closep(&r->in);
    hg_closep(&r->out);
    hg_process_stop(&r->child, STOP_NS);
    hg_relay_listen(r);
    hg_closep(&r->err);
    hg_buf_done(&r->said);
    *r = (struct hg_relay)HG_RELAY_INIT;
}

int hg_relay_fail(struct hg_relay *r, const struct hg_tunnel_spec *spec, struct hg_err *err)
{
    hg_relay_listen(r);
    HG_AUTO(hg_freep) char *said = hg_printable(hg_buf_str(&r->said), 700);
    enum hg_err_kind kind = err->kind ? err->kind : HG_E_DOCKER;
    hg_fail(err, kind, "the relay in %s %s", spec->place,
            kind == HG_E_TIMEOUT ? "did not start in time" : "did not start");
    if (*said)
        hg_detail(err, "it said: %s", said);
    return hg_hint(err, "look with: sh -c 'command -v python3 bash socat nc' in %s", spec->place);
}

/* ---- connections that could not be made ------------------------------------------------------------- */

static bool says(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcasestr(text, *words))
            return true;
    return false;
}

char hg_tunnel_why(const char *said)
{
    static const char *const UNKNOWN[] = { "name or service", "not known", "name resolution",
                                           "bad address", "resolve", "nodename", "unknown host",
                                           "getaddrinfo", NULL };
    static const char *const REFUSED[] = { "refused", NULL };
    static const char *const LATE[] = { "timed out", "timeout", NULL };
    if (says(said, UNKNOWN))
        return HG_MUX_UNKNOWN_HOST;
    if (says(said, REFUSED))
        return HG_MUX_REFUSED;
    return says(said, LATE) ? HG_MUX_TIMEOUT : HG_MUX_FAILED;
}

char *hg_tunnel_refusal(const struct hg_tunnel_spec *spec, char why, const char *text)
{
    HG_AUTO(hg_freep) char *shown = hg_printable(text, 200);
    switch (why) {
    case HG_MUX_UNKNOWN_HOST:
        return hg_xasprintf("the host %s is not known inside %s (%s)", spec->host, spec->place, shown);
    case HG_MUX_REFUSED:
        return hg_xasprintf("nothing accepts connections at %s:%s, as %s sees it", spec->host,
                            spec->port, spec->place);
    case HG_MUX_TIMEOUT:
        return hg_xasprintf("%s:%s does not answer connections from %s", spec->host, spec->port,
                            spec->place);
    case HG_MUX_FULL:
        return hg_xasprintf("more than %d connections at once through %s", HG_MUX_CHANNELS,
                            spec->place);
    default:
        return hg_xasprintf("%s:%s cannot be reached from %s: %s", spec->host, spec->port, spec->place,
                            *shown ? shown : "no reason was given");
    }
}
