/* SPDX-License-Identifier: Apache-2.0 */
/* Once the route is known: how libpq gets to the database, and how the target is shown. */
#include "internal.h"
#include "pg/pg.h"

#include <strings.h>

static bool is_loopback(const char *host)
{
    return !host || host[0] == '/' || host[0] == '@' || strcmp(host, "localhost") == 0 ||
           strcmp(host, "::1") == 0 || hg_starts_with(host, "127.") ||
           hg_ends_with(host, ".localhost");
}

static bool all_local(const char *hosts)
{
    if (!hosts)
        return true;
    for (const char *p = hosts; *p;) {
        size_t n = strcspn(p, ",");
        HG_AUTO(hg_freep) char *one = hg_xstrndup(p, n);
        if (!is_loopback(*one ? one : NULL))
            return false;
        p += n + (p[n] == ',');
    }
    return true;
}

/* By the route's address, when it is the routed host: under its own name, or already as an address. */
static void apply_route(const struct hg_target *t, struct hg_pg_url *u)
{
    bool by_name = u->host && t->server_name && strcasecmp(u->host, t->server_name) == 0;
    if (!t->hostaddr || !t->server_name || (u->host && !by_name && !hg_streq(u->host, t->host)))
        return;
    if (!u->port || (by_name && hg_streq(u->port, t->server_port))) {
        free(u->port);
        u->port = hg_xstrdup(t->port);
    }
    free(u->hostaddr);
    u->hostaddr = hg_xstrdup(t->hostaddr);
    free(u->host);
    u->host = hg_xstrdup(t->server_name);
}

static char *conninfo(const char *url, const struct hg_target *t)
{
    struct hg_pg_url u = { 0 };
    struct hg_err err = { 0 };
    if (url && hg_pg_url_parse(url, &u, &err) < 0)
        return NULL;
    apply_route(t, &u);
    char *text = hg_pg_url_conninfo(&u);
    hg_pg_url_done(&u);
    return text;
}

/* Takes the new one. */
static void replace_secret(char **old, char *new)
{
    if (*old)
        explicit_bzero(*old, strlen(*old));
    free(*old);
    *old = new;
}

void hg_resolve_finish_address(struct hg_resolving *r)
{
    struct hg_target *t = r->t;
    if (!t->url_source)
        return;
    replace_secret(&t->conninfo, conninfo(t->url, t));
    if (t->t->direct_url) {
        HG_AUTO(hg_freep) char *source = NULL;
        HG_AUTO(hg_freep) char *direct = NULL;
        struct hg_err ignored = { 0 };
        struct hg_err *kept = r->err;
        r->err = &ignored;
        if (hg_resolve_template(r, t->t->direct_url, &direct, &source) == 0)
            replace_secret(&t->direct_conninfo, conninfo(direct, t));
        r->err = kept;
    }
    const char *where = t->host ? t->host : "the local socket";
    free(t->shown);
    t->shown = hg_xasprintf("%s at %s%s%s", t->database ? t->database : "the default database", where,
                            t->port && where[0] != '/' ? ":" : "",
                            t->port && where[0] != '/' ? t->port : "");
    t->remote = !t->hostaddr && !all_local(t->host);
    if (t->remote && !t->t->named)
        ((struct hg_target_config *)(uintptr_t)t->t)->protected_ = true;
}
