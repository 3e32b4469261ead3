/* SPDX-License-Identifier: Apache-2.0 */
/* --print: what the sources give, in a form that another program reads. */
#include "env.h"

#include <jansson.h>

static int by_name(const void *a, const void *b)
{
    const struct hg_var *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static bool process_listed(const struct hg_target_config *t)
{
    for (size_t i = 0; i < t->source_count; i++)
        if (t->sources[i].kind == HG_SOURCE_PROCESS)
            return true;
    return false;
}

/* A secret that masking leaves as it is (too short, say) is not shown either. */
static char *shown_value(const struct env_options *o, const struct hg_target *t,
                         const struct hg_var *v)
{
    if (o->reveal)
        return hg_xstrdup(v->value);
    char *masked = hg_mask_text(v->value, t->mask);
    if (!v->secret || strcmp(masked, v->value) != 0)
        return masked;
    free(masked);
    return hg_xstrdup(*v->value ? "***" : "");
}

static void print_shell(struct hg_buf *b, const char *name, const char *value)
{
    if (!hg_var_name_valid(name))
        return; /* no shell can hold it */
    hg_buf_addf(b, "export %s='", name);
    for (; *value; value++)
        if (*value == '\'')
            hg_buf_adds(b, "'\\''");
        else
            hg_buf_addc(b, *value);
    hg_buf_adds(b, "'\n");
}

/* The form of $GITHUB_ENV; the delimiter is not a line of the value. */
static void print_github(struct hg_buf *b, const char *name, const char *value)
{
    if (!strpbrk(value, "\r\n")) {
        hg_buf_addf(b, "%s=%s\n", name, value);
        return;
    }
    uint64_t seed = hg_hash64(value, strlen(value), HG_HASH64_INIT);
    HG_AUTO(hg_freep) char *end = NULL;
    do {
        free(end);
        end = hg_xasprintf("headgate_%016llx", (unsigned long long)seed++);
    } while (strstr(value, end));
    hg_buf_addf(b, "%s<<%s\n%s\n%s\n", name, end, value, end);
}

static void print_one(struct hg_buf *b, const char *format, const char *name, const char *value)
{
    if (strcmp(format, "shell") == 0)
        print_shell(b, name, value);
    else if (strcmp(format, "github") == 0)
        print_github(b, name, value);
    else
        hg_dotenv_print(b, name, value, NULL);
}

int env_print(const struct env_options *o, const struct hg_target *t)
{
    const char *format = o->common.format ? o->common.format : "dotenv";
    bool all = process_listed(t->t), json = strcmp(format, "json") == 0;
    const struct hg_var **list = hg_xcalloc(t->vars.count + 1, sizeof *list);
    size_t count = 0;
    for (size_t i = 0; i < t->vars.count; i++)
        if (all || !hg_streq(t->vars.items[i].source, "process"))
            list[count++] = &t->vars.items[i];
    qsort(list, count, sizeof *list, by_name);
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        HG_AUTO(hg_freep) char *value = shown_value(o, t, list[i]);
        json_t *text = json ? json_string(value) : NULL;
        if (text)
            json_object_set_new(object, list[i]->name, text);
        else if (!json)
            print_one(&b, format, list[i]->name, value);
    }
    HG_AUTO(hg_freep) char *document = json ? json_dumps(object, JSON_INDENT(2)) : NULL;
    json_decref(object);
    free(list);
    hg_log_set_filter(NULL, NULL); /* each value has had its own masking */
    hg_out(document ? document : hg_buf_str(&b));
    if (document)
        hg_out("\n");
    return HG_EXIT_YES;
}
