/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of [tool.alembic] in pyproject.toml. Own code because all that is needed are strings,
 * booleans and lists of strings of one table; a TOML library would be one more thing to load at
 * every start. Everything else in the file is stepped over; what does not look like TOML is an error
 * with its line.
 */
#include "internal.h"

enum { TOML_DEPTH_MAX = 64 };

struct reader {
    const char *p, *end, *shown;
    int line;
    struct hg_err *err;
};

static int bad(struct reader *r, const char *expected)
{
    return hg_fail(r->err, HG_E_CONFIG, "%s:%d: expected %s", r->shown, r->line, expected);
}

static bool at(const struct reader *r, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(r->end - r->p) >= n && memcmp(r->p, text, n) == 0;
}

static void skip_blanks(struct reader *r, bool lines)
{
    while (r->p < r->end) {
        if (*r->p == '#') {
            while (r->p < r->end && *r->p != '\n')
                r->p++;
        } else if (*r->p == ' ' || *r->p == '\t' || *r->p == '\r') {
            r->p++;
        } else if (*r->p == '\n' && lines) {
            r->line++;
            r->p++;
        } else {
            return;
        }
    }
}

static void add_escaped(struct reader *r, struct hg_buf *ret)
{
    static const char FROM[] = "btnfre\"\\", TO[] = "\b\t\n\f\r\033\"\\";
    char c = r->p < r->end ? *r->p++ : '\\';
    const char *known = memchr(FROM, c, sizeof FROM - 1);
    if (known) {
        hg_buf_addc(ret, TO[known - FROM]);
    } else if (c == '\n' || c == '\r' || c == ' ') { /* a joined line of a multi-line string */
        r->p--;
        while (r->p < r->end && strchr(" \t\r\n", *r->p))
            r->line += *r->p++ == '\n';
    } else { /* \u1234 and such do not occur in paths that people write */
        hg_buf_addc(ret, '\\');
        hg_buf_addc(ret, c);
    }
}

static int string(struct reader *r, struct hg_buf *ret)
{
    char quote = *r->p;
    bool multi = r->end - r->p >= 3 && r->p[1] == quote && r->p[2] == quote;
    r->p += multi ? 3 : 1;
    if (multi && r->p < r->end && *r->p == '\n') {
        r->p++;
        r->line++;
    }
    while (r->p < r->end) {
        if (*r->p == quote &&
            (!multi || (r->end - r->p >= 3 && r->p[1] == quote && r->p[2] == quote))) {
            r->p += multi ? 3 : 1;
            return 0;
        }
        if (*r->p == '\n' && !multi)
            break;
        if (*r->p == '\\' && quote == '"') {
            r->p++;
            add_escaped(r, ret);
            continue;
        }
        r->line += *r->p == '\n';
        hg_buf_addc(ret, *r->p++);
    }
    return bad(r, "a closing quote");
}

static int value(struct reader *r, struct hg_toml_item *ret, unsigned depth);

static int list(struct reader *r, struct hg_toml_item *ret, unsigned depth)
{
    r->p++;
    ret->type = HG_TOML_LIST;
    for (;;) {
        skip_blanks(r, true);
        if (r->p == r->end)
            return bad(r, "a closing ]");
        if (*r->p == ']') {
            r->p++;
            return 0;
        }
        struct hg_toml_item one = { 0 };
        int failed = value(r, &one, depth + 1);
        if (!failed && one.type == HG_TOML_STRING)
            hg_strv_add(&ret->list, one.string);
        else if (!failed)
            ret->type = HG_TOML_OTHER; /* not a list of strings */
        free(one.string);
        hg_strv_done(&one.list);
        if (failed)
            return -1;
        skip_blanks(r, true);
        if (r->p < r->end && *r->p == ',')
            r->p++;
        else if (r->p == r->end || *r->p != ']')
            return bad(r, "a comma or ] in a list");
    }
}

/* { … }: stepped over, minding strings. */
static int table(struct reader *r)
{
    unsigned depth = 0;
    HG_AUTO(hg_buf_done) struct hg_buf ignored = HG_BUF_INIT;
    while (r->p < r->end) {
        if (*r->p == '"' || *r->p == '\'') {
            if (string(r, &ignored) < 0)
                return -1;
            hg_buf_clear(&ignored);
            continue;
        }
        if (*r->p == '{')
            depth++;
        else if (*r->p == '}' && --depth == 0) {
            r->p++;
            return 0;
        }
        r->line += *r->p == '\n';
        r->p++;
    }
    return bad(r, "a closing }");
}

static int value(struct reader *r, struct hg_toml_item *ret, unsigned depth)
{
    ret->line = r->line;
    ret->type = HG_TOML_OTHER;
    if (depth > TOML_DEPTH_MAX)
        return bad(r, "fewer brackets inside each other");
    if (r->p == r->end)
        return bad(r, "a value");
    if (*r->p == '"' || *r->p == '\'') {
        HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
        if (string(r, &b) < 0)
            return -1;
        ret->type = HG_TOML_STRING;
        ret->string = hg_buf_take(&b);
        return 0;
    }
    if (*r->p == '[')
        return list(r, ret, depth);
    if (*r->p == '{')
        return table(r);
    if (at(r, "true") || at(r, "false")) {
        ret->type = HG_TOML_BOOL;
        ret->boolean = *r->p == 't';
    }
    const char *start = r->p;
    while (r->p < r->end && !strchr(",]}#\n", *r->p))
        r->p++;
    return r->p == start ? bad(r, "a value") : 0;
}

/* A key or a table's name, dots kept, blanks and quotes taken out: `tool . "alembic"`. */
static int key(struct reader *r, const char *stop, struct hg_buf *ret)
{
    while (r->p < r->end && !strchr(stop, *r->p) && *r->p != '\n') {
        if (*r->p == '"' || *r->p == '\'') {
            if (string(r, ret) < 0)
                return -1;
        } else {
            if (!strchr(" \t\r", *r->p))
                hg_buf_addc(ret, *r->p);
            r->p++;
        }
    }
    return r->p == r->end || *r->p == '\n' ? bad(r, "`key = value` or a [table]") : 0;
}

static const char PREFIX[] = "tool.alembic.";

static int header(struct reader *r, struct hg_buf *table_name, bool *ret_array)
{
    r->p++;
    *ret_array = r->p < r->end && *r->p == '[';
    if (*ret_array)
        r->p++;
    hg_buf_clear(table_name);
    if (key(r, "]", table_name) < 0)
        return -1;
    while (r->p < r->end && *r->p == ']')
        r->p++;
    return 0;
}

static int parse(struct reader *r, struct hg_toml *ret)
{
    HG_AUTO(hg_buf_done) struct hg_buf name = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf full = HG_BUF_INIT;
    bool array = false;
    for (;;) {
        skip_blanks(r, true);
        if (r->p == r->end)
            return 0;
        if (*r->p == '[') {
            if (header(r, &name, &array) < 0)
                return -1;
            if (!array && strcmp(hg_buf_str(&name), "tool.alembic") == 0)
                ret->present = true;
            continue;
        }
        hg_buf_clear(&full);
        if (name.len > 0)
            hg_buf_addf(&full, "%s.", hg_buf_str(&name));
        struct hg_toml_item item = { 0 };
        if (key(r, "=", &full) < 0)
            return -1;
        r->p++;
        skip_blanks(r, false);
        int failed = value(r, &item, 0);
        if (!failed && !array && hg_starts_with(hg_buf_str(&full), PREFIX)) {
            ret->present = true;
            item.key = hg_xstrdup(hg_buf_str(&full) + sizeof PREFIX - 1);
            ret->items = hg_grow(ret->items, ret->count, &ret->cap, sizeof *ret->items);
            ret->items[ret->count++] = item;
        } else {
            free(item.string);
            hg_strv_done(&item.list);
        }
        if (failed)
            return -1;
        skip_blanks(r, false);
        if (r->p < r->end && *r->p != '\n')
            return bad(r, "the end of the line");
    }
}

int hg_toml_parse(const char *text, size_t len, const char *shown, struct hg_toml *ret,
                  struct hg_err *err)
{
    if (memchr(text, '\0', len))
        return hg_fail(err, HG_E_CONFIG, "%s has a NUL byte: it is not TOML", shown);
    if (!hg_utf8_valid(text, len))
        return hg_fail(err, HG_E_CONFIG, "%s is not valid UTF-8", shown);
    struct reader r = { .p = text, .end = text + len, .shown = shown, .line = 1, .err = err };
    struct hg_toml t = HG_TOML_INIT;
    if (parse(&r, &t) < 0) {
        hg_toml_done(&t);
        return -1;
    }
    *ret = t;
    return 0;
}

const struct hg_toml_item *hg_toml_get(const struct hg_toml *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->items[i].key, name) == 0)
            return &t->items[i];
    return NULL;
}

void hg_toml_done(struct hg_toml *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->items[i].key);
        free(t->items[i].string);
        hg_strv_done(&t->items[i].list);
    }
    free(HG_TAKE(t->items));
    t->count = t->cap = 0;
}
