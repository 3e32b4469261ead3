/* SPDX-License-Identifier: Apache-2.0 */
/* The inherited state: a program may be handed anything under that descriptor. */
#include "target/internal.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hg_state s = { 0 };
    struct hg_err err = { 0 };
    if (hg_state_parse((const char *)data, size, &s, &err) < 0)
        return 0;
    struct hg_common common = { 0 };
    struct hg_target t = { 0 };
    hg_vars_set(&t.vars, "DATABASE_URL", "postgresql://u:p@h/d", "process");
    hg_state_original(&s, &t.vars, &t.original);
    hg_config_fallback(&common, &t.original, &t.config);
    t.t = hg_config_target(&t.config, NULL, &err);
    if (t.t) {
        (void)hg_state_matches(&s, &t.config, t.t, &common);
        hg_state_apply(&s, &t);
        char *text = hg_target_state(&t, &common, false);
        if (!text)
            HG_BUG("a state that cannot be written");
        free(text);
    }
    hg_target_done(&t);
    hg_state_done(&s);
    return 0;
}
