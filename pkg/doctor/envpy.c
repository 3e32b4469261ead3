/* SPDX-License-Identifier: Apache-2.0 */
/* What env.py really configures, and what Alembic itself answers. */
#include "internal.h"

#include <strings.h>

/* ---- running it -------------------------------------------------------------------------------------- */

void hg_doctor_look(struct hg_exam *x)
{
    if (!x->have_alembic || x->open_error.kind != HG_E_NONE)
        return;
    struct hg_apply_look_options o = { .common = x->o->common, .target = &x->target,
                                       .alembic = &x->alembic,
                                       .timeout_ns = x->o->common->timeout_ns };
    if (hg_apply_look_start(&o, &x->looking, &x->look_error) < 0)
        x->looking = NULL;
}

static bool finish_look(struct hg_exam *x, struct hg_check *c)
{
    if (!x->looking) {
        hg_check_error(c, HG_CHECK_UNKNOWN, &x->look_error);
        return false;
    }
    struct hg_apply_look *l = HG_TAKE(x->looking);
    if (hg_apply_look_finish(l, &x->look, &x->look_error) == 0)
        return true;
    bool late = x->look_error.kind == HG_E_TIMEOUT;
    hg_check_error(c, late ? HG_CHECK_UNKNOWN : HG_CHECK_FAIL, &x->look_error);
    if (late)
        hg_check_hint(c, "what does env.py wait for when it is loaded?");
    return false;
}

/* Why it did not get as far as hoped: the driver's stop, or an exception of env.py. */
static void say_failure(struct hg_check *c, const json_t *look, const char *doing)
{
    const json_t *result = json_object_get(look, "result");
    const char *kind = hg_jget(result, "exception"), *message = hg_jget(result, "message");
    const char *said = hg_jget(look, "said");
    hg_check_say(c, HG_CHECK_FAIL, "%s: %s%s%s", doing, kind ? kind : "", kind ? ": " : "",
                 message && *message ? message : "it ended without a word");
    for (char *p = c->message; *p; p++)
        if (*p == '\n')
            *p = ' ';
    if (!message && said)
        hg_check_lines(c, said);
    hg_check_hint(c, "headgate env -- alembic current, in the folder of alembic.ini, shows the whole error");
}

enum hg_check_status hg_doctor_envpy(struct hg_exam *x, struct hg_check *c)
{
    if (!finish_look(x, c))
        return c->status;
    const json_t *start = json_object_get(x->look, "start");
    if (!json_object_get(x->look, "configured")) {
        say_failure(c, x->look, "env.py cannot be run");
        return c->status;
    }
    const struct hg_target_config *t = x->target.t;
    HG_AUTO(hg_freep) char *command = hg_strv_join(&t->run_command, " ");
    return hg_check_say(c, HG_CHECK_OK, "runs with Python %s, Alembic %s, SQLAlchemy %s%s%s",
                        hg_jget(start, "python"), hg_jget(start, "alembic"),
                        hg_jget(start, "sqlalchemy"),
                        t->run == HG_RUN_CONTAINER ? " in " : t->run == HG_RUN_COMMAND ? " behind " : "",
                        t->run == HG_RUN_CONTAINER ? t->run_container
                        : t->run == HG_RUN_COMMAND ? command : "");
}

/* ---- the address ---------------------------------------------------------------------------------------- */

static bool loopback(const char *host)
{
    return !host || !*host || strcasecmp(host, "localhost") == 0 || hg_starts_with(host, "127.") ||
           hg_streq(host, "::1");
}

static bool same_host(const char *theirs, const char *ours)
{
    if (!theirs || !ours)
        return loopback(theirs) && loopback(ours);
    return strcasecmp(theirs, ours) == 0 || (loopback(theirs) && loopback(ours));
}

static char *port_of(const json_t *engine)
{
    const json_t *port = json_object_get(engine, "port");
    return json_is_integer(port) ? hg_xasprintf("%lld", (long long)json_integer_value(port)) : NULL;
}

static bool same_address(const json_t *engine, const struct hg_target *t)
{
    HG_AUTO(hg_freep) char *port = port_of(engine);
    const char *host = hg_jget(engine, "host"), *database = hg_jget(engine, "database");
    if (!host)
        host = hg_jget(engine, "query_host");
    const char *ours = t->hostaddr && !t->host ? t->hostaddr : t->host;
    bool hosts = same_host(host, ours) || (t->hostaddr && same_host(host, t->hostaddr));
    return hosts && hg_streq(port ? port : "5432", t->port ? t->port : "5432") &&
           (!database || !t->database || hg_streq(database, t->database));
}

/* Several hosts, a service file and creator= leave too much open; the identity is proven anyway when
 * alembic.current connects. */
static bool comparable(const json_t *engine, const struct hg_target *t)
{
    return !json_is_true(json_object_get(engine, "creator")) && !hg_jget(engine, "service") &&
           !json_is_array(json_object_get(engine, "query_host")) &&
           !hg_jget(engine, "query_port") && !(t->host && strchr(t->host, ','));
}

static char *shown(const json_t *engine)
{
    HG_AUTO(hg_freep) char *port = port_of(engine);
    const char *host = hg_jget(engine, "host"), *database = hg_jget(engine, "database");
    if (!host)
        host = hg_jget(engine, "query_host");
    return hg_xasprintf("%s at %s%s%s", database ? database : "the default database",
                        host ? host : "the local socket", port ? ":" : "", port ? port : "");
}

enum hg_check_status hg_doctor_envpy_url(struct hg_exam *x, struct hg_check *c)
{
    const struct hg_target *t = &x->target;
    const json_t *engines = json_object_get(x->look, "engines");
    const json_t *engine = json_array_get(engines, json_array_size(engines) - 1);
    if (!engine || json_array_size(engines) > 1) {
        hg_check_hint(c, "alembic.current says whether the database is the same");
        return hg_check_say(c, HG_CHECK_WARNING, engine ? "env.py connects to several databases"
                                                        : "env.py connects by other means than "
                                                          "SQLAlchemy's engine");
    }
    HG_AUTO(hg_freep) char *where = shown(engine);
    const char *driver = hg_jget(engine, "driver");
    if (!comparable(engine, t) || t->direct_conninfo || t->t->run != HG_RUN_HOST)
        return hg_check_say(c, HG_CHECK_OK, "env.py goes to %s by %s", where, driver);
    if (same_address(engine, t))
        return hg_check_say(c, HG_CHECK_OK, "%s by %s, as headgate does", where, driver);
    hg_check_detail(c, "or name env.py's own variables by `url:` in headgate.yaml");
    hg_check_hint(c, "in env.py: config.set_main_option(\"sqlalchemy.url\", "
                     "os.environ[\"DATABASE_URL\"].replace(\"%%\", \"%%%%\"))");
    return hg_check_say(c, HG_CHECK_FAIL, "env.py goes to %s, headgate to %s (%s)", where, t->shown,
                        t->url_source ? t->url_source : "libpq's defaults");
}

/* ---- the version table ----------------------------------------------------------------------------------- */

enum hg_check_status hg_doctor_envpy_table(struct hg_exam *x, struct hg_check *c)
{
    const json_t *configured = json_object_get(x->look, "configured");
    const char *table = hg_jget(configured, "version_table");
    const char *schema = hg_jget(configured, "version_table_schema");
    const char *our_schema, *our_table;
    hg_status_version_table(&x->target, &x->alembic, &our_schema, &our_table);
    /* Without a schema on our side, the database may have told where the table is. */
    const char *found = our_schema ? our_schema : x->have_status ? x->status.vt_schema : NULL;
    bool same = hg_streq(table, our_table) && (hg_streq(schema, our_schema) || hg_streq(schema, found) ||
                                               (!schema && !our_schema));
    if (same)
        return hg_check_say(c, HG_CHECK_OK, "%s%s%s, as headgate reads it", schema ? schema : "",
                            schema ? "." : "", table);
    hg_check_hint(c, "in headgate.yaml, under the target: version_table: %s%s%s", table,
                  schema ? ", version_table_schema: " : "", schema ? schema : "");
    return hg_check_say(c, HG_CHECK_FAIL, "env.py keeps its versions in %s%s%s, headgate looks at %s%s%s",
                        schema ? schema : "", schema ? "." : "", table, found ? found : "",
                        found ? "." : "", our_table);
}

enum hg_check_status hg_doctor_envpy_schemas(struct hg_exam *x, struct hg_check *c)
{
    const json_t *configured = json_object_get(x->look, "configured");
    if (!json_is_true(json_object_get(configured, "include_schemas")))
        return hg_check_say(c, HG_CHECK_OK, "autogenerate looks at the default schema only");
    if (!json_is_true(json_object_get(configured, "sees_headgate")))
        return hg_check_say(c, HG_CHECK_OK, "include_schemas, and the schema headgate is left out");
    enum hg_ledger_mode mode = x->target.t->ledger;
    if (mode == HG_LEDGER_OFF || mode == HG_LEDGER_FILE)
        return hg_check_say(c, HG_CHECK_OK, "include_schemas; this target keeps no schema headgate");
    hg_check_say(c, HG_CHECK_WARNING, "with include_schemas autogenerate would propose to drop the schema "
                                      "headgate");
    hg_check_hint(c, "in env.py: context.configure(…, include_name=lambda name, type_, _: not (type_ == "
                     "\"schema\" and name == \"headgate\"))");
    if (json_is_true(json_object_get(configured, "include_name")))
        hg_check_detail(c, "env.py has an include_name already: let it return False for type_ == "
                           "\"schema\" and name == \"headgate\"");
    hg_check_rule(c, "HG220");
    return c->status;
}

/* ---- Alembic's own answers ----------------------------------------------------------------------------------- */

static void take_list(const json_t *array, struct hg_strv *ret)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)array, i, one)
        if (json_is_string(one))
            hg_strv_add(ret, json_string_value(one));
    hg_strv_sort(ret);
}

static char *joined(const json_t *array)
{
    HG_AUTO(hg_strv_done) struct hg_strv list = HG_STRV_INIT;
    take_list(array, &list);
    return list.count ? hg_strv_join(&list, ", ") : hg_xstrdup("none");
}

/* What config.revisions could not tell, env.py has told by running. */
static enum hg_check_status located_by_code(struct hg_exam *x, const json_t *graph, struct hg_check *c)
{
    HG_AUTO(hg_freep) char *places = joined(json_object_get(graph, "locations"));
    const char *first = json_string_value(json_array_get(json_object_get(graph, "locations"), 0));
    if (hg_doctor_runs_here(x) && first) {
        HG_AUTO(hg_freep) char *line = hg_alembic_location_line(&x->alembic, first);
        hg_check_hint(c, "in %s: %s", x->alembic.file, line);
    }
    return hg_check_say(c, HG_CHECK_FAIL, "for this target env.py takes the revisions from %s (%lld of them)", places,
                        (long long)json_integer_value(json_object_get(graph, "revisions")));
}

enum hg_check_status hg_doctor_heads(struct hg_exam *x, struct hg_check *c)
{
    const json_t *graph = json_object_get(x->look, "graph");
    if (!x->graph && x->alembic.locations_line > 0 && json_array_size(json_object_get(graph, "locations")) > 0)
        return located_by_code(x, graph, c);
    if (!x->graph || !hg_graph_ok(x->graph)) /* what Alembic refuses, it says in envpy.runs */
        return hg_check_skip(c, hg_check_find(x->out, "config.revisions"));
    HG_AUTO(hg_revlist_done) struct hg_revlist heads = HG_REVLIST_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv ours = HG_STRV_INIT;
    hg_graph_heads(x->graph, &heads);
    for (size_t i = 0; i < heads.count; i++)
        hg_strv_add(&ours, heads.items[i]->id);
    hg_strv_sort(&ours);
    if (hg_jget(graph, "error"))
        return hg_check_say(c, HG_CHECK_FAIL, "Alembic refuses the revisions: %s", hg_jget(graph, "error"));
    HG_AUTO(hg_freep) char *theirs = joined(json_object_get(graph, "heads"));
    HG_AUTO(hg_freep) char *mine = ours.count ? hg_strv_join(&ours, ", ") : hg_xstrdup("none");
    long long count = (long long)json_integer_value(json_object_get(graph, "revisions"));
    if (hg_streq(mine, theirs) && count == (long long)hg_graph_count(x->graph))
        return hg_check_say(c, HG_CHECK_OK, "alembic heads says the same: %s", mine);
    hg_check_hint(c, "headgate history --offline and alembic history, side by side, show where");
    return hg_check_say(c, HG_CHECK_FAIL, "alembic heads says %s (%lld revisions), headgate %s (%zu)",
                        theirs, count, mine, hg_graph_count(x->graph));
}

static int look_at_current(struct hg_exam *x, json_t **ret, struct hg_err *err)
{
    struct hg_apply_look_options o = { .common = x->o->common, .target = &x->target,
                                       .alembic = &x->alembic, .status = &x->status,
                                       .timeout_ns = x->o->common->timeout_ns };
    struct hg_apply_look *l = NULL;
    if (hg_apply_look_start(&o, &l, err) < 0)
        return -1;
    return hg_apply_look_finish(l, ret, err);
}

static void decref(json_t **value)
{
    json_decref(*value);
}

enum hg_check_status hg_doctor_current(struct hg_exam *x, struct hg_check *c)
{
    struct hg_err err = { 0 };
    if (!x->graph || !hg_graph_ok(x->graph))
        return hg_check_skip(c, hg_check_find(x->out, "config.revisions"));
    HG_AUTO(decref) json_t *look = NULL;
    HG_AUTO(hg_strv_done) struct hg_strv ours = HG_STRV_INIT;
    if (look_at_current(x, &look, &err) < 0)
        return hg_check_error(c, HG_CHECK_UNKNOWN, &err);
    const json_t *told = json_object_get(look, "current");
    const json_t *stop = json_object_get(look, "stop");
    if (stop) {
        bool identity = hg_streq(hg_jget(stop, "reason"), "identity");
        hg_check_say(c, HG_CHECK_FAIL, "%s", hg_jget(stop, "message"));
        hg_check_hint(c, identity ? "let env.py take its URL from the target's variables"
                                  : "give env.py the server's own address");
        if (hg_streq(hg_jget(stop, "reason"), "pooler"))
            hg_check_rule(c, "HG603");
        return c->status;
    }
    if (!told) {
        say_failure(c, look, "alembic current fails");
        return c->status;
    }
    hg_strv_addv(&ours, &x->status.current);
    hg_strv_sort(&ours);
    HG_AUTO(hg_freep) char *theirs = joined(json_object_get(told, "current"));
    HG_AUTO(hg_freep) char *mine = ours.count ? hg_strv_join(&ours, ", ") : hg_xstrdup("none");
    if (hg_streq(mine, theirs))
        return hg_check_say(c, HG_CHECK_OK, "alembic current says the same: %s", mine);
    hg_check_hint(c, "headgate status -t %s, and the search_path of the role, tell more", x->target.t->name);
    return hg_check_say(c, HG_CHECK_FAIL, "alembic current says %s, headgate %s", theirs, mine);
}
