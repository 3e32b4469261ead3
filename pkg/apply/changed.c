/* SPDX-License-Identifier: Apache-2.0 */
/* After the migrator: what is different in the catalog, and whether that is what the plan said. */
#include "internal.h"

#include <string.h>

#include "plan/plan.h"
#include "snapshot/snapshot.h"

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

static bool is_version_table(const struct hg_run *r, const json_t *change)
{
    HG_AUTO(hg_freep) char *name = plain(hg_jstr(change, "name"), true);
    size_t len = strlen(r->version_table);
    return strncmp(name, r->version_table, len) == 0 && (!name[len] || name[len] == '.');
}

void hg_run_find_changed(struct hg_run *r)
{
    if (!r->before_known)
        return;
    hg_run_objects_now(r);
    if (!r->now_known || !r->catalog_before || !r->catalog_now)
        return;
    json_decref(r->changed);
    r->changed = hg_snapshot_diff(r->catalog_before, r->catalog_now);
    for (size_t i = json_array_size(r->changed); i-- > 0;)
        if (is_version_table(r, json_array_get(r->changed, i)))
            json_array_remove(r->changed, i);
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

static void take_object(const json_t *object, struct hg_strv *names, struct hg_strv *made)
{
    const char *name = hg_jstr(object, "name"), *kind = hg_jstr(object, "kind");
    const char *change = hg_jstr(object, "change"), *dot = strrchr(name, '.');
    if (hg_streq(kind, "column") && dot)
        hg_strv_addn(names, name, (size_t)(dot - name));
    hg_strv_add(names, name);
    if (!hg_streq(kind, "table"))
        return;
    if (hg_streq(change, "create"))
        hg_strv_add(made, name);
    for (size_t i = 0; hg_streq(change, "drop") && i < made->count; i++)
        if (hg_streq(made->items[i], name))
            made->items[i][0] = '\0';
}

/* The objects that the plan names, and the tables that it makes; false where it does not name all. */
static bool planned_objects(const struct hg_run *r, struct hg_strv *names, struct hg_strv *made)
{
    size_t i, k;
    json_t *revision, *item;
    json_array_foreach(json_object_get(r->planned, "revisions"), i, revision)
    {
        const json_t *sql = json_object_get(revision, "sql");
        if (!json_is_array(sql))
            return false;
        json_array_foreach(sql, k, item)
            if (!told(json_string_value(item)))
                return false;
        json_array_foreach(json_object_get(revision, "objects"), k, item)
            take_object(item, names, made);
    }
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
    return hg_strv_has(names, full) || hg_strv_has(names, last);
}

/* Tables only: what hangs on one is named with it, and a view may follow. */
static void find_unplanned(struct hg_run *r, const struct hg_strv *names, struct hg_strv *ret)
{
    size_t i;
    json_t *c;
    json_array_foreach(r->changed, i, c)
    {
        const char *from = hg_jget(c, "from"), *name = hg_jstr(c, "name");
        if (hg_streq(hg_jstr(c, "kind"), "table") && !names_it(names, name) &&
            !(from && names_it(names, from)) && !follows_another(r, name))
            hg_strv_addf(ret, "table %s was %s, which the plan does not say", name, hg_jstr(c, "change"));
    }
}

static void find_missing(struct hg_run *r, const struct hg_strv *made, struct hg_strv *ret)
{
    for (size_t i = 0; i < made->count; i++) {
        bool there = !made->items[i][0];
        for (size_t k = 0; !there && k < r->now.count; k++) {
            HG_AUTO(hg_freep) char *full = plain(r->now.items[k].name, true);
            HG_AUTO(hg_freep) char *last = plain(r->now.items[k].name, false);
            there = hg_streq(r->now.items[k].kind, "table") &&
                    (hg_streq(full, made->items[i]) || hg_streq(last, made->items[i]));
        }
        if (!there)
            hg_strv_addf(ret, "table %s is not there, although the plan makes it", made->items[i]);
    }
}

int hg_run_as_planned(struct hg_run *r, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv made = HG_STRV_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv wrong = HG_STRV_INIT;
    if (!r->planned || !r->changed || !planned_objects(r, &names, &made))
        return 0;
    find_unplanned(r, &names, &wrong);
    find_missing(r, &made, &wrong);
    for (size_t i = 0; i < wrong.count; i++)
        (void)hg_finding_add(&r->findings, "HG618", "%s", wrong.items[i]);
    if (!wrong.count)
        return 0;
    (void)hg_fail(err, HG_E_MIGRATOR, "every revision is in, but the schema is not what the plan said: %s",
                  wrong.items[0]);
    return hg_hint(err, "headgate status -t %s; then find who else changed the schema", r->target.t->name);
}
