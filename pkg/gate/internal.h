/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/gate/internal.h - the parts of the gate: git, files against the base branch, the target, and
 * the policy. Each adds findings; none gives a verdict.
 */
#ifndef HG_GATE_INTERNAL_H
#define HG_GATE_INTERNAL_H

#include "gate.h"

/* ---- git ---------------------------------------------------------------------------------- */

enum hg_repo_kind {
    HG_REPO_NONE,     /* no repository at all: an image, an exported folder */
    HG_REPO_UNUSABLE, /* there is one, but it cannot be compared: `why` and `hint` say it */
    HG_REPO_READY,
};

struct hg_repo {
    enum hg_repo_kind kind;
    char *root;              /* absolute, symlinks resolved */
    char *head, *base, *merge_base; /* commit ids; head NULL before the first commit */
    char *base_name;         /* as people call it: "origin/main" */
    char *why, *hint;
    char *const *envp;       /* borrowed: git needs none of the target's secrets */
    int64_t deadline_ns;
    struct hg_blobs *merge_files; /* hg_repo_merge_files; NULL: not listed yet */
};

/* Finds the repository around `dir`, the base and the merge base. wanted NULL: origin/HEAD, main,
 * master. Never fails: what went wrong is in kind and why. */
void hg_repo_open(const char *dir, const char *wanted, char *const *envp, int64_t deadline_ns,
                  struct hg_repo *ret);
void hg_repo_done(struct hg_repo *r);

/* 1 when `folder` lies in a repository of its own inside this one: that, with the commits that this one names
 * for it. 0: it does not. -1: it does, and they cannot be told. */
int hg_repo_inner(const struct hg_repo *r, const char *folder, struct hg_repo *ret, struct hg_err *err);

/* The first line of git's answer to these arguments (NULL-terminated), heap; NULL when there is none or
 * git exits otherwise than with 0. */
char *hg_repo_line(const struct hg_repo *r, const char *const *args);
/* The id of the commit of that name, heap, or NULL. */
char *hg_repo_commit(const struct hg_repo *r, const char *name);

/* Does the base branch have this commit? */
bool hg_repo_in_base(const struct hg_repo *r, const char *commit);

/* A file of a commit. */
struct hg_blob {
    char *path;              /* relative to the root, '/' */
    char *id;                /* of the blob */
    bool link;               /* a symbolic link: its content is where it leads */
    char *data;              /* NULL until read */
    size_t len;
};
struct hg_blobs {
    struct hg_blob *items;
    size_t count, cap;
};
#define HG_BLOBS_INIT { NULL, 0, 0 }
/* All files and links of a commit in order of their paths, without contents; -1 with *err. */
int hg_repo_list(const struct hg_repo *r, const char *commit, struct hg_blobs *ret,
                 struct hg_err *err);
/* Those of the merge base, which are listed once; borrowed from the repo. NULL with *err. */
const struct hg_blobs *hg_repo_merge_files(struct hg_repo *r, struct hg_err *err);
/* Reads the contents of all in one git process. */
int hg_repo_read(const struct hg_repo *r, struct hg_blobs *blobs, struct hg_err *err);
/* Appends one file of a commit; path relative to the root. */
int hg_repo_file(const struct hg_repo *r, const char *commit, const char *path, struct hg_buf *ret,
                 struct hg_err *err);
const struct hg_blob *hg_blobs_find(const struct hg_blobs *blobs, const char *path);
void hg_blobs_done(struct hg_blobs *blobs);

struct hg_judge;

/* ---- revision files of a commit ------------------------------------------------------------ */

struct hg_side {
    struct hg_blobs blobs;   /* the revision files, with contents */
    struct hg_graph *graph;  /* made of those that can be read statically */
};
/* Those of a commit, which may have lain elsewhere then. files: those that are here now. */
struct hg_files;
int hg_side_load(struct hg_judge *j, const struct hg_files *files, const char *commit, struct hg_side *ret,
                 struct hg_err *err);
/* The file that a revision of this side's graph was read from. */
const struct hg_blob *hg_side_blob(const struct hg_side *s, const struct hg_revision *r);
void hg_side_done(struct hg_side *s);

/* `file` relative to the root of the repository; heap, or NULL when it lies outside. */
char *hg_repo_relative(const struct hg_repo *r, const char *file);
/* That path, relative to the root, as git takes it where headgate was started. Heap. */
char *hg_repo_pathspec(const struct hg_repo *r, const char *path);
/* Is there something in the working tree at this path from the root? */
bool hg_repo_here(const struct hg_repo *r, const char *path);
/* A folder relative to the root, "" for the root itself; it need not exist. Heap, NULL outside. */
char *hg_repo_folder(const struct hg_repo *r, const char *folder);

/* ---- checks ------------------------------------------------------------------------------- */

/* What the checks share while one verdict is made. */
struct hg_judge {
    const struct hg_gate_input *in;
    struct hg_gate *out;
    struct hg_repo repo;
    char **envp;             /* without secrets, for git */
    bool protected_;         /* the target is protected and its database is asked */
    bool silenced;           /* the change that HG217 is about would switch off HG217: that does not count */
    struct hg_revlist changed; /* revisions that the merge base does not have, or has otherwise */
};

/* Has the text that digest with all its line ends as LF, or as CRLF? Python reads them alike. */
bool hg_judge_only_line_ends(const char *text, size_t len, const char *digest);
/* Notes why no verdict can be given, unless something did before. */
void hg_judge_unknown(struct hg_judge *j, const char *fmt, ...) HG_PRINTF(2, 3);

/* Until when the next answer of the database is waited for. */
int64_t hg_judge_until(const struct hg_judge *j);

/* Has this rule been reported for this revision? */
bool hg_judge_has(const struct hg_judge *j, const char *rule, const char *revision);
/* Has this revision been reported as edited, deleted or put elsewhere? */
bool hg_judge_reported(const struct hg_judge *j, const char *revision);
/* HG216, and UNKNOWN where it must not pass: the base cannot be compared. */
void hg_judge_incomparable(struct hg_judge *j, const char *why, const char *hint);
/* HG201 to HG206, HG101 after merging: revision files against git. */
void hg_judge_files(struct hg_judge *j);
/* Is this revision of an earlier history gone because a declared squash replaced it? */
bool hg_squash_explains(const struct hg_judge *j, const struct hg_graph *then, const char *revision);
/* Are these the parents from before, but for the ends of declared squashes, which have given way? */
bool hg_squash_parents(const struct hg_judge *j, const struct hg_strv *then, const struct hg_strv *now);
/* A file from before as it reads behind the squash: down_revision and depends_on name what stands for the
 * old end. False: they do not name one. */
bool hg_squash_rewrite(const struct hg_judge *j, const char *text, size_t len, struct hg_buf *ret);
/* HG234: such a file, which is otherwise the same. */
void hg_squash_note(struct hg_judge *j, const struct hg_revision *r);
/* The same for a bundle, which says of itself of which commit it is: HG205, HG206, HG216. */
void hg_judge_built(struct hg_judge *j);
/* HG217: headgate.yaml against the base's. */
void hg_judge_config(struct hg_judge *j);
/* HG101, HG212 to HG214 by state, HG501, HG502, HG503, HG509. */
void hg_judge_state(struct hg_judge *j);
/* HG207 to HG211, HG220 for the revisions that matter. */
void hg_judge_review(struct hg_judge *j);
/* What the database is against what the ledger remembers: HG201 to HG203, HG215, HG223 to HG229,
 * HG611; and what failed migrations left: HG607, HG609. */
void hg_judge_ledger(struct hg_judge *j);
/* HG506: the files in the target's container against those here. */
void hg_judge_container(struct hg_judge *j);
struct hg_docker_files;
/* The same for a target with `run: { command: … }`: digests of the .py files below folder, there. */
int hg_behind_digests(struct hg_judge *j, const char *folder, int64_t timeout_ns,
                      struct hg_docker_files *ret, struct hg_err *err);
/* HG510 to HG512: gate.after with gate.soak and gate.receipt. */
void hg_judge_after(struct hg_judge *j);
/* The JSON that `headgate VERB WORDS… -t target` prints. */
int hg_judge_ask(struct hg_judge *j, const char *verb, const char *target, const struct hg_strv *words,
                 json_t **ret, struct hg_err *err);
/* Is the `database` of that document the one that is judged? */
bool hg_judge_same_database(const struct hg_status *s, const json_t *other);
/* HG510: --require, and the above. */
int hg_judge_required(struct hg_judge *j, struct hg_err *err);
/* Severities, waivers, overrides; HG219, HG221. */
int hg_judge_policy(struct hg_judge *j, struct hg_err *err);

/* Are two texts the same, apart from CRLF, CR and LF? */
bool hg_same_lines(const char *a, size_t alen, const char *b, size_t blen);
bool hg_same_list(const struct hg_strv *a, const struct hg_strv *b);
/* The first line of b that differs from a, from 1. */
int hg_first_difference(const char *a, size_t alen, const char *b, size_t blen);

#endif
