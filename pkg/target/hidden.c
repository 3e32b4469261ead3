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

/* A switch keeps its value, a number becomes another one, because a program may insist on either. */
json_t *hg_target_placeholders(const struct hg_target *t, char *const *plain)
{
    json_t *names = json_object();
    for (size_t i = 0; i < t->vars.count; i++) {
        const struct hg_var *v = &t->vars.items[i];
        size_t len = strlen(v->name);
        bool known = hg_starts_with(v->name, "HEADGATE_");
        for (char *const *p = plain; *p && !known; p++)
            known = strncmp(*p, v->name, len) == 0 && (*p)[len] == '=';
        bool number = *v->value && strspn(v->value, "0123456789") == strlen(v->value);
        const char *shape = wanted_shape(v->value) ? v->value
                            : number && !hg_ends_with(v->name, "PORT") ? "1" : "";
        if (!known)
            json_object_set_new(names, v->name, json_string(shape));
    }
    return names;
}
