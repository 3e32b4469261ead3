/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger in the state directory: a JSON object a line: for each run an intent, what is
 * in while it goes on, and an outcome. */
#include "document.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 30)

char *hg_ledger_path(const struct hg_target *t, const char *system_identifier, const char *oid,
                     const char *version_table)
{
    HG_AUTO(hg_freep) char *state = hg_target_state_dir(t);
    HG_AUTO(hg_freep) char *dir = hg_path_join(state, "ledger");
    HG_AUTO(hg_freep) char *name =
        hg_xasprintf("%s-%s-%s.jsonl", system_identifier ? system_identifier : "unknown", oid ? oid : "unknown",
                     version_table ? version_table : "unknown");
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '_';
    return hg_path_join(dir, name);
}

/* ---- reading ---------------------------------------------------------------------------------- */

static void copy(json_t *into, const char *key, const json_t *from, const char *from_key)
{
    json_t *value = json_object_get(from, from_key);
    if (value)
        json_object_set(into, key, value);
}

static json_t *step_of(const json_t *line, const json_t *step, size_t position, bool files)
{
    static const char *const SAME[] = { "revision", "message", "path", "digest", "hmac" };
    json_t *s = hg_ledger_new_step();
    for (size_t i = 0; i < HG_COUNT(SAME); i++)
        copy(s, SAME[i], step, SAME[i]);
    copy(s, "down_revisions", step, "down");
    copy(s, "depends_on", step, "depends");
    copy(s, "direction", line, "direction");
    if (files)
        copy(s, "file", step, "file");
    json_object_set_new(s, "position", json_integer((json_int_t)position + 1));
    return s;
}

static void add_intent(json_t *doc, const json_t *line, bool files)
{
    static const char *const SAME[] = { "run", "version_table", "direction", "target", "goal", "from", "to",
                                        "by", "host", "pid", "db_user", "commit", "tool", "overrides",
                                        "wal_before", "server_version" };
    json_t *runs = json_object_get(doc, "runs"), *run = hg_ledger_new_run(), *step;
    size_t i;
    for (i = 0; i < HG_COUNT(SAME); i++)
        copy(run, SAME[i], line, SAME[i]);
    copy(run, "started_at", line, "at");
    json_object_set_new(run, "seq", json_integer((json_int_t)json_array_size(runs) + 1));
    json_array_foreach(json_object_get(line, "steps"), i, step)
        json_array_append_new(json_object_get(run, "steps"), step_of(line, step, i, files));
    json_array_append_new(runs, run);
}

static json_t *find_run(const json_t *doc, const char *id)
{
    const json_t *runs = json_object_get(doc, "runs");
    for (size_t i = json_array_size(runs); id && i > 0; i--) {
        json_t *run = json_array_get(runs, i - 1);
        if (hg_streq(json_string_value(json_object_get(run, "run")), id))
            return run;
    }
    return NULL;
}

static bool has_text(const json_t *list, const char *text)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (hg_streq(json_string_value(item), text))
            return true;
    }
    return false;
}

static void close_steps(const json_t *run, const json_t *line)
{
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(run, "steps"), i, step)
    {
        const char *revision = json_string_value(json_object_get(step, "revision"));
        const json_t *times = json_object_get(json_object_get(line, "times"), revision ? revision : "");
        bool done = has_text(json_object_get(line, "done"), revision);
        json_object_set_new(step, "outcome", json_string(done ? "done" : "not-done"));
        copy(step, "started_at", times, "started");
        copy(step, "committed_at", times, "committed");
    }
}

/* A revision is in while its run goes on. */
static bool add_step(const json_t *doc, const json_t *line)
{
    const json_t *run = find_run(doc, hg_jget(line, "run"));
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(run, "steps"), i, step)
    {
        if (!hg_streq(hg_jget(step, "revision"), hg_jget(line, "revision")))
            continue;
        json_object_set_new(step, "outcome", json_string("done"));
        copy(step, "started_at", line, "started");
        copy(step, "committed_at", line, "committed");
        return true;
    }
    return false;
}

/* The newest word on each object, kept by "kind NUL name" until the end. */
static void add_objects(json_t *known, const json_t *run)
{
    size_t i;
    json_t *object;
    json_array_foreach(json_object_get(run, "objects"), i, object)
    {
        const char *kind = json_string_value(json_object_get(object, "kind"));
        const char *name = json_string_value(json_object_get(object, "name"));
        HG_AUTO(hg_freep) char *key = hg_xasprintf("%s\n%s", kind ? kind : "", name ? name : "");
        json_t *copied = json_copy(object);
        copy(copied, "run", run, "run");
        json_object_set_new(known, key, copied);
    }
}

static bool add_outcome(json_t *doc, json_t *known, const json_t *line)
{
    static const char *const SAME[] = { "outcome", "rows", "error", "sqlstate", "fingerprint",
                                        "server_version", "objects" };
    json_t *run = find_run(doc, json_string_value(json_object_get(line, "run")));
    if (!run)
        return false;
    for (size_t i = 0; i < HG_COUNT(SAME); i++)
        copy(run, SAME[i], line, SAME[i]);
    copy(run, "finished_at", line, "at");
    close_steps(run, line);
    add_objects(known, run);
    json_t *record = json_object();
    static const char *const RECORD[] = { "run", "version_table", "finished_at", "fingerprint",
                                          "server_version" };
    for (size_t i = 0; i < HG_COUNT(RECORD); i++)
        copy(record, RECORD[i], run, RECORD[i]);
    json_object_set_new(doc, "record", record);
    return true;
}

static void add_line(json_t *doc, json_t *known, const char *text, size_t len, size_t number, bool files)
{
    json_t *line = json_loadb(text, len, 0, NULL);
    const char *event = json_string_value(json_object_get(line, "event")), *wrong = NULL;
    if (!event)
        wrong = "no record of headgate";
    else if (hg_streq(event, "intent"))
        add_intent(doc, line, files);
    else if (hg_streq(event, "step"))
        wrong = add_step(doc, line) ? NULL : "a revision of a run whose intent is missing";
    else if (!hg_streq(event, "outcome"))
        wrong = "a record of an unknown kind";
    else if (!add_outcome(doc, known, line))
        wrong = "the outcome of a run whose intent is missing";
    HG_AUTO(hg_freep) char *where = hg_xasprintf("line %zu: %s", number, wrong ? wrong : "");
    if (wrong)
        json_array_append_new(json_object_get(doc, "damage"), json_string(where));
    json_decref(line);
}

json_t *hg_ledger_document_of_text(const char *text, size_t size, const char *place, bool files)
{
    json_t *doc = hg_ledger_new_document(place), *known = json_object(), *object;
    const char *at = text, *end = text + size, *key;
    for (size_t number = 1; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        if (len)
            add_line(doc, known, at, len, number, files);
        at += len + 1;
    }
    json_object_foreach(known, key, object)
        json_array_append(json_object_get(doc, "objects"), object);
    json_decref(known);
    return doc;
}

int hg_ledger_document_of_file(const char *path, bool files, json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    if (access(path, F_OK) < 0) {
        *ret = NULL;
        return 0;
    }
    if (hg_file_read(path, FILE_MAX, &text, err) < 0)
        return hg_wrap(err, "reading the ledger");
    *ret = hg_ledger_document_of_text(hg_buf_str(&text), text.len, path, files);
    return 0;
}

static void texts_of(const json_t *object, const char *key, struct hg_strv *ret)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(object, key), i, item)
    {
        if (json_is_string(item))
            hg_strv_add(ret, json_string_value(item));
    }
}

static void summarize_last(const json_t *run, struct hg_ledger_summary *s)
{
    size_t i;
    json_t *step;
    if (!run)
        return;
    s->last_finished_at = hg_xstrdup(hg_jget(run, "finished_at"));
    s->last_by = hg_xstrdup(hg_jget(run, "by"));
    s->last_outcome = hg_xstrdup(hg_jget(run, "outcome"));
    s->last_rows_known = json_is_array(json_object_get(run, "rows"));
    texts_of(run, "rows", &s->last_rows);
    json_array_foreach(json_object_get(run, "steps"), i, step)
    {
        if (!hg_streq(hg_jget(step, "outcome"), "done"))
            continue;
        hg_freep(&s->last_revision);
        s->last_revision = hg_xstrdup(hg_jget(step, "revision"));
    }
}

static void summarize_open(const json_t *run, struct hg_ledger_summary *s)
{
    if (!run)
        return;
    s->open_run = hg_xstrdup(hg_jget(run, "run"));
    s->open_since = hg_xstrdup(hg_jget(run, "started_at"));
    s->open_by = hg_xstrdup(hg_jget(run, "by"));
    s->open_host = hg_xstrdup(hg_jget(run, "host"));
    s->open_direction = hg_xstrdup(hg_jget(run, "direction"));
    s->open_pid = json_integer_value(json_object_get(run, "pid"));
    texts_of(run, "from", &s->open_from);
    texts_of(run, "to", &s->open_to);
}

void hg_ledger_summary_of(const json_t *document, const char *version_table, struct hg_ledger_summary *ret)
{
    const json_t *label = json_object_get(document, "label"), *last = NULL, *open = NULL;
    struct hg_ledger_summary s = { .present = document != NULL,
                                   .label_target = hg_xstrdup(hg_jget(label, "target")),
                                   .label_protected = json_is_true(json_object_get(label, "protected")) };
    size_t i;
    json_t *run, *held;
    json_array_foreach(json_object_get(document, "runs"), i, run)
    {
        if (!hg_streq(hg_jget(run, "version_table"), version_table))
            continue;
        if (hg_jget(run, "finished_at"))
            last = run;
        else
            open = run;
    }
    summarize_last(last, &s);
    summarize_open(open, &s);
    json_array_foreach(json_object_get(document, "held"), i, held)
    {
        if (hg_streq(hg_jget(held, "version_table"), version_table))
            hg_strv_add(&s.held, hg_jget(held, "revision"));
    }
    *ret = s;
}

static bool within(const json_t *rows, const json_t *others)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        if (!has_text(others, json_string_value(row)))
            return false;
    }
    return true;
}

/* As sql/objects.sql has it: did the newest run leave half of a revision, by an object of this kind? */
static bool may_be_half(const json_t *newest, const char *kind)
{
    const json_t *from = json_object_get(newest, "from"), *rows = json_object_get(newest, "rows");
    const char *outcome = hg_jget(newest, "outcome");
    if (!outcome || hg_streq(outcome, "applied") || hg_streq(outcome, "recorded"))
        return false;
    return hg_streq(kind, "index") || (within(from, rows) && within(rows, from));
}

void hg_ledger_objects_of(const json_t *document, struct hg_ledger_objects *ret)
{
    const json_t *record = json_object_get(document, "record");
    struct hg_ledger_objects o = {
        .run = hg_xstrdup(json_string_value(json_object_get(record, "run"))),
        .version_table = hg_xstrdup(json_string_value(json_object_get(record, "version_table"))),
        .finished_at = hg_xstrdup(json_string_value(json_object_get(record, "finished_at"))),
        .fingerprint = hg_xstrdup(json_string_value(json_object_get(record, "fingerprint"))),
        .server_version = (int)json_integer_value(json_object_get(record, "server_version")),
    };
    const json_t *newest = find_run(document, o.run);
    size_t i;
    json_t *object;
    json_array_foreach(json_object_get(document, "objects"), i, object)
    {
        const char *kind = json_string_value(json_object_get(object, "kind"));
        const char *name = json_string_value(json_object_get(object, "name"));
        if (!kind || !name)
            continue;
        struct hg_ledger_object *x = hg_ledger_objects_add(&o, kind, name, hg_jget(object, "digest"),
                                                           json_is_true(json_object_get(object, "made")));
        x->definition = hg_xstrdup(hg_jget(object, "definition"));
        x->half = hg_streq(hg_jget(object, "run"), o.run) && may_be_half(newest, kind);
    }
    hg_ledger_objects_sort(&o);
    *ret = o;
}

/* ---- the newest record of each revision ------------------------------------------------------------ */

static struct hg_ledger_entry *entry_for(struct hg_ledger_entries *e, const char *revision)
{
    for (size_t i = 0; i < e->count; i++)
        if (hg_streq(e->items[i].revision, revision)) {
            hg_ledger_entry_done(&e->items[i]);
            return &e->items[i];
        }
    e->items = hg_grow(e->items, e->count, &e->cap, sizeof *e->items);
    e->items[e->count] = (struct hg_ledger_entry){ 0 };
    return &e->items[e->count++];
}

static void take_step(const json_t *run, const json_t *step, struct hg_ledger_entries *e)
{
    const char *revision = hg_jget(step, "revision");
    if (!revision || !hg_streq(hg_jget(step, "outcome"), "done"))
        return;
    struct hg_ledger_entry *x = entry_for(e, revision);
    *x = (struct hg_ledger_entry){ .revision = hg_xstrdup(revision),
                                   .direction = hg_xstrdup(hg_jget(step, "direction")),
                                   .message = hg_xstrdup(hg_jget(step, "message")),
                                   .path = hg_xstrdup(hg_jget(step, "path")),
                                   .digest = hg_xstrdup(hg_jget(step, "digest")),
                                   .commit = hg_xstrdup(hg_jget(run, "commit")),
                                   .by = hg_xstrdup(hg_jget(run, "by")),
                                   .host = hg_xstrdup(hg_jget(run, "host")),
                                   .target = hg_xstrdup(hg_jget(run, "target")),
                                   .finished_at = hg_xstrdup(hg_jget(run, "finished_at")) };
    texts_of(step, "down_revisions", &x->down);
    texts_of(step, "depends_on", &x->depends_on);
}

void hg_ledger_applied_of(const json_t *document, const char *version_table, struct hg_ledger_entries *ret)
{
    struct hg_ledger_entries e = { 0 };
    size_t i, k;
    json_t *run, *step;
    json_array_foreach(json_object_get(document, "runs"), i, run)
    {
        if (!hg_streq(hg_jget(run, "version_table"), version_table))
            continue;
        json_array_foreach(json_object_get(run, "steps"), k, step)
        {
            take_step(run, step, &e);
        }
    }
    *ret = e;
}

/* The newest step of this revision that brought it in. */
static const json_t *step_that_ran(const json_t *document, const char *version_table, const char *revision,
                                   const json_t **ret_run)
{
    const json_t *found = NULL;
    size_t i, k;
    json_t *run, *step;
    json_array_foreach(json_object_get(document, "runs"), i, run)
    {
        json_array_foreach(json_object_get(run, "steps"), k, step)
        {
            if (hg_streq(hg_jget(run, "version_table"), version_table) &&
                hg_streq(hg_jget(step, "revision"), revision) && hg_streq(hg_jget(step, "outcome"), "done") &&
                !hg_streq(hg_jget(step, "direction"), "down")) {
                found = step;
                *ret_run = run;
            }
        }
    }
    return found;
}

void hg_ledger_file_of(const json_t *document, const char *version_table, const char *revision,
                       struct hg_ledger_file *ret)
{
    const json_t *run = NULL, *step = step_that_ran(document, version_table, revision, &run);
    const char *text = step ? hg_jget(step, "file") : NULL;
    struct hg_ledger_file f = { .found = step != NULL };
    if (text && hg_ledger_unbase64(text, &f.bytes) < 0)
        hg_buf_clear(&f.bytes);
    if (step) {
        f.revision = hg_xstrdup(revision);
        texts_of(step, "down_revisions", &f.down);
        texts_of(step, "depends_on", &f.depends_on);
        f.path = hg_xstrdup(hg_jget(step, "path"));
        f.digest = hg_xstrdup(hg_jget(step, "digest"));
        f.hmac = hg_xstrdup(hg_jget(step, "hmac"));
        f.commit = hg_xstrdup(hg_jget(run, "commit"));
        f.by = hg_xstrdup(hg_jget(run, "by"));
        f.finished_at = hg_xstrdup(hg_jget(run, "finished_at"));
    }
    *ret = f;
}
