/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as Railway's answer to the query for variables, and as the request of headgate-env. */
#include "railway/railway.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HG_AUTO(hg_railway_answer_done) struct hg_railway_answer answer = { 0 };
    HG_AUTO(hg_railway_query_done) struct hg_railway_query query = { 0 };
    struct hg_err err = { 0 };
    int rc = hg_railway_variables_parse((const char *)data, size, size % 2, &answer, &err);
    if (rc < 0 && (err.kind != HG_E_RAILWAY || !*err.message))
        abort();
    char *text = hg_railway_answer_json(&answer, rc < 0 ? &err : NULL);
    if (!hg_ends_with(text, "}\n"))
        abort();
    free(text);
    hg_err_clear(&err);
    if (hg_railway_query_parse((const char *)data, size, &query, &err) < 0 &&
        err.kind != HG_E_USAGE)
        abort();
    return 0;
}
