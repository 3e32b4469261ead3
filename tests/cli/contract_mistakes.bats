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
