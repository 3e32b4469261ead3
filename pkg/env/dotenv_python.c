/* SPDX-License-Identifier: Apache-2.0 */
/*
 * python-dotenv 1.2 (src/dotenv/parser.py, variables.py), rule by rule: its parser is a sequence of
 * regular expressions, and each function here is one of them. Blanks are those of Python's \s.
 */
#include "internal.h"

/* Bytes of the blank at p that is no line end, or 0. */
static size_t blank_at(const char *p, const char *end)
{
    if (p >= end || *p == '\n')
        return 0;
    unsigned char c = (unsigned char)*p;
    if (c == ' ' || (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x1f))
        return 1;
    return hg_dotenv_wide_blank(p, end);
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
    const char *stop = hg_dotenv_line_end(*at, end), *p = *at, *kept = p;
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
        else if (fallback && !hg_strv_has(&d->nulls, key)) /* a line without "=" gave it: None */
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
        p = hg_dotenv_line_end(p, end);
    *at = p;
    return p < end && *p != '\n' ? "text behind the closing quote" : NULL;
}

/* python-dotenv warns, drops the rest of this line and goes on behind it. */
static void drop(struct hg_dotenv *d, size_t line, const char *at, const char *reason)
{
    d->at = hg_dotenv_line_end(at, d->end);
    hg_dotenv_drop(d, line, NULL, reason);
}

/* A name alone is None: load_dotenv() leaves the variable as it is, also one of an earlier line. */
static void set_null(struct hg_dotenv *d, size_t line, const char *key)
{
    hg_vars_unset(&d->file, key);
    hg_vars_unset(d->into, key);
    if (!hg_strv_has(&d->nulls, key))
        hg_strv_add(&d->nulls, key);
    hg_dotenv_drop(d, line, key, "a name without \"=\" sets nothing");
}

/* What stands behind the name, from the "=" or what is there instead. */
static int parse_after_key(struct hg_dotenv *d, size_t line, const char *key, const char *p)
{
    const char *reason;
    if (p >= d->end || *p != '=') {
        reason = parse_rest(&p, d->end);
        if (reason)
            drop(d, line, p, "\"=\" is missing behind the name");
        else
            set_null(d, line, key);
        d->at = reason ? d->at : p;
        return 0;
    }
    const char *after = p + 1;
    p = skip_blanks(after, d->end);
    HG_AUTO(hg_buf_wipe) struct hg_buf value = HG_BUF_INIT;
    /* "KEY= # comment" is empty, while "KEY=#x" begins with "#". */
    bool comment = p > after && p < d->end && *p == '#';
    reason = comment ? NULL : parse_value(&p, d->end, &value);
    if (!reason)
        reason = parse_rest(&p, d->end);
    if (reason) {
        drop(d, line, p, reason);
        return 0;
    }
    HG_AUTO(hg_buf_wipe) struct hg_buf expanded = HG_BUF_INIT;
    expand(d, hg_buf_str(&value), &expanded);
    d->at = p;
    return hg_dotenv_set(d, line, key, hg_buf_str(&expanded));
}

static int parse_binding(struct hg_dotenv *d)
{
    const char *p = d->at;
    size_t line = hg_dotenv_line(d, p);
    p = skip_export(p, d->end);
    HG_AUTO(hg_freep) char *key = NULL;
    if (p < d->end && *p == '#') {
        d->at = hg_dotenv_line_end(p, d->end);
    } else if (p >= d->end || *p == '\n' || parse_key(&p, d->end, &key) < 0) {
        drop(d, line, p, "a name must stand before \"=\"");
    } else {
        return parse_after_key(d, line, key, skip_blanks(p, d->end));
    }
    return 0;
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
