/* SPDX-License-Identifier: Apache-2.0 */
/* From the answers of two renderings to a bundle. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define RENDER_NS (300 * HG_NS_PER_S)
#define SAID_MAX  1500

static const char COMPUTED[] = "Python computes values in it (a UUID, the time, an order): they are those of "
                               "the build";

/* ---- one direction of one revision ------------------------------------------------------------- */

static enum hg_bundle_chunk_kind kind_of(const json_t *kind)
{
    const char *name = json_string_value(kind);
    return hg_streq(name, "commit") ? HG_CHUNK_COMMIT
           : hg_streq(name, "begin") ? HG_CHUNK_BEGIN : HG_CHUNK_SQL;
}

static void needs_python(struct hg_bundle_script *s, const char *code, const char *reason)
{
    s->class = HG_BUNDLE_NEEDS_PYTHON;
    s->code = hg_xstrdup(code && *code ? code : "fails");
    s->reason = hg_xstrdup(reason && *reason ? reason : "it cannot be rendered");
}

/* The chunks stay the answer's. */
static void take_answer(const json_t *a, const json_t *b, struct hg_bundle_script *s)
{
    const json_t *sql = json_object_get(a, "sql"), *other = json_object_get(b, "sql");
    const json_t *kinds = json_object_get(a, "kinds");
    if (!sql || !other || json_array_size(kinds) != json_array_size(sql)) {
        const json_t *why = sql ? b : a;
        needs_python(s, hg_jstr(why, "code"), hg_jstr(why, "reason"));
        return;
    }
    s->count = json_array_size(sql);
    s->chunks = hg_xcalloc(s->count + 1, sizeof *s->chunks);
    for (size_t i = 0; i < s->count; i++) {
        const json_t *text = json_array_get(sql, i);
        s->chunks[i] = (struct hg_bundle_chunk){ .kind = kind_of(json_array_get(kinds, i)),
                                                 .sql = json_string_value(text),
                                                 .len = json_string_length(text) };
    }
    if (!json_equal(sql, other) || !json_equal(kinds, json_object_get(b, "kinds")) ||
        json_is_true(json_object_get(a, "computed"))) {
        s->class = HG_BUNDLE_PINNED;
        s->code = hg_xstrdup("computed");
        s->reason = hg_xstrdup(COMPUTED);
    }
}

/* ---- all of them ----------------------------------------------------------------------------------- */

static int take_revision(const struct hg_graph *graph, const struct hg_revision *r,
                         const struct hg_rendered both[2], struct hg_bundle_revision *to,
                         struct hg_err *err)
{
    to->text = hg_graph_text(graph, r, &to->text_len);
    if (!to->text)
        return hg_fail(err, HG_E_UNKNOWN, "%s changed while the bundle was built", r->path);
    to->id = hg_xstrdup(r->id);
    hg_strv_addv(&to->down, &r->down);
    hg_strv_addv(&to->depends_on, &r->depends_on);
    hg_strv_addv(&to->labels, &r->labels);
    to->message = hg_xstrdup(r->doc);
    to->path = hg_xstrdup(r->path);
    to->dynamic = r->dynamic;
    take_answer(json_object_get(both[0].up, r->id), json_object_get(both[1].up, r->id), &to->upgrade);
    take_answer(json_object_get(both[0].down, r->id), json_object_get(both[1].down, r->id),
                &to->downgrade);
    return 0;
}

static void take_settings(const struct hg_bundle_build *in, const json_t *answer, struct hg_bundle *b)
{
    const json_t *s = json_object_get(answer, "settings"), *v = json_object_get(answer, "versions");
    const char *driver = hg_jget(s, "driver");
    HG_AUTO(hg_freep) char *env = hg_path_join(in->render.alembic->script_location, "env.py");
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    char digest[HG_SHA256_SIZE];
    b->made_by = hg_xasprintf("headgate %s", hg_version);
    b->alembic = hg_xstrdup(hg_jstr(v, "alembic"));
    b->sqlalchemy = hg_xstrdup(hg_jstr(v, "sqlalchemy"));
    b->python = hg_xstrdup(hg_jstr(v, "python"));
    b->driver = hg_xstrdup(driver ? driver : "psycopg2"); /* what plain postgresql:// means */
    b->version_table = hg_xstrdup(hg_jstr(s, "version_table"));
    b->version_table_schema = hg_xstrdup(hg_jget(s, "version_table_schema"));
    b->version_table_pk = json_is_true(json_object_get(s, "version_table_pk"));
    b->transaction_per_migration = json_is_true(json_object_get(s, "transaction_per_migration"));
    b->transactional_ddl = json_is_true(json_object_get(s, "transactional_ddl"));
    b->env_statements = json_array_size(json_object_get(s, "statements")) > 0 ||
                        json_array_size(json_object_get(s, "own")) > 0;
    b->commit = hg_xstrdup(in->commit);
    b->dirty = in->dirty;
    if (hg_file_read(env, HG_BUNDLE_MANIFEST_MAX, &text, &ignored) == 0)
        b->env_digest = hg_xstrdup(hg_sha256(hg_buf_str(&text), text.len, digest));
}

/* ---- what people should know ------------------------------------------------------------------------- */

static void note_script(const struct hg_bundle_revision *r, bool down, struct hg_findings *ret)
{
    const struct hg_bundle_script *s = down ? &r->downgrade : &r->upgrade;
    if (s->class == HG_BUNDLE_RENDERED || hg_streq(s->code, "irreversible"))
        return;
    bool pinned = s->class == HG_BUNDLE_PINNED;
    struct hg_finding *f =
        pinned ? hg_finding_add(ret, "HG255", "revision %s, %s: %s", r->id, down ? "downgrade" : "upgrade",
                                s->reason)
               : hg_finding_add(ret, "HG250", "revision %s needs Python to %s: %s", r->id,
                                down ? "downgrade" : "upgrade", s->reason);
    f->revision = hg_xstrdup(r->id);
    f->path = hg_xstrdup(r->path);
}

static void note_settings(const json_t *answer, const struct hg_bundle *b, struct hg_findings *ret)
{
    const json_t *s = json_object_get(answer, "settings"), *statements = json_object_get(s, "statements");
    if (json_array_size(statements)) {
        HG_AUTO(hg_freep) char *first =
            hg_printable(json_string_value(json_array_get(statements, 0)), 100);
        (void)hg_finding_add(ret, "HG251", "env.py sends %zu statement%s of its own, which a bundle does not: "
                             "%s", json_array_size(statements), json_array_size(statements) == 1 ? "" : "s",
                             first);
    }
    const json_t *own = json_object_get(s, "own"), *item;
    size_t i;
    json_array_foreach(own, i, item)
    {
        HG_AUTO(hg_freep) char *what = hg_printable(json_string_value(item), 100);
        (void)hg_finding_add(ret, "HG251", "env.py gives its connection what a bundle does not: %s", what);
    }
    if (json_is_true(json_object_get(s, "hooks")))
        (void)hg_finding_add(ret, "HG252", "env.py has on_version_apply hooks, which a bundle does not run");
    if (json_is_true(json_object_get(s, "driver_guessed")))
        (void)hg_finding_add(ret, "HG253", "nothing here says which driver the migrations use; taken for %s",
                             b->driver);
    const char *why = hg_jget(answer, "online_failed");
    if (why)
        (void)hg_finding_add(ret, "HG254", "env.py could be run for its offline mode only: %s", why);
}

static void note_all(const json_t *answer, const struct hg_bundle *b, struct hg_findings *ret)
{
    for (size_t i = 0; i < b->count; i++) {
        note_script(&b->revisions[i], false, ret);
        note_script(&b->revisions[i], true, ret);
    }
    note_settings(answer, b, ret);
}

/* ---- building ------------------------------------------------------------------------------------------ */

/* What Python said on its way, without a program's layout for wide terminals. */
static char *printable_lines(const char *text)
{
    struct hg_buf ret = HG_BUF_INIT;
    for (const char *line = text; *line;) {
        size_t whole = strcspn(line, "\n"), len = whole;
        while (len > 0 && strchr(" \t\r", line[len - 1]))
            len--;
        HG_AUTO(hg_freep) char *raw = hg_xstrndup(line, len);
        HG_AUTO(hg_freep) char *shown = hg_printable(raw, SAID_MAX);
        if (len > 0)
            hg_buf_addf(&ret, "%s%s", ret.len ? "\n" : "", shown);
        line += whole + (line[whole] == '\n');
    }
    return hg_buf_take(&ret);
}

static int refuse_fatal(const struct hg_rendered both[2], struct hg_err *err)
{
    const struct hg_rendered *r = both[0].fatal ? &both[0] : &both[1];
    const char *why = r->fatal ? r->fatal : "env.py told no settings";
    size_t len = r->said.len, skip = len > SAID_MAX ? len - SAID_MAX : 0;
    HG_AUTO(hg_freep) char *said = printable_lines(hg_buf_str(&r->said) + skip);
    (void)hg_fail(err, HG_E_UNKNOWN, "the revisions cannot be rendered: %s", why);
    if (*said)
        (void)hg_detail(err, "%s", said);
    return hg_hint(err, "env.py has to run without a database; what it wants from the environment can be "
                   "given: headgate bundle -e NAME=VALUE");
}

static int make(const struct hg_bundle_build *in, const struct hg_rendered both[2],
                struct hg_bundle *ret, struct hg_findings *findings, struct hg_err *err)
{
    HG_AUTO(hg_bundle_done) struct hg_bundle b = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf file = HG_BUF_INIT;
    size_t count = hg_graph_count(in->graph);
    if (both[0].fatal || both[1].fatal || !both[0].settings)
        return refuse_fatal(both, err);
    b.revisions = hg_xcalloc(count + 1, sizeof *b.revisions);
    for (b.count = 0; b.count < count; b.count++)
        if (take_revision(in->graph, hg_graph_at(in->graph, b.count), both, &b.revisions[b.count],
                          err) < 0)
            return -1;
    take_settings(in, both[0].settings, &b);
    note_all(both[0].settings, &b, findings);
    /* Written and read again: what is returned is what the file says, and owns itself. */
    if (hg_bundle_write(&b, &file, err) < 0)
        return -1;
    return hg_bundle_parse(hg_buf_str(&file), file.len, "the new bundle", ret, err);
}

int hg_bundle_build(const struct hg_bundle_build *in, struct hg_bundle *ret,
                    struct hg_findings *findings, struct hg_err *err)
{
    struct hg_rendered both[2];
    struct hg_render how = in->render;
    size_t count = hg_graph_count(in->graph);
    if (!hg_graph_ok(in->graph))
        return hg_fail(err, HG_E_REFUSED, "Alembic would refuse this history; `headgate history --offline` "
                       "says what is wrong");
    const char **ids = hg_xcalloc(count + 1, sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = hg_graph_at(in->graph, i)->id;
    how.revisions = ids;
    how.count = count;
    how.rows = NULL;
    how.bundle = true;
    how.timeout_ns = how.timeout_ns ? how.timeout_ns : RENDER_NS;
    int rc = hg_render(&how, both, HG_COUNT(both), err);
    if (rc == 0) {
        rc = make(in, both, ret, findings, err);
        hg_rendered_done(&both[0]);
        hg_rendered_done(&both[1]);
    }
    free(ids);
    return rc;
}
