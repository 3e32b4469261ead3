/* SPDX-License-Identifier: Apache-2.0 */
/* From facts to a state: which version table counts, what its rows are, what they mean. */
#include "internal.h"

static const char *const STATES[] = {
    [HG_STATE_UNKNOWN] = "unknown", [HG_STATE_UP_TO_DATE] = "up-to-date",
    [HG_STATE_BEHIND] = "behind",   [HG_STATE_EMPTY] = "empty",
    [HG_STATE_AHEAD] = "ahead",     [HG_STATE_DIVERGED] = "diverged",
};

const char *hg_state_name(enum hg_state state)
{
    return (size_t)state < HG_COUNT(STATES) ? STATES[state] : "unknown";
}

int32_t hg_status_lock_key(const char *schema, const char *table)
{
    HG_AUTO(hg_freep) char *name = hg_xasprintf("%s.%s", schema ? schema : "public", table);
    uint64_t h = hg_hash64(name, strlen(name), HG_HASH64_INIT);
    uint32_t folded = (uint32_t)(h ^ (h >> 32));
    int32_t key;
    memcpy(&key, &folded, sizeof key);
    return key;
}

/* ---- heads -------------------------------------------------------------------------------- */

static void add_heads(const struct hg_target *t, const struct hg_graph *graph, struct hg_status *s)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist heads = HG_REVLIST_INIT;
    if (!graph || !hg_graph_ok(graph))
        return;
    hg_graph_heads(graph, &heads);
    for (size_t i = 0; i < heads.count; i++)
        hg_strv_add(&s->heads, heads.items[i]->id);
    if (heads.count < 2 || hg_findings_have(&s->findings, "HG101"))
        return;
    HG_AUTO(hg_freep) char *list = hg_strv_join(&s->heads, ", ");
    struct hg_finding *f =
        hg_finding_add(&s->findings, "HG101", "the revision files have %zu heads: %s", heads.count, list);
    const char *goal = t && t->t && t->t->upgrade_to ? t->t->upgrade_to : "head";
    if (strcmp(goal, "head") != 0)
        f->severity = HG_SEV_NOTE;
}

void hg_status_unknown(const struct hg_target *t, const struct hg_graph *graph,
                       struct hg_findings *graph_findings, struct hg_status *ret)
{
    *ret = (struct hg_status){ .bare = graph == NULL };
    if (graph_findings)
        hg_findings_move(&ret->findings, graph_findings);
    add_heads(t, graph, ret);
}

/* ---- the version table -------------------------------------------------------------------- */

static bool flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* The table where it is expected, or NULL; the others become candidates. */
static const json_t *expected_table(const struct hg_facts *f, const char *table, struct hg_status *s)
{
    const json_t *found = NULL;
    size_t i;
    json_t *item;
    json_array_foreach(f->tables, i, item)
    {
        if (!found && flag(item, "expected"))
            found = item;
        else
            hg_strv_addf(&s->vt_candidates, "%s.%s", hg_jget(item, "schema"), table);
    }
    return found;
}

static int unreadable(const char *table, struct hg_status *s, struct hg_err *err)
{
    struct hg_finding *f =
        hg_finding_add(&s->findings, "HG604", "role %s may not read %s.%s, or row security hides its rows",
                       s->db_user, s->vt_schema, table);
    f->object = hg_xasprintf("%s.%s", s->vt_schema, table);
    hg_fail(err, HG_E_DATABASE, "role \"%s\" may not read the version table %s.%s", s->db_user,
            s->vt_schema, table);
    HG_AUTO(hg_freep) char *schema = hg_pg_quote_ident(s->vt_schema);
    HG_AUTO(hg_freep) char *name = hg_pg_quote_ident(table);
    HG_AUTO(hg_freep) char *role = hg_pg_quote_ident(s->db_user);
    return hg_hint(err, "let its owner run: GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s.%s TO %s;",
                   schema, role, schema, name, role);
}

static int candidates_only(const char *table, struct hg_status *s, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *list = hg_strv_join(&s->vt_candidates, ", ");
    struct hg_finding *f = hg_finding_add(&s->findings, "HG222",
                                          "%s is not where it was expected (schema %s); there is %s",
                                          table, s->vt_schema, list);
    f->severity = HG_SEV_ERROR;
    hg_fail(err, HG_E_DATABASE, "cannot tell which version table counts: none in schema %s, but %s",
            s->vt_schema, list);
    return hg_hint(err, "name it in headgate.yaml (version_table_schema: SCHEMA), or correct the role's "
                        "search_path");
}

static bool all_known(const struct hg_graph *graph, const struct hg_strv *rows)
{
    if (!graph)
        return true;
    HG_AUTO(hg_revlist_done) struct hg_revlist known = HG_REVLIST_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv unknown = HG_STRV_INIT;
    hg_graph_resolve_rows(graph, rows, &known, &unknown, NULL);
    return unknown.count == 0;
}

/* Chooses the table and takes its rows: 0, or -1 when it cannot be told. */
static int choose_table(const struct hg_graph *graph, const char *schema, const char *table,
                        const struct hg_facts *f, struct hg_status *s, struct hg_err *err)
{
    const json_t *found = expected_table(f, table, s);
    s->vt_name = hg_xstrdup(table);
    s->vt_schema = hg_xstrdup(schema ? schema : f->schema ? f->schema : "public");
    const json_t *only = json_array_size(f->tables) == 1 ? json_array_get(f->tables, 0) : NULL;
    if (!found && s->vt_candidates.count == 0)
        return 0;
    if (!found) {
        HG_AUTO(hg_strv_done) struct hg_strv rows = HG_STRV_INIT;
        hg_status_list(json_object_get(only, "rows"), &rows);
        if (!only || !flag(only, "readable") || !all_known(graph, &rows))
            return candidates_only(table, s, err);
        bool nowhere = !schema && !f->schema;
        hg_finding_add(&s->findings, "HG222", "the version table is %s, %s%s", s->vt_candidates.items[0],
                       nowhere ? "but this role's search_path names no schema that is there" : "expected in schema ",
                       nowhere ? "" : s->vt_schema)
            ->object = hg_xstrdup(s->vt_candidates.items[0]);
        found = only;
    }
    free(s->vt_schema);
    s->vt_schema = hg_status_dup(found, "schema");
    s->vt_exists = true;
    s->vt_readable = flag(found, "readable");
    if (!s->vt_readable)
        return unreadable(table, s, err);
    hg_status_list(json_object_get(found, "rows"), &s->rows);
    if (s->rows.count > 1000)
        return hg_fail(err, HG_E_DATABASE, "%s.%s has more than 1000 rows, which is no version table "
                                           "of Alembic", s->vt_schema, table);
    return 0;
}

/* ---- the ledger and what runs ------------------------------------------------------------- */

static void take_ledger(const struct hg_facts *f, struct hg_status *s)
{
    HG_AUTO(hg_freep) char *name = hg_xasprintf("%s.%s", s->vt_schema, s->vt_name);
    const json_t *any = json_array_get(f->summary, 0), *mine = NULL;
    s->label_target = hg_status_dup(any, "target");
    s->label_protected = flag(any, "protected");
    size_t i;
    json_t *row;
    json_array_foreach(f->summary, i, row)
        if (hg_streq(hg_jget(row, "version_table"), name))
            mine = row;
    s->last_revision = hg_status_dup(mine, "last_revision");
    s->last_finished_at = hg_status_dup(mine, "last_finished_at");
    s->last_by = hg_status_dup(mine, "last_by");
    s->last_outcome = hg_status_dup(mine, "last_outcome");
    s->last_direction = hg_status_dup(mine, "last_direction");
    s->open_intent = hg_status_dup(mine, "open_run");
    s->open_since = hg_status_dup(mine, "open_since");
    s->open_by = hg_status_dup(mine, "open_by");
    s->open_host = hg_status_dup(mine, "open_host");
    hg_status_list(json_object_get(mine, "held"), &s->held);
}

/* "headgate apply <revision>@<host>:<pid>" -> revision. NULL: none, as long as none has run for a moment. No
 * identifier of Alembic's has an @. */
static char *revision_of(const char *application)
{
    static const char *const RUNNERS[] = { "headgate apply ", "headgate rollback " };
    for (size_t i = 0; application && i < HG_COUNT(RUNNERS); i++) {
        const char *start = application + strlen(RUNNERS[i]);
        if (!hg_starts_with(application, RUNNERS[i]))
            continue;
        const char *end = strchr(start, '@');
        return end && end != start ? hg_xstrndup(start, (size_t)(end - start)) : NULL;
    }
    return NULL;
}

static void take_session(const json_t *h, struct hg_status *s)
{
    s->running = true;
    s->run_pid = json_integer_value(json_object_get(h, "pid"));
    s->run_by = s->open_by ? hg_xstrdup(s->open_by) : hg_status_dup(h, "user");
    s->run_host = s->open_host ? hg_xstrdup(s->open_host) : hg_status_dup(h, "host");
    s->run_since = s->open_since ? hg_xstrdup(s->open_since) : hg_status_dup(h, "since");
    hg_status_list(json_object_get(h, "blocked_by"), &s->run_blocked_by);
}

static void find_running(const struct hg_facts *f, struct hg_status *s)
{
    char key[16];
    int32_t wanted = hg_status_lock_key(s->vt_schema, s->vt_name);
    (void)snprintf(key, sizeof key, "%u", (unsigned)wanted);
    const json_t *apply = NULL, *migrator = NULL;
    size_t i;
    json_t *h;
    json_array_foreach(f->holders, i, h)
    {
        if (!hg_streq(hg_jget(h, "key"), key))
            continue;
        if (!flag(h, "migrator"))
            apply = apply ? apply : h;
        else if (!migrator || json_array_size(json_object_get(h, "blocked_by")))
            migrator = h;
    }
    if (!apply && !migrator)
        return;
    take_session(migrator ? migrator : apply, s);
    s->run_revision = apply ? revision_of(hg_jget(apply, "application")) : NULL;
    const char *by = s->run_by ? s->run_by : "?", *since = s->run_since ? s->run_since : "?";
    if (!apply)
        hg_finding_add(&s->findings, "HG606",
                       "a migrator's session (backend %lld, since %s, by %s) is still there, but its "
                       "headgate is gone", (long long)s->run_pid, since, by);
    else
        hg_finding_add(&s->findings, "HG605", "a migration is under way since %s, by %s%s%s", since, by,
                       s->run_revision ? ": " : "", s->run_revision ? s->run_revision : "");
}

/* ---- the server --------------------------------------------------------------------------- */

static void judge_server(const struct hg_target *t, const struct hg_facts *f, struct hg_status *s)
{
    if (s->in_recovery)
        hg_finding_add(&s->findings, "HG601", "the server is a standby: it answers, but takes no "
                                              "migration");
    else if (s->read_only)
        hg_finding_add(&s->findings, "HG602", "sessions of role %s in database %s are read-only",
                       s->db_user, s->db_name);
    if (!f->pooler)
        return;
    struct hg_finding *p = hg_finding_add(&s->findings, "HG603",
                                          "the connection goes through a pooler (mode: %s)", s->pool_mode);
    bool declared = t && t->t && hg_streq(t->t->pooler, "session") && hg_streq(s->pool_mode, "session");
    if (declared || (t && t->direct_conninfo))
        p->severity = HG_SEV_NOTE;
}

/* ---- the state ---------------------------------------------------------------------------- */

static void take_ids(const struct hg_revlist *list, struct hg_strv *ret)
{
    for (size_t i = 0; i < list->count; i++)
        hg_strv_add(ret, list->items[i]->id);
}

static int pending(const struct hg_graph *graph, const struct hg_revlist *known, struct hg_status *s,
                   struct hg_err *err)
{
    if (hg_graph_count(graph) > 0 && hg_graph_upgrade(graph, known, "heads", &s->pending, err) < 0)
        return -1;
    s->pending_known = true;
    return 0;
}

static void judge_empty(struct hg_status *s)
{
    s->state = HG_STATE_EMPTY;
    if (s->has_user_tables)
        hg_finding_add(&s->findings, "HG214",
                       "%s.%s %s, but database %s has tables: a wrong database, role or search_path "
                       "looks just like this", s->vt_schema, s->vt_name,
                       s->vt_exists ? "has no row" : "does not exist", s->db_name);
}

/* The ledger is asked only here: almost always every row is known. */
static void judge_lost(const struct hg_graph *graph, PGconn *conn, int64_t deadline_ns,
                       struct hg_facts *f, struct hg_status *s)
{
    if (conn && s->ledger_readable) {
        HG_AUTO(hg_freep) char *name = hg_xasprintf("%s.%s", s->vt_schema, s->vt_name);
        hg_facts_read_applied(conn, name, deadline_ns, f);
    }
    hg_status_judge_unknown(graph, f->applied, true, s);
    hg_status_name_lost(s);
}

static void judge_bare(struct hg_status *s)
{
    s->bare = true;
    hg_strv_addv(&s->unknown, &s->rows);
    if (s->rows.count) {
        s->state = HG_STATE_AHEAD;
        hg_finding_add(&s->findings, "HG212", "there are no revision files here to compare the %zu "
                                              "version row%s with", s->rows.count,
                       s->rows.count == 1 ? "" : "s");
    } else {
        judge_empty(s);
        s->pending_known = true;
    }
}

static int judge_rows(const struct hg_graph *graph, PGconn *conn, int64_t deadline_ns,
                      struct hg_facts *f, struct hg_status *s, struct hg_err *err)
{
    HG_AUTO(hg_revlist_done) struct hg_revlist known = HG_REVLIST_INIT;
    HG_AUTO(hg_revlist_done) struct hg_revlist current = HG_REVLIST_INIT;
    bool overlap = false;
    hg_status_squash(graph, s);
    hg_graph_resolve_rows(graph, &s->judged, &known, &s->unknown, &overlap);
    hg_graph_current(graph, &known, &current);
    take_ids(&current, &s->current);
    hg_strv_sort(&s->current);
    if (overlap) {
        HG_AUTO(hg_freep) char *rows = hg_strv_join(&s->rows, ", ");
        s->state = HG_STATE_DIVERGED;
        hg_finding_add(&s->findings, "HG218", "version rows overlap (%s): one is an ancestor of another",
                       rows);
    }
    if (s->unknown.count) {
        judge_lost(graph, conn, deadline_ns, f, s);
        if (overlap)
            s->state = HG_STATE_DIVERGED;
        return 0;
    }
    if (overlap)
        return 0;
    if (pending(graph, &known, s, err) < 0)
        return -1;
    if (s->rows.count == 0)
        judge_empty(s);
    else
        s->state = s->pending.count ? HG_STATE_BEHIND : HG_STATE_UP_TO_DATE;
    return 0;
}

int hg_status_judge(const struct hg_target *t, const struct hg_graph *graph, const char *schema,
                    const char *table, struct hg_facts *f, PGconn *conn, int64_t deadline_ns,
                    struct hg_status *s, struct hg_err *err)
{
    s->config = t ? &t->config : NULL;
    add_heads(t, graph, s);
    judge_server(t, f, s);
    const struct hg_graph *usable = graph && hg_graph_ok(graph) ? graph : NULL;
    int table_rc = choose_table(usable, schema, table, f, s, err);
    take_ledger(f, s);
    find_running(f, s);
    if (table_rc < 0)
        return -1;
    if (!graph) {
        judge_bare(s);
        return 0;
    }
    if (!usable) {
        hg_fail(err, HG_E_UNKNOWN, "the revision files are no history that Alembic would accept, so "
                                   "the database's state cannot be told");
        return hg_hint(err, "correct what the findings say, then: headgate history --offline");
    }
    if (judge_rows(graph, conn, deadline_ns, f, s, err) < 0) {
        s->state = HG_STATE_UNKNOWN;
        err->exit_code = HG_EXIT_UNKNOWN;
        return -1;
    }
    return 0;
}

static void lost_done(struct hg_lost *l)
{
    free(l->revision);
    free(l->found);
    free(l->message);
    free(l->path);
    free(l->direction);
    free(l->branch);
    free(l->commit);
    free(l->date);
    free(l->by);
    hg_strv_done(&l->down);
}

void hg_status_done(struct hg_status *s)
{
    if (!s)
        return;
    struct hg_strv *lists[] = { &s->heads, &s->rows, &s->judged, &s->moved_from, &s->moved_to, &s->current, &s->unknown, &s->vt_candidates,
                                &s->held, &s->run_blocked_by };
    for (size_t i = 0; i < HG_COUNT(lists); i++)
        hg_strv_done(lists[i]);
    char *strings[] = { s->db_name, s->db_host, s->db_port, s->db_user, s->system_identifier,
                        s->db_oid, s->pool_mode, s->vt_schema, s->vt_name, s->last_revision,
                        s->last_finished_at, s->last_by, s->last_outcome, s->last_direction, s->label_target,
                        s->open_intent, s->open_since, s->open_by, s->open_host, s->run_revision,
                        s->run_by, s->run_host, s->run_since };
    for (size_t i = 0; i < HG_COUNT(strings); i++)
        free(strings[i]);
    for (size_t i = 0; i < s->lost_count; i++)
        lost_done(&s->lost[i]);
    free(s->lost);
    hg_revlist_done(&s->pending);
    hg_findings_done(&s->findings);
    *s = (struct hg_status){ 0 };
}
