#!/usr/bin/env bats
# shellcheck shell=bash disable=SC2154
# What scripts may rely on, looked at from outside: the document of gate.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/contract
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "gate: open with exit 0, counts and findings; --fail-on; --offline has no status" {
    hgt_db
    chain p
    one 0 headgate gate --format json -C p
    holds '.schema == "headgate.gate/1" and .target == "local" and .verdict == "open" and .fail_on == "error"
        and (.counts | keys == ["error","note","waived","warning"]) and .status.schema == "headgate.status/1"'
    holds "all(.findings[]; $FINDING)"
    holds '. as $d | .counts.note == ([$d.findings[] | select(.severity == "note")] | length)'
    one 1 headgate gate --fail-on note --format json -C p
    holds '.verdict == "shut" and .fail_on == "note" and .error.kind == "refused"'
    one 1 headgate gate --require local=up-to-date --format json -C p
    headgate apply -C p -q > /dev/null 2>&1
    one 0 headgate gate --require local=up-to-date --wait 2 --format json -C p
}

@test "gate --offline asks no database and needs no address" {
    hgt_project
    one 0 headgate gate --offline --format json
    holds '.verdict == "open" and .status == null'
    rm -rf .git
    git init -q .
    one 3 headgate gate --offline --format json
    holds '.verdict == null'
}
