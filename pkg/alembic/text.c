/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of revision files, for those who need more than the graph. */
#include "internal.h"

#include <sys/stat.h>

const char *hg_graph_text(const struct hg_graph *g, const struct hg_revision *r, size_t *ret_len)
{
    struct hg_node *n = &g->nodes[r->index];
    if (!n->text && r->file) {
        HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
        struct hg_err ignored;
        struct stat st;
        if (hg_file_read(r->file, HG_REVISION_FILE_MAX, &b, &ignored) < 0 ||
            stat(r->file, &st) < 0 || (int64_t)b.len != n->size ||
            (int64_t)st.st_mtim.tv_sec * HG_NS_PER_S + st.st_mtim.tv_nsec != n->mtime_ns)
            return NULL;
        n->text_len = b.len;
        n->text = hg_buf_take(&b);
    }
    *ret_len = n->text_len;
    return n->text;
}
