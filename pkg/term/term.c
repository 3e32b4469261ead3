/* SPDX-License-Identifier: Apache-2.0 */
#include "term.h"

#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

void hg_term_add(struct hg_buf *b, bool color, enum hg_style style, const char *text)
{
    static const char *const CODES[] = { "", "1", "2", "31", "32", "33", "36" };
    if (color && style != HG_PLAIN)
        hg_buf_addf(b, "\x1b[%sm%s\x1b[0m", CODES[style], text);
    else
        hg_buf_adds(b, text);
}

int hg_term_columns(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

bool hg_term_utf8(void)
{
    static const char *const NAMES[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < HG_COUNT(NAMES); i++) {
        const char *value = getenv(NAMES[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

/* One UTF-8 character from s, which is known to be NUL-terminated; malformed bytes count as one. */
static size_t decode(const char *s, uint32_t *ret)
{
    unsigned char c = (unsigned char)*s;
    size_t n = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 1;
    uint32_t code = n == 1 ? c : c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80) {
            *ret = 0xfffd;
            return 1;
        }
        code = code << 6 | ((unsigned char)s[i] & 0x3f);
    }
    *ret = code;
    return n;
}

static size_t columns_of(uint32_t code)
{
    if (code == 0x200d || (code >= 0x300 && code <= 0x36f) || (code >= 0xfe00 && code <= 0xfe0f))
        return 0;
    if ((code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
        (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
        (code >= 0xff00 && code <= 0xff60) || (code >= 0x1f300 && code <= 0x1faff))
        return 2;
    return 1;
}

size_t hg_term_width(const char *s)
{
    size_t width = 0;
    while (*s) {
        if (*s == '\x1b' && s[1] == '[') {
            s += 2 + strcspn(s + 2, "m");
            s += *s == 'm';
            continue;
        }
        uint32_t code;
        s += decode(s, &code);
        width += columns_of(code);
    }
    return width;
}

size_t hg_term_cut(struct hg_buf *b, const char *s, size_t columns, bool utf8)
{
    const char *mark = utf8 ? "…" : "...";
    size_t whole = hg_term_width(s), width = 0, mark_width = hg_term_width(mark);
    if (whole <= columns) {
        hg_buf_adds(b, s);
        return whole;
    }
    if (columns < mark_width)
        return 0;
    for (uint32_t code; *s;) {
        size_t bytes = decode(s, &code), wide = columns_of(code);
        if (width + wide + mark_width > columns)
            break;
        hg_buf_add(b, s, bytes);
        width += wide;
        s += bytes;
    }
    hg_buf_adds(b, mark);
    return width + mark_width;
}

/* ---- the line that stays ------------------------------------------------------------------ */

bool hg_term_live(int fd)
{
    const char *term = getenv("TERM"), *ci = getenv("CI");
    return isatty(fd) && term && *term && !hg_streq(term, "dumb") && !(ci && *ci);
}

void hg_term_line_draw(struct hg_term_line *l, const char *text)
{
    pid_t front = tcgetpgrp(l->fd);
    if (front > 0 && front != getpgrp())
        return; /* the row is somebody else's now */
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    hg_buf_addf(&b, "\r%s\x1b[K", text);
    (void)hg_write_all(l->fd, b.data, b.len);
    l->shown = true;
}

void hg_term_line_clear(struct hg_term_line *l)
{
    static const char CLEAR[] = "\r\x1b[K";
    if (l->shown)
        (void)hg_write_all(l->fd, CLEAR, sizeof CLEAR - 1);
    l->shown = false;
}

/* ---- tables ------------------------------------------------------------------------------- */

void hg_table_init(struct hg_table *t, size_t columns)
{
    *t = (struct hg_table){ .columns = columns };
}

void hg_table_cell(struct hg_table *t, const char *text)
{
    hg_strv_add(&t->cells, text);
}

void hg_table_print(const struct hg_table *t, const char *indent, struct hg_buf *ret)
{
    size_t *widths = hg_xcalloc(t->columns, sizeof *widths);
    for (size_t i = 0; i < t->cells.count; i++) {
        size_t width = hg_term_width(t->cells.items[i]);
        if (width > widths[i % t->columns])
            widths[i % t->columns] = width;
    }
    for (size_t i = 0; i < t->cells.count; i++) {
        size_t column = i % t->columns;
        const char *cell = t->cells.items[i];
        if (column == 0)
            hg_buf_adds(ret, indent);
        hg_buf_adds(ret, cell);
        if (column + 1 == t->columns) {
            hg_buf_trim_end(ret, " "); /* an empty last cell */
            hg_buf_addc(ret, '\n');
        } else {
            hg_buf_addf(ret, "%*s", (int)(widths[column] - hg_term_width(cell) + 2), "");
        }
    }
    free(widths);
}

void hg_table_done(struct hg_table *t)
{
    hg_strv_done(&t->cells);
}
