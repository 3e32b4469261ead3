/* SPDX-License-Identifier: Apache-2.0 */
#include "look.h"

static const struct hg_opt OPTIONS[] = {
    { "offline", 0, HG_OPT_BOOL, offsetof(struct gate_options, offline),
      .help = "judge files and git alone: no database, no secret" },
    { "base", 0, HG_OPT_STRING, offsetof(struct gate_options, base), "REF",
      .help = "compare with this branch (default: gate.base, origin/HEAD, main, master)" },
    { "fail-on", 0, HG_OPT_CHOICE, offsetof(struct gate_options, fail_on), "SEVERITY",
      "note|warning|error", .help = "lowest severity that shuts the gate" },
    { "bundle", 0, HG_OPT_STRING, offsetof(struct gate_options, bundle),
      .metavar = "FILE", .env = "HEADGATE_BUNDLE",
      .help = "judge what `headgate bundle` wrote to this file instead of revision files" },
    { "wait", 0, HG_OPT_SECONDS, offsetof(struct gate_options, wait_ns), "SECONDS",
      .help = "ask again until it is open, at most so long" },
    { "require", 0, HG_OPT_LIST, offsetof(struct gate_options, required), "TARGET=STATE",
      .help = "shut unless this target has that state" },
    { "override", 0, HG_OPT_LIST, offsetof(struct gate_options, overrides), "RULE=REASON",
      .help = "judge as if what this rule found were fine" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "gate",
    .summary = "may this code be applied to the target now?",
    .formats = "text|json|github|gitlab|sarif|junit|markdown|html",
    .options = OPTIONS,
    .description = "Judges revision files, git, configuration and the database's state, and gives "
                   "one verdict: open (exit 0), shut (1) or could not tell (3). It changes nothing.",
    .examples = "headgate gate --offline --base origin/main\n    on a pull request\n"
                "headgate gate -t production\n    before a deployment\n"
                "headgate explain HG201\n    what a finding means\n",
};

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    (void)args;
    const struct gate_options *o = options;
    HG_AUTO(gate_subject_done) struct gate_subject s = { 0 };
    if (gate_prepare(o, &s, err) != 0) {
        struct hg_gate nothing = HG_GATE_INIT;
        struct hg_gate_input in = { .target = &s.target };
        return s.target.t ? gate_print(o, &in, &nothing, err) : -1;
    }
    const struct timespec pause = { .tv_nsec = 500 * HG_NS_PER_MS };
    int64_t until = hg_now_ns() + o->wait_ns;
    for (;;) {
        bool again = false;
        struct hg_err now = { 0 };
        int rc = gate_look(o, &s, hg_now_ns() >= until, &again, &now);
        if (!again) {
            *err = now;
            return rc;
        }
        (void)nanosleep(&pause, NULL);
    }
}

int main(int argc, char **argv)
{
    struct gate_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
