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
extern const struct hg_key hg_schema_dotenv[];
extern const struct hg_key hg_schema_railway[];
extern const struct hg_key hg_schema_container[];

/* Caps: nobody's configuration is larger, and an enemy's stays cheap. */
#define HG_YAML_FILE_MAX   ((size_t)256 << 10)
#define HG_YAML_DEPTH_MAX  12
#define HG_YAML_NODES_MAX  20000
#define HG_YAML_STRING_MAX ((size_t)4096)
#define HG_YAML_LIST_MAX   500

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
/* "headgate.yaml:12:7: …": -1 with *err of kind CONFIG. */
int hg_yaml_fail(struct hg_yaml *y, const yaml_node_t *node, const char *fmt, ...) HG_PRINTF(3, 4);
/* "expected WHAT, got …" */
int hg_yaml_expected(struct hg_yaml *y, const yaml_node_t *node, const char *what);
const char *hg_key_near(const struct hg_key *keys, const char *word);

/* ---- configuration --------------------------------------------------------------------------- */

void hg_target_config_init(struct hg_target_config *t);
void hg_target_config_copy(struct hg_target_config *to, const struct hg_target_config *from);
void hg_target_config_done(struct hg_target_config *t);
/* As hg_config_load, with the process's own variables given (they choose the target, and replace
 * ${NAME}). */
int hg_config_load_vars(const struct hg_common *common, const struct hg_vars *vars,
                        struct hg_config *ret, struct hg_err *err);
/* Sources of a target's `environment` list. */
int hg_config_read_sources(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_run(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_rules(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_waivers(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_targets(struct hg_yaml *y, yaml_node_t *node, void *object);
int hg_config_read_version(struct hg_yaml *y, yaml_node_t *node, void *object);

#endif
