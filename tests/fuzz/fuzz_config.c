/* SPDX-License-Identifier: Apache-2.0 */
/* headgate.yaml is read from repositories of others: whatever it holds, an answer or an error. */
#include "target/target.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hg_config c;
    struct hg_err err = { 0 };
    if (hg_config_parse((const char *)data, size, "headgate.yaml", "/", &c, &err) == 0) {
        (void)hg_config_target(&c, NULL, &err);
        hg_config_done(&c);
    } else if (err.kind == HG_E_NONE || !*err.message) {
        HG_BUG("failed without an error");
    }
    return 0;
}
