/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What headgate-apply says when it is started again because it could not tell: most likely the same. So it
 * is held until that is known; one that goes on for longer than it takes to fail to connect is heard.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>

#define HELD_NS  (15 * HG_NS_PER_S)     /* connecting gives up after 10 s */
#define HELD_MAX ((size_t)64 << 10)

int hg_entry_hold(struct hg_entry_held *h, struct hg_err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return hg_fail_errno(err, HG_E_BUG, "pipe");
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *h = (struct hg_entry_held){ .in = ends[0], .out = ends[1], .until_ns = hg_now_ns() + HELD_NS };
    return 0;
}

static void let_go(struct hg_entry_held *h)
{
    (void)hg_write_all(STDERR_FILENO, hg_buf_str(&h->text), h->text.len);
    hg_buf_clear(&h->text);
    h->heard = true;
}

void hg_entry_held_read(struct hg_entry_held *h)
{
    char data[4096];
    ssize_t got = 0;
    while (h->in >= 0 && (got = read(h->in, data, sizeof data)) > 0) {
        hg_buf_add(&h->text, data, (size_t)got);
        if (h->heard || h->text.len > HELD_MAX)
            let_go(h);
    }
    if (h->in >= 0 && (got == 0 || (errno != EAGAIN && errno != EINTR)))
        hg_closep(&h->in);
    if (!h->heard && h->text.len && hg_now_ns() > h->until_ns)
        let_go(h);
}

void hg_entry_held_end(struct hg_entry_held *h, bool hear)
{
    hg_entry_held_read(h);
    if (hear && h->text.len)
        let_go(h);
    hg_closep(&h->in);
    hg_closep(&h->out);
    hg_buf_done(&h->text);
}
