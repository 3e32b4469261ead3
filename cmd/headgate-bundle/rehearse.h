/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that try a bundle before it is written. */
#ifndef BUNDLE_REHEARSE_H
#define BUNDLE_REHEARSE_H

#include "bundle_cmd.h"
#include "pg/pg.h"

/* ---- online.c: Alembic in a process of its own, one step at a time -------------------------------- */

struct bundle_online {
    struct hg_process_child child;
    int fd;                 /* to and from it */
    struct hg_buf got;
};
#define BUNDLE_ONLINE_INIT { HG_PROCESS_CHILD_INIT, -1, HG_BUF_INIT }
int bundle_online_start(const struct hg_online *how, struct bundle_online *ret, struct hg_err *err);
/* 0; 1: Alembic failed, *ret_why (heap) says how; -1: there is no answer. */
int bundle_online_step(struct bundle_online *o, bool down, const char *revision, char **ret_why,
                       struct hg_err *err);
void bundle_online_done(struct bundle_online *o);

/* ---- compare.c: do two databases hold the same? ------------------------------------------------------ */

/* *ret_difference: heap, what is different; NULL: nothing. */
int bundle_compare(PGconn *a, PGconn *b, char **ret_difference, struct hg_err *err);

/* ---- rehearse.c ------------------------------------------------------------------------------------------ */

/* Makes every revision twice, up and down: by Alembic, and from the bundle; marks what was the same as
 * verified, and what was not as needing Python (HG258). -1: it could not be tried at all. */
int bundle_rehearse(const struct hg_render *how, struct hg_bundle *b, struct hg_findings *findings,
                    struct hg_err *err);

#endif
