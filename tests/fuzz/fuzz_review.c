/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a revision file: an answer or an error, and words for every operation. */
#include "review/review.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HG_AUTO(hg_review_done) struct hg_review r = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf words = HG_BUF_INIT;
    struct hg_err err = { 0 };
    if (hg_review_scan((const char *)data, size, &r, &err) == 0)
        hg_review_text(&r, false, &words);
    return 0;
}
