/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <strings.h>

static bool ascii(const char *p, size_t len)
{
    uint64_t any = 0, eight; /* eight bytes at a time: this looks at every byte of every file */
    for (; len >= sizeof eight; p += sizeof eight, len -= sizeof eight) {
        memcpy(&eight, p, sizeof eight);
        any |= eight;
    }
    for (; len > 0; len--)
        any |= (uint64_t)(unsigned char)*p++;
    return !(any & UINT64_C(0x8080808080808080));
}

/* The name behind "coding:" or "coding=" in a comment on this line (PEP 263), or false. */
static bool cookie(const char *line, size_t len, char *ret, size_t size)
{
    size_t i = 0;
    while (i < len && (line[i] == ' ' || line[i] == '\t' || line[i] == '\f'))
        i++;
    if (i == len || line[i] != '#')
        return false;
    const char *p = line + i, *end = line + len;
    for (;;) {
        p = memmem(p, (size_t)(end - p), "coding", 6);
        if (!p)
            return false;
        p += 6;
        if (p < end && (*p == ':' || *p == '='))
            break;
    }
    p++;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    size_t n = 0;
    while (p + n < end && (strchr("-_.", p[n]) || (p[n] >= '0' && p[n] <= '9') ||
                           ((p[n] | 0x20) >= 'a' && (p[n] | 0x20) <= 'z')))
        n++;
    if (n == 0 || n >= size)
        return n > 0;
    memcpy(ret, p, n);
    ret[n] = '\0';
    return true;
}

static bool is_blank_or_comment(const char *line, size_t len)
{
    size_t i = 0;
    while (i < len && (line[i] == ' ' || line[i] == '\t' || line[i] == '\f'))
        i++;
    return i == len || line[i] == '#' || line[i] == '\r';
}

static bool find_cookie(const char *text, size_t len, char *ret, size_t size)
{
    for (int i = 0; i < 2; i++) {
        const char *nl = memchr(text, '\n', len);
        size_t line = nl ? (size_t)(nl - text) : len;
        if (cookie(text, line, ret, size))
            return true;
        if (!nl || !is_blank_or_comment(text, line))
            return false;
        len -= line + 1;
        text += line + 1;
    }
    return false;
}

static bool named(const char *name, const char *const *names)
{
    char plain[32];
    snprintf(plain, sizeof plain, "%s", name);
    for (char *p = plain; *p; p++)
        if (*p == '_')
            *p = '-';
    for (; *names; names++)
        if (strcasecmp(plain, *names) == 0)
            return true;
    return false;
}

static void from_latin1(const char *text, size_t len, struct hg_buf *hold)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x80) {
            hg_buf_addc(hold, (char)(0xc0 | c >> 6));
            c = (unsigned char)(0x80 | (c & 0x3f));
        }
        hg_buf_addc(hold, (char)c);
    }
}

enum hg_source_state hg_source_decode(const char **text, size_t *len, struct hg_buf *hold)
{
    static const char *const UTF8[] = { "utf-8", "utf8", "u8", "utf-8-sig", NULL };
    static const char *const LATIN1[] = { "latin-1", "latin1", "iso-8859-1", "iso8859-1",
                                          "iso-latin-1", "l1", NULL };
    static const char *const ASCII[] = { "ascii", "us-ascii", NULL };
    bool bom = *len >= 3 && memcmp(*text, "\xef\xbb\xbf", 3) == 0;
    if (bom) {
        *text += 3;
        *len -= 3;
    }
    char name[32] = "";
    bool has = find_cookie(*text, *len, name, sizeof name);
    if (!has || named(name, UTF8) || bom)
        return ascii(*text, *len) || hg_utf8_valid(*text, *len) ? HG_SOURCE_UTF8 : HG_SOURCE_BAD;
    if (named(name, ASCII))
        return ascii(*text, *len) ? HG_SOURCE_UTF8 : HG_SOURCE_BAD;
    if (!named(name, LATIN1))
        return HG_SOURCE_OTHER;
    if (!ascii(*text, *len)) {
        from_latin1(*text, *len, hold);
        *text = hg_buf_str(hold);
        *len = hold->len;
    }
    return HG_SOURCE_UTF8;
}
