/* SPDX-License-Identifier: Apache-2.0 */
/* cmd/headgate-plan/plan_cmd.h - between the files of this program. */
#ifndef HEADGATE_PLAN_PLAN_CMD_H
#define HEADGATE_PLAN_PLAN_CMD_H

#include "cli/cli.h"
#include "plan/plan.h"

struct plan_options {
    struct hg_common common;
    const char *output, *to, *base, *bundle;
    bool check;
    const char *snapshot;           /* the --from that is no source of an environment; or NULL */
    int argc;
    char **argv;
};

/* Judges the target, or the snapshot of it, and makes the plan. 0, or -1 with *err; *ret is NULL then. */
int plan_work(struct plan_options *o, json_t **ret, struct hg_err *err);

#endif
