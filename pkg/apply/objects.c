/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include "snapshot/snapshot.h"

#define CATALOG_NS (60 * HG_NS_PER_S)

/* The catalog as it is now; NULL: not known. New reference. */
static json_t *read_catalog(struct hg_run *r)
{
    HG_AUTO(hg_strv_done) struct hg_strv unreadable = HG_STRV_INIT;
    struct hg_err unread = { 0 };
    json_t *catalog = NULL;
    if (r->target.t->ledger == HG_LEDGER_OFF)
        return NULL;
    int rc = hg_snapshot_catalog(r->watch, false, CATALOG_NS, &catalog, &unreadable, &unread);
    if (rc == 0 && !unreadable.count)
        return catalog;
    if (rc == 0)
        json_decref(catalog);
    if (!hg_findings_have(&r->findings, "HG238"))
        (void)hg_finding_add(&r->findings, "HG238", "the definitions of %s could not be read, so this run "
                             "has no fingerprint: %s", r->identity.database,
                             rc < 0 ? unread.message : unreadable.items[0]);
    return NULL;
}

void hg_run_objects_before(struct hg_run *r)
{
    hg_ledger_objects_done(&r->before);
    json_decref(r->catalog_before);
    r->catalog_before = read_catalog(r);
    if (r->catalog_before)
        hg_snapshot_objects(r->catalog_before, r->version_table, &r->before);
}

void hg_run_catalog_now(struct hg_run *r)
{
    hg_ledger_objects_done(&r->now);
    json_decref(r->catalog_now);
    r->catalog_now = read_catalog(r);
}

void hg_run_objects_now(struct hg_run *r)
{
    hg_run_catalog_now(r);
    if (r->catalog_now)
        hg_snapshot_objects(r->catalog_now, r->version_table, &r->now);
}
