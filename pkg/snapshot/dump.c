/* SPDX-License-Identifier: Apache-2.0 */
/* The schema as pg_dump writes it, by the pg_dump of the server's major version or a newer one. */
#include "internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "process/process.h"

#define VERSION_NS (10 * HG_NS_PER_S)
#define DUMP_MAX (256u << 20)

struct hg_dump {
    pthread_t thread;
    struct hg_strv argv, env;
    int64_t timeout_ns;
    struct hg_buf out;
    struct hg_err err;
};

static void dump_free(struct hg_dump *d)
{
    hg_strv_done(&d->argv);
    hg_strv_wipe(&d->env);
    hg_buf_done(&d->out);
    free(d);
}

/* The major version that `pg_dump --version` names: "pg_dump (PostgreSQL) 15.20 (Debian …)". */
static int major_of(const char *program)
{
    char *argv[] = { (char *)program, (char *)"--version", NULL };
    struct hg_process_run run = { .argv = argv, .timeout_ns = VERSION_NS };
    struct hg_exit_status status = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    if (hg_process_run(&run, &status, &out, NULL, &ignored) < 0 || hg_exit_status_code(&status))
        return 0;
    const char *number = strpbrk(hg_buf_str(&out), "0123456789");
    return number ? (int)strtol(number, NULL, 10) : 0;
}

static char *find_pg_dump(int server_version, struct hg_err *err)
{
    int wanted = server_version / 10000, seen = 0;
    struct hg_err ignored = { 0 };
    HG_AUTO(hg_freep) char *dir = hg_pg_bindir(getenv("HEADGATE_PG_BINDIR"), 0, &ignored);
    HG_AUTO(hg_freep) char *beside = dir ? hg_path_join(dir, "pg_dump") : NULL;
    HG_AUTO(hg_freep) char *on_path = hg_find_program("pg_dump", NULL);
    char **const found[] = { &beside, &on_path };
    for (size_t i = 0; i < HG_COUNT(found); i++) {
        int major = *found[i] ? major_of(*found[i]) : 0;
        if (major >= wanted)
            return HG_TAKE(*found[i]);
        seen = major > seen ? major : seen;
    }
    if (seen)
        (void)hg_fail(err, HG_E_CONFIG, "the newest pg_dump here is of version %d, the server of %d", seen,
                      wanted);
    else
        (void)hg_fail(err, HG_E_CONFIG, "there is no pg_dump here");
    (void)hg_hint(err, "install PostgreSQL's client programs of version %d or newer, or name their "
                       "folder in HEADGATE_PG_BINDIR; --no-schema-sql does without", wanted);
    return NULL;
}

/* libpq reads PG* variables; so nothing of the address, least the password, stands in argv. */
static int connection_env(const char *conninfo, struct hg_strv *env, struct hg_strv *argv,
                          struct hg_err *err)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &why);
    if (!options) {
        PQfreemem(why);
        return hg_fail(err, HG_E_CONFIG, "pg_dump cannot be given this address");
    }
    for (char **e = environ; *e; e++)
        if (!hg_starts_with(*e, "PG"))
            hg_strv_add(env, *e);
    HG_AUTO(hg_buf_done) struct hg_buf rest = HG_BUF_INIT;
    for (PQconninfoOption *o = options; o->keyword; o++) {
        const char *inherited = o->envvar ? getenv(o->envvar) : NULL;
        const char *value = o->val ? o->val : inherited;
        if (!value)
            continue;
        if (o->envvar) {
            HG_AUTO(hg_freep) char *line = hg_xasprintf("%s=%s", o->envvar, value);
            hg_strv_add(env, line);
            explicit_bzero(line, strlen(line));
        } else if (!o->dispchar[0]) {
            hg_buf_addf(&rest, "%s=%s ", o->keyword, value);
        }
    }
    PQconninfoFree(options);
    if (rest.len) {
        HG_AUTO(hg_freep) char *dbname = hg_xasprintf("--dbname=%s", hg_buf_str(&rest));
        hg_strv_add(argv, dbname);
    }
    return 0;
}

/* Newer minor versions guard psql by a random key, which would make every dump another; --restrict-key
 * fixes it, and older ones know neither. */
static bool knows_restrict_key(const char *program)
{
    char *argv[] = { (char *)program, (char *)"--help", NULL };
    struct hg_process_run run = { .argv = argv, .timeout_ns = VERSION_NS };
    struct hg_exit_status status = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    return hg_process_run(&run, &status, &out, NULL, &ignored) == 0 &&
           strstr(hg_buf_str(&out), "--restrict-key");
}

static void *dump_thread(void *context)
{
    struct hg_dump *d = context;
    struct hg_exit_status status = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf said = HG_BUF_INIT;
    if (knows_restrict_key(d->argv.items[0]))
        hg_strv_add(&d->argv, "--restrict-key=headgate");
    struct hg_process_run run = { .argv = d->argv.items, .envp = d->env.items,
                                  .timeout_ns = d->timeout_ns, .max_output = DUMP_MAX };
    if (hg_process_run(&run, &status, &d->out, &said, &d->err) == 0 && hg_exit_status_code(&status)) {
        const char *text = hg_buf_str(&said);
        (void)hg_fail(&d->err, HG_E_DATABASE, "pg_dump ended with %d: %.*s", hg_exit_status_code(&status),
                      (int)strcspn(text, "\n"), text);
    }
    return NULL;
}

int hg_dump_start(const char *conninfo, int server_version, const char *snapshot, int64_t timeout_ns,
                  struct hg_dump **ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *program = find_pg_dump(server_version, err);
    if (!program)
        return -1;
    struct hg_dump *d = hg_xcalloc(1, sizeof *d);
    d->timeout_ns = timeout_ns;
    hg_strv_add(&d->argv, program);
    static const char *const FIXED[] = { "--schema-only", "--no-password", "--lock-wait-timeout=2000",
                                         "--exclude-schema=headgate" };
    for (size_t i = 0; i < HG_COUNT(FIXED); i++)
        hg_strv_add(&d->argv, FIXED[i]);
    if (snapshot) {
        HG_AUTO(hg_freep) char *option = hg_xasprintf("--snapshot=%s", snapshot);
        hg_strv_add(&d->argv, option);
    }
    if (connection_env(conninfo, &d->env, &d->argv, err) < 0) {
        dump_free(d);
        return -1;
    }
    if (pthread_create(&d->thread, NULL, dump_thread, d)) {
        dump_free(d);
        return hg_fail(err, HG_E_BUG, "cannot start a thread for pg_dump");
    }
    *ret = d;
    return 0;
}

int hg_dump_finish(struct hg_dump *d, struct hg_buf *ret, struct hg_err *err)
{
    (void)pthread_join(d->thread, NULL);
    int rc = 0;
    if (d->err.kind != HG_E_NONE) {
        *err = d->err;
        rc = -1;
    } else {
        *ret = d->out;
        d->out = (struct hg_buf)HG_BUF_INIT;
    }
    dump_free(d);
    return rc;
}
