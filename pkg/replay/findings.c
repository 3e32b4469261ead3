/* SPDX-License-Identifier: Apache-2.0 */
/* What a bundle's steps are like, and what it knows of configuration. */
#include "internal.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static struct hg_finding *add(struct hg_findings *ret, const char *rule,
                              const struct hg_bundle_revision *b, const char *text)
{
    struct hg_finding *f = hg_finding_add(ret, rule, "%s", text);
    f->revision = hg_xstrdup(b->id);
    f->path = hg_xstrdup(b->path);
    return f;
}

/* A text that is nothing but this word. What others hide in theirs is seen when it happens. */
static bool is_word(const struct hg_bundle_chunk *c, const char *word)
{
    const char *at = c->sql;
    size_t len = strlen(word);
    while (isspace((unsigned char)*at))
        at++;
    bool says = strncasecmp(at, word, len) == 0;
    return says && !at[len + strspn(at + len, "; \t\r\n")];
}

static bool commits(const struct hg_bundle_chunk *c)
{
    return c->kind == HG_CHUNK_COMMIT || is_word(c, "commit") || is_word(c, "end");
}

static bool rolls_back(const struct hg_bundle_chunk *c)
{
    return is_word(c, "rollback") || is_word(c, "abort");
}

static bool any(const struct hg_bundle_script *s, bool (*what)(const struct hg_bundle_chunk *c))
{
    for (size_t i = 0; i < s->count; i++)
        if (what(&s->chunks[i]))
            return true;
    return false;
}

void hg_replay_findings(const struct hg_bundle *b, const struct hg_revlist *steps, bool down,
                        struct hg_findings *ret)
{
    for (size_t i = 0; i < steps->count; i++) {
        const struct hg_bundle_revision *r = hg_bundle_of(b, steps->items[i]);
        const struct hg_bundle_script *s = r ? down ? &r->downgrade : &r->upgrade : NULL;
        if (!s)
            continue;
        HG_AUTO(hg_freep) char *text = NULL;
        if (s->class == HG_BUNDLE_NEEDS_PYTHON) {
            text = hg_xasprintf("%s() of revision %s needs Python: %s", down ? "downgrade" : "upgrade",
                                r->id, s->reason ? s->reason : "the bundle has no SQL of it");
            (void)add(ret, "HG260", r, text);
        } else if (any(s, rolls_back)) {
            text = hg_xasprintf("revision %s rolls back in its middle: what is before that is undone, in the "
                                "revisions before it too where they have one transaction", r->id);
            (void)add(ret, "HG261", r, text);
        } else if (any(s, commits)) {
            text = hg_xasprintf("revision %s commits in its middle: what is before that stays when it "
                                "fails later", r->id);
            (void)add(ret, "HG261", r, text);
        }
        if (s->class == HG_BUNDLE_PINNED) {
            HG_AUTO(hg_freep) char *pinned = hg_xasprintf(
                "revision %s has values that were computed when the bundle was built: every database "
                "gets the same", r->id);
            (void)add(ret, "HG262", r, pinned);
        }
    }
}

void hg_replay_config(const struct hg_bundle *b, const char *dir, struct hg_alembic_config *ret)
{
    HG_AUTO(hg_freep) char *absolute = hg_path_abs(dir ? dir : ".");
    *ret = (struct hg_alembic_config){
        .dir = hg_xstrdup(absolute),
        .base = hg_xstrdup(absolute),
        .shown_dir = hg_xstrdup(""),
        .section = hg_xstrdup("alembic"),
        .version_table = hg_xstrdup(b->version_table),
        .version_table_schema = hg_xstrdup(b->version_table_schema),
        .transaction_per_migration = b->transaction_per_migration,
    };
}

int hg_replay_code(const char *path, const char *dir, struct hg_bundle *ret_bundle,
                   struct hg_alembic_config *ret_config, struct hg_graph **ret_graph,
                   struct hg_findings *findings, struct hg_err *err)
{
    if (hg_bundle_open(path, ret_bundle, err) < 0)
        return -1;
    hg_replay_config(ret_bundle, dir, ret_config);
    return hg_bundle_graph(ret_bundle, ret_graph, findings, err);
}

struct known {
    const char *dir;
    struct hg_alembic_config *config;
    void (*tell)(void *context, const struct hg_alembic_config *config);
    void *context;
};

static void on_head(void *context, const struct hg_bundle *b)
{
    const struct known *k = context;
    hg_replay_config(b, k->dir, k->config);
    if (k->tell)
        k->tell(k->context, k->config);
}

int hg_replay_outline(const char *path, const char *dir,
                      void (*known)(void *context, const struct hg_alembic_config *config), void *context,
                      struct hg_bundle *ret_bundle, struct hg_alembic_config *ret_config,
                      struct hg_graph **ret_graph, struct hg_findings *findings, struct hg_err *err)
{
    struct known k = { .dir = dir, .config = ret_config, .tell = known, .context = context };
    const struct hg_bundle_asker asker = { .head = on_head, .context = &k };
    if (hg_bundle_outline(path, &asker, ret_bundle, err) < 0)
        return -1;
    return hg_bundle_graph(ret_bundle, ret_graph, findings, err);
}
