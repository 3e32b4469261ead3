#!/usr/bin/env bats
# Whatever is tampered with is found by its rule, and nothing innocent shuts the gate: the tables of
# integrity_cases.py, each case on a copy of a project and of a database that the real Alembic made.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; }

matrix() { run "$HGT_VENV/bin/python" "$HGT_ROOT/tests/e2e/integrity.py" "$@"; }

@test "corruptions are found by their rules, at least 40 of them" {
    matrix corruptions
    expect_status 0
    [[ ${lines[-1]} =~ ^([0-9]+)\ of ]]
    [ "${BASH_REMATCH[1]}" -ge 40 ]
}

@test "innocent changes leave the gate open, at least 40 of them" {
    matrix innocent
    expect_status 0
    [[ ${lines[-1]} =~ ^([0-9]+)\ of ]]
    [ "${BASH_REMATCH[1]}" -ge 40 ]
}
