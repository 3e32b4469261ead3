/* SPDX-License-Identifier: Apache-2.0 */
/* Two catalogs, each a JSON document, one a line: compared in both directions and printed. */
#include "snapshot/snapshot.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const json_t *a, const json_t *b)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    json_t *diff = hg_snapshot_diff(a, b);
    hg_snapshot_diff_text(diff, true, &text);
    json_decref(diff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    if (!end)
        return 0;
    json_t *a = json_loadb((const char *)data, (size_t)(end - data), 0, NULL);
    json_t *b = json_loadb((const char *)end + 1, size - (size_t)(end - data) - 1, 0, NULL);
    if (a && b) {
        compare(a, b);
        compare(b, a);
    }
    json_decref(a);
    json_decref(b);
    return 0;
}
