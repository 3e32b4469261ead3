/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/tunnel/internal.h - shared by the files of pkg/tunnel. */
#ifndef HG_TUNNEL_INTERNAL_H
#define HG_TUNNEL_INTERNAL_H

#include "tunnel.h"

#include "mux.h"
#include "process/process.h"

/* One run of the transport. */
struct hg_relay {
    struct hg_process_child child;
    int in, out;                /* its stdin and stdout; -1: not ours */
    int err;                    /* its stderr */
    struct hg_buf said;         /* the last of its stderr */
};
#define HG_RELAY_INIT { .child = HG_PROCESS_CHILD_INIT, .in = -1, .out = -1, .err = -1 }

enum hg_relay_mode { HG_RELAY_HELLO, HG_RELAY_PROBE, HG_RELAY_PIPE };

/* Exit code of a relay's script when it could not connect. */
enum { HG_RELAY_UNCONNECTED = 71 };

/* Starts the transport. pipe_fd: -1, or the socket that becomes its stdin and stdout (with
 * HG_RELAY_PIPE). */
int hg_relay_start(const struct hg_tunnel_spec *spec, const char *tool, enum hg_relay_mode mode,
                   int pipe_fd, struct hg_relay *ret, struct hg_err *err);
/* Reads the line with which a relay begins: heap, what stands behind HG_MUX_HELLO ("mux", "raw bash",
 * "none"). Noise before it (a banner of ssh) is skipped. */
char *hg_relay_hello(struct hg_relay *r, int64_t deadline_ns, struct hg_err *err);
/* Reads its stderr, as far as it is there. */
void hg_relay_listen(struct hg_relay *r);
/* Ends it: closes its streams, and sends TERM and KILL to one that does not go. */
void hg_relay_stop(struct hg_relay *r);
/* "it ended: …" as an error, with the last line that it said. */
int hg_relay_fail(struct hg_relay *r, const struct hg_tunnel_spec *spec, struct hg_err *err);

/* The sentence about a connection that the relay could not make. */
char *hg_tunnel_refusal(const struct hg_tunnel_spec *spec, char why, const char *text);
/* From what a raw relay's tool said on its stderr. */
char hg_tunnel_why(const char *said);

/* Is the other end of an accepted connection a process of our own user? */
bool hg_tunnel_peer_is_ours(int fd);
/* Says the sentence to a client that speaks PostgreSQL, and closes. */
void hg_tunnel_send_error(int fd, const char *sentence);

#endif
