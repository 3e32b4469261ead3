/* SPDX-License-Identifier: Apache-2.0 */
/* headgate ledger: what was recorded in the target's database, and whether it holds. */
#include "ledger_cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/apply.h"

static const struct hg_opt OPTIONS[] = {
    { "all", 'a', HG_OPT_BOOL, offsetof(struct ledger_options, all), .help = "show: every run, not the newest 20" },
    { "local", 0, HG_OPT_BOOL, offsetof(struct ledger_options, local),
      .help = "show, verify, export: the records in this machine's state directory" },
    { "output", 'o', HG_OPT_STRING, offsetof(struct ledger_options, output), "FILE",
      .help = "export: write to this file (default: stdout)" },
    { "receipt", 0, HG_OPT_STRING, offsetof(struct ledger_options, receipt), "FILE",
      .help = "export: write only what another target's gate wants to see (gate.receipt); `-` is stdout" },
    { "no-files", 0, HG_OPT_BOOL, offsetof(struct ledger_options, no_files),
      .help = "export: leave out the stored revision files" },
    { "grant", 0, HG_OPT_STRING, offsetof(struct ledger_options, grant), "ROLE",
      .help = "init: let this role record what it applies" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "ledger",
    .summary = "what was recorded in the database: show, verify, export it; create it",
    .args = "show|verify|export|init|adopt",
    .formats = "text|json",
    .options = OPTIONS,
    .min_args = 1,
    .max_args = 1,
    .description =
        "show prints runs and revisions, newest first: who, when, outcome, restore point, fingerprint. "
        "verify checks that stored files have their digests, that each run begins where the one before it "
        "ended, signatures where HEADGATE_LEDGER_KEY is set, and that the database is what the record says; "
        "exit 1 when something does not hold. export writes all of it as one JSON document. "
        "init creates the ledger, brings it up to date or mends it, for an administrator; adopt records "
        "revisions that were moved with Alembic itself, and runs nothing.",
    .examples = "headgate ledger show -t production\n    who applied what, and when\n"
                "headgate ledger verify -t production\n    does the record hold?\n"
                "headgate ledger export -t production -o ledger.json\n    all of it\n"
                "headgate ledger export -t staging --receipt staging.receipt\n    for production's gate, signed\n"
                "headgate ledger init -t production --grant app\n    as an administrator, for the role app\n",
};

static int show(struct ledger_view *v, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    if (ledger_read(v, false, err) < 0)
        return -1;
    if (ledger_json(v->o)) {
        ledger_print_json(json_incref(v->document));
        return HG_EXIT_YES;
    }
    ledger_show_text(v, hg_cli_color(&v->o->common, STDOUT_FILENO), &b);
    hg_out(hg_buf_str(&b));
    return HG_EXIT_YES;
}

static int verify(struct ledger_view *v, struct hg_err *err)
{
    return ledger_read(v, true, err) < 0 ? -1 : ledger_verify(v, err);
}

static int export(struct ledger_view *v, struct hg_err *err)
{
    if (v->o->receipt)
        return ledger_receipt(v, err);
    if (ledger_read(v, !v->o->no_files, err) < 0)
        return -1;
    if (!v->o->output || hg_streq(v->o->output, "-")) {
        ledger_print_json(json_incref(v->document));
        return HG_EXIT_YES;
    }
    char *text = json_dumps(v->document, JSON_INDENT(2));
    HG_AUTO(hg_freep) char *line = hg_xasprintf("%s\n", text ? text : "{}");
    free(text);
    return hg_file_write(v->o->output, 0600, line, strlen(line), err) < 0 ? -1 : HG_EXIT_YES;
}

static int init(struct ledger_view *v, struct hg_err *err)
{
    const char *done = NULL, *grant = v->o->grant;
    HG_AUTO(hg_pg_clearp) PGresult *granted = NULL;
    if (hg_ledger_init(v->conn, ledger_deadline(v->o), &done, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *sql = grant ? hg_ledger_grant_sql(grant) : NULL;
    if (sql && hg_pg_query(v->conn, sql, 0, NULL, ledger_deadline(v->o), &granted, err) < 0)
        return hg_wrap(err, "granting to %s", grant);
    if (ledger_json(v->o)) {
        ledger_print_json(json_pack("{s:s, s:o, s:s, s:i, s:o}", "schema", "headgate.ledger-init/1", "target",
                                    hg_json_text(v->target.t->name), "done", done, "version",
                                    HG_LEDGER_VERSION, "granted", hg_json_text(grant)));
        return HG_EXIT_YES;
    }
    hg_outf("%s: ledger of version %d, %s\n", v->target.t->name, HG_LEDGER_VERSION,
            hg_streq(done, "nothing") ? "nothing to do" : done);
    if (grant)
        hg_outf("role %s may record what it applies\n", grant);
    return HG_EXIT_YES;
}

static int adopt(const struct ledger_options *o, struct hg_err *err)
{
    struct hg_apply_options apply = { .common = &o->common, .argc = o->argc, .argv = o->argv,
                                       .adopt = true, .lock_wait_ns = -1 };
    return hg_apply_run_printed(&apply, err);
}

static const struct {
    const char *name;
    int (*run)(struct ledger_view *v, struct hg_err *err);
} COMMANDS[] = { { "show", show }, { "verify", verify }, { "export", export }, { "init", init } };

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    const struct ledger_options *o = options;
    const char *name = args->items[0];
    if (hg_streq(name, "adopt"))
        return adopt(o, err);
    for (size_t i = 0; i < HG_COUNT(COMMANDS); i++) {
        if (!hg_streq(name, COMMANDS[i].name))
            continue;
        struct ledger_view v = { 0 };
        int rc = ledger_open(o, &v, err) < 0 ? -1 : COMMANDS[i].run(&v, err);
        ledger_done(&v);
        return rc;
    }
    return hg_fail(err, HG_E_USAGE, "expected show, verify, export, init or adopt, got %s", name);
}

int main(int argc, char **argv)
{
    struct ledger_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
