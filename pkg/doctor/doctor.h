/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/doctor/doctor.h - can everything that a migration needs be found and reached?
 *
 * A table of checks (run.c), in the order in which a person would look. Each gives one line: a stable
 * id such as `database.answers`, a status, a sentence, and where it is not fine the way out. A check
 * whose ground is missing is skipped and names what is missing; nothing is guessed. Where a rule of
 * docs/rules says the same, the line bears its id and its way out; lines are no findings, because they
 * say what is fine too, and because no policy is applied to them.
 *
 * Nothing is changed anywhere: the database is asked in a read-only transaction, privileges by
 * has_*_privilege, env.py by the driver's look (apply.h).
 *
 * Recipe: hg_doctor_run -> hg_doctor_text or hg_doctor_json -> hg_doctor_verdict -> hg_doctor_done.
 */
#ifndef HG_DOCTOR_DOCTOR_H
#define HG_DOCTOR_DOCTOR_H

#include "base/base.h"
#include "cli/cli.h"

#include <jansson.h>

enum hg_check_status {
    HG_CHECK_OK,
    HG_CHECK_WARNING,           /* it works; somebody should look at it */
    HG_CHECK_FAIL,              /* it does not work, or apply would refuse it */
    HG_CHECK_UNKNOWN,           /* could not be told */
    HG_CHECK_SKIPPED,           /* what it needs does not work */
};

struct hg_check {
    const char *id;             /* "database.answers" */
    enum hg_check_status status;
    const char *rule;           /* "HG503", or NULL */
    char *message;
    char *hint;                 /* the way out, as a command or a line to paste; NULL: none */
    struct hg_strv details;
    double seconds;
};

struct hg_doctor {
    char *target;               /* its name */
    struct hg_check *items;
    size_t count, cap;
};

struct hg_doctor_options {
    const struct hg_common *common;
    int argc;
    char **argv;                /* to start again through headgate-env */
};
void hg_doctor_run(const struct hg_doctor_options *o, struct hg_doctor *ret);
void hg_doctor_done(struct hg_doctor *d);

/* 0 when nothing fails and everything could be told; else -1: REFUSED (exit 1) when a check fails,
 * UNKNOWN (3) when one could not be told. */
int hg_doctor_verdict(const struct hg_doctor *d, struct hg_err *err);
const char *hg_check_status_name(enum hg_check_status status);
/* One line a check; details under those that are not fine, and with `verbose` under all. */
void hg_doctor_text(const struct hg_doctor *d, bool color, bool verbose, struct hg_buf *ret);
/* docs/schema/doctor.schema.json; err is what hg_doctor_verdict said. New reference. */
json_t *hg_doctor_json(const struct hg_doctor *d, const struct hg_err *err);

#endif
