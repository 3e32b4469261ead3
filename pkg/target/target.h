/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/target/target.h - what a target is: where its environment comes from, where its migrator runs,
 * by which route its database is reached; headgate.yaml; and the state that travels from the program
 * that resolved it (headgate-env) to the one that uses it.
 *
 * Two sides. headgate-env calls hg_target_resolve() and then becomes the verb with the variables as
 * its environment and a memory file (HEADGATE_STATE_FD) that says the rest. Every verb calls
 * hg_target_open(), which reads that file, or, when there is none or it is for another target or
 * configuration, starts itself again through headgate-env (and does not return).
 */
#ifndef HG_TARGET_TARGET_H
#define HG_TARGET_TARGET_H

#include "base/base.h"
#include "cli/cli.h"
#include "env/env.h"
#include "finding/finding.h"

/* ---- configuration ------------------------------------------------------------------------ */

enum hg_source_kind {
    HG_SOURCE_PROCESS, HG_SOURCE_DOTENV, HG_SOURCE_RAILWAY, HG_SOURCE_CONTAINER, HG_SOURCE_COMMAND
};
enum hg_source_format { HG_FORMAT_DOTENV, HG_FORMAT_JSON };

struct hg_source {
    enum hg_source_kind kind;
    char *file;                         /* dotenv: path as written; absolute in `path` */
    char *path;
    enum hg_dotenv_dialect dialect;
    bool override;                      /* dotenv: beats the process */
    bool optional;                      /* dotenv: a missing file is not an error */
    char *service, *environment, *project, *token_env; /* railway; NULL: not given */
    char *via;                          /* railway: "cli", or NULL: the API */
    char *container;                    /* container: name or id */
    struct hg_strv command;             /* command: argv of a program that prints variables */
    enum hg_source_format format;       /* of what it prints; dotenv in `dialect` */
    char *member;                       /* JSON: the object inside ("data.data"), NULL: the whole */
    int line, column;                   /* in headgate.yaml; 0: command line or default */
};
/* "process", "dotenv:FILE[:DIALECT]", "railway[:SERVICE[@ENVIRONMENT]]", "container:NAME": --from. */
int hg_source_parse(const char *text, const char *dir, struct hg_source *ret, struct hg_err *err);
void hg_source_done(struct hg_source *s);
/* "process", "backend/.env", "railway api@production", "container notebooklm-api", "command sops
 * (headgate.yaml:12)": for people. Heap. */
char *hg_source_shown(const struct hg_source *s);

enum hg_ledger_mode { HG_LEDGER_AUTO, HG_LEDGER_REQUIRED, HG_LEDGER_OFF, HG_LEDGER_FILE };
/* How the database is reached from here: by the first that leads there, by the address as it stands, never
 * through a tunnel, always through one, or through one that `railway ssh` carries. */
enum hg_route_kind {
    HG_ROUTE_AUTO, HG_ROUTE_DIRECT, HG_ROUTE_PUBLIC, HG_ROUTE_TUNNEL, HG_ROUTE_RAILWAY_SSH
};
enum hg_run_kind { HG_RUN_HOST, HG_RUN_CONTAINER, HG_RUN_COMMAND };

struct hg_waiver { char *rule, *revision, *reason, *until; }; /* revision may be NULL; until YYYY-MM-DD */
/* Revisions whose files were replaced by one: from first ("base": the beginning) to last, both of them
 * replaced too. */
struct hg_squash { char *replaces, *first, *last, *by; };
struct hg_rule_setting { char *rule; enum hg_severity severity; };

/* Who is told of a run (docs/guides/notify.md). Exactly one of webhook, webhook_env, slack_env and github
 * is given; *_env are names of variables, because their values are secrets. */
struct hg_notifier {
    char *webhook, *webhook_env;        /* an address */
    char *secret_env;                   /* signs what a webhook gets; NULL: unsigned */
    char *slack_env;                    /* address of an incoming webhook */
    char *github;                       /* OWNER/NAME */
    char *environment;                  /* GitHub's; NULL: the target's name */
    char *deployment_env;               /* id of a deployment; NULL, or not set: one is made */
    char *token_env;                    /* NULL: GITHUB_TOKEN */
    char *api;                          /* NULL: GITHUB_API_URL, else GitHub's own */
    struct hg_strv on;                  /* started, applied, failed, refused, locked, unchanged */
    bool required;
    int64_t timeout_ns;
};
/* The first of its variables that has to be set and is not, or holds what cannot be meant; *ret_why says so
 * ("is not set"), without the value. NULL: none. */
const char *hg_notifier_missing(const struct hg_notifier *n, const struct hg_vars *vars, const char **ret_why);
/* What such a variable holds, without the white space around it, as a file's last line end; NULL: nothing. */
const char *hg_notifier_value(const struct hg_vars *vars, const char *name, size_t *ret_len);
#define HG_NOTIFIER_TOKEN "GITHUB_TOKEN" /* the token_env that is not given */
/* What runs before and after a run. */
enum hg_hook_when { HG_HOOK_BEFORE, HG_HOOK_AFTER, HG_HOOK_ON_FAILURE };
#define HG_HOOK_WHENS 3
struct hg_hook {
    struct hg_strv command;
    int64_t timeout_ns;
    bool required;                      /* before: its failure refuses the run */
    bool environment;                   /* gets the target's variables, secrets included */
};
struct hg_telling {
    struct hg_notifier *notifiers;
    size_t notifier_count, notifier_cap;
    struct hg_hook *hooks[HG_HOOK_WHENS];
    size_t hook_count[HG_HOOK_WHENS], hook_cap[HG_HOOK_WHENS];
};
#define HG_BREAKER_OFF INT64_C(-1)

struct hg_target_config {
    char *name;
    bool named;                         /* stands in headgate.yaml */
    bool protected_;                    /* by configuration, or because it is remote and unnamed */
    bool require_plan;
    struct hg_source *sources;
    size_t source_count;
    enum hg_run_kind run;
    char *run_container;
    struct hg_strv run_command;         /* the migrator runs behind it: kubectl exec -i POD -- */
    enum hg_route_kind route;
    struct hg_strv tunnel_command;      /* runs the words behind it where a tunnel leads to; or empty */
    char *url;                          /* template, or NULL: DATABASE_URL */
    char *direct_url;                   /* template for apply past a pooler, or NULL */
    char *pooler;                       /* "session" when declared, else NULL */
    char *upgrade_to;                   /* head | heads | LABEL@head */
    struct hg_strv migrator_args;       /* such as -x tenant=a */
    char *driver;                       /* "headgate" | "plain" */
    char *pin_system_identifier, *pin_database, *pin_oid; /* identity; NULL: not pinned */
    enum hg_ledger_mode ledger;
    char *version_table, *version_table_schema; /* NULL: from env.py */
    int64_t connect_timeout_ns, lock_wait_ns, max_runtime_ns;
    int64_t lock_timeout_ns, statement_timeout_ns; /* 0: not chosen */
    int64_t lock_budget_ns;             /* how long a migration that meets locks is tried again */
    int64_t breaker_ns;                 /* how long others may wait for it; HG_BREAKER_OFF */
    char *on_breaker;                   /* "retry" | "stop" */
    int64_t throttle_lag_ns;            /* between revisions: replicas may lag so far; 0: not asked */
    char *throttle_query;               /* goes on when this returns true, or NULL */
    char *throttle_file;                /* waits while it exists, relative to headgate.yaml, or NULL */
    int64_t throttle_limit_ns;          /* longest wait */
    enum hg_severity fail_on;
    char *gate_base;                    /* NULL: origin/HEAD, main, master */
    int64_t plan_max_age_ns;            /* of a snapshot that a plan is made from; 0: any */
    char *gate_after;                   /* target that must have had the revisions first, or NULL */
    char *gate_receipt;                 /* file in which that target shows it; NULL: it is asked */
    char *gate_signers;                 /* who may sign that file (ssh); NULL: HEADGATE_LEDGER_KEY does */
    int64_t gate_soak_ns;               /* and for how long; 0: not given */
    struct hg_telling telling;          /* notify and hooks */
    char *bundle_signers;               /* who may sign a bundle (ssh's allowed_signers); or NULL */
    bool bundle_require_signature;
    char *broken;                       /* why this target cannot be used (${NAME} not set), or NULL */
    int line, column;                   /* of its name in headgate.yaml; 0: not from there */
};

/* What `headgate entrypoint` does where its command line says nothing; NULL, false, 0: nothing said. */
struct hg_entry_config {
    char *policy, *ahead, *liveness;
    bool init, group;
    int64_t timeout_ns;
};

struct hg_config {
    char *path;                         /* headgate.yaml, absolute; NULL: none */
    char *dir;                          /* its folder, else DIR; absolute */
    char *start_dir;                    /* DIR (-C, else where we were started), absolute */
    char *migrator_kind;                /* "alembic", or NULL: not given, which means the same */
    char *migrator_directory;           /* absolute, or NULL: look for alembic.ini */
    char *migrator_config;              /* relative to it, or NULL */
    struct hg_rule_setting *rules;
    size_t rule_count;
    struct hg_waiver *waivers;
    size_t waiver_count;
    struct hg_squash *squashes;
    size_t squash_count;
    struct hg_entry_config entry;
    struct hg_target_config *targets;
    size_t target_count;
    char *chosen;                       /* name of the target that the command line means */
    uint64_t digest;                    /* of the file's bytes, 0 without one */
};
/* Finds headgate.yaml (--config, HEADGATE_CONFIG, DIR, the repository's root above it) and reads it;
 * without one the defaults of CONTRACT.md. Errors: "headgate.yaml:12:7: expected …, got …; did you
 * mean `protected`?" */
int hg_config_load(const struct hg_common *common, struct hg_config *ret, struct hg_err *err);
/* The same from text, for tests, fuzzing and for the base branch's copy. ${NAME} stays as written. */
int hg_config_parse(const char *text, size_t len, const char *shown, const char *dir,
                    struct hg_config *ret, struct hg_err *err);
void hg_config_done(struct hg_config *c);
/* The squash that ended at this row, or NULL. */
const struct hg_squash *hg_config_squash_of(const struct hg_config *c, const char *row);
/* The target of that name, NULL meaning the one that -t, HEADGATE_TARGET, RAILWAY_ENVIRONMENT_NAME or
 * else `local` choose. NULL with *err (names listed) when there is none such, or when it is broken. */
const struct hg_target_config *hg_config_target(const struct hg_config *c, const char *name,
                                                struct hg_err *err);

/* ---- a resolved target ---------------------------------------------------------------------- */

struct hg_target {
    struct hg_config config;
    const struct hg_target_config *t;   /* points into config */
    struct hg_vars vars;                /* this process's environment, with source and secret marks */
    struct hg_vars original;            /* the environment from before resolving */
    struct hg_mask *mask;               /* of all secrets; installed as the log's filter */
    struct hg_mask **old_masks;         /* before hg_target_refresh; somebody may still use them */
    size_t old_mask_count;
    struct hg_strv old_secrets;         /* values that were replaced; masked all the same */
    char *url;                          /* as the migrator spells it; NULL when there is none */
    char *url_source;                   /* "DATABASE_URL from railway api@production" */
    int64_t source_ns;                  /* wall clock: when the address was read from there, */
    bool source_written;                /* or its file was last written; 0: not known */
    char *conninfo;                     /* for libpq, with route applied */
    char *direct_conninfo;              /* direct_url, or NULL */
    char *shown;                        /* "railway at shuttle.proxy.rlwy.net:15140", for people */
    char *host, *port, *database, *user;/* NULL: libpq's default */
    char *hostaddr;                     /* numeric address of a route. NULL: none */
    char *server_name, *server_port;    /* then: what the variables said; TLS asks for the name */
    char *route;                        /* sentence about a rewritten route, or NULL */
    bool remote;                        /* not loopback, a socket or a container's network */
    struct hg_findings findings;        /* HG5xx that resolving noticed */
    struct hg_strv warnings;            /* what else it noticed: hg_target_warn() prints it */
    struct hg_strv said;                /* lines that command sources wrote on stderr: likewise */
    struct hg_err error;                /* kind != NONE: resolving failed; verbs print it as theirs */
    const struct hg_source *via_cli;    /* resolving stopped here: see hg_target_via_cli */
};

/* What headgate-env asks for. original is the process's own environment, as given to it; set holds
 * NAME=VALUE, unset names. strict: a private host without a public address is an error rather than a
 * finding (verbs need the database, a foreign command may not). */
enum hg_tunnel_use {
    HG_TUNNEL_AUTO,     /* with strict, where nothing else leads there, and where headgate.yaml says so */
    HG_TUNNEL_NEVER,    /* nobody here connects (headgate exec) */
    HG_TUNNEL_WANTED,   /* env --tunnel: rewritten also where the migrator runs in a container */
};
struct hg_resolve {
    const struct hg_common *common;
    const struct hg_vars *original;
    const struct hg_strv *set, *unset;
    bool clean, allow_exec_names, strict;
    enum hg_tunnel_use tunnel;
};
/* Reads the sources. -1: the configuration or command line is wrong. 0 with ret->error set when
 * resolving failed: then ret->vars is the original less what the target's sources should have given. */
int hg_target_resolve(const struct hg_resolve *in, struct hg_target *ret, struct hg_err *err);
/* When hg_target_resolve stopped at t->via_cli: how to start `railway run` (ret_argv wants the command
 * appended; ret_envp: hg_vars_free_envp), with a descriptor that it must inherit. The command is to
 * resolve again: then it finds what the CLI gave. Kind CONFIG when there is no CLI. */
int hg_target_via_cli(const struct hg_target *t, int64_t timeout_ns, struct hg_strv *ret_argv,
                      char ***ret_envp, int *ret_fd, struct hg_err *err);
/* For headgate-env inside headgate-env: -1 with the error of the outer one, whose target this one
 * would otherwise silently replace by its own default. */
int hg_target_outer_error(const struct hg_common *common, struct hg_err *err);
/* After a -1 of hg_target_resolve: a target that has nothing but the error, for the state of a program
 * that is to print it in its own document. */
void hg_target_unresolved(const struct hg_resolve *in, const struct hg_err *error,
                          struct hg_target *ret);
/* For whoever resolved: the warnings, and with findings those too, on stderr, masked. Installs the
 * target's mask as the log's filter. */
void hg_target_warn(const struct hg_target *t, bool findings);
/* The state document for the program that is started with ret->vars; heap, wipe after use. chained:
 * made for exactly that program, which must not ask again. */
char *hg_target_state(const struct hg_target *t, const struct hg_common *common, bool chained);
/* Name and value of the variable by which a foreign command's own headgate knows whose connection
 * variables it inherits; value heap, NULL when there are none. */
#define HG_INJECTED_VAR "HEADGATE_INJECTED"
char *hg_target_injected(const struct hg_target *t);

/* For verbs that ask a database. offline: only configuration, nothing resolved. argv is that of the
 * program, to start it again through headgate-env. The error of a failed resolving is returned as
 * -1, so that the verb prints its own document; *ret is valid (config, t, vars, mask) even then, also
 * when headgate.yaml itself cannot be read (t is then an unnamed target with the defaults). */
int hg_target_open(const struct hg_common *common, int argc, char **argv, bool offline,
                   struct hg_target *ret, struct hg_err *err);
/* Before every connection but the first one: runs the command sources again, because what a vault
 * hands out may be short-lived, and puts variables, url, conninfo and mask in their place; the route
 * stays. What the commands write on stderr goes to the log. Nothing to do without such sources. On
 * -1 the old values stay. */
int hg_target_refresh(struct hg_target *t, const struct hg_common *common, struct hg_err *err);
void hg_target_done(struct hg_target *t);
/* The first line of every verb that asks a database: "production: railway at …, DATABASE_URL from …". */
char *hg_target_line(const struct hg_target *t);
/* The same on stderr, for verbs whose answer does not begin with it; nothing under -q. */
void hg_target_announce(const struct hg_target *t, const struct hg_common *common);
/* Environment for a Python that only reads files: from before resolving, less tokens and connection
 * variables. Release with hg_vars_free_envp. */
char **hg_target_plain_envp(const struct hg_target *t);
/* Where Alembic's files are by the command line and headgate.yaml; python_env as above, or NULL. */
struct hg_alembic_options hg_target_alembic_options(const struct hg_common *common,
                                                    const struct hg_config *config, char *const *python_env);
/* The names of the variables that such a Python misses, each with the value it may have all the same:
 * "" where it must say nothing, else a switch's own, or a number. New reference. */
json_t *hg_target_placeholders(const struct hg_target *t, char *const *plain);
/* The variable with the key for the HMAC of the files that the ledger keeps. The migrator does not get it. */
#define HG_LEDGER_KEY "HEADGATE_LEDGER_KEY"
/* What crosses to a container, or to where a command leads: what the target itself lists, never this
 * host's PATH or HOME. As "NAME=value", and as an object (new reference). */
void hg_target_crossing(const struct hg_vars *vars, struct hg_strv *ret);
json_t *hg_target_crossing_json(const struct hg_vars *vars);
/* What is wrong with the dotenv files among the target's sources, for doctor: HG515 for each line that
 * another tool reads differently (path and line set, values never shown), HG516 for secrets in a file
 * that git tracks or everybody can read. Files that are not there are left out. Needs t->t and
 * t->original only; runs git. -1 when a file cannot be read or its dialect refuses it. */
int hg_target_check_dotenv(const struct hg_target *t, struct hg_findings *ret, struct hg_err *err);
/* Is the bundle that was read from `path` signed as the target wants it: with bundle.require_signature, by one
 * of bundle.signers; without, only a signature that is there must be good? What is not is HG257 in *ret.
 * signers: that file instead, and a signature is wanted; NULL: the configuration's. -1: the configuration is
 * wrong, or ssh-keygen could not be run. */
struct hg_bundle;
int hg_target_bundle_signed(const struct hg_target *target, const char *path, const struct hg_bundle *b,
                            const char *signers, struct hg_findings *ret, struct hg_err *err);
/* The same by the configuration, for those who go no further: -1 and HG257 in *ret for one that is not. */
int hg_target_bundle_trusted(const struct hg_target *target, const char *path, const struct hg_bundle *b,
                             struct hg_findings *ret, struct hg_err *err);
/* Does the configuration say anything of signatures? Such a bundle is read whole before anything is asked. */
bool hg_target_bundle_signing(const struct hg_target *target);
/* <state dir> of CONTRACT.md; heap. */
char *hg_target_state_dir(const struct hg_target *t);

#endif
