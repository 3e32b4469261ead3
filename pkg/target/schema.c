/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of headgate.yaml: reading it, the JSON Schema for editors and the tables of
 * docs/configuration.md all come from here.
 */
#include "internal.h"

#define TARGET(field)   offsetof(struct hg_target_config, field)
#define DEFAULT(field)  offsetof(struct hg_document, defaults.field)
#define DOCUMENT(field) offsetof(struct hg_document, config.field)

/* How the migrator runs, and so what may stand under `migrator`. */
#define MIGRATOR_KEYS(at)                                                                          \
    { "upgrade_to", HG_KEY_STRING, at(upgrade_to), .fallback = "`head`",                           \
      .help = "what `apply` upgrades to: head, heads or LABEL@head" },                             \
    { "args", HG_KEY_STRINGS, at(migrator_args),                                                   \
      .help = "arguments for the migrator, such as [-x, tenant=a]" },                              \
    { "driver", HG_KEY_CHOICE, at(driver), .values = "headgate|plain",                             \
      .fallback = "`headgate`", .help = "run the migrator on the leash, or bare" },                \
    { "version_table", HG_KEY_STRING, at(version_table),                                           \
      .help = "name of Alembic's version table, when env.py sets it by code" },                    \
    { "version_table_schema", HG_KEY_STRING, at(version_table_schema),                             \
      .help = "schema of Alembic's version table, likewise" }

/* What may stand in a target and, as the default of all targets, above `targets`. */
#define COMMON_KEYS(at)                                                                            \
    { "notify", HG_KEY_CUSTOM, 0, .read = hg_config_read_notify, .expected = "a list of notifications", \
      .schema = "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/notifier\"}}",                    \
      .help = "who is told of a run" },                                                            \
    { "hooks", HG_KEY_MAP, .keys = hooks, .help = "commands around a run" },                       \
    { "url", HG_KEY_TEMPLATE, at(url), .fallback = "`${DATABASE_URL}`",                            \
      .help = "database address put together from the target's variables" },                       \
    { "direct_url", HG_KEY_TEMPLATE, at(direct_url),                                               \
      .help = "address past a connection pooler, for apply" },                                     \
    { "pooler", HG_KEY_CHOICE, at(pooler), .values = "session",                                    \
      .help = "declares that the pooler in the way keeps sessions" },                              \
    MIGRATOR_KEYS(at),                                                                             \
    { "ledger", HG_KEY_ENUM, at(ledger), .values = "auto|required|off|file",                       \
      .fallback = "`auto`", .help = "where apply keeps its record" },                              \
    { "connect_timeout", HG_KEY_DURATION, at(connect_timeout_ns), .fallback = "`10s`",             \
      .help = "longest wait for a connection" },                                                   \
    { "lock_timeout", HG_KEY_DURATION, at(lock_timeout_ns),                                        \
      .fallback = "`2s`, or less where the address says so",                                       \
      .help = "the migrator's lock_timeout" },                                                     \
    { "lock_budget", HG_KEY_DURATION, at(lock_budget_ns), .fallback = "`5min`",                    \
      .help = "how long a migration that could not get a lock is tried again" },                   \
    { "breaker", HG_KEY_CUSTOM, 0, .read = hg_config_read_breaker,                                 \
      .expected = "a duration, or off",                                                            \
      .schema = "{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"string\"},{\"const\":false}]}",     \
      .fallback = "`3s`", .help = "cancel the migration when others have waited so long for it" }, \
    { "on_breaker", HG_KEY_CHOICE, at(on_breaker), .values = "retry|stop", .fallback = "`retry`",  \
      .help = "and then" },                                                                        \
    { "statement_timeout", HG_KEY_DURATION, at(statement_timeout_ns),                              \
      .fallback = "what the address says, else none",                                              \
      .help = "the migrator's statement_timeout" },                                                \
    { "lock_wait", HG_KEY_DURATION, at(lock_wait_ns), .fallback = "`10min`",                       \
      .help = "longest wait for another apply" },                                                  \
    { "max_runtime", HG_KEY_DURATION, at(max_runtime_ns),                                          \
      .help = "longest run of the migrator" }

#define NOTIFIER(field) offsetof(struct hg_notifier, field)
#define HOOK(field)     offsetof(struct hg_hook, field)

const struct hg_key hg_schema_notifier[] = {
    { "webhook", HG_KEY_STRING, NOTIFIER(webhook), .help = "address that gets the JSON document" },
    { "webhook_env", HG_KEY_STRING, NOTIFIER(webhook_env),
      .help = "instead: variable that holds such an address, where it is a secret" },
    { "secret_env", HG_KEY_STRING, NOTIFIER(secret_env),
      .help = "variable that holds the key which signs what a webhook gets" },
    { "slack_env", HG_KEY_STRING, NOTIFIER(slack_env),
      .help = "instead: variable that holds the address of an incoming webhook of Slack or its like" },
    { "github", HG_KEY_STRING, NOTIFIER(github),
      .help = "instead: OWNER/NAME of the repository whose deployment gets a status" },
    { "environment", HG_KEY_STRING, NOTIFIER(environment), .fallback = "the target's name",
      .help = "the deployment's environment" },
    { "deployment_env", HG_KEY_STRING, NOTIFIER(deployment_env),
      .help = "variable that holds the deployment's id; where it is not set, a deployment is made" },
    { "token_env", HG_KEY_STRING, NOTIFIER(token_env), .fallback = "`GITHUB_TOKEN`",
      .help = "variable that holds GitHub's token" },
    { "api", HG_KEY_STRING, NOTIFIER(api), .fallback = "`GITHUB_API_URL`, else GitHub's own",
      .help = "address of GitHub's API" },
    { "on", HG_KEY_STRINGS, NOTIFIER(on), .fallback = "`[started, applied, failed]`",
      .help = "of what: started, applied, failed, refused, locked, unchanged" },
    { "required", HG_KEY_BOOL, NOTIFIER(required), .fallback = "`false`",
      .help = "a run whose start cannot be told is refused, one whose end cannot be told fails" },
    { "timeout", HG_KEY_DURATION, NOTIFIER(timeout_ns), .fallback = "`5s`",
      .help = "for all attempts together; at most 10s, where it is required 60s" },
    { 0 },
};

const struct hg_key hg_schema_hook[] = {
    { "command", HG_KEY_STRINGS, HOOK(command), .required = true,
      .help = "program and arguments, started in the folder of headgate.yaml" },
    { "timeout", HG_KEY_DURATION, HOOK(timeout_ns), .fallback = "`60s`",
      .help = "after that it is ended" },
    { "required", HG_KEY_BOOL, HOOK(required), .fallback = "`false`",
      .help = "`before` only: its failure refuses the run" },
    { "environment", HG_KEY_BOOL, HOOK(environment), .fallback = "`false`",
      .help = "it gets the target's variables too, secrets included" },
    { 0 },
};

#define HOOKS_SCHEMA "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/hook\"}}"
static const struct hg_key hooks[] = {
    { "before", HG_KEY_CUSTOM, 0, .read = hg_config_read_hooks_before, .expected = "a list of hooks",
      .schema = HOOKS_SCHEMA, .help = "before the migrator starts, when the gate is open and the lock held" },
    { "after", HG_KEY_CUSTOM, 0, .read = hg_config_read_hooks_after, .expected = "a list of hooks",
      .schema = HOOKS_SCHEMA, .help = "after a run that did what was planned" },
    { "on_failure", HG_KEY_CUSTOM, 0, .read = hg_config_read_hooks_on_failure,
      .expected = "a list of hooks", .schema = HOOKS_SCHEMA,
      .help = "after a run that did not, once `before` was reached" },
    { 0 },
};

/* Points between revisions, where each is committed before the next one begins. */
#define THROTTLE_KEYS(at)                                                                          \
    { "replica_lag", HG_KEY_DURATION, at(throttle_lag_ns),                                         \
      .help = "between two revisions: wait while a replica lags more" },                           \
    { "query", HG_KEY_STRING, at(throttle_query),                                                  \
      .help = "wait until this SELECT returns true" },                                             \
    { "file", HG_KEY_STRING, at(throttle_file),                                                    \
      .help = "wait while this file exists (relative to headgate.yaml)" },                         \
    { "limit", HG_KEY_DURATION, at(throttle_limit_ns), .fallback = "`1h`",                         \
      .help = "longest wait; then the run ends with what is in" }

#define SOURCE(field) offsetof(struct hg_source, field)

const struct hg_key hg_schema_dotenv[] = {
    { "dotenv", HG_KEY_STRING, SOURCE(file), .required = true,
      .help = "file, relative to headgate.yaml" },
    { "dialect", HG_KEY_ENUM, SOURCE(dialect), .values = "compose|docker|python-dotenv|node",
      .fallback = "`compose`", .help = "whose rules the file follows" },
    { "override", HG_KEY_BOOL, SOURCE(override), .fallback = "`false`",
      .help = "let the file beat what the process already has" },
    { "optional", HG_KEY_BOOL, SOURCE(optional), .fallback = "`false`",
      .help = "a missing file is not an error" },
    { 0 },
};

const struct hg_key hg_schema_railway[] = {
    { "service", HG_KEY_STRING, SOURCE(service), .help = "service, by name or id" },
    { "environment", HG_KEY_STRING, SOURCE(environment), .help = "environment, by name or id" },
    { "project", HG_KEY_STRING, SOURCE(project), .help = "project, by name or id" },
    { "token_env", HG_KEY_STRING, SOURCE(token_env), .fallback = "`RAILWAY_TOKEN`",
      .help = "variable that holds the token" },
    { "via", HG_KEY_CHOICE, SOURCE(via), .values = "api|cli", .fallback = "`api`",
      .help = "ask Railway itself, or run below the real `railway run`" },
    { 0 },
};

const struct hg_key hg_schema_command[] = {
    { "command", HG_KEY_STRINGS, SOURCE(command), .required = true,
      .help = "program and arguments; it prints the variables" },
    { "format", HG_KEY_ENUM, SOURCE(format), .values = "dotenv|json", .required = true,
      .help = "what it prints" },
    { "dialect", HG_KEY_ENUM, SOURCE(dialect), .values = "compose|docker|python-dotenv|node",
      .fallback = "as for `dotenv`", .help = "whose rules its dotenv lines follow" },
    { "member", HG_KEY_STRING, SOURCE(member),
      .help = "the object inside its JSON that holds the variables, such as data.data" },
    { 0 },
};

const struct hg_key hg_schema_run_command[] = {
    { "command", HG_KEY_STRINGS, TARGET(run_command), .required = true,
      .help = "what the migrator's own command line is put behind; it passes on stdin, stdout and "
              "stderr" },
    { 0 },
};

static const struct hg_key target_migrator[] = { MIGRATOR_KEYS(TARGET), { 0 } };

static const struct hg_key target_identity[] = {
    { "system_identifier", HG_KEY_STRING, TARGET(pin_system_identifier),
      .help = "of the server, as `headgate target pin` prints it" },
    { "database", HG_KEY_STRING, TARGET(pin_database), .help = "name of the database" },
    { "oid", HG_KEY_STRING, TARGET(pin_oid), .help = "oid of the database" },
    { 0 },
};

static const struct hg_key target_plan[] = {
    { "max_age", HG_KEY_DURATION, TARGET(plan_max_age_ns),
      .help = "how old a snapshot may be that a plan is made from" },
    { 0 },
};

static const struct hg_key target_gate[] = {
    { "after", HG_KEY_STRING, TARGET(gate_after),
      .help = "target that must have had the revisions first" },
    { "soak", HG_KEY_DURATION, TARGET(gate_soak_ns), .with = "after", .help = "and for how long" },
    { "receipt", HG_KEY_STRING, TARGET(gate_receipt), .with = "after",
      .help = "file in which it shows that (`headgate ledger export --receipt`); else it is asked" },
    { "signers", HG_KEY_STRING, TARGET(gate_signers), .with = "receipt",
      .help = "allowed_signers of ssh for the receipt; else HEADGATE_LEDGER_KEY verifies it" },
    { "fail_on", HG_KEY_ENUM, TARGET(fail_on), .values = "note|warning|error",
      .first = HG_SEV_NOTE, .fallback = "`error`", .help = "severity that shuts the gate" },
    { "base", HG_KEY_STRING, TARGET(gate_base), .help = "branch that changes are judged against" },
    { 0 },
};

#define SOURCES_SCHEMA                                                                             \
    "{\"type\":\"array\",\"minItems\":1,\"items\":{\"oneOf\":["                                    \
    "{\"type\":\"string\",\"pattern\":\"^(process|railway|dotenv:.+|railway:.+|container:.+)$\"}," \
    "{\"$ref\":\"#/$defs/dotenv\"},{\"$ref\":\"#/$defs/railway\"},"                                \
    "{\"$ref\":\"#/$defs/container\"},{\"$ref\":\"#/$defs/command\"}]}}"

static const struct hg_key target_tunnel[] = {
    { "command", HG_KEY_STRINGS, TARGET(tunnel_command),
      .help = "runs what stands behind it in the database's network, such as [railway, ssh]" },
    { 0 },
};

#define BUNDLE_KEYS(WHERE)                                                                         \
    { "signers", HG_KEY_STRING, WHERE(bundle_signers),                                             \
      .help = "file that says who may sign a bundle (allowed_signers of ssh)" },                   \
    { "require_signature", HG_KEY_BOOL, WHERE(bundle_require_signature), .fallback = "`false`",    \
      .help = "a bundle without a valid signature is refused" }

static const struct hg_key target_bundle[] = {
    BUNDLE_KEYS(TARGET),
    { 0 },
};

static const struct hg_key document_bundle[] = {
    BUNDLE_KEYS(DEFAULT),
    { 0 },
};

static const struct hg_key target_throttle[] = { THROTTLE_KEYS(TARGET), { 0 } };

const struct hg_key hg_schema_target[] = {
    { "environment", HG_KEY_CUSTOM, 0, .read = hg_config_read_sources,
      .expected = "a list of sources", .schema = SOURCES_SCHEMA, .fallback = "`[process]`",
      .help = "where its variables come from; later ones win" },
    { "run", HG_KEY_CUSTOM, 0, .read = hg_config_read_run,
      .expected = "`host`, a container or { command: [PROGRAM, …] }", .fallback = "`host`",
      .schema = "{\"oneOf\":[{\"const\":\"host\"},{\"$ref\":\"#/$defs/container\"},"
                "{\"$ref\":\"#/$defs/run_command\"}]}",
      .help = "where the migrator runs" },
    { "route", HG_KEY_ENUM, TARGET(route), .values = "auto|direct|public|tunnel|railway-ssh",
      .first = HG_ROUTE_AUTO, .fallback = "`auto`", .help = "how the database is reached from here" },
    { "tunnel", HG_KEY_MAP, .keys = target_tunnel, .help = "through what, where it is no container" },
    { "protected", HG_KEY_BOOL, TARGET(protected_), .fallback = "`false`",
      .help = "changing it asks for its name, or needs --yes" },
    { "require_plan", HG_KEY_BOOL, TARGET(require_plan), .fallback = "`false`",
      .help = "apply wants a pinned plan" },
    { "identity", HG_KEY_MAP, .keys = target_identity, .help = "the database it must be" },
    { "gate", HG_KEY_MAP, .keys = target_gate, .help = "what must hold before a migration" },
    { "plan", HG_KEY_MAP, .keys = target_plan, .help = "what a plan may be made from" },
    { "bundle", HG_KEY_MAP, .keys = target_bundle, .help = "which bundles may be applied" },
    { "throttle", HG_KEY_MAP, .keys = target_throttle, .help = "what holds the next revision back" },
    { "migrator", HG_KEY_MAP, .keys = target_migrator,
      .help = "how the migrator is run here; the same keys may stand in the target itself" },
    COMMON_KEYS(TARGET),
    { 0 },
};

static const struct hg_key document_migrator[] = {
    { "kind", HG_KEY_CHOICE, DOCUMENT(migrator_kind), .values = "alembic", .fallback = "`alembic`",
      .help = "the migration tool" },
    { "directory", HG_KEY_STRING, DOCUMENT(migrator_directory),
      .help = "folder where the migrator is started" },
    { "config", HG_KEY_STRING, DOCUMENT(migrator_config), .fallback = "`alembic.ini`",
      .help = "its configuration file, relative to the folder" },
    MIGRATOR_KEYS(DEFAULT),
    { 0 },
};

const struct hg_key hg_schema_waiver[] = {
    { "rule", HG_KEY_STRING, offsetof(struct hg_waiver, rule), .required = true,
      .help = "rule id" },
    { "revision", HG_KEY_STRING, offsetof(struct hg_waiver, revision),
      .help = "only for this revision" },
    { "reason", HG_KEY_STRING, offsetof(struct hg_waiver, reason), .required = true,
      .help = "why it is all right" },
    { "until", HG_KEY_DATE, offsetof(struct hg_waiver, until), .required = true,
      .help = "last day, YYYY-MM-DD" },
    { 0 },
};

const struct hg_key hg_schema_squash[] = {
    { "replaces", HG_KEY_STRING, offsetof(struct hg_squash, replaces), .required = true,
      .help = "FIRST..LAST: the ends of what was replaced, both part of it; base..LAST: all up to LAST" },
    { "by", HG_KEY_STRING, offsetof(struct hg_squash, by), .required = true,
      .help = "the revision that stands for them now" },
    { 0 },
};

static const struct hg_key document_gate[] = {
    { "base", HG_KEY_STRING, DEFAULT(gate_base), .fallback = "`origin/HEAD`, main, master",
      .help = "branch that changes are judged against" },
    { "fail_on", HG_KEY_ENUM, DEFAULT(fail_on), .values = "note|warning|error",
      .first = HG_SEV_NOTE, .fallback = "`error`", .help = "severity that shuts the gate" },
    { "rules", HG_KEY_CUSTOM, 0, .read = hg_config_read_rules,
      .expected = "severities by rule id, such as { HG310: off }",
      .schema = "{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^HG[0-9]+$\"},"
                "\"additionalProperties\":{\"enum\":[\"off\",\"note\",\"warning\",\"error\",false]}}",
      .help = "severities other than the default" },
    { "waive", HG_KEY_CUSTOM, 0, .read = hg_config_read_waivers, .expected = "a list of waivers",
      .schema = "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/waiver\"}}",
      .help = "findings that are known and accepted" },
    { 0 },
};

static const struct hg_key document_plan[] = {
    { "max_age", HG_KEY_DURATION, DEFAULT(plan_max_age_ns),
      .help = "how old a snapshot may be that a plan is made from" },
    { 0 },
};

static const struct hg_key document_entrypoint[] = {
    { "policy", HG_KEY_CHOICE, DOCUMENT(entry.policy), .values = "apply|verify|wait|none",
      .fallback = "`apply`", .help = "what a starting container does when something is pending" },
    { "ahead", HG_KEY_CHOICE, DOCUMENT(entry.ahead), .values = "proven|refuse|allow",
      .fallback = "`proven`", .help = "whether it starts on a database that is ahead of its image" },
    { "init", HG_KEY_BOOL, DOCUMENT(entry.init), .fallback = "`false`",
      .help = "stay as process 1 beside the application" },
    { "group", HG_KEY_BOOL, DOCUMENT(entry.group), .fallback = "`false`",
      .help = "the same; signals go to its whole process group" },
    { "liveness", HG_KEY_STRING, DOCUMENT(entry.liveness), .help = "port for probes; never PORT" },
    { "timeout", HG_KEY_DURATION, DOCUMENT(entry.timeout_ns), .fallback = "`5min`",
      .help = "longest wait for the database, and with `wait` for somebody to migrate it" },
    { 0 },
};

static const struct hg_key document_throttle[] = { THROTTLE_KEYS(DEFAULT), { 0 } };

const struct hg_key hg_schema_document[] = {
    { "version", HG_KEY_CUSTOM, 0, .read = hg_config_read_version, .expected = "1",
      .schema = "{\"const\":1}", .required = true, .help = "version of this format" },
    { "migrator", HG_KEY_MAP, .keys = document_migrator, .help = "the migrator and where it is" },
    { "gate", HG_KEY_MAP, .keys = document_gate, .help = "the policy over findings" },
    { "squash", HG_KEY_CUSTOM, 0, .read = hg_config_read_squash, .expected = "a list of squashes",
      .schema = "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/squash\"}}",
      .help = "revisions whose files were replaced by one" },
    { "plan", HG_KEY_MAP, .keys = document_plan, .help = "what a plan may be made from" },
    { "entrypoint", HG_KEY_MAP, .keys = document_entrypoint,
      .help = "how a container starts (`headgate entrypoint`)" },
    { "bundle", HG_KEY_MAP, .keys = document_bundle, .help = "which bundles may be applied" },
    { "throttle", HG_KEY_MAP, .keys = document_throttle, .help = "what holds the next revision back" },
    { "targets", HG_KEY_CUSTOM, 0, .read = hg_config_read_targets,
      .expected = "targets by name", .last = true,
      .schema = "{\"type\":\"object\",\"propertyNames\":{\"pattern\":"
                "\"^[A-Za-z0-9][A-Za-z0-9._-]*$\"},"
                "\"additionalProperties\":{\"$ref\":\"#/$defs/target\"}}",
      .help = "the databases, by name" },
    COMMON_KEYS(DEFAULT),
    { 0 },
};
