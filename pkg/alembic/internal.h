/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of pkg/alembic share among themselves. */
#ifndef HG_ALEMBIC_INTERNAL_H
#define HG_ALEMBIC_INTERNAL_H

#include "alembic.h"
#include "finding/finding.h"
#include "scan.h"

/* Larger revision files, more of them, or longer lists are taken for a mistake. */
#define HG_REVISION_FILE_MAX ((size_t)64 << 20)
#define HG_REVISIONS_MAX     ((size_t)200000)
#define HG_CONFIG_FILE_MAX   ((size_t)4 << 20)

/* ---- source.c: encodings of Python source ---------------------------------------------------- */

enum hg_source_state { HG_SOURCE_UTF8, HG_SOURCE_BAD, HG_SOURCE_OTHER };
/* Takes off a BOM, honours a PEP 263 cookie; *text, *len then are UTF-8 (in `hold` if converted). */
enum hg_source_state hg_source_decode(const char **text, size_t *len, struct hg_buf *hold);

/* ---- ini.c: ConfigParser ---------------------------------------------------------------------- */

struct hg_ini;
int hg_ini_parse(const char *text, size_t len, const char *shown, const char *here,
                 struct hg_ini **ret, struct hg_err *err);
void hg_ini_free(struct hg_ini *ini);
bool hg_ini_has_section(const struct hg_ini *ini, const char *section);
/* *ret is the interpolated value (heap), or NULL when section or key are missing. */
int hg_ini_get(const struct hg_ini *ini, const char *section, const char *key, char **ret,
               struct hg_err *err);
/* The line on which the key stands; 0 when it does not. */
int hg_ini_line(const struct hg_ini *ini, const char *section, const char *key);

/* ---- toml.c: [tool.alembic] of pyproject.toml -------------------------------------------------- */

enum hg_toml_type { HG_TOML_STRING, HG_TOML_BOOL, HG_TOML_LIST, HG_TOML_OTHER };
struct hg_toml_item {
    char *key;
    enum hg_toml_type type;
    char *string;
    bool boolean;
    struct hg_strv list;
    int line;
};
struct hg_toml {
    struct hg_toml_item *items;
    size_t count, cap;
    bool present; /* the table stands in the file */
};
#define HG_TOML_INIT { NULL, 0, 0, false }
int hg_toml_parse(const char *text, size_t len, const char *shown, struct hg_toml *ret,
                  struct hg_err *err);
const struct hg_toml_item *hg_toml_get(const struct hg_toml *t, const char *key);
void hg_toml_done(struct hg_toml *t);

/* ---- locate.c: where alembic.ini is ------------------------------------------------------------- */

/* Fills dir, shown_dir and the two candidate files (heap; NULL: none). */
struct hg_located { char *base, *dir, *ini, *toml; };
int hg_alembic_locate(const struct hg_alembic_options *o, struct hg_located *ret, struct hg_err *err);
void hg_located_done(struct hg_located *l);
/* `path` as seen from `base`; both absolute. Heap. */
char *hg_path_relative(const char *base, const char *path);
/* realpath(3) when it exists, else a copy. Heap. */
char *hg_path_real(const char *path);

/* ---- python.c: what only Python can tell ------------------------------------------------------------ */

/* Where PACKAGE:sub:dir is. Heap. */
int hg_alembic_resource(const struct hg_alembic_config *c, const struct hg_alembic_options *o,
                        const char *value, char **ret, struct hg_err *err);
/* A file that the scan could not settle, and Python's answer. */
struct hg_dynamic {
    const char *path;           /* absolute; borrowed */
    struct hg_scan *scan;       /* in: why; out: values, doc and state OK or REFUSED */
};
int hg_alembic_ask_python(const struct hg_alembic_config *c, const struct hg_alembic_options *o,
                          struct hg_dynamic *files, size_t count, struct hg_err *err);

/* ---- files.c: which files are revision files ------------------------------------------------------ */

struct hg_rev_file {
    char *path;        /* absolute */
    const char *name;  /* last part of path */
    const char *fault; /* why it cannot be a revision file though Alembic would load it; or NULL */
};
struct hg_rev_files {
    struct hg_rev_file *items;
    size_t count, cap;
    size_t missing_locations; /* configured directories that do not exist */
    struct hg_strv nested;    /* with no file at all: those found below, where Alembic does not look */
};
int hg_rev_files_list(const struct hg_alembic_config *c, struct hg_rev_files *ret,
                      struct hg_err *err);
void hg_rev_files_done(struct hg_rev_files *f);

/* ---- graph.c, graph_build.c -------------------------------------------------------------------------------- */

/* A list of indexes of revisions. */
struct hg_ids {
    uint32_t *items;
    size_t count, cap;
};
void hg_ids_add(struct hg_ids *l, size_t index);
bool hg_ids_have(const struct hg_ids *l, size_t index);
void hg_ids_done(struct hg_ids *l);

/* A name (id or label) of the revision map; an id stands before a label. */
struct hg_key {
    const char *name;
    uint32_t index;
    bool label;
};

struct hg_node {
    struct hg_ids down;     /* resolved down_revision, without repetitions, order kept */
    size_t down_written;    /* as written, with repetitions */
    struct hg_ids deps;     /* resolved depends_on */
    struct hg_ids norm;     /* "normalized" downs: down, then deps no ancestor has already */
    size_t norm_deps;       /* how many of norm are dependencies */
    struct hg_ids next;     /* children by down_revision */
    struct hg_ids all_next; /* children by either */
    struct hg_strv labels;  /* own and inherited */
    int64_t size, mtime_ns; /* of the file, to notice a change */
    char *text;             /* kept by hg_graph_text */
    size_t text_len;
    bool replaced;          /* a duplicate id that a later file takes */
};

struct hg_graph {
    struct hg_revision *revs;
    struct hg_node *nodes;
    size_t count, cap;
    struct hg_key *keys;    /* in the order of Alembic's map: ids by file, then labels */
    size_t key_count, key_cap;
    uint32_t *slots;        /* hash of keys: index + 1 */
    size_t slot_mask;
    struct hg_ids heads, real_heads, bases;
    bool ok, unresolved;
};

enum { HG_NO_REVISION = UINT32_MAX };

struct hg_graph *hg_graph_new(void);
/* Adds an empty revision at the end and returns it, valid until the next add. */
struct hg_revision *hg_graph_add(struct hg_graph *g);
/* Once all are added: edges, heads, labels, and the faults as findings. */
void hg_graph_build(struct hg_graph *g, struct hg_findings *findings);
const struct hg_key *hg_graph_key(const struct hg_graph *g, const char *name);

/* A set of revisions, one byte each. */
typedef uint8_t *hg_set;
enum hg_edges { HG_EDGES_DOWN, HG_EDGES_NORM, HG_EDGES_NEXT, HG_EDGES_ALL_NEXT };
hg_set hg_set_new(const struct hg_graph *g);
/* Adds index and everything reached from it. */
void hg_set_reach(const struct hg_graph *g, hg_set set, size_t index, enum hg_edges edges);
/* Two of the members of `targets`, one above the other? -1 with Alembic's refusal. */
int hg_graph_check_overlap(const struct hg_graph *g, const struct hg_ids *targets,
                           enum hg_edges edges, struct hg_err *err);

/* RevisionMap._topological_sort: newest first. -1 when the heads do not reach all of `needs`. */
int hg_graph_sort(const struct hg_graph *g, const hg_set needs, const struct hg_ids *heads,
                  struct hg_revlist *ret, struct hg_err *err);

/* ---- ident.c ----------------------------------------------------------------------------------------- */

/* RevisionMap.get_revisions and get_revision; HG_NO_REVISION is "base". */
int hg_graph_idents(const struct hg_graph *g, const char *ident, struct hg_ids *ret,
                    struct hg_err *err);
int hg_graph_ident(const struct hg_graph *g, const char *ident, uint32_t *ret, struct hg_err *err);

#endif
