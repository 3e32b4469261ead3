/* SPDX-License-Identifier: Apache-2.0 */
/* What the three dialects share: places, errors, and the answer to ${NAME}. */
#include "internal.h"

#define UTF8_BOM "\xef\xbb\xbf"

int hg_dotenv_dialect_parse(const char *name, enum hg_dotenv_dialect *ret)
{
    static const char *const NAMES[] = { "python", "compose", "docker" };
    for (size_t i = 0; i < HG_COUNT(NAMES); i++)
        if (hg_streq(name, NAMES[i])) {
            *ret = (enum hg_dotenv_dialect)i;
            return 0;
        }
    return -1;
}

size_t hg_dotenv_line(struct hg_dotenv *d, const char *place)
{
    while (d->counted < place) {
        const char *newline = memchr(d->counted, '\n', (size_t)(place - d->counted));
        if (!newline) {
            d->counted = place;
            break;
        }
        d->line++;
        d->counted = newline + 1;
    }
    return d->line;
}

int hg_dotenv_fail(struct hg_dotenv *d, size_t line, const char *reason)
{
    return hg_fail(d->err, HG_E_CONFIG, "%s:%zu: %s", d->shown, line, reason);
}

int hg_dotenv_set(struct hg_dotenv *d, size_t line, const char *name, const char *value)
{
    HG_AUTO(hg_freep) char *source = hg_xasprintf("%s:%zu", d->shown, line);
    hg_vars_set(&d->file, name, value, source);
    hg_vars_set(d->into, name, value, source);
    return 0;
}

const char *hg_dotenv_get(const struct hg_dotenv *d, const char *name)
{
    const char *value = d->lookup ? hg_vars_get(d->lookup, name) : NULL;
    return value ? value : hg_vars_get(&d->file, name);
}

/* The first invalid byte decides the line: a secret with a broken byte is not the secret. */
static int check_text(struct hg_dotenv *d)
{
    const char *nul = memchr(d->at, '\0', (size_t)(d->end - d->at));
    if (nul)
        return hg_dotenv_fail(d, hg_dotenv_line(d, nul), "a NUL byte: this is no text file");
    if (hg_utf8_valid(d->at, (size_t)(d->end - d->at)))
        return 0;
    for (const char *line = d->at; line < d->end;) {
        const char *newline = memchr(line, '\n', (size_t)(d->end - line));
        const char *stop = newline ? newline + 1 : d->end;
        if (!hg_utf8_valid(line, (size_t)(stop - line)))
            return hg_dotenv_fail(d, hg_dotenv_line(d, line), "not valid UTF-8");
        line = stop;
    }
    return hg_dotenv_fail(d, 1, "not valid UTF-8");
}

/* Python reads text with universal newlines: CRLF and CR are line ends. */
static char *universal_newlines(const char *text, size_t len, size_t *ret_len)
{
    char *out = hg_xmalloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] != '\r' || i + 1 == len || text[i + 1] != '\n')
            out[n++] = text[i] == '\r' ? '\n' : text[i];
    out[n] = '\0';
    *ret_len = n;
    return out;
}

static void free_wiped(struct hg_dotenv *d, char *text, size_t len)
{
    explicit_bzero(text, len);
    free(text);
    hg_vars_done(&d->file);
}

int hg_dotenv_parse(const char *text, size_t len, const char *shown,
                    enum hg_dotenv_dialect dialect, const struct hg_vars *lookup,
                    struct hg_vars *into, struct hg_err *err)
{
    static int (*const PARSERS[])(struct hg_dotenv *) = { hg_dotenv_python, hg_dotenv_compose,
                                                          hg_dotenv_docker };
    if (len >= 3 && memcmp(text, UTF8_BOM, 3) == 0) {
        text += 3;
        len -= 3;
    }
    size_t unified_len = len;
    char *unified = dialect == HG_DOTENV_PYTHON ? universal_newlines(text, len, &unified_len)
                                                : hg_xstrndup(text, len);
    struct hg_dotenv d = {
        .at = unified, .end = unified + unified_len, .counted = unified, .line = 1,
        .shown = shown, .lookup = lookup, .into = into, .file = HG_VARS_INIT, .err = err,
    };
    int rc = check_text(&d);
    if (rc == 0)
        rc = PARSERS[dialect](&d);
    free_wiped(&d, unified, unified_len);
    return rc;
}

/* Plain when every dialect reads it alike; else in double quotes with the escapes that Compose and
 * python-dotenv share. Docker has no form for those at all. "$" has no common spelling inside double
 * quotes, so a value with "$" and without "'" goes into single quotes. */
void hg_dotenv_print(struct hg_buf *b, const char *name, const char *value)
{
    size_t len = strlen(value);
    bool blank_edge = len && (strchr(" \t\v\f", value[0]) || strchr(" \t\v\f", value[len - 1]));
    hg_buf_addf(b, "%s=", name);
    if (!blank_edge && !strpbrk(value, "\"'`#$\\\n\r")) {
        hg_buf_adds(b, value);
    } else if (strchr(value, '$') && !strpbrk(value, "'\\\r")) {
        hg_buf_addf(b, "'%s'", value);
    } else {
        hg_buf_addc(b, '"');
        for (const char *p = value; *p; p++) {
            if (strchr("\n\r\"\\", *p))
                hg_buf_addc(b, '\\');
            hg_buf_addc(b, *p == '\n' ? 'n' : *p == '\r' ? 'r' : *p);
        }
        hg_buf_addc(b, '"');
    }
    hg_buf_addc(b, '\n');
}
