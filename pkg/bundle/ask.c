/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about a bundle that was read. */
#include "internal.h"

#include <stdlib.h>

#include "process/process.h"

int hg_bundle_graph(const struct hg_bundle *b, struct hg_graph **ret, struct hg_findings *findings,
                    struct hg_err *err)
{
    struct hg_alembic_fact *facts = hg_xcalloc(b->count + 1, sizeof *facts);
    for (size_t i = 0; i < b->count; i++) {
        const struct hg_bundle_revision *r = &b->revisions[i];
        facts[i] = (struct hg_alembic_fact){ .id = r->id, .down = &r->down,
                                             .depends_on = &r->depends_on, .labels = &r->labels,
                                             .doc = r->message, .path = r->path, .dynamic = r->dynamic,
                                             .text = r->text, .len = r->text_len };
    }
    int rc = hg_alembic_load_facts(facts, b->count, ret, findings, err);
    free(facts);
    return rc;
}

const struct hg_bundle_revision *hg_bundle_find(const struct hg_bundle *b, const char *id)
{
    for (size_t i = 0; i < b->count; i++)
        if (hg_streq(b->revisions[i].id, id))
            return &b->revisions[i];
    return NULL;
}

const struct hg_bundle_revision *hg_bundle_of(const struct hg_bundle *b, const struct hg_revision *r)
{
    if (r->index < b->count && hg_streq(b->revisions[r->index].id, r->id))
        return &b->revisions[r->index];
    return hg_bundle_find(b, r->id);
}

int hg_bundle_can_run(const struct hg_bundle *b, const struct hg_revlist *steps, bool down,
                      struct hg_err *err)
{
    const struct hg_revision *first = NULL;
    const char *why = NULL;
    size_t cannot = 0;
    for (size_t i = 0; i < steps->count; i++) {
        const struct hg_bundle_revision *r = hg_bundle_of(b, steps->items[i]);
        const struct hg_bundle_script *s = !r ? NULL : down ? &r->downgrade : &r->upgrade;
        if (s && s->class != HG_BUNDLE_NEEDS_PYTHON)
            continue;
        if (!cannot++) {
            first = steps->items[i];
            why = s ? s->reason : "it is not in the bundle";
        }
    }
    if (!cannot)
        return 0;
    (void)hg_fail(err, HG_E_REFUSED, "revision %s needs Python to %s: %s", first->id,
                  down ? "downgrade" : "upgrade", why);
    if (cannot > 1)
        (void)hg_detail(err, "%zu of the %zu steps need Python", cannot, steps->count);
    return hg_hint(err, "apply from the code, where the project's Python is: headgate apply");
}

/* What was read, written again, is what the file's bytes are: nothing that another process may have put in
 * its place meanwhile. */
int hg_bundle_signed(const char *path, const char *signers, const struct hg_bundle *b,
                     struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf bytes = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *named = hg_xasprintf("the bundle %s", path);
    const struct hg_signature signature = { path, named, signers, HG_BUNDLE_NAMESPACE };
    if (hg_bundle_write(b, &bytes, err) < 0)
        return -1;
    return hg_signature_verify(&signature, bytes.data, bytes.len, err);
}
