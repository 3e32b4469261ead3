/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/tunnel/mux.h - many connections over one byte pipe. Both ends of a tunnel run this: the listener
 * on this host asks for connections, the relay in the container makes them. It stands on libc alone,
 * because the relay is a small static program.
 *
 * A frame is kind (1 byte), channel (4), length of the payload (4, both big-endian), payload:
 *   O open (listener): milliseconds (4), host, NUL, port     K connected    E not connected: why (1), text
 *   D data     F no more data in this direction     R broken off     W so many more bytes may come (4)
 * Each direction of a channel starts with HG_MUX_WINDOW bytes of credit, so that a slow reader holds up
 * its own connection and no other. A channel's number is never used again.
 */
#ifndef HG_TUNNEL_MUX_H
#define HG_TUNNEL_MUX_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HG_MUX_HELLO    "headgate-relay 1"
#define HG_MUX_WINDOW   ((size_t)256 << 10)
#define HG_MUX_PAYLOAD  ((size_t)64 << 10)
#define HG_MUX_CHANNELS 256
#define HG_MUX_FDS      (2 + HG_MUX_CHANNELS)
#define HG_MUX_NAME_MAX 255 /* of a host; DNS allows no more */

/* Why a connection was not made; what E says. */
enum hg_mux_why {
    HG_MUX_UNKNOWN_HOST = 'n',
    HG_MUX_REFUSED = 'r',
    HG_MUX_TIMEOUT = 't',
    HG_MUX_FAILED = 'f',  /* another reason: the text says it */
    HG_MUX_FULL = 'l',    /* too many at once */
};

struct hg_mux;
struct hg_mux_calls {
    void *context;
    /* The relay's side: make this connection, then hg_mux_connected() or hg_mux_refuse(). */
    void (*wanted)(void *context, uint32_t id, const char *host, const char *port, unsigned ms);
    /* The listener's side: how hg_mux_open() ended. why 0: connected. Otherwise fd is the callee's
     * again, to be answered and closed; text is what the relay said, not printable by itself. */
    void (*settled)(void *context, uint32_t id, int fd, char why, const char *text);
};

/* in and out are non-blocking and stay the caller's; calls is copied. NULL: no memory. */
struct hg_mux *hg_mux_new(int in, int out, const struct hg_mux_calls *calls);
/* Closes every connection. */
void hg_mux_free(struct hg_mux *m);
/* Asks for a connection for fd (non-blocking; the mux's from now on, -1: none, to try the way).
 * The channel's id, 0 when there are too many; then fd stays the caller's. */
uint32_t hg_mux_open(struct hg_mux *m, int fd, const char *host, const char *port, unsigned ms);
/* fd is the mux's from now on, also when the channel is gone. */
void hg_mux_connected(struct hg_mux *m, uint32_t id, int fd);
void hg_mux_refuse(struct hg_mux *m, uint32_t id, char why, const char *text);
/* Breaks a channel off. */
void hg_mux_reset(struct hg_mux *m, uint32_t id);
/* How many channels there are. */
size_t hg_mux_count(const struct hg_mux *m);
/* The descriptors to wait for, at most HG_MUX_FDS; how many. hg_mux_turn takes the same set after
 * poll(2), and no channel may be opened or settled in between. 0, or -1 when the pipe ended or said
 * something else than frames: then every connection is to be given up. */
size_t hg_mux_fds(struct hg_mux *m, struct pollfd *set);
int hg_mux_turn(struct hg_mux *m, const struct pollfd *set);
/* Bytes from the pipe; for hg_mux_turn and for fuzzing. 0, or -1. */
int hg_mux_feed(struct hg_mux *m, const char *data, size_t len);

#endif
