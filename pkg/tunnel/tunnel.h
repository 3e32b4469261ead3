/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/tunnel/tunnel.h - a way to an address that only another place can name: a listener on this
 * host's loopback whose connections are made by a relay in that place, over the standard streams of a
 * command ("headgate exec --container X …", "railway ssh …", "kubectl exec -i …").
 *
 * The relay is the first of these that the place has: python3 (a small program given to it), bash,
 * socat, nc, or a static program of ours that the caller copies in. python3 and the static program carry
 * all connections over one command, exactly (mux.h). The others need a command a connection, and know no
 * end of one direction alone: two seconds after the client's last byte the connection ends.
 *
 * Who may connect: only processes of our own user, found by /proc/net/tcp, because every user of this
 * machine can reach a port of its loopback. A unix socket would be simpler to guard, but libpq does not
 * use TLS on one, and then the server's name would not be verified.
 *
 * Recipe: hg_tunnel_open -> hg_tunnel_port -> hg_tunnel_serve. Not for several threads.
 */
#ifndef HG_TUNNEL_TUNNEL_H
#define HG_TUNNEL_TUNNEL_H

#include "base/base.h"

struct hg_tunnel_spec {
    const char *host, *port;        /* as that place names it */
    const char *place;              /* "container api": for messages */
    char *const *transport;         /* NULL-terminated; runs the words put behind it in that place, with
                                     * stdin and stdout connected to ours byte for byte */
    bool one_word;                  /* it cannot pass on words with spaces or quotes: it gets `sh`
                                     * alone, and the program for it by stdin; python3 must be there */
    char *const *relay;             /* the static program's argv there; NULL: look for something else */
    int (*prepare)(void *context, struct hg_err *err); /* copies it in, before each start; or NULL */
    void *context;
    const char *tool;               /* python3, bash, socat, nc: this one and no other; NULL: the first */
    int64_t connect_ns;             /* longest wait for a connection; 0: 10 s */
};
struct hg_tunnel;

/* Starts the relay, tries one connection and listens. 1 when the place has nothing that could relay (not
 * even sh, perhaps): then a static relay is the way. Errors: HG_E_NETWORK, the address cannot be reached
 * from there (name not known, refused, no answer); HG_E_DOCKER, the command could not be run. Spec must
 * live as long as the tunnel. */
int hg_tunnel_open(const struct hg_tunnel_spec *spec, struct hg_tunnel **ret, struct hg_err *err);
int hg_tunnel_port(const struct hg_tunnel *t);
const char *hg_tunnel_tool(const struct hg_tunnel *t); /* "python3", …; "relay": the static one */
/* Carries connections until owner_fd (a pidfd) becomes readable or a TERM, INT or HUP comes. A relay that
 * died is started again with the next connection. */
int hg_tunnel_serve(struct hg_tunnel *t, int owner_fd, struct hg_err *err);
/* Closes the listener and all connections, and ends the relay. */
void hg_tunnel_free(struct hg_tunnel *t);
void hg_tunnel_freep(struct hg_tunnel **t);     /* for HG_AUTO */

/* May a client with this loopback port talk to our listener? Reads one line after the other of
 * /proc/net/tcp (address and port as struct sockaddr_in has them) and looks for the client's socket:
 * 1 with its user, 0 when this line is about another one. Fuzzed. */
struct hg_tunnel_ends {
    uint32_t address;               /* network order; of both ends */
    unsigned client, listener;      /* ports */
};
int hg_tunnel_line(const char *line, const struct hg_tunnel_ends *ends, uint32_t *ret_user);

#endif
