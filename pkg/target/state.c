/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document that travels from headgate-env to the verb it becomes, in an inherited memory file:
 * whose state it is, what came from where, and the environment from before. It never touches a disk.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>

static const char SCHEMA[] = "headgate.state/1";

/* The strings of a resolved target that are carried as they are. */
static const struct {
    const char *key;
    size_t offset;
} TEXTS[] = {
    { "url", offsetof(struct hg_target, url) },
    { "url_source", offsetof(struct hg_target, url_source) },
    { "conninfo", offsetof(struct hg_target, conninfo) },
    { "direct_conninfo", offsetof(struct hg_target, direct_conninfo) },
    { "shown", offsetof(struct hg_target, shown) },
    { "host", offsetof(struct hg_target, host) },
    { "port", offsetof(struct hg_target, port) },
    { "database", offsetof(struct hg_target, database) },
    { "user", offsetof(struct hg_target, user) },
    { "hostaddr", offsetof(struct hg_target, hostaddr) },
    { "server_name", offsetof(struct hg_target, server_name) },
    { "server_port", offsetof(struct hg_target, server_port) },
    { "route", offsetof(struct hg_target, route) },
};

static char **text_at(const struct hg_target *t, size_t i)
{
    return (char **)((char *)(uintptr_t)t + TEXTS[i].offset);
}

/* ---- writing ------------------------------------------------------------------------------------- */

/* Bytes that are no UTF-8 (a password, the name of a folder) cannot stand in JSON: they travel in hex, under a
 * key that no variable can have, and hg_state_parse puts them back. */
static const char BYTES[] = "=hex";
#define STATE_DEPTH 2 /* vars: { NAME: { source: … } } */

static json_t *text(const char *s)
{
    json_t *j = s ? json_string(s) : json_null();
    if (j)
        return j;
    HG_AUTO(hg_buf_wipe) struct hg_buf hex = HG_BUF_INIT;
    hg_buf_add_hex(&hex, s, strlen(s));
    return json_pack("{s:s}", BYTES, hg_buf_str(&hex));
}

static json_t *texts(const struct hg_strv *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->count; i++)
        json_array_append_new(list, text(v->items[i]));
    return list;
}

static json_t *vars_json(const struct hg_target *t)
{
    json_t *all = json_object();
    for (size_t i = 0; i < t->vars.count; i++) {
        const struct hg_var *v = &t->vars.items[i];
        if (hg_streq(v->source, "process") && !v->secret)
            continue;
        json_t *one = json_object();
        json_object_set_new(one, "source", text(v->source));
        json_object_set_new(one, "secret", json_boolean(v->secret));
        json_object_set_new(all, v->name, one);
    }
    return all;
}

/* What to undo: the value from before of every variable that was changed, null for a new one. */
static json_t *original_json(const struct hg_target *t)
{
    json_t *all = json_object();
    for (size_t i = 0; i < t->vars.count; i++) {
        const struct hg_var *v = &t->vars.items[i];
        const char *before = hg_vars_get(&t->original, v->name);
        if (!hg_streq(before, v->value))
            json_object_set_new(all, v->name, text(before));
    }
    for (size_t i = 0; i < t->original.count; i++) {
        const struct hg_var *v = &t->original.items[i];
        if (!hg_vars_find(&t->vars, v->name))
            json_object_set_new(all, v->name, text(v->value));
    }
    return all;
}

static json_t *findings_json(const struct hg_findings *list)
{
    json_t *all = json_array();
    for (size_t i = 0; i < list->count; i++) {
        json_t *one = json_object();
        json_object_set_new(one, "rule", json_string(list->items[i].rule->id));
        json_object_set_new(one, "message", text(list->items[i].message));
        json_array_append_new(all, one);
    }
    return all;
}

/* The verb knows no more which secrets there were. */
static json_t *masked(const char *s, struct hg_mask *mask)
{
    HG_AUTO(hg_freep) char *shown = hg_mask_text(s, mask);
    return text(shown);
}

static json_t *error_json(const struct hg_err *e, struct hg_mask *mask)
{
    if (e->kind == HG_E_NONE)
        return json_null();
    json_t *one = json_object();
    json_object_set_new(one, "kind", json_integer(e->kind));
    json_object_set_new(one, "exit_code", json_integer(e->exit_code));
    json_object_set_new(one, "message", masked(e->message, mask));
    json_object_set_new(one, "detail", masked(e->detail, mask));
    json_object_set_new(one, "hint", masked(e->hint, mask));
    return one;
}

static json_t *digest_json(uint64_t digest)
{
    char hex[17];
    (void)snprintf(hex, sizeof hex, "%016llx", (unsigned long long)digest);
    return json_string(hex);
}

char *hg_target_state(const struct hg_target *t, const struct hg_common *common, bool chained)
{
    HG_AUTO(hg_decrefp) json_t *doc = json_object();
    json_object_set_new(doc, "schema", json_string(SCHEMA));
    json_object_set_new(doc, "chained", json_boolean(chained));
    json_object_set_new(doc, "target", text(t->t->name));
    json_object_set_new(doc, "config", text(t->config.path));
    json_object_set_new(doc, "digest", digest_json(t->config.digest));
    json_object_set_new(doc, "dir", text(t->config.start_dir));
    json_object_set_new(doc, "from", texts(&common->from));
    json_object_set_new(doc, "alembic_config", text(common->alembic_config));
    json_object_set_new(doc, "alembic_section", text(common->alembic_section));
    json_object_set_new(doc, "protected", json_boolean(t->t->protected_));
    json_object_set_new(doc, "remote", json_boolean(t->remote));
    json_object_set_new(doc, "source_ns", json_integer(t->source_ns));
    json_object_set_new(doc, "source_written", json_boolean(t->source_written));
    for (size_t i = 0; i < HG_COUNT(TEXTS); i++)
        json_object_set_new(doc, TEXTS[i].key, text(*text_at(t, i)));
    json_object_set_new(doc, "vars", vars_json(t));
    json_object_set_new(doc, "original", original_json(t));
    json_object_set_new(doc, "findings", findings_json(&t->findings));
    json_object_set_new(doc, "error", error_json(&t->error, t->mask));
    return json_dumps(doc, JSON_COMPACT);
}

/* ---- reading ------------------------------------------------------------------------------------- */

/* The string that this object carries; NULL when it is none. New reference. */
static json_t *carried(const json_t *object)
{
    const char *hex = hg_member(object, BYTES);
    if (!hex)
        return NULL;
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    for (; hg_hex_digit(hex[0]) >= 0 && hg_hex_digit(hex[1]) >= 0; hex += 2)
        hg_buf_addc(&b, (char)(hg_hex_digit(hex[0]) << 4 | hg_hex_digit(hex[1])));
    return json_string_nocheck(hg_buf_str(&b));
}

/* The document is two objects deep where a variable's value stands, and a list deep for --from. */
static void put_back(json_t *node, int depth)
{
    const char *key;
    size_t i;
    json_t *value, *string;
    json_object_foreach(node, key, value) {
        if ((string = carried(value)))
            json_object_set_new(node, key, string);
        else if (depth)
            put_back(value, depth - 1);
    }
    json_array_foreach(node, i, value)
        if ((string = carried(value)))
            json_array_set_new(node, i, string);
}

int hg_state_parse(const char *bytes, size_t len, struct hg_state *ret, struct hg_err *err)
{
    json_error_t where;
    HG_AUTO(hg_decrefp) json_t *doc = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &where);
    if (!doc)
        return hg_fail(err, HG_E_BUG, "the inherited state is no JSON: %s", where.text);
    put_back(doc, STATE_DEPTH);
    if (!hg_streq(hg_member(doc, "schema"), SCHEMA) || !hg_member(doc, "target") ||
        !hg_member(doc, "dir") || !hg_member(doc, "digest"))
        return hg_fail(err, HG_E_BUG, "the inherited state is not of this version");
    ret->chained = json_is_true(json_object_get(doc, "chained"));
    ret->doc = HG_TAKE(doc);
    return 0;
}

/* Only an unlinked memory file is taken: a descriptor of that number may be anything by now. */
static bool is_memory_file(int fd)
{
    HG_AUTO(hg_freep) char *link = hg_xasprintf("/proc/self/fd/%d", fd);
    char target[64];
    ssize_t n = readlink(link, target, sizeof target - 1);
    if (n < 0)
        return false;
    target[n] = '\0';
    return hg_starts_with(target, "/memfd:headgate");
}

void hg_state_inherit(struct hg_state *ret)
{
    memset(ret, 0, sizeof *ret);
    const char *value = getenv(HG_STATE_VAR);
    const char *colon = value ? strchr(value, ':') : NULL;
    HG_AUTO(hg_freep) char *fd_text = hg_xstrndup(value ? value : "", colon ? (size_t)(colon - value) : 0);
    int64_t number, pid;
    bool usable = colon && hg_parse_int(fd_text, 3, 1 << 20, &number) == 0 &&
                  is_memory_file((int)number);
    ret->ours = colon && hg_parse_int(colon + 1, 1, INT32_MAX, &pid) == 0 && pid == getpid();
    (void)unsetenv(HG_STATE_VAR);
    if (!usable)
        return;
    HG_AUTO(hg_closep) int fd = (int)number;
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    struct hg_err err = { 0 };
    if (lseek(fd, 0, SEEK_SET) < 0 || hg_read_all(fd, HG_STATE_MAX, &b, &err) < 0 ||
        hg_state_parse(hg_buf_str(&b), b.len, ret, &err) < 0)
        hg_log(HG_LOG_DEBUG, "the inherited state is not used: %s", err.message);
}

void hg_state_done(struct hg_state *s)
{
    json_decref(s->doc);
    s->doc = NULL;
}

char *hg_state_target(const struct hg_state *s)
{
    return s->doc ? hg_xstrdup(hg_member(s->doc, "target")) : NULL;
}

void hg_state_original(const struct hg_state *s, const struct hg_vars *now, struct hg_vars *ret)
{
    for (size_t i = 0; i < now->count; i++)
        hg_vars_set(ret, now->items[i].name, now->items[i].value, "process");
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(s->doc, "original"), name, value) {
        if (!*name || strchr(name, '='))
            continue;
        if (json_is_string(value))
            hg_vars_set(ret, name, json_string_value(value), "process");
        else
            hg_vars_unset(ret, name);
    }
}

static bool same_from(const json_t *list, const struct hg_strv *from)
{
    if (json_array_size(list) != from->count)
        return false;
    for (size_t i = 0; i < from->count; i++)
        if (!hg_streq(json_string_value(json_array_get(list, i)), from->items[i]))
            return false;
    return true;
}

bool hg_state_matches(const struct hg_state *s, const struct hg_config *c,
                      const struct hg_target_config *t, const struct hg_common *common)
{
    HG_AUTO(hg_decrefp) json_t *digest = digest_json(c->digest);
    return s->doc && hg_streq(hg_member(s->doc, "target"), t->name) &&
           hg_streq(hg_member(s->doc, "config"), c->path) &&
           hg_streq(hg_member(s->doc, "digest"), json_string_value(digest)) &&
           (c->path || hg_streq(hg_member(s->doc, "dir"), c->start_dir)) &&
           hg_streq(hg_member(s->doc, "alembic_config"), common->alembic_config) &&
           hg_streq(hg_member(s->doc, "alembic_section"), common->alembic_section) &&
           same_from(json_object_get(s->doc, "from"), &common->from);
}

static void apply_vars(const json_t *vars, struct hg_target *t)
{
    const char *name;
    json_t *mark;
    json_object_foreach((json_t *)(uintptr_t)vars, name, mark) {
        struct hg_var *v = (struct hg_var *)(uintptr_t)hg_vars_find(&t->vars, name);
        const char *source = hg_member(mark, "source");
        if (!v)
            continue;
        if (source) {
            free(v->source);
            v->source = hg_xstrdup(source);
        }
        v->secret = json_is_true(json_object_get(mark, "secret"));
    }
}

static void apply_error(const json_t *e, struct hg_err *ret)
{
    if (!json_is_object(e))
        return;
    int64_t kind = json_integer_value(json_object_get(e, "kind"));
    const char *message = hg_member(e, "message"), *detail = hg_member(e, "detail");
    const char *hint = hg_member(e, "hint");
    hg_fail(ret, kind > HG_E_NONE && kind <= HG_E_BUG ? (enum hg_err_kind)kind : HG_E_BUG, "%s",
            message ? message : "");
    ret->exit_code = (int)json_integer_value(json_object_get(e, "exit_code"));
    if (detail && *detail)
        hg_detail(ret, "%s", detail);
    if (hint && *hint)
        hg_hint(ret, "%s", hint);
}

void hg_state_error(const struct hg_state *s, struct hg_err *ret)
{
    apply_error(json_object_get(s->doc, "error"), ret);
}

void hg_state_apply(const struct hg_state *s, struct hg_target *t)
{
    for (size_t i = 0; i < HG_COUNT(TEXTS); i++)
        *text_at(t, i) = hg_xstrdup(hg_member(s->doc, TEXTS[i].key));
    t->remote = json_is_true(json_object_get(s->doc, "remote"));
    t->source_ns = json_integer_value(json_object_get(s->doc, "source_ns"));
    t->source_written = json_is_true(json_object_get(s->doc, "source_written"));
    if (json_is_true(json_object_get(s->doc, "protected")))
        ((struct hg_target_config *)(uintptr_t)t->t)->protected_ = true;
    apply_vars(json_object_get(s->doc, "vars"), t);
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(s->doc, "findings"), i, one) {
        const char *rule = hg_member(one, "rule"), *message = hg_member(one, "message");
        if (rule && message && hg_rule_find(rule))
            (void)hg_finding_add(&t->findings, rule, "%s", message);
    }
    apply_error(json_object_get(s->doc, "error"), &t->error);
}
