/* SPDX-License-Identifier: Apache-2.0 */
/* From files to a graph: every file is read once, scanned, and forgotten again. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

/* One file on its way into the graph. */
struct item {
    struct hg_scan scan;
    const struct hg_rev_file *file;
    const struct hg_alembic_source *source; /* or from memory: then file is NULL */
    int64_t size, mtime_ns;
    bool dynamic;
};

struct load {
    const struct hg_alembic_config *c;
    const struct hg_alembic_options *o;
    struct hg_findings *findings;
    struct item *items;
    size_t count;
    struct hg_buf text;      /* of the file being scanned: one buffer for all */
    char *dir;               /* the folder that dirfd is */
    int dirfd;
};

static char *shown_path(const struct hg_alembic_config *c, const char *path)
{
    return hg_path_relative(c->base, path);
}

/* Opens relative to the folder, which is opened once for all its files. */
static int open_file(struct load *l, const char *path)
{
    size_t len = (size_t)(hg_path_base(path) - path);
    if (!l->dir || strncmp(l->dir, path, len) != 0 || l->dir[len]) {
        hg_closep(&l->dirfd);
        free(l->dir);
        l->dir = hg_xstrndup(path, len);
        l->dirfd = open(l->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    return openat(l->dirfd, path + len, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static int unreadable_file(const struct item *it, struct hg_err *err)
{
    hg_fail_errno(err, HG_E_UNKNOWN, "cannot read %s", it->file->path);
    return hg_hint(err, "every revision file has to be readable, or the history is not known");
}

/* What a later look at the file is compared with (hg_graph_text). */
static int note_size(struct item *it, int fd, struct hg_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return unreadable_file(it, err);
    it->size = st.st_size;
    it->mtime_ns = (int64_t)st.st_mtim.tv_sec * HG_NS_PER_S + st.st_mtim.tv_nsec;
    return 0;
}

/* Into l->text. A regular file, which the listing has seen that this is, gives fewer bytes than were
 * asked for only at its end, so one call reads a file that fits. */
static int read_text(struct load *l, const struct item *it, int fd, struct hg_err *err)
{
    enum { FIRST = 32 << 10 };
    struct hg_buf *b = &l->text;
    for (b->len = 0;;) {
        if (b->cap - b->len < FIRST) {
            b->cap = b->cap ? 2 * b->cap : 2 * FIRST;
            b->data = hg_xrealloc(b->data, b->cap, 1);
        }
        size_t room = b->cap - b->len - 1;
        ssize_t n = read(fd, b->data + b->len, room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return unreadable_file(it, err);
        b->len += (size_t)n;
        if (b->len > HG_REVISION_FILE_MAX)
            return hg_fail(err, HG_E_UNKNOWN, "%s has more than %zu bytes: no revision file is that large",
                           it->file->path, HG_REVISION_FILE_MAX);
        if ((size_t)n < room)
            break;
    }
    b->data[b->len] = '\0';
    return 0;
}

/* Three system calls a file, or four. */
static int read_file(struct load *l, struct item *it, struct hg_err *err)
{
    HG_AUTO(hg_closep) int fd = open_file(l, it->file->path);
    if (fd < 0)
        return unreadable_file(it, err);
    if ((!l->o->graph_only && note_size(it, fd, err) < 0) || read_text(l, it, fd, err) < 0)
        return -1;
    hg_scan_module(l->text.data, l->text.len, &it->scan);
    return 0;
}

/* ---- what the scan could not settle ---- */

static int without_python(const struct load *l, const struct item *it, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *shown = shown_path(l->c, it->file->path);
    hg_fail(err, HG_E_UNKNOWN, "%s:%d cannot be read without Python: %s", shown, it->scan.line,
            it->scan.why);
    return hg_hint(err, "leave out --no-python, or write plain literals for revision, down_revision, "
                        "branch_labels and depends_on");
}

static int ask_python(struct load *l, struct hg_err *err)
{
    struct hg_dynamic *ask = hg_xcalloc(l->count + 1, sizeof *ask);
    size_t n = 0;
    const struct item *first = NULL;
    for (size_t i = 0; i < l->count; i++) {
        struct item *it = &l->items[i];
        if (it->scan.state != HG_SCAN_DYNAMIC)
            continue;
        HG_AUTO(hg_freep) char *shown = shown_path(l->c, it->file->path);
        hg_log(HG_LOG_INFO, "%s:%d needs Python: %s", shown, it->scan.line, it->scan.why);
        first = first ? first : it;
        it->dynamic = true;
        ask[n++] = (struct hg_dynamic){ it->file->path, &it->scan };
    }
    int failed = 0;
    if (n > 0 && l->o->no_python) {
        failed = without_python(l, first, err);
    } else if (n > 0 && hg_alembic_ask_python(l->c, l->o, ask, n, err) < 0) {
        HG_AUTO(hg_freep) char *shown = shown_path(l->c, first->file->path);
        failed = hg_wrap(err, "%s:%d cannot be read without Python (%s)", shown, first->scan.line,
                         first->scan.why ? first->scan.why : "not literal");
    }
    free(ask);
    return failed;
}

/* ---- into the graph ---- */

static void unreadable(struct hg_graph *g, struct hg_findings *f, const char *rule, const char *path,
                       const struct hg_scan *s, const char *text)
{
    g->ok = false;
    struct hg_finding *finding = hg_finding_add(f, rule, "%s", text);
    finding->path = hg_xstrdup(path);
    finding->line = s->line > 0 ? s->line : 1;
}

/* _legacy_rev: the id may be the file's name, when that is hexadecimal. Heap or NULL. */
static char *legacy_id(const char *name)
{
    size_t n = strspn(name, "abcdef0123456789");
    return n > 0 && strcmp(name + n, ".py") == 0 ? hg_xstrndup(name, n) : NULL;
}

static void move_list(struct hg_strv *to, struct hg_strv *from)
{
    *to = *from;
    *from = (struct hg_strv)HG_STRV_INIT;
}

/* The scan's values move into a new revision; path is taken over. A file Alembic would refuse
 * becomes a finding. */
static void add_revision(struct hg_graph *g, struct hg_findings *f, struct hg_scan *s, char *path,
                         const char *name)
{
    HG_AUTO(hg_freep) char *shown = path;
    if (s->state == HG_SCAN_REFUSED) {
        HG_AUTO(hg_freep) char *text = hg_xasprintf("%s cannot be loaded: %s", shown, s->why);
        unreadable(g, f, "HG109", shown, s, text);
        return;
    }
    struct hg_scan_value *v = s->values;
    HG_AUTO(hg_freep) char *legacy = v[HG_SCAN_REVISION].assigned ? NULL : legacy_id(name);
    if (!v[HG_SCAN_REVISION].assigned && !legacy) {
        HG_AUTO(hg_freep) char *text =
            hg_xasprintf("%s does not set `revision`; every .py file beside revisions has to", shown);
        unreadable(g, f, "HG105", shown, s, text);
        return;
    }
    if (!v[HG_SCAN_DOWN].assigned) {
        HG_AUTO(hg_freep) char *text = hg_xasprintf("%s does not set `down_revision`", shown);
        unreadable(g, f, "HG105", shown, s, text);
        return;
    }
    struct hg_revision *r = hg_graph_add(g);
    r->id = legacy ? HG_TAKE(legacy) : hg_xstrdup(v[HG_SCAN_REVISION].items.items[0]);
    r->line = v[HG_SCAN_REVISION].line;
    move_list(&r->down, &v[HG_SCAN_DOWN].items);
    move_list(&r->labels, &v[HG_SCAN_LABELS].items);
    move_list(&r->depends_on, &v[HG_SCAN_DEPENDS].items);
    r->doc = s->doc ? HG_TAKE(s->doc) : hg_xstrdup("");
    r->path = HG_TAKE(shown);
}

static char *env_py(const struct hg_alembic_config *c)
{
    HG_AUTO(hg_freep) char *path = hg_path_join(c->script_location, "env.py");
    return shown_path(c, path);
}

char *hg_alembic_location_line(const struct hg_alembic_config *c, const char *folder)
{
    HG_AUTO(hg_freep) char *dir = hg_path_dir(c->file);
    HG_AUTO(hg_freep) char *here = hg_path_real(dir);
    HG_AUTO(hg_freep) char *shown = hg_path_relative(here, folder);
    const char *quote = hg_ends_with(c->file, ".toml") ? "\"" : "";
    return hg_xasprintf("version_locations = %s%s%%(here)s/%s%s%s", *quote ? "[" : "", quote, shown, quote,
                        *quote ? "]" : "");
}

static char *line_for(const struct hg_alembic_config *c, const char *file)
{
    HG_AUTO(hg_freep) char *folder = hg_path_dir(file);
    return hg_alembic_location_line(c, folder);
}

static void empty_history(const struct load *l, const struct hg_rev_files *files)
{
    const struct hg_strv *locations = &l->c->version_locations;
    if (files->count > 0 || !files->nested.count)
        return;
    HG_AUTO(hg_freep) char *list = hg_strv_join(locations, ", ");
    HG_AUTO(hg_freep) char *nested = shown_path(l->c, files->nested.items[0]);
    struct hg_finding *f = hg_finding_add(l->findings, "HG110",
                                          "no revision is found in %s, but there is %s", list, nested);
    f->path = shown_path(l->c, l->c->file);
    if (l->c->locations_option_line > 0) {
        HG_AUTO(hg_freep) char *env = env_py(l->c);
        HG_AUTO(hg_freep) char *line = line_for(l->c, files->nested.items[0]);
        f->help = hg_xasprintf("%s:%d sets version_locations when Alembic has read it already: name the folder in %s, "
                               "as in `%s`", env, l->c->locations_option_line, f->path, line);
        return;
    }
    f->help = files->missing_locations > 0
                  ? hg_xstrdup("check version_locations: several folders need `path_separator = os` (or "
                               "newline, space) to be told apart")
                  : hg_xstrdup("folders below are read with `recursive_version_locations = true` only, "
                               "in lower case");
}

/* Alembic's `upgrade` reads other folders than its `history` then; which, may depend on the target's variables, with
 * which Python is never started to answer a question. */
static int told_by_code(const struct load *l, const struct hg_rev_files *files, struct hg_err *err)
{
    const struct hg_alembic_config *c = l->c;
    if (files->count > 0 || c->locations_line == 0)
        return 0;
    HG_AUTO(hg_freep) char *env = env_py(c);
    HG_AUTO(hg_freep) char *file = shown_path(c, c->file);
    HG_AUTO(hg_freep) char *list = hg_strv_join(&c->version_locations, ", ");
    HG_AUTO(hg_freep) char *line = files->nested.count ? line_for(c, files->nested.items[0]) : NULL;
    hg_fail(err, HG_E_UNKNOWN, "no revision is found in %s, and %s:%d says by code where they are", list, env,
            c->locations_line);
    HG_AUTO(hg_buf_done) struct hg_buf found = HG_BUF_INIT;
    for (size_t i = 0; i < files->nested.count; i++) {
        HG_AUTO(hg_freep) char *nested = shown_path(c, files->nested.items[i]);
        hg_buf_addf(&found, "%s%s", i ? "\n" : "found below, where alembic.ini does not look:\n", nested);
    }
    if (found.len > 0)
        hg_detail(err, "%s", hg_buf_str(&found));
    return hg_hint(err, "name the folder that it means in %s: `%s`", file,
                   line ? line : "version_locations = FOLDER");
}

static int needs_python(const char *name, const struct hg_scan *scan, struct hg_err *err)
{
    return hg_fail(err, HG_E_UNKNOWN, "%s:%d cannot be read without Python: %s", name, scan->line,
                   scan->why);
}

/* Behind the files of the folders, as Alembic would with one folder more. */
static int scan_sources(struct load *l, const struct hg_alembic_source *sources, size_t count,
                        struct hg_err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct item *it = &l->items[l->count++];
        it->source = &sources[i];
        hg_scan_module(sources[i].data, sources[i].len, &it->scan);
        if (it->scan.state == HG_SCAN_DYNAMIC)
            return needs_python(sources[i].name, &it->scan, err);
    }
    return 0;
}

/* Whoever waits for this core (the thread that connects, or the server itself) gets it after so many
 * files: on two cores that is 13% of a status of 1,000 revisions. */
enum { YIELD_EVERY = 16 };

static int read_all(struct load *l, const struct hg_rev_files *files, size_t more, struct hg_err *err)
{
    l->items = hg_xcalloc(files->count + more + 1, sizeof *l->items);
    l->count = files->count;
    for (size_t i = 0; i < files->count; i++) {
        struct item *it = &l->items[i];
        it->file = &files->items[i];
        if (it->file->fault) {
            it->scan.state = HG_SCAN_REFUSED;
            it->scan.why = hg_xstrdup(it->file->fault);
        } else if (read_file(l, it, err) < 0) {
            return -1;
        }
        if (i % YIELD_EVERY == 0)
            (void)sched_yield();
    }
    return ask_python(l, err);
}

/* The path for people: the folder's prefix is worked out once, not for each file. */
struct prefix { const char *dir; size_t len; char *shown; };

static char *shown_with(struct prefix *p, const struct hg_alembic_config *c, const char *path)
{
    size_t len = (size_t)(hg_path_base(path) - path);
    if (!p->dir || p->len != len || memcmp(p->dir, path, len) != 0) {
        HG_AUTO(hg_freep) char *dir = hg_xstrndup(path, len > 1 ? len - 1 : len);
        free(p->shown);
        p->shown = shown_path(c, dir);
        p->dir = path;
        p->len = len;
    }
    return hg_path_join(p->shown, path + len);
}

static void keep_text(struct hg_node *n, const char *text, size_t len)
{
    if (!text)
        return;
    n->text = hg_xmalloc(len + 1); /* may hold NUL bytes */
    memcpy(n->text, text, len);
    n->text[len] = '\0';
    n->text_len = len;
}

static struct hg_graph *make_graph(struct load *l)
{
    struct hg_graph *g = hg_graph_new();
    struct prefix p = { 0 };
    const struct item **made = hg_xcalloc(l->count + 1, sizeof *made);
    for (size_t i = 0; i < l->count; i++) {
        struct item *it = &l->items[i];
        size_t before = g->count;
        char *shown = it->file ? shown_with(&p, l->c, it->file->path) : hg_xstrdup(it->source->name);
        add_revision(g, l->findings, &it->scan, shown,
                     it->file ? it->file->name : hg_path_base(it->source->name));
        hg_scan_done(&it->scan);
        if (g->count == before)
            continue;
        struct hg_revision *r = &g->revs[before];
        made[before] = it;
        r->file = it->file ? hg_xstrdup(it->file->path) : NULL;
        r->dynamic = it->dynamic;
        if (r->dynamic)
            r->line = 0;
    }
    hg_graph_build(g, l->findings);
    for (size_t i = 0; i < g->count; i++) {
        g->nodes[i].size = made[i]->size;
        g->nodes[i].mtime_ns = made[i]->mtime_ns;
        if (made[i]->source)
            keep_text(&g->nodes[i], made[i]->source->data, made[i]->source->len);
    }
    free(made);
    free(p.shown);
    return g;
}

static void load_done(struct load *l)
{
    for (size_t i = 0; i < l->count; i++)
        hg_scan_done(&l->items[i].scan);
    free(l->items);
    hg_buf_done(&l->text);
    hg_closep(&l->dirfd);
    free(l->dir);
}

int hg_alembic_load_with(const struct hg_alembic_config *c, const struct hg_alembic_options *o,
                         const struct hg_alembic_source *sources, size_t count, struct hg_graph **ret,
                         struct hg_findings *findings, struct hg_err *err)
{
    HG_AUTO(hg_rev_files_done) struct hg_rev_files files = { 0 };
    HG_AUTO(load_done) struct load l = { .c = c, .o = o, .findings = findings, .dirfd = -1 };
    if (hg_rev_files_list(c, &files, err) < 0 || told_by_code(&l, &files, err) < 0 || read_all(&l, &files, count, err) < 0 ||
        scan_sources(&l, sources, count, err) < 0)
        return -1;
    empty_history(&l, &files);
    if (c->version_table_dynamic) {
        HG_AUTO(hg_freep) char *env = hg_path_join(c->script_location, "env.py");
        hg_finding_add(findings, "HG111",
                       "env.py sets version_table or version_table_schema by code, so the name is not "
                       "known")->path = shown_path(c, env);
    }
    *ret = make_graph(&l);
    return 0;
}

int hg_alembic_load(const struct hg_alembic_config *c, const struct hg_alembic_options *o,
                    struct hg_graph **ret, struct hg_findings *findings, struct hg_err *err)
{
    return hg_alembic_load_with(c, o, NULL, 0, ret, findings, err);
}

int hg_alembic_load_sources(const struct hg_alembic_source *sources, size_t count,
                            struct hg_graph **ret, struct hg_findings *findings, struct hg_err *err)
{
    const struct hg_rev_files none = { 0 };
    HG_AUTO(load_done) struct load l = { .findings = findings, .dirfd = -1 };
    if (read_all(&l, &none, count, err) < 0 || scan_sources(&l, sources, count, err) < 0)
        return -1;
    *ret = make_graph(&l);
    return 0;
}

int hg_alembic_load_facts(const struct hg_alembic_fact *facts, size_t count, struct hg_graph **ret,
                          struct hg_findings *findings, struct hg_err *err)
{
    if (count > HG_REVISIONS_MAX)
        return hg_fail(err, HG_E_UNKNOWN, "more than %zu revisions", HG_REVISIONS_MAX);
    struct hg_graph *g = hg_graph_new();
    for (size_t i = 0; i < count; i++) {
        struct hg_revision *r = hg_graph_add(g);
        r->id = hg_xstrdup(facts[i].id);
        r->doc = hg_xstrdup(facts[i].doc);
        r->path = hg_xstrdup(facts[i].path);
        r->dynamic = facts[i].dynamic;
        hg_strv_addv(&r->down, facts[i].down);
        hg_strv_addv(&r->depends_on, facts[i].depends_on);
        hg_strv_addv(&r->labels, facts[i].labels);
    }
    hg_graph_build(g, findings);
    for (size_t i = 0; i < count; i++)
        keep_text(&g->nodes[i], facts[i].text, facts[i].len);
    *ret = g;
    return 0;
}
