/* SPDX-License-Identifier: Apache-2.0 */
#include "alembic/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hg_toml toml;
    struct hg_err err;
    if (hg_toml_parse((const char *)data, size, "pyproject.toml", &toml, &err) == 0) {
        (void)hg_toml_get(&toml, "script_location");
        hg_toml_done(&toml);
    }
    return 0;
}
