/* SPDX-License-Identifier: Apache-2.0 */
/* Database URLs: every spelling, what libpq gets, what people see, and rewriting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pg/pg.h"

static const struct {
    const char *url, *conninfo, *shown;
} CASES[] = {
    { "postgresql://u:p@h:5433/db", "host='h' port='5433' dbname='db' user='u' password='p'",
      "postgresql://u@h:5433/db" },
    { "postgres://u:p@h/db", "host='h' dbname='db' user='u' password='p'", "postgresql://u@h/db" },
    { "postgresql+psycopg://u:p@h/db", "host='h' dbname='db' user='u' password='p'",
      "postgresql://u@h/db" },
    { "postgresql+psycopg2://h", "host='h'", "postgresql://h" },
    { "postgresql+asyncpg://u@h/db?ssl=require", "host='h' dbname='db' user='u' sslmode='require'",
      "postgresql://u@h/db" },
    { "postgresql+asyncpg://u@h/db?ssl=verify-full",
      "host='h' dbname='db' user='u' sslmode='verify-full'", "postgresql://u@h/db" },
    { "postgresql+asyncpg://u@h/db?ssl=true&prepared_statement_cache_size=0",
      "host='h' dbname='db' user='u' sslmode='require'", "postgresql://u@h/db" },
    { "postgres://u@h/db?ssl=false", "host='h' dbname='db' user='u' sslmode='disable'",
      "postgresql://u@h/db" },
    { "postgres://u@h/db?ssl=true&sslmode=verify-ca",
      "host='h' dbname='db' user='u' sslmode='verify-ca'", "postgresql://u@h/db" },
    { "postgresql+pg8000://u:p@h:1/db", "host='h' port='1' dbname='db' user='u' password='p'",
      "postgresql://u@h:1/db" },
    { "postgresql+pg8000://u@/db?unix_sock=/run/pg/.s.PGSQL.5433",
      "host='/run/pg' port='5433' dbname='db' user='u'", "postgresql://u@/run/pg:5433/db" },
    { "postgresql://", "", "postgresql://" },
    { "postgresql:///db", "dbname='db'", "postgresql:///db" },
    { "postgresql://u@/db?host=/var/run/postgresql&port=5433",
      "host='/var/run/postgresql' port='5433' dbname='db' user='u'",
      "postgresql://u@/var/run/postgresql:5433/db" },
    { "postgresql://u@%2Ftmp%2Fsock:5433/db", "host='/tmp/sock' port='5433' dbname='db' user='u'",
      "postgresql://u@/tmp/sock:5433/db" },
    { "postgresql://u@[2001:db8::1]:5433/db",
      "host='2001:db8::1' port='5433' dbname='db' user='u'", "postgresql://u@[2001:db8::1]:5433/db" },
    { "postgresql://[::1]/db", "host='::1' dbname='db'", "postgresql://[::1]/db" },
    { "postgresql://u@h1:1,h2:2/db", "host='h1,h2' port='1,2' dbname='db' user='u'",
      "postgresql://u@h1:1,h2:2/db" },
    { "postgresql://h1,h2/db", "host='h1,h2' dbname='db'", "postgresql://h1,h2/db" },
    { "postgresql+psycopg://u@/db?host=h1:1&host=h2:2",
      "host='h1,h2' port='1,2' dbname='db' user='u'", "postgresql://u@h1:1,h2:2/db" },
    { "postgresql+psycopg://u@/db?host=h1&host=h2&port=1&port=2",
      "host='h1,h2' port='1,2' dbname='db' user='u'", "postgresql://u@h1:1,h2:2/db" },
    { "postgresql+psycopg://u@/db?host=h1,h2&port=5,6",
      "host='h1,h2' port='5,6' dbname='db' user='u'", "postgresql://u@h1:5,h2:6/db" },
    { "postgresql://u:a%40b%2Fc%3A%25@h/d%20b", "host='h' dbname='d b' user='u' password='a@b/c:%'",
      "postgresql://u@h/d b" },
    { "postgresql://u%2Bx:a+b@h/db", "host='h' dbname='db' user='u+x' password='a+b'",
      "postgresql://u+x@h/db" },
    { "postgresql+psycopg://u:a+b@h/db", "host='h' dbname='db' user='u' password='a+b'",
      "postgresql://u@h/db" },
    /* A password with a raw '/' is SQLAlchemy's to accept, and so ours. */
    { "postgresql+psycopg://u:pa/ss@h/db", "host='h' dbname='db' user='u' password='pa/ss'",
      "postgresql://u@h/db" },
    { "postgresql://u:p?x#y@h/db", "host='h' dbname='db' user='u' password='p?x#y'",
      "postgresql://u@h/db" },
    { "postgresql://u:it's\\@h/db", "host='h' dbname='db' user='u' password='it\\'s\\\\'",
      "postgresql://u@h/db" },
    { "postgresql://u:a%zz@h/db", "host='h' dbname='db' user='u' password='a%zz'",
      "postgresql://u@h/db" },
    { "postgresql://h/db?options=-c%20lock_timeout%3D3s",
      "host='h' dbname='db' options='-c lock_timeout=3s'", "postgresql://h/db" },
    { "postgresql://h/db?options=-c+lock_timeout%3D3s",
      "host='h' dbname='db' options='-c+lock_timeout=3s'", "postgresql://h/db" },
    { "postgresql+psycopg://h/db?options=-c+lock_timeout%3D3s",
      "host='h' dbname='db' options='-c lock_timeout=3s'", "postgresql://h/db" },
    { "postgresql://h/db?pgbouncer=true&schema=public&connection_limit=1&pool_timeout=5&sslmode=require",
      "host='h' dbname='db' sslmode='require'", "postgresql://h/db" },
    { "postgresql://h/db?sslmod=require", "host='h' dbname='db' sslmod='require'",
      "postgresql://h/db" },
    { "postgresql://h/db?target_session_attrs=read-write&application_name=x&async_fallback=true",
      "host='h' dbname='db' target_session_attrs='read-write'", "postgresql://h/db" },
    { "postgresql:///?user=u&password=p&dbname=d&host=h&port=7&hostaddr=127.0.0.1",
      "host='h' hostaddr='127.0.0.1' port='7' dbname='d' user='u' password='p'",
      "postgresql://u@h:7/d" },
    { "postgresql://u@h:1/db?port=2", "host='h' port='2' dbname='db' user='u'",
      "postgresql://u@h:2/db" },
    { "postgresql:///?service=prod", "service='prod'", "postgresql://" },
    { "postgresql://:5433/db", "port='5433' dbname='db'", "postgresql://:5433/db" },
};

static void test_spellings(void **state)
{
    (void)state;
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        struct hg_err err = { 0 };
        HG_AUTO(hg_pg_url_done) struct hg_pg_url u = { 0 };
        if (hg_pg_url_parse(CASES[i].url, &u, &err) < 0)
            fail_msg("%s: %s", CASES[i].url, err.message);
        HG_AUTO(hg_freep) char *conninfo = hg_pg_url_conninfo(&u);
        HG_AUTO(hg_freep) char *shown = hg_pg_url_shown(&u);
        assert_string_equal(conninfo, CASES[i].conninfo);
        assert_string_equal(shown, CASES[i].shown);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "", "postgresql", "mysql+pymysql://u:hunter22@h/db", "sqlite:///x", "hunter22",
        "host=h password=hunter22", "postgresqlx://u:hunter22@h/db", "postgresql+://h/db",
        "postgresql://u:hunt@er22@h/db", "postgresql://u:hu@nter/hunter22@h/db",
        "postgresql://h:hunter22/db", "postgresql://h:0/db", "postgresql://h:70000/db",
        "postgresql://[::1/db", "postgresql://[::1]x/db", "postgresql://u:hunter22%00@h/db",
        "postgresql://u:hunter22@h/db\n", "postgresql://h/db?port=x",
    };
    for (size_t i = 0; i < HG_COUNT(BAD); i++) {
        struct hg_err err = { 0 };
        struct hg_pg_url u = { 0 };
        if (hg_pg_url_parse(BAD[i], &u, &err) == 0)
            fail_msg("accepted %s", BAD[i]);
        assert_int_equal(err.kind, HG_E_CONFIG);
        assert_null(strstr(err.message, "hunt"));
        assert_null(strstr(err.message, "er22"));
        assert_null(strstr(err.detail, "er22"));
        assert_null(u.scheme);
    }
}

static void test_long(void **state)
{
    (void)state;
    struct hg_err err = { 0 };
    struct hg_pg_url u = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    hg_buf_adds(&b, "postgresql://h/");
    for (int i = 0; i < 70000; i++)
        hg_buf_addc(&b, 'x');
    assert_int_equal(hg_pg_url_parse(hg_buf_str(&b), &u, &err), -1);
}

static const struct {
    const char *url, *host, *port, *expected;
} REWRITES[] = {
    { "postgresql+asyncpg://u:p%40w@pg.railway.internal:5432/railway?ssl=require", "proxy.rlwy.net",
      "15140", "postgresql+asyncpg://u:p%40w@proxy.rlwy.net:15140/railway?ssl=require" },
    { "postgres://u:p@h/db", "x", "1", "postgres://u:p@x:1/db" },
    { "postgres://u:p@h:5/db", "x", NULL, "postgres://u:p@x/db" },
    { "postgres://u:p@h:5/db", NULL, "6", "postgres://u:p@h:6/db" },
    { "postgres://u:p@[::1]:5/db", NULL, "6", "postgres://u:p@[::1]:6/db" },
    { "postgres://u:p@h:5/db", "::1", "6", "postgres://u:p@[::1]:6/db" },
    { "postgres://h1:1,h2:2/db?a=b", "x", "1", "postgres://x:1/db?a=b" },
    { "postgres://u@/db?host=h1:1&host=h2:2&x=y", "n", "3", "postgres://u@/db?host=n:3&x=y" },
    { "postgres://u@/db?host=h1&port=1&x=y", "n", "3", "postgres://u@/db?host=n&port=3&x=y" },
    { "postgres://u@h/db?hostaddr=10.0.0.1&x=y", "n", "3", "postgres://u@n:3/db?x=y" },
    { "postgres://u@/db?h%6Fst=h1&%70ort=1&x=y", "n", "3", "postgres://u@/db?host=n&port=3&x=y" },
    { "postgres://u@h/db?hostadd%72=10.0.0.1", "n", "3", "postgres://u@n:3/db" },
    { "postgresql+pg8000://u@/db?unix_sock=/s/.s.PGSQL.1", "n", "3", "postgresql+pg8000://u@n:3/db" },
    { "postgres://h?a/b=c@d", "n", "3", "postgres://n:3?a/b=c%40d" },
    { "postgres://u@h/db?a=c@d", "n", "3", "postgres://u@n:3/db?a=c@d" },
    { "postgres://u@h", "n", "3", "postgres://u@n:3" },
    { "postgres://u@h?sslmode=require", "n", "3", "postgres://u@n:3?sslmode=require" },
    { "postgres://u@h/db", "/tmp/s", NULL, "postgres://u@%2Ftmp%2Fs/db" },
    { "not a url", "n", "3", "not a url" },
};

static void test_rewrite(void **state)
{
    (void)state;
    for (size_t i = 0; i < HG_COUNT(REWRITES); i++) {
        HG_AUTO(hg_freep) char *out =
            hg_pg_url_rewrite(REWRITES[i].url, REWRITES[i].host, REWRITES[i].port);
        assert_string_equal(out, REWRITES[i].expected);
    }
}

/* libpq itself reads back what we wrote, whatever bytes a password has. */
static void test_libpq_reads_it(void **state)
{
    (void)state;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf want = HG_BUF_INIT;
    hg_buf_adds(&b, "postgresql://u:");
    for (int c = 1; c < 256; c++) {
        hg_buf_addf(&b, "%%%02X", (unsigned)c);
        hg_buf_addc(&want, (char)c);
    }
    hg_buf_adds(&b, "@h/db");
    struct hg_err err = { 0 };
    HG_AUTO(hg_pg_url_done) struct hg_pg_url u = { 0 };
    assert_int_equal(hg_pg_url_parse(hg_buf_str(&b), &u, &err), 0);
    HG_AUTO(hg_freep) char *conninfo = hg_pg_url_conninfo(&u);
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &why);
    assert_non_null(options);
    bool found = false;
    for (PQconninfoOption *o = options; o->keyword; o++)
        if (strcmp(o->keyword, "password") == 0) {
            assert_string_equal(o->val, hg_buf_str(&want));
            found = true;
        }
    assert_true(found);
    PQconninfoFree(options);
}

static void test_quote(void **state)
{
    (void)state;
    HG_AUTO(hg_freep) char *q = hg_pg_quote_ident("a\"b c");
    assert_string_equal(q, "\"a\"\"b c\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long),      cmocka_unit_test(test_rewrite),
        cmocka_unit_test(test_libpq_reads_it), cmocka_unit_test(test_quote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
