/* SPDX-License-Identifier: Apache-2.0 */
/* headgate bundle: what the code wants, as one file; verify, show and sign such files. */
#include "bundle_cmd.h"

#include <stdlib.h>

static const struct hg_opt OPTIONS[] = {
    { "output", 'o', HG_OPT_STRING, offsetof(struct bundle_options, output), "FILE",
      .help = "write to this file; `-` is stdout (default: " HG_BUNDLE_DEFAULT ")" },
    { "driver", 0, HG_OPT_CHOICE, offsetof(struct bundle_options, driver),
      .values = "psycopg|psycopg2|asyncpg|pg8000",
      .help = "the driver that the project's address names, where nothing here says it" },
    { "env", 'e', HG_OPT_LIST, offsetof(struct bundle_options, env), "NAME=VALUE",
      .help = "give env.py this variable when the bundle is built" },
    { "require-rendered", 0, HG_OPT_BOOL, offsetof(struct bundle_options, require_rendered),
      .help = "exit 1 when a revision needs Python to upgrade" },
    { "verify", 0, HG_OPT_BOOL, offsetof(struct bundle_options, verify),
      .help = "fail when it cannot be tried in a private PostgreSQL" },
    { "no-verify", 0, HG_OPT_BOOL, offsetof(struct bundle_options, no_verify),
      .help = "do not try it in a private PostgreSQL" },
    { "key", 'k', HG_OPT_STRING, offsetof(struct bundle_options, key), "KEY",
      .help = "sign: the ssh key, or its public half where an agent has it" },
    { "signers", 0, HG_OPT_STRING, offsetof(struct bundle_options, signers), "FILE",
      .help = "verify: who may have signed it (allowed_signers of ssh)" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "bundle",
    .summary = "write what the code wants to a file, to apply it without Python",
    .args = "[verify FILE | show FILE [REVISION] | sign FILE]",
    .formats = "text|json",
    .options = OPTIONS,
    .description =
        "Renders every revision, up and down, by the project's own Alembic without a database, and writes "
        "the statements with revision files and graph to one file, from which `headgate apply --bundle` "
        "migrates without Python. What cannot be rendered exactly is listed with its reason and needs "
        "Python. The same code gives the same bytes. "
        "`verify FILE` checks a bundle, its signature, and that it is of the code here. `show FILE` says "
        "what is in one, `show FILE REVISION` prints the SQL. `sign FILE -k KEY` writes FILE.sig by "
        "ssh-keygen.",
    .examples = "headgate bundle -o release.bundle\n    the revisions of this code as one file\n"
                "headgate bundle verify release.bundle\n    is it whole, and of this code?\n"
                "headgate bundle show release.bundle 3f2a\n    the SQL of one revision\n"
                "headgate bundle sign release.bundle -k ~/.ssh/id_ed25519\n    sign it\n",
    .max_args = 3,
};

void bundle_print_json(json_t *doc)
{
    char *text = json_dumps(doc, JSON_INDENT(2));
    json_decref(doc);
    hg_outf("%s\n", text ? text : "{}");
    free(text);
}

static int not_understood(const char *what, const struct hg_strv *args, struct hg_err *err)
{
    static const char *const WORDS[] = { "verify", "show", "sign" };
    const char *near = hg_nearest(what, WORDS, HG_COUNT(WORDS));
    bool known = near && hg_streq(near, what);
    (void)hg_fail(err, HG_E_USAGE, "expected nothing, `verify FILE`, `show FILE [REVISION]` or `sign FILE`, "
                  "got %s with %zu argument%s", what, args->count - 1, args->count == 2 ? "" : "s");
    if (!near && hg_is_file(what))
        return hg_hint(err, "headgate bundle show %s", what);
    if (known && args->count > 2)
        return hg_hint(err, "one file at a time");
    return near ? hg_hint(err, "headgate bundle %s %s", near, args->count > 1 ? args->items[1] : HG_BUNDLE_DEFAULT)
                : hg_hint(err, "headgate bundle --help");
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    const struct bundle_options *o = options;
    const char *what = args->count ? args->items[0] : NULL;
    if (!what)
        return bundle_build(o, err);
    if (hg_streq(what, "verify") && args->count == 2)
        return bundle_verify(o, args->items[1], err);
    if (hg_streq(what, "show") && args->count >= 2)
        return bundle_show(o, args->items[1], args->count == 3 ? args->items[2] : NULL, err);
    if (hg_streq(what, "sign") && args->count == 2)
        return bundle_sign(o, args->items[1], err);
    return not_understood(what, args, err);
}

int main(int argc, char **argv)
{
    struct bundle_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
