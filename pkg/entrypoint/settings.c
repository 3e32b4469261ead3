/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

static const char *const POLICIES[] = { "apply", "verify", "wait", "none" };
static const char *const AHEAD[] = { "proven", "refuse", "allow" };

static int index_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; word && i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return (int)i;
    return 0;
}

/* On the application's own port a probe would tell the platform that the application answers. */
static int check_port(int64_t port, struct hg_err *err)
{
    const char *text = getenv("PORT");
    if (port < 0 || port > 65535)
        return hg_fail(err, HG_E_USAGE, "--liveness: %lld is no port", (long long)port);
    /* Applications read it with spaces around it too. */
    if (!port || !text || strtoll(text, NULL, 10) != port)
        return 0;
    (void)hg_fail(err, HG_E_USAGE, "--liveness %lld is PORT, which is the application's own", (long long)port);
    return hg_hint(err, "take another port: a 200 on PORT would send traffic to a migration");
}

int hg_entry_settings(struct hg_entry *e, struct hg_err *err)
{
    const struct hg_entrypoint_options *o = e->o;
    const struct hg_config *c = &e->target.config; /* empty before it was read */
    int64_t wait = o->common->timeout_ns ? o->common->timeout_ns : c->entry.timeout_ns;
    e->policy = (enum hg_policy)index_of(o->policy ? o->policy : c->entry.policy, POLICIES,
                                         HG_COUNT(POLICIES));
    e->ahead = (enum hg_ahead)index_of(o->ahead ? o->ahead : c->entry.ahead, AHEAD, HG_COUNT(AHEAD));
    e->init = o->init || c->entry.init || o->group || c->entry.group;
    e->group = o->group || c->entry.group;
    e->liveness = o->liveness;
    if (!e->liveness && c->entry.liveness && hg_parse_int(c->entry.liveness, 1, 65535, &e->liveness) < 0)
        return hg_fail(err, HG_E_CONFIG, "entrypoint.liveness: \"%s\" is no port", c->entry.liveness);
    e->began_ns = hg_now_ns();
    e->deadline_ns = e->began_ns + (wait ? wait : HG_ENTRY_WAIT_NS);
    e->lock_deadline_ns = e->began_ns + (o->lock_wait_ns >= 0 ? o->lock_wait_ns
                                         : e->have_target     ? e->target.t->lock_wait_ns
                                                              : HG_ENTRY_LOCK_NS);
    return check_port(e->liveness, err);
}
