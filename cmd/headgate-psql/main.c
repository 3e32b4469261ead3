/* SPDX-License-Identifier: Apache-2.0 */
/* headgate psql: becomes psql, connected to the target's database by the target's route. */
#include "pg/pg.h"
#include "process/process.h"
#include "target/target.h"

struct psql_options {
    struct hg_common common;
    int argc;
    char **argv; /* of main: hg_target_open may start us again */
};

static const struct hg_cmd CMD = {
    .name = "psql",
    .summary = "psql on the target's database, by the target's route",
    .args = "[-- PSQL ARGUMENTS…]",
    .description =
        "Becomes psql with the address, user, password and TLS settings of the target in its "
        "environment (PGHOST, PGPASSWORD…), never on its command line. Where the database can only be "
        "reached through a container, the tunnel lives as long as psql. The exit code is psql's own; "
        "125 when headgate itself failed, 127 when there is no psql.",
    .examples = "headgate psql -t docker\n"
                "    a session\n"
                "headgate psql -t production -- -XAtc 'select count(*) from notebooks'\n"
                "    one statement; what stands behind -- is psql's\n",
    .max_args = SIZE_MAX,
    .wrapper = true,
    .own_failure = HG_EXIT_OURS,
};

/* HEADGATE_PG_BINDIR, PATH, then the usual places of PostgreSQL's programs. */
static char *find_psql(const struct hg_target *t, struct hg_err *err)
{
    struct hg_err ignored;
    const char *given = hg_vars_get(&t->original, "HEADGATE_PG_BINDIR");
    if (given && *given)
        return hg_path_join(given, "psql");
    char *found = hg_find_program("psql", hg_vars_get(&t->original, "PATH"));
    if (found)
        return found;
    HG_AUTO(hg_freep) char *dir = hg_pg_bindir(NULL, 0, &ignored);
    HG_AUTO(hg_freep) char *there = dir ? hg_path_join(dir, "psql") : NULL;
    if (there && hg_is_file(there))
        return HG_TAKE(there);
    hg_fail(err, HG_E_CONFIG, "there is no psql on this machine");
    err->exit_code = HG_EXIT_NOT_FOUND;
    if (t->t->run == HG_RUN_CONTAINER)
        hg_hint(err, "apt-get install postgresql-client; or, if the container has one: "
                     "headgate exec -t %s -i --tty -- psql", t->t->name);
    else
        hg_hint(err, "apt-get install postgresql-client");
    return NULL;
}

/* What libpq knows by a variable goes there; the rest are settings without a secret, for psql's
 * command line. */
static int take_conninfo(const char *conninfo, struct hg_vars *env, struct hg_strv *rest,
                         struct hg_err *err)
{
    char *why = NULL;
    PQconninfoOption *all = PQconninfoParse(conninfo, &why);
    if (!all) {
        PQfreemem(why); /* it may repeat the password */
        return hg_fail(err, HG_E_CONFIG, "libpq does not take the target's address");
    }
    for (const PQconninfoOption *o = all; o->keyword; o++) {
        if (!o->val)
            continue;
        if (o->envvar)
            hg_vars_set(env, o->envvar, o->val, "headgate");
        else if (!strchr(o->dispchar, '*') && strspn(o->val, "0123456789") == strlen(o->val))
            hg_strv_addf(rest, "%s=%s", o->keyword, o->val);
        else
            hg_log(HG_LOG_WARNING, "%s is not passed on: psql takes it neither from a variable nor, "
                                   "safely, from its command line", o->keyword);
    }
    PQconninfoFree(all);
    return 0;
}

static void environment(const struct hg_target *t, struct hg_vars *env)
{
    char **plain = hg_target_plain_envp(t);
    hg_vars_from_environ(env, plain, "process");
    hg_vars_free_envp(plain);
    for (size_t i = 0; i < t->vars.count; i++)
        if (hg_starts_with(t->vars.items[i].name, "PG"))
            hg_vars_set(env, t->vars.items[i].name, t->vars.items[i].value, t->vars.items[i].source);
    /* libpq would ask for the address's name again. */
    if (t->hostaddr)
        hg_vars_unset(env, "PGSERVICE");
}

static int become(const struct hg_target *t, const struct hg_strv *args, struct hg_err *err)
{
    HG_AUTO(hg_vars_done) struct hg_vars env = HG_VARS_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv rest = HG_STRV_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *psql = find_psql(t, err);
    environment(t, &env);
    if (!psql || take_conninfo(t->conninfo ? t->conninfo : "", &env, &rest, err) < 0)
        return -1;
    hg_strv_add(&argv, "psql");
    if (rest.count) {
        HG_AUTO(hg_freep) char *settings = hg_strv_join(&rest, " ");
        hg_strv_add(&argv, "-d");
        hg_strv_add(&argv, settings);
    }
    hg_strv_addv(&argv, args);
    char **envp = hg_vars_envp(&env);
    int rc = hg_process_become(psql, argv.items, envp, err);
    hg_vars_free_envp(envp);
    return rc;
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    const struct psql_options *o = options;
    HG_AUTO(hg_target_done) struct hg_target t = { 0 };
    if (hg_target_open(&o->common, o->argc, o->argv, false, &t, err) < 0)
        return -1;
    for (size_t i = 0; i < t.findings.count; i++)
        hg_log(HG_LOG_WARNING, "%s", t.findings.items[i].message);
    hg_target_announce(&t, &o->common);
    return become(&t, args, err);
}

int main(int argc, char **argv)
{
    struct psql_options options = { .argc = argc, .argv = argv };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
