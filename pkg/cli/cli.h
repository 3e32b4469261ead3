/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/cli/cli.h - one table of options per program, from which come parsing, --help, the JSON
 * description (--help=json, source of the man pages and completions) and the environment names.
 *
 * A program is a `struct hg_cmd` and a struct of options whose first member is `struct hg_common`:
 *
 *     struct status_options { struct hg_common common; bool check; };
 *     static const struct hg_opt OPTIONS[] = {
 *         { "check", 0, HG_OPT_BOOL, offsetof(struct status_options, check), .help = "…" },
 *         { 0 },
 *     };
 *     static const struct hg_cmd CMD = { .name = "status", .summary = "…", .options = OPTIONS, … };
 *     int main(int argc, char **argv)
 *     {
 *         struct status_options options = { 0 };
 *         return hg_cli_main(&CMD, argc, argv, &options, run);
 *     }
 *
 * Strings in the options point into argv (or the environment) and live as long as the program;
 * lists (HG_OPT_LIST) are released by hg_cli_main. Precedence: flag, then environment, then what
 * the struct held before parsing. Long options are exact, `--name=value` or `--name value`, short
 * ones `-x value` or `-xvalue`; `--` ends options. Options may stand before and after positional
 * arguments, unless the command is `wrapper`: then the first positional argument ends them.
 */
#ifndef HG_CLI_CLI_H
#define HG_CLI_CLI_H

#include "base/base.h"

enum hg_opt_type {
    HG_OPT_BOOL,     /* bool: the flag sets true; --no-NAME in the table is its own row */
    HG_OPT_COUNT,    /* int: each time adds one (-v -v) */
    HG_OPT_STRING,   /* const char * */
    HG_OPT_INT,      /* int64_t */
    HG_OPT_SECONDS,  /* int64_t nanoseconds; "90", "1.5", "2min" */
    HG_OPT_LIST,     /* struct hg_strv: may be given several times */
    HG_OPT_CHOICE,   /* const char *: one of `values` ("text|json|github") */
};

struct hg_opt {
    const char *name;     /* without dashes; NULL ends the table */
    char letter;          /* 0: none */
    enum hg_opt_type type;
    size_t offset;        /* into the options struct */
    const char *metavar;  /* "NAME" */
    const char *values;   /* HG_OPT_CHOICE: "a|b|c" */
    const char *env;      /* environment variable that sets it, or NULL */
    const char *help;     /* a phrase, lower case, no full stop */
    bool hidden;          /* not in --help (internal use) */
};

/* What every program takes (CONTRACT.md, "everywhere"). */
struct hg_common {
    const char *target, *config, *dir, *format, *alembic_config, *alembic_section, *color;
    struct hg_strv from, x;
    bool quiet, yes, no_python, no_progress;
    int verbose;
    int64_t timeout_ns;   /* 0: not given */
};

struct hg_cmd {
    const char *name;            /* the verb: "status" */
    const char *summary;         /* one line */
    const char *args;            /* "[REVISION]", "-- COMMAND…" or NULL for none */
    const char *formats;         /* allowed --format values, "text|json|github…"; NULL: no --format */
    const struct hg_opt *options;/* own rows, ended by { 0 }; may be NULL */
    const char *description;     /* paragraphs for the man page, or NULL */
    const char *examples;        /* lines "command\n    what it does\n", or NULL */
    size_t min_args, max_args;   /* positional arguments; max 0 with args NULL: none taken */
    bool wrapper;                /* the first positional argument ends the options (env, exec) */
    bool negative_args;          /* an argument such as -1 is positional (rollback, history) */
    bool no_common;              /* the common options mean nothing to it: taken, but not shown (explain) */
    int own_failure;             /* 125 for env and exec; 0: the error's own code */
};

/* The program's work: args are the positional ones. Returns an exit code, or -1 with *err, which
 * hg_cli_main then prints. */
typedef int (*hg_cli_run)(void *options, const struct hg_strv *args, struct hg_err *err);

/* Parses, sets up the log, runs, prints the error if there is one (as text on stderr, and with
 * --format json also as {"error": …} on stdout unless the program printed its own document: see
 * hg_cli_error_printed), checks that stdout could be written, and returns the exit code. */
int hg_cli_main(const struct hg_cmd *cmd, int argc, char **argv, void *options, hg_cli_run run);

/* For a program without hg_cli_main: writes out what is left of stdout. The code, or where it was HG_EXIT_YES and
 * that cannot be written, which is said, own_failure (0: HG_EXIT_UNKNOWN). */
int hg_cli_close_stdout(int own_failure, int code);

/* To be called by a program that has put the error into its own JSON document. */
void hg_cli_error_printed(void);

/* To be called when the exit code tells of something that was done: it stays, whether or not anybody could read
 * of it. That output was lost is said. */
void hg_cli_code_stands(void);

/* For internal programs (headgate-source-…), as the run of hg_cli_main: reads one JSON request from
 * stdin, lets answer() fill `into` (taken over), and prints that with "error", null or the object of
 * CONTRACT.md. Returns the exit code, -1 when there was no request. */
struct json_t;
typedef int (*hg_cli_answer)(const struct json_t *request, struct json_t *into, struct hg_err *err);
int hg_cli_serve(struct json_t *into, hg_cli_answer answer, struct hg_err *err);

/* Parsing alone: 0, 1 when --help or --version was answered on stdout, -1 with *err (USAGE). */
int hg_cli_parse(const struct hg_cmd *cmd, int argc, char **argv, void *options,
                 struct hg_strv *ret_args, struct hg_err *err);

/* The two forms of an error: lines for people on stderr (message, detail, hint), and the object
 * of CONTRACT.md (heap text, no newline). Both pass the log's filter. */
void hg_cli_print_error(const struct hg_err *err);
char *hg_cli_error_json(const struct hg_err *err);

/* Prints text to stdout through the log's filter; errors are found by hg_cli_main at the end. */
void hg_out(const char *text);
void hg_outf(const char *fmt, ...) HG_PRINTF(1, 2);
void hg_out_flush(void);

/* Colour on this stream? --color, NO_COLOR, CLICOLOR_FORCE, TERM=dumb, terminal: in that order. */
bool hg_cli_color(const struct hg_common *common, int fd);

/* Does this command line ask for JSON? For errors that come before it can be parsed. */
bool hg_cli_wants_json(char *const *argv);
/* Opens /dev/null, the wrong way round, for those of the three standard streams that are closed. */
void hg_cli_standard_streams(void);
/* A signal that ends every other process does nothing to process 1 unless that asks for it: without
 * this, a container that waits for a name server takes 10 s to stop. Elsewhere it does nothing. */
void hg_cli_first_process(void);
/* For programs that were asked for JSON: a signal that ends them before they wrote anything is told on stdout,
 * as every other error. */
void hg_cli_tell_signals(void);

/* The rows that every program has, for documentation. Ended by { 0 }. */
extern const struct hg_opt hg_common_options[];

#endif
