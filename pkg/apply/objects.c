/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include "snapshot/snapshot.h"

#define CATALOG_NS (60 * HG_NS_PER_S)

static int look(struct hg_run *r, struct hg_ledger_objects *ret, json_t **ret_catalog, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv unreadable = HG_STRV_INIT;
    json_t *catalog = NULL;
    if (hg_snapshot_catalog(r->watch, false, CATALOG_NS, &catalog, &unreadable, err) < 0)
        return -1;
    int rc = 0;
    if (unreadable.count)
        rc = hg_fail(err, HG_E_DATABASE, "%s", unreadable.items[0]);
    else
        hg_snapshot_objects(catalog, r->version_table, ret);
    json_decref(*ret_catalog);
    *ret_catalog = rc == 0 ? catalog : NULL;
    if (rc < 0)
        json_decref(catalog);
    return rc;
}

static bool objects(struct hg_run *r, struct hg_ledger_objects *ret, json_t **ret_catalog)
{
    struct hg_err unread = { 0 };
    hg_ledger_objects_done(ret);
    if (r->target.t->ledger == HG_LEDGER_OFF)
        return false;
    if (look(r, ret, ret_catalog, &unread) == 0)
        return true;
    if (!hg_findings_have(&r->findings, "HG238"))
        (void)hg_finding_add(&r->findings, "HG238", "the definitions of %s could not be read, so this run "
                             "has no fingerprint: %s", r->identity.database, unread.message);
    return false;
}

void hg_run_objects_before(struct hg_run *r)
{
    r->before_known = objects(r, &r->before, &r->catalog_before);
}

void hg_run_objects_now(struct hg_run *r)
{
    r->now_known = objects(r, &r->now, &r->catalog_now);
}
