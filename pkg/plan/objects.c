/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which objects an SQL text names, as far as the first words of its statements tell. This is no parser
 * of SQL: it splits statements as PostgreSQL's lexer does (quotes, dollar quotes, nested comments; the
 * documentation's chapter "Lexical Structure") and compares the words in front with a table. What is
 * not in the table is not reported, and nothing is guessed.
 */
#include "internal.h"

#include <ctype.h>
#include <strings.h>

#define WORDS_MAX 12
#define NAME_MAX_ 200

struct word {
    const char *start;
    size_t len;
};

/* ---- lexing --------------------------------------------------------------------------------- */

static const char *after_comment(const char *p)
{
    if (p[1] == '-') {
        p += strcspn(p, "\n");
        return p;
    }
    int depth = 0;
    while (*p) {
        if (p[0] == '/' && p[1] == '*') {
            depth++;
            p += 2;
        } else if (p[0] == '*' && p[1] == '/') {
            p += 2;
            if (--depth == 0)
                return p;
        } else {
            p++;
        }
    }
    return p;
}

static const char *after_quoted(const char *p, bool escapes)
{
    char quote = *p++;
    for (; *p; p++) {
        if (escapes && *p == '\\' && p[1])
            p++;
        else if (*p == quote && p[1] == quote)
            p++;
        else if (*p == quote)
            return p + 1;
    }
    return p;
}

static bool in_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* $tag$ … $tag$; NULL when it is none. */
static const char *after_dollar(const char *p)
{
    size_t tag = 1;
    while (p[tag] && p[tag] != '$' && in_name(p[tag]))
        tag++;
    if (p[tag] != '$' || isdigit((unsigned char)p[1]))
        return NULL;
    HG_AUTO(hg_freep) char *mark = hg_xstrndup(p, tag + 1);
    const char *end = strstr(p + tag + 1, mark);
    return end ? end + tag + 1 : p + strlen(p);
}

static bool starts_comment(const char *p)
{
    return (p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*');
}

/* What comes after the token at p. A name with its dots is one token: public."My table". */
static const char *after_token(const char *p)
{
    if (*p == '\'' || ((*p == 'E' || *p == 'e') && p[1] == '\''))
        return after_quoted(p + (*p != '\''), *p != '\'');
    if (*p == '$') {
        const char *end = after_dollar(p);
        return end ? end : p + 1;
    }
    if (*p != '"' && !in_name(*p))
        return p + 1;
    while (*p == '"' || in_name(*p) || (*p == '.' && (p[1] == '"' || in_name(p[1]))))
        p = *p == '"' ? after_quoted(p, false) : p + 1;
    return p;
}

/* The first words of the statement at p; returns where the next statement begins. */
static const char *statement(const char *p, struct word words[WORDS_MAX], size_t *ret_count)
{
    size_t count = 0;
    int depth = 0;
    while (*p) {
        if (starts_comment(p)) {
            p = after_comment(p);
            continue;
        }
        if (*p == ';' && depth == 0) {
            p++;
            break;
        }
        if (isspace((unsigned char)*p)) {
            p++;
            continue;
        }
        depth += *p == '(';
        depth -= *p == ')' && depth > 0;
        const char *end = after_token(p);
        if (count < WORDS_MAX)
            words[count++] = (struct word){ p, (size_t)(end - p) };
        p = end;
    }
    *ret_count = count;
    return p;
}

/* ---- the table --------------------------------------------------------------------------------- */

/* "?" in a pattern: the name. "[A]": may be missing. "*": skip to the next word of the pattern. */
static const struct {
    const char *pattern, *kind, *change;
} STATEMENTS[] = {
    { "CREATE [UNLOGGED] TABLE [IF] [NOT] [EXISTS] ?", "table", "create" },
    { "ALTER TABLE [IF] [EXISTS] [ONLY] ?", "table", "alter" },
    { "DROP TABLE [IF] [EXISTS] ?", "table", "drop" },
    { "TRUNCATE [TABLE] [ONLY] ?", "table", "empty" },
    { "LOCK [TABLE] [ONLY] ?", "table", "lock" },
    { "COMMENT ON TABLE ?", "table", "comment" },
    { "COMMENT ON COLUMN ?", "column", "comment" },
    { "INSERT INTO ?", "table", "write" },
    { "UPDATE [ONLY] ?", "table", "write" },
    { "DELETE FROM [ONLY] ?", "table", "write" },
    { "CREATE [UNIQUE] INDEX [CONCURRENTLY] [IF] [NOT] [EXISTS] ?", "index", "create" },
    { "CREATE [UNIQUE] INDEX * ON [ONLY] ?", "table", "index" },
    { "ALTER INDEX [IF] [EXISTS] ?", "index", "alter" },
    { "DROP INDEX [CONCURRENTLY] [IF] [EXISTS] ?", "index", "drop" },
    { "REINDEX INDEX [CONCURRENTLY] ?", "index", "rebuild" },
    { "CREATE [OR] [REPLACE] VIEW ?", "view", "create" },
    { "DROP VIEW [IF] [EXISTS] ?", "view", "drop" },
    { "CREATE MATERIALIZED VIEW [IF] [NOT] [EXISTS] ?", "materialized view", "create" },
    { "REFRESH MATERIALIZED VIEW [CONCURRENTLY] ?", "materialized view", "write" },
    { "DROP MATERIALIZED VIEW [IF] [EXISTS] ?", "materialized view", "drop" },
    { "CREATE TYPE ?", "type", "create" },
    { "CREATE DOMAIN ?", "type", "create" },
    { "ALTER TYPE ?", "type", "alter" },
    { "ALTER DOMAIN ?", "type", "alter" },
    { "DROP TYPE [IF] [EXISTS] ?", "type", "drop" },
    { "DROP DOMAIN [IF] [EXISTS] ?", "type", "drop" },
    { "CREATE SEQUENCE [IF] [NOT] [EXISTS] ?", "sequence", "create" },
    { "ALTER SEQUENCE [IF] [EXISTS] ?", "sequence", "alter" },
    { "DROP SEQUENCE [IF] [EXISTS] ?", "sequence", "drop" },
    { "CREATE [OR] [REPLACE] FUNCTION ?", "function", "create" },
    { "CREATE [OR] [REPLACE] PROCEDURE ?", "function", "create" },
    { "DROP FUNCTION [IF] [EXISTS] ?", "function", "drop" },
    { "DROP PROCEDURE [IF] [EXISTS] ?", "function", "drop" },
    { "CREATE [OR] [REPLACE] TRIGGER ?", "trigger", "create" },
    { "CREATE [OR] [REPLACE] TRIGGER * ON ?", "table", "alter" },
    { "DROP TRIGGER [IF] [EXISTS] ? ", "trigger", "drop" },
    { "CREATE POLICY ?", "policy", "create" },
    { "CREATE POLICY * ON ?", "table", "alter" },
    { "CREATE SCHEMA [IF] [NOT] [EXISTS] ?", "schema", "create" },
    { "DROP SCHEMA [IF] [EXISTS] ?", "schema", "drop" },
    { "CREATE EXTENSION [IF] [NOT] [EXISTS] ?", "extension", "create" },
    { "DROP EXTENSION [IF] [EXISTS] ?", "extension", "drop" },
};

static bool same(const struct word *w, const char *text, size_t len)
{
    return w->len == len && strncasecmp(w->start, text, len) == 0;
}

static bool is_name(const struct word *w)
{
    return w->len > 0 && w->len <= NAME_MAX_ && !same(w, "on", 2) && /* an index without a name */
           (w->start[0] == '"' || in_name(w->start[0]));
}

/* The word at the pattern's "?", or NULL. */
static const struct word *match(const char *pattern, const struct word *words, size_t count)
{
    size_t at = 0;
    bool skip = false;
    for (const char *p = pattern; *p; p += *p == ' ') {
        size_t len = strcspn(p, " ");
        bool optional = *p == '[';
        const char *text = p + optional;
        size_t text_len = len - 2 * optional;
        p += len;
        if (text_len == 1 && *text == '*') {
            skip = true;
            continue;
        }
        if (text_len == 1 && *text == '?')
            return at < count && is_name(&words[at]) ? &words[at] : NULL;
        while (skip && at < count && !same(&words[at], text, text_len))
            at++;
        skip = false;
        if (at < count && same(&words[at], text, text_len))
            at++;
        else if (!optional)
            return NULL;
    }
    return NULL;
}

/* As PostgreSQL would spell it: "notebooks" is notebooks, NoteBooks is notebooks. Heap. */
static char *plain_name(const struct word *w)
{
    struct hg_buf b = HG_BUF_INIT;
    bool quoted = false;
    for (size_t i = 0; i < w->len; i++) {
        char c = w->start[i];
        if (c == '"')
            quoted = !quoted;
        else
            hg_buf_addc(&b, quoted ? c : (char)tolower((unsigned char)c));
    }
    return hg_buf_take(&b);
}

static void add_object(json_t *into, const char *kind, const char *name, const char *change)
{
    json_t *object = json_pack("{ss so ss}", "kind", kind, "name", hg_json_text(name), "change", change);
    size_t i;
    json_t *item;
    json_array_foreach(into, i, item)
        if (json_equal(item, object)) {
            json_decref(object);
            return;
        }
    json_array_append_new(into, object);
}

void hg_plan_sql_objects(const char *sql, json_t *into)
{
    while (*sql) {
        struct word words[WORDS_MAX];
        size_t count = 0;
        sql = statement(sql, words, &count);
        for (size_t i = 0; i < HG_COUNT(STATEMENTS); i++) {
            const struct word *name = match(STATEMENTS[i].pattern, words, count);
            if (!name)
                continue;
            HG_AUTO(hg_freep) char *plain = plain_name(name);
            add_object(into, STATEMENTS[i].kind, plain, STATEMENTS[i].change);
        }
    }
}
