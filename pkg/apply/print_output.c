/* SPDX-License-Identifier: Apache-2.0 */
/* What the migrator prints. Under -q, which is to show errors only, it is held back until it turns out to be the
 * story of one. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

#include "live.h"

#define HELD_MAX ((size_t)64 << 10) /* the end of it: more than that nobody reads in a job's log */

static void show(struct hg_apply_printer *p, const char *text)
{
    HG_AUTO(hg_freep) char *shown = hg_log_filtered(text);
    if (p->live)
        hg_live_before(p->live, shown);
    (void)fputs(shown, stderr);
}

/* The last lines, at most HELD_MAX bytes. */
static const char *end_of(const char *text)
{
    size_t len = strlen(text);
    if (len <= HELD_MAX)
        return text;
    const char *newline = strchr(text + len - HELD_MAX, '\n');
    return newline ? newline + 1 : text + len - HELD_MAX;
}

void hg_print_output(struct hg_apply_printer *p, const char *text)
{
    if (!p->quiet) {
        show(p, text);
        return;
    }
    hg_buf_adds(&p->held, text);
    if (p->held.len < 2 * HELD_MAX)
        return;
    HG_AUTO(hg_freep) char *end = hg_xstrdup(end_of(hg_buf_str(&p->held)));
    hg_buf_clear(&p->held);
    hg_buf_adds(&p->held, end);
}

void hg_print_held(struct hg_apply_printer *p, bool failed)
{
    if (failed && p->held.len)
        show(p, end_of(hg_buf_str(&p->held)));
    hg_buf_done(&p->held);
}
