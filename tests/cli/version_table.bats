#!/usr/bin/env bats
# env.py keeps its versions elsewhere than what was judged: nothing is run, exit 1.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 2
}

# The table is in schema meta only, with r1 in it; the role's search_path does not find it there.
elsewhere() {
    hgt_psql "create schema meta; create table meta.alembic_version (version_num varchar(32) primary key);
              insert into meta.alembic_version values ('r1'); create table t1 (id int)" > /dev/null
}

nothing_ran() {
    [ "$(hga_result .outcome)" = refused ] || fail "outcome"
    [[ $(hga_result .error.message) == "nothing was run: env.py keeps its versions in "* ]] || fail "message"
    [ "$(hga_result '[.findings[] | select(.rule == "HG222" and .severity == "error")] | length')" = 1 ]
    [ "$(hgt_psql "select to_regclass('t2') is null and to_regclass('public.alembic_version') is null")" = t ] ||
        fail "something was made"
}

@test "found elsewhere by looking, and env.py does not look there" {
    elsewhere
    run --separate-stderr headgate status --format json
    [ "$(json '.state + " " + ([.findings[].rule] | join(","))')" = 'behind HG222' ]
    for more in '' 'transaction_per_migration=True'; do
        [ -z "$more" ] || hga_env 'os.environ["DATABASE_URL"]' "$more"
        run --separate-stderr headgate apply --format json
        expect_status 1
        nothing_ran
    done
    hga_no_sessions
    run --separate-stderr headgate apply
    expect_status 1
    expect_stderr 'version_table_schema'
}

@test "env.py that names the place by code is believed" {
    elsewhere
    hga_env 'os.environ["DATABASE_URL"]' 'version_table_schema="me" + "ta"'
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hgt_psql "select version_num from meta.alembic_version")" = r2 ]
}

@test "env.py that sets the search_path late is believed; with asyncpg too" {
    elsewhere
    sed -i 's/^        context.run_migrations/        context.execute("set search_path to meta, public")\n        context.run_migrations/' mig/env.py
    hga_commit
    for url in "$DATABASE_URL" "${DATABASE_URL/+psycopg/+asyncpg}"; do
        DATABASE_URL=$url run --separate-stderr headgate apply --format json
        expect_status 0
        [ "$(hgt_psql "select version_num from meta.alembic_version")" = r2 ] || fail "not moved"
        hgt_psql "update meta.alembic_version set version_num = 'r1'; drop table t2" > /dev/null 2>&1 ||
            hgt_psql "update meta.alembic_version set version_num = 'r1'; drop table meta.t2" > /dev/null
        hgt_psql "drop schema headgate cascade" > /dev/null 2>&1
    done
}

@test "an env.py that changed something before is honest: 4" {
    elsewhere
    sed -i 's/^    with context.begin_transaction/    connection.exec_driver_sql("create table before (id int)")\n    connection.commit()\n    with context.begin_transaction/' mig/env.py
    hga_commit
    run --separate-stderr headgate apply --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"keeps its versions"* ]]
}
