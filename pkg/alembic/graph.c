/* SPDX-License-Identifier: Apache-2.0 */
/* Building the graph: RevisionMap._revision_map and what it calls (alembic/script/revision.py). */
#include "internal.h"

void hg_ids_add(struct hg_ids *l, size_t index)
{
    l->items = hg_grow(l->items, l->count, &l->cap, sizeof *l->items);
    l->items[l->count++] = (uint32_t)index;
}

bool hg_ids_have(const struct hg_ids *l, size_t index)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i] == index)
            return true;
    return false;
}

void hg_ids_done(struct hg_ids *l)
{
    free(HG_TAKE(l->items));
    l->count = l->cap = 0;
}

struct hg_graph *hg_graph_new(void)
{
    struct hg_graph *g = hg_xcalloc(1, sizeof *g);
    g->ok = true;
    return g;
}

struct hg_revision *hg_graph_add(struct hg_graph *g)
{
    g->revs = hg_grow(g->revs, g->count, &g->cap, sizeof *g->revs);
    g->revs[g->count] = (struct hg_revision){ .index = g->count };
    return &g->revs[g->count++];
}

static void revision_done(struct hg_revision *r)
{
    free(r->id);
    hg_strv_done(&r->down);
    hg_strv_done(&r->depends_on);
    hg_strv_done(&r->labels);
    free(r->doc);
    free(r->path);
    free(r->file);
    free(r->digest);
}

static void node_done(struct hg_node *n)
{
    hg_ids_done(&n->down);
    hg_ids_done(&n->deps);
    hg_ids_done(&n->norm);
    hg_ids_done(&n->next);
    hg_ids_done(&n->all_next);
    hg_strv_done(&n->labels);
    free(n->text);
}

void hg_graph_free(struct hg_graph *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->count; i++) {
        revision_done(&g->revs[i]);
        if (g->nodes)
            node_done(&g->nodes[i]);
    }
    free(g->revs);
    free(g->nodes);
    free(g->keys);
    free(g->slots);
    hg_ids_done(&g->heads);
    hg_ids_done(&g->real_heads);
    hg_ids_done(&g->bases);
    free(g);
}

/* ---- the map of names ---- */

static size_t slot_of(const struct hg_graph *g, const char *name)
{
    size_t i = hg_hash64(name, strlen(name), HG_HASH64_INIT) & g->slot_mask;
    while (g->slots[i] && strcmp(g->keys[g->slots[i] - 1].name, name) != 0)
        i = (i + 1) & g->slot_mask;
    return i;
}

const struct hg_key *hg_graph_key(const struct hg_graph *g, const char *name)
{
    if (!g->slots)
        return NULL;
    size_t slot = slot_of(g, name);
    return g->slots[slot] ? &g->keys[g->slots[slot] - 1] : NULL;
}

/* The key that has the name already, or NULL when it was added. */
static struct hg_key *add_key(struct hg_graph *g, const char *name, size_t index, bool label)
{
    size_t slot = slot_of(g, name);
    if (g->slots[slot])
        return &g->keys[g->slots[slot] - 1];
    g->keys[g->key_count] = (struct hg_key){ name, (uint32_t)index, label };
    g->slots[slot] = (uint32_t)++g->key_count;
    return NULL;
}

static void make_map(struct hg_graph *g)
{
    size_t names = g->count, size = 16;
    for (size_t i = 0; i < g->count; i++)
        names += g->revs[i].labels.count;
    while (size < names * 2)
        size *= 2;
    g->slots = hg_xcalloc(size, sizeof *g->slots);
    g->slot_mask = size - 1;
    g->keys = hg_xcalloc(names + 1, sizeof *g->keys);
}

/* ---- faults ---- */

static struct hg_finding *fault(struct hg_graph *g, struct hg_findings *f, const char *rule,
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
        struct hg_key *before = add_key(g, g->revs[i].id, i, false);
        if (!before)
            continue;
        /* Alembic warns and lets the later file win. */
        const struct hg_revision *first = &g->revs[before->index];
        HG_AUTO(hg_freep) char *text =
            hg_xasprintf("revision %s stands in two files, %s and %s", g->revs[i].id, first->path,
                         g->revs[i].path);
        struct hg_finding *finding = fault(g, f, "HG104", &g->revs[i], text);
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
            const struct hg_key *before = add_key(g, r->labels.items[j], i, true);
            if (!before)
                continue;
            HG_AUTO(hg_freep) char *text =
                hg_xasprintf("the branch label %s of revision %s is already %s %s", r->labels.items[j],
                             r->id, before->label ? "a label of revision" : "the id of revision",
                             g->revs[before->index].id);
            fault(g, f, "HG107", r, text);
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
            fault(g, f, "HG107", r, text);
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
    struct hg_finding *finding = fault(g, f, dependency ? "HG106" : "HG102", r, text);
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

/* ---- cycles ---- */

/* Every cycle, also those that Alembic overlooks because a base leads in and a head leads out:
 * what is left when revisions without open parents are taken away again and again. */
static void find_cycles(struct hg_graph *g, struct hg_findings *f)
{
    uint32_t *open = hg_xcalloc(g->count + 1, sizeof *open);
    struct hg_ids ready = { 0 };
    for (size_t i = 0; i < g->count; i++) {
        for (size_t j = 0; j < g->nodes[i].all_next.count; j++)
            open[g->nodes[i].all_next.items[j]]++;
    }
    for (size_t i = 0; i < g->count; i++)
        if (open[i] == 0)
            hg_ids_add(&ready, i);
    for (size_t at = 0; at < ready.count; at++) {
        const struct hg_ids *next = &g->nodes[ready.items[at]].all_next;
        for (size_t j = 0; j < next->count; j++)
            if (--open[next->items[j]] == 0)
                hg_ids_add(&ready, next->items[j]);
    }
    if (ready.count < g->count) {
        /* Those behind a cycle are left over as well: take the ends away from above, too. */
        bool changed = true;
        while (changed) {
            changed = false;
            for (size_t i = 0; i < g->count; i++) {
                bool leads = false;
                for (size_t j = 0; j < g->nodes[i].all_next.count; j++)
                    leads = leads || open[g->nodes[i].all_next.items[j]] > 0;
                if (open[i] > 0 && !leads) {
                    open[i] = 0;
                    changed = true;
                }
            }
        }
        HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
        const struct hg_revision *first = NULL;
        for (size_t i = 0; i < g->count; i++)
            if (open[i] > 0) {
                hg_strv_add(&names, g->revs[i].id);
                first = first ? first : &g->revs[i];
            }
        HG_AUTO(hg_freep) char *list = hg_strv_join(&names, ", ");
        HG_AUTO(hg_freep) char *text =
            names.count == 1 ? hg_xasprintf("revision %s comes after itself", list)
                             : hg_xasprintf("these revisions go in a circle: %s", list);
        fault(g, f, "HG103", first, text);
    }
    free(open);
    hg_ids_done(&ready);
}

/* ---- heads, marks, labels ---- */

static void mark(struct hg_graph *g)
{
    for (size_t k = 0; k < g->key_count; k++) {
        size_t i = g->keys[k].index;
        struct hg_revision *r = &g->revs[i];
        const struct hg_node *n = &g->nodes[i];
        if (g->keys[k].label)
            continue;
        r->is_head = n->next.count == 0;
        r->is_real_head = n->all_next.count == 0;
        r->is_base = r->down.count == 0;
        r->is_branch_point = n->next.count > 1;
        r->is_merge_point = r->down.count > 1;
    }
    for (size_t i = 0; i < g->count; i++) {
        if (g->nodes[i].replaced) {
            g->revs[i].is_base = g->revs[i].down.count == 0;
            g->revs[i].is_merge_point = g->revs[i].down.count > 1;
            continue;
        }
        if (g->revs[i].is_head)
            hg_ids_add(&g->heads, i);
        if (g->revs[i].is_real_head)
            hg_ids_add(&g->real_heads, i);
        if (g->revs[i].is_base)
            hg_ids_add(&g->bases, i);
    }
}

static bool ends_line(const struct hg_graph *g, size_t i)
{
    return g->nodes[i].all_next.count > 1 || g->revs[i].is_merge_point;
}

static void add_new(struct hg_strv *list, const struct hg_strv *more)
{
    for (size_t i = 0; i < more->count; i++)
        if (!hg_strv_has(list, more->items[i]))
            hg_strv_add(list, more->items[i]);
}

/* RevisionMap._add_branches: labels go down to all descendants, and, while the line has neither
 * branches nor merges, back to its start. */
static void spread_labels(struct hg_graph *g)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->revs[i].labels.count > 0)
            add_new(&g->nodes[i].labels, &g->revs[i].labels);
    for (size_t i = 0; i < g->count; i++) {
        if (g->revs[i].labels.count == 0 || g->nodes[i].replaced)
            continue;
        hg_set below = hg_set_new(g);
        hg_set_reach(g, below, i, HG_EDGES_NEXT);
        for (size_t j = 0; j < g->count; j++)
            if (below[j] && j != i)
                add_new(&g->nodes[j].labels, &g->nodes[i].labels);
        free(below);
        size_t tip = i;
        while (!ends_line(g, tip) && g->nodes[tip].next.count == 1)
            tip = g->nodes[tip].next.items[0];
        if (ends_line(g, tip))
            continue;
        for (size_t at = i; g->nodes[at].down.count == 1; ) {
            at = g->nodes[at].down.items[0];
            if (ends_line(g, at))
                break;
            add_new(&g->nodes[at].labels, &g->nodes[i].labels);
        }
    }
}

void hg_graph_build(struct hg_graph *g, struct hg_findings *f)
{
    g->nodes = hg_xcalloc(g->count + 1, sizeof *g->nodes);
    make_map(g);
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
    find_cycles(g, f);
    mark(g);
    if (g->ok)
        spread_labels(g);
}
