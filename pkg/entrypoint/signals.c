/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>

#define FIRST_NS (100 * HG_NS_PER_MS)
#define LAST_NS  (2 * HG_NS_PER_S)

static const int SIGNALS[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
static volatile sig_atomic_t has_child, seen, last;

/* Nothing runs, so nothing is left behind; and whatever call is under way (a name server that
 * does not answer) need not come back first. */
static _Noreturn void leave(int number)
{
    static const char TEXT[] = "headgate: ended by a signal; the application was not started\n";
    (void)!write(STDERR_FILENO, TEXT, sizeof TEXT - 1);
    _exit(HG_EXIT_SIGNAL + number);
}

static void on_signal(int number)
{
    if (!has_child)
        leave(number);
    seen++;
    last = number;
}

void hg_entry_catch(void)
{
    for (size_t i = 0; i < HG_COUNT(SIGNALS); i++) {
        struct sigaction now, ours = { .sa_handler = on_signal };
        (void)sigfillset(&ours.sa_mask);
        if (sigaction(SIGNALS[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            (void)sigaction(SIGNALS[i], &ours, NULL);
    }
}

void hg_entry_child(bool there)
{
    if (there)
        seen = 0;
    has_child = there;
}

int hg_entry_signals(int *ret_last)
{
    *ret_last = last;
    return seen;
}

void hg_entry_nap(int64_t ns)
{
    struct timespec left = { .tv_sec = ns / HG_NS_PER_S, .tv_nsec = ns % HG_NS_PER_S };
    (void)nanosleep(&left, NULL);
    if (getpid() == 1)
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
}

int64_t hg_entry_pause(unsigned attempt, int64_t deadline_ns)
{
    uint16_t noise = 0;
    int64_t ns = attempt < 5 ? FIRST_NS << attempt : LAST_NS;
    if (ns > LAST_NS)
        ns = LAST_NS;
    (void)!getrandom(&noise, sizeof noise, GRND_NONBLOCK);
    ns += ns / 2 * (noise - 0x8000) / 0x8000;
    int64_t left = deadline_ns - hg_now_ns();
    return left < 0 ? 0 : left < ns ? left : ns;
}

void hg_entry_back_off(unsigned attempt, int64_t deadline_ns)
{
    hg_entry_nap(hg_entry_pause(attempt, deadline_ns));
}
