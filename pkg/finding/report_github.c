/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GitHub workflow commands: one annotation a line. The runner keeps ten of each severity a step and
 * cuts a message at 4096 characters (actions/runner, ActionCommandManager.cs), so nine are written
 * and the tenth says how many more there are.
 */
#include "internal.h"

enum { SHOWN = 9, MESSAGE_MAX = 4000 };

/* '%' first: the runner decodes %25 last. Properties also lose ':' and ','. */
static void escape(struct hg_buf *b, const char *s, size_t max, bool property)
{
    for (; *s && max; s++, max--) {
        if (*s == '%')
            hg_buf_adds(b, "%25");
        else if (*s == '\r')
            hg_buf_adds(b, "%0D");
        else if (*s == '\n')
            hg_buf_adds(b, "%0A");
        else if (property && *s == ':')
            hg_buf_adds(b, "%3A");
        else if (property && *s == ',')
            hg_buf_adds(b, "%2C");
        else
            hg_buf_addc(b, *s);
    }
}

static const char *command(enum hg_severity severity)
{
    return severity == HG_SEV_ERROR ? "error" : severity == HG_SEV_WARNING ? "warning" : "notice";
}

static void annotate(const struct hg_finding *f, struct hg_buf *ret)
{
    hg_buf_addf(ret, "::%s ", command(f->severity));
    if (f->path) {
        hg_buf_adds(ret, "file=");
        escape(ret, f->path, SIZE_MAX, true);
        if (f->line > 0)
            hg_buf_addf(ret, ",line=%d", f->line);
        if (f->line > 0 && f->column > 0)
            hg_buf_addf(ret, ",col=%d", f->column);
        hg_buf_addc(ret, ',');
    }
    hg_buf_adds(ret, "title=");
    HG_AUTO(hg_freep) char *title = hg_xasprintf("%s %s", f->rule->id, f->rule->title);
    escape(ret, title, SIZE_MAX, true);
    hg_buf_adds(ret, "::");
    HG_AUTO(hg_freep) char *text = hg_xasprintf("%s\n%s", f->message, hg_finding_help(f));
    escape(ret, text, MESSAGE_MAX, false);
    hg_buf_addc(ret, '\n');
}

void hg_report_github(const struct hg_findings *list, const char *title, struct hg_buf *ret)
{
    for (int severity = HG_SEV_ERROR; severity >= HG_SEV_NOTE; severity--) {
        size_t count = hg_findings_count(list, (enum hg_severity)severity);
        size_t shown = count > SHOWN + 1 ? SHOWN : count;
        for (size_t i = 0, done = 0; i < list->count && done < shown; i++) {
            const struct hg_finding *f = &list->items[i];
            if (f->waived || (int)f->severity != severity)
                continue;
            annotate(f, ret);
            done++;
        }
        if (count > shown) {
            hg_buf_addf(ret, "::%s title=", command((enum hg_severity)severity));
            escape(ret, title, SIZE_MAX, true);
            hg_buf_addf(ret, "::%zu more of this severity; --format text shows them all\n",
                        count - shown);
        }
    }
}
