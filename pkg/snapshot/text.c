/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots and their differences for people. */
#include "internal.h"

#include <string.h>

#include "term/term.h"

/* ---- differences ------------------------------------------------------------------------------ */

static const struct mark {
    const char *change, *sign;
    enum hg_style style;
} MARKS[] = {
    { "added", "+", HG_GREEN },
    { "removed", "-", HG_RED },
    { "renamed", ">", HG_CYAN },
    { "changed", "~", HG_YELLOW },
};

static const struct mark *mark_of(const char *change)
{
    for (size_t i = 0; i < HG_COUNT(MARKS); i++)
        if (hg_streq(MARKS[i].change, change))
            return &MARKS[i];
    return &MARKS[HG_COUNT(MARKS) - 1];
}

/* One side of a detail in full, its own lines kept. */
static void add_side(struct hg_buf *b, bool color, const char *sign, enum hg_style style, const char *what,
                     const char *value)
{
    HG_AUTO(hg_freep) char *line = hg_xasprintf("    %s %s: ", sign, what);
    hg_term_add(b, color, style, line);
    for (const char *at = value; *at;) {
        size_t len = strcspn(at, "\n");
        HG_AUTO(hg_freep) char *part = hg_xasprintf("%.*s", (int)len, at);
        hg_term_add(b, color, style, part);
        at += len + (at[len] == '\n');
        hg_buf_adds(b, *at ? "\n      " : "");
    }
    hg_buf_addc(b, '\n');
}

static void detail_text(const json_t *detail, bool color, struct hg_buf *b)
{
    const char *what = hg_jstr(detail, "what");
    const char *from = json_string_value(json_object_get(detail, "from"));
    const char *to = json_string_value(json_object_get(detail, "to"));
    bool brief = from && to && strlen(from) + strlen(to) < 80 && !strchr(from, '\n') && !strchr(to, '\n');
    if (brief) {
        HG_AUTO(hg_freep) char *line = hg_xasprintf("    ~ %s: %s -> %s\n", what, from, to);
        hg_term_add(b, color, HG_YELLOW, line);
        return;
    }
    if (from)
        add_side(b, color, "-", HG_RED, what, from);
    if (to)
        add_side(b, color, "+", HG_GREEN, what, to);
}

void hg_snapshot_diff_text(const json_t *diff, bool color, struct hg_buf *ret)
{
    size_t i, k;
    const json_t *change, *detail;
    json_array_foreach((json_t *)(uintptr_t)diff, i, change) {
        const struct mark *m = mark_of(hg_jstr(change, "change"));
        const char *from = json_string_value(json_object_get(change, "from"));
        HG_AUTO(hg_freep) char *head = hg_xasprintf("%s %s %s%s%s", m->sign, hg_jstr(change, "kind"),
                                                    from ? from : "", from ? " -> " : "",
                                                    hg_jstr(change, "name"));
        hg_term_add(ret, color, m->style, head);
        hg_buf_addc(ret, '\n');
        json_array_foreach(json_object_get(change, "details"), k, detail)
            detail_text(detail, color, ret);
    }
}

/* ---- one snapshot ----------------------------------------------------------------------------- */

static void row(struct hg_table *t, const char *name, const char *value)
{
    hg_table_cell(t, name);
    hg_table_cell(t, value);
}

static void add_plural(struct hg_buf *b, const char *kind)
{
    size_t len = strlen(kind);
    if (hg_ends_with(kind, "s")) /* it is one already */
        hg_buf_adds(b, kind);
    else if (hg_ends_with(kind, "y"))
        hg_buf_addf(b, "%.*sies", (int)(len - 1), kind);
    else
        hg_buf_addf(b, "%s%s", kind, hg_ends_with(kind, "x") ? "es" : "s");
}

/* "12 tables, 3 views, …" in the order of the kinds. Heap. */
static char *counts(const json_t *catalog)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    const json_t *objects = json_object_get(catalog, "objects");
    for (size_t i = 0; hg_snapshot_kinds[i]; i++) {
        const char *kind = hg_snapshot_kinds[i];
        size_t count = json_object_size(json_object_get(objects, kind));
        if (!count)
            continue;
        hg_buf_addf(&b, "%s%zu ", b.len ? ", " : "", count);
        if (count == 1)
            hg_buf_adds(&b, kind);
        else
            add_plural(&b, kind);
    }
    return hg_buf_take(&b);
}

static char *bytes_text(json_int_t bytes)
{
    static const char *const UNITS[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < HG_COUNT(UNITS); unit++)
        value /= 1024;
    return unit ? hg_xasprintf("%.1f %s", value, UNITS[unit]) : hg_xasprintf("%.0f %s", value, UNITS[0]);
}

static void show_largest(const struct hg_snapshot *s, struct hg_table *t)
{
    json_t *tables = json_object_get(s->sizes, "tables"), *size;
    const char *name, *largest = NULL;
    json_int_t most = -1;
    json_object_foreach(tables, name, size) {
        json_int_t bytes = json_integer_value(json_object_get(size, "bytes"));
        if (bytes > most) {
            most = bytes;
            largest = name;
        }
    }
    const json_t *all = json_object_get(json_object_get(s->sizes, "database"), "bytes");
    if (!json_is_integer(all))
        return;
    HG_AUTO(hg_freep) char *total = bytes_text(json_integer_value(all));
    HG_AUTO(hg_freep) char *big = bytes_text(most);
    HG_AUTO(hg_freep) char *line = largest ? hg_xasprintf("%s; largest table %s, %s", total, largest, big)
                                           : hg_xstrdup(total);
    row(t, "size", line);
}

static void show_activity(const struct hg_snapshot *s, struct hg_table *t)
{
    if (!s->activity)
        return;
    HG_AUTO(hg_freep) char *line = hg_xasprintf(
        "%zu transactions older than a second, %zu waiting for a lock, %zu replicas",
        json_array_size(json_object_get(s->activity, "transactions")),
        json_array_size(json_object_get(s->activity, "lock_waits")),
        json_array_size(json_object_get(s->activity, "replication")));
    row(t, "activity", line);
}

static char *words(const json_t *list)
{
    HG_AUTO(hg_strv_done) struct hg_strv v = HG_STRV_INIT;
    size_t i;
    const json_t *item;
    json_array_foreach((json_t *)(uintptr_t)list, i, item)
        hg_strv_add(&v, json_string_value(item) ? json_string_value(item) : "?");
    return v.count ? hg_strv_join(&v, ", ") : hg_xstrdup("none");
}

static void show_server(const struct hg_snapshot *s, struct hg_table *t)
{
    const json_t *d = json_object_get(s->manifest, "database");
    json_int_t version = json_integer_value(json_object_get(d, "server_version"));
    HG_AUTO(hg_freep) char *line =
        hg_xasprintf("PostgreSQL %d.%d, %s at %s", (int)(version / 10000), (int)(version % 10000),
                     hg_jstr(d, "name"), hg_jstr(d, "host"));
    row(t, "server", line);
}

void hg_snapshot_show(const struct hg_snapshot *s, bool color, struct hg_buf *ret)
{
    struct hg_table t;
    size_t i;
    const json_t *line;
    hg_table_init(&t, 2);
    HG_AUTO(hg_freep) char *taken = hg_xasprintf("%s by %s", hg_jstr(s->manifest, "taken_at"),
                                                 hg_jstr(s->manifest, "tool"));
    HG_AUTO(hg_freep) char *rows = words(json_object_get(s->status, "rows"));
    HG_AUTO(hg_freep) char *objects = counts(s->catalog);
    HG_AUTO(hg_freep) char *digest = hg_xasprintf("%.16s", hg_jstr(s->manifest, "catalog_digest"));
    row(&t, "taken", taken);
    show_server(s, &t);
    row(&t, "state", hg_jstr(s->status, "state"));
    row(&t, "rows", rows);
    row(&t, "catalog", *objects ? objects : "no objects");
    row(&t, "digest", digest);
    show_largest(s, &t);
    show_activity(s, &t);
    if (!s->schema_sql.len)
        row(&t, "schema.sql", "not in it");
    json_array_foreach(json_object_get(s->manifest, "unreadable"), i, line)
        row(&t, "unreadable", json_string_value(line) ? json_string_value(line) : "?");
    HG_AUTO(hg_freep) char *head = hg_xasprintf("snapshot of %s", hg_jstr(s->manifest, "target"));
    hg_term_add(ret, color, HG_BOLD, head);
    hg_buf_addc(ret, '\n');
    hg_table_print(&t, "", ret);
    hg_table_done(&t);
}
