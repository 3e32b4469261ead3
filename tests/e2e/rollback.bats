#!/usr/bin/env bats
# headgate rollback: the same care downwards.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
}

@test "rollback -1 goes back one, says what it destroys, and records it" {
    hga_project 2
    headgate apply -q > /dev/null
    run --separate-stderr headgate rollback -1
    expect_status 0
    expect_stderr "destroys data: drops table t2"
    expect_output "1 revision rolled back"
    [ "$(hga_rows)" = r1 ]
    [ "$(hgt_psql "select to_regclass('t2') is null")" = t ]
    [ "$(hgt_psql "select direction || ' ' || outcome from headgate.run order by seq desc limit 1")" = "down applied" ]
    # On an unprotected target nothing is held.
    run --separate-stderr headgate apply
    expect_status 0
}

@test "--dry-run says and changes nothing" {
    hga_project 2
    headgate apply -q > /dev/null
    run --separate-stderr headgate rollback r1 --dry-run --format json
    expect_status 0
    [ "$(jq -rs '.[] | select(.note == "downgrade") | .destroys | length' <<< "$output")" = 1 ]
    [ "$(hga_rows)" = r2 ]
    [ "$(hgt_psql "select count(*) from headgate.run")" = 1 ]
}

@test "an empty downgrade is refused, until allowed; a raising one always" {
    hga_project 1
    hga_revision 2 '' 'pass'
    headgate apply -q > /dev/null
    run --separate-stderr headgate rollback -1 --format json
    expect_status 1
    [ "$(hga_result .outcome)" = refused ]
    [[ "$(hga_result .error.hint)" == *--allow-empty-downgrade* ]]
    run --separate-stderr headgate rollback -1 --allow-empty-downgrade
    expect_status 0
    [ "$(hga_rows)" = r1 ]
    hgt_psql "drop table t2"
    headgate apply -q --baseline > /dev/null # what was cleaned up by hand is how it should be
    hga_revision 2 '' 'raise NotImplementedError("no way back")'
    headgate apply -q --override HG201=test --yes > /dev/null || headgate apply --yes
    run --separate-stderr headgate rollback -1 --allow-empty-downgrade
    expect_status 1
    [ "$(hga_rows)" = r2 ]
}

@test "everything back wants --to-base" {
    hga_project 2
    headgate apply -q > /dev/null
    run --separate-stderr headgate rollback base
    expect_status 1
    expect_stderr "--to-base"
    run --separate-stderr headgate rollback base --to-base
    expect_status 0
    [ -z "$(hga_rows)" ]
}

@test "--to-base alone goes back over everything" {
    hga_project 2
    headgate apply -q > /dev/null
    run --separate-stderr headgate rollback --to-base --format json
    expect_status 0
    [ "$(hga_result '[.outcome, (.applied | sort | join(","))] | join(" ")')" = "applied r1,r2" ]
    [ -z "$(hga_rows)" ]
    [ "$(hgt_psql "select to_regclass('t1') is null and to_regclass('t2') is null")" = t ]
}

@test "a downgrade whose body is assert False raises; one that asserts what it needs does not" {
    hga_project 1
    hga_revision 2 '' '"""No way back."""
assert False, "no way back"'
    headgate apply -q > /dev/null
    run --separate-stderr headgate rollback -1 --allow-empty-downgrade
    expect_status 1
    expect_stderr "raises: there is no way back past it"
    [ "$(hga_rows)" = r2 ]
    hga_revision 2 '' 'assert op.get_bind() is not None
op.drop_table("t2")'
    run --separate-stderr headgate rollback -1 --override HG201=test --yes
    expect_status 0
    [ "$(hga_rows)" = r1 ]
}

@test "on a protected target what was rolled back is held until --release" {
    hga_project 2
    printf 'version: 1\ntargets:\n  production: { protected: true, environment: [ process ] }\n' > headgate.yaml
    hga_commit
    headgate apply -q -t production --yes > /dev/null
    run --separate-stderr headgate rollback -1 -t production --yes
    expect_status 0
    expect_stderr "held until \`headgate apply -t production --release\`"
    run headgate status -t production
    expect_output "r2, rolled back just now"
    run --separate-stderr headgate apply -t production --yes --format json
    expect_status 1
    [[ "$output" == *HG223* ]]
    [[ "$output" == *"apply -t production --release"* ]]
    [ "$(hga_rows)" = r1 ]
    run --separate-stderr headgate apply -t production --yes --release
    expect_status 0
    [ "$(hga_rows)" = r2 ]
    [ "$(hgt_psql "select count(*) from headgate.held")" = 0 ]
}

@test "--release lets go what is held, not what could not be told" {
    hga_project 2
    printf 'version: 1\ntargets:\n  production: { protected: true, environment: [ process ] }\n' > headgate.yaml
    hga_commit
    headgate apply -q -t production --yes > /dev/null 2>&1
    headgate rollback -q -1 -t production --yes > /dev/null 2>&1
    git clone -q --depth 1 "file://$PWD" ../shallow
    cd ../shallow
    run --separate-stderr headgate apply -t production --yes --release --format json
    expect_status 3
    [ "$(hga_rows)" = r1 ]
}

@test "a rollback is not held up by gate.after" {
    hga_project 2
    headgate apply -q -t local > /dev/null 2>&1
    hga_revision 3
    printf 'version: 1\ntargets:\n  local: { environment: [ process ], gate: { after: there } }\n  there: { environment: [ { dotenv: none.env } ] }\n' > headgate.yaml
    hga_commit
    run --separate-stderr headgate apply -t local
    expect_status 3
    run --separate-stderr headgate rollback -1 -t local
    expect_status 0
    [ "$(hga_rows)" = r1 ]
}

@test "a downgrade that only returns is empty" {
    hga_project 1
    hga_revision 2 '' 'return None'
    headgate apply -q > /dev/null 2>&1
    run --separate-stderr headgate rollback -1
    expect_status 1
    [ "$(hga_rows)" = r2 ]
}

@test "a downgrade that fails is exit 4, and the database is where it was" {
    hga_project 1
    hga_revision 2 '' 'op.execute("select 1/0")
op.drop_table("t2")'
    headgate apply -q > /dev/null
    run --separate-stderr headgate rollback -1 --format json
    expect_status 4
    [ "$(hga_result '.to[0]')" = r2 ]
    [ "$(hgt_psql "select to_regclass('t2') is not null")" = t ]
}

@test "steps down from a merge have no single way: the revisions below it are named" {
    hga_project 2
    hga_revision 3
    sed -i 's/^down_revision = .*/down_revision = "r1"/' mig/versions/r3.py
    hga_revision 4 pass pass
    sed -i 's/^down_revision = .*/down_revision = ("r2", "r3")/' mig/versions/r4.py
    hga_commit
    headgate apply -q > /dev/null
    for back in -1 r4@-1 r4-1; do
        run --separate-stderr headgate rollback "$back" --format json
        expect_status 1
        [[ "$(hga_result .error.hint)" == *"r2, r3"* ]] || fail "$back"
    done
    run --separate-stderr headgate rollback r2 --allow-empty-downgrade
    expect_status 0
    [ "$(hga_rows)" = r2,r3 ]
}

@test "from a stamped row there is no way back, and the ledger does not take it for a revision that ran" {
    hga_project 3
    headgate apply -q r1 > /dev/null
    alembic stamp r2 2> /dev/null
    run --separate-stderr headgate rollback -1 --format json
    expect_status 1
    [ "$(hga_result '.outcome + " " + ([.findings[].rule] | join(","))')" = "refused HG215,HG226" ] || fail other
    [ "$(hgt_psql "select count(*) from headgate.run") $(hga_rows)" = "1 r2" ]
    run --separate-stderr headgate status --format json
    [ "$(json .ledger.last.revision)" = r1 ]
    run headgate gate
    expect_status 1
    expect_output HG226
    # Somebody knows better: the reason is recorded.
    sed -i 's/op.drop_table("t2")/op.execute("DROP TABLE IF EXISTS t2")/; s/DROP TABLE t2/DROP TABLE IF EXISTS t2/' mig/versions/r2.py
    hga_commit
    run --separate-stderr headgate rollback -1 --yes --override HG226="the table was never there"
    expect_status 0
    [ "$(hga_rows)" = r1 ]
    [ "$(hgt_psql "select direction from headgate.run where overrides::text like '%never there%'")" = down ]
    run headgate gate
    expect_status 0
}
