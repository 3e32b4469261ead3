/* SPDX-License-Identifier: Apache-2.0 */
/* After the migrator: what is different in the catalog, and whether that is what the plan said. */
#include "internal.h"

#include <pthread.h>
#include <string.h>

#include "plan/plan.h"
#include "snapshot/snapshot.h"

#define NAME_BYTES 63 /* a server cuts longer names */

/* A name of the catalog (public."My table") as a plan spells it, without its schema if asked. Heap. */
static char *plain(const char *name, bool schema)
{
    struct hg_buf b = HG_BUF_INIT;
    bool quoted = false;
    for (const char *c = name; *c && *c != '('; c++) {
        if (*c == '"')
            quoted = !quoted;
        else if (*c == '.' && !quoted && !schema)
            hg_buf_clear(&b);
        else
            hg_buf_addc(&b, *c);
    }
    return hg_buf_take(&b);
}

/* "public.t" of public.t.c. Heap. */
static char *above(const char *name)
{
    const char *dot = NULL;
    bool quoted = false;
    for (const char *c = name; *c; c++) {
        if (*c == '"')
            quoted = !quoted;
        else if (*c == '.' && !quoted)
            dot = c;
    }
    return hg_xstrndup(name, dot ? (size_t)(dot - name) : 0);
}

/* The table on which it hangs; NULL: on none. Heap. */
static char *table_of(const struct hg_run *r, const char *kind, const char *name)
{
    static const char *const NAMED_BELOW[] = { "constraint", "trigger", "policy", "rule" };
    const json_t *const catalogs[] = { r->catalog_before, r->catalog_now };
    for (size_t i = 0; i < HG_COUNT(NAMED_BELOW); i++)
        if (hg_streq(kind, NAMED_BELOW[i]))
            return above(name);
    for (size_t i = 0; i < HG_COUNT(catalogs); i++) {
        const json_t *object = json_object_get(
            json_object_get(json_object_get(catalogs[i], "objects"), kind), name);
        if (hg_jget(object, "table"))
            return hg_xstrdup(hg_jget(object, "table"));
        if (hg_jget(object, "owned_by"))
            return above(hg_jget(object, "owned_by"));
    }
    return NULL;
}

/* Itself, its column, or its index. */
static bool is_version_table(const struct hg_run *r, const json_t *change)
{
    HG_AUTO(hg_freep) char *name = plain(hg_jstr(change, "name"), true);
    HG_AUTO(hg_freep) char *table = table_of(r, hg_jstr(change, "kind"), hg_jstr(change, "name"));
    HG_AUTO(hg_freep) char *owner = table ? plain(table, true) : NULL;
    size_t len = strlen(r->version_table);
    return (owner && hg_streq(owner, r->version_table)) ||
           (strncmp(name, r->version_table, len) == 0 && (!name[len] || name[len] == '.'));
}

static void *compare(void *run)
{
    struct hg_run *r = run;
    json_decref(r->changed);
    bool whole = hg_streq(r->o->common->format, "json"); /* text names what came or went, and no more */
    r->changed = (whole ? hg_snapshot_diff : hg_snapshot_diff_brief)(r->catalog_before, r->catalog_now);
    for (size_t i = json_array_size(r->changed); i-- > 0;)
        if (is_version_table(r, json_array_get(r->changed, i)))
            json_array_remove(r->changed, i);
    return NULL;
}

void hg_run_find_changed(struct hg_run *r)
{
    if (!r->catalog_before)
        return;
    hg_run_catalog_now(r);
    if (!r->catalog_now)
        return;
    r->comparing = true;
    r->compares_beside = pthread_create(&r->compare_thread, NULL, compare, r) == 0;
    hg_snapshot_objects(r->catalog_now, r->version_table, &r->now);
}

void hg_run_found_changed(struct hg_run *r)
{
    if (!r->comparing)
        return;
    if (r->compares_beside)
        (void)pthread_join(r->compare_thread, NULL);
    else
        (void)compare(r);
    r->comparing = false;
}

/* ---- against the plan ------------------------------------------------------------------------- */

/* Is everything that this statement touches among what pkg/plan reads out of it? Of a list only the first
 * name is, and neither a new name nor what goes along with something else. */
static bool told(const char *statement)
{
    static const char *const MORE[] = { "RENAME", "CASCADE", "SET SCHEMA", "EXTENSION", "INHERIT" };
    json_t *objects = json_array();
    hg_plan_sql_objects(statement, objects);
    const json_t *first = json_array_get(objects, 0);
    bool all = first && !(hg_streq(hg_jstr(first, "change"), "drop") && strchr(statement, ','));
    for (size_t i = 0; i < HG_COUNT(MORE); i++)
        all = all && !strcasestr(statement, MORE[i]);
    json_decref(objects);
    return all;
}

/* What a plan names. */
struct planned {
    struct hg_strv names;           /* all of it, sorted */
    struct hg_strv tables;          /* that it makes; "" for one that it drops again */
    struct hg_strv kinds, others;   /* and what else it makes, views and such */
    bool takes_along;               /* something goes, and what hangs on it */
    bool types;                     /* are made; some come with functions and types of their own */
};

static void planned_done(struct planned *p)
{
    struct hg_strv *lists[] = { &p->names, &p->tables, &p->kinds, &p->others };
    for (size_t i = 0; i < HG_COUNT(lists); i++)
        hg_strv_done(lists[i]);
}

static void take_table(const char *name, const char *change, struct planned *p)
{
    if (hg_streq(change, "create"))
        hg_strv_add(&p->tables, name);
    for (size_t i = 0; hg_streq(change, "drop") && i < p->tables.count; i++)
        if (hg_streq(p->tables.items[i], name))
            p->tables.items[i][0] = '\0';
}

/* False: the server keeps less of this name than stands there. */
static bool take_object(const json_t *object, struct planned *p)
{
    const char *name = hg_jstr(object, "name"), *kind = hg_jstr(object, "kind");
    const char *change = hg_jstr(object, "change"), *dot = strrchr(name, '.');
    if (hg_streq(kind, "column") && dot)
        hg_strv_addn(&p->names, name, (size_t)(dot - name));
    hg_strv_add(&p->names, name);
    if (hg_streq(kind, "table")) {
        take_table(name, change, p);
    } else if (hg_streq(change, "create") && !hg_streq(kind, "schema") && !hg_streq(kind, "extension")) {
        hg_strv_add(&p->kinds, kind);
        hg_strv_add(&p->others, name);
        p->types = p->types || hg_streq(kind, "type");
    }
    return strlen(dot ? dot + 1 : name) <= NAME_BYTES;
}

/* False where it does not name all that it touches. */
static bool planned_objects(const struct hg_run *r, struct planned *p)
{
    size_t i, k;
    json_t *revision, *item;
    json_array_foreach(json_object_get(r->planned, "revisions"), i, revision)
    {
        const json_t *sql = json_object_get(revision, "sql");
        if (!json_is_array(sql))
            return false;
        json_array_foreach(sql, k, item)
        {
            const char *text = json_string_value(item);
            if (!told(text))
                return false;
            p->takes_along = p->takes_along || strcasestr(text, "DROP") || strcasestr(text, "USING INDEX");
        }
        json_array_foreach(json_object_get(revision, "objects"), k, item)
            if (!take_object(item, p))
                return false;
    }
    hg_strv_sort(&p->names);
    return true;
}

/* A partition or heir changes with its parent. */
static bool follows_another(const struct hg_run *r, const char *name)
{
    const json_t *const catalogs[] = { r->catalog_before, r->catalog_now };
    for (size_t i = 0; i < HG_COUNT(catalogs); i++) {
        const json_t *table = json_object_get(json_object_get(json_object_get(catalogs[i], "objects"), "table"),
                                              name);
        if (json_object_get(table, "partition_of") || json_object_get(table, "inherits"))
            return true;
    }
    return false;
}

static bool names_it(const struct hg_strv *names, const char *name)
{
    HG_AUTO(hg_freep) char *full = plain(name, true);
    HG_AUTO(hg_freep) char *last = plain(name, false);
    return hg_strv_sorted_has(names, full) || hg_strv_sorted_has(names, last);
}

/* A table that came or went itself, which is said. */
static bool moved_itself(const struct hg_run *r, const char *table)
{
    size_t i;
    json_t *c;
    json_array_foreach(r->changed, i, c)
        if (hg_streq(hg_jstr(c, "kind"), "table") && hg_streq(hg_jstr(c, "name"), table) &&
            !hg_streq(hg_jstr(c, "change"), "changed"))
            return true;
    return false;
}

/* Of what came or went under this name. What only changed is not judged: a view, say, is spelled anew when its
 * table changes. */
static bool beside_plan(const struct hg_run *r, const struct planned *p, const char *kind, const char *name)
{
    static const char *const KINDS[] = { "constraint", "index", "trigger", "policy", "rule", "sequence", "view",
                                         "materialized view", "function", "procedure", "aggregate", "type" };
    bool judged = false;
    for (size_t i = 0; i < HG_COUNT(KINDS); i++)
        judged = judged || hg_streq(kind, KINDS[i]);
    if (!judged || names_it(&p->names, name) ||
        (p->types && (hg_streq(kind, "type") || hg_streq(kind, "function"))))
        return false;
    HG_AUTO(hg_freep) char *table = table_of(r, kind, name);
    return !table || !(names_it(&p->names, table) || follows_another(r, table) || moved_itself(r, table));
}

static void add_unplanned(struct hg_strv *ret, const char *kind, const char *name, const char *change)
{
    hg_strv_addf(ret, "%s %s was %s, which the plan does not say", kind, name, change);
}

/* A new name means that one went and one came; each by itself may be the plan's. */
static void find_unplanned_in(const struct hg_run *r, const struct planned *p, const json_t *c, struct hg_strv *ret)
{
    const char *from = hg_jget(c, "from"), *kind = hg_jstr(c, "kind"), *name = hg_jstr(c, "name");
    const char *change = hg_jstr(c, "change");
    HG_AUTO(hg_freep) char *renamed = from ? hg_xasprintf("renamed from %s", from) : NULL;
    if (hg_streq(kind, "table")) {
        if (!names_it(&p->names, name) && !(from && names_it(&p->names, from)) && !follows_another(r, name))
            add_unplanned(ret, kind, name, renamed ? renamed : change);
        return;
    }
    if (hg_streq(change, "changed"))
        return;
    bool came = beside_plan(r, p, kind, name), went = from && beside_plan(r, p, kind, from);
    if (came)
        add_unplanned(ret, kind, name, !renamed ? change : went ? renamed : "added");
    else if (went)
        add_unplanned(ret, kind, from, "removed");
}

static void find_unplanned(struct hg_run *r, const struct planned *p, struct hg_strv *ret)
{
    size_t i;
    json_t *c;
    json_array_foreach(r->changed, i, c)
        find_unplanned_in(r, p, c, ret);
}

/* What is there as a plan spells it, with its schema and without: tables, and the rest. Sorted. */
static void names_there(const struct hg_run *r, struct hg_strv *tables, struct hg_strv *others)
{
    for (size_t i = 0; i < r->now.count; i++) {
        const struct hg_ledger_object *o = &r->now.items[i];
        struct hg_strv *names = hg_streq(o->kind, "table") ? tables : others;
        HG_AUTO(hg_freep) char *full = plain(o->name, true);
        HG_AUTO(hg_freep) char *last = plain(o->name, false);
        hg_strv_add(names, full);
        hg_strv_add(names, last);
    }
    hg_strv_sort(tables);
    hg_strv_sort(others);
}

static void find_missing(struct hg_run *r, const struct planned *p, struct hg_strv *ret)
{
    HG_AUTO(hg_strv_done) struct hg_strv tables = HG_STRV_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv others = HG_STRV_INIT;
    names_there(r, &tables, &others);
    for (size_t i = 0; i < p->tables.count; i++)
        if (*p->tables.items[i] && !hg_strv_sorted_has(&tables, p->tables.items[i]))
            hg_strv_addf(ret, "table %s is not there, although the plan makes it", p->tables.items[i]);
    for (size_t i = 0; !p->takes_along && i < p->others.count; i++)
        if (!hg_strv_sorted_has(&others, p->others.items[i]))
            hg_strv_addf(ret, "%s %s is not there, although the plan makes it", p->kinds.items[i],
                         p->others.items[i]);
}

int hg_run_as_planned(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(planned_done) struct planned p = { 0 };
    HG_AUTO(hg_strv_done) struct hg_strv wrong = HG_STRV_INIT;
    if (!r->planned || !r->changed || !planned_objects(r, &p))
        return 0;
    find_unplanned(r, &p, &wrong);
    find_missing(r, &p, &wrong);
    for (size_t i = 0; i < wrong.count; i++)
        (void)hg_finding_add(&r->findings, "HG618", "%s", wrong.items[i]);
    if (!wrong.count)
        return 0;
    (void)hg_fail(err, HG_E_MIGRATOR, "every revision is in, but the schema is not what the plan said: %s",
                  wrong.items[0]);
    return hg_hint(err, "headgate status -t %s; then find who else changed the schema", r->target.t->name);
}
