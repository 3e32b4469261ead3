/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <ctype.h>

enum { WORD_MAX = 64 };

const char *hg_rule_page(const char *id)
{
    for (const struct hg_rule_page *p = hg_rule_pages; p->id; p++)
        if (hg_streq(p->id, id))
            return p->text;
    return NULL;
}

const struct hg_rule *hg_rule_nearest(const char *word)
{
    char upper[WORD_MAX] = "";
    size_t len = 0;
    if (isdigit((unsigned char)*word))
        len = (size_t)snprintf(upper, sizeof upper, "HG");
    for (; *word && len + 1 < sizeof upper; word++)
        upper[len++] = (char)toupper((unsigned char)*word);
    upper[len] = '\0';
    const struct hg_rule *exact = hg_rule_find(upper);
    if (exact)
        return exact;
    size_t count;
    const struct hg_rule *rules = hg_rules(&count);
    HG_AUTO(hg_freep) const char **ids = hg_xcalloc(count, sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = rules[i].id;
    const char *near = hg_nearest(upper, ids, count);
    return near ? hg_rule_find(near) : NULL;
}
