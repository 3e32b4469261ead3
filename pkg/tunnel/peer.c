/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose process is at the other end of a loopback connection. The kernel does not tell the listener, but
 * it lists every socket with its user (Documentation/networking/proc_net_tcp).
 */
#include "internal.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a client that is told why may take to read it. */
enum { LINGER_MS = 100 };

/* States of a socket whose process still holds it: established, fin_wait1, fin_wait2, close_wait. Others
 * are the kernel's own and say user 0. */
static bool held(unsigned long state)
{
    return state == 1 || state == 4 || state == 5 || state == 8;
}

/* "   3: 0100007F:A3F2 0100007F:1538 01 00000000:00000000 00:00000000 00000000  1000  0 84213 …" */
int hg_tunnel_line(const char *line, const struct hg_tunnel_ends *ends, uint32_t *ret_user)
{
    char want[64];
    unsigned state = 0;
    unsigned long user = 0, inode = 0;
    const char *p = strchr(line, ':');
    int n = snprintf(want, sizeof want, " %08X:%04X %08X:%04X ", ends->address, ends->client,
                     ends->address, ends->listener);
    if (!p || strncmp(p + 1, want, (size_t)n) != 0 ||
        sscanf(p + 1 + n, "%2x %*8[0-9A-F]:%*8[0-9A-F] %*2x:%*8[0-9A-F] %*8[0-9A-F] %10lu %*d %20lu",
               &state, &user, &inode) != 3)
        return 0;
    if (!held(state) || inode == 0 || user > UINT32_MAX)
        return 0;
    *ret_user = (uint32_t)user;
    return 1;
}

bool hg_tunnel_peer_is_ours(int fd)
{
    struct sockaddr_in here = { 0 }, there = { 0 };
    socklen_t here_size = sizeof here, there_size = sizeof there;
    if (getsockname(fd, (struct sockaddr *)&here, &here_size) < 0 ||
        getpeername(fd, (struct sockaddr *)&there, &there_size) < 0 ||
        here.sin_addr.s_addr != there.sin_addr.s_addr)
        return false;
    const struct hg_tunnel_ends ends = { .address = here.sin_addr.s_addr,
                                         .client = ntohs(there.sin_port),
                                         .listener = ntohs(here.sin_port) };
    FILE *f = fopen("/proc/net/tcp", "re");
    char line[512];
    uint32_t user = 0;
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f))
        found = hg_tunnel_line(line, &ends, &user) == 1;
    if (f)
        (void)fclose(f);
    return found && user == geteuid();
}

static void add_field(struct hg_buf *b, char kind, const char *text)
{
    hg_buf_addc(b, kind);
    hg_buf_add(b, text, strlen(text) + 1);
}

/* ErrorResponse of the PostgreSQL protocol; clients show its text. Closing at once would reset the
 * connection and lose it, so the client's own bytes are read away for a moment. */
void hg_tunnel_send_error(int fd, const char *sentence)
{
    HG_AUTO(hg_buf_done) struct hg_buf fields = HG_BUF_INIT;
    add_field(&fields, 'S', "FATAL");
    add_field(&fields, 'V', "FATAL");
    add_field(&fields, 'C', "08001");
    add_field(&fields, 'M', sentence);
    hg_buf_addc(&fields, '\0');
    uint32_t size = htonl((uint32_t)(fields.len + sizeof size));
    HG_AUTO(hg_buf_done) struct hg_buf all = HG_BUF_INIT;
    hg_buf_addc(&all, 'E');
    hg_buf_add(&all, &size, sizeof size);
    hg_buf_add(&all, fields.data, fields.len);
    (void)!send(fd, all.data, all.len, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    int64_t deadline = hg_now_ns() + LINGER_MS * HG_NS_PER_MS;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    while (poll(&p, 1, hg_ms_left(deadline)) > 0 && read(fd, all.data, all.cap) > 0)
        continue;
    close(fd);
}
