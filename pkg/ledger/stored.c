/* SPDX-License-Identifier: Apache-2.0 */
/* The files that the ledger keeps, and what vouches for them. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "gen/ledger_embed.h"

#define FILE_MAX ((size_t)64 << 20) /* of text that somebody wrote */

static void add_part(struct hg_buf *b, const char *text)
{
    hg_buf_addf(b, "%zu:%s,", strlen(text), text);
}

const char *hg_ledger_hmac(const char *key, const char *revision, const struct hg_strv *down,
                           const char *digest, char out[HG_SHA256_SIZE])
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    add_part(&b, "headgate ledger file 1");
    add_part(&b, revision);
    hg_buf_addf(&b, "%zu;", down->count);
    for (size_t i = 0; i < down->count; i++)
        add_part(&b, down->items[i]);
    add_part(&b, digest);
    return hg_hmac_sha256(key, strlen(key), hg_buf_str(&b), b.len, out);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

static void add_bytes(struct hg_buf *b, const char *hex)
{
    for (; hex && hex[0] && hex[1]; hex += 2)
        hg_buf_addc(b, (char)(hex_digit(hex[0]) << 4 | hex_digit(hex[1])));
}

int hg_ledger_file(PGconn *conn, const char *version_table, const char *revision, int64_t deadline_ns,
                   struct hg_ledger_file *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_clearp) PGresult *res = NULL;
    const char *params[] = { version_table, revision };
    int rc = hg_ledger_view(conn, "headgate.step", hg_sql_ledger_file, HG_COUNT(params), params,
                            deadline_ns, &res, err);
    struct hg_ledger_file f = { .bytes = HG_BUF_INIT };
    if (rc < 0)
        return -1;
    if (rc > 0 && PQntuples(res) > 0) {
        const char *hex = hg_pg_get(res, 0, 6);
        if (hex && strlen(hex) / 2 > FILE_MAX)
            return hg_fail(err, HG_E_INTEGRITY, "the ledger's file of revision %s is larger than %zu MB",
                           revision, FILE_MAX >> 20);
        f.found = true;
        char **columns[] = { &f.revision, NULL, &f.path, &f.digest, &f.hmac, &f.commit,
                             NULL, NULL, &f.by, &f.finished_at };
        for (size_t i = 0; i < HG_COUNT(columns); i++)
            if (columns[i])
                *columns[i] = hg_xstrdup(hg_pg_get(res, 0, (int)i));
        hg_ledger_list(hg_pg_get(res, 0, 1), &f.down);
        hg_ledger_list(hg_pg_get(res, 0, 7), &f.depends_on);
        add_bytes(&f.bytes, hex);
    }
    *ret = f;
    return 0;
}

void hg_ledger_file_done(struct hg_ledger_file *f)
{
    char **owned[] = { &f->revision, &f->path, &f->digest, &f->hmac, &f->commit, &f->by,
                       &f->finished_at };
    for (size_t i = 0; i < HG_COUNT(owned); i++)
        hg_freep(owned[i]);
    hg_strv_done(&f->down);
    hg_strv_done(&f->depends_on);
    hg_buf_done(&f->bytes);
}
