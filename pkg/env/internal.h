/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/env/internal.h - what the files of this package share. */
#ifndef HG_ENV_INTERNAL_H
#define HG_ENV_INTERNAL_H

#include "env.h"

/* The password as written in a URL ("scheme://user:HERE@host"), or NULL. Points into url. */
const char *hg_url_password(const char *url, size_t *ret_len);
/* Calls add for every secret that the form of a value gives away: the password of each URL in it, and a token
 * that stands there as the user; what "password=" and its like say in a libpq conninfo, a connection string
 * or a query, unquoted. Where it is not sure how far one goes, for each length. */
typedef void (*hg_secret_add)(void *context, const char *secret, size_t len);
void hg_value_secrets(const char *value, hg_secret_add add, void *context);

/* Pattern variants of one secret (variants.c): calls add() for each. */
typedef void (*hg_variant_add)(void *context, const char *data, size_t len);
void hg_variants_each(const char *secret, size_t len, hg_variant_add add, void *context);
/* One of them into a mask, as it is (mask.c): what of a value that is, mask_add.c decides. */
void hg_mask_add_bytes(void *mask, const char *data, size_t len);

/* ---- dotenv ---------------------------------------------------------------------------------- */

struct hg_dotenv {
    const char *at, *end;      /* what is left */
    const char *counted;       /* up to here lines were counted */
    size_t line;
    const char *shown;
    const struct hg_vars *lookup;
    struct hg_vars *into;
    struct hg_vars file;       /* what this file defined so far */
    struct hg_strv nulls;      /* python-dotenv: names whose last line has no "=" */
    struct hg_dotenv_notes *dropped; /* or NULL */
    struct hg_err *err;
};
/* The line of a place at or after those asked for before. */
size_t hg_dotenv_line(struct hg_dotenv *d, const char *place);
/* The line feed at or behind p, or end. */
const char *hg_dotenv_line_end(const char *p, const char *end);
int hg_dotenv_fail(struct hg_dotenv *d, size_t line, const char *reason);
int hg_dotenv_set(struct hg_dotenv *d, size_t line, const char *name, const char *value);
const char *hg_dotenv_get(const struct hg_dotenv *d, const char *name);
/* Bytes of the blank beyond ASCII at p (Unicode's White_Space), or 0. */
size_t hg_dotenv_wide_blank(const char *p, const char *end);
/* The tool says nothing about this line and goes on without it. */
void hg_dotenv_drop(struct hg_dotenv *d, size_t line, const char *name, const char *reason);
void hg_dotenv_note(struct hg_dotenv_notes *n, size_t line, const char *name, const char *text);

int hg_dotenv_python(struct hg_dotenv *d);
int hg_dotenv_compose(struct hg_dotenv *d);
int hg_dotenv_docker(struct hg_dotenv *d);
int hg_dotenv_node(struct hg_dotenv *d);
/* Compose's template language in one value. */
int hg_dotenv_template(struct hg_dotenv *d, size_t line, const char *text, size_t len,
                       unsigned depth, struct hg_buf *ret);

#endif
