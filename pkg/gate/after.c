/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.after: every revision that is pending here has run there, from the very same file, and for so
 * long. Proven by the other target's ledger, asked for as a receipt, or by a receipt file that was
 * exported from it and signed.
 */
#include "internal.h"
#include "ledger/ledger.h"

#include <stdlib.h>

struct after {
    struct hg_judge *j;
    const char *name;       /* of the other target */
    const json_t *receipt;
    bool live;              /* it was asked just now */
    bool *in;               /* revisions of the graph that its rows say are in; NULL: not known */
};

static struct hg_finding *found(const struct after *a, const char *rule, const char *fmt, ...)
    HG_PRINTF(3, 4);
static struct hg_finding *found(const struct after *a, const char *rule, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    HG_AUTO(hg_freep) char *text = hg_xvasprintf(fmt, ap);
    va_end(ap);
    struct hg_finding *f = hg_finding_add(&a->j->out->findings, rule, "%s", text);
    f->object = hg_xstrdup(a->name);
    return f;
}

/* ---- is it about that database? ------------------------------------------------------------- */

static bool other_than_pinned(const char *pinned, const char *told)
{
    return pinned && told && !hg_streq(pinned, told);
}

static bool believable(const struct after *a)
{
    const struct hg_config *c = &a->j->in->target->config;
    const json_t *database = json_object_get(a->receipt, "database");
    const char *target = hg_jget(a->receipt, "target");
    struct hg_err ignored = { 0 };
    const struct hg_target_config *t = hg_config_target(c, a->name, &ignored);
    if (!hg_streq(target, a->name)) {
        (void)found(a, "HG511", "the receipt is of target %s, wanted is %s", target, a->name);
        return false;
    }
    if (hg_judge_same_database(a->j->in->status, a->receipt)) {
        if (a->live)
            hg_judge_unknown(a->j, "%s and %s are the same database, so %s proves nothing", a->name,
                             a->j->in->target->t->name, a->name);
        else
            (void)found(a, "HG511", "the receipt is of the very database that is judged, so it proves "
                        "nothing");
        return false;
    }
    if (t && (other_than_pinned(t->pin_system_identifier, hg_jget(database, "system_identifier")) ||
              other_than_pinned(t->pin_database, hg_jget(database, "name")))) {
        (void)found(a, "HG511", "the receipt is of another database than the one that %s is pinned to",
                    a->name);
        return false;
    }
    return true;
}

/* ---- has it run there? --------------------------------------------------------------------------- */

static const json_t *entry_of(const struct after *a, const char *revision)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(a->receipt, "revisions"), i, item)
        if (hg_streq(hg_jget(item, "revision"), revision) && !hg_streq(hg_jget(item, "direction"), "down"))
            return item;
    return NULL;
}

static void take_rows(struct after *a)
{
    HG_AUTO(hg_strv_done) struct hg_strv rows = HG_STRV_INIT;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(a->receipt, "rows"), i, item)
        hg_strv_add(&rows, json_string_value(item) ? json_string_value(item) : "");
    a->in = hg_graph_applied_rows(a->j->in->graph, &rows);
}

static void check_file(const struct after *a, const struct hg_revision *r, const json_t *entry)
{
    const char *digest = hg_jget(entry, "digest");
    char now[HG_SHA256_SIZE];
    size_t len = 0;
    const char *text = hg_graph_text(a->j->in->graph, r, &len);
    struct hg_finding *f = NULL;
    if (!digest)
        f = found(a, "HG512", "%s has revision %s, and no record of the file that it was", a->name, r->id);
    else if (!text || (!hg_streq(hg_sha256(text, len, now), digest) &&
                       !hg_judge_only_line_ends(text, len, digest)))
        f = found(a, "HG512", "%s ran another file as revision %s (%.12s, here it is %.12s)", a->name,
                  r->id, digest, text ? now : "gone");
    if (!f)
        return;
    f->path = hg_xstrdup(r->path);
    f->revision = hg_xstrdup(r->id);
}

static void check_soak(const struct after *a, const struct hg_revlist *pending)
{
    const struct hg_target_config *t = a->j->in->target->t;
    const struct hg_revision *youngest = NULL;
    const char *since = NULL;
    int64_t last = 0;
    char want[HG_AGE_SIZE];
    for (size_t i = 0; i < pending->count; i++) {
        const json_t *entry = entry_of(a, pending->items[i]->id);
        const char *text = hg_jget(entry, "finished_at");
        int64_t at = 0;
        bool known = hg_time_parse(text, &at) == 0;
        if (!known && entry && t->gate_soak_ns > 0) {
            (void)found(a, "HG510", "%s has revision %s since a run that has no end yet, and %s wants it to have run "
                        "there for %s", a->name, pending->items[i]->id, t->name,
                        hg_age_format(t->gate_soak_ns / HG_NS_PER_S, want));
            return;
        }
        if (!known || (youngest && at < last))
            continue;
        youngest = pending->items[i];
        since = text;
        last = at;
    }
    if (t->gate_soak_ns > 0 && youngest && hg_wall_ns() - last < t->gate_soak_ns)
        (void)found(a, "HG510", "%s has revision %s since %s, and %s wants it to have run there for %s",
                    a->name, youngest->id, since, t->name,
                    hg_age_format(t->gate_soak_ns / HG_NS_PER_S, want));
}

static void check_revisions(struct after *a)
{
    const struct hg_revlist *pending = &a->j->in->status->pending;
    size_t missing = 0;
    take_rows(a);
    for (size_t i = 0; i < pending->count; i++)
        missing += !a->in[pending->items[i]->index];
    if (missing) {
        (void)found(a, "HG510", "%zu of the pending revisions have not run on %s yet", missing, a->name);
        return;
    }
    for (size_t i = 0; i < pending->count; i++)
        check_file(a, pending->items[i], entry_of(a, pending->items[i]->id));
    check_soak(a, pending);
}

/* ---- getting the receipt ----------------------------------------------------------------------------- */

static json_t *from_file(const struct after *a)
{
    const struct hg_target *target = a->j->in->target;
    HG_AUTO(hg_freep) char *path = hg_path_join(target->config.dir, target->t->gate_receipt);
    HG_AUTO(hg_freep) char *signers = target->t->gate_signers
                                          ? hg_path_join(target->config.dir, target->t->gate_signers)
                                          : NULL;
    struct hg_err err = { 0 };
    json_t *receipt = NULL;
    const char *key = getenv(HG_LEDGER_KEY);
    if (hg_ledger_receipt_read(path, target->t->gate_receipt, key && *key ? key : NULL, signers, &receipt,
                               &err) < 0)
        (void)found(a, "HG511", "%s", err.message);
    return receipt;
}

static json_t *from_ledger(const struct after *a)
{
    HG_AUTO(hg_strv_done) struct hg_strv words = HG_STRV_INIT;
    struct hg_err err = { 0 };
    json_t *receipt = NULL;
    hg_strv_add(&words, "export");
    hg_strv_add(&words, "--receipt=-");
    if (hg_judge_ask(a->j, "ledger", a->name, &words, &receipt, &err) == 0 &&
        json_is_array(json_object_get(receipt, "revisions")))
        return receipt;
    const char *why = hg_jget(json_object_get(receipt, "error"), "message");
    hg_judge_unknown(a->j, "where %s stands could not be told: %s", a->name, why ? why : err.message);
    json_decref(receipt);
    return NULL;
}

void hg_judge_after(struct hg_judge *j)
{
    const struct hg_gate_input *in = j->in;
    const struct hg_target_config *t = in->target->t;
    if (!t->gate_after || in->no_pending || !in->status || !in->graph || !in->status->pending.count)
        return;
    struct after a = { .j = j, .name = t->gate_after, .live = !t->gate_receipt };
    json_t *receipt = a.live ? from_ledger(&a) : from_file(&a);
    a.receipt = receipt;
    if (receipt && believable(&a)) {
        check_revisions(&a);
        json_decref(j->out->earlier);
        j->out->earlier = json_incref(receipt);
    }
    free(a.in);
    json_decref(receipt);
}
