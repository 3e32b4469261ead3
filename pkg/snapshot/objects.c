/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "ledger/ledger.h"

static const char *const KINDS[] = {
    "type", "sequence", "table", "constraint", "index", "trigger", "rule", "policy", "view",
    "materialized view", "function", "procedure", "aggregate",
};
/* Members that are no part of a definition. */
static const char *const OBJECT_STATE[] = { "owner", "privileges", "invalid", "not_ready", "clustered",
                                            "not_valid", "unpopulated" };
static const char *const COLUMN_STATE[] = { "privileges", "statistics" };
static const char NOT_VALID[] = " NOT VALID";

/* Is this "schema.table", quoted where SQL asks for it, the plain "schema.table"? */
static bool is_table(const char *quoted, const char *plain)
{
    if (!quoted || !plain)
        return false;
    for (; *quoted; quoted++) {
        if (*quoted == '"' && *++quoted != '"') {
            quoted--; /* an end of quotes; a doubled one is a quote */
            continue;
        }
        if (*quoted != *plain++)
            return false;
    }
    return !*plain;
}

static void drop_members(json_t *object, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)json_object_del(object, names[i]);
}

/* A constraint's text says too whether it was validated. */
static void drop_not_valid(json_t *object)
{
    const char *text = json_string_value(json_object_get(object, "definition"));
    size_t len = text ? strlen(text) : 0, end = strlen(NOT_VALID);
    if (len > end && hg_streq(text + len - end, NOT_VALID))
        json_object_set_new(object, "definition", json_stringn(text, len - end));
}

/* What counts of it, as JSON. Heap. */
static char *definition_of(const char *kind, const json_t *definition)
{
    json_t *object = json_copy((json_t *)(uintptr_t)definition);
    drop_members(object, OBJECT_STATE, HG_COUNT(OBJECT_STATE));
    if (hg_streq(kind, "constraint"))
        drop_not_valid(object);
    const json_t *columns = json_object_get(definition, "columns");
    json_t *kept = columns ? json_array() : NULL;
    for (size_t i = 0; i < json_array_size(columns); i++) {
        json_t *column = json_copy(json_array_get(columns, i));
        drop_members(column, COLUMN_STATE, HG_COUNT(COLUMN_STATE));
        json_array_append_new(kept, column);
    }
    if (kept)
        json_object_set_new(object, "columns", kept);
    char *text = json_dumps(object, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(object);
    return text ? text : hg_xstrdup("");
}

void hg_snapshot_objects(const json_t *catalog, const char *version_table, struct hg_ledger_objects *ret)
{
    const json_t *objects = json_object_get(catalog, "objects");
    struct hg_ledger_objects all = { .server_version = (int)json_integer_value(
                                         json_object_get(catalog, "server_version")) };
    for (size_t i = 0; i < HG_COUNT(KINDS); i++) {
        const char *name;
        json_t *definition;
        json_object_foreach(json_object_get(objects, KINDS[i]), name, definition)
        {
            char digest[HG_SHA256_SIZE];
            const char *table = json_string_value(json_object_get(definition, "table"));
            if (is_table(table ? table : name, version_table))
                continue;
            char *text = definition_of(KINDS[i], definition);
            (void)hg_sha256(text, strlen(text), digest);
            hg_ledger_objects_add(&all, KINDS[i], name, digest, false)->definition = text;
        }
    }
    hg_ledger_objects_sort(&all);
    *ret = all;
}
