/* SPDX-License-Identifier: Apache-2.0 */
/* What has changed since a plan was made, each in a sentence of its own. */
#include "internal.h"

struct comparing {
    const json_t *plan;
    const struct hg_plan_now *now;
    const char *remedy;
    struct hg_findings *findings;
};

static struct hg_finding *differs(const struct comparing *c, const char *fmt, ...) HG_PRINTF(2, 3);
static struct hg_finding *differs(const struct comparing *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    HG_AUTO(hg_freep) char *text = hg_xvasprintf(fmt, ap);
    va_end(ap);
    struct hg_finding *f = hg_finding_add(c->findings, "HG230", "%s", text);
    f->help = hg_xasprintf("Make a new plan and have it reviewed: %s", c->remedy);
    return f;
}

char *hg_plan_joined(const json_t *list, const char *none)
{
    struct hg_buf b = HG_BUF_INIT;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
        hg_buf_addf(&b, "%s%s", i ? ", " : "", json_string_value(item) ? json_string_value(item) : "?");
    if (!b.len)
        hg_buf_adds(&b, none);
    return hg_buf_take(&b);
}

/* ---- the database --------------------------------------------------------------------------------- */

static void compare_fact(const struct comparing *c, const char *what, const char *planned,
                         const char *found)
{
    if (*planned && found && !hg_streq(planned, found)) /* a managed server may hide it */
        (void)differs(c, "the plan was made for the database with %s %s, and this one has %s", what,
                      planned, found);
}

static void compare_database(const struct comparing *c)
{
    const json_t *database = json_object_get(c->plan, "database");
    const struct hg_plan_now *now = c->now;
    if (!hg_streq(hg_jstr(c->plan, "target"), now->target))
        (void)differs(c, "the plan was made for target %s, and this is %s",
                      hg_jstr(c->plan, "target"), now->target);
    compare_fact(c, "the name", hg_jstr(database, "name"), now->database);
    compare_fact(c, "system identifier", hg_jstr(database, "system_identifier"),
                 now->system_identifier);
    compare_fact(c, "oid", hg_jstr(database, "oid"), now->oid);
    if (!hg_streq(hg_jstr(c->plan, "version_table"), now->version_table))
        (void)differs(c, "the plan was made with the version table %s, which is %s now",
                      hg_jstr(c->plan, "version_table"), now->version_table);
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static bool same_rows(const json_t *planned, const struct hg_strv *rows)
{
    HG_AUTO(hg_strv_done) struct hg_strv a = HG_STRV_INIT, b = HG_STRV_INIT;
    size_t i;
    json_t *item;
    json_array_foreach(planned, i, item)
        hg_strv_add(&a, json_string_value(item));
    hg_strv_addv(&b, rows);
    hg_strv_sort(&a);
    hg_strv_sort(&b);
    bool same = a.count == b.count;
    for (size_t k = 0; same && k < a.count; k++)
        same = hg_streq(a.items[k], b.items[k]);
    return same;
}

static bool compare_rows(const struct comparing *c)
{
    const json_t *from = json_object_get(c->plan, "from"), *to = json_object_get(c->plan, "to");
    HG_AUTO(hg_freep) char *was = hg_plan_joined(from, "no revision");
    HG_AUTO(hg_freep) char *is = hg_strv_join(c->now->from, ", ");
    if (same_rows(from, c->now->from))
        return true;
    /* Where it ends: the plan is done, and a deployment that is tried again finds nothing to do. */
    if (!same_rows(to, c->now->from))
        (void)differs(c, "the plan starts from %s, and the database stands at %s now", was,
                      *is ? is : "no revision");
    return false;
}

/* ---- revisions -------------------------------------------------------------------------------------- */

static const struct hg_revision *step_of(const struct hg_plan_now *now, const char *id)
{
    for (size_t i = 0; i < now->steps->count; i++)
        if (hg_streq(now->steps->items[i]->id, id))
            return now->steps->items[i];
    return NULL;
}

static const json_t *planned(const json_t *plan, const char *id)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(plan, "revisions"), i, item)
        if (hg_streq(hg_jstr(item, "revision"), id))
            return item;
    return NULL;
}

static void at(struct hg_finding *f, const char *path, const char *revision)
{
    f->path = *path ? hg_xstrdup(path) : NULL;
    f->revision = hg_xstrdup(revision);
}

static void compare_file(const struct comparing *c, const json_t *r, const struct hg_revision *now)
{
    const char *digest = hg_jstr(r, "digest"), *id = hg_jstr(r, "revision");
    if (*digest && hg_streq(digest, now->digest))
        return;
    if (*digest && now->digest)
        at(differs(c, "%s is not the file that was reviewed (%.12s now, %.12s then)", now->path,
                   now->digest, digest), now->path, id);
    else
        at(differs(c, "%s could not be compared with the file that was reviewed", now->path),
           now->path, id);
}

static void compare_order(const struct comparing *c)
{
    HG_AUTO(hg_strv_done) struct hg_strv then = HG_STRV_INIT, now = HG_STRV_INIT;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(c->plan, "revisions"), i, item)
        hg_strv_add(&then, hg_jstr(item, "revision"));
    for (size_t k = 0; k < c->now->steps->count; k++)
        hg_strv_add(&now, c->now->steps->items[k]->id);
    HG_AUTO(hg_freep) char *was = hg_strv_join(&then, ", ");
    HG_AUTO(hg_freep) char *is = hg_strv_join(&now, ", ");
    if (!hg_streq(was, is))
        (void)differs(c, "the order is %s now, and was %s", is, was);
}

static void compare_revisions(const struct comparing *c, bool rows_same)
{
    bool same_set = true;
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(c->plan, "revisions"), i, r) {
        const char *id = hg_jstr(r, "revision"), *path = hg_jstr(r, "path");
        const struct hg_revision *now = step_of(c->now, id);
        if (now)
            compare_file(c, r, now);
        else if (rows_same) /* else that it ran is no news */
            at(differs(c, "revision %s of the plan (%s) would not run now", id, path), path, id);
        same_set = same_set && now;
    }
    for (size_t k = 0; k < c->now->steps->count; k++) {
        const struct hg_revision *step = c->now->steps->items[k];
        if (planned(c->plan, step->id))
            continue;
        same_set = false;
        at(differs(c, "revision %s (%s) would run now, and is not in the plan", step->id, step->path),
           step->path, step->id);
    }
    if (same_set)
        compare_order(c);
}

static void compare_goal(const struct comparing *c)
{
    const json_t *goal = json_object_get(c->plan, "goal");
    const char *name = hg_jstr(goal, "name");
    if (!json_is_true(json_object_get(goal, "asked")) && !hg_streq(name, c->now->upgrade_to))
        (void)differs(c, "the plan goes to %s, and the target's upgrade_to is %s now", name,
                      c->now->upgrade_to);
    else if (!hg_streq(hg_jstr(goal, "revision"), c->now->goal))
        (void)differs(c, "%s was %s when the plan was made, and is %s now", name,
                      hg_jstr(goal, "revision"), c->now->goal);
}

void hg_plan_compare(const json_t *plan, const struct hg_plan_now *now, const char *remedy,
                     struct hg_findings *ret)
{
    const struct comparing c = { plan, now, remedy, ret };
    compare_database(&c);
    bool rows_same = compare_rows(&c);
    compare_goal(&c);
    compare_revisions(&c, rows_same);
    if (rows_same && ret->count == 0 && !same_rows(json_object_get(plan, "to"), now->to))
        (void)differs(&c, "the plan ends at other rows than it would now");
    const char *env = hg_jstr(plan, "env_digest");
    if (!hg_streq(env, now->env_digest ? now->env_digest : ""))
        (void)differs(&c, "env.py was changed since the plan was made");
}

/* ---- the SQL --------------------------------------------------------------------------------------- */

static bool has_sql(const json_t *revision)
{
    return json_is_array(json_object_get(revision, "sql"));
}

static void compare_sql_of(const struct comparing *c, const json_t *r, const json_t *rendered)
{
    const json_t *then = json_object_get(r, "sql"), *sql = json_object_get(rendered, "sql");
    const char *id = hg_jstr(r, "revision"), *path = hg_jstr(r, "path");
    if (!has_sql(r) || json_equal(then, sql))
        return;
    if (sql) {
        at(differs(c, "the SQL of revision %s is not what was reviewed: something that its file takes in (a module, "
                   "an SQL file, an argument, Alembic itself) was changed since", id), path, id);
        return;
    }
    struct hg_finding *f = differs(c, "whether the SQL of revision %s is what was reviewed cannot be told here: %s", id,
                                   hg_jstr(rendered, "reason"));
    f->severity = HG_SEV_WARNING;
    at(f, path, id);
}

/* All of it, as two processes agreed upon it when the plan was made? */
static bool as_reviewed(const json_t *revisions, const json_t *rendered)
{
    const json_t *r;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)revisions, i, r)
    {
        const json_t *now = json_object_get(rendered, hg_jstr(r, "revision"));
        if (now && has_sql(r) && !json_equal(json_object_get(r, "sql"), json_object_get(now, "sql")))
            return false;
    }
    return true;
}

void hg_plan_compare_sql(const json_t *plan, const struct hg_plan_input *in, const struct hg_revlist *steps,
                         const char *remedy, struct hg_findings *ret)
{
    const struct comparing c = { .plan = plan, .remedy = remedy, .findings = ret };
    const json_t *revisions = json_object_get(plan, "revisions"), *r;
    bool any = false;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)revisions, i, r)
        any = any || has_sql(r);
    json_t *rendered = any ? hg_plan_render(in, steps, 1) : NULL;
    if (rendered && !as_reviewed(revisions, rendered)) { /* was it changed, or is it another each time? */
        json_decref(rendered);
        rendered = hg_plan_render(in, steps, 2);
    }
    json_array_foreach((json_t *)(uintptr_t)revisions, i, r)
    {
        const json_t *now = json_object_get(rendered, hg_jstr(r, "revision"));
        if (now)
            compare_sql_of(&c, r, now);
    }
    json_decref(rendered);
}
