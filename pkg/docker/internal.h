/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/docker/internal.h - what the files of this package share. */
#ifndef HG_DOCKER_INTERNAL_H
#define HG_DOCKER_INTERNAL_H

#include <jansson.h>

#include "docker/docker.h"
#include "process/process.h"

/* ---- where the engine is (where.c) ---------------------------------------------------------- */

enum hg_endpoint_kind { HG_ENDPOINT_UNIX, HG_ENDPOINT_TCP, HG_ENDPOINT_TLS, HG_ENDPOINT_SSH };

struct hg_endpoint {
    enum hg_endpoint_kind kind;
    char *address;      /* as people write it: "unix:///run/docker.sock" */
    char *path;         /* unix: the socket; ssh: the remote socket or NULL */
    char *host, *port;  /* tcp, tls, ssh (user@host; port NULL: ssh's own) */
    char *source;       /* "DOCKER_HOST", "context \"x\"", "default": for messages */
    char *ca, *cert, *key; /* tls: files; NULL: the system's authorities, no certificate of ours */
    bool unverified;    /* tls: anybody may be the engine, because the configuration says so */
};
/* Reads one address. */
int hg_endpoint_parse(const char *address, const char *source, struct hg_endpoint *ret,
                      struct hg_err *err);
/* As struct hg_docker_where says. */
int hg_endpoint_find(const struct hg_docker_where *where, struct hg_endpoint *ret,
                     struct hg_err *err);
void hg_endpoint_done(struct hg_endpoint *e);

/* ---- a connection (conn.c) ------------------------------------------------------------------ */

struct hg_conn {
    int fd;             /* non-blocking, CLOEXEC; -1: none */
    pid_t carrier;      /* the program that carries it (ssh, TLS); 0: none */
    int words;          /* what that program says on its stderr: a memory file; -1: none */
};
#define HG_CONN_INIT { -1, 0, -1 }
int hg_conn_open(const struct hg_endpoint *e, int64_t deadline_ns, struct hg_conn *ret,
                 struct hg_err *err);
void hg_conn_close(struct hg_conn *c);
/* Waits for fd to become ready (POLLIN, POLLOUT). 0, or -1 with TIMEOUT, or with SIGNAL when wake_fd
 * (-1: none) became readable first. */
int hg_fd_wait(int fd, short events, int wake_fd, int64_t deadline_ns, struct hg_err *err);

/* Only TCP, for whoever speaks TLS on it. */
int hg_tcp_dial(const struct hg_endpoint *e, int64_t deadline_ns, int *ret_fd, struct hg_err *err);

/* TLS and ssh are spoken by programs of their own, headgate-source-tls and ssh, with a socket pair as
 * their stdin and stdout (carrier.c): here every connection is a descriptor that can be half-closed,
 * and no program of ours loads libssl that does not need it. */
int hg_carrier_open(const struct hg_endpoint *e, struct hg_conn *ret, struct hg_err *err);
void hg_carrier_close(struct hg_conn *c);
/* Puts what the carrier said into the detail of an error about this connection. */
void hg_carrier_explain(const struct hg_conn *c, struct hg_err *err);

/* Does something accept TCP connections at this numeric address within the time? */
bool hg_tcp_reachable(const char *address, int port, int64_t timeout_ns);
/* The first numeric address of a host; heap, NULL when it has none. */
char *hg_host_address(const char *host);

/* ---- HTTP/1.1 (http.c, head.c) -------------------------------------------------------------- */

/* An engine's header is under 1 kB; more is not an engine. */
#define HG_HTTP_HEAD_MAX 32768

struct hg_http_head {
    int status;
    int64_t length;             /* Content-Length, -1: none */
    bool chunked;
    bool last;                  /* the engine closes the connection behind it */
    char api_version[16];       /* Api-Version, "" without */
    char content_type[64];
};
/* Parses a response header at the front of data. 1 with *ret and its length in *ret_used, 0 when it
 * is not complete yet, -1 when it is none. */
int hg_http_head_parse(const char *data, size_t len, struct hg_http_head *ret, size_t *ret_used,
                       struct hg_err *err);

/* The decoder of "Transfer-Encoding: chunked". */
struct hg_chunks {
    enum { HG_CHUNK_SIZE, HG_CHUNK_EXTENSION, HG_CHUNK_DATA, HG_CHUNK_END, HG_CHUNK_TRAILER,
           HG_CHUNK_DONE } state;
    uint64_t left;              /* of the chunk */
    unsigned digits;
    size_t trailer;             /* bytes in the trailer's line, then of the whole trailer */
    size_t trailer_total;
};
/* Decodes from in to out until one of them is used up or the body ends (state DONE). -1: malformed. */
int hg_chunks_decode(struct hg_chunks *c, const char *in, size_t in_len, size_t *ret_used,
                     char *out, size_t out_cap, size_t *ret_len);

struct hg_http;
struct hg_request {
    const char *method;
    const char *path;           /* behind the version: "/containers/json?all=1" */
    bool unversioned;           /* _ping */
    const char *content_type;   /* NULL: application/json where there is a body */
    const void *body;
    size_t body_len;
    /* Instead of a body: is asked to write one by hg_http_write, in chunks. */
    int (*produce)(void *context, struct hg_http *h, struct hg_err *err);
    void *context;
    bool upgrade;               /* ask for the raw connection */
    int64_t deadline_ns;        /* 0: the engine handle's time-out from now */
};
struct hg_http {
    struct hg_docker *keep;     /* takes the connection for later requests, if it is good for that */
    struct hg_conn conn;
    struct hg_http_head head;
    struct hg_chunks chunks;
    int64_t left;               /* of a body with Content-Length */
    int64_t deadline_ns;
    int wake_fd;
    char buf[16384];            /* read and not yet consumed: [at, len) */
    size_t at, len;
};
#define HG_HTTP_INIT { .conn = HG_CONN_INIT, .wake_fd = -1 }
/* Sends a request, on the connection that an earlier one left or a new one, and reads the response's
 * header. */
int hg_http_open(struct hg_docker *d, const struct hg_request *request, struct hg_http *ret,
                 struct hg_err *err);
/* A piece of a request's body. */
int hg_http_write(struct hg_http *h, const void *data, size_t len, struct hg_err *err);
/* The next bytes of the body: > 0, 0 at its end, -1. */
ssize_t hg_http_read(struct hg_http *h, char *data, size_t cap, struct hg_err *err);
void hg_http_close(struct hg_http *h);

/* ---- the engine (engine.c) ------------------------------------------------------------------ */

struct hg_docker {
    struct hg_endpoint endpoint;
    struct hg_conn idle;        /* a connection whose last response was read whole */
    char version[16];           /* "1.41" */
    int minor;                  /* 41 */
    int64_t timeout_ns;
    int wake_fd;                /* readable: requests end early with a SIGNAL error; -1: none */
};

/* A JSON answer of an engine may list thousands of containers; more than this is refused. */
#define HG_DOCKER_JSON_MAX ((size_t)32 << 20)

/* A whole exchange. Sends `body` (may be NULL); *ret_status is the HTTP status, *ret (may be NULL;
 * else to be json_decref'd) the parsed body or NULL. Anything but 2xx is no error here: see
 * hg_docker_complaint. */
int hg_docker_call(struct hg_docker *d, const char *method, const char *path, const json_t *body,
                   int *ret_status, json_t **ret, struct hg_err *err);
/* The engine's own words for a refused request, for messages. Points into `reply`, or "". */
const char *hg_docker_words(const json_t *reply);
/* Percent-encodes a path or query part; heap. */
char *hg_url_encode(const char *s);

/* ---- containers (container.c) ---------------------------------------------------------------- */

/* One container by name or id: 1 with *ret, 0 when there is none, -1. */
int hg_container_inspect(struct hg_docker *d, const char *name, struct hg_container *ret,
                         struct hg_err *err);

/* Running and stopped containers; labels ("KEY" or "KEY=VALUE", all of them) and network (an id)
 * narrow it down, NULL: do not. */
int hg_container_list(struct hg_docker *d, const struct hg_strv *labels, const char *network,
                      json_t **ret, struct hg_err *err);

/* ---- how people name containers (select.c) ---------------------------------------------------- */

struct hg_container_want {
    char *name;                 /* container, id or Compose service; else NULL and one of the below */
    char *service, *project;    /* Compose; project NULL: any, but COMPOSE_PROJECT_NAME */
    int index;                  /* container-number of the service; 0: not given */
    struct hg_strv labels;
};
/* Reads the spelling of hg_docker_find. -1 with USAGE. */
int hg_container_want_parse(const char *text, struct hg_container_want *ret, struct hg_err *err);
void hg_container_want_done(struct hg_container_want *w);

/* ---- streams (frame.c) ---------------------------------------------------------------------- */

/* Output of a command without a tty: frames of {stream, 0, 0, 0, size big-endian} and payload. */
#define HG_FRAME_MAX (64u << 20) /* the engine sends 32 kB at most */
struct hg_frames {
    unsigned char header[8];
    size_t have;                /* of the header */
    uint32_t left;              /* of the payload */
};
/* Called with pieces of payload; stream 1, 2, or 3 for the engine's own error text. */
typedef void (*hg_frame_sink)(void *context, int stream, const char *data, size_t len);
int hg_frames_feed(struct hg_frames *f, const char *data, size_t len, hg_frame_sink sink,
                   void *context, struct hg_err *err);

/* ---- exec's parts --------------------------------------------------------------------------- */

/* Do these words of the engine say that there is no such user or group? Then *err says it. Docker 20.10 finds out
 * when the command is started, 29 when it is created. */
bool hg_exec_no_user(const struct hg_docker_exec *spec, const char *words, struct hg_err *err);
/* Creates an exec instance; heap id. */
int hg_exec_create(struct hg_docker *d, const struct hg_docker_exec *spec, char *const *env,
                   bool stdin_attached, char **ret_id, struct hg_err *err);
/* Starts it attached: on return the raw connection is in *ret, with bytes that came early in buf. */
int hg_exec_attach(struct hg_docker *d, const char *id, bool tty, struct hg_http *ret,
                   struct hg_err *err);
struct hg_exec_state {
    bool gone;                  /* the engine knows it no more: the container was removed */
    bool running;
    int64_t pid;                /* on the engine's host; 0: never started */
    int exit_code;              /* -1: none yet */
};
int hg_exec_inspect(struct hg_docker *d, const char *id, struct hg_exec_state *ret,
                    struct hg_err *err);

/* The keeper (keeper.c): a shell beside the command that signals its processes on our word, and ends
 * them when we are gone. */
struct hg_keeper {
    struct hg_http stream;
    struct hg_frames frames;
    struct hg_buf said;         /* its unread lines */
    char *id;
    bool alive;
    bool gone;                  /* the command's folder was removed */
    bool delivered;             /* the last signal reached a process */
    unsigned waiting;           /* answers that are due */
};
#define HG_KEEPER_INIT { .stream = HG_HTTP_INIT }
int hg_keeper_start(struct hg_docker *d, const struct hg_docker_exec *spec, const char *token,
                    struct hg_keeper *ret, struct hg_err *err);
/* Sends a signal to every process of the command. False: there is nobody to do it. */
bool hg_keeper_signal(struct hg_keeper *k, int signal);
void hg_keeper_readable(struct hg_keeper *k); /* its descriptor is */
/* The command ended: the keeper goes too, and with clean removes its folder first; was that done? */
bool hg_keeper_stop(struct hg_keeper *k, bool clean);

/* Until the keeper is there (guard.c): a process of ours that starts one if we die. */
void hg_guard_command(struct hg_docker *d, const struct hg_docker_exec *spec, const char *token,
                      struct hg_guard *ret);

/* Signals every process that carries the token, and their sessions, by this host's /proc: for
 * containers without a shell. Returns how many (hostproc.c). */
int hg_hostproc_signal(const char *token, int signal);

#endif
