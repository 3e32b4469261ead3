/* SPDX-License-Identifier: Apache-2.0 */
/*
 * python-dotenv 1.2 (src/dotenv/parser.py, variables.py), rule by rule: its parser is a sequence of
 * regular expressions, and each function here is one of them. Blanks are those of Python's \s.
 */
#include "internal.h"

/* Bytes of the blank at p that is no line end, or 0. */
static size_t blank_at(const char *p, const char *end)
{
    static const char *const WIDE[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
        "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
        "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
    };
    if (p >= end || *p == '\n')
        return 0;
    unsigned char c = (unsigned char)*p;
    if (c == ' ' || (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x1f))
        return 1;
    if (c < 0x80)
        return 0;
    for (size_t i = 0; i < HG_COUNT(WIDE); i++) {
        size_t len = strlen(WIDE[i]);
        if ((size_t)(end - p) >= len && memcmp(p, WIDE[i], len) == 0)
            return len;
    }
    return 0;
}

static const char *skip_blanks(const char *p, const char *end)
{
    for (size_t n; (n = blank_at(p, end));)
        p += n;
    return p;
}

static const char *skip_space(const char *p, const char *end)
{
    for (;;) {
        p = skip_blanks(p, end);
        if (p >= end || *p != '\n')
            return p;
        p++;
    }
}

static const char *line_end(const char *p, const char *end)
{
    const char *newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    return newline ? newline : end;
}

static const char *skip_export(const char *p, const char *end)
{
    if (end - p < 7 || memcmp(p, "export", 6) != 0 || !blank_at(p + 6, end))
        return p;
    return skip_blanks(p + 6, end);
}

/* 'name' or name; 0, or -1 when there is none. */
static int parse_key(const char **at, const char *end, char **ret)
{
    const char *p = *at, *start = p;
    if (*p == '\'') {
        const char *close = memchr(p + 1, '\'', (size_t)(end - p - 1));
        if (!close || close == p + 1)
            return -1;
        *ret = hg_xstrndup(p + 1, (size_t)(close - p - 1));
        *at = close + 1;
        return 0;
    }
    while (p < end && *p != '=' && *p != '#' && *p != '\n' && !blank_at(p, end))
        p++;
    if (p == start)
        return -1;
    *ret = hg_xstrndup(start, (size_t)(p - start));
    *at = p;
    return 0;
}

/* The escapes of a quoted value: \\ and \' in both, a b f n r t v and \" in double quotes. */
static void decode_escapes(const char *p, const char *stop, char quote, struct hg_buf *ret)
{
    static const char NAMES[] = "abfnrtv", BYTES[] = "\a\b\f\n\r\t\v";
    for (; p < stop; p++) {
        const char *name = *p == '\\' && p + 1 < stop && quote == '"' ? strchr(NAMES, p[1]) : NULL;
        if (name && *name) {
            hg_buf_addc(ret, BYTES[name - NAMES]);
            p++;
        } else if (*p == '\\' && p + 1 < stop &&
                   (p[1] == '\\' || p[1] == '\'' || (p[1] == '"' && quote == '"'))) {
            hg_buf_addc(ret, *++p);
        } else {
            hg_buf_addc(ret, *p);
        }
    }
}

/* Up to the first quote that no backslash escapes, over line ends. */
static int parse_quoted(const char **at, const char *end, struct hg_buf *ret)
{
    char quote = **at;
    const char *start = *at + 1, *p = start;
    while (p < end && *p != quote)
        p += *p == '\\' && p + 1 < end ? 2 : 1;
    if (p >= end)
        return -1;
    decode_escapes(start, p, quote, ret);
    *at = p + 1;
    return 0;
}

/* To the end of the line; a "#" behind a blank starts a comment; blanks at the end go. */
static void parse_unquoted(const char **at, const char *end, struct hg_buf *ret)
{
    const char *stop = line_end(*at, end), *p = *at, *kept = p;
    *at = stop;
    const char *start = p;
    while (p < stop) {
        size_t blank = blank_at(p, stop);
        if (!blank) {
            if (*p == '#' && p > start && kept < p)
                break;
            kept = ++p;
            continue;
        }
        p += blank;
    }
    hg_buf_add(ret, start, (size_t)(kept - start));
}

/* ${NAME} and ${NAME:-default}, also in single quotes: it expands after unquoting. */
static void expand(const struct hg_dotenv *d, const char *text, struct hg_buf *ret)
{
    for (const char *p = text; *p;) {
        const char *name = p + 2, *stop = strncmp(p, "${", 2) == 0 ? name + strcspn(name, "}:") : p;
        const char *fallback = NULL, *close = stop;
        if (stop > p && strncmp(stop, ":-", 2) == 0) {
            fallback = stop + 2;
            close = strchr(fallback, '}');
        }
        if (stop == p || !close || *close != '}') {
            hg_buf_addc(ret, *p++);
            continue;
        }
        HG_AUTO(hg_freep) char *key = hg_xstrndup(name, (size_t)(stop - name));
        const char *value = hg_dotenv_get(d, key);
        if (value)
            hg_buf_adds(ret, value);
        else if (fallback)
            hg_buf_add(ret, fallback, (size_t)(close - fallback));
        p = close + 1;
    }
}

static const char *parse_value(const char **at, const char *end, struct hg_buf *ret)
{
    if (*at >= end || **at == '\n')
        return NULL;
    if (**at != '\'' && **at != '"') {
        parse_unquoted(at, end, ret);
        return NULL;
    }
    return parse_quoted(at, end, ret) < 0 ? "the quote is not closed" : NULL;
}

/* Behind the value only a comment may follow. */
static const char *parse_rest(const char **at, const char *end)
{
    const char *p = skip_blanks(*at, end);
    if (p < end && *p == '#')
        p = line_end(p, end);
    *at = p;
    return p < end && *p != '\n' ? "text behind the closing quote" : NULL;
}

static int refuse(struct hg_dotenv *d, size_t line, const char *reason)
{
    hg_dotenv_fail(d, line, reason);
    return hg_detail(d->err, "python-dotenv drops this line with a warning, and the variable is "
                             "missing then");
}

static int parse_binding(struct hg_dotenv *d)
{
    const char *p = d->at;
    size_t line = hg_dotenv_line(d, p);
    p = skip_export(p, d->end);
    if (p >= d->end || *p == '\n')
        return refuse(d, line, "a name is missing");
    if (*p == '#') {
        d->at = line_end(p, d->end);
        return 0;
    }
    HG_AUTO(hg_freep) char *key = NULL;
    if (parse_key(&p, d->end, &key) < 0)
        return refuse(d, line, "a name must stand before \"=\"");
    if (strchr(key, '=')) /* in quotes; no process can have such a variable */
        return hg_dotenv_fail(d, line, "a name cannot contain \"=\"");
    p = skip_blanks(p, d->end);
    if (p >= d->end || *p != '=')
        return refuse(d, line, "\"=\" is missing behind the name");
    const char *after = p + 1;
    p = skip_blanks(after, d->end);
    HG_AUTO(hg_buf_wipe) struct hg_buf value = HG_BUF_INIT;
    /* "KEY= # comment" is empty, while "KEY=#x" begins with "#". */
    bool comment = p > after && p < d->end && *p == '#';
    const char *reason = comment ? NULL : parse_value(&p, d->end, &value);
    if (!reason)
        reason = parse_rest(&p, d->end);
    if (reason)
        return refuse(d, line, reason);
    HG_AUTO(hg_buf_wipe) struct hg_buf expanded = HG_BUF_INIT;
    expand(d, hg_buf_str(&value), &expanded);
    d->at = p;
    return hg_dotenv_set(d, line, key, hg_buf_str(&expanded));
}

int hg_dotenv_python(struct hg_dotenv *d)
{
    for (;;) {
        d->at = skip_space(d->at, d->end);
        if (d->at >= d->end)
            return 0;
        if (parse_binding(d) < 0)
            return -1;
    }
}
