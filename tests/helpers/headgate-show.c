/* SPDX-License-Identifier: Apache-2.0 */
/* A verb that only says what hg_target_open gave it: the tests' view of a target. */
#include "target/target.h"

struct show_options {
    struct hg_common common;
    bool offline;
};

static const struct hg_opt OPTIONS[] = {
    { "offline", 0, HG_OPT_BOOL, offsetof(struct show_options, offline), .help = "resolve nothing" },
    { 0 },
};

static const struct hg_cmd CMD = { .name = "show", .summary = "what a verb knows of its target",
                                   .args = "[NAME]…", .options = OPTIONS, .max_args = 64 };

static char **own_argv;

static void print(const char *key, const char *value)
{
    hg_outf("%s=%s\n", key, value ? value : "-");
}

/* Memory files still open: there must be none. */
static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 3; fd < 64; fd++) {
        char link[32], to[64];
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, to, sizeof to - 1);
        to[n > 0 ? n : 0] = '\0';
        count += hg_starts_with(to, "/memfd:");
    }
    return count;
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    struct show_options *o = options;
    HG_AUTO(hg_target_done) struct hg_target t;
    int rc = hg_target_open(&o->common, 0, own_argv, o->offline, &t, err);
    HG_AUTO(hg_freep) char *line = hg_target_line(&t);
    print("target", t.t->name);
    print("line", line);
    print("protected", t.t->protected_ ? "yes" : "no");
    print("url_source", t.url_source);
    print("host", t.host);
    print("port", t.port);
    print("database", t.database);
    print("route", t.route);
    HG_AUTO(hg_freep) char *dir = hg_target_state_dir(&t);
    print("state_dir", dir);
    print("state_fd", getenv("HEADGATE_STATE_FD"));
    hg_outf("descriptors=%d\n", open_descriptors());
    for (size_t i = 0; i < t.findings.count; i++)
        print("finding", t.findings.items[i].rule->id);
    char **plain = hg_target_plain_envp(&t);
    for (size_t i = 0; i < args->count; i++) {
        const char *name = args->items[i], *before = hg_vars_get(&t.original, name);
        const struct hg_var *v = hg_vars_find(&t.vars, name);
        bool in_plain = false;
        for (char **p = plain; *p; p++)
            in_plain = in_plain || (hg_starts_with(*p, name) && (*p)[strlen(name)] == '=');
        hg_outf("%s=%s source=%s before=%s plain=%s\n", name, v ? v->value : "-",
                v ? v->source : "-", before ? before : "-", in_plain ? "yes" : "no");
    }
    hg_vars_free_envp(plain);
    if (t.conninfo) { /* the mask hides the password also here */
        print("conninfo", t.conninfo);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct show_options options = { 0 };
    own_argv = argv;
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
