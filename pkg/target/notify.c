/* SPDX-License-Identifier: Apache-2.0 */
/* `notify:` and `hooks:` of headgate.yaml: who is told of a run, what runs around it. */
#include "internal.h"

#define TIMEOUT_NS          (5 * HG_NS_PER_S)
#define TIMEOUT_MAX_NS      (10 * HG_NS_PER_S) /* longest that a run waits for somebody who need not know */
#define REQUIRED_MAX_NS     (60 * HG_NS_PER_S)
#define HOOK_TIMEOUT_NS     (60 * HG_NS_PER_S)

enum {
    LIST_MAX = 20,
    BY_DEFAULT = 3, /* the first of EVENTS */
};

static const char *const EVENTS[] = { "started", "applied", "failed", "refused", "locked", "unchanged" };

static struct hg_telling *telling_of(const struct hg_yaml *y, void *object)
{
    return y->into ? &y->into->telling : &((struct hg_document *)object)->defaults.telling;
}

/* ---- owning ------------------------------------------------------------------------------------- */

static const size_t STRINGS[] = {
    offsetof(struct hg_notifier, webhook),     offsetof(struct hg_notifier, webhook_env),
    offsetof(struct hg_notifier, secret_env),  offsetof(struct hg_notifier, slack_env),
    offsetof(struct hg_notifier, github),      offsetof(struct hg_notifier, environment),
    offsetof(struct hg_notifier, token_env),   offsetof(struct hg_notifier, api),
    offsetof(struct hg_notifier, deployment_env),
};

static char **string_at(const struct hg_notifier *n, size_t i)
{
    return (char **)((char *)(uintptr_t)n + STRINGS[i]);
}

static void forget_notifiers(struct hg_telling *t)
{
    for (size_t i = 0; i < t->notifier_count; i++) {
        for (size_t k = 0; k < HG_COUNT(STRINGS); k++)
            hg_freep(string_at(&t->notifiers[i], k));
        hg_strv_done(&t->notifiers[i].on);
    }
    hg_freep(&t->notifiers);
    t->notifier_count = t->notifier_cap = 0;
}

static void forget_hooks(struct hg_telling *t, enum hg_hook_when when)
{
    for (size_t i = 0; i < t->hook_count[when]; i++)
        hg_strv_done(&t->hooks[when][i].command);
    hg_freep(&t->hooks[when]);
    t->hook_count[when] = t->hook_cap[when] = 0;
}

void hg_telling_done(struct hg_telling *t)
{
    forget_notifiers(t);
    for (int when = 0; when < HG_HOOK_WHENS; when++)
        forget_hooks(t, (enum hg_hook_when)when);
}

static struct hg_notifier *add_notifier(struct hg_telling *t)
{
    t->notifiers = hg_grow(t->notifiers, t->notifier_count, &t->notifier_cap, sizeof *t->notifiers);
    struct hg_notifier *n = &t->notifiers[t->notifier_count++];
    *n = (struct hg_notifier){ .on = HG_STRV_INIT };
    return n;
}

static struct hg_hook *add_hook(struct hg_telling *t, enum hg_hook_when when)
{
    t->hooks[when] = hg_grow(t->hooks[when], t->hook_count[when], &t->hook_cap[when],
                             sizeof *t->hooks[when]);
    struct hg_hook *h = &t->hooks[when][t->hook_count[when]++];
    *h = (struct hg_hook){ .command = HG_STRV_INIT };
    return h;
}

void hg_telling_copy(struct hg_telling *to, const struct hg_telling *from)
{
    *to = (struct hg_telling){ 0 };
    for (size_t i = 0; i < from->notifier_count; i++) {
        const struct hg_notifier *n = &from->notifiers[i];
        struct hg_notifier *copy = add_notifier(to);
        copy->required = n->required;
        copy->timeout_ns = n->timeout_ns;
        for (size_t k = 0; k < HG_COUNT(STRINGS); k++)
            *string_at(copy, k) = hg_xstrdup(*string_at(n, k));
        hg_strv_addv(&copy->on, &n->on);
    }
    for (int when = 0; when < HG_HOOK_WHENS; when++)
        for (size_t i = 0; i < from->hook_count[when]; i++) {
            const struct hg_hook *h = &from->hooks[when][i];
            struct hg_hook *copy = add_hook(to, (enum hg_hook_when)when);
            copy->timeout_ns = h->timeout_ns;
            copy->required = h->required;
            copy->environment = h->environment;
            hg_strv_addv(&copy->command, &h->command);
        }
}

/* ---- secrets ------------------------------------------------------------------------------------ */

/* Of an address that is a secret the part behind the host is what nobody may see. */
static void mask_address(const char *url, struct hg_mask *mask)
{
    const char *scheme = url ? strstr(url, "://") : NULL;
    if (!url)
        return;
    const char *path = scheme ? scheme + 3 + strcspn(scheme + 3, "/?#") : "";
    hg_mask_add_whole(mask, url);
    if (strlen(path) > 1)
        hg_mask_add_whole(mask, path + 1);
}

static const char *value_of(const struct hg_vars *vars, const char *name)
{
    return name ? hg_vars_get(vars, name) : NULL;
}

const char *hg_notifier_value(const struct hg_vars *vars, const char *name, size_t *ret_len)
{
    static const char SPACE[] = " \t\r\n";
    const char *value = value_of(vars, name);
    if (!value)
        return NULL;
    value += strspn(value, SPACE);
    *ret_len = strlen(value);
    while (*ret_len && strchr(SPACE, value[*ret_len - 1]))
        (*ret_len)--;
    return *ret_len ? value : NULL;
}

/* Neither a blank nor a control character. */
static bool is_word(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

static bool is_address(const char *text)
{
    if ((!hg_starts_with(text, "https://") && !hg_starts_with(text, "http://")) || !is_word(text))
        return false;
    HG_AUTO(hg_freep) char *host = hg_url_host(text);
    const char *name_end = strrchr(host, ']'), *colon = strrchr(name_end ? name_end : host, ':');
    return *host && *host != ':' && (!colon || strspn(colon + 1, "0123456789") == strlen(colon + 1));
}

static bool is_number(const char *text)
{
    return strspn(text, "0123456789") == strlen(text);
}

/* One variable of a notification, and what its value has to be. */
struct needed {
    const char *name;                   /* NULL: none is named */
    bool optional;
    bool (*fits)(const char *value);    /* NULL: any will do */
    const char *else_why;
};

static const char *wrong_with(const struct needed *n, const struct hg_vars *vars)
{
    size_t len;
    const char *value = hg_notifier_value(vars, n->name, &len);
    if (!n->name || (!value && n->optional))
        return NULL;
    if (!value)
        return "is not set";
    char *copy = hg_xstrndup(value, len);
    bool fits = !n->fits || n->fits(copy);
    explicit_bzero(copy, len);
    free(copy);
    return fits ? NULL : n->else_why;
}

const char *hg_notifier_missing(const struct hg_notifier *n, const struct hg_vars *vars, const char **ret_why)
{
    static const char ADDRESS[] = "holds no address that begins with https:// or http://";
    const char *token = !n->github ? NULL : n->token_env ? n->token_env : HG_NOTIFIER_TOKEN;
    const struct needed all[] = {
        { n->webhook_env, false, is_address, ADDRESS },
        { n->slack_env, false, is_address, ADDRESS },
        { n->secret_env, false, NULL, NULL },
        { token, false, is_word, "holds no token: there is a blank or a line end in it" },
        { n->deployment_env, true, is_number, "holds no id of a deployment, which is a number" },
    };
    for (size_t i = 0; i < HG_COUNT(all); i++) {
        *ret_why = wrong_with(&all[i], vars);
        if (*ret_why)
            return all[i].name;
    }
    return NULL;
}

bool hg_telling_names(const struct hg_telling *t, const char *variable)
{
    for (size_t i = 0; i < t->notifier_count; i++) {
        const struct hg_notifier *n = &t->notifiers[i];
        if (hg_streq(variable, n->webhook_env) || hg_streq(variable, n->slack_env) ||
            hg_streq(variable, n->secret_env) || hg_streq(variable, n->token_env))
            return true;
    }
    return false;
}

void hg_telling_mask(const struct hg_telling *t, const struct hg_vars *vars, struct hg_mask *mask)
{
    for (size_t i = 0; i < t->notifier_count; i++) {
        const struct hg_notifier *n = &t->notifiers[i];
        const char *keys[] = { value_of(vars, n->secret_env), value_of(vars, n->token_env) };
        for (size_t k = 0; k < HG_COUNT(keys); k++)
            if (keys[k])
                hg_mask_add_whole(mask, keys[k]);
        mask_address(value_of(vars, n->webhook_env), mask);
        mask_address(value_of(vars, n->slack_env), mask);
        if (n->webhook && hg_value_has_password(n->webhook))
            hg_mask_add(mask, n->webhook);
        const char *query = n->webhook ? strchr(n->webhook, '?') : NULL;
        if (query)
            hg_mask_add_whole(mask, query + 1);
    }
}

/* ---- reading ------------------------------------------------------------------------------------ */

/* What stands there may be the secret itself: it is not repeated. */
static int check_names(struct hg_yaml *y, const yaml_node_t *node, const struct hg_notifier *n)
{
    const struct { const char *key, *name; } NAMES[] = {
        { "webhook_env", n->webhook_env }, { "secret_env", n->secret_env }, { "slack_env", n->slack_env },
        { "deployment_env", n->deployment_env }, { "token_env", n->token_env },
    };
    for (size_t i = 0; i < HG_COUNT(NAMES); i++)
        if (NAMES[i].name && !hg_var_name_valid(NAMES[i].name))
            return hg_yaml_fail(y, node, "`%s` has to be the name of a variable; its value is a secret and "
                                "does not belong into this file", NAMES[i].key);
    return 0;
}

static bool is_repository(const char *text)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
    const char *slash = strchr(text, '/');
    return slash && slash > text && slash[1] && !strchr(slash + 1, '/') &&
           strspn(text, ALLOWED) == strlen(text) && !strstr(text, "..");
}

static int check_addresses(struct hg_yaml *y, const yaml_node_t *node, const struct hg_notifier *n)
{
    int ways = (n->webhook != NULL) + (n->webhook_env != NULL) + (n->slack_env != NULL) +
               (n->github != NULL);
    if (ways != 1)
        return hg_yaml_fail(y, node, "expected one of webhook, webhook_env, slack_env and github, got %s",
                            ways ? "several" : "none");
    bool webhook = n->webhook && !is_address(n->webhook);
    if (webhook || (n->api && !is_address(n->api)))
        return hg_yaml_fail(y, node, "`%s` has to be an address that begins with https:// or http://",
                            webhook ? "webhook" : "api");
    if (n->github && !is_repository(n->github))
        return hg_yaml_fail(y, node, "`github` has to be OWNER/NAME of a repository");
    if (n->secret_env && !n->webhook && !n->webhook_env)
        return hg_yaml_fail(y, node, "`secret_env` signs what a webhook gets; there is none here");
    return check_names(y, node, n);
}

static int check_rest(struct hg_yaml *y, const yaml_node_t *node, struct hg_notifier *n)
{
    int64_t most = n->required ? REQUIRED_MAX_NS : TIMEOUT_MAX_NS;
    if (!n->timeout_ns)
        n->timeout_ns = TIMEOUT_NS;
    if (n->timeout_ns > most)
        return hg_yaml_fail(y, node, "`timeout` may be at most %d s%s", (int)(most / HG_NS_PER_S),
                            n->required ? "" : " where the notification is not required");
    for (size_t i = 0; i < n->on.count; i++) {
        bool known = false;
        for (size_t k = 0; k < HG_COUNT(EVENTS); k++)
            known = known || hg_streq(n->on.items[i], EVENTS[k]);
        if (!known) {
            HG_AUTO(hg_freep) char *shown = hg_printable(n->on.items[i], 40);
            return hg_yaml_fail(y, node, "`on` takes started, applied, failed, refused, locked, unchanged; "
                                "got `%s`", shown);
        }
    }
    bool by_default = !n->on.count;
    for (size_t k = 0; by_default && k < BY_DEFAULT; k++)
        hg_strv_add(&n->on, EVENTS[k]);
    return 0;
}

static int start_list(struct hg_yaml *y, const yaml_node_t *node, const char *what)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return hg_yaml_expected(y, node, what);
    if (node->data.sequence.items.top - node->data.sequence.items.start > LIST_MAX)
        return hg_yaml_fail(y, node, "more than %d entries", LIST_MAX);
    return 0;
}

int hg_config_read_notify(struct hg_yaml *y, yaml_node_t *node, void *object)
{
    struct hg_telling *t = telling_of(y, object);
    forget_notifiers(t);
    if (start_list(y, node, "a list such as [ { slack_env: SLACK_WEBHOOK_URL } ]") < 0)
        return -1;
    yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++) {
        yaml_node_t *entry = hg_yaml_node(y, *item);
        struct hg_notifier *n = add_notifier(t);
        if (hg_yaml_map(y, entry, hg_schema_notifier, "notify", n) < 0 ||
            check_addresses(y, entry, n) < 0 || check_rest(y, entry, n) < 0)
            return -1;
    }
    return 0;
}

static int read_hooks(struct hg_yaml *y, yaml_node_t *node, void *object, enum hg_hook_when when)
{
    struct hg_telling *t = telling_of(y, object);
    forget_hooks(t, when);
    if (start_list(y, node, "a list such as [ { command: [PROGRAM, ARGUMENT] } ]") < 0)
        return -1;
    yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++) {
        yaml_node_t *entry = hg_yaml_node(y, *item);
        struct hg_hook *h = add_hook(t, when);
        if (hg_yaml_map(y, entry, hg_schema_hook, "hooks", h) < 0)
            return -1;
        if (!h->command.count)
            return hg_yaml_expected(y, entry, "a program in `command`");
        if (h->required && when != HG_HOOK_BEFORE)
            return hg_yaml_fail(y, entry, "`required` means something for `before` only: what ran has run");
        if (!h->timeout_ns)
            h->timeout_ns = HOOK_TIMEOUT_NS;
        hg_config_command_path(y, &h->command);
    }
    return 0;
}

int hg_config_read_hooks_before(struct hg_yaml *y, yaml_node_t *node, void *object)
{
    return read_hooks(y, node, object, HG_HOOK_BEFORE);
}

int hg_config_read_hooks_after(struct hg_yaml *y, yaml_node_t *node, void *object)
{
    return read_hooks(y, node, object, HG_HOOK_AFTER);
}

int hg_config_read_hooks_on_failure(struct hg_yaml *y, yaml_node_t *node, void *object)
{
    return read_hooks(y, node, object, HG_HOOK_ON_FAILURE);
}
