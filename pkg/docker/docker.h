/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/docker/docker.h - the container engine (Docker, Podman): find it, look at containers, run a
 * command inside one exactly as if it ran here, read files' digests, and find the way to a database
 * that only containers can name.
 *
 * It speaks the Engine API itself, over a plain socket, and does not use libcurl for it: a command's
 * streams need the raw connection after the HTTP upgrade (half-close, both directions at once),
 * which libcurl gives up; one small client then serves ordinary requests too, and headgate-apply,
 * which runs the migrator in a container, stays free of libcurl. Facts about the API are measured
 * on Docker 20.10 (API 1.41) and read from moby's source.
 *
 * Ownership: a struct filled by us is released with its _done; nothing points into the engine.
 * Threads: one engine handle per thread. It is not inherited usefully by children (every
 * descriptor is CLOEXEC).
 *
 * Recipe: hg_docker_open -> hg_docker_find (container by name, id, Compose service or labels)
 *         -> hg_container_ready (it runs, is not paused…) -> hg_docker_exec.
 *
 * Errors are of kind DOCKER unless said otherwise, have a sentence each for: no engine, permission,
 * engine does not answer, not found (with names to choose from), several, stopped, paused,
 * restarting, command not found (exit_code 127), command cannot be run (exit_code 126).
 */
#ifndef HG_DOCKER_DOCKER_H
#define HG_DOCKER_DOCKER_H

#include "base/base.h"
#include "env/env.h"

/* ---- the engine --------------------------------------------------------------------------- */

/* Where the engine is. NULL members: as the docker command line decides (DOCKER_HOST, then
 * DOCKER_CONTEXT, then currentContext of config.json in DOCKER_CONFIG or ~/.docker, then the usual
 * sockets: Docker, rootless Docker, Docker Desktop, Colima, Podman). TLS as there too:
 * DOCKER_TLS_VERIFY, DOCKER_TLS and DOCKER_CERT_PATH, or the files of the context. */
struct hg_docker_where {
    const char *host;           /* "unix:///path", "tcp://host:port", "host:port", "ssh://host" */
    const char *context;
    const char *config_dir;
};

struct hg_docker; /* an engine that answered */

/* Finds the engine, asks for its version and agrees on one (1.24 or later; DOCKER_API_VERSION pins
 * it). `where` may be NULL. timeout_ns (0: 10 s) bounds this and later each single request. */
int hg_docker_open(const struct hg_docker_where *where, int64_t timeout_ns, struct hg_docker **ret,
                   struct hg_err *err);
void hg_docker_free(struct hg_docker *d);
void hg_docker_freep(struct hg_docker **d);                 /* for HG_AUTO */
bool hg_docker_is_local(const struct hg_docker *d);         /* a unix socket: engine on this host */

/* What headgate-source-tls does for connections to an engine behind TLS: bytes from `in` to the
 * engine and back to `out`, with half-close both ways, until the engine or our side ends. NULL files:
 * the system's authorities, no certificate of ours. -1 also when the certificate is not trusted. */
struct hg_docker_tls {
    const char *host, *port;
    const char *ca, *cert, *key;
    bool unverified;
};
int hg_docker_carry_tls(const struct hg_docker_tls *tls, int in, int out, struct hg_err *err);

/* ---- containers --------------------------------------------------------------------------- */

struct hg_container_network {
    char *name, *id;
    char *address, *address6;   /* NULL: none */
    struct hg_strv aliases;     /* names under which others on it find this container */
};
struct hg_container_port {
    int inside;                 /* TCP port in the container */
    char *host_ip;              /* as configured, such as "0.0.0.0" */
    int host_port;
};
struct hg_container {
    char *id, *name, *image;    /* name without the leading slash */
    char *hostname;
    char *status;               /* created|running|paused|restarting|removing|exited|dead */
    bool running, paused, restarting;
    int exit_code;              /* of a container that ended */
    char *finished_at;
    int64_t pid;                /* of its first process, on the engine's host; 0: not running */
    char *health;               /* starting|healthy|unhealthy, NULL: no health check */
    char *user, *workdir;
    bool tty;
    struct hg_strv env;         /* "NAME=value" of its configuration: what exec starts with */
    char *network_mode;         /* "bridge", "host", "container:<id>", a network's name… */
    struct hg_strv extra_hosts; /* "name:address" */
    struct hg_strv tmpfs;       /* folders where the engine cannot put files */
    char *compose_project, *compose_service;    /* NULL: not made by Compose */
    struct hg_container_network *networks;
    size_t network_count;
    struct hg_container_port *ports;
    size_t port_count;
};
#define HG_CONTAINER_INIT { 0 }

/* What people call a container:
 *   NAME                                 name, id or its beginning, or else a Compose service
 *   service:[PROJECT/]SERVICE[#NUMBER]   of Compose; NUMBER chooses among replicas
 *   label:KEY[=VALUE][,KEY[=VALUE]]…     the one that has all these labels; %2C is a comma
 * Finds stopped ones too, but where several fit, the running one. Several running ones are an error
 * that names them. */
int hg_docker_find(struct hg_docker *d, const char *name, struct hg_container *ret,
                   struct hg_err *err);
/* 0 when a command can be run in it now; else the sentence why not and what to type. */
int hg_container_ready(const struct hg_container *c, struct hg_err *err);
/* Its configuration's variables into `into`, with `source` as each one's source. */
void hg_container_vars(const struct hg_container *c, const char *source, struct hg_vars *into);
void hg_container_done(struct hg_container *c);

/* ---- a command inside a container ---------------------------------------------------------- */

/* Bytes of the command's stdout (1) or stderr (2; all is 1 with a tty), masked when a mask is set. */
typedef void (*hg_docker_sink)(void *context, int stream, const char *data, size_t len);

struct hg_docker_exec_result;
struct hg_docker_exec {
    const char *container;      /* id (or name) */
    char *const *argv;          /* NULL-terminated; argv[0] is looked up inside */
    char *const *env;           /* "NAME=value" sets, "NAME" alone removes; NULL: none */
    const char *user, *dir;     /* NULL: the container's own */
    bool privileged;
    bool tty;                   /* a pseudo-terminal inside; with input_fd a terminal, that is set
                                 * raw and restored, and the size follows it */
    const void *input;          /* stdin bytes, sent whole, then end of file */
    size_t input_len;
    int input_fd;               /* else, when >= 0 and `attach_fd`: pumped until its end of file */
    bool attach_fd;             /* input_fd counts (so that a zeroed struct attaches nothing) */
    const struct hg_mask *mask; /* NULL: none */
    bool mask_always;           /* mask our own streams that are terminals too */
    hg_docker_sink sink;        /* NULL: to our own stdout and stderr */
    void *context;              /* for sink, before, after, on_tick, on_signal */
    /* A folder inside that is the command's for as long as it runs, or NULL: `before` fills it, `after`
     * takes from it when the command has ended, and the keeper removes it, also when we are killed.
     * Both may be NULL; -1 of before means that nothing is started, that of after is the result. */
    const char *folder;
    int (*before)(void *context, struct hg_err *err);
    int (*after)(void *context, const struct hg_docker_exec_result *result, struct hg_err *err);
    int64_t max_runtime_ns;     /* 0: none; then TERM, after grace KILL; timed_out in the result */
    int64_t grace_ns;           /* 0: 10 s between a passed-on TERM/INT/HUP and KILL */
    int64_t tick_ns;            /* 0: never; on_tick about so often: returns a signal or 0 */
    int (*on_tick)(void *context);
    /* Signals INT, TERM, HUP and QUIT that reach us while it runs. NULL: passed on, and KILL after
     * the grace. Otherwise returns what to send (0: nothing); no KILL then but by returning it. */
    int (*on_signal)(void *context, int signal, unsigned times);
};

struct hg_docker_exec_result {
    int code;                   /* the command's exit code; 128+n when a signal ended it */
    bool timed_out;             /* max_runtime passed */
    int signal_received;        /* last one that reached us; 0: none */
    bool folder_left;           /* the folder could not be removed; told on failure too */
    bool signal_unsent;         /* a signal could not be delivered inside (no shell there, no rights) */
    int write_error;            /* as in struct hg_supervised: some of the output is lost. 0: none */
};

/* Runs it and waits for its end. Output is exact: frames are taken apart, nothing is lost or
 * joined; a start failure's text is never given out as output. Every process of the command carries
 * a random HEADGATE_EXEC_TOKEN in its environment; a small sh inside the container (the keeper)
 * holds its stdin connected to us, sends signals to those processes on our word, and ends them
 * (TERM, 10 s later KILL) when the connection breaks because we were killed. It is started with the
 * first signal or after 200 ms; until then a child of ours (the guard) does so if we die. Without sh in the
 * container and without rights on the host's /proc, signals cannot be delivered (signal_unsent).
 * -1: not started (exit_code 126 or 127 where the command is at fault), or the engine was lost on
 * the way (then the message says that the end is unknown). */
int hg_docker_exec(struct hg_docker *d, const struct hg_docker_exec *spec,
                   struct hg_docker_exec_result *ret, struct hg_err *err);

/* ---- files (libarchive, but for hg_docker_digests) ------------------------------------------- */

struct hg_docker_file {
    char *path;                 /* relative to the folder asked for, '/' between */
    char sha256[HG_SHA256_SIZE];
    size_t size;
};
struct hg_docker_files {
    struct hg_docker_file *items; /* by path, bytewise; regular files only */
    size_t count, cap;
    char *container;            /* its name (hg_docker_digests) */
};
/* Digests of all regular files below a folder inside (symlinks are not followed). Works for stopped
 * containers too. More than HG_DOCKER_FILES_MAX files or HG_DOCKER_BYTES_MAX bytes is an error. */
#define HG_DOCKER_FILES_MAX 20000
#define HG_DOCKER_BYTES_MAX ((size_t)256 << 20)
int hg_docker_files(struct hg_docker *d, const char *container, const char *path,
                    struct hg_docker_files *ret, struct hg_err *err);
void hg_docker_files_done(struct hg_docker_files *f);
/* Puts files and folders of this host into `folder` of a container, which is made for them and is the
 * user's alone (NULL: the container's own user). */
int hg_docker_put(struct hg_docker *d, const struct hg_container *c, const struct hg_strv *paths,
                  const char *folder, const char *user, struct hg_err *err);
/* Copies a file or folder of a container to `to` on this host, as hg_tar_unpack does. */
int hg_docker_get(struct hg_docker *d, const struct hg_container *c, const char *from, const char *to,
                  struct hg_err *err);

/* The same as hg_docker_files for programs that must not load libarchive: asks the program headgate-source-files,
 * which lies beside ours. The container as in hg_docker_find; a path that is not absolute is below
 * its working folder. timeout_ns as in hg_docker_open, for the whole. */
int hg_docker_digests(const char *container, const char *path, int64_t timeout_ns,
                      struct hg_docker_files *ret, struct hg_err *err);
/* Likewise hg_docker_put and hg_docker_get; the container by name or id. */
int hg_docker_send(const char *container, const struct hg_strv *paths, const char *folder,
                   const char *user, int64_t timeout_ns, struct hg_err *err);
int hg_docker_fetch(const char *container, const char *from, const char *to, int64_t timeout_ns,
                    struct hg_err *err);

/* Puts an executable file (0555, of root) into the container's root folder. Not possible where its file
 * system is read-only. */
int hg_docker_put_program(struct hg_docker *d, const char *container, const char *name,
                          const void *data, size_t len, struct hg_err *err);
/* For which machine the container's image was made, as uname -m says it ("x86_64"); heap. */
int hg_docker_machine(struct hg_docker *d, const char *container, char **ret, struct hg_err *err);

/* ---- the way to a database that only containers can name ----------------------------------- */

struct hg_docker_route {
    char *hostaddr;             /* numeric address to connect to; NULL: no way found */
    int port;                   /* port to connect to */
    char *how;                  /* one phrase: which container, network or published port; or why not */
};
/* How `host`:`port`, as seen from inside container c, is reached from here: unchanged when it means
 * the same here (how NULL, hostaddr NULL), by the address of the container that bears the name on a
 * shared network, or by a published port. Each try to connect takes at most connect_ns. Returns 1
 * for "unchanged", 0 with *ret for "go this way" or "no way" (hostaddr NULL, how says why). */
int hg_docker_route(struct hg_docker *d, const struct hg_container *c, const char *host, int port,
                    int64_t connect_ns, struct hg_docker_route *ret, struct hg_err *err);
void hg_docker_route_done(struct hg_docker_route *r);

#endif
