#!/usr/bin/env bats
# apply behind pgbouncer: refused where no session is kept, unless there is a way past it.

setup_file() {
    load ../lib/common
    load ../lib/pooler
    hgt_setup_file
    hgt_poolers_start transaction session
}
teardown_file() { load ../lib/pooler; hgt_poolers_stop; }
setup() {
    load ../lib/common
    load ../lib/apply
    load ../lib/pooler
    hgt_db
    hga_project 2
    PAST=$DATABASE_URL
}

config() {
    printf 'version: 1\ntargets:\n  local:\n    environment: [ process ]\n    %s\n' "$1" > headgate.yaml
    hga_commit
}

@test "transaction pooling is refused before anything is started" {
    hgt_through transaction
    run --separate-stderr headgate apply --format json
    expect_status 1
    [ "$(hga_result '[.findings[] | select(.severity == "error").rule] | join(",")')" = HG603 ]
    [ "$(hgt_psql "select to_regnamespace('headgate') is null and to_regclass('t1') is null")" = t ]
}

@test "direct_url: headgate and the migrator go past the pooler" {
    hgt_through transaction
    config "direct_url: \"$PAST\""
    run --separate-stderr headgate apply -t local --format json
    expect_status 0
    [ "$(hga_rows)" = r2 ]
    hga_no_sessions
}

@test "pooler: session, declared and true" {
    hgt_through session
    run --separate-stderr headgate apply --format json
    expect_status 1
    config "pooler: session"
    run --separate-stderr headgate apply -t local --format json
    expect_status 0
    [ "$(hga_rows)" = r2 ]
}

@test "an env.py that goes through the pooler by itself is stopped" {
    hgt_through transaction
    hga_env "\"$DATABASE_URL\""
    export DATABASE_URL=$PAST
    run --separate-stderr headgate apply --format json
    expect_status 4
    [[ "$(hga_result .error.message)" == *"through a pooler"* ]]
    [ "$(hgt_psql "select to_regclass('t1') is null")" = t ]
}

@test "the refusal names the variable that leads past the pooler" {
    hgt_through transaction
    export DATABASE_URL_UNPOOLED=$PAST REPLICA_URL=${PAST/127.0.0.1/127.0.0.2}
    run --separate-stderr headgate apply --format json
    expect_status 1
    [[ "$(hga_result '[.error.hint, .findings[].help] | join(" ")')" == *'direct_url: "${DATABASE_URL_UNPOOLED}"'* ]] || fail hint
    # The pooler's host on another port; another host alone may be a replica.
    unset DATABASE_URL_UNPOOLED
    run --separate-stderr headgate apply
    expect_stderr 'direct_url: "${HGT_PGURL}"'
    run --separate-stderr env -u HGT_PGURL headgate apply
    expect_stderr "Set direct_url for this target"
}
