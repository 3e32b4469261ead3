/* SPDX-License-Identifier: Apache-2.0 */
#include "target/internal.h"

#include <setjmp.h>
#include <stdarg.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static const char EXAMPLE[] =
    "version: 1\n"
    "migrator: { kind: alembic, directory: backend, config: alembic.ini, upgrade_to: head, args: [] }\n"
    "url: \"${DB_DRIVER:-postgresql}://${DB_USER}:${DB_PASS}@${DB_HOST}/${DB_DATABASE}\"\n"
    "targets:\n"
    "  local:      { environment: [ process, { dotenv: backend/.env } ] }\n"
    "  docker:     { environment: [ { container: api } ], run: { container: api } }\n"
    "  staging:    { environment: [ { railway: { service: api, environment: staging, "
    "token_env: T } } ] }\n"
    "  production:\n"
    "    protected: true\n"
    "    environment: [ { railway: { service: api, environment: production } } ]\n"
    "    identity: { system_identifier: \"7421\", database: railway }\n"
    "    gate: { after: staging, soak: 1h, fail_on: warning }\n"
    "    upgrade_to: heads\n"
    "    args: [ -x, tenant=a ]\n"
    "gate:\n"
    "  base: trunk\n"
    "  rules:  { HG101: warning }\n"
    "  waive:  [ { rule: HG108, revision: 3f2a, reason: \"known\", until: 2027-01-31 } ]\n";

static int parse(const char *text, struct hg_config *c, struct hg_err *err)
{
    return hg_config_parse(text, strlen(text), "headgate.yaml", "/repo", c, err);
}

static void the_design_example_is_read_whole(void **state)
{
    (void)state;
    struct hg_config c;
    struct hg_err err = { 0 };
    assert_int_equal(parse(EXAMPLE, &c, &err), 0);
    assert_string_equal(c.migrator_directory, "/repo/backend");
    assert_int_equal(c.target_count, 4);
    const struct hg_target_config *t = hg_config_target(&c, "production", &err);
    assert_non_null(t);
    assert_true(t->named && t->protected_);
    assert_string_equal(t->sources[0].service, "api");
    assert_string_equal(t->pin_system_identifier, "7421");
    assert_string_equal(t->gate_after, "staging");
    assert_int_equal(t->gate_soak_ns, 3600 * HG_NS_PER_S);
    assert_int_equal(t->fail_on, HG_SEV_WARNING);
    assert_string_equal(t->upgrade_to, "heads");
    assert_int_equal(t->migrator_args.count, 2);
    assert_string_equal(t->gate_base, "trunk");
    assert_int_equal(t->connect_timeout_ns, 10 * HG_NS_PER_S);
    assert_int_equal(t->lock_timeout_ns, 0); /* nobody chose: the shorter of ours and the session's */
    assert_int_equal(t->lock_budget_ns, 300 * HG_NS_PER_S);
    assert_int_equal(t->breaker_ns, 3 * HG_NS_PER_S);
    assert_int_equal(t->lock_wait_ns, 600 * HG_NS_PER_S);
    t = hg_config_target(&c, "docker", &err);
    assert_int_equal(t->run, HG_RUN_CONTAINER);
    assert_string_equal(t->run_container, "api");
    assert_string_equal(t->url, "${DB_DRIVER:-postgresql}://${DB_USER}:${DB_PASS}@${DB_HOST}/"
                                "${DB_DATABASE}");
    t = hg_config_target(&c, "local", &err);
    assert_string_equal(t->sources[1].path, "/repo/backend/.env");
    assert_int_equal(t->fail_on, HG_SEV_ERROR);
    assert_int_equal(c.rule_count, 1);
    assert_string_equal(c.waivers[0].until, "2027-01-31");
    assert_null(hg_config_target(&c, "prod", &err));
    hg_config_done(&c);
}

static void every_error_has_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } CASES[] = {
        { "version: 1\nfoo: 1\n", "headgate.yaml:2:1: unknown key `foo`" },
        { "version: 1\nledger: x\n", "headgate.yaml:2:9: expected one of auto, required, off, file, got x" },
        { "version: 1\nlock_wait: -1\n", "headgate.yaml:2:12: expected a duration" },
        { "version: 1\ntargets: { a b: {} }\n", "headgate.yaml:2:12: expected a target's name" },
        { "version: 1\ntargets: { a: { run: here } }\n", "headgate.yaml:2:22: expected `host`, { container" },
        { "version: 1\ntargets: {a: {}, a: {}}\n", "stands twice" },
        { "version: 1\nurl: 'x\n", "headgate.yaml:3:1: not YAML: " },
        { "version: 1\nargs: [[a]]\n", "headgate.yaml:2:8: expected a string, got a list" },
        { "version: 1\n? [a]\n: b\n", "headgate.yaml:2:3: expected a key, got a list" },
        { "- a\n", "headgate.yaml:1:1: expected a mapping, got a list" },
        { "version: '1'\nversion: 1\n", "headgate.yaml:2:1: key `version` stands twice" },
        { "\tversion: 1\n", "not YAML" },
    };
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        struct hg_config c;
        struct hg_err err = { 0 };
        assert_int_equal(parse(CASES[i].text, &c, &err), -1);
        assert_int_equal(err.kind, HG_E_CONFIG);
        if (!strstr(err.message, CASES[i].message))
            fail_msg("%s: got: %s", CASES[i].message, err.message);
    }
}

static void sources_are_parsed_and_shown(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } CASES[] = {
        { "process", "process" },
        { "dotenv:a/.env", "a/.env" },
        { "dotenv:a:b:compose", "a:b" },
        { "dotenv:a:b", "a:b" },
        { "railway", "railway" },
        { "railway:api", "railway api" },
        { "railway:api@production", "railway api@production" },
        { "railway:@production", "railway @production" },
        { "container:web", "container web" },
        { "container:", NULL },
        { "dotenv:", NULL },
        { "vault", NULL },
    };
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        struct hg_source s = { 0 };
        struct hg_err err = { 0 };
        int rc = hg_source_parse(CASES[i].text, "/d", &s, &err);
        assert_int_equal(rc, CASES[i].shown ? 0 : -1);
        if (rc < 0)
            continue;
        char *shown = hg_source_shown(&s);
        assert_string_equal(shown, CASES[i].shown);
        free(shown);
        hg_source_done(&s);
    }
}

static void connection_variables_are_known_by_name(void **state)
{
    (void)state;
    struct hg_strv names = HG_STRV_INIT;
    hg_resolve_template_names("${DB_USER}:$$${DB_PASS:-x}@$NOT", &names);
    assert_int_equal(names.count, 2);
    assert_true(hg_resolve_is_connection(&names, "DATABASE_URL"));
    assert_true(hg_resolve_is_connection(&names, "DATABASE_URL_FILE"));
    assert_true(hg_resolve_is_connection(&names, "PGHOST"));
    assert_true(hg_resolve_is_connection(&names, "DB_PASS_FILE"));
    assert_false(hg_resolve_is_connection(&names, "DB_HOST"));
    assert_false(hg_resolve_is_connection(&names, "PG"));
    assert_false(hg_resolve_is_connection(&names, "PATH"));
    hg_strv_done(&names);
}

static void state_gives_back_the_environment_from_before(void **state)
{
    (void)state;
    struct hg_common common = { 0 };
    struct hg_err err = { 0 };
    struct hg_target t = { 0 };
    hg_vars_set(&t.original, "KEPT", "1", "process");
    hg_vars_set(&t.original, "DATABASE_URL", "postgresql://mine/d", "process");
    hg_vars_set(&t.original, "PGHOST", "mine", "process");
    hg_vars_set(&t.vars, "KEPT", "1", "process");
    hg_vars_set(&t.vars, "DATABASE_URL", "postgresql://theirs/d", "railway api");
    hg_vars_set(&t.vars, "NEW", "x", "railway api");
    hg_vars_set(&t.original, "LATIN", "caf\xe9", "process"); /* bytes that JSON does not hold */
    hg_vars_set(&t.vars, "LATIN", "tea", "caf\xe9.env");
    t.conninfo = hg_xstrdup("host=h password=p\xe9w");
    hg_strv_add(&common.from, "dotenv:caf\xe9.env");
    hg_config_fallback(&common, &t.original, &t.config);
    t.t = hg_config_target(&t.config, NULL, &err);
    hg_fail(&t.error, HG_E_RAILWAY, "no answer");
    char *text = hg_target_state(&t, &common, true);
    struct hg_state s = { 0 };
    assert_int_equal(hg_state_parse(text, strlen(text), &s, &err), 0);
    assert_true(s.chained);
    assert_true(hg_state_matches(&s, &t.config, t.t, &common));
    struct hg_vars before = HG_VARS_INIT;
    hg_state_original(&s, &t.vars, &before);
    assert_int_equal(before.count, 4);
    assert_string_equal(hg_vars_get(&before, "LATIN"), "caf\xe9");
    assert_string_equal(hg_vars_get(&before, "DATABASE_URL"), "postgresql://mine/d");
    assert_string_equal(hg_vars_get(&before, "PGHOST"), "mine");
    assert_null(hg_vars_get(&before, "NEW"));
    struct hg_target u = { 0 };
    hg_vars_set(&u.vars, "DATABASE_URL", "postgresql://theirs/d", "process");
    hg_config_fallback(&common, &before, &u.config);
    u.t = hg_config_target(&u.config, NULL, &err);
    hg_state_apply(&s, &u);
    assert_string_equal(hg_vars_find(&u.vars, "DATABASE_URL")->source, "railway api");
    assert_int_equal(u.error.kind, HG_E_RAILWAY);
    assert_string_equal(u.error.message, "no answer");
    assert_string_equal(u.conninfo, "host=h password=p\xe9w");
    free(text);
    hg_state_done(&s);
    hg_vars_done(&before);
    hg_target_done(&t);
    hg_strv_done(&common.from);
    hg_target_done(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_design_example_is_read_whole),
        cmocka_unit_test(every_error_has_its_place),
        cmocka_unit_test(sources_are_parsed_and_shown),
        cmocka_unit_test(connection_variables_are_known_by_name),
        cmocka_unit_test(state_gives_back_the_environment_from_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
