/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/gate/files.h - the revision files as they are here, in the merge base, in the base and in
 * HEAD, side by side.
 */
#ifndef HG_GATE_FILES_H
#define HG_GATE_FILES_H

#include "internal.h"

struct hg_file_now {
    char *path;                     /* relative to the repository's root */
    const struct hg_revision *revision;
};

struct hg_files {
    const struct hg_graph *graph;   /* as it is here; borrowed */
    struct hg_file_now *now;        /* in order of path; files outside the repository are not in it */
    size_t count;
    struct hg_strv locations;       /* version locations, relative to the root */
    struct hg_side sides[3];        /* one for each different commit */
    char *commits[3];
    size_t side_count;
    struct hg_side *merge, *tip, *head; /* point into sides */
    char *prefix;                   /* -C DIR below the root: "" or "backend/" */
};

int hg_files_load(struct hg_judge *j, struct hg_files *ret, struct hg_err *err);
void hg_files_done(struct hg_files *f);
/* The revision whose file lies at this path now, or NULL. */
const struct hg_revision *hg_files_at(const struct hg_files *f, const char *path);
/* The path of a revision's file, relative to the root; NULL outside. */
const char *hg_files_path(const struct hg_files *f, const struct hg_revision *r);
/* Has this side a file at the revision's place, and with the same lines? */
bool hg_files_in(const struct hg_files *f, const struct hg_side *s, const struct hg_revision *r);
bool hg_files_blob_is(const struct hg_files *f, const struct hg_side *s,
                      const struct hg_revision *r);
/* A path for people: relative to -C DIR where it lies below. Heap. */
char *hg_files_shown(const struct hg_files *f, const char *path);
/* Remembers a revision as part of the change. */
void hg_files_changed(struct hg_judge *j, const struct hg_revision *r);
/* HG101 when this history and the base's newest files together have more heads than one. */
void hg_files_merged_heads(struct hg_judge *j, const struct hg_files *f);

#endif
