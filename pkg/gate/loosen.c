/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever may change headgate.yaml may open the gate; so a change that opens it wider is itself a
 * finding. Compared with the merge base: what the base tightened since is not our loosening.
 */
#include "internal.h"

#include <stdlib.h>

#define OWN_RULE "HG217"
#define CONFIG_NAME "headgate.yaml"

struct loosened {
    struct hg_judge *j;
    const char *path;        /* of headgate.yaml, for people */
    const char *base;
    bool strict;             /* the target is protected, or was until this change */
};

static void report(struct loosened *l, const char *object, const char *fmt, ...) HG_PRINTF(3, 4);
static void report(struct loosened *l, const char *object, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    HG_AUTO(hg_freep) char *what = hg_xvasprintf(fmt, ap);
    va_end(ap);
    struct hg_finding *f =
        hg_finding_add(&l->j->out->findings, OWN_RULE, "%s (compared with %s)", what, l->base);
    f->path = hg_xstrdup(l->path);
    f->object = hg_xstrdup(object);
    if (l->strict)
        f->severity = HG_SEV_ERROR;
}

static enum hg_severity severity_in(const struct hg_config *c, const struct hg_rule *rule)
{
    for (size_t i = c->rule_count; i-- > 0;)
        if (hg_streq(c->rules[i].rule, rule->id))
            return c->rules[i].severity;
    return rule->severity;
}

static void compare_rules(struct loosened *l, const struct hg_config *then,
                          const struct hg_config *now)
{
    size_t count;
    const struct hg_rule *rules = hg_rules(&count);
    for (size_t i = 0; i < count; i++) {
        enum hg_severity was = severity_in(then, &rules[i]), is = severity_in(now, &rules[i]);
        if (is < was)
            report(l, rules[i].id, "%s is lowered from %s to %s", rules[i].id,
                   hg_severity_name(was), hg_severity_name(is));
        if (is < was && hg_streq(rules[i].id, OWN_RULE))
            l->j->silenced = true;
    }
}

/* Does a waiver of then cover what this one covers, as long? */
static bool covered(const struct hg_config *then, const struct hg_waiver *w)
{
    for (size_t i = 0; i < then->waiver_count; i++) {
        const struct hg_waiver *old = &then->waivers[i];
        bool as_wide = hg_streq(old->rule, w->rule) &&
                       (!old->revision || hg_streq(old->revision, w->revision));
        bool as_long = !old->until || (w->until && strcmp(w->until, old->until) <= 0);
        if (as_wide && as_long)
            return true;
    }
    return false;
}

static void compare_waivers(struct loosened *l, const struct hg_config *then,
                            const struct hg_config *now)
{
    for (size_t i = 0; i < now->waiver_count; i++) {
        const struct hg_waiver *w = &now->waivers[i];
        if (covered(then, w))
            continue;
        l->j->silenced = l->j->silenced || hg_streq(w->rule, OWN_RULE);
        report(l, w->rule, "%s is waived%s%s until %s", w->rule,
               w->revision ? " for revision " : "", w->revision ? w->revision : "",
               w->until ? w->until : "ever");
    }
}

static const struct hg_target_config *find(const struct hg_config *c, const char *name)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i].named && hg_streq(c->targets[i].name, name))
            return &c->targets[i];
    return NULL;
}

/* A pin that is gone, or holds another database. */
static bool lost(const char *was, const char *is)
{
    return was && !hg_streq(was, is);
}

static void compare_target(struct loosened *l, const struct hg_target_config *was,
                           const struct hg_target_config *is)
{
    if (!is) {
        if (was->protected_)
            report(l, was->name, "the protected target %s is gone", was->name);
        return;
    }
    if (was->protected_ && !is->protected_)
        report(l, was->name, "target %s is no longer protected", was->name);
    if (was->require_plan && !is->require_plan)
        report(l, was->name, "target %s no longer requires a plan", was->name);
    if (is->fail_on > was->fail_on)
        report(l, was->name, "target %s fails on %s only, no longer on %s", was->name,
               hg_severity_name(is->fail_on), hg_severity_name(was->fail_on));
    if (lost(was->pin_system_identifier, is->pin_system_identifier) || lost(was->pin_database, is->pin_database) ||
        lost(was->pin_oid, is->pin_oid))
        report(l, was->name, "target %s is no longer pinned to the same database", was->name);
    if (is->ledger != was->ledger && (was->ledger == HG_LEDGER_REQUIRED || is->ledger == HG_LEDGER_OFF ||
                                      is->ledger == HG_LEDGER_FILE))
        report(l, was->name, "the ledger of target %s is kept otherwise, and what is recorded in the database may "
               "not be looked at", was->name);
    if (was->gate_after && !hg_streq(was->gate_after, is->gate_after))
        report(l, was->name, "target %s no longer waits for %s", was->name, was->gate_after);
    if (was->gate_soak_ns > is->gate_soak_ns)
        report(l, was->name, "target %s waits less long", was->name);
    if (!hg_streq(was->gate_receipt, is->gate_receipt) || !hg_streq(was->gate_signers, is->gate_signers))
        report(l, was->name, "target %s believes another receipt, or other signers", was->name);
    if ((was->bundle_require_signature && !is->bundle_require_signature) ||
        (was->bundle_signers && !hg_streq(was->bundle_signers, is->bundle_signers)))
        report(l, was->name, "target %s takes bundles that are not signed, or by others", was->name);
    if (was->plan_max_age_ns && (!is->plan_max_age_ns || is->plan_max_age_ns > was->plan_max_age_ns))
        report(l, was->name, "target %s may be planned from older snapshots", was->name);
    if (!hg_streq(was->gate_base, is->gate_base))
        report(l, was->name, "target %s is compared with %s, no longer with %s", was->name,
               is->gate_base ? is->gate_base : "the default branch",
               was->gate_base ? was->gate_base : "the default branch");
}

/* A file that this commit had and that is not here any more. */
static const struct hg_blob *moved_from(const struct hg_judge *j, const struct hg_blobs *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (hg_streq(hg_path_base(all->items[i].path), name) && !hg_repo_here(&j->repo, all->items[i].path))
            return &all->items[i];
    return NULL;
}

/* The configuration that would have been read then: the same file, else one above it, else one that was moved
 * from elsewhere. A file of another name was chosen by whoever started this. */
static const struct hg_blob *find_then(const struct hg_judge *j, const struct hg_blobs *all, const char *path)
{
    const char *name = hg_path_base(path);
    const struct hg_blob *found = hg_blobs_find(all, path);
    HG_AUTO(hg_freep) char *dir = hg_path_dir(path);
    while (!found && hg_streq(name, CONFIG_NAME) && !hg_streq(dir, ".")) {
        char *up = hg_path_dir(dir);
        free(dir);
        dir = up;
        HG_AUTO(hg_freep) char *above = hg_path_join(dir, name);
        found = hg_blobs_find(all, above);
    }
    return found ? found : moved_from(j, all, name);
}

static int read_then(struct hg_judge *j, const char *path, struct hg_config *ret,
                     struct hg_err *err)
{
    const struct hg_blobs *all = hg_repo_merge_files(&j->repo, err);
    if (!all)
        return -1;
    const struct hg_blob *found = find_then(j, all, path);
    if (!found)
        return 1;
    struct hg_blob one = { .path = found->path, .id = found->id };
    struct hg_blobs only = { &one, 1, 1 };
    if (hg_repo_read(&j->repo, &only, err) != 0)
        return -1;
    HG_AUTO(hg_freep) char *shown = hg_xasprintf("%s:%s", j->repo.base_name, found->path);
    int rc = hg_config_parse(one.data, one.len, shown, j->in->target->config.dir, ret, err);
    free(one.data);
    return rc;
}

/* The file itself, where its name is a link to it. Heap. */
static char *config_file(const struct hg_judge *j)
{
    const struct hg_config *now = &j->in->target->config;
    char *real = now->path ? realpath(now->path, NULL) : NULL;
    return real ? real : hg_path_join(j->repo.root, CONFIG_NAME);
}

void hg_judge_config(struct hg_judge *j)
{
    const struct hg_config *now = &j->in->target->config;
    if (j->repo.kind != HG_REPO_READY || !now->dir)
        return;
    HG_AUTO(hg_freep) char *file = config_file(j);
    HG_AUTO(hg_freep) char *path = hg_repo_relative(&j->repo, file);
    if (!path)
        return; /* a configuration from outside the repository has no base */
    HG_AUTO(hg_config_done) struct hg_config then = { 0 };
    struct hg_err err = { 0 };
    int rc = read_then(j, path, &then, &err);
    if (rc < 0 && err.kind != HG_E_CONFIG)
        hg_judge_incomparable(j, err.message, err.hint);
    if (rc != 0)
        return; /* there was none, or none that can be read: nothing to loosen */
    const struct hg_target_config *was = find(&then, j->in->target->t->name);
    struct loosened l = { j, path, j->repo.base_name, j->protected_ || (j->in->status && was && was->protected_) };
    compare_rules(&l, &then, now);
    compare_waivers(&l, &then, now);
    for (size_t i = 0; i < then.target_count; i++)
        if (then.targets[i].named)
            compare_target(&l, &then.targets[i], find(now, then.targets[i].name));
}
