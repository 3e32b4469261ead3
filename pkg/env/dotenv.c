/* SPDX-License-Identifier: Apache-2.0 */
/* What the dialects share: places, errors, and the answer to ${NAME}. */
#include "internal.h"

#define UTF8_BOM "\xef\xbb\xbf"

static const char *const NAMES[HG_DOTENV_DIALECTS] = { "compose", "docker", "python-dotenv",
                                                       "node" };

int hg_dotenv_dialect_parse(const char *name, enum hg_dotenv_dialect *ret)
{
    for (size_t i = 0; i < HG_COUNT(NAMES); i++)
        if (hg_streq(name, NAMES[i])) {
            *ret = (enum hg_dotenv_dialect)i;
            return 0;
        }
    if (!hg_streq(name, "python"))
        return -1;
    *ret = HG_DOTENV_PYTHON;
    return 0;
}

const char *hg_dotenv_dialect_name(enum hg_dotenv_dialect dialect)
{
    return NAMES[dialect];
}

void hg_dotenv_notes_done(struct hg_dotenv_notes *n)
{
    for (size_t i = 0; i < n->count; i++) {
        hg_freep(&n->items[i].name);
        hg_freep(&n->items[i].text);
    }
    free(n->items);
    *n = (struct hg_dotenv_notes)HG_DOTENV_NOTES_INIT;
}

void hg_dotenv_note(struct hg_dotenv_notes *n, size_t line, const char *name, const char *text)
{
    n->items = hg_grow(n->items, n->count, &n->cap, sizeof *n->items);
    n->items[n->count++] = (struct hg_dotenv_note){ .line = line, .name = hg_xstrdup(name),
                                                    .text = hg_xstrdup(text) };
}

void hg_dotenv_drop(struct hg_dotenv *d, size_t line, const char *name, const char *reason)
{
    if (d->dropped)
        hg_dotenv_note(d->dropped, line, name, reason);
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

const char *hg_dotenv_line_end(const char *p, const char *end)
{
    const char *newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    return newline ? newline : end;
}

int hg_dotenv_fail(struct hg_dotenv *d, size_t line, const char *reason)
{
    return hg_fail(d->err, HG_E_CONFIG, "%s:%zu: %s", d->shown, line, reason);
}

int hg_dotenv_set(struct hg_dotenv *d, size_t line, const char *name, const char *value)
{
    if (!name[strspn(name, " \n")]) { /* the tools set such a variable; no process can use it */
        hg_dotenv_drop(d, line, NULL, "no name before \"=\"");
        return 0;
    }
    if (strchr(name, '=')) /* python-dotenv's quoted names; no process can have such a variable */
        return hg_dotenv_fail(d, line, "a name cannot contain \"=\"");
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

size_t hg_dotenv_wide_blank(const char *p, const char *end)
{
    static const char *const WIDE[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
        "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
        "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
    };
    if (p >= end || (unsigned char)*p < 0x80)
        return 0;
    for (size_t i = 0; i < HG_COUNT(WIDE); i++) {
        size_t len = strlen(WIDE[i]);
        if ((size_t)(end - p) >= len && memcmp(p, WIDE[i], len) == 0)
            return len;
    }
    return 0;
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

/* Python reads text with universal newlines: CRLF and CR are line ends. Node drops every CR. */
static char *unify_newlines(const char *text, size_t len, bool keep_single, size_t *ret_len)
{
    char *out = hg_xmalloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\r')
            out[n++] = text[i];
        else if (keep_single && (i + 1 == len || text[i + 1] != '\n'))
            out[n++] = '\n';
    }
    out[n] = '\0';
    *ret_len = n;
    return out;
}

static void free_wiped(struct hg_dotenv *d, char *text, size_t len)
{
    explicit_bzero(text, len);
    free(text);
    hg_vars_done(&d->file);
    hg_strv_done(&d->nulls);
}

int hg_dotenv_parse(const char *text, size_t len, const char *shown,
                    enum hg_dotenv_dialect dialect, const struct hg_vars *lookup,
                    struct hg_vars *into, struct hg_dotenv_notes *ret_dropped, struct hg_err *err)
{
    static int (*const PARSERS[])(struct hg_dotenv *) = { hg_dotenv_compose, hg_dotenv_docker,
                                                          hg_dotenv_python, hg_dotenv_node };
    if (dialect != HG_DOTENV_NODE && len >= 3 && memcmp(text, UTF8_BOM, 3) == 0) {
        text += 3;
        len -= 3;
    }
    bool unify = dialect == HG_DOTENV_PYTHON || dialect == HG_DOTENV_NODE;
    size_t copy_len = len;
    char *copy = unify ? unify_newlines(text, len, dialect == HG_DOTENV_PYTHON, &copy_len)
                       : hg_xstrndup(text, len);
    struct hg_dotenv d = {
        .at = copy, .end = copy + copy_len, .counted = copy, .line = 1, .shown = shown,
        .lookup = lookup, .into = into, .file = HG_VARS_INIT, .dropped = ret_dropped, .err = err,
    };
    int rc = check_text(&d);
    if (rc == 0)
        rc = PARSERS[dialect](&d);
    free_wiped(&d, copy, copy_len);
    return rc;
}
