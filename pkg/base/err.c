/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <errno.h>

/* The one table of kinds: CONTRACT.md's name and exit code. */
static const struct {
    const char *name;
    int exit_code;
} KINDS[] = {
    [HG_E_NONE] = { "none", HG_EXIT_YES },
    [HG_E_USAGE] = { "usage", HG_EXIT_USAGE },
    [HG_E_CONFIG] = { "config", HG_EXIT_USAGE },
    [HG_E_DATABASE] = { "database", HG_EXIT_UNKNOWN },
    [HG_E_RAILWAY] = { "railway", HG_EXIT_UNKNOWN },
    [HG_E_DOCKER] = { "docker", HG_EXIT_UNKNOWN },
    [HG_E_NETWORK] = { "network", HG_EXIT_UNKNOWN },
    [HG_E_MIGRATOR] = { "migrator", HG_EXIT_FAILED },
    [HG_E_REFUSED] = { "refused", HG_EXIT_NO },
    [HG_E_LOCK] = { "lock", HG_EXIT_LOCKED },
    [HG_E_TIMEOUT] = { "timeout", HG_EXIT_TIMEOUT },
    [HG_E_SIGNAL] = { "signal", HG_EXIT_SIGNAL },
    [HG_E_INTEGRITY] = { "integrity", HG_EXIT_NO },
    [HG_E_UNKNOWN] = { "config", HG_EXIT_UNKNOWN },
    [HG_E_BUG] = { "bug", HG_EXIT_UNKNOWN },
};

static HG_PRINTF(3, 0) void put(char *out, size_t size, const char *fmt, va_list ap)
{
    /* Truncation is fine here: the sentence's beginning carries the fact. */
    (void)vsnprintf(out, size, fmt, ap);
}

void hg_err_clear(struct hg_err *err)
{
    err->kind = HG_E_NONE;
    err->exit_code = 0;
    err->sqlstate[0] = err->message[0] = err->detail[0] = err->hint[0] = '\0';
}

int hg_fail(struct hg_err *err, enum hg_err_kind kind, const char *fmt, ...)
{
    va_list ap;
    hg_err_clear(err);
    err->kind = kind;
    va_start(ap, fmt);
    put(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    return -1;
}

int hg_fail_errno(struct hg_err *err, enum hg_err_kind kind, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;
    hg_err_clear(err);
    err->kind = kind;
    va_start(ap, fmt);
    put(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    size_t len = strlen(err->message);
    (void)snprintf(err->message + len, sizeof err->message - len, ": %s", strerror(saved));
    errno = saved;
    return -1;
}

int hg_wrap(struct hg_err *err, const char *fmt, ...)
{
    char inner[sizeof err->message];
    memcpy(inner, err->message, sizeof inner);
    va_list ap;
    va_start(ap, fmt);
    put(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    size_t len = strlen(err->message);
    (void)snprintf(err->message + len, sizeof err->message - len, ": %s", inner);
    return -1;
}

int hg_detail(struct hg_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(err->detail, sizeof err->detail, fmt, ap);
    va_end(ap);
    return -1;
}

int hg_hint(struct hg_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(err->hint, sizeof err->hint, fmt, ap);
    va_end(ap);
    return -1;
}

const char *hg_err_kind_name(enum hg_err_kind kind)
{
    return (size_t)kind < HG_COUNT(KINDS) ? KINDS[kind].name : "bug";
}

enum hg_err_kind hg_err_kind_parse(const char *name)
{
    for (size_t i = 0; i < HG_COUNT(KINDS); i++)
        if (hg_streq(KINDS[i].name, name))
            return (enum hg_err_kind)i;
    return HG_E_BUG;
}

int hg_err_exit_code(const struct hg_err *err)
{
    if (err->exit_code)
        return err->exit_code;
    return (size_t)err->kind < HG_COUNT(KINDS) ? KINDS[err->kind].exit_code : HG_EXIT_UNKNOWN;
}

void hg_err_unanswered(struct hg_err *err)
{
    if (err->kind == HG_E_TIMEOUT || err->kind == HG_E_INTEGRITY)
        err->exit_code = HG_EXIT_UNKNOWN;
}
