/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from the other files, so that a program without digests does not load libcrypto. */
#include "base.h"

#include <openssl/evp.h>

static const char *hex(const unsigned char *digest, char out[HG_SHA256_SIZE])
{
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned)digest[i]);
    return out;
}

const char *hg_sha256(const void *data, size_t len, char out[HG_SHA256_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (!EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL))
        HG_BUG("SHA-256 is not available in libcrypto");
    return hex(digest, out);
}
