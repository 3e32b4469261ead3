/* SPDX-License-Identifier: Apache-2.0 */
#include "alembic/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hg_ini *ini = NULL;
    struct hg_err err;
    char *value = NULL;
    if (hg_ini_parse((const char *)data, size, "alembic.ini", "/here", &ini, &err) < 0)
        return 0;
    static const char *const KEYS[] = { "script_location", "a", "version_locations" };
    for (size_t i = 0; i < HG_COUNT(KEYS); i++)
        if (hg_ini_get(ini, "alembic", KEYS[i], &value, &err) == 0) {
            free(value);
            value = NULL;
        }
    hg_ini_free(ini);
    return 0;
}
