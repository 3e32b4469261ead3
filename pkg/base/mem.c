/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

void hg_bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "headgate: bug: %s (%s:%d)\n", what, file, line);
    abort();
}

static _Noreturn void out_of_memory(void)
{
    static const char text[] = "headgate: out of memory\n";
    (void)hg_write_all(STDERR_FILENO, text, sizeof text - 1);
    _exit(HG_EXIT_UNKNOWN);
}

void *hg_xmalloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *hg_xcalloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *hg_xrealloc(void *ptr, size_t count, size_t size)
{
    void *p = reallocarray(ptr, count ? count : 1, size);
    if (!p)
        out_of_memory();
    return p;
}

char *hg_xstrdup(const char *s)
{
    return s ? hg_xstrndup(s, strlen(s)) : NULL;
}

char *hg_xstrndup(const char *s, size_t len)
{
    char *p = hg_xmalloc(len + 1);
    memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *hg_xvasprintf(const char *fmt, va_list ap)
{
    char *p = NULL;
    if (vasprintf(&p, fmt, ap) < 0)
        out_of_memory();
    return p;
}

char *hg_xasprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *p = hg_xvasprintf(fmt, ap);
    va_end(ap);
    return p;
}

void hg_freep(void *ptr_to_ptr)
{
    int saved = errno;
    void **p = ptr_to_ptr;
    free(*p);
    *p = NULL;
    errno = saved;
}

void hg_closep(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

void *hg_grow(void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap ? *cap * 2 : 8;
    return hg_xrealloc(items, *cap, size);
}

#ifdef __GLIBC__
void hg_keep_freed(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    (void)mallopt(M_TOP_PAD, 1 << 20);
}
#else
void hg_keep_freed(void)
{
}
#endif

/* Not under sanitizers: the leak checker traces its own process. */
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#include <sys/prctl.h>

void hg_keep_private(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
}
#else
void hg_keep_private(void)
{
}
#endif
