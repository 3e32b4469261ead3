/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/lazy/lazy.h - functions of shared libraries, loaded when one is called for the first time.
 *
 * For libraries that are linked into our programs (libpq, libcurl) and name many others that most runs
 * never use: loading and relocating two dozen libraries takes longer than what they are loaded for.
 *
 * HG_LAZY(name, count, library, failed) defines the function `name`: it hands on `count` words (6, 7 or
 * 13) and returns a word; without the library it returns `failed`. On Linux's 64-bit machines a call is
 * made of nothing but words, whatever the types say. Not for functions that take or return floating
 * point or a structure by value, and not for those with arguments of any number.
 */
#ifndef HG_LAZY_LAZY_H
#define HG_LAZY_LAZY_H

#include <stdint.h>

typedef uintptr_t hg_word;

/* The function of that library; NULL, and the reason said once, when this machine has none. */
void *hg_lazy_find(const char *library, const char *name);

#define HG_TAKES_6 hg_word a, hg_word b, hg_word c, hg_word d, hg_word e, hg_word f
#define HG_HANDS_6 a, b, c, d, e, f
#define HG_TAKES_7 HG_TAKES_6, hg_word g
#define HG_HANDS_7 HG_HANDS_6, g
#define HG_TAKES_13 HG_TAKES_7, hg_word h, hg_word i, hg_word j, hg_word k, hg_word l, hg_word m
#define HG_HANDS_13 HG_HANDS_7, h, i, j, k, l, m

#define HG_LAZY(name, count, library, failed)                                                          \
    hg_word name(HG_TAKES_##count);                                                                    \
    hg_word name(HG_TAKES_##count)                                                                     \
    {                                                                                                  \
        static hg_word (*real)(HG_TAKES_##count);                                                      \
        if (!real)                                                                                     \
            *(void **)&real = hg_lazy_find(library, #name); /* as dlsym(3) writes it */                \
        return real ? real(HG_HANDS_##count) : (failed);                                               \
    }

/* The kind of name that is "service@host": iso(1) … krb5(2) of RFC 2744's appendix A. A variable of the
 * Kerberos library, which those who forward to it have to have themselves. */
#define HG_LAZY_KERBEROS_NAME                                                                          \
    static const struct {                                                                              \
        uint32_t length;                                                                               \
        const void *elements;                                                                          \
    } HOST_BASED = { 10, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04" };                                  \
    extern const void *GSS_C_NT_HOSTBASED_SERVICE;                                                     \
    const void *GSS_C_NT_HOSTBASED_SERVICE = &HOST_BASED;

/* A failure of a Kerberos function is anything but 0; this is GSS_S_UNAVAILABLE of RFC 2744. */
#define HG_LAZY_KERBEROS_FAILED ((hg_word)16 << 16)

#endif
