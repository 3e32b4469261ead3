/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/apply/told.h - what pre-flight and verification report, in words for people. */
#ifndef HG_APPLY_TOLD_H
#define HG_APPLY_TOLD_H

#include "base/base.h"

#include <jansson.h>

/* The progress event with note "calm": what is waited for, or that it is over. */
void hg_tell_calm(const json_t *event, struct hg_buf *b);
/* `changed` of the verify event: "+ table public.t", "~ table public.t" with its details. */
void hg_tell_changed(const json_t *changed, struct hg_buf *b);

#endif
