#!/usr/bin/env bats
# Long for its size: its cases stand in integrity_cases.py.
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

@test "what pkg/review calls the same is the same to Python" {
    run "$HGT_VENV/bin/python" "$HGT_ROOT/tests/e2e/meaning.py" "$HGT_BUILD/helpers/same_meaning" 2000
    expect_status 0
    expect_output "0 wrong"
}

@test "a deleted file comes back by the command that the finding shows, without git" {
    load ../lib/apply
    hgt_db
    hga_project 2
    rm -rf .git
    headgate apply -q > /dev/null 2>&1
    mv mig/versions/r1.py kept.py
    sed -i 's/down_revision = "r1"/down_revision = None/' mig/versions/r2.py
    run --separate-stderr headgate gate --format json
    expect_status 1
    help=$(json '.findings[] | select(.rule == "HG202") | .help')
    command=${help#*\`}
    sh -c "${command%%\`*}" > mig/versions/r1.py
    cmp kept.py mig/versions/r1.py
}

@test "what changed is shown without the target's secrets" {
    load ../lib/apply
    hgt_db
    hga_project 2
    headgate apply -q > /dev/null 2>&1
    sed -i 's/"t1"/"hgt-secret"/' mig/versions/r1.py
    run --separate-stderr headgate gate --format json
    expect_status 1
    expect_output '+     op.create_table(\"***\"'
    run --separate-stderr headgate gate
    expect_output '@@ line 9, was 9 @@'
    [ "$(grep -c '^ *[-+] ' <<< "$output")" = 2 ]
}
