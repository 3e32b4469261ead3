/* SPDX-License-Identifier: Apache-2.0 */
/* Which Python has the project's Alembic. */
#include "internal.h"
#include "process/process.h"

enum { SCRIPT_HEAD_MAX = 4096, FOLDERS_UP_MAX = 16 };

/* The interpreter named by a console script: "#!/x/python", "#!/usr/bin/env python3", or pip's form
 * for long paths, `#!/bin/sh` and `'''exec' "/x/python" "$0" "$@"`. Heap or NULL. */
static char *from_script(const char *script, const char *path)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_err ignored;
    if (hg_file_read(script, HG_CONFIG_FILE_MAX, &text, &ignored) < 0 || text.len < 4 ||
        !hg_starts_with(hg_buf_str(&text), "#!"))
        return NULL;
    char head[SCRIPT_HEAD_MAX];
    snprintf(head, sizeof head, "%s", hg_buf_str(&text) + 2);
    char *second = strchr(head, '\n');
    if (second)
        *second++ = '\0';
    head[strcspn(head, "\r")] = '\0';
    const char *first = head + strspn(head, " \t");
    if (hg_starts_with(first, "/bin/sh") && second && hg_starts_with(second, "'''exec'")) {
        const char *p = second + strlen("'''exec'");
        p += strspn(p, " \"");
        return hg_xstrndup(p, strcspn(p, "\"\n "));
    }
    if (hg_starts_with(first, "/usr/bin/env ")) {
        const char *name = first + strlen("/usr/bin/env ");
        name += strspn(name, " \t");
        HG_AUTO(hg_freep) char *program = hg_xstrndup(name, strcspn(name, " \t"));
        return hg_find_program(program, path);
    }
    return hg_xstrdup(first);
}

static bool executable(const char *file)
{
    return file && hg_is_file(file) && access(file, X_OK) == 0;
}

/* DIR/bin of a virtualenv, or a folder of PATH: its alembic script, or the python3 beside it. */
static char *from_bin(const char *bin, const char *path, struct hg_strv *looked)
{
    HG_AUTO(hg_freep) char *script = hg_path_join(bin, "alembic");
    hg_strv_add(looked, script);
    if (!executable(script))
        return NULL;
    HG_AUTO(hg_freep) char *python = from_script(script, path);
    if (executable(python))
        return HG_TAKE(python);
    HG_AUTO(hg_freep) char *beside = hg_path_join(bin, "python3");
    return executable(beside) ? HG_TAKE(beside) : NULL;
}

static char *from_environment(const char *dir, const char *path, struct hg_strv *looked)
{
    static const char *const NAMES[] = { ".venv/bin", "venv/bin" };
    for (size_t i = 0; i < HG_COUNT(NAMES); i++) {
        HG_AUTO(hg_freep) char *bin = hg_path_join(dir, NAMES[i]);
        char *found = from_bin(bin, path, looked);
        if (found)
            return found;
    }
    return NULL;
}

static bool imports_alembic(const char *python)
{
    static char OPTION[] = "-c",
        QUESTION[] = "import importlib.util, sys\n"
                     "sys.exit(importlib.util.find_spec('alembic') is None)";
    char *argv[] = { (char *)python, OPTION, QUESTION, NULL };
    struct hg_process_run run = { .argv = argv, .timeout_ns = 10 * HG_NS_PER_S };
    struct hg_exit_status status;
    struct hg_err ignored;
    return hg_process_run(&run, &status, NULL, NULL, &ignored) == 0 &&
           hg_exit_status_code(&status) == 0;
}

/* The virtualenv that somebody has activated. One without Alembic (of pre-commit, tox, an editor) is passed over. */
static char *activated(const char *path, struct hg_strv *looked)
{
    const char *venv = getenv("VIRTUAL_ENV");
    if (!venv || !*venv)
        return NULL;
    HG_AUTO(hg_freep) char *bin = hg_path_join(venv, "bin");
    return from_bin(bin, path, looked);
}

static bool is_top(const char *dir)
{
    HG_AUTO(hg_freep) char *git = hg_path_join(dir, ".git");
    return strcmp(dir, "/") == 0 || access(git, F_OK) == 0;
}

/* DIR is the migrator's own; what lies above may belong to something else, so that is asked after the virtualenv
 * that was chosen by hand. */
static char *find(const char *dir, const char *path, struct hg_strv *looked)
{
    HG_AUTO(hg_freep) char *at = hg_path_abs(dir);
    char *found = from_environment(at, path, looked);
    if (!found)
        found = activated(path, looked);
    for (int up = 0; !found && up < FOLDERS_UP_MAX && !is_top(at); up++) {
        char *parent = hg_path_dir(at);
        free(at);
        at = parent;
        found = from_environment(at, path, looked);
    }
    return found;
}

static char *on_path(const char *path, struct hg_strv *looked)
{
    HG_AUTO(hg_freep) char *script = hg_find_program("alembic", path);
    hg_strv_add(looked, "PATH");
    if (script) {
        HG_AUTO(hg_freep) char *bin = hg_path_dir(script);
        char *found = from_bin(bin, path, looked);
        if (found)
            return found;
    }
    HG_AUTO(hg_freep) char *python = hg_find_program("python3", path);
    return python && imports_alembic(python) ? HG_TAKE(python) : NULL;
}

int hg_alembic_python(const char *dir, const char *path, char **ret_python, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv looked = HG_STRV_INIT;
    char *found = find(dir, path, &looked);
    if (!found)
        found = on_path(path, &looked);
    if (found) {
        *ret_python = found;
        return 0;
    }
    HG_AUTO(hg_freep) char *list = hg_strv_join(&looked, "\n");
    hg_fail(err, HG_E_UNKNOWN, "cannot find a Python that has Alembic");
    hg_detail(err, "looked for:\n%s", list);
    return hg_hint(err, "activate the project's virtualenv, or install Alembic (pip install alembic)");
}
