/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers that an engine's bytes go through, and addresses of engines. */
#include "docker/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

/* ---- the header --------------------------------------------------------------------------------- */

static void head_is_read_when_complete(void **state)
{
    (void)state;
    static const char TEXT[] = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-"
                               "stream\r\napi-version:  1.41 \r\nContent-Length: 12\r\n\r\nbody";
    const size_t head_len = sizeof TEXT - 1 - 4;
    struct hg_http_head head;
    struct hg_err err = { 0 };
    size_t used = 0;
    for (size_t len = 0; len < head_len; len++)
        assert_int_equal(hg_http_head_parse(TEXT, len, &head, &used, &err), 0);
    assert_int_equal(hg_http_head_parse(TEXT, sizeof TEXT - 1, &head, &used, &err), 1);
    assert_int_equal(used, head_len);
    assert_int_equal(head.status, 101);
    assert_int_equal(head.length, 12);
    assert_false(head.chunked);
    assert_string_equal(head.api_version, "1.41");
    assert_string_equal(head.content_type, "application/vnd.docker.raw-stream");
}

static void expect_bad_head(const char *text)
{
    struct hg_http_head head;
    struct hg_err err = { 0 };
    size_t used = 0;
    if (hg_http_head_parse(text, strlen(text), &head, &used, &err) != -1)
        fail_msg("taken for a header: %s", text);
    assert_int_equal(err.kind, HG_E_DOCKER);
}

static void head_of_something_else_is_refused(void **state)
{
    (void)state;
    expect_bad_head("SSH-2.0-OpenSSH_9.2\r\n");
    expect_bad_head("\r\n");
    expect_bad_head("HTTP/1.1 abc\r\n\r\n");
    expect_bad_head("HTTP/2.0 200 OK\r\n\r\n");
    expect_bad_head("HTTP/1.1 2000 OK\r\n\r\n");
    expect_bad_head("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n");
    expect_bad_head("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n");
    expect_bad_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n");
}

static void endless_head_is_refused(void **state)
{
    (void)state;
    struct hg_buf b = HG_BUF_INIT;
    hg_buf_adds(&b, "HTTP/1.1 200 OK\r\nX: ");
    while (b.len < HG_HTTP_HEAD_MAX)
        hg_buf_addc(&b, 'x');
    expect_bad_head(hg_buf_str(&b));
    hg_buf_done(&b);
}

/* ---- chunks -------------------------------------------------------------------------------------- */

/* Decodes with input and output in pieces of these sizes. */
static int decode(const char *text, size_t in_step, size_t out_step, struct hg_buf *ret)
{
    struct hg_chunks c = { 0 };
    size_t len = strlen(text), at = 0;
    char out[64];
    while (at < len && c.state != HG_CHUNK_DONE) {
        size_t n = len - at < in_step ? len - at : in_step, used = 0, got = 0;
        if (hg_chunks_decode(&c, text + at, n, &used, out, out_step, &got) < 0)
            return -1;
        hg_buf_add(ret, out, got);
        at += used;
    }
    return c.state == HG_CHUNK_DONE ? 1 : 0;
}

static void chunks_are_joined_however_they_come(void **state)
{
    (void)state;
    static const char TEXT[] = "5\r\nhello\r\n1;x=y\r\n,\r\nA\r\n 0123\r\n567\r\n0\r\nT: r\r\n\r\n";
    for (size_t in = 1; in < sizeof TEXT; in++) {
        for (size_t out = 1; out < 9; out++) {
            HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
            assert_int_equal(decode(TEXT, in, out, &b), 1);
            assert_string_equal(hg_buf_str(&b), "hello, 0123\r\n567");
        }
    }
}

static void bad_chunks_are_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = { "x\r\n", "\r\n", "-5\r\nhello", "1\r\nab\r\n",
                                       "FFFFFFFFFFFFFFFFFF\r\n" };
    for (size_t i = 0; i < HG_COUNT(BAD); i++) {
        HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
        if (decode(BAD[i], 64, 64, &b) != -1)
            fail_msg("taken for chunks: %s", BAD[i]);
    }
}

/* ---- frames --------------------------------------------------------------------------------------- */

static void collect(void *context, int stream, const char *data, size_t len)
{
    struct hg_buf *streams = context;
    hg_buf_add(&streams[stream], data, len);
}

static void frames_are_taken_apart_however_they_come(void **state)
{
    (void)state;
    static const char TEXT[] = "\1\0\0\0\0\0\0\3out\2\0\0\0\0\0\0\5error\1\0\0\0\0\0\0\0"
                               "\1\0\0\0\0\0\0\1!\3\0\0\0\0\0\0\1E";
    for (size_t step = 1; step < sizeof TEXT; step++) {
        struct hg_buf streams[4] = { HG_BUF_INIT, HG_BUF_INIT, HG_BUF_INIT, HG_BUF_INIT };
        struct hg_frames f = { 0 };
        struct hg_err err = { 0 };
        for (size_t at = 0; at < sizeof TEXT - 1; at += step) {
            size_t n = sizeof TEXT - 1 - at < step ? sizeof TEXT - 1 - at : step;
            assert_int_equal(hg_frames_feed(&f, TEXT + at, n, collect, streams, &err), 0);
        }
        assert_string_equal(hg_buf_str(&streams[1]), "out!");
        assert_string_equal(hg_buf_str(&streams[2]), "error");
        assert_string_equal(hg_buf_str(&streams[3]), "E");
        for (size_t i = 0; i < HG_COUNT(streams); i++)
            hg_buf_done(&streams[i]);
    }
}

static void bytes_that_are_no_frames_are_refused(void **state)
{
    (void)state;
    static const char BAD[][9] = { "HTTP/1.1", "\4\0\0\0\0\0\0\1", "\1\1\0\0\0\0\0\1",
                                   "\1\0\0\0\xff\xff\xff\xff" };
    for (size_t i = 0; i < HG_COUNT(BAD); i++) {
        struct hg_frames f = { 0 };
        struct hg_err err = { 0 };
        assert_int_equal(hg_frames_feed(&f, BAD[i], 8, collect, NULL, &err), -1);
        assert_int_equal(err.kind, HG_E_DOCKER);
    }
}

/* ---- addresses ------------------------------------------------------------------------------------- */

static void expect_endpoint(const char *address, enum hg_endpoint_kind kind, const char *host,
                            const char *port, const char *path)
{
    struct hg_endpoint e = { 0 };
    struct hg_err err = { 0 };
    if (hg_endpoint_parse(address, "test", &e, &err) < 0)
        fail_msg("%s: %s", address, err.message);
    assert_int_equal(e.kind, kind);
    assert_true(hg_streq(e.host, host));
    assert_true(hg_streq(e.port, port));
    assert_true(hg_streq(e.path, path));
    hg_endpoint_done(&e);
}

static void addresses_are_read_as_docker_does(void **state)
{
    (void)state;
    expect_endpoint("unix:///run/x.sock", HG_ENDPOINT_UNIX, NULL, NULL, "/run/x.sock");
    expect_endpoint("tcp://10.0.0.1:99", HG_ENDPOINT_TCP, "10.0.0.1", "99", NULL);
    expect_endpoint("tcp://[::1]:99", HG_ENDPOINT_TCP, "::1", "99", NULL);
    expect_endpoint("tcp://engine", HG_ENDPOINT_TCP, "engine", "2375", NULL);
    expect_endpoint("engine:99", HG_ENDPOINT_TCP, "engine", "99", NULL);
    expect_endpoint("ssh://me@host:22/run/d.sock", HG_ENDPOINT_SSH, "me@host", "22",
                    "/run/d.sock");
    expect_endpoint("ssh://host", HG_ENDPOINT_SSH, "host", NULL, NULL);
}

static void bad_addresses_are_refused(void **state)
{
    (void)state;
    char *long_path = hg_xcalloc(1, 200);
    memset(long_path, 'x', 199);
    memcpy(long_path, "unix:///", 8);
    const char *const bad[] = { "npipe:////./pipe/x", "unix://relative", "ssh://-oProxyCommand=x", "ssh:///x", long_path };
    for (size_t i = 0; i < HG_COUNT(bad); i++) {
        struct hg_endpoint e = { 0 };
        struct hg_err err = { 0 };
        if (hg_endpoint_parse(bad[i], "test", &e, &err) != -1)
            fail_msg("taken for an address: %s", bad[i]);
    }
    free(long_path);
}

static void url_parts_are_encoded(void **state)
{
    (void)state;
    HG_AUTO(hg_freep) char *s = hg_url_encode("a/b c?d&e=%\xc3\xbc~");
    assert_string_equal(s, "a%2Fb%20c%3Fd%26e%3D%25%C3%BC~");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_is_read_when_complete),
        cmocka_unit_test(head_of_something_else_is_refused),
        cmocka_unit_test(endless_head_is_refused),
        cmocka_unit_test(chunks_are_joined_however_they_come),
        cmocka_unit_test(bad_chunks_are_refused),
        cmocka_unit_test(frames_are_taken_apart_however_they_come),
        cmocka_unit_test(bytes_that_are_no_frames_are_refused),
        cmocka_unit_test(addresses_are_read_as_docker_does),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(url_parts_are_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
