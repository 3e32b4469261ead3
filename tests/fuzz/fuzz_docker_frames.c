/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a command's framed output: the same in any pieces. */
#include "docker/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    uint64_t hash[4];
    size_t len[4];
};

static void see(void *context, int stream, const char *data, size_t len)
{
    struct seen *s = context;
    if (stream < 1 || stream > 3)
        abort();
    for (size_t i = 0; i < len; i++)
        s->hash[stream] = hg_hash64(data + i, 1, s->hash[stream]);
    s->len[stream] += len;
}

static int feed(const char *data, size_t size, size_t step, struct seen *ret)
{
    struct hg_frames f = { 0 };
    struct hg_err err = { 0 };
    memset(ret, 0, sizeof *ret);
    for (size_t at = 0; at < size; at += step)
        if (hg_frames_feed(&f, data + at, size - at < step ? size - at : step, see, ret, &err) < 0)
            return -1;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole, small;
    int a = feed((const char *)data, size, size ? size : 1, &whole);
    int b = feed((const char *)data, size, 3, &small);
    if (a != b || memcmp(&whole, &small, sizeof whole) != 0)
        abort();
    return 0;
}
