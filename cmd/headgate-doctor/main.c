/* SPDX-License-Identifier: Apache-2.0 */
/* headgate doctor: can everything be found and reached? */
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "doctor/doctor.h"

struct doctor_options {
    struct hg_common common;
    int argc;
    char **argv;
};

static const struct hg_cmd CMD = {
    .name = "doctor",
    .summary = "can everything be found and reached?",
    .formats = "text|json",
    .description =
        "Goes through everything that a migration of the target needs, in the order in which a person "
        "would look: tools, configuration, sources of variables, container, database, privileges, what "
        "env.py really configures, and whether Alembic's own answers equal headgate's. One line a check, "
        "with the way out where it is not fine. Nothing is changed: the database is only read.\n\n"
        "Exit codes: 0 nothing fails (warnings allowed); 1 a check fails; 3 none fails, but one could "
        "not be told.",
    .examples = "headgate doctor\n    the database you develop with\n"
                "headgate doctor -t production\n    before the first deployment, or when something is "
                "wrong\n",
};

static void print(const struct doctor_options *o, const struct hg_doctor *d, const struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    if (hg_streq(o->common.format, "json")) {
        json_t *document = hg_doctor_json(d, err);
        char *text = json_dumps(document, JSON_INDENT(2));
        json_decref(document);
        hg_buf_addf(&b, "%s\n", text);
        free(text);
        hg_cli_error_printed();
    } else {
        hg_doctor_text(d, hg_cli_color(&o->common, STDOUT_FILENO), o->common.verbose > 0, &b);
    }
    hg_out(hg_buf_str(&b));
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    const struct doctor_options *o = options;
    (void)args;
    HG_AUTO(hg_doctor_done) struct hg_doctor d = { 0 };
    struct hg_doctor_options doctor = { &o->common, o->argc, o->argv };
    hg_doctor_run(&doctor, &d);
    int rc = hg_doctor_verdict(&d, err);
    print(o, &d, err);
    return rc < 0 ? -1 : HG_EXIT_YES;
}

int main(int argc, char **argv)
{
    struct doctor_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
