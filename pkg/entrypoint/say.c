/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

void hg_entry_say(const struct hg_entry *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    HG_AUTO(hg_freep) char *text = hg_xvasprintf(fmt, ap);
    va_end(ap);
    if (e->o->say)
        e->o->say(text);
}

void hg_entry_warn(const struct hg_entry *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    HG_AUTO(hg_freep) char *text = hg_xvasprintf(fmt, ap);
    va_end(ap);
    if (e->o->warn)
        e->o->warn(text);
}

void hg_entry_say_waiting(struct hg_entry *e, const char *text)
{
    if (hg_streq(e->said, text))
        return;
    free(e->said);
    e->said = hg_xstrdup(text);
    hg_entry_say(e, "waiting: %s", text);
}
