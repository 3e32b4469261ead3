/* SPDX-License-Identifier: Apache-2.0 */
/* A revision file, alone and as env.py, and the history it makes with itself. */
#include "alembic/alembic.h"
#include "alembic/scan.h"
#include "finding/finding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = hg_xstrndup("", 0);
    text = hg_xrealloc(text, size + 1, 1);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    struct hg_env_scan env;
    hg_scan_env(text, size, &env);
    hg_env_scan_done(&env);

    /* Parts between form feeds are files of one history. */
    struct hg_alembic_source sources[16];
    size_t count = 0, from = 0;
    for (size_t i = 0; i <= size && count < HG_COUNT(sources); i++)
        if (i == size || text[i] == '\f') {
            sources[count++] = (struct hg_alembic_source){ "0a.py", text + from, i - from };
            from = i + 1;
        }
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    struct hg_graph *g = NULL;
    struct hg_err err;
    if (hg_alembic_load_sources(sources, count, &g, &findings, &err) == 0) {
        struct hg_revlist list = HG_REVLIST_INIT, rows = HG_REVLIST_INIT;
        hg_graph_history(g, &list);
        if (list.count != hg_graph_count(g))
            HG_BUG("history loses revisions");
        if (hg_graph_upgrade(g, &rows, "heads", &list, &err) == 0 && list.count != hg_graph_count(g))
            HG_BUG("upgrade heads does not run everything");
        (void)hg_graph_downgrade(g, &list, "base", &rows, &err);
        (void)hg_graph_range(g, "-1:", NULL, &list, &err);
        hg_revlist_done(&list);
        hg_revlist_done(&rows);
        hg_graph_free(g);
    }
    free(text);
    return 0;
}
