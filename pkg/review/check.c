/* SPDX-License-Identifier: Apache-2.0 */
/* HG208, HG210, HG211, HG220: what one revision's text shows against the rest of the history. */
#include "review/internal.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define OWN_SCHEMA "headgate"

static struct hg_finding *place(struct hg_finding *f, const struct hg_revision *revision, int line)
{
    f->revision = hg_xstrdup(revision->id);
    f->path = hg_xstrdup(revision->path);
    f->line = line;
    return f;
}

static void check_empty(const struct hg_review *r, const struct hg_revision *revision,
                        const struct hg_review_models *models, struct hg_findings *findings)
{
    /* A merge has nothing to do: it joins two lines of the history. */
    if (revision->down.count > 1 || !hg_review_body_empty(&r->up) ||
        !hg_review_body_empty(&r->down))
        return;
    if (models == NULL || models->missing_module.count == 0) {
        place(hg_finding_add(findings, "HG208", "upgrade() of %s does nothing", revision->id),
              revision, r->up.line);
        return;
    }
    struct hg_finding *f = place(
        hg_finding_add(findings, "HG208",
                       "upgrade() of %s does nothing; %s is not imported in %s, so Alembic does "
                       "not see its table %s",
                       revision->id, models->missing_path.items[0], models->init,
                       models->missing_tables.items[0]),
        revision, r->up.line);
    f->help = hg_xasprintf("Add this line to %s, remove this revision and generate it again: %s",
                           models->init, models->missing_line.items[0]);
}

/* drop_constraint(None, …), as autogenerate writes it for a constraint that the model does not name. */
static const struct hg_review_op *nameless(const struct hg_review_body *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->ops[i].nameless && !b->ops[i].conditional)
            return &b->ops[i];
    return NULL;
}

static void check_down(const struct hg_review *r, const struct hg_revision *revision,
                       struct hg_findings *findings)
{
    if (hg_review_body_empty(&r->up))
        return;
    const char *what = NULL;
    const struct hg_review_op *none = nameless(&r->down);
    if (!r->down.present)
        what = "has no downgrade()";
    else if (r->down.raises)
        what = "raises an error in downgrade()";
    else if (hg_review_body_empty(&r->down))
        what = "does nothing in downgrade(), though upgrade() does something";
    else if (none != NULL)
        what = "drops a constraint without a name in downgrade(), which Alembic cannot unless a naming convention "
               "gives it one";
    if (what != NULL)
        place(hg_finding_add(findings, "HG211", "revision %s %s", revision->id, what), revision,
              none != NULL ? none->line : r->down.line);
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

const char *hg_review_find_word(const char *sql, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = sql; (p = strcasestr(p, word)) != NULL; p++)
        if ((p == sql || !is_name_char(p[-1])) && !is_name_char(p[len]))
            return p;
    return NULL;
}

/* "headgate.x", "headgate".x or SCHEMA headgate in SQL. */
static bool sql_touches_own(const char *sql)
{
    for (const char *p = sql; (p = hg_review_find_word(p, OWN_SCHEMA)) != NULL; p++) {
        const char *after = p + strlen(OWN_SCHEMA);
        after += *after == '"' ? 1 : 0;
        if (*after == '.')
            return true;
    }
    const char *schema = hg_review_find_word(sql, "schema");
    return schema != NULL && hg_review_find_word(schema, OWN_SCHEMA) != NULL;
}

static bool touches_own(const struct hg_review_op *op)
{
    return hg_streq(op->schema, OWN_SCHEMA) ||
           (op->table != NULL && hg_starts_with(op->table, OWN_SCHEMA ".")) ||
           (op->sql != NULL && sql_touches_own(op->sql));
}

static void check_own_schema(const struct hg_review_body *b, const struct hg_revision *revision,
                             struct hg_findings *findings)
{
    for (size_t i = 0; i < b->count; i++) {
        if (!touches_own(&b->ops[i]))
            continue;
        HG_AUTO(hg_buf_done) struct hg_buf words = HG_BUF_INIT;
        hg_review_op_words(&b->ops[i], &words);
        place(hg_finding_add(findings, "HG220", "revision %s %s", revision->id,
                             hg_buf_str(&words)),
              revision, b->ops[i].line);
    }
}

/* Does this operation bring the table into being? Computed names count where `mentioned`, the
 * table's name, stands somewhere in the same file; a computed create_table counts always. */
static bool creates(const struct hg_review_op *op, const char *table, bool mentioned)
{
    if (op->kind == HG_OP_CREATE_TABLE)
        return op->table == NULL || hg_streq(op->table, table);
    if (op->kind == HG_OP_RENAME_TABLE)
        return op->new_name == NULL || hg_streq(op->new_name, table);
    if (op->kind != HG_OP_EXECUTE)
        return false;
    return op->sql == NULL ? mentioned : hg_review_find_word(op->sql, table) != NULL;
}

static bool made_by(const struct hg_review_body *b, size_t count, const char *text, size_t len,
                    const char *table)
{
    bool mentioned = memmem(text, len, table, strlen(table)) != NULL;
    if (b->other_statements > 0 && (mentioned || memmem(text, len, "create_all", 10) != NULL))
        return true;
    for (size_t i = 0; i < count; i++)
        if (creates(&b->ops[i], table, mentioned))
            return true;
    return false;
}

/* Did another revision create it? True also when its text cannot be read. */
static bool made_elsewhere(const struct hg_graph *graph, const struct hg_revision *revision,
                           const char *table)
{
    for (size_t i = 0; i < hg_graph_count(graph); i++) {
        const struct hg_revision *other = hg_graph_at(graph, i);
        size_t len = 0;
        const char *text = hg_graph_text(graph, other, &len);
        if (other == revision)
            continue;
        struct hg_err err = { 0 };
        struct hg_review r = { 0 };
        if (text == NULL || hg_review_scan(text, len, &r, &err) < 0)
            return true;
        bool made = made_by(&r.up, r.up.count, text, len, table);
        hg_review_done(&r);
        if (made)
            return true;
    }
    return false;
}

/* Did the same upgrade() create it before the drop at `count`? */
static bool made_before(const struct hg_review *r, size_t count, const char *table)
{
    for (size_t i = 0; i < count; i++)
        if (creates(&r->up.ops[i], table, false))
            return true;
    return false;
}

static void check_drops(const struct hg_graph *graph, const struct hg_review *r,
                        const struct hg_revision *revision, const struct hg_review_models *models,
                        struct hg_findings *findings)
{
    for (size_t i = 0; i < r->up.count; i++) {
        const struct hg_review_op *drop = &r->up.ops[i];
        if (drop->kind != HG_OP_DROP_TABLE || drop->table == NULL || touches_own(drop) ||
            (models != NULL && hg_strv_has(&models->tables, drop->table)) ||
            made_before(r, i, drop->table) || made_elsewhere(graph, revision, drop->table))
            continue;
        struct hg_finding *f = place(
            hg_finding_add(findings, "HG210",
                           "drops table %s, which no revision created and no model declares",
                           drop->table),
            revision, drop->line);
        f->object = hg_xstrdup(drop->table);
    }
}

int hg_review_revision(const struct hg_graph *graph, const struct hg_revision *revision,
                       const struct hg_review_models *models, struct hg_review *ret,
                       struct hg_findings *findings, struct hg_err *err)
{
    size_t len = 0;
    const char *text = hg_graph_text(graph, revision, &len);
    struct hg_review r = { 0 };
    if (text == NULL)
        return hg_fail(err, HG_E_UNKNOWN, "%s has no source to review", revision->path);
    if (hg_review_scan(text, len, &r, err) < 0)
        return hg_wrap(err, "%s", revision->path);
    check_empty(&r, revision, models, findings);
    hg_review_check_rename(&r, revision, findings);
    check_drops(graph, &r, revision, models, findings);
    check_down(&r, revision, findings);
    check_own_schema(&r.up, revision, findings);
    check_own_schema(&r.down, revision, findings);
    if (ret != NULL)
        *ret = r;
    else
        hg_review_done(&r);
    return 0;
}
