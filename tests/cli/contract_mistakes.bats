#!/usr/bin/env bats
# shellcheck shell=bash disable=SC2154
# What scripts may rely on, looked at from outside: a wrong configuration and a wrong command line.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/contract
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "a broken headgate.yaml is 2 with file, line and column in each verb's document" {
    hgt_db
    chain p
    cd p
    printf 'version: 1\ntargets:\n  local: { environmen: [ process ] }\n' > headgate.yaml
    for verb in status history "history --offline" gate "gate --offline" cancel; do
        # shellcheck disable=SC2086
        one 2 headgate $verb --format json
        holds '.error.kind == "config" and (.error.message | startswith("headgate.yaml:3:12: "))' || fail "$verb"
    done
    lines 2 headgate apply --format json
    lines 2 headgate rollback -1 --format json
    one 2 headgate env -- headgate status --format json
    holds '.schema == "headgate.status/1" and .state == "unknown"'
    cd ..
    one 2 headgate env -c p/headgate.yaml -- headgate -C p status --format json
    one 2 headgate -C p env -- headgate history --format json
    holds '.schema == "headgate.history/1"'
    run headgate -C p env -- true
    expect_status 125
    run headgate -C p env -- headgate env -- echo ran
    expect_status 125
    [[ $output != *ran ]] || fail "the command ran without the outer target"
}

@test "a mistake in the command line is 2, with a document wherever --format json stands" {
    chain p
    cd p
    one 2 headgate status --format json --nonsense
    one 2 headgate status --timeout soon --format json
    one 2 headgate status extra --format=json
    one 2 headgate nonsense --format json
    one 2 headgate --format json
    one 2 headgate new --format json
    for what in "" "nonsense" "--nonsense status" "status --format xml" "target" "target nonsense" "env" "exec" \
        "rollback" "new" "explain HG999" "postgres" "postgres nonsense" "env --nonsense -- true" "exec --nonsense -- true" \
        "status -C" "gate --override HG201=tried --nonsense" "gate --fail-on nothing" "apply a b" "status -C /nonexistent"; do
        # shellcheck disable=SC2086
        run --separate-stderr headgate $what
        [ "$status" -eq 2 ] || fail "headgate $what"
        [ -z "$output" ] || [[ $what == "status -C /"* ]] || fail "headgate $what: stdout"
        [ -n "$stderr" ] || fail "headgate $what: says nothing"
    done
}

@test "a document whose answer is no has its error too" {
    hgt_db
    chain p
    cd p
    headgate apply a1 -q > /dev/null 2>&1
    headgate snapshot -o a.snapshot --no-schema-sql > /dev/null 2>&1
    one 0 headgate snapshot diff a.snapshot a.snapshot --format json
    headgate apply -q > /dev/null 2>&1
    one 1 headgate snapshot diff a.snapshot local --format json
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" snapshot-diff < "$BATS_TEST_TMPDIR/out"
    holds '.differ and .changes != [] and .error.kind == "refused"'
    headgate bundle -o x.bundle --no-verify > /dev/null 2>&1
    one 0 headgate bundle verify x.bundle --format json
    revision . 3_three c3 '"b2"' three
    one 1 headgate bundle verify x.bundle --format json
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" bundle < "$BATS_TEST_TMPDIR/out"
    one 0 headgate ledger verify --format json
    hgt_psql "alter table t_a1 add column z int"
    one 1 headgate ledger verify --format json
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" ledger-verify < "$BATS_TEST_TMPDIR/out"
    hgt_db
    hgt_psql "create table other (i int)"
    one 1 headgate plan --check --format json
    holds '.steps != [] and .error.message == "the gate is shut"'
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" plan < "$BATS_TEST_TMPDIR/out"
    one 0 headgate plan --format json
}

@test "a bundle that is none: could not tell where it is only asked about, refused where it should run" {
    hgt_db
    echo nonsense > x.bundle
    one 3 headgate status --bundle x.bundle --format json
    holds '.state == "unknown" and .error.kind == "integrity"'
    one 3 headgate status --check --bundle x.bundle --format json
    one 3 headgate gate --bundle x.bundle --format json
    holds '.verdict == null and .error.kind == "integrity"'
    lines 1 headgate apply --bundle x.bundle --format json
    holds '.outcome == "refused"'
}

@test "history of a database that does not answer the question: 3" {
    hgt_db
    chain p
    hgt_psql "create table alembic_version (version_num varchar(32))"
    (echo "begin; lock table alembic_version;"; sleep 5) | psql -Xq "$HGT_PGURL" > /dev/null &
    local holder=$!
    sleep 0.5
    one 3 headgate history --timeout 1 --format json -C p
    holds '.error.kind == "timeout"'
    kill "$holder" 2> /dev/null || true
}
