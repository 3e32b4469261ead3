/* SPDX-License-Identifier: Apache-2.0 */
/* NAME_FILE: the secret NAME lies in a file; it is read where it lives. */
#include "internal.h"

enum { SECRET_MAX = 64 << 10 };

static bool wanted(const struct hg_resolving *r, const struct hg_var *v, const char *base)
{
    if (hg_vars_find(&r->t->vars, base) || hg_starts_with(v->source, "container "))
        return false; /* the container's program reads the files there */
    bool connection = hg_resolve_is_connection(&r->template_names, v->name);
    /* libpq reads these itself */
    if (strcmp(v->name, "PGPASSFILE") == 0 || strcmp(v->name, "PGSERVICEFILE") == 0)
        return false;
    return connection || (hg_var_name_secret(base) && !hg_streq(v->source, "process"));
}

static int read_secret(struct hg_resolving *r, const struct hg_var *v, const char *base)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *path = hg_path_join(r->t->config.dir, v->value);
    if (hg_file_read(path, SECRET_MAX, &text, r->err) < 0)
        return hg_wrap(r->err, "%s (from %s)", v->name, v->source);
    if (memchr(hg_buf_str(&text), '\0', text.len))
        return hg_fail(r->err, HG_E_CONFIG, "%s (from %s): %s holds a NUL byte", v->name, v->source,
                       path);
    hg_buf_trim_end(&text, "\r\n");
    HG_AUTO(hg_freep) char *source = hg_xstrdup(v->source); /* setting may move the items */
    hg_vars_set(&r->t->vars, base, hg_buf_str(&text), source);
    struct hg_var *set = (struct hg_var *)(uintptr_t)hg_vars_find(&r->t->vars, base);
    set->secret = true;
    return 0;
}

int hg_resolve_file_secrets(struct hg_resolving *r)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    for (size_t i = 0; i < r->t->vars.count; i++)
        if (hg_ends_with(r->t->vars.items[i].name, "_FILE"))
            hg_strv_add(&names, r->t->vars.items[i].name);
    for (size_t i = 0; i < names.count; i++) {
        const struct hg_var *v = hg_vars_find(&r->t->vars, names.items[i]);
        HG_AUTO(hg_freep) char *base =
            hg_xstrndup(names.items[i], strlen(names.items[i]) - strlen("_FILE"));
        if (*base && v && wanted(r, v, base) && read_secret(r, v, base) < 0)
            return -1;
    }
    return 0;
}
