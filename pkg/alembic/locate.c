/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <dirent.h>
#include <limits.h>

void hg_located_done(struct hg_located *l)
{
    free(HG_TAKE(l->base));
    free(HG_TAKE(l->dir));
    free(HG_TAKE(l->ini));
    free(HG_TAKE(l->toml));
}

char *hg_path_real(const char *path)
{
    char *real = realpath(path, NULL);
    return real ? real : hg_xstrdup(path);
}

char *hg_path_relative(const char *base, const char *path)
{
    size_t n = 0;
    while (base[n] && base[n] == path[n])
        n++;
    if ((base[n] && base[n] != '/') || (path[n] && path[n] != '/'))
        while (n > 0 && base[n] != '/') /* back to the last folder they share */
            n--;
    struct hg_buf b = HG_BUF_INIT;
    for (const char *p = base + n; *p; p++)
        if (*p == '/' && p[1])
            hg_buf_adds(&b, b.len ? "/.." : "..");
    const char *tail = path + n;
    while (*tail == '/')
        tail++;
    if (*tail && b.len > 0)
        hg_buf_addc(&b, '/');
    hg_buf_adds(&b, tail);
    return hg_buf_take(&b);
}

/* The two files that make a folder one where alembic is started. */
static bool has_config(const char *dir, struct hg_located *ret)
{
    HG_AUTO(hg_freep) char *ini = hg_path_join(dir, "alembic.ini");
    HG_AUTO(hg_freep) char *toml = hg_path_join(dir, "pyproject.toml");
    bool has_ini = access(ini, F_OK) == 0;
    if (!has_ini) {
        /* pyproject.toml alone counts when it speaks of Alembic. */
        HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
        struct hg_err ignored;
        struct hg_toml t = HG_TOML_INIT;
        if (access(toml, F_OK) != 0 ||
            hg_file_read(toml, HG_CONFIG_FILE_MAX, &text, &ignored) < 0 ||
            hg_toml_parse(hg_buf_str(&text), text.len, toml, &t, &ignored) < 0)
            return false;
        bool speaks = hg_toml_get(&t, "script_location") != NULL;
        hg_toml_done(&t);
        if (!speaks)
            return false;
    }
    ret->dir = hg_xstrdup(dir);
    ret->ini = has_ini ? HG_TAKE(ini) : NULL;
    ret->toml = access(toml, F_OK) == 0 ? HG_TAKE(toml) : NULL;
    return true;
}

/* Direct sub-directories with a configuration; names sorted. */
static void below(const char *dir, struct hg_strv *ret)
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d)); ) {
        if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_LNK &&
                                    e->d_type != DT_UNKNOWN))
            continue;
        HG_AUTO(hg_freep) char *sub = hg_path_join(dir, e->d_name);
        struct hg_located l = { 0 };
        if (has_config(sub, &l))
            hg_strv_add(ret, sub);
        hg_located_done(&l);
    }
    closedir(d);
    hg_strv_sort(ret);
}

/* 1 found, 0 not here, -1 several. */
static int here_or_below(const char *dir, struct hg_located *ret, struct hg_err *err)
{
    if (has_config(dir, ret))
        return 1;
    HG_AUTO(hg_strv_done) struct hg_strv subs = HG_STRV_INIT;
    below(dir, &subs);
    if (subs.count == 1)
        return has_config(subs.items[0], ret) ? 1 : 0;
    if (subs.count == 0)
        return 0;
    HG_AUTO(hg_freep) char *list = hg_strv_join(&subs, "\n");
    hg_fail(err, HG_E_CONFIG, "%s has %zu folders with an alembic.ini", dir, subs.count);
    hg_detail(err, "found:\n%s", list);
    return hg_hint(err, "choose one with -C DIR, or for good by `migrator: { directory: DIR }` in headgate.yaml");
}

static bool is_repository(const char *dir)
{
    HG_AUTO(hg_freep) char *git = hg_path_join(dir, ".git");
    return access(git, F_OK) == 0;
}

/* From DIR's parent up to the folder with .git: 1 found, 0 not, -1 several. */
static int above(const char *dir, char **ret_root, struct hg_located *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *at = hg_xstrdup(dir);
    HG_AUTO(hg_freep) char *root = NULL;
    for (;;) {
        if (is_repository(at)) {
            root = hg_xstrdup(at);
            break;
        }
        if (strcmp(at, "/") == 0 || strcmp(at, ".") == 0) /* the working directory may be gone */
            return 0;
        char *up = hg_path_dir(at);
        free(at);
        at = up;
    }
    free(HG_TAKE(at));
    at = hg_xstrdup(dir);
    while (strcmp(at, root) != 0) {
        char *up = hg_path_dir(at);
        free(at);
        at = up;
        int found = strcmp(at, root) == 0 ? here_or_below(at, ret, err) : has_config(at, ret);
        if (found != 0)
            return found;
    }
    *ret_root = HG_TAKE(root);
    return 0;
}

/* --alembic-config or ALEMBIC_CONFIG: relative to the folder where alembic is started. */
static int explicit_config(const char *base, const char *config, struct hg_located *ret,
                           struct hg_err *err)
{
    HG_AUTO(hg_freep) char *file = hg_path_join(base, config);
    if (access(file, F_OK) != 0) {
        hg_fail_errno(err, HG_E_CONFIG, "cannot read %s", file);
        return hg_hint(err, "name Alembic's configuration with --alembic-config FILE, relative to -C DIR");
    }
    ret->dir = hg_xstrdup(base);
    if (strcmp(hg_path_base(file), "pyproject.toml") == 0) {
        HG_AUTO(hg_freep) char *ini = hg_path_join(base, "alembic.ini");
        ret->ini = access(ini, F_OK) == 0 ? HG_TAKE(ini) : NULL;
        ret->toml = HG_TAKE(file);
    } else {
        HG_AUTO(hg_freep) char *toml = hg_path_join(base, "pyproject.toml");
        ret->toml = access(toml, F_OK) == 0 ? HG_TAKE(toml) : NULL;
        ret->ini = HG_TAKE(file);
    }
    return 0;
}

static int locate(const char *start, const struct hg_alembic_options *o, struct hg_located *ret,
                  struct hg_err *err)
{
    const char *config = o->config ? o->config : getenv("ALEMBIC_CONFIG");
    if (config && *config)
        return explicit_config(start, config, ret, err);
    int found = here_or_below(start, ret, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    HG_AUTO(hg_freep) char *root = NULL;
    found = o->directory ? 0 : above(start, &root, ret, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    hg_fail(err, HG_E_CONFIG, "there is no alembic.ini in %s or in a folder directly below it", start);
    if (root && strcmp(root, start) != 0)
        hg_detail(err, "also looked up to the repository's root, %s, and directly below that", root);
    HG_AUTO(hg_freep) char *bundle = hg_path_join(o->dir ? o->dir : ".", "headgate.bundle");
    if (hg_is_file(bundle))
        return hg_hint(err, "there is a bundle, which status, gate, plan, apply and rollback take instead: --bundle %s",
                       bundle);
    return hg_hint(err, "go to the project's folder or name it with -C DIR");
}

int hg_alembic_locate(const struct hg_alembic_options *o, struct hg_located *ret, struct hg_err *err)
{
    struct hg_located l = { 0 };
    HG_AUTO(hg_freep) char *given = hg_path_abs(o->dir ? o->dir : ".");
    if (!hg_is_dir(given))
        return hg_fail(err, HG_E_CONFIG, "%s is not a directory", given);
    l.base = hg_path_real(given);
    HG_AUTO(hg_freep) char *start = o->directory ? hg_path_real(o->directory) : hg_xstrdup(l.base);
    if (locate(start, o, &l, err) < 0) {
        hg_located_done(&l);
        return -1;
    }
    *ret = l;
    return 0;
}

char *hg_alembic_folder(const struct hg_alembic_options *o)
{
    struct hg_located l = { 0 };
    struct hg_err ignored = { 0 };
    if (hg_alembic_locate(o, &l, &ignored) < 0)
        return NULL;
    char *folder = hg_path_dir(l.ini ? l.ini : l.toml);
    hg_located_done(&l);
    return folder;
}

int hg_alembic_config_find(const struct hg_alembic_options *o, struct hg_alembic_config *ret,
                           bool *ret_found, struct hg_err *err)
{
    *ret_found = hg_alembic_config_load(o, ret, err) == 0;
    if (*ret_found)
        return 0;
    bool asked = o->config || o->directory || getenv("ALEMBIC_CONFIG");
    if (asked || !hg_starts_with(err->message, "there is no alembic.ini"))
        return -1;
    hg_log(HG_LOG_INFO, "%s: only the database is looked at", err->message);
    hg_err_clear(err);
    return 0;
}
