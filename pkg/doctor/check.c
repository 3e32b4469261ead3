/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

enum hg_check_status hg_check_say(struct hg_check *c, enum hg_check_status status, const char *fmt, ...)
{
    va_list ap;
    hg_freep(&c->message);
    va_start(ap, fmt);
    c->message = hg_xvasprintf(fmt, ap);
    va_end(ap);
    c->status = status;
    return status;
}

void hg_check_hint(struct hg_check *c, const char *fmt, ...)
{
    va_list ap;
    hg_freep(&c->hint);
    va_start(ap, fmt);
    c->hint = hg_xvasprintf(fmt, ap);
    va_end(ap);
}

void hg_check_lines(struct hg_check *c, const char *text)
{
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        HG_AUTO(hg_freep) char *one = hg_xstrndup(line, len);
        HG_AUTO(hg_freep) char *shown = hg_printable(one, 400);
        if (*shown)
            hg_strv_add(&c->details, shown);
        line += len + (line[len] == '\n');
    }
}

void hg_check_detail(struct hg_check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    HG_AUTO(hg_freep) char *text = hg_xvasprintf(fmt, ap);
    va_end(ap);
    hg_check_lines(c, text);
}

enum hg_check_status hg_check_error(struct hg_check *c, enum hg_check_status status, const struct hg_err *err)
{
    hg_check_lines(c, err->detail);
    if (*err->hint)
        hg_check_hint(c, "%s", err->hint);
    return hg_check_say(c, status, "%s", err->message);
}

void hg_check_rule(struct hg_check *c, const char *rule)
{
    const struct hg_rule *r = hg_rule_find(rule);
    c->rule = r->id;
    if (!c->hint)
        hg_check_hint(c, "%s", r->help);
}

bool hg_check_finding(struct hg_check *c, const struct hg_findings *list, const char *rule)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct hg_finding *f = &list->items[i];
        if (!hg_streq(f->rule->id, rule))
            continue;
        hg_check_hint(c, "%s", f->help ? f->help : f->rule->help);
        c->rule = f->rule->id;
        hg_check_say(c, f->severity == HG_SEV_ERROR     ? HG_CHECK_FAIL
                        : f->severity == HG_SEV_WARNING ? HG_CHECK_WARNING
                                                        : HG_CHECK_OK,
                     "%s", f->message);
        return true;
    }
    return false;
}

const struct hg_check *hg_check_find(const struct hg_doctor *d, const char *id)
{
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->items[i].id, id) == 0)
            return &d->items[i];
    return NULL;
}

enum hg_check_status hg_check_skip(struct hg_check *c, const struct hg_check *because)
{
    if (because->status == HG_CHECK_SKIPPED)
        return hg_check_say(c, HG_CHECK_SKIPPED, "%s", because->message);
    return hg_check_say(c, HG_CHECK_SKIPPED, "skipped because of %s", because->id);
}
