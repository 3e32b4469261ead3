/* SPDX-License-Identifier: Apache-2.0 */
/* What the scan of a module can read as a value: literals, and lists of them. */
#include "scanner.h"

bool hg_scan_strings(struct hg_scanner *s, struct hg_strv *ret)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    while (s->t.kind == HG_TOK_STRING) {
        if (s->t.format)
            return hg_scan_dynamic(s, s->t.line, "an f-string");
        if (!hg_tok_string(&s->t, &b))
            return hg_scan_dynamic(s, s->t.line, "a string that only Python can read");
        if (!hg_scan_next(s))
            return false;
    }
    hg_strv_add(ret, hg_buf_str(&b));
    return true;
}

static bool item(struct hg_scanner *s, struct hg_scan_value *v, unsigned nesting);

/* Behind an opening bracket: the items up to the closing one. ret_comma tells (x) from (x,). */
static bool items(struct hg_scanner *s, struct hg_scan_value *v, char close, unsigned nesting,
                  bool *ret_comma)
{
    const char text[2] = { close, '\0' };
    *ret_comma = false;
    while (!hg_tok_is(&s->t, text)) {
        if (!item(s, v, nesting + 1))
            return false;
        if (hg_tok_is(&s->t, ",")) {
            *ret_comma = true;
            if (!hg_scan_next(s))
                return false;
        } else if (!hg_tok_is(&s->t, text)) {
            return hg_scan_dynamic(s, s->t.line, "an expression");
        }
    }
    return hg_scan_next(s);
}

/* One string, None or parenthesised item. Lists of lists mean nothing to Alembic. */
static bool item(struct hg_scanner *s, struct hg_scan_value *v, unsigned nesting)
{
    enum { NESTING_MAX = 32 };
    if (nesting > NESTING_MAX)
        return hg_scan_dynamic(s, s->t.line, "deep nesting");
    if (s->t.kind == HG_TOK_STRING)
        return hg_scan_strings(s, &v->items);
    if (hg_tok_is(&s->t, "None")) {
        v->none = true;
        return hg_scan_next(s);
    }
    if (hg_tok_is(&s->t, "(")) {
        bool comma;
        size_t before = v->items.count;
        if (!hg_scan_next(s))
            return false;
        if (hg_tok_is(&s->t, ")"))
            return hg_scan_dynamic(s, s->t.line, "a nested tuple");
        if (!items(s, v, ')', nesting, &comma))
            return false;
        return comma || v->items.count > before + 1
                   ? hg_scan_dynamic(s, s->t.line, "a nested tuple") : true;
    }
    return hg_scan_dynamic(s, s->t.line, "an expression");
}

static bool bracketed(struct hg_scanner *s, struct hg_scan_value *v)
{
    char open = *s->t.start;
    char close = open == '(' ? ')' : open == '[' ? ']' : '}';
    const char close_text[2] = { close, '\0' };
    if (!hg_scan_next(s))
        return false;
    bool empty = hg_tok_is(&s->t, close_text), comma;
    if (empty && open == '{')
        return hg_scan_dynamic(s, s->t.line, "a dictionary");
    if (!items(s, v, close, 0, &comma))
        return false;
    v->list = open != '(' || comma || empty;
    return true;
}

bool hg_scan_read_value(struct hg_scanner *s, struct hg_scan_value *v)
{
    bool bracket = s->t.kind == HG_TOK_OP && s->t.len == 1 && strchr("([{", *s->t.start);
    if (!(bracket ? bracketed(s, v) : item(s, v, 0)))
        return false;
    if (!hg_tok_is(&s->t, ","))
        return true;
    if (v->list) /* a tuple of tuples */
        return hg_scan_dynamic(s, s->t.line, "a nested tuple");
    v->list = true; /* a, b without brackets */
    while (hg_tok_is(&s->t, ",")) {
        if (!hg_scan_next(s))
            return false;
        if (!hg_scan_at_end(s) && !item(s, v, 0))
            return false;
    }
    return true;
}
