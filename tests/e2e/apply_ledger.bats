#!/usr/bin/env bats
# The ledger's modes, and a ledger that cannot be written.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 2
}

# mode MODE: a protected target whose ledger is kept that way.
mode() {
    printf 'version: 1\ntargets:\n  production: { protected: true, ledger: %s, environment: [ process ] }\n' "$1" > headgate.yaml
    printf '.headgate\nout\nerr\n' > .gitignore
    hga_commit
}

schema() { hgt_psql "select count(*) from pg_namespace where nspname = 'headgate'"; }

# noticed RULES: what the online gate says about integrity without looking at git.
noticed() {
    run --separate-stderr headgate gate -t production --format json
    local found
    found=$(json '[.findings[] | select(.rule | test("HG2[02]")) | .rule + " " + (.location.revision // .location.object // "")] | sort | map(sub(" $"; "")) | join(", ")')
    [ "$found" = "$1" ] || fail "expected $1, got $found"
}

late() { hga_result '[.findings[] | select(.rule == "HG507") | .message] | join(" ")'; }

@test "ledger: file keeps intent and outcome beside the project, nothing in the database" {
    mode file
    run --separate-stderr headgate apply -t production --yes --format json
    expect_status 0
    [ "$(schema)" = 0 ]
    records=$(cat .headgate/ledger/*.jsonl)
    [ "$(jq -rs 'map(.event) | join(" ")' <<< "$records")" = "intent outcome" ]
    [ "$(jq -rs '.[1] | .outcome + " " + (.done | join(","))' <<< "$records")" = "applied r1,r2" ]
    [ "$(stat -c %a .headgate/ledger)" = 700 ]
    # The gate remembers by it, without git.
    mv .git "$BATS_TEST_TMPDIR/git" && cp -R mig "$BATS_TEST_TMPDIR/kept"
    noticed ""
    sed -i 's/"t1"/"t11"/' mig/versions/r1.py
    noticed "HG201 r1"
    cp "$BATS_TEST_TMPDIR"/kept/versions/*.py mig/versions
    rm mig/versions/r1.py && sed -i 's/= .r1./= None/' mig/versions/r2.py
    noticed "HG202 r1, HG228 r2"
    cp "$BATS_TEST_TMPDIR"/kept/versions/*.py mig/versions
    hgt_psql "alter table t1 add column by_hand integer"
    noticed "HG224 table public.t1"
    hgt_psql "alter table t1 drop column by_hand"
    cp .headgate/ledger/*.jsonl "$BATS_TEST_TMPDIR/ledger"
    echo '{"event": "intent"' >> .headgate/ledger/*.jsonl
    noticed HG229
    cp "$BATS_TEST_TMPDIR/ledger" .headgate/ledger/*.jsonl
    noticed ""
    mv "$BATS_TEST_TMPDIR/git" .git
    run --separate-stderr headgate rollback -t production --yes --format json -- -1
    expect_status 0
    [[ "$(late)" == *"not held"* ]]
    [[ "$output" != *'"note":"held"'* ]]
}

@test "ledger: file knows what is in while a run goes on, and what failed before" {
    mode file
    printf 'throttle: { file: hold, limit: 300ms }\n' >> headgate.yaml
    hga_revision 3 'op.execute("select 1 / 0")'
    touch hold
    run --separate-stderr headgate apply -t production --yes --unattended --revision-by-revision r2
    expect_status 4
    [ "$(jq -rs 'map(.event + (.revision // "")) | join(" ")' .headgate/ledger/*.jsonl)" = "intent stepr1 outcome" ]
    rm hold
    run --separate-stderr headgate ledger verify -t production
    expect_status 0
    # That one was held back, and had not begun; the next one fails by itself.
    run --separate-stderr headgate apply -t production --yes --unattended
    expect_status 4
    expect_stderr "division by zero"
    runs=$(grep -c '"event":"intent"' .headgate/ledger/*.jsonl)
    run --separate-stderr headgate apply -t production --yes --unattended
    expect_status 4
    expect_stderr "r3 failed at 20"
    expect_stderr "division by zero"
    [ "$(grep -c '"event":"intent"' .headgate/ledger/*.jsonl)" = "$runs" ] || fail "begun again"
    # Without the file, as in a container that starts from its image, nothing is known.
    mv .headgate "$BATS_TEST_TMPDIR/gone"
    run --separate-stderr headgate apply -t production --yes --unattended
    expect_status 4
    [[ $stderr != *"failed at 20"* ]] || fail "from where?"
    [ "$(schema)" = 0 ]
}

@test "ledger: off leaves no trace, and a rollback does not claim to hold anything" {
    mode off
    run --separate-stderr headgate apply -t production --yes
    expect_status 0
    [ "$(schema)" = 0 ]
    [ ! -e .headgate ]
    run --separate-stderr headgate rollback -t production --yes -- -1
    expect_status 0
    [[ "$output$stderr" == *"not held"* ]]
    [[ "$output$stderr" != *"held until"* ]]
}

@test "ledger: required refuses before anything is started where it cannot be kept" {
    mode required
    role=app_$RANDOM$RANDOM
    hgt_admin "create role $role login password 'x'; grant create on database $HGT_DB to $role; revoke create on database $HGT_DB from $role"
    hgt_psql "grant create, usage on schema public to $role"
    url=$DATABASE_URL
    export DATABASE_URL=postgresql+psycopg://$role:x@127.0.0.1:$HGT_PORT/$HGT_DB
    run --separate-stderr headgate apply -t production --yes --format json
    expect_status 1
    [ "$(hga_result .outcome)" = refused ]
    [[ "$(hga_result .error.hint)" == *"CREATE SCHEMA headgate AUTHORIZATION"* ]]
    [ "$(hga_rows)" = none ]
    export DATABASE_URL=$url
    run --separate-stderr headgate apply -t production --yes
    expect_status 0
    [ "$(schema)" = 1 ]
}

# Every UPDATE, or INSERT, of headgate.run fails.
break_ledger() {
    hgt_psql "create or replace function headgate.no() returns trigger language plpgsql as 'begin raise exception ''disk full''; end';
        create trigger no before $1 on headgate.run for each row execute function headgate.no()"
}

@test "an intent that cannot be written: nothing is started" {
    headgate apply -q r1 > /dev/null 2>&1
    break_ledger insert
    run --separate-stderr headgate apply --format json
    expect_status 3
    [ "$(hga_rows)" = r1 ]
    [ "$(hga_result '[.to[0], (.applied | length)] | tojson')" = '["r1",0]' ]
}

@test "an outcome that cannot be written is said, and recorded by the next apply" {
    headgate apply -q r1 > /dev/null 2>&1
    break_ledger update
    run --separate-stderr headgate apply --format json
    expect_status 0
    [[ "$(late)" == *"disk full"* ]]
    [ "$(hga_rows)" = r2 ]
    hgt_psql "drop trigger no on headgate.run"
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hgt_psql "select string_agg(outcome, ',' order by seq) from headgate.run")" = applied,applied ]
}

@test "ledger: required and an outcome that cannot be written: exit 4, although the migration is in" {
    mode required
    headgate apply -q -t production --yes r1 > /dev/null 2>&1
    break_ledger update
    run --separate-stderr headgate apply -t production --yes --format json
    expect_status 4
    [ "$(hga_rows)" = r2 ]
    [ "$(hga_result .outcome)" = applied ]
}

@test "a checkout that does not know the target as protected does not take the label's word away" {
    mode auto
    headgate apply -q -t production --yes r1 > /dev/null 2>&1
    sed -i 's/protected: true, //' headgate.yaml
    hga_commit
    run --separate-stderr headgate apply -t production
    expect_status 0
    [ "$(hgt_psql "select target || ' ' || protected from headgate.label")" = "production true" ]
    headgate target relabel -t production > /dev/null 2>&1
    [ "$(hgt_psql "select target || ' ' || protected from headgate.label")" = "production false" ]
}

@test "a statement_timeout that a migration gives the database does not hide how it ended" {
    hga_revision 3 'op.execute("do $$ begin execute format($f$alter database %I set statement_timeout = %L$f$, current_database(), $v$2ms$v$); end $$")'
    run --separate-stderr headgate apply --format json
    headgate status > status.out || fail "status: $?"
    hgt_admin "alter database $HGT_DB reset statement_timeout"
    expect_status 0
    grep -q up-to-date status.out
    [ "$(grep -c read-only status.out)" = 0 ] || fail "$(cat status.out)"
    [ "$(hga_result '[.outcome, (.to | join(","))] | join(" ")')" = "applied r3" ]
    [ "$(hgt_psql "select outcome from headgate.run")" = applied ]
}
