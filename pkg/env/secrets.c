/* SPDX-License-Identifier: Apache-2.0 */
/* Every secret that the form of a value gives away. */
#include "internal.h"

#include <ctype.h>

struct finding_secrets {
    hg_secret_add add;
    void *context;
};

static void found(const struct finding_secrets *f, const char *secret, size_t len)
{
    if (len)
        f->add(f->context, secret, len);
}

/* What ends a URL inside of a longer text: a list of several, JSON, Markdown. */
static size_t tight_length(const char *behind_scheme)
{
    return strcspn(behind_scheme, " \t\r\n\"'<>`,;|\\");
}

static bool is_http(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

/* https://TOKEN@host, https://TOKEN:@host and https://TOKEN:x-oauth-basic@host: the user is the secret. */
static void token_of_url(const struct finding_secrets *f, const char *url)
{
    const char *user = strstr(url, "://") + 3;
    size_t len = strcspn(user, "@:/?#");
    const char *rest = user + len;
    if (is_http(url) && (*rest == '@' || hg_starts_with(rest, ":@") ||
                         hg_starts_with(rest, ":x-oauth-basic@")))
        found(f, user, len);
}

/* The first one twice: as far as a badly written password may reach, and as a URL in a longer text. */
static void secrets_of_url(const struct finding_secrets *f, const char *url, size_t len, bool first)
{
    size_t wide = 0;
    const char *password = first ? hg_url_password(url, &wide) : NULL;
    if (password)
        found(f, password, wide);
    HG_AUTO(hg_buf_wipe) struct hg_buf tight = HG_BUF_INIT;
    hg_buf_add(&tight, url, len);
    password = hg_url_password(hg_buf_str(&tight), &len);
    if (password && len != wide)
        found(f, password, len);
    token_of_url(f, hg_buf_str(&tight));
}

static void secrets_of_urls(const struct finding_secrets *f, const char *value)
{
    bool first = true;
    for (const char *sep = strstr(value, "://"), *end; sep; sep = strstr(end, "://")) {
        const char *start = sep;
        end = sep + 3 + tight_length(sep + 3);
        while (start > value && (isalnum((unsigned char)start[-1]) || strchr("+.-_", start[-1])))
            start--;
        while (start < sep && !isalpha((unsigned char)*start))
            start++;
        if (start == sep)
            continue;
        secrets_of_url(f, start, (size_t)(end - start), first);
        first = false;
    }
}

/* "password" of libpq, "Pwd" of ODBC, "AccountKey" of Azure, "access_token" of a query… */
static bool keyword_secret(const char *word, size_t len)
{
    static const char *const WORDS[] = { "pwd", "passwd", "token", "access_token", "auth_token", "secret",
                                         "client_secret", "api_key", "apikey", "accountkey",
                                         "sharedaccesskey", "sig" };
    static const char PASSWORD[] = "password"; /* and sslpassword, keyStorePassword */
    size_t n = sizeof PASSWORD - 1;
    if (len >= n && strncasecmp(word + len - n, PASSWORD, n) == 0)
        return true;
    for (size_t i = 0; i < HG_COUNT(WORDS); i++)
        if (strlen(WORDS[i]) == len && strncasecmp(WORDS[i], word, len) == 0)
            return true;
    return false;
}

/* The value behind "=", quoted as libpq does, or up to one of `delimiters`. */
static size_t secret_of_keyword(const struct finding_secrets *f, const char *value,
                                const char *delimiters, size_t known)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    value += strspn(value, " \t");
    bool quoted = *value == '\'';
    for (const char *p = value + quoted; *p; p++) {
        if (quoted ? *p == '\'' : strchr(delimiters, *p) != NULL)
            break;
        if (*p == '\\' && p[1])
            p++;
        hg_buf_addc(&b, *p);
    }
    if (b.len != known)
        found(f, hg_buf_str(&b), b.len);
    return b.len;
}

static void secrets_of_keywords(const struct finding_secrets *f, const char *value)
{
    bool first = true;
    for (const char *equals = strchr(value, '='); equals; equals = strchr(equals + 1, '=')) {
        const char *end = equals, *start;
        while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        for (start = end; start > value && (isalnum((unsigned char)start[-1]) ||
                                            strchr("_.-", start[-1]));)
            start--;
        if ((start != value && !strchr(" \t\n;&?,", start[-1])) ||
            !keyword_secret(start, (size_t)(end - start)))
            continue;
        /* The first one also as far as it may reach: a comma is a delimiter in some tools only. */
        size_t wide = first ? secret_of_keyword(f, equals + 1, " \t\n;&", 0) : 0;
        (void)secret_of_keyword(f, equals + 1, " \t\n;&?,", wide);
        first = false;
    }
}

void hg_value_secrets(const char *value, hg_secret_add add, void *context)
{
    const struct finding_secrets f = { add, context };
    secrets_of_urls(&f, value);
    secrets_of_keywords(&f, value);
}

static void note_one(void *context, const char *secret, size_t len)
{
    (void)secret;
    (void)len;
    *(bool *)context = true;
}

bool hg_value_has_password(const char *value)
{
    bool has = false;
    hg_value_secrets(value, note_one, &has);
    return has;
}
