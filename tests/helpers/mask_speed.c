/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mask_speed SECRETS MIB - bytes a second through the masker, best of several rounds, for a log-like
 * text in chunks as a pipe gives them. Prints one number, MB/s.
 */
#include "env/env.h"

#define CHUNK  65536u
#define ROUNDS 25

/* Of this process alone: other work on the machine does not count. */
static int64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * HG_NS_PER_S + now.tv_nsec;
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Lines of words, numbers, paths, JSON and base64, as programs print them. */
static void fill(char *text, size_t len, uint64_t *seed)
{
    static const char *const WORDS[] = {
        "INFO ", "request_id=", "/api/v1/notebooks/", "{\"user\": ", "\"status\": 200, ", "select ",
        "postgresql://app@db:5432/app ", "2026-11-22T21:53:04.120Z ", "error: ", "the ", "token ",
    };
    static const char B64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t at = 0;
    while (at < len) {
        uint64_t r = next_random(seed);
        if (r % 4 == 0) {
            for (size_t i = 8 + r / 8 % 24; i-- && at < len;)
                text[at++] = B64[next_random(seed) % 64];
        } else {
            for (const char *w = WORDS[r / 8 % HG_COUNT(WORDS)]; *w && at < len; w++)
                text[at++] = *w;
        }
        if (at < len && r % 11 == 0)
            text[at++] = '\n';
    }
}

static struct hg_mask *make_mask(long secrets, uint64_t *seed)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_!/";
    struct hg_mask *m = hg_mask_new();
    for (long i = 0; i < secrets; i++) {
        char secret[64];
        size_t len = 10 + next_random(seed) % 40;
        for (size_t k = 0; k < len; k++)
            secret[k] = LETTERS[next_random(seed) % (sizeof LETTERS - 1)];
        secret[len] = '\0';
        hg_mask_add(m, secret);
    }
    hg_mask_build(m);
    return m;
}

int main(int argc, char **argv)
{
    int64_t secrets, mib;
    if (argc != 3 || hg_parse_int(argv[1], 1, 100000, &secrets) < 0 ||
        hg_parse_int(argv[2], 1, 1024, &mib) < 0)
        return 2;
    uint64_t seed = 88172645463325252u;
    size_t len = (size_t)mib << 20;
    char *text = hg_xmalloc(len);
    fill(text, len, &seed);
    struct hg_mask *mask = make_mask((long)secrets, &seed);
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct hg_mask_stream s;
        struct hg_buf out = HG_BUF_INIT;
        hg_mask_stream_init(&s, mask);
        int64_t begin = cpu_ns();
        for (size_t at = 0; at < len; at += CHUNK) {
            hg_mask_stream_feed(&s, text + at, len - at < CHUNK ? len - at : CHUNK, &out);
            hg_buf_clear(&out);
        }
        hg_mask_stream_flush(&s, &out);
        double speed = (double)len * 1e3 / (double)(cpu_ns() - begin);
        best = speed > best ? speed : best;
        hg_mask_stream_done(&s);
        hg_buf_done(&out);
    }
    hg_mask_free(mask);
    free(text);
    printf("%.0f\n", best);
    return 0;
}
