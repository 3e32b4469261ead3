/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <errno.h>
#include <math.h>

/* ---- struct hg_buf ------------------------------------------------------------------------ */

static bool buf_room(struct hg_buf *b, size_t more)
{
    size_t max = b->max ? b->max : HG_BUF_MAX;
    if (b->overflow || more > max || b->len > max - more) {
        b->overflow = true;
        return false;
    }
    size_t need = b->len + more + 1;
    if (!b->data || need > b->cap) {
        size_t cap = b->cap ? b->cap : 64;
        while (cap < need)
            cap *= 2;
        /* Not realloc: it would leave the old bytes, which may be secrets, in free memory. */
        char *data = hg_xmalloc(cap);
        if (b->data) {
            memcpy(data, b->data, b->len + 1);
            explicit_bzero(b->data, b->len);
            free(b->data);
        }
        b->data = data;
        b->cap = cap;
    }
    return true;
}

void hg_buf_add(struct hg_buf *b, const void *data, size_t len)
{
    if (!buf_room(b, len))
        return;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void hg_buf_adds(struct hg_buf *b, const char *s)
{
    hg_buf_add(b, s, strlen(s));
}

void hg_buf_addc(struct hg_buf *b, char c)
{
    hg_buf_add(b, &c, 1);
}

void hg_buf_addf(struct hg_buf *b, const char *fmt, ...)
{
    /* Straight into the buffer: another string would leave its bytes, which may be secrets, behind. */
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    if (len < 0)
        HG_BUG(fmt);
    if (buf_room(b, (size_t)len)) {
        (void)vsnprintf(b->data + b->len, (size_t)len + 1, fmt, again);
        b->len += (size_t)len;
    }
    va_end(again);
    va_end(ap);
}

void hg_buf_add_lines(struct hg_buf *b, const char *text, const char *indent)
{
    for (const char *p = text; *p; p++) {
        hg_buf_addc(b, *p);
        if (*p == '\n' && p[1])
            hg_buf_adds(b, indent);
    }
}

void hg_buf_add_shell_word(struct hg_buf *b, const char *word)
{
    hg_buf_addc(b, '\'');
    for (; *word; word++)
        if (*word == '\'')
            hg_buf_adds(b, "'\\''");
        else
            hg_buf_addc(b, *word);
    hg_buf_addc(b, '\'');
}

const char *hg_buf_str(const struct hg_buf *b)
{
    return b->data ? b->data : "";
}

char *hg_buf_take(struct hg_buf *b)
{
    char *s = b->data ? b->data : hg_xstrdup("");
    size_t max = b->max;
    *b = (struct hg_buf){ .max = max };
    return s;
}

void hg_buf_trim_end(struct hg_buf *b, const char *chars)
{
    while (b->len && b->data[b->len - 1] && strchr(chars, b->data[b->len - 1]))
        b->data[--b->len] = '\0';
}

void hg_buf_clear(struct hg_buf *b)
{
    b->len = 0;
    b->overflow = false;
    if (b->data)
        b->data[0] = '\0';
}

void hg_buf_done(struct hg_buf *b)
{
    int saved = errno;
    free(b->data);
    *b = (struct hg_buf)HG_BUF_INIT;
    errno = saved;
}

void hg_buf_wipe(struct hg_buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    hg_buf_done(b);
}

/* ---- struct hg_strv ----------------------------------------------------------------------- */

static void strv_own(struct hg_strv *v, char *s)
{
    v->items = hg_grow(v->items, v->count + 1, &v->cap, sizeof *v->items);
    v->items[v->count++] = s;
    v->items[v->count] = NULL;
}

void hg_strv_add(struct hg_strv *v, const char *s)
{
    strv_own(v, hg_xstrdup(s));
}

void hg_strv_addn(struct hg_strv *v, const char *s, size_t len)
{
    strv_own(v, hg_xstrndup(s, len));
}

void hg_strv_addf(struct hg_strv *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    strv_own(v, hg_xvasprintf(fmt, ap));
    va_end(ap);
}

void hg_strv_addv(struct hg_strv *v, const struct hg_strv *more)
{
    for (size_t i = 0; i < more->count; i++)
        hg_strv_add(v, more->items[i]);
}

bool hg_strv_has(const struct hg_strv *v, const char *s)
{
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->items[i], s) == 0)
            return true;
    return false;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void hg_strv_sort(struct hg_strv *v)
{
    if (v->count > 1)
        qsort(v->items, v->count, sizeof *v->items, compare_strings);
}

bool hg_strv_sorted_has(const struct hg_strv *v, const char *s)
{
    return v->count && bsearch(&s, v->items, v->count, sizeof *v->items, compare_strings);
}

char *hg_strv_join(const struct hg_strv *v, const char *separator)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < v->count; i++) {
        if (i)
            hg_buf_adds(&b, separator);
        hg_buf_adds(&b, v->items[i]);
    }
    return hg_buf_take(&b);
}

void hg_strv_wipe(struct hg_strv *v)
{
    for (size_t i = 0; i < v->count; i++)
        explicit_bzero(v->items[i], strlen(v->items[i]));
    hg_strv_done(v);
}

void hg_strv_done(struct hg_strv *v)
{
    int saved = errno;
    for (size_t i = 0; i < v->count; i++)
        free(v->items[i]);
    free(v->items);
    *v = (struct hg_strv)HG_STRV_INIT;
    errno = saved;
}

/* ---- plain strings ------------------------------------------------------------------------ */

bool hg_streq(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool hg_starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool hg_ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

int hg_parse_int(const char *s, int64_t min, int64_t max, int64_t *ret)
{
    if (*s != '-' && (*s < '0' || *s > '9'))
        return -1;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(s, &end, 10);
    if (errno || end == s || *end || value < min || value > max)
        return -1;
    *ret = value;
    return 0;
}

int hg_parse_duration(const char *s, int64_t *ret_ns)
{
    static const struct {
        const char *unit;
        double ns;
    } UNITS[] = {
        { "", 1e9 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "min", 60e9 },
        { "h", 3600e9 }, { "d", 86400e9 },
    };
    /* strtod would also take "inf", hexadecimal and signs. */
    if (*s < '0' || *s > '9' || s[strspn(s, "0123456789")] == 'x')
        return -1;
    char *end = NULL;
    double value = strtod(s, &end);
    if (end == s || !isfinite(value))
        return -1;
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < HG_COUNT(UNITS); i++) {
        if (strcmp(end, UNITS[i].unit) == 0) {
            double ns = value * UNITS[i].ns;
            if (ns > 9e18)
                return -1;
            *ret_ns = (int64_t)ns;
            return 0;
        }
    }
    return -1;
}

static size_t edit_distance(const char *a, const char *b, size_t limit)
{
    enum { LONGEST = 128 };
    size_t n = strlen(a), m = strlen(b);
    if (n >= LONGEST || m >= LONGEST)
        return limit + 1;
    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[m];
}

const char *hg_nearest(const char *word, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    size_t limit = strlen(word) / 3 + 1, best_distance = limit + 1;
    for (size_t i = 0; i < count; i++) {
        size_t d = edit_distance(word, candidates[i], limit);
        if (d < best_distance) {
            best_distance = d;
            best = candidates[i];
        }
    }
    return best;
}

int hg_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *hg_hex(const void *data, size_t len, char *out)
{
    static const char DIGITS[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = DIGITS[bytes[i] >> 4];
        out[2 * i + 1] = DIGITS[bytes[i] & 15];
    }
    out[2 * len] = '\0';
    return out;
}

void hg_buf_add_hex(struct hg_buf *b, const void *data, size_t len)
{
    const char *bytes = data;
    char two[3];
    for (size_t i = 0; i < len; i++)
        hg_buf_add(b, hg_hex(bytes + i, 1, two), 2);
}

char *hg_percent_decode(const char *s, size_t len, bool plus_is_space, size_t *ret_len)
{
    char *out = hg_xmalloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int high = i + 2 < len && s[i] == '%' ? hg_hex_digit(s[i + 1]) : -1;
        int low = high >= 0 ? hg_hex_digit(s[i + 2]) : -1;
        if (low >= 0) {
            out[n++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[n++] = s[i] == '+' && plus_is_space ? ' ' : s[i];
        }
    }
    out[n] = '\0';
    if (ret_len)
        *ret_len = n;
    return out;
}
