/* SPDX-License-Identifier: Apache-2.0 */
/* Do the records fit together? */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

struct checking {
    json_t *problems;
    const char *key;
    const char *run;                /* whose steps are being looked at */
    json_int_t runs, steps, files, hmacs;
};

HG_PRINTF(4, 5)
static void problem(struct checking *c, const char *what, const char *revision, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    HG_AUTO(hg_freep) char *message = hg_xvasprintf(fmt, args);
    va_end(args);
    json_array_append_new(c->problems, json_pack("{s:s, s:o, s:o, s:o}", "what", what, "run",
                                                 hg_json_text(c->run), "revision", hg_json_text(revision),
                                                 "message", hg_json_text(message)));
}

/* "a, b" sorted, or "nothing": sets of rows that are the same have the same words. Heap. */
static char *words(const json_t *list)
{
    HG_AUTO(hg_strv_done) struct hg_strv sorted = HG_STRV_INIT;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
        hg_strv_add(&sorted, json_string_value(item) ? json_string_value(item) : "?");
    hg_strv_sort(&sorted);
    return sorted.count ? hg_strv_join(&sorted, ", ") : hg_xstrdup("nothing");
}

/* ---- a step --------------------------------------------------------------------------------------- */

static void check_file(struct checking *c, const json_t *step, const char *revision)
{
    const char *file = hg_jget(step, "file"), *digest = hg_jget(step, "digest");
    HG_AUTO(hg_buf_done) struct hg_buf bytes = HG_BUF_INIT;
    char is[HG_SHA256_SIZE];
    if (!file)
        return;
    c->files++;
    if (hg_ledger_unbase64(file, &bytes) < 0)
        problem(c, "file", revision, "the stored file of revision %s is no base64", revision);
    else if (!digest)
        problem(c, "file", revision, "the stored file of revision %s has no digest beside it", revision);
    else if (!hg_streq(hg_sha256(hg_buf_str(&bytes), bytes.len, is), digest))
        problem(c, "file", revision, "the stored file of revision %s has the digest %.12s, recorded is %.12s",
                revision, is, digest);
}

static void check_hmac(struct checking *c, const json_t *step, const char *revision)
{
    const char *hmac = hg_jget(step, "hmac"), *digest = hg_jget(step, "digest");
    HG_AUTO(hg_strv_done) struct hg_strv down = HG_STRV_INIT;
    char is[HG_SHA256_SIZE];
    size_t i;
    json_t *item;
    if (!c->key || !hmac)
        return;
    c->hmacs++;
    json_array_foreach(json_object_get(step, "down_revisions"), i, item)
        hg_strv_add(&down, json_string_value(item) ? json_string_value(item) : "");
    if (!digest || !hg_streq(hg_ledger_hmac(c->key, revision, &down, digest, is), hmac))
        problem(c, "hmac", revision, "the record of revision %s (its parents, its file's digest) is not what "
                "was signed under HEADGATE_LEDGER_KEY, or that was another key", revision);
}

static void check_steps(struct checking *c, const json_t *run, bool complete)
{
    bool finished = hg_jget(run, "finished_at"), applied = hg_streq(hg_jget(run, "outcome"), "applied");
    json_int_t expected = 0;
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(run, "steps"), i, step)
    {
        const char *revision = hg_jget(step, "revision"), *outcome = hg_jget(step, "outcome");
        revision = revision ? revision : "?";
        json_int_t position = json_integer_value(json_object_get(step, "position"));
        c->steps++;
        if (complete && position != ++expected) {
            problem(c, "step", revision, "step %lld of the run is missing before revision %s",
                    (long long)expected, revision);
            expected = position;
        }
        if (complete && finished && !outcome)
            problem(c, "step", revision, "the run ended, but nothing says whether revision %s is done", revision);
        else if (complete && applied && !hg_streq(outcome, "done"))
            problem(c, "step", revision, "the run was applied, but revision %s is recorded as not done", revision);
        check_file(c, step, revision);
        check_hmac(c, step, revision);
    }
}

/* ---- a run after another -------------------------------------------------------------------------- */

static void check_run(struct checking *c, const json_t *run, const json_t *before, bool complete)
{
    const char *outcome = hg_jget(run, "outcome"), *direction = hg_jget(run, "direction");
    HG_AUTO(hg_freep) char *from = words(json_object_get(run, "from"));
    HG_AUTO(hg_freep) char *to = words(json_object_get(run, "to"));
    HG_AUTO(hg_freep) char *rows = words(json_object_get(run, "rows"));
    const json_t *left = json_object_get(before, "rows");
    HG_AUTO(hg_freep) char *was = words(left);
    c->runs++;
    if (json_is_array(left) && !hg_streq(was, from))
        problem(c, "chain", NULL, "it began at %s, but the run before it (%s) left %s: the record of what "
                "happened between is missing, or one of both was changed", from, hg_jget(before, "run"), was);
    if (hg_streq(outcome, "applied") && !hg_streq(rows, to))
        problem(c, "chain", NULL, "it is recorded as applied, but left %s instead of %s", rows, to);
    bool moved = !hg_streq(from, to) && (hg_streq(direction, "up") || hg_streq(direction, "down"));
    if (complete && moved && !json_array_size(json_object_get(run, "steps")))
        problem(c, "step", NULL, "it went from %s to %s, but none of its steps is there", from, to);
    if (!hg_jget(run, "finished_at") != !outcome)
        problem(c, "step", NULL, "it has %s", outcome ? "an outcome without a time" : "a time without an outcome");
}

/* The run that finished last knew the objects: those that are recorded must give its fingerprint. */
static void check_fingerprint(struct checking *c, const json_t *document, json_int_t *ret_objects)
{
    HG_AUTO(hg_ledger_objects_done) struct hg_ledger_objects o = { 0 };
    char is[HG_SHA256_SIZE];
    hg_ledger_objects_of(document, &o);
    *ret_objects = (json_int_t)o.count;
    c->run = o.run;
    if (o.fingerprint && !hg_streq(hg_ledger_fingerprint(&o, is), o.fingerprint))
        problem(c, "fingerprint", NULL, "its fingerprint is %.12s, but the recorded objects give %.12s: some of "
                "them were changed or are missing", o.fingerprint, is);
    c->run = NULL;
}

json_t *hg_ledger_check(const json_t *document, const char *key, json_t **ret_counts)
{
    struct checking c = { .problems = json_array(), .key = key };
    bool complete = json_is_true(json_object_get(document, "complete"));
    json_t *last = json_object(), *run, *line; /* the newest run of each version table */
    json_int_t objects = 0;
    size_t i;
    json_array_foreach(json_object_get(document, "damage"), i, line)
        problem(&c, "damage", NULL, "%s", json_string_value(line));
    json_array_foreach(json_object_get(document, "runs"), i, run)
    {
        const char *table = hg_jget(run, "version_table");
        c.run = hg_jget(run, "run");
        check_run(&c, run, json_object_get(last, table ? table : ""), complete);
        check_steps(&c, run, complete);
        json_object_set(last, table ? table : "", run);
    }
    json_decref(last);
    check_fingerprint(&c, document, &objects);
    *ret_counts = json_pack("{s:I, s:I, s:I, s:I, s:I}", "runs", c.runs, "steps", c.steps, "files", c.files,
                            "hmacs", c.hmacs, "objects", objects);
    return c.problems;
}
