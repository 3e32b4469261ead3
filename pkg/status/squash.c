/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that a squash declared in headgate.yaml explains: the old end, and what lies inside. */
#include "internal.h"

#define MEMBERS_MAX 5000

/* The old end of a squash, when its file is gone and the revision that stands for it is here. */
static const struct hg_squash *end_of(const struct hg_status *s, const struct hg_graph *graph,
                                      const char *row)
{
    const struct hg_squash *q = s->config ? hg_config_squash_of(s->config, row) : NULL;
    if (!q || hg_graph_get(graph, row) || !hg_graph_get(graph, q->by) || hg_strv_has(&s->rows, q->by))
        return NULL;
    return q;
}

void hg_status_squash(const struct hg_graph *graph, struct hg_status *s)
{
    for (size_t i = 0; i < s->rows.count; i++) {
        const struct hg_squash *q = end_of(s, graph, s->rows.items[i]);
        if (q && hg_strv_has(&s->judged, q->by))
            q = NULL; /* two rows cannot become one */
        hg_strv_add(&s->judged, q ? q->by : s->rows.items[i]);
        if (!q)
            continue;
        hg_strv_add(&s->moved_from, q->last);
        hg_strv_add(&s->moved_to, q->by);
        hg_finding_add(&s->findings, "HG234",
                       "the version table holds %s, the end of the squash %s: it counts as %s, and the "
                       "next apply moves it there", q->last, q->replaces, q->by)
            ->revision = hg_xstrdup(q->by);
    }
}

bool hg_status_squash_members(const struct hg_squash *q, const struct hg_graph *graph, const char *from,
                              hg_status_parents parents, void *context, struct hg_strv *ret,
                              struct hg_strv *ret_below)
{
    bool complete = true, reached = false;
    size_t start = ret->count;
    hg_strv_add(ret, from);
    for (size_t i = start; i < ret->count && i < MEMBERS_MAX; i++) {
        HG_AUTO(hg_strv_done) struct hg_strv down = HG_STRV_INIT;
        bool told = parents(context, ret->items[i], &down);
        complete = complete && told;
        bool first = hg_streq(ret->items[i], q->first);
        reached = reached || first || (told && !down.count && hg_streq(q->first, "base"));
        for (size_t k = 0; k < down.count; k++) {
            const char *id = down.items[k];
            bool outside = first || (graph && hg_graph_get(graph, id));
            struct hg_strv *to = outside ? ret_below : ret;
            if (to && !hg_strv_has(to, id))
                hg_strv_add(to, id);
        }
    }
    return complete && reached && ret->count < MEMBERS_MAX;
}

static bool told_by(void *context, const char *revision, struct hg_strv *ret)
{
    const json_t *e = hg_status_parents_of(context, revision);
    hg_status_list(json_object_get(e, "down"), ret);
    return e != NULL;
}

/* The squash that this unknown row lies in, by what `parents` say of its ancestors, or NULL. */
static const struct hg_squash *inside(const struct hg_status *s, const struct hg_graph *graph,
                                      const json_t *parents, const char *row)
{
    for (size_t i = 0; s->config && i < s->config->squash_count; i++) {
        const struct hg_squash *q = &s->config->squashes[i];
        HG_AUTO(hg_strv_done) struct hg_strv members = HG_STRV_INIT;
        if (hg_graph_get(graph, q->by) &&
            hg_status_squash_members(q, graph, row, told_by, (void *)(uintptr_t)parents, &members, NULL))
            return q;
    }
    return NULL;
}

void hg_status_name_inside(struct hg_status *s, const struct hg_graph *graph, const json_t *parents)
{
    for (size_t i = 0; !s->inside && i < s->unknown.count; i++) {
        const char *row = s->unknown.items[i];
        const struct hg_squash *q = s->inside = inside(s, graph, parents, row);
        if (!q)
            continue;
        struct hg_finding *f =
            hg_finding_add(&s->findings, "HG235",
                           "the database stands at %s, inside the squash %s that %s stands for now: it has "
                           "to reach %s first", row, q->replaces, q->by, q->last);
        f->revision = hg_xstrdup(row);
        f->help = hg_xasprintf("With the code from before the squash: headgate apply %s; then apply this "
                               "code.", q->last);
    }
}

void hg_status_date_inside(struct hg_status *s, const char *commit)
{
    for (size_t i = 0; s->inside && commit && i < s->findings.count; i++) {
        struct hg_finding *f = &s->findings.items[i];
        if (!hg_streq(f->rule->id, "HG235"))
            continue;
        free(f->help);
        f->help = hg_xasprintf("With the code from before the squash: git checkout %.12s && headgate apply "
                               "%s; then apply this code.", commit, s->inside->last);
    }
}
