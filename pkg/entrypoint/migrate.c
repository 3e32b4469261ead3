/* SPDX-License-Identifier: Apache-2.0 */
/* headgate-apply as our child: its lock, its gate, its driver, its record; its signals come from us. */
#include "internal.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#define TICK_NS      (200 * HG_NS_PER_MS)
#define JITTER_NS    (250 * HG_NS_PER_MS)
#define LOST_MAX     6  /* times that headgate-apply may be unable to tell where the database stands */
/* After a signal: the first asks for a clean end, a second one ends the sessions, a third the migrator
 * (docs/apply.md). All of it must fit into the 10 s that `docker stop` waits. */
static const int64_t AFTER_NS[] = { 4 * HG_NS_PER_S, 6500 * HG_NS_PER_MS, 8500 * HG_NS_PER_MS };

/* Ends of others than the child: orphans of what ran in the container, as process 1 gets them. */
static void reap_others(int64_t child)
{
    siginfo_t info;
    for (;;) {
        info.si_pid = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid ||
            info.si_pid == (pid_t)child)
            return;
        (void)waitpid(info.si_pid, NULL, WNOHANG);
    }
}

/* Passes on what came, and becomes more urgent with time. */
struct urgency { int passed; size_t step; int64_t since_ns; };

static void urge(struct urgency *u, int64_t child)
{
    int last, seen = hg_entry_signals(&last);
    if (!seen)
        return;
    if (!u->since_ns)
        u->since_ns = hg_now_ns();
    for (; u->passed < seen; u->passed++)
        (void)kill((pid_t)child, last);
    if (u->step < HG_COUNT(AFTER_NS) && hg_now_ns() - u->since_ns > AFTER_NS[u->step])
        (void)kill((pid_t)child, ++u->step == HG_COUNT(AFTER_NS) ? SIGKILL : last);
}

static void wait_for(struct hg_process_child *c, struct hg_entry_held *held, struct hg_exit_status *ret)
{
    struct urgency u = { 0 };
    for (;;) {
        urge(&u, c->pid);
        reap_others(c->pid);
        if (hg_process_ended(c, ret))
            return;
        struct pollfd p[] = { { .fd = c->fd, .events = POLLIN }, { .fd = held->in, .events = POLLIN } };
        (void)poll(p, HG_COUNT(p), (int)(TICK_NS / HG_NS_PER_MS));
        hg_entry_held_read(held);
    }
}

static int start(const struct hg_entry *e, int output, struct hg_process_child *ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    hg_entry_way_argv(e, &argv);
    char **envp = hg_vars_envp(&e->target.original);
    /* Its answer is not the application's: stdout stays clean for that one. */
    const struct hg_process_start spec = { .argv = argv.items, .envp = envp,
                                           .stdio = { -1, output < 0 ? STDERR_FILENO : output, output },
                                           .death_signal = SIGTERM };
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = hg_process_start(&spec, ret, err);
    if (rc == 0)
        hg_entry_child(true);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    hg_vars_free_envp(envp);
    return rc;
}

static int interrupted(int number, int code, struct hg_err *err)
{
    (void)hg_fail(err, HG_E_SIGNAL, "ended by %s; the application was not started", strsignal(number));
    /* 4: the migration had begun. Killed, because it did not end in time, it may have. */
    err->exit_code = code == HG_EXIT_FAILED || code == HG_EXIT_SIGNAL + SIGKILL ? HG_EXIT_FAILED
                                                                                 : HG_EXIT_SIGNAL + number;
    return -1;
}

static enum hg_err_kind kind_of(int code)
{
    return code == HG_EXIT_NO ? HG_E_REFUSED : code == HG_EXIT_USAGE ? HG_E_CONFIG
           : code == HG_EXIT_UNKNOWN ? HG_E_UNKNOWN : code == HG_EXIT_LOCKED ? HG_E_LOCK
           : code == HG_EXIT_TIMEOUT ? HG_E_TIMEOUT : HG_E_MIGRATOR;
}

/* The server had no connection to spare, say. */
static bool may_start_again(const struct hg_entry *e)
{
    return e->lost_starts + 1 < LOST_MAX;
}

static void start_again(struct hg_entry *e)
{
    int64_t pause = hg_entry_pause(++e->lost_starts + 1, hg_now_ns() + HG_NS_PER_S);
    hg_entry_say(e, "headgate apply could not tell where %s stands; try %u of %d in %.1f s", e->target.t->name,
                 e->lost_starts + 1, LOST_MAX, (double)pause / (double)HG_NS_PER_S);
    hg_entry_nap(pause);
}

static int ended(struct hg_entry *e, int code, struct hg_err *err)
{
    if (code == HG_EXIT_YES)
        return 0;
    /* Another replica was quicker: look again. */
    if (code == HG_EXIT_LOCKED && hg_now_ns() < e->lock_deadline_ns) {
        hg_entry_back_off(e->lost_starts + 1, hg_now_ns() + HG_NS_PER_S);
        return 0;
    }
    if (code == HG_EXIT_UNKNOWN && may_start_again(e)) {
        start_again(e);
        return 0;
    }
    char *why = NULL;
    struct hg_err other = { 0 };
    /* Refused: perhaps because a newer image migrated it while we were starting. */
    if (code == HG_EXIT_NO && hg_entry_look(e, hg_now_ns() + HG_ENTRY_HEALTH_NS, &other) == 0 &&
        hg_entry_judge(e, &why, &other) == HG_NEXT_START)
        return 0;
    free(why);
    (void)hg_fail(err, kind_of(code), "headgate apply ended with %d, so the application is not started",
                  code);
    err->exit_code = code;
    return -1;
}

int hg_entry_migrate(struct hg_entry *e, struct hg_err *err)
{
    struct hg_process_child child = HG_PROCESS_CHILD_INIT;
    struct hg_exit_status status;
    struct hg_entry_held held = HG_ENTRY_HELD_INIT;
    int number;
    if (e->lost_starts && hg_entry_hold(&held, err) < 0)
        return -1;
    if (start(e, held.out, &child, err) < 0) {
        hg_entry_held_end(&held, false);
        return hg_wrap(err, "starting headgate-apply");
    }
    hg_closep(&held.out);
    wait_for(&child, &held, &status);
    hg_entry_child(false); /* first: no signal may come between counting them and ending by them */
    int seen = hg_entry_signals(&number), code = hg_exit_status_code(&status);
    hg_entry_held_end(&held, seen || code != HG_EXIT_UNKNOWN || !may_start_again(e));
    if (seen)
        return interrupted(number, code, err);
    return ended(e, code, err);
}
