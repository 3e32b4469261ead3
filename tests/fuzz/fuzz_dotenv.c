/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a dotenv file of each dialect: an answer or an error with a place, no more. */
#include "env/env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as(enum hg_dotenv_dialect dialect, const struct hg_vars *lookup, const char *data,
                    size_t size)
{
    HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
    struct hg_err err = { 0 };
    int rc = hg_dotenv_parse(data, size, "f", dialect, lookup, &got, NULL, &err);
    if (rc < 0 && strncmp(err.message, "f:", 2) != 0)
        abort();
    for (size_t i = 0; i < got.count; i++)
        if (!*got.items[i].name || strchr(got.items[i].name, '='))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HG_AUTO(hg_vars_done) struct hg_vars lookup = HG_VARS_INIT;
    hg_vars_set(&lookup, "OTHER", "oth", "process");
    for (int dialect = 0; dialect < HG_DOTENV_DIALECTS; dialect++)
        read_as((enum hg_dotenv_dialect)dialect, &lookup, (const char *)data, size);
    return 0;
}
