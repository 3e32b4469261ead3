/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/libpq/libpq.h - what a libpq that is linked into our programs needs from elsewhere: hashes for
 * SCRAM, and TLS, Kerberos and LDAP loaded when a connection really uses them.
 *
 * Nobody calls these; libpq.a does, where scripts/static-libpq found one (else libpq is the shared
 * library, and nothing of this package gets into a program). Why: loading the shared libpq means loading
 * and relocating 24 libraries, and OpenSSL 3 needs 4 ms to wake up and to make the 4,096 rounds of one
 * SCRAM proof. A connection over loopback or a private network took 14 ms so, and takes 6 with this.
 *
 * The signatures are those of PostgreSQL's src/include/common/{hmac,cryptohash}.h and src/include/port.h,
 * the same from 14 to 18.
 */
#ifndef HG_LIBPQ_LIBPQ_H
#define HG_LIBPQ_LIBPQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* PostgreSQL's pg_cryptohash_type, of which libpq uses these two. */
enum hg_libpq_hash { HG_LIBPQ_MD5 = 0, HG_LIBPQ_SHA256 = 3 };

struct hg_libpq_digest;
struct hg_libpq_digest *pg_cryptohash_create(enum hg_libpq_hash type); /* NULL: no memory, no such hash */
int pg_cryptohash_init(struct hg_libpq_digest *ctx);
int pg_cryptohash_update(struct hg_libpq_digest *ctx, const uint8_t *data, size_t len);
int pg_cryptohash_final(struct hg_libpq_digest *ctx, uint8_t *dest, size_t len);
void pg_cryptohash_free(struct hg_libpq_digest *ctx);
const char *pg_cryptohash_error(struct hg_libpq_digest *ctx);

struct hg_libpq_hmac;
struct hg_libpq_hmac *pg_hmac_create(enum hg_libpq_hash type); /* NULL: no memory, or not SHA-256 */
int pg_hmac_init(struct hg_libpq_hmac *ctx, const uint8_t *key, size_t len);
int pg_hmac_update(struct hg_libpq_hmac *ctx, const uint8_t *data, size_t len);
int pg_hmac_final(struct hg_libpq_hmac *ctx, uint8_t *dest, size_t len);
void pg_hmac_free(struct hg_libpq_hmac *ctx);
const char *pg_hmac_error(struct hg_libpq_hmac *ctx);

bool pg_strong_random(void *buf, size_t len);

#endif
