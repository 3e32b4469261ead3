/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of a plan's revisions, spelled alike whether files or a bundle are the code side; what Python makes anew
 * whenever it runs is not shown. */
#include "internal.h"

#include "bundle/bundle.h"

#define RENDER_NS (60 * HG_NS_PER_S)

/* "postgresql+asyncpg" of the target's address: how this project spells its driver. */
static char *scheme_of(const struct hg_target *t)
{
    const char *end = t->url ? strstr(t->url, "://") : NULL;
    return end ? hg_xstrndup(t->url, (size_t)(end - t->url)) : NULL;
}

/* ---- the answer ---------------------------------------------------------------------------------- */

static json_t *no_sql(const char *reason)
{
    return json_pack("{so}", "reason", hg_json_text(reason));
}

/* Without the blanks around it; what is nothing else is left out. */
static void add_statement(json_t *to, const char *sql)
{
    static const char BLANKS[] = " \t\n\r\f\v";
    size_t begin = strspn(sql, BLANKS), end = strlen(sql);
    while (end > begin && strchr(BLANKS, sql[end - 1]))
        end--;
    HG_AUTO(hg_freep) char *text = hg_xstrndup(sql + begin, end - begin);
    if (*text)
        json_array_append_new(to, hg_json_text(text));
}

static json_t *statements(const json_t *list)
{
    json_t *sql = json_array(), *item;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)list, i, item)
        if (json_is_string(item))
            add_statement(sql, json_string_value(item));
    return json_pack("{so}", "sql", sql);
}

static json_t *agreed(const struct hg_rendered *first, const struct hg_rendered *last, const char *revision)
{
    json_t *a = json_object_get(first->up, revision);
    json_t *b = json_object_get(last->up, revision);
    const char *fatal = first->fatal ? first->fatal : last->fatal;
    if (!a || !b)
        return no_sql(fatal ? fatal : "it was not reached");
    json_t *sql_a = json_object_get(a, "sql"), *sql_b = json_object_get(b, "sql");
    if (sql_a && sql_b && json_equal(sql_a, sql_b))
        return statements(sql_a);
    if (sql_a || sql_b)
        return no_sql("Python makes values in it anew each time it runs (a UUID, the time, an order)");
    const char *reason = json_string_value(json_object_get(a, "reason"));
    const char *other = json_string_value(json_object_get(b, "reason"));
    return no_sql(hg_streq(reason, other) ? reason : "without a database it fails");
}

static json_t *for_all(const struct hg_revlist *steps, const char *reason)
{
    json_t *all = json_object();
    for (size_t i = 0; i < steps->count; i++)
        json_object_set_new(all, steps->items[i]->id, no_sql(reason));
    return all;
}

static json_t *of_script(const struct hg_bundle_script *s)
{
    static const char *const EDGES[] = { [HG_CHUNK_COMMIT] = "COMMIT", [HG_CHUNK_BEGIN] = "BEGIN" };
    if (s->class == HG_BUNDLE_NEEDS_PYTHON)
        return no_sql(s->reason ? s->reason : "it needs Python");
    json_t *sql = json_array();
    for (size_t i = 0; i < s->count; i++)
        add_statement(sql, s->chunks[i].kind == HG_CHUNK_SQL ? s->chunks[i].sql : EDGES[s->chunks[i].kind]);
    return json_pack("{so}", "sql", sql);
}

static json_t *of_bundle(const struct hg_bundle *b, const struct hg_revlist *steps)
{
    json_t *all = json_object();
    for (size_t i = 0; i < steps->count; i++) {
        const struct hg_bundle_revision *r = hg_bundle_of(b, steps->items[i]);
        json_object_set_new(all, steps->items[i]->id,
                            r ? of_script(&r->upgrade) : no_sql("it is not in the bundle"));
    }
    return all;
}

json_t *hg_plan_render(const struct hg_plan_input *in, const struct hg_revlist *steps, size_t processes)
{
    if (in->bundle)
        return of_bundle(in->bundle, steps);
    struct hg_rendered both[2];
    struct hg_err err = { 0 };
    HG_AUTO(hg_strv_done) struct hg_strv words = HG_STRV_INIT;
    if (!steps->count)
        return json_object();
    if (in->no_python)
        return for_all(steps, "Python was not started (--no-python)");
    hg_strv_addv(&words, &in->target->t->migrator_args);
    for (size_t i = 0; in->x && i < in->x->count; i++) {
        hg_strv_add(&words, "-x");
        hg_strv_add(&words, in->x->items[i]);
    }
    const char **ids = hg_xcalloc(steps->count, sizeof *ids);
    for (size_t i = 0; i < steps->count; i++)
        ids[i] = steps->items[i]->id;
    char **plain = hg_target_plain_envp(in->target);
    json_t *names = hg_target_placeholders(in->target, plain), *all = NULL;
    HG_AUTO(hg_freep) char *scheme = scheme_of(in->target);
    struct hg_render how = { .alembic = in->alembic, .revisions = ids, .count = steps->count,
                             .words = &words, .plain = plain,
                             .path = hg_vars_get(&in->target->original, "PATH"), .names = names,
                             .scheme = scheme, .rows = &in->status->judged,
                             .timeout_ns = in->timeout_ns ? in->timeout_ns : RENDER_NS };
    if (hg_render(&how, both, processes, &err) < 0) {
        all = for_all(steps, "no Python with Alembic was found here");
    } else {
        all = json_object();
        for (size_t i = 0; i < steps->count; i++)
            json_object_set_new(all, ids[i], agreed(&both[0], &both[processes - 1], ids[i]));
        for (size_t i = 0; i < processes; i++)
            hg_rendered_done(&both[i]);
    }
    json_decref(names);
    hg_vars_free_envp(plain);
    free(ids);
    return all;
}
