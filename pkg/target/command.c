/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source that is a command: a vault's client, sops, aws, kubectl. It is started from its argv, never
 * through a shell, and what it prints are secrets: they reach variables, and no message.
 */
#include "internal.h"
#include "process/process.h"

enum {
    OUTPUT_MAX = 4 << 20,  /* larger than any environment that execve takes */
    SAID_MAX = 300,        /* bytes of its last words in an error */
    SAID_LINES_MAX = 200,
    MEMBER_DEPTH_MAX = 16,
    REFRESH_TIMEOUT_S = 30,
};

/* ---- running it ------------------------------------------------------------------------------------- */

/* The environment of the command: what stands before it, and not what it gave itself the last time. */
static char **command_envp(const struct hg_resolving *r, const char *label)
{
    HG_AUTO(hg_vars_done) struct hg_vars env = HG_VARS_INIT;
    const struct hg_vars *vars = &r->t->vars, *o = &r->t->original;
    for (size_t i = 0; r->in->clean && i < o->count; i++) /* its PATH and HOME at least */
        if (!hg_resolve_is_connection(&r->template_names, o->items[i].name))
            hg_vars_set(&env, o->items[i].name, o->items[i].value, "process");
    for (size_t i = 0; i < vars->count; i++) {
        const struct hg_var *v = &vars->items[i];
        if (!hg_streq(v->source, label))
            hg_vars_set(&env, v->name, v->value, v->source);
    }
    hg_vars_unset(&env, HG_STATE_VAR);
    return hg_vars_envp(&env);
}

static void keep_words(struct hg_resolving *r, const char *program, const struct hg_buf *words)
{
    HG_AUTO(hg_freep) char *text = hg_xstrndup(hg_buf_str(words), words->len);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) && r->t->said.count < SAID_LINES_MAX;) {
        HG_AUTO(hg_freep) char *shown = hg_printable(line, SAID_MAX);
        if (*shown)
            hg_strv_addf(&r->t->said, "%s: %s", program, shown);
    }
}

static void keep_strings(struct hg_resolving *r, const json_t *node, int depth)
{
    const char *key;
    const json_t *value;
    size_t i;
    if (json_is_string(node))
        hg_strv_add(&r->t->old_secrets, json_string_value(node));
    if (!depth)
        return;
    json_object_foreach((json_t *)(uintptr_t)node, key, value)
        keep_strings(r, value, depth - 1);
    json_array_foreach(node, i, value)
        keep_strings(r, value, depth - 1);
}

/* It failed, so nothing of what it printed becomes a variable; its stderr may repeat it all the same. */
static void keep_unread(struct hg_resolving *r, const struct hg_buf *out)
{
    HG_AUTO(hg_decrefp) json_t *document = json_loadb(hg_buf_str(out), out->len, 0, NULL);
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    hg_buf_add(&text, out->data, out->len);
    for (char *rest = text.len ? text.data : NULL, *line; (line = strsep(&rest, "\n"));) {
        char *value = strchr(line, '=');
        if (!value)
            continue;
        value += 1 + strspn(value + 1, " \t\"'");
        value[strcspn(value, "\r\"'")] = '\0';
        hg_strv_add(&r->t->old_secrets, value);
    }
    keep_strings(r, document, MEMBER_DEPTH_MAX);
}

static int not_started(struct hg_resolving *r, const char *label)
{
    if (r->err->kind == HG_E_TIMEOUT)
        return hg_hint(r->err, "it may be waiting for a question to be answered, which it cannot be "
                               "here: log in first, or give it longer with --timeout");
    bool started = !r->err->exit_code;
    r->err->exit_code = 0; /* 126 and 127 are about what the user typed */
    hg_wrap(r->err, "%s", label);
    if (started)
        return hg_hint(r->err, "run it yourself to see what it prints");
    return hg_hint(r->err, "install it, or correct `command` in headgate.yaml");
}

static int run(struct hg_resolving *r, const struct hg_source *s, const char *label,
               struct hg_buf *ret_out)
{
    int64_t left = r->deadline_ns - hg_now_ns();
    const char *program = hg_path_base(s->command.items[0]);
    if (left <= 0)
        return hg_fail(r->err, HG_E_TIMEOUT, "time ran out before %s could be run", label);
    char **envp = command_envp(r, label);
    HG_AUTO(hg_buf_wipe) struct hg_buf words = HG_BUF_INIT;
    struct hg_exit_status status = { 0 };
    struct hg_process_run spec = { .argv = s->command.items, .envp = envp, .dir = r->t->config.dir,
                                   .timeout_ns = left, .max_output = OUTPUT_MAX };
    int rc = hg_process_run(&spec, &status, ret_out, &words, r->err);
    hg_vars_free_envp(envp);
    if (rc < 0 || status.signaled || status.code != 0)
        keep_unread(r, ret_out);
    if (rc < 0) {
        keep_words(r, program, &words);
        return not_started(r, label);
    }
    if (!status.signaled && status.code == 0) {
        keep_words(r, program, &words);
        return 0;
    }
    hg_buf_trim_end(&words, " \r\n");
    const char *last = hg_buf_str(&words);
    HG_AUTO(hg_freep) char *said = hg_printable(
        words.len > SAID_MAX ? last + words.len - SAID_MAX : last, SAID_MAX);
    hg_fail(r->err, HG_E_NETWORK, "%s ended with %s %d", label,
            status.signaled ? "signal" : "exit code", status.code);
    if (*said)
        hg_detail(r->err, "it said: %s", said);
    return hg_hint(r->err, "run it yourself to see why; what it printed is kept out of this message");
}

/* ---- reading what it printed ------------------------------------------------------------------------ */

/* "app_name" and "PGHOST" say where, not who: hiding them would hide which database is meant. */
static bool is_plain(const char *name)
{
    static const char *const SUFFIXES[] = { "HOST", "HOSTNAME", "PORT", "USER",   "USERNAME", "NAME",
                                            "DATABASE", "DRIVER", "SCHEMA", "SSLMODE", "_URL",
                                            "_URI", "REGION", "_ENV" };
    size_t len = strlen(name);
    for (size_t i = 0; i < HG_COUNT(SUFFIXES); i++) {
        size_t n = strlen(SUFFIXES[i]);
        if (len >= n && strcasecmp(name + len - n, SUFFIXES[i]) == 0)
            return true;
    }
    return false;
}

static void take(struct hg_resolving *r, const char *name, const char *value, const char *label)
{
    if (!*name || strchr(name, '='))
        return;
    if (!r->in->allow_exec_names && hg_var_name_executes(name)) {
        hg_resolve_left_out(r, name, label);
        return;
    }
    hg_vars_set(&r->t->vars, name, value, label);
    struct hg_var *v = (struct hg_var *)(uintptr_t)hg_vars_find(&r->t->vars, name);
    v->secret = v->secret || !is_plain(name);
}

/* The parser's own message may quote the line; its number is enough. */
static int read_dotenv(struct hg_resolving *r, const struct hg_source *s, const struct hg_buf *out,
                       const char *label)
{
    static const char SHOWN[] = "output";
    HG_AUTO(hg_vars_done) struct hg_vars found = HG_VARS_INIT;
    HG_AUTO(hg_dotenv_notes_done) struct hg_dotenv_notes dropped = HG_DOTENV_NOTES_INIT;
    struct hg_err why = { 0 };
    size_t line = 0;
    if (hg_dotenv_parse(hg_buf_str(out), out->len, SHOWN, s->dialect, NULL, &found, &dropped,
                        &why) < 0)
        line = (size_t)strtoul(why.message + sizeof SHOWN, NULL, 10); /* "output:12: …" */
    else if (dropped.count) /* a file may have such lines; what a program prints should not */
        line = dropped.items[0].line;
    if (line) {
        hg_fail(r->err, HG_E_CONFIG, "line %zu of what %s printed is no dotenv line", line, label);
        return hg_hint(r->err, "`format: json` is for a JSON object; `dialect` names another dotenv");
    }
    for (size_t i = 0; i < found.count; i++)
        take(r, found.items[i].name, found.items[i].value, label);
    return 0;
}

/* "data.data" of {"data": {"data": {…}}}; borrowed, NULL when it is not there. */
static json_t *inside(json_t *document, const char *member)
{
    HG_AUTO(hg_freep) char *path = hg_xstrdup(member ? member : "");
    char *rest = path;
    json_t *at = document;
    for (size_t i = 0; *path && rest && i < MEMBER_DEPTH_MAX; i++)
        at = json_object_get(at, strsep(&rest, "."));
    return json_is_object(at) ? at : NULL;
}

static int take_json(struct hg_resolving *r, const char *name, const json_t *value, const char *label)
{
    if (json_is_null(value))
        return 0; /* not set */
    if (json_is_string(value)) {
        if (strlen(json_string_value(value)) != json_string_length(value))
            return hg_fail(r->err, HG_E_CONFIG, "%s of %s holds a NUL byte", name, label);
        take(r, name, json_string_value(value), label);
        return 0;
    }
    if (json_is_number(value) || json_is_boolean(value)) {
        HG_AUTO(hg_freep) char *text = json_dumps(value, JSON_ENCODE_ANY);
        take(r, name, text, label);
        return 0;
    }
    HG_AUTO(hg_freep) char *shown = hg_printable(name, 60);
    hg_fail(r->err, HG_E_CONFIG, "`%s` in the JSON of %s is no string", shown, label);
    return hg_hint(r->err, "`member: %s` names the object that holds the variables", shown);
}

static int read_json(struct hg_resolving *r, const struct hg_source *s, const struct hg_buf *out,
                     const char *label)
{
    json_error_t where;
    HG_AUTO(hg_decrefp) json_t *document =
        json_loadb(hg_buf_str(out), out->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (!document) {
        hg_fail(r->err, HG_E_CONFIG, "what %s printed is no JSON (line %d, column %d)", label,
                where.line, where.column);
        return hg_hint(r->err, "`format: dotenv` is for lines NAME=value");
    }
    json_t *object = inside(document, s->member);
    if (!object)
        return hg_fail(r->err, HG_E_CONFIG, "the JSON of %s has no object%s%s", label,
                       s->member ? " at " : "", s->member ? s->member : "");
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
        if (take_json(r, name, value, label) < 0)
            return -1;
    return 0;
}

int hg_resolve_command(struct hg_resolving *r, const struct hg_source *s)
{
    HG_AUTO(hg_freep) char *label = hg_source_shown(s);
    HG_AUTO(hg_buf_wipe) struct hg_buf out = HG_BUF_INIT;
    if (run(r, s, label, &out) < 0)
        return -1;
    return s->format == HG_FORMAT_JSON ? read_json(r, s, &out, label)
                                       : read_dotenv(r, s, &out, label);
}

/* ---- again, before a later connection --------------------------------------------------------------- */

static bool has_command(const struct hg_target_config *t)
{
    for (size_t i = 0; i < t->source_count; i++)
        if (t->sources[i].kind == HG_SOURCE_COMMAND)
            return true;
    return false;
}

/* Runs one again into a set of its own and takes over what came from it before, or is new. */
static int run_again(struct hg_resolving *r, const struct hg_source *s)
{
    struct hg_target fresh = { .config = r->t->config, .t = r->t->t, .original = r->t->original };
    struct hg_resolving inner = *r;
    inner.t = &fresh;
    for (size_t i = 0; i < r->t->vars.count; i++)
        hg_vars_set(&fresh.vars, r->t->vars.items[i].name, r->t->vars.items[i].value,
                    r->t->vars.items[i].source);
    int rc = hg_resolve_command(&inner, s);
    HG_AUTO(hg_freep) char *label = hg_source_shown(s);
    for (size_t i = 0; rc == 0 && i < fresh.vars.count; i++) {
        const struct hg_var *v = &fresh.vars.items[i], *old = hg_vars_find(&r->t->vars, v->name);
        if (!hg_streq(v->source, label) || (old && !hg_streq(old->source, label)))
            continue;
        if (old && old->secret && !hg_streq(old->value, v->value))
            hg_strv_add(&r->t->old_secrets, old->value);
        bool secret = v->secret;
        hg_vars_set(&r->t->vars, v->name, v->value, label);
        ((struct hg_var *)(uintptr_t)hg_vars_find(&r->t->vars, v->name))->secret = secret;
    }
    hg_strv_addv(&r->t->said, &fresh.said);
    hg_vars_done(&fresh.vars);
    hg_strv_done(&fresh.said);
    hg_strv_done(&fresh.warnings);
    return rc;
}

static int read_again(struct hg_resolving *r)
{
    struct hg_target *t = r->t;
    for (size_t i = 0; i < t->t->source_count; i++)
        if (t->t->sources[i].kind == HG_SOURCE_COMMAND && run_again(r, &t->t->sources[i]) < 0)
            return -1;
    HG_AUTO(hg_freep) char *host = hg_xstrdup(t->host);
    HG_AUTO(hg_freep) char *port = hg_xstrdup(t->port);
    if (t->url)
        hg_strv_add(&t->old_secrets, t->url);
    if (hg_resolve_url(r) < 0 || hg_resolve_keep_route(r, host, port) < 0)
        return -1;
    hg_resolve_finish_address(r);
    return 0;
}

int hg_target_refresh(struct hg_target *t, const struct hg_common *common, struct hg_err *err)
{
    if (!has_command(t->t))
        return 0;
    const struct hg_resolve in = { .common = common, .original = &t->original, .strict = true };
    struct hg_resolving r = { .in = &in, .t = t, .err = err };
    int64_t timeout = common->timeout_ns ? common->timeout_ns : REFRESH_TIMEOUT_S * HG_NS_PER_S;
    r.deadline_ns = hg_now_ns() + timeout;
    hg_resolve_template_names(t->t->url, &r.template_names);
    hg_resolve_template_names(t->t->direct_url, &r.template_names);
    int rc = read_again(&r);
    hg_resolve_mask(t);
    hg_resolve_say(t);
    hg_strv_done(&t->said);
    hg_strv_done(&r.template_names);
    return rc < 0 ? hg_wrap(err, "target %s", t->t->name) : 0;
}
