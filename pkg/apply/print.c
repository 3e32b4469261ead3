/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include "finding/finding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live.h"
#include "term/term.h"
#include "told.h"

#define STORED_LINE_MAX 2000

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* "a, b, c" of a JSON list of strings. Heap. */
static char *joined(const json_t *list)
{
    struct hg_buf b = HG_BUF_INIT;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (i)
            hg_buf_adds(&b, ", ");
        hg_buf_adds(&b, json_string_value(item) ? json_string_value(item) : "?");
    }
    return hg_buf_take(&b);
}

static void to_stderr(struct hg_apply_printer *p, const struct hg_buf *b)
{
    HG_AUTO(hg_freep) char *shown = hg_log_filtered(hg_buf_str(b));
    if (p->live)
        hg_live_before(p->live, shown);
    (void)fputs(shown, stderr);
}

static void add_list(struct hg_buf *b, const char *label, const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        hg_buf_addf(b, "    %s%s\n", label, json_string_value(item));
    }
}

static void on_gate(const json_t *e, struct hg_buf *b, bool color)
{
    const char *verdict = hg_jstr(e, "verdict");
    bool open = hg_streq(verdict, "open");
    bool down = hg_streq(hg_jstr(e, "direction"), "down");
    const json_t *steps = json_object_get(e, "steps");
    hg_buf_adds(b, "gate: ");
    hg_term_add(b, color, open ? HG_GREEN : HG_RED, *verdict ? verdict : "could not tell");
    hg_buf_addf(b, "%s (%s)\n", open && down ? " for going back" : "", hg_jstr(e, "state"));
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(e, "findings"), i, f)
    {
        const char *severity = hg_jstr(f, "severity"), *waived = hg_jstr(f, "waived");
        if (hg_streq(severity, "note"))
            continue;
        const char *path = hg_jstr(json_object_get(f, "location"), "path"), *message = hg_jstr(f, "message");
        hg_buf_addf(b, "  %s %s  ", severity, hg_jstr(f, "rule"));
        if (*path && !hg_starts_with(message, path))
            hg_buf_addf(b, "%s  ", path);
        hg_buf_add_lines(b, message, "    ");
        hg_buf_addf(b, "%s%s\n", *waived ? " - waived: " : "", waived);
        if (*waived || !*hg_jstr(f, "help"))
            continue;
        hg_buf_adds(b, "    ");
        hg_buf_add_lines(b, hg_jstr(f, "help"), "    ");
        hg_buf_addc(b, '\n');
    }
    if (!open) /* then it is not known what would have to run */
        return;
    if (json_array_size(steps))
        hg_buf_addf(b, "%zu revision%s %s:\n", json_array_size(steps),
                    json_array_size(steps) == 1 ? "" : "s",
                    down ? "to roll back" : "to apply");
    json_t *step;
    json_array_foreach(steps, i, step)
    {
        hg_buf_addf(b, "  %s  %s\n", hg_jstr(step, "revision"), hg_jstr(step, "message"));
    }
}

static void on_start(const json_t *e, struct hg_buf *b)
{
    hg_buf_addf(b, "%s\n", hg_jstr(e, "line"));
    if (*hg_jstr(e, "plan"))
        hg_buf_addf(b, "plan: %s\n", hg_jstr(e, "plan"));
}

static void on_wait(const json_t *e, struct hg_buf *b)
{
    const json_t *h = json_object_get(e, "holder");
    bool apply = hg_streq(hg_jstr(e, "lock"), "apply");
    hg_buf_adds(b, apply ? "waiting for the migration lock" : "waiting for a migrator's session to end");
    if (json_is_object(h))
        hg_buf_addf(b, ": held by %s (pid %lld, user %s, from %s, since %s)", hg_jstr(h, "application"),
                    number_of(h, "pid"), hg_jstr(h, "user"), hg_jstr(h, "host"), hg_jstr(h, "since"));
    HG_AUTO(hg_freep) char *run = hg_holder_run(h);
    hg_buf_addf(b, "%s%s\n", *run ? "; " : "", run);
}

static bool is_time(struct hg_apply_printer *p, const json_t *e)
{
    const json_t *by = json_object_get(e, "blocked_by");
    HG_AUTO(hg_freep) char *what = hg_xasprintf("%lld %s %s %s", number_of(by, "pid"), hg_jstr(e, "revision"),
                                                hg_jstr(e, "phase"), hg_jstr(e, "query"));
    return hg_apply_pace(p->pace, what, hg_now_ns());
}

static void add_waiting(const json_t *by, const char *line, struct hg_buf *b)
{
    hg_buf_addf(b, "waiting for pid %lld (%s, %s, %s", number_of(by, "pid"), hg_jstr(by, "user"),
                *hg_jstr(by, "application") ? hg_jstr(by, "application") : "unnamed",
                hg_jstr(by, "state"));
    if (json_is_integer(json_object_get(by, "seconds")))
        hg_buf_addf(b, " for %lld s", number_of(by, "seconds"));
    hg_buf_addf(b, "): %s\n", line);
}

/* Who stands in the way is worth a line that stays; what runs is, where a line lives, told by that. */
static void on_progress(struct hg_apply_printer *p, const json_t *e, struct hg_buf *b)
{
    const json_t *by = json_object_get(e, "blocked_by"), *percent = json_object_get(e, "percent");
    const json_t *expected = json_object_get(e, "expected_seconds");
    HG_AUTO(hg_freep) char *line = hg_printable(hg_jstr(e, "query"), 60);
    bool waits = json_is_object(by);
    if (!waits && (p->live || hg_starts_with(hg_jstr(e, "state"), "idle") || number_of(e, "seconds") < 1))
        return; /* nothing to tell yet */
    if (!is_time(p, e))
        return;
    if (waits) {
        add_waiting(by, line, b);
        return;
    }
    hg_buf_addf(b, "running for %lld s: %s", number_of(e, "seconds"), line);
    if (*hg_jstr(e, "phase"))
        hg_buf_addf(b, " (%s", hg_jstr(e, "phase"));
    if (json_is_number(percent))
        hg_buf_addf(b, "%s%.0f%%", *hg_jstr(e, "phase") ? ", " : " (", json_number_value(percent));
    else if (*hg_jstr(e, "phase") && number_of(e, "done") > 0)
        hg_buf_addf(b, ", %lld %s", number_of(e, "done"), hg_jstr(e, "unit"));
    hg_buf_adds(b, *hg_jstr(e, "phase") || json_is_number(percent) ? ")" : "");
    if (json_is_number(expected)) {
        hg_buf_adds(b, "; revision: ");
        hg_live_add_time(b, json_number_value(json_object_get(e, "elapsed_seconds")),
                         json_number_value(expected));
    }
    hg_buf_adds(b, "\n");
}

static void on_step(const json_t *e, struct hg_buf *b)
{
    bool down = hg_streq(hg_jstr(e, "direction"), "down");
    const char *phase = hg_jstr(e, "phase");
    if (hg_streq(phase, "begin"))
        hg_buf_addf(b, "[%lld/%lld] %s %s  %s\n", number_of(e, "position"), number_of(e, "count"),
                    down ? "rolling back" : "applying", hg_jstr(e, "revision"), hg_jstr(e, "message"));
}

static void on_downgrade(const json_t *e, struct hg_buf *b)
{
    const json_t *lost = json_object_get(e, "destroys"), *dark = json_object_get(e, "cannot_tell");
    hg_buf_addf(b, "%s  %s\n", hg_jstr(e, "revision"), hg_jstr(e, "message"));
    add_list(b, "", json_object_get(e, "operations"));
    if (json_array_size(lost)) {
        HG_AUTO(hg_freep) char *list = joined(lost);
        hg_buf_addf(b, "    destroys data: %s\n", list);
    }
    if (json_array_size(dark)) {
        HG_AUTO(hg_freep) char *list = joined(dark);
        hg_buf_addf(b, "    cannot be told from the text: %s\n", list);
    }
}

/* Text from a database, on somebody's terminal: line by line, without what a terminal would obey. */
static void add_lines(struct hg_buf *b, const char *prefix, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        HG_AUTO(hg_freep) char *line = hg_xstrndup(text, len);
        HG_AUTO(hg_freep) char *shown = hg_printable(line, STORED_LINE_MAX);
        hg_buf_addf(b, "%s%s\n", prefix, shown);
        text += len + (text[len] != '\0');
    }
}

static void on_stored_file(const json_t *e, struct hg_buf *b)
{
    const char *commit = hg_jstr(e, "commit"), *by = hg_jstr(e, "by"), *proof = hg_jstr(e, "proof");
    HG_AUTO(hg_buf_done) struct hg_buf facts = HG_BUF_INIT;
    hg_buf_addf(&facts, "from the ledger: %s  %s\n", hg_jstr(e, "revision"), hg_jstr(e, "message"));
    if (*hg_jstr(e, "finished_at"))
        hg_buf_addf(&facts, "    applied %s by %s%s%.12s, file %s\n", hg_jstr(e, "finished_at"),
                    *by ? by : "somebody unknown", *commit ? ", commit " : "", commit,
                    hg_jstr(e, "path"));
    hg_buf_addf(&facts, "    %s: %s\n", *proof ? "proven by" : "not proven",
                *proof ? proof : hg_jstr(e, "why_not"));
    add_lines(b, "", hg_buf_str(&facts));
    add_lines(b, "    | ", hg_jstr(e, "text"));
}

static void on_moved(const json_t *e, struct hg_buf *b)
{
    HG_AUTO(hg_freep) char *from = joined(json_object_get(e, "from"));
    HG_AUTO(hg_freep) char *to = joined(json_object_get(e, "to"));
    hg_buf_addf(b, "squash: version row %s moved to %s\n", from, to);
}

static void on_record(const json_t *e, const char *name, struct hg_buf *b)
{
    HG_AUTO(hg_freep) char *list = joined(json_object_get(e, "revisions"));
    if (hg_streq(name, "recovered"))
        hg_buf_addf(b, "an earlier run (by %s, since %s) ended without an outcome; recorded: %s\n",
                    hg_jstr(e, "by"), hg_jstr(e, "since"), hg_jstr(e, "outcome"));
    else if (hg_streq(name, "adopted"))
        hg_buf_addf(b, "moved without headgate, recorded now: %s\n", *list ? list : "nothing");
    else if (hg_streq(name, "released"))
        hg_buf_addf(b, "released: %s\n", list);
    else if (hg_streq(name, "stopping"))
        hg_buf_addf(b, "%s: the statement is canceled, then the database looked at (once more: its session is ended)\n",
                    hg_jstr(e, "signal"));
    else if (hg_streq(name, "held"))
        hg_buf_addf(b, "held until `headgate apply -t %s --release`: %s\n", hg_jstr(e, "target"), list);
}

static void on_hook(const json_t *e, struct hg_buf *b)
{
    if (hg_streq(hg_jstr(e, "phase"), "begin"))
        hg_buf_addf(b, "hook (%s): %s\n", hg_jstr(e, "when"), hg_jstr(e, "command"));
}

/* The answer: where the database stands, and what to type next. */
static void on_result(const struct hg_apply_printer *p, const json_t *e, struct hg_buf *b)
{
    const char *outcome = hg_jstr(e, "outcome"), *target = hg_jstr(e, "target");
    const json_t *applied = json_object_get(e, "applied"), *to = json_object_get(e, "to");
    bool down = hg_streq(hg_jstr(e, "direction"), "down");
    size_t count = json_array_size(applied);
    HG_AUTO(hg_freep) char *rows = joined(to);
    if (!*target) /* it came to nothing before there was one; the error follows */
        return;
    hg_buf_addf(b, "%s: ", target);
    if (json_is_true(json_object_get(e, "dry_run")) && json_is_null(json_object_get(e, "error")))
        hg_buf_adds(b, "nothing was changed (--dry-run)");
    else if ((json_is_true(json_object_get(e, "baseline")) || json_is_true(json_object_get(e, "adopt"))) &&
             hg_streq(outcome, "applied"))
        hg_buf_addf(b, "%zu revision%s recorded as they are", count, count == 1 ? "" : "s");
    else if (hg_streq(outcome, "applied") && !count)
        hg_buf_adds(b, "version row moved, nothing to apply");
    else if (hg_streq(outcome, "applied"))
        hg_buf_addf(b, "%zu revision%s %s in %.1f s", count, count == 1 ? "" : "s",
                    down ? "rolled back" : "applied", json_number_value(json_object_get(e, "seconds")));
    else if (hg_streq(outcome, "nothing-to-do"))
        hg_buf_adds(b, "nothing to do");
    else
        hg_term_add(b, p->color, HG_RED, outcome);
    if (json_is_null(to))
        hg_buf_adds(b, "; where the database stands could not be read");
    else
        hg_buf_addf(b, "; %s is at %s", *hg_jstr(e, "database") ? hg_jstr(e, "database") : "the database",
                    json_array_size(to) ? rows : "no revision");
    if (*hg_jstr(e, "state"))
        hg_buf_addf(b, " (%s)", hg_jstr(e, "state"));
    hg_buf_addc(b, '\n');
    if (json_is_object(json_object_get(e, "error"))) /* it follows, and says what next */
        return;
    hg_buf_addf(b, "next: headgate %s -t %s%s%s\n",
                hg_streq(hg_jstr(e, "state"), "behind") && hg_streq(outcome, "applied") && !down
                    ? "apply" : "status", target, p->bundle ? " --bundle " : "", p->bundle ? p->bundle : "");
}

/* Rules about the run itself; the others were said with the gate's verdict. */
static const char *const LATE[] = { "HG238", "HG506", "HG507", "HG508", "HG606", "HG607",
                                    "HG609", "HG618", "HG620", "HG621", "HG622", "HG640", "HG641",
                                    "HG642" };

static void on_late_findings(const json_t *e, struct hg_buf *b)
{
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(e, "findings"), i, f)
    {
        const char *rule = hg_jstr(f, "rule");
        bool late = false;
        for (size_t k = 0; k < HG_COUNT(LATE); k++)
            late = late || hg_streq(rule, LATE[k]);
        if (late)
            hg_buf_addf(b, "%s %s  %s\n    %s\n", hg_jstr(f, "severity"), rule, hg_jstr(f, "message"),
                        hg_jstr(f, "help"));
    }
}

static void print_text(struct hg_apply_printer *p, const json_t *e)
{
    const char *note = hg_jstr(e, "note"), *name = *note ? note : hg_jstr(e, "event");
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    if (hg_streq(name, "output")) {
        hg_print_output(p, hg_jstr(e, "text"));
        return;
    }
    if (hg_streq(name, "result")) {
        HG_AUTO(hg_buf_done) struct hg_buf late = HG_BUF_INIT;
        hg_print_held(p, json_is_object(json_object_get(e, "error")));
        on_late_findings(e, &late);
        to_stderr(p, &late);
        on_result(p, e, &b);
        hg_out(hg_buf_str(&b));
        return;
    }
    if (p->quiet)
        return;
    if (hg_streq(name, "start"))
        on_start(e, &b);
    else if (hg_streq(name, "gate"))
        on_gate(e, &b, p->color_err);
    else if (hg_streq(name, "lock-wait"))
        on_wait(e, &b);
    else if (hg_streq(name, "step"))
        on_step(e, &b);
    else if (hg_streq(name, "progress"))
        on_progress(p, e, &b);
    else if (hg_streq(name, "calm"))
        hg_tell_calm(e, &b);
    else if (hg_streq(name, "verify"))
        hg_tell_changed(json_object_get(e, "changed"), &b);
    else if (hg_streq(name, "downgrade"))
        on_downgrade(e, &b);
    else if (hg_streq(name, "squash-moved"))
        on_moved(e, &b);
    else if (hg_streq(name, "hook"))
        on_hook(e, &b);
    else if (hg_streq(name, "stored-file"))
        on_stored_file(e, &b);
    else if (!hg_print_locks(e, name, &b))
        on_record(e, name, &b);
    to_stderr(p, &b);
}

void hg_apply_print(void *context, const json_t *event)
{
    struct hg_apply_printer *p = context;
    if (!p->json) {
        if (p->live)
            hg_live_note(p->live, event);
        print_text(p, event);
        return;
    }
    char *line = json_dumps(event, JSON_COMPACT);
    if (!line)
        HG_BUG("an event that is no JSON");
    hg_outf("%s\n", line);
    hg_out_flush(); /* who reads events wants them now */
    free(line);
}

void hg_apply_printer_tick(void *context)
{
    struct hg_apply_printer *p = context;
    if (p->live)
        hg_live_draw(p->live);
}

void hg_apply_printer_init(struct hg_apply_printer *p, const struct hg_common *common)
{
    *p = (struct hg_apply_printer){ .json = hg_streq(common->format, "json"),
                                    .color = hg_cli_color(common, STDOUT_FILENO),
                                    .color_err = hg_cli_color(common, STDERR_FILENO),
                                    .quiet = common->quiet,
                                    .pace = hg_xcalloc(1, sizeof *p->pace) };
    if (!p->json && !p->quiet && !common->no_progress && hg_term_live(STDERR_FILENO))
        p->live = hg_live_new(STDERR_FILENO);
}

void hg_apply_printer_done(struct hg_apply_printer *p)
{
    if (p->live)
        hg_live_free(p->live);
    p->live = NULL;
    hg_buf_done(&p->held);
    hg_freep(&p->pace->said);
    hg_freep(&p->pace);
}
