/* SPDX-License-Identifier: Apache-2.0 */
/* Two revision files, apart by a NUL: whether they mean the same has one answer, whichever stands first,
 * and the lines that it names are lines of theirs. */
#include "review/review.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Python ends lines by \n, \r and \r\n; one more for the end of the text. */
static int lines_of(const char *text, size_t len)
{
    int lines = 2;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n' || text[i] == '\r';
    return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *a = (const char *)data, *cut = size ? memchr(a, '\0', size) : NULL;
    size_t alen = cut ? (size_t)(cut - a) : size, blen = cut ? size - alen - 1 : size;
    const char *b = cut ? cut + 1 : a;
    int forth[2] = { 0, 0 }, back[2] = { 0, 0 };
    bool same = hg_review_same(a, alen, b, blen, &forth[0], &forth[1]);
    if (hg_review_same(b, blen, a, alen, &back[0], &back[1]) != same)
        HG_BUG("two files that mean the same one way only");
    if (!same && (forth[0] < 0 || forth[0] > lines_of(a, alen) || forth[1] < 0 || forth[1] > lines_of(b, blen)))
        HG_BUG("a line that no file has");
    if (!cut && !same && forth[0] != 0)
        HG_BUG("a file that does not mean what it means");
    return 0;
}
