/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/entrypoint/entrypoint.h - what a container does before its application: wait for the database,
 * look where it stands, act by policy, become the application.
 *
 * Recipe: one call, hg_entrypoint_run, which returns only when the application is not to be started.
 * hg_entrypoint_health is the other question, that a probe asks: is the database where this image
 * needs it? Both read the database as headgate-status does (one statement, SELECT on one table); only
 * policy `apply` starts another program, headgate-apply, when something is pending.
 */
#ifndef HG_ENTRYPOINT_ENTRYPOINT_H
#define HG_ENTRYPOINT_ENTRYPOINT_H

#include "cli/cli.h"

struct hg_entrypoint_options {
    const struct hg_common *common;
    int argc;
    char **argv;
    char *const *app;               /* NULL-terminated; what to become */
    /* NULL, false, 0: not given; headgate.yaml says it, else the default */
    const char *policy;             /* apply (default), verify, wait, none */
    const char *ahead;              /* proven (default), refuse, allow */
    const char *bundle;             /* what to migrate by; NULL: headgate.bundle, where there is one beside
                                     * headgate.yaml or in the working directory, else revision files */
    bool init, group;               /* stay as process 1 beside the application */
    bool retry_failed;
    int64_t liveness;               /* port for probes */
    int64_t lock_wait_ns;           /* for another headgate's migration; < 0: not given */
    /* What people should know, one line at a time; not under -q. */
    void (*say)(const char *text);
    void (*warn)(const char *text);
};
/* Returns -1 with *err: exit codes as in CONTRACT.md, 4 also for a revision that failed before. A
 * signal that comes before anything was started ends the process at once, with 128+n. */
int hg_entrypoint_run(const struct hg_entrypoint_options *o, struct hg_err *err);
/* 0 when the database is where this image needs it and the application was started, else -1; waits
 * for nothing but an answer (5 s, or --timeout). */
int hg_entrypoint_health(const struct hg_entrypoint_options *o, struct hg_err *err);

#endif
