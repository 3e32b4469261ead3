/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "internal.h"

const struct hg_opt hg_common_options[] = {
    { "target", 't', HG_OPT_STRING, offsetof(struct hg_common, target), .metavar = "NAME",
      .help = "the target of headgate.yaml to work on" },
    { "config", 'c', HG_OPT_STRING, offsetof(struct hg_common, config), .metavar = "FILE",
      .env = "HEADGATE_CONFIG", .help = "configuration to read instead of headgate.yaml" },
    { "dir", 'C', HG_OPT_STRING, offsetof(struct hg_common, dir), .metavar = "DIR",
      .help = "work as if started in DIR" },
    { "from", 0, HG_OPT_LIST, offsetof(struct hg_common, from), .metavar = "SOURCE",
      .help = "take the environment from SOURCE instead of the target's own sources" },
    { "alembic-config", 0, HG_OPT_STRING, offsetof(struct hg_common, alembic_config),
      .metavar = "FILE", .help = "alembic.ini or pyproject.toml, relative to DIR" },
    { "alembic-section", 0, HG_OPT_STRING, offsetof(struct hg_common, alembic_section),
      .metavar = "NAME", .help = "section of alembic.ini (default: alembic)" },
    { "x", 'x', HG_OPT_LIST, offsetof(struct hg_common, x), .metavar = "ARG",
      .help = "argument for env.py, as alembic's -x" },
    { "yes", 0, HG_OPT_BOOL, offsetof(struct hg_common, yes), .help = "answer yes to questions" },
    { "timeout", 0, HG_OPT_SECONDS, offsetof(struct hg_common, timeout_ns), .metavar = "SECONDS",
      .help = "longest time to wait for servers" },
    { "no-python", 0, HG_OPT_BOOL, offsetof(struct hg_common, no_python),
      .help = "never start Python to read a file" },
    { "no-progress", 0, HG_OPT_BOOL, offsetof(struct hg_common, no_progress),
      .help = "no live display" },
    { "color", 0, HG_OPT_CHOICE, offsetof(struct hg_common, color), .metavar = "WHEN",
      .values = "auto|always|never", .help = "colours: auto, always or never" },
    { 0 },
};

const struct hg_opt hg_cli_basic_options[] = {
    { "quiet", 'q', HG_OPT_BOOL, offsetof(struct hg_common, quiet), .help = "errors only" },
    { "verbose", 'v', HG_OPT_COUNT, offsetof(struct hg_common, verbose),
      .help = "say more; twice for debugging" },
    { 0 },
};

/* --format is a row of its own, because each program allows other values. */
struct hg_opt hg_cli_format_option(const struct hg_cmd *cmd)
{
    return (struct hg_opt){ "format", 0, HG_OPT_CHOICE, offsetof(struct hg_common, format),
                            .metavar = "FORMAT", .values = cmd->formats ? cmd->formats : "text",
                            .help = "form of the answer on stdout" };
}

struct parser {
    const struct hg_cmd *cmd;
    char *options;
    struct hg_opt format; /* storage for the row found */
    struct hg_strv *args;
    struct hg_err *err;
};

static const struct hg_opt *find_in(const struct hg_opt *table, const char *name, size_t len,
                                    char letter)
{
    for (; table && table->name; table++)
        if (name ? strlen(table->name) == len && memcmp(table->name, name, len) == 0
                 : table->letter && table->letter == letter)
            return table;
    return NULL;
}

static const struct hg_opt *find(struct parser *p, const char *name, size_t len, char letter)
{
    const struct hg_opt *row = find_in(p->cmd->options, name, len, letter);
    if (!row)
        row = find_in(hg_cli_basic_options, name, len, letter);
    if (!row)
        row = find_in(hg_common_options, name, len, letter);
    if (!row) {
        p->format = hg_cli_format_option(p->cmd);
        if (name && len == 6 && memcmp(name, "format", 6) == 0)
            row = &p->format;
    }
    return row;
}

static int unknown_option(struct parser *p, const char *arg, size_t len)
{
    const char *names[128];
    size_t count = 0;
    const struct hg_opt *const tables[] = { p->cmd->options, hg_cli_basic_options,
                                            p->cmd->no_common ? NULL : hg_common_options };
    for (size_t i = 0; i < HG_COUNT(tables); i++)
        for (const struct hg_opt *o = tables[i]; o && o->name && count < HG_COUNT(names); o++)
            if (!o->hidden)
                names[count++] = o->name;
    hg_fail(p->err, HG_E_USAGE, "unknown option %.*s", (int)len, arg);
    HG_AUTO(hg_freep) char *word = hg_xstrndup(arg, len);
    const char *near = hg_starts_with(arg, "--") ? hg_nearest(word + 2, names, count) : NULL;
    if (near)
        return hg_hint(p->err, "did you mean --%s? `headgate %s --help` lists all", near,
                       p->cmd->name);
    return hg_hint(p->err, "`headgate %s --help` lists the options", p->cmd->name);
}

bool hg_cli_choice_allowed(const char *values, const char *value)
{
    size_t len = strlen(value);
    for (const char *p = values; *p;) {
        size_t n = strcspn(p, "|");
        if (n == len && memcmp(p, value, n) == 0)
            return true;
        p += n;
        p += *p == '|';
    }
    return false;
}

static int set_value(struct parser *p, const struct hg_opt *o, const char *value, const char *shown)
{
    void *field = p->options + o->offset;
    switch (o->type) {
    case HG_OPT_BOOL:
    case HG_OPT_COUNT:
        HG_BUG("a flag has no value");
    case HG_OPT_STRING:
        *(const char **)field = value;
        return 0;
    case HG_OPT_INT:
        if (hg_parse_int(value, INT64_MIN, INT64_MAX, field) < 0)
            return hg_fail(p->err, HG_E_USAGE, "%s wants a whole number, not '%s'", shown, value);
        return 0;
    case HG_OPT_SECONDS:
        if (hg_parse_duration(value, field) < 0)
            return hg_fail(p->err, HG_E_USAGE,
                           "%s wants seconds or a duration such as 90, 1.5, 30s, 5min, not '%s'",
                           shown, value);
        return 0;
    case HG_OPT_LIST:
        hg_strv_add(field, value);
        return 0;
    case HG_OPT_CHOICE:
        if (!hg_cli_choice_allowed(o->values, value))
            return hg_fail(p->err, HG_E_USAGE, "%s wants one of %s, not '%s'", shown, o->values,
                           value);
        *(const char **)field = value;
        return 0;
    }
    HG_BUG("unknown option type");
}

static void set_flag(struct parser *p, const struct hg_opt *o)
{
    void *field = p->options + o->offset;
    if (o->type == HG_OPT_COUNT)
        ++*(int *)field;
    else
        *(bool *)field = true;
}

static bool takes_value(const struct hg_opt *o)
{
    return o->type != HG_OPT_BOOL && o->type != HG_OPT_COUNT;
}

/* Each returns how many further words of argv it used, or -1. */
static int parse_long(struct parser *p, char **argv)
{
    const char *arg = argv[0];
    size_t len = strcspn(arg, "=");
    const struct hg_opt *o = find(p, arg + 2, len - 2, 0);
    if (!o)
        return unknown_option(p, arg, len);
    HG_AUTO(hg_freep) char *shown = hg_xstrndup(arg, len);
    if (!takes_value(o)) {
        if (arg[len])
            return hg_fail(p->err, HG_E_USAGE, "%s takes no value", shown);
        set_flag(p, o);
        return 0;
    }
    if (arg[len])
        return set_value(p, o, arg + len + 1, shown);
    if (!argv[1])
        return hg_fail(p->err, HG_E_USAGE, "%s wants a value: %s", shown, o->metavar);
    return set_value(p, o, argv[1], shown) < 0 ? -1 : 1;
}

static int parse_short(struct parser *p, char **argv)
{
    for (const char *s = argv[0] + 1; *s; s++) {
        const struct hg_opt *o = find(p, NULL, 0, *s);
        char shown[] = { '-', *s, '\0' };
        if (!o)
            return unknown_option(p, shown, 2);
        if (!takes_value(o)) {
            set_flag(p, o);
            continue;
        }
        if (s[1])
            return set_value(p, o, s + 1, shown);
        if (!argv[1])
            return hg_fail(p->err, HG_E_USAGE, "%s wants a value: %s", shown, o->metavar);
        return set_value(p, o, argv[1], shown) < 0 ? -1 : 1;
    }
    return 0;
}

/* "HEADGATE_INIT=0" means what it says. */
static bool says_no(const char *value)
{
    return strcmp(value, "0") == 0 || strcmp(value, "no") == 0 || strcmp(value, "false") == 0;
}

static int from_environment(struct parser *p, const struct hg_opt *table)
{
    for (; table && table->name; table++) {
        const char *value = table->env ? getenv(table->env) : NULL;
        if (!value || !*value)
            continue;
        if (!takes_value(table)) {
            if (!says_no(value))
                set_flag(p, table);
        } else if (set_value(p, table, value, table->env) < 0) {
            return -1;
        }
    }
    return 0;
}

static int check_args(struct parser *p)
{
    size_t n = p->args->count;
    if (n < p->cmd->min_args) {
        hg_fail(p->err, HG_E_USAGE, "`headgate %s` wants %s", p->cmd->name, p->cmd->args);
        return hg_hint(p->err, "`headgate %s --help` shows how", p->cmd->name);
    }
    if (n > p->cmd->max_args && !p->cmd->wrapper) {
        hg_fail(p->err, HG_E_USAGE, "unexpected argument '%s'", p->args->items[p->cmd->max_args]);
        return hg_hint(p->err, "`headgate %s --help` shows what it takes", p->cmd->name);
    }
    return 0;
}

static bool is_negative_number(const char *arg)
{
    return arg[0] == '-' && arg[1] >= '0' && arg[1] <= '9';
}

int hg_cli_parse(const struct hg_cmd *cmd, int argc, char **argv, void *options,
                 struct hg_strv *ret_args, struct hg_err *err)
{
    struct parser p = { .cmd = cmd, .options = options, .args = ret_args, .err = err };
    if (from_environment(&p, cmd->options) < 0 ||
        from_environment(&p, hg_common_options) < 0)
        return -1;
    bool only_args = false;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (!only_args && strcmp(arg, "--") == 0) {
            only_args = true;
        } else if (only_args || arg[0] != '-' || arg[1] == '\0' ||
                   (cmd->negative_args && is_negative_number(arg))) {
            hg_strv_add(ret_args, arg);
            only_args = only_args || cmd->wrapper;
        } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            hg_cli_print_help(cmd);
            return 1;
        } else if (strcmp(arg, "--help=json") == 0) {
            hg_cli_print_help_json(cmd);
            return 1;
        } else if (strcmp(arg, "--version") == 0) {
            hg_outf("headgate %s\n", hg_version);
            return 1;
        } else {
            int used = arg[1] == '-' ? parse_long(&p, argv + i) : parse_short(&p, argv + i);
            if (used < 0)
                return -1;
            i += used;
        }
    }
    return check_args(&p);
}
