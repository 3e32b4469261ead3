/* SPDX-License-Identifier: Apache-2.0 */
/* Which variables say where a database is. Apart from resolving, because every verb needs it. */
#include "internal.h"

const char *hg_member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

void hg_decrefp(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

static bool is_name_start(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

void hg_resolve_template_names(const char *text, struct hg_strv *names)
{
    for (const char *p = text; p && *p; p++) {
        if (p[0] != '$')
            continue;
        if (p[1] == '$') {
            p++;
        } else if (p[1] == '{' && is_name_start(p[2])) {
            size_t len = 0;
            while (is_name_start(p[2 + len]) || (p[2 + len] >= '0' && p[2 + len] <= '9'))
                len++;
            hg_strv_addn(names, p + 2, len);
        }
    }
}

bool hg_resolve_is_connection(const struct hg_strv *template_names, const char *name)
{
    size_t len = strlen(name);
    if (hg_ends_with(name, "_FILE"))
        len -= strlen("_FILE");
    HG_AUTO(hg_freep) char *base = hg_xstrndup(name, len);
    if (strcmp(base, "DATABASE_URL") == 0 || hg_strv_has(template_names, base))
        return true;
    return len > 2 && base[0] == 'P' && base[1] == 'G' && base[2] >= 'A' && base[2] <= 'Z';
}

char *hg_resolve_origin(const struct hg_var *v)
{
    const char *source = v->source ? v->source : "process";
    const char *colon = strrchr(source, ':');
    if (colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1))
        return hg_xstrndup(source, (size_t)(colon - source));
    return hg_xstrdup(source);
}
