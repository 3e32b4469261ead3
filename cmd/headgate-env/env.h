/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of headgate-env: becoming a verb, running a foreign command, printing. */
#ifndef HG_ENV_CMD_H
#define HG_ENV_CMD_H

#include "target/target.h"

struct env_options {
    struct hg_common common;
    struct hg_strv set, unset;
    bool clean, allow_exec_names, print, reveal, tunnel;
    const char *mask;
    int64_t max_runtime_ns;
    const char *chain, *guess; /* path of the program that asked for its target's state */
    int64_t report;            /* descriptor of the headgate-env above `railway run`, 0: none */
    char **argv;               /* our own, to be started again */
};

/* All of headgate-env, which `headgate` has in it too. */
int env_main(int argc, char **argv);
/* Resolves and becomes PROGRAM with argv; guessed: the command line was not parsed by its owner. */
int env_chain(struct env_options *o, const char *program, char **argv, bool guessed,
              struct hg_err *err);
/* The words of a verb's command line that look like common options. */
void env_guess(char **argv, struct hg_common *ret);
bool env_is_verb(const char *command);
int env_run(const struct env_options *o, const struct hg_target *t, char **argv, struct hg_err *err);
/* wrap.c: the target's variables come through `railway run`. -1: it did not get so far, else the exit
 * code of what ran below it. */
int env_via_cli(const struct env_options *o, const struct hg_target *t, struct hg_err *err);
int env_report(int line, const struct hg_strv *args, struct hg_err *err);
int env_print(const struct env_options *o, const struct hg_target *t, struct hg_err *err);

#endif
