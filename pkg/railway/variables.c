/* SPDX-License-Identifier: Apache-2.0 */
/* The rendered variables of a service: a map of names to strings, null meaning sealed. */
#include "internal.h"

static const char VARIABLES[] =
    "query VariablesForServiceDeployment($projectId: String!, $environmentId: String!, "
    "$serviceId: String!) { variablesForServiceDeployment(projectId: $projectId, "
    "environmentId: $environmentId, serviceId: $serviceId) }";

int hg_railway_variables(const struct client *c, const char *project, const char *environment,
                         const char *service, json_t **ret_map, struct hg_err *err)
{
    JSON_AUTO data = NULL;
    json_t *ids = json_pack("{s:s, s:s, s:s}", "projectId", project, "environmentId", environment,
                            "serviceId", service);
    if (hg_railway_ask(c, "VariablesForServiceDeployment", VARIABLES, ids, &data, err) < 0)
        return -1;
    json_t *map = json_object_get(data, "variablesForServiceDeployment");
    if (!json_is_object(map))
        return hg_fail(err, HG_E_RAILWAY,
                       "Railway's answer cannot be read: the variables are missing in it");
    *ret_map = json_incref(map);
    return 0;
}

/* An alias for each owner: GraphQL answers several questions of one request. */
static char *query_known(const struct known *k, size_t owners, json_t *ids)
{
    HG_AUTO(hg_buf_done) struct hg_buf declare = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf ask = HG_BUF_INIT;
    for (size_t i = 0; i < owners; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "owner%zu", i);
        (void)json_object_set_new(ids, name, json_string(k->owners[i].service.id));
        hg_buf_addf(&declare, ", $%s: String!", name);
        hg_buf_addf(&ask, " %s: variablesForServiceDeployment(projectId: $projectId, "
                          "environmentId: $environmentId, serviceId: $%s)", name, name);
    }
    return hg_xasprintf("query VariablesForServiceDeployment($projectId: String!, "
                        "$environmentId: String!, $serviceId: String!%s) { "
                        "variablesForServiceDeployment(projectId: $projectId, "
                        "environmentId: $environmentId, serviceId: $serviceId)%s }",
                        hg_buf_str(&declare), hg_buf_str(&ask));
}

int hg_railway_variables_known(const struct client *c, struct known *k, bool owners, json_t **ret_map,
                               struct hg_err *err)
{
    size_t count = owners ? k->owner_count : 0;
    JSON_AUTO data = NULL;
    json_t *ids = json_pack("{s:s, s:s, s:s}", "projectId", k->project.id, "environmentId",
                            k->environment.id, "serviceId", k->service.id);
    HG_AUTO(hg_freep) char *query = query_known(k, count, ids);
    if (hg_railway_ask(c, "VariablesForServiceDeployment", query, ids, &data, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "owner%zu", i);
        k->owners[i].map = json_incref(json_object_get(data, name));
    }
    json_t *map = json_object_get(data, "variablesForServiceDeployment");
    if (!json_is_object(map))
        return hg_fail(err, HG_E_RAILWAY,
                       "Railway's answer cannot be read: the variables are missing in it");
    *ret_map = json_incref(map);
    return 0;
}

int hg_railway_take(const json_t *map, bool allow_exec_names, struct hg_railway_answer *a,
                    struct hg_err *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, name, value)
    {
        HG_AUTO(hg_freep) char *shown = hg_printable(name, 80);
        if (!*name || strchr(name, '=')) {
            hg_strv_addf(&a->notes, "the name \"%s\" cannot be an environment variable: left out",
                         shown);
        } else if (json_is_null(value)) {
            hg_strv_add(&a->sealed, name);
        } else if (!json_is_string(value)) {
            return hg_fail(err, HG_E_RAILWAY, "Railway's answer cannot be read: the value of %s is no "
                                              "string", shown);
        } else if (!allow_exec_names && hg_var_name_executes(name)) {
            hg_strv_add(&a->dropped, name);
        } else {
            hg_vars_set(&a->variables, name, json_string_value(value), "railway");
        }
    }
    hg_strv_sort(&a->sealed);
    hg_strv_sort(&a->dropped);
    return 0;
}

int hg_railway_variables_parse(const char *body, size_t len, bool allow_exec_names,
                               struct hg_railway_answer *ret, struct hg_err *err)
{
    JSON_AUTO root = NULL;
    if (hg_railway_data(body, len, &root, err) < 0)
        return -1;
    const json_t *map =
        json_object_get(json_object_get(root, "data"), "variablesForServiceDeployment");
    if (!json_is_object(map))
        return hg_fail(err, HG_E_RAILWAY, "the variables are missing");
    if (hg_railway_take(map, allow_exec_names, ret, err) < 0)
        return -1;
    return hg_railway_check_rendered(ret, err);
}

/* ---- references that did not render ------------------------------------------------------------ */

/* "postgresql://:@:/": every reference in it was empty. A URL without an authority, and one whose
 * host stands in the query, are in order. */
static bool renders_empty(const char *value)
{
    const char *scheme = strstr(value, "://");
    if (!scheme || strcspn(value, " \t\n/") < (size_t)(scheme - value))
        return false;
    const char *authority = scheme + 3;
    size_t len = strcspn(authority, "/?#");
    const char *host = authority;
    for (size_t i = 0; i < len; i++)
        if (authority[i] == '@')
            host = authority + i + 1;
    return len > 0 && (host == authority + len || *host == ':') && !strstr(authority, "host=");
}

static bool is_database_url(const char *name)
{
    return hg_ends_with(name, "DATABASE_URL") || hg_ends_with(name, "DB_URL");
}

static int broken(const struct hg_railway_answer *a, const char *name, const char *what,
                  struct hg_err *err)
{
    const char *service = a->service.name ? a->service.name : "the service";
    hg_fail(err, HG_E_RAILWAY, "%s of %s in %s %s", name, service,
            a->environment.name ? a->environment.name : "the environment", what);
    return hg_hint(err, "its ${{…}} references point to a service or variable that is not in this "
                        "environment: check it in the service's Variables tab");
}

/* Where the database is must be known; other variables may be as empty as they like. */
int hg_railway_check_rendered(struct hg_railway_answer *a, struct hg_err *err)
{
    for (size_t i = 0; i < a->variables.count; i++) {
        const struct hg_var *v = &a->variables.items[i];
        const char *what = strstr(v->value, "${{") ? "contains a reference that was not rendered"
                           : renders_empty(v->value)
                               ? "is a URL without a host: its references rendered to nothing"
                               : NULL;
        if (!what)
            continue;
        HG_AUTO(hg_freep) char *name = hg_printable(v->name, 80);
        if (is_database_url(v->name))
            return broken(a, name, what, err);
        hg_strv_addf(&a->notes, "%s %s", name, what);
    }
    hg_strv_sort(&a->notes);
    return 0;
}
