/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

static const char *const SEVERITY[] = { "off", "note", "warning", "error" };

const char *hg_severity_name(enum hg_severity severity)
{
    return SEVERITY[severity];
}

int hg_severity_parse(const char *name, enum hg_severity *ret)
{
    for (size_t i = 0; i < HG_COUNT(SEVERITY); i++) {
        if (hg_streq(name, SEVERITY[i])) {
            *ret = (enum hg_severity)i;
            return 0;
        }
    }
    return -1;
}

struct hg_finding *hg_finding_add(struct hg_findings *list, const char *rule, const char *fmt, ...)
{
    const struct hg_rule *found = hg_rule_find(rule);
    if (!found)
        HG_BUG("a finding of a rule that is not in the table");
    list->items = hg_grow(list->items, list->count, &list->cap, sizeof *list->items);
    struct hg_finding *f = &list->items[list->count++];
    *f = (struct hg_finding){ .rule = found, .severity = found->severity };
    va_list ap;
    va_start(ap, fmt);
    f->message = hg_xvasprintf(fmt, ap);
    va_end(ap);
    return f;
}

void hg_findings_move(struct hg_findings *to, struct hg_findings *from)
{
    for (size_t i = 0; i < from->count; i++) {
        to->items = hg_grow(to->items, to->count, &to->cap, sizeof *to->items);
        to->items[to->count++] = from->items[i];
    }
    free(from->items);
    *from = (struct hg_findings)HG_FINDINGS_INIT;
}

void hg_findings_copy(struct hg_findings *to, const struct hg_findings *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct hg_finding *f = &from->items[i];
        to->items = hg_grow(to->items, to->count, &to->cap, sizeof *to->items);
        to->items[to->count++] = (struct hg_finding){
            .rule = f->rule,
            .severity = f->severity,
            .message = hg_xstrdup(f->message),
            .help = hg_xstrdup(f->help),
            .path = hg_xstrdup(f->path),
            .line = f->line,
            .column = f->column,
            .revision = hg_xstrdup(f->revision),
            .object = hg_xstrdup(f->object),
            .waived = hg_xstrdup(f->waived),
        };
    }
}

bool hg_findings_have(const struct hg_findings *list, const char *rule)
{
    for (size_t i = 0; i < list->count; i++)
        if (hg_streq(list->items[i].rule->id, rule))
            return true;
    return false;
}

bool hg_finding_decides(const struct hg_finding *f, enum hg_severity fail_on)
{
    return !f->waived && f->severity != HG_SEV_OFF && f->severity >= fail_on && !hg_rule_is_load(f->rule);
}

enum hg_severity hg_findings_worst(const struct hg_findings *list)
{
    enum hg_severity worst = HG_SEV_OFF;
    for (size_t i = 0; i < list->count; i++)
        if (!list->items[i].waived && list->items[i].severity > worst)
            worst = list->items[i].severity;
    return worst;
}

size_t hg_findings_count(const struct hg_findings *list, enum hg_severity severity)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += !list->items[i].waived && list->items[i].severity == severity;
    return count;
}

static void finding_done(struct hg_finding *f)
{
    free(f->message);
    free(f->help);
    free(f->path);
    free(f->revision);
    free(f->object);
    free(f->waived);
}

void hg_findings_drop(struct hg_findings *list, size_t index)
{
    if (index >= list->count)
        HG_BUG("no such finding");
    finding_done(&list->items[index]);
    list->count--;
    memmove(&list->items[index], &list->items[index + 1],
            (list->count - index) * sizeof *list->items);
}

void hg_findings_done(struct hg_findings *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->count; i++)
        finding_done(&list->items[i]);
    free(list->items);
    *list = (struct hg_findings)HG_FINDINGS_INIT;
}

static uint64_t hash_part(uint64_t seed, const char *s)
{
    seed = hg_hash64(s ? s : "", s ? strlen(s) : 0, seed);
    return hg_hash64("\x1f", 1, seed); /* so that "a","b" differs from "ab","" */
}

static uint64_t fingerprint(const struct hg_finding *f)
{
    uint64_t h = hash_part(HG_HASH64_INIT, f->rule->id);
    h = hash_part(h, f->path);
    h = hash_part(h, f->revision);
    return hash_part(h, f->object);
}

static void hex(uint64_t h, char out[17])
{
    (void)snprintf(out, 17, "%016llx", (unsigned long long)h);
}

void hg_finding_fingerprint(const struct hg_finding *f, char out[17])
{
    hex(fingerprint(f), out);
}

struct seen {
    uint64_t hash;
    size_t index;
};

static int by_hash(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

struct hg_fingerprint *hg_findings_fingerprints(const struct hg_findings *list)
{
    struct hg_fingerprint *out = hg_xcalloc(list->count + 1, sizeof *out);
    HG_AUTO(hg_freep) struct seen *seen = hg_xcalloc(list->count + 1, sizeof *seen);
    for (size_t i = 0; i < list->count; i++)
        seen[i] = (struct seen){ fingerprint(&list->items[i]), i };
    qsort(seen, list->count, sizeof *seen, by_hash);
    size_t ordinal = 0;
    for (size_t i = 0; i < list->count; i++) {
        ordinal = i > 0 && seen[i].hash == seen[i - 1].hash ? ordinal + 1 : 0;
        uint64_t h = seen[i].hash;
        if (ordinal)
            h = hg_hash64(&ordinal, sizeof ordinal, h);
        hex(h, out[seen[i].index].text);
    }
    return out;
}

static int rank(const struct hg_finding *f)
{
    return f->waived ? 0 : (int)f->severity;
}

size_t *hg_findings_order(const struct hg_findings *list)
{
    size_t *order = hg_xcalloc(list->count + 1, sizeof *order);
    size_t n = 0;
    for (int want = HG_SEV_ERROR; want >= HG_SEV_OFF; want--)
        for (size_t i = 0; i < list->count; i++)
            if (rank(&list->items[i]) == want)
                order[n++] = i;
    return order;
}

const char *hg_finding_help(const struct hg_finding *f)
{
    return f->help ? f->help : f->rule->help;
}

#define PLACEHOLDER "-t TARGET"

char *hg_help_addressed(const char *help, const char *target)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    for (const char *at; target && (at = strstr(help, PLACEHOLDER)); help = at + strlen(PLACEHOLDER))
        hg_buf_addf(&b, "%.*s-t %s", (int)(at - help), help, target);
    hg_buf_adds(&b, help);
    return hg_xstrdup(hg_buf_str(&b));
}

void hg_findings_address(struct hg_findings *list, const char *target)
{
    for (size_t i = 0; i < list->count; i++) {
        struct hg_finding *f = &list->items[i];
        const char *help = hg_finding_help(f);
        if (!help || !strstr(help, PLACEHOLDER))
            continue;
        char *addressed = hg_help_addressed(help, target);
        free(f->help);
        f->help = addressed;
    }
}

char *hg_finding_place(const struct hg_finding *f)
{
    if (f->path && f->line > 0)
        return hg_xasprintf("%s:%d", f->path, f->line);
    if (f->path)
        return hg_xstrdup(f->path);
    if (f->revision)
        return hg_xasprintf("revision %s", f->revision);
    return hg_xstrdup(f->object ? f->object : "");
}
