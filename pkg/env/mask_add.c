/* SPDX-License-Identifier: Apache-2.0 */
/* What of a value is secret, and worth being looked for. */
#include "internal.h"

/* Lines of a secret text count by themselves from this length on: "{" or "}" of a JSON key must not
 * mask every brace. */
#define MASK_LINE_MIN 8
/* Digits alone are ports, sizes and dates up to this length. */
#define MASK_NUMBER_MIN 8
/* Longer values (keys, whole files) are looked for in pieces of this length: what is held back of a
 * stream is never more. */
#define MASK_PIECE 4096

/* Words that stand in every log: masking them hides nothing and ruins the text. */
static bool common_word(const char *s, size_t len)
{
    static const char *const WORDS[] = {
        "false", "admin", "default", "disabled", "enabled", "database", "development", "localhost",
        "password", "postgres", "postgresql", "production", "public", "railway", "secret",
        "staging", "testing", "require", "prefer", "verify-full", "alembic", "headgate", "master",
        "change", "changeme", "username", "undefined",
    };
    for (size_t i = 0; i < HG_COUNT(WORDS); i++)
        if (strlen(WORDS[i]) == len && strncasecmp(WORDS[i], s, len) == 0)
            return true;
    size_t digits = 0;
    while (digits < len && s[digits] >= '0' && s[digits] <= '9')
        digits++;
    return digits == len && len < MASK_NUMBER_MIN;
}

static bool worth_masking(const char *s, size_t len)
{
    return len >= HG_MASK_MIN && !common_word(s, len);
}

static void add_secret(struct hg_mask *m, const char *s, size_t len)
{
    if (!worth_masking(s, len))
        return;
    while (len > 2 * MASK_PIECE) { /* the last piece is never too short to be found */
        hg_variants_each(s, MASK_PIECE, hg_mask_add_bytes, m);
        s += MASK_PIECE;
        len -= MASK_PIECE;
    }
    hg_variants_each(s, len, hg_mask_add_bytes, m);
}

static void add_lines(struct hg_mask *m, const char *s)
{
    while (*s) {
        size_t len = strcspn(s, "\r\n");
        size_t lead = strspn(s, " \t");
        size_t stop = len;
        while (stop > lead && (s[stop - 1] == ' ' || s[stop - 1] == '\t'))
            stop--;
        if (stop > lead && stop - lead >= MASK_LINE_MIN)
            add_secret(m, s + lead, stop - lead);
        s += len;
        s += strspn(s, "\r\n");
    }
}

/* One secret that is no URL: itself, without blanks at its edges, and its lines. */
static void add_plain(struct hg_mask *m, const char *s)
{
    size_t lead = strspn(s, " \t\r\n"), len = strlen(s);
    size_t stop = len;
    while (stop > lead && strchr(" \t\r\n", s[stop - 1]))
        stop--;
    add_secret(m, s, len);
    if (lead || stop < len)
        add_secret(m, s + lead, stop - lead);
    if (strpbrk(s, "\r\n"))
        add_lines(m, s);
}

static void free_wiped(char *s)
{
    explicit_bzero(s, strlen(s));
    free(s);
}

struct adding {
    struct hg_mask *mask; /* NULL: only asked */
    bool any, takes;
};

static void add_found(void *context, const char *secret, size_t len)
{
    struct adding *a = context;
    a->any = true;
    a->takes = a->takes || worth_masking(secret, len);
    if (!a->mask)
        return;
    char *plain = hg_xstrndup(secret, len);
    char *decoded = hg_percent_decode(plain, len, false, NULL);
    add_plain(a->mask, plain);
    if (strcmp(decoded, plain) != 0)
        add_plain(a->mask, decoded);
    free_wiped(plain);
    free_wiped(decoded);
}

void hg_mask_add(struct hg_mask *m, const char *value)
{
    struct adding a = { .mask = m };
    hg_value_secrets(value, add_found, &a);
    if (!a.any)
        add_plain(m, value);
}

void hg_mask_add_whole(struct hg_mask *m, const char *value)
{
    hg_mask_add(m, value);
    add_plain(m, value);
}

bool hg_mask_takes(const char *value)
{
    struct adding a = { .mask = NULL };
    hg_value_secrets(value, add_found, &a);
    return a.any ? a.takes : worth_masking(value, strlen(value));
}

void hg_mask_add_vars(struct hg_mask *m, const struct hg_vars *v)
{
    for (size_t i = 0; i < v->count; i++) {
        if (!v->items[i].secret)
            continue;
        if (hg_var_name_secret(v->items[i].name)) /* "a-token?sig=x" is one as a whole */
            hg_mask_add_whole(m, v->items[i].value);
        else
            hg_mask_add(m, v->items[i].value);
    }
}

void hg_mask_unmasked(const struct hg_vars *v, struct hg_strv *ret)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->items[i].secret && *v->items[i].value && !hg_mask_takes(v->items[i].value))
            hg_strv_add(ret, v->items[i].name);
    hg_strv_sort(ret);
}
