/* SPDX-License-Identifier: Apache-2.0 */
/* A server that greets as PostgreSQL does and then says nothing: no query, and no request to cancel it,
 * waits for ever. */
#include "pg/pg.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define TOO_LONG_S 60

/* Authentication ok, a key to cancel with, ready for a query. */
static const unsigned char GREETING[] = { 'R', 0, 0, 0, 8, 0, 0, 0, 0, 'K', 0, 0, 0, 12, 0, 0, 0, 1,
                                          0,   0, 0, 2, 'Z', 0, 0, 0, 5, 'I' };

/* Takes the first connection; the second, the request to cancel, only the kernel takes. */
static void *greet(void *context)
{
    char start[4096];
    int listener = *(int *)context, fd = accept(listener, NULL, NULL);
    if (fd < 0 || read(fd, start, sizeof start) <= 0 ||
        write(fd, GREETING, sizeof GREETING) != (ssize_t)sizeof GREETING)
        return NULL;
    while (read(fd, start, sizeof start) > 0)
        ;
    (void)close(fd);
    return NULL;
}

/* One question that is late, one for the request to cancel it and one for the answer to that, not one for each. */
#define ONCE_NS (9 * HG_NS_PER_S)

static void ask_one(PGconn *conn)
{
    struct hg_err err = { 0 };
    PGresult *res = NULL;
    assert_int_equal(hg_pg_query(conn, "select 1", 0, NULL, hg_now_ns() + HG_NS_PER_S / 10, &res, &err), -1);
    assert_int_equal(err.kind, HG_E_TIMEOUT);
}

static void ask_many(PGconn *conn)
{
    struct hg_pg_ask asks[8];
    struct hg_err err = { 0 };
    for (size_t i = 0; i < HG_COUNT(asks); i++)
        asks[i] = (struct hg_pg_ask){ .sql = "select 1" };
    assert_int_equal(hg_pg_ask_all(conn, asks, HG_COUNT(asks), hg_now_ns() + HG_NS_PER_S / 10, &err), -1);
    hg_pg_asks_done(asks, HG_COUNT(asks));
    assert_int_equal(err.kind, HG_E_TIMEOUT);
    assert_int_equal(hg_err_exit_code(&err), HG_EXIT_UNKNOWN);
}

/* What is asked of it later waits for nothing, and says why. */
static void nothing_more(PGconn *conn)
{
    struct hg_err err = { 0 }, other = { 0 };
    struct hg_pg_ask ask = { .sql = "select 1" };
    PGresult *res = NULL;
    int64_t began = hg_now_ns();
    assert_true(hg_pg_silent(conn));
    assert_int_equal(hg_pg_query(conn, "select 1", 0, NULL, 0, &res, &err), -1);
    assert_int_equal(hg_pg_ask_all(conn, &ask, 1, 0, &other), -1);
    assert_string_equal(err.message, "the database has stopped answering");
    assert_string_equal(other.message, err.message);
    assert_int_equal(hg_err_exit_code(&err), HG_EXIT_UNKNOWN);
    assert_true(hg_now_ns() - began < HG_NS_PER_S);
}

static void silence_ends(void (*ask)(PGconn *))
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, greet, &listener), 0);

    char conninfo[128];
    (void)snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d user=u dbname=d sslmode=disable",
                   ntohs(at.sin_port));
    struct hg_pg_spec spec = { .conninfo = conninfo, .application_name = "test" };
    struct hg_err err = { 0 };
    PGconn *conn = NULL;
    (void)alarm(TOO_LONG_S); /* the failure is that it never ends */
    assert_int_equal(hg_pg_connect(&spec, 10 * HG_NS_PER_S, &conn, &err), 0);
    int64_t began = hg_now_ns();
    ask(conn);
    assert_true(hg_now_ns() - began < ONCE_NS);
    nothing_more(conn);
    (void)alarm(0);
    hg_pg_closep(&conn);
    (void)close(listener);
    (void)pthread_join(thread, NULL);
}

static void a_question_ends(void **state)
{
    (void)state;
    silence_ends(ask_one);
}

static void many_at_once_end_like_one(void **state)
{
    (void)state;
    silence_ends(ask_many);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_question_ends), cmocka_unit_test(many_at_once_end_like_one) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
