/* SPDX-License-Identifier: Apache-2.0 */
/* Alone in its file: only those who ask for digests load libcrypto. */
#include "internal.h"

void hg_graph_digests(struct hg_graph *g)
{
    for (size_t i = 0; i < g->count; i++) {
        struct hg_revision *r = &g->revs[i];
        bool had = g->nodes[i].text != NULL;
        size_t len;
        char hex[HG_SHA256_SIZE];
        const char *text = r->digest ? NULL : hg_graph_text(g, r, &len);
        if (text)
            r->digest = hg_xstrdup(hg_sha256(text, len, hex));
        if (text && !had) /* thousands of files need not stay in memory */
            free(HG_TAKE(g->nodes[i].text));
    }
}
