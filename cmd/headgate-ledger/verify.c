/* SPDX-License-Identifier: Apache-2.0 */
/* Does the record fit together, and is the database what it says? */
#include "ledger_cmd.h"

#include <stdlib.h>
#include <string.h>

#include "snapshot/snapshot.h"
#include "term/term.h"

#define CATALOG_NS (60 * HG_NS_PER_S)

struct verifying {
    struct ledger_view *v;
    json_t *problems, *notes;
};

HG_PRINTF(4, 5)
static void problem(struct verifying *c, const char *what, const char *object, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    HG_AUTO(hg_freep) char *message = hg_xvasprintf(fmt, args);
    va_end(args);
    json_array_append_new(c->problems, json_pack("{s:s, s:n, s:n, s:o, s:o}", "what", what, "run", "revision",
                                                 "object", hg_json_text(object), "message",
                                                 hg_json_text(message)));
}

HG_PRINTF(2, 3)
static void note(struct verifying *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    HG_AUTO(hg_freep) char *message = hg_xvasprintf(fmt, args);
    va_end(args);
    json_array_append_new(c->notes, hg_json_text(message));
}

/* ---- the schema now ------------------------------------------------------------------------------ */

static void compare_objects(struct verifying *c, const struct hg_ledger_objects *known,
                            const struct hg_ledger_objects *now, const struct hg_strv *version_tables)
{
    size_t added = 0, changed = 0, others = 0;
    const char *other = NULL;
    for (size_t i = 0; i < known->count; i++) {
        const struct hg_ledger_object *was = &known->items[i];
        const struct hg_ledger_object *is = hg_ledger_object_find(now, was->kind, was->name);
        if (!was->digest || hg_streq(was->digest, is ? is->digest : NULL) ||
            hg_ledger_version_table_part(version_tables, was->name))
            continue;
        changed += !was->made;
        others += was->made && was->other;
        other = was->made && was->other ? was->other : other;
        if (was->made && !was->other)
            problem(c, "object", was->name, "%s %s %s since %s", was->kind, was->name,
                    is ? "was changed by other means" : "is gone", known->finished_at);
    }
    for (size_t i = 0; i < now->count; i++) {
        const struct hg_ledger_object *was = hg_ledger_object_find(known, now->items[i].kind, now->items[i].name);
        added += (!was || !was->digest) && !hg_ledger_version_table_part(version_tables, now->items[i].name);
    }
    if (others)
        note(c, "%zu object%s that runs of another version table made (%s) changed or went: headgate ledger adopt "
             "in its project records what Alembic did there", others, others == 1 ? "" : "s", other);
    if (changed)
        note(c, "%zu object%s that no recorded run made changed or went", changed, changed == 1 ? "" : "s");
    if (added)
        note(c, "%zu object%s appeared that no recorded run made", added, added == 1 ? "" : "s");
}

static bool in_database(const struct verifying *c)
{
    return hg_streq(hg_jget(c->v->document, "place"), "database");
}

/* What the ledger knows of the objects, and whose version tables it knows. A file has the runs of one only. */
static int read_known(const struct verifying *c, struct hg_ledger_objects *ret, struct hg_strv *ret_tables,
                      struct hg_err *err)
{
    const char *own = c->v->version_table;
    if (own)
        hg_strv_add(ret_tables, own);
    if (in_database(c))
        return hg_ledger_version_tables(c->v->conn, ledger_deadline(c->v->o), ret_tables, err) < 0
                   ? -1
                   : hg_ledger_objects(c->v->conn, own, ledger_deadline(c->v->o), ret, err);
    hg_ledger_objects_of(c->v->document, ret);
    return 0;
}

static int check_schema(struct verifying *c, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv tables = HG_STRV_INIT;
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects known = { 0 };
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects now = { 0 };
    HG_AUTO(hg_strv_done) struct hg_strv unreadable = HG_STRV_INIT;
    json_t *catalog = NULL;
    if (read_known(c, &known, &tables, err) < 0)
        return -1;
    if (!known.fingerprint) {
        if (known.run)
            note(c, "the schema was not compared: run %s is recorded without a fingerprint", known.run);
        return 0;
    }
    if (hg_snapshot_catalog(c->v->conn, false, CATALOG_NS, &catalog, &unreadable, err) < 0)
        return -1;
    hg_snapshot_objects(catalog, c->v->version_table, &now);
    json_decref(catalog);
    if (unreadable.count)
        note(c, "the schema was not compared: %s", unreadable.items[0]);
    else if (known.server_version / 10000 != now.server_version / 10000)
        note(c, "the schema was not compared: it was recorded by PostgreSQL %d, this is %d",
             known.server_version / 10000, now.server_version / 10000);
    else
        compare_objects(c, &known, &now, &tables);
    return 0;
}

/* ---- the rows now -------------------------------------------------------------------------------- */

static const json_t *newest_run(const struct verifying *c)
{
    const json_t *runs = json_object_get(c->v->document, "runs");
    for (size_t i = json_array_size(runs); i > 0; i--) {
        const json_t *run = json_array_get(runs, i - 1);
        if (hg_streq(json_string_value(json_object_get(run, "version_table")), c->v->version_table))
            return run;
    }
    return NULL;
}

static char *joined(struct hg_strv *list)
{
    hg_strv_sort(list);
    return list->count ? hg_strv_join(list, ", ") : hg_xstrdup("nothing");
}

static void check_rows(struct verifying *c)
{
    const json_t *run = newest_run(c), *rows = json_object_get(run, "rows");
    HG_AUTO(hg_strv_done) struct hg_strv was = HG_STRV_INIT, is = HG_STRV_INIT;
    size_t i;
    json_t *item;
    if (!run) {
        note(c, "no run of %s is recorded", c->v->version_table);
        return;
    }
    if (!json_is_array(rows)) {
        problem(c, "open", NULL, "run %s (%s) has no outcome: its headgate ended, or is still at work; the next "
                "apply, or headgate ledger adopt, closes it", json_string_value(json_object_get(run, "run")),
                json_string_value(json_object_get(run, "direction")));
        return;
    }
    if (c->v->status.vt_exists && !c->v->status.vt_readable) {
        note(c, "the rows were not compared: this role may not read %s", c->v->version_table);
        return;
    }
    json_array_foreach(rows, i, item)
        hg_strv_add(&was, json_string_value(item) ? json_string_value(item) : "?");
    hg_strv_addv(&is, &c->v->status.rows);
    HG_AUTO(hg_freep) char *then = joined(&was);
    HG_AUTO(hg_freep) char *now = joined(&is);
    if (!hg_streq(then, now))
        problem(c, "rows", NULL, "%s holds %s; headgate left it at %s: headgate ledger adopt records that",
                c->v->version_table, now, then);
}

/* ---- all of it ------------------------------------------------------------------------------------- */

static void print_text(const struct verifying *c, const json_t *counts)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    bool color = hg_cli_color(&c->v->o->common, 1);
    size_t i, count = json_array_size(c->problems);
    json_t *item;
    json_array_foreach(c->problems, i, item)
    {
        const char *run = json_string_value(json_object_get(item, "run"));
        hg_term_add(&b, color, HG_RED, json_string_value(json_object_get(item, "what")));
        hg_buf_addf(&b, "  %s%s%s%s\n", run ? "run " : "", run ? run : "", run ? ": " : "",
                    json_string_value(json_object_get(item, "message")));
    }
    json_array_foreach(c->notes, i, item)
        hg_buf_addf(&b, "note  %s\n", json_string_value(item));
    hg_buf_addf(&b, "%s: ", c->v->target.t->name);
    if (count)
        hg_buf_addf(&b, "%zu thing%s not hold", count, count == 1 ? " does" : "s do");
    else
        hg_buf_adds(&b, "the ledger holds");
    static const char *const WHAT[][2] = { { "runs", "runs" }, { "steps", "steps" }, { "files", "files" },
                                           { "hmacs", "signatures" }, { "objects", "objects" } };
    for (i = 0; i < HG_COUNT(WHAT); i++)
        hg_buf_addf(&b, "%s%lld %s", i ? ", " : " (",
                    (long long)json_integer_value(json_object_get(counts, WHAT[i][0])), WHAT[i][1]);
    hg_buf_adds(&b, " checked)\n");
    hg_out(hg_buf_str(&b));
}

static void check_signatures(struct verifying *c, const char *key)
{
    size_t i, k, with = 0, without = 0;
    json_t *run, *step;
    json_array_foreach(json_object_get(c->v->document, "runs"), i, run)
    {
        json_array_foreach(json_object_get(run, "steps"), k, step)
        {
            bool hmac = json_is_string(json_object_get(step, "hmac"));
            with += hmac;
            without += !hmac && json_is_string(json_object_get(step, "digest"));
        }
    }
    if (with && !key)
        note(c, "%zu record%s signed; set HEADGATE_LEDGER_KEY to have that checked", with,
             with == 1 ? " is" : "s are");
    if (without && key)
        note(c, "%zu record%s not signed", without, without == 1 ? " is" : "s are");
}

static int check_tables(struct verifying *c, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *missing = NULL;
    bool emptied = false, none = !json_array_size(json_object_get(c->v->document, "runs"));
    if (hg_ledger_missing(c->v->conn, ledger_deadline(c->v->o), &missing, err) < 0 ||
        (none && !missing && hg_ledger_emptied(c->v->conn, ledger_deadline(c->v->o), &emptied, err) < 0))
        return -1;
    if (missing)
        problem(c, "damage", NULL, "the ledger is damaged: %s; headgate ledger init, as the "
                "schema's owner, makes it whole", missing);
    if (emptied)
        problem(c, "damage", NULL, "the ledger has recorded runs, and holds none: it was emptied");
    return 0;
}

int ledger_verify(struct ledger_view *v, struct hg_err *err)
{
    const char *key = getenv(HG_LEDGER_KEY);
    key = key && *key ? key : NULL;
    json_t *counts = NULL;
    struct verifying c = { v, hg_ledger_check(v->document, key, &counts), json_array() };
    if (in_database(&c) && check_tables(&c, err) < 0)
        return -1;
    if (!json_is_true(json_object_get(v->document, "complete")))
        note(&c, "this role sees the views only: earlier steps and all files were not checked");
    check_signatures(&c, key);
    struct hg_err unknown = { 0 };
    if (v->version_table || ledger_status(v, &unknown) == 0)
        check_rows(&c);
    else
        problem(&c, "damage", NULL, "where the database stands cannot be told: %s", unknown.message);
    int rc = check_schema(&c, err);
    bool holds = json_array_size(c.problems) == 0;
    if (rc == 0 && ledger_json(v->o)) {
        json_t *d = json_pack("{s:s, s:o, s:o, s:b, s:O, s:O, s:O}", "schema", "headgate.ledger-verify/1",
                              "target", hg_json_text(v->target.t->name), "place",
                              json_incref(json_object_get(v->document, "place")), "holds", holds,
                              "checked", counts, "problems", c.problems, "notes", c.notes);
        if (!holds)
            json_object_set_new(d, "error", hg_json_no(HG_EXIT_NO, "the record does not hold; see the problems"));
        ledger_print_json(d);
    } else if (rc == 0)
        print_text(&c, counts);
    json_decref(counts);
    json_decref(c.problems);
    json_decref(c.notes);
    return rc < 0 ? -1 : holds ? HG_EXIT_YES : HG_EXIT_NO;
}
