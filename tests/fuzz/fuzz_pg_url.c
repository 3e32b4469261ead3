/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a database URL. What is read must come back from libpq when it reads our conninfo,
 * and from our own reader after the host and port were replaced, with everything else as it was.
 */
#include "pg/pg.h"

#define HOST "203.0.113.7"
#define PORT "6543"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static void expect(const PQconninfoOption *options, const char *keyword, const char *value)
{
    for (const PQconninfoOption *o = options; o->keyword; o++)
        if (strcmp(o->keyword, keyword) == 0 && strcmp(or_empty(o->val), or_empty(value)) != 0)
            HG_BUG("libpq reads something else");
}

static void check_conninfo(const struct hg_pg_url *u)
{
    char *conninfo = hg_pg_url_conninfo(u), *why = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &why);
    if (options) {
        expect(options, "host", u->host);
        expect(options, "hostaddr", u->hostaddr);
        expect(options, "port", u->port);
        expect(options, "dbname", u->database);
        expect(options, "user", u->user);
        expect(options, "password", u->password);
        PQconninfoFree(options);
    } else if (!why || !strstr(why, "invalid connection option")) {
        HG_BUG("libpq cannot read the conninfo");
    }
    PQfreemem(why);
    free(conninfo);
}

static void check_rewritten(const char *text, const struct hg_pg_url *before)
{
    char *other = hg_pg_url_rewrite(text, HOST, PORT);
    struct hg_pg_url u = { 0 };
    struct hg_err err = { 0 };
    if (hg_pg_url_parse(other, &u, &err) < 0)
        HG_BUG("a rewritten URL is none");
    if (!hg_streq(or_empty(u.host), HOST) || !hg_streq(or_empty(u.port), PORT) || u.hostaddr)
        HG_BUG("it leads elsewhere");
    if (!hg_streq(or_empty(u.user), or_empty(before->user)) ||
        !hg_streq(or_empty(u.password), or_empty(before->password)) ||
        !hg_streq(or_empty(u.database), or_empty(before->database)) ||
        u.params.count != before->params.count)
        HG_BUG("more than the address changed");
    hg_pg_url_done(&u);
    free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = hg_xstrndup((const char *)data, size);
    struct hg_pg_url u = { 0 };
    struct hg_err err = { 0 };
    if (hg_pg_url_parse(text, &u, &err) == 0) {
        check_conninfo(&u);
        check_rewritten(text, &u);
        char *shown = hg_pg_url_shown(&u);
        for (const char *p = shown; *p; p++)
            if ((unsigned char)*p < 0x20 || *p == 0x7f)
                HG_BUG("not for people");
        free(shown);
        hg_pg_url_done(&u);
    } else if (err.kind != HG_E_CONFIG || !*err.message) {
        HG_BUG("no reason given");
    }
    hg_err_clear(&err);
    char *same = hg_pg_url_rewrite(text, NULL, PORT);
    free(same);
    free(text);
    return 0;
}
