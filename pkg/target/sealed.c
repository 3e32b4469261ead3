/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed variables are given to Railway's own builds and deployments and to nobody else, silently: a
 * program that reads one simply finds nothing. So those that the application's own files mention are
 * named, with the place.
 */
#include "internal.h"

#include <ctype.h>
#include <dirent.h>
#include <sys/stat.h>

/* The look is a courtesy: it must not cost what the answer costs. */
enum { FILES_MAX = 1500, DEPTH_MAX = 8, TOLD_MAX = 8 };
#define FILE_MAX_BYTES  ((size_t)256 << 10)
#define TOTAL_MAX_BYTES ((size_t)16 << 20)

struct looking {
    const struct hg_strv *names;
    char **found; /* "backend/settings.py:12", a place for each name; NULL: not yet */
    size_t root_len, files, bytes;
};

static bool one_of(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}

/* What is installed or generated is not the application's own. */
static bool own_folder(const char *name)
{
    static const char *const SKIP[] = { "node_modules", "venv", "env", "site-packages", "__pycache__",
                                        "dist", "build", "target", "vendor" };
    return *name != '.' && !one_of(name, SKIP, HG_COUNT(SKIP));
}

static bool source_file(const char *name)
{
    static const char *const ENDINGS[] = { "py", "ini", "cfg", "toml", "yaml", "yml", "js", "mjs", "ts",
                                           "rb", "go", "rs", "php", "java", "kt", "ex", "exs", "sh" };
    const char *dot = strrchr(name, '.');
    return hg_starts_with(name, ".env") || (dot && one_of(dot + 1, ENDINGS, HG_COUNT(ENDINGS)));
}

static bool word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static const char *find_word(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = text; (at = strstr(at, name)); at += len)
        if ((at == text || !word_byte(at[-1])) && !word_byte(at[len]))
            return at;
    return NULL;
}

static void look_into(struct looking *l, const char *path)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT; /* it may be somebody's .env */
    struct hg_err ignored = { 0 };
    if (hg_file_read(path, FILE_MAX_BYTES, &text, &ignored) < 0)
        return;
    l->bytes += text.len;
    for (size_t i = 0; i < l->names->count; i++) {
        const char *at = l->found[i] ? NULL : find_word(hg_buf_str(&text), l->names->items[i]);
        if (!at)
            continue;
        size_t line = 1;
        for (const char *p = hg_buf_str(&text); p < at; p++)
            line += *p == '\n';
        HG_AUTO(hg_freep) char *shown = hg_printable(path + l->root_len + 1, 200);
        l->found[i] = hg_xasprintf("%s:%zu", shown, line);
    }
}

static void look_below(struct looking *l, const char *dir, int depth)
{
    struct dirent **list = NULL;
    int count = depth < DEPTH_MAX ? scandir(dir, &list, NULL, alphasort) : 0;
    for (int i = 0; i < count; i++) {
        const char *name = list[i]->d_name;
        HG_AUTO(hg_freep) char *path = hg_xasprintf("%s/%s", dir, name);
        struct stat s;
        if (l->files < FILES_MAX && l->bytes < TOTAL_MAX_BYTES && lstat(path, &s) == 0) {
            if (S_ISDIR(s.st_mode) && own_folder(name)) {
                look_below(l, path, depth + 1);
            } else if (S_ISREG(s.st_mode) && source_file(name)) {
                l->files++;
                look_into(l, path);
            }
        }
        free(list[i]);
    }
    free(list);
}

/* "pr-12", "shop-pr-12": as Railway names the environment of a pull request. */
bool hg_resolve_pr_environment(const char *name)
{
    size_t len = name ? strlen(name) : 0, digits = 0;
    while (digits < len && isdigit((unsigned char)name[len - digits - 1]))
        digits++;
    size_t stem = len - digits;
    return digits && stem >= 3 && strncasecmp(name + stem - 3, "pr-", 3) == 0 &&
           (stem == 3 || name[stem - 4] == '-');
}

void hg_resolve_sealed(struct hg_resolving *r)
{
    struct hg_target *t = r->t;
    HG_AUTO(hg_strv_done) struct hg_strv missing = HG_STRV_INIT;
    for (size_t i = 0; i < r->sealed.count; i++)
        if (!hg_vars_find(&t->vars, r->sealed.items[i]))
            hg_strv_add(&missing, r->sealed.items[i]);
    if (!missing.count)
        return;
    struct looking l = { .names = &missing, .root_len = strlen(t->config.dir) };
    l.found = hg_xcalloc(missing.count, sizeof *l.found);
    look_below(&l, t->config.dir, 0);
    size_t told = 0;
    for (size_t i = 0; i < missing.count; i++) {
        if (l.found[i] && told++ < TOLD_MAX)
            hg_strv_addf(&t->warnings,
                         "%s is sealed in Railway and %s mentions it: a sealed value reaches Railway's own "
                         "deployments only (and is not copied to PR environments), so it is not set here; "
                         "give it by another source or --set", missing.items[i], l.found[i]);
        else
            hg_log(HG_LOG_INFO, "%s is sealed in Railway and not set here", missing.items[i]);
        free(l.found[i]);
    }
    free(l.found);
}
