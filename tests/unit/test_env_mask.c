/* SPDX-License-Identifier: Apache-2.0 */
#include "env/env.h"
#include "env/internal.h"

#include <setjmp.h>
#include <stdarg.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static struct hg_mask *mask_of(const char *const *secrets)
{
    struct hg_mask *m = hg_mask_new();
    for (; *secrets; secrets++)
        hg_mask_add(m, *secrets);
    hg_mask_build(m);
    return m;
}

static void expect(const char *secret, const char *text, const char *shown)
{
    struct hg_mask *m = mask_of((const char *const[]){ secret, NULL });
    char *got = hg_mask_text(text, m);
    assert_string_equal(got, shown);
    free(got);
    hg_mask_free(m);
}

static void secrets_are_masked_in_every_form(void **state)
{
    (void)state;
    expect("s3cr3t!", "password s3cr3t! end", "password *** end");
    expect("p@ss/w:rd", "x p%40ss%2Fw%3Ard y", "x *** y");
    expect("p@ss/w:rd", "x p%40ss%2fw%3ard y", "x *** y");
    expect("p@ss/w:rd", "x p%40ss/w%3Ard y", "x *** y");
    expect("a b\"c\\d", "{\"k\": \"a b\\\"c\\\\d\"}", "{\"k\": \"***\"}");
    expect("gr\xc3\xbc\xc3\x9f" "e", "\"gr\\u00fc\\u00dfe\"", "\"***\"");
    expect("line one\nline two", "<line one\r\nline two>", "<***>");
    expect("line one\nline two", "only line two here", "only *** here");
    expect("opensesame\n", "opensesame", "***");
    /* base64 of "opensesame", "xopensesame\n", "xyopensesame!" */
    expect("opensesame", "b3BlbnNlc2FtZQ==", "***Q==");
    expect("opensesame", "eG9wZW5zZXNhbWUK", "eG***UK");
    expect("opensesame", "eHlvcGVuc2VzYW1lIQ==", "eHl***IQ==");
    /* as base64(1) and openssl print it */
    const char *pem = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!!";
    expect(pem,
           "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6QUJDREVGR0hJSktMTU5PUFFSU1RV\n"
           "VldYWVohIQ==\n", "***Q==\n");
    expect(pem,
           "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6QUJDREVGR0hJSktM\n"
           "TU5PUFFSU1RVVldYWVohIQ==\n", "***Q==\n");
    expect("it's here", "'it'\\''s here'", "'***'");
    expect("it's here", "it\\'s\\ here", "***");             /* printf %q */
    expect("a$b`c\"d\\", "\"a\\$b\\`c\\\"d\\\\\"", "\"***\""); /* double quotes */
}

static void urls_give_their_password(void **state)
{
    (void)state;
    expect("postgresql://u:p%40sswd@h:5432/d", "password \"p@sswd\" or p%40sswd at h:5432",
           "password \"***\" or *** at h:5432");
    expect("postgresql+psycopg://u:with@sign@h/d", "with@sign", "***");
    expect("postgresql://u:qu?stion@h/d", "qu?stion", "***");
    expect("host=h user=u password='it\\'s me' dbname=d", "it's me on h", "*** on h");
    expect("postgresql://user@host/database", "user host database", "user host database");
    /* of several, and in a longer text, each */
    const char *two = "postgres://a:first1@h1/d,postgres://b:second2@h2/d";
    expect(two, two, "postgres://a:***@h2/d");
    expect(two, "first1 second2", "*** ***");
    expect("redis://:first1@h redis://:second2@h", "second2 first1", "*** ***");
    expect("{\"url\": \"postgres://u:first1@h/d\", \"to\": \"x@example.org\"}", "first1", "***");
    char *many = hg_xcalloc(1, 60001); /* an enemy's value costs what its length costs */
    for (size_t i = 0; i + 6 <= 60000; i += 6)
        memcpy(many + i, "a://b:", 6);
    many[59999] = '@';
    assert_true(hg_value_has_password(many));
    hg_mask_free(mask_of((const char *const[]){ many, NULL }));
    free(many);
    /* a token as the user */
    expect("https://ghp_0123@github.com/o/r", "ghp_0123", "***");
    expect("https://ghp_0123:x-oauth-basic@github.com/o/r", "ghp_0123", "***");
    expect("https://sk_0123:@api.example.org", "sk_0123", "***");
    expect("https://alice:first1@proxy", "alice first1", "alice ***");
}

static void keywords_give_their_secret(void **state)
{
    (void)state;
    expect("host=h password=first1 sslpassword=second2", "first1 second2", "*** ***");
    expect("postgresql://u@h/d?sslpassword=second2&x=1", "second2", "***");
    expect("AccountName=store;AccountKey=Zm9vYmFy==;Suffix=net", "store Zm9vYmFy== net", "store *** net");
    expect("cache:6380,password=first1,ssl=True", "first1 ssl=True", "*** ssl=True");
    expect("https://x.example.org/hook?token=first1&a=1", "first1", "***");
    expect("-Xmx1g -Djavax.net.ssl.keyStorePassword=first1", "first1 Xmx1g", "*** Xmx1g");
    expect("sort_token=value1", "sort_token=value1", "***"); /* no secret in it: itself */
    assert_true(hg_value_has_password("Server=x;Pwd=first1"));
    assert_false(hg_value_has_password("a=b;sort_token=value1"));
    assert_false(hg_value_has_password("https://x.example.org/a@b?c=d"));
    assert_true(hg_mask_takes("password=a password=first1"));
    assert_false(hg_mask_takes("password=a"));
    char *many = hg_xcalloc(1, 60001);
    for (size_t i = 0; i + 10 <= 60000; i += 10)
        memcpy(many + i, ",pwd=abcde", 10);
    hg_mask_free(mask_of((const char *const[]){ many, NULL }));
    free(many);
}

static void a_secret_by_name_counts_as_a_whole_too(void **state)
{
    (void)state;
    struct hg_vars v = HG_VARS_INIT;
    struct hg_mask *m = hg_mask_new();
    hg_vars_set(&v, "API_TOKEN", "abcdef?sig=first1", "process");
    hg_vars_set(&v, "JWT", "eyJhbGciOi", "process");
    hg_vars_set(&v, "PROXY_AUTHORIZATION", "Bearer 0123", "process");
    hg_mask_add_vars(m, &v);
    hg_mask_build(m);
    char *got = hg_mask_text("abcdef?sig=first1 first1 eyJhbGciOi Bearer 0123", m);
    assert_string_equal(got, "*** *** *** ***");
    free(got);
    hg_mask_add_whole(m, "https://hooks.example.org/a/path?sig=first2");
    hg_mask_build(m);
    got = hg_mask_text("to https://hooks.example.org/a/path?sig=first2: first2", m);
    assert_string_equal(got, "to ***: ***");
    free(got);
    hg_mask_free(m);
    hg_vars_done(&v);
}

static void short_and_common_values_stay(void **state)
{
    (void)state;
    expect("abcd", "abcd", "abcd");
    expect("postgres", "postgres", "postgres");
    expect("Production", "production", "production");
    expect("54321", "54321", "54321");
    expect("{\n\"key\": 1\n}", "{ }", "{ }");
    expect("12345678", "12345678", "***");
}

static void overlaps_become_one(void **state)
{
    (void)state;
    struct hg_mask *m = mask_of((const char *const[]){ "abcdef", "defghi", "aabaab", NULL });
    char *got = hg_mask_text("<abcdefghi> aaabaab abcdefabcdef abcdeX", m);
    assert_string_equal(got, "<***> a*** *** abcdeX");
    free(got);
    hg_mask_free(m);
}

/* ---- properties -------------------------------------------------------------------------------- */

struct oracle {
    struct hg_strv patterns;
    size_t lens[4096];
};

static void oracle_add(void *context, const char *data, size_t len)
{
    struct oracle *o = context;
    if (len < HG_MASK_MIN || o->patterns.count >= HG_COUNT(o->lens))
        return;
    o->lens[o->patterns.count] = len;
    hg_strv_addn(&o->patterns, data, len);
}

/* Marks every byte that any occurrence covers, by trying every place. */
static char *oracle_mask(const struct oracle *o, const char *text)
{
    size_t len = strlen(text);
    HG_AUTO(hg_freep) bool *covered = hg_xcalloc(len + 1, sizeof *covered);
    for (size_t i = 0; i < len; i++)
        for (size_t p = 0; p < o->patterns.count; p++)
            if (o->lens[p] <= len - i && memcmp(text + i, o->patterns.items[p], o->lens[p]) == 0)
                memset(covered + i, 1, o->lens[p]);
    struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < len; i++) {
        if (!covered[i])
            hg_buf_addc(&b, text[i]);
        else if (i == 0 || !covered[i - 1])
            hg_buf_adds(&b, "***");
    }
    return hg_buf_take(&b);
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16 & 0x7fff;
}

/* HGT_SEED repeats a run. */
static unsigned first_seed(const char *test)
{
    const char *given = getenv("HGT_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)hg_now_ns();
    print_message("%s: HGT_SEED=%u\n", test, seed);
    return seed;
}

static void random_text(unsigned *seed, size_t max, unsigned letters, char *out)
{
    size_t len = next_random(seed) % max;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)('a' + next_random(seed) % letters);
    out[len] = '\0';
}

static void feed(struct hg_mask_stream *s, const char *text, size_t len, struct hg_buf *out)
{
    hg_mask_stream_feed(s, text, len, out);
}

static void check_cut(const struct hg_mask *m, const char *text, size_t a, size_t b,
                      const char *expected)
{
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    struct hg_mask_stream s;
    hg_mask_stream_init(&s, m);
    feed(&s, text, a, &out);
    feed(&s, text + a, b - a, &out);
    feed(&s, text + b, strlen(text) - b, &out);
    hg_mask_stream_flush(&s, &out);
    hg_mask_stream_done(&s);
    if (strcmp(hg_buf_str(&out), expected) != 0)
        print_error("%s cut at %zu and %zu\n", text, a, b);
    assert_string_equal(hg_buf_str(&out), expected);
}

static void every_chunking_agrees_with_the_oracle(void **state)
{
    (void)state;
    unsigned seed = first_seed("every_chunking_agrees_with_the_oracle");
    for (unsigned round = 0; round < 300; round++) {
        struct oracle o = { .patterns = HG_STRV_INIT };
        struct hg_mask *m = hg_mask_new();
        for (unsigned i = 0; i < 1 + round % 4; i++) {
            char secret[24];
            random_text(&seed, 16, 2 + round % 2, secret);
            hg_mask_add(m, secret);
            if (strlen(secret) >= HG_MASK_MIN)
                hg_variants_each(secret, strlen(secret), oracle_add, &o);
        }
        hg_mask_build(m);
        char text[48];
        random_text(&seed, 40, 2 + round % 2, text);
        HG_AUTO(hg_freep) char *expected = oracle_mask(&o, text);
        size_t len = strlen(text);
        for (size_t a = 0; a <= len; a++)
            for (size_t b = a; b <= len; b++)
                check_cut(m, text, a, b, expected);
        hg_strv_done(&o.patterns);
        hg_mask_free(m);
    }
}

/* Long texts of bytes of every value with whole and cut secrets in them, in random chunks. */
static void random_streams_agree_with_the_oracle(void **state)
{
    (void)state;
    unsigned seed = first_seed("random_streams_agree_with_the_oracle");
    for (unsigned round = 0; round < 40; round++) {
        struct oracle o = { .patterns = HG_STRV_INIT };
        struct hg_mask *m = hg_mask_new();
        char secrets[6][40];
        for (size_t i = 0; i < HG_COUNT(secrets); i++) {
            size_t len = HG_MASK_MIN + next_random(&seed) % 30;
            for (size_t k = 0; k < len; k++)
                secrets[i][k] = (char)('!' + next_random(&seed) % (round % 2 ? 90 : 3));
            secrets[i][len] = '\0';
            if (!hg_mask_takes(secrets[i]) || strpbrk(secrets[i], "=:@"))
                continue; /* may be read as a URL or a conninfo string */
            hg_mask_add(m, secrets[i]);
            hg_variants_each(secrets[i], len, oracle_add, &o);
        }
        hg_mask_build(m);
        HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
        while (text.len < 3000) {
            unsigned what = next_random(&seed) % 3;
            const char *p = o.patterns.count
                                ? o.patterns.items[next_random(&seed) % o.patterns.count] : "x";
            if (what == 0)
                hg_buf_addc(&text, (char)(1 + next_random(&seed) % 255));
            else
                hg_buf_add(&text, p, what == 1 ? strlen(p) : next_random(&seed) % (strlen(p) + 1));
        }
        HG_AUTO(hg_freep) char *expected = oracle_mask(&o, text.data);
        HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
        struct hg_mask_stream s;
        hg_mask_stream_init(&s, m);
        for (size_t at = 0; at < text.len;) {
            size_t n = 1 + next_random(&seed) % (round % 3 ? 200 : 3);
            n = n < text.len - at ? n : text.len - at;
            hg_mask_stream_feed(&s, text.data + at, n, &out);
            at += n;
        }
        hg_mask_stream_flush(&s, &out);
        hg_mask_stream_done(&s);
        assert_string_equal(hg_buf_str(&out), expected);
        hg_strv_done(&o.patterns);
        hg_mask_free(m);
    }
}

static void nul_bytes_go_through(void **state)
{
    (void)state;
    static const char TEXT[] = "a\0opensesame\0\xff\xfe opensesam\0", SHOWN[] = "a\0***\0\xff\xfe opensesam\0";
    struct hg_mask *m = mask_of((const char *const[]){ "opensesame", NULL });
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    struct hg_mask_stream s;
    hg_mask_stream_init(&s, m);
    hg_mask_stream_feed(&s, TEXT, sizeof TEXT, &out);
    hg_mask_stream_flush(&s, &out);
    hg_mask_stream_done(&s);
    assert_int_equal(out.len, sizeof SHOWN);
    assert_memory_equal(out.data, SHOWN, sizeof SHOWN);
    hg_mask_free(m);
}

static void long_values_are_masked_to_their_end(void **state)
{
    (void)state;
    char secret[20001];
    unsigned seed = 5;
    for (size_t i = 0; i < sizeof secret - 1; i++)
        secret[i] = (char)('A' + next_random(&seed) % 50);
    secret[sizeof secret - 1] = '\0';
    HG_AUTO(hg_freep) char *text = hg_xasprintf("<%s>", secret);
    expect(secret, text, "<***>");
}

static void what_is_left_unmasked_is_known(void **state)
{
    (void)state;
    HG_AUTO(hg_vars_done) struct hg_vars v = HG_VARS_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    hg_vars_set(&v, "DB_PASSWORD", "postgres", "x");
    hg_vars_set(&v, "API_TOKEN", "abc", "x");
    hg_vars_set(&v, "EMPTY_TOKEN", "", "x");
    hg_vars_set(&v, "OTHER_TOKEN", "abcdefgh", "x");
    hg_vars_set(&v, "LOG_LEVEL", "info", "x");
    hg_vars_set(&v, "URL", "postgresql://u:postgres@h/d", "x");
    hg_mask_unmasked(&v, &names);
    HG_AUTO(hg_freep) char *joined = hg_strv_join(&names, " ");
    assert_string_equal(joined, "API_TOKEN DB_PASSWORD URL");
}

static void byte_by_byte_holds_no_more_than_it_must(void **state)
{
    (void)state;
    struct hg_mask *m = mask_of((const char *const[]){ "secret-one", NULL });
    struct hg_mask_stream s;
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    hg_mask_stream_init(&s, m);
    hg_mask_stream_feed(&s, "prompt: ", 8, &out);
    assert_string_equal(hg_buf_str(&out), "prompt: ");
    hg_mask_stream_feed(&s, "secret-", 7, &out);
    assert_string_equal(hg_buf_str(&out), "prompt: ");
    hg_mask_stream_feed(&s, "two", 3, &out);
    assert_string_equal(hg_buf_str(&out), "prompt: secret-two");
    hg_mask_stream_done(&s);
    hg_mask_free(m);
}

static void thousands_of_secrets_stay_fast(void **state)
{
    (void)state;
    struct hg_mask *m = hg_mask_new();
    for (int i = 0; i < 2000; i++) {
        HG_AUTO(hg_freep) char *secret = hg_xasprintf("secret/%d+value=%08x", i, i * 2654435761u);
        hg_mask_add(m, secret);
    }
    hg_mask_build(m);
    HG_AUTO(hg_freep) char *text = hg_mask_text("x secret/1999+value=nope secret/7+value=", m);
    assert_string_equal(text, "x secret/1999+value=nope secret/7+value=");
    HG_AUTO(hg_freep) char *secret = hg_xasprintf("<secret/%d+value=%08x>", 7, 7 * 2654435761u);
    HG_AUTO(hg_freep) char *shown = hg_mask_text(secret, m);
    assert_string_equal(shown, "<***>");
    hg_mask_free(m);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_masked_in_every_form),
        cmocka_unit_test(urls_give_their_password),
        cmocka_unit_test(keywords_give_their_secret),
        cmocka_unit_test(a_secret_by_name_counts_as_a_whole_too),
        cmocka_unit_test(short_and_common_values_stay),
        cmocka_unit_test(overlaps_become_one),
        cmocka_unit_test(every_chunking_agrees_with_the_oracle),
        cmocka_unit_test(random_streams_agree_with_the_oracle),
        cmocka_unit_test(nul_bytes_go_through),
        cmocka_unit_test(long_values_are_masked_to_their_end),
        cmocka_unit_test(what_is_left_unmasked_is_known),
        cmocka_unit_test(byte_by_byte_holds_no_more_than_it_must),
        cmocka_unit_test(thousands_of_secrets_stay_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
