/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the ledger that a machine keeps in a file, through all that is asked of it. */
#include "ledger/ledger.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const json_t *doc, const char *table)
{
    struct hg_ledger_summary summary = { 0 };
    struct hg_ledger_entries entries = { 0 };
    hg_ledger_summary_of(doc, table, &summary);
    hg_ledger_applied_of(doc, table, &entries);
    for (size_t i = 0; i < entries.count; i++) {
        HG_AUTO(hg_ledger_file_done) struct hg_ledger_file file = { 0 };
        hg_ledger_file_of(doc, table, entries.items[i].revision, &file);
    }
    hg_ledger_entries_done(&entries);
    hg_ledger_summary_done(&summary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *doc = hg_ledger_document_of_text((const char *)data, size, "ledger.jsonl", true), *run, *counts = NULL;
    size_t i;
    ask(doc, "public.alembic_version");
    json_array_foreach(json_object_get(doc, "runs"), i, run)
        if (hg_jget(run, "version_table"))
            ask(doc, hg_jget(run, "version_table"));
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects objects = { 0 };
    char sum[HG_SHA256_SIZE];
    hg_ledger_objects_of(doc, &objects);
    (void)hg_ledger_fingerprint(&objects, sum);
    json_decref(hg_ledger_check(doc, "key", &counts));
    json_decref(counts);
    json_decref(doc);
    return 0;
}
