/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/target/route.h - what the files about routes share: route.c (variables rewritten, Railway's public
 * addresses) and through.c (a container's network, tunnels). */
#ifndef HG_TARGET_ROUTE_H
#define HG_TARGET_ROUTE_H

#include "internal.h"

#define HG_DEFAULT_PORT "5432"

struct hg_route {
    char *host, *port;          /* as the variables have them */
    char *to_host, *to_port;    /* what to use instead */
    bool keep_name;             /* to_host is numeric, and libpq's clients keep the name beside it */
    char *found_in;             /* for people */
};
void hg_route_done(struct hg_route *route);
/* In every variable that carries host and port; then the address again. */
int hg_route_rewrite(struct hg_resolving *r, const struct hg_route *route);
/* For a migrator inside a container, where the host's name is right: only headgate's own port. */
void hg_route_set_port(struct hg_target *t, const char *port);
/* Does the driver of this URL connect by libpq, which takes hostaddr beside host? */
bool hg_route_by_libpq(const char *url);
/* Must the server's certificate bear the host's name, and can the URL's driver keep it? */
bool hg_route_keeps_name(const struct hg_resolving *r);
char *hg_route_port_text(const json_t *value); /* of a number or a string; heap or NULL */

/* May a tunnel be opened where nothing else leads there? */
bool hg_route_may_tunnel(const struct hg_resolving *r);
int hg_route_through_tunnel(struct hg_resolving *r);
int hg_route_through_container(struct hg_resolving *r);

#endif
