/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a libyaml document by a table of keys. Strict: an unknown or repeated key, a value of the
 * wrong type, an alias or a tag is an error with its line and column.
 */
#include "internal.h"

yaml_node_t *hg_yaml_node(struct hg_yaml *y, int index)
{
    return yaml_document_get_node(y->doc, index);
}

const char *hg_yaml_text(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

bool hg_yaml_has(struct hg_yaml *y, const yaml_node_t *map, const char *key)
{
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        const yaml_node_t *node = hg_yaml_node(y, p->key);
        if (node->type == YAML_SCALAR_NODE && strcmp(hg_yaml_text(node), key) == 0)
            return true;
    }
    return false;
}

int hg_yaml_fail(struct hg_yaml *y, const yaml_node_t *node, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    HG_AUTO(hg_freep) char *text = hg_xvasprintf(fmt, ap);
    va_end(ap);
    return hg_fail(y->err, HG_E_CONFIG, "%s:%zu:%zu: %s", y->shown, node->start_mark.line + 1,
                   node->start_mark.column + 1, text);
}

static bool is_null(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    const char *s = hg_yaml_text(node);
    return !*s || strcmp(s, "~") == 0 || strcmp(s, "null") == 0;
}

int hg_yaml_expected(struct hg_yaml *y, const yaml_node_t *node, const char *what)
{
    if (node->type == YAML_MAPPING_NODE)
        return hg_yaml_fail(y, node, "expected %s, got a mapping", what);
    if (node->type == YAML_SEQUENCE_NODE)
        return hg_yaml_fail(y, node, "expected %s, got a list", what);
    if (is_null(node))
        return hg_yaml_fail(y, node, "expected %s, got nothing", what);
    HG_AUTO(hg_freep) char *shown = hg_printable(hg_yaml_text(node), 60);
    bool quoted = node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return hg_yaml_fail(y, node, "expected %s, got %s%s%s", what, quoted ? "the string \"" : "",
                        shown, quoted ? "\"" : "");
}

const char *hg_key_near(const struct hg_key *keys, const char *word)
{
    const char *names[64];
    size_t count = 0;
    for (; keys->name && count < HG_COUNT(names); keys++)
        names[count++] = keys->name;
    return hg_nearest(word, names, count);
}

/* ---- scalars ----------------------------------------------------------------------------------- */

/* A ${NAME} that is not set spoils the target it stands in, not the others. */
static int expand(struct hg_yaml *y, const yaml_node_t *node, char **ret)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    struct hg_err inner = { 0 };
    if (hg_vars_expand(y->vars, hg_yaml_text(node), &b, NULL, &inner) == 0) {
        *ret = hg_buf_take(&b);
        return 0;
    }
    (void)hg_yaml_fail(y, node, "%s", inner.message);
    if (!y->into)
        return -1;
    if (!y->into->broken)
        y->into->broken = hg_xstrdup(y->err->message);
    hg_err_clear(y->err);
    *ret = hg_xstrdup(hg_yaml_text(node));
    return 0;
}

int hg_yaml_string(struct hg_yaml *y, yaml_node_t *node, bool replace, char **ret)
{
    if (node->type != YAML_SCALAR_NODE || is_null(node))
        return hg_yaml_expected(y, node, "a string");
    size_t len = node->data.scalar.length;
    if (len == 0)
        return hg_yaml_expected(y, node, "a string that is not empty");
    if (len > HG_YAML_STRING_MAX)
        return hg_yaml_fail(y, node, "string of %zu bytes is longer than %zu", len,
                            HG_YAML_STRING_MAX);
    if (memchr(node->data.scalar.value, '\0', len))
        return hg_yaml_fail(y, node, "a NUL byte cannot be in a string here");
    free(*ret);
    *ret = NULL;
    if (replace && y->vars && strchr(hg_yaml_text(node), '$'))
        return expand(y, node, ret);
    *ret = hg_xstrdup(hg_yaml_text(node));
    return 0;
}

static int read_bool(struct hg_yaml *y, yaml_node_t *node, bool *ret)
{
    bool plain = node->type == YAML_SCALAR_NODE &&
                 node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && strcmp(hg_yaml_text(node), "true") == 0)
        *ret = true;
    else if (plain && strcmp(hg_yaml_text(node), "false") == 0)
        *ret = false;
    else
        return hg_yaml_expected(y, node, "true or false");
    return 0;
}

static int read_duration(struct hg_yaml *y, yaml_node_t *node, int64_t *ret)
{
    if (node->type != YAML_SCALAR_NODE || hg_parse_duration(hg_yaml_text(node), ret) < 0)
        return hg_yaml_expected(y, node, "a duration such as 90, 1.5, 250ms, 10s, 5min, 2h or 1d");
    return 0;
}

/* Position of the scalar in "a|b|c", or -1 with an error naming all and the nearest. */
static int choice(struct hg_yaml *y, yaml_node_t *node, const char *values)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    for (const char *p = values; *p;) {
        size_t n = strcspn(p, "|");
        hg_strv_addn(&names, p, n);
        p += n + (p[n] == '|');
    }
    if (node->type == YAML_SCALAR_NODE)
        for (size_t i = 0; i < names.count; i++)
            if (strcmp(names.items[i], hg_yaml_text(node)) == 0)
                return (int)i;
    HG_AUTO(hg_freep) char *list = hg_strv_join(&names, ", ");
    HG_AUTO(hg_freep) char *what = hg_xasprintf("%s%s", names.count > 1 ? "one of " : "", list);
    (void)hg_yaml_expected(y, node, what);
    if (node->type == YAML_SCALAR_NODE) {
        const char *near = hg_nearest(hg_yaml_text(node), (const char *const *)names.items,
                                      names.count);
        if (near)
            hg_hint(y->err, "did you mean `%s`?", near);
    }
    return -1;
}

static bool is_date(const char *s)
{
    static const char SHAPE[] = "dddd-dd-dd";
    if (strlen(s) != sizeof SHAPE - 1)
        return false;
    for (size_t i = 0; SHAPE[i]; i++)
        if (SHAPE[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != SHAPE[i])
            return false;
    static const int DAYS[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int month = (s[5] - '0') * 10 + s[6] - '0', day = (s[8] - '0') * 10 + s[9] - '0';
    return month >= 1 && month <= 12 && day >= 1 && day <= DAYS[month - 1];
}

static int read_strings(struct hg_yaml *y, yaml_node_t *node, struct hg_strv *ret)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return hg_yaml_expected(y, node, "a list of strings");
    hg_strv_done(ret);
    yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++) {
        HG_AUTO(hg_freep) char *s = NULL;
        if (ret->count >= HG_YAML_LIST_MAX)
            return hg_yaml_fail(y, node, "list of more than %d strings", HG_YAML_LIST_MAX);
        if (hg_yaml_string(y, hg_yaml_node(y, *item), true, &s) < 0)
            return -1;
        hg_strv_add(ret, s);
    }
    return 0;
}

/* ---- mappings ---------------------------------------------------------------------------------- */

static int read_key(struct hg_yaml *y, const struct hg_key *key, yaml_node_t *value,
                    const char *where, void *object)
{
    void *field = (char *)object + key->offset;
    switch (key->type) {
    case HG_KEY_STRING:
    case HG_KEY_TEMPLATE:
        return hg_yaml_string(y, value, key->type == HG_KEY_STRING, field);
    case HG_KEY_BOOL:
        return read_bool(y, value, field);
    case HG_KEY_DURATION:
        return read_duration(y, value, field);
    case HG_KEY_STRINGS:
        return read_strings(y, value, field);
    case HG_KEY_DATE:
        if (value->type != YAML_SCALAR_NODE || !is_date(hg_yaml_text(value)))
            return hg_yaml_expected(y, value, "a date such as 2027-01-31");
        return hg_yaml_string(y, value, false, field);
    case HG_KEY_ENUM:
    case HG_KEY_CHOICE: {
        int index = choice(y, value, key->values);
        if (index < 0)
            return -1;
        if (key->type == HG_KEY_CHOICE)
            return hg_yaml_string(y, value, false, field);
        *(int *)field = index + key->first;
        return 0;
    }
    case HG_KEY_MAP: {
        HG_AUTO(hg_freep) char *path = hg_xasprintf("%s%s%s", where, *where ? "." : "", key->name);
        return hg_yaml_map(y, value, key->keys, path, object);
    }
    case HG_KEY_CUSTOM:
        return key->read(y, value, object);
    }
    HG_BUG("unknown key type");
}

static int unknown_key(struct hg_yaml *y, yaml_node_t *node, const struct hg_key *keys,
                       const char *where)
{
    HG_AUTO(hg_freep) char *shown = hg_printable(hg_yaml_text(node), 60);
    const char *near = hg_key_near(keys, hg_yaml_text(node));
    (void)hg_yaml_fail(y, node, "unknown key `%s`%s%s%s%s%s", shown, *where ? " in " : "", where,
                       near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    for (; keys->name; keys++)
        hg_strv_add(&names, keys->name);
    HG_AUTO(hg_freep) char *list = hg_strv_join(&names, ", ");
    return hg_detail(y->err, "keys known here: %s", list);
}

/* Finds the row of a key node, refusing keys that are unknown or stand twice. */
static const struct hg_key *find_key(struct hg_yaml *y, const yaml_node_t *map,
                                     yaml_node_pair_t *pair, const struct hg_key *keys,
                                     const char *where)
{
    yaml_node_t *node = hg_yaml_node(y, pair->key);
    if (node->type != YAML_SCALAR_NODE) {
        (void)hg_yaml_expected(y, node, "a key");
        return NULL;
    }
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        yaml_node_t *other = hg_yaml_node(y, p->key);
        if (other->type != YAML_SCALAR_NODE ||
            strcmp(hg_yaml_text(other), hg_yaml_text(node)) != 0)
            continue;
        HG_AUTO(hg_freep) char *shown = hg_printable(hg_yaml_text(node), 60);
        (void)hg_yaml_fail(y, node, "key `%s` stands twice; the first is in line %zu", shown,
                           other->start_mark.line + 1);
        return NULL;
    }
    for (const struct hg_key *k = keys; k->name; k++)
        if (strcmp(k->name, hg_yaml_text(node)) == 0)
            return k;
    (void)unknown_key(y, node, keys, where);
    return NULL;
}

int hg_yaml_map(struct hg_yaml *y, yaml_node_t *node, const struct hg_key *keys, const char *where,
                void *object)
{
    if (node->type != YAML_MAPPING_NODE) {
        HG_AUTO(hg_freep) char *what = hg_xasprintf("a mapping%s%s", *where ? " for " : "", where);
        return hg_yaml_expected(y, node, what);
    }
    yaml_node_pair_t *start = node->data.mapping.pairs.start, *top = node->data.mapping.pairs.top;
    for (int last = 0; last <= 1; last++)
        for (yaml_node_pair_t *pair = start; pair < top; pair++) {
            const struct hg_key *key = find_key(y, node, pair, keys, where);
            if (!key)
                return -1;
            if (key->last == (bool)last &&
                read_key(y, key, hg_yaml_node(y, pair->value), where, object) < 0)
                return -1;
        }
    for (const struct hg_key *k = keys; k->name; k++) {
        bool found = !k->required;
        for (yaml_node_pair_t *pair = start; pair < top && !found; pair++)
            found = strcmp(hg_yaml_text(hg_yaml_node(y, pair->key)), k->name) == 0;
        if (!found)
            return hg_yaml_fail(y, node, "key `%s` is missing%s%s", k->name, *where ? " in " : "",
                                where);
    }
    return 0;
}
