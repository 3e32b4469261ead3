/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from the other files, so that a program without digests does not load libcrypto. */
#define OPENSSL_SUPPRESS_DEPRECATED /* of the direct calls: EVP would wake all of OpenSSL up, 2 ms */
#include "base.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>
#include <unistd.h>

/* The digest of two pieces, one after the other. */
static void digest_of(const void *first, size_t first_len, const void *second, size_t second_len,
                      unsigned char out[SHA256_DIGEST_LENGTH])
{
    SHA256_CTX ctx;
    if (!SHA256_Init(&ctx) || !SHA256_Update(&ctx, first, first_len) ||
        !SHA256_Update(&ctx, second, second_len) || !SHA256_Final(out, &ctx))
        HG_BUG("SHA-256 is not available in libcrypto");
    explicit_bzero(&ctx, sizeof ctx);
}

const char *hg_sha256(const void *data, size_t len, char out[HG_SHA256_SIZE])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    digest_of(data, len, "", 0, digest);
    return hg_hex(digest, SHA256_DIGEST_LENGTH, out);
}

int hg_sha256_fd(const void *data, size_t len, int fd, size_t more, char out[HG_SHA256_SIZE])
{
    unsigned char digest[SHA256_DIGEST_LENGTH], piece[65536];
    SHA256_CTX ctx;
    bool good = SHA256_Init(&ctx) && SHA256_Update(&ctx, data, len);
    while (good && more) {
        ssize_t n = read(fd, piece, more < sizeof piece ? more : sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n < 0 ? errno : 0;
            return -1;
        }
        good = SHA256_Update(&ctx, piece, (size_t)n);
        more -= (size_t)n;
    }
    if (!good || !SHA256_Final(digest, &ctx))
        HG_BUG("SHA-256 is not available in libcrypto");
    (void)hg_hex(digest, SHA256_DIGEST_LENGTH, out);
    return 0;
}

const char *hg_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                           char out[HG_SHA256_SIZE])
{
    unsigned char block[SHA256_CBLOCK] = { 0 }, digest[SHA256_DIGEST_LENGTH];
    if (key_len > sizeof block)
        digest_of(key, key_len, "", 0, block);
    else
        memcpy(block, key, key_len);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36; /* ipad and opad of RFC 2104 */
    digest_of(block, sizeof block, data, len, digest);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    digest_of(block, sizeof block, digest, sizeof digest, digest);
    explicit_bzero(block, sizeof block);
    return hg_hex(digest, SHA256_DIGEST_LENGTH, out);
}
