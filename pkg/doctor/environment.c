/* SPDX-License-Identifier: Apache-2.0 */
/* Where the variables come from, and the way to the database. */
#include "internal.h"

#include "docker/docker.h"

/* ---- sources -------------------------------------------------------------------------------------- */

/* "backend/.env:12" is of "backend/.env". */
static size_t origin_length(const char *source)
{
    const char *colon = strrchr(source, ':');
    bool line = colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1);
    return line ? (size_t)(colon - source) : strlen(source);
}

static size_t count_of(const struct hg_vars *vars, const char *shown)
{
    size_t n = 0;
    for (size_t i = 0; i < vars->count; i++) {
        const char *source = vars->items[i].source ? vars->items[i].source : "process";
        size_t len = strlen(shown);
        /* A Railway source that names no service is called by what was found: "railway api@prod". */
        bool longer = hg_starts_with(source, shown) && source[len] == ' ';
        n += longer || (origin_length(source) == len && strncmp(source, shown, len) == 0);
    }
    return n;
}

static void describe_source(struct hg_exam *x, struct hg_check *c, const struct hg_source *s)
{
    HG_AUTO(hg_freep) char *shown = hg_source_shown(s);
    size_t n = count_of(&x->target.vars, shown);
    if (n || s->kind != HG_SOURCE_DOTENV)
        hg_check_detail(c, "%s: %zu variable%s", shown, n, n == 1 ? "" : "s");
    else if (!hg_is_file(s->path))
        hg_check_detail(c, "%s: not there", shown);
    else
        hg_check_detail(c, "%s: no variable that is not already set", shown);
}

enum hg_check_status hg_doctor_sources(struct hg_exam *x, struct hg_check *c)
{
    const struct hg_target *t = &x->target;
    const struct hg_check *container = hg_check_find(x->out, "container.running");
    if (x->open_error.kind == HG_E_DOCKER && container && container->status == HG_CHECK_FAIL)
        return hg_check_skip(c, container);
    if (x->open_error.kind != HG_E_NONE) {
        hg_check_error(c, HG_CHECK_FAIL, &x->open_error);
        const char *const rules[] = { "HG504", "HG505" };
        for (size_t i = 0; i < HG_COUNT(rules); i++)
            if (hg_findings_have(&t->findings, rules[i]))
                hg_check_rule(c, rules[i]);
        return c->status;
    }
    for (size_t i = 0; i < t->t->source_count; i++)
        describe_source(x, c, &t->t->sources[i]);
    HG_AUTO(hg_freep) char *sources = hg_strv_join(&c->details, ", ");
    return hg_check_say(c, HG_CHECK_OK, "%s (%s)", t->url_source ? t->url_source : "no address", sources);
}

/* The findings of a rule, a detail each: "backend/.env:3: …". */
static size_t list_findings(struct hg_check *c, const struct hg_findings *list, const char *rule)
{
    size_t n = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct hg_finding *f = &list->items[i];
        if (!hg_streq(f->rule->id, rule))
            continue;
        n++;
        if (f->path && f->line)
            hg_check_detail(c, "%s:%d: %s", f->path, f->line, f->message);
        else
            hg_check_detail(c, "%s", f->message);
        if (n == 1 && f->help)
            hg_check_hint(c, "%s", f->help);
    }
    return n;
}

bool hg_doctor_has_dotenv(const struct hg_exam *x)
{
    const struct hg_target_config *t = x->target.t;
    for (size_t i = 0; i < t->source_count; i++)
        if (t->sources[i].kind == HG_SOURCE_DOTENV && hg_is_file(t->sources[i].path))
            return true;
    return false;
}

enum hg_check_status hg_doctor_dotenv(struct hg_exam *x, struct hg_check *c)
{
    struct hg_err err = { 0 };
    if (hg_target_check_dotenv(&x->target, &x->files, &err) < 0)
        return hg_check_error(c, HG_CHECK_FAIL, &err);
    size_t n = list_findings(c, &x->files, "HG515");
    if (!n)
        return hg_check_say(c, HG_CHECK_OK, "every tool reads the dotenv files alike");
    hg_check_rule(c, "HG515");
    return hg_check_say(c, HG_CHECK_WARNING, "tools read %zu line%s differently", n, n == 1 ? "" : "s");
}

enum hg_check_status hg_doctor_secrets(struct hg_exam *x, struct hg_check *c)
{
    size_t n = list_findings(c, &x->files, "HG516");
    if (!n)
        return hg_check_say(c, HG_CHECK_OK, "no secret in a file that git tracks or others can read");
    hg_check_rule(c, "HG516");
    return hg_check_say(c, HG_CHECK_WARNING, "secrets in a file that git tracks or others can read");
}

/* What is too short or too common to be masked would make every log unreadable. */
enum hg_check_status hg_doctor_masking(struct hg_exam *x, struct hg_check *c)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    hg_mask_unmasked(&x->target.vars, &names);
    if (!names.count)
        return hg_check_say(c, HG_CHECK_OK, "every secret is masked in what headgate prints");
    HG_AUTO(hg_freep) char *list = hg_strv_join(&names, ", ");
    hg_check_hint(c, "give them longer values");
    return hg_check_say(c, x->target.t->protected_ ? HG_CHECK_WARNING : HG_CHECK_OK,
                        "too short or too common to be masked: %s", list);
}

bool hg_doctor_has_notify(const struct hg_exam *x)
{
    return x->target.t->telling.notifier_count > 0;
}

/* Nobody is asked whether an address answers: it would be told of something that did not happen. */
enum hg_check_status hg_doctor_notify(struct hg_exam *x, struct hg_check *c)
{
    const struct hg_telling *t = &x->target.t->telling;
    HG_AUTO(hg_strv_done) struct hg_strv wrong = HG_STRV_INIT;
    bool required = false;
    for (size_t i = 0; i < t->notifier_count; i++) {
        const char *why, *name = hg_notifier_missing(&t->notifiers[i], &x->target.vars, &why);
        required = required || (name && t->notifiers[i].required);
        HG_AUTO(hg_freep) char *what = name ? hg_xasprintf("%s %s", name, why) : NULL;
        if (what && !hg_strv_has(&wrong, what))
            hg_strv_add(&wrong, what);
    }
    if (!wrong.count)
        return hg_check_say(c, HG_CHECK_OK, "%zu to be told of a run, and every variable is set", t->notifier_count);
    HG_AUTO(hg_freep) char *list = hg_strv_join(&wrong, ", ");
    hg_check_rule(c, "HG641");
    return hg_check_say(c, required ? HG_CHECK_FAIL : HG_CHECK_WARNING, "somebody cannot be told: %s", list);
}

/* ---- Railway ----------------------------------------------------------------------------------------- */

static const struct hg_source *railway_source(const struct hg_exam *x)
{
    const struct hg_target_config *t = x->target.t;
    for (size_t i = 0; i < t->source_count; i++)
        if (t->sources[i].kind == HG_SOURCE_RAILWAY)
            return &t->sources[i];
    return NULL;
}

bool hg_doctor_has_railway(const struct hg_exam *x)
{
    return railway_source(x);
}

static bool is_set(const struct hg_exam *x, const char *name)
{
    const char *value = hg_vars_get(&x->target.original, name);
    return value && *value;
}

enum hg_check_status hg_doctor_token(struct hg_exam *x, struct hg_check *c)
{
    const struct hg_source *s = railway_source(x);
    if (s->token_env && is_set(x, s->token_env))
        return hg_check_say(c, HG_CHECK_OK, "%s (token_env)", s->token_env);
    if (!s->token_env && is_set(x, "RAILWAY_TOKEN"))
        return hg_check_say(c, HG_CHECK_OK, "RAILWAY_TOKEN, a project token: one environment of one "
                                            "project");
    if (!s->token_env && is_set(x, "RAILWAY_API_TOKEN"))
        return hg_check_say(c, HG_CHECK_OK, "RAILWAY_API_TOKEN, a token of an account or workspace");
    const char *home = hg_vars_get(&x->target.original, "HOME");
    HG_AUTO(hg_freep) char *file = hg_path_join(home && *home ? home : "/", ".railway/config.json");
    if (!s->token_env && hg_is_file(file))
        return hg_check_say(c, HG_CHECK_OK, "the login of the railway CLI (%s)", file);
    if (x->open_error.kind == HG_E_NONE)
        return hg_check_say(c, HG_CHECK_OK, "none needed: this is inside the service");
    if (s->token_env) {
        hg_check_hint(c, "export %s=…, a project token of the environment", s->token_env);
        return hg_check_say(c, HG_CHECK_FAIL, "%s (token_env) is not set", s->token_env);
    }
    hg_check_hint(c, "railway login, or export RAILWAY_TOKEN=… (project settings, Tokens)");
    return hg_check_say(c, HG_CHECK_FAIL, "no token: neither RAILWAY_TOKEN nor RAILWAY_API_TOKEN is set, "
                                          "and the railway CLI is not logged in");
}

/* Resolving has asked it; what it said about reaching it is said here again. */
enum hg_check_status hg_doctor_railway(struct hg_exam *x, struct hg_check *c)
{
    const struct hg_source *s = railway_source(x);
    enum hg_err_kind kind = x->open_error.kind;
    HG_AUTO(hg_freep) char *shown = hg_source_shown(s);
    if (kind == HG_E_NETWORK || kind == HG_E_TIMEOUT || kind == HG_E_RAILWAY)
        return hg_check_error(c, HG_CHECK_FAIL, &x->open_error);
    if (kind != HG_E_NONE) {
        hg_check_hint(c, "see environment.sources");
        return hg_check_say(c, HG_CHECK_UNKNOWN, "%s was not asked", shown);
    }
    return hg_check_say(c, HG_CHECK_OK, "%s answered", shown);
}

/* ---- the container ------------------------------------------------------------------------------------- */

static const char *container_name(const struct hg_target_config *t)
{
    if (t->run == HG_RUN_CONTAINER)
        return t->run_container;
    for (size_t i = 0; i < t->source_count; i++)
        if (t->sources[i].kind == HG_SOURCE_CONTAINER)
            return t->sources[i].container;
    return NULL;
}

bool hg_doctor_has_container(const struct hg_exam *x)
{
    return container_name(x->target.t);
}

enum hg_check_status hg_doctor_container(struct hg_exam *x, struct hg_check *c)
{
    const char *name = container_name(x->target.t);
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    HG_AUTO(hg_container_done) struct hg_container found = HG_CONTAINER_INIT;
    struct hg_err err = { 0 };
    if (hg_docker_open(NULL, x->o->common->timeout_ns, &d, &err) < 0 ||
        hg_docker_find(d, name, &found, &err) < 0 || hg_container_ready(&found, &err) < 0)
        return hg_check_error(c, HG_CHECK_FAIL, &err);
    return hg_check_say(c, HG_CHECK_OK, "%s runs (%s)%s%s%s", found.name, found.image,
                        found.health ? ", " : "", found.health ? found.health : "",
                        x->target.t->run == HG_RUN_CONTAINER ? "; the migrator runs in it" : "");
}

/* ---- the route ----------------------------------------------------------------------------------------- */

enum hg_check_status hg_doctor_route(struct hg_exam *x, struct hg_check *c)
{
    const struct hg_target *t = &x->target;
    if (hg_check_finding(c, &t->findings, "HG505"))
        return c->status;
    if (t->route)
        return hg_check_say(c, HG_CHECK_OK, "%s", t->route);
    if (t->hostaddr)
        return hg_check_say(c, HG_CHECK_OK, "%s by the address %s", t->host, t->hostaddr);
    return hg_check_say(c, HG_CHECK_OK, "directly: %s%s", t->shown ? t->shown : "by libpq's defaults",
                        t->remote ? ", over a network" : "");
}
