/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HG_CMD_NEW_H
#define HG_CMD_NEW_H

#include "alembic/alembic.h"
#include "cli/cli.h"
#include "review/review.h"
#include "status/status.h"
#include "target/target.h"

struct new_options {
    struct hg_common common;
    const char *message, *head;
    bool manual, allow_empty;
    int argc;
    char **argv;
};

int new_run(void *options, const struct hg_strv *args, struct hg_err *err);

/* The project: target, files, and once more after generating. */
struct project {
    const struct new_options *o;
    struct hg_target target;
    bool have_target;
    struct hg_alembic_config alembic;
    bool have_alembic;
    struct hg_graph *graph;
    struct hg_findings findings;    /* of the graph */
};

/* Reads the revision files (again). */
int project_load(struct project *p, struct hg_err *err);

/* 0 when the development database stands where the files end; else REFUSED with what to do. */
int check_up_to_date(struct project *p, struct hg_err *err);

/* A revision file that Alembic wrote. */
struct made {
    char *file;      /* on this host, absolute */
    char *inside;    /* in the container or behind the command; NULL: here */
};

/* Runs `alembic revision` where the target runs. extra: further options for it. The file lies in
 * the working tree and belongs to the caller afterwards. */
int generate(struct project *p, const struct hg_strv *extra, struct made *ret, struct hg_err *err);
/* Takes the file away again, also there. */
int made_remove(struct project *p, const struct made *m, struct hg_err *err);
void made_done(struct made *m);

#endif
