/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, finding, stopping and removing a private cluster. */
#include "cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

/* Not "headgate": "$user" in search_path would make the ledger's schema this role's default. */
#define ROLE        "postgres"
#define TIMEOUT_NS  (60 * HG_NS_PER_S)
#define START_TRIES 3

/* What travels to the child that runs as the cluster's owner. */
struct job {
    const struct hg_pg_cluster_options *o;
    const struct hg_pg_place *place;
    const char *database;
    int64_t deadline_ns;
};

static void nap(int64_t ms)
{
    const struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * HG_NS_PER_MS };
    (void)nanosleep(&ts, NULL);
}

/* A small file's first line; heap, NULL when there is none. */
static char *first_line(const struct hg_pg_place *p, const char *name)
{
    HG_AUTO(hg_freep) char *file = hg_pg_place_file(p, name);
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    if (hg_file_read(file, 4096, &b, &ignored) < 0)
        return NULL;
    return hg_xstrndup(hg_buf_str(&b), strcspn(hg_buf_str(&b), "\n"));
}

static int put(const struct hg_pg_place *p, const char *name, const char *text, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *file = hg_pg_place_file(p, name);
    return hg_file_write(file, 0600, text, strlen(text), err);
}

static int number(const struct hg_pg_place *p, const char *name)
{
    int64_t value = 0;
    HG_AUTO(hg_freep) char *line = first_line(p, name);
    if (!line || hg_parse_int(line, 1, 65535, &value) < 0)
        return 0;
    return (int)value;
}

/* ---- making ------------------------------------------------------------------------------- */

static int make_password(const struct hg_pg_place *p, struct hg_err *err)
{
    unsigned char bytes[18];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return hg_fail_errno(err, HG_E_CONFIG, "no random bytes for a password");
    char text[2 * sizeof bytes + 2];
    (void)hg_hex(bytes, sizeof bytes, text);
    memcpy(text + 2 * sizeof bytes, "\n", 2);
    int rc = put(p, "password", text, err);
    explicit_bzero(text, sizeof text);
    return rc;
}

static int include_ours(const char *data, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *file = hg_path_join(data, "postgresql.conf");
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    if (hg_file_read(file, (size_t)1 << 20, &b, err) < 0)
        return -1;
    hg_buf_adds(&b, "\ninclude '../headgate.conf'\n");
    return hg_file_write(file, 0600, b.data, b.len, err);
}

/* initdb works in data.new, so that a folder named `data` is always a whole one. */
static int make_data(const struct job *j, const char *bindir, struct hg_err *err)
{
    const struct hg_pg_place *p = j->place;
    HG_AUTO(hg_freep) char *fresh = hg_pg_place_file(p, "data.new");
    HG_AUTO(hg_freep) char *pwfile = hg_pg_place_file(p, "password");
    HG_AUTO(hg_freep) char *pwfile_arg = hg_xasprintf("--pwfile=%s", pwfile);
    if (hg_pg_remove_tree(fresh, err) < 0 || make_password(p, err) < 0)
        return -1;
    const char *args[] = { "initdb", "-D", fresh, "-U", ROLE, "-A", "scram-sha-256", pwfile_arg, "-E",
                           "UTF8", "--no-locale", p->ephemeral ? "--no-sync" : NULL, NULL };
    if (hg_pg_run_tool(bindir, args, TIMEOUT_NS, err) < 0 || include_ours(fresh, err) < 0)
        return -1;
    return rename(fresh, p->data) < 0 ? hg_fail_errno(err, HG_E_CONFIG, "cannot rename %s", fresh) : 0;
}

/* ---- starting ----------------------------------------------------------------------------- */

/* Binds 127.0.0.1:port (0: any) for a moment; the port, or 0 when it is taken. */
static int try_port(int port)
{
    HG_AUTO(hg_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    socklen_t len = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&a, len) < 0 || getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        return 0;
    return ntohs(a.sin_port);
}

/* A folder that nobody else can have put there. */
static int make_socket_dir(const char *dir, struct hg_err *err)
{
    struct stat st;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot make %s", dir);
    if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
        return hg_fail(err, HG_E_CONFIG, "%s is not a private folder of ours: remove it", dir);
    return 0;
}

static void add_quoted(struct hg_buf *b, const char *s)
{
    for (; *s; s++)
        hg_buf_addf(b, *s == '\'' ? "''" : *s == '"' ? "\"\"" : "%c", *s);
}

static int write_settings(const struct hg_pg_place *p, int port, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    hg_buf_addf(&b, "# written by headgate at every start\nlisten_addresses = '127.0.0.1'\nport = %d\n"
                    "unix_socket_permissions = 0700\nunix_socket_directories = '\"", port);
    add_quoted(&b, p->socket_dir);
    hg_buf_adds(&b, "\"'\npassword_encryption = 'scram-sha-256'\n");
    if (p->ephemeral)
        hg_buf_adds(&b, "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\n");
    HG_AUTO(hg_freep) char *text = hg_xasprintf("%d\n", port);
    if (put(p, "headgate.conf", hg_buf_str(&b), err) < 0)
        return -1;
    return put(p, "port", text, err);
}

/* What a server that was killed left: PostgreSQL itself would hesitate when its process number is in
 * use again, or not yet reaped. No server runs on this data folder, and we hold the lock. */
static int remove_stale(const struct hg_pg_place *p, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *file = hg_path_join(p->data, "postmaster.pid");
    (void)unlink(file);
    if (hg_pg_remove_tree(p->socket_dir, err) < 0)
        return -1;
    return make_socket_dir(p->socket_dir, err);
}

/* One try: 0, 1 when another one may help (the port was taken meanwhile, or processes of the server
 * that crashed are still ending), or -1. */
static int try_start(const struct job *j, const char *bindir, struct hg_err *err)
{
    const struct hg_pg_place *p = j->place;
    int old = number(p, "port"), port = old ? try_port(old) : 0;
    if (!port)
        port = try_port(0);
    if (!port)
        return hg_fail(err, HG_E_DATABASE, "there is no free port on 127.0.0.1");
    HG_AUTO(hg_freep) char *log = hg_pg_place_file(p, "log");
    (void)unlink(log);
    if (remove_stale(p, err) < 0 || write_settings(p, port, err) < 0)
        return -1;
    int64_t left = hg_ms_left(j->deadline_ns) / 1000;
    char seconds[24];
    (void)snprintf(seconds, sizeof seconds, "%lld", (long long)(left > 1 ? left : 1));
    const char *args[] = { "pg_ctl", "start", "-s", "-w", "-t", seconds, "-D", p->data, "-l", log, NULL };
    if (hg_pg_run_tool(bindir, args, (left + 5) * HG_NS_PER_S, err) == 0)
        return 0;
    HG_AUTO(hg_freep) char *tail = hg_pg_log_tail(log);
    bool again = strstr(tail, "pre-existing shared memory") || strstr(tail, "could not bind") ||
                 strstr(tail, "could not create any TCP/IP sockets");
    if (again)
        return 1;
    hg_fail(err, HG_E_DATABASE, "the private PostgreSQL does not start");
    hg_detail(err, "%s", tail);
    return hg_hint(err, "its log is %s; `headgate postgres destroy` removes the cluster and its data", log);
}

static int start_server(const struct job *j, const char *bindir, struct hg_err *err)
{
    for (int i = 0; i < START_TRIES || hg_ms_left(j->deadline_ns) > 0; i++) {
        int rc = try_start(j, bindir, err);
        if (rc <= 0)
            return rc;
        nap(200);
    }
    return hg_fail(err, HG_E_DATABASE, "the private PostgreSQL does not start: processes of an earlier "
                                       "one are still there");
}

/* ---- the database ------------------------------------------------------------------------- */

static char *url_of(const struct hg_pg_place *p, const char *database)
{
    HG_AUTO(hg_freep) char *password = first_line(p, "password");
    char *url = hg_xasprintf("postgresql://" ROLE ":%s@127.0.0.1:%d/%s", password ? password : "",
                             number(p, "port"), database);
    if (password)
        explicit_bzero(password, strlen(password));
    return url;
}

/* Connects; a server that is still starting is waited for. */
static int connect_own(const struct job *j, PGconn **ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *url = url_of(j->place, "postgres");
    HG_AUTO(hg_pg_url_done) struct hg_pg_url u = { 0 };
    if (hg_pg_url_parse(url, &u, err) < 0)
        return -1;
    hg_strv_add(&u.params, "sslmode");
    hg_strv_add(&u.params, "disable");
    HG_AUTO(hg_freep) char *conninfo = hg_pg_url_conninfo(&u);
    struct hg_pg_spec spec = { .conninfo = conninfo, .application_name = "headgate-postgres",
                               .source = "the private cluster" };
    for (;;) {
        int64_t left = j->deadline_ns - hg_now_ns();
        if (hg_pg_connect(&spec, left > HG_NS_PER_S ? left : HG_NS_PER_S, ret, err) == 0)
            return 0;
        if ((strcmp(err->sqlstate, "57P03") != 0 && *err->sqlstate) || hg_ms_left(j->deadline_ns) == 0)
            return -1;
        nap(100);
    }
}

static int ensure_database(const struct job *j, struct hg_err *err)
{
    HG_AUTO(hg_pg_closep) PGconn *conn = NULL;
    HG_AUTO(hg_pg_clearp) PGresult *found = NULL;
    HG_AUTO(hg_pg_clearp) PGresult *made = NULL;
    const char *params[] = { j->database };
    if (connect_own(j, &conn, err) < 0 ||
        hg_pg_query(conn, "select from pg_catalog.pg_database where datname = $1::text", 1, params,
                    j->deadline_ns, &found, err) < 0)
        return -1;
    if (PQntuples(found) > 0)
        return 0;
    HG_AUTO(hg_freep) char *name = hg_pg_quote_ident(j->database);
    HG_AUTO(hg_freep) char *sql = hg_xasprintf("create database %s", name);
    return hg_pg_query(conn, sql, 0, NULL, j->deadline_ns, &made, err);
}

static int start_as_owner(void *context, struct hg_err *err)
{
    const struct job *j = context;
    const struct hg_pg_place *p = j->place;
    HG_AUTO(hg_freep) char *bindir = hg_pg_bindir(j->o->bindir, number(p, "data/PG_VERSION"), err);
    if (!bindir)
        return -1;
    if (!hg_is_dir(p->data) && make_data(j, bindir, err) < 0)
        return -1;
    if (!hg_pg_server_pid(p->data) && start_server(j, bindir, err) < 0)
        return -1;
    return ensure_database(j, err);
}

/* ---- finding ------------------------------------------------------------------------------ */

static int describe(const struct hg_pg_place *p, const char *database, struct hg_pg_cluster *ret)
{
    *ret = (struct hg_pg_cluster){
        .dir = hg_xstrdup(p->dir),
        .socket_dir = hg_xstrdup(p->socket_dir),
        .port = number(p, "port"),
        .url = url_of(p, database),
        .pid = hg_pg_server_pid(p->data),
        .version = number(p, "data/PG_VERSION"),
        .ephemeral = p->ephemeral,
    };
    return 0;
}

static const char *database_of(const struct hg_pg_cluster_options *o)
{
    return o->database ? o->database : "app";
}

static int64_t deadline_of(const struct hg_pg_cluster_options *o)
{
    return hg_now_ns() + (o->timeout_ns ? o->timeout_ns : TIMEOUT_NS);
}

int hg_pg_cluster_start(const struct hg_pg_cluster_options *o, struct hg_pg_cluster *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_place_done) struct hg_pg_place p = { 0 };
    struct job j = { o, &p, database_of(o), deadline_of(o) };
    HG_AUTO(hg_closep) int lock = hg_pg_place_lock(o->state_dir, j.deadline_ns, err);
    if (lock < 0 || hg_pg_place_make(o, &p, err) < 0 || hg_pg_run_as(&p.owner, start_as_owner, &j, err) < 0)
        return -1;
    return describe(&p, j.database, ret);
}

int hg_pg_cluster_find(const struct hg_pg_cluster_options *o, struct hg_pg_cluster *ret, struct hg_err *err)
{
    HG_AUTO(hg_pg_place_done) struct hg_pg_place p = { 0 };
    if (hg_pg_place_find(o, &p, err) < 0)
        return -1;
    return describe(&p, database_of(o), ret);
}

/* ---- ending ------------------------------------------------------------------------------- */

static int stop_as_owner(void *context, struct hg_err *err)
{
    const struct job *j = context;
    const struct hg_pg_place *p = j->place;
    int64_t pid = hg_pg_server_pid(p->data);
    if (!pid)
        return 0;
    HG_AUTO(hg_freep) char *bindir = hg_pg_bindir(j->o->bindir, number(p, "data/PG_VERSION"), err);
    if (!bindir)
        return -1;
    static const char *const MODES[] = { "fast", "immediate" };
    for (size_t i = 0; i < HG_COUNT(MODES); i++) {
        const char *args[] = { "pg_ctl", "stop", "-s", "-w", "-t", "30", "-m", MODES[i], "-D", p->data, NULL };
        if (hg_pg_run_tool(bindir, args, 40 * HG_NS_PER_S, err) == 0 || !hg_pg_server_pid(p->data))
            return 0;
    }
    return hg_wrap(err, "stopping the private PostgreSQL (process %lld)", (long long)pid);
}

static int destroy_as_owner(void *context, struct hg_err *err)
{
    const struct job *j = context;
    const struct hg_pg_place *p = j->place;
    if (stop_as_owner(context, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *inside = hg_path_join(p->dir, "run");
    if (strcmp(p->socket_dir, inside) != 0 && hg_pg_remove_tree(p->socket_dir, err) < 0)
        return -1;
    static const char *const PARTS[] = { "data", "data.new", "run" };
    for (size_t i = 0; i < HG_COUNT(PARTS); i++) {
        HG_AUTO(hg_freep) char *part = hg_pg_place_file(p, PARTS[i]);
        if (hg_pg_remove_tree(part, err) < 0)
            return -1;
    }
    return 0;
}

static int end(const struct hg_pg_cluster_options *o, bool destroy, struct hg_err *err)
{
    HG_AUTO(hg_pg_place_done) struct hg_pg_place p = { 0 };
    struct job j = { o, &p, NULL, deadline_of(o) };
    if (!hg_is_dir(o->state_dir))
        return destroy ? 0 : hg_pg_place_find(o, &p, err);
    HG_AUTO(hg_closep) int lock = hg_pg_place_lock(o->state_dir, j.deadline_ns, err);
    if (lock < 0)
        return -1;
    if (hg_pg_place_find(o, &p, err) < 0)
        return destroy && err->kind == HG_E_REFUSED ? 0 : -1;
    if (hg_pg_run_as(&p.owner, destroy ? destroy_as_owner : stop_as_owner, &j, err) < 0)
        return -1;
    if (!destroy)
        return 0;
    if (hg_pg_remove_tree(p.dir, err) < 0)
        return -1;
    if (p.record)
        (void)unlink(p.record);
    HG_AUTO(hg_freep) char *file = hg_path_join(o->state_dir, "postgres.lock");
    (void)unlink(file);
    return 0;
}

int hg_pg_cluster_stop(const struct hg_pg_cluster_options *o, struct hg_err *err)
{
    return end(o, false, err);
}

int hg_pg_cluster_destroy(const struct hg_pg_cluster_options *o, struct hg_err *err)
{
    return end(o, true, err);
}

void hg_pg_cluster_done(struct hg_pg_cluster *c)
{
    if (!c)
        return;
    if (c->url)
        explicit_bzero(c->url, strlen(c->url));
    free(c->url);
    free(c->dir);
    free(c->socket_dir);
    *c = (struct hg_pg_cluster){ 0 };
}
