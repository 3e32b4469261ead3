/* SPDX-License-Identifier: Apache-2.0 */
/* headgate plan: what would run, for review. */
#include "plan_cmd.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static const struct hg_opt OPTIONS[] = {
    { "output", 'o', HG_OPT_STRING, offsetof(struct plan_options, output), "FILE",
      .help = "write the plan itself (JSON, for `apply --plan`) to this file; `-` is stdout" },
    { "from", 0, HG_OPT_LIST, offsetof(struct plan_options, common.from), "SNAPSHOT",
      .help = "plan from this file of `headgate snapshot` instead of asking the database; or, as "
              "everywhere, a source for the environment" },
    { "bundle", 0, HG_OPT_STRING, offsetof(struct plan_options, bundle), "FILE",
      .env = "HEADGATE_BUNDLE",
      .help = "plan what `headgate bundle` wrote to this file: its SQL is shown, no Python is started" },
    { "to", 0, HG_OPT_STRING, offsetof(struct plan_options, to), "REVISION",
      .help = "plan up to this revision (default: the target's upgrade_to)" },
    { "base", 0, HG_OPT_STRING, offsetof(struct plan_options, base), "REF",
      .help = "compare with this branch (default: gate.base, origin/HEAD, main, master)" },
    { "check", 0, HG_OPT_BOOL, offsetof(struct plan_options, check),
      .help = "exit 1 when the gate is shut, 3 when that could not be told" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "plan",
    .summary = "what would run, as SQL, with everything that pins it",
    .formats = "text|markdown|json",
    .options = OPTIONS,
    .description =
        "Says which revisions an apply would run now, in which order, from which rows to which, with "
        "their SQL, the objects they touch and the gate's findings. It changes nothing. The file that "
        "-o writes goes to `headgate apply --plan`, which runs exactly that or refuses. With --from a "
        "snapshot stands for the database, so that CI needs no access to it.",
    .examples = "headgate plan -t production\n    what would run\n"
                "headgate plan -t production -o plan.json\n    the same, and the plan itself\n"
                "headgate apply -t production --plan plan.json\n    run exactly that\n"
                "headgate plan -t production --from production.snapshot --format markdown\n"
                "    for a pull request, without access to production\n",
};

static int verdict(const struct plan_options *o, const json_t *plan)
{
    const json_t *observed = json_object_get(plan, "observed");
    const char *word = json_string_value(json_object_get(observed, "verdict"));
    if (!o->check || hg_streq(word, "open"))
        return HG_EXIT_YES;
    return word ? HG_EXIT_NO : HG_EXIT_UNKNOWN;
}

/* The plan itself, and with --check what the exit code says. */
static void add_document(const json_t *plan, int code, struct hg_buf *b)
{
    json_t *d = json_deep_copy(plan);
    if (code != HG_EXIT_YES)
        json_object_set_new(d, "error", hg_json_no(code, code == HG_EXIT_NO ? "the gate is shut"
                                                                            : "whether the gate is open cannot be told"));
    HG_AUTO(hg_freep) char *text = hg_plan_dump(d);
    json_decref(d);
    hg_buf_adds(b, text);
}

static int print(const struct plan_options *o, const json_t *plan, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *text = hg_plan_dump(plan);
    bool to_stdout = hg_streq(o->output, "-");
    if (o->output && !to_stdout && hg_file_write(o->output, 0644, text, strlen(text), err) < 0)
        return -1;
    int code = verdict(o, plan);
    if (to_stdout)
        hg_buf_adds(&b, text);
    else if (hg_streq(o->common.format, "json"))
        add_document(plan, code, &b);
    else if (hg_streq(o->common.format, "markdown"))
        hg_plan_markdown(plan, &b);
    else
        hg_plan_text(plan, hg_cli_color(&o->common, STDOUT_FILENO), &b);
    hg_out(hg_buf_str(&b));
    return 0;
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    (void)args;
    struct plan_options *o = options;
    json_t *plan = NULL;
    int rc = plan_work(o, &plan, err);
    if (rc == 0)
        rc = print(o, plan, err);
    int code = rc == 0 ? verdict(o, plan) : -1;
    json_decref(plan);
    if (code < 0 && err->kind == HG_E_TIMEOUT) /* what is no snapshot or bundle is refused */
        hg_err_unanswered(err);
    return code;
}

int main(int argc, char **argv)
{
    struct plan_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
