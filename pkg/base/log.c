/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>

static struct {
    const char *program;
    enum hg_log_level level;
    hg_log_filter filter;
    void *context;
    void (*done)(void *); /* of a context that was left to us */
    void (*before)(void *);
    void *before_context;
} logger = { .program = "headgate", .level = HG_LOG_NOTE };

void hg_log_init(const char *program, enum hg_log_level level)
{
    logger.program = program;
    logger.level = level;
}

void hg_log_set_level(enum hg_log_level level)
{
    logger.level = level;
}

bool hg_log_enabled(enum hg_log_level level)
{
    return level <= logger.level;
}

void hg_log_set_filter(hg_log_filter filter, void *context)
{
    if (logger.done)
        logger.done(logger.context);
    logger.done = NULL;
    logger.filter = filter;
    logger.context = context;
}

void hg_log_leave_filter(void *context, void (*done)(void *))
{
    if (context && logger.context == context)
        logger.done = done;
    else
        done(context);
}

void hg_log_set_before(void (*before)(void *), void *context)
{
    logger.before = before;
    logger.before_context = context;
}

static void call_before(void)
{
    if (logger.before)
        logger.before(logger.before_context);
}

char *hg_log_filtered(const char *text)
{
    return logger.filter ? logger.filter(text, logger.context) : hg_xstrdup(text);
}

void hg_log(enum hg_log_level level, const char *fmt, ...)
{
    static const char *const NAMES[] = { "error: ", "warning: ", "", "", "debug: " };
    if (!hg_log_enabled(level))
        return;
    int saved = errno;
    va_list ap;
    va_start(ap, fmt);
    HG_AUTO(hg_freep) char *text = hg_xvasprintf(fmt, ap);
    va_end(ap);
    HG_AUTO(hg_freep) char *shown = hg_log_filtered(text);
    HG_AUTO(hg_buf_done) struct hg_buf line = HG_BUF_INIT;
    hg_buf_addf(&line, "%s: %s%s\n", logger.program, NAMES[level], shown);
    call_before();
    (void)hg_write_all(STDERR_FILENO, line.data, line.len); /* one write: lines do not mix */
    errno = saved;
}

/* ---- trace -------------------------------------------------------------------------------- */

static int trace_fd(void)
{
    static int fd = -2; /* not looked yet */
    if (fd != -2)
        return fd;
    const char *where = getenv("HEADGATE_TRACE");
    int64_t number;
    if (!where || !*where)
        fd = -1;
    else if (hg_parse_int(where, 0, 1 << 20, &number) == 0)
        fd = fcntl((int)number, F_GETFD) >= 0 ? (int)number : -1;
    else
        fd = open(where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    return fd;
}

bool hg_trace_enabled(void)
{
    return trace_fd() >= 0;
}

void hg_trace(const char *event, ...)
{
    if (!hg_trace_enabled())
        return;
    char now[HG_TIME_SIZE];
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    hg_buf_addf(&b, "{\"event\":\"%s\",\"at\":\"%s\",\"pid\":%ld", event,
                hg_time_format(hg_wall_ns(), now), (long)getpid());
    va_list ap;
    va_start(ap, event);
    for (const char *key; (key = va_arg(ap, const char *));) {
        const char *value = va_arg(ap, const char *);
        HG_AUTO(hg_freep) char *shown = hg_log_filtered(value ? value : "");
        hg_buf_addf(&b, ",\"%s\":\"", key);
        hg_json_escape(&b, shown, strlen(shown));
        hg_buf_addc(&b, '"');
    }
    va_end(ap);
    hg_buf_adds(&b, "}\n");
    call_before();
    (void)hg_write_all(trace_fd(), b.data, b.len);
}

const char hg_version[] = "0.1.0";
