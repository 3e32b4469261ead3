/* SPDX-License-Identifier: Apache-2.0 */
/* The options of Alembic's configuration that decide which revisions there are (alembic/config.py,
 * ScriptDirectory.from_config). */
#include "internal.h"

struct reading {
    struct hg_located at;
    const char *section;
    struct hg_ini *ini;      /* NULL: no file */
    struct hg_toml toml;
    char *toml_here;
};

static void reading_done(struct reading *r)
{
    hg_located_done(&r->at);
    hg_ini_free(HG_TAKE(r->ini));
    hg_toml_done(&r->toml);
    free(HG_TAKE(r->toml_here));
}

void hg_alembic_config_done(struct hg_alembic_config *c)
{
    free(HG_TAKE(c->base));
    free(HG_TAKE(c->dir));
    free(HG_TAKE(c->shown_dir));
    free(HG_TAKE(c->file));
    free(HG_TAKE(c->section));
    free(HG_TAKE(c->script_location));
    hg_strv_done(&c->version_locations);
    hg_strv_done(&c->prepend_sys_path);
    free(HG_TAKE(c->sqlalchemy_url));
    free(HG_TAKE(c->version_table));
    free(HG_TAKE(c->version_table_schema));
}

static int read_files(struct reading *r, struct hg_err *err)
{
    if (r->at.ini) {
        HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
        HG_AUTO(hg_freep) char *here = hg_path_dir(r->at.ini);
        HG_AUTO(hg_freep) char *shown = hg_path_relative(r->at.base, r->at.ini);
        if (hg_file_read(r->at.ini, HG_CONFIG_FILE_MAX, &text, err) < 0 ||
            hg_ini_parse(hg_buf_str(&text), text.len, shown, here, &r->ini, err) < 0)
            return -1;
    }
    if (r->at.toml) {
        HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
        HG_AUTO(hg_freep) char *shown = hg_path_relative(r->at.base, r->at.toml);
        r->toml_here = hg_path_dir(r->at.toml);
        if (hg_file_read(r->at.toml, HG_CONFIG_FILE_MAX, &text, err) < 0 ||
            hg_toml_parse(hg_buf_str(&text), text.len, shown, &r->toml, err) < 0)
            return -1;
    }
    return 0;
}

/* Python's `value % {"here": …}` (Config._get_toml_config_value). */
static int toml_interpolate(const struct reading *r, const struct hg_toml_item *item,
                            const char *value, char **ret, struct hg_err *err)
{
    struct hg_buf b = HG_BUF_INIT;
    for (const char *p = value; *p; ) {
        if (*p != '%') {
            hg_buf_addc(&b, *p++);
        } else if (p[1] == '%') {
            hg_buf_addc(&b, '%');
            p += 2;
        } else if (hg_starts_with(p, "%(here)s")) {
            hg_buf_adds(&b, r->toml_here);
            p += 8;
        } else {
            hg_buf_done(&b);
            return hg_fail(err, HG_E_CONFIG, "%s:%d: `%s` has a %% that is neither %%%% nor %%(here)s",
                           r->at.toml, item->line, item->key);
        }
    }
    *ret = hg_buf_take(&b);
    return 0;
}

/* Config.get_alembic_option: the ini's section, then [tool.alembic]. *ret NULL: not set. */
static int option(const struct reading *r, const char *key, char **ret, struct hg_err *err)
{
    char *value = NULL;
    if (r->ini && hg_ini_get(r->ini, r->section, key, &value, err) < 0)
        return -1;
    const struct hg_toml_item *item = value ? NULL : hg_toml_get(&r->toml, key);
    if (item && item->type != HG_TOML_STRING)
        return hg_fail(err, HG_E_CONFIG, "%s:%d: `%s` has to be a string", r->at.toml, item->line, key);
    if (item && toml_interpolate(r, item, item->string, &value, err) < 0)
        return -1;
    free(*ret);
    *ret = value;
    return 0;
}

/* Config.get_alembic_boolean_option: in the ini only the exact word `true`. */
static int boolean(const struct reading *r, const char *key, bool *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *value = NULL;
    if (r->ini && hg_ini_get(r->ini, r->section, key, &value, err) < 0)
        return -1;
    const struct hg_toml_item *item = value ? NULL : hg_toml_get(&r->toml, key);
    if (item && item->type != HG_TOML_BOOL)
        return hg_fail(err, HG_E_CONFIG, "%s:%d: `%s` has to be true or false", r->at.toml, item->line,
                       key);
    *ret = item ? item->boolean : value && strcmp(value, "true") == 0;
    return 0;
}

/* Config._get_file_separator_char; *ret 0: none is configured, the legacy rules hold. */
static int separator(const struct reading *r, const char *key, char *ret, struct hg_err *err)
{
    static const struct { const char *name; char c; } TABLE[] = {
        { "space", ' ' }, { "newline", '\n' }, { "os", ':' }, { ":", ':' }, { ";", ';' },
    };
    HG_AUTO(hg_freep) char *value = NULL;
    *ret = '\0';
    if (!r->ini || hg_ini_get(r->ini, r->section, key, &value, err) < 0)
        return r->ini ? -1 : 0;
    if (!value)
        return 0;
    for (size_t i = 0; i < HG_COUNT(TABLE); i++)
        if (strcmp(value, TABLE[i].name) == 0) {
            *ret = TABLE[i].c;
            return 0;
        }
    hg_fail(err, HG_E_CONFIG, "%s:%d: `%s` is not a value of %s", r->at.ini,
            hg_ini_line(r->ini, r->section, key), value, key);
    return hg_hint(err, "use one of: space, newline, os, `:`, `;`");
}

static void add_trimmed(struct hg_strv *list, const char *p, size_t len, bool trim)
{
    while (trim && len > 0 && strchr(" \t\r\n\f\v", *p)) {
        p++;
        len--;
    }
    while (trim && len > 0 && strchr(" \t\r\n\f\v", p[len - 1]))
        len--;
    hg_strv_addn(list, p, len);
}

/* With a separator: pieces that are not empty, stripped. Without: the legacy rule, a comma with
 * blanks behind it or a run of blanks (and a colon for prepend_sys_path), nothing stripped. */
static void split(const char *value, char sep, bool legacy_colon, struct hg_strv *ret)
{
    if (sep) {
        for (const char *p = value;; p++) {
            size_t n = 0;
            while (p[n] && p[n] != sep)
                n++;
            if (n > 0)
                add_trimmed(ret, p, n, true);
            p += n;
            if (!*p)
                return;
        }
    }
    for (const char *p = value;;) {
        size_t n = strcspn(p, legacy_colon ? " ,:" : " ,");
        hg_strv_addn(ret, p, n);
        p += n;
        if (!*p)
            return;
        char delimiter = *p;
        if (delimiter != ' ')
            p++;
        while (delimiter != ':' && *p == ' ')
            p++;
    }
}

/* A list option: *ret stays empty when it is not set. */
static int list(const struct reading *r, const char *key, bool paths, struct hg_strv *ret,
                struct hg_err *err)
{
    HG_AUTO(hg_freep) char *value = NULL;
    if (r->ini && hg_ini_get(r->ini, r->section, key, &value, err) < 0)
        return -1;
    if (value && *value) {
        char sep;
        if (separator(r, "path_separator", &sep, err) < 0)
            return -1;
        if (!sep && !paths && separator(r, "version_path_separator", &sep, err) < 0)
            return -1;
        split(value, sep, paths, ret);
        return 0;
    }
    const struct hg_toml_item *item = hg_toml_get(&r->toml, key);
    if (!item)
        return 0;
    if (item->type != HG_TOML_LIST)
        return hg_fail(err, HG_E_CONFIG, "%s:%d: `%s` has to be a list of strings", r->at.toml,
                       item->line, key);
    for (size_t i = 0; i < item->list.count; i++) {
        HG_AUTO(hg_freep) char *one = NULL;
        if (toml_interpolate(r, item, item->list.items[i], &one, err) < 0)
            return -1;
        hg_strv_add(ret, one);
    }
    return 0;
}

/* "pkg.sub:dir" -> "pkg/sub/dir". Heap. */
static char *resource_folder(const char *value)
{
    char *tail = hg_xstrdup(value);
    size_t package = strcspn(tail, ":");
    for (char *p = tail; *p; p++)
        if (*p == ':' || (*p == '.' && p < tail + package))
            *p = '/';
    return tail;
}

static bool is_resource(const char *value)
{
    return *value != '/' && strchr(value, ':');
}

/* util.coerce_resource_to_filename without Python: PACKAGE:sub:dir is looked for in the entries of
 * prepend_sys_path, then in the folder where alembic is started. */
static int resource(const struct hg_alembic_config *c, const struct hg_alembic_options *o,
                    const char *value, char **ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *tail = resource_folder(value);
    for (size_t i = 0; i <= c->prepend_sys_path.count; i++) {
        const char *root = i < c->prepend_sys_path.count ? c->prepend_sys_path.items[i] : c->dir;
        HG_AUTO(hg_freep) char *folder = hg_path_join(root, tail);
        if (!hg_is_dir(folder))
            continue;
        *ret = HG_TAKE(folder);
        return 0;
    }
    return hg_alembic_resource(c, o, value, ret, err);
}

static int location(const struct hg_alembic_config *c, const struct hg_alembic_options *o,
                    const char *value, char **ret, struct hg_err *err)
{
    if (is_resource(value))
        return resource(c, o, value, ret, err);
    *ret = hg_path_join(c->dir, value);
    return 0;
}

/* Flask-Migrate leaves script_location out of its alembic.ini: its own command line sets it to the
 * folder of that file (flask_migrate.Migrate.get_config). */
static char *flask_location(const char *file)
{
    HG_AUTO(hg_freep) char *dir = hg_path_dir(file);
    HG_AUTO(hg_freep) char *env = hg_path_join(dir, "env.py");
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    if (hg_file_read(env, HG_CONFIG_FILE_MAX, &text, &ignored) < 0 ||
        !strstr(hg_buf_str(&text), "current_app"))
        return NULL;
    return hg_path_abs(dir);
}

static int script_location(const struct reading *r, const struct hg_alembic_options *o,
                           struct hg_alembic_config *c, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *value = NULL;
    if (option(r, "script_location", &value, err) < 0)
        return -1;
    const char *file = r->at.ini ? r->at.ini : r->at.toml;
    if (!value)
        value = flask_location(file);
    if (!value) {
        hg_fail(err, HG_E_CONFIG, "%s has no `script_location` in [%s]", file, r->section);
        return hg_hint(err, "Alembic would refuse it, too: add `script_location = FOLDER`");
    }
    if (location(c, o, value, &c->script_location, err) < 0)
        return -1;
    if (!hg_is_dir(c->script_location) && *value != '/' && r->at.ini) {
        /* An explicit file in another folder: people start alembic beside it. */
        HG_AUTO(hg_freep) char *beside = hg_path_dir(r->at.ini);
        HG_AUTO(hg_freep) char *other = hg_path_join(beside, value);
        if (hg_is_dir(other)) {
            free(c->dir);
            c->dir = HG_TAKE(beside);
            free(c->script_location);
            c->script_location = HG_TAKE(other);
        }
    }
    if (!hg_is_dir(c->script_location)) {
        hg_fail(err, HG_E_CONFIG, "%s:%d: script_location is `%s`, and there is no folder %s", file,
                r->ini ? hg_ini_line(r->ini, r->section, "script_location") : 0, value,
                c->script_location);
        return hg_hint(err, "a relative one starts at %s; a comment behind the value is part of it",
                       c->dir);
    }
    char *real = hg_path_real(c->script_location);
    free(c->script_location);
    c->script_location = real;
    return 0;
}

static int locations(const struct reading *r, const struct hg_alembic_options *o,
                     struct hg_alembic_config *c, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv written = HG_STRV_INIT;
    if (list(r, "version_locations", false, &written, err) < 0)
        return -1;
    if (written.count == 0) {
        HG_AUTO(hg_freep) char *usual = hg_path_join(c->script_location, "versions");
        hg_strv_add(&c->version_locations, usual);
        return 0;
    }
    for (size_t i = 0; i < written.count; i++) {
        HG_AUTO(hg_freep) char *path = NULL;
        if (location(c, o, written.items[i], &path, err) < 0)
            return -1;
        hg_strv_add(&c->version_locations, path);
    }
    return 0;
}

static int sys_paths(const struct reading *r, struct hg_alembic_config *c, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv written = HG_STRV_INIT;
    if (list(r, "prepend_sys_path", true, &written, err) < 0)
        return -1;
    for (size_t i = 0; i < written.count; i++) {
        HG_AUTO(hg_freep) char *path = hg_path_join(c->dir, written.items[i]);
        hg_strv_add(&c->prepend_sys_path, path);
    }
    return 0;
}

/* The keywords of context.configure(...) in env.py; a file that cannot be read tells nothing. */
static void env_py(struct hg_alembic_config *c)
{
    HG_AUTO(hg_freep) char *path = hg_path_join(c->script_location, "env.py");
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_err ignored;
    if (hg_file_read(path, HG_CONFIG_FILE_MAX, &text, &ignored) < 0)
        return;
    struct hg_env_scan scan;
    hg_scan_env(hg_buf_str(&text), text.len, &scan);
    c->version_table = HG_TAKE(scan.version_table);
    c->version_table_schema = HG_TAKE(scan.version_table_schema);
    c->version_table_dynamic = scan.dynamic;
    c->transaction_per_migration = scan.transaction_per_migration;
    c->include_schemas = scan.include_schemas;
    c->locations_line = scan.locations_line;
    c->locations_option_line = scan.locations_option_line;
    hg_env_scan_done(&scan);
}

static int fill(const struct reading *r, const struct hg_alembic_options *o,
                struct hg_alembic_config *c, struct hg_err *err)
{
    c->base = hg_xstrdup(r->at.base);
    c->dir = hg_path_real(r->at.dir);
    c->file = hg_xstrdup(r->at.ini ? r->at.ini : r->at.toml);
    c->section = hg_xstrdup(r->section);
    if (sys_paths(r, c, err) < 0 || script_location(r, o, c, err) < 0 ||
        locations(r, o, c, err) < 0 ||
        boolean(r, "recursive_version_locations", &c->recursive, err) < 0 ||
        boolean(r, "sourceless", &c->sourceless, err) < 0)
        return -1;
    /* The URL matters only to those who ask for it: a stray % there must not stop `history`. */
    struct hg_err ignored;
    if (r->ini && hg_ini_get(r->ini, r->section, "sqlalchemy.url", &c->sqlalchemy_url, &ignored) < 0)
        c->sqlalchemy_url = NULL;
    c->shown_dir = hg_path_relative(c->base, c->dir);
    env_py(c);
    return 0;
}

/* Where location() would look, whether there is something or not: all places where it might be. */
static void location_then(const struct hg_alembic_config *now, const char *value, struct hg_strv *ret)
{
    HG_AUTO(hg_freep) char *tail = is_resource(value) ? resource_folder(value) : hg_xstrdup(value);
    HG_AUTO(hg_freep) char *path = hg_path_join(now->dir, tail);
    hg_strv_add(ret, path);
    for (size_t i = 0; is_resource(value) && i < now->prepend_sys_path.count; i++) {
        HG_AUTO(hg_freep) char *other = hg_path_join(now->prepend_sys_path.items[i], tail);
        hg_strv_add(ret, other);
    }
}

static int read_then(struct reading *r, const struct hg_alembic_config *now,
                     const struct hg_alembic_source *ini, const struct hg_alembic_source *toml, struct hg_err *err)
{
    r->toml_here = hg_path_dir(now->file);
    if (ini && hg_ini_parse(ini->data, ini->len, ini->name, r->toml_here, &r->ini, err) < 0)
        return -1;
    r->at.ini = ini ? hg_xstrdup(ini->name) : NULL;
    r->at.toml = toml ? hg_xstrdup(toml->name) : NULL;
    return toml ? hg_toml_parse(toml->data, toml->len, toml->name, &r->toml, err) : 0;
}

int hg_alembic_locations_then(const struct hg_alembic_config *now, const struct hg_alembic_source *ini,
                              const struct hg_alembic_source *toml, struct hg_strv *ret, bool *ret_recursive,
                              struct hg_err *err)
{
    HG_AUTO(reading_done) struct reading r = { .section = now->section };
    HG_AUTO(hg_strv_done) struct hg_strv written = HG_STRV_INIT, folders = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *value = NULL;
    if (read_then(&r, now, ini, toml, err) < 0 || option(&r, "script_location", &value, err) < 0 ||
        list(&r, "version_locations", false, &written, err) < 0 ||
        boolean(&r, "recursive_version_locations", ret_recursive, err) < 0)
        return -1;
    for (size_t i = 0; i < written.count; i++)
        location_then(now, written.items[i], ret);
    if (written.count)
        return 0;
    location_then(now, value ? value : now->script_location, &folders);
    for (size_t i = 0; i < folders.count; i++) {
        HG_AUTO(hg_freep) char *usual = hg_path_join(folders.items[i], "versions");
        hg_strv_add(ret, usual);
    }
    return 0;
}

int hg_alembic_config_load(const struct hg_alembic_options *o, struct hg_alembic_config *ret,
                           struct hg_err *err)
{
    HG_AUTO(reading_done) struct reading r = { .section = o->section ? o->section : "alembic" };
    struct hg_alembic_config c = { 0 };
    if (hg_alembic_locate(o, &r.at, err) < 0 || read_files(&r, err) < 0)
        return -1;
    if (fill(&r, o, &c, err) < 0) {
        hg_alembic_config_done(&c);
        return -1;
    }
    *ret = c;
    return 0;
}
