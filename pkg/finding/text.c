/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

static const char *paint(enum hg_severity severity)
{
    switch (severity) {
    case HG_SEV_ERROR:
        return "\033[1;31m";
    case HG_SEV_WARNING:
        return "\033[33m";
    case HG_SEV_NOTE:
        return "\033[36m";
    case HG_SEV_OFF:
        break;
    }
    return "\033[2m";
}

#define INDENT "        "

static void add_one(const struct hg_finding *f, bool color, struct hg_buf *ret)
{
    const char *word = f->waived ? "waived" : hg_severity_name(f->severity);
    const char *on = paint(f->waived ? HG_SEV_OFF : f->severity);
    hg_buf_addf(ret, "%s%-7s%s %s", color ? on : "", word, color ? "\033[0m" : "", f->rule->id);
    HG_AUTO(hg_freep) char *place = hg_finding_place(f);
    if (*place)
        hg_buf_addf(ret, "  %s", place);
    hg_buf_adds(ret, "  ");
    hg_buf_add_lines(ret, f->message, INDENT);
    hg_buf_addc(ret, '\n');
    if (f->waived) {
        hg_buf_addf(ret, INDENT "waived: %s\n", f->waived);
        return;
    }
    const char *help = hg_finding_help(f);
    if (help && *help) {
        hg_buf_adds(ret, INDENT);
        hg_buf_add_lines(ret, help, INDENT);
        hg_buf_addc(ret, '\n');
    }
}

void hg_findings_text(const struct hg_findings *list, bool color, struct hg_buf *ret)
{
    HG_AUTO(hg_freep) size_t *order = hg_findings_order(list);
    for (size_t i = 0; i < list->count; i++)
        add_one(&list->items[order[i]], color, ret);
}
