/* SPDX-License-Identifier: Apache-2.0 */
/* Which project, environment and service: from the token, the request, the environment or a link. */
#include "internal.h"

static const char PROJECT_TOKEN[] =
    "query ProjectToken { projectToken { project { id name } environment { id name } } }";
static const char PROJECTS[] = "query Projects { projects { edges { node { id name } } } }";
static const char PROJECT[] =
    "query Project($id: String!) { project(id: $id) { id name "
    "environments { edges { node { id name canAccess deletedAt } } } "
    "services { edges { node { id name } } } } }";

static const json_t *edges_of(const json_t *object, const char *key)
{
    return json_object_get(json_object_get(object, key), "edges");
}

static const json_t *node_at(const json_t *edges, size_t i)
{
    return json_object_get(json_array_get(edges, i), "node");
}

static bool usable(const json_t *node)
{
    return hg_railway_text(node, "id") && hg_railway_text(node, "name") &&
           !hg_railway_text(node, "deletedAt");
}

/* "api, Postgres, worker": for errors. Heap. */
static char *names_of(const json_t *edges)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    for (size_t i = 0; i < json_array_size(edges); i++)
        if (usable(node_at(edges, i)))
            hg_strv_add(&names, hg_railway_text(node_at(edges, i), "name"));
    hg_strv_sort(&names);
    char *list = hg_strv_join(&names, ", ");
    if (*list) {
        HG_AUTO(hg_freep) char *whole = list;
        return hg_printable(whole, 600);
    }
    free(list);
    return hg_xstrdup("none");
}

/* By id or exact name first; then by name without case, if that is one only. */
static const json_t *find(const json_t *edges, const char *wanted)
{
    const json_t *folded = NULL;
    size_t hits = 0;
    for (size_t i = 0; i < json_array_size(edges); i++) {
        const json_t *node = node_at(edges, i);
        if (!usable(node))
            continue;
        if (strcmp(hg_railway_text(node, "id"), wanted) == 0 ||
            strcmp(hg_railway_text(node, "name"), wanted) == 0)
            return node;
        if (strcasecmp(hg_railway_text(node, "name"), wanted) == 0) {
            folded = node;
            hits++;
        }
    }
    return hits == 1 ? folded : NULL;
}

static const json_t *the_only_one(const json_t *edges)
{
    const json_t *only = NULL;
    for (size_t i = 0; i < json_array_size(edges); i++) {
        if (!usable(node_at(edges, i)))
            continue;
        if (only)
            return NULL;
        only = node_at(edges, i);
    }
    return only;
}

static void take(struct hg_railway_named *named, const json_t *node)
{
    hg_freep(&named->id);
    hg_freep(&named->name);
    named->id = hg_xstrdup(hg_railway_text(node, "id"));
    named->name = hg_xstrdup(hg_railway_text(node, "name"));
}

static bool is(const struct hg_railway_named *named, const char *wanted)
{
    return strcmp(named->id, wanted) == 0 || strcasecmp(named->name, wanted) == 0;
}

static int not_found(const char *what, const char *wanted, const char *where, const json_t *edges,
                     struct hg_err *err)
{
    HG_AUTO(hg_freep) char *names = names_of(edges);
    HG_AUTO(hg_freep) char *shown = hg_printable(wanted, 100);
    hg_fail(err, HG_E_CONFIG, "no %s \"%s\" in %s", what, shown, where);
    hg_detail(err, "there are: %s", names);
    return hg_hint(err, "give one of these names (or its id) as the source's `%s` in headgate.yaml",
                   what);
}

/* ---- the project ------------------------------------------------------------------------------- */

static int malformed(const char *what, struct hg_err *err)
{
    return hg_fail(err, HG_E_RAILWAY, "Railway's answer cannot be read: %s is missing in it", what);
}

/* A project token says itself where it belongs; a request for another place is a mistake. */
static int locate_by_token(const struct client *c, const struct hg_railway_query *q,
                           struct hg_railway_answer *a, struct hg_err *err)
{
    JSON_AUTO data = NULL;
    if (hg_railway_ask(c, "ProjectToken", PROJECT_TOKEN, NULL, &data, err) < 0)
        return -1;
    const json_t *token = json_object_get(data, "projectToken");
    const json_t *project = json_object_get(token, "project");
    const json_t *environment = json_object_get(token, "environment");
    if (!usable(project) || !usable(environment))
        return malformed("the token's project and environment", err);
    take(&a->project, project);
    take(&a->environment, environment);
    if (q->project && !is(&a->project, q->project)) {
        hg_fail(err, HG_E_CONFIG, "the token in %s belongs to project %s, not to %s", c->token_from,
                a->project.name, q->project);
        return hg_hint(err, "use a token of that project");
    }
    if (q->environment && !is(&a->environment, q->environment)) {
        hg_fail(err, HG_E_CONFIG, "the token in %s belongs to environment %s of %s, not to %s",
                c->token_from, a->environment.name, a->project.name, q->environment);
        return hg_hint(err, "each environment has its own project tokens: name another variable with "
                            "`token_env`, for instance RAILWAY_TOKEN_STAGING");
    }
    return 0;
}

bool hg_railway_is_id(const char *s)
{
    return strlen(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-';
}

/* An account token sees many projects: the request or a link must choose. */
static int project_id(const struct client *c, const char *wanted, char **ret, struct hg_err *err)
{
    if (hg_railway_is_id(wanted)) {
        *ret = hg_xstrdup(wanted);
        return 0;
    }
    JSON_AUTO data = NULL;
    if (hg_railway_ask(c, "Projects", PROJECTS, NULL, &data, err) < 0)
        return -1;
    const json_t *edges = edges_of(data, "projects");
    const json_t *node = find(edges, wanted);
    if (!node)
        return not_found("project", wanted, "what the token may see", edges, err);
    *ret = hg_xstrdup(hg_railway_text(node, "id"));
    return 0;
}

static int no_project(const struct client *c, struct hg_err *err)
{
    hg_fail(err, HG_E_CONFIG, "which Railway project is not known: %s may see many", c->token_from);
    return hg_hint(err, "link this directory with `railway link`, set RAILWAY_PROJECT_ID, give the "
                        "source a `project` in headgate.yaml, or use a project token in RAILWAY_TOKEN");
}

/* ---- environment and service ------------------------------------------------------------------- */

static int choose_environment(const json_t *edges, const char *wanted, const char *link,
                              struct hg_railway_answer *a, bool *ret_chosen, struct hg_err *err)
{
    if (!wanted)
        wanted = link;
    HG_AUTO(hg_freep) char *where = hg_xasprintf("project %s", a->project.name);
    const json_t *node = wanted ? find(edges, wanted) : the_only_one(edges);
    if (!node && wanted)
        return not_found("environment", wanted, where, edges, err);
    if (!node) {
        HG_AUTO(hg_freep) char *names = names_of(edges);
        hg_fail(err, HG_E_CONFIG, "which environment of %s is not said", where);
        hg_detail(err, "there are: %s", names);
        return hg_hint(err, "railway:SERVICE@ENVIRONMENT, or `environment` in headgate.yaml");
    }
    take(&a->environment, node);
    *ret_chosen = *ret_chosen && wanted;
    if (json_is_false(json_object_get(node, "canAccess"))) {
        hg_fail(err, HG_E_RAILWAY, "environment %s of %s is restricted: the token may not read it",
                a->environment.name, where);
        return hg_hint(err, "ask an administrator of the workspace for access, or for a project token "
                            "of this environment");
    }
    return 0;
}

static int choose_service(const json_t *edges, const char *wanted, const char *link,
                          struct hg_railway_answer *a, bool *ret_chosen, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *where = hg_xasprintf("project %s", a->project.name);
    const json_t *node = NULL;
    if (!wanted && link) {
        node = find(edges, link);
        if (!node)
            hg_strv_addf(&a->notes, "the linked service does not exist in %s any more", where);
    }
    *ret_chosen = *ret_chosen && (wanted || node);
    if (!node)
        node = wanted ? find(edges, wanted) : the_only_one(edges);
    if (!node && wanted)
        return not_found("service", wanted, where, edges, err);
    if (!node && json_array_size(edges) == 0) {
        hg_fail(err, HG_E_CONFIG, "%s has no services", where);
        return hg_hint(err, "is it the right project?");
    }
    if (!node) {
        HG_AUTO(hg_freep) char *names = names_of(edges);
        hg_fail(err, HG_E_CONFIG, "which service of %s is not said", where);
        hg_detail(err, "there are: %s", names);
        return hg_hint(err, "railway:SERVICE@ENVIRONMENT, or `service` in headgate.yaml");
    }
    take(&a->service, node);
    return 0;
}

static int locate_in(const struct client *c, const struct hg_railway_query *q, const struct link *l,
                     const char *id, struct hg_railway_answer *a, json_t **ret_services,
                     bool *ret_chosen, struct hg_err *err)
{
    JSON_AUTO data = NULL;
    if (hg_railway_ask(c, "Project", PROJECT, json_pack("{s:s}", "id", id), &data, err) < 0)
        return -1;
    const json_t *project = json_object_get(data, "project");
    const json_t *services = edges_of(project, "services");
    if (!usable(project) || !json_is_array(services))
        return malformed("the project", err);
    take(&a->project, project);
    /* A link to another project says nothing about this one. */
    bool linked = l->project && is(&a->project, l->project);
    if (c->kind != TOKEN_PROJECT &&
        choose_environment(edges_of(project, "environments"), q->environment,
                           linked ? l->environment : NULL, a, ret_chosen, err) < 0)
        return -1;
    if (choose_service(services, q->service, linked ? l->service : NULL, a, ret_chosen, err) < 0)
        return -1;
    *ret_services = json_incref(json_object_get(json_object_get(project, "services"), "edges"));
    return 0;
}

json_t *hg_railway_services(const struct client *c, const char *project, struct hg_err *err)
{
    JSON_AUTO data = NULL;
    if (hg_railway_ask(c, "Project", PROJECT, json_pack("{s:s}", "id", project), &data, err) < 0)
        return NULL;
    return json_incref((json_t *)(uintptr_t)edges_of(json_object_get(data, "project"), "services"));
}

int hg_railway_locate(const struct client *c, const struct hg_railway_query *q, const struct link *l,
                      struct hg_railway_answer *a, json_t **ret_services, bool *ret_chosen,
                      struct hg_err *err)
{
    *ret_chosen = true;
    HG_AUTO(hg_freep) char *id = NULL;
    if (c->kind == TOKEN_PROJECT) {
        if (locate_by_token(c, q, a, err) < 0)
            return -1;
        id = hg_xstrdup(a->project.id);
    } else {
        const char *wanted = q->project ? q->project : l->project;
        if (!wanted)
            return no_project(c, err);
        if (project_id(c, wanted, &id, err) < 0)
            return -1;
    }
    return locate_in(c, q, l, id, a, ret_services, ret_chosen, err);
}
