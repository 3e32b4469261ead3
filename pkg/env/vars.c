/* SPDX-License-Identifier: Apache-2.0 */
#include "env.h"

#include "internal.h"

/* Open addressing over the items; a slot holds the item's number + 1. Half full at most. */
struct vars_index {
    uint32_t *slots;
    size_t size; /* power of two */
};

static uint64_t name_hash(const char *name)
{
    return hg_hash64(name, strlen(name), HG_HASH64_INIT);
}

static void index_put(struct vars_index *x, const char *name, size_t item)
{
    size_t at = name_hash(name) & (x->size - 1);
    while (x->slots[at])
        at = (at + 1) & (x->size - 1);
    x->slots[at] = (uint32_t)item + 1;
}

static void index_rebuild(struct hg_vars *v, size_t size)
{
    struct vars_index *x = v->index;
    if (!x)
        x = v->index = hg_xcalloc(1, sizeof *x);
    free(x->slots);
    x->slots = hg_xcalloc(size, sizeof *x->slots);
    x->size = size;
    for (size_t i = 0; i < v->count; i++)
        index_put(x, v->items[i].name, i);
}

static struct hg_var *find(const struct hg_vars *v, const char *name)
{
    const struct vars_index *x = v->index;
    if (!x)
        return NULL;
    for (size_t at = name_hash(name) & (x->size - 1); x->slots[at]; at = (at + 1) & (x->size - 1)) {
        struct hg_var *var = &v->items[x->slots[at] - 1];
        if (strcmp(var->name, name) == 0)
            return var;
    }
    return NULL;
}

static void wipe_string(char **s)
{
    if (*s)
        explicit_bzero(*s, strlen(*s));
    hg_freep(s);
}

static void var_done(struct hg_var *var)
{
    wipe_string(&var->value);
    hg_freep(&var->name);
    hg_freep(&var->source);
}

void hg_vars_set(struct hg_vars *v, const char *name, const char *value, const char *source)
{
    struct hg_var *var = find(v, name);
    if (!var) {
        struct vars_index *x = v->index;
        if (!x || (v->count + 1) * 2 > x->size)
            index_rebuild(v, x ? x->size * 2 : 64);
        v->items = hg_grow(v->items, v->count, &v->cap, sizeof *v->items);
        var = &v->items[v->count];
        *var = (struct hg_var){ .name = hg_xstrdup(name) };
        index_put(v->index, name, v->count++);
    }
    /* Copies first: the given value may be the old one's memory. */
    char *new_value = hg_xstrdup(value), *new_source = hg_xstrdup(source);
    wipe_string(&var->value);
    hg_freep(&var->source);
    var->value = new_value;
    var->source = new_source;
    var->secret = hg_var_name_secret(var->name) || hg_value_has_password(new_value);
}

void hg_vars_unset(struct hg_vars *v, const char *name)
{
    struct hg_var *var = find(v, name);
    if (!var)
        return;
    var_done(var);
    *var = v->items[--v->count];
    v->items[v->count] = (struct hg_var){ 0 };
    index_rebuild(v, ((struct vars_index *)v->index)->size);
}

const struct hg_var *hg_vars_find(const struct hg_vars *v, const char *name)
{
    return find(v, name);
}

const char *hg_vars_get(const struct hg_vars *v, const char *name)
{
    const struct hg_var *var = find(v, name);
    return var ? var->value : NULL;
}

void hg_vars_from_environ(struct hg_vars *v, char *const *environ_, const char *source)
{
    for (; environ_ && *environ_; environ_++) {
        const char *equals = strchr(*environ_, '=');
        if (!equals || equals == *environ_)
            continue; /* execve passes anything; without a name it is no variable */
        HG_AUTO(hg_freep) char *name = hg_xstrndup(*environ_, (size_t)(equals - *environ_));
        if (!find(v, name)) /* getenv answers the first of two */
            hg_vars_set(v, name, equals + 1, source);
    }
}

char **hg_vars_envp(const struct hg_vars *v)
{
    char **envp = hg_xcalloc(v->count + 1, sizeof *envp);
    for (size_t i = 0; i < v->count; i++) {
        size_t name_len = strlen(v->items[i].name), value_len = strlen(v->items[i].value);
        envp[i] = hg_xmalloc(name_len + value_len + 2);
        memcpy(envp[i], v->items[i].name, name_len);
        envp[i][name_len] = '=';
        memcpy(envp[i] + name_len + 1, v->items[i].value, value_len + 1);
    }
    return envp;
}

void hg_vars_free_envp(char **envp)
{
    for (char **e = envp; e && *e; e++)
        wipe_string(e);
    free(envp);
}

/* `git rev-parse --local-env-vars`, without those that are configuration. */
static bool names_repository(const char *variable)
{
    static const char *const NAMES[] = {
        "GIT_DIR=", "GIT_COMMON_DIR=", "GIT_INDEX_FILE=", "GIT_OBJECT_DIRECTORY=",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES=", "GIT_GRAFT_FILE=", "GIT_SHALLOW_FILE=", "GIT_PREFIX=",
    };
    for (size_t i = 0; i < HG_COUNT(NAMES); i++)
        if (hg_starts_with(variable, NAMES[i]))
            return true;
    return false;
}

char **hg_git_envp(char *const *envp)
{
    char *const *all = envp ? envp : environ;
    size_t count = 0, kept = 0;
    bool together = false;
    for (; all[count]; count++)
        together = together || hg_starts_with(all[count], "GIT_WORK_TREE=");
    char **ret = hg_xcalloc(count + 1, sizeof *ret);
    for (size_t i = 0; i < count; i++)
        if (together || !names_repository(all[i]))
            ret[kept++] = all[i];
    return ret;
}

void hg_vars_done(struct hg_vars *v)
{
    for (size_t i = 0; i < v->count; i++)
        var_done(&v->items[i]);
    struct vars_index *x = v->index;
    if (x)
        free(x->slots);
    free(x);
    free(v->items);
    *v = (struct hg_vars)HG_VARS_INIT;
}
