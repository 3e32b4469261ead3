/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which database: the url template, DATABASE_URL, a literal sqlalchemy.url, or PG* alone; from one
 * source only.
 */
#include "internal.h"
#include "alembic/alembic.h"
#include "pg/pg.h"

#include <strings.h>

/* What libpq takes from the environment for a part that a URL leaves open. */
static const char *const PARTS[] = { "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER",
                                     "PGPASSWORD", "PGSERVICE" };

static char *origin_shown(const char *origin)
{
    if (strcmp(origin, "process") == 0)
        return hg_xstrdup("the process environment");
    return hg_xstrdup(origin);
}

static int two_sources(struct hg_resolving *r, const char *name, const char *origin,
                       const char *other_name, const char *other_origin)
{
    HG_AUTO(hg_freep) char *a = origin_shown(origin);
    HG_AUTO(hg_freep) char *b = origin_shown(other_origin);
    hg_fail(r->err, HG_E_CONFIG,
            "the database address would be put together from two sources: %s from %s, %s from %s",
            name, a, other_name, b);
    hg_hint(r->err, "let one source give the whole address, or unset %s there", other_name);
    hg_finding_add(&r->t->findings, "HG504", "%s", r->err->message);
    return -1;
}

/* All variables of the list that are set must come from one source; *ret_origin heap or NULL. */
static int one_source(struct hg_resolving *r, const struct hg_strv *names, char **ret_origin)
{
    HG_AUTO(hg_freep) char *origin = NULL;
    const char *first = NULL;
    for (size_t i = 0; i < names->count; i++) {
        const struct hg_var *v = hg_vars_find(&r->t->vars, names->items[i]);
        if (!v)
            continue;
        HG_AUTO(hg_freep) char *here = hg_resolve_origin(v);
        if (origin && strcmp(origin, here) != 0)
            return two_sources(r, first, origin, v->name, here);
        if (!origin) {
            origin = HG_TAKE(here);
            first = v->name;
        }
    }
    *ret_origin = HG_TAKE(origin);
    return 0;
}

/* ---- the template ---------------------------------------------------------------------------------- */

/* User name and password stand raw in variables; inside a URL some bytes need their %XX form. */
static char *encode_userinfo(const char *value)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    for (const char *p = value; *p; p++) {
        bool escape = p[0] == '%' && p[1] && p[2] && strspn(p + 1, "0123456789abcdefABCDEF") >= 2;
        if (strchr("@/?# ", *p) || (*p == '%' && !escape))
            hg_buf_addf(&b, "%%%02X", (unsigned char)*p);
        else
            hg_buf_addc(&b, *p);
    }
    return hg_buf_take(&b);
}

static int expand_userinfo(struct hg_resolving *r, const char *text, struct hg_buf *url)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    HG_AUTO(hg_vars_done) struct hg_vars encoded = HG_VARS_INIT;
    hg_resolve_template_names(text, &names);
    for (size_t i = 0; i < names.count; i++) {
        const char *value = hg_vars_get(&r->t->vars, names.items[i]);
        HG_AUTO(hg_freep) char *safe = value ? encode_userinfo(value) : NULL;
        if (safe)
            hg_vars_set(&encoded, names.items[i], safe, "url");
    }
    return hg_vars_expand(&encoded, text, url, NULL, r->err);
}

/* SCHEME://USERINFO@REST: the middle is encoded, the rest goes in as it is. */
static int expand_template(struct hg_resolving *r, const char *template, struct hg_buf *url)
{
    const char *start = strstr(template, "://");
    const char *at = start ? strrchr(start, '@') : NULL;
    if (!at)
        return hg_vars_expand(&r->t->vars, template, url, NULL, r->err);
    HG_AUTO(hg_freep) char *scheme = hg_xstrndup(template, (size_t)(start + 3 - template));
    HG_AUTO(hg_freep) char *userinfo = hg_xstrndup(start + 3, (size_t)(at - start - 3));
    if (hg_vars_expand(&r->t->vars, scheme, url, NULL, r->err) < 0 ||
        expand_userinfo(r, userinfo, url) < 0)
        return -1;
    return hg_vars_expand(&r->t->vars, at, url, NULL, r->err);
}

int hg_resolve_template(struct hg_resolving *r, const char *template, char **ret_url,
                        char **ret_source)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *origin = NULL;
    hg_resolve_template_names(template, &names);
    if (one_source(r, &names, &origin) < 0)
        return -1;
    HG_AUTO(hg_buf_wipe) struct hg_buf url = HG_BUF_INIT;
    if (expand_template(r, template, &url) < 0) {
        hg_wrap(r->err, "target %s: url", r->t->t->name);
        HG_AUTO(hg_strv_done) struct hg_strv shown = HG_STRV_INIT;
        for (size_t i = 0; i < r->t->t->source_count; i++) {
            HG_AUTO(hg_freep) char *s = hg_source_shown(&r->t->t->sources[i]);
            hg_strv_add(&shown, s);
        }
        HG_AUTO(hg_freep) char *list = hg_strv_join(&shown, ", ");
        return hg_hint(r->err, "only these sources may give it: %s", list);
    }
    hg_resolve_note_age(r, origin);
    HG_AUTO(hg_freep) char *shown = origin ? origin_shown(origin) : hg_xstrdup("headgate.yaml");
    *ret_source = origin ? hg_xasprintf("url from %s", shown) : hg_xstrdup("url of headgate.yaml");
    *ret_url = hg_buf_take(&url);
    return 0;
}

/* ---- DATABASE_URL, sqlalchemy.url, PG* ---------------------------------------------------------------- */

static bool part_given(const struct hg_pg_url *u, const char *part)
{
    if (strcmp(part, "PGHOST") == 0 || strcmp(part, "PGHOSTADDR") == 0)
        return u->host != NULL;
    if (strcmp(part, "PGPORT") == 0)
        return u->port != NULL;
    if (strcmp(part, "PGDATABASE") == 0)
        return u->database != NULL;
    if (strcmp(part, "PGUSER") == 0)
        return u->user != NULL;
    if (strcmp(part, "PGPASSWORD") == 0)
        return u->password != NULL;
    return u->host && u->database && u->user;
}

/* A part that the URL leaves open must not be filled from elsewhere by libpq. */
static int check_parts(struct hg_resolving *r, const char *url, const char *name, const char *origin)
{
    struct hg_pg_url u = { 0 };
    if (hg_pg_url_parse(url, &u, r->err) < 0)
        return hg_wrap(r->err, "%s from %s", name, origin);
    int rc = 0;
    for (size_t i = 0; i < HG_COUNT(PARTS) && rc == 0; i++) {
        const struct hg_var *v = hg_vars_find(&r->t->vars, PARTS[i]);
        /* PGHOSTADDR moves the connection even when the URL has a host. */
        if (!v || !*v->value || (part_given(&u, PARTS[i]) && strcmp(PARTS[i], "PGHOSTADDR") != 0))
            continue;
        HG_AUTO(hg_freep) char *other = hg_resolve_origin(v);
        if (strcmp(other, origin) != 0)
            rc = two_sources(r, name, origin, v->name, other);
    }
    hg_pg_url_done(&u);
    return rc;
}

static int from_database_url(struct hg_resolving *r, const struct hg_var *v, char **ret_url,
                             char **ret_source)
{
    HG_AUTO(hg_freep) char *origin = hg_resolve_origin(v);
    if (check_parts(r, v->value, "DATABASE_URL", origin) < 0)
        return -1;
    hg_resolve_note_age(r, origin);
    HG_AUTO(hg_freep) char *shown = origin_shown(v->source);
    *ret_source = hg_xasprintf("DATABASE_URL from %s", shown);
    *ret_url = hg_xstrdup(v->value);
    return 0;
}

/* Only where local sources are listed: a missing Railway variable must not be filled by a file. */
static bool ini_may_tell(const struct hg_resolving *r)
{
    for (size_t i = 0; i < r->t->t->source_count; i++)
        if (r->t->t->sources[i].kind != HG_SOURCE_PROCESS &&
            r->t->t->sources[i].kind != HG_SOURCE_DOTENV)
            return false;
    return true;
}

/* A literal sqlalchemy.url. Whatever keeps us from reading one means that there is none, unless the
 * command line names the place. */
static int from_ini(struct hg_resolving *r, char **ret_url, char **ret_source)
{
    const struct hg_common *common = r->in->common;
    const struct hg_config *c = &r->t->config;
    struct hg_alembic_options o = hg_target_alembic_options(common, c, NULL);
    o.dir = c->start_dir;
    o.no_python = true;
    struct hg_alembic_config ini = { 0 };
    struct hg_err ignored = { 0 };
    if (hg_alembic_config_load(&o, &ini, &ignored) < 0) {
        if (!common->alembic_config && !common->alembic_section)
            return 0;
        *r->err = ignored;
        return -1;
    }
    /* The template's placeholder ("driver://user:pass@localhost/dbname") is no address. */
    struct hg_pg_url u = { 0 };
    if (ini.sqlalchemy_url && hg_pg_url_parse(ini.sqlalchemy_url, &u, &ignored) == 0) {
        *ret_url = hg_xstrdup(ini.sqlalchemy_url);
        *ret_source = hg_xasprintf("sqlalchemy.url from %s", hg_path_base(ini.file));
    }
    hg_pg_url_done(&u);
    hg_alembic_config_done(&ini);
    return 0;
}

static int from_parts(struct hg_resolving *r, char **ret_source)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *origin = NULL;
    for (size_t i = 0; i < HG_COUNT(PARTS); i++)
        hg_strv_add(&names, PARTS[i]);
    if (one_source(r, &names, &origin) < 0)
        return -1;
    bool enough = hg_vars_get(&r->t->vars, "PGHOST") || hg_vars_get(&r->t->vars, "PGSERVICE") ||
                  hg_vars_get(&r->t->vars, "PGDATABASE") || hg_vars_get(&r->t->vars, "PGHOSTADDR");
    if (!origin || !enough)
        return 0;
    hg_resolve_note_age(r, origin);
    HG_AUTO(hg_freep) char *shown = origin_shown(origin);
    *ret_source = hg_xasprintf("PG* variables from %s", shown);
    return 0;
}

/* The first of these that is set behind the prefix; heap or NULL. */
static char *part_named(const struct hg_vars *v, const char *prefix, size_t len, const char *const *names)
{
    for (; *names; names++) {
        HG_AUTO(hg_freep) char *name = hg_xasprintf("%.*s%s", (int)len, prefix, *names);
        if (hg_vars_get(v, name))
            return HG_TAKE(name);
    }
    return NULL;
}

/* `url:` from DB_HOST, DB_USER… as they are called here, or else as an example. Heap. */
static char *url_of_parts(const struct hg_vars *v)
{
    static const char *const USER[] = { "USER", "USERNAME", NULL }, *const PORT[] = { "PORT", NULL };
    static const char *const PASSWORD[] = { "PASSWORD", "PASS", "PASSWD", "PWD", NULL };
    static const char *const DATABASE[] = { "DATABASE", "NAME", "DB", "DBNAME", NULL };
    for (size_t i = 0; i < v->count; i++) {
        const char *host = v->items[i].name;
        size_t len = strlen(host);
        if (!hg_ends_with(host, "HOST") || !hg_var_name_valid(host))
            continue;
        len -= strlen("HOST");
        HG_AUTO(hg_freep) char *user = part_named(v, host, len, USER);
        HG_AUTO(hg_freep) char *password = part_named(v, host, len, PASSWORD);
        HG_AUTO(hg_freep) char *database = part_named(v, host, len, DATABASE);
        HG_AUTO(hg_freep) char *port = part_named(v, host, len, PORT);
        if (user && password && database)
            return hg_xasprintf("postgresql://${%s}:${%s}@${%s}%s%s%s/${%s}", user, password, host,
                                port ? ":${" : "", port ? port : "", port ? "}" : "", database);
    }
    return hg_xstrdup("postgresql://${DB_USER}:${DB_PASS}@${DB_HOST}:${DB_PORT}/${DB_NAME}");
}

/* Without headgate.yaml, the folder with the dotenv file may only not be this one. Heap hint, "" when it is. */
static char *elsewhere(struct hg_resolving *r)
{
    const struct hg_config *c = &r->t->config;
    struct hg_alembic_options o = hg_target_alembic_options(r->in->common, c, NULL);
    struct hg_alembic_config ini = { 0 };
    struct hg_err missing = { 0 };
    o.dir = c->start_dir;
    o.no_python = true;
    if (c->path || !ini_may_tell(r))
        return hg_xstrdup("");
    int rc = hg_alembic_config_load(&o, &ini, &missing);
    hg_alembic_config_done(&ini);
    if (rc == 0)
        return hg_xstrdup("");
    (void)hg_detail(r->err, "%s", missing.message);
    return hg_xasprintf("%s; else ", missing.hint);
}

static void no_address(struct hg_resolving *r)
{
    const struct hg_target_config *t = r->t->t;
    HG_AUTO(hg_strv_done) struct hg_strv shown = HG_STRV_INIT;
    for (size_t i = 0; i < t->source_count; i++) {
        HG_AUTO(hg_freep) char *s = hg_source_shown(&t->sources[i]);
        hg_strv_add(&shown, s);
    }
    HG_AUTO(hg_freep) char *list = hg_strv_join(&shown, ", ");
    bool sealed = hg_strv_has(&r->sealed, "DATABASE_URL");
    const struct hg_var *empty = hg_vars_find(&r->t->vars, "DATABASE_URL");
    HG_AUTO(hg_freep) char *where = empty ? origin_shown(empty->source) : NULL;
    HG_AUTO(hg_freep) char *why = sealed  ? hg_xstrdup("is sealed and cannot be read")
                                  : empty ? hg_xasprintf("is empty in %s", where)
                                          : hg_xstrdup("is not set");
    hg_fail(r->err, HG_E_CONFIG, "target %s: no database address: DATABASE_URL %s (looked in: %s)", t->name, why,
            list);
    if (sealed)
        hg_detail(r->err, "a sealed value reaches Railway's own deployments only: there, as the service's "
                          "pre-deploy command, headgate has it");
    else if (r->pull_request)
        hg_detail(r->err, "sealed variables are not copied to PR environments: is it sealed in the "
                          "environment that this one was made from?");
    HG_AUTO(hg_freep) char *url = url_of_parts(&r->t->vars);
    HG_AUTO(hg_freep) char *first = elsewhere(r);
    if (empty && !sealed)
        hg_hint(r->err, "give it a value in %s, take it out there, so that another source can, or say in headgate.yaml "
                        "how it is put together: url: \"%s\"", where, url);
    else if (ini_may_tell(r))
        hg_hint(r->err, "%sset DATABASE_URL, write it into %s, or put `url: \"%s\"` into headgate.yaml; "
                        "`headgate postgres start` makes a private database and prints its URL", first,
                t->source_count > 1 ? t->sources[t->source_count - 1].file
                                    : "a dotenv file", url);
    else
        hg_hint(r->err, "set DATABASE_URL there, or say in headgate.yaml how it is put together: url: \"%s\"",
                url);
}

/* Address and source; both NULL when the variables say nothing. */
static int find_address(struct hg_resolving *r, char **ret_url, char **ret_source)
{
    const struct hg_var *v = hg_vars_find(&r->t->vars, "DATABASE_URL");
    if (r->t->t->url)
        return hg_resolve_template(r, r->t->t->url, ret_url, ret_source);
    if (v && *v->value)
        return from_database_url(r, v, ret_url, ret_source);
    if (from_parts(r, ret_source) < 0)
        return -1;
    if (!*ret_source && ini_may_tell(r))
        return from_ini(r, ret_url, ret_source);
    return 0;
}

static char *text_or_null(const char *s)
{
    return s && *s ? hg_xstrdup(s) : NULL;
}

static int take_parts(struct hg_resolving *r)
{
    struct hg_target *t = r->t;
    struct hg_pg_url u = { 0 };
    if (t->url && hg_pg_url_parse(t->url, &u, r->err) < 0)
        return hg_wrap(r->err, "%s", t->url_source);
    const struct hg_vars *v = &t->vars;
    char **parts[] = { &t->host, &t->port, &t->database, &t->user };
    const char *const given[] = { u.host, u.port, u.database, u.user };
    const char *const names[] = { "PGHOST", "PGPORT", "PGDATABASE", "PGUSER" };
    for (size_t i = 0; i < HG_COUNT(parts); i++) {
        free(*parts[i]);
        *parts[i] = text_or_null(given[i] ? given[i] : hg_vars_get(v, names[i]));
    }
    hg_pg_url_done(&u);
    return 0;
}

int hg_resolve_url(struct hg_resolving *r)
{
    HG_AUTO(hg_freep) char *url = NULL;
    HG_AUTO(hg_freep) char *source = NULL;
    if (find_address(r, &url, &source) < 0)
        return -1;
    free(r->t->url);
    free(r->t->url_source);
    r->t->url = HG_TAKE(url);
    r->t->url_source = HG_TAKE(source);
    if (r->t->url_source)
        return take_parts(r);
    if (r->in->strict) {
        no_address(r);
        return -1;
    }
    return 0;
}
