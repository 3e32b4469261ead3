/* SPDX-License-Identifier: Apache-2.0 */
/*
 * { railway: { via: cli } }: we start ourselves again below the real `railway run`.
 *
 *   headgate-env ── railway run ── headgate-env --report ── headgate-env (the same words again)
 *        └──────────── socket ─────────────┘
 *
 * The CLI turns a child's death by a signal into exit code 0 and dies of SIGTERM without passing it on,
 * so both go past it: the reporter says its process id and, at the end, how the command ended, and our
 * signals are sent to the reporter. The socket's end tells either side that the other one is gone.
 */
#include "env.h"
#include "process/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#define TICK_NS (250 * HG_NS_PER_MS)
/* After the CLI died under it the command gets TERM; its report is awaited this long. */
#define REPORT_WAIT_NS (30 * HG_NS_PER_S)

/* The one message form on the socket; as bytes of one SOCK_SEQPACKET packet. */
struct report {
    enum { REPORT_STARTED, REPORT_ENDED } kind;
    int signaled, code;
    pid_t pid;
};

/* ---- below the CLI ----------------------------------------------------------------------------------- */

struct reporter {
    bool orphaned, told;
};

static bool on_line(void *context, int fd)
{
    (void)fd; /* nothing is ever sent to us: it was closed */
    ((struct reporter *)context)->orphaned = true;
    return false;
}

static int on_tick(void *context)
{
    struct reporter *r = context;
    if (!r->orphaned || r->told)
        return 0;
    r->told = true;
    return SIGTERM;
}

/* args: the folder we were called in, then the command. */
int env_report(int line, const struct hg_strv *args, struct hg_err *err)
{
    const char *memory = getenv("HEADGATE_RAILWAY_RUN");
    int64_t kept = -1;
    if (args->count < 2 || !memory || hg_parse_int(memory, 3, INT32_MAX, &kept) < 0 ||
        fcntl(line, F_SETFD, FD_CLOEXEC) < 0)
        return hg_fail(err, HG_E_USAGE, "--report is internal");
    struct report message = { .kind = REPORT_STARTED, .pid = getpid() };
    if (send(line, &message, sizeof message, MSG_NOSIGNAL) != (ssize_t)sizeof message)
        return hg_fail_errno(err, HG_E_UNKNOWN, "nobody waits for this command");
    const int keep[] = { (int)kept, -1 };
    struct reporter r = { 0 };
    struct hg_process_supervise spec = { .argv = args->items + 1, .dir = args->items[0],
                                         .keep_fds = keep, .watch_fd = line, .on_fd = on_line,
                                         .context = &r, .tick_ns = TICK_NS, .on_tick = on_tick,
                                         .end_group = true };
    struct hg_supervised result = { 0 };
    if (hg_process_supervise(&spec, &result, err) < 0)
        return -1;
    message = (struct report){ .kind = REPORT_ENDED, .signaled = result.status.signaled,
                               .code = result.status.code };
    (void)send(line, &message, sizeof message, MSG_NOSIGNAL);
    return hg_exit_status_code(&result.status);
}

/* ---- above it ---------------------------------------------------------------------------------------- */

struct above {
    pid_t reporter;
    bool ended;
    struct hg_exit_status status;
};

static bool on_report(void *context, int fd)
{
    struct above *a = context;
    struct report message;
    ssize_t n = recv(fd, &message, sizeof message, MSG_DONTWAIT);
    if (n != (ssize_t)sizeof message)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    if (message.kind == REPORT_STARTED) {
        a->reporter = message.pid;
    } else {
        a->ended = true;
        a->status = (struct hg_exit_status){ .signaled = message.signaled != 0,
                                             .code = message.code };
        a->reporter = 0;
    }
    return true;
}

/* Before the command runs a signal ends the CLI, afterwards it is the command's. */
static int on_signal(void *context, int sig, unsigned times)
{
    struct above *a = context;
    (void)times;
    if (!a->reporter)
        return sig;
    (void)kill(a->reporter, sig);
    return 0;
}

/* The CLI is gone and its child is not: somebody killed the CLI alone. */
static void await_report(struct above *a, int line)
{
    int64_t until = hg_now_ns() + REPORT_WAIT_NS;
    if (!a->reporter)
        return;
    (void)kill(a->reporter, SIGTERM);
    while (!a->ended && hg_now_ns() < until) {
        struct timeval wait = { .tv_sec = 1 };
        (void)setsockopt(line, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        char probe;
        ssize_t n = recv(line, &probe, 1, MSG_PEEK);
        if (n == 0 || (n > 0 && !on_report(a, line)))
            return;
    }
}

static void command_words(const struct env_options *o, int line, struct hg_strv *argv)
{
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    HG_AUTO(hg_freep) char *self = hg_path_join(dir, "headgate-env");
    HG_AUTO(hg_freep) char *here = hg_path_abs(".");
    hg_strv_add(argv, self);
    hg_strv_add(argv, "--report");
    hg_strv_addf(argv, "%d", line);
    hg_strv_add(argv, "--");
    hg_strv_add(argv, here);
    hg_strv_add(argv, self);
    for (char **word = o->argv + 1; *word; word++)
        hg_strv_add(argv, *word);
}

static int not_started(const struct hg_target *t, const struct hg_supervised *result,
                       struct hg_err *err)
{
    hg_fail(err, HG_E_RAILWAY, "target %s: `railway run` ended with exit code %d before it started the "
            "command", t->t->name, hg_exit_status_code(&result->status));
    hg_detail(err, "what it said stands above");
    return hg_hint(err, "`railway run -- true` shows the same; `railway login` and `railway link` are "
                        "its usual remedies");
}

/* keep: the memory file and the reporter's end of the socket. */
static int run_cli(const struct hg_target *t, struct hg_strv *argv, char **envp, int *keep, int line,
                   struct hg_err *err)
{
    struct above a = { 0 };
    struct hg_process_supervise spec = { .argv = argv->items, .envp = envp, .keep_fds = keep,
                                         .dir = t->config.start_dir, .watch_fd = line,
                                         .on_fd = on_report, .on_signal = on_signal,
                                         .shared_terminal = true, .context = &a };
    struct hg_supervised result = { 0 };
    if (hg_process_supervise(&spec, &result, err) < 0)
        return -1;
    hg_closep(&keep[1]); /* our copy: else the end of the others' would never be seen */
    await_report(&a, line);
    if (a.ended)
        return hg_exit_status_code(&a.status);
    if (a.reporter)
        return hg_fail(err, HG_E_RAILWAY, "`railway run` ended, and how the command ended is not known");
    return not_started(t, &result, err);
}

int env_via_cli(const struct env_options *o, const struct hg_target *t, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    HG_AUTO(hg_closep) int memory = -1;
    char **envp = NULL;
    int ends[2];
    if (hg_target_via_cli(t, o->common.timeout_ns, &argv, &envp, &memory, err) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        hg_vars_free_envp(envp);
        return hg_fail_errno(err, HG_E_UNKNOWN, "socketpair");
    }
    command_words(o, ends[1], &argv);
    hg_log(HG_LOG_INFO, "%s: the variables come through `railway run`", t->t->name);
    int keep[] = { memory, ends[1], -1 };
    int rc = run_cli(t, &argv, envp, keep, ends[0], err);
    hg_vars_free_envp(envp);
    (void)close(ends[0]);
    hg_closep(&keep[1]);
    return rc;
}
