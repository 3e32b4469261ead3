/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The masker against a naive oracle, with the stream cut where the input says: line 1 is a secret,
 * line 2 another, byte 3 the size of the chunks, the rest the text.
 */
#include "env/env.h"
#include "env/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct oracle {
    const char *text;
    size_t len;
    bool *covered;
};

static void cover(void *context, const char *pattern, size_t len)
{
    struct oracle *o = context;
    if (len < HG_MASK_MIN)
        return;
    for (size_t i = 0; i + len <= o->len; i++)
        if (memcmp(o->text + i, pattern, len) == 0)
            memset(o->covered + i, 1, len);
}

static size_t take_line(const uint8_t **data, size_t *size, char *out, size_t max)
{
    size_t n = 0;
    while (*size && **data != '\n') {
        if (n < max && **data)
            out[n++] = (char)**data;
        (*data)++;
        (*size)--;
    }
    if (*size) {
        (*data)++;
        (*size)--;
    }
    out[n] = '\0';
    return n;
}

/* What hg_mask_add takes as it is: no URL, no conninfo, no blanks at the edges, no common word. */
static bool simple(const char *s)
{
    static const char *const BARRED[] = { "://", "=", " ", "\t", "\r" };
    for (size_t i = 0; i < HG_COUNT(BARRED); i++)
        if (strstr(s, BARRED[i]))
            return false;
    return true;
}

static struct hg_buf expected(const struct oracle *o)
{
    struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < o->len; i++) {
        if (!o->covered[i])
            hg_buf_addc(&b, o->text[i]);
        else if (i == 0 || !o->covered[i - 1])
            hg_buf_adds(&b, "***");
    }
    return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char secrets[2][64];
    for (int i = 0; i < 2; i++)
        (void)take_line(&data, &size, secrets[i], sizeof secrets[i] - 1);
    if (size < 1 || size > 4096 || !simple(secrets[0]) || !simple(secrets[1]))
        return 0;
    size_t chunk = 1 + data[0] % 16;
    struct oracle o = { .text = (const char *)data + 1, .len = size - 1 };
    o.covered = hg_xcalloc(o.len + 1, sizeof *o.covered);
    struct hg_mask *m = hg_mask_new();
    for (int i = 0; i < 2; i++) {
        struct hg_mask *alone = hg_mask_new();
        hg_mask_add(alone, secrets[i]);
        hg_mask_add(m, secrets[i]);
        if (!hg_mask_empty(alone))
            hg_variants_each(secrets[i], strlen(secrets[i]), cover, &o);
        hg_mask_free(alone);
    }
    hg_mask_build(m);
    struct hg_mask_stream s;
    struct hg_buf out = HG_BUF_INIT;
    hg_mask_stream_init(&s, m);
    for (size_t at = 0; at < o.len; at += chunk)
        hg_mask_stream_feed(&s, o.text + at, o.len - at < chunk ? o.len - at : chunk, &out);
    hg_mask_stream_flush(&s, &out);
    struct hg_buf want = expected(&o);
    if (out.len != want.len || memcmp(hg_buf_str(&out), hg_buf_str(&want), out.len) != 0)
        abort();
    hg_buf_done(&want);
    hg_buf_done(&out);
    hg_mask_stream_done(&s);
    hg_mask_free(m);
    free(o.covered);
    return 0;
}
