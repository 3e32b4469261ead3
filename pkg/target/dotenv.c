/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the dotenv files of a target, for `headgate doctor`. */
#include "internal.h"

#include "process/process.h"

#include <sys/stat.h>

#define GIT_TIMEOUT_NS (5 * HG_NS_PER_S)
#define NAMES_SHOWN    3

/* ---- secrets where others can read them ------------------------------------------------------ */

/* "API_TOKEN, DB_PASS and 4 more"; heap, NULL when the file has no secret that is worth hiding. */
static char *secret_names(const struct hg_vars *v)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    for (size_t i = 0; i < v->count; i++)
        if (v->items[i].secret && *v->items[i].value && hg_mask_takes(v->items[i].value))
            hg_strv_add(&names, v->items[i].name);
    if (!names.count)
        return NULL;
    hg_strv_sort(&names);
    struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < names.count && i < NAMES_SHOWN; i++)
        hg_buf_addf(&b, "%s%s", i ? ", " : "", names.items[i]);
    if (names.count > NAMES_SHOWN)
        hg_buf_addf(&b, " and %zu more", names.count - NAMES_SHOWN);
    return hg_buf_take(&b);
}

static bool tracked_by_git(const struct hg_target *t, const char *path)
{
    HG_AUTO(hg_freep) char *dir = hg_path_dir(path);
    const char *const words[] = { "git", "-C", dir, "ls-files", "--error-unmatch", "--",
                                  hg_path_base(path) };
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    for (size_t i = 0; i < HG_COUNT(words); i++)
        hg_strv_add(&argv, words[i]);
    char **envp = hg_target_plain_envp(t);
    HG_AUTO(hg_freep) char **clean = hg_git_envp(envp);
    struct hg_process_run run = { .argv = argv.items, .envp = clean, .timeout_ns = GIT_TIMEOUT_NS };
    struct hg_exit_status status;
    struct hg_err err = { 0 };
    int rc = hg_process_run(&run, &status, NULL, NULL, &err);
    hg_vars_free_envp(envp);
    return rc == 0 && hg_exit_status_code(&status) == 0;
}

static void add(struct hg_findings *ret, const char *rule, const struct hg_source *s, size_t line,
                const char *message, const char *help)
{
    struct hg_finding *f = hg_finding_add(ret, rule, "%s", message);
    f->path = hg_xstrdup(s->file);
    f->line = (int)line;
    f->help = hg_xstrdup(help);
}

static void check_exposure(const struct hg_target *t, const struct hg_source *s,
                           const struct hg_vars *found, struct hg_findings *ret)
{
    HG_AUTO(hg_freep) char *names = secret_names(found);
    struct stat st;
    if (!names || stat(s->path, &st) != 0)
        return;
    if (st.st_mode & S_IROTH) {
        HG_AUTO(hg_freep) char *message =
            hg_xasprintf("every user of this machine can read %s (mode %04o): %s", s->file,
                         (unsigned)st.st_mode & 07777u, names);
        HG_AUTO(hg_freep) char *help = hg_xasprintf("chmod 600 %s", s->file);
        add(ret, "HG516", s, 0, message, help);
    }
    if (tracked_by_git(t, s->path)) {
        HG_AUTO(hg_freep) char *message =
            hg_xasprintf("git tracks %s, and with it: %s", s->file, names);
        HG_AUTO(hg_freep) char *help =
            hg_xasprintf("git rm --cached %s, list it in .gitignore, and change these secrets: they "
                         "stay in the history", s->file);
        add(ret, "HG516", s, 0, message, help);
    }
}

/* ---- lines that tools read differently ------------------------------------------------------- */

static int check_one(const struct hg_target *t, const struct hg_source *s, struct hg_findings *ret,
                     struct hg_err *err)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    HG_AUTO(hg_vars_done) struct hg_vars found = HG_VARS_INIT;
    HG_AUTO(hg_dotenv_notes_done) struct hg_dotenv_notes notes = HG_DOTENV_NOTES_INIT;
    if (access(s->path, F_OK) != 0)
        return 0; /* resolving says whether it must be there */
    if (hg_file_read(s->path, HG_DOTENV_FILE_MAX, &text, err) < 0 ||
        hg_dotenv_parse(hg_buf_str(&text), text.len, s->file, s->dialect, &t->original, &found,
                        NULL, err) < 0 ||
        hg_dotenv_compare(hg_buf_str(&text), text.len, s->file, s->dialect, &t->original, &notes,
                          err) < 0)
        return -1;
    for (size_t i = 0; i < notes.count; i++) {
        const struct hg_dotenv_note *n = &notes.items[i];
        HG_AUTO(hg_freep) char *message = hg_xasprintf("%s%s%s", n->name ? n->name : "",
                                                       n->name ? ": " : "", n->text);
        add(ret, "HG515", s, n->line, message, NULL);
    }
    check_exposure(t, s, &found, ret);
    return 0;
}

int hg_target_check_dotenv(const struct hg_target *t, struct hg_findings *ret, struct hg_err *err)
{
    for (size_t i = 0; t->t && i < t->t->source_count; i++)
        if (t->t->sources[i].kind == HG_SOURCE_DOTENV &&
            check_one(t, &t->t->sources[i], ret, err) < 0)
            return -1;
    return 0;
}
