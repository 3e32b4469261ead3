/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alembic.ini as Python's ConfigParser reads it (RawConfigParser._read, BasicInterpolation). Own
 * code because no C library has this dialect: indented continuation lines, `%(name)s`, [DEFAULT],
 * duplicate keys refused, no inline comments.
 */
#include "internal.h"

#include <ctype.h>

struct entry {
    char *section; /* "DEFAULT" for defaults */
    char *key;     /* lower case */
    struct hg_buf value;
    int line;
};

struct hg_ini {
    struct entry *entries;
    size_t count, cap;
    struct hg_strv sections;
    char *here, *shown;
};

enum { INTERPOLATION_DEPTH_MAX = 10 /* configparser.MAX_INTERPOLATION_DEPTH */ };
static const size_t VALUE_MAX = (size_t)1 << 20;

struct line { const char *start; size_t len; size_t indent; const char *text; size_t text_len; int number; };

static bool space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next line without its end; false at the end of the text. Line ends are \n, \r\n and \r. */
static bool next_line(const char **p, const char *end, struct line *l)
{
    if (*p == end)
        return false;
    const char *s = *p;
    while (*p < end && **p != '\n' && **p != '\r')
        (*p)++;
    l->start = s;
    l->len = (size_t)(*p - s);
    if (*p < end)
        *p += **p == '\r' && *p + 1 < end && (*p)[1] == '\n' ? 2 : 1;
    l->number++;
    l->indent = 0;
    while (l->indent < l->len && space(s[l->indent]))
        l->indent++;
    l->text = s + l->indent;
    l->text_len = l->len - l->indent;
    while (l->text_len > 0 && space(l->text[l->text_len - 1]))
        l->text_len--;
    return true;
}

static struct entry *find(const struct hg_ini *ini, const char *section, const char *key)
{
    for (size_t i = 0; i < ini->count; i++)
        if (strcmp(ini->entries[i].section, section) == 0 && strcmp(ini->entries[i].key, key) == 0)
            return &ini->entries[i];
    return NULL;
}

static int section_header(struct hg_ini *ini, const struct line *l, char **section, struct hg_err *err)
{
    const char *close = memrchr(l->text, ']', l->text_len);
    free(HG_TAKE(*section));
    *section = hg_xstrndup(l->text + 1, (size_t)(close - l->text - 1));
    if (strcmp(*section, "DEFAULT") == 0)
        return 0;
    if (hg_strv_has(&ini->sections, *section)) {
        hg_fail(err, HG_E_CONFIG, "%s:%d: the section [%s] stands there twice", ini->shown, l->number,
                *section);
        return hg_hint(err, "make one section of the two; Alembic refuses the file as well");
    }
    hg_strv_add(&ini->sections, *section);
    return 0;
}

/* `key = value` or `key: value`, whichever delimiter comes first. */
static int option(struct hg_ini *ini, const struct line *l, const char *section,
                  struct entry **ret, struct hg_err *err)
{
    size_t at = 0;
    while (at < l->text_len && l->text[at] != '=' && l->text[at] != ':')
        at++;
    size_t key_len = at;
    while (key_len > 0 && space(l->text[key_len - 1]))
        key_len--;
    if (at == l->text_len || key_len == 0) {
        HG_AUTO(hg_freep) char *text = hg_xstrndup(l->text, l->text_len);
        HG_AUTO(hg_freep) char *printable = hg_printable(text, 60);
        hg_fail(err, HG_E_CONFIG, "%s:%d: expected `key = value`, got `%s`", ini->shown, l->number,
                printable);
        return hg_hint(err, "comments begin with # or ; at the start of the line");
    }
    HG_AUTO(hg_freep) char *key = hg_xstrndup(l->text, key_len);
    for (char *p = key; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    const struct entry *before = find(ini, section, key);
    if (before) {
        hg_fail(err, HG_E_CONFIG, "%s:%d: the key `%s` stands already on line %d of [%s]", ini->shown,
                l->number, key, before->line, section);
        return hg_hint(err, "remove one of the two; Alembic refuses the file as well");
    }
    ini->entries = hg_grow(ini->entries, ini->count, &ini->cap, sizeof *ini->entries);
    struct entry *e = &ini->entries[ini->count++];
    *e = (struct entry){ .section = hg_xstrdup(section), .key = HG_TAKE(key), .line = l->number,
                         .value = { .max = VALUE_MAX } };
    size_t from = at + 1;
    while (from < l->text_len && space(l->text[from]))
        from++;
    hg_buf_add(&e->value, l->text + from, l->text_len - from);
    *ret = e;
    return 0;
}

static int parse(struct hg_ini *ini, const char *p, const char *end, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *section = NULL;
    struct entry *open = NULL; /* continuation lines belong to it */
    size_t indent = 0;
    struct line l = { 0 };
    while (next_line(&p, end, &l)) {
        if (l.text_len == 0 || *l.text == '#' || *l.text == ';') {
            /* An empty line may stand inside a value; a comment line leaves nothing. */
            if (l.text_len == 0 && open)
                hg_buf_addc(&open->value, '\n');
            continue;
        }
        if (open && l.indent > indent) {
            hg_buf_addc(&open->value, '\n');
            hg_buf_add(&open->value, l.text, l.text_len);
            continue;
        }
        indent = l.indent;
        if (*l.text == '[' && l.text_len > 2 && memchr(l.text + 2, ']', l.text_len - 2)) {
            open = NULL;
            if (section_header(ini, &l, &section, err) < 0)
                return -1;
        } else if (!section) {
            hg_fail(err, HG_E_CONFIG, "%s:%d: there is no [section] before the first key", ini->shown,
                    l.number);
            return hg_hint(err, "the file has to begin with [alembic] (and without a byte order mark)");
        } else if (option(ini, &l, section, &open, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* configparser._join_multiline_values: trailing blanks go. */
static void trim_values(struct hg_ini *ini)
{
    for (size_t i = 0; i < ini->count; i++)
        hg_buf_trim_end(&ini->entries[i].value, " \t\n\v\f\r");
}

int hg_ini_parse(const char *text, size_t len, const char *shown, const char *here,
                 struct hg_ini **ret, struct hg_err *err)
{
    if (memchr(text, '\0', len))
        return hg_fail(err, HG_E_CONFIG, "%s has a NUL byte: it is not a configuration file", shown);
    if (!hg_utf8_valid(text, len))
        return hg_fail(err, HG_E_CONFIG, "%s is not valid UTF-8", shown);
    struct hg_ini *ini = hg_xcalloc(1, sizeof *ini);
    ini->here = hg_xstrdup(here);
    ini->shown = hg_xstrdup(shown);
    if (parse(ini, text, text + len, err) < 0) {
        hg_ini_free(ini);
        return -1;
    }
    trim_values(ini);
    *ret = ini;
    return 0;
}

void hg_ini_free(struct hg_ini *ini)
{
    if (!ini)
        return;
    for (size_t i = 0; i < ini->count; i++) {
        free(ini->entries[i].section);
        free(ini->entries[i].key);
        hg_buf_done(&ini->entries[i].value);
    }
    free(ini->entries);
    hg_strv_done(&ini->sections);
    free(ini->here);
    free(ini->shown);
    free(ini);
}

bool hg_ini_has_section(const struct hg_ini *ini, const char *section)
{
    return hg_strv_has(&ini->sections, section);
}

static const char *lookup(const struct hg_ini *ini, const char *section, const char *key)
{
    const struct entry *e = find(ini, section, key);
    if (!e)
        e = find(ini, "DEFAULT", key);
    if (e)
        return hg_buf_str(&e->value);
    return strcmp(key, "here") == 0 ? ini->here : NULL;
}

int hg_ini_line(const struct hg_ini *ini, const char *section, const char *key)
{
    const struct entry *e = find(ini, section, key);
    if (!e)
        e = find(ini, "DEFAULT", key);
    return e ? e->line : 0;
}

struct interpolation { const struct hg_ini *ini; const char *section, *key; int line; };

static int interpolate(const struct interpolation *in, const char *value, unsigned depth,
                       struct hg_buf *ret, struct hg_err *err)
{
    const char *shown = in->ini->shown;
    if (depth > INTERPOLATION_DEPTH_MAX)
        return hg_fail(err, HG_E_CONFIG, "%s:%d: `%s` refers to itself", shown, in->line, in->key);
    for (const char *p = value; *p; ) {
        size_t plain = strcspn(p, "%");
        hg_buf_add(ret, p, plain);
        p += plain;
        if (!*p)
            break;
        if (p[1] == '%') {
            hg_buf_addc(ret, '%');
            p += 2;
            continue;
        }
        size_t n = p[1] == '(' ? strcspn(p + 2, ")") : 0;
        if (p[1] != '(' || n == 0 || p[2 + n] != ')' || p[3 + n] != 's') {
            hg_fail(err, HG_E_CONFIG, "%s:%d: `%s` has a %% that is not followed by %% or (name)s",
                    shown, in->line, in->key);
            return hg_hint(err, "write %%%% for a percent sign, also in passwords");
        }
        HG_AUTO(hg_freep) char *name = hg_xstrndup(p + 2, n);
        for (char *c = name; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        const char *inner = lookup(in->ini, in->section, name);
        if (!inner)
            return hg_fail(err, HG_E_CONFIG, "%s:%d: `%s` refers to `%s`, which is not set", shown,
                           in->line, in->key, name);
        if (interpolate(in, inner, depth + 1, ret, err) < 0)
            return -1;
        p += 4 + n;
    }
    return ret->overflow ? hg_fail(err, HG_E_CONFIG, "%s:%d: `%s` is too long", shown, in->line, in->key)
                         : 0;
}

int hg_ini_get(const struct hg_ini *ini, const char *section, const char *key, char **ret,
               struct hg_err *err)
{
    const char *raw = hg_ini_has_section(ini, section) ? lookup(ini, section, key) : NULL;
    if (!raw) {
        *ret = NULL;
        return 0;
    }
    struct hg_buf b = { .max = VALUE_MAX };
    struct interpolation in = { ini, section, key, hg_ini_line(ini, section, key) };
    if (interpolate(&in, raw, 1, &b, err) < 0) {
        hg_buf_done(&b);
        return -1;
    }
    *ret = hg_buf_take(&b);
    return 0;
}
