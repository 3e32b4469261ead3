/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <string.h>

static char *explicit_goal(const struct hg_graph *graph, const char *goal, bool down,
                           const struct hg_revlist *steps)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist found = HG_REVLIST_INIT;
    struct hg_err ignored = { 0 };
    bool relative = *goal == '+' || *goal == '-';
    if (hg_streq(goal, "heads") || (down && hg_streq(goal, "base")))
        return hg_xstrdup(goal);
    if (down && strchr(goal, '@')) /* BRANCH@REVISION goes back on that branch only, REVISION on all */
        return hg_xstrdup(goal);
    if (!relative && hg_graph_find(graph, goal, &found, &ignored) == 0 && found.count == 1)
        return hg_xstrdup(found.items[0]->id);
    if (!down && steps->count)
        return hg_xstrdup(steps->items[steps->count - 1]->id);
    return hg_xstrdup(goal);
}

int hg_plan_steps(const struct hg_graph *graph, const struct hg_strv *rows, const char *goal, bool down,
                  struct hg_revlist *ret_steps, struct hg_strv *ret_to, char **ret_goal,
                  struct hg_err *err)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist known = HG_REVLIST_INIT;
    struct hg_revlist steps = HG_REVLIST_INIT;
    hg_graph_resolve_rows(graph, rows, &known, NULL, NULL);
    int rc = down ? hg_graph_downgrade(graph, &known, goal, &steps, err)
                  : hg_graph_upgrade(graph, &known, goal, &steps, err);
    if (rc < 0) {
        hg_revlist_done(&steps);
        return -1;
    }
    hg_revlist_done(ret_steps);
    *ret_steps = steps;
    hg_graph_rows_after(graph, &known, &steps, down, ret_to);
    hg_freep(ret_goal);
    *ret_goal = explicit_goal(graph, goal, down, &steps);
    return 0;
}
