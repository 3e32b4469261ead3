/* SPDX-License-Identifier: Apache-2.0 */
/* The plan as a file: its digest, its text, and reading it with suspicion. */
#include "internal.h"

void hg_plan_digest(const json_t *plan, char out[HG_SHA256_SIZE])
{
    json_t *pinned = json_copy((json_t *)(uintptr_t)plan);
    (void)json_object_del(pinned, "digest");
    (void)json_object_del(pinned, "observed");
    char *text = json_dumps(pinned, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(pinned);
    (void)hg_sha256(text ? text : "", text ? strlen(text) : 0, out);
    free(text);
}

char *hg_plan_dump(const json_t *plan)
{
    char *text = json_dumps(plan, JSON_INDENT(2));
    char *with_newline = hg_xasprintf("%s\n", text ? text : "{}");
    free(text);
    return with_newline;
}

/* ---- is it one? ------------------------------------------------------------------------------- */

static bool strings(const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
        if (!json_is_string(item))
            return false;
    return json_is_array(list);
}

static bool text_or_null(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) || json_is_null(value);
}

static bool strings_or_null(const json_t *value)
{
    return json_is_null(value) || strings(value);
}

static bool is_revision(const json_t *r)
{
    static const char *const TEXTS[] = { "message", "path", "digest", "no_sql" };
    for (size_t i = 0; i < HG_COUNT(TEXTS); i++)
        if (!text_or_null(r, TEXTS[i]))
            return false;
    const json_t *objects = json_object_get(r, "objects"), *item;
    size_t i;
    json_array_foreach(objects, i, item)
        if (!json_is_string(json_object_get(item, "name")) ||
            !json_is_string(json_object_get(item, "kind")) ||
            !json_is_string(json_object_get(item, "change")))
            return false;
    return json_is_string(json_object_get(r, "revision")) &&
           strings(json_object_get(r, "down_revisions")) &&
           strings(json_object_get(r, "depends_on")) &&
           strings_or_null(json_object_get(r, "operations")) &&
           strings_or_null(json_object_get(r, "sql")) &&
           (json_is_array(objects) || json_is_null(objects));
}

static bool is_plan(const json_t *p)
{
    const json_t *goal = json_object_get(p, "goal"), *database = json_object_get(p, "database");
    const json_t *observed = json_object_get(p, "observed"), *revisions = json_object_get(p, "revisions");
    const json_t *item;
    size_t i;
    json_array_foreach(revisions, i, item)
        if (!is_revision(item))
            return false;
    return json_is_array(revisions) && json_is_string(json_object_get(p, "digest")) &&
           json_is_string(json_object_get(p, "target")) &&
           json_is_string(json_object_get(goal, "name")) &&
           json_is_string(json_object_get(goal, "revision")) &&
           json_is_boolean(json_object_get(goal, "asked")) && json_is_object(database) &&
           text_or_null(database, "name") && text_or_null(database, "system_identifier") &&
           text_or_null(database, "oid") && json_is_string(json_object_get(p, "version_table")) &&
           strings(json_object_get(p, "from")) && strings(json_object_get(p, "to")) &&
           text_or_null(p, "env_digest") && json_is_array(json_object_get(p, "findings")) &&
           json_is_object(observed) && json_is_array(json_object_get(observed, "findings"));
}

static int check(const json_t *plan, const char *shown, struct hg_err *err)
{
    const char *schema = hg_jstr(plan, "schema");
    char digest[HG_SHA256_SIZE];
    if (hg_starts_with(schema, "headgate.plan/") && !hg_streq(schema, "headgate.plan/1")) {
        HG_AUTO(hg_freep) char *printable = hg_printable(schema, 60);
        return hg_fail(err, HG_E_INTEGRITY, "%s is a plan of another form (%s) than this headgate reads",
                       shown, printable);
    }
    if (!hg_streq(schema, "headgate.plan/1") || !is_plan(plan)) {
        (void)hg_fail(err, HG_E_INTEGRITY, "%s is no plan", shown);
        return hg_hint(err, "`headgate plan -t TARGET -o FILE` writes one");
    }
    hg_plan_digest(plan, digest);
    if (hg_streq(digest, hg_jstr(plan, "digest")))
        return 0;
    (void)hg_fail(err, HG_E_INTEGRITY, "%s is not the plan that was made: its digest is %.12s…, and it "
                  "says %.12s…", shown, digest, hg_jstr(plan, "digest"));
    return hg_hint(err, "it was damaged or edited; make a new one: headgate plan -t TARGET -o FILE");
}

int hg_plan_parse(const char *text, size_t len, const char *shown, json_t **ret, struct hg_err *err)
{
    json_error_t why;
    json_t *plan = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    if (!plan) {
        HG_AUTO(hg_freep) char *printable = hg_printable(why.text, 200);
        return hg_fail(err, HG_E_INTEGRITY, "%s:%d is no plan: %s", shown, why.line, printable);
    }
    if (check(plan, shown, err) < 0) {
        json_decref(plan);
        return -1;
    }
    *ret = plan;
    return 0;
}

int hg_plan_read(const char *path, json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    if (hg_file_read(path, HG_PLAN_FILE_MAX, &text, err) < 0)
        return hg_hint(err, "`headgate plan -t TARGET -o %s` writes one", path);
    return hg_plan_parse(hg_buf_str(&text), text.len, path, ret, err);
}

const char *hg_plan_goal(const json_t *plan)
{
    return hg_jstr(json_object_get(plan, "goal"), "name");
}
