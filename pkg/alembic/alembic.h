/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/alembic/alembic.h - Alembic's files, read without Python: its configuration, its revision
 * files, the graph they make, and every question about that graph which Alembic would answer.
 *
 * Facts come from Alembic's sources (alembic/config.py, script/base.py, script/revision.py); the
 * function each rule comes from is named where it is implemented.
 *
 * Recipe: hg_alembic_config_load -> hg_alembic_load -> hg_graph_* questions.
 * Ownership: a config and a graph own everything reached through them; pointers to revisions live
 * as long as the graph.
 */
#ifndef HG_ALEMBIC_ALEMBIC_H
#define HG_ALEMBIC_ALEMBIC_H

#include "base/base.h"

struct hg_findings;
struct hg_vars;

/* ---- configuration ------------------------------------------------------------------------ */

struct hg_alembic_config {
    char *dir;               /* absolute: where alembic would be started (the folder of alembic.ini) */
    char *base;              /* absolute: -C DIR, which shown paths are relative to */
    char *shown_dir;         /* dir seen from base ("backend"), "" when the same */
    char *file;              /* the alembic.ini or pyproject.toml read, absolute */
    char *section;           /* "alembic" */
    char *script_location;   /* absolute */
    struct hg_strv version_locations; /* absolute, in order */
    struct hg_strv prepend_sys_path;  /* absolute, for the Python that must help */
    bool recursive, sourceless;
    char *sqlalchemy_url;    /* literal sqlalchemy.url after interpolation, or NULL */
    char *version_table;     /* literal keyword in env.py, or NULL: alembic_version */
    char *version_table_schema; /* literal keyword in env.py, or NULL */
    bool version_table_dynamic; /* env.py sets one of them by something not literal */
    bool transaction_per_migration; /* literal True in env.py */
    bool include_schemas;    /* literal True in env.py */
    int locations_line;      /* env.py gives the ScriptDirectory other version_locations there; 0: it does not */
    int locations_option_line; /* env.py sets the option there, which is too late for Alembic */
};

struct hg_alembic_options {
    const char *dir;         /* -C DIR; NULL: "." */
    const char *directory;   /* migrator.directory of headgate.yaml, relative to its file; absolute; NULL */
    const char *config;      /* --alembic-config, NULL: ALEMBIC_CONFIG, else as Alembic */
    const char *section;     /* NULL: alembic */
    bool no_python;
    char *const *python_env; /* environment for a Python that must help; without secrets. NULL: ours less
                                tokens and connection variables */
    int64_t python_timeout_ns; /* 0: 30 s */
    bool graph_only;         /* nobody will ask for texts or digests: saves a call a file */
};

/* Finds and reads the configuration: DIR itself, else the one sub-directory (of DIR, or of the
 * repository above it) that has an alembic.ini. HG_E_CONFIG when there is none (both places named)
 * or several (listed), or what ConfigParser would refuse. */
int hg_alembic_config_load(const struct hg_alembic_options *o, struct hg_alembic_config *ret,
                           struct hg_err *err);
/* The same for verbs that can do without (a bare database): no alembic.ini where none was asked for
 * by option, headgate.yaml or ALEMBIC_CONFIG is 0 with *ret_found false. */
int hg_alembic_config_find(const struct hg_alembic_options *o, struct hg_alembic_config *ret,
                           bool *ret_found, struct hg_err *err);
void hg_alembic_config_done(struct hg_alembic_config *c);
/* The folder of the file that it would read; heap, NULL when there is none or several. */
char *hg_alembic_folder(const struct hg_alembic_options *o);

/* ---- revisions ---------------------------------------------------------------------------- */

struct hg_revision {
    char *id;
    struct hg_strv down;       /* as written, in order */
    struct hg_strv depends_on; /* as written */
    struct hg_strv labels;     /* as written */
    char *doc;                 /* Alembic's Script.doc; "" when none */
    char *path;                /* for people and JSON: relative to -C DIR */
    char *file;                /* absolute; NULL: from memory */
    char *digest;              /* SHA-256 of the file's bytes; NULL until hg_graph_digests() */
    int line;                  /* of the `revision` assignment; 0 when Python told */
    bool dynamic;              /* Python had to tell */
    /* Filled by the graph: */
    size_t index;              /* position in file ("map") order */
    bool is_head, is_base, is_branch_point, is_merge_point;
    bool is_real_head;         /* nothing names it, not even a depends_on */
};

struct hg_graph;

/* May a file of this name be a revision file? _only_source_rev_file (script/base.py):
 * (?!\.\#|__init__)(.*\.py)$ */
bool hg_alembic_is_revision_name(const char *name);
/* Reads all revision files of the configuration (statically; what is not literal goes to one Python
 * process) and builds the graph. Faults of the history become HG1xx findings: then 0 is returned and
 * hg_graph_ok() is false. -1 only when something could not be told at all (unreadable directory,
 * dynamic file without Python, no file at all and an env.py that says by code where they are: kind
 * UNKNOWN, exit 3). */
int hg_alembic_load(const struct hg_alembic_config *c, const struct hg_alembic_options *o,
                    struct hg_graph **ret, struct hg_findings *findings, struct hg_err *err);
/* The same from memory, for tests, git trees and the ledger: file names and their bytes. Files that
 * are not literal are reported, not run. */
struct hg_alembic_source { const char *name; const char *data; size_t len; };
/* Both together: the files of the configuration, then these, as if they lay in one folder more (what
 * the ledger kept). Their revisions have no `file`, and `name` as path. */
int hg_alembic_load_with(const struct hg_alembic_config *c, const struct hg_alembic_options *o,
                         const struct hg_alembic_source *sources, size_t count, struct hg_graph **ret,
                         struct hg_findings *findings, struct hg_err *err);
int hg_alembic_load_sources(const struct hg_alembic_source *sources, size_t count,
                            struct hg_graph **ret, struct hg_findings *findings, struct hg_err *err);
/* Where an earlier text of the configuration put the revision files: appends the version locations
 * (absolute; nothing has to exist). ini, toml: alembic.ini and pyproject.toml of then in the folder of
 * now->file, NULL: there was none. CONFIG for a text that Alembic would not take. */
int hg_alembic_locations_then(const struct hg_alembic_config *now, const struct hg_alembic_source *ini,
                              const struct hg_alembic_source *toml, struct hg_strv *ret, bool *ret_recursive,
                              struct hg_err *err);
/* What to write into the configuration so that revisions are looked for in FOLDER (absolute). Heap. */
char *hg_alembic_location_line(const struct hg_alembic_config *c, const char *folder);
/* The graph of revisions that somebody has read before (a bundle's index): nothing is scanned, and no
 * fault of a file can come up. Lists and strings are copied, texts too (for hg_graph_text). */
struct hg_alembic_fact {
    const char *id, *doc, *path;
    const struct hg_strv *down, *depends_on, *labels;
    const char *text;
    size_t len;
    bool dynamic;
};
int hg_alembic_load_facts(const struct hg_alembic_fact *facts, size_t count, struct hg_graph **ret,
                          struct hg_findings *findings, struct hg_err *err);
void hg_graph_free(struct hg_graph *g);

/* False when Alembic would refuse this history (or when it has a duplicate id). */
bool hg_graph_ok(const struct hg_graph *g);
size_t hg_graph_count(const struct hg_graph *g);
const struct hg_revision *hg_graph_at(const struct hg_graph *g, size_t index);  /* map order */
const struct hg_revision *hg_graph_get(const struct hg_graph *g, const char *id); /* exact id or NULL */
/* Fills digest of every revision. The files are read again (keeping the text of thousands costs
 * more memory than reading them); where one is gone or is not the one that was scanned any more
 * (size, time), digest stays NULL. */
void hg_graph_digests(struct hg_graph *g);
/* The bytes of the file, NUL-terminated, read on demand and then kept with the graph; NULL when it
 * is gone or changed since it was scanned. */
const char *hg_graph_text(const struct hg_graph *g, const struct hg_revision *r, size_t *ret_len);

/* A list of borrowed revisions. */
struct hg_revlist { const struct hg_revision **items; size_t count, cap; };
#define HG_REVLIST_INIT { NULL, 0, 0 }
void hg_revlist_done(struct hg_revlist *l);

/* heads and bases as Alembic orders them (`alembic heads`, file order); real_heads is what
 * alembic_version holds after `upgrade heads`. */
void hg_graph_heads(const struct hg_graph *g, struct hg_revlist *ret);
void hg_graph_real_heads(const struct hg_graph *g, struct hg_revlist *ret);
void hg_graph_bases(const struct hg_graph *g, struct hg_revlist *ret);
/* The order of `alembic history` (newest first). */
void hg_graph_history(const struct hg_graph *g, struct hg_revlist *ret);

/* ---- questions with database rows ----------------------------------------------------------- */

/* Rows as stored -> revisions, by Alembic's rules (a row may be a unique prefix or a label).
 * Rows that resolve to nothing are put into ret_unknown. Overlap (a row that is an ancestor of
 * another) sets *ret_overlap. Either may be NULL: not asked for. */
void hg_graph_resolve_rows(const struct hg_graph *g, const struct hg_strv *rows,
                           struct hg_revlist *ret, struct hg_strv *ret_unknown, bool *ret_overlap);
/* What `alembic current` prints for known rows, sorted by id. */
void hg_graph_current(const struct hg_graph *g, const struct hg_revlist *rows, struct hg_revlist *ret);
/* applied[index] for every revision. Caller frees. */
bool *hg_graph_applied(const struct hg_graph *g, const struct hg_revlist *rows);
/* The same for rows as stored; those that resolve to nothing are left aside. */
bool *hg_graph_applied_rows(const struct hg_graph *g, const struct hg_strv *rows);
/* What `alembic upgrade TARGET` would run, in order, from these rows. target: "heads", "head",
 * "LABEL@head", an identifier, "+2"… -1 with kind REFUSED and Alembic's reason in our words where
 * Alembic refuses. */
int hg_graph_upgrade(const struct hg_graph *g, const struct hg_revlist *rows, const char *target,
                     struct hg_revlist *ret, struct hg_err *err);
/* What `alembic downgrade TARGET` would run, in order ("-1", "base", an identifier…). */
int hg_graph_downgrade(const struct hg_graph *g, const struct hg_revlist *rows, const char *target,
                       struct hg_revlist *ret, struct hg_err *err);
/* The rows of alembic_version after running `steps` upwards (or downwards) from rows; sorted. */
void hg_graph_rows_after(const struct hg_graph *g, const struct hg_revlist *rows,
                         const struct hg_revlist *steps, bool down, struct hg_strv *ret);
/* What Alembic does to its version table after one step, as statements in order: INSERT to (from NULL),
 * DELETE from (to NULL), or UPDATE from to to. Ids are borrowed from the graph. */
struct hg_version_op { const char *from, *to; };
struct hg_version_ops { struct hg_version_op *items; size_t count, cap; };
/* Appends those of one step and moves the rows on; rows is a flag for each revision (hg_graph_row_flags).
 * -1 REFUSED where Alembic would fail for want of a row. */
int hg_graph_version_ops(const struct hg_graph *g, bool *rows, const struct hg_revision *step, bool down,
                         struct hg_version_ops *ret, struct hg_err *err);
void hg_version_ops_done(struct hg_version_ops *o);
/* Caller frees. */
bool *hg_graph_row_flags(const struct hg_graph *g, const struct hg_revlist *rows);
/* One identifier as `alembic show` resolves it (partial ids, labels, LABEL@head, relative). */
int hg_graph_find(const struct hg_graph *g, const char *ident, struct hg_revlist *ret,
                  struct hg_err *err);
/* `history -r FROM:TO`; rows may be NULL where "current" is not used. */
int hg_graph_range(const struct hg_graph *g, const char *range, const struct hg_revlist *rows,
                   struct hg_revlist *ret, struct hg_err *err);

/* ---- running Alembic ------------------------------------------------------------------------ */

/* The interpreter of the project: first line of the `alembic` script in DIR/.venv, DIR/venv, then in
 * $VIRTUAL_ENV, then in the same two of the folders above DIR up to the repository's root, then on PATH
 * (`path` NULL: ours), also pip's "#!/bin/sh '''exec'" form; else python3 beside it; at last python3 on
 * PATH when it has alembic. Heap path. UNKNOWN (exit 3) with the places that were looked at when there is
 * none. */
int hg_alembic_python(const char *dir, const char *path, char **ret_python, struct hg_err *err);
/* Does env.py ask Flask's application for the database (Flask-Migrate)? Then `flask db` runs Alembic, in
 * the folder above script_location. */
bool hg_alembic_needs_flask(const struct hg_alembic_config *c);
/* A Python program that finds `spec` as SPEC: "import json\nSPEC = json.loads('…')\n" before text. Heap. */
struct json_t;
char *hg_alembic_program(const struct json_t *spec, const char *text);
/* The same program for the stdin of `python3 -` in another place, a container or what a command leads
 * to: there the interpreter that has alembic is looked for first. It is all on stdin because what
 * leads there may be a shell's (ssh), which would take an argument apart. Takes `program` (wiped and
 * freed). Heap, wipe after use. */
char *hg_alembic_far_program(char *program);
/* What such an interpreter is called, most likely first. */
#define HG_ALEMBIC_PYTHONS "python3", "python"
/* A program on the stdin of the first of them that can be run behind a command (kubectl exec -i POD --). */
struct hg_alembic_behind {
    const struct hg_strv *command;
    const struct hg_vars *vars; /* the command's own environment: what it leads to does not see it */
    const char *dir, *program;
    int64_t timeout_ns;         /* as hg_process_run takes it, and the next too */
    size_t max_output;
    bool output_is_ours;        /* anything on stdout comes from the program, so that name was right */
};
/* 0 with the code and the output of the last one tried; -1 as hg_process_run, but without an exit code of its
 * own: 126 and 127 are about what the user typed. */
int hg_alembic_run_behind(const struct hg_alembic_behind *b, int *ret_code, struct hg_buf *ret_out,
                          struct hg_buf *ret_err, struct hg_err *err);

#endif
