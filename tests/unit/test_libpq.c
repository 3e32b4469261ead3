/* SPDX-License-Identifier: Apache-2.0 */
/* The hashes that libpq gets from us, by the vectors of their standards. */
#include "base/base.h"
#include "libpq/libpq.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect_hex(const uint8_t *bytes, size_t len, const char *expected)
{
    char hex[65];
    for (size_t i = 0; i < len; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    assert_string_equal(hex, expected);
}

static void expect_hmac(const void *key, size_t key_len, const char *data, const char *expected)
{
    uint8_t mac[32];
    struct hg_libpq_hmac *ctx = pg_hmac_create(HG_LIBPQ_SHA256);
    assert_non_null(ctx);
    for (int round = 0; round < 2; round++) { /* the second one by the state that was kept */
        assert_int_equal(pg_hmac_init(ctx, key, key_len), 0);
        assert_int_equal(pg_hmac_update(ctx, (const uint8_t *)data, strlen(data)), 0);
        assert_int_equal(pg_hmac_final(ctx, mac, sizeof mac), 0);
        expect_hex(mac, sizeof mac, expected);
    }
    assert_int_equal(pg_hmac_init(ctx, (const uint8_t *)"another", 7), 0);
    assert_int_equal(pg_hmac_init(ctx, key, key_len), 0);
    assert_int_equal(pg_hmac_update(ctx, (const uint8_t *)data, 1), 0);
    assert_int_equal(pg_hmac_update(ctx, (const uint8_t *)data + 1, strlen(data) - 1), 0);
    assert_int_equal(pg_hmac_final(ctx, mac, 31), -1);
    assert_int_equal(pg_hmac_final(ctx, mac, sizeof mac), 0);
    expect_hex(mac, sizeof mac, expected);
    pg_hmac_free(ctx);
}

/* RFC 4231, cases 2, 6 and 1. */
static void hmac_sha256(void **state)
{
    (void)state;
    uint8_t key[131];
    expect_hmac("Jefe", 4, "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    expect_hmac(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    memset(key, 0x0b, 20);
    expect_hmac(key, 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_null(pg_hmac_create(HG_LIBPQ_MD5));
}

static void expect_hash(enum hg_libpq_hash type, size_t len, const char *expected)
{
    uint8_t hash[32];
    struct hg_libpq_digest *ctx = pg_cryptohash_create(type);
    assert_non_null(ctx);
    assert_int_equal(pg_cryptohash_init(ctx), 0);
    assert_int_equal(pg_cryptohash_update(ctx, (const uint8_t *)"a", 1), 0);
    assert_int_equal(pg_cryptohash_update(ctx, (const uint8_t *)"bc", 2), 0);
    assert_int_equal(pg_cryptohash_final(ctx, hash, len - 1), -1);
    assert_int_equal(pg_cryptohash_final(ctx, hash, len), 0);
    expect_hex(hash, len, expected);
    pg_cryptohash_free(ctx);
}

static void plain_hashes(void **state)
{
    (void)state;
    expect_hash(HG_LIBPQ_MD5, 16, "900150983cd24fb0d6963f7d28e17f72");
    expect_hash(HG_LIBPQ_SHA256, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_null(pg_cryptohash_create((enum hg_libpq_hash)1)); /* SHA-1, which libpq does not use */
}

static void random_bytes_differ(void **state)
{
    (void)state;
    uint8_t a[64] = { 0 }, b[64] = { 0 }, none[64] = { 0 };
    assert_true(pg_strong_random(a, sizeof a));
    assert_true(pg_strong_random(b, sizeof b));
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + 32, none, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_sha256),
        cmocka_unit_test(plain_hashes),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
