/* SPDX-License-Identifier: Apache-2.0 */
#include "env/env.h"

#include <setjmp.h>
#include <stdarg.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static void a_hooks_repository_is_left_out_for_git(void **state)
{
    (void)state;
    char dir[] = "GIT_DIR=/a/.git", other[] = "GIT_DIRECTORY=x", index[] = "GIT_INDEX_FILE=/a/.git/index",
         config[] = "GIT_CONFIG_COUNT=0", tree[] = "GIT_WORK_TREE=/a";
    char *const hook[] = { dir, other, index, config, NULL };
    HG_AUTO(hg_freep) char **clean = hg_git_envp(hook);
    assert_string_equal(clean[0], other);
    assert_string_equal(clean[1], config);
    assert_null(clean[2]);
    char *const named[] = { dir, index, tree, NULL };
    HG_AUTO(hg_freep) char **all = hg_git_envp(named);
    assert_string_equal(all[0], dir);
    assert_string_equal(all[2], tree);
    assert_null(all[3]);
}

static void sets_find_replace_and_forget(void **state)
{
    (void)state;
    HG_AUTO(hg_vars_done) struct hg_vars v = HG_VARS_INIT;
    assert_null(hg_vars_get(&v, "A"));
    for (int i = 0; i < 500; i++) {
        HG_AUTO(hg_freep) char *name = hg_xasprintf("N%d", i);
        HG_AUTO(hg_freep) char *value = hg_xasprintf("v%d", i);
        hg_vars_set(&v, name, value, "process");
    }
    hg_vars_set(&v, "N7", "other", "x:1");
    hg_vars_set(&v, "N7", hg_vars_get(&v, "N7"), hg_vars_find(&v, "N7")->source);
    assert_string_equal(hg_vars_get(&v, "N7"), "other");
    assert_string_equal(hg_vars_find(&v, "N7")->source, "x:1");
    for (int i = 0; i < 500; i += 2) {
        HG_AUTO(hg_freep) char *name = hg_xasprintf("N%d", i);
        hg_vars_unset(&v, name);
    }
    hg_vars_unset(&v, "never there");
    assert_int_equal(v.count, 250);
    assert_null(hg_vars_get(&v, "N8"));
    assert_string_equal(hg_vars_get(&v, "N499"), "v499");
    char **envp = hg_vars_envp(&v);
    size_t count = 0;
    while (envp[count])
        count++;
    assert_int_equal(count, 250);
    hg_vars_free_envp(envp);
}

static void environ_is_read_as_getenv_does(void **state)
{
    (void)state;
    HG_AUTO(hg_strv_done) struct hg_strv environ_ = HG_STRV_INIT;
    static const char *const GIVEN[] = { "A=1", "A=2", "EMPTY=", "=odd", "none", "E=a=b" };
    for (size_t i = 0; i < HG_COUNT(GIVEN); i++)
        hg_strv_add(&environ_, GIVEN[i]);
    HG_AUTO(hg_vars_done) struct hg_vars v = HG_VARS_INIT;
    hg_vars_from_environ(&v, environ_.items, "process");
    assert_int_equal(v.count, 3);
    assert_string_equal(hg_vars_get(&v, "A"), "1");
    assert_string_equal(hg_vars_get(&v, "E"), "a=b");
}

static void names_are_classified(void **state)
{
    (void)state;
    static const char *const SECRET[] = { "DB_PASS", "PGPASSWORD", "API_KEY", "GITHUB_TOKEN",
                                          "AWS_SECRET_ACCESS_KEY", "client_secret", "JWT_PEM" };
    static const char *const PLAIN[] = { "PWD", "OLDPWD", "DB_HOST", "AWS_ACCESS_KEY_ID", "KEYS_DIR",
                                         "POSTGRES_PASSWORD_FILE", "TOKEN_TTL", "PATH" };
    for (size_t i = 0; i < HG_COUNT(SECRET); i++)
        assert_true(hg_var_name_secret(SECRET[i]));
    for (size_t i = 0; i < HG_COUNT(PLAIN); i++)
        assert_false(hg_var_name_secret(PLAIN[i]));
    assert_true(hg_var_name_executes("ld_preload"));
    assert_true(hg_var_name_executes("PYTHONPATH"));
    assert_true(hg_var_name_executes("GIT_CONFIG_COUNT"));
    assert_false(hg_var_name_executes("PGHOST"));
    assert_false(hg_var_name_executes("PATHS"));
    assert_true(hg_var_name_valid("_A9"));
    assert_false(hg_var_name_valid("9A"));
    assert_false(hg_var_name_valid("A-B"));
    assert_false(hg_var_name_valid(""));
}

static void content_makes_secret(void **state)
{
    (void)state;
    HG_AUTO(hg_vars_done) struct hg_vars v = HG_VARS_INIT;
    hg_vars_set(&v, "DATABASE_URL", "postgresql://u:pw123@h/d", "process");
    hg_vars_set(&v, "PLAIN_URL", "postgresql://u@h/d", "process");
    hg_vars_set(&v, "DSN", "host=h password=x", "process");
    assert_true(hg_vars_find(&v, "DATABASE_URL")->secret);
    assert_false(hg_vars_find(&v, "PLAIN_URL")->secret);
    assert_true(hg_vars_find(&v, "DSN")->secret);
}

static void templates_expand(void **state)
{
    (void)state;
    HG_AUTO(hg_vars_done) struct hg_vars v = HG_VARS_INIT;
    HG_AUTO(hg_strv_done) struct hg_strv used = HG_STRV_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    struct hg_err err = { 0 };
    hg_vars_set(&v, "DB_USER", "u", "x");
    hg_vars_set(&v, "EMPTY", "", "x");
    assert_int_equal(hg_vars_expand(&v, "${DRIVER:-postgresql}://${DB_USER}:${EMPTY}$$5$", &b,
                                    &used, &err), 0);
    assert_string_equal(hg_buf_str(&b), "postgresql://u:$5$");
    assert_int_equal(used.count, 3);
    assert_int_equal(hg_vars_expand(&v, "${DB_HOST}", &b, NULL, &err), -1);
    assert_non_null(strstr(err.message, "DB_HOST is not set"));
    assert_int_equal(hg_vars_expand(&v, "${DB HOST}", &b, NULL, &err), -1);
    assert_int_equal(hg_vars_expand(&v, "${DB_USER", &b, NULL, &err), -1);
}

static void of_an_address_the_host_is_shown(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        { "https://h.example/x?y=1", "h.example" },
        { "https://h:8443?key=s", "h:8443" },
        { "http://[::1]:80/x", "[::1]:80" },
        { "https://h/api/@me", "h" },
        { "http://u@h/x@y", "h" },
        { "http://u:p@h:1", "h:1" },
        { "http://u:p@s/s@h/x", "h" },
        { "http://u:p@s@h/x#f", "h" },
        { "http://h\n/x", "h\\x0a" },
        { "xoxb-a-token", "" },
        { "", "" },
    };
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        HG_AUTO(hg_freep) char *host = hg_url_host(CASES[i][0]);
        assert_string_equal(host, CASES[i][1]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_find_replace_and_forget),
        cmocka_unit_test(environ_is_read_as_getenv_does),
        cmocka_unit_test(names_are_classified),
        cmocka_unit_test(content_makes_secret),
        cmocka_unit_test(templates_expand),
        cmocka_unit_test(a_hooks_repository_is_left_out_for_git),
        cmocka_unit_test(of_an_address_the_host_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
