/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnel/mux.h"
#include "tunnel/tunnel.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

#include <arpa/inet.h>

/* ---- the list of sockets ------------------------------------------------------------------- */

#define ROW(rest) "   3: 0100007F:A3F2 0100007F:1538 " rest
static const char TAIL[] = " 00000000:00000000 00:00000000 00000000  1000        0 84213 1 0000 100";

static int look(const char *row, uint32_t *user)
{
    const struct hg_tunnel_ends ends = { .address = htonl(INADDR_LOOPBACK), .client = 0xA3F2,
                                         .listener = 0x1538 };
    return hg_tunnel_line(row, &ends, user);
}

static void rows_tell_the_user(void **state)
{
    (void)state;
    uint32_t user = 7;
    HG_AUTO(hg_freep) char *row = hg_xasprintf(ROW("01%s"), TAIL);
    assert_int_equal(look(row, &user), 1);
    assert_int_equal(user, 1000);
}

static void other_rows_tell_nothing(void **state)
{
    (void)state;
    static const char *const ROWS[] = {
        "",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        /* the listener's own end, the other way round */
        "   3: 0100007F:1538 0100007F:A3F2 01 00000000:00000000 00:00000000 00000000  1000 0 84213 1",
        /* time_wait, the kernel's: user 0, no inode */
        ROW("06 00000000:00000000 03:00000F00 00000000     0 0 0 3"),
        /* a client that is gone already: nobody holds it */
        ROW("05 00000000:00000000 00:00000000 00000000  1000 0 0 1"),
        ROW("01 00000000:0000"),
        ROW(""),
    };
    for (size_t i = 0; i < HG_COUNT(ROWS); i++) {
        uint32_t user = 7;
        assert_int_equal(look(ROWS[i], &user), 0);
        assert_int_equal(user, 7);
    }
}

/* ---- two ends of a pipe ----------------------------------------------------------------------- */

struct ends {
    struct hg_mux *listener, *relay;
    int far;                    /* what the relay gives out: the server's end of a socket pair */
    char refuse;
    char why;
    int settled, returned;
    char text[64];
};

static void wanted(void *context, uint32_t id, const char *host, const char *port, unsigned ms)
{
    struct ends *e = context;
    int pair[2];
    assert_string_equal(host, "db");
    assert_string_equal(port, "5432");
    assert_int_equal(ms, 1500);
    if (e->refuse) {
        hg_mux_refuse(e->relay, id, e->refuse, "no such name");
        return;
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    e->far = pair[1];
    hg_mux_connected(e->relay, id, pair[0]);
}

static void settled(void *context, uint32_t id, int fd, char why, const char *text)
{
    struct ends *e = context;
    (void)id;
    e->settled++;
    e->why = why;
    e->returned = why ? fd : -1;
    (void)snprintf(e->text, sizeof e->text, "%s", text);
}

static void start(struct ends *e)
{
    int to[2], from[2];
    assert_int_equal(pipe2(to, O_NONBLOCK | O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_NONBLOCK | O_CLOEXEC), 0);
    const struct hg_mux_calls calls = { .context = e, .wanted = wanted };
    const struct hg_mux_calls listener = { .context = e, .settled = settled };
    e->far = -1;
    e->relay = hg_mux_new(to[0], from[1], &calls);
    e->listener = hg_mux_new(from[0], to[1], &listener);
}

static int turn(struct hg_mux *m)
{
    struct pollfd set[HG_MUX_FDS];
    size_t n = hg_mux_fds(m, set);
    (void)poll(set, (nfds_t)n, 0);
    return hg_mux_turn(m, set);
}

static void turns(struct ends *e, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(turn(e->listener), 0);
        assert_int_equal(turn(e->relay), 0);
    }
}

/* Our end of a client whose other end the mux has. */
static int client(struct ends *e)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_not_equal(hg_mux_open(e->listener, pair[0], "db", "5432", 1500), 0);
    turns(e, 3);
    return pair[1];
}

static void stop(struct ends *e)
{
    hg_mux_free(e->listener);
    hg_mux_free(e->relay);
    hg_closep(&e->far);
}

static void bytes_pass_both_ways_and_end_by_halves(void **state)
{
    (void)state;
    struct ends e = { 0 };
    char got[16];
    start(&e);
    HG_AUTO(hg_closep) int near = client(&e);
    assert_int_equal(e.settled, 1);
    assert_int_equal(e.why, 0);
    assert_int_equal(write(near, "ask", 3), 3);
    assert_int_equal(shutdown(near, SHUT_WR), 0);
    turns(&e, 3);
    assert_int_equal(read(e.far, got, sizeof got), 3);
    assert_int_equal(read(e.far, got, sizeof got), 0);
    assert_int_equal(write(e.far, "answer", 6), 6);
    turns(&e, 3);
    assert_int_equal(read(near, got, sizeof got), 6);
    assert_int_equal(hg_mux_count(e.listener), 1);
    hg_closep(&e.far);
    turns(&e, 3);
    assert_int_equal(read(near, got, sizeof got), 0);
    assert_int_equal(hg_mux_count(e.listener), 0);
    assert_int_equal(hg_mux_count(e.relay), 0);
    stop(&e);
}

static void a_refusal_gives_the_client_back(void **state)
{
    (void)state;
    struct ends e = { .refuse = HG_MUX_UNKNOWN_HOST };
    start(&e);
    HG_AUTO(hg_closep) int near = client(&e);
    assert_true(near >= 0);
    assert_int_equal(e.why, HG_MUX_UNKNOWN_HOST);
    assert_string_equal(e.text, "no such name");
    assert_true(e.returned >= 0);
    assert_int_equal(hg_mux_count(e.listener), 0);
    close(e.returned);
    stop(&e);
}

/* A reader that stands still gets no more than its credit; another connection goes on meanwhile. */
static void credit_holds_up_one_connection_only(void **state)
{
    (void)state;
    struct ends e = { 0 };
    static char much[65536];
    size_t sent = 0;
    char got[8];
    start(&e);
    HG_AUTO(hg_closep) int still = client(&e);
    HG_AUTO(hg_closep) int still_far = e.far;
    HG_AUTO(hg_closep) int live = client(&e);
    for (int i = 0; i < 200; i++) {
        ssize_t n = write(still, much, sizeof much);
        sent += n > 0 ? (size_t)n : 0;
        turns(&e, 1);
    }
    assert_true(sent >= HG_MUX_WINDOW);
    assert_true(sent < 3 * HG_MUX_WINDOW + ((size_t)1 << 20)); /* and what the sockets hold */
    assert_int_equal(write(live, "live", 4), 4);
    turns(&e, 3);
    assert_int_equal(read(e.far, got, sizeof got), 4);
    /* Once it reads, everything comes. */
    size_t came = 0;
    for (int i = 0; i < 10000 && came < sent; i++) {
        ssize_t n = read(still_far, much, sizeof much);
        came += n > 0 ? (size_t)n : 0;
        turns(&e, 1);
    }
    assert_int_equal(came, sent);
    stop(&e);
}

static void a_broken_connection_breaks_the_other_end(void **state)
{
    (void)state;
    struct ends e = { 0 };
    char got[8];
    start(&e);
    HG_AUTO(hg_closep) int near = client(&e);
    assert_true(near >= 0);
    hg_mux_reset(e.listener, 1);
    turns(&e, 3);
    assert_int_equal(read(e.far, got, sizeof got), 0);
    assert_int_equal(hg_mux_count(e.relay), 0);
    stop(&e);
}

/* What is no frame, or breaks the rules, ends the pipe. */
static void rules_are_kept(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } BAD[] = {
        { "\0\0\0\0\1\0\0\0\0", 9 },                    /* no kind */
        { "X\0\0\0\1\0\0\0\0", 9 },                     /* unknown kind */
        { "D\0\0\0\1\0\2\0\0", 9 },                     /* payload over the cap */
        { "O\0\0\0\1\0\0\0\0", 9 },                     /* nobody here makes connections */
        { "E\0\0\0\1\0\0\0\0", 9 },                     /* a refusal without a reason */
        { "D\0\0\0\1\0\0\0\1x", 10 },                   /* data before it is connected */
        { "K\0\0\0\1\0\0\0\0K\0\0\0\1\0\0\0\0", 18 },   /* twice */
        { "K\0\0\0\1\0\0\0\0W\0\0\0\1\0\0\0\4\0\0\0\1", 22 }, /* credit that was never used */
        { "K\0\0\0\1\0\0\0\0F\0\0\0\1\0\0\0\0D\0\0\0\1\0\0\0\1x", 28 }, /* data behind the end */
    };
    for (size_t i = 0; i < HG_COUNT(BAD); i++) {
        struct ends e = { 0 };
        start(&e);
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        assert_int_equal(hg_mux_open(e.listener, pair[0], "db", "5432", 1500), 1);
        if (hg_mux_feed(e.listener, BAD[i].bytes, BAD[i].len) == 0)
            fail_msg("row %zu was taken", i);
        if (e.settled && e.why)
            close(e.returned);
        close(pair[1]);
        stop(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_tell_the_user),
        cmocka_unit_test(other_rows_tell_nothing),
        cmocka_unit_test(bytes_pass_both_ways_and_end_by_halves),
        cmocka_unit_test(a_refusal_gives_the_client_back),
        cmocka_unit_test(credit_holds_up_one_connection_only),
        cmocka_unit_test(a_broken_connection_breaks_the_other_end),
        cmocka_unit_test(rules_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
