/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/headgate-gate/look.h - one look at files, git and database, judged and printed.
 */
#ifndef HEADGATE_GATE_LOOK_H
#define HEADGATE_GATE_LOOK_H

#include "cli/cli.h"
#include "gate/gate.h"
#include "replay/replay.h"

struct gate_options {
    struct hg_common common;
    bool offline;
    const char *base, *fail_on, *bundle;
    int64_t wait_ns;
    struct hg_strv required, overrides;
    int argc;
    char **argv;
};

/* What stays the same between two looks. */
struct gate_subject {
    struct hg_target target;
    char **plain;                   /* environment without secrets */
    struct hg_alembic_config alembic;
    struct hg_alembic_options how;
    struct hg_bundle bundle;        /* instead, with --bundle; read once */
    bool configured;
    bool looked;                    /* once: the next connection reads command sources again */
};
int gate_prepare(const struct gate_options *o, struct gate_subject *s, struct hg_err *err);
void gate_subject_done(struct gate_subject *s);

/* Judges once and prints, unless `last` is false and another look may have another answer: then
 * *ret_again is set and nothing was printed. An exit code, or -1 with *err. */
int gate_look(const struct gate_options *o, struct gate_subject *s, bool last, bool *ret_again,
              struct hg_err *err);

/* Prints in the format asked for; the error, if there is one, becomes part of the document. */
int gate_print(const struct gate_options *o, const struct hg_gate_input *in,
               const struct hg_gate *g, struct hg_err *err);

#endif
