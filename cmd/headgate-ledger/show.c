/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger_cmd.h"

#include <string.h>

#include "term/term.h"

#define NEWEST 20   /* runs on a screen, without --all */
#define SHORT  12   /* digits of a digest that people compare */

/* "r1, r2", or "nothing". Heap. */
static char *rows(const json_t *list)
{
    HG_AUTO(hg_strv_done) struct hg_strv words = HG_STRV_INIT;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
        hg_strv_add(&words, json_string_value(item) ? json_string_value(item) : "?");
    return words.count ? hg_strv_join(&words, ", ") : hg_xstrdup("nothing");
}

/* "2026-11-23 04:42:29". Heap. */
static char *moment(const char *time)
{
    char *text = hg_xstrndup(time, strcspn(time, ".Z"));
    for (char *c = text; *c; c++)
        *c = *c == 'T' ? ' ' : *c;
    return text;
}

static void add_header(const struct ledger_view *v, struct hg_buf *b)
{
    const json_t *doc = v->document, *label = json_object_get(doc, "label");
    const json_t *version = json_object_get(doc, "version");
    const char *place = hg_jstr(doc, "place");
    bool database = hg_streq(place, "database");
    hg_buf_addf(b, "%s: ledger in %s%s", v->target.t->name, database ? "the database, " : "", database ? "" : place);
    if (database && json_is_integer(version))
        hg_buf_addf(b, "version %lld", (long long)json_integer_value(version));
    else if (database)
        hg_buf_adds(b, "of no version");
    if (json_is_object(label))
        hg_buf_addf(b, ", labelled %s%s", hg_jstr(label, "target"),
                    json_is_true(json_object_get(label, "protected")) ? " (protected)" : "");
    hg_buf_addc(b, '\n');
    if (!json_is_true(json_object_get(doc, "complete")))
        hg_buf_adds(b, "this role sees the views only: earlier steps, files and errors are left out\n");
    if (database && v->target.t->ledger == HG_LEDGER_OFF)
        hg_buf_adds(b, "the target says `ledger: off`: nothing is added to this one\n");
}

static void add_step(struct hg_buf *b, const json_t *step)
{
    const char *outcome = hg_jstr(step, "outcome"), *digest = hg_jstr(step, "digest");
    hg_buf_addf(b, "      %s%s  %s", hg_streq(outcome, "not-done") ? "not done: " : "", hg_jstr(step, "revision"),
                hg_jstr(step, "message"));
    if (*digest)
        hg_buf_addf(b, "  %.*s%s", SHORT, digest, *hg_jstr(step, "hmac") ? " signed" : "");
    hg_buf_addc(b, '\n');
}

static void add_run(struct hg_buf *b, const json_t *run, bool color)
{
    const char *outcome = hg_jstr(run, "outcome"), *finished = hg_jstr(run, "finished_at");
    HG_AUTO(hg_freep) char *from = rows(json_object_get(run, "from"));
    HG_AUTO(hg_freep) char *to = rows(json_object_get(run, *finished ? "rows" : "to"));
    HG_AUTO(hg_freep) char *when = moment(*finished ? finished : hg_jstr(run, "started_at"));
    bool good = hg_streq(outcome, "applied") || hg_streq(outcome, "recorded");
    hg_buf_addf(b, "  #%lld  %s  %s  ", (long long)json_integer_value(json_object_get(run, "seq")), when,
                hg_jstr(run, "direction"));
    hg_term_add(b, color, good ? HG_GREEN : HG_RED, *outcome ? outcome : "open: its headgate recorded no outcome");
    hg_buf_addf(b, "  %s -> %s  by %s", from, to, *hg_jstr(run, "by") ? hg_jstr(run, "by") : "somebody unknown");
    if (*hg_jstr(run, "host"))
        hg_buf_addf(b, " on %s", hg_jstr(run, "host"));
    hg_buf_addc(b, '\n');
    if (*hg_jstr(run, "wal_before"))
        hg_buf_addf(b, "      restore point %s", hg_jstr(run, "wal_before"));
    if (*hg_jstr(run, "fingerprint"))
        hg_buf_addf(b, "  schema %.*s", SHORT, hg_jstr(run, "fingerprint"));
    if (*hg_jstr(run, "commit"))
        hg_buf_addf(b, "  commit %.*s", SHORT, hg_jstr(run, "commit"));
    if (*hg_jstr(run, "wal_before") || *hg_jstr(run, "fingerprint") || *hg_jstr(run, "commit"))
        hg_buf_addc(b, '\n');
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(run, "overrides"), i, item)
        hg_buf_addf(b, "      override %s\n", json_string_value(item));
    json_array_foreach(json_object_get(run, "steps"), i, item)
        add_step(b, item);
    if (*hg_jstr(run, "error"))
        hg_buf_addf(b, "      %.200s\n", hg_jstr(run, "error"));
}

void ledger_show_text(const struct ledger_view *v, bool color, struct hg_buf *ret)
{
    const json_t *runs = json_object_get(v->document, "runs"), *held = json_object_get(v->document, "held");
    size_t count = json_array_size(runs), shown = 0, i;
    json_t *item;
    const char *table = NULL;
    add_header(v, ret);
    for (i = count; i > 0 && (v->o->all || shown < NEWEST); i--, shown++) {
        const json_t *run = json_array_get(runs, i - 1);
        if (!hg_streq(table, hg_jstr(run, "version_table")))
            hg_buf_addf(ret, "%s\n", table = hg_jstr(run, "version_table"));
        add_run(ret, run, color);
    }
    if (!count)
        hg_buf_adds(ret, "no run is recorded\n");
    else if (shown < count)
        hg_buf_addf(ret, "%zu older runs: --all\n", count - shown);
    json_array_foreach(held, i, item)
    {
        hg_buf_addf(ret, "held: %s", hg_jstr(item, "revision"));
        if (*hg_jstr(item, "held_by"))
            hg_buf_addf(ret, " since %.19s by %s", hg_jstr(item, "held_at"), hg_jstr(item, "held_by"));
        hg_buf_addc(ret, '\n');
    }
    json_array_foreach(json_object_get(v->document, "damage"), i, item)
        hg_buf_addf(ret, "damaged: %s\n", json_string_value(item));
}
