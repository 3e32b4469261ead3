/* SPDX-License-Identifier: Apache-2.0 */
/* Two catalogs, object by object. A table is first recognised under its new name, so that what hangs
 * on it is compared instead of being torn down and built again; then everything else is. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* What a definition says, as one line: strings as they are, the rest as compact JSON. Heap. */
static char *value_text(const json_t *value)
{
    if (!value || json_is_null(value))
        return NULL;
    if (json_is_string(value))
        return hg_xstrdup(json_string_value(value));
    return json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
}

static void add_detail(json_t *details, const char *what, const char *from, const char *to)
{
    json_t *detail = json_object(); /* one by one: there may be ten thousands, and a format is read each time */
    json_object_set_new_nocheck(detail, "what", hg_json_text(what));
    json_object_set_new_nocheck(detail, "from", hg_json_text(from));
    json_object_set_new_nocheck(detail, "to", hg_json_text(to));
    json_array_append_new(details, detail);
}

/* The members in which two definitions differ, each with what stands before its name. */
static void compare_members(const json_t *a, const json_t *b, const char *prefix, json_t *details)
{
    HG_AUTO(hg_strv_done) struct hg_strv keys = HG_STRV_INIT;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
        hg_strv_add(&keys, key);
    json_object_foreach((json_t *)(uintptr_t)b, key, value)
        if (!json_object_get(a, key))
            hg_strv_add(&keys, key);
    hg_strv_sort(&keys);
    for (size_t i = 0; i < keys.count; i++) {
        const json_t *left = json_object_get(a, keys.items[i]), *right = json_object_get(b, keys.items[i]);
        if (hg_streq(keys.items[i], "columns") || hg_streq(keys.items[i], "name") ||
            json_equal(left, right))
            continue;
        HG_AUTO(hg_freep) char *what = hg_xasprintf("%s%s", prefix, keys.items[i]);
        HG_AUTO(hg_freep) char *from = value_text(left);
        HG_AUTO(hg_freep) char *to = value_text(right);
        add_detail(details, what, from, to);
    }
}

/* ---- columns -------------------------------------------------------------------------------- */

static const char *name_of(const json_t *column)
{
    const char *name = json_string_value(json_object_get(column, "name"));
    return name ? name : "?";
}

static const json_t *column_named(const json_t *columns, const char *name)
{
    size_t i;
    const json_t *column;
    json_array_foreach((json_t *)(uintptr_t)columns, i, column)
        if (hg_streq(name_of(column), name))
            return column;
    return NULL;
}

/* "bigint not null default 0": a column's definition as it would be written. Heap. */
static char *column_text(const json_t *column)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    const char *type = json_string_value(json_object_get(column, "type"));
    const char *value = json_string_value(json_object_get(column, "default"));
    const char *generated = json_string_value(json_object_get(column, "generated"));
    const char *identity = json_string_value(json_object_get(column, "identity"));
    hg_buf_adds(&b, type ? type : "?");
    if (json_is_true(json_object_get(column, "not_null")))
        hg_buf_adds(&b, " not null");
    if (value)
        hg_buf_addf(&b, " default %s", value);
    if (generated)
        hg_buf_addf(&b, " generated always as (%s)", generated);
    if (identity)
        hg_buf_addf(&b, " generated %s as identity", identity);
    return hg_buf_take(&b);
}

static bool same_but_name(const json_t *a, const json_t *b)
{
    json_t *left = json_copy((json_t *)(uintptr_t)a), *right = json_copy((json_t *)(uintptr_t)b);
    json_object_del(left, "name");
    json_object_del(right, "name");
    bool same = json_equal(left, right);
    json_decref(left);
    json_decref(right);
    return same;
}

/* The new column that stands where the old one stood, with the same definition: the old one renamed. */
static const json_t *renamed_to(const json_t *a, const json_t *b, size_t position)
{
    const json_t *left = json_array_get(a, position), *right = json_array_get(b, position);
    bool gone = left && !column_named(b, name_of(left)), fresh = right && !column_named(a, name_of(right));
    return gone && fresh && same_but_name(left, right) ? right : NULL;
}

static void gone_and_changed(const json_t *a, const json_t *b, json_t *details, struct hg_strv *renames)
{
    size_t i;
    const json_t *old;
    json_array_foreach((json_t *)(uintptr_t)a, i, old) {
        const json_t *same = column_named(b, name_of(old)), *other = renamed_to(a, b, i);
        HG_AUTO(hg_freep) char *what = hg_xasprintf("column %s", name_of(old));
        if (same) {
            HG_AUTO(hg_freep) char *prefix = hg_xasprintf("column %s: ", name_of(old));
            compare_members(old, same, prefix, details);
        } else if (other) {
            HG_AUTO(hg_freep) char *to = hg_xasprintf("column %s", name_of(other));
            hg_strv_add(renames, name_of(other));
            add_detail(details, "renamed", what, to);
        } else {
            HG_AUTO(hg_freep) char *text = column_text(old);
            add_detail(details, what, text, NULL);
        }
    }
}

static void added(const json_t *a, const json_t *b, const struct hg_strv *renames, json_t *details)
{
    size_t i;
    const json_t *column;
    json_array_foreach((json_t *)(uintptr_t)b, i, column) {
        if (column_named(a, name_of(column)) || hg_strv_has(renames, name_of(column)))
            continue;
        HG_AUTO(hg_freep) char *what = hg_xasprintf("column %s", name_of(column));
        HG_AUTO(hg_freep) char *text = column_text(column);
        add_detail(details, what, NULL, text);
    }
}

/* The columns that both have, in the order of `of`. Heap. */
static char *common_order(const json_t *of, const json_t *other)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    size_t i;
    const json_t *column;
    json_array_foreach((json_t *)(uintptr_t)of, i, column)
        if (column_named(other, name_of(column)))
            hg_strv_add(&names, name_of(column));
    return hg_strv_join(&names, ", ");
}

static void compare_columns(const json_t *a, const json_t *b, json_t *details)
{
    HG_AUTO(hg_strv_done) struct hg_strv renames = HG_STRV_INIT;
    gone_and_changed(a, b, details, &renames);
    added(a, b, &renames, details);
    HG_AUTO(hg_freep) char *before = common_order(a, b);
    HG_AUTO(hg_freep) char *after = common_order(b, a);
    if (!hg_streq(before, after))
        add_detail(details, "order of columns", before, after);
}

static json_t *compare(const json_t *a, const json_t *b)
{
    json_t *details = json_array();
    const json_t *left = json_object_get(a, "columns"), *right = json_object_get(b, "columns");
    if (!json_equal(left, right))
        compare_columns(left, right, details);
    compare_members(a, b, "", details);
    return details;
}

/* ---- objects under another name --------------------------------------------------------------- */

static bool word_char(char c)
{
    return c == '_' || c == '$' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* text with `from` replaced by `to` where it stands as a whole word. Heap. */
static char *replace_word(const char *text, const char *from, const char *to)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    size_t len = strlen(from);
    for (const char *at = text;;) {
        const char *found = len ? strstr(at, from) : NULL;
        if (!found) {
            hg_buf_adds(&b, at);
            return hg_buf_take(&b);
        }
        bool whole = (found == text || !word_char(found[-1])) && !word_char(found[len]);
        hg_buf_add(&b, at, (size_t)(found - at));
        hg_buf_adds(&b, whole ? to : from);
        at = found + len;
    }
}

/* The same in text that is JSON, where names are written with escapes. Heap. */
static char *replace_in_json(const char *text, const char *from, const char *to)
{
    HG_AUTO(hg_buf_done) struct hg_buf old = HG_BUF_INIT, new = HG_BUF_INIT;
    hg_json_escape(&old, from, strlen(from));
    hg_json_escape(&new, to, strlen(to));
    return replace_word(text, hg_buf_str(&old), hg_buf_str(&new));
}

/* What stands behind the last dot that is in no quotes: "public.ix_a" -> "ix_a". */
static const char *last_part(const char *name)
{
    const char *last = name;
    bool quoted = false;
    for (const char *c = name; *c && *c != '('; c++) {
        if (*c == '"')
            quoted = !quoted;
        else if (*c == '.' && !quoted)
            last = c + 1;
    }
    return last;
}

/* A text that two objects share when they differ in nothing but their name; of a table only columns
 * and types, since defaults name its sequences. Heap. */
static char *nameless(const char *kind, const char *name, const json_t *definition)
{
    if (!hg_streq(kind, "table")) {
        HG_AUTO(hg_freep) char *text = json_dumps(definition, JSON_SORT_KEYS | JSON_COMPACT);
        return replace_in_json(text, last_part(name), "?");
    }
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    size_t i;
    const json_t *column;
    json_array_foreach(json_object_get(definition, "columns"), i, column) {
        const char *type = json_string_value(json_object_get(column, "type"));
        hg_buf_addf(&b, "%s %s\n", name_of(column), type ? type : "?");
    }
    return hg_buf_take(&b);
}

/* Names that only one side has, each followed by its nameless text. */
static void only_here(const char *kind, json_t *here, const json_t *there, struct hg_strv *ret)
{
    const char *name;
    json_t *definition;
    json_object_foreach(here, name, definition) {
        if (json_object_get(there, name))
            continue;
        HG_AUTO(hg_freep) char *text = nameless(kind, name, definition);
        hg_strv_add(ret, name);
        hg_strv_add(ret, text);
    }
}

/* The name with this text; NULL where there is none, or more than one. */
static const char *only_match(const struct hg_strv *side, const char *text)
{
    const char *found = NULL;
    for (size_t i = 0; i + 1 < side->count; i += 2) {
        if (!hg_streq(side->items[i + 1], text))
            continue;
        if (found)
            return NULL;
        found = side->items[i];
    }
    return found;
}

/* Pairs of old and new name, appended to ret. */
static void find_renames(const char *kind, json_t *a, json_t *b, struct hg_strv *ret)
{
    HG_AUTO(hg_strv_done) struct hg_strv gone = HG_STRV_INIT, fresh = HG_STRV_INIT;
    only_here(kind, a, b, &gone);
    if (gone.count)
        only_here(kind, b, a, &fresh);
    for (size_t i = 0; i + 1 < gone.count; i += 2) {
        const char *text = gone.items[i + 1], *to = *text ? only_match(&fresh, text) : NULL;
        if (!to || !only_match(&gone, text))
            continue;
        hg_strv_add(ret, gone.items[i]);
        hg_strv_add(ret, to);
    }
}

/* The objects but tables, in which what hangs on a renamed table says its new name. New reference. */
static json_t *follow_renames(json_t *objects, const struct hg_strv *renames)
{
    json_t *rest = json_copy(objects);
    json_object_del(rest, "table");
    if (!renames->count)
        return rest;
    HG_AUTO(hg_freep) char *text = json_dumps(rest, JSON_COMPACT);
    for (size_t i = 0; i + 1 < renames->count; i += 2) {
        char *followed = replace_in_json(text, renames->items[i], renames->items[i + 1]);
        free(text);
        text = followed;
    }
    json_t *followed = json_loads(text, 0, NULL);
    if (!followed)
        return rest;
    json_decref(rest);
    return followed;
}

/* ---- the list --------------------------------------------------------------------------------- */

static void add_change(json_t *list, const char *kind, const char *name, const char *change,
                       const char *from, json_t *details)
{
    json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:o, s:o}", "kind", kind, "name",
                                          hg_json_text(name), "change", change, "from",
                                          hg_json_text(from), "details", details));
}

/* The old name of a renamed object, or NULL. */
static const char *old_name(const struct hg_strv *renames, const char *name)
{
    for (size_t i = 0; i + 1 < renames->count; i += 2)
        if (hg_streq(renames->items[i + 1], name))
            return renames->items[i];
    return NULL;
}

static bool was_renamed(const struct hg_strv *renames, const char *name)
{
    for (size_t i = 0; i + 1 < renames->count; i += 2)
        if (hg_streq(renames->items[i], name))
            return true;
    return false;
}

/* Of what is there alone: what it comes and goes with. */
static json_t *company(const json_t *definition, bool before)
{
    static const char *const KEYS[] = { "constraint", "owned_by" };
    json_t *details = json_array();
    for (size_t i = 0; i < HG_COUNT(KEYS); i++) {
        HG_AUTO(hg_freep) char *text = value_text(json_object_get(definition, KEYS[i]));
        if (text)
            add_detail(details, KEYS[i], before ? text : NULL, before ? NULL : text);
    }
    return details;
}

/* What was there alone or is there alone, said in the same words: its members, less its table's
 * name, which its own begins with or its definition tells. */
static json_t *whole(const json_t *definition, bool before)
{
    json_t *nothing = json_object(), *members = json_copy((json_t *)(uintptr_t)definition);
    json_object_del(members, "table");
    json_t *details = before ? compare(members, nothing) : compare(nothing, members);
    json_decref(members);
    json_decref(nothing);
    return details;
}

static void compare_kind(const char *kind, json_t *a, json_t *b, const struct hg_strv *renames, bool brief,
                         json_t *list)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    const char *name;
    json_t *definition;
    json_object_foreach(a, name, definition)
        if (!was_renamed(renames, name) || json_object_get(b, name))
            hg_strv_add(&names, name);
    json_object_foreach(b, name, definition)
        if (!json_object_get(a, name))
            hg_strv_add(&names, name);
    hg_strv_sort(&names);
    for (size_t i = 0; i < names.count; i++) {
        const char *from = old_name(renames, names.items[i]);
        const json_t *left = json_object_get(a, from ? from : names.items[i]);
        const json_t *right = json_object_get(b, names.items[i]);
        if (!from && json_equal(left, right))
            continue;
        const char *change = from ? "renamed" : !left ? "added" : !right ? "removed" : "changed";
        const json_t *alone = left ? left : right;
        add_change(list, kind, names.items[i], change, from,
                   left && right ? compare(left, right)
                   : brief       ? company(alone, left != NULL)
                                 : whole(alone, left != NULL));
    }
}

static void all_kinds(const json_t *a, const json_t *b, struct hg_strv *ret)
{
    HG_AUTO(hg_strv_done) struct hg_strv others = HG_STRV_INIT;
    const json_t *const both[] = { a, b };
    const char *kind;
    json_t *names;
    for (size_t i = 0; hg_snapshot_kinds[i]; i++)
        hg_strv_add(ret, hg_snapshot_kinds[i]);
    for (size_t side = 0; side < HG_COUNT(both); side++)
        json_object_foreach((json_t *)(uintptr_t)both[side], kind, names)
            if (!hg_strv_has(ret, kind) && !hg_strv_has(&others, kind))
                hg_strv_add(&others, kind);
    hg_strv_sort(&others);
    hg_strv_addv(ret, &others);
}

static json_t *diff(const json_t *catalog_a, const json_t *catalog_b, bool brief)
{
    HG_AUTO(hg_strv_done) struct hg_strv tables = HG_STRV_INIT, kinds = HG_STRV_INIT;
    json_t *before = json_object_get(catalog_a, "objects"), *b = json_object_get(catalog_b, "objects");
    json_t *list = json_array();
    find_renames("table", json_object_get(before, "table"), json_object_get(b, "table"), &tables);
    json_t *a = follow_renames(before, &tables);
    all_kinds(a, b, &kinds);
    for (size_t i = 0; i < kinds.count; i++) {
        HG_AUTO(hg_strv_done) struct hg_strv found = HG_STRV_INIT;
        const char *kind = kinds.items[i];
        bool table = hg_streq(kind, "table");
        /* Tables are compared with their old names, which only the original has. */
        json_t *left = json_object_get(table ? before : a, kind), *right = json_object_get(b, kind);
        if (!table)
            find_renames(kind, left, right, &found);
        compare_kind(kind, left, right, table ? &tables : &found, brief, list);
    }
    json_decref(a);
    return list;
}

json_t *hg_snapshot_diff(const json_t *catalog_a, const json_t *catalog_b)
{
    return diff(catalog_a, catalog_b, false);
}

json_t *hg_snapshot_diff_brief(const json_t *catalog_a, const json_t *catalog_b)
{
    return diff(catalog_a, catalog_b, true);
}

/* ---- sizes ------------------------------------------------------------------------------------ */

json_t *hg_snapshot_diff_sizes(const json_t *sizes_a, const json_t *sizes_b)
{
    static const char *const PARTS[][2] = { { "tables", "size of table" }, { "indexes", "size of index" } };
    const struct hg_strv none = HG_STRV_INIT;
    json_t *list = json_array();
    for (size_t i = 0; i < HG_COUNT(PARTS); i++)
        compare_kind(PARTS[i][1], json_object_get(sizes_a, PARTS[i][0]),
                     json_object_get(sizes_b, PARTS[i][0]), &none, false, list);
    return list;
}

/* ---- activity --------------------------------------------------------------------------------- */

static json_t *settings_of(const json_t *activity)
{
    json_t *all = json_object(), *value;
    const char *name;
    json_object_foreach(json_object_get(activity, "settings"), name, value)
        json_object_set_new(all, name, json_pack("{s:O}", "value", value));
    return all;
}

/* Sessions by application and state; what single transactions do is gone a moment later. */
static json_t *connections_of(const json_t *activity)
{
    json_t *all = json_object(), *row;
    size_t i;
    json_array_foreach(json_object_get(activity, "connections"), i, row) {
        const char *application = json_string_value(json_object_get(row, "application"));
        const char *state = json_string_value(json_object_get(row, "state"));
        HG_AUTO(hg_freep) char *name = hg_xasprintf("%s, %s", application && *application ? application : "?",
                                                    state ? state : "?");
        json_object_set_new(all, name, json_pack("{s:O?}", "count", json_object_get(row, "count")));
    }
    return all;
}

json_t *hg_snapshot_diff_activity(const json_t *activity_a, const json_t *activity_b)
{
    static const struct {
        const char *kind;
        json_t *(*of)(const json_t *activity);
    } PARTS[] = { { "setting", settings_of }, { "connections", connections_of } };
    const struct hg_strv none = HG_STRV_INIT;
    json_t *list = json_array();
    for (size_t i = 0; i < HG_COUNT(PARTS); i++) {
        json_t *a = PARTS[i].of(activity_a), *b = PARTS[i].of(activity_b);
        compare_kind(PARTS[i].kind, a, b, &none, false, list);
        json_decref(a);
        json_decref(b);
    }
    return list;
}
