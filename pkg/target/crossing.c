/* SPDX-License-Identifier: Apache-2.0 */
/* What crosses to another place: what the target itself lists, of this machine's own nothing. */
#include "internal.h"

static bool crosses(const struct hg_var *v)
{
    return v->source && !hg_streq(v->source, "process") && !hg_starts_with(v->source, "container") &&
           !hg_streq(v->name, HG_LEDGER_KEY);
}

void hg_target_crossing(const struct hg_vars *vars, struct hg_strv *ret)
{
    for (size_t i = 0; i < vars->count; i++)
        if (crosses(&vars->items[i]))
            hg_strv_addf(ret, "%s=%s", vars->items[i].name, vars->items[i].value);
}

json_t *hg_target_crossing_json(const struct hg_vars *vars)
{
    json_t *all = json_object();
    for (size_t i = 0; i < vars->count; i++)
        if (crosses(&vars->items[i]))
            json_object_set_new(all, vars->items[i].name, hg_json_text(vars->items[i].value));
    return all;
}
