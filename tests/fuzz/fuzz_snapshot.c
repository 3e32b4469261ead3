/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot file from anywhere: refused, or read whole, shown and compared. */
#include "snapshot/snapshot.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hg_snapshot s = { 0 };
    struct hg_err err = { 0 };
    if (hg_snapshot_unpack(data, size, "fuzz", &s, &err) < 0) {
        if (err.kind == HG_E_NONE)
            HG_BUG("refused without saying why");
        return 0;
    }
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    hg_snapshot_show(&s, false, &text);
    json_t *diff = hg_snapshot_diff(s.catalog, s.catalog);
    if (json_array_size(diff))
        HG_BUG("a snapshot differs from itself");
    hg_snapshot_diff_text(diff, false, &text);
    json_decref(diff);
    hg_snapshot_done(&s);
    return 0;
}
