/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's own programs: where they are, running them, what they left behind. */
#include "cluster.h"

#include "process/process.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>

#define MAJOR_MIN 13
#define MAJOR_MAX 18
#define LOG_MAX   ((size_t)64 << 20)

static bool complete(const char *dir)
{
    static const char *const TOOLS[] = { "initdb", "pg_ctl", "postgres" };
    for (size_t i = 0; i < HG_COUNT(TOOLS); i++) {
        HG_AUTO(hg_freep) char *file = hg_path_join(dir, TOOLS[i]);
        if (access(file, X_OK) < 0)
            return false;
    }
    return true;
}

static char *in_usual_places(int major)
{
    static const char *const PLACES[] = {
        "/usr/lib/postgresql/%d/bin", "/usr/pgsql-%d/bin", "/usr/libexec/postgresql%d",
        "/opt/homebrew/opt/postgresql@%d/bin", "/usr/local/opt/postgresql@%d/bin",
    };
    char number[12];
    (void)snprintf(number, sizeof number, "%d", major);
    for (size_t i = 0; i < HG_COUNT(PLACES); i++) {
        const char *mark = strstr(PLACES[i], "%d");
        char *dir = hg_xasprintf("%.*s%s%s", (int)(mark - PLACES[i]), PLACES[i], number, mark + 2);
        if (complete(dir))
            return dir;
        free(dir);
    }
    return NULL;
}

static char *on_path(void)
{
    HG_AUTO(hg_freep) char *tool = hg_find_program("pg_ctl", NULL);
    HG_AUTO(hg_freep) char *real = tool ? realpath(tool, NULL) : NULL;
    char *dir = real ? hg_path_dir(real) : NULL;
    if (dir && !complete(dir)) {
        free(dir);
        dir = NULL;
    }
    return dir;
}

char *hg_pg_bindir(const char *bindir, int major, struct hg_err *err)
{
    if (bindir && *bindir) {
        if (complete(bindir))
            return hg_path_abs(bindir);
        hg_fail(err, HG_E_CONFIG, "HEADGATE_PG_BINDIR is %s, which has no initdb, pg_ctl and postgres",
                bindir);
        return NULL;
    }
    for (int m = MAJOR_MAX; m >= MAJOR_MIN; m--) {
        char *dir = major == 0 || m == major ? in_usual_places(m) : NULL;
        if (dir)
            return dir;
    }
    char *dir = on_path();
    if (dir)
        return dir;
    if (major)
        hg_fail(err, HG_E_CONFIG, "the private cluster was made by PostgreSQL %d, which is not installed",
                major);
    else
        hg_fail(err, HG_E_CONFIG, "no PostgreSQL server (%d to %d) is installed", MAJOR_MIN, MAJOR_MAX);
    hg_hint(err, "install it (Debian, Ubuntu: apt-get install postgresql), or set HEADGATE_PG_BINDIR to "
                 "the folder with initdb and pg_ctl");
    return NULL;
}

int hg_pg_run_tool(const char *bindir, const char *const *args, int64_t timeout_ns, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *file = hg_path_join(bindir, args[0]);
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    hg_strv_add(&argv, file);
    for (size_t i = 1; args[i]; i++)
        hg_strv_add(&argv, args[i]);
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf said = HG_BUF_INIT;
    struct hg_process_run run = { .argv = argv.items, .dir = "/", .timeout_ns = timeout_ns };
    struct hg_exit_status status;
    if (hg_process_run(&run, &status, &out, &said, err) < 0)
        return -1;
    if (!status.signaled && status.code == 0)
        return 0;
    hg_fail(err, HG_E_DATABASE, "%s failed (exit %d)", args[0], hg_exit_status_code(&status));
    return hg_detail(err, "%s%s", hg_buf_str(&said), hg_buf_str(&out));
}

char *hg_pg_log_tail(const char *file)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    if (hg_file_read(file, LOG_MAX, &b, &ignored) < 0)
        return hg_xstrdup("");
    const char *text = hg_buf_str(&b), *p = text + b.len;
    for (int lines = 0; p > text && lines < 9 && text + b.len - p < 1500; p--)
        lines += p[-1] == '\n';
    return hg_xstrdup(p > text ? p + 1 : text);
}

/* postgres changes into its data folder, which tells it from another process of the same number. A
 * process that we may not signal belongs to somebody else, so it is not the cluster's. */
static bool runs_there(int64_t pid, const char *data)
{
    char link[64], cwd[4096];
    if (kill((pid_t)pid, 0) < 0)
        return false;
    (void)snprintf(link, sizeof link, "/proc/%lld/cwd", (long long)pid);
    ssize_t n = readlink(link, cwd, sizeof cwd - 1);
    if (n < 0)
        return errno != ENOENT || access("/proc/self", F_OK) < 0;
    cwd[n] = '\0';
    HG_AUTO(hg_freep) char *real = realpath(data, NULL);
    return real && strcmp(real, cwd) == 0;
}

int64_t hg_pg_server_pid(const char *data)
{
    HG_AUTO(hg_freep) char *file = hg_path_join(data, "postmaster.pid");
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    int64_t pid = 0;
    if (hg_file_read(file, 4096, &b, &ignored) < 0)
        return 0;
    HG_AUTO(hg_freep) char *first = hg_xstrndup(hg_buf_str(&b), strcspn(hg_buf_str(&b), "\n"));
    if (hg_parse_int(first, 2, INT32_MAX, &pid) < 0 || !runs_there(pid, data))
        return 0;
    return pid;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int hg_pg_remove_tree(const char *dir, struct hg_err *err)
{
    if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot remove %s", dir);
    return 0;
}
