/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --wait-for-calm: nothing is started while the server is busy with something in the way. It is waited for
 * without any lock, so that nobody queues behind the waiting, and asked again under the lock.
 */
#include "internal.h"

#include <poll.h>

#define POLL_MS    500
#define SAY_AGAIN_NS (30 * HG_NS_PER_S)

bool hg_run_wants_calm(const struct hg_run *r)
{
    return r->o->calm_wait_ns && r->steps.count && !r->o->baseline && !r->o->adopt && !r->o->dry_run;
}

/* `rules: { RULE: off }`, or --override RULE=REASON: the gate says the same of it. */
static bool let_pass(const struct hg_run *r, const struct hg_finding *f)
{
    const struct hg_config *c = &r->target.config;
    const struct hg_strv *overrides = r->o->overrides;
    for (size_t i = 0; i < c->rule_count; i++)
        if (hg_streq(c->rules[i].rule, f->rule->id) && c->rules[i].severity == HG_SEV_OFF)
            return true;
    for (size_t i = 0; overrides && i < overrides->count; i++)
        if (hg_starts_with(overrides->items[i], f->rule->id))
            return true;
    return false;
}

static void keep_load(const struct hg_run *r, struct hg_findings *list)
{
    for (size_t i = list->count; i-- > 0;)
        if (!hg_rule_is_load(list->items[i].rule) || let_pass(r, &list->items[i]))
            hg_findings_drop(list, i);
}

bool hg_run_crowded(const struct hg_run *r)
{
    for (size_t i = 0; i < r->preflight.count; i++)
        if (hg_rule_is_load(r->preflight.items[i].rule) && !let_pass(r, &r->preflight.items[i]))
            return true;
    return false;
}

static void say(struct hg_run *r, const struct hg_findings *load, int64_t since_ns)
{
    json_t *event = hg_note("calm");
    json_object_set_new(event, "calm", json_boolean(!load->count));
    json_object_set_new(event, "waited", json_real((double)(hg_now_ns() - since_ns) / (double)HG_NS_PER_S));
    json_object_set_new(event, "findings", hg_findings_json(load));
    hg_emit(r, event);
}

/* Which, without how long: the same again is no news. Heap. */
static char *key_of(const struct hg_findings *load)
{
    struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < load->count; i++)
        hg_buf_addf(&b, "%s %s\n", load->items[i].rule->id, load->items[i].object);
    return hg_buf_take(&b);
}

static int too_long(const struct hg_run *r, const struct hg_findings *load, struct hg_err *err)
{
    const struct hg_finding *first = &load->items[0];
    (void)hg_fail(err, HG_E_TIMEOUT, "%s did not become calm within %.1f s; nothing was started",
                  r->identity.database, (double)r->o->calm_wait_ns / (double)HG_NS_PER_S);
    (void)hg_detail(err, "%s: %s", first->rule->id, first->message);
    return hg_hint(err, "%s", first->help ? first->help : first->rule->help);
}

int hg_run_wait_for_calm(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *said = NULL;
    int64_t since = hg_now_ns(), deadline = since + r->calm_left_ns, again = 0;
    while (hg_run_wants_calm(r)) {
        HG_AUTO(hg_findings_done) struct hg_findings load = HG_FINDINGS_INIT;
        if (hg_signals_check(err) < 0 || hg_run_load(r, &load, err) < 0)
            return -1;
        keep_load(r, &load);
        HG_AUTO(hg_freep) char *key = key_of(&load);
        if (load.count ? !hg_streq(key, said) || hg_now_ns() >= again : said != NULL) {
            say(r, &load, since);
            again = hg_now_ns() + SAY_AGAIN_NS;
        }
        if (!load.count)
            break;
        if (hg_now_ns() >= deadline) {
            int rc = too_long(r, &load, err);
            hg_findings_move(&r->findings, &load);
            return rc;
        }
        hg_freep(&said);
        said = HG_TAKE(key);
        int left = hg_ms_left(deadline);
        (void)poll(NULL, 0, left < POLL_MS ? left : POLL_MS); /* a signal ends it */
    }
    r->calm_left_ns = deadline - hg_now_ns();
    return 0;
}
