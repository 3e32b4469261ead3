/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what the pipe says to either end of a tunnel, in any pieces, and as a row of the kernel's
 * list of sockets: nothing breaks, no descriptor is lost. */
#include "tunnel/mux.h"
#include "tunnel/tunnel.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hg_mux *relay;

static void wanted(void *context, uint32_t id, const char *host, const char *port, unsigned ms)
{
    int pair[2];
    (void)context;
    (void)ms;
    if (strlen(host) > HG_MUX_NAME_MAX || strlen(port) > 7)
        abort();
    if (id % 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0) {
        hg_mux_refuse(relay, id, HG_MUX_REFUSED, "no");
        return;
    }
    hg_mux_connected(relay, id, pair[0]);
    close(pair[1]);
}

static void settled(void *context, uint32_t id, int fd, char why, const char *text)
{
    (void)context;
    (void)id;
    if (strlen(text) > HG_MUX_PAYLOAD)
        abort();
    if (why && fd >= 0)
        close(fd);
}

static void feed(struct hg_mux *m, const char *data, size_t size, size_t step)
{
    for (size_t at = 0; at < size; at += step)
        if (hg_mux_feed(m, data + at, size - at < step ? size - at : step) < 0)
            return;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct hg_mux_calls relay_calls = { .wanted = wanted }, calls = { .settled = settled };
    const struct hg_tunnel_ends ends = { .address = 0x0100007F, .client = 0xA3F2, .listener = 0x1538 };
    int lowest = dup(0);
    close(lowest);
    relay = hg_mux_new(-1, -1, &relay_calls);
    struct hg_mux *listener = hg_mux_new(-1, -1, &calls);
    for (int i = 0; i < 3; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
            abort();
        close(pair[1]);
        if (!hg_mux_open(listener, pair[0], "db", "5432", 10))
            abort();
    }
    feed(relay, (const char *)data, size, 7);
    feed(listener, (const char *)data, size, size ? size : 1);
    hg_mux_free(relay);
    hg_mux_free(listener);
    int after = dup(0);
    close(after);
    if (after != lowest)
        abort();
    char *row = strndup((const char *)data, size);
    uint32_t user = 0;
    (void)hg_tunnel_line(row, &ends, &user);
    free(row);
    return 0;
}
