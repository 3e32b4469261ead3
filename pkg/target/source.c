/* SPDX-License-Identifier: Apache-2.0 */
/* One source of environment variables, as --from and headgate.yaml write it. */
#include "internal.h"

static int bad_source(const char *text, const char *why, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *shown = hg_printable(text, 80);
    hg_fail(err, HG_E_USAGE, "'%s' is not a source: %s", shown, why);
    if (hg_starts_with(text, "command:"))
        return hg_hint(err, "a command stands in headgate.yaml, as a list: environment: [ { command: "
                            "[PROGRAM, ARGUMENT], format: dotenv } ]");
    return hg_hint(err, "write process, dotenv:FILE, railway[:SERVICE[@ENVIRONMENT]] or "
                        "container:NAME");
}

static int parse_dotenv(const char *rest, const char *dir, struct hg_source *s, struct hg_err *err)
{
    if (!*rest)
        return bad_source("dotenv:", "the file is missing", err);
    /* A dialect is told from a colon in the path by its name. */
    const char *colon = strrchr(rest, ':');
    s->file = colon && hg_dotenv_dialect_parse(colon + 1, &s->dialect) == 0
                  ? hg_xstrndup(rest, (size_t)(colon - rest))
                  : hg_xstrdup(rest);
    s->path = hg_path_join(dir ? dir : ".", s->file);
    return 0;
}

static void parse_railway(const char *rest, struct hg_source *s)
{
    const char *at = strchr(rest, '@');
    size_t len = at ? (size_t)(at - rest) : strlen(rest);
    if (len)
        s->service = hg_xstrndup(rest, len);
    if (at && at[1])
        s->environment = hg_xstrdup(at + 1);
}

int hg_source_parse(const char *text, const char *dir, struct hg_source *ret, struct hg_err *err)
{
    struct hg_source s = { .kind = HG_SOURCE_PROCESS };
    if (strcmp(text, "process") == 0) {
        s.kind = HG_SOURCE_PROCESS;
    } else if (hg_starts_with(text, "dotenv:")) {
        s.kind = HG_SOURCE_DOTENV;
        if (parse_dotenv(text + strlen("dotenv:"), dir, &s, err) < 0)
            return -1;
    } else if (strcmp(text, "railway") == 0 || hg_starts_with(text, "railway:")) {
        s.kind = HG_SOURCE_RAILWAY;
        parse_railway(text + strlen("railway") + (text[strlen("railway")] == ':'), &s);
    } else if (hg_starts_with(text, "container:") && text[strlen("container:")]) {
        s.kind = HG_SOURCE_CONTAINER;
        s.container = hg_xstrdup(text + strlen("container:"));
    } else {
        return bad_source(text, "no such kind", err);
    }
    s.line = ret->line;
    s.column = ret->column;
    *ret = s;
    return 0;
}

void hg_config_command_path(struct hg_yaml *y, struct hg_strv *argv)
{
    if (!strchr(argv->items[0], '/'))
        return;
    char *path = hg_path_join(y->dir, argv->items[0]);
    free(argv->items[0]);
    argv->items[0] = path;
}

void hg_source_done(struct hg_source *s)
{
    char **all[] = { &s->file,    &s->path,      &s->service,   &s->environment,
                     &s->project, &s->token_env, &s->container, &s->member,
                     &s->via };
    for (size_t i = 0; i < HG_COUNT(all); i++)
        hg_freep(all[i]);
    hg_strv_done(&s->command);
}

char *hg_source_shown(const struct hg_source *s)
{
    switch (s->kind) {
    case HG_SOURCE_PROCESS:
        return hg_xstrdup("process");
    case HG_SOURCE_DOTENV:
        return hg_xstrdup(s->file);
    case HG_SOURCE_CONTAINER:
        return hg_xasprintf("container %s", s->container);
    case HG_SOURCE_COMMAND: /* its arguments are nobody's business */
        return hg_xasprintf("command %s (headgate.yaml:%d)", hg_path_base(s->command.items[0]),
                            s->line);
    case HG_SOURCE_RAILWAY:
        if (s->service && s->environment)
            return hg_xasprintf("railway %s@%s", s->service, s->environment);
        if (s->environment)
            return hg_xasprintf("railway @%s", s->environment);
        return s->service ? hg_xasprintf("railway %s", s->service) : hg_xstrdup("railway");
    }
    HG_BUG("unknown source kind");
}

/* ---- where the migrator runs ---------------------------------------------------------------------------- */

int hg_config_read_run(struct hg_yaml *y, yaml_node_t *node, void *object)
{
    struct hg_target_config *t = object;
    if (node->type == YAML_SCALAR_NODE && strcmp(hg_yaml_text(node), "host") == 0) {
        t->run = HG_RUN_HOST;
        return 0;
    }
    if (node->type != YAML_MAPPING_NODE)
        return hg_yaml_expected(y, node, "`host`, { container: NAME } or { command: [PROGRAM, …] }");
    if (hg_yaml_has(y, node, "command")) {
        t->run = HG_RUN_COMMAND;
        if (hg_yaml_map(y, node, hg_schema_run_command, "run", t) < 0)
            return -1;
        if (!t->run_command.count)
            return hg_yaml_expected(y, node, "a program in `command`");
        hg_config_command_path(y, &t->run_command);
        return 0;
    }
    if (hg_config_read_container(y, node, "run", &t->run_container) < 0)
        return -1;
    t->run = HG_RUN_CONTAINER;
    return 0;
}
