/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of pkg/bundle share among themselves. */
#ifndef HG_BUNDLE_INTERNAL_H
#define HG_BUNDLE_INTERNAL_H

#include "bundle.h"

#define HG_BUNDLE_SCHEMA "headgate.bundle/1"
#define HG_BUNDLE_MANIFEST_MAX ((size_t)1 << 20)

/* ---- tar.c: the one form of archive ----------------------------------------------------------- */

enum { HG_TAR_BLOCK = 512, HG_BUNDLE_NAME = 80 };

/* Header and content, filled up with zero bytes to whole blocks. */
void hg_bundle_tar_add(struct hg_buf *to, const char *name, const void *data, size_t len);
/* Behind the last member. */
void hg_bundle_tar_end(struct hg_buf *to);
/* How many bytes digest member and end take. */
size_t hg_bundle_tar_tail(void);

struct hg_bundle_tar {
    const char *shown;      /* names the archive in messages */
    char *data;
    size_t len, at;
    size_t from;            /* where in the archive data begins */
};
/* How many bytes the member takes that has this header (a block), which nobody has looked at yet. */
size_t hg_bundle_tar_span(const char *header);
/* The next member must have this name. */
int hg_bundle_tar_next(struct hg_bundle_tar *t, const char *name, size_t max, char **ret,
                       size_t *ret_len, struct hg_err *err);
/* Nothing may follow. */
int hg_bundle_tar_finish(struct hg_bundle_tar *t, struct hg_err *err);

/* ---- read.c ----------------------------------------------------------------------------------- */

/* -1 of a file that could not be opened, with what to do about it when it is not there. */
int hg_bundle_missing(const char *path, struct hg_err *err);
/* The same of one that is no bundle, or no whole one. */
int hg_bundle_damaged(struct hg_err *err);
/* The digest's member and the end: the last hg_bundle_tar_tail() bytes of `size`, of which *last has no less. */
int hg_bundle_digest_said(struct hg_bundle_tar *last, size_t size, const char **ret, struct hg_err *err);
int hg_bundle_digest_fits(const char *shown, const char *said, const char *digest, struct hg_err *err);

/* ---- index.c: the member `revisions` -------------------------------------------------------------- */

#define HG_BUNDLE_INDEX_HEAD                                                                       \
    "id\tdown_revisions\tdepends_on\tbranch_labels\tmessage\tpath\tids\tup\tup_code\tup_reason"    \
    "\tup_chunks\tup_verified\tdown\tdown_code\tdown_reason\tdown_chunks\tdown_verified\n"

/* A line. */
void hg_bundle_index_add(struct hg_buf *to, const struct hg_bundle_revision *r);
/* All of it into b->revisions; count of a script is what the line says. */
int hg_bundle_index_parse(struct hg_bundle *b, const char *text, size_t len, const char *shown,
                          struct hg_err *err);
/* "00001-3f2a9c1d7e40/NAME": only letters, digits, '_' and '-' of the id are used. */
void hg_bundle_member(const struct hg_bundle *b, size_t index, const char *name,
                      char out[HG_BUNDLE_NAME]);

/* ---- chunks.c: up.sql and down.sql ------------------------------------------------------------------ */

void hg_bundle_chunks_add(struct hg_buf *to, const struct hg_bundle_script *s);
/* s->count chunks; puts a NUL behind each. */
int hg_bundle_chunks_parse(struct hg_bundle_script *s, char *data, size_t len, const char *member,
                           const char *shown, struct hg_err *err);

/* ---- manifest.c ---------------------------------------------------------------------------------------- */

/* Heap text, with a line's end. */
char *hg_bundle_manifest(const struct hg_bundle *b);
int hg_bundle_manifest_parse(struct hg_bundle *b, const char *text, size_t len, const char *shown,
                             struct hg_err *err);
json_t *hg_bundle_head_json(const struct hg_bundle *b);

#endif
