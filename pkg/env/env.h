/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/env/env.h - sets of environment variables that remember where each came from, the dotenv
 * dialects, and the automaton that masks secret values in text and streams.
 *
 * Ownership: a set owns copies of names and values and overwrites values when released.
 */
#ifndef HG_ENV_ENV_H
#define HG_ENV_ENV_H

#include "base/base.h"

/* ---- sets of variables -------------------------------------------------------------------- */

struct hg_var {
    char *name, *value;
    char *source;   /* "process", "backend/.env:12", "railway api@production", … for messages */
    bool secret;    /* looks like a secret by name, source or content: masked */
};

struct hg_vars {
    struct hg_var *items;   /* in no particular order */
    size_t count, cap;
    void *index;            /* internal */
};
#define HG_VARS_INIT { NULL, 0, 0, NULL }

void hg_vars_set(struct hg_vars *v, const char *name, const char *value, const char *source);
void hg_vars_unset(struct hg_vars *v, const char *name);
const char *hg_vars_get(const struct hg_vars *v, const char *name);            /* NULL: not set */
const struct hg_var *hg_vars_find(const struct hg_vars *v, const char *name);
void hg_vars_from_environ(struct hg_vars *v, char *const *environ_, const char *source);
/* "NAME=value" strings, NULL-terminated, for execve; release with hg_vars_free_envp (wipes). */
char **hg_vars_envp(const struct hg_vars *v);
void hg_vars_free_envp(char **envp);
void hg_vars_done(struct hg_vars *v);
/* envp (NULL: the process's own) without the variables by which git, in a hook, tells its children of its own
 * repository: for a git that is asked about the one around its folder. With GIT_WORK_TREE somebody has named a
 * repository together with its files, and all stay. Release with free(): the strings are borrowed. */
char **hg_git_envp(char *const *envp);

/* Is NAME a name that a shell could set ([A-Za-z_][A-Za-z0-9_]*)? */
bool hg_var_name_valid(const char *name);
/* Would a value under this name execute code in a local process (LD_*, BASH_ENV, NODE_OPTIONS…)? */
bool hg_var_name_executes(const char *name);
/* Does the name alone say that the value is a secret (…PASSWORD, …TOKEN, …SECRET, …KEY)? */
bool hg_var_name_secret(const char *name);

/* A URL with a password or a token in its userinfo, or "password=" and its like in a conninfo, a connection
 * string or a query: does the content alone say that it is a secret? */
bool hg_value_has_password(const char *value);
/* Host and port: all of an address with a scheme that may be shown, also where a password in it is written
 * wrong. One printable line; heap, "" where there is none. */
char *hg_url_host(const char *url);

/* Replaces ${NAME}, ${NAME:-default} and $$ in text by the variables. A name that is not set and
 * has no default is an error naming it. Used for headgate.yaml strings and the `url` template;
 * ret_used, if not NULL, gets the names that were looked up. */
int hg_vars_expand(const struct hg_vars *v, const char *text, struct hg_buf *ret,
                   struct hg_strv *ret_used, struct hg_err *err);

/* ---- dotenv ------------------------------------------------------------------------------- */

enum hg_dotenv_dialect { HG_DOTENV_COMPOSE, HG_DOTENV_DOCKER, HG_DOTENV_PYTHON, HG_DOTENV_NODE };
#define HG_DOTENV_DIALECTS 4

/* "compose", "docker", "python-dotenv" (or "python"), "node"; 0 or -1. */
int hg_dotenv_dialect_parse(const char *name, enum hg_dotenv_dialect *ret);
const char *hg_dotenv_dialect_name(enum hg_dotenv_dialect dialect);

/* What is worth knowing about a line of a dotenv file. Never contains a value. */
struct hg_dotenv_note {
    size_t line;    /* from 1; 0: the file as a whole */
    char *name;     /* the variable, or NULL */
    char *text;     /* one clause: "docker keeps the quotes as part of the value" */
};
struct hg_dotenv_notes {
    struct hg_dotenv_note *items;
    size_t count, cap;
};
#define HG_DOTENV_NOTES_INIT { NULL, 0, 0 }
void hg_dotenv_notes_done(struct hg_dotenv_notes *n);

/* Parses text exactly as the dialect's own tool does (docs/dotenv.md) into `into`; `lookup` (may be
 * NULL) answers ${NAME} before what the file itself defines, as those tools ask the environment
 * first, and gives the value of a bare NAME line. `shown` is the path for messages and sources
 * ("shown:line"). Where the tool refuses the file it is an error with file, line and the reason;
 * `into` may then hold the variables of the lines before it. A line that the tool silently drops is
 * dropped, and told in ret_dropped (may be NULL). Nothing is ever executed. Refused in every dialect,
 * because no environment can hold them: NUL bytes, invalid UTF-8, names with "=". */
int hg_dotenv_parse(const char *text, size_t len, const char *shown,
                    enum hg_dotenv_dialect dialect, const struct hg_vars *lookup,
                    struct hg_vars *into, struct hg_dotenv_notes *ret_dropped, struct hg_err *err);
/* Finds the lines that another dialect reads differently from `own`: one note a variable, in the
 * order of lines, with what each other dialect does ("docker keeps the quotes as part of the value;
 * node cuts the value at #"). Also what hg_dotenv_parse drops. -1 when `own` refuses the file. */
int hg_dotenv_compare(const char *text, size_t len, const char *shown, enum hg_dotenv_dialect own,
                      const struct hg_vars *lookup, struct hg_dotenv_notes *ret,
                      struct hg_err *err);
/* Is there a spelling of this variable that all dialects read alike? */
bool hg_dotenv_portable(const char *name, const char *value);
/* One variable as a line that all dialects read alike, or as near as there is: then ret_unread (may
 * be NULL) gets a bit (1 << dialect) for each dialect that reads this line differently. A name that
 * no dialect can hold adds nothing and sets all bits. */
void hg_dotenv_print(struct hg_buf *b, const char *name, const char *value, unsigned *ret_unread);

/* ---- masking ------------------------------------------------------------------------------ */

/* The secrets and their encoded forms (percent, base64 in its three phases, JSON, shell and CRLF
 * forms), ready to be found in any bytes; how: mask.c. Immutable once built. */
struct hg_mask;

struct hg_mask *hg_mask_new(void);
/* Adds a secret in all its forms; shorter than HG_MASK_MIN bytes, a common word or a small number:
 * not added. Of URLs and conninfo strings their passwords are added (as written and decoded) rather
 * than the whole. Of a secret of several lines each line counts by itself too. */
#define HG_MASK_MIN 5
/* Would hg_mask_add take this value, or at least a password in it? */
bool hg_mask_takes(const char *value);
void hg_mask_add(struct hg_mask *m, const char *value);
/* The same, and the value as a whole whatever its form: "https://hooks.example.org/SECRET?sig=x". */
void hg_mask_add_whole(struct hg_mask *m, const char *value);
void hg_mask_add_vars(struct hg_mask *m, const struct hg_vars *v); /* the secret ones */
/* The names of the secret variables that hg_mask_add_vars leaves out, sorted; added to ret. */
void hg_mask_unmasked(const struct hg_vars *v, struct hg_strv *ret);
void hg_mask_build(struct hg_mask *m);
bool hg_mask_empty(const struct hg_mask *m);
void hg_mask_free(struct hg_mask *m);

/* A stream through the automaton: bytes that may begin a secret are held back until it is known,
 * so chunking cannot change the output. Every masked range becomes "***". */
struct hg_mask_stream {
    const struct hg_mask *mask;
    struct hg_buf held; /* bytes whose fate is open: they begin as a secret does */
    size_t covered;     /* the first of them that belong to a secret which began before */
    bool open;          /* the last byte given out was part of a "***" */
};
void hg_mask_stream_init(struct hg_mask_stream *s, const struct hg_mask *mask);
void hg_mask_stream_feed(struct hg_mask_stream *s, const void *data, size_t len, struct hg_buf *out);
void hg_mask_stream_flush(struct hg_mask_stream *s, struct hg_buf *out); /* at the end */
void hg_mask_stream_done(struct hg_mask_stream *s);
/* One whole text; heap. A NULL or empty mask copies. Fits hg_log_set_filter (context = the mask). */
char *hg_mask_text(const char *text, void *mask);

#endif
