/* SPDX-License-Identifier: Apache-2.0 */
/* Building the graph: RevisionMap._revision_map and what it calls (alembic/script/revision.py). */
#include "graph_build.h"

/* ---- faults ---- */

struct hg_finding *hg_graph_fault(struct hg_graph *g, struct hg_findings *f, const char *rule,
                                  const struct hg_revision *r, const char *message)
{
    g->ok = false;
    struct hg_finding *finding = hg_finding_add(f, rule, "%s", message);
    if (r) {
        finding->path = hg_xstrdup(r->path);
        finding->line = r->line;
        finding->revision = hg_xstrdup(r->id);
    }
    return finding;
}

static void add_ids(struct hg_graph *g, struct hg_findings *f)
{
    for (size_t i = 0; i < g->count; i++) {
        struct hg_key *before = hg_graph_add_key(g, g->revs[i].id, i, false);
        if (!before)
            continue;
        /* Alembic warns and lets the later file win. */
        const struct hg_revision *first = &g->revs[before->index];
        HG_AUTO(hg_freep) char *text =
            hg_xasprintf("revision %s stands in two files, %s and %s", g->revs[i].id, first->path,
                         g->revs[i].path);
        struct hg_finding *finding = hg_graph_fault(g, f, "HG104", &g->revs[i], text);
        finding->help = hg_xasprintf("give one of the two files another revision id (`alembic revision` "
                                     "makes one); Alembic only warns and silently ignores %s",
                                     first->path);
        g->nodes[before->index].replaced = true;
        before->index = (uint32_t)i;
    }
}

static void add_labels(struct hg_graph *g, struct hg_findings *f)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct hg_revision *r = &g->revs[i];
        for (size_t j = 0; j < r->labels.count && !g->nodes[i].replaced; j++) {
            const struct hg_key *before = hg_graph_add_key(g, r->labels.items[j], i, true);
            if (!before)
                continue;
            HG_AUTO(hg_freep) char *text =
                hg_xasprintf("the branch label %s of revision %s is already %s %s", r->labels.items[j],
                             r->id, before->label ? "a label of revision" : "the id of revision",
                             g->revs[before->index].id);
            hg_graph_fault(g, f, "HG107", r, text);
        }
    }
}

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* Revision.verify_rev_id, and the width of alembic_version.version_num. */
static void check_ids(struct hg_graph *g, struct hg_findings *f)
{
    enum { VERSION_NUM_WIDTH = 32 };
    for (size_t i = 0; i < g->count; i++) {
        const struct hg_revision *r = &g->revs[i];
        const char *bad = strpbrk(r->id, "@-+:");
        if (bad) {
            HG_AUTO(hg_freep) char *text =
                hg_xasprintf("the revision id %s has the character %c, which Alembic reserves", r->id,
                             *bad);
            hg_graph_fault(g, f, "HG107", r, text);
        }
        if (characters(r->id) <= VERSION_NUM_WIDTH)
            continue;
        struct hg_finding *long_id =
            hg_finding_add(f, "HG108", "the revision id %s has %zu characters, version_num holds %d",
                           r->id, characters(r->id), VERSION_NUM_WIDTH);
        long_id->path = hg_xstrdup(r->path);
        long_id->line = r->line;
        long_id->revision = hg_xstrdup(r->id);
    }
}

/* Somebody wrote a file's name, a part of an id or a label where the id belongs? Heap or NULL. */
static char *meant(const struct hg_graph *g, const char *name)
{
    size_t len = strlen(name);
    const char **ids = hg_xcalloc(g->count + 1, sizeof *ids);
    char *found = NULL;
    for (size_t i = 0; i < g->count && !found; i++) {
        const char *file = hg_path_base(g->revs[i].path);
        size_t stem = strlen(file) - (hg_ends_with(file, ".py") ? 3 : 0);
        ids[i] = g->revs[i].id;
        if ((stem == len && memcmp(file, name, len) == 0) || strcmp(file, name) == 0)
            found = hg_xasprintf("%s is the name of a file: its revision id is %s", name, ids[i]);
        else if (len >= 4 && hg_starts_with(ids[i], name))
            found = hg_xasprintf("the full id %s has to be written", ids[i]);
    }
    const char *near = found ? NULL : hg_nearest(name, ids, g->count);
    free(ids);
    if (near)
        found = hg_xasprintf("did you mean %s?", near);
    return found;
}

static void missing(struct hg_graph *g, struct hg_findings *f, const struct hg_revision *r,
                    const char *name, bool dependency)
{
    const struct hg_key *key = hg_graph_key(g, name);
    g->unresolved = true;
    HG_AUTO(hg_freep) char *text = hg_xasprintf(
        "revision %s %s %s, and no file has %s", r->id, dependency ? "depends on" : "comes after",
        *name ? name : "an empty id", key ? "that id (it is a branch label)" : "that id");
    struct hg_finding *finding = hg_graph_fault(g, f, dependency ? "HG106" : "HG102", r, text);
    HG_AUTO(hg_freep) char *hint =
        key ? hg_xasprintf("down_revision takes ids only: write %s", g->revs[key->index].id)
            : meant(g, name);
    if (hint)
        finding->help = hg_xasprintf("%s; or bring the missing file back", hint);
}

/* ---- edges ---- */

static void resolve_downs(struct hg_graph *g, size_t i, struct hg_findings *f)
{
    const struct hg_revision *r = &g->revs[i];
    struct hg_node *n = &g->nodes[i];
    n->down_written = r->down.count;
    for (size_t j = 0; j < r->down.count; j++) {
        const struct hg_key *key = hg_graph_key(g, r->down.items[j]);
        if (!key || key->label)
            missing(g, f, r, r->down.items[j], false);
        else if (!hg_ids_have(&n->down, key->index))
            hg_ids_add(&n->down, key->index);
    }
}

static void resolve_deps(struct hg_graph *g, size_t i, struct hg_findings *f)
{
    const struct hg_revision *r = &g->revs[i];
    struct hg_node *n = &g->nodes[i];
    for (size_t j = 0; j < r->depends_on.count; j++) {
        const char *name = r->depends_on.items[j];
        const struct hg_key *key = hg_graph_key(g, name);
        if (!*name && r->depends_on.count == 1 && !key) {
            /* Alembic takes "" for no dependency, but then for no base either. */
            if (r->down.count == 0)
                missing(g, f, r, name, true);
        } else if (!key) {
            missing(g, f, r, name, true);
        } else if (!hg_ids_have(&n->deps, key->index)) {
            hg_ids_add(&n->deps, key->index);
        }
    }
}

static void link_children(struct hg_graph *g)
{
    for (size_t k = 0; k < g->key_count; k++) {
        size_t i = g->keys[k].index;
        if (g->keys[k].label)
            continue;
        const struct hg_node *n = &g->nodes[i];
        for (size_t j = 0; j < n->down.count; j++) {
            hg_ids_add(&g->nodes[n->down.items[j]].next, i);
            hg_ids_add(&g->nodes[n->down.items[j]].all_next, i);
        }
        for (size_t j = 0; j < n->deps.count; j++)
            if (!hg_ids_have(&n->down, n->deps.items[j]))
                hg_ids_add(&g->nodes[n->deps.items[j]].all_next, i);
    }
}

/* RevisionMap._normalize_depends_on: dependencies that an ancestor declares already fall away. */
static void normalize(struct hg_graph *g)
{
    for (size_t i = 0; i < g->count; i++) {
        struct hg_node *n = &g->nodes[i];
        for (size_t j = 0; j < n->down.count; j++)
            hg_ids_add(&n->norm, n->down.items[j]);
        if (n->deps.count == 0)
            continue;
        hg_set above = hg_set_new(g), declared = hg_set_new(g);
        hg_set_reach(g, above, i, HG_EDGES_DOWN);
        above[i] = 0;
        for (size_t a = 0; a < g->count; a++)
            for (size_t j = 0; above[a] && j < g->nodes[a].deps.count; j++)
                declared[g->nodes[a].deps.items[j]] = 1;
        for (size_t j = 0; j < n->deps.count; j++) {
            if (declared[n->deps.items[j]])
                continue;
            n->norm_deps++;
            if (!hg_ids_have(&n->norm, n->deps.items[j]))
                hg_ids_add(&n->norm, n->deps.items[j]);
        }
        free(above);
        free(declared);
    }
}

/* RevisionMap._resolve_revision_number: words that stand for revisions wherever an id may. With `base` Alembic
 * fails; it runs the last revision in the place of one named `head`, which is right only for that one itself. */
static void check_words(struct hg_graph *g, struct hg_findings *f)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct hg_revision *r = &g->revs[i];
        bool base = hg_streq(r->id, "base"), head = hg_streq(r->id, "head") || hg_streq(r->id, "heads");
        if (!base && !(head && !(g->heads.count == 1 && g->heads.items[0] == i)))
            continue;
        HG_AUTO(hg_freep) char *text =
            hg_xasprintf("the revision id %s is Alembic's own word for %s", r->id,
                         base ? "no revision" : "the last revisions");
        hg_graph_fault(g, f, "HG107", r, text);
    }
}

void hg_graph_build(struct hg_graph *g, struct hg_findings *f)
{
    g->nodes = hg_xcalloc(g->count + 1, sizeof *g->nodes);
    hg_graph_make_map(g);
    add_ids(g, f);
    check_ids(g, f);
    add_labels(g, f);
    for (size_t k = 0; k < g->key_count; k++)
        if (!g->keys[k].label) {
            resolve_downs(g, g->keys[k].index, f);
            resolve_deps(g, g->keys[k].index, f);
        }
    link_children(g);
    normalize(g);
    hg_graph_find_cycles(g, f);
    hg_graph_mark(g);
    check_words(g, f);
    if (g->ok)
        hg_graph_spread_labels(g);
}
