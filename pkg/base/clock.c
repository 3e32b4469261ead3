/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <limits.h>

static int64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * HG_NS_PER_S + ts.tv_nsec;
}

int64_t hg_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t hg_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

const char *hg_time_format(int64_t wall_ns, char out[HG_TIME_SIZE])
{
    time_t seconds = (time_t)(wall_ns / HG_NS_PER_S);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, HG_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + n, HG_TIME_SIZE - n, ".%03dZ",
                   (int)(wall_ns % HG_NS_PER_S / HG_NS_PER_MS));
    return out;
}

int hg_time_parse(const char *text, int64_t *ret_wall_ns)
{
    struct tm tm = { 0 };
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    if (!rest)
        return -1;
    int64_t ns = 0, place = HG_NS_PER_S / 10;
    for (rest += *rest == '.'; *rest >= '0' && *rest <= '9'; rest++, place /= 10)
        ns += (*rest - '0') * place;
    *ret_wall_ns = (int64_t)timegm(&tm) * HG_NS_PER_S + ns;
    return 0;
}

int hg_ms_left(int64_t deadline_ns)
{
    if (deadline_ns == 0)
        return -1;
    int64_t left = deadline_ns - hg_now_ns();
    if (left <= 0)
        return 0;
    int64_t ms = (left + HG_NS_PER_MS - 1) / HG_NS_PER_MS;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

const char *hg_age_format(int64_t seconds, char out[HG_AGE_SIZE])
{
    static const struct {
        int64_t from, unit;
        const char *one, *many;
    } UNITS[] = {
        { 2 * 86400, 86400, "day", "days" },
        { 2 * 3600, 3600, "hour", "hours" },
        { 2 * 60, 60, "min", "min" },
        { 0, 1, "s", "s" },
    };
    if (seconds < 0)
        seconds = 0;
    for (size_t i = 0; i < HG_COUNT(UNITS); i++) {
        if (seconds >= UNITS[i].from) {
            long long n = seconds / UNITS[i].unit;
            (void)snprintf(out, HG_AGE_SIZE, "%lld %s", n, n == 1 ? UNITS[i].one : UNITS[i].many);
            break;
        }
    }
    return out;
}
