/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prose in a database of another encoding than UTF-8. Alembic writes only the revision's id into the database, so a
 * message, a path or a name with a character that the encoding lacks is in nobody's way but the record's: there it
 * stands with `?` for that character. Ids, rows and digests are never changed.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* The characters beyond ASCII, each once. */
static void distinct(const char *text, struct hg_strv *ret)
{
    for (size_t len; *text; text += len) {
        len = 1;
        while (((unsigned char)text[len] & 0xc0) == 0x80)
            len++;
        HG_AUTO(hg_freep) char *character = hg_xstrndup(text, len);
        if (len > 1 && !hg_strv_has(ret, character))
            hg_strv_add(ret, character);
    }
}

/* 1: the server takes it; 0: its encoding lacks a character of it. */
static int taken(const struct hg_pg_ask *ask, struct hg_err *err)
{
    if (ask->res)
        return 1;
    if (hg_streq(ask->err.sqlstate, "22P05"))
        return 0;
    *err = ask->err;
    return -1;
}

/* Each by itself; the conversion is the server's own, whose tables nobody else has. */
static int ask_each(PGconn *conn, const struct hg_strv *characters, int64_t deadline_ns, struct hg_strv *ret,
                    struct hg_err *err)
{
    size_t count = characters->count;
    struct hg_pg_ask *asks = hg_xcalloc(count, sizeof *asks);
    for (size_t i = 0; i < count; i++)
        asks[i] = (struct hg_pg_ask){ .sql = "select $1::text", .nparams = 1,
                                      .params = (const char *const *)&characters->items[i] };
    int rc = hg_pg_ask_each(conn, asks, count, deadline_ns, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        int is = taken(&asks[i], err);
        if (is == 0)
            hg_strv_add(ret, characters->items[i]);
        rc = is < 0 ? -1 : 0;
    }
    hg_pg_asks_done(asks, count);
    free(asks);
    return rc;
}

int hg_ledger_lacking(PGconn *conn, const char *text, int64_t deadline_ns, struct hg_strv *ret, struct hg_err *err)
{
    const char *encoding = PQparameterStatus(conn, "server_encoding");
    HG_AUTO(hg_strv_done) struct hg_strv characters = HG_STRV_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf valid = HG_BUF_INIT;
    if (hg_streq(encoding, "UTF8") || is_ascii(text))
        return 0;
    hg_json_escape(&valid, text, strlen(text)); /* as it goes into JSON: what is no UTF-8 replaced */
    distinct(hg_buf_str(&valid), &characters);
    HG_AUTO(hg_freep) char *all = hg_strv_join(&characters, "");
    const char *params[] = { all };
    struct hg_pg_ask ask = { .sql = "select $1::text", .nparams = 1, .params = params };
    int rc = hg_pg_ask_each(conn, &ask, 1, deadline_ns, err);
    if (rc == 0)
        rc = taken(&ask, err);
    hg_pg_asks_done(&ask, 1);
    return rc == 0 ? ask_each(conn, &characters, deadline_ns, ret, err) : rc < 0 ? -1 : 0;
}

char *hg_ledger_fitted(const char *text, const struct hg_strv *lacking)
{
    struct hg_buf b = HG_BUF_INIT;
    if (!text)
        return NULL;
    while (*text) {
        size_t i = 0;
        while (i < lacking->count && !hg_starts_with(text, lacking->items[i]))
            i++;
        hg_buf_addc(&b, i < lacking->count ? '?' : *text);
        text += i < lacking->count ? strlen(lacking->items[i]) : 1;
    }
    return hg_buf_take(&b);
}
