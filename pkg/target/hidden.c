/* SPDX-License-Identifier: Apache-2.0 */
/* What a program that gets no secrets has to be told instead. */
#include "internal.h"

#include <string.h>

static bool wanted_shape(const char *value)
{
    static const char *const SAME[] = { "true", "false", "True", "False", "on", "off", "yes", "no" };
    for (size_t i = 0; i < HG_COUNT(SAME); i++)
        if (strcmp(value, SAME[i]) == 0)
            return true;
    return false;
}

static bool given(char *const *plain, const char *name)
{
    size_t len = strlen(name);
    for (char *const *p = plain; *p; p++)
        if (strncmp(*p, name, len) == 0 && (*p)[len] == '=')
            return true;
    return false;
}

/* What `url:` of headgate.yaml is made of is what env.py reads, also where nobody has set it. */
static void add_names_of_url(const struct hg_target *t, char *const *plain, json_t *names)
{
    HG_AUTO(hg_strv_done) struct hg_strv of_url = HG_STRV_INIT;
    if (t->t->url)
        hg_resolve_template_names(t->t->url, &of_url);
    for (size_t i = 0; i < of_url.count; i++)
        if (!given(plain, of_url.items[i]) && !json_object_get(names, of_url.items[i]))
            json_object_set_new(names, of_url.items[i], json_string(""));
}

/* A switch keeps its value, a number becomes another one, because a program may insist on either. */
json_t *hg_target_placeholders(const struct hg_target *t, char *const *plain)
{
    json_t *names = json_object();
    for (size_t i = 0; i < t->vars.count; i++) {
        const struct hg_var *v = &t->vars.items[i];
        bool known = hg_starts_with(v->name, "HEADGATE_") || given(plain, v->name);
        bool number = *v->value && strspn(v->value, "0123456789") == strlen(v->value);
        const char *shape = wanted_shape(v->value) ? v->value
                            : number && !hg_ends_with(v->name, "PORT") ? "1" : "";
        if (!known)
            json_object_set_new(names, v->name, json_string(shape));
    }
    add_names_of_url(t, plain, names);
    return names;
}
