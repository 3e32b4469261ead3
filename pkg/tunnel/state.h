/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/tunnel/state.h - what an open tunnel holds. */
#ifndef HG_TUNNEL_STATE_H
#define HG_TUNNEL_STATE_H

#include "internal.h"

/* Each is a command of its own. */
#define HG_PIPES_MAX 32

/* A connection that has a command to itself. */
struct hg_pipe {
    struct hg_relay relay;
    int client;                 /* the command has it too; ours tells it why it failed */
};

struct hg_tunnel {
    const struct hg_tunnel_spec *spec;
    int listener, port;
    char *tool;
    bool raw;                   /* a command a connection */
    bool full;                  /* the last connection could not be taken: no descriptor is left */
    struct hg_relay relay;      /* the one that carries all */
    struct hg_mux *mux;         /* NULL: it is not running, or raw */
    uint32_t probe;             /* its first connection, only to see whether there is a way */
    bool probed;
    char probe_why;
    char *probe_text;
    struct hg_pipe pipes[HG_PIPES_MAX];
    size_t pipe_count;
};

#endif
