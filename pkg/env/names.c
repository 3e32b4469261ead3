/* SPDX-License-Identifier: Apache-2.0 */
/* What a variable's name, or the form of its value, says about it. */
#include "internal.h"

#include <ctype.h>

#define HOST_MAX ((size_t)260) /* a name of 253 bytes and a port */

bool hg_var_name_valid(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_')
        return false;
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_')
            return false;
    return true;
}

/* The list that `railway run` 5.71.0 strips (src/util/host_env.rs), matched without case. */
bool hg_var_name_executes(const char *name)
{
    static const char *const EXACT[] = {
        "PROMPT_COMMAND", "BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "PS1", "PS2", "PS4", "IFS",
        "CDPATH", "GLOBIGNORE", "ZDOTDIR", "FPATH", "NODE_OPTIONS", "NODE_REPL_EXTERNAL_MODULE",
        "PYTHONSTARTUP", "PYTHONPATH", "PYTHONHOME", "RUBYOPT", "RUBYLIB", "PERL5OPT", "PERL5LIB",
        "PERL5DB", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH",
        "GEM_HOME", "GEM_PATH", "LUA_PATH", "LUA_CPATH", "R_PROFILE", "R_PROFILE_USER",
        "PSMODULEPATH", "NODE_PATH", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES",
        "DOTNET_STARTUP_HOOKS", "DOTNET_ADDITIONAL_DEPS", "GCONV_PATH", "LOCPATH", "PHPRC",
        "PHP_INI_SCAN_DIR", "JAVA_HOME", "MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS", "RUSTC",
        "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "GOFLAGS", "GOPROXY", "GOSUMDB", "GONOSUMDB",
        "GONOSUMCHECK", "GOINSECURE", "GOPRIVATE", "GOTOOLCHAIN", "RAILWAY_ENV", "PATH", "HOME",
        "USERPROFILE", "SHELL", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "GIT_SSH", "GIT_SSH_COMMAND",
        "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_EDITOR", "PAGER", "EDITOR", "VISUAL", "MANPAGER",
        "LESSOPEN", "LESSCLOSE",
    };
    static const char *const PREFIXES[] = { "LD_",         "DYLD_", "BASH_FUNC_", "GIT_CONFIG",
                                            "NPM_CONFIG_", "YARN_", "PIP_",       "LUA_INIT" };
    for (size_t i = 0; i < HG_COUNT(EXACT); i++)
        if (strcasecmp(name, EXACT[i]) == 0)
            return true;
    for (size_t i = 0; i < HG_COUNT(PREFIXES); i++)
        if (strncasecmp(name, PREFIXES[i], strlen(PREFIXES[i])) == 0)
            return true;
    return false;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t a = strlen(name), b = strlen(suffix);
    return a >= b && strcasecmp(name + a - b, suffix) == 0;
}

/* "…_KEY_ID" or "TOKEN_TTL" speak about a secret without being one. */
static bool describes_a_secret(const char *name)
{
    static const char *const SUFFIXES[] = {
        "_FILE",    "_PATH", "_DIR",  "_NAME",    "_TTL",    "_EXPIRY",    "_EXPIRES",
        "_MINUTES", "_DAYS", "_HOST", "_SECONDS", "_LENGTH", "_ALGORITHM", "_TYPE",
        "_KEY_ID",  "_URL",  "_URI",  "_ENABLED", "PUBLIC_KEY",
    };
    for (size_t i = 0; i < HG_COUNT(SUFFIXES); i++)
        if (ends_with(name, SUFFIXES[i]))
            return true;
    return false;
}

bool hg_var_name_secret(const char *name)
{
    static const char *const INSIDE[] = { "PASSWORD", "PASSWD",  "PASSPHRASE",  "SECRET",
                                          "TOKEN",    "APIKEY",  "CREDENTIAL",  "API_KEY",
                                          "PRIVATE_KEY", "ACCESS_KEY" };
    static const char *const SUFFIXES[] = { "PASS", "_PWD", "KEY",  "_AUTH", "_SALT",
                                            "_PW",  "JWT",  "_PEM", "_COOKIE",
                                            "AUTHORIZATION", "_BEARER" };
    if (describes_a_secret(name))
        return false;
    for (size_t i = 0; i < HG_COUNT(INSIDE); i++)
        if (strcasestr(name, INSIDE[i]))
            return true;
    for (size_t i = 0; i < HG_COUNT(SUFFIXES); i++)
        if (ends_with(name, SUFFIXES[i]))
            return true;
    return false;
}

/* ---- by content ------------------------------------------------------------------------------ */

static size_t scheme_length(const char *url)
{
    if (!isalpha((unsigned char)*url))
        return 0;
    size_t n = 0;
    while (isalnum((unsigned char)url[n]) || (url[n] && strchr("+.-_", url[n])))
        n++;
    return strncmp(url + n, "://", 3) == 0 ? n + 3 : 0;
}

/* A password with a raw "@" or "/" is wrong in a URL, and common: the last "@" before "?", "#" or a
 * blank ends it, so that no half of it is shown. */
const char *hg_url_password(const char *url, size_t *ret_len)
{
    size_t scheme = scheme_length(url);
    if (!scheme)
        return NULL;
    const char *user = url + scheme, *at = NULL;
    size_t len = strcspn(user, "?# \t\r\n");
    for (size_t i = 0; i < len; i++)
        if (user[i] == '@')
            at = user + i;
    if (!at) { /* perhaps the password itself has "?" or "#" */
        const char *slash = user + strcspn(user, "/");
        at = memchr(user, '@', (size_t)(slash - user));
        if (!at)
            return NULL;
    }
    const char *colon = memchr(user, ':', (size_t)(at - user));
    if (!colon || colon + 1 == at)
        return NULL;
    *ret_len = (size_t)(at - colon - 1);
    return colon + 1;
}

char *hg_url_host(const char *url)
{
    size_t len, scheme = scheme_length(url);
    if (!scheme)
        return hg_xstrdup("");
    const char *password = hg_url_password(url, &len);
    const char *host = password ? password + len + 1 : url + scheme;
    len = strcspn(host, "/?#");
    for (size_t i = len; i > 0; i--)
        if (host[i - 1] == '@') { /* a name without a password */
            host += i;
            len -= i;
            break;
        }
    HG_AUTO(hg_freep) char *plain = hg_xstrndup(host, len);
    return hg_printable(plain, HOST_MAX);
}

/* ---- every secret in a value ------------------------------------------------------------------- */

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
