/* SPDX-License-Identifier: Apache-2.0 */
/* For LD_PRELOAD: a second after its start a process sees the wall clock jump by HGT_CLOCK_JUMP seconds. The
 * monotonic clock, and all that waits by it, stay as they are, as when somebody sets a machine's clock. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static struct timespec begun;

__attribute__((constructor)) static void begin(void)
{
    (void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &begun);
}

/* Without anything of libc that may ask for the time itself. */
static long jump(void)
{
    struct timespec now;
    const char *seconds = getenv("HGT_CLOCK_JUMP");
    (void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    long passed = (now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000;
    return seconds && passed >= 1000 ? strtol(seconds, NULL, 10) : 0;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int rc = (int)syscall(SYS_clock_gettime, id, ret);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        ret->tv_sec += jump();
    return rc;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    int rc = clock_gettime(CLOCK_REALTIME, &now);
    *ret = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
    return rc;
}

time_t time(time_t *ret)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}
