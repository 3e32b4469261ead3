/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing of a secret is left in memory once its owners have released it. */
#include "env/env.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <setjmp.h>
#include <stdarg.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

#define CANARY_LEN 40

/* Made up at run time, so that no other page of the process has it; never on the heap by itself. */
static void make_canary(char out[CANARY_LEN + 1])
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz";
    uint64_t state = (uint64_t)hg_now_ns() | 1;
    for (size_t i = 0; i < CANARY_LEN; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        out[i] = LETTERS[(state >> 33) % 26];
    }
    out[CANARY_LEN] = '\0';
}

enum { CHUNK = 1 << 20, LARGEST = 1 << 28 };

/* Counts in [at, stop) of our own memory, read like somebody else's: whatever watches over it (a
 * sanitizer) has no say. Chunks overlap, so that nothing hides on a border. */
static size_t count_between(int mem, off_t at, off_t stop, const char *bytes, size_t len, char *chunk)
{
    size_t count = 0;
    while (at < stop) {
        size_t want = stop - at < CHUNK ? (size_t)(stop - at) : CHUNK;
        ssize_t n = pread(mem, chunk, want, at);
        if (n <= 0)
            return count;
        const char *end = chunk + n;
        for (const char *p = chunk; (p = memmem(p, (size_t)(end - p), bytes, len)); p++)
            count++;
        if (at + n >= stop)
            return count;
        at += n - (ssize_t)len + 1;
    }
    return count;
}

/* How many places of our memory have these bytes: of every private mapping that can be written, whichever
 * allocator made it, but the stack and what is too large to hold data. */
static size_t count_in_memory(const char *bytes, size_t len)
{
    char line[512];
    size_t count = 0;
    /* Shared, so that it is not looked at itself. */
    char *chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_true(chunk != MAP_FAILED && mem >= 0 && maps);
    setbuf(maps, NULL);
    while (fgets(line, sizeof line, maps)) {
        char *rest;
        unsigned long start = strtoul(line, &rest, 16), stop = strtoul(rest + 1, &rest, 16);
        bool ours = start <= (unsigned long)line && (unsigned long)line < stop;
        bool writable = rest[1] == 'r' && rest[2] == 'w' && rest[4] == 'p'; /* valgrind's can be run too */
        if (writable && !ours && stop - start <= LARGEST)
            count += count_between(mem, (off_t)start, (off_t)stop, bytes, len, chunk);
    }
    (void)fclose(maps);
    (void)close(mem);
    (void)munmap(chunk, CHUNK);
    return count;
}

static void the_scan_can_fail(void **state)
{
    (void)state;
    char canary[CANARY_LEN + 1];
    make_canary(canary);
    HG_AUTO(hg_freep) char *kept = hg_xstrdup(canary);
    assert_int_equal(count_in_memory(canary, CANARY_LEN), 1);
    explicit_bzero(kept, CANARY_LEN);
    assert_int_equal(count_in_memory(canary, CANARY_LEN), 0);
}

static void sets_files_and_masks_are_wiped(void **state)
{
    (void)state;
    char canary[CANARY_LEN + 1];
    make_canary(canary);
    struct hg_vars file = HG_VARS_INIT, vars = HG_VARS_INIT;
    struct hg_err err = { 0 };
    struct hg_buf text = HG_BUF_INIT, out = HG_BUF_INIT;
    for (int i = 0; i < 40; i++) { /* also what grows */
        hg_buf_addf(&text, "V%d_TOKEN=\"%d%s\"\n", i, i, canary);
        hg_buf_addf(&text, "U%d=postgresql://u:%s%d@h/d\n", i, canary, i);
    }
    for (int dialect = 0; dialect < HG_DOTENV_DIALECTS; dialect++)
        assert_int_equal(hg_dotenv_parse(text.data, text.len, "f", (enum hg_dotenv_dialect)dialect,
                                         NULL, &file, NULL, &err), 0);
    for (size_t i = 0; i < file.count; i++)
        hg_vars_set(&vars, file.items[i].name, file.items[i].value, "x");
    struct hg_mask *mask = hg_mask_new();
    hg_mask_add_vars(mask, &vars);
    hg_mask_build(mask);
    struct hg_mask_stream s;
    hg_mask_stream_init(&s, mask);
    hg_mask_stream_feed(&s, "x 1", 3, &out);
    hg_mask_stream_feed(&s, canary, CANARY_LEN - 5, &out);
    hg_mask_stream_flush(&s, &out);
    char **envp = hg_vars_envp(&vars);
    assert_true(count_in_memory(canary, CANARY_LEN) > 100);
    hg_vars_free_envp(envp);
    hg_mask_stream_done(&s);
    hg_mask_free(mask);
    hg_vars_done(&vars);
    hg_vars_done(&file);
    hg_buf_wipe(&text);
    hg_buf_wipe(&out);
    /* Freed blocks begin with the allocator's own links: a part is enough to tell. */
    assert_int_equal(count_in_memory(canary + 16, 16), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scan_can_fail),
        cmocka_unit_test(sets_files_and_masks_are_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
