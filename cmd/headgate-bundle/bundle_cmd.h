/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of headgate-bundle. */
#ifndef BUNDLE_CMD_H
#define BUNDLE_CMD_H

#include "bundle/bundle.h"
#include "cli/cli.h"
#include "process/process.h"
#include "target/target.h"

struct bundle_options {
    struct hg_common common;
    int argc;
    char **argv;
    const char *output, *driver, *key, *signers;
    struct hg_strv env;
    bool require_rendered, verify, no_verify;
};

/* The project that a bundle is built from, or compared with. */
struct bundle_project {
    struct hg_target target;
    struct hg_alembic_config alembic;
    struct hg_graph *graph;
    bool found;             /* there is an alembic.ini */
};
/* optional: no alembic.ini is fine. */
int bundle_project_open(const struct bundle_options *o, bool optional, struct bundle_project *ret,
                        struct hg_findings *findings, struct hg_err *err);
void bundle_project_done(struct bundle_project *p);

/* The verbs; they return exit codes, or -1. */
int bundle_build(const struct bundle_options *o, struct hg_err *err);
int bundle_verify(const struct bundle_options *o, const char *file, struct hg_err *err);
int bundle_show(const struct bundle_options *o, const char *file, const char *revision,
                struct hg_err *err);
int bundle_sign(const struct bundle_options *o, const char *file, struct hg_err *err);

/* One line on what is in it, and one for each direction of a revision that needs Python. */
void bundle_summary(const struct hg_bundle *b, struct hg_buf *ret);
void bundle_print_json(json_t *doc); /* takes the reference */

#endif
