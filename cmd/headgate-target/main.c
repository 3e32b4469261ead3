/* SPDX-License-Identifier: Apache-2.0 */
/* headgate target pin|relabel: which database a target is. */
#include "apply/apply.h"
#include "cli/cli.h"

struct target_options {
    struct hg_common common;
    int argc;
    char **argv;
};

static const struct hg_cmd CMD = {
    .name = "target",
    .summary = "print the identity line of a target; rename the label after a clone or restore",
    .args = "pin|relabel",
    .description =
        "pin prints the line that ties a target in headgate.yaml to the database it reaches now. "
        "relabel leaves this target's name in the database, after a clone or a restore took another "
        "target's name along; where either is protected it needs --yes.",
    .examples = "headgate target pin -t production\n    the line to put under the target\n"
                "headgate target relabel -t staging --yes\n"
                "    after production's backup was restored as staging\n",
    .min_args = 1,
    .max_args = 1,
};

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    struct target_options *o = options;
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    const char *what = args->items[0];
    int rc;
    if (hg_streq(what, "pin"))
        rc = hg_apply_pin(&o->common, o->argc, o->argv, &text, err);
    else if (hg_streq(what, "relabel"))
        rc = hg_apply_relabel(&o->common, o->argc, o->argv, &text, err);
    else
        rc = hg_fail(err, HG_E_USAGE, "expected pin or relabel, got %s", what);
    if (rc == 0)
        hg_out(hg_buf_str(&text));
    return rc < 0 ? -1 : HG_EXIT_YES;
}

int main(int argc, char **argv)
{
    struct target_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
