/* SPDX-License-Identifier: Apache-2.0 */
/* headgate postgres: a private PostgreSQL for development, rehearsal and tests. */
#include "cli/cli.h"
#include "pg/pg.h"
#include "process/process.h"
#include "target/target.h"

struct postgres_options {
    struct hg_common common;
    int argc;
    char **argv;
    bool ephemeral;
    const char *state_dir, *bindir, *database;
    int64_t timeout_ns;
};

static const struct hg_opt OPTIONS[] = {
    { "ephemeral", 0, HG_OPT_BOOL, offsetof(struct postgres_options, ephemeral),
      .help = "a fresh one in a temporary folder, without fsync, until stop or destroy" },
    { "database", 0, HG_OPT_STRING, offsetof(struct postgres_options, database), .metavar = "NAME",
      .help = "the database, made if it is missing (default app)" },
    { "state-dir", 0, HG_OPT_STRING, offsetof(struct postgres_options, state_dir), .metavar = "DIR",
      .env = "HEADGATE_STATE_DIR", .help = "where the cluster lies (default .headgate of the project)" },
    { "bindir", 0, HG_OPT_STRING, offsetof(struct postgres_options, bindir), .metavar = "DIR",
      .env = "HEADGATE_PG_BINDIR", .help = "the folder with initdb and pg_ctl" },
    { "wait", 0, HG_OPT_SECONDS, offsetof(struct postgres_options, timeout_ns), .metavar = "SECONDS",
      .help = "for starting and stopping (default 60)" },
    { 0 },
};

static const struct hg_cmd CMD = {
    .name = "postgres",
    .summary = "a private PostgreSQL for development, rehearsal and tests",
    .args = "start|stop|status|url|psql|destroy [-- PSQL ARGUMENTS]",
    .options = OPTIONS,
    .min_args = 1,
    .max_args = 1000,
    .examples = "headgate postgres start\n    make and start it, print its URL\n"
                "export DATABASE_URL=$(headgate postgres url)\n    use it\n"
                "headgate postgres psql -- -c 'select version()'\n    look into it\n"
                "headgate postgres destroy\n    stop it and remove its data\n",
};

/* Where every verb keeps its files: beside headgate.yaml or alembic.ini. The target does not matter. */
static int find_state_dir(const struct postgres_options *o, char **ret, struct hg_err *err)
{
    if (o->state_dir) {
        *ret = hg_path_abs(o->state_dir);
        return 0;
    }
    struct hg_common common = o->common;
    common.target = NULL;
    HG_AUTO(hg_target_done) struct hg_target t = { 0 };
    if (hg_target_open(&common, o->argc, o->argv, true, &t, err) < 0)
        return -1;
    *ret = hg_target_state_dir(&t);
    return 0;
}

static int print_status(const struct hg_pg_cluster *c)
{
    if (c->pid)
        hg_outf("running: PostgreSQL %d, 127.0.0.1:%d, process %lld, in %s%s\n", c->version, c->port,
                (long long)c->pid, c->dir, c->ephemeral ? " (ephemeral)" : "");
    else
        hg_outf("stopped: PostgreSQL %d in %s\n", c->version, c->dir);
    return c->pid ? HG_EXIT_YES : HG_EXIT_NO;
}

/* The password goes through the environment, not through argv. */
static int psql(const struct hg_pg_cluster *c, const struct hg_pg_cluster_options *o,
                const struct hg_strv *args, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *bindir = hg_pg_bindir(o->bindir, c->version, err);
    if (!bindir)
        return -1;
    HG_AUTO(hg_freep) char *own = hg_path_join(bindir, "psql");
    HG_AUTO(hg_freep) char *found = access(own, X_OK) == 0 ? hg_xstrdup(own) : hg_find_program("psql", NULL);
    if (!found)
        return hg_fail(err, HG_E_CONFIG, "there is no psql in %s or on PATH", bindir);
    HG_AUTO(hg_pg_url_done) struct hg_pg_url u = { 0 };
    if (hg_pg_url_parse(c->url, &u, err) < 0)
        return -1;
    if (setenv("PGPASSWORD", u.password, 1) < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "setting PGPASSWORD");
    HG_AUTO(hg_freep) char *shown = hg_pg_url_shown(&u);
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    hg_strv_add(&argv, "psql");
    hg_strv_addf(&argv, "--dbname=%s", shown);
    for (size_t i = 1; i < args->count; i++)
        hg_strv_add(&argv, args->items[i]);
    return hg_process_become(found, argv.items, NULL, err);
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    const struct postgres_options *given = options;
    HG_AUTO(hg_freep) char *state = NULL;
    if (find_state_dir(given, &state, err) < 0)
        return -1;
    int64_t timeout_ns = given->timeout_ns ? given->timeout_ns : given->common.timeout_ns;
    struct hg_pg_cluster_options o = { state, given->bindir, given->database, given->ephemeral,
                                       timeout_ns };
    HG_AUTO(hg_pg_cluster_done) struct hg_pg_cluster c = { 0 };
    const char *verb = args->items[0];
    if (args->count > 1 && !hg_streq(verb, "psql")) {
        hg_fail(err, HG_E_USAGE, "`headgate postgres %s` takes no argument, not '%s'", verb, args->items[1]);
        return hg_hint(err, "`headgate postgres --help` shows what it takes");
    }
    if (hg_streq(verb, "start")) {
        if (hg_pg_cluster_start(&o, &c, err) < 0)
            return -1;
        hg_outf("%s\n", c.url);
        if (isatty(STDOUT_FILENO))
            hg_log(HG_LOG_NOTE, "to use it: export DATABASE_URL=$(headgate postgres url)");
        return 0;
    }
    if (hg_streq(verb, "stop"))
        return hg_pg_cluster_stop(&o, err);
    if (hg_streq(verb, "destroy"))
        return hg_pg_cluster_destroy(&o, err);
    bool known = hg_streq(verb, "status") || hg_streq(verb, "url") || hg_streq(verb, "psql");
    if (!known) {
        hg_fail(err, HG_E_USAGE, "there is no `headgate postgres %s`", verb);
        return hg_hint(err, "one of start, stop, status, url, psql, destroy");
    }
    if (hg_pg_cluster_find(&o, &c, err) < 0)
        return -1;
    if (hg_streq(verb, "status"))
        return print_status(&c);
    if (!c.pid && hg_streq(verb, "psql")) {
        hg_fail(err, HG_E_DATABASE, "the private PostgreSQL in %s is stopped", c.dir);
        return hg_hint(err, "headgate postgres start");
    }
    if (hg_streq(verb, "psql"))
        return psql(&c, &o, args, err);
    hg_outf("%s\n", c.url);
    return 0;
}

int main(int argc, char **argv)
{
    struct postgres_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
