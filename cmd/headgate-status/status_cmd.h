/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HG_CMD_STATUS_H
#define HG_CMD_STATUS_H

#include "cli/cli.h"
#include "status/status.h"

struct status_options {
    struct hg_common common;
    bool check, watch;
    const char *bundle;             /* the code side; NULL: alembic.ini, where there is one */
    int argc;
    char **argv;
};

int status_run(void *options, const struct hg_strv *args, struct hg_err *err);

#endif
