/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/target/internal.h - what the files of this package share: the schema of headgate.yaml, the
 * reader that walks it, and the state document. */
#ifndef HG_TARGET_INTERNAL_H
#define HG_TARGET_INTERNAL_H

#include "target.h"

#include <yaml.h>

/* ---- the schema of headgate.yaml (schema.c) ------------------------------------------------- */

/* What a key holds, and so how it is read and what the JSON Schema says. */
enum hg_key_type {
    HG_KEY_STRING,   /* char *; ${NAME} is replaced */
    HG_KEY_TEMPLATE, /* char *; ${NAME} is replaced later, by the target's own variables */
    HG_KEY_BOOL,     /* bool: true or false, nothing else */
    HG_KEY_DURATION, /* int64_t nanoseconds: 90, 1.5, 250ms, 10s, 5min, 2h, 1d */
    HG_KEY_ENUM,     /* int-sized enum: position in `values` plus `first` */
    HG_KEY_CHOICE,   /* char *: one of `values` */
    HG_KEY_STRINGS,  /* struct hg_strv */
    HG_KEY_DATE,     /* char *: YYYY-MM-DD */
    HG_KEY_MAP,      /* further keys, in the same object */
    HG_KEY_CUSTOM,   /* `read` does it, `schema` describes it */
};

struct hg_yaml;

struct hg_key {
    const char *name; /* NULL ends a table */
    enum hg_key_type type;
    size_t offset;
    const char *values;
    int first;
    const struct hg_key *keys;
    int (*read)(struct hg_yaml *y, yaml_node_t *node, void *object);
    const char *schema; /* HG_KEY_CUSTOM: JSON */
    const char *expected; /* HG_KEY_CUSTOM: "a list of sources", for messages and docs */
    const char *fallback; /* default, for docs; NULL: none */
    bool required;
    const char *with;   /* the key without which it means nothing, and is refused; for the published schema */
    bool last;          /* read after its siblings, because it starts from what they say */
    const char *help;
};

/* The document while it is read. */
struct hg_document {
    struct hg_config config;
    struct hg_target_config defaults; /* what stands above `targets` */
};
extern const struct hg_key hg_schema_document[];
extern const struct hg_key hg_schema_target[];
extern const struct hg_key hg_schema_waiver[];
extern const struct hg_key hg_schema_squash[];
extern const struct hg_key hg_schema_dotenv[];
extern const struct hg_key hg_schema_railway[];
extern const struct hg_key hg_schema_container[];
extern const struct hg_key hg_schema_command[];
extern const struct hg_key hg_schema_run_command[];
extern const struct hg_key hg_schema_notifier[];
extern const struct hg_key hg_schema_hook[];

/* Caps: nobody's configuration is larger, and an enemy's stays cheap. */
#define HG_YAML_FILE_MAX   ((size_t)256 << 10)
#define HG_YAML_DEPTH_MAX  12
#define HG_YAML_NODES_MAX  20000
#define HG_YAML_STRING_MAX ((size_t)4096)
#define HG_YAML_LIST_MAX   500
#define HG_DOTENV_FILE_MAX ((size_t)4 << 20) /* larger than any environment that execve takes */

/* ---- reading (yaml.c) ------------------------------------------------------------------------ */

struct hg_yaml {
    yaml_document_t *doc;
    const char *shown;             /* "headgate.yaml" */
    const char *dir;               /* its folder, for paths in it */
    const struct hg_vars *vars;    /* for ${NAME}; NULL: strings stay as written */
    struct hg_target_config *into; /* the target being read, NULL above `targets` */
    struct hg_err *err;
};

/* Reads text as one YAML document and then the table; *object is half-filled on failure. */
int hg_yaml_read(struct hg_yaml *y, const char *text, size_t len, const struct hg_key *keys,
                 void *object);
/* Pieces for HG_KEY_CUSTOM. where names the mapping in messages ("targets.production"). */
int hg_yaml_map(struct hg_yaml *y, yaml_node_t *node, const struct hg_key *keys, const char *where,
                void *object);
int hg_yaml_string(struct hg_yaml *y, yaml_node_t *node, bool expand, char **ret);
yaml_node_t *hg_yaml_node(struct hg_yaml *y, int index);
const char *hg_yaml_text(const yaml_node_t *node);
bool hg_yaml_has(struct hg_yaml *y, const yaml_node_t *map, const char *key);
/* "headgate.yaml:12:7: …": -1 with *err of kind CONFIG. */
int hg_yaml_fail(struct hg_yaml *y, const yaml_node_t *node, const char *fmt, ...) HG_PRINTF(3, 4);
/* "expected WHAT, got …" */
int hg_yaml_expected(struct hg_yaml *y, const yaml_node_t *node, const char *what);
const char *hg_key_near(const struct hg_key *keys, const char *word);

/* A container as a mapping says it (container.c); *ret is the spelling of hg_docker_find. */
int hg_config_read_container(struct hg_yaml *y, yaml_node_t *map, const char *where, char **ret);

/* ---- configuration --------------------------------------------------------------------------- */

void hg_target_config_init(struct hg_target_config *t);
void hg_target_config_copy(struct hg_target_config *to, const struct hg_target_config *from);
void hg_target_config_done(struct hg_target_config *t);
/* As hg_config_load, with the process's own variables given (they choose the target, and replace
 * ${NAME}). settled: common->target comes from a state, and so may stand in no file. */
int hg_config_load_vars(const struct hg_common *common, const struct hg_vars *vars, bool settled,
                        struct hg_config *ret, struct hg_err *err);
/* For a file that cannot be read: one unnamed target, so that a verb can still print its document. */
void hg_config_fallback(const struct hg_common *common, const struct hg_vars *vars,
                        struct hg_config *ret);
/* The folder of alembic.ini; heap, NULL when none is found. alembic_config may be NULL. */
char *hg_config_alembic_dir(const struct hg_config *c, const char *alembic_config, const char *dir);
/* Sources of a target's `environment` list. */
int hg_config_read_sources(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_run(struct hg_yaml *y, yaml_node_t *node, void *object);
/* A program with a '/' in its name is relative to headgate.yaml. */
void hg_config_command_path(struct hg_yaml *y, struct hg_strv *argv);
int hg_config_read_rules(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_waivers(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_targets(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_breaker(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_squash(struct hg_yaml *y, yaml_node_t *node, void *object);
void hg_squash_done(struct hg_squash *s);
/* notify.c: for a target, or above `targets`. */
int hg_config_read_notify(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_hooks_before(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_hooks_after(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_hooks_on_failure(struct hg_yaml *y, yaml_node_t *node, void *object);
void hg_telling_copy(struct hg_telling *to, const struct hg_telling *from);
void hg_telling_done(struct hg_telling *t);
/* Is it the variable of an address, key or token? */
bool hg_telling_names(const struct hg_telling *t, const char *variable);
/* The secrets that its variables hold. */
void hg_telling_mask(const struct hg_telling *t, const struct hg_vars *vars, struct hg_mask *mask);
int hg_config_read_version(struct hg_yaml *y, yaml_node_t *node, void *object);

/* ---- resolving ------------------------------------------------------------------------------- */

/* One resolving under way: what every step of it needs. */
struct hg_resolving {
    const struct hg_resolve *in;
    struct hg_target *t;
    struct hg_strv template_names; /* variables named in url and direct_url */
    struct hg_strv sealed;         /* Railway says that they exist, not what they are */
    struct hg_strv railway_ssh;    /* runs the words behind it in the Railway source's service */
    bool pull_request;             /* the Railway environment is one of a pull request */
    json_t *routes;                /* of the Railway program, array or NULL */
    bool process_listed;           /* connection variables may come from the process */
    bool inside;                   /* the process environment is the Railway service's own */
    struct hg_vars cli_given;      /* below `railway run`: what it gave, and for which source */
    char *cli_key;
    int64_t deadline_ns;           /* monotonic */
    const int *keep_fds;           /* what the next program that is asked inherits, or NULL */
    struct hg_err *err;
};

/* Is it one of those that DESIGN 5 lets come from the listed sources only? */
bool hg_resolve_is_connection(const struct hg_strv *template_names, const char *name);
void hg_resolve_template_names(const char *text, struct hg_strv *names);
/* The source of a variable without the line ("backend/.env:12" is of "backend/.env"). Heap. */
char *hg_resolve_origin(const struct hg_var *v);
int hg_resolve_sources(struct hg_resolving *r);              /* sources.c; 1: stopped at t->via_cli */
void hg_resolve_sealed(struct hg_resolving *r);              /* sealed.c: names those that are missed */
bool hg_resolve_pr_environment(const char *name);
void hg_resolve_below_cli(struct hg_resolving *r);           /* via_cli.c: the environment from before */
int hg_resolve_via_cli(struct hg_resolving *r, const struct hg_source *s);
/* "NAME of LABEL is left out": a remote source must not say what programs here execute. */
void hg_resolve_left_out(struct hg_resolving *r, const char *name, const char *label);
void hg_resolve_say(const struct hg_target *t);              /* t->said, to the log */
int hg_resolve_command(struct hg_resolving *r, const struct hg_source *s); /* command.c */
int hg_resolve_file_secrets(struct hg_resolving *r);         /* files.c */
int hg_resolve_url(struct hg_resolving *r);                  /* address.c: url, url_source, parts */
void hg_resolve_note_age(struct hg_resolving *r, const char *origin); /* age.c: t->source_ns */
int hg_resolve_routes(struct hg_resolving *r);               /* route.c */
/* After the sources were read again: the address by the route that was found before, to this host
 * and port. */
int hg_resolve_keep_route(struct hg_resolving *r, const char *host, const char *port);
/* A deployment has variables that `railway run` on a developer's machine has not. */
bool hg_resolve_in_deployment(const struct hg_vars *v);
/* address.c: `url:` or `direct_url:` with its variables; both heap. */
int hg_resolve_template(struct hg_resolving *r, const char *template, char **ret_url,
                        char **ret_source);
/* conninfo.c: conninfo, shown, remote and protected, once the route is known. */
void hg_resolve_finish_address(struct hg_resolving *r);
/* Runs headgate-source-NAME (beside us) with a request, gives its answer; new reference. The
 * answer's error becomes *err. */
int hg_resolve_ask(struct hg_resolving *r, const char *program, json_t *request, json_t **ret);
/* A new t->mask of all that is secret in t; the one before is kept in old_masks. */
void hg_resolve_mask(struct hg_target *t);                   /* mask.c */
/* json string member or NULL. */
const char *hg_member(const json_t *object, const char *key);
void hg_decrefp(json_t **j);

/* ---- the state that travels ------------------------------------------------------------------- */

#define HG_STATE_VAR "HEADGATE_STATE_FD"
#define HG_STATE_MAX ((size_t)32 << 20) /* an environment is at most a few MiB */

struct hg_state {
    json_t *doc;
    bool chained;
    bool ours; /* headgate-env became this very process, whether its state could be read or not */
};
/* From text; -1 when it is not a state document (fuzzed). */
int hg_state_parse(const char *text, size_t len, struct hg_state *ret, struct hg_err *err);
/* The state we inherited, its descriptor closed and the variable removed; doc NULL: none. */
void hg_state_inherit(struct hg_state *ret);
void hg_state_done(struct hg_state *s);
/* The environment from before resolving. */
void hg_state_original(const struct hg_state *s, const struct hg_vars *now, struct hg_vars *ret);
/* Is it for this target and configuration? */
bool hg_state_matches(const struct hg_state *s, const struct hg_config *c,
                      const struct hg_target_config *t, const struct hg_common *common);
/* Fills t (url, marks of vars, findings, error…). */
void hg_state_apply(const struct hg_state *s, struct hg_target *t);
/* The error of a failed resolving; kind NONE when there is none. */
void hg_state_error(const struct hg_state *s, struct hg_err *ret);
char *hg_state_target(const struct hg_state *s); /* heap, or NULL */

#endif
