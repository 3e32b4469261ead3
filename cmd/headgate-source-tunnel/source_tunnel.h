/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of headgate-source-tunnel. */
#ifndef HG_SOURCE_TUNNEL_H
#define HG_SOURCE_TUNNEL_H

#include "cli/cli.h"
#include "docker/docker.h"
#include "tunnel/tunnel.h"

#include <fcntl.h>
#include <jansson.h>

/* What the tunnel's spec points to. */
struct source_tunnel {
    struct hg_tunnel_spec spec;
    struct hg_container container;
    int64_t timeout_ns;
    struct hg_strv transport, relay;
    char *host, *port, *place, *tool;
    char *relay_file;               /* the static program on this host */
};

/* From a request: {"container" or "command", "host", "port", "timeout", "connect", "tool"}. */
int source_tunnel_open(struct source_tunnel *s, const json_t *request, struct hg_tunnel **ret,
                       struct hg_err *err);
void source_tunnel_done(struct source_tunnel *s);

#endif
