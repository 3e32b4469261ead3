/* SPDX-License-Identifier: Apache-2.0 */
/* Text that somebody else wrote: is it UTF-8, and how is it shown where it is not? */
#include "base.h"

/* Length of the UTF-8 sequence at s (1 to 4), or 0 when it is not well-formed (RFC 3629). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
    unsigned char c = s[0];
    if (c < 0x80)
        return 1;
    size_t n = c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) || (c == 0xf0 && s[1] < 0x90) ||
        (c == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

bool hg_utf8_valid(const char *data, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length((const unsigned char *)data + i, len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

char *hg_printable(const char *s, size_t max)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    size_t len = strlen(s);
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length((const unsigned char *)s + i, len - i);
        if (b.len + 4 > max) {
            hg_buf_adds(&b, "…");
            break;
        }
        /* U+0080 to U+009F are controls too: some terminals take U+009B for the start of a sequence */
        bool c1 = n == 2 && (unsigned char)s[i] == 0xc2 && (unsigned char)s[i + 1] < 0xa0;
        if (n == 0 || c1 || (unsigned char)s[i] < 0x20 || s[i] == 0x7f) {
            hg_buf_addf(&b, "\\x%02x", (unsigned)(unsigned char)s[i]);
            i++;
        } else {
            hg_buf_add(&b, s + i, n);
            i += n;
        }
    }
    return hg_buf_take(&b);
}

void hg_json_escape(struct hg_buf *b, const char *s, size_t len)
{
    size_t plain = 0; /* from here to i nothing needs an escape */
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)s[i];
        size_t n = c < 0x80 ? 1 : utf8_length((const unsigned char *)s + i, len - i);
        if (n > 0 && c >= 0x20 && c != '"' && c != '\\') {
            i += n;
            continue;
        }
        hg_buf_add(b, s + plain, i - plain);
        plain = ++i;
        if (n == 0)
            hg_buf_adds(b, "\xef\xbf\xbd");
        else if (c < 0x20)
            hg_buf_addf(b, "\\u%04x", (unsigned)c);
        else
            hg_buf_add(b, (const char[]){ '\\', (char)c }, 2);
    }
    hg_buf_add(b, s + plain, len - plain);
}

size_t hg_utf8_unfinished(const char *data, size_t len)
{
    for (size_t n = 1; n <= 3 && n <= len; n++) {
        unsigned char c = (unsigned char)data[len - n];
        if ((c & 0xc0) == 0x80) /* it goes on a character that began before */
            continue;
        size_t whole = c > 0xf4 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;
        return whole > n ? n : 0;
    }
    return 0;
}

void hg_utf8_add(struct hg_buf *b, const char *data, size_t len)
{
    size_t from = 0;
    for (size_t i = 0; i < len;) {
        size_t n = data[i] ? utf8_length((const unsigned char *)data + i, len - i) : 0;
        if (n == 0) {
            hg_buf_add(b, data + from, i - from);
            hg_buf_addf(b, "\\x%02x", (unsigned)(unsigned char)data[i]);
            from = i + 1;
        }
        i += n ? n : 1;
    }
    hg_buf_add(b, data + from, len - from);
}
