/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs: which there are, where their programs lie. */
#ifndef HG_HEADGATE_VERBS_H
#define HG_HEADGATE_VERBS_H

#include "base/base.h"

const char *hg_verb_summary(const char *verb);       /* "" for one we know nothing of */
bool hg_verb_resolves(const char *verb);             /* asks a database unless told otherwise */
char *hg_verb_program(const char *verb);             /* heap path, NULL: not installed */
void hg_verbs_installed(struct hg_strv *ret);        /* known ones first, in the order of a day's work */

#endif
