/* SPDX-License-Identifier: Apache-2.0 */
/* Docker Compose v2: compose-spec/compose-go 2.16 dotenv/parser.go and its template language. */
#include "internal.h"

#include <ctype.h>

#define TEMPLATE_DEPTH_MAX 16

/* Go's isSpace there: blanks without the line end, and the two blanks of Latin-1. */
static size_t blank_at(const char *p, const char *end)
{
    if (p >= end)
        return 0;
    if (*p == ' ' || *p == '\t' || *p == '\v' || *p == '\f' || *p == '\r')
        return 1;
    bool wide = end - p >= 2 && p[0] == '\xc2' && (p[1] == '\x85' || p[1] == '\xa0');
    return wide ? 2 : 0;
}

static const char *skip_blanks(const char *p, const char *end)
{
    for (size_t n; (n = blank_at(p, end));)
        p += n;
    return p;
}

/* Blanks of every kind, line ends and comments up to the next statement. */
static const char *statement_start(const char *p, const char *end)
{
    for (;;) {
        for (size_t n; (n = blank_at(p, end)) || (n = hg_dotenv_wide_blank(p, end));)
            p += n;
        if (p < end && *p == '#')
            p = hg_dotenv_line_end(p, end);
        if (p >= end || *p != '\n')
            return p;
        p++;
    }
}

static const char *trim_right(const char *start, const char *stop)
{
    while (stop > start) {
        if (strchr(" \t\v\f\r\n", stop[-1]))
            stop--;
        else if (stop - start >= 2 && hg_dotenv_wide_blank(stop - 2, stop) == 2)
            stop -= 2;
        else if (stop - start >= 3 && hg_dotenv_wide_blank(stop - 3, stop) == 3)
            stop -= 3;
        else
            break;
    }
    return stop;
}

/* Go takes letters and numbers of every script. Of what is neither only blanks and the byte order
 * mark are told from those here. */
static bool name_byte(const char *p, const char *end)
{
    if ((unsigned char)*p < 0x80)
        return isalnum((unsigned char)*p) || strchr("_.-[]", *p) != NULL;
    return !hg_dotenv_wide_blank(p, end) && (end - p < 3 || memcmp(p, "\xef\xbb\xbf", 3) != 0);
}

/* ---- ${…} ------------------------------------------------------------------------------------ */

static size_t name_length(const char *p, const char *end)
{
    size_t n = 0;
    if (p < end && (isalpha((unsigned char)*p) || *p == '_'))
        while (p + n < end && (isalnum((unsigned char)p[n]) || p[n] == '_'))
            n++;
    return n;
}

/* The brace that closes the one before p, or NULL. */
static const char *closing_brace(const char *p, const char *end)
{
    for (unsigned open = 1; p < end; p++) {
        if (*p == '}' && --open == 0)
            return p;
        if (*p == '$' && p + 1 < end && p[1] == '{') {
            open++;
            p++;
        }
    }
    return NULL;
}

/* ${NAME op word}: op is one of - + ? with or without a colon (then empty counts as not set). */
static int braced(struct hg_dotenv *d, size_t line, const char *name, const char *op,
                  const char *close, unsigned depth, struct hg_buf *ret)
{
    HG_AUTO(hg_freep) char *key = hg_xstrndup(name, (size_t)(op - name));
    const char *value = hg_dotenv_get(d, key);
    if (op == close) {
        hg_buf_adds(ret, value ? value : "");
        return 0;
    }
    bool colon = *op == ':';
    char kind = op[colon];
    const char *word = op + colon + 1;
    if (word > close || !strchr("-+?", kind))
        return hg_dotenv_fail(d, line, "an operator that Compose does not know in ${…}");
    bool set = value && !(colon && !*value);
    HG_AUTO(hg_buf_wipe) struct hg_buf alternative = HG_BUF_INIT;
    if (hg_dotenv_template(d, line, word, (size_t)(close - word), depth + 1, &alternative) < 0)
        return -1;
    if (kind == '?' && !set)
        return hg_fail(d->err, HG_E_CONFIG, "%s:%zu: ${%s} is required: %s", d->shown, line, key,
                       alternative.len ? hg_buf_str(&alternative) : "not set");
    if (kind == '+' ? set : !set)
        hg_buf_add(ret, hg_buf_str(&alternative), alternative.len);
    else if (kind != '+')
        hg_buf_adds(ret, value);
    return 0;
}

int hg_dotenv_template(struct hg_dotenv *d, size_t line, const char *text, size_t len,
                       unsigned depth, struct hg_buf *ret)
{
    const char *end = text + len;
    if (depth > TEMPLATE_DEPTH_MAX)
        return hg_dotenv_fail(d, line, "${…} nested too deeply");
    for (const char *p = text; p < end;) {
        if (*p != '$' || p + 1 >= end) {
            hg_buf_addc(ret, *p++);
            continue;
        }
        size_t plain = name_length(p + 1, end);
        if (p[1] == '$') {
            hg_buf_addc(ret, '$');
            p += 2;
        } else if (plain) {
            HG_AUTO(hg_freep) char *key = hg_xstrndup(p + 1, plain);
            const char *value = hg_dotenv_get(d, key);
            hg_buf_adds(ret, value ? value : "");
            p += 1 + plain;
        } else if (p[1] == '{') {
            size_t n = name_length(p + 2, end);
            const char *close = closing_brace(p + 2, end);
            if (!n || !close)
                return hg_dotenv_fail(d, line, "\"${\" begins no reference: write $$ for a dollar "
                                               "sign, or use single quotes");
            if (braced(d, line, p + 2, p + 2 + n, close, depth, ret) < 0)
                return -1;
            p = close + 1;
        } else {
            hg_buf_addc(ret, *p++);
        }
    }
    return 0;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* "\0NNN" at text[i], len bytes there: a code point up to 255, as Go's UnquoteChar makes it of three
 * octal digits; of anything else only the zero goes. How many bytes were read. */
static size_t unescape_octal(const char *text, size_t len, struct hg_buf *ret)
{
    size_t digits = 0;
    unsigned point = 0;
    bool octal = true;
    for (; digits < 3 && 2 + digits < len && isdigit((unsigned char)text[2 + digits]); digits++) {
        octal = octal && text[2 + digits] < '8';
        point = point * 8 + (unsigned)(text[2 + digits] - '0');
    }
    if (digits < 3 || !octal || point > 255 || point == 0) {
        hg_buf_addc(ret, '\\');
        hg_buf_add(ret, text + 2, digits);
    } else if (point < 0x80) {
        hg_buf_addc(ret, (char)point);
    } else {
        hg_buf_addc(ret, (char)(0xc0 | point >> 6));
        hg_buf_addc(ret, (char)(0x80 | (point & 0x3f)));
    }
    return 2 + digits;
}

/* The escapes of a double quoted value: \$ becomes the template's $$; \a \b \f \n \r \t \v \" \\ and
 * \0NNN are Go's; every other backslash stays. */
static void unescape(const char *text, size_t len, struct hg_buf *ret)
{
    static const char NAMES[] = "abfnrtv", BYTES[] = "\a\b\f\n\r\t\v";
    for (size_t i = 0; i < len;) {
        char next = text[i] == '\\' && i + 1 < len ? text[i + 1] : '\0';
        const char *name = next ? strchr(NAMES, next) : NULL;
        if (next == '0') {
            i += unescape_octal(text + i, len - i, ret);
            continue;
        }
        if (name && *name)
            hg_buf_addc(ret, BYTES[name - NAMES]);
        else if (next == '"' || next == '\\')
            hg_buf_addc(ret, next);
        else if (next == '$')
            hg_buf_adds(ret, "$$");
        else
            hg_buf_addc(ret, text[i]);
        i += (name && *name) || (next && strchr("\"\\$", next)) ? 2 : 1;
    }
}

/* From the opening quote to the closing one; a backslash keeps the quote in the value. */
static int parse_quoted(struct hg_dotenv *d, size_t line, const char **at, struct hg_buf *ret)
{
    char quote = **at;
    const char *p = *at + 1;
    HG_AUTO(hg_buf_wipe) struct hg_buf raw = HG_BUF_INIT;
    for (; p < d->end && *p != quote; p++) {
        if (*p == '\\' && p + 1 < d->end) {
            p++;
            if (*p != quote)
                hg_buf_addc(&raw, '\\');
        }
        hg_buf_addc(&raw, *p);
    }
    if (p >= d->end)
        return hg_dotenv_fail(d, line, "the quote is not closed");
    *at = p + 1;
    if (quote == '\'') {
        hg_buf_add(ret, hg_buf_str(&raw), raw.len);
        return 0;
    }
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    unescape(hg_buf_str(&raw), raw.len, &text);
    return hg_dotenv_template(d, line, hg_buf_str(&text), text.len, 0, ret);
}

static int parse_value(struct hg_dotenv *d, size_t line, const char **at, struct hg_buf *ret)
{
    const char *p = *at;
    if (p < d->end && (*p == '\'' || *p == '"'))
        return parse_quoted(d, line, at, ret);
    const char *stop = hg_dotenv_line_end(p, d->end);
    *at = stop;
    const char *comment = memmem(p, (size_t)(stop - p), " #", 2);
    stop = trim_right(p, comment ? comment : stop);
    return hg_dotenv_template(d, line, p, (size_t)(stop - p), 0, ret);
}

/* ---- statements ------------------------------------------------------------------------------ */

/* A bare NAME takes its value from the environment, except on a last line without a line end; Compose
 * is silent when it is not there. What follows a closing quote on its line is read as a name, too. */
static void inherit(struct hg_dotenv *d, size_t line, const char *name, bool own_line)
{
    const char *value = d->lookup && d->at < d->end ? hg_vars_get(d->lookup, name) : NULL;
    if (value)
        (void)hg_dotenv_set(d, line, name, value);
    else if (!own_line && *name)
        hg_dotenv_drop(d, line, NULL, "what follows the closing quote is dropped");
    else if (*name)
        hg_dotenv_drop(d, line, name, "a name without \"=\" takes its value from the environment, "
                                      "where it is not set");
}

static int parse_statement(struct hg_dotenv *d, bool own_line)
{
    const char *p = d->at;
    size_t line = hg_dotenv_line(d, p);
    if (d->end - p > 6 && memcmp(p, "export", 6) == 0 && (blank_at(p + 6, d->end) || p[6] == '\n'))
        p = skip_blanks(p + 6, d->end);
    if (p >= d->end)
        return hg_dotenv_fail(d, line, "a name is missing");
    const char *start = p;
    while (p < d->end && !strchr("=:\n", *p)) {
        size_t blank = blank_at(p, d->end);
        if (!blank && !name_byte(p, d->end))
            return hg_dotenv_fail(d, line, "a character that no variable's name has");
        p += blank ? blank : 1;
    }
    const char *stop = trim_right(start, p);
    HG_AUTO(hg_freep) char *name = hg_xstrndup(start, (size_t)(stop - start));
    if (strchr(name, ' ') && p < d->end)
        return hg_dotenv_fail(d, line, "the name contains a blank");
    if (p >= d->end || *p == '\n') {
        d->at = p;
        inherit(d, line, name, own_line);
        return 0;
    }
    p = skip_blanks(p + 1, d->end);
    HG_AUTO(hg_buf_wipe) struct hg_buf value = HG_BUF_INIT;
    if (parse_value(d, line, &p, &value) < 0)
        return -1;
    d->at = p;
    return hg_dotenv_set(d, line, name, hg_buf_str(&value));
}

int hg_dotenv_compose(struct hg_dotenv *d)
{
    const char *previous = NULL;
    for (;;) {
        const char *start = statement_start(d->at, d->end);
        bool own_line = !previous || memchr(previous, '\n', (size_t)(start - previous)) != NULL;
        d->at = start;
        if (start >= d->end)
            return 0;
        if (parse_statement(d, own_line) < 0)
            return -1;
        previous = d->at;
    }
}
