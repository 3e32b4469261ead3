/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle beside the revision files that are here. */
#include "bundle.h"

static void compare_one(const struct hg_bundle_revision *r, const struct hg_graph *graph, struct hg_findings *ret)
{
    const struct hg_revision *here = hg_graph_get(graph, r->id);
    size_t len = 0;
    const char *text = here ? hg_graph_text(graph, here, &len) : NULL;
    struct hg_finding *f = NULL;
    if (!here)
        f = hg_finding_add(ret, "HG256", "revision %s of the bundle is not here", r->id);
    else if (!text || len != r->text_len || memcmp(text, r->text, len) != 0)
        f = hg_finding_add(ret, "HG256", "%s is not the file of revision %s that the bundle has", here->path, r->id);
    if (!f)
        return;
    f->revision = hg_xstrdup(r->id);
    f->path = hg_xstrdup(here ? here->path : r->path);
}

void hg_bundle_compare(const struct hg_bundle *b, const struct hg_graph *here, struct hg_findings *ret)
{
    for (size_t i = 0; i < b->count; i++)
        compare_one(&b->revisions[i], here, ret);
    for (size_t i = 0; i < hg_graph_count(here); i++) {
        const struct hg_revision *r = hg_graph_at(here, i);
        if (!hg_bundle_find(b, r->id))
            hg_finding_add(ret, "HG256", "revision %s is not in the bundle", r->id)->path = hg_xstrdup(r->path);
    }
}
