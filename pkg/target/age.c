/* SPDX-License-Identifier: Apache-2.0 */
/* For messages about a password that is refused: how old is it? */
#include "internal.h"

#include <sys/stat.h>

void hg_resolve_note_age(struct hg_resolving *r, const char *origin)
{
    struct hg_target *t = r->t;
    t->source_ns = 0;
    t->source_written = false;
    for (size_t i = 0; origin && i < t->t->source_count; i++) {
        const struct hg_source *s = &t->t->sources[i];
        struct stat st;
        if (s->kind == HG_SOURCE_PROCESS)
            continue;
        if (s->kind != HG_SOURCE_DOTENV) {
            HG_AUTO(hg_freep) char *label = hg_source_shown(s);
            if (hg_starts_with(origin, label)) /* "railway api" goes on: "railway api@production" */
                t->source_ns = hg_wall_ns();
        } else if (hg_streq(origin, s->file) && stat(s->path, &st) == 0) {
            t->source_ns = st.st_mtim.tv_sec * HG_NS_PER_S + st.st_mtim.tv_nsec;
            t->source_written = true;
        }
    }
}
