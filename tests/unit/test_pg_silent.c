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

static void silence_ends(void **state)
{
    (void)state;
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
    PGresult *res = NULL;
    (void)alarm(TOO_LONG_S); /* the failure is that it never ends */
    assert_int_equal(hg_pg_connect(&spec, 10 * HG_NS_PER_S, &conn, &err), 0);
    assert_int_equal(hg_pg_query(conn, "select 1", 0, NULL, hg_now_ns() + HG_NS_PER_S / 10, &res, &err), -1);
    assert_int_equal(err.kind, HG_E_TIMEOUT);
    (void)alarm(0);
    hg_pg_closep(&conn);
    (void)close(listener);
    (void)pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(silence_ends) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
