/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

/* Reads on in a text whose line ends count as one LF each; -1 at the end. */
static int next(const char **p, const char *end)
{
    if (*p == end)
        return -1;
    unsigned char c = (unsigned char)*(*p)++;
    if (c != '\r')
        return c;
    if (*p < end && **p == '\n')
        (*p)++;
    return '\n';
}

static bool same(const char *a, size_t alen, const char *b, size_t blen, int *ret_line)
{
    const char *aend = a + alen, *bend = b + blen;
    *ret_line = 1;
    for (;;) {
        int x = next(&a, aend), y = next(&b, bend);
        /* A missing line end at the very end is a line end too. */
        if (x != y)
            return (x == -1 && y == '\n' && b == bend) || (y == -1 && x == '\n' && a == aend);
        if (x == -1)
            return true;
        *ret_line += x == '\n';
    }
}

bool hg_same_lines(const char *a, size_t alen, const char *b, size_t blen)
{
    int line;
    return same(a, alen, b, blen, &line);
}

int hg_first_difference(const char *a, size_t alen, const char *b, size_t blen)
{
    int line;
    (void)same(a, alen, b, blen, &line);
    return line;
}

bool hg_same_list(const struct hg_strv *a, const struct hg_strv *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!hg_streq(a->items[i], b->items[i]))
            return false;
    return true;
}
