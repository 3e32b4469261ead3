#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `apply --bundle` and its like, with SQL written by hand: transactions, version rows, refusals. What the
# builder makes of migrations is compared with Alembic in bundle_differential.bats, and the cases T1 to T22 in
# bundle_cases.py.

setup_file() {
    load ../lib/common
    hgt_setup_file
    make -C "$HGT_ROOT" --no-print-directory PROFILE="$HGT_PROFILE" helpers > "$BATS_FILE_TMPDIR/make"
}
setup() {
    load ../lib/common
    load ../lib/apply
    cd "$BATS_TEST_TMPDIR" || return 1
    hgt_db
}

# bundle REVISIONS [SETTINGS]: makes ./headgate.bundle of these; both without their brackets.
bundle() {
    printf '{"revisions": [%s]%s}' "$1" "${2:+, $2}" > bundle.json
    "$HGT_BUILD/helpers/make_bundle" headgate.bundle < bundle.json
}

apply() {
    run --separate-stderr headgate apply --bundle headgate.bundle "$@"
}

R1='{"id": "r1", "message": "one", "upgrade": ["create table t (v text)"], "downgrade": ["drop table t"]}'

@test "what is pending is applied without alembic.ini and without Python, told and recorded as always" {
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"message\": \"two\",
             \"upgrade\": [\"insert into t values ('a;b'); insert into t values (\$\$x; y\$\$)\", \"-- only\", \"\"],
             \"downgrade\": [\"delete from t\"]}"
    mkdir empty
    PATH=$HGT_BUILD:/usr/bin:/bin apply --format json
    expect_status 0
    [ "$(jq -r 'select(.event == "step") | "\(.revision) \(.phase)"' <<< "$output" | xargs)" = \
        "r1 begin r1 end r2 begin r2 end r1 committed r2 committed" ] || fail "steps"
    [ "$(hga_result .outcome) $(hga_result '.applied | join(",")')" = "applied r1,r2" ] || fail "result"
    [ "$(hgt_psql 'select string_agg(v, chr(124) order by v) from t')" = 'a;b|x; y' ]
    [ "$(hgt_psql "select outcome, array_to_string(rows_after, ',') from headgate.run")" = 'applied|r2' ]
    [ "$(hgt_psql "select conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
                   where conrelid = 'alembic_version'::regclass and contype = 'p'")" = \
        'alembic_version_pkc PRIMARY KEY (version_num)' ]
    apply
    expect_status 0
    [[ $stderr$output == *"nothing to do"* || $stderr$output == *"up-to-date"* ]]

    run --separate-stderr headgate rollback --bundle headgate.bundle r1
    expect_status 0
    [ "$(hga_rows) $(hgt_psql 'select count(*) from t')" = "r1 0" ]
}

@test "a revision that needs Python is refused before the first statement, with its reason (T20)" {
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": \"it reads rows (fetchall)\", \"downgrade\": []}"
    apply --format json
    expect_status 1
    [ "$(hga_result .outcome)" = refused ]
    [[ $(hga_result .error.message) == *r2*"it reads rows (fetchall)"* ]] || fail "no reason"
    [ "$(hga_result '[.findings[].rule] | contains(["HG260"])')" = true ]
    [ "$(hga_rows)" = none ]
    # Nothing lowers it.
    printf 'version: 1\ngate: { rules: { HG260: off } }\ntargets: { local: { environment: [ process ] } }\n' > headgate.yaml
    apply -t local
    expect_status 2
    expect_stderr "cannot be lowered"
    [ "$(hga_rows)" = none ]
    # Up to the revision before it goes.
    rm headgate.yaml
    apply r1
    expect_status 0
    [ "$(hga_rows)" = r1 ]
}

@test "status, gate and plan take a bundle as the code side, and apply keeps to such a plan" {
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"insert into t values ('x')\"], \"downgrade\": []}"
    PATH=$HGT_BUILD:/usr/bin:/bin run --separate-stderr headgate status --bundle headgate.bundle --format json
    expect_status 0
    [ "$(json '.state + " " + ([.pending[].revision] | join(","))')" = "empty r1,r2" ]
    expect_document status
    run --separate-stderr headgate plan --bundle headgate.bundle -o plan.json --format json
    expect_status 0
    [ "$(json '.revisions[1].sql[0]')" = "insert into t values ('x')" ]
    expect_document plan
    apply --plan plan.json r2
    expect_status 2
    apply --plan plan.json
    expect_status 0
    run headgate gate --bundle headgate.bundle
    expect_status 0
    run headgate status --check --bundle headgate.bundle
    expect_status 0
    run headgate apply
    expect_status 2
    expect_output "there is a bundle"
    run headgate status
    expect_output "next     headgate status -t local --bundle headgate.bundle"
    HEADGATE_BUNDLE=headgate.bundle run headgate apply
    expect_status 0
    expect_output "next: headgate status -t local --bundle headgate.bundle"
    HEADGATE_BUNDLE=headgate.bundle run headgate status --check
    expect_status 0

    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [], \"downgrade\": []},
            {\"id\": \"r3\", \"down\": [\"r2\"], \"upgrade\": \"it reads rows\", \"downgrade\": []}"
    run --separate-stderr headgate gate --bundle headgate.bundle --format json
    expect_status 1
    json '.findings[] | select(.rule == "HG260") | .message' | grep -q "it reads rows"
    # Without a database it may have been applied long ago.
    git init -q -b main . && git add bundle.json && git commit -q -m one
    run --separate-stderr headgate gate --offline --bundle headgate.bundle --format json
    expect_status 0
    [ "$(json '.findings[] | select(.rule == "HG260") | .severity + " " + .location.revision')" = "warning r3" ]
    run --separate-stderr headgate gate --offline --fail-on warning --bundle headgate.bundle --format json
    expect_status 1
    run --separate-stderr headgate plan --bundle headgate.bundle --format json
    [ "$(json '.revisions[0].no_sql')" = "it reads rows" ]
    # Whoever names no such file is told so, in the document too.
    run --separate-stderr headgate status --bundle nosuch --format json
    expect_status 2
    [ "$(json .error.exit_code)" = 2 ]
}

BLOCK='{"id": "r2", "down": ["r1"], "upgrade": ["insert into t values ('"'before'"')", {"block": "begin"},
  "alter type e add value '"'b'"'", "create index concurrently ti on t (v)", {"block": "end"},
  "insert into t values ('"'after'"')"%s], "downgrade": []}'
ENUM='{"id": "r1", "upgrade": ["create table t (v text)", "create type e as enum ('"'a'"')"], "downgrade": []}'

@test "an autocommit block stands between two transactions; the version row is in the second (T10)" {
    # shellcheck disable=SC2059
    bundle "$ENUM, $(printf "$BLOCK" '')"
    apply --format json
    expect_status 0
    [ "$(jq -r 'select(.event == "step") | "\(.revision) \(.phase)"' <<< "$output" | xargs)" = \
        "r1 begin r1 end r2 begin r1 committed r2 end r2 committed" ] || fail "steps"
    [ "$(hgt_psql "select indisvalid from pg_index where indexrelid = 'ti'::regclass")" = t ]
    [ "$(hgt_psql 'select count(*) from t') $(hga_rows)" = "2 r2" ]

    # Failing behind it: what the block committed stays, and is said.
    hgt_db
    # shellcheck disable=SC2059
    bundle "$ENUM, $(printf "$BLOCK" ', "select 1/0"')"
    apply --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"revision r2, statement 7 of 7"*"division by zero"* ]] || fail "where"
    [ "$(hga_result .error.sqlstate)" = 22012 ] || [ "$(hgt_psql 'select sqlstate from headgate.run')" = 22012 ]
    [[ $(hga_result .error.detail) == *"what it did up to there may be in"* ]] || fail "not said"
    [ "$(hgt_psql "select string_agg(v, ',') from t") $(hga_rows)" = "before r1" ]
}

OWN='{"id": "r2", "down": ["r1"], "upgrade": ["insert into t values ('"'x'"')", "COMMIT",
  "create index concurrently ti on t (v)", "insert into t values ('"'y'"')"], "downgrade": []}'

@test "after a COMMIT of its own a revision goes on as the project's driver would (T11)" {
    bundle "$R1, $OWN" '"driver": "psycopg2"'
    apply --format json
    expect_status 0
    [ "$(hgt_psql 'select count(*) from t') $(hga_rows)" = "2 r2" ]
    [ "$(jq -r 'select(.event == "step") | "\(.revision) \(.phase)"' <<< "$output" | xargs)" = \
        "r1 begin r1 end r2 begin r1 committed r2 end r2 committed" ] || fail "steps"
    [ "$(hga_result '.findings[] | select(.rule == "HG261") | .location.revision')" = r2 ] || fail "no HG261"

    hgt_db
    bundle "$R1, $OWN" '"driver": "psycopg"'
    apply --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"cannot run inside a transaction block"* ]] || fail "what"
    [ "$(hgt_psql 'select sqlstate from headgate.run')" = 25001 ]
    [ "$(hgt_psql 'select count(*) from t') $(hga_rows)" = "1 r1" ] # as online: its COMMIT was one
    [[ $(hga_result .error.detail) == *"r2 commits in the middle: what it did up to there may be in"* ]] || fail "how"
}

@test "after a ROLLBACK of its own nothing is told to be in that is not; what went with it is named" {
    local x='{"id": "x", "upgrade": ["create table t (v text)"], "downgrade": []}'
    local a='{"id": "a", "upgrade": ["insert into t values ('"'a'"')", "ROLLBACK", "COMMIT"%s], "downgrade": []}'
    local b='{"id": "b", "upgrade": ["insert into t values ('"'b'"')"], "downgrade": []}' driver
    printf 'version: 1\nmigrator: { kind: alembic, upgrade_to: heads }\n' > headgate.yaml
    for driver in psycopg psycopg2; do
        hgt_db
        # shellcheck disable=SC2059
        bundle "$x, $(printf "$a" ''), $b" "\"driver\": \"$driver\""
        apply x
        expect_status 0
        apply --format json # b, then a
        expect_status 4
        [ "$(jq -r 'select(.event == "step") | "\(.revision) \(.phase)"' <<< "$output" | xargs)" = \
            "b begin b end a begin a end a committed" ] || fail "steps"
        [[ $(hga_result .error.message) == "all statements went, but the version table says otherwise" ]] || fail "what"
        [[ $(hga_result .error.detail) == *"1 of 2 revisions are in (a)"*"revision a rolls back in its middle: what was \
before it in the same transaction is not in"* ]] || fail "why"
        [ "$(hgt_psql "select coalesce(string_agg(v, ','), '-') from t")" = - ]
    done

    # Nothing is in, so nothing may be in: neither by ROLLBACK nor by what is rolled back to.
    hgt_db
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"insert into t values ('x')\", \"rollback\",
            \"begin; savepoint s; select 1; rollback to s\", \"select 1/0\"], \"downgrade\": []}"
    apply r1
    apply --format json
    expect_status 4
    [ "$(hga_result '[.findings[].rule] | index("HG621")')" = null ] || fail "told"
    [[ $(hga_result .error.detail) != *"middle"* ]] || fail "told"

    # From here on psycopg would write another encoding.
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"set client_encoding to latin1\",
            \"insert into t values ('\u00e4')\"], \"downgrade\": []}"
    apply --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"client_encoding has become LATIN1"* ]] || fail "what"
}

@test "a text of several statements stays one, so that it fails as a whole (T12), with its place" {
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\":
            [\"insert into t values ('x'); create index concurrently ti on t (v)\"], \"downgrade\": []}" \
        '"transaction_per_migration": true'
    apply --format json
    expect_status 4
    [ "$(hgt_psql 'select sqlstate from headgate.run')" = 25001 ]
    [ "$(hgt_psql 'select count(*) from t') $(hga_rows)" = "0 r1" ]
    [ "$(hga_result '.applied | join(",")')" = r1 ]

    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"select 1;\\n  select nosuch from t\"], \"downgrade\": []}"
    apply --format json
    [[ $(hga_result .error.message) == *"statement 1 of 1"*'"nosuch" does not exist (at: select nosuch from t)'* ]] ||
        fail "place"
}

@test "COPY from or to the client fails cleanly, and so does what the server refuses at COMMIT (T16)" {
    local sql
    for sql in 'copy t from stdin' 'copy (select generate_series(1, 100000)) to stdout'; do
        bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"insert into t values ('x')\", \"$sql\"], \"downgrade\": []}" \
            '"transactional_ddl": false'
        apply --format json
        expect_status 4
        [[ $(hga_result .error.message) == *"revision r2, statement 2 of 2"*"COPY"*"not possible"* ]] || fail "$sql"
        [ "$(hgt_psql 'select count(*) from t') $(hga_rows)" = "0 r1" ]
    done
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\":
            [\"create table u (id int primary key, o int references u deferrable initially deferred)\",
             \"insert into u values (1, 2)\"], \"downgrade\": []}"
    apply --format json
    expect_status 4
    [ "$(hgt_psql 'select sqlstate from headgate.run order by seq desc limit 1') $(hga_rows)" = "23503 r1" ]
    hga_no_sessions
    # Likewise where the next transaction would have begun with that COMMIT.
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\":
            [\"create table u (id int primary key, o int references u deferrable initially deferred)\",
             \"insert into u values (1, 2)\"], \"downgrade\": []},
            {\"id\": \"r3\", \"down\": [\"r2\"], \"upgrade\": [\"create table never (v int)\"], \"downgrade\": []}" \
        '"transaction_per_migration": true'
    apply --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"revision r2, version table"* ]] || fail "where"
    [ "$(hgt_psql "select to_regclass('u'), to_regclass('never')") $(hga_rows)" = "| r1" ]
    hga_no_sessions
}

@test "branches, merges and dependencies leave the rows that Alembic leaves; a row that is gone is an error (T17, D18)" {
    local a='{"id": "a", "upgrade": [], "downgrade": []}'
    a+=', {"id": "b1", "down": ["a"], "upgrade": [], "downgrade": []}'
    a+=', {"id": "b2", "down": ["a"], "upgrade": [], "downgrade": []}'
    bundle "$a"
    printf 'version: 1\nmigrator: { kind: alembic, upgrade_to: heads }\n' > headgate.yaml
    printf 'targets: { local: { environment: [ process ] } }\n' >> headgate.yaml
    apply
    expect_status 0
    [ "$(hgt_psql "select string_agg(version_num, ',' order by version_num) from alembic_version")" = b1,b2 ]
    a+=', {"id": "m", "down": ["b1", "b2"], "upgrade": [], "downgrade": []}'
    a+=', {"id": "d", "depends_on": ["m"], "upgrade": [], "downgrade": []}'
    bundle "$a"
    apply
    expect_status 0
    [ "$(hga_rows)" = d ]
    run headgate rollback --bundle headgate.bundle a
    expect_status 0
    [ "$(hga_rows)" = a ]

    bundle "$a, {\"id\": \"e\", \"down\": [\"d\"], \"upgrade\": [\"delete from alembic_version\"], \"downgrade\": []}"
    hgt_psql "truncate alembic_version; insert into alembic_version values ('d')"
    apply
    expect_status 4
    expect_stderr "expected to match one row when updating 'd' to 'e' in 'alembic_version'; 0 found"
    [ "$(hga_rows)" = d ]
}

@test "an enum value is used in the next revision only with a transaction for each (T19)" {
    local add='{"id": "r2", "down": ["r1"], "upgrade": ["alter type e add value '"'b'"'"], "downgrade": []}'
    local use='{"id": "r3", "down": ["r2"], "upgrade": ["create table u (v e default '"'b'"')"], "downgrade": []}'
    bundle "$ENUM, $add, $use"
    apply r1
    apply --format json
    expect_status 4
    [ "$(hgt_psql 'select sqlstate from headgate.run order by seq desc limit 1') $(hga_rows)" = "55P04 r1" ]
    [ "$(hgt_psql "select count(*) from pg_enum where enumtypid = 'e'::regtype")" = 1 ]
    bundle "$ENUM, $add, $use" '"transaction_per_migration": true'
    apply
    expect_status 0
    [ "$(hga_rows)" = r3 ]
}

@test "the version table stands where env.py says, in the session's own search_path or in a schema" {
    hgt_psql 'create schema s'
    bundle "$R1" '"version_table": "my Versions", "version_table_schema": "s", "version_table_pk": false'
    apply
    expect_status 0
    [ "$(hgt_psql 'select version_num from s."my Versions"')" = r1 ]
    [ "$(hgt_psql "select count(*) from pg_constraint where conrelid = 's.\"my Versions\"'::regclass")" = 0 ] ||
        [ "$(hgt_psql "select count(*) from pg_constraint where conrelid = 's.\"my Versions\"'::regclass and contype = 'p'")" = 0 ]
}

@test "standard_conforming_strings = off is refused, since constants would mean something else" {
    bundle "$R1"
    hgt_psql "alter database $HGT_DB set standard_conforming_strings = off"
    apply
    expect_status 1
    expect_stderr standard_conforming_strings
    [ "$(hga_rows)" = none ]
}

@test "a bundle that was altered, or is none, is refused; a plan of files is not mixed up with one" {
    bundle "$R1"
    printf 'x' | dd of=headgate.bundle bs=1 seek=700 conv=notrunc status=none
    apply
    expect_status 1
    [ "$(hga_rows)" = none ]
    run --separate-stderr headgate apply --bundle /dev/null
    [ "$status" -ne 0 ]
    run --separate-stderr headgate apply --bundle nosuch
    expect_status 2
    [[ $stderr != *refused* && $stderr == *"cannot read nosuch"*"--bundle FILE, or HEADGATE_BUNDLE"* ]] || fail "words"
    # One of another project, or an older one.
    bundle "$R1"
    apply r9
    expect_stderr "hint: headgate bundle show headgate.bundle"
    apply
    bundle '{"id": "other", "upgrade": [], "downgrade": []}'
    apply
    expect_status 1
    expect_stderr "hint: headgate bundle show headgate.bundle: is it of this project, and the newest?"
    run headgate status --bundle headgate.bundle
    expect_output "next     headgate bundle show headgate.bundle: is it"
    run --separate-stderr headgate entrypoint --policy verify --bundle headgate.bundle -- echo started
    expect_stderr "headgate.bundle: is it of this project, and the newest?"
}

# judged BUNDLE-SETTINGS: what the gate of a protected target says of where the bundle comes from.
judged() {
    bundle "$R1" "$1"
    run --separate-stderr headgate gate -t production --bundle headgate.bundle --format json
    json '.verdict + " " + ([.findings[] | select(.rule | test("HG20[56]")) | .rule + " " + .severity] | join(" "))'
}

@test "a protected target takes bundles of what was committed and merged" {
    printf 'version: 1\ntargets: { production: { protected: true, environment: [ process ] } }\n' > headgate.yaml
    local commit
    [ "$(judged)" = "shut HG206 error" ]
    git init -q -b main . && git add headgate.yaml && git commit -q -m one
    commit=$(git rev-parse HEAD)
    [ "$(judged "\"commit\": \"$commit\"")" = "open " ]
    [ "$(judged "\"commit\": \"$commit\", \"dirty\": true")" = "shut HG206 error" ]
    [ "$(judged '"commit": "0123456789012345678901234567890123456789"')" = "shut HG205 error" ]
    git checkout -q -b other && git commit -q --allow-empty -m two
    [ "$(judged "\"commit\": \"$(git rev-parse HEAD)\"")" = "shut HG205 error" ]
    run --separate-stderr headgate apply -t production --yes --bundle headgate.bundle
    expect_status 1
    [ "$(hga_rows)" = none ]
    git checkout -q main && git merge -q other
    run --separate-stderr headgate apply -t production --yes --bundle headgate.bundle
    expect_status 0
    [ "$(hga_rows)" = r1 ]
}

@test "entrypoint migrates by the bundle it finds, without Python, and becomes the application" {
    bundle "$R1"
    PATH=$HGT_BUILD:/usr/bin:/bin run --separate-stderr timeout 60 headgate entrypoint -- echo started
    expect_status 0
    [ "$output $(hga_rows)" = "started r1" ]
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [], \"downgrade\": []}"
    mkdir elsewhere
    mv headgate.bundle elsewhere/it
    HEADGATE_BUNDLE=elsewhere/it run --separate-stderr timeout 60 headgate entrypoint -- echo started
    expect_status 0
    [ "$output $(hga_rows)" = "started r2" ]
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [], \"downgrade\": []},
            {\"id\": \"r3\", \"down\": [\"r2\"], \"upgrade\": \"it reads rows\", \"downgrade\": []}"
    run --separate-stderr timeout 60 headgate entrypoint -- echo started
    [ "$status" -ne 0 ]
    expect_stderr "it reads rows"
    [ "$output $(hga_rows)" = " r2" ]
}

@test "a bundle that entrypoint finds has to be of the revision files beside it" {
    hga_project 1
    bundle '{"id": "r1", "upgrade": ["create table old ()"], "downgrade": []}'
    run --separate-stderr timeout 60 headgate entrypoint -- echo started
    expect_status 1
    expect_stderr "is not of the revision files that are here: mig/versions/r1.py is not the file of revision r1"
    [ "$output $(hga_rows)" = " none" ]
    HEADGATE_BUNDLE=headgate.bundle run --separate-stderr timeout 60 headgate entrypoint -- echo started
    expect_status 0
    [ "$output $(hga_rows)" = "started r1" ]
}

@test "snapshot diff compares a target with what a bundle would give" {
    bundle "$R1"
    run --separate-stderr headgate snapshot diff local bundle:headgate.bundle --format json
    expect_status 1
    [ "$(json '[.changes[] | select(.kind == "table") | .change + " " + .name] | sort | join(",")')" = \
        "added public.alembic_version,added public.t" ]
    apply
    expect_status 0
    run --separate-stderr headgate snapshot diff local bundle:headgate.bundle
    expect_status 0
    bundle '{"id": "r1", "upgrade": "it reads rows", "downgrade": []}'
    run --separate-stderr headgate snapshot diff local bundle:headgate.bundle
    expect_status 1
    expect_stderr "it reads rows"
    local words
    for words in "local headgate.bundle|what a bundle would give: bundle:headgate.bundle" "local bundle:|wants a file" \
        "models bundle:headgate.bundle|with a target or a snapshot"; do
        # shellcheck disable=SC2086
        run --separate-stderr headgate snapshot diff ${words%|*}
        expect_stderr "${words#*|}"
    done
}

@test "what meets a lock is tried again, and what was committed before is not made twice" {
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"create table once (v int)\"], \"downgrade\": []},
            {\"id\": \"r3\", \"down\": [\"r2\"], \"upgrade\": [\"alter table t add w int\"], \"downgrade\": []}" \
        '"transaction_per_migration": true'
    apply r1
    expect_status 0
    printf 'version: 1\ntargets: { local: { environment: [ process ], lock_timeout: 200ms } }\n' > headgate.yaml
    psql -Xq "$HGT_PGURL" -c 'begin; lock t; select pg_sleep(2)' > /dev/null 3>&- &
    local i
    for ((i = 0; i < 100; i++)); do
        [ "$(hgt_psql "select count(*) from pg_locks where relation = 't'::regclass and mode = 'AccessExclusiveLock'")" = 0 ] || break
        sleep 0.1
    done
    apply --format json
    wait
    expect_status 0
    [ "$(jq -r 'select(.note == "retry") | .sqlstate' <<< "$output" | sort -u)" = 55P03 ] || fail "not tried again"
    [ "$(hga_result '.applied | join(",")') $(hga_rows)" = "r2,r3 r3" ]
    hga_no_sessions
}

@test "where the session of the apply lock is lost before its first statement, apply stops with 4 and changes nothing" {
    bundle "$R1"
    cat > headgate.yaml <<- YAML
		version: 1
		targets:
		  local:
		    environment: [ process ]
		    hooks:
		      before: [ { command: [ psql, -Xq, "$HGT_PGURL", -c, "select pg_terminate_backend(pid) from pg_stat_activity
		        where application_name like 'headgate apply%' and datname = current_database()" ] } ]
	YAML
    apply --format json
    expect_status 4
    [ "$(hga_result .outcome)" = failed ]
    [[ $(hga_result .error.message) == *"the session that held the apply lock"* ]] || fail "$output"
    [ -z "$(hgt_psql "select to_regclass('t')")" ]
    printf 'version: 1\ntargets: { local: { environment: [ process ] } }\n' > headgate.yaml
    apply
    expect_status 0
    [ "$(hga_rows)" = r1 ]
}

@test "between revisions of a bundle: the record is written, and a throttle holds the next one back" {
    local r i three="$R1"
    for i in 2 3 4; do
        three+=", {\"id\": \"r$i\", \"down\": [\"r$((i - 1))\"], \"upgrade\": [\"insert into t values ('$i')\"], \"downgrade\": []}"
    done
    bundle "$three" '"transaction_per_migration": true'
    printf 'version: 1\ntargets: { local: { environment: [ process ], throttle: { file: hold, limit: 30s } } }\n' > headgate.yaml
    touch hold
    : > events
    headgate apply --bundle headgate.bundle --format json > events 2> err 3>&- &
    r=$!
    for ((i = 0; i < 300; i++)); do
        [ "$(grep -c '"note":"throttle"' events)" = 0 ] || break
        sleep 0.1
    done
    # One is in, and its record; no transaction is open.
    [ "$(hga_rows)" = r1 ]
    [ "$(hgt_psql "select string_agg(revision || ':' || coalesce(outcome, '-'), ',' order by seq) from headgate.step")" = r1:done,r2:-,r3:-,r4:- ]
    [ "$(hgt_psql "select state from pg_stat_activity where application_name like 'headgate migrator%' and datname = current_database()")" = idle ]
    rm hold
    wait "$r" || fail "$(cat events err)"
    [ "$(hga_rows) $(hgt_psql "select string_agg(v, ',' order by v) from t")" = "r4 2,3,4" ]
    [ "$(jq -r 'select(.event == "step") | .revision + " " + .phase' events | xargs)" = \
        "$(for i in 1 2 3 4; do printf 'r%s begin r%s end r%s committed ' $i $i $i; done | xargs)" ]

    # In one transaction there is no point, and that is said; unless each revision is asked for by itself.
    hgt_psql "drop schema headgate cascade; drop table t, alembic_version"
    bundle "$three"
    touch hold
    apply r2 --format json
    expect_status 0
    [ "$(hga_result '[.findings[].rule] | index("HG622") != null')" = true ]
    sed -i 's/limit: 30s/limit: 300ms/' headgate.yaml
    apply --revision-by-revision --format json
    expect_status 4
    [[ $(hga_result .error.message) == "the migration was stopped between two revisions: file "*"hold exists"* ]] || fail "what"
    [ "$(hga_rows) $(hga_result '.applied | join(",")')" = "r3 r3" ]
    hga_no_sessions
}

@test "where the target wants a signature, a bundle without a good one is refused (HG257)" {
    bundle "$R1"
    ssh-keygen -q -t ed25519 -N '' -f key
    ssh-keygen -q -t ed25519 -N '' -f stranger
    printf 'team %s\n' "$(cat key.pub)" > signers
    printf 'version: 1\nbundle: { signers: signers, require_signature: true }\n' > headgate.yaml
    printf 'targets: { local: { environment: [ process ] } }\n' >> headgate.yaml
    headgate bundle sign headgate.bundle -k stranger
    apply --format json
    expect_status 1
    [ "$(hga_result '[.findings[].rule] | join(",")') $(hga_rows)" = "HG257 none" ]
    # Nobody else believes it: the gate is shut (nothing lowers that), a plan says so, a start is refused.
    local gate words
    for gate in gate 'gate --offline' "gate --override HG257=trusted --yes"; do
        read -ra words <<< "$gate"
        run --separate-stderr headgate "${words[@]}" --bundle headgate.bundle --format json
        expect_status 1
        [ "$(json '.verdict + " " + (.findings[] | select(.rule == "HG257") | .severity)')" = "shut error" ] || fail "$gate"
    done
    run --separate-stderr headgate plan --check --bundle headgate.bundle --format json
    expect_status 1
    [ "$(json '.observed.verdict + " " + (.findings[] | select(.rule == "HG257") | .rule)')" = "shut HG257" ]
    run --separate-stderr headgate status --bundle headgate.bundle --format json
    expect_status 0
    [ "$(json '.state + " " + (.findings[] | select(.rule == "HG257") | .rule)')" = "empty HG257" ]
    for words in apply verify wait; do
        run --separate-stderr timeout 60 headgate entrypoint --policy "$words" --timeout 5 -- echo started
        expect_status 1
        expect_stderr "the signature of the bundle"
        [ "$output $(hga_rows)" = " none" ]
    done
    run --separate-stderr headgate snapshot diff local bundle:headgate.bundle
    expect_status 1
    expect_stderr "the signature of the bundle headgate.bundle is wrong"
    headgate bundle sign headgate.bundle -k key
    run headgate gate --bundle headgate.bundle
    expect_status 0
    apply
    expect_status 0
    [ "$(hga_rows)" = r1 ]
    run headgate status --check --bundle headgate.bundle
    expect_status 0
    rm headgate.bundle.sig # up to date with something that nobody vouches for
    run --separate-stderr headgate status --check --bundle headgate.bundle
    expect_status 1
    expect_stderr "headgate explain HG257"
}

@test "--max-runtime cancels the statement; a kill in the middle leaves nothing that the next run cannot settle" {
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"select pg_sleep(600)\"], \"downgrade\": []}" \
        '"transaction_per_migration": true'
    apply --max-runtime 1 --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"--max-runtime"* ]] || fail "what"
    [ "$(hga_rows)" = r1 ]
    hga_no_sessions

    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"insert into t values ('x')\", \"select pg_sleep(600)\"], \"downgrade\": []}"
    headgate apply --bundle headgate.bundle > killed.log 2>&1 3>&- &
    local pid=$! i
    for ((i = 0; i < 300; i++)); do
        [ "$(hgt_psql "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and datname = current_database()")" = 0 ] || break
        sleep 0.1
    done
    kill -9 "$pid"
    wait "$pid" || :
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"insert into t values ('x')\"], \"downgrade\": []}"
    hga_no_sessions
    apply
    expect_status 0
    [ "$(hgt_psql 'select count(*) from t') $(hga_rows)" = "1 r2" ]
}
