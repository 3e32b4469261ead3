/* SPDX-License-Identifier: Apache-2.0 */
/* env.py is not run; only keyword arguments of its `configure(...)` calls are read, and whether it says where the
 * revision files are. */
#include "lex.h"
#include "scan.h"

enum { ARGUMENT_TOKENS_MAX = 100000 };

struct argument { char *string; bool literal, is_true, is_none; };

/* At the first token of a value: reads up to the `,` or `)` of the call at this depth. */
static struct argument argument(struct hg_lex *lex, struct hg_tok *t)
{
    struct argument a = { .literal = true };
    unsigned depth = t->depth;
    struct hg_buf b = HG_BUF_INIT;
    bool is_string = t->kind == HG_TOK_STRING;
    size_t tokens = 0;
    a.is_true = hg_tok_is(t, "True");
    a.is_none = hg_tok_is(t, "None");
    while (t->kind != HG_TOK_END && t->kind != HG_TOK_ERROR &&
           !(t->depth <= depth && (hg_tok_is(t, ",") || hg_tok_is(t, ")")))) {
        if (is_string && (t->kind != HG_TOK_STRING || !hg_tok_string(t, &b)))
            a.literal = false;
        if (!is_string && tokens > 0)
            a.literal = false;
        tokens++;
        hg_lex_next(lex, t);
    }
    a.literal = a.literal && (is_string || a.is_true || a.is_none) && tokens < ARGUMENT_TOKENS_MAX;
    if (is_string && a.literal)
        a.string = hg_buf_take(&b);
    hg_buf_done(&b);
    a.is_true = a.is_true && a.literal;
    return a;
}

/* A name = value of a configure() call. */
static void keep_string(char **slot, bool *dynamic, struct argument *a)
{
    if (!a->literal) {
        *dynamic = true;
    } else if (a->string) {
        if (*slot && strcmp(*slot, a->string) != 0)
            *dynamic = true; /* two calls (offline and online) that disagree */
        free(*slot);
        *slot = HG_TAKE(a->string);
    }
    free(HG_TAKE(a->string));
}

static void call(struct hg_lex *lex, struct hg_tok *t, struct hg_env_scan *ret)
{
    unsigned inside = lex->depth; /* of the tokens between the call's brackets */
    hg_lex_next(lex, t);
    while (t->kind != HG_TOK_END && t->kind != HG_TOK_ERROR && lex->depth >= inside) {
        struct hg_tok name = *t;
        hg_lex_next(lex, t);
        if (name.kind != HG_TOK_NAME || name.depth != inside || !hg_tok_is(t, "="))
            continue;
        hg_lex_next(lex, t);
        struct argument a = argument(lex, t);
        if (hg_tok_is(&name, "version_table"))
            keep_string(&ret->version_table, &ret->dynamic, &a);
        else if (hg_tok_is(&name, "version_table_schema"))
            keep_string(&ret->version_table_schema, &ret->dynamic, &a);
        else if (hg_tok_is(&name, "transaction_per_migration"))
            ret->transaction_per_migration = ret->transaction_per_migration || a.is_true;
        else if (hg_tok_is(&name, "include_schemas"))
            ret->include_schemas = ret->include_schemas || a.is_true;
        free(a.string);
    }
}

/* Behind an attribute: it is given another value, or (.append) more of them. */
static bool changes(const struct hg_tok *t)
{
    return hg_tok_is(t, "=") || hg_tok_is(t, "+=") || hg_tok_is(t, ".");
}

void hg_scan_env(const char *text, size_t len, struct hg_env_scan *ret)
{
    *ret = (struct hg_env_scan){ 0 };
    struct hg_lex lex;
    struct hg_tok t = { 0 }, last = { 0 };
    bool option = false;
    hg_lex_init(&lex, text, len);
    do {
        struct hg_tok before = last;
        last = t;
        hg_lex_next(&lex, &t);
        if (hg_tok_is(&last, "configure") && hg_tok_is(&t, "("))
            call(&lex, &t, ret);
        if (hg_tok_is(&before, ".") && hg_tok_is(&last, "version_locations") && changes(&t))
            ret->locations_line = last.line;
        option = t.kind != HG_TOK_NEWLINE &&
                 (option || hg_tok_is(&t, "set_main_option") || hg_tok_is(&t, "set_section_option"));
        if (option && t.kind == HG_TOK_STRING && t.body_len == strlen("version_locations") &&
            memcmp(t.body, "version_locations", t.body_len) == 0)
            ret->locations_option_line = t.line;
    } while (t.kind != HG_TOK_END && t.kind != HG_TOK_ERROR);
}

void hg_env_scan_done(struct hg_env_scan *s)
{
    free(HG_TAKE(s->version_table));
    free(HG_TAKE(s->version_table_schema));
}
