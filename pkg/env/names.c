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
