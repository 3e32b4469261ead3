/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a team has decided about rules: severities, waivers with a reason and an end, overrides for
 * one run. Rules about identity, lock and state obey none of them.
 */
#include "internal.h"

#include <string.h>

enum { PREFIX_MIN = 4 };

static void today(char out[11])
{
    char now[HG_TIME_SIZE];
    hg_time_format(hg_wall_ns(), now);
    (void)snprintf(out, 11, "%.10s", now);
}

static bool fixed(const char *rule)
{
    const struct hg_rule *r = hg_rule_find(rule);
    return r && r->never_override;
}

/* What a change says about the rule that reports it waits until the change is merged. */
static bool not_yet(const struct hg_judge *j, const char *rule)
{
    return j->silenced && hg_streq(rule, "HG217");
}

static void without_effect(struct hg_judge *j, const char *what, const char *rule, const char *why)
{
    hg_finding_add(&j->out->findings, "HG221", "%s for %s has no effect: %s", what, rule, why)->object =
        hg_xasprintf("%s %s", what, rule);
}

static void apply_severities(struct hg_judge *j)
{
    const struct hg_config *c = &j->in->target->config;
    struct hg_findings *list = &j->out->findings;
    for (size_t i = 0; i < c->rule_count; i++) {
        const char *rule = c->rules[i].rule;
        if (!hg_rule_find(rule)) {
            without_effect(j, "setting", rule, "there is no such rule (`headgate explain` lists them)");
            continue;
        }
        if (fixed(rule)) {
            without_effect(j, "setting", rule, "this rule cannot be changed");
            continue;
        }
        if (not_yet(j, rule)) {
            without_effect(j, "setting", rule, "it is part of the change that this rule is about");
            continue;
        }
        for (size_t k = list->count; k-- > 0;) {
            if (!hg_streq(list->items[k].rule->id, rule))
                continue;
            list->items[k].severity = c->rules[i].severity;
            if (c->rules[i].severity == HG_SEV_OFF)
                hg_findings_drop(list, k);
        }
    }
}

/* Is it that revision, or the only one that begins like this? Shorter beginnings are none to Alembic either. */
static bool means(const struct hg_judge *j, const char *written, const char *revision)
{
    if (hg_streq(written, revision))
        return true;
    if (!revision || strlen(written) < PREFIX_MIN || !hg_starts_with(revision, written))
        return false;
    for (size_t i = 0; j->in->graph && i < hg_graph_count(j->in->graph); i++) {
        const char *id = hg_graph_at(j->in->graph, i)->id;
        if (hg_starts_with(id, written) && !hg_streq(id, revision))
            return false;
    }
    return true;
}

static bool covers(const struct hg_judge *j, const struct hg_waiver *w, const struct hg_finding *f)
{
    return !f->waived && hg_streq(w->rule, f->rule->id) && (!w->revision || means(j, w->revision, f->revision));
}

static void apply_waiver(struct hg_judge *j, const struct hg_waiver *w, const char *date)
{
    struct hg_findings *list = &j->out->findings;
    if (!hg_rule_find(w->rule) || fixed(w->rule)) {
        without_effect(j, "waiver", w->rule,
                       fixed(w->rule) ? "this rule cannot be waived"
                                      : "there is no such rule (`headgate explain` lists them)");
        return;
    }
    if (not_yet(j, w->rule)) {
        without_effect(j, "waiver", w->rule, "it is part of the change that this rule is about");
        return;
    }
    bool expired = w->until && strcmp(w->until, date) < 0;
    size_t covered = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!covers(j, w, &list->items[i]))
            continue;
        covered++;
        if (!expired)
            list->items[i].waived = hg_xstrdup(w->reason);
    }
    if (!expired)
        return;
    struct hg_finding *f = hg_finding_add(
        list, "HG219", "the waiver of %s%s%s (\"%s\") ended on %s", w->rule,
        w->revision ? " for revision " : "", w->revision ? w->revision : "", w->reason, w->until);
    f->object = hg_xasprintf("waiver %s", w->rule);
    f->revision = hg_xstrdup(w->revision);
    if (!covered)
        f->severity = HG_SEV_NOTE;
}

static int apply_override(struct hg_judge *j, const char *text, struct hg_err *err)
{
    const char *equals = strchr(text, '=');
    HG_AUTO(hg_freep) char *rule = hg_xstrndup(text, equals ? (size_t)(equals - text) : strlen(text));
    if (!equals || !equals[1]) {
        hg_fail(err, HG_E_USAGE, "--override %s: expected RULE=REASON", text);
        return hg_hint(err, "--override '%s=why this is fine this once'", rule);
    }
    if (!hg_rule_find(rule)) {
        hg_fail(err, HG_E_USAGE, "--override: there is no rule %s", rule);
        return hg_hint(err, "headgate explain");
    }
    struct hg_findings *list = &j->out->findings;
    bool any = false;
    for (size_t i = 0; i < list->count; i++) {
        struct hg_finding *f = &list->items[i];
        if (!hg_streq(f->rule->id, rule))
            continue;
        any = true;
        if (!f->waived && !f->rule->never_override)
            f->waived = hg_xasprintf("override: %s", equals + 1);
    }
    if (fixed(rule))
        without_effect(j, "override", rule, "this rule cannot be overridden");
    else if (!any)
        without_effect(j, "override", rule, "nothing was found under this rule");
    return 0;
}

int hg_judge_policy(struct hg_judge *j, struct hg_err *err)
{
    const struct hg_config *c = &j->in->target->config;
    char date[11];
    today(date);
    apply_severities(j);
    for (size_t i = 0; i < c->waiver_count; i++)
        apply_waiver(j, &c->waivers[i], date);
    for (size_t i = 0; j->in->overrides && i < j->in->overrides->count; i++)
        if (apply_override(j, j->in->overrides->items[i], err) != 0)
            return -1;
    return 0;
}
