/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a plan file; what is JSON is tried again with the digest that it should have, so that
 * comparing and printing see it too. */
#include "plan/plan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const json_t *plan)
{
    struct hg_strv rows = HG_STRV_INIT;
    struct hg_revlist steps = HG_REVLIST_INIT;
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    const struct hg_plan_now now = { .target = "local", .database = "db", .version_table = "public.t",
                                     .from = &rows, .to = &rows, .upgrade_to = "head", .goal = "head",
                                     .steps = &steps };
    hg_plan_compare(plan, &now, "headgate plan", &findings);
    hg_plan_text(plan, true, &text);
    hg_plan_markdown(plan, &text);
    const json_t *revision, *sql;
    size_t i, k;
    json_t *objects = json_array();
    json_array_foreach(json_object_get(plan, "revisions"), i, revision)
        json_array_foreach(json_object_get(revision, "sql"), k, sql)
            hg_plan_sql_objects(json_string_value(sql), objects);
    json_decref(objects);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hg_err err = { 0 };
    json_t *plan = NULL;
    if (hg_plan_parse((const char *)data, size, "plan.json", &plan, &err) == 0)
        use(plan);
    json_decref(plan);
    plan = NULL;
    json_t *any = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(any)) {
        char digest[HG_SHA256_SIZE];
        hg_plan_digest(any, digest);
        (void)json_object_set_new(any, "digest", json_string(digest));
        char *text = hg_plan_dump(any);
        if (hg_plan_parse(text, strlen(text), "plan.json", &plan, &err) == 0)
            use(plan);
        json_decref(plan);
        free(text);
    }
    json_decref(any);
    return 0;
}
