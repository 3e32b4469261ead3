/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a file: the same, written otherwise, or another one; and where it parts. */
#include "edit.h"
#include "review/review.h"

enum {
    SHOWN_LINES = 4,  /* of each side */
    SHOWN_BYTES = 160, /* of a line */
    APART_MAX = 60,   /* lines that are looked through for one that both have */
};

/* Line `number` (from 1), without its end; false behind the last one. */
static bool line_at(const char *text, size_t len, int number, const char **ret, size_t *ret_len)
{
    const char *p = text, *end = text + len;
    for (int n = 1; p < end; n++) {
        const char *stop = p;
        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        if (n == number) {
            *ret = p;
            *ret_len = (size_t)(stop - p);
            return true;
        }
        p = stop + (stop < end) + (end - stop > 1 && stop[0] == '\r' && stop[1] == '\n');
    }
    return false;
}

struct side_text {
    const char *text;
    size_t len;
    int line; /* where it parts */
};

static bool common_line(const struct side_text *a, int i, const struct side_text *b, int k)
{
    const char *x, *y;
    size_t xlen, ylen;
    bool there = line_at(a->text, a->len, a->line + i, &x, &xlen);
    if (there != line_at(b->text, b->len, b->line + k, &y, &ylen))
        return false;
    return !there || (xlen == ylen && memcmp(x, y, xlen) == 0);
}

/* How many lines of each side there are before one that both have. */
static void measure(const struct side_text *a, const struct side_text *b, int *ret_a, int *ret_b)
{
    for (int sum = 1; sum <= APART_MAX; sum++)
        for (int i = 0; i <= sum; i++)
            if (common_line(a, i, b, sum - i)) {
                *ret_a = i;
                *ret_b = sum - i;
                return;
            }
    *ret_a = *ret_b = SHOWN_LINES;
}

static void add_lines(struct hg_buf *b, char sign, const struct side_text *s, int count)
{
    for (int i = 0; i < count; i++) {
        const char *line;
        size_t len;
        if (!line_at(s->text, s->len, s->line + i, &line, &len))
            return;
        hg_buf_addc(b, '\n');
        if (i == SHOWN_LINES) {
            hg_buf_addf(b, "%c …", sign);
            return;
        }
        hg_buf_addf(b, "%c ", sign);
        for (size_t k = 0; k < len && k < SHOWN_BYTES; k++) /* no control sequences of others */
            hg_buf_addc(b, (unsigned char)line[k] < 0x20 || line[k] == 0x7f ? ' ' : line[k]);
        if (len > SHOWN_BYTES)
            hg_buf_adds(b, "…");
    }
}

/* "line 24:\n- old\n+ new", masked. Heap. */
static char *excerpt_of(const struct side_text *then, const struct side_text *now, struct hg_mask *mask)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    int gone, added;
    measure(then, now, &gone, &added);
    hg_buf_addf(&b, "@@ line %d, was %d @@", now->line, then->line);
    add_lines(&b, '-', then, gone);
    add_lines(&b, '+', now, added);
    return hg_mask_text(hg_buf_str(&b), mask);
}

enum hg_edit hg_edit_of(const char *then, size_t then_len, const char *now, size_t now_len,
                        struct hg_mask *mask, struct hg_edited *ret)
{
    *ret = (struct hg_edited){ .kind = HG_EDIT_MEANING };
    int was = 0, is = 0;
    if (then_len == now_len && memcmp(then, now, now_len) == 0)
        ret->kind = HG_EDIT_NONE;
    else if (hg_same_lines(then, then_len, now, now_len))
        ret->kind = HG_EDIT_LINE_ENDS;
    else if (hg_review_same(then, then_len, now, now_len, &was, &is))
        ret->kind = HG_EDIT_LAYOUT;
    if (ret->kind != HG_EDIT_MEANING)
        return ret->kind;
    if (!is)
        was = is = hg_first_difference(then, then_len, now, now_len);
    struct side_text a = { then, then_len, was }, b = { now, now_len, is };
    ret->line = is;
    ret->excerpt = excerpt_of(&a, &b, mask);
    return ret->kind;
}

void hg_edited_done(struct hg_edited *e)
{
    hg_freep(&e->excerpt);
}

const char *hg_edit_words(enum hg_edit kind)
{
    return kind == HG_EDIT_LINE_ENDS ? "only the line endings" : "only comments or layout";
}
