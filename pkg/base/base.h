/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/base/base.h - what every other package stands on: errors as values, strings, files, clocks,
 * digests, the trace and the log. It knows nothing of databases, Alembic or the command line.
 *
 * Ownership: a value has one owner. `_init/_done` work on storage of the caller, `_new/_free` on
 * the heap, `_take` moves ownership out. Results are named ret_* and are written on success only.
 * Destructors accept NULL and half-built values and leave errno alone.
 *
 * Errors: a fallible function takes `struct hg_err *err` last and returns 0 (or a value >= 0), or
 * -1 with *err filled. Use hg_fail() where the fact is known and hg_wrap() on the way up. Libraries
 * never print or exit; only cmd/ does. Running out of memory ends the program (hg_xmalloc), except
 * where input chooses the size: there a named cap comes first.
 */
#ifndef HG_BASE_BASE_H
#define HG_BASE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "banned.h"

#define HG_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define HG_COUNT(array)      (sizeof(array) / sizeof((array)[0]))

/* Runs FN(&variable) when the variable leaves its scope: HG_AUTO(hg_buf_done) struct hg_buf b = … */
#define HG_AUTO(fn) __attribute__((cleanup(fn)))

/* Moves a pointer out of an owner that would otherwise release it. */
#define HG_TAKE(ptr)                                                                               \
    __extension__({                                                                                \
        __typeof__(ptr) hg_taken_ = (ptr);                                                         \
        (ptr) = NULL;                                                                              \
        hg_taken_;                                                                                 \
    })

/* A broken invariant of ours (never of the input): prints the place and aborts. */
#define HG_BUG(what) hg_bug(__FILE__, __LINE__, what)
_Noreturn void hg_bug(const char *file, int line, const char *what);

/* ---- memory ------------------------------------------------------------------------------- */

void *hg_xmalloc(size_t size);
void *hg_xcalloc(size_t count, size_t size);
void *hg_xrealloc(void *ptr, size_t count, size_t size);
char *hg_xstrdup(const char *s);             /* NULL gives NULL */
char *hg_xstrndup(const char *s, size_t len);
char *hg_xasprintf(const char *fmt, ...) HG_PRINTF(1, 2);
char *hg_xvasprintf(const char *fmt, va_list ap) HG_PRINTF(1, 0);

/* For programs that hold secrets: no core dump of this process, and no other process of the same user
 * can read its memory or environment. A program that it becomes or starts is as it would be without
 * this. Linux (PR_SET_DUMPABLE); elsewhere nothing happens. */
void hg_keep_private(void);

/* For programs that build up catalogs and end: what they free stays with the process, because giving it back
 * bit by bit (glibc: as soon as the top of the heap has 128 KiB) takes longer than freeing it. mallopt(3). */
void hg_keep_freed(void);

/* A thread goes on that nobody can stop (it waits for a name server, say). The process then has to end by
 * _exit, as hg_cli_main sees to: libraries that take leave would take from that thread what it uses. */
void hg_thread_left_behind(void);
bool hg_has_thread_left_behind(void);

/* Cleanup functions for HG_AUTO: they take the address of the variable. */
void hg_freep(void *ptr_to_ptr);             /* HG_AUTO(hg_freep) char *s = NULL; */
void hg_closep(int *fd);                     /* HG_AUTO(hg_closep) int fd = -1; */

/* Makes room for one more element: `items = hg_grow(items, count, &cap, sizeof *items)`. */
void *hg_grow(void *items, size_t count, size_t *cap, size_t size);

/* ---- errors ------------------------------------------------------------------------------- */

/* The kinds of CONTRACT.md "error.kind"; one table (err.c) maps each to its exit code. */
enum hg_err_kind {
    HG_E_NONE = 0,
    HG_E_USAGE,     /* wrong command line: 2 */
    HG_E_CONFIG,    /* wrong configuration or input file: 2 */
    HG_E_DATABASE,  /* database unreachable or refused to answer: 3 */
    HG_E_RAILWAY,   /* Railway API: 3 */
    HG_E_DOCKER,    /* container engine: 3 */
    HG_E_NETWORK,   /* anything else on a network: 3 */
    HG_E_MIGRATOR,  /* the migrator was started and failed: 4 */
    HG_E_REFUSED,   /* the answer is no: 1 */
    HG_E_LOCK,      /* somebody else holds the migration lock: 5 */
    HG_E_TIMEOUT,   /* waiting took too long: 124 */
    HG_E_SIGNAL,    /* ended by a signal before anything started: 128+n (set exit_code) */
    HG_E_INTEGRITY, /* files or records do not add up: 1 */
    HG_E_UNKNOWN,   /* could not tell for another reason (no Python for a dynamic file): 3 */
    HG_E_BUG,       /* ours: 3 */
};

/* The exit codes of CONTRACT.md. */
enum hg_exit {
    HG_EXIT_YES = 0,
    HG_EXIT_NO = 1,
    HG_EXIT_USAGE = 2,
    HG_EXIT_UNKNOWN = 3,
    HG_EXIT_FAILED = 4,
    HG_EXIT_LOCKED = 5,
    HG_EXIT_TIMEOUT = 124,
    HG_EXIT_OURS = 125,      /* env and exec only: our own failure */
    HG_EXIT_CANNOT_RUN = 126,
    HG_EXIT_NOT_FOUND = 127,
    HG_EXIT_SIGNAL = 128,    /* + the signal's number */
};

/* Fixed arrays: an error needs no memory to be made or passed, and can be copied by assignment. */
struct hg_err {
    enum hg_err_kind kind;
    int exit_code;      /* 0: the kind's */
    char sqlstate[6];   /* "" where no server was involved */
    char message[1024]; /* one sentence: what happened and where */
    char detail[2048];  /* "" or more of what is known (several lines allowed) */
    char hint[1024];    /* "" or the next thing to do, as a command where there is one */
};

/* Fill *err and return -1, so that `return hg_fail(err, …)` reads well. fail replaces all fields. */
int hg_fail(struct hg_err *err, enum hg_err_kind kind, const char *fmt, ...) HG_PRINTF(3, 4);
/* The same with ": strerror(errno)" behind the message. */
int hg_fail_errno(struct hg_err *err, enum hg_err_kind kind, const char *fmt, ...) HG_PRINTF(3, 4);
/* Puts "outer: " before the message; kind, detail and hint stay. Returns -1. */
int hg_wrap(struct hg_err *err, const char *fmt, ...) HG_PRINTF(2, 3);
/* Add to an error already made. Return -1. */
int hg_detail(struct hg_err *err, const char *fmt, ...) HG_PRINTF(2, 3);
int hg_hint(struct hg_err *err, const char *fmt, ...) HG_PRINTF(2, 3);
void hg_err_clear(struct hg_err *err);

const char *hg_err_kind_name(enum hg_err_kind kind); /* as in CONTRACT.md; UNKNOWN is "config" */
enum hg_err_kind hg_err_kind_parse(const char *name); /* HG_E_BUG for a name nobody knows */
int hg_err_exit_code(const struct hg_err *err);
/* For verbs that only ask (status, gate): an answer that did not come in time, or a bundle that is
 * none, is "could not tell", 3, not 124 or 1. The kind stays. */
void hg_err_unanswered(struct hg_err *err);

/* ---- strings ------------------------------------------------------------------------------ */

/* A growing byte string, always NUL-terminated. max 0 means HG_BUF_MAX. Past its max a buffer
 * takes no more and remembers it (overflow), to be checked once at the end. */
#define HG_BUF_MAX ((size_t)1 << 30)
struct hg_buf {
    char *data; /* never NULL after the first add; use hg_buf_str() */
    size_t len, cap, max;
    bool overflow;
};
#define HG_BUF_INIT { NULL, 0, 0, 0, false }

void hg_buf_add(struct hg_buf *b, const void *data, size_t len);
void hg_buf_adds(struct hg_buf *b, const char *s);
void hg_buf_addc(struct hg_buf *b, char c);
void hg_buf_addf(struct hg_buf *b, const char *fmt, ...) HG_PRINTF(2, 3);
/* Further lines of the text begin with `indent`. */
void hg_buf_add_lines(struct hg_buf *b, const char *text, const char *indent);
/* One word of sh, in single quotes. */
void hg_buf_add_shell_word(struct hg_buf *b, const char *word);
const char *hg_buf_str(const struct hg_buf *b); /* "" when empty */
char *hg_buf_take(struct hg_buf *b);            /* heap string, never NULL; b is empty after */
void hg_buf_trim_end(struct hg_buf *b, const char *chars); /* takes away what it ends in of these */
void hg_buf_clear(struct hg_buf *b);            /* keeps the memory */
void hg_buf_done(struct hg_buf *b);
void hg_buf_wipe(struct hg_buf *b);             /* as done, overwriting what it held */

/* A list of heap strings, NULL-terminated at all times once something was added. */
struct hg_strv {
    char **items;
    size_t count, cap;
};
#define HG_STRV_INIT { NULL, 0, 0 }

void hg_strv_add(struct hg_strv *v, const char *s); /* copies */
void hg_strv_addn(struct hg_strv *v, const char *s, size_t len);
void hg_strv_addf(struct hg_strv *v, const char *fmt, ...) HG_PRINTF(2, 3);
void hg_strv_addv(struct hg_strv *v, const struct hg_strv *more);
bool hg_strv_has(const struct hg_strv *v, const char *s);
void hg_strv_sort(struct hg_strv *v);               /* by bytes */
bool hg_strv_sorted_has(const struct hg_strv *v, const char *s); /* by halving: v is sorted */
char *hg_strv_join(const struct hg_strv *v, const char *separator); /* heap */
void hg_strv_done(struct hg_strv *v);
void hg_strv_wipe(struct hg_strv *v);               /* as done, overwriting what it held */

bool hg_streq(const char *a, const char *b);        /* NULL equals NULL only */
bool hg_starts_with(const char *s, const char *prefix);
bool hg_ends_with(const char *s, const char *suffix);
int hg_parse_int(const char *s, int64_t min, int64_t max, int64_t *ret); /* whole string; 0 or -1 */
/* "90", "1.5", "10s", "5min", "2h", "1d", "250ms" into nanoseconds; 0 or -1. */
int hg_parse_duration(const char *s, int64_t *ret_ns);
/* The candidate nearest to WORD by edit distance if near enough to be meant, else NULL. */
const char *hg_nearest(const char *word, const char *const *candidates, size_t count);
bool hg_utf8_valid(const char *data, size_t len);
/* How many bytes at the end begin a character of which the rest is still to come: 0 to 3. */
size_t hg_utf8_unfinished(const char *data, size_t len);
/* Appends text as it is, but what is no UTF-8, and NUL, as \xNN. */
void hg_utf8_add(struct hg_buf *b, const char *data, size_t len);
int hg_hex_digit(char c);                           /* 0 to 15, -1: none */
/* Lower-case hex into out, 2 * len + 1 bytes; gives out. hg_buf_add_hex appends it. */
char *hg_hex(const void *data, size_t len, char *out);
void hg_buf_add_hex(struct hg_buf *b, const void *data, size_t len);
/* %XX decoded, and '+' as a space if asked; what is no escape stays. Heap, NUL-terminated; *ret_len
 * (NULL: not wanted) tells of a NUL inside. */
char *hg_percent_decode(const char *s, size_t len, bool plus_is_space, size_t *ret_len);
/* Text from outside as one printable line: control bytes as \xNN, at most max bytes. Heap. */
char *hg_printable(const char *s, size_t max);

/* ---- files -------------------------------------------------------------------------------- */

/* Reads a whole regular file of at most max bytes. Directories, FIFOs, sockets and devices are
 * refused without waiting; the descriptor is CLOEXEC. The error is of kind CONFIG and names the
 * path, what is wrong with it, and for a missing file has sqlstate "" and errno kept in errno. */
int hg_file_read(const char *path, size_t max, struct hg_buf *ret, struct hg_err *err);
/* Opens it only, for who does not want all of it in memory: a descriptor, and its size; or -1. */
int hg_file_open(const char *path, size_t max, size_t *ret_len, struct hg_err *err);
/* The same relative to a directory descriptor; `shown` is the path for messages. */
int hg_file_read_at(int dirfd, const char *name, const char *shown, size_t max,
                    struct hg_buf *ret, struct hg_err *err);
/* Writes tmp, fsync, rename, fsync(dir): after a crash the old or the new content is there. */
int hg_file_write(const char *path, mode_t mode, const void *data, size_t len, struct hg_err *err);
int hg_write_all(int fd, const void *data, size_t len); /* restarts on EINTR; 0 or -1 with errno */
int hg_read_all(int fd, size_t max, struct hg_buf *ret, struct hg_err *err);
int hg_mkdir_p(const char *path, mode_t mode, struct hg_err *err);
/* Makes the state folder (.headgate) unless it is there, with a .gitignore: nothing in it belongs into
 * anybody's repository. 1: it is new, 0: it was there, -1 with *err. */
int hg_state_dir_make(const char *dir, struct hg_err *err);
bool hg_is_dir(const char *path);
bool hg_is_file(const char *path);
char *hg_path_join(const char *dir, const char *name); /* heap; an absolute name wins; "." vanishes */
char *hg_path_dir(const char *path);                   /* heap; "." for a bare name */
const char *hg_path_base(const char *path);            /* points into path */
char *hg_path_abs(const char *path);                   /* heap; symlinks kept, cwd put before */
/* Finds a program as execvp would; heap, or NULL. `path` NULL means the environment's PATH. */
char *hg_find_program(const char *name, const char *path);
/* The directory of our programs: that of the running one's file (symlinks resolved), but libexec/headgate
 * beside bin for the `headgate` that is installed in bin; heap, never NULL. */
char *hg_self_dir(void);

/* ---- clocks ------------------------------------------------------------------------------- */

#define HG_NS_PER_S  INT64_C(1000000000)
#define HG_NS_PER_MS INT64_C(1000000)
int64_t hg_now_ns(void);   /* monotonic; for deadlines and durations */
int64_t hg_wall_ns(void);  /* since 1970 */
/* RFC 3339 UTC with milliseconds ("2026-11-22T21:53:04.120Z") into out. */
#define HG_TIME_SIZE 32
const char *hg_time_format(int64_t wall_ns, char out[HG_TIME_SIZE]);
/* RFC 3339 UTC into nanoseconds since 1970: 0, or -1 when it is none (also for NULL). */
int hg_time_parse(const char *text, int64_t *ret_wall_ns);
/* Milliseconds left until a monotonic deadline, for poll(2): 0 when past, -1 for deadline 0
 * (none); rounded up, so that a loop on it does not spin. */
int hg_ms_left(int64_t deadline_ns);
/* "3 s", "2 min", "5 days": how long ago, for people. */
#define HG_AGE_SIZE 32
const char *hg_age_format(int64_t seconds, char out[HG_AGE_SIZE]);

/* ---- digests ------------------------------------------------------------------------------ */

#define HG_SHA256_SIZE 65
/* Lower-case hex, as sha256sum prints it (libcrypto). */
const char *hg_sha256(const void *data, size_t len, char out[HG_SHA256_SIZE]);
/* Of `data` and the next `more` bytes of fd. -1 with errno; 0 there: the file ended before. */
int hg_sha256_fd(const void *data, size_t len, int fd, size_t more, char out[HG_SHA256_SIZE]);
/* HMAC (RFC 2104) with SHA-256, in hex as above. */
const char *hg_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                           char out[HG_SHA256_SIZE]);
/* FNV-1a, 64 bits: to notice change among friends, not to resist enemies. */
uint64_t hg_hash64(const void *data, size_t len, uint64_t seed);
#define HG_HASH64_INIT UINT64_C(0xcbf29ce484222325)

/* ---- log and trace ------------------------------------------------------------------------ */

enum hg_log_level { HG_LOG_ERROR, HG_LOG_WARNING, HG_LOG_NOTE, HG_LOG_INFO, HG_LOG_DEBUG };

/* Set once by cmd/: the program's name before each line, the lowest level shown (NOTE by default,
 * ERROR with -q, INFO with -v, DEBUG with -vv). */
void hg_log_init(const char *program, enum hg_log_level level);
void hg_log_set_level(enum hg_log_level level);
bool hg_log_enabled(enum hg_log_level level);
/* Everything the log prints passes through this first (masking of secrets); it returns a heap
 * string. NULL: as it is. */
typedef char *(*hg_log_filter)(const char *text, void *context);
void hg_log_set_filter(hg_log_filter filter, void *context);
/* The context's owner goes: when it is the present filter's, the log keeps it, so that an error on
 * its way to hg_cli_main is filtered too, and calls done(context) when another filter is set.
 * Otherwise done(context) is called at once. */
void hg_log_leave_filter(void *context, void (*done)(void *));
char *hg_log_filtered(const char *text); /* heap: what the filter makes of text */
/* One line on stderr: "headgate: warning: …". Libraries may use DEBUG and INFO only. */
void hg_log(enum hg_log_level level, const char *fmt, ...) HG_PRINTF(2, 3);

/* Called before each line of the log or the trace: who keeps a line on the terminal takes it away.
 * NULL: nobody. */
void hg_log_set_before(void (*before)(void *), void *context);

/* HEADGATE_TRACE (a file name, or a descriptor number): one JSON object a line; docs/trace.md lists
 * the events. Keys and values come in pairs, NULL ends them; values are strings, and filtered as the
 * log is. Costs one getenv when off. */
bool hg_trace_enabled(void);
void hg_trace(const char *event, ...) __attribute__((sentinel));
/* Appends s as the inside of a JSON string (no quotes added); invalid UTF-8 becomes U+FFFD. */
void hg_json_escape(struct hg_buf *b, const char *s, size_t len);

extern const char hg_version[]; /* "0.1.0" */

#endif
