/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL reads every certificate of an authority file before the first connection: 20 ms for the 140 of
 * a usual system, which is more than all the rest of a request. In a folder made by c_rehash(1), as
 * distributions have one beside the file, it finds the one or two that a connection needs.
 */
#include "internal.h"

#include <ctype.h>
#include <dirent.h>

#define FOLDER_MAX 4096

/* As c_rehash names them: eight hexadecimal digits, a dot, a number. */
static bool is_hash(const char *name)
{
    size_t digits = strspn(name, "0123456789abcdef");
    return digits == 8 && name[8] == '.' && isdigit((unsigned char)name[9]);
}

static bool is_hashed(const char *folder)
{
    DIR *dir = folder ? opendir(folder) : NULL;
    bool found = false;
    const struct dirent *entry;
    for (int i = 0; dir && !found && i < FOLDER_MAX && (entry = readdir(dir)); i++)
        found = is_hash(entry->d_name);
    if (dir)
        closedir(dir);
    return found;
}

/* libcurl tells since 7.84 what it was built with. */
static const char *built_in(CURL *curl, bool folder)
{
#if LIBCURL_VERSION_NUM >= 0x075400
    char *value = NULL;
    curl_easy_getinfo(curl, folder ? CURLINFO_CAPATH : CURLINFO_CAINFO, &value);
    return value;
#else
    (void)curl, (void)folder;
    return NULL;
#endif
}

static const char *named(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

bool trust(CURL *curl)
{
    const char *file = named("CURL_CA_BUNDLE");
    if (!file)
        file = named("SSL_CERT_FILE");
    const char *folder = named("SSL_CERT_DIR");
    if (file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, file);
    if (folder)
        curl_easy_setopt(curl, CURLOPT_CAPATH, folder);
    if (file || folder || !built_in(curl, false) || !is_hashed(built_in(curl, true)))
        return false;
    curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    return true;
}

void trust_system_file(CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_CAINFO, built_in(curl, false));
}
