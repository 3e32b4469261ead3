/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hashes of libpq's authentication by OpenSSL's own SHA-256 and MD5, called directly: going through
 * EVP means waking OpenSSL up (configuration, providers, random numbers: 2 ms), and its HMAC prepares the
 * same password anew in each of SCRAM's 4,096 rounds (3 ms; here the prepared state is kept: 0.5 ms).
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* of the direct calls, which every OpenSSL since has */
#include "libpq.h"

#include "base/base.h"

#include <openssl/md5.h>
#include <openssl/sha.h>
#include <sys/random.h>

/* ---- plain hashes --------------------------------------------------------------------------- */

struct hg_libpq_digest {
    enum hg_libpq_hash type;
    SHA256_CTX sha256;
    MD5_CTX md5;
};

struct hg_libpq_digest *pg_cryptohash_create(enum hg_libpq_hash type)
{
    if (type != HG_LIBPQ_MD5 && type != HG_LIBPQ_SHA256)
        return NULL;
    struct hg_libpq_digest *ctx = calloc(1, sizeof *ctx);
    if (ctx)
        ctx->type = type;
    return ctx;
}

int pg_cryptohash_init(struct hg_libpq_digest *ctx)
{
    bool done = ctx->type == HG_LIBPQ_MD5 ? MD5_Init(&ctx->md5) : SHA256_Init(&ctx->sha256);
    return done ? 0 : -1;
}

int pg_cryptohash_update(struct hg_libpq_digest *ctx, const uint8_t *data, size_t len)
{
    bool done = ctx->type == HG_LIBPQ_MD5 ? MD5_Update(&ctx->md5, data, len)
                                          : SHA256_Update(&ctx->sha256, data, len);
    return done ? 0 : -1;
}

int pg_cryptohash_final(struct hg_libpq_digest *ctx, uint8_t *dest, size_t len)
{
    bool md5 = ctx->type == HG_LIBPQ_MD5;
    if (len < (md5 ? MD5_DIGEST_LENGTH : SHA256_DIGEST_LENGTH))
        return -1;
    bool done = md5 ? MD5_Final(dest, &ctx->md5) : SHA256_Final(dest, &ctx->sha256);
    return done ? 0 : -1;
}

void pg_cryptohash_free(struct hg_libpq_digest *ctx)
{
    if (ctx)
        explicit_bzero(ctx, sizeof *ctx);
    free(ctx);
}

const char *pg_cryptohash_error(struct hg_libpq_digest *ctx)
{
    return ctx ? "success" : "out of memory";
}

/* ---- HMAC-SHA-256 (RFC 2104) ------------------------------------------------------------------ */

struct hg_libpq_hmac {
    uint8_t key[SHA256_CBLOCK];        /* padded with zeros */
    SHA256_CTX inner, outer;           /* after the block that the key makes */
    SHA256_CTX now;
    bool prepared;
};

struct hg_libpq_hmac *pg_hmac_create(enum hg_libpq_hash type)
{
    return type == HG_LIBPQ_SHA256 ? calloc(1, sizeof(struct hg_libpq_hmac)) : NULL;
}

static void prepare(SHA256_CTX *half, const uint8_t *key, uint8_t pad)
{
    uint8_t block[SHA256_CBLOCK];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = key[i] ^ pad;
    (void)SHA256_Init(half);
    (void)SHA256_Update(half, block, sizeof block);
    explicit_bzero(block, sizeof block);
}

int pg_hmac_init(struct hg_libpq_hmac *ctx, const uint8_t *key, size_t len)
{
    uint8_t padded[SHA256_CBLOCK] = { 0 };
    if (len <= sizeof padded) {
        memcpy(padded, key, len);
    } else {
        (void)SHA256_Init(&ctx->now);
        (void)SHA256_Update(&ctx->now, key, len);
        (void)SHA256_Final(padded, &ctx->now);
    }
    if (!ctx->prepared || memcmp(padded, ctx->key, sizeof padded) != 0) {
        memcpy(ctx->key, padded, sizeof padded);
        prepare(&ctx->inner, padded, 0x36);
        prepare(&ctx->outer, padded, 0x5c);
        ctx->prepared = true;
    }
    explicit_bzero(padded, sizeof padded);
    ctx->now = ctx->inner;
    return 0;
}

int pg_hmac_update(struct hg_libpq_hmac *ctx, const uint8_t *data, size_t len)
{
    return SHA256_Update(&ctx->now, data, len) ? 0 : -1;
}

int pg_hmac_final(struct hg_libpq_hmac *ctx, uint8_t *dest, size_t len)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    if (len < sizeof digest)
        return -1;
    (void)SHA256_Final(digest, &ctx->now);
    ctx->now = ctx->outer;
    (void)SHA256_Update(&ctx->now, digest, sizeof digest);
    (void)SHA256_Final(dest, &ctx->now);
    explicit_bzero(digest, sizeof digest);
    return 0;
}

void pg_hmac_free(struct hg_libpq_hmac *ctx)
{
    if (ctx)
        explicit_bzero(ctx, sizeof *ctx);
    free(ctx);
}

const char *pg_hmac_error(struct hg_libpq_hmac *ctx)
{
    return ctx ? "success" : "out of memory";
}

/* ---- the nonce ---------------------------------------------------------------------------------- */

bool pg_strong_random(void *buf, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = getrandom((char *)buf + done, len - done, 0);
        if (n < 0)
            return false;
        done += (size_t)n;
    }
    return true;
}
