/* SPDX-License-Identifier: Apache-2.0 */
/* The values of headgate.yaml that are more than one scalar: sources, rules, waivers, targets. */
#include "internal.h"

enum {
    CONNECT_TIMEOUT_S = 10,
    LOCK_WAIT_S = 600,
    LOCK_BUDGET_S = 300,
    BREAKER_S = 3,
    THROTTLE_LIMIT_S = 3600,
    TARGETS_MAX = 100,
    NAME_MAX_LEN = 63, /* it travels as a PostgreSQL label and an application_name */
};

void hg_target_config_init(struct hg_target_config *t)
{
    memset(t, 0, sizeof *t);
    t->connect_timeout_ns = CONNECT_TIMEOUT_S * HG_NS_PER_S;
    t->lock_wait_ns = LOCK_WAIT_S * HG_NS_PER_S;
    t->lock_budget_ns = LOCK_BUDGET_S * HG_NS_PER_S;
    t->breaker_ns = BREAKER_S * HG_NS_PER_S;
    t->throttle_limit_ns = THROTTLE_LIMIT_S * HG_NS_PER_S;
    t->on_breaker = hg_xstrdup("retry");
    t->fail_on = HG_SEV_ERROR;
    t->ledger = HG_LEDGER_AUTO;
    t->driver = hg_xstrdup("headgate");
    t->upgrade_to = hg_xstrdup("head");
}

/* The strings of a target that are plain copies: one list for copying and releasing. */
static const size_t STRINGS[] = {
    offsetof(struct hg_target_config, name),
    offsetof(struct hg_target_config, run_container),
    offsetof(struct hg_target_config, url),
    offsetof(struct hg_target_config, direct_url),
    offsetof(struct hg_target_config, pooler),
    offsetof(struct hg_target_config, upgrade_to),
    offsetof(struct hg_target_config, driver),
    offsetof(struct hg_target_config, pin_system_identifier),
    offsetof(struct hg_target_config, pin_database),
    offsetof(struct hg_target_config, pin_oid),
    offsetof(struct hg_target_config, version_table),
    offsetof(struct hg_target_config, version_table_schema),
    offsetof(struct hg_target_config, gate_base),
    offsetof(struct hg_target_config, gate_after),
    offsetof(struct hg_target_config, gate_receipt),
    offsetof(struct hg_target_config, gate_signers),
    offsetof(struct hg_target_config, bundle_signers),
    offsetof(struct hg_target_config, broken),
    offsetof(struct hg_target_config, on_breaker),
    offsetof(struct hg_target_config, throttle_query),
    offsetof(struct hg_target_config, throttle_file),
};

static char **string_at(const struct hg_target_config *t, size_t i)
{
    return (char **)((char *)(uintptr_t)t + STRINGS[i]);
}

/* Sources are not copied: they belong to one target. */
void hg_target_config_copy(struct hg_target_config *to, const struct hg_target_config *from)
{
    *to = *from;
    to->sources = NULL;
    to->source_count = 0;
    for (size_t i = 0; i < HG_COUNT(STRINGS); i++)
        *string_at(to, i) = hg_xstrdup(*string_at(from, i));
    to->migrator_args = (struct hg_strv)HG_STRV_INIT;
    hg_strv_addv(&to->migrator_args, &from->migrator_args);
    to->tunnel_command = (struct hg_strv)HG_STRV_INIT;
    hg_strv_addv(&to->tunnel_command, &from->tunnel_command);
    to->run_command = (struct hg_strv)HG_STRV_INIT;
    hg_strv_addv(&to->run_command, &from->run_command);
    hg_telling_copy(&to->telling, &from->telling);
}

void hg_target_config_done(struct hg_target_config *t)
{
    for (size_t i = 0; i < HG_COUNT(STRINGS); i++)
        hg_freep(string_at(t, i));
    for (size_t i = 0; i < t->source_count; i++)
        hg_source_done(&t->sources[i]);
    free(t->sources);
    t->sources = NULL;
    t->source_count = 0;
    hg_strv_done(&t->migrator_args);
    hg_strv_done(&t->tunnel_command);
    hg_strv_done(&t->run_command);
    hg_telling_done(&t->telling);
}

void hg_config_done(struct hg_config *c)
{
    for (size_t i = 0; i < c->target_count; i++)
        hg_target_config_done(&c->targets[i]);
    for (size_t i = 0; i < c->rule_count; i++)
        free(c->rules[i].rule);
    for (size_t i = 0; i < c->waiver_count; i++) {
        free(c->waivers[i].rule);
        free(c->waivers[i].revision);
        free(c->waivers[i].reason);
        free(c->waivers[i].until);
    }
    for (size_t i = 0; i < c->squash_count; i++)
        hg_squash_done(&c->squashes[i]);
    free(c->squashes);
    free(c->targets);
    free(c->rules);
    free(c->waivers);
    free(c->path);
    free(c->dir);
    free(c->start_dir);
    free(c->migrator_kind);
    free(c->migrator_directory);
    free(c->migrator_config);
    free(c->entry.policy);
    free(c->entry.ahead);
    free(c->entry.liveness);
    free(c->chosen);
    memset(c, 0, sizeof *c);
}

/* ---- sources ----------------------------------------------------------------------------------- */

static int list_room(struct hg_yaml *y, const yaml_node_t *node, size_t count)
{
    if (count >= HG_YAML_LIST_MAX)
        return hg_yaml_fail(y, node, "more than %d entries", HG_YAML_LIST_MAX);
    return 0;
}

static int read_railway(struct hg_yaml *y, yaml_node_t *map, struct hg_source *s)
{
    yaml_node_pair_t *pair = map->data.mapping.pairs.start;
    yaml_node_t *value = hg_yaml_node(y, pair->value);
    s->kind = HG_SOURCE_RAILWAY;
    if (pair + 1 < map->data.mapping.pairs.top)
        return hg_yaml_fail(y, hg_yaml_node(y, pair[1].key),
                            "a source is one of process, dotenv, railway, container, command; what belongs "
                            "to railway stands in its braces");
    if (value->type == YAML_MAPPING_NODE)
        return hg_yaml_map(y, value, hg_schema_railway, "railway", s);
    HG_AUTO(hg_freep) char *text = NULL;
    if (hg_yaml_string(y, value, true, &text) < 0)
        return -1;
    HG_AUTO(hg_freep) char *whole = hg_xasprintf("railway:%s", text);
    struct hg_err inner = { 0 };
    if (hg_source_parse(whole, y->dir, s, &inner) < 0)
        return hg_yaml_fail(y, value, "%s", inner.message);
    return 0;
}

static int unknown_source(struct hg_yaml *y, const yaml_node_t *node, const char *word)
{
    static const char *const KINDS[] = { "process", "dotenv", "railway", "container", "command" };
    HG_AUTO(hg_freep) char *shown = hg_printable(word, 60);
    const char *near = hg_nearest(word, KINDS, HG_COUNT(KINDS));
    if (node->type == YAML_SCALAR_NODE && strcmp(word, "process") == 0)
        return hg_yaml_fail(y, node, "`process` stands alone in the list: [ process ]");
    return hg_yaml_fail(y, node,
                        "expected a source (process, { dotenv: FILE }, { railway: { service: … } }, "
                        "{ container: NAME }, { command: [PROGRAM, …], format: json }), got `%s`%s%s%s", shown,
                        near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
}

static bool names_container(const char *key)
{
    for (const struct hg_key *k = hg_schema_container; k->name; k++)
        if (strcmp(k->name, key) == 0)
            return true;
    return false;
}

/* What would be read and never used is a mistake about the other key. */
static int check_command(struct hg_yaml *y, yaml_node_t *map, const struct hg_source *s)
{
    if (!s->command.count)
        return hg_yaml_expected(y, map, "a program in `command`");
    if (s->member && s->format != HG_FORMAT_JSON)
        return hg_yaml_fail(y, map, "`member` goes with `format: json`");
    if (s->format == HG_FORMAT_JSON && hg_yaml_has(y, map, "dialect"))
        return hg_yaml_fail(y, map, "`dialect` goes with `format: dotenv`");
    return 0;
}

/* The mapping form: its first known key says what kind of source it is. */
static int read_source_map(struct hg_yaml *y, yaml_node_t *map, struct hg_source *s)
{
    yaml_node_pair_t *pair = map->data.mapping.pairs.start;
    if (pair >= map->data.mapping.pairs.top)
        return hg_yaml_expected(y, map, "a source");
    for (; pair < map->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = hg_yaml_node(y, pair->key);
        const char *name = key->type == YAML_SCALAR_NODE ? hg_yaml_text(key) : "";
        if (strcmp(name, "dotenv") == 0) {
            s->kind = HG_SOURCE_DOTENV;
            if (hg_yaml_map(y, map, hg_schema_dotenv, "dotenv", s) < 0)
                return -1;
            s->path = hg_path_join(y->dir, s->file);
            return 0;
        }
        if (names_container(name)) {
            s->kind = HG_SOURCE_CONTAINER;
            return hg_config_read_container(y, map, "container", &s->container);
        }
        if (strcmp(name, "command") == 0) {
            s->kind = HG_SOURCE_COMMAND;
            if (hg_yaml_map(y, map, hg_schema_command, "command", s) < 0)
                return -1;
            return check_command(y, map, s);
        }
        if (strcmp(name, "railway") == 0 && pair == map->data.mapping.pairs.start)
            return read_railway(y, map, s);
    }
    yaml_node_t *first = hg_yaml_node(y, map->data.mapping.pairs.start->key);
    if (first->type != YAML_SCALAR_NODE)
        return hg_yaml_expected(y, first, "a source");
    return unknown_source(y, first, hg_yaml_text(first));
}

static int read_source(struct hg_yaml *y, yaml_node_t *node, struct hg_source *s)
{
    if (node->type == YAML_MAPPING_NODE)
        return read_source_map(y, node, s);
    HG_AUTO(hg_freep) char *text = NULL;
    if (hg_yaml_string(y, node, true, &text) < 0)
        return -1;
    struct hg_err inner = { 0 };
    if (hg_source_parse(text, y->dir, s, &inner) < 0)
        return unknown_source(y, node, text);
    return 0;
}

int hg_config_read_sources(struct hg_yaml *y, yaml_node_t *node, void *object)
{
    struct hg_target_config *t = object;
    if (node->type != YAML_SEQUENCE_NODE)
        return hg_yaml_expected(y, node, "a list of sources, such as [ process ]");
    yaml_node_item_t *item = node->data.sequence.items.start;
    if (item >= node->data.sequence.items.top)
        return hg_yaml_fail(y, node, "expected at least one source, got an empty list");
    size_t cap = 0;
    for (; item < node->data.sequence.items.top; item++) {
        yaml_node_t *entry = hg_yaml_node(y, *item);
        if (list_room(y, node, t->source_count) < 0)
            return -1;
        t->sources = hg_grow(t->sources, t->source_count, &cap, sizeof *t->sources);
        struct hg_source *s = &t->sources[t->source_count++];
        memset(s, 0, sizeof *s);
        s->line = (int)entry->start_mark.line + 1;
        s->column = (int)entry->start_mark.column + 1;
        if (read_source(y, entry, s) < 0)
            return -1;
    }
    return 0;
}

/* ---- rules, waivers ---------------------------------------------------------------------------- */

static const struct hg_rule *find_rule(struct hg_yaml *y, yaml_node_t *node, const char *id)
{
    const struct hg_rule *rule = hg_rule_find(id);
    if (rule)
        return rule;
    size_t count;
    const struct hg_rule *all = hg_rules(&count);
    HG_AUTO(hg_strv_done) struct hg_strv ids = HG_STRV_INIT;
    for (size_t i = 0; i < count; i++)
        hg_strv_add(&ids, all[i].id);
    const char *near = hg_nearest(id, (const char *const *)ids.items, ids.count);
    HG_AUTO(hg_freep) char *shown = hg_printable(id, 40);
    (void)hg_yaml_fail(y, node, "there is no rule `%s`%s%s%s", shown, near ? "; did you mean `" : "",
                       near ? near : "", near ? "`?" : "");
    return NULL;
}

static int read_rule(struct hg_yaml *y, yaml_node_t *key, yaml_node_t *value,
                     struct hg_rule_setting *ret)
{
    if (key->type != YAML_SCALAR_NODE)
        return hg_yaml_expected(y, key, "a rule id");
    const struct hg_rule *rule = find_rule(y, key, hg_yaml_text(key));
    if (!rule)
        return -1;
    if (value->type != YAML_SCALAR_NODE || hg_severity_parse(hg_yaml_text(value), &ret->severity) < 0)
        return hg_yaml_expected(y, value, "one of off, note, warning, error");
    if (rule->never_override && ret->severity < rule->severity)
        return hg_yaml_fail(y, value, "%s (%s) cannot be lowered", rule->id, rule->title);
    ret->rule = hg_xstrdup(rule->id);
    return 0;
}

int hg_config_read_rules(struct hg_yaml *y, yaml_node_t *node, void *object)
{
    struct hg_config *c = &((struct hg_document *)object)->config;
    if (node->type != YAML_MAPPING_NODE)
        return hg_yaml_expected(y, node, "severities by rule id, such as { HG310: off }");
    size_t cap = 0;
    yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        struct hg_rule_setting setting = { 0 };
        yaml_node_t *key = hg_yaml_node(y, pair->key);
        if (list_room(y, node, c->rule_count) < 0 ||
            read_rule(y, key, hg_yaml_node(y, pair->value), &setting) < 0)
            return -1;
        for (size_t i = 0; i < c->rule_count; i++)
            if (strcmp(c->rules[i].rule, setting.rule) == 0) {
                free(setting.rule);
                return hg_yaml_fail(y, key, "rule %s stands twice", c->rules[i].rule);
            }
        c->rules = hg_grow(c->rules, c->rule_count, &cap, sizeof *c->rules);
        c->rules[c->rule_count++] = setting;
    }
    return 0;
}

int hg_config_read_waivers(struct hg_yaml *y, yaml_node_t *node, void *object)
{
    struct hg_config *c = &((struct hg_document *)object)->config;
    if (node->type != YAML_SEQUENCE_NODE)
        return hg_yaml_expected(y, node, "a list of waivers");
    size_t cap = 0;
    yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++) {
        yaml_node_t *entry = hg_yaml_node(y, *item);
        if (list_room(y, node, c->waiver_count) < 0)
            return -1;
        c->waivers = hg_grow(c->waivers, c->waiver_count, &cap, sizeof *c->waivers);
        struct hg_waiver *w = &c->waivers[c->waiver_count++];
        memset(w, 0, sizeof *w);
        if (hg_yaml_map(y, entry, hg_schema_waiver, "waive", w) < 0)
            return -1;
        const struct hg_rule *rule = find_rule(y, entry, w->rule);
        if (!rule)
            return -1;
        if (rule->never_override)
            return hg_yaml_fail(y, entry, "%s (%s) cannot be waived", rule->id, rule->title);
    }
    return 0;
}

/* ---- targets ----------------------------------------------------------------------------------- */

static bool name_ok(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > NAME_MAX_LEN || strchr("._-", name[0]))
        return false;
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return strspn(name, ALLOWED) == len;
}

/* Half of a condition would hold nothing back, in silence. */
static int check_gate(struct hg_yaml *y, const yaml_node_t *node, const struct hg_target_config *t)
{
    const char *lonely = t->gate_soak_ns ? "soak" : t->gate_receipt ? "receipt" : NULL;
    if (lonely && !t->gate_after)
        return hg_yaml_fail(y, node, "`gate.%s` of %s goes with `gate.after`", lonely, t->name);
    if (t->gate_signers && !t->gate_receipt)
        return hg_yaml_fail(y, node, "`gate.signers` of %s goes with `gate.receipt`", t->name);
    return 0;
}

static int read_target(struct hg_yaml *y, yaml_node_t *key, yaml_node_t *value,
                       struct hg_target_config *t)
{
    if (key->type != YAML_SCALAR_NODE || !name_ok(hg_yaml_text(key)))
        return hg_yaml_expected(y, key, "a target's name (letters, digits, '.', '_', '-')");
    free(t->name);
    t->name = hg_xstrdup(hg_yaml_text(key));
    t->named = true;
    t->line = (int)key->start_mark.line + 1;
    t->column = (int)key->start_mark.column + 1;
    HG_AUTO(hg_freep) char *where = hg_xasprintf("targets.%s", t->name);
    y->into = t;
    int rc = hg_yaml_map(y, value, hg_schema_target, where, t);
    y->into = NULL;
    if (rc == 0)
        rc = check_gate(y, key, t);
    if (rc == 0 && t->source_count == 0) {
        t->sources = hg_xcalloc(1, sizeof *t->sources);
        t->source_count = 1; /* a zeroed source is `process` */
    }
    return rc;
}

static int check_after(struct hg_yaml *y, const struct hg_config *c, yaml_node_t *node)
{
    for (size_t i = 0; i < c->target_count; i++) {
        const struct hg_target_config *t = &c->targets[i];
        bool found = !t->gate_after;
        for (size_t j = 0; j < c->target_count && !found; j++)
            found = j != i && strcmp(c->targets[j].name, t->gate_after) == 0;
        if (!found)
            return hg_yaml_fail(y, node, "targets.%s: gate.after names `%s`, which is no other "
                                "target here", t->name, t->gate_after);
    }
    return 0;
}

int hg_config_read_targets(struct hg_yaml *y, yaml_node_t *node, void *object)
{
    struct hg_document *d = object;
    struct hg_config *c = &d->config;
    if (node->type != YAML_MAPPING_NODE)
        return hg_yaml_expected(y, node, "targets by name");
    size_t cap = 0;
    yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = hg_yaml_node(y, pair->key);
        if (c->target_count >= TARGETS_MAX)
            return hg_yaml_fail(y, node, "more than %d targets", TARGETS_MAX);
        c->targets = hg_grow(c->targets, c->target_count, &cap, sizeof *c->targets);
        struct hg_target_config *t = &c->targets[c->target_count++];
        hg_target_config_copy(t, &d->defaults);
        if (read_target(y, key, hg_yaml_node(y, pair->value), t) < 0)
            return -1;
        for (size_t i = 0; i + 1 < c->target_count; i++)
            if (strcmp(c->targets[i].name, t->name) == 0)
                return hg_yaml_fail(y, key, "target `%s` stands twice; the first is in line %d",
                                    t->name, c->targets[i].line);
    }
    return check_after(y, c, node);
}

int hg_config_read_breaker(struct hg_yaml *y, yaml_node_t *node, void *object)
{
    struct hg_target_config *t = y->into ? y->into : &((struct hg_document *)object)->defaults;
    if (node->type == YAML_SCALAR_NODE &&
        (strcmp(hg_yaml_text(node), "off") == 0 || strcmp(hg_yaml_text(node), "false") == 0)) {
        t->breaker_ns = HG_BREAKER_OFF;
        return 0;
    }
    if (node->type != YAML_SCALAR_NODE || hg_parse_duration(hg_yaml_text(node), &t->breaker_ns) < 0 ||
        t->breaker_ns == 0)
        return hg_yaml_expected(y, node, "a duration such as 3s or 500ms, or off");
    return 0;
}

int hg_config_read_version(struct hg_yaml *y, yaml_node_t *node, void *object)
{
    (void)object;
    if (node->type == YAML_SCALAR_NODE && strcmp(hg_yaml_text(node), "1") == 0)
        return 0;
    return hg_yaml_expected(y, node, "1, the version of this format");
}
