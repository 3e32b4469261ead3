/* SPDX-License-Identifier: Apache-2.0 */
/* The lines for people, the document for programs, the verdict for both. */
#include "internal.h"

#include "term/term.h"

const char *hg_check_status_name(enum hg_check_status status)
{
    static const char *const NAMES[] = { "ok", "warning", "fail", "unknown", "skipped" };
    return NAMES[status];
}

static size_t count(const struct hg_doctor *d, enum hg_check_status status)
{
    size_t n = 0;
    for (size_t i = 0; i < d->count; i++)
        n += d->items[i].status == status;
    return n;
}

/* The way out of the first of them: on a screen full of skipped lines it would be far above. */
static void first_hint(const struct hg_doctor *d, enum hg_check_status status, struct hg_err *err)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].status == status) {
            if (d->items[i].hint)
                (void)hg_hint(err, "%s: %s", d->items[i].id, d->items[i].hint);
            return;
        }
}

static char *ids_of(const struct hg_doctor *d, enum hg_check_status status)
{
    HG_AUTO(hg_strv_done) struct hg_strv ids = HG_STRV_INIT;
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].status == status)
            hg_strv_add(&ids, d->items[i].id);
    return hg_strv_join(&ids, ", ");
}

int hg_doctor_verdict(const struct hg_doctor *d, struct hg_err *err)
{
    size_t failed = count(d, HG_CHECK_FAIL), unknown = count(d, HG_CHECK_UNKNOWN);
    HG_AUTO(hg_freep) char *ids = ids_of(d, failed ? HG_CHECK_FAIL : HG_CHECK_UNKNOWN);
    if (!failed && !unknown)
        return 0;
    if (failed)
        (void)hg_fail(err, HG_E_REFUSED, "%s: %zu of %zu checks fail%s: %s", d->target, failed, d->count,
                      failed == 1 ? "s" : "", ids);
    else
        (void)hg_fail(err, HG_E_UNKNOWN, "%s: %zu of %zu checks could not be told: %s", d->target, unknown,
                      d->count, ids);
    first_hint(d, failed ? HG_CHECK_FAIL : HG_CHECK_UNKNOWN, err);
    return -1;
}

/* ---- text ---------------------------------------------------------------------------------------- */

static enum hg_style style_of(enum hg_check_status status)
{
    static const enum hg_style STYLES[] = { HG_GREEN, HG_YELLOW, HG_RED, HG_YELLOW, HG_DIM };
    return STYLES[status];
}

static size_t widest_id(const struct hg_doctor *d)
{
    size_t width = 0;
    for (size_t i = 0; i < d->count; i++)
        if (strlen(d->items[i].id) > width)
            width = strlen(d->items[i].id);
    return width;
}

static void add_check(const struct hg_check *c, size_t width, bool color, bool verbose,
                      struct hg_buf *ret)
{
    HG_AUTO(hg_freep) char *word = hg_xasprintf("%-8s", hg_check_status_name(c->status));
    hg_term_add(ret, color, style_of(c->status), word);
    hg_buf_addf(ret, " %-*s  ", (int)width, c->id);
    hg_term_add(ret, color, c->status == HG_CHECK_SKIPPED ? HG_DIM : HG_PLAIN, c->message);
    if (c->rule && c->status != HG_CHECK_OK)
        hg_buf_addf(ret, " (%s)", c->rule);
    hg_buf_addc(ret, '\n');
    bool wanted = c->status != HG_CHECK_OK && c->status != HG_CHECK_SKIPPED;
    for (size_t i = 0; (wanted || verbose) && i < c->details.count; i++)
        hg_buf_addf(ret, "%*s    %s\n", (int)width + 9, "", c->details.items[i]);
    if (wanted && c->hint) {
        hg_buf_addf(ret, "%*s", (int)width + 11, "");
        hg_term_add(ret, color, HG_BOLD, "-> ");
        hg_buf_addf(ret, "%s\n", c->hint);
    }
}

void hg_doctor_text(const struct hg_doctor *d, bool color, bool verbose, struct hg_buf *ret)
{
    size_t width = widest_id(d), warnings = count(d, HG_CHECK_WARNING);
    for (size_t i = 0; i < d->count; i++)
        add_check(&d->items[i], width, color, verbose, ret);
    if (count(d, HG_CHECK_FAIL) || count(d, HG_CHECK_UNKNOWN))
        return;
    hg_buf_addf(ret, "%s: everything works (%zu checks", d->target, d->count);
    if (warnings)
        hg_buf_addf(ret, ", %zu warning%s", warnings, warnings == 1 ? "" : "s");
    hg_buf_adds(ret, ")\n");
}

/* ---- JSON ------------------------------------------------------------------------------------------ */

static json_t *check_json(const struct hg_check *c)
{
    json_t *details = json_array();
    for (size_t i = 0; i < c->details.count; i++)
        json_array_append_new(details, hg_json_text(c->details.items[i]));
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s?, s:f}", "id", c->id, "status",
                     hg_check_status_name(c->status), "message", hg_json_text(c->message), "hint",
                     hg_json_text(c->hint), "details", details, "rule", c->rule, "seconds", c->seconds);
}

json_t *hg_doctor_json(const struct hg_doctor *d, const struct hg_err *err)
{
    json_t *counts = json_object(), *checks = json_array();
    for (int s = HG_CHECK_OK; s <= HG_CHECK_SKIPPED; s++)
        json_object_set_new(counts, hg_check_status_name((enum hg_check_status)s),
                            json_integer((json_int_t)count(d, (enum hg_check_status)s)));
    for (size_t i = 0; i < d->count; i++)
        json_array_append_new(checks, check_json(&d->items[i]));
    json_t *doc = json_pack("{s:s, s:o, s:o, s:o, s:o, s:n}", "schema", "headgate.doctor/1", "target",
                            hg_json_text(d->target), "healthy",
                            err->kind == HG_E_NONE      ? json_true()
                            : err->kind == HG_E_REFUSED ? json_false()
                                                        : json_null(),
                            "counts", counts, "checks", checks, "error");
    if (err->kind != HG_E_NONE) {
        HG_AUTO(hg_freep) char *text = hg_cli_error_json(err);
        json_object_set_new(doc, "error", json_loads(text, 0, NULL));
    }
    return doc;
}
