/* SPDX-License-Identifier: Apache-2.0 */
/* A module line by line: which statements bind our names, and which could. */
#include "scanner.h"

static const char *const NAMES[HG_SCAN_NAMES] = {
    [HG_SCAN_REVISION] = "revision", [HG_SCAN_DOWN] = "down_revision",
    [HG_SCAN_LABELS] = "branch_labels", [HG_SCAN_DEPENDS] = "depends_on", [HG_SCAN_DOC] = "__doc__",
};

static int our_name(const struct hg_tok *t)
{
    if (t->kind != HG_TOK_NAME || t->len < 7 || t->len > 13)
        return -1;
    for (int i = 0; i < HG_SCAN_NAMES; i++)
        if (hg_tok_is(t, NAMES[i]))
            return i;
    return -1;
}

static bool is_one_of(const struct hg_tok *t, const char *const *words)
{
    for (; *words; words++)
        if (hg_tok_is(t, *words))
            return true;
    return false;
}

/* At NAME: `= VALUE`, `: ANNOTATION = VALUE` or `: ANNOTATION`. The name was just read. */
static bool assignment(struct hg_scanner *s, int which)
{
    int line = s->t.line;
    if (hg_tok_is(&s->t, ":")) {
        while (!hg_scan_at_end(s) && !(s->t.depth == 0 && hg_tok_is(&s->t, "=")))
            if (!hg_scan_next(s))
                return false;
        if (hg_scan_at_end(s))
            return true; /* an annotation alone binds nothing */
    }
    if (!hg_scan_next(s))
        return false;
    struct hg_scan_value v = { .assigned = true, .line = line };
    if (!hg_scan_read_value(s, &v) || !hg_scan_at_end(s)) {
        hg_scan_value_done(&v);
        if (s->out->state == HG_SCAN_OK)
            return hg_scan_dynamic(s, line, "%s is not a literal", NAMES[which]);
        HG_AUTO(hg_freep) char *inner = HG_TAKE(s->out->why);
        s->out->why = hg_xasprintf("%s is not a literal (%s)", NAMES[which], inner);
        return false;
    }
    hg_scan_value_done(&s->out->values[which]);
    s->out->values[which] = v;
    return true;
}

/* Any other simple statement: only looks whether it could bind one of our names. */
static bool other_statement(struct hg_scanner *s, int seen)
{
    static const char *const REFLECTION[] = { "exec", "globals", "locals", "vars", "setattr", NULL };
    bool walrus = false, bound = false;
    int line = s->t.line;
    while (!hg_scan_at_end(s)) {
        if (our_name(&s->t) >= 0)
            seen = our_name(&s->t);
        else if (is_one_of(&s->t, REFLECTION))
            return hg_scan_dynamic(s, s->t.line, "it uses %.*s() at module level",
                                   (int)s->t.len, s->t.start);
        else if (hg_tok_is(&s->t, ":="))
            walrus = true;
        else if (seen >= 0 && s->t.depth == 0 && s->t.kind == HG_TOK_OP &&
                 s->t.start[s->t.len - 1] == '=' &&
                 !(s->t.len == 2 && strchr("=!<>", s->t.start[0])))
            bound = true;
        if (!hg_scan_next(s))
            return false;
    }
    if (seen >= 0 && (bound || walrus))
        return hg_scan_dynamic(s, line, "%s is not set by a plain assignment", NAMES[seen]);
    return true;
}

static bool statement(struct hg_scanner *s)
{
    static const char *const STOPS[] = { "raise", "return", "yield", "await", "break", "continue",
                                         NULL };
    static const char *const BINDS[] = { "import", "from", "del", "global", NULL };
    int which = our_name(&s->t);
    if (which >= 0) {
        if (!hg_scan_next(s))
            return false;
        if (s->t.depth == 0 && (hg_tok_is(&s->t, "=") || hg_tok_is(&s->t, ":")))
            return assignment(s, which);
        return other_statement(s, which);
    }
    if (is_one_of(&s->t, STOPS))
        return hg_scan_dynamic(s, s->t.line, "there is a `%.*s` at module level",
                               (int)s->t.len, s->t.start);
    if (is_one_of(&s->t, BINDS)) {
        for (; !hg_scan_at_end(s); ) {
            if (our_name(&s->t) >= 0)
                return hg_scan_dynamic(s, s->t.line, "%s is not set by a plain assignment",
                                       NAMES[our_name(&s->t)]);
            if (s->t.depth == 0 && hg_tok_is(&s->t, "*"))
                s->star_import = true;
            if (!hg_scan_next(s))
                return false;
        }
        return !s->star_import || !s->out->values[HG_SCAN_REVISION].assigned ? true :
               hg_scan_dynamic(s, s->t.line, "there is an `import *` behind the revision");
    }
    if (s->t.kind == HG_TOK_OP && !strchr("([{-+~.", *s->t.start))
        return hg_scan_dynamic(s, s->t.line, "a line begins with `%.*s`",
                               (int)s->t.len, s->t.start);
    return other_statement(s, -1);
}

/* The rest of a logical line inside a block, or of the line that opens one. */
static bool block_line(struct hg_scanner *s)
{
    bool global = false;
    while (s->t.kind != HG_TOK_NEWLINE && s->t.kind != HG_TOK_END) {
        if (s->t.kind == HG_TOK_NAME) {
            int which = our_name(&s->t);
            if (which >= 0 && (s->block == HG_BLOCK_RUNS || global))
                return hg_scan_dynamic(s, s->t.line, "%s stands inside a block", NAMES[which]);
            global = global || hg_tok_is(&s->t, "global");
        }
        if (!hg_scan_next(s))
            return false;
    }
    return true;
}

/* A line at column 0 that opens a block; false when it is not one. */
static bool opens_block(struct hg_scanner *s)
{
    static const char *const BODY[] = { "def", "class", NULL };
    static const char *const RUNS[] = { "if", "else", "elif", "for", "while", "try", "except",
                                        "finally", "with", NULL };
    if (hg_tok_is(&s->t, "async"))
        s->block = HG_BLOCK_BODY;
    else if (is_one_of(&s->t, BODY))
        s->block = HG_BLOCK_BODY;
    else if (is_one_of(&s->t, RUNS))
        s->block = HG_BLOCK_RUNS;
    else
        return false;
    return true;
}

static bool logical_line(struct hg_scanner *s)
{
    if (s->t.indented) {
        if (s->block == HG_BLOCK_NONE)
            return hg_scan_dynamic(s, s->t.line, "a line is indented for no reason");
        return block_line(s);
    }
    if (opens_block(s)) {
        bool body = s->block == HG_BLOCK_BODY;
        if (!hg_scan_next(s))
            return false;
        if (body && our_name(&s->t) >= 0)
            return hg_scan_dynamic(s, s->t.line, "%s is not set by a plain assignment",
                                   NAMES[our_name(&s->t)]);
        return block_line(s);
    }
    s->block = HG_BLOCK_NONE;
    if (hg_tok_is(&s->t, "@")) { /* a decorator */
        s->block = HG_BLOCK_BODY;
        return block_line(s);
    }
    for (;;) {
        if (!statement(s))
            return false;
        if (!hg_tok_is(&s->t, ";"))
            return true;
        if (!hg_scan_next(s))
            return false;
        if (hg_scan_at_end(s))
            return true;
    }
}

/* The docstring: the first statement, when it is nothing but a string, be it in parentheses. */
static bool docstring(struct hg_scanner *s)
{
    unsigned open = 0;
    if (s->t.indented)
        return true;
    for (; hg_tok_is(&s->t, "("); open++)
        if (!hg_scan_next(s))
            return false;
    if (s->t.kind != HG_TOK_STRING || s->t.format || s->t.bytes)
        return open == 0 || other_statement(s, -1);
    HG_AUTO(hg_strv_done) struct hg_strv text = HG_STRV_INIT;
    int line = s->t.line;
    if (!hg_scan_strings(s, &text))
        return false;
    for (; open > 0 && hg_tok_is(&s->t, ")"); open--)
        if (!hg_scan_next(s))
            return false;
    if (open == 0 && hg_scan_at_end(s)) {
        struct hg_scan_value *v = &s->out->values[HG_SCAN_DOC];
        v->assigned = true;
        v->line = line;
        v->items = text;
        text = (struct hg_strv)HG_STRV_INIT;
    }
    return other_statement(s, -1);
}

static bool python_space(const char *p, size_t left, size_t *ret_len)
{
    unsigned char c = (unsigned char)*p;
    *ret_len = 1;
    if ((c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x20))
        return true;
    *ret_len = 2;
    return left >= 2 && c == 0xc2 && ((unsigned char)p[1] == 0x85 || (unsigned char)p[1] == 0xa0);
}

char *hg_scan_doc(const char *docstring)
{
    size_t len = strlen(docstring), used;
    while (len > 0 && python_space(docstring, len, &used)) {
        docstring += used;
        len -= used;
    }
    for (;;) {
        if (len > 0 && python_space(docstring + len - 1, 1, &used) && used == 1)
            len--;
        else if (len > 1 && python_space(docstring + len - 2, 2, &used) && used == 2)
            len -= 2;
        else
            break;
    }
    const char *gap = memmem(docstring, len, "\n\n", 2);
    return hg_xstrndup(docstring, gap ? (size_t)(gap - docstring) : len);
}

/* memmem looks at every byte by itself, memchr at many at once. */
static bool says_global(const char *p, const char *end)
{
    static const char WORD[] = "global";
    size_t len = sizeof WORD - 1;
    for (; (p = memchr(p, 'g', (size_t)(end - p))); p++)
        if ((size_t)(end - p) >= len && memcmp(p, WORD, len) == 0)
            return true;
    return false;
}

static void scan_text(const char *text, size_t len, struct hg_scan *ret)
{
    struct hg_scanner s = { .out = ret, .no_global = !says_global(text, text + len) };
    hg_lex_init(&s.lex, text, len);
    if (!hg_scan_next(&s) || !docstring(&s))
        return;
    if (s.t.kind == HG_TOK_OP && hg_tok_is(&s.t, ";") && !hg_scan_next(&s))
        return;
    while (s.t.kind != HG_TOK_END) {
        if (s.t.kind != HG_TOK_NEWLINE && !logical_line(&s))
            return;
        if (s.block == HG_BLOCK_BODY && s.no_global && s.t.kind == HG_TOK_NEWLINE)
            hg_lex_skip_indented(&s.lex);
        if (!hg_scan_next(&s))
            return;
    }
    if (s.star_import && !(ret->values[HG_SCAN_REVISION].assigned &&
                           ret->values[HG_SCAN_DOWN].assigned))
        hg_scan_dynamic(&s, 1, "there is an `import *` and no revision");
}

static void refused(struct hg_scan *ret, int line, const char *why)
{
    ret->state = HG_SCAN_REFUSED;
    ret->line = line;
    ret->why = hg_xstrdup(why);
}

/* A string for id and docstring, a list of strings for the rest. */
void hg_scan_judge(struct hg_scan *ret)
{
    struct hg_scan_value *id = &ret->values[HG_SCAN_REVISION], *doc = &ret->values[HG_SCAN_DOC];
    if (id->assigned && (id->list || id->none || id->items.count != 1)) {
        ret->state = HG_SCAN_REFUSED;
        ret->line = id->line;
        ret->why = hg_xstrdup("`revision` is not a string");
        return;
    }
    for (int i = HG_SCAN_DOWN; i <= HG_SCAN_DEPENDS; i++) {
        struct hg_scan_value *v = &ret->values[i];
        if (v->none && v->items.count > 0) {
            ret->state = HG_SCAN_REFUSED;
            ret->line = v->line;
            ret->why = hg_xasprintf("`%s` has None between its names", NAMES[i]);
            return;
        }
    }
    if (doc->assigned && !doc->none && doc->items.count == 1 && !doc->list)
        ret->doc = hg_scan_doc(doc->items.items[0]);
}

void hg_scan_module(const char *text, size_t len, struct hg_scan *ret)
{
    *ret = (struct hg_scan){ .state = HG_SCAN_OK };
    HG_AUTO(hg_buf_done) struct hg_buf decoded = HG_BUF_INIT;
    const char *nul = memchr(text, '\0', len);
    if (nul) {
        refused(ret, 1, "it has a NUL byte, which Python does not read");
        return;
    }
    switch (hg_source_decode(&text, &len, &decoded)) {
    case HG_SOURCE_UTF8:
        break;
    case HG_SOURCE_BAD:
        refused(ret, 1, "it is not valid UTF-8 and names no other encoding");
        return;
    case HG_SOURCE_OTHER:
        ret->state = HG_SCAN_DYNAMIC;
        ret->line = 1;
        ret->why = hg_xstrdup("its encoding is neither UTF-8 nor Latin-1");
        return;
    }
    scan_text(text, len, ret);
    if (ret->state == HG_SCAN_OK)
        hg_scan_judge(ret);
}

void hg_scan_value_done(struct hg_scan_value *v)
{
    hg_strv_done(&v->items);
}

void hg_scan_done(struct hg_scan *s)
{
    free(HG_TAKE(s->why));
    free(HG_TAKE(s->doc));
    for (int i = 0; i < HG_SCAN_NAMES; i++)
        hg_scan_value_done(&s->values[i]);
}
