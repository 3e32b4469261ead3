/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an engine's answer: header, then its body if chunked; the same in any pieces. */
#include "docker/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decodes in pieces; -1 malformed, else how many bytes came out, with their hash. */
static int64_t decode(const char *data, size_t len, size_t in_step, size_t out_step,
                      uint64_t *ret_hash)
{
    struct hg_chunks c = { 0 };
    char out[512];
    size_t at = 0;
    int64_t total = 0;
    uint64_t hash = HG_HASH64_INIT;
    while (at < len && c.state != HG_CHUNK_DONE) {
        size_t n = len - at < in_step ? len - at : in_step, used = 0, got = 0;
        if (hg_chunks_decode(&c, data + at, n, &used, out, out_step, &got) < 0)
            return -1;
        if (used == 0 && got == 0)
            abort();
        for (size_t i = 0; i < got; i++)
            hash = hg_hash64(out + i, 1, hash);
        at += used;
        total += (int64_t)got;
    }
    *ret_hash = hash;
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct hg_http_head head;
    struct hg_err err = { 0 };
    size_t used = 0;
    if (hg_http_head_parse(text, size, &head, &used, &err) != 1)
        return 0;
    if (used > size || head.status < 100 || head.status > 999)
        abort();
    if (!head.chunked)
        return 0;
    uint64_t a = 0, b = 0;
    int64_t whole = decode(text + used, size - used, size, 512, &a);
    int64_t small = decode(text + used, size - used, 3, 5, &b);
    if (whole != small || a != b)
        abort();
    return 0;
}
