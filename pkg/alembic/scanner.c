/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a scan: to the next token, or to the end that only Python can go behind. */
#include "scanner.h"

bool hg_scan_dynamic(struct hg_scanner *s, int line, const char *fmt, ...)
{
    if (s->out->state != HG_SCAN_OK)
        return false;
    va_list ap;
    va_start(ap, fmt);
    s->out->why = hg_xvasprintf(fmt, ap);
    va_end(ap);
    s->out->state = HG_SCAN_DYNAMIC;
    s->out->line = line;
    return false;
}

bool hg_scan_next(struct hg_scanner *s)
{
    hg_lex_next(&s->lex, &s->t);
    if (s->t.kind == HG_TOK_ERROR)
        return hg_scan_dynamic(s, s->t.line, "there is %s", s->t.what);
    return true;
}

bool hg_scan_at_end(const struct hg_scanner *s)
{
    return s->t.kind == HG_TOK_END || s->t.kind == HG_TOK_NEWLINE ||
           (s->t.depth == 0 && hg_tok_is(&s->t, ";"));
}
