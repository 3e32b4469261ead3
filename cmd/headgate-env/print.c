/* SPDX-License-Identifier: Apache-2.0 */
/* --print: what the sources give, in a form that another program reads. */
#include "env.h"

#include <jansson.h>
#include <sys/random.h>
#include <sys/stat.h>

/* A value that the format cannot hold is left out and said; so is one that dotenv dialects read
 * differently. */
struct printer {
    struct hg_buf out;
    json_t *object;
    struct hg_strv left_out;
    struct hg_strv unread[HG_DOTENV_DIALECTS]; /* names whose line this dialect reads differently */
};

static void printer_done(struct printer *p)
{
    hg_buf_wipe(&p->out);
    json_decref(p->object);
    hg_strv_done(&p->left_out);
    for (size_t i = 0; i < HG_DOTENV_DIALECTS; i++)
        hg_strv_done(&p->unread[i]);
}

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

/* ---- the formats ----------------------------------------------------------------------------- */

static bool print_dotenv(struct printer *p, const char *name, const char *value)
{
    unsigned unread;
    size_t before = p->out.len;
    hg_dotenv_print(&p->out, name, value, &unread);
    if (p->out.len == before)
        return false;
    for (size_t i = 0; i < HG_DOTENV_DIALECTS; i++)
        if (unread >> i & 1)
            hg_strv_add(&p->unread[i], name);
    return true;
}

static bool print_shell(struct printer *p, const char *name, const char *value)
{
    if (!hg_var_name_valid(name))
        return false;
    hg_buf_addf(&p->out, "export %s=", name);
    hg_buf_add_shell_word(&p->out, value);
    hg_buf_addc(&p->out, '\n');
    return true;
}

/* The form of $GITHUB_ENV: the runner reads line by line, so several lines stand between two of a
 * word that nobody who chose the value could know. It refuses NODE_OPTIONS, and names of its own. */
static bool print_github(struct printer *p, const char *name, const char *value)
{
    if (!hg_var_name_valid(name) || strcmp(name, "NODE_OPTIONS") == 0 || hg_starts_with(name, "GITHUB_") ||
        hg_starts_with(name, "RUNNER_") || !hg_utf8_valid(value, strlen(value)))
        return false;
    if (!strpbrk(value, "\r\n")) {
        hg_buf_addf(&p->out, "%s=%s\n", name, value);
        return true;
    }
    HG_AUTO(hg_freep) char *end = NULL;
    do {
        uint64_t words[2] = { 0 };
        if (getrandom(words, sizeof words, 0) != (ssize_t)sizeof words)
            return false;
        free(end);
        end = hg_xasprintf("headgate_%016llx%016llx", (unsigned long long)words[0],
                           (unsigned long long)words[1]);
    } while (strstr(value, end));
    hg_buf_addf(&p->out, "%s<<%s\n%s\n%s\n", name, end, value, end);
    return true;
}

static bool print_json(struct printer *p, const char *name, const char *value)
{
    json_t *text = json_string(value); /* NULL: not UTF-8 */
    return text && json_object_set_new(p->object, name, text) == 0;
}

static bool (*printer_of(const char *format))(struct printer *, const char *, const char *)
{
    if (strcmp(format, "shell") == 0)
        return print_shell;
    if (strcmp(format, "github") == 0)
        return print_github;
    return strcmp(format, "json") == 0 ? print_json : print_dotenv;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What a CI job prints is kept, and read by more people than may know production's password. Its log
 * is a pipe or a terminal; a regular file is somebody's decision. */
static int refuse_log(struct hg_err *err)
{
    const char *ci = getenv("CI");
    struct stat st;
    if (!ci || !*ci || strcmp(ci, "false") == 0 || strcmp(ci, "0") == 0 ||
        (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode)))
        return 0;
    hg_fail(err, HG_E_REFUSED, "--reveal would write secrets into the log of a CI job");
    return hg_hint(err, "send them to a file: headgate env --print --reveal … > FILE, or "
                        ">> \"$GITHUB_ENV\"");
}

static void tell(const struct printer *p, const char *format)
{
    if (p->left_out.count) {
        HG_AUTO(hg_freep) char *names = hg_strv_join(&p->left_out, ", ");
        hg_log(HG_LOG_WARNING, "left out, because --format %s has no form for them: %s", format,
               names);
    }
    for (size_t i = 0; i < HG_DOTENV_DIALECTS; i++) {
        if (!p->unread[i].count)
            continue;
        HG_AUTO(hg_freep) char *names = hg_strv_join(&p->unread[i], ", ");
        hg_log(HG_LOG_WARNING, "no spelling that %s reads as the others do: %s",
               hg_dotenv_dialect_name((enum hg_dotenv_dialect)i), names);
    }
}

int env_print(const struct env_options *o, const struct hg_target *t, struct hg_err *err)
{
    const char *format = o->common.format ? o->common.format : "dotenv";
    if (o->reveal && refuse_log(err) < 0)
        return -1;
    bool all = process_listed(t->t);
    HG_AUTO(hg_freep) const struct hg_var **list = hg_xcalloc(t->vars.count + 1, sizeof *list);
    size_t count = 0;
    for (size_t i = 0; i < t->vars.count; i++)
        if (all || !hg_streq(t->vars.items[i].source, "process"))
            list[count++] = &t->vars.items[i];
    qsort(list, count, sizeof *list, by_name);
    HG_AUTO(printer_done) struct printer p = { .object = json_object() };
    bool (*print)(struct printer *, const char *, const char *) = printer_of(format);
    for (size_t i = 0; i < count; i++) {
        HG_AUTO(hg_freep) char *value = shown_value(o, t, list[i]);
        if (!print(&p, list[i]->name, value)) {
            HG_AUTO(hg_freep) char *name = hg_printable(list[i]->name, 80);
            hg_strv_add(&p.left_out, name);
        }
        explicit_bzero(value, strlen(value));
    }
    tell(&p, format);
    HG_AUTO(hg_freep) char *document = print == print_json ? json_dumps(p.object, JSON_INDENT(2)) : NULL;
    hg_log_set_filter(NULL, NULL); /* each value has had its own masking */
    hg_out(document ? document : hg_buf_str(&p.out));
    if (document) {
        hg_out("\n");
        explicit_bzero(document, strlen(document));
    }
    return HG_EXIT_YES;
}
