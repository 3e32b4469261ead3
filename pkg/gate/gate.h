/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/gate/gate.h - may this code be applied to this target now? A policy over findings.
 *
 * The gate gathers what others noticed (graph, status, target, review, ledger), adds what only it
 * looks at (git, identity, headgate.yaml's own changes), applies rules, waivers and overrides, and
 * gives one verdict. It reads; it never changes a database or a repository.
 *
 * Recipe: read the status (or do not, for --offline) -> hg_gate_judge() -> verdict and findings.
 * `headgate gate` prints them; `headgate apply` calls the same function with the status it has read
 * under its lock.
 * Ownership: the result owns its findings and strings; everything of the input is borrowed.
 */
#ifndef HG_GATE_GATE_H
#define HG_GATE_GATE_H

#include "alembic/alembic.h"
#include "finding/finding.h"
#include "pg/pg.h"
#include "status/status.h"
#include "target/target.h"

enum hg_verdict { HG_VERDICT_UNKNOWN, HG_VERDICT_OPEN, HG_VERDICT_SHUT };

struct hg_gate_input {
    const struct hg_target *target;
    const struct hg_alembic_config *alembic;   /* NULL: no alembic.ini (apply --bundle) */
    const struct hg_graph *graph;              /* NULL: could not be loaded, or none */
    /* The graph is that of a bundle, which was built of this commit (NULL: outside of git), or of files
     * that were not all committed. */
    bool built, built_dirty;
    const char *built_commit;
    /* NULL: offline, files and git alone. Its findings are copied into the result. */
    const struct hg_status *status;
    const struct hg_findings *graph_findings;  /* offline: of loading the graph; else NULL */
    /* An open connection to the target's database, idle, for reading the ledger; NULL: one is opened. */
    PGconn *conn;
    bool under_lock;                           /* asked by an apply that holds its lock */
    const char *dir;                           /* -C DIR; NULL: "." */
    const struct hg_common *common;            /* for the status of other targets; NULL: no options */
    const char *base;                          /* --base; NULL: the configuration's */
    enum hg_severity fail_on;                  /* HG_SEV_OFF: the target's */
    const struct hg_strv *overrides;           /* "RULE=REASON"; may be NULL */
    const struct hg_strv *required;            /* "TARGET=STATE"; may be NULL */
    bool from_empty;                           /* --from-empty */
    bool release;                              /* --release: held revisions may go */
    bool recorded;                             /* the status is that of a snapshot: containers, the
                                                * ledger and other targets' programs are not asked */
    const struct hg_findings *more;            /* of the caller, to be judged like its own; may be NULL */
    bool no_pending;                           /* rollback, baseline: no pending revision will run,
                                                * so neither they nor `after` are judged */
    bool no_catalog;                           /* nothing will run: the schema is not compared */
    int64_t deadline_ns;                       /* monotonic, for git, ledger and other targets */
    int64_t wait_ns;                           /* longest wait for one answer of the database; 0: until then */
};

struct hg_gate {
    enum hg_verdict verdict;
    enum hg_severity fail_on;
    struct hg_findings findings;               /* all, also waived ones */
    size_t waived;
    char *why;                                 /* verdict unknown: what could not be told; else NULL */
    char *base;                                /* what was compared with: "main (1a2b3c4d)"; or NULL */
    json_t *earlier;                           /* gate.after: that target's receipt, if it is to be
                                                * believed; else NULL */
};
#define HG_GATE_INIT { .verdict = HG_VERDICT_UNKNOWN }

/* -1 only for wrong input (USAGE: an override of an unknown rule or without a reason, a malformed
 * TARGET=STATE). Everything that could not be found out is verdict UNKNOWN with `why`. */
int hg_gate_judge(const struct hg_gate_input *in, struct hg_gate *ret, struct hg_err *err);
void hg_gate_done(struct hg_gate *g);

/* Is it the pinned database, and does its label name this target? Adds HG501, HG502, HG503, HG509. */
void hg_gate_identity(const struct hg_target *target, const struct hg_status *status,
                      struct hg_findings *ret);

/* Has the commit, in the repository around dir, a file of this path's last name with these lines? The
 * commit must be one that a branch or tag here has; for a protected target, one that the base branch
 * has. True: *ret_path gets the file's path in it; false: *ret_why a clause that says why not. Both
 * heap. */
bool hg_gate_committed(const struct hg_target *target, const char *dir, const char *commit,
                       const char *path, const struct hg_buf *bytes, int64_t deadline_ns,
                       char **ret_path, char **ret_why);

/* Can the revisions of dir be compared with the base branch (HG216)? NULL: they can, or dir is in no git
 * repository. Else why not, heap, and *ret_hint what to do about it, heap. envp is git's environment. */
char *hg_gate_incomparable(const struct hg_target *target, const char *dir, char *const *envp,
                           int64_t deadline_ns, char **ret_hint);

const char *hg_verdict_name(enum hg_verdict verdict); /* "open", "shut", NULL for unknown */
/* 0, 1 or 3. */
int hg_gate_exit(const struct hg_gate *g);

/* The document of CONTRACT.md; err NULL or the error to put in. New reference. */
json_t *hg_gate_json(const struct hg_gate_input *in, const struct hg_gate *g, const struct hg_err *err);
/* One screen: the verdict, where the target stands, findings with their ways out. */
void hg_gate_text(const struct hg_gate_input *in, const struct hg_gate *g, bool color,
                  struct hg_buf *ret);

#endif
