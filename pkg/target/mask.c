/* SPDX-License-Identifier: Apache-2.0 */
/* What is never to be printed of a target, in one mask: of its variables, its address, and what
 * stood in their place before. */
#include "internal.h"

/* Its password may stand in headgate.yaml itself, and the migrator gets it as DATABASE_URL. */
static void add_direct_url(const struct hg_target *t, struct hg_mask *mask)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf url = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    if (t->t && t->t->direct_url &&
        hg_vars_expand(&t->vars, t->t->direct_url, &url, NULL, &ignored) == 0)
        hg_mask_add(mask, hg_buf_str(&url));
}

void hg_resolve_mask(struct hg_target *t)
{
    struct hg_mask *mask = hg_mask_new();
    hg_mask_add_vars(mask, &t->vars);
    if (t->url)
        hg_mask_add(mask, t->url);
    add_direct_url(t, mask);
    if (t->t)
        hg_telling_mask(&t->t->telling, &t->vars, mask);
    for (size_t i = 0; i < t->old_secrets.count; i++)
        hg_mask_add(mask, t->old_secrets.items[i]);
    hg_mask_build(mask);
    hg_log_set_filter(hg_mask_text, mask);
    if (t->mask) { /* a stream that is being masked still has it */
        t->old_masks = hg_xrealloc(t->old_masks, t->old_mask_count + 1, sizeof *t->old_masks);
        t->old_masks[t->old_mask_count++] = t->mask;
    }
    t->mask = mask;
}

void hg_resolve_say(const struct hg_target *t)
{
    for (size_t i = 0; i < t->said.count; i++)
        hg_log(HG_LOG_NOTE, "%s", t->said.items[i]);
}
