/* SPDX-License-Identifier: Apache-2.0 */
/* The frames in which an engine sends stdout and stderr (moby: api/pkg/stdcopy/stdcopy.go). */
#include "docker/internal.h"

#include <string.h>

int hg_frames_feed(struct hg_frames *f, const char *data, size_t len, hg_frame_sink sink,
                   void *context, struct hg_err *err)
{
    while (len) {
        if (f->left) {
            size_t n = len < f->left ? len : f->left;
            /* Stream 0 is stdin's echo, which goes to stdout, as in Docker's own reader. */
            sink(context, f->header[0] == 0 ? 1 : f->header[0], data, n);
            f->left -= (uint32_t)n;
            data += n;
            len -= n;
            continue;
        }
        size_t n = sizeof f->header - f->have;
        if (n > len)
            n = len;
        memcpy(f->header + f->have, data, n);
        f->have += n;
        data += n;
        len -= n;
        if (f->have < sizeof f->header)
            break;
        f->have = 0;
        f->left = (uint32_t)f->header[4] << 24 | (uint32_t)f->header[5] << 16 |
                  (uint32_t)f->header[6] << 8 | f->header[7];
        if (f->header[0] > 3 || f->header[1] || f->header[2] || f->header[3] ||
            f->left > HG_FRAME_MAX)
            return hg_fail(err, HG_E_DOCKER,
                           "the container engine's output stream is not made of its frames");
    }
    return 0;
}
