/* SPDX-License-Identifier: Apache-2.0 */
/* What Alembic's autogenerate finds between a database and the project's models. A file's database is
 * built anew from its schema.sql, in a private PostgreSQL that is gone afterwards. */
#include "snapshot_cmd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/apply.h"
#include "pg/pg.h"
#include "process/process.h"
#include "status/status.h"

#define LOOK_NS      (10 * 60 * HG_NS_PER_S)
#define CONNECT_NS   (60 * HG_NS_PER_S)
#define RESTORE_NS   (5 * 60 * HG_NS_PER_S)
#define DATABASE     "models"

/* ---- asking Alembic --------------------------------------------------------------------------- */

/* The changes that Alembic found; -1 with why it could not. */
static int changes_of(const json_t *look, json_t **ret, struct hg_err *err)
{
    const json_t *compared = json_object_get(look, "compared"), *result = json_object_get(look, "result");
    json_t *changes = json_object_get(compared, "changes");
    if (json_is_array(changes)) {
        *ret = json_incref(changes);
        return 0;
    }
    if (compared)
        return hg_fail(err, HG_E_UNKNOWN, "env.py gives Alembic no target_metadata, so it knows no models");
    const char *kind = hg_jget(result, "exception"), *message = hg_jget(result, "message");
    const char *said = hg_jget(look, "said");
    (void)hg_fail(err, HG_E_UNKNOWN, "Alembic could not compare: %s%s%s", kind ? kind : "", kind ? ": " : "",
                  message && *message ? message : "it ended without a word");
    if (!message && said)
        (void)hg_detail(err, "%s", said);
    return hg_hint(err, "headgate env -- alembic check, in the folder of alembic.ini, shows the whole error");
}

static int ask_alembic(const struct snapshot_options *o, const struct hg_target *t,
                       const struct hg_status *status, const char *instead, json_t **ret,
                       struct hg_err *err)
{
    struct hg_alembic_options options = hg_target_alembic_options(&o->common, &t->config, NULL);
    struct hg_alembic_config config = { 0 };
    bool found = false;
    if (hg_alembic_config_find(&options, &config, &found, err) < 0)
        return -1;
    if (!found)
        return hg_fail(err, HG_E_CONFIG, "there is no alembic.ini here, so nothing tells the models");
    struct hg_apply_look_options look_options = {
        .common = &o->common, .target = t, .alembic = &config, .status = status, .compare = true,
        .instead = instead, .timeout_ns = o->common.timeout_ns ? o->common.timeout_ns : LOOK_NS };
    struct hg_apply_look *look = NULL;
    json_t *reports = NULL;
    int rc = hg_apply_look_start(&look_options, &look, err);
    if (rc == 0)
        rc = hg_apply_look_finish(look, &reports, err);
    if (rc == 0)
        rc = changes_of(reports, ret, err);
    json_decref(reports);
    hg_alembic_config_done(&config);
    return rc;
}

/* Which database that is: the driver compares, before env.py gets its connection. */
static int identify(const struct hg_target *t, const struct hg_pg_spec *spec, struct hg_status *ret,
                    struct hg_err *err)
{
    HG_AUTO(hg_pg_closep) PGconn *conn = NULL;
    if (hg_pg_connect(spec, CONNECT_NS, &conn, err) < 0)
        return -1;
    return hg_status_on(conn, t, NULL, NULL, hg_now_ns() + CONNECT_NS, ret, err);
}

static int of_target(const struct snapshot_options *o, json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_target_done) struct hg_target t = { 0 };
    HG_AUTO(hg_status_done) struct hg_status status = { 0 };
    if (hg_target_open(&o->common, o->argc, o->argv, false, &t, err) < 0)
        return -1;
    hg_target_announce(&t, &o->common);
    struct hg_pg_spec spec = { .conninfo = t.conninfo, .application_name = "headgate-snapshot",
                               .source = t.url_source, .shown = t.shown };
    if (identify(&t, &spec, &status, err) < 0)
        return -1;
    return ask_alembic(o, &t, &status, NULL, ret, err);
}

/* ---- a file ----------------------------------------------------------------------------------- */

/* psql goes on after errors, of which only unknown roles are to be expected: owners and privileges are
 * not compared. The first other one. Heap, or NULL. */
static char *serious(const char *said)
{
    while (*said) {
        HG_AUTO(hg_freep) char *line = hg_xstrndup(said, strcspn(said, "\n"));
        if (strstr(line, "ERROR:") && !(strstr(line, "role \"") && strstr(line, "does not exist")))
            return HG_TAKE(line);
        said += strlen(line);
        said += *said == '\n';
    }
    return NULL;
}

static int restore(const struct hg_pg_cluster *c, const struct hg_buf *sql, const char *shown,
                   struct hg_err *err)
{
    HG_AUTO(hg_freep) char *bindir = hg_pg_bindir(getenv("HEADGATE_PG_BINDIR"), c->version, err);
    if (!bindir)
        return -1;
    HG_AUTO(hg_freep) char *psql = hg_path_join(bindir, "psql");
    HG_AUTO(hg_strv_done) struct hg_strv env = HG_STRV_INIT;
    HG_AUTO(hg_pg_url_done) struct hg_pg_url u = { 0 };
    if (hg_pg_url_parse(c->url, &u, err) < 0)
        return -1;
    hg_strv_addf(&env, "PATH=%s", getenv("PATH") ? getenv("PATH") : "");
    hg_strv_add(&env, "LC_ALL=C");
    hg_strv_addf(&env, "PGPASSWORD=%s", u.password);
    HG_AUTO(hg_freep) char *address = hg_pg_url_shown(&u);
    char *argv[] = { psql, (char *)"-Xq", (char *)"-d", address, NULL };
    struct hg_exit_status status = { 0 };
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT, said = HG_BUF_INIT;
    struct hg_process_run run = { .argv = argv, .envp = env.items, .input = hg_buf_str(sql),
                                  .input_len = sql->len, .timeout_ns = RESTORE_NS,
                                  .max_output = SNAPSHOT_FILE_MAX };
    if (hg_process_run(&run, &status, &out, &said, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *error = serious(hg_buf_str(&said));
    if (!error && !hg_exit_status_code(&status))
        return 0;
    (void)hg_fail(err, HG_E_UNKNOWN, "the schema.sql of %s cannot be restored into PostgreSQL %d here", shown,
                  c->version);
    return hg_detail(err, "%s", error ? error : hg_buf_str(&said));
}

/* env.py may ask for an address before it connects, and gets the private one. */
static int in_cluster(const struct snapshot_options *o, const struct hg_pg_cluster *c,
                      const struct hg_snapshot *s, const char *shown, json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_target_done) struct hg_target t = { 0 };
    HG_AUTO(hg_status_done) struct hg_status status = { 0 };
    struct hg_pg_spec spec = { .conninfo = c->url, .application_name = "headgate-snapshot",
                               .source = "the private PostgreSQL" };
    if (hg_target_open(&o->common, o->argc, o->argv, true, &t, err) < 0 ||
        restore(c, &s->schema_sql, shown, err) < 0 || identify(&t, &spec, &status, err) < 0)
        return -1;
    if (t.t->run != HG_RUN_HOST)
        return hg_fail(err, HG_E_CONFIG, "the models of target %s are elsewhere, where no private database "
                       "can be reached; give a target whose migrator runs here with -t", t.t->name);
    if (!hg_vars_get(&t.vars, "DATABASE_URL"))
        hg_vars_set(&t.vars, "DATABASE_URL", c->url, "the private PostgreSQL");
    return ask_alembic(o, &t, &status, c->url, ret, err);
}

static void only_note(int number)
{
    (void)number;
}

/* A signal ends our children, but not us before the private server is gone. Handlers, unlike ignored
 * signals, are not inherited. */
static void put_off_signals(void)
{
    static const int SIGNALS[] = { SIGINT, SIGTERM, SIGHUP };
    const struct sigaction action = { .sa_handler = only_note, .sa_flags = SA_RESTART };
    for (size_t i = 0; i < HG_COUNT(SIGNALS); i++)
        (void)sigaction(SIGNALS[i], &action, NULL);
}

int snapshot_in_cluster(int (*work)(void *context, const struct hg_pg_cluster *c, struct hg_err *err),
                        void *context, struct hg_err *err)
{
    HG_AUTO(hg_pg_cluster_done) struct hg_pg_cluster c = { 0 };
    char dir[] = "/tmp/headgate-models-XXXXXX";
    if (!mkdtemp(dir))
        return hg_fail_errno(err, HG_E_CONFIG, "making a folder in /tmp");
    struct hg_pg_cluster_options options = { .state_dir = dir, .bindir = getenv("HEADGATE_PG_BINDIR"),
                                             .database = DATABASE, .ephemeral = true };
    put_off_signals();
    int rc = hg_pg_cluster_start(&options, &c, err);
    if (rc == 0)
        rc = work(context, &c, err);
    struct hg_err left = { 0 };
    if (hg_pg_cluster_destroy(&options, &left) < 0)
        hg_log(HG_LOG_WARNING, "the private PostgreSQL of %s is left over: %s", dir, left.message);
    HG_AUTO(hg_freep) char *lock = hg_path_join(dir, "postgres.lock");
    (void)unlink(lock);
    (void)rmdir(dir);
    return rc;
}

struct of_file {
    const struct snapshot_options *o;
    const char *path;
    struct hg_snapshot snapshot;
    json_t **ret;
};

static int compare_file(void *context, const struct hg_pg_cluster *c, struct hg_err *err)
{
    const struct of_file *f = context;
    return in_cluster(f->o, c, &f->snapshot, f->path, f->ret, err);
}

static int of_file(const struct snapshot_options *o, const char *path, json_t **ret, struct hg_err *err)
{
    struct of_file f = { .o = o, .path = path, .ret = ret };
    int rc = snapshot_read(path, &f.snapshot, err);
    if (rc == 0 && !f.snapshot.schema_sql.len) {
        (void)hg_fail(err, HG_E_UNKNOWN, "%s holds no schema.sql, from which a database could be built for "
                      "Alembic to look at", path);
        rc = hg_hint(err, "take it without --no-schema-sql, or compare the target itself");
    }
    if (rc == 0)
        rc = snapshot_in_cluster(compare_file, &f, err);
    hg_snapshot_done(&f.snapshot);
    return rc;
}

int snapshot_models(const struct snapshot_options *o, const char *file, json_t **ret, struct hg_err *err)
{
    return file ? of_file(o, file, ret, err) : of_target(o, ret, err);
}
