/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle from anywhere: refused, or exactly what our writer makes. Once as it is, and once as what stands
 * before a digest that is right, which nobody would guess. */
#include "bundle/internal.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(const void *data, size_t size)
{
    HG_AUTO(hg_bundle_done) struct hg_bundle b = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf again = HG_BUF_INIT;
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    struct hg_err err = { 0 };
    struct hg_graph *graph = NULL;
    if (hg_bundle_parse(data, size, "fuzz", &b, &err) < 0) {
        if (err.kind != HG_E_INTEGRITY || !*err.message)
            HG_BUG("refused without saying why");
        return;
    }
    if (hg_bundle_write(&b, &again, &err) < 0 || again.len != size ||
        memcmp(again.data, data, size) != 0)
        HG_BUG("another form of the same bundle was taken");
    json_decref(hg_bundle_json(&b, true));
    if (hg_bundle_graph(&b, &graph, &findings, &err) == 0)
        hg_graph_free(graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HG_AUTO(hg_buf_done) struct hg_buf file = HG_BUF_INIT;
    char digest[HG_SHA256_SIZE];
    take(data, size);
    hg_buf_add(&file, data, size);
    (void)hg_sha256(hg_buf_str(&file), file.len, digest);
    digest[HG_SHA256_SIZE - 1] = '\n';
    hg_bundle_tar_add(&file, "digest", digest, sizeof digest);
    hg_bundle_tar_end(&file);
    take(file.data, file.len);
    return 0;
}
