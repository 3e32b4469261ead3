/* SPDX-License-Identifier: Apache-2.0 */
/* Who applied what when, from the ledger. */
#include "history.h"

const struct hg_ledger_entry *history_record(const struct history *h, const char *revision)
{
    for (size_t i = 0; i < h->ledger.count; i++)
        if (hg_streq(h->ledger.items[i].revision, revision))
            return &h->ledger.items[i];
    return NULL;
}

/* "2026-11-22T21:53:04.120Z" to the minute. Heap. */
static char *minute(const char *time)
{
    char *text = hg_xstrndup(time ? time : "?", strlen("2026-11-22T21:53"));
    char *t = strchr(text, 'T');
    if (t)
        *t = ' ';
    return text;
}

char *history_when(const struct history *h, const struct hg_revision *r)
{
    if (!h->have_ledger || !h->marks)
        return hg_xstrdup("");
    const struct hg_ledger_entry *e = history_record(h, r->id);
    enum history_mark mark = h->marks[r->index];
    bool applied = mark == HISTORY_APPLIED, down = e && hg_streq(e->direction, "down");
    if (!e || (down == applied && mark != HISTORY_UNTOLD)) /* the last that was recorded is not how it stands */
        return hg_xstrdup(applied ? "outside headgate" : "");
    HG_AUTO(hg_freep) char *at = minute(e->finished_at);
    HG_AUTO(hg_freep) char *by = hg_printable(e->by ? e->by : "?", 60);
    const char *what = down                                ? "rolled back "
                       : hg_streq(e->direction, "adopt")    ? "outside headgate, seen "
                       : hg_streq(e->direction, "baseline") ? "there before headgate, seen "
                                                            : "";
    return hg_xasprintf("%s%s by %s", what, at, by);
}
