/* SPDX-License-Identifier: Apache-2.0 */
/* same_meaning: reads pairs of paths, one pair a line with a tab between, and says of each whether
 * pkg/review finds that the two files mean the same: "same" or "different". */
#include "review/review.h"

#include <stdio.h>

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    while ((len = getline(&line, &cap, stdin)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *tab = strchr(line, '\t');
        HG_AUTO(hg_buf_done) struct hg_buf a = HG_BUF_INIT, b = HG_BUF_INIT;
        struct hg_err err = { 0 };
        int was, is;
        if (!tab)
            return 2;
        *tab = '\0';
        if (hg_file_read(line, HG_REVIEW_TEXT_MAX, &a, &err) != 0 ||
            hg_file_read(tab + 1, HG_REVIEW_TEXT_MAX, &b, &err) != 0) {
            (void)fprintf(stderr, "%s\n", err.message);
            return 2;
        }
        (void)puts(hg_review_same(hg_buf_str(&a), a.len, hg_buf_str(&b), b.len, &was, &is) ? "same"
                                                                                          : "different");
    }
    free(line);
    return 0;
}
