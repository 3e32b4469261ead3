/* SPDX-License-Identifier: Apache-2.0 */
/* headgate snapshot: what the target's database has, written to a file; diff and show of such files. */
#include "snapshot_cmd.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct hg_opt OPTIONS[] = {
    { "output", 'o', HG_OPT_STRING, offsetof(struct snapshot_options, output), "FILE",
      .help = "write to this file; `-` is stdout (default: TARGET-TIME.snapshot)" },
    { "no-schema-sql", 0, HG_OPT_BOOL, offsetof(struct snapshot_options, no_schema_sql),
      .help = "leave out schema.sql, which pg_dump writes" },
    { "privileges", 0, HG_OPT_BOOL, offsetof(struct snapshot_options, privileges),
      .help = "take owners and privileges too" },
    { "queries", 0, HG_OPT_BOOL, offsetof(struct snapshot_options, queries),
      .help = "take the text of running queries too, which may hold people's data" },
    { "sizes", 0, HG_OPT_BOOL, offsetof(struct snapshot_options, sizes),
      .help = "measure the size of every table, not of the largest only; diff: compare sizes and activity too" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "snapshot",
    .summary = "write what the database has to a file; compare two",
    .args = "[diff A B | diff models | show FILE]",
    .formats = "text|json",
    .options = OPTIONS,
    .description =
        "Reads status, catalog, sizes, activity, ledger and schema of the target's database in one "
        "read-only transaction that blocks nobody, and writes them to one file (tar and zstd, so "
        "`tar xf` opens it). It holds no row of any table, and no query text unless asked. "
        "`diff A B` compares two of them, or a target with one: exit 1 when their definitions differ. "
        "One side may be `models`: what Alembic's autogenerate finds; alone, against the target. "
        "`show FILE` says what is in one.",
    .examples = "headgate snapshot -t production -o before.snapshot\n    before a change\n"
                "headgate snapshot diff before.snapshot production\n    what has changed since\n"
                "headgate snapshot diff production bundle:headgate.bundle\n    what applying it would make\n"
                "headgate snapshot diff -t production models\n    what the models want that production has not\n"
                "headgate snapshot show before.snapshot\n    what is in it\n",
    .max_args = 3,
};

void snapshot_print_json(json_t *doc)
{
    char *text = json_dumps(doc, JSON_INDENT(2));
    json_decref(doc);
    hg_outf("%s\n", text ? text : "{}");
    free(text);
}

static char *default_name(const struct hg_snapshot *s)
{
    const char *target = json_string_value(json_object_get(s->manifest, "target"));
    const char *time = json_string_value(json_object_get(s->manifest, "taken_at"));
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    for (const char *c = target ? target : "local"; *c; c++)
        hg_buf_addc(&b, *c == '/' || *c == '.' ? '_' : *c);
    hg_buf_addc(&b, '-');
    for (const char *c = time ? time : ""; *c && *c != '.'; c++) /* 2026-11-23T01:02:03.456Z */
        if (*c != '-' && *c != ':')
            hg_buf_addc(&b, *c);
    hg_buf_adds(&b, "Z.snapshot");
    return hg_buf_take(&b);
}

static int write_file(const struct snapshot_options *o, const struct hg_snapshot *s, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf bytes = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *name = o->output ? hg_xstrdup(o->output) : default_name(s);
    if (hg_snapshot_pack(s, &bytes, err) < 0)
        return -1;
    if (hg_streq(name, "-")) {
        if (isatty(STDOUT_FILENO))
            return hg_fail(err, HG_E_USAGE, "a snapshot is no text for a terminal; give -o FILE");
        if (hg_write_all(STDOUT_FILENO, bytes.data, bytes.len) < 0)
            return hg_fail_errno(err, HG_E_CONFIG, "writing the snapshot");
        return 0;
    }
    if (hg_file_write(name, 0600, bytes.data, bytes.len, err) < 0)
        return -1;
    if (!hg_streq(o->common.format, "json"))
        hg_outf("%s\n", name);
    return 0;
}

static int take(const struct snapshot_options *o, struct hg_err *err)
{
    HG_AUTO(hg_snapshot_done) struct hg_snapshot s = { 0 };
    bool json = hg_streq(o->common.format, "json");
    if (snapshot_take(o, &s, err) < 0)
        return -1;
    if (o->output || !json) {
        if (write_file(o, &s, err) < 0)
            return -1;
    }
    if (json && !hg_streq(o->output, "-"))
        snapshot_print_json(hg_snapshot_json(&s));
    return HG_EXIT_YES;
}

static int show(const struct snapshot_options *o, const char *path, struct hg_err *err)
{
    HG_AUTO(hg_snapshot_done) struct hg_snapshot s = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    if (snapshot_read(path, &s, err) < 0)
        return -1;
    if (hg_streq(o->common.format, "json")) {
        snapshot_print_json(hg_snapshot_json(&s));
        return HG_EXIT_YES;
    }
    hg_snapshot_show(&s, hg_cli_color(&o->common, STDOUT_FILENO), &b);
    hg_out(hg_buf_str(&b));
    return HG_EXIT_YES;
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    const struct snapshot_options *o = options;
    const char *what = args->count ? args->items[0] : NULL;
    if (!what)
        return take(o, err);
    if (hg_streq(what, "diff") && args->count == 3)
        return snapshot_diff(o, args->items[1], args->items[2], err);
    if (hg_streq(what, "diff") && args->count == 2 && hg_streq(args->items[1], "models"))
        return snapshot_diff(o, args->items[1], NULL, err);
    if (hg_streq(what, "show") && args->count == 2)
        return show(o, args->items[1], err);
    return hg_fail(err, HG_E_USAGE, "expected nothing, `diff A B` or `show FILE`, got %s with %zu "
                   "argument%s", what, args->count - 1, args->count == 2 ? "" : "s");
}

/* A large catalog is megabytes in small pieces, wanted by several threads: from the kernel in large ones. */
static void want_memory_at_once(void)
{
    enum { AT_ONCE = 32 << 20, NEVER_MAPPED = 512 << 20 };
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_TOP_PAD, AT_ONCE);
    (void)mallopt(M_TRIM_THRESHOLD, NEVER_MAPPED);
    (void)mallopt(M_MMAP_THRESHOLD, AT_ONCE);
}

int main(int argc, char **argv)
{
    want_memory_at_once();
    struct snapshot_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
