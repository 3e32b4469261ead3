/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a target's variables names its database past the pooler? */
#include "internal.h"

#include <string.h>
#include <strings.h>

/* What hosts of poolers and databases call it: Prisma, Supabase, Neon, Vercel, Heroku's add-ons. */
static const char *const WORDS[] = { "DIRECT", "UNPOOLED", "NON_POOLING", "NONPOOLING", "NO_POOL", "SESSION_URL" };

static bool says_direct(const char *name)
{
    for (size_t i = 0; i < HG_COUNT(WORDS); i++)
        if (strcasestr(name, WORDS[i]))
            return true;
    return false;
}

/* "ep-1-pooler.x" less "-pooler". Heap. */
static char *past_pooler(const char *host)
{
    const char *mark = strstr(host, "-pooler");
    return mark ? hg_xasprintf("%.*s%s", (int)(mark - host), host, mark + strlen("-pooler")) : hg_xstrdup(host);
}

/* Elsewhere, with the same database: another address by its name, or the pooler's host on another port,
 * or what is left of the host without the pooler. Another host alone may be a replica. */
static bool leads_past(const struct hg_target *t, const struct hg_var *v)
{
    HG_AUTO(hg_pg_url_done) struct hg_pg_url u = { 0 };
    struct hg_err ignored = { 0 };
    if (!strstr(v->value, "://") || hg_streq(v->value, t->url) || hg_pg_url_parse(v->value, &u, &ignored) < 0)
        return false;
    const char *port = u.port ? u.port : "5432", *own = t->port ? t->port : "5432";
    if (!u.host || !t->host || !hg_streq(u.database, t->database) ||
        (hg_streq(u.host, t->host) && hg_streq(port, own)))
        return false;
    HG_AUTO(hg_freep) char *direct = past_pooler(t->host);
    return says_direct(v->name) || hg_streq(u.host, t->host) || hg_streq(u.host, direct);
}

const char *hg_run_direct_variable(const struct hg_target *t)
{
    const char *found = NULL;
    for (size_t i = 0; i < t->vars.count; i++) {
        const struct hg_var *v = &t->vars.items[i];
        if (!leads_past(t, v))
            continue;
        bool better = !found || (says_direct(v->name) && !says_direct(found)) ||
                      (says_direct(v->name) == says_direct(found) && strcmp(v->name, found) < 0);
        found = better ? v->name : found;
    }
    return found;
}
