/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of this machine. */
#include "internal.h"
#include "gate/gate.h"
#include "process/process.h"

/* Reads the versions from the packages' metadata: importing them would take half a second. */
static char PACKAGES[] =
    "import sys\n"
    "print('%d.%d.%d' % sys.version_info[:3])\n"
    "try:\n"
    "    from importlib.metadata import version\n"
    "except ImportError:\n"
    "    import pkg_resources\n"
    "    version = lambda name: pkg_resources.get_distribution(name).version\n"
    "for name in ('alembic', 'SQLAlchemy'):\n"
    "    try:\n"
    "        print(name + ' ' + version(name))\n"
    "    except Exception:\n"
    "        print(name + ' -')\n";

/* Output of argv without secrets in its environment; false when it cannot be run or fails. */
static bool output_of(const struct hg_exam *x, char *const *argv, struct hg_buf *ret)
{
    struct hg_process_run spec = { .argv = argv, .envp = x->plain, .timeout_ns = HG_DOCTOR_TOOL_NS };
    struct hg_exit_status status = { 0 };
    struct hg_err ignored = { 0 };
    return hg_process_run(&spec, &status, ret, NULL, &ignored) == 0 &&
           hg_exit_status_code(&status) == 0;
}

bool hg_doctor_runs_here(const struct hg_exam *x)
{
    return x->target.t->run == HG_RUN_HOST;
}

enum hg_check_status hg_doctor_python(struct hg_exam *x, struct hg_check *c)
{
    struct hg_err err = { 0 };
    const char *dir = x->have_alembic ? x->alembic.dir : x->target.config.start_dir;
    if (hg_alembic_python(dir, NULL, &x->python, &err) < 0)
        return hg_check_error(c, HG_CHECK_FAIL, &err);
    char option[] = "-c";
    char *const argv[] = { x->python, option, PACKAGES, NULL };
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    if (!output_of(x, argv, &out)) {
        hg_check_hint(c, "%s --version", x->python);
        return hg_check_say(c, HG_CHECK_FAIL, "%s does not run", x->python);
    }
    const char *text = hg_buf_str(&out);
    size_t len = strcspn(text, "\n");
    hg_check_lines(c, text + len);
    return hg_check_say(c, HG_CHECK_OK, "Python %.*s, %s", (int)len, text, x->python);
}

/* The versions were read together with Python's own. */
enum hg_check_status hg_doctor_packages(struct hg_exam *x, struct hg_check *c)
{
    struct hg_check *python = &x->out->items[x->out->count - 1];
    HG_AUTO(hg_freep) char *all = hg_strv_join(&python->details, ", ");
    hg_strv_done(&python->details);
    python->details = (struct hg_strv)HG_STRV_INIT;
    if (!strstr(all, " -"))
        return hg_check_say(c, HG_CHECK_OK, "%s", all);
    hg_check_hint(c, "%s -m pip install alembic", x->python);
    return hg_check_say(c, HG_CHECK_FAIL, "this Python has not what migrations need (%s)", all);
}

/* "git version 2.39.5", "psql (PostgreSQL) 15.20 (Debian …)": from the first digit to a blank. */
static char *version_in(const char *text)
{
    const char *digit = text + strcspn(text, "0123456789");
    return hg_xstrndup(digit, strcspn(digit, " \n"));
}

/* Says the line of a program, and gives its major version; 0: it cannot be run. */
static int tool(struct hg_exam *x, struct hg_check *c, const char *name, const char *package,
                const char *needed_for)
{
    HG_AUTO(hg_freep) char *path = hg_find_program(name, NULL);
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    char option[] = "--version";
    char *const argv[] = { path, option, NULL };
    if (path && output_of(x, argv, &out)) {
        HG_AUTO(hg_freep) char *version = version_in(hg_buf_str(&out));
        hg_check_say(c, HG_CHECK_OK, "%s %s, %s", name, version, path);
        int64_t major = 0;
        version[strcspn(version, ".")] = '\0';
        return hg_parse_int(version, 0, 1000, &major) == 0 ? (int)major : 0;
    }
    hg_check_hint(c, "apt-get install %s", package);
    if (path)
        hg_check_say(c, HG_CHECK_WARNING, "%s does not run; %s", path, needed_for);
    else
        hg_check_say(c, HG_CHECK_WARNING, "there is no %s on PATH; %s", name, needed_for);
    return 0;
}

enum hg_check_status hg_doctor_git(struct hg_exam *x, struct hg_check *c)
{
    if (!tool(x, c, "git", "git", "the gate compares revisions with the base branch by it"))
        return c->status;
    const char *dir = x->have_alembic ? x->alembic.dir : x->target.config.start_dir;
    HG_AUTO(hg_freep) char *hint = NULL;
    HG_AUTO(hg_freep) char *why =
        hg_gate_incomparable(&x->target, dir, x->plain, hg_now_ns() + HG_DOCTOR_TOOL_NS, &hint);
    if (!why)
        return c->status;
    hg_check_hint(c, "%s", hint);
    hg_check_rule(c, "HG216");
    return hg_check_say(c, HG_CHECK_WARNING, "%s", why);
}

enum hg_check_status hg_doctor_psql(struct hg_exam *x, struct hg_check *c)
{
    (void)tool(x, c, "psql", "postgresql-client", "headgate psql opens it on a target's database");
    return c->status;
}

enum hg_check_status hg_doctor_pg_dump(struct hg_exam *x, struct hg_check *c)
{
    x->pg_dump = tool(x, c, "pg_dump", "postgresql-client", "backups before a migration are made with it");
    return c->status;
}
