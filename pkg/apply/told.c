/* SPDX-License-Identifier: Apache-2.0 */
/* Events of pre-flight, verification and rollback, in words. */
#include "told.h"

#include "finding/finding.h"
#include "snapshot/snapshot.h"

#define CHANGES_SHOWN 40

static const char *sign_of(const char *change)
{
    return hg_streq(change, "added") ? "+" : hg_streq(change, "removed") ? "-" : "~";
}

void hg_tell_calm(const json_t *e, struct hg_buf *b)
{
    size_t i;
    json_t *f;
    double waited = json_number_value(json_object_get(e, "waited"));
    if (json_is_true(json_object_get(e, "calm"))) {
        hg_buf_addf(b, "calm after %.1f s\n", waited);
        return;
    }
    hg_buf_addf(b, "waiting for calm (%.0f s so far):\n", waited);
    json_array_foreach(json_object_get(e, "findings"), i, f)
    {
        hg_buf_addf(b, "  %s  ", hg_jstr(f, "rule"));
        hg_buf_add_lines(b, hg_jstr(f, "message"), "    ");
        hg_buf_adds(b, "\n    ");
        hg_buf_add_lines(b, hg_jstr(f, "help"), "    ");
        hg_buf_addc(b, '\n');
    }
}

/* A detail of something that was changed: "column title: type: text -> varchar". */
static void add_detail(const json_t *detail, struct hg_buf *b)
{
    const char *from = hg_jget(detail, "from"), *to = hg_jget(detail, "to"), *what = hg_jstr(detail, "what");
    HG_AUTO(hg_freep) char *was = hg_printable(from ? from : "", 80);
    HG_AUTO(hg_freep) char *is = hg_printable(to ? to : "", 80);
    if (from && to)
        hg_buf_addf(b, "      %s: %s -> %s\n", what, was, is);
    else
        hg_buf_addf(b, "      %s %s: %s\n", to ? "+" : "-", what, to ? is : was);
}

/* A column's own sequence and a constraint's index come and go with it. */
static bool goes_with_another(const json_t *change)
{
    size_t i;
    json_t *detail;
    if (hg_streq(hg_jstr(change, "change"), "changed"))
        return false;
    json_array_foreach(json_object_get(change, "details"), i, detail)
    {
        const char *what = hg_jstr(detail, "what");
        if (hg_streq(what, "owned_by") || hg_streq(what, "constraint"))
            return true;
    }
    return false;
}

void hg_tell_changed(const json_t *changed, struct hg_buf *b)
{
    size_t count = json_array_size(changed), i, k, shown = 0, left = 0;
    json_t *detail;
    for (i = 0; i < count; i++) {
        const json_t *c = json_array_get(changed, i);
        const char *change = hg_jstr(c, "change");
        if (goes_with_another(c))
            continue;
        if (++shown > CHANGES_SHOWN) {
            left++;
            continue;
        }
        HG_AUTO(hg_freep) char *name = hg_printable(hg_jstr(c, "name"), 200);
        hg_buf_addf(b, "  %s %s %s", sign_of(change), hg_jstr(c, "kind"), name);
        if (hg_jget(c, "from"))
            hg_buf_addf(b, " (was %s)", hg_jstr(c, "from"));
        hg_buf_addc(b, '\n');
        if (hg_streq(change, "added") || hg_streq(change, "removed"))
            continue;
        json_array_foreach(json_object_get(c, "details"), k, detail)
            add_detail(detail, b);
    }
    if (left)
        hg_buf_addf(b, "  and %zu more\n", left);
}
