#!/usr/bin/env bats
# history: who applied what when, also what was moved without headgate.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 3
}

records() {
    jq -c '[.revisions[] | [.revision, .applied, .record.direction]]' <<< "$output"
}

@test "without a ledger there is no record" {
    alembic upgrade r1 2> /dev/null
    run --separate-stderr headgate history --format json
    expect_status 0
    [ "$(records)" = '[["r3",false,null],["r2",false,null],["r1",true,null]]' ] || fail "records"
    run --separate-stderr headgate history
    [[ $output != *outside* ]]
}

@test "applied by headgate, adopted, by hand since then, rolled back" {
    alembic upgrade r1 2> /dev/null
    GITHUB_ACTOR=ann headgate apply r2 > /dev/null
    alembic upgrade r3 2> /dev/null
    run --separate-stderr headgate history --format json
    expect_status 0
    [ "$(records)" = '[["r3",true,null],["r2",true,"up"],["r1",true,null]]' ] || fail "records"
    [ "$(json '.revisions[1].record | .by + " " + .target')" = 'ann local' ] || fail "who"
    [[ $(json '.revisions[1].record.finished_at') =~ ^20[0-9-]*T[0-9:.]*Z$ ]] || fail "when"
    [ "$(json '.revisions[1].record.commit')" = "$(git rev-parse HEAD)" ] || fail "commit"
    run --separate-stderr headgate history
    grep -E 'r3 .*\(outside headgate\)$' <<< "$output"
    grep -E 'r2 .*\(20[0-9-]+ [0-9]+:[0-9]+ by ann\)$' <<< "$output"
    grep -E 'r1 .*\(outside headgate\)$' <<< "$output"
    GITHUB_ACTOR=bob headgate apply > /dev/null
    run --separate-stderr headgate history
    grep -E 'r3 .*\(outside headgate, seen 20.* by bob\)$' <<< "$output"
    headgate rollback r2 > /dev/null
    headgate rollback r1 --yes > /dev/null
    run --separate-stderr headgate history
    grep -E 'r3 .*\(rolled back 20.* by ' <<< "$output"
    grep -E 'r2 .*\(rolled back 20.* by ' <<< "$output"
    run --separate-stderr headgate history --offline --format json
    [ "$(json '.revisions[0].record')" = null ]
}

@test "a row that no file here has: what the ledger knows of it, else what the rows prove" {
    headgate apply > /dev/null
    git rm -q "$(git ls-files '*r3*')"
    run --separate-stderr headgate history
    expect_status 0
    grep -E '^● r2 .*\(20.* by ' <<< "$output"
    expect_output "● applied: 2, ○ pending: 0"
    hgt_psql 'drop schema headgate cascade'
    run --separate-stderr headgate history
    grep -E '^\? r2 ' <<< "$output"
    expect_output "● applied: 0, ○ pending: 0, ? not known: 2"
    run --separate-stderr headgate history --format json
    expect_document history
    [ "$(records)" = '[["r2",null,null],["r1",null,null]]' ] || fail "guessed"
    hgt_psql "insert into alembic_version values ('r1')"
    run --separate-stderr headgate history --format json
    [ "$(records)" = '[["r2",false,null],["r1",true,null]]' ] || fail "not what the rows prove"
}
