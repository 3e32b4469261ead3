/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: what is answered, and that nobody who says nothing shuts others out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "init/init.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static bool answers(const char *request, bool started, const char *status)
{
    return strncmp(hg_probe_answer(request, started) + strlen("HTTP/1.1 "), status, 3) == 0;
}

static void alive_is_not_ready(void **state)
{
    (void)state;
    assert_true(answers("GET /livez HTTP/1.1\r\n", false, "200"));
    assert_true(answers("GET /readyz HTTP/1.1\r\n", false, "503"));
    assert_true(answers("GET /startupz HTTP/1.1\r\n", false, "503"));
    assert_true(answers("GET /readyz?verbose HTTP/1.1\r\n", true, "200"));
    assert_true(answers("HEAD /startupz HTTP/1.0\r\n", true, "200"));
    assert_true(answers("GET /readyzz HTTP/1.1\r\n", true, "404"));
    assert_true(answers("GET / HTTP/1.1\r\n", true, "404"));
    assert_true(answers("GET ", true, "404"));
    assert_true(answers("POST /livez HTTP/1.1\r\n", true, "405"));
    assert_true(answers("", true, "405"));
}

static int listen_somewhere(struct sockaddr_in *ret)
{
    socklen_t len = sizeof *ret;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    *ret = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof *ret), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
    return fd;
}

static int connect_to(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
    return fd;
}

static void step(struct hg_probe *p)
{
    struct pollfd polls[HG_PROBE_POLLS];
    hg_probe_poll(p, polls);
    if (poll(polls, HG_PROBE_POLLS, 1000) > 0)
        hg_probe_step(p, polls);
}

static void the_silent_are_dropped(void **state)
{
    (void)state;
    struct sockaddr_in address;
    struct hg_probe p;
    int silent[2 * HG_PROBE_CONNECTIONS], listening = listen_somewhere(&address);
    char text[256] = "", one;
    hg_probe_init(&p, listening, true);
    for (size_t i = 0; i < 2 * HG_PROBE_CONNECTIONS; i++) {
        silent[i] = connect_to(&address);
        step(&p);
    }
    int asking = connect_to(&address);
    step(&p);
    /* In two pieces. */
    assert_int_equal(send(asking, "GET /livez HTTP/1.1\r\n", 21, 0), 21);
    step(&p);
    assert_int_equal(recv(asking, text, sizeof text - 1, MSG_DONTWAIT), -1);
    assert_int_equal(send(asking, "Host: x\r\n\r\n", 11, 0), 11);
    step(&p);
    assert_true(recv(asking, text, sizeof text - 1, 0) > 0);
    assert_non_null(strstr(text, "200 OK"));
    assert_int_equal(recv(silent[0], &one, 1, 0), 0); /* closed */
    (void)close(asking);
    for (size_t i = 0; i < 2 * HG_PROBE_CONNECTIONS; i++)
        (void)close(silent[i]);
    for (size_t i = 0; i < HG_PROBE_CONNECTIONS; i++)
        if (p.requests[i].fd >= 0)
            (void)close(p.requests[i].fd);
    (void)close(listening);
}

static void too_much_is_answered_too(void **state)
{
    (void)state;
    struct sockaddr_in address;
    struct hg_probe p;
    char text[256] = "", much[2 * HG_PROBE_REQUEST_MAX];
    int listening = listen_somewhere(&address), asking = connect_to(&address);
    hg_probe_init(&p, listening, false);
    step(&p);
    memset(much, 'x', sizeof much);
    memcpy(much, "GET /readyz ", 12);
    assert_int_equal(send(asking, much, HG_PROBE_REQUEST_MAX - 1, 0), HG_PROBE_REQUEST_MAX - 1);
    step(&p);
    assert_true(recv(asking, text, sizeof text - 1, 0) > 0);
    assert_non_null(strstr(text, "503"));
    (void)close(asking);
    (void)close(listening);
}

static void head_brings_no_body(void **state)
{
    (void)state;
    struct sockaddr_in address;
    struct hg_probe p;
    char text[256] = "";
    int listening = listen_somewhere(&address), asking = connect_to(&address);
    hg_probe_init(&p, listening, true);
    step(&p);
    assert_int_equal(send(asking, "HEAD /readyz HTTP/1.0\r\n\r\n", 25, 0), 25);
    step(&p);
    ssize_t got = recv(asking, text, sizeof text - 1, MSG_WAITALL);
    assert_true(got > 4);
    assert_non_null(strstr(text, " 200 OK\r\n"));
    assert_string_equal(text + got - 4, "\r\n\r\n");
    (void)close(asking);
    (void)close(listening);
}

static void no_descriptor_left_is_waited_for(void **state)
{
    (void)state;
    struct sockaddr_in address;
    struct hg_probe p;
    struct pollfd polls[HG_PROBE_POLLS];
    struct rlimit before, none;
    char text[256] = "";
    int listening = listen_somewhere(&address), asking = connect_to(&address);
    hg_probe_init(&p, listening, true);
    assert_int_equal(hg_probe_poll(&p, polls), -1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    /* The lowest numbers are given first: above this one nothing is open, below it nothing is free. */
    none = (struct rlimit){ .rlim_cur = (rlim_t)asking + 1, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(poll(polls, 1, 1000), 1);
    hg_probe_step(&p, polls);
    int most_ms = hg_probe_poll(&p, polls);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(most_ms > 0);
    assert_int_equal(polls[0].fd, -1);
    hg_probe_step(&p, polls); /* nothing came in that time */
    /* The next one: valgrind, which keeps the limit itself, has accepted the first and closed it. */
    (void)close(asking);
    asking = connect_to(&address);
    assert_int_equal(send(asking, "GET /livez HTTP/1.0\r\n\r\n", 23, 0), 23);
    ssize_t got = -1;
    for (int i = 0; i < 10 && got <= 0; i++) {
        step(&p);
        got = recv(asking, text, sizeof text - 1, MSG_DONTWAIT);
    }
    assert_true(got > 0);
    (void)close(asking);
    (void)close(listening);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alive_is_not_ready),
        cmocka_unit_test(the_silent_are_dropped),
        cmocka_unit_test(too_much_is_answered_too),
        cmocka_unit_test(head_brings_no_body),
        cmocka_unit_test(no_descriptor_left_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
