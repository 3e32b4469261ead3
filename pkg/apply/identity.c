/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static void no_events(void *context, const json_t *event)
{
    (void)context;
    (void)event;
}

static int pin(struct hg_run *r, struct hg_buf *ret, struct hg_err *err)
{
    if (hg_run_open(r, err) < 0)
        return -1;
    hg_target_announce(&r->target, r->o->common);
    const struct hg_identity *i = &r->identity;
    hg_buf_adds(ret, "identity: { ");
    if (i->system_identifier)
        hg_buf_addf(ret, "system_identifier: \"%s\", ", i->system_identifier);
    else
        hg_buf_addf(ret, "oid: \"%s\", ", i->oid);
    HG_AUTO(hg_buf_done) struct hg_buf name = HG_BUF_INIT;
    hg_json_escape(&name, i->database, strlen(i->database));
    hg_buf_addf(ret, "database: \"%s\" }\n", hg_buf_str(&name));
    return 0;
}

static int refuse_without_yes(const struct hg_run *r, struct hg_err *err)
{
    if (r->o->common->yes || !(r->summary.label_protected || r->target.t->protected_) ||
        hg_streq(r->summary.label_target, r->target.t->name))
        return 0;
    (void)hg_fail(err, HG_E_REFUSED, "%s bears the label of target %s%s", r->identity.database,
                  r->summary.label_target ? r->summary.label_target : "(none)",
                  r->summary.label_protected ? ", which is protected" : "");
    return hg_hint(err, "if this is a clone or a restored copy: headgate target relabel -t %s --yes",
                   r->target.t->name);
}

static int relabel(struct hg_run *r, struct hg_buf *ret, struct hg_err *err)
{
    if (hg_run_open(r, err) < 0)
        return -1;
    hg_target_announce(&r->target, r->o->common);
    if (hg_run_status(r, err) < 0 || refuse_without_yes(r, err) < 0)
        return -1;
    int64_t deadline = hg_now_ns() + HG_APPLY_QUERY_NS;
    HG_AUTO(hg_freep) char *file = hg_ledger_path(&r->target, r->identity.system_identifier,
                                                  r->identity.oid, r->version_table);
    if (hg_ledger_open(r->watch, &r->target, file, deadline, &r->ledger, &r->findings, err) < 0)
        return -1;
    if (!r->ledger.database)
        return hg_fail(err, HG_E_REFUSED, "role %s may not write the label (schema headgate)",
                       r->identity.role);
    if (hg_ledger_set_label(&r->ledger, r->target.t->name, r->target.t->protected_, r->by, deadline,
                            err) < 0)
        return -1;
    hg_buf_addf(ret, "%s is now labelled %s (was %s)\n", r->identity.database, r->target.t->name,
                r->summary.label_target ? r->summary.label_target : "not labelled");
    return 0;
}

typedef int (*work)(struct hg_run *r, struct hg_buf *ret, struct hg_err *err);

static int with_run(const struct hg_common *common, int argc, char **argv, work f, struct hg_buf *ret,
                    struct hg_err *err)
{
    struct hg_apply_options options = { .common = common, .argc = argc, .argv = argv,
                                        .sink = no_events };
    struct hg_run r = { .o = &options };
    int rc = f(&r, ret, err);
    hg_run_done(&r);
    return rc;
}

int hg_apply_pin(const struct hg_common *common, int argc, char **argv, struct hg_buf *ret,
                 struct hg_err *err)
{
    return with_run(common, argc, argv, pin, ret, err);
}

int hg_apply_relabel(const struct hg_common *common, int argc, char **argv, struct hg_buf *ret,
                     struct hg_err *err)
{
    return with_run(common, argc, argv, relabel, ret, err);
}
