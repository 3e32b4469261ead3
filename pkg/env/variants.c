/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms in which a secret turns up in output: as it is, with CRLF (a terminal's line ends), as
 * shells quote it,
 * percent-encoded (libraries differ in which characters they keep, and in the case of the digits),
 * in JSON (with and without \u for what is not ASCII), inside base64, and as the lines of base64 that
 * base64(1) (76 columns) and openssl (64) make of a long one.
 *
 * Base64 of a text that contains the secret: depending on how many bytes stand before it (modulo 3)
 * there are three encodings. Only the characters all of whose bits come from the secret are used:
 * those at the edges carry bits of the neighbours, and padding depends on what follows.
 */
#include "internal.h"

#include <ctype.h>

static void add_percent(const char *s, size_t len, const char *kept, bool lower, bool plus,
                        hg_variant_add add, void *context)
{
    static const char UPPER[] = "0123456789ABCDEF", LOWER[] = "0123456789abcdef";
    const char *digits = lower ? LOWER : UPPER;
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c < 0x80 && isalnum(c)) || (c && strchr(kept, c))) {
            hg_buf_addc(&b, (char)c);
        } else if (c == ' ' && plus) {
            hg_buf_addc(&b, '+');
        } else {
            const char escape[3] = { '%', digits[c >> 4], digits[c & 15] };
            hg_buf_add(&b, escape, sizeof escape);
        }
    }
    add(context, hg_buf_str(&b), b.len);
}

static void add_percent_forms(const char *s, size_t len, hg_variant_add add, void *context)
{
    /* RFC 3986; encodeURIComponent; quote(safe="/"); a query string; libpq's and SQLAlchemy's
     * userinfo, which keep sub-delimiters or nothing but them and the space. */
    static const char *const KEPT[] = { "-._~", "-._~!*'()", "-._~/", "-._~!$&'()*+,;=",
                                        "-._~ ", "-._~ +" };
    for (size_t i = 0; i < HG_COUNT(KEPT); i++)
        for (int lower = 0; lower < 2; lower++)
            add_percent(s, len, KEPT[i], lower, false, add, context);
    if (memchr(s, ' ', len))
        for (int lower = 0; lower < 2; lower++)
            add_percent(s, len, "-._~", lower, true, add, context);
}

/* Lines of base64, of the secret from its first byte: where a line ends inside a longer text cannot be
 * foreseen. */
static void add_wrapped(const struct hg_buf *line, size_t columns, const char *end, hg_variant_add add,
                        void *context)
{
    if (line->len <= columns)
        return;
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < line->len; i += columns) {
        if (i)
            hg_buf_adds(&b, end);
        hg_buf_add(&b, line->data + i, line->len - i < columns ? line->len - i : columns);
    }
    add(context, hg_buf_str(&b), b.len);
}

static void add_base64(const char *s, size_t len, size_t phase, const char alphabet[64],
                       hg_variant_add add, void *context)
{
    size_t first = (phase * 8 + 5) / 6, stop = (phase + len) * 8 / 6;
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    for (size_t i = first; i < stop; i++) {
        unsigned value = 0;
        for (size_t bit = i * 6; bit < i * 6 + 6; bit++) {
            unsigned char byte = (unsigned char)s[bit / 8 - phase];
            value = value << 1 | (byte >> (7 - bit % 8) & 1u);
        }
        hg_buf_addc(&b, alphabet[value]);
    }
    add(context, hg_buf_str(&b), b.len);
    for (size_t columns = 64; phase == 0 && columns <= 76; columns += 12) {
        add_wrapped(&b, columns, "\n", add, context);
        add_wrapped(&b, columns, "\r\n", add, context); /* a terminal's line ends */
    }
}

static void add_base64_forms(const char *s, size_t len, hg_variant_add add, void *context)
{
    static const char PLAIN[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t phase = 0; phase < 3; phase++) {
        add_base64(s, len, phase, PLAIN, add, context);
        add_base64(s, len, phase, URL, add, context);
    }
}

/* One code point of valid UTF-8 at s; its length, or 0 when it is not valid. */
static size_t decode_utf8(const char *s, size_t len, unsigned *ret)
{
    unsigned char c = (unsigned char)*s;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
    if (n > len || !hg_utf8_valid(s, n))
        return 0;
    *ret = n == 1 ? c : c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        *ret = *ret << 6 | ((unsigned char)s[i] & 0x3fu);
    return n;
}

static void add_json_ascii(const char *s, size_t len, hg_variant_add add, void *context)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < len;) {
        unsigned point = 0;
        size_t n = decode_utf8(s + i, len - i, &point);
        if (n <= 1) {
            hg_json_escape(&b, s + i, 1);
            i++;
            continue;
        }
        if (point >= 0x10000)
            hg_buf_addf(&b, "\\u%04x\\u%04x", 0xd800 + ((point - 0x10000) >> 10),
                        0xdc00 + ((point - 0x10000) & 0x3ff));
        else
            hg_buf_addf(&b, "\\u%04x", point);
        i += n;
    }
    add(context, hg_buf_str(&b), b.len);
}

static void add_replaced(const char *s, size_t len, char what, const char *by, hg_variant_add add,
                         void *context)
{
    if (!memchr(s, what, len))
        return;
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == what)
            hg_buf_adds(&b, by);
        else
            hg_buf_addc(&b, s[i]);
    }
    add(context, hg_buf_str(&b), b.len);
}

/* A backslash before each byte that `marked` says: double quotes and words of a shell. */
static void add_backslashed(const char *s, size_t len, const char *marked, bool all_but,
                            hg_variant_add add, void *context)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < len; i++) {
        bool listed = s[i] && strchr(marked, s[i]);
        bool plain = (unsigned char)s[i] >= 0x80 || isalnum((unsigned char)s[i]);
        if (all_but ? !listed && !plain : listed)
            hg_buf_addc(&b, '\\');
        hg_buf_addc(&b, s[i]);
    }
    add(context, hg_buf_str(&b), b.len);
}

void hg_variants_each(const char *secret, size_t len, hg_variant_add add, void *context)
{
    add(context, secret, len);
    add_replaced(secret, len, '\n', "\r\n", add, context);
    add_replaced(secret, len, '\'', "'\\''", add, context); /* a shell's single quotes */
    add_replaced(secret, len, '\'', "\\'", add, context);   /* Python's repr */
    add_backslashed(secret, len, "\"$`\\", false, add, context);     /* a shell's double quotes */
    add_backslashed(secret, len, "_@%+=:,./-", true, add, context);  /* printf %q, set -x */
    add_percent_forms(secret, len, add, context);
    HG_AUTO(hg_buf_wipe) struct hg_buf json = HG_BUF_INIT;
    hg_json_escape(&json, secret, len);
    add(context, hg_buf_str(&json), json.len);
    add_replaced(hg_buf_str(&json), json.len, '/', "\\/", add, context);
    add_json_ascii(secret, len, add, context);
    add_base64_forms(secret, len, add, context);
}
