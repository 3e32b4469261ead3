/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dotenv-parse DIALECT - for comparison with the dialects' own tools: NUL-separated files on stdin,
 * one JSON line for each: {"NAME": "value"}, or null where it is refused. OTHER=oth is set.
 */
#include "env/env.h"

static void put_string(struct hg_buf *b, const char *s)
{
    hg_buf_addc(b, '"');
    hg_json_escape(b, s, strlen(s));
    hg_buf_addc(b, '"');
}

static void answer(const char *text, size_t len, enum hg_dotenv_dialect dialect, struct hg_buf *b)
{
    HG_AUTO(hg_vars_done) struct hg_vars lookup = HG_VARS_INIT;
    HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
    struct hg_err err = { 0 };
    hg_vars_set(&lookup, "OTHER", "oth", "process");
    if (hg_dotenv_parse(text, len, "f", dialect, &lookup, &got, NULL, &err) < 0) {
        hg_buf_adds(b, "null\n");
        return;
    }
    hg_buf_addc(b, '{');
    for (size_t i = 0; i < got.count; i++) {
        if (i)
            hg_buf_addc(b, ',');
        put_string(b, got.items[i].name);
        hg_buf_addc(b, ':');
        put_string(b, got.items[i].value);
    }
    hg_buf_adds(b, "}\n");
}

int main(int argc, char **argv)
{
    enum hg_dotenv_dialect dialect;
    struct hg_buf input = HG_BUF_INIT, output = HG_BUF_INIT;
    struct hg_err err = { 0 };
    if (argc != 2 || hg_dotenv_dialect_parse(argv[1], &dialect) < 0 ||
        hg_read_all(STDIN_FILENO, (size_t)64 << 20, &input, &err) < 0)
        return 2;
    const char *at = hg_buf_str(&input), *end = at + input.len;
    while (at < end) {
        const char *stop = memchr(at, '\0', (size_t)(end - at));
        if (!stop)
            stop = end;
        answer(at, (size_t)(stop - at), dialect, &output);
        at = stop + 1;
    }
    int failed = hg_write_all(STDOUT_FILENO, hg_buf_str(&output), output.len) < 0;
    hg_buf_done(&input);
    hg_buf_done(&output);
    return failed;
}
