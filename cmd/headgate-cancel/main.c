/* SPDX-License-Identifier: Apache-2.0 */
/* headgate cancel: end a migration whose runner is gone. */
#include <stdlib.h>

#include "apply/apply.h"
#include "cli/cli.h"

struct cancel_options {
    struct hg_common common;
    int argc;
    char **argv;
};

static const struct hg_cmd CMD = {
    .name = "cancel",
    .summary = "stop a migration whose runner is gone, and say where the database stands",
    .formats = "text|json",
    .description =
        "Ends the database sessions of a migrator whose headgate no longer holds the apply lock: "
        "first what they run is canceled, then, after five seconds, the sessions are terminated. "
        "With --yes also those whose headgate is still at work.",
    .examples = "headgate cancel -t production\n    after a killed CI job\n",
};

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    struct cancel_options *o = options;
    (void)args;
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_cancel_options cancel = { &o->common, o->argc, o->argv, o->common.yes };
    json_t *document = NULL;
    int code = hg_apply_cancel(&cancel, &text, &document, err);
    if (code >= 0 && hg_streq(o->common.format, "json")) {
        char *line = json_dumps(document, JSON_COMPACT);
        hg_outf("%s\n", line);
        free(line);
    } else if (code >= 0) {
        hg_out(hg_buf_str(&text));
    }
    json_decref(document);
    return code;
}

int main(int argc, char **argv)
{
    struct cancel_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
