/* SPDX-License-Identifier: Apache-2.0 */
/*
 * up.sql and down.sql: before each chunk a comment with its kind and length, so that people can read the
 * file (and, mostly, psql) while nothing ever has to find out where a statement ends.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define MARK "-- headgate: "

static const char *const KINDS[] = { "sql", "commit", "begin" };

void hg_bundle_chunks_add(struct hg_buf *to, const struct hg_bundle_script *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct hg_bundle_chunk *c = &s->chunks[i];
        hg_buf_addf(to, MARK "%s %zu\n", KINDS[c->kind], c->len);
        hg_buf_add(to, c->sql, c->len);
        hg_buf_addc(to, '\n');
    }
}

/* "-- headgate: sql 57\n" at *at; the length as the writer would spell it. */
static bool take_mark(const char **at, const char *end, struct hg_bundle_chunk *ret)
{
    enum { MARK_MAX = 64 };
    char line[MARK_MAX];
    size_t left = (size_t)(end - *at), kind = 0;
    const char *newline = memchr(*at, '\n', left < MARK_MAX - 1 ? left : MARK_MAX - 1);
    if (!newline || memchr(*at, '\0', (size_t)(newline - *at)))
        return false;
    size_t len = (size_t)(newline - *at);
    memcpy(line, *at, len);
    line[len] = '\0';
    char *number = strrchr(line, ' ');
    int64_t bytes = 0;
    if (!number || strspn(number + 1, "0123456789") != strlen(number + 1) ||
        (number[1] == '0' && number[2]) ||
        hg_parse_int(number + 1, 0, (int64_t)HG_BUNDLE_BYTES, &bytes) < 0)
        return false;
    *number = '\0';
    while (kind < HG_COUNT(KINDS) &&
           (!hg_starts_with(line, MARK) || !hg_streq(line + strlen(MARK), KINDS[kind])))
        kind++;
    if (kind == HG_COUNT(KINDS))
        return false;
    ret->kind = (enum hg_bundle_chunk_kind)kind;
    ret->len = (size_t)bytes;
    *at = newline + 1;
    return true;
}

int hg_bundle_chunks_parse(struct hg_bundle_script *s, char *data, size_t len, const char *member,
                           const char *shown, struct hg_err *err)
{
    const char *at = data, *end = data + len;
    s->chunks = hg_xcalloc(s->count + 1, sizeof *s->chunks);
    for (size_t i = 0; i < s->count; i++) {
        struct hg_bundle_chunk *c = &s->chunks[i];
        if (!take_mark(&at, end, c) || c->len >= (size_t)(end - at) || at[c->len] != '\n' ||
            memchr(at, '\0', c->len))
            return hg_fail(err, HG_E_INTEGRITY, "%s: chunk %zu of %s is malformed", shown, i + 1, member);
        c->sql = at;
        at += c->len + 1;
        data[at - data - 1] = '\0'; /* the line's end: libpq wants strings */
    }
    if (at != end)
        return hg_fail(err, HG_E_INTEGRITY, "%s: %s has more than its %zu chunks", shown, member,
                       s->count);
    return 0;
}
