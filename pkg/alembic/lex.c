/* SPDX-License-Identifier: Apache-2.0 */
#include "lex.h"

enum char_class {
    OTHER, SPACE, NAME, DIGIT,
    NEWLINE, QUOTE, HASH, OPEN, CLOSE, BACKSLASH, /* these decide where a logical line ends */
};

/* Bytes from 0x80 are parts of names: Python allows letters of every script there. */
static const uint8_t CLASSES[256] = {
    [' '] = SPACE,  ['\t'] = SPACE,  ['\f'] = SPACE,  ['\n'] = NEWLINE, ['\r'] = NEWLINE,
    ['a' ... 'z'] = NAME, ['A' ... 'Z'] = NAME, ['_'] = NAME, [0x80 ... 0xff] = NAME,
    ['0' ... '9'] = DIGIT, ['\''] = QUOTE, ['"'] = QUOTE, ['#'] = HASH,
    ['('] = OPEN, ['['] = OPEN, ['{'] = OPEN, [')'] = CLOSE, [']'] = CLOSE, ['}'] = CLOSE,
    ['\\'] = BACKSLASH,
};

static uint8_t class_of(char c)
{
    return CLASSES[(unsigned char)c];
}

void hg_lex_init(struct hg_lex *lex, const char *text, size_t len)
{
    *lex = (struct hg_lex){
        .p = text, .end = text + len, .line_start = text, .line = 1, .at_line_start = true };
}

static void next_line(struct hg_lex *lex)
{
    if (*lex->p == '\r' && lex->p + 1 < lex->end && lex->p[1] == '\n')
        lex->p++;
    lex->p++;
    lex->line++;
    lex->line_start = lex->p;
}

static void error(struct hg_tok *t, const char *what)
{
    t->kind = HG_TOK_ERROR;
    t->what = what;
}

/* These loops keep the position in a variable of their own: through lex->p each byte would be stored
 * before the next one is read, since a char may be a part of anything. */
static const char *skip_until(const char *p, const char *end, enum char_class least)
{
    while (p < end && class_of(*p) < least)
        p++;
    return p;
}

static const char *skip_word(const char *p, const char *end)
{
    while (p < end && (class_of(*p) == NAME || class_of(*p) == DIGIT))
        p++;
    return p;
}

/* lex->p stands on the opening quote; t->start on the prefix. */
static void string(struct hg_lex *lex, struct hg_tok *t)
{
    char quote = *lex->p;
    bool triple = lex->end - lex->p >= 3 && lex->p[1] == quote && lex->p[2] == quote;
    lex->p += triple ? 3 : 1;
    t->kind = HG_TOK_STRING;
    t->body = lex->p;
    while (lex->p < lex->end) {
        char c = *lex->p;
        if (c == '\\') {
            lex->p++;
            if (lex->p == lex->end)
                break;
            if (class_of(*lex->p) == NEWLINE)
                next_line(lex);
            else
                lex->p++;
        } else if (c == quote) {
            if (!triple || (lex->end - lex->p >= 3 && lex->p[1] == quote && lex->p[2] == quote)) {
                t->body_len = (size_t)(lex->p - t->body);
                lex->p += triple ? 3 : 1;
                return;
            }
            lex->p++;
        } else if (c == '\n' || c == '\r') {
            if (!triple) {
                error(t, "a string without its closing quote");
                return;
            }
            next_line(lex);
        } else {
            lex->p = skip_until(lex->p + 1, lex->end, NEWLINE);
        }
    }
    error(t, "a string without its closing quote");
}

/* A name, or the prefix of a string. */
static void name(struct hg_lex *lex, struct hg_tok *t)
{
    lex->p = skip_word(lex->p, lex->end);
    t->kind = HG_TOK_NAME;
    t->len = (size_t)(lex->p - t->start);
    if (lex->p == lex->end || class_of(*lex->p) != QUOTE || t->len > 2)
        return;
    bool raw = false, bytes = false, format = false;
    for (size_t i = 0; i < t->len; i++) {
        char c = (char)(t->start[i] | 0x20);
        if (c == 'r')
            raw = true;
        else if (c == 'b')
            bytes = true;
        else if (c == 'f' || c == 't')
            format = true;
        else if (c != 'u')
            return;
    }
    t->raw = raw;
    t->bytes = bytes;
    t->format = format;
    string(lex, t);
}

/* Only the operators whose length matters: `==`, `<=`, `:=`, `**=`, `->`. */
static void operator(struct hg_lex *lex, struct hg_tok *t)
{
    t->kind = HG_TOK_OP;
    char c = *lex->p++;
    if (lex->p == lex->end)
        return;
    if (*lex->p == c && (c == '*' || c == '/' || c == '<' || c == '>'))
        lex->p++;
    if (lex->p < lex->end && *lex->p == '=' && strchr("=!<>+-*/%&|^@:", c))
        lex->p++;
    else if (lex->p < lex->end && c == '-' && *lex->p == '>')
        lex->p++;
}

static void comment(struct hg_lex *lex)
{
    const char *p = lex->p;
    while (p < lex->end && *p != '\n' && *p != '\r')
        p++;
    lex->p = p;
}

/* Steps over blanks, comments, joined lines and line ends that mean nothing. True when a NEWLINE
 * token is due. */
static bool skip(struct hg_lex *lex, struct hg_tok *t)
{
    while (lex->p < lex->end) {
        switch (class_of(*lex->p)) {
        case SPACE:
            lex->p++;
            break;
        case HASH:
            comment(lex);
            break;
        case BACKSLASH:
            if (lex->p + 1 == lex->end || class_of(lex->p[1]) != NEWLINE)
                return false;
            lex->p++;
            next_line(lex);
            break;
        case NEWLINE: {
            bool due = lex->depth == 0 && !lex->at_line_start;
            t->line = lex->line;
            next_line(lex);
            if (due)
                return true;
            break;
        }
        default:
            return false;
        }
    }
    return false;
}

void hg_lex_next(struct hg_lex *lex, struct hg_tok *ret)
{
    *ret = (struct hg_tok){ .kind = HG_TOK_END };
    bool newline = skip(lex, ret);
    ret->start = lex->p;
    ret->depth = lex->depth;
    if (newline || (lex->p == lex->end && !lex->at_line_start && lex->depth == 0)) {
        ret->kind = HG_TOK_NEWLINE;
        lex->at_line_start = true;
        if (!newline)
            ret->line = lex->line;
        return;
    }
    ret->line = lex->line;
    if (lex->p == lex->end) {
        if (lex->depth > 0)
            error(ret, "a bracket that is never closed");
        return;
    }
    ret->first = lex->at_line_start;
    ret->indented = lex->p != lex->line_start;
    lex->at_line_start = false;
    switch (class_of(*lex->p)) {
    case NAME:
        name(lex, ret);
        break;
    case DIGIT:
        ret->kind = HG_TOK_NUMBER;
        while (lex->p < lex->end && (class_of(*lex->p) == NAME || class_of(*lex->p) == DIGIT ||
                                     *lex->p == '.'))
            lex->p++;
        break;
    case QUOTE:
        string(lex, ret);
        break;
    case OPEN:
        ret->kind = HG_TOK_OP;
        lex->depth++;
        lex->p++;
        break;
    case CLOSE:
        ret->kind = HG_TOK_OP;
        if (lex->depth == 0)
            error(ret, "a closing bracket without its opening one");
        else
            lex->depth--;
        lex->p++;
        break;
    case BACKSLASH:
        lex->p++;
        error(ret, "a backslash inside a line");
        break;
    default:
        operator(lex, ret);
    }
    ret->len = (size_t)(lex->p - ret->start);
}

/* Steps behind the end of the logical line. False: it needs the tokens. */
static bool skip_line(struct hg_lex *lex)
{
    lex->at_line_start = false;
    while (lex->p < lex->end) {
        struct hg_tok t = { .kind = HG_TOK_END };
        switch (class_of(*lex->p)) {
        case QUOTE:
            string(lex, &t);
            if (t.kind == HG_TOK_ERROR)
                return false;
            break;
        case HASH:
            comment(lex);
            break;
        case OPEN:
            lex->depth++;
            lex->p++;
            break;
        case CLOSE:
            if (lex->depth == 0)
                return false;
            lex->depth--;
            lex->p++;
            break;
        case BACKSLASH:
            return false;
        case NEWLINE:
            next_line(lex);
            lex->at_line_start = lex->depth == 0;
            if (lex->at_line_start)
                return true;
            break;
        default:
            lex->p = skip_until(lex->p + 1, lex->end, NEWLINE);
        }
    }
    return lex->depth == 0;
}

void hg_lex_skip_indented(struct hg_lex *lex)
{
    struct hg_lex at = *lex;
    while (at.p < at.end) {
        switch (class_of(*at.p)) {
        case SPACE:
            at.p++;
            continue;
        case HASH:
            comment(&at);
            continue;
        case NEWLINE:
            next_line(&at);
            continue;
        default:
            break;
        }
        if (at.p == at.line_start)
            break;
        if (!skip_line(&at))
            return;
    }
    *lex = at;
}

static bool add_code_point(struct hg_buf *b, unsigned long cp)
{
    if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return false;
    if (cp < 0x80) {
        hg_buf_addc(b, (char)cp);
    } else if (cp < 0x800) {
        hg_buf_addc(b, (char)(0xc0 | cp >> 6));
        hg_buf_addc(b, (char)(0x80 | (cp & 0x3f)));
    } else if (cp < 0x10000) {
        hg_buf_addc(b, (char)(0xe0 | cp >> 12));
        hg_buf_addc(b, (char)(0x80 | (cp >> 6 & 0x3f)));
        hg_buf_addc(b, (char)(0x80 | (cp & 0x3f)));
    } else {
        hg_buf_addc(b, (char)(0xf0 | cp >> 18));
        hg_buf_addc(b, (char)(0x80 | (cp >> 12 & 0x3f)));
        hg_buf_addc(b, (char)(0x80 | (cp >> 6 & 0x3f)));
        hg_buf_addc(b, (char)(0x80 | (cp & 0x3f)));
    }
    return true;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char l = (char)(c | 0x20);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : 99;
}

/* Reads up to max digits of a base; the number of digits read. */
static size_t digits(const char *p, const char *end, size_t max, int base, unsigned long *ret)
{
    size_t n = 0;
    unsigned long v = 0;
    while (n < max && p + n < end && digit_value(p[n]) < base)
        v = v * (unsigned long)base + (unsigned long)digit_value(p[n++]);
    *ret = v;
    return n;
}

/* p stands behind the backslash. The bytes used, or 0 when only Python can tell. A zero byte cannot
 * be kept in a C string. */
static size_t escape(const char *p, const char *end, struct hg_buf *ret)
{
    static const char FROM[] = "\\'\"abfnrtv", TO[] = "\\'\"\a\b\f\n\r\t\v";
    const char *known = memchr(FROM, *p, sizeof FROM - 1);
    if (known) {
        hg_buf_addc(ret, TO[known - FROM]);
        return 1;
    }
    unsigned long cp;
    if (*p >= '0' && *p <= '7') {
        size_t n = digits(p, end, 3, 8, &cp);
        return cp && add_code_point(ret, cp) ? n : 0;
    }
    if (*p == 'x' || *p == 'u' || *p == 'U') {
        size_t want = *p == 'x' ? 2 : *p == 'u' ? 4 : 8;
        if (digits(p + 1, end, want, 16, &cp) != want || cp == 0)
            return 0;
        return add_code_point(ret, cp) ? want + 1 : 0;
    }
    if (*p == '\r' || *p == '\n') /* a joined line */
        return *p == '\r' && p + 1 < end && p[1] == '\n' ? 2 : 1;
    if (*p == 'N')
        return 0;
    hg_buf_addc(ret, '\\'); /* not an escape: both characters stay */
    hg_buf_addc(ret, *p);
    return 1;
}

bool hg_tok_string(const struct hg_tok *t, struct hg_buf *ret)
{
    if (t->bytes || t->format)
        return false;
    const char *p = t->body, *end = t->body + t->body_len;
    if (!memchr(p, '\r', t->body_len) && (t->raw || !memchr(p, '\\', t->body_len))) {
        hg_buf_add(ret, p, t->body_len);
        return true;
    }
    while (p < end) {
        if (*p == '\\' && !t->raw) {
            size_t used = escape(p + 1, end, ret);
            if (used == 0)
                return false;
            p += 1 + used;
        } else if (*p == '\r') { /* Python reads source with universal newlines */
            hg_buf_addc(ret, '\n');
            p += p + 1 < end && p[1] == '\n' ? 2 : 1;
        } else {
            hg_buf_addc(ret, *p++);
        }
    }
    return true;
}
