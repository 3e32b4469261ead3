/* SPDX-License-Identifier: Apache-2.0 */
/*
 * { railway: { via: cli } }: the variables come through the real `railway run`, for people whose policy
 * demands it. The program that resolves starts itself again as the CLI's child; what its environment
 * has there and had not when the CLI was started is what Railway gave. The environment from before
 * travels in an inherited memory file, because connection variables of the caller's shell must not be
 * taken for Railway's: the CLI is started without them.
 */
#include "internal.h"
#include "process/process.h"

#include <fcntl.h>

#define RUN_VAR "HEADGATE_RAILWAY_RUN"
#define RUN_MAX ((size_t)32 << 20)

/* Whose variables they are: the same for the program above and below the CLI. */
static char *key_of(const struct hg_source *s)
{
    const char *const parts[] = { s->project, s->environment, s->service, s->token_env };
    HG_AUTO(hg_strv_done) struct hg_strv list = HG_STRV_INIT;
    for (size_t i = 0; i < HG_COUNT(parts); i++)
        hg_strv_add(&list, parts[i] ? parts[i] : "-");
    return hg_strv_join(&list, "\n");
}

/* ---- above: starting the CLI ------------------------------------------------------------------------ */

static void token_for_cli(const struct hg_source *s, const struct hg_target *t, struct hg_vars *launch)
{
    const char *token = s->token_env ? hg_vars_get(&t->original, s->token_env) : NULL;
    if (!token)
        return;
    bool account = strstr(s->token_env, "API_TOKEN") != NULL;
    hg_vars_unset(launch, "RAILWAY_TOKEN"); /* the CLI prefers it */
    hg_vars_set(launch, account ? "RAILWAY_API_TOKEN" : "RAILWAY_TOKEN", token, "process");
}

static void launch_environment(const struct hg_target *t, int64_t timeout_ns, struct hg_vars *launch)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    hg_resolve_template_names(t->t->url, &names);
    hg_resolve_template_names(t->t->direct_url, &names);
    for (size_t i = 0; i < t->original.count; i++) {
        const struct hg_var *v = &t->original.items[i];
        if (!hg_resolve_is_connection(&names, v->name))
            hg_vars_set(launch, v->name, v->value, "process");
    }
    token_for_cli(t->via_cli, t, launch);
    if (timeout_ns && !hg_vars_get(launch, "RAILWAY_HTTP_TIMEOUT")) {
        HG_AUTO(hg_freep) char *seconds =
            hg_xasprintf("%lld", (long long)((timeout_ns + HG_NS_PER_S - 1) / HG_NS_PER_S));
        hg_vars_set(launch, "RAILWAY_HTTP_TIMEOUT", seconds, "process");
    }
}

/* "o" of the original only, "l" of the launch only, "b" both; NAME=VALUE and NUL after each. */
static void add_vars(struct hg_buf *b, const struct hg_vars *v, const struct hg_vars *other, char one)
{
    for (size_t i = 0; i < v->count; i++) {
        const char *name = v->items[i].name, *value = v->items[i].value;
        bool both = hg_streq(hg_vars_get(other, name), value);
        if (both && one == 'l')
            continue;
        hg_buf_addf(b, "%c%s=%s", both ? 'b' : one, name, value);
        hg_buf_addc(b, '\0');
    }
}

static int memory_file(const struct hg_target *t, const struct hg_vars *launch, struct hg_err *err)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *key = key_of(t->via_cli);
    hg_buf_adds(&b, key);
    hg_buf_addc(&b, '\0');
    add_vars(&b, &t->original, launch, 'o');
    add_vars(&b, launch, &t->original, 'l');
    return hg_process_memfile("headgate", hg_buf_str(&b), b.len, err);
}

static void add_option(struct hg_strv *argv, const char *option, const char *value)
{
    if (!value)
        return;
    hg_strv_add(argv, option);
    hg_strv_add(argv, value);
}

int hg_target_via_cli(const struct hg_target *t, int64_t timeout_ns, struct hg_strv *ret_argv,
                      char ***ret_envp, int *ret_fd, struct hg_err *err)
{
    const struct hg_source *s = t->via_cli;
    HG_AUTO(hg_freep) char *cli = hg_find_program("railway", hg_vars_get(&t->original, "PATH"));
    if (!cli) {
        hg_fail(err, HG_E_CONFIG, "target %s: the railway CLI (via: cli) is not on PATH", t->t->name);
        return hg_hint(err, "install it, or leave `via: cli` away: headgate asks Railway itself then");
    }
    HG_AUTO(hg_vars_done) struct hg_vars launch = HG_VARS_INIT;
    launch_environment(t, timeout_ns, &launch);
    int fd = memory_file(t, &launch, err);
    if (fd < 0)
        return -1;
    HG_AUTO(hg_freep) char *number = hg_xasprintf("%d", fd);
    hg_vars_set(&launch, RUN_VAR, number, "process");
    hg_strv_add(ret_argv, cli);
    hg_strv_add(ret_argv, "run");
    hg_strv_add(ret_argv, "--no-local");
    add_option(ret_argv, "--service", s->service);
    add_option(ret_argv, "--environment", s->environment);
    add_option(ret_argv, "--project", s->project);
    hg_strv_add(ret_argv, "--");
    *ret_envp = hg_vars_envp(&launch);
    *ret_fd = fd;
    return 0;
}

/* ---- below: what the CLI gave ------------------------------------------------------------------------ */

/* The descriptor is ours alone from here on. */
static bool read_memory(const char *number, struct hg_buf *ret)
{
    int64_t fd;
    struct hg_err ignored = { 0 };
    if (!number || hg_parse_int(number, 3, INT32_MAX, &fd) < 0 || fcntl((int)fd, F_GET_SEALS) < 0)
        return false;
    (void)lseek((int)fd, 0, SEEK_SET);
    bool good = hg_read_all((int)fd, RUN_MAX, ret, &ignored) == 0;
    (void)close((int)fd);
    return good;
}

static void take_entry(const char *entry, struct hg_vars *original, struct hg_vars *launch)
{
    const char *equals = strchr(entry, '=');
    if (!*entry || !equals)
        return;
    HG_AUTO(hg_freep) char *name = hg_xstrndup(entry + 1, (size_t)(equals - entry - 1));
    if (*entry != 'l')
        hg_vars_set(original, name, equals + 1, "process");
    if (*entry != 'o')
        hg_vars_set(launch, name, equals + 1, "process");
}

static void take_given(const struct hg_vars *now, const struct hg_vars *launch, struct hg_vars *given)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct hg_var *v = &now->items[i];
        if (strcmp(v->name, RUN_VAR) != 0 && strcmp(v->name, "_") != 0 &&
            !hg_streq(hg_vars_get(launch, v->name), v->value))
            hg_vars_set(given, v->name, v->value, "railway");
    }
}

void hg_resolve_below_cli(struct hg_resolving *r)
{
    struct hg_target *t = r->t;
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    HG_AUTO(hg_vars_done) struct hg_vars original = HG_VARS_INIT;
    HG_AUTO(hg_vars_done) struct hg_vars launch = HG_VARS_INIT;
    bool below = read_memory(hg_vars_get(&t->original, RUN_VAR), &b);
    hg_vars_unset(&t->original, RUN_VAR);
    if (!below)
        return;
    const char *text = hg_buf_str(&b), *end = text + b.len;
    r->cli_key = hg_xstrdup(text);
    for (text += strlen(text) + 1; text < end; text += strlen(text) + 1)
        take_entry(text, &original, &launch);
    take_given(&t->original, &launch, &r->cli_given);
    hg_vars_done(&t->original);
    t->original = original;
    original = (struct hg_vars)HG_VARS_INIT;
}

int hg_resolve_via_cli(struct hg_resolving *r, const struct hg_source *s)
{
    if (!r->cli_key) {
        r->t->via_cli = s;
        return 1;
    }
    HG_AUTO(hg_freep) char *key = key_of(s);
    if (!hg_streq(key, r->cli_key)) {
        hg_fail(r->err, HG_E_CONFIG, "target %s has two Railway sources via: cli", r->t->t->name);
        return hg_hint(r->err, "one can go through the CLI; let headgate ask Railway for the other");
    }
    HG_AUTO(hg_freep) char *label = hg_source_shown(s);
    for (size_t i = 0; i < r->cli_given.count; i++) {
        const struct hg_var *v = &r->cli_given.items[i];
        if (!r->in->allow_exec_names && hg_var_name_executes(v->name))
            hg_resolve_left_out(r, v->name, label);
        else
            hg_vars_set(&r->t->vars, v->name, v->value, label);
    }
    return 0;
}
