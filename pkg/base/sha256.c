/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from the other files, so that a program without digests does not load libcrypto. */
#define OPENSSL_SUPPRESS_DEPRECATED /* of the direct calls: EVP would wake all of OpenSSL up, 2 ms */
#include "base.h"

#include <openssl/sha.h>

static const char *hex(const unsigned char *digest, char out[HG_SHA256_SIZE])
{
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned)digest[i]);
    return out;
}

const char *hg_sha256(const void *data, size_t len, char out[HG_SHA256_SIZE])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX ctx;
    if (!SHA256_Init(&ctx) || !SHA256_Update(&ctx, data, len) || !SHA256_Final(digest, &ctx))
        HG_BUG("SHA-256 is not available in libcrypto");
    return hex(digest, out);
}
