/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/http/http.h - one HTTP request with a deadline, a size cap and a retry policy (libcurl).
 *
 * Only http and https, no redirects (a token must not travel on), certificates always verified,
 * proxies as libcurl's environment variables say. Whoever links this loads libcurl: programs whose
 * start must be cheap run a helper program instead.
 *
 * Ownership: the response owns its body; release it with hg_http_response_done (it wipes).
 */
#ifndef HG_HTTP_HTTP_H
#define HG_HTTP_HTTP_H

#include "base/base.h"

struct hg_http_request {
    const char *method;           /* NULL: GET, or POST when there is a body */
    const char *url;              /* http:// or https:// */
    const char *unix_socket;      /* path of a socket to connect to instead, or NULL */
    const char *const *headers;   /* "Name: value", NULL-terminated, or NULL */
    const void *body;             /* NULL: none */
    size_t body_len;
    size_t max_body;              /* cap of the answer; 0: 16 MiB */
    int64_t deadline_ns;          /* monotonic, for all attempts together; 0: 30 s from now */
    int64_t connect_ns;           /* 0: 10 s, or what is left */
    unsigned attempts;            /* 0: HG_HTTP_ATTEMPTS */
    bool once;                    /* it makes something: not sent again where the first may have been heard */
    bool status_suffices;         /* an answer whose body is cut, too large or late is one: its status
                                   * tells that the request was taken, and nobody sends it again */
    const char *user_agent;       /* NULL: "headgate/VERSION" */
};
#define HG_HTTP_ATTEMPTS 4

struct hg_http_response {
    int status;                   /* 200, 404, … */
    struct hg_buf body;
    char content_type[128];
    int64_t retry_after_s;        /* of the last answer; -1: it had none */
    int64_t rate_limit;           /* X-RateLimit-Limit and -Remaining; -1: not said */
    int64_t rate_remaining;
    int64_t rate_reset_s;         /* seconds until X-RateLimit-Reset (given as seconds, or as a time
                                   * in seconds or milliseconds since 1970); -1: not said */
    unsigned attempts;            /* how many requests were made */
};
#define HG_HTTP_RESPONSE_INIT { 0, HG_BUF_INIT, "", -1, -1, -1, -1, 0 }

/* Sends the request until an answer arrives that another attempt would not change. Tried again, with
 * growing pauses (jittered): errors of the network and any 5xx (with `once` only where there was no connection);
 * and 429, after the pause that its
 * Retry-After or else its X-RateLimit-Reset asks for (without either: not at all). No pause is begun
 * that the deadline would cut. 0 with any HTTP answer, also
 * 4xx and 5xx; -1 when there was none: kind NETWORK, or TIMEOUT when the deadline passed behind a
 * server that was found (a name server that keeps silent is NETWORK, with the hint). Neither headers
 * nor body are ever part of an error. */
int hg_http_do(const struct hg_http_request *request, struct hg_http_response *ret,
               struct hg_err *err);
void hg_http_response_done(struct hg_http_response *r);

/* "https://user:…@host/path?query" as it may be shown: scheme, host, port and path. Heap. */
char *hg_http_url_shown(const char *url);

#endif
