/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a dotenv file of the dialect: an answer or an error with a place, no more. */
#include "env/env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HG_AUTO(hg_vars_done) struct hg_vars lookup = HG_VARS_INIT;
    HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
    struct hg_err err = { 0 };
    hg_vars_set(&lookup, "OTHER", "oth", "process");
    int rc = hg_dotenv_parse((const char *)data, size, "f", HG_DOTENV_DOCKER, &lookup, &got, NULL,
                             &err);
    if (rc < 0 && strncmp(err.message, "f:", 2) != 0)
        abort();
    for (size_t i = 0; i < got.count; i++)
        if (!*got.items[i].name || strchr(got.items[i].name, '='))
            abort();
    return 0;
}
